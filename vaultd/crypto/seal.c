#include "crypto/seal.h"

#include <assert.h>
#include <endian.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>

#define RANDOM_LEN 32

typedef void random_filler(void *out, size_t len);

static _Atomic(random_filler *) replaced_random;

void random_replace(void (*fill)(void *out, size_t len))
{
	atomic_store(&replaced_random, fill);
}

void random_fill(void *out, size_t len)
{
	random_filler *fill = atomic_load(&replaced_random);
	if (fill)
		fill(out, len);
	else
		randombytes_buf(out, len);
}

void blake2b_parts(uint8_t *out, size_t out_len, const void *key, size_t key_len, const char personal[static PERSONAL_LEN],
		   const struct byte_part *parts, size_t parts_len)
{
	crypto_generichash_blake2b_state state;
	uint8_t person[PERSONAL_LEN];

	memcpy(person, personal, PERSONAL_LEN);
	int failed = crypto_generichash_blake2b_init_salt_personal(&state, key, key_len, out_len, NULL, person);
	assert(!failed);	/* lengths are ours */
	for (size_t i = 0; i < parts_len; i++)
		crypto_generichash_blake2b_update(&state, parts[i].at, parts[i].len);
	crypto_generichash_blake2b_final(&state, out, out_len);
	sodium_memzero(&state, sizeof(state));
}

void derive_key(const struct secret_key *from, uint64_t id, const char context[static 8], struct secret_key *ret)
{
	static_assert(crypto_kdf_KEYBYTES == KEY_LEN && crypto_kdf_CONTEXTBYTES == 8, "as the format says");
	crypto_kdf_derive_from_key(ret->bytes, KEY_LEN, id, context, from->bytes);
}

/* What one message is sealed with: 32 bytes of key, then 32 of commitment. */
struct message_keys {
	uint8_t key[KEY_LEN];
	uint8_t commit[SEAL_COMMIT_LEN];
};

static_assert(sizeof(struct message_keys) == 64, "filled by one hash");

static void message_keys_wipe(struct message_keys *keys)
{
	sodium_memzero(keys, sizeof(*keys));
}

static void message_keys_derive(const struct secret_key *key, const uint8_t salt[static SEAL_SALT_LEN], const void *aad,
				size_t aad_len, struct message_keys *ret)
{
	const struct byte_part parts[] = { { salt, SEAL_SALT_LEN }, { aad, aad_len } };

	blake2b_parts((uint8_t *)ret, sizeof(*ret), key->bytes, KEY_LEN, "vaultd-seal-v001", parts, ARRAY_LEN(parts));
}

/* The plaintext is part of the hash, so that a source of randomness that repeats itself (a cloned machine) gives the
 * same message again and never two messages under one key. */
static void message_salt(const struct secret_key *key, const uint8_t *random, const void *aad, size_t aad_len,
			 const void *plain, size_t plain_len, uint8_t ret[static SEAL_SALT_LEN])
{
	uint64_t aad_len_le = htole64(aad_len);
	const struct byte_part parts[] = {
		{ random, RANDOM_LEN }, { &aad_len_le, sizeof(aad_len_le) }, { aad, aad_len }, { plain, plain_len },
	};

	blake2b_parts(ret, SEAL_SALT_LEN, key->bytes, KEY_LEN, "vaultd-salt-v001", parts, ARRAY_LEN(parts));
}

void seal(const struct secret_key *key, const void *aad, size_t aad_len, const void *plain, size_t plain_len,
	  const uint8_t *random, uint8_t *out)
{
	static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == SEAL_TAG_LEN, "as the format says");
	static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES <= SEAL_SALT_LEN, "the nonce is cut from the salt");
	uint8_t fresh[RANDOM_LEN];
	cleanup_(message_keys_wipe) struct message_keys keys;
	uint8_t *salt = out, *commit = salt + SEAL_SALT_LEN, *tag = commit + SEAL_COMMIT_LEN, *text = tag + SEAL_TAG_LEN;

	if (!random) {
		random_fill(fresh, sizeof(fresh));
		random = fresh;
	}
	message_salt(key, random, aad, aad_len, plain, plain_len, salt);
	message_keys_derive(key, salt, aad, aad_len, &keys);
	memcpy(commit, keys.commit, SEAL_COMMIT_LEN);
	crypto_aead_xchacha20poly1305_ietf_encrypt_detached(text, tag, NULL, plain, plain_len, NULL, 0, NULL, salt,
							    keys.key);
	sodium_memzero(fresh, sizeof(fresh));
}

enum error_code open_sealed(const struct secret_key *key, const void *aad, size_t aad_len, const uint8_t *sealed,
			    size_t sealed_len, uint8_t *out)
{
	if (sealed_len < SEAL_OVERHEAD)
		return ERR_AUTH;
	const uint8_t *salt = sealed, *commit = salt + SEAL_SALT_LEN, *tag = commit + SEAL_COMMIT_LEN;
	cleanup_(message_keys_wipe) struct message_keys keys;

	message_keys_derive(key, salt, aad, aad_len, &keys);
	if (sodium_memcmp(keys.commit, commit, SEAL_COMMIT_LEN) != 0)
		return ERR_AUTH;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt_detached(out, NULL, tag + SEAL_TAG_LEN, sealed_len - SEAL_OVERHEAD,
								tag, NULL, 0, salt, keys.key) != 0)
		return ERR_AUTH;
	return ERR_OK;
}
