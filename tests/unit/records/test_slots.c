/* Slots: the keys they are opened with, the limits of what is presented, and that all wrong secrets look alike. */
#include "../lib/expect.h"
#include "vectors.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "records/header_copy.h"
#include "vault/limits.h"

static const struct secret_key root_key = { { 9, 8, 7 } };
static uint8_t store_id[ID_LEN], known_salt[16], big[LIMIT_KEY_FILE_MAX + 1];

static void fill_ascending(uint8_t *at, size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(first + i);
}

static struct header *new_header(void)
{
	struct keyring keyring = { .len = 0 };
	struct header *header = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(header_new(store_id, 1, &root_key, &keyring, &header, &err), ERR_OK);
	return header;
}

static struct slot_secret passphrase(const char *text)
{
	return (struct slot_secret){ .type = SLOT_PASSPHRASE, .passphrase = text, .passphrase_len = strlen(text), .label = "" };
}

static struct slot_secret key_file(const void *bytes, size_t len)
{
	return (struct slot_secret){ .type = SLOT_KEY_FILE, .key = bytes, .key_len = len, .label = "" };
}

static struct slot_secret both(const char *text, const void *bytes, size_t len)
{
	return (struct slot_secret){ .type = SLOT_BOTH, .passphrase = text, .passphrase_len = strlen(text), .key = bytes,
				     .key_len = len, .label = "" };
}

static struct slot_secret credential(const void *bytes, size_t len)
{
	return (struct slot_secret){ .type = SLOT_CREDENTIAL, .key = bytes, .key_len = len, .credential = "vault-key", .label = "" };
}

static enum error_code make(struct header *header, struct slot_secret secret)
{
	struct error err = ERROR_INIT;
	uint8_t id = 255;
	enum error_code code = slot_make(header, &secret, &root_key, 1, &id, &err);

	assert_int_equal(code, err.code);
	assert_int_equal(code == ERR_OK, id != 255);
	return code;
}

static enum error_code open_with(const struct header *header, struct slot_secret secret, int slot_id)
{
	struct error err = ERROR_INIT;
	key_scope opened;
	enum error_code code = slot_open(header, &secret, slot_id, &opened, &err);

	assert_int_equal(code, err.code);
	if (code == ERR_OK)
		assert_memory_equal(opened.bytes, root_key.bytes, KEY_LEN);
	return code;
}

/* -- known answers ------------------------------------------------------------------- */

static void slot_keys_are_the_known_ones(void **state)
{
	struct secret_key stretched, hashed, derived;
	uint8_t contents[32], expected[KEY_LEN];

	(void)state;
	vector_bytes("argon2id_t1_m64", stretched.bytes, KEY_LEN);
	fill_ascending(contents, sizeof(contents), 0xe0);
	key_file_hash(contents, sizeof(contents), &hashed);
	slot_key_derive(SLOT_PASSPHRASE, 0, store_id, known_salt, &stretched, NULL, NULL, &derived);
	vector_bytes("slot1_skek", expected, sizeof(expected));
	assert_memory_equal(derived.bytes, expected, KEY_LEN);
	slot_key_derive(SLOT_BOTH, 1, store_id, known_salt, &stretched, &hashed, NULL, &derived);
	vector_bytes("slot3_skek", expected, sizeof(expected));
	assert_memory_equal(derived.bytes, expected, KEY_LEN);
	/* type 2 and 4, which hash what they are made of in the same way */
	const uint8_t words[2][2] = { { 2, 5 }, { 4, 6 } };
	const struct byte_part parts[2][3] = { { { words[0], 2 }, { store_id, ID_LEN }, { known_salt, 16 } },
					       { { words[1], 2 }, { store_id, ID_LEN }, { known_salt, 16 } } };
	blake2b_parts(expected, KEY_LEN, hashed.bytes, KEY_LEN, "vaultd-slot-v001", parts[0], 3);
	slot_key_derive(SLOT_KEY_FILE, 5, store_id, known_salt, NULL, &hashed, NULL, &derived);
	assert_memory_equal(derived.bytes, expected, KEY_LEN);
	blake2b_parts(expected, KEY_LEN, contents, KEY_LEN, "vaultd-slot-v001", parts[1], 3);
	slot_key_derive(SLOT_CREDENTIAL, 6, store_id, known_salt, NULL, NULL, contents, &derived);
	assert_memory_equal(derived.bytes, expected, KEY_LEN);
}

/* Type, number, store and salt are part of the key: a slot that was copied elsewhere has another. */
static void slot_keys_differ_by_all_that_they_are_made_of(void **state)
{
	struct secret_key stretched = { { 1 } }, keys[5];
	uint8_t other_store[ID_LEN] = { 1 }, other_salt[16] = { 1 };

	(void)state;
	slot_key_derive(SLOT_PASSPHRASE, 0, store_id, known_salt, &stretched, NULL, NULL, &keys[0]);
	slot_key_derive(SLOT_PASSPHRASE, 1, store_id, known_salt, &stretched, NULL, NULL, &keys[1]);
	slot_key_derive(SLOT_PASSPHRASE, 0, other_store, known_salt, &stretched, NULL, NULL, &keys[2]);
	slot_key_derive(SLOT_PASSPHRASE, 0, store_id, other_salt, &stretched, NULL, NULL, &keys[3]);
	slot_key_derive(SLOT_KEY_FILE, 0, store_id, known_salt, NULL, &stretched, NULL, &keys[4]);
	for (size_t i = 0; i < CASES(keys); i++)
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(keys[i].bytes, keys[j].bytes, KEY_LEN);
}

/* -- opening --------------------------------------------------------------------------- */

static void each_type_opens_with_its_own_secret(void **state)
{
	struct header *header = new_header();
	struct slot_info slots[SLOTS_MAX];

	(void)state;
	assert_int_equal(make(header, passphrase("one")), ERR_OK);
	assert_int_equal(make(header, key_file(big, 100)), ERR_OK);
	assert_int_equal(make(header, both("two", big, 200)), ERR_OK);
	assert_int_equal(make(header, credential(big, 32)), ERR_OK);
	assert_int_equal(open_with(header, passphrase("one"), -1), ERR_OK);
	assert_int_equal(open_with(header, key_file(big, 100), -1), ERR_OK);
	assert_int_equal(open_with(header, both("two", big, 200), -1), ERR_OK);
	assert_int_equal(open_with(header, credential(big, 32), -1), ERR_OK);
	assert_int_equal(header_slots(header, slots), 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(slots[i].id, i);
		assert_int_equal(slots[i].type, SLOT_PASSPHRASE + i);
		assert_int_equal(slots[i].created, 1);
	}
	assert_string_equal(slots[3].credential, "vault-key");
	header_free(header);
}

static void what_opens_them_is_told_once_each(void **state)
{
	static const struct slot_info slots[] = {
		{ .type = SLOT_KEY_FILE }, { .type = SLOT_PASSPHRASE }, { .type = SLOT_KEY_FILE }, { .type = SLOT_EMPTY },
		{ .type = (enum slot_type)255 }, { .type = SLOT_BOTH }, { .type = SLOT_CREDENTIAL }, { .type = SLOT_SHARES },
	};
	char ways[SLOT_WAYS_MAX];

	(void)state;
	slot_ways(slots, 0, ways);
	assert_string_equal(ways, "");
	slot_ways(slots, 5, ways);
	assert_string_equal(ways, "--key-file FILE, or --passphrase");
	slot_ways(slots, 8, ways);
	assert_string_equal(ways, "--key-file FILE, or --passphrase, or --key-file FILE --passphrase, or --credential NAME, or shares "
				  "(envctl unseal --share, else --shares-file FILE)");
}

/* Those of one type: which of its slots, or which part of a secret, was nearer is not told. */
static void wrong_secrets_look_alike(void **state)
{
	uint8_t wrong_file[100] = { 1 };
	const struct slot_secret wrong[] = {
		passphrase("two"), passphrase("One"), passphrase("one "), key_file(wrong_file, 100), key_file(big, 99),
		key_file(big, 101), both("one", big, 200), both("two", big, 199), both("one", wrong_file, 100),
		credential(wrong_file, 32),
	};
	struct header *header = new_header();
	struct error first[SLOT_SHARES + 1] = { ERROR_INIT };

	(void)state;
	make(header, passphrase("one"));
	make(header, key_file(big, 100));
	make(header, both("two", big, 200));
	make(header, credential(big, 32));
	for (size_t i = 0; i < CASES(wrong); i++) {
		struct error err = ERROR_INIT;
		struct secret_key opened = { { 0 } };

		assert_fails(slot_open(header, &wrong[i], -1, &opened, &err), &err, ERR_UNSEAL_FAILED);
		assert_memory_not_equal(opened.bytes, root_key.bytes, 3);
		if (first[wrong[i].type].text[0] == '\0')
			first[wrong[i].type] = err;
		assert_string_equal(err.text, first[wrong[i].type].text);
	}
	header_free(header);
}

static void a_named_slot_is_the_only_one_tried(void **state)
{
	struct header *header = new_header();

	(void)state;
	make(header, passphrase("zero"));
	make(header, passphrase("one"));
	make(header, key_file(big, 100));
	assert_int_equal(open_with(header, passphrase("one"), -1), ERR_OK);
	assert_int_equal(open_with(header, passphrase("one"), 1), ERR_OK);
	assert_int_equal(open_with(header, passphrase("one"), 0), ERR_UNSEAL_FAILED);
	assert_int_equal(open_with(header, passphrase("one"), 2), ERR_NOT_FOUND);
	assert_int_equal(open_with(header, passphrase("one"), 7), ERR_NOT_FOUND);
	assert_int_equal(open_with(header, passphrase("one"), 8), ERR_NOT_FOUND);
	assert_int_equal(open_with(header, credential(big, 32), -1), ERR_NOT_FOUND);
	header_free(header);
}

static void one_line_feed_is_the_editors(void **state)
{
	struct header *header = new_header();

	(void)state;
	assert_int_equal(make(header, passphrase("word\n")), ERR_OK);
	assert_int_equal(open_with(header, passphrase("word"), -1), ERR_OK);
	assert_int_equal(open_with(header, passphrase("word\n"), -1), ERR_OK);
	assert_int_equal(open_with(header, passphrase("word\n\n"), -1), ERR_UNSEAL_FAILED);
	assert_int_equal(open_with(header, passphrase("word\r\n"), -1), ERR_UNSEAL_FAILED);
	assert_int_equal(open_with(header, passphrase("\nword"), -1), ERR_UNSEAL_FAILED);
	header_free(header);
}

/* -- shares ------------------------------------------------------------------------------- */

static struct secret_buf *made_shares;

static struct slot_secret new_shares(unsigned n, unsigned k)
{
	secret_buf_reset(made_shares);
	return (struct slot_secret){ .type = SLOT_SHARES, .shares = n, .threshold = k, .made = made_shares };
}

static void sum_again(uint8_t *share)
{
	const struct byte_part part = { share, 44 };
	uint8_t sum[32];

	blake2b_parts(sum, sizeof(sum), NULL, 0, "vaultd-shar-v001", &part, 1);
	memcpy(share + 44, sum, 6);
}

/* Each mistake is told by its name, before anything is combined. */
static void shares_that_do_not_fit_the_slot(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *words;
	} cases[] = {
		{ 0, 2, "not a share" }, { 1, 0, "another vault" }, { 4, 0, "another vault" }, { 5, 1, "does not have" },
		{ 5, 0, "does not have" }, { 5, 8, "does not have" }, { 5, 255, "does not have" }, { 10, 3, "threshold" },
		{ 10, 0, "threshold" }, { 11, 0, "number" }, { 11, 6, "was not made" }, { 11, 17, "number" },
		{ 11, 2, "not the one" }, { 12, 0x55, "not the one" },
	};
	struct header *header = new_header();
	struct share_info info;

	(void)state;
	make(header, passphrase("zero"));
	make(header, key_file(big, 32));
	assert_int_equal(make(header, new_shares(5, 2)), ERR_OK);
	for (size_t i = 0; i < CASES(cases); i++) {
		struct error err = ERROR_INIT;
		uint8_t share[SHARE_LEN];

		memcpy(share, secret_buf_bytes(made_shares), SHARE_LEN);
		share[cases[i].at] = share[cases[i].at] == cases[i].value ? cases[i].value ^ 1 : cases[i].value;
		sum_again(share);
		assert_fails(slot_check_share(header, share, &info, &err), &err, ERR_INVALID);
		if (!strstr(err.text, cases[i].words))
			fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].words);
	}
	struct error err = ERROR_INIT;
	uint8_t share[SHARE_LEN];
	memcpy(share, secret_buf_bytes(made_shares), SHARE_LEN);
	share[6] ^= 1;
	sum_again(share);
	assert_fails(slot_check_share(header, share, &info, &err), &err, ERR_INVALID);
	assert_non_null(strstr(err.text, "another set"));
	header_free(header);
}

static void shares_open_their_slot_and_no_other(void **state)
{
	struct header *header = new_header();
	uint8_t shares[3 * SHARE_LEN];
	struct slot_secret secret = { .type = SLOT_SHARES, .key = shares, .key_len = 2 * SHARE_LEN };

	(void)state;
	make(header, passphrase("zero"));
	assert_int_equal(make(header, new_shares(16, 2)), ERR_OK);
	memcpy(shares, secret_buf_bytes(made_shares) + 14 * SHARE_LEN, 2 * SHARE_LEN);
	assert_int_equal(make(header, new_shares(2, 2)), ERR_OK);
	assert_int_equal(open_with(header, secret, -1), ERR_OK);
	assert_int_equal(open_with(header, secret, 1), ERR_OK);
	assert_int_equal(open_with(header, secret, 2), ERR_NOT_FOUND);
	secret.key_len = SHARE_LEN;
	assert_int_equal(open_with(header, secret, -1), ERR_INVALID);
	secret.key_len = 2 * SHARE_LEN - 1;
	assert_int_equal(open_with(header, secret, -1), ERR_INVALID);
	secret.key_len = 0;
	assert_int_equal(open_with(header, secret, -1), ERR_INVALID);
	secret.key_len = 2 * SHARE_LEN;
	memcpy(shares + SHARE_LEN, shares, SHARE_LEN);
	assert_int_equal(open_with(header, secret, -1), ERR_INVALID);	/* the same twice */
	memcpy(shares + SHARE_LEN, secret_buf_bytes(made_shares), SHARE_LEN);
	assert_int_equal(open_with(header, secret, -1), ERR_INVALID);	/* of two slots */
	/* Right shares of a slot whose sealed key was changed. */
	secret.key = secret_buf_bytes(made_shares);
	assert_int_equal(open_with(header, secret, -1), ERR_OK);
	header->copy[HEADER_AT_SLOTS + 2 * HEADER_SLOT_LEN + SLOT_AT_SEALED + 100] ^= 1;
	assert_int_equal(open_with(header, secret, -1), ERR_UNSEAL_FAILED);
	assert_int_equal(make(header, new_shares(3, 1)), ERR_INVALID);
	assert_int_equal(make(header, new_shares(17, 2)), ERR_INVALID);
	assert_int_equal(make(header, new_shares(0, 0)), ERR_INVALID);
	assert_int_equal(secret_buf_len(made_shares), 0);
	header_free(header);
}

/* -- limits ------------------------------------------------------------------------------- */

static void secrets_have_their_lengths(void **state)
{
	char long_text[LIMIT_PASSPHRASE_LEN + 3];
	struct header *header = new_header();
	struct slot_secret nul = passphrase("a");

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	long_text[LIMIT_PASSPHRASE_LEN] = '\n';
	long_text[LIMIT_PASSPHRASE_LEN + 1] = '\0';
	assert_int_equal(make(header, passphrase(long_text)), ERR_OK);		/* 1,024 and a line feed */
	long_text[LIMIT_PASSPHRASE_LEN] = 'x';
	assert_int_equal(make(header, passphrase(long_text)), ERR_INVALID);	/* 1,025 */
	assert_int_equal(open_with(header, passphrase(long_text), -1), ERR_INVALID);
	long_text[LIMIT_PASSPHRASE_LEN] = '\0';
	assert_int_equal(open_with(header, passphrase(long_text), -1), ERR_OK);
	assert_int_equal(make(header, passphrase("")), ERR_INVALID);
	assert_int_equal(make(header, passphrase("\n")), ERR_INVALID);
	nul.passphrase = "\0\0";
	nul.passphrase_len = 2;
	assert_int_equal(make(header, nul), ERR_OK);
	assert_int_equal(open_with(header, nul, -1), ERR_OK);
	assert_int_equal(make(header, key_file(big, LIMIT_KEY_FILE_MIN - 1)), ERR_INVALID);
	assert_int_equal(make(header, key_file(big, LIMIT_KEY_FILE_MIN)), ERR_OK);
	assert_int_equal(make(header, key_file(big, LIMIT_KEY_FILE_MAX)), ERR_OK);
	assert_int_equal(make(header, key_file(big, LIMIT_KEY_FILE_MAX + 1)), ERR_INVALID);
	assert_int_equal(make(header, both("", big, 100)), ERR_INVALID);
	assert_int_equal(make(header, both("x", big, 31)), ERR_INVALID);
	assert_int_equal(make(header, credential(big, 31)), ERR_INVALID);
	assert_int_equal(make(header, credential(big, 33)), ERR_INVALID);
	assert_int_equal(make(header, credential(big, 32)), ERR_OK);
	assert_int_equal(open_with(header, credential(big, 33), -1), ERR_INVALID);
	header_free(header);
}

static void unknown_types_are_refused(void **state)
{
	static const enum slot_type types[] = { SLOT_EMPTY, SLOT_SHARES, (enum slot_type)6, (enum slot_type)255 };
	struct header *header = new_header();

	(void)state;
	for (size_t i = 0; i < CASES(types); i++) {
		struct slot_secret secret = both("x", big, 100);

		secret.type = types[i];
		assert_int_equal(make(header, secret), ERR_INVALID);
		assert_int_equal(open_with(header, secret, -1), ERR_INVALID);
	}
	header_free(header);
}

static void names_have_64_bytes(void **state)
{
	char text[66];
	struct header *header = new_header();
	struct slot_secret secret = credential(big, 32);
	struct slot_info slots[SLOTS_MAX];

	(void)state;
	memset(text, 'n', 65);
	text[65] = '\0';
	secret.label = text;
	assert_int_equal(make(header, secret), ERR_INVALID);
	secret.label = NULL;
	secret.credential = text;
	assert_int_equal(make(header, secret), ERR_INVALID);
	text[64] = '\0';
	secret.label = text;
	assert_int_equal(make(header, secret), ERR_OK);
	assert_int_equal(header_slots(header, slots), 1);
	assert_string_equal(slots[0].label, text);
	assert_string_equal(slots[0].credential, text);
	header_free(header);
}

static void eight_slots_and_not_one_more(void **state)
{
	struct header *header = new_header();
	struct slot_info slots[SLOTS_MAX];
	char text[2] = "0";

	(void)state;
	for (int i = 0; i < SLOTS_MAX; i++, text[0]++)
		assert_int_equal(make(header, passphrase(text)), ERR_OK);
	assert_int_equal(make(header, passphrase("9")), ERR_BUSY);
	assert_int_equal(header_slots(header, slots), SLOTS_MAX);
	text[0] = '0';
	for (int i = 0; i < SLOTS_MAX; i++, text[0]++) {
		assert_int_equal(slots[i].id, i);
		assert_int_equal(open_with(header, passphrase(text), i), ERR_OK);
		assert_int_equal(open_with(header, passphrase(text), (i + 1) % SLOTS_MAX), ERR_UNSEAL_FAILED);
	}
	/* A slot that became free is used again. */
	memset(header->copy + HEADER_AT_SLOTS + 3 * HEADER_SLOT_LEN, 0, HEADER_SLOT_LEN);
	assert_int_equal(make(header, passphrase("again")), ERR_OK);
	assert_int_equal(open_with(header, passphrase("again"), 3), ERR_OK);
	header_free(header);
}

/* -- tampering -------------------------------------------------------------------------------- */

/* Every bit of the slot is bound to the root key that it seals. */
static void nothing_changed_in_a_slot_opens(void **state)
{
	struct header *header = new_header();

	(void)state;
	make(header, key_file(big, 100));
	uint8_t *slot = header->copy + HEADER_AT_SLOTS;
	for (size_t bit = 0; bit < HEADER_SLOT_USED * 8; bit++) {
		slot[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(open_with(header, key_file(big, 100), -1), ERR_OK);
		slot[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	header->copy[HEADER_AT_STORE_ID] ^= 1;
	assert_int_equal(open_with(header, key_file(big, 100), -1), ERR_UNSEAL_FAILED);
	header->copy[HEADER_AT_STORE_ID] ^= 1;
	assert_int_equal(open_with(header, key_file(big, 100), -1), ERR_OK);
	/* moved to another place it opens still: only its number counts, and the header's MAC says where it stands */
	memmove(slot + HEADER_SLOT_LEN, slot, HEADER_SLOT_LEN);
	memset(slot, 0, HEADER_SLOT_LEN);
	assert_int_equal(open_with(header, key_file(big, 100), 0), ERR_OK);
	header_free(header);
}

static void a_cost_that_was_changed_opens_nothing(void **state)
{
	struct header *header = new_header();

	(void)state;
	make(header, passphrase("word"));
	uint8_t *slot = header->copy + HEADER_AT_SLOTS;
	const struct { size_t at; uint32_t value; enum error_code wanted; } changes[] = {
		{ 4, 2, ERR_UNSEAL_FAILED }, { 4, 0, ERR_INVALID }, { 4, 65, ERR_INVALID }, { 4, UINT32_C(1) << 31, ERR_INVALID },
		{ 8, 65, ERR_UNSEAL_FAILED }, { 8, 64u << 20, ERR_INVALID }, { 8, UINT32_MAX, ERR_INVALID },
		{ 12, 4, ERR_INVALID }, { 12, 0, ERR_INVALID },
	};
	for (size_t i = 0; i < CASES(changes); i++) {
		uint32_t was = copy_u32(slot, changes[i].at);

		copy_set_u32(slot, changes[i].at, changes[i].value);
		assert_int_equal(open_with(header, passphrase("word"), -1), changes[i].wanted);
		copy_set_u32(slot, changes[i].at, was);
	}
	assert_int_equal(open_with(header, passphrase("word"), -1), ERR_OK);
	header_free(header);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slot_keys_are_the_known_ones),
		cmocka_unit_test(slot_keys_differ_by_all_that_they_are_made_of),
		cmocka_unit_test(each_type_opens_with_its_own_secret),
		cmocka_unit_test(what_opens_them_is_told_once_each),
		cmocka_unit_test(wrong_secrets_look_alike),
		cmocka_unit_test(a_named_slot_is_the_only_one_tried),
		cmocka_unit_test(one_line_feed_is_the_editors),
		cmocka_unit_test(shares_that_do_not_fit_the_slot),
		cmocka_unit_test(shares_open_their_slot_and_no_other),
		cmocka_unit_test(secrets_have_their_lengths),
		cmocka_unit_test(unknown_types_are_refused),
		cmocka_unit_test(names_have_64_bytes),
		cmocka_unit_test(eight_slots_and_not_one_more),
		cmocka_unit_test(nothing_changed_in_a_slot_opens),
		cmocka_unit_test(a_cost_that_was_changed_opens_nothing),
	};
	struct error err = ERROR_INIT;

	/* Without this the slots of this test would take a second and 256 MiB each. */
	setenv("VAULTD_TEST_KDF", "1", 1);
	fill_ascending(store_id, sizeof(store_id), 0xa0);
	fill_ascending(known_salt, sizeof(known_salt), 0xd0);
	fill_ascending(big, sizeof(big), 0);
	made_shares = secret_buf_new(LIMIT_SHARES * SHARE_LEN);
	if (!made_shares || secret_arena_start(&err) != ERR_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
