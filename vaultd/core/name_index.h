/*
 * The names of all environments, sorted, in memory that is wiped.
 *
 * The file holds no name in clear; this index is filled at unseal and kept by
 * the feed of changes. An entry is known by its mount and path, and by the key
 * of its head record, because the news of a deletion has nothing else.
 *
 * Any thread; readers do not exclude each other. Adding, removing and finding
 * are O(log n) and a move of at most one block of pointers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/name_list.h"
#include "core/vault.h"
#include "records/tables.h"
#include "vault/error.h"

struct name_index;

void name_index_free(struct name_index *index);
struct name_index *name_index_new(void) owned_by(name_index_free);

/* An entry that is there already (the same key) is left alone. ERR_NO_MEMORY. */
enum error_code name_index_add(struct name_index *index, const struct record_key *key,
			       const uint8_t mount[static ID_LEN], const char *path, size_t len,
			       struct error *err) must_check;

struct index_name {
	uint8_t mount[ID_LEN];
	struct env_path path;
};
/* False when there is no entry of this key. *ret (may be NULL) is what it was. */
bool name_index_find(struct name_index *index, const struct record_key *key, struct index_name *ret);
bool name_index_remove(struct name_index *index, const struct record_key *key);

size_t name_index_count(struct name_index *index);

/* What stands directly below prefix, which is "" or ends with '/': see kv_list(). ERR_NOT_FOUND without a sentence. */
enum error_code name_index_list(struct name_index *index, const uint8_t mount[static ID_LEN], const char *prefix,
				struct name_list *ret, struct error *err) must_check;

/* The keys of up to max environments of a mount whose paths come after the one ("": from the first), in the order of their
 * paths; returns how many. */
size_t name_index_keys(struct name_index *index, const uint8_t mount[static ID_LEN], const char *after,
		       struct record_key *keys, size_t max);

/* Forgets and wipes everything. */
void name_index_clear(struct name_index *index);
