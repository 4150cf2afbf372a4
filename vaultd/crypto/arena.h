/*
 * Keys live here and nowhere else: one guarded, locked region, made once.
 *
 * struct secret_key is 32 bytes inside the arena (sodium_malloc: guard pages,
 * mlock, excluded from core dumps). Freeing wipes the slot. The arena's size is
 * fixed; whether it could be locked is reported, not assumed
 * (secret_arena_locked(), shown by /readyz). Safe for use by several threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/attributes.h"
#include "vault/error.h"

#define KEY_LEN 32
#define ARENA_KEYS 8192	/* 4,096 data keys cached, the rest for the keyring and work */

struct secret_key {
	uint8_t bytes[KEY_LEN];
};

/* Calls sodium_init() and makes the arena; once, before threads. ERR_NO_MEMORY. */
enum error_code secret_arena_start(struct error *err) must_check;
bool secret_arena_locked(void);
/* Wipes the whole arena (at seal, when no key may be left). All keys become invalid: every holder has let go before. */
void secret_arena_wipe(void);
size_t secret_arena_used(void);

void secret_key_free(struct secret_key *key);	/* NULL is allowed */
/* Zeroed. NULL when the arena is full. */
struct secret_key *secret_key_new(void) owned_by(secret_key_free);

/* A key for the length of a scope, on the stack and wiped at its end: declare it with key_scope. */
#define key_scope cleanup_(secret_key_wipe) struct secret_key
void secret_key_wipe(struct secret_key *key);

DEFINE_CLEANUP(struct secret_key *, secret_key_free);
