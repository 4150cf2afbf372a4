/*
 * Compiled schemas, so that a write parses no text. For core/ alone. How they
 * are kept: pinned_cache.h.
 */
#pragma once

#include <stdint.h>

#include "core/pinned_cache.h"
#include "records/records.h"
#include "vault/error.h"
#include "vault/schema.h"

struct schema_entry {
	struct pinned_entry pinned;
	uint8_t mode;		/* SCHEMA_WARN, SCHEMA_ENFORCE */
	struct schema *schema;	/* NULL: this version's reader does not take the stored text any more */
};

void schema_entry_free(struct schema_entry *entry);	/* lets go; NULL is allowed */
DEFINE_CLEANUP(struct schema_entry *, schema_entry_free);

/* The schema of an environment as the view sees it; the caller lets go of *ret. ERR_NOT_FOUND without a sentence: it has
 * none of its own. ERR_RECORD. */
enum error_code schema_cache_get(struct pinned_cache *cache, struct records_view *view, const uint8_t eid[static ID_LEN],
				 struct schema_entry **ret, struct error *err) must_check;
