/*
 * Token texts and their hashes (docs/storage-format.md section 8).
 *
 * Text: vlt_<kind>_ + 43 random base62 characters + CRC-32 of these 51 as 6
 * base62 digits. The hash of the first 51 under the token key gives the id
 * (LMDB key and accessor) and the verifier.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/arena.h"
#include "vault/secret_buf.h"

#define TOKEN_TEXT_LEN 57
#define TOKEN_BODY_LEN 51
#define TOKEN_ID_LEN 16

struct token_hash {
	uint8_t id[TOKEN_ID_LEN];
	uint8_t verifier[TOKEN_ID_LEN];
};

/* kind is three letters: "svc", "usr", "adm", "rec", "sid", "wrp". text gets TOKEN_TEXT_LEN characters and a NUL. */
void token_text_make(const char kind[static 3], char text[static TOKEN_TEXT_LEN + 1]);

/* False at once, without any key, for texts that begin with "vlt_" and have a wrong length, alphabet or checksum.
 * Texts with another beginning are hashed whole. */
bool token_text_hash(const struct secret_key *token_key, const char *text, size_t len, struct token_hash *ret);

/* Batch tokens: "vlt_bat_", the blob in base64url without padding, and the CRC-32 of all of it as 6 base62 digits. */
#define BATCH_PREFIX "vlt_bat_"
bool token_text_is_batch(const char *text, size_t len);
void batch_text_make(const uint8_t *blob, size_t len, struct secret_buf *out);
/* False for a wrong form, alphabet or checksum, or more than max bytes. */
bool batch_text_read(const char *text, size_t len, uint8_t *ret, size_t max, size_t *ret_len);
