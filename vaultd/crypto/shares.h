/*
 * A secret of 32 bytes in n shares, any k of which give it back
 * (docs/storage-format.md section 6): Shamir's scheme over GF(2^8) with the
 * polynomial 0x11D, byte by byte. Multiplication takes neither branches nor
 * tables that depend on a secret.
 *
 * A share is 50 bytes: what it belongs to in clear, its point x, its value y,
 * and a checksum. Its text is "vls1-" and 80 characters of lower-case base32;
 * hyphens and case do not matter when it is read, and Vault's forms, hex and
 * base64 of the 50 bytes, are read as well.
 *
 * Pure functions, safe for all threads. Whoever holds a share wipes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/arena.h"
#include "vault/error.h"

#define SHARE_LEN 50
#define SHARE_TAG_LEN 16
#define SHARE_TEXT_LEN 85	/* "vls1-" and 80 characters */
#define SHARE_STORE_LEN 4
#define SHARE_SET_LEN 4

/* What a share says of itself; nothing secret. */
struct share_info {
	uint8_t store[SHARE_STORE_LEN];	/* the beginning of the store's id */
	uint8_t slot;
	uint8_t set[SHARE_SET_LEN];	/* random, of all shares that were made together */
	uint8_t threshold;		/* k */
	uint8_t number;			/* x, 1 to n */
};

/* 1 <= k <= n <= LIMIT_SHARES, and k = 1 only with n = 1. ERR_INVALID with a sentence for people. */
enum error_code shares_check(unsigned shares, unsigned threshold, struct error *err) must_check;

/*
 * Makes `shares` shares; info gives all but the number and the threshold. ret has room for shares * SHARE_LEN bytes. Randomness
 * comes from random_fill().
 */
enum error_code shares_split(const struct secret_key *secret, const struct share_info *info, unsigned shares,
			     unsigned threshold, uint8_t *ret, struct error *err) must_check;

/*
 * Gives back the secret from count shares, one after another, which must be of one set, with different numbers, and as many
 * as their threshold. ERR_INVALID otherwise. Wrong values give a wrong secret: the caller finds out by opening with it.
 */
enum error_code shares_combine(const uint8_t *shares, size_t count, struct secret_key *ret, struct error *err) must_check;

/* ERR_INVALID, saying what is wrong: another format, a checksum that does not fit (a typing mistake), a threshold or a
 * number that no set has. */
enum error_code share_read(const uint8_t share[static SHARE_LEN], struct share_info *ret, struct error *err) must_check;
/* By which a slot knows its shares: the first 16 bytes of a hash of a share without its checksum. */
void share_tag(const uint8_t share[static SHARE_LEN], uint8_t ret[static SHARE_TAG_LEN]);

/* text gets SHARE_TEXT_LEN characters and a NUL. */
void share_text(const uint8_t share[static SHARE_LEN], char text[static SHARE_TEXT_LEN + 1]);
/* Whether a text begins as the text of a share does. */
bool share_text_is(const char *text, size_t len);
/* "vls1-…" only. ERR_INVALID, saying whether length, alphabet or checksum is wrong; no character is quoted. */
enum error_code share_parse(const char *text, size_t len, uint8_t ret[static SHARE_LEN], struct error *err) must_check;
