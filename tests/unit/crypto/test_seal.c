/* Sealing, key derivation and keyed hashes against their known answers; nothing that was changed opens. */
#include "../lib/expect.h"
#include "../records/vectors.h"

#include <sodium.h>
#include <string.h>

#include "crypto/seal.h"

#define HELLO "hello"
#define AAD "VDxx"
#define SEALED_LEN (SEAL_OVERHEAD + 5)

static void fill_ascending(uint8_t *at, size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(first + i);
}

static struct secret_key key_from(uint8_t first)
{
	struct secret_key key;

	fill_ascending(key.bytes, KEY_LEN, first);
	return key;
}

static void keys_are_derived_as_known(void **state)
{
	static const struct {
		const char *vector;
		uint8_t first;
		uint64_t id;
		const char *context;
	} cases[] = {
		{ "vdSTATE_", 0x20, 1, "vdSTATE_" }, { "vdACCUM_", 0x20, 1, "vdACCUM_" }, { "vdTOKEN_", 0x20, 1, "vdTOKEN_" },
		{ "vdBATCH_", 0x20, 1, "vdBATCH_" }, { "vdANCHOR", 0x20, 1, "vdANCHOR" }, { "vdAUDIT_", 0x20, 1, "vdAUDIT_" },
		{ "vdHEADER1", 0x00, 1, "vdHEADER" }, { "vdHEADER2", 0x00, 2, "vdHEADER" },
	};

	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct secret_key from = key_from(cases[i].first), derived;
		uint8_t expected[KEY_LEN];

		assert_int_equal(vector_bytes(cases[i].vector, expected, sizeof(expected)), KEY_LEN);
		derive_key(&from, cases[i].id, cases[i].context, &derived);
		assert_memory_equal(derived.bytes, expected, KEY_LEN);
	}
}

static void hello_is_sealed_as_known(void **state)
{
	uint8_t expected[SEALED_LEN], sealed[SEALED_LEN], random[32], plain[5];
	struct secret_key key = key_from(0x40);

	(void)state;
	assert_int_equal(vector_bytes("seal_hello", expected, sizeof(expected)), SEALED_LEN);
	fill_ascending(random, sizeof(random), 0xc0);
	seal(&key, AAD, 4, HELLO, 5, random, sealed);
	assert_memory_equal(sealed, expected, SEALED_LEN);
	assert_int_equal(open_sealed(&key, AAD, 4, expected, SEALED_LEN, plain), ERR_OK);
	assert_memory_equal(plain, HELLO, 5);
}

static void assert_closed(const struct secret_key *key, const void *aad, size_t aad_len, const uint8_t *sealed, size_t len)
{
	uint8_t plain[64] = { 0 };

	assert_int_equal(open_sealed(key, aad, aad_len, sealed, len, plain), ERR_AUTH);
	assert_memory_not_equal(plain, HELLO, 5);
}

static void nothing_changed_opens(void **state)
{
	uint8_t sealed[SEALED_LEN + 1] = { 0 }, aad[5] = AAD;
	struct secret_key key = key_from(0x40);
	struct { uint8_t *at; size_t len; } places[] = { { sealed, SEALED_LEN }, { aad, 4 }, { key.bytes, KEY_LEN } };

	(void)state;
	vector_bytes("seal_hello", sealed, SEALED_LEN);
	for (size_t p = 0; p < CASES(places); p++) {
		for (size_t bit = 0; bit < places[p].len * 8; bit++) {
			places[p].at[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_closed(&key, aad, 4, sealed, SEALED_LEN);
			places[p].at[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	for (size_t len = 0; len < SEALED_LEN; len++)
		assert_closed(&key, aad, 4, sealed, len);
	assert_closed(&key, aad, 4, sealed, SEALED_LEN + 1);
	assert_closed(&key, aad, 3, sealed, SEALED_LEN);
	assert_closed(&key, aad, 5, sealed, SEALED_LEN);
	uint8_t plain[5];
	assert_int_equal(open_sealed(&key, aad, 4, sealed, SEALED_LEN, plain), ERR_OK);
}

/* The ciphertext is made so that its tag is right under two keys. */
static void two_keys_open_one_message_never(void **state)
{
	uint8_t value[512], raw_key[64], aad[128], plain[512], commit[SEAL_COMMIT_LEN];
	size_t len = vector_bytes("collide_value_commit_of_key1", value, sizeof(value)), at = 0, padded = len - 112;
	size_t key_len = vector_bytes("collide_lmdb_key", raw_key, sizeof(raw_key));
	struct secret_key one, two;

	(void)state;
	vector_bytes("collide_key1", one.bytes, KEY_LEN);
	vector_bytes("collide_key2", two.bytes, KEY_LEN);
	memcpy(aad, "VDrc", 4);
	fill_ascending(aad + 4, 16, 0xa0);
	memcpy(aad + 20, value, 32);
	at = 52;
	aad[at++] = (uint8_t)key_len;
	aad[at++] = 0;
	memcpy(aad + at, raw_key, key_len);
	at += key_len;
	for (size_t i = 0; i < 4; i++)
		aad[at++] = (uint8_t)(padded >> 8 * i);
	assert_int_equal(open_sealed(&one, aad, at, value + 32, len - 32, plain), ERR_OK);
	memset(plain, 0x55, sizeof(plain));
	assert_int_equal(open_sealed(&two, aad, at, value + 32, len - 32, plain), ERR_AUTH);
	for (size_t i = 0; i < sizeof(plain); i++)
		assert_int_equal(plain[i], 0x55);	/* refused before anything was decrypted */
	/* With the other key's commitment the same bytes do open: without the comparison both keys would open them. */
	vector_bytes("collide_commit_of_key2", commit, sizeof(commit));
	memcpy(value + 64, commit, sizeof(commit));
	assert_int_equal(open_sealed(&two, aad, at, value + 32, len - 32, plain), ERR_OK);
	assert_int_equal(open_sealed(&one, aad, at, value + 32, len - 32, plain), ERR_AUTH);
}

static void lengths_from_nothing_on(void **state)
{
	struct secret_key key = key_from(9);
	uint8_t plain[300], sealed[SEAL_OVERHEAD + 300], opened[300];

	(void)state;
	fill_ascending(plain, sizeof(plain), 7);
	for (size_t len = 0; len <= sizeof(plain); len++) {
		size_t aad_len = len % 7;

		seal(&key, plain, aad_len, plain, len, NULL, sealed);
		assert_int_equal(open_sealed(&key, plain, aad_len, sealed, SEAL_OVERHEAD + len, opened), ERR_OK);
		assert_memory_equal(opened, plain, len);
	}
}

/* value_seal() builds its plaintext where the ciphertext will be. */
static void plaintext_may_stand_in_the_output(void **state)
{
	uint8_t apart[SEALED_LEN], in_place[SEALED_LEN], random[32] = { 3 };
	struct secret_key key = key_from(1);

	(void)state;
	seal(&key, AAD, 4, HELLO, 5, random, apart);
	memcpy(in_place + SEAL_OVERHEAD, HELLO, 5);
	seal(&key, AAD, 4, in_place + SEAL_OVERHEAD, 5, random, in_place);
	assert_memory_equal(apart, in_place, SEALED_LEN);
}

static void same_bytes(void *out, size_t len)
{
	memset(out, 0x5a, len);
}

/* A cloned machine: the same random bytes twice. The same message may repeat; another one has another key and nonce. */
static void repeated_randomness_repeats_no_key(void **state)
{
	uint8_t one[SEALED_LEN], again[SEALED_LEN], other[SEALED_LEN], for_other[SEALED_LEN];
	struct secret_key key = key_from(1);

	(void)state;
	random_replace(same_bytes);
	seal(&key, AAD, 4, HELLO, 5, NULL, one);
	seal(&key, AAD, 4, HELLO, 5, NULL, again);
	seal(&key, AAD, 4, "hellp", 5, NULL, other);
	seal(&key, "VDxy", 4, HELLO, 5, NULL, for_other);
	random_replace(NULL);
	assert_memory_equal(one, again, SEALED_LEN);
	assert_memory_not_equal(one, other, SEAL_SALT_LEN);
	assert_memory_not_equal(one, for_other, SEAL_SALT_LEN);
	/* one keystream for both texts would show as equal bytes where the texts are equal */
	assert_memory_not_equal(one + SEAL_OVERHEAD, other + SEAL_OVERHEAD, 4);
	seal(&key, AAD, 4, HELLO, 5, NULL, one);
	seal(&key, AAD, 4, HELLO, 5, NULL, again);
	assert_memory_not_equal(one, again, SEAL_SALT_LEN);
}

static void parts_are_hashed_as_one_text(void **state)
{
	const struct byte_part parts[] = { { "a", 1 }, { "", 0 }, { "bc", 2 } };
	uint8_t by_parts[64], whole[64], salt[16] = { 0 }, with_key[64];

	(void)state;
	blake2b_parts(by_parts, 64, NULL, 0, "vaultd-hsum-v001", parts, CASES(parts));
	assert_int_equal(crypto_generichash_blake2b_salt_personal(whole, 64, (const uint8_t *)"abc", 3, NULL, 0, salt,
								  (const uint8_t *)"vaultd-hsum-v001"), 0);
	assert_memory_equal(by_parts, whole, 64);
	blake2b_parts(with_key, 64, "k", 1, "vaultd-hsum-v001", parts, CASES(parts));
	assert_memory_not_equal(with_key, whole, 64);
	blake2b_parts(with_key, 64, NULL, 0, "vaultd-trys-v001", parts, CASES(parts));
	assert_memory_not_equal(with_key, whole, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_derived_as_known),
		cmocka_unit_test(hello_is_sealed_as_known),
		cmocka_unit_test(nothing_changed_opens),
		cmocka_unit_test(two_keys_open_one_message_never),
		cmocka_unit_test(lengths_from_nothing_on),
		cmocka_unit_test(plaintext_may_stand_in_the_output),
		cmocka_unit_test(repeated_randomness_repeats_no_key),
		cmocka_unit_test(parts_are_hashed_as_one_text),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
