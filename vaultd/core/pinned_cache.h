/*
 * Decoded records, so that using one again costs no decryption. For core/ alone.
 *
 * What is kept is a struct with a struct pinned_entry in it. It is immutable and
 * counted: it lives as long as somebody holds it, and is destroyed by the last
 * one. The cache holds entries up to a number of bytes and lets the least
 * recently used go. An entry is found only by the pin that the record has in the
 * caller's view, so it cannot be stale. Any thread.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "records/records.h"
#include "vault/attributes.h"

struct pinned_entry {
	struct record_key key;	/* of 9 bytes or more, and random in those behind the first: a blind key, an id */
	uint8_t pin[PIN_LEN];
	size_t bytes;		/* what it counts for; set before it is added */
	/* the cache's */
	atomic_uint holders;
	void (*destroy)(struct pinned_entry *entry);
	struct pinned_entry *chain, *older, *newer;
};

/* The caller is its only holder. destroy() wipes and frees what the entry is in. */
void pinned_entry_init(struct pinned_entry *entry, const struct record_key *key,
		       void (*destroy)(struct pinned_entry *entry));
void pinned_entry_free(struct pinned_entry *entry);	/* lets go; NULL is allowed */

struct pinned_cache;
void pinned_cache_free(struct pinned_cache *cache);	/* NULL is allowed */
struct pinned_cache *pinned_cache_new(size_t max_bytes) owned_by(pinned_cache_free);

/* The caller lets go of what it gets. NULL: it is not there with this pin. */
struct pinned_entry *pinned_cache_find(struct pinned_cache *cache, const struct record_key *key,
				       const uint8_t pin[static PIN_LEN]);
/* In place of the one with its key; the caller holds it still. One that is larger than the cache is not kept. */
void pinned_cache_add(struct pinned_cache *cache, struct pinned_entry *entry);
/* The record was changed or deleted: what is kept of it goes. */
void pinned_cache_drop(struct pinned_cache *cache, const struct record_key *key);
void pinned_cache_clear(struct pinned_cache *cache);
size_t pinned_cache_bytes(struct pinned_cache *cache);
