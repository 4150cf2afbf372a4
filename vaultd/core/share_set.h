/*
 * Shares that are given one after another until there are enough of them.
 * Internal to core/.
 *
 * Whoever owns a set locks it. Its shares are wiped when it is cleared, taken
 * or too old: LIMIT_SHARE_MINUTES after the last one that was added.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/shares.h"
#include "records/header.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

#define NONCE_LEN 36	/* a UUID's text */

struct share_set {
	char nonce[NONCE_LEN + 1];	/* of this attempt; "" when there is none */
	struct secret_buf *shares;	/* SHARE_LEN bytes each; NULL: none yet */
	unsigned count;
	struct share_info first;	/* slot, set and threshold of all */
	int64_t deadline;		/* monotonic µs */
};

/* A random UUID. */
void nonce_make(char ret[static NONCE_LEN + 1]);
bool nonce_is(const char *nonce, const char *given);	/* constant time; an empty one is never right */

void share_set_clear(struct share_set *set);	/* wipes; also the nonce */
/* Adds a share that was found to belong to the vault. ERR_INVALID: it was given already, or is of another set than those
 * before. The first one makes a nonce if there is none. */
enum error_code share_set_add(struct share_set *set, const uint8_t share[static SHARE_LEN], const struct share_info *info,
			      int64_t monotonic_us, struct error *err) must_check;
bool share_set_is_full(const struct share_set *set);
/* What opens the slot; points into the set. */
struct slot_secret share_set_secret(const struct share_set *set);
/* Clears it when its time is over. */
void share_set_expire(struct share_set *set, int64_t monotonic_us);
