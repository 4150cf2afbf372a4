/* Shares: the known ones, every subset, another implementation, and a name for everything that is wrong with one. */
#include "../lib/expect.h"
#include "../records/vectors.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if HAVE_GFSHARE
#include <libgfshare.h>
#endif

#include "crypto/seal.h"
#include "crypto/shares.h"
#include "vault/limits.h"

static const struct share_info made_for = { .store = { 0xa0, 0xa1, 0xa2, 0xa3 }, .slot = 4, .set = { 0xf0, 0xf1, 0xf2, 0xf3 } };

static struct secret_key some_secret(void)
{
	struct secret_key secret;

	for (size_t i = 0; i < KEY_LEN; i++)
		secret.bytes[i] = (uint8_t)(i * 37 + 1);
	return secret;
}

static void split(unsigned shares, unsigned threshold, uint8_t *ret)
{
	struct secret_key secret = some_secret();
	struct error err = ERROR_INIT;

	assert_int_equal(shares_split(&secret, &made_for, shares, threshold, ret, &err), ERR_OK);
}

/* Makes the checksum right again after a change, as whoever forges a share would. */
static void sum_again(uint8_t *share)
{
	const struct byte_part part = { share, 44 };
	uint8_t sum[32];

	blake2b_parts(sum, sizeof(sum), NULL, 0, "vaultd-shar-v001", &part, 1);
	memcpy(share + 44, sum, 6);
}

/* -- known answers --------------------------------------------------------------- */

static void every_three_of_the_known_five_give_the_secret(void **state)
{
	uint8_t known[5][SHARE_LEN], three[3 * SHARE_LEN], expected[KEY_LEN];
	char name[8];
	size_t subsets = 0;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "share%u", i + 1);
		assert_int_equal(vector_bytes(name, known[i], SHARE_LEN), SHARE_LEN);
	}
	assert_int_equal(vector_bytes("share_secret", expected, KEY_LEN), KEY_LEN);
	for (unsigned a = 0; a < 5; a++)
		for (unsigned b = 0; b < 5; b++)
			for (unsigned c = 0; c < 5; c++) {
				struct error err = ERROR_INIT;
				struct secret_key secret;

				if (a == b || b == c || a == c)
					continue;
				memcpy(three, known[a], SHARE_LEN);
				memcpy(three + SHARE_LEN, known[b], SHARE_LEN);
				memcpy(three + 2 * SHARE_LEN, known[c], SHARE_LEN);
				assert_int_equal(shares_combine(three, 3, &secret, &err), ERR_OK);
				assert_memory_equal(secret.bytes, expected, KEY_LEN);
				subsets++;
			}
	assert_int_equal(subsets, 60);	/* in every order */
}

static uint8_t next_byte;

static void ascending_bytes(void *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = next_byte++;
}

static void a_split_is_of_the_documented_form(void **state)
{
	uint8_t made[5 * SHARE_LEN], known[SHARE_LEN], tag[SHARE_TAG_LEN];
	struct share_info info;
	struct error err = ERROR_INIT;

	(void)state;
	split(5, 3, made);
	vector_bytes("share1", known, sizeof(known));
	for (unsigned x = 1; x <= 5; x++) {
		const uint8_t *share = made + (x - 1) * SHARE_LEN;

		assert_memory_equal(share, known, 5);
		assert_int_equal(share_read(share, &info, &err), ERR_OK);
		assert_int_equal(info.number, x);
		assert_int_equal(info.threshold, 3);
		assert_int_equal(info.slot, 4);
		assert_memory_equal(info.set, made_for.set, sizeof(info.set));
		assert_memory_equal(info.store, made_for.store, sizeof(info.store));
	}
	share_tag(known, tag);
	vector_bytes("share1_tag", known, SHARE_TAG_LEN);
	assert_memory_equal(tag, known, SHARE_TAG_LEN);
}

/* Randomness is drawn for each byte anew, k - 1 coefficients and no more. */
static void coefficients_are_drawn_for_each_byte(void **state)
{
	uint8_t made[3 * SHARE_LEN];

	(void)state;
	next_byte = 0;
	random_replace(ascending_bytes);
	split(3, 3, made);
	random_replace(NULL);
	assert_int_equal(next_byte, 2 * KEY_LEN);
	split(1, 1, made);
	assert_memory_equal(made + 12, some_secret().bytes, KEY_LEN);
}

/* -- all sizes ------------------------------------------------------------------------ */

static void any_k_of_n_give_the_secret_and_fewer_do_not(void **state)
{
	uint8_t made[LIMIT_SHARES * SHARE_LEN], chosen[LIMIT_SHARES * SHARE_LEN];
	struct secret_key expected = some_secret();
	uint64_t random = 88172645463325252;

	(void)state;
	for (unsigned n = 1; n <= LIMIT_SHARES; n++)
		for (unsigned k = n == 1 ? 1 : 2; k <= n; k++) {
			struct error err = ERROR_INIT;
			struct secret_key secret;
			unsigned first = (unsigned)(next_random(&random) % n);

			split(n, k, made);
			for (unsigned i = 0; i < k; i++)
				memcpy(chosen + i * SHARE_LEN, made + (first + i) % n * SHARE_LEN, SHARE_LEN);
			assert_int_equal(shares_combine(chosen, k, &secret, &err), ERR_OK);
			assert_memory_equal(secret.bytes, expected.bytes, KEY_LEN);
			if (k == 1)
				continue;
			assert_fails(shares_combine(chosen, k - 1, &secret, &err), &err, ERR_INVALID);
			/* As if the threshold were one less: the values give something else. */
			for (unsigned i = 0; i < k - 1; i++) {
				chosen[i * SHARE_LEN + 10] = (uint8_t)(k - 1);
				sum_again(chosen + i * SHARE_LEN);
			}
			error_clear(&err);
			assert_int_equal(shares_combine(chosen, k - 1, &secret, &err), ERR_OK);
			assert_memory_not_equal(secret.bytes, expected.bytes, KEY_LEN);
		}
}

static void numbers_that_no_set_has(void **state)
{
	static const unsigned refused[][2] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 2, 1 }, { 16, 1 }, { 2, 3 }, { 1, 2 },
					       { LIMIT_SHARES + 1, 2 }, { LIMIT_SHARES + 1, LIMIT_SHARES + 1 },
					       { 0xffffffff, 2 }, { 256 + 3, 2 } };
	uint8_t made[LIMIT_SHARES * SHARE_LEN] = { 0 };
	struct secret_key secret = some_secret();

	(void)state;
	for (size_t i = 0; i < CASES(refused); i++) {
		struct error err = ERROR_INIT;

		assert_fails(shares_split(&secret, &made_for, refused[i][0], refused[i][1], made, &err), &err, ERR_INVALID);
	}
	assert_int_equal(sodium_is_zero(made, sizeof(made)), 1);
	split(LIMIT_SHARES, LIMIT_SHARES, made);
}

/* -- the other implementation --------------------------------------------------------------- */

#if HAVE_GFSHARE
static void fill_for_gfshare(unsigned char *out, unsigned int len)
{
	random_fill(out, len);
}
#endif

/* x = 1, 3, 5: numbers whose exclusive or is not among them, so that another polynomial would show. */
static void another_library_reads_ours_and_we_read_its(void **state)
{
	(void)state;
#if HAVE_GFSHARE
	static unsigned char numbers[] = { 1, 3, 5 };
	uint8_t made[5 * SHARE_LEN], three[3 * SHARE_LEN], extracted[KEY_LEN];
	struct secret_key expected = some_secret(), secret;
	struct error err = ERROR_INIT;
	gfshare_ctx *context;

	gfshare_fill_rand = fill_for_gfshare;	/* with which it also overwrites what it frees */
	context = gfshare_ctx_init_dec(numbers, 3, KEY_LEN);
	split(5, 3, made);
	for (unsigned char i = 0; i < 3; i++)
		gfshare_ctx_dec_giveshare(context, i, made + (numbers[i] - 1) * SHARE_LEN + 12);
	gfshare_ctx_dec_extract(context, extracted);
	gfshare_ctx_free(context);
	assert_memory_equal(extracted, expected.bytes, KEY_LEN);

	context = gfshare_ctx_init_enc(numbers, 3, 3, KEY_LEN);
	gfshare_ctx_enc_setsecret(context, expected.bytes);
	for (unsigned char i = 0; i < 3; i++) {
		memcpy(three + i * SHARE_LEN, made + (numbers[i] - 1) * SHARE_LEN, SHARE_LEN);
		gfshare_ctx_enc_getshare(context, i, three + i * SHARE_LEN + 12);
		sum_again(three + i * SHARE_LEN);
	}
	gfshare_ctx_free(context);
	assert_int_equal(shares_combine(three, 3, &secret, &err), ERR_OK);
	assert_memory_equal(secret.bytes, expected.bytes, KEY_LEN);
#else
	skip();	/* libgfshare-dev is not installed */
#endif
}

/* -- what is wrong with a share ------------------------------------------------------------- */

static void assert_says(enum error_code code, const struct error *err, const char *words)
{
	assert_int_equal(code, ERR_INVALID);
	if (!strstr(err->text, words))
		fail_msg("\"%s\" does not say \"%s\"", err->text, words);
}

static void shares_that_do_not_belong_together(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *words;
	} cases[] = {
		{ 0, 2, "not a share" }, { 1, 0xa1, "not made together" }, { 5, 5, "not made together" },
		{ 6, 0, "not made together" }, { 10, 2, "not made together" }, { 10, 0, "threshold" }, { 10, 17, "threshold" },
		{ 11, 0, "number" }, { 11, 17, "number" }, { 11, 1, "twice" },
	};
	uint8_t made[3 * SHARE_LEN];
	struct secret_key secret = { { 0 } };

	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct error err = ERROR_INIT;

		split(3, 3, made);
		made[2 * SHARE_LEN + cases[i].at] = cases[i].value;
		sum_again(made + 2 * SHARE_LEN);
		assert_says(shares_combine(made, 3, &secret, &err), &err, cases[i].words);
	}
	for (size_t count = 0; count <= LIMIT_SHARES + 1; count++) {
		uint8_t many[(LIMIT_SHARES + 1) * SHARE_LEN];
		struct error err = ERROR_INIT;

		split(LIMIT_SHARES, 3, many);
		memcpy(many + LIMIT_SHARES * SHARE_LEN, many, SHARE_LEN);
		if (count != 3)
			assert_fails(shares_combine(many, count, &secret, &err), &err, ERR_INVALID);
	}
	assert_int_equal(sodium_is_zero(secret.bytes, KEY_LEN), 1);
}

static void every_flipped_bit_is_a_typing_mistake(void **state)
{
	uint8_t made[SHARE_LEN];
	struct share_info info;

	(void)state;
	split(1, 1, made);
	for (size_t bit = 8; bit < SHARE_LEN * 8; bit++) {
		struct error err = ERROR_INIT;

		made[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_says(share_read(made, &info, &err), &err, "checksum");
		made[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* -- text ------------------------------------------------------------------------------------- */

static void text_of_the_known_share(void **state)
{
	uint8_t known[SHARE_LEN], parsed[SHARE_LEN];
	char text[SHARE_TEXT_LEN + 1], expected[SHARE_TEXT_LEN + 1], loud[2 * SHARE_TEXT_LEN];
	struct error err = ERROR_INIT;
	size_t len = 0;

	(void)state;
	vector_bytes("share1", known, sizeof(known));
	vector_text("share1_text", expected, sizeof(expected));
	share_text(known, text);
	assert_string_equal(text, expected);
	assert_int_equal(strlen(text), SHARE_TEXT_LEN);
	assert_int_equal(share_parse(text, strlen(text), parsed, &err), ERR_OK);
	assert_memory_equal(parsed, known, SHARE_LEN);
	/* as somebody may write it from paper: capitals, a hyphen behind every four */
	for (size_t i = 0; i < SHARE_TEXT_LEN; i++) {
		loud[len++] = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 'a' + 'A' : text[i]);
		if (i > 4 && i % 4 == 0)
			loud[len++] = '-';
	}
	memset(parsed, 0, sizeof(parsed));
	assert_int_equal(share_parse(loud, len, parsed, &err), ERR_OK);
	assert_memory_equal(parsed, known, SHARE_LEN);
}

static void every_byte_has_its_text(void **state)
{
	uint8_t share[SHARE_LEN], parsed[SHARE_LEN];
	char text[SHARE_TEXT_LEN + 1];
	uint64_t random = 1;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct error err = ERROR_INIT;

		split(1, 1, share);
		for (size_t i = 12; i < 44; i++)
			share[i] = (uint8_t)next_random(&random);
		sum_again(share);
		share_text(share, text);
		assert_int_equal(share_parse(text, SHARE_TEXT_LEN, parsed, &err), ERR_OK);
		assert_memory_equal(parsed, share, SHARE_LEN);
	}
}

static void texts_that_are_no_shares(void **state)
{
	static const char *const bad_characters[] = { "0", "1", "8", "9", "_", " ", "=", "\x01", "\xff", "@", "[", "`", "{", "\n" };
	uint8_t share[SHARE_LEN], parsed[SHARE_LEN] = { 0 };
	char text[SHARE_TEXT_LEN + 8], wrong[SHARE_TEXT_LEN + 8];
	struct error err = ERROR_INIT;

	(void)state;
	split(1, 1, share);
	share_text(share, text);
	for (size_t len = 5; len < SHARE_TEXT_LEN; len++) {
		error_clear(&err);
		assert_says(share_parse(text, len, parsed, &err), &err, "characters");
	}
	memcpy(wrong, text, SHARE_TEXT_LEN);
	wrong[SHARE_TEXT_LEN] = 'a';
	error_clear(&err);
	assert_says(share_parse(wrong, SHARE_TEXT_LEN + 1, parsed, &err), &err, "characters");
	for (size_t i = 0; i < CASES(bad_characters); i++) {
		memcpy(wrong, text, SHARE_TEXT_LEN);
		wrong[5 + i * 5] = bad_characters[i][0];
		error_clear(&err);
		assert_says(share_parse(wrong, SHARE_TEXT_LEN, parsed, &err), &err, "character that shares do not have");
	}
	for (size_t i = 5; i < SHARE_TEXT_LEN; i++) {
		memcpy(wrong, text, SHARE_TEXT_LEN);
		wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
		wrong[SHARE_TEXT_LEN] = '\0';
		error_clear(&err);
		assert_fails(share_parse(wrong, SHARE_TEXT_LEN, parsed, &err), &err, ERR_INVALID);
		assert_null(strstr(err.text, wrong + 70));
	}
	error_clear(&err);
	assert_says(share_parse("vlt_", 4, parsed, &err), &err, "begins with");
	error_clear(&err);
	assert_says(share_parse("", 0, parsed, &err), &err, "begins with");
	assert_int_equal(sodium_is_zero(parsed, sizeof(parsed)), 1);
	assert_true(share_text_is("vls1-", 5) && share_text_is("VLS1-", 5));
	assert_false(share_text_is("vls1", 4) || share_text_is("", 0) || share_text_is("vls2-", 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_three_of_the_known_five_give_the_secret),
		cmocka_unit_test(a_split_is_of_the_documented_form),
		cmocka_unit_test(coefficients_are_drawn_for_each_byte),
		cmocka_unit_test(any_k_of_n_give_the_secret_and_fewer_do_not),
		cmocka_unit_test(numbers_that_no_set_has),
		cmocka_unit_test(another_library_reads_ours_and_we_read_its),
		cmocka_unit_test(shares_that_do_not_belong_together),
		cmocka_unit_test(every_flipped_bit_is_a_typing_mistake),
		cmocka_unit_test(text_of_the_known_share),
		cmocka_unit_test(every_byte_has_its_text),
		cmocka_unit_test(texts_that_are_no_shares),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
