/*
 * The tokens in memory: who made whom, and when each is over. Filled at unseal,
 * kept by the feed of changes, wiped at seal. It holds ids (keyed hashes, in hex
 * the accessors), no token text and no policy.
 *
 * A token counts only while every token above it does, up to the first that is
 * an orphan: token_index_alive() walks that chain, so that a token whose parent
 * was revoked or has expired is dead at once, before its own record is deleted.
 * A text that root chose can be chosen again, and then names another token: it
 * carries what was created after it alone.
 *
 * Times are µs of the tokens' clock (token_clock.h). Any thread; readers do not
 * exclude each other.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/name_list.h"
#include "records/tables.h"
#include "vault/error.h"

struct token_index;
void token_index_free(struct token_index *index);
struct token_index *token_index_new(void) owned_by(token_index_free);
/* Forgets and wipes everything. */
void token_index_clear(struct token_index *index);

/* Adds a token, or replaces what is known of it. now: when a spent token is kept for its last request. ERR_NO_MEMORY; the
 * token is then not alive. */
enum error_code token_index_put(struct token_index *index, const uint8_t id[static ID_LEN],
				const struct token_record *record, int64_t now, struct error *err) must_check;
/* Its children become due for token_index_due(). */
void token_index_remove(struct token_index *index, const uint8_t id[static ID_LEN]);
/* After all records were put, in any order: tokens whose parent is not there, or is another one, become due. */
void token_index_settle(struct token_index *index);

/* The token and all that it hangs on are there and have not expired. */
bool token_index_alive(struct token_index *index, const uint8_t id[static ID_LEN], int64_t now);
/* The same, as the parent of one that was created then. */
bool token_index_carries(struct token_index *index, const uint8_t id[static ID_LEN], int64_t created, int64_t now);
/* How many tokens its chain has, itself included; 0 when it is not there. */
size_t token_index_depth(struct token_index *index, const uint8_t id[static ID_LEN]);

/* Ids of at most max tokens, the token itself first, then below it, nearest first. Returns how many. */
size_t token_index_subtree(struct token_index *index, const uint8_t id[static ID_LEN], uint8_t (*ret)[ID_LEN],
			   size_t max);
/* At most max children of a token. */
size_t token_index_children(struct token_index *index, const uint8_t id[static ID_LEN], uint8_t (*ret)[ID_LEN],
			    size_t max);
/* At most max tokens that are over: expired, spent a while ago, or without their parent. */
size_t token_index_due(struct token_index *index, int64_t now, uint8_t (*ret)[ID_LEN], size_t max);

size_t token_index_count(struct token_index *index);
/* The accessors of all that are alive, sorted. ERR_NOT_FOUND when there is none. */
enum error_code token_index_list(struct token_index *index, int64_t now, struct name_list *ret,
				 struct error *err) must_check;
