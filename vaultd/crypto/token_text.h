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
