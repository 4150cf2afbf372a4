/* base64: the two alphabets and nothing else, at each place; what is ignored; limits; in place. */
#include "expect.h"

#include <sodium.h>
#include <string.h>

#include "vault/base64.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static void each_byte_at_each_place(void **state)
{
	static const struct {
		int variant;
		const char *last;
	} alphabets[] = { { sodium_base64_VARIANT_ORIGINAL, "+/" }, { sodium_base64_VARIANT_URLSAFE_NO_PADDING, "-_" } };
	uint8_t bytes[3];
	size_t len;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (unsigned place = 0; place < 4; place++)
			for (int byte = 0; byte < 256; byte++) {
				char text[] = "QUJD";
				bool allowed = byte != 0 && (strchr(letters, byte) || strchr(alphabets[i].last, byte));

				text[place] = (char)byte;
				assert_int_equal(base64_read(text, 4, NULL, alphabets[i].variant, bytes, 3, &len), allowed);
			}
}

static void what_is_ignored_and_how_much_fits(void **state)
{
	char text[] = "QU\r\nJD\n";
	uint8_t bytes[3];
	size_t len;

	(void)state;
	assert_false(base64_read(text, 7, NULL, sodium_base64_VARIANT_ORIGINAL, bytes, 3, &len));
	assert_true(base64_read(text, 7, "\r\n", sodium_base64_VARIANT_ORIGINAL, bytes, 3, &len));
	assert_int_equal(len, 3);
	assert_memory_equal(bytes, "ABC", 3);
	assert_false(base64_read(text, 7, "\r\n", sodium_base64_VARIANT_ORIGINAL, bytes, 2, &len));
	assert_true(base64_read(text, 7, "\r\n", sodium_base64_VARIANT_ORIGINAL, (uint8_t *)text, 7, &len));
	assert_memory_equal(text, "ABC", 3);
	assert_true(base64_read("", 0, NULL, sodium_base64_VARIANT_ORIGINAL, bytes, 3, &len));
	assert_int_equal(len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_at_each_place),
		cmocka_unit_test(what_is_ignored_and_how_much_fits),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
