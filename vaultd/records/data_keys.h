/*
 * A bounded cache of data keys: (kid, version) to key, least recently used out
 * first. The keys live in the arena. Safe for several threads.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/arena.h"
#include "records/tables.h"
#include "vault/attributes.h"

#define DATA_KEYS_CACHED 4096

struct data_keys;
void data_keys_free(struct data_keys *cache);	/* wipes; NULL is allowed */
struct data_keys *data_keys_new(void) owned_by(data_keys_free);

bool data_keys_find(struct data_keys *cache, const uint8_t kid[static ID_LEN], uint32_t version, struct secret_key *ret);
/* Does nothing when the arena is full: the cache only saves time. */
void data_keys_add(struct data_keys *cache, const uint8_t kid[static ID_LEN], uint32_t version, const struct secret_key *key);
/* All versions of a kid go. */
void data_keys_forget(struct data_keys *cache, const uint8_t kid[static ID_LEN]);
