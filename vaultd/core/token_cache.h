/*
 * Tokens that were looked up lately, decoded. Like the heads, an entry counts
 * only while its pin is that of the record in the caller's view. A fixed table
 * of LIMIT_TOKEN_CACHE places. What is found or put holds its acl once more
 * than before: release the caller of what was found. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/cidr.h"
#include "core/vault.h"
#include "records/tables.h"
#include "vault/attributes.h"
#include "vault/limits.h"

struct cached_token {
	uint8_t id[ID_LEN], pin[PIN_LEN], verifier[16];
	bool spent;		/* its last use is over */
	uint8_t cidrs_len;
	struct cidr cidrs[LIMIT_TOKEN_CIDRS];
	struct caller caller;
};

struct token_cache;
void token_cache_free(struct token_cache *cache);
struct token_cache *token_cache_new(void) owned_by(token_cache_free);

bool token_cache_find(struct token_cache *cache, const uint8_t id[static ID_LEN], const uint8_t pin[static PIN_LEN],
		      struct cached_token *ret);
void token_cache_put(struct token_cache *cache, const struct cached_token *token);
void token_cache_drop(struct token_cache *cache, const uint8_t id[static ID_LEN]);
void token_cache_clear(struct token_cache *cache);
