/*
 * Compiled schemas, so that a write parses no text. For core/ alone.
 *
 * An entry is immutable and counted: it lives as long as somebody holds it, and
 * is freed by the last one. The cache holds entries up to a number of bytes and
 * lets the least recently used go. An entry is used only while its pin is that
 * of the record in the caller's view, so it cannot be stale. Any thread.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "records/records.h"
#include "vault/error.h"
#include "vault/schema.h"

struct schema_entry {
	atomic_uint holders;
	uint8_t eid[ID_LEN], pin[PIN_LEN];
	uint8_t mode;		/* SCHEMA_WARN, SCHEMA_ENFORCE */
	struct schema *schema;	/* NULL: this version's reader does not take the stored text any more */
	size_t bytes;
	struct schema_entry *chain, *older, *newer;	/* the cache's */
};

void schema_entry_free(struct schema_entry *entry);	/* lets go; NULL is allowed */
DEFINE_CLEANUP(struct schema_entry *, schema_entry_free);

struct schema_cache;
void schema_cache_free(struct schema_cache *cache);
struct schema_cache *schema_cache_new(size_t max_bytes) owned_by(schema_cache_free);

/* The schema of an environment as the view sees it; the caller lets go of *ret. ERR_NOT_FOUND without a sentence: it has
 * none of its own. ERR_RECORD. */
enum error_code schema_cache_get(struct schema_cache *cache, struct records_view *view, const uint8_t eid[static ID_LEN],
				 struct schema_entry **ret, struct error *err) must_check;
/* It was changed or deleted: what is kept of it goes. */
void schema_cache_drop(struct schema_cache *cache, const uint8_t eid[static ID_LEN]);
void schema_cache_clear(struct schema_cache *cache);
size_t schema_cache_bytes(struct schema_cache *cache);
