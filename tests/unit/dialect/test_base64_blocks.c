#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/base64_blocks.h"
#include "vault/base64.h"

#define BYTES 100
#define TEXT sodium_base64_ENCODED_LEN(BYTES, sodium_base64_VARIANT_ORIGINAL)

/* Every byte and every sextet in every place of a block. */
static void fill(uint8_t *bytes, size_t len, unsigned round)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(i * 37 + round);
}

/* In a block of exactly that size, so that a sanitizer sees a byte too much. */
static void check_length(size_t len, unsigned round)
{
	size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	cleanup_(secret_buf_freep) struct secret_buf *buf = secret_buf_new(size);
	char expected[TEXT], *bytes = malloc(len > 0 ? len : 1);

	assert_non_null(buf);
	assert_non_null(bytes);
	fill((uint8_t *)bytes, len, round);
	sodium_bin2base64(expected, size, (const uint8_t *)bytes, len, sodium_base64_VARIANT_ORIGINAL);
	base64_append(buf, bytes, len);
	assert_true(secret_buf_ok(buf));
	assert_int_equal(secret_buf_len(buf), size - 1);
	assert_memory_equal(secret_buf_bytes(buf), expected, size - 1);
	size--;
	assert_true(base64_decode((char *)secret_buf_mutable(buf), &size, NULL));
	assert_int_equal(size, len);
	if (len > 0)
		assert_memory_equal(secret_buf_bytes(buf), bytes, len);
	free(bytes);
}

static void writes_and_reads_what_libsodium_does(void **state)
{
	(void)state;
	for (size_t len = 0; len <= BYTES; len++)
		for (unsigned round = 0; round < 256; round++)
			check_length(len, round);
}

/* What base64_read(), which is libsodium's without bytes above ASCII, makes of the same text, the characters of `ignored` apart. */
static void check_text(const char *text, size_t len, const char *ignored)
{
	cleanup_(secret_buf_freep) struct secret_buf *buf = secret_buf_new(TEXT + 2);
	uint8_t expected[TEXT + 2];
	size_t expected_len = 0;
	bool good = base64_read(text, len, ignored, sodium_base64_VARIANT_ORIGINAL, expected, sizeof(expected), &expected_len);

	assert_non_null(buf);
	secret_buf_append(buf, text, len);
	assert_int_equal(base64_decode((char *)secret_buf_mutable(buf), &len, ignored), good);
	if (!good)
		return;
	assert_int_equal(len, expected_len);
	assert_memory_equal(secret_buf_bytes(buf), expected, expected_len);
}

/* Every byte in every place: letters of the alphabet are others there, the rest is none or is left out. */
static void finds_what_is_none(void **state)
{
	uint8_t bytes[BYTES];
	char text[TEXT];

	(void)state;
	fill(bytes, sizeof(bytes), 7);
	for (size_t len = 46; len <= 48; len++) {
		sodium_bin2base64(text, sizeof(text), bytes, len, sodium_base64_VARIANT_ORIGINAL);
		for (size_t at = 0; at < strlen(text); at++) {
			char was = text[at];

			for (unsigned c = 0; c < 256; c++) {
				text[at] = (char)c;
				check_text(text, 64, NULL);
				check_text(text, 64, "\r\n ");
			}
			text[at] = was;
		}
	}
}

/* Lines of 76 characters, as base64(1) writes them, and of any other length. */
static void leaves_out_line_ends(void **state)
{
	uint8_t bytes[BYTES];
	char text[TEXT], broken[TEXT + 2];

	(void)state;
	fill(bytes, sizeof(bytes), 9);
	sodium_bin2base64(text, sizeof(text), bytes, sizeof(bytes), sodium_base64_VARIANT_ORIGINAL);
	for (size_t at = 0; at < sizeof(text); at++) {
		size_t len = sizeof(text) - 1;

		memcpy(broken, text, at);
		memcpy(broken + at, "\r\n", 2);
		memcpy(broken + at + 2, text + at, len - at);
		check_text(broken, len + 2, "\r\n");
		check_text(broken, len + 2, NULL);
	}
}

static void does_not_write_beyond_the_maximum(void **state)
{
	cleanup_(secret_buf_freep) struct secret_buf *buf = secret_buf_new(20);

	(void)state;
	base64_append(buf, "0123456789abcde", 15);
	assert_false(secret_buf_ok(buf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_and_reads_what_libsodium_does),
		cmocka_unit_test(finds_what_is_none),
		cmocka_unit_test(leaves_out_line_ends),
		cmocka_unit_test(does_not_write_beyond_the_maximum),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
