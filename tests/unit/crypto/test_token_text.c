/* Token texts: the known text and hash, the checksum, and what is refused before any key is used. */
#include "../lib/expect.h"
#include "../records/vectors.h"

#include <sodium.h>
#include <string.h>

#include "crypto/seal.h"
#include "crypto/token_text.h"

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static struct secret_key token_key(void)
{
	struct secret_key key;

	assert_int_equal(vector_bytes("vdTOKEN_", key.bytes, KEY_LEN), KEY_LEN);
	return key;
}

static bool taken(const char *text, size_t len)
{
	struct secret_key key = token_key();
	struct token_hash hash;

	return token_text_hash(&key, text, len, &hash);
}

static void known_token_has_its_known_hash(void **state)
{
	struct secret_key key = token_key();
	struct token_hash hash;
	uint8_t expected[32];
	char text[128];

	(void)state;
	vector_text("token", text, sizeof(text));
	vector_bytes("token_hash", expected, sizeof(expected));
	assert_int_equal(strlen(text), TOKEN_TEXT_LEN);
	assert_true(token_text_hash(&key, text, strlen(text), &hash));
	assert_memory_equal(hash.id, expected, TOKEN_ID_LEN);
	assert_memory_equal(hash.verifier, expected + TOKEN_ID_LEN, TOKEN_ID_LEN);
	key.bytes[0] ^= 1;
	assert_true(token_text_hash(&key, text, strlen(text), &hash));
	assert_memory_not_equal(hash.id, expected, TOKEN_ID_LEN);
	assert_memory_not_equal(hash.verifier, expected + TOKEN_ID_LEN, TOKEN_ID_LEN);
}

/* A typing mistake in any place. */
static void every_other_character_is_refused(void **state)
{
	char text[128];
	size_t tried = 0;

	(void)state;
	vector_text("token", text, sizeof(text));
	for (size_t i = 4; i < TOKEN_TEXT_LEN; i++) {
		char right = text[i];

		for (const char *c = alphabet; *c; c++) {
			if (*c == right)
				continue;
			text[i] = *c;
			assert_false(taken(text, TOKEN_TEXT_LEN));
			tried++;
		}
		text[i] = right;
	}
	assert_true(tried > 53 * 60);
	assert_true(taken(text, TOKEN_TEXT_LEN));
}

static void malformed_texts_are_refused(void **state)
{
	char text[128], longer[128];

	(void)state;
	vector_text("token", text, sizeof(text));
	for (size_t len = 4; len < TOKEN_TEXT_LEN; len++)
		assert_false(taken(text, len));
	memcpy(longer, text, TOKEN_TEXT_LEN);
	longer[TOKEN_TEXT_LEN] = '0';
	assert_false(taken(longer, TOKEN_TEXT_LEN + 1));
	longer[TOKEN_TEXT_LEN] = '\0';
	assert_false(taken(longer, TOKEN_TEXT_LEN + 1));
	static const char strange[] = { '\0', ' ', '-', '_', '/', ':', '@', '[', '`', '{', '\x7f', '\xc3' };
	for (size_t i = 4; i < TOKEN_TEXT_LEN; i++) {
		for (size_t j = 0; j < sizeof(strange); j++) {
			memcpy(longer, text, TOKEN_TEXT_LEN);
			longer[i] = strange[j];
			assert_true(longer[i] == text[i] || !taken(longer, TOKEN_TEXT_LEN));
		}
	}
}

static void fill_ascending(void *out, size_t len)
{
	static uint8_t next;

	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = next++;
}

/* The checksum must be refused also where it would be right if the rest were taken: an upper-case kind. */
static void the_kind_is_three_lower_case_letters(void **state)
{
	char text[TOKEN_TEXT_LEN + 1];

	(void)state;
	static const char *const kinds[] = { "svc", "usr", "adm", "rec", "sid", "wrp" };
	for (size_t i = 0; i < CASES(kinds); i++) {
		token_text_make(kinds[i], text);
		assert_memory_equal(text, "vlt_", 4);
		assert_memory_equal(text + 4, kinds[i], 3);
		assert_true(taken(text, TOKEN_TEXT_LEN));
	}
	token_text_make("SVC", text);
	assert_false(taken(text, TOKEN_TEXT_LEN));
	token_text_make("s1c", text);
	assert_false(taken(text, TOKEN_TEXT_LEN));
}

/* Bytes 0, 1, 2 ... give the digits in order, four times; 248 to 255 are drawn again, so no digit is likelier. */
static void digits_are_uniform(void **state)
{
	char text[TOKEN_TEXT_LEN + 1];
	size_t position = 0;

	(void)state;
	random_replace(fill_ascending);
	for (size_t round = 0; round < 2 * 248; round++) {
		token_text_make("svc", text);
		for (size_t i = 8; i < TOKEN_BODY_LEN; i++, position++)
			assert_int_equal(text[i], alphabet[position % 248 % 62]);
		assert_int_equal(text[TOKEN_TEXT_LEN], '\0');
		assert_true(taken(text, TOKEN_TEXT_LEN));
	}
	random_replace(NULL);
}

static void made_tokens_differ(void **state)
{
	char one[TOKEN_TEXT_LEN + 1], two[TOKEN_TEXT_LEN + 1];

	(void)state;
	token_text_make("svc", one);
	token_text_make("svc", two);
	assert_memory_not_equal(one + 8, two + 8, 43);
}

/* A development server's root token is whatever somebody gave; it is hashed whole, so no part of it is ignored. */
static void texts_of_other_beginnings_are_hashed_whole(void **state)
{
	struct secret_key key = token_key();
	struct token_hash hash, longer;
	uint8_t expected[32];
	char text[128];

	(void)state;
	assert_true(token_text_hash(&key, "root", 4, &hash));
	blake2b_parts(expected, 32, key.bytes, KEY_LEN, "vaultd-tokn-v001", &(struct byte_part){ "root", 4 }, 1);
	assert_memory_equal(hash.id, expected, TOKEN_ID_LEN);
	assert_memory_equal(hash.verifier, expected + TOKEN_ID_LEN, TOKEN_ID_LEN);
	assert_true(token_text_hash(&key, "roots", 5, &longer));
	assert_memory_not_equal(hash.id, longer.id, TOKEN_ID_LEN);
	assert_true(taken("vlt", 3));
	assert_true(taken("Vlt_svc_", 8));
	assert_false(taken("vlt_", 4));
	assert_false(taken("", 0));
	/* 57 characters of another beginning: the last six count as well */
	vector_text("token", text, sizeof(text));
	text[0] = 'w';
	assert_true(token_text_hash(&key, text, TOKEN_TEXT_LEN, &hash));
	text[TOKEN_TEXT_LEN - 1] ^= 1;
	assert_true(token_text_hash(&key, text, TOKEN_TEXT_LEN, &longer));
	assert_memory_not_equal(hash.id, longer.id, TOKEN_ID_LEN);
}

static void append_checksum(char *text, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < 8 * len; i++) {
		crc ^= (uint32_t)((uint8_t)text[i / 8] >> i % 8 & 1);
		crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
	}
	crc = ~crc;
	for (size_t i = 6; i-- > 0; crc /= 62)
		text[len + i] = alphabet[crc % 62];
}

/* With the right checksum, which anybody can make: a batch token has one spelling. */
static void batch_tokens_have_one_alphabet(void **state)
{
	char text[8 + 4 + 6 + 1];
	uint8_t blob[3];
	size_t len;

	(void)state;
	for (unsigned place = 8; place < 12; place++)
		for (unsigned byte = 0; byte < 256; byte++) {
			memcpy(text, "vlt_bat_QUJD", 12);
			text[place] = (char)byte;
			append_checksum(text, 12);
			bool allowed = byte != 0 && (strchr(alphabet, (int)byte) || byte == '-' || byte == '_');

			assert_int_equal(batch_text_read(text, 18, blob, sizeof(blob), &len), allowed);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_token_has_its_known_hash),
		cmocka_unit_test(every_other_character_is_refused),
		cmocka_unit_test(malformed_texts_are_refused),
		cmocka_unit_test(the_kind_is_three_lower_case_letters),
		cmocka_unit_test(digits_are_uniform),
		cmocka_unit_test(made_tokens_differ),
		cmocka_unit_test(texts_of_other_beginnings_are_hashed_whole),
		cmocka_unit_test(batch_tokens_have_one_alphabet),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
