/*
 * Decoded heads, so that reading an environment costs one decryption.
 *
 * An entry is immutable and counted: it lives as long as somebody holds it, and
 * is wiped by the last one. The cache holds entries up to a number of bytes and
 * lets the least recently used go. An entry is used only while its pin is that
 * of the record in the caller's view, so it cannot be stale.
 *
 * Settings of an environment (Q) are read with its head: whoever changes them
 * puts the head anew in the same commit.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "records/records.h"
#include "records/tables.h"
#include "vault/error.h"
#include "vault/names.h"
#include "vault/secret_buf.h"

struct head_entry {
	atomic_uint holders;
	struct record_key key;
	uint8_t pin[PIN_LEN], eid[ID_LEN];
	struct secret_buf *plain;
	struct head_record head;
	uint8_t settings_pin[PIN_LEN];	/* zeros: no settings */
	struct secret_buf *settings_plain;
	struct text_span settings;	/* JSON text, or len 0 */
	size_t bytes;
	struct head_entry *chain, *older, *newer;	/* the cache's */
};

void head_entry_free(struct head_entry *entry);	/* lets go; NULL is allowed */

struct head_cache;
void head_cache_free(struct head_cache *cache);
struct head_cache *head_cache_new(size_t max_bytes) owned_by(head_cache_free);

/* The head as the view sees it; the caller lets go of *ret. ERR_NOT_FOUND without a sentence, ERR_RECORD. */
enum error_code head_cache_get(struct head_cache *cache, struct records_view *view, const uint8_t mount[static ID_LEN],
			       const struct env_path *path, struct head_entry **ret, struct error *err) must_check;
/* The environment changed: what is kept of it goes. */
void head_cache_drop(struct head_cache *cache, const struct record_key *key);
void head_cache_clear(struct head_cache *cache);
size_t head_cache_bytes(struct head_cache *cache);

DEFINE_CLEANUP(struct head_entry *, head_entry_free);
