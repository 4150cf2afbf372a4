/*
 * The one sealing primitive, key derivation and keyed hashes of
 * docs/storage-format.md section 1 and 2. The only folder that calls AEAD and
 * Argon2.
 *
 * SEAL makes salt[32] commit[32] tag[16] ciphertext: a fresh key for every
 * message from BLAKE2b over key, salt and associated data; the commitment
 * binds all three; OPEN compares it in constant time before it decrypts. All
 * failures of OPEN are ERR_AUTH and look alike.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/arena.h"
#include "vault/error.h"

#define SEAL_SALT_LEN 32
#define SEAL_COMMIT_LEN 32
#define SEAL_TAG_LEN 16
#define SEAL_OVERHEAD (SEAL_SALT_LEN + SEAL_COMMIT_LEN + SEAL_TAG_LEN)
#define PERSONAL_LEN 16

struct byte_part {
	const void *at;
	size_t len;
};

/* B(n, key, p, in): BLAKE2b of the concatenated parts. key may be NULL (key_len 0) or 1 to 64 bytes; 1 <= out_len <= 64. */
void blake2b_parts(uint8_t *out, size_t out_len, const void *key, size_t key_len, const char personal[static PERSONAL_LEN],
		   const struct byte_part *parts, size_t parts_len);

/* KDF(k, id, ctx): crypto_kdf_derive_from_key. context is 8 characters. */
void derive_key(const struct secret_key *from, uint64_t id, const char context[static 8], struct secret_key *ret);

/* random: 32 bytes from the caller's source of randomness (NULL: the system's). out has SEAL_OVERHEAD + plain_len bytes;
 * plain may be where out + SEAL_OVERHEAD is. */
void seal(const struct secret_key *key, const void *aad, size_t aad_len, const void *plain, size_t plain_len,
	  const uint8_t *random, uint8_t *out);
/* sealed_len >= SEAL_OVERHEAD or ERR_AUTH; out has sealed_len - SEAL_OVERHEAD bytes. *err is set by the caller, who knows
 * what it was. */
enum error_code open_sealed(const struct secret_key *key, const void *aad, size_t aad_len, const uint8_t *sealed,
			    size_t sealed_len, uint8_t *out) must_check;

/* The system's randomness, and the only source of it. */
void random_fill(void *out, size_t len);
/* Tests replace it; NULL gives the system's back. */
void random_replace(void (*fill)(void *out, size_t len));
