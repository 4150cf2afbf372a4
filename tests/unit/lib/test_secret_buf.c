#include "expect.h"

#include <stdlib.h>
#include <string.h>

#include "freed_watch.h"
#include "vault/secret_buf.h"

#define CANARY "canary-of-secret-buf"

#if defined(__SANITIZE_ADDRESS__)
/* The sanitizer's malloc() must fail as every other, not end the test. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}
#endif

static void content_is_what_was_appended(void **state)
{
	(void)state;
	cleanup_(secret_buf_freep) struct secret_buf *buf = secret_buf_new(1000);
	assert_non_null(buf);
	assert_int_equal(secret_buf_len(buf), 0);
	assert_non_null(secret_buf_bytes(buf));
	secret_buf_append(buf, NULL, 0);
	secret_buf_append(buf, "ab", 2);
	secret_buf_append_char(buf, 'c');
	secret_buf_append_text(buf, "def");
	assert_true(secret_buf_ok(buf));
	assert_int_equal(secret_buf_len(buf), 6);
	assert_memory_equal(secret_buf_text(buf), "abcdef", 6);
	secret_buf_mutable(buf)[0] = 'x';
	assert_memory_equal(secret_buf_bytes(buf), "xbcdef", 6);
}

static void it_holds_its_maximum_and_not_a_byte_more(void **state)
{
	(void)state;
	static const size_t maxima[] = { 0, 1, 255, 256, 257, 1000, 4096 };
	for (size_t i = 0; i < CASES(maxima); i++) {
		cleanup_(secret_buf_freep) struct secret_buf *buf = secret_buf_new(maxima[i]);
		struct error err = ERROR_INIT;
		for (size_t n = 0; n < maxima[i]; n++)
			secret_buf_append_char(buf, (char)('a' + n % 26));
		assert_true(secret_buf_ok(buf));
		assert_int_equal(secret_buf_check(buf, "it", &err), ERR_OK);
		assert_int_equal(err.code, ERR_OK);
		secret_buf_append_char(buf, 'z');
		assert_false(secret_buf_ok(buf));
		assert_int_equal(secret_buf_len(buf), maxima[i]);
		for (size_t n = 0; n < maxima[i]; n++)
			assert_int_equal(secret_buf_text(buf)[n], 'a' + n % 26);
		assert_fails(secret_buf_check(buf, "the answer", &err), &err, ERR_TOO_LARGE);
		assert_non_null(strstr(err.text, "the answer is larger than"));
	}
}

static void failure_is_sticky_until_reset(void **state)
{
	(void)state;
	cleanup_(secret_buf_freep) struct secret_buf *buf = secret_buf_new(10);
	secret_buf_append_text(buf, "12345");
	secret_buf_append_text(buf, "678901");
	assert_false(secret_buf_ok(buf));
	secret_buf_append_text(buf, "6");
	assert_int_equal(secret_buf_len(buf), 5);
	assert_null(secret_buf_reserve(buf, 1));
	secret_buf_advance(buf, 1);
	assert_int_equal(secret_buf_len(buf), 5);
	secret_buf_reset(buf);
	assert_true(secret_buf_ok(buf));
	assert_int_equal(secret_buf_len(buf), 0);
	secret_buf_append_text(buf, "1234567890");
	assert_true(secret_buf_ok(buf));
	assert_memory_equal(secret_buf_text(buf), "1234567890", 10);
}

static void a_length_that_would_wrap_does_not_fit(void **state)
{
	(void)state;
	cleanup_(secret_buf_freep) struct secret_buf *buf = secret_buf_new(SIZE_MAX);
	secret_buf_append_text(buf, "x");
	assert_null(secret_buf_reserve(buf, SIZE_MAX));
	assert_false(secret_buf_ok(buf));
	secret_buf_reset(buf);
	secret_buf_append_text(buf, "x");
	/* This one fits the maximum but no machine. */
	assert_null(secret_buf_reserve(buf, SIZE_MAX / 2 + 1));
	struct error err = ERROR_INIT;
	assert_fails(secret_buf_check(buf, "it", &err), &err, ERR_NO_MEMORY);
}

static void reserve_lends_room_at_the_end(void **state)
{
	(void)state;
	cleanup_(secret_buf_freep) struct secret_buf *buf = secret_buf_new(600);
	secret_buf_append_text(buf, "head");
	uint8_t *room = secret_buf_reserve(buf, 500);
	assert_non_null(room);
	memset(room, 'r', 500);
	secret_buf_advance(buf, 3);
	assert_int_equal(secret_buf_len(buf), 7);
	assert_memory_equal(secret_buf_text(buf), "headrrr", 7);
}

static void truncate_and_reset_wipe(void **state)
{
	(void)state;
	cleanup_(secret_buf_freep) struct secret_buf *buf = secret_buf_new(200);
	secret_buf_append_text(buf, "0123456789");
	const uint8_t *bytes = secret_buf_bytes(buf);
	secret_buf_truncate(buf, 4);
	assert_int_equal(secret_buf_len(buf), 4);
	assert_memory_equal(bytes, "0123\0\0\0\0\0\0", 10);
	memcpy(secret_buf_reserve(buf, 20), CANARY, 20);
	secret_buf_reset(buf);
	static const uint8_t zeros[24];
	assert_memory_equal(bytes, zeros, sizeof(zeros));
	secret_buf_append_text(buf, "z");
	assert_ptr_equal(secret_buf_bytes(buf), bytes);
}

static void nothing_is_freed_with_its_content(void **state)
{
	(void)state;
	watch_freed(CANARY);
	struct secret_buf *buf = secret_buf_new(1 << 20);
	for (int i = 0; i < 2000; i++)
		secret_buf_append_text(buf, CANARY);
	assert_true(secret_buf_ok(buf));
	memcpy(secret_buf_reserve(buf, 100), CANARY, strlen(CANARY));
	secret_buf_free(buf);
	secret_buf_free(NULL);
	assert_freed_clean();
}

/* Growth goes to the expected length at once, and further when there is more; the maximum stays. */
static void an_expected_length_is_no_limit(void **state)
{
	(void)state;
	cleanup_(secret_buf_freep) struct secret_buf *buf = secret_buf_new(3000);
	secret_buf_expect(buf, 1000);
	secret_buf_append_char(buf, 'a');
	const uint8_t *first = secret_buf_bytes(buf);
	for (int i = 1; i < 1000; i++)
		secret_buf_append_char(buf, 'a');
	assert_ptr_equal(secret_buf_bytes(buf), first);
	for (int i = 1000; i < 3000; i++)
		secret_buf_append_char(buf, 'b');
	assert_true(secret_buf_ok(buf));
	assert_int_equal(secret_buf_bytes(buf)[999], 'a');
	assert_int_equal(secret_buf_bytes(buf)[2999], 'b');
	secret_buf_append_char(buf, 'c');
	assert_false(secret_buf_ok(buf));
	cleanup_(secret_buf_freep) struct secret_buf *small = secret_buf_new(10);
	secret_buf_expect(small, 1000);
	secret_buf_append(small, "0123456789", 10);
	assert_true(secret_buf_ok(small));
	secret_buf_append_char(small, 'x');
	assert_false(secret_buf_ok(small));
}

/* What is given up is wiped, what is kept is the content; a little too much stays. */
static void trimming_keeps_the_content(void **state)
{
	(void)state;
	cleanup_(secret_buf_freep) struct secret_buf *buf = secret_buf_new(100000);
	secret_buf_expect(buf, 50000);
	secret_buf_append_text(buf, CANARY);
	const uint8_t *before = secret_buf_bytes(buf);
	watch_freed(CANARY);
	secret_buf_trim(buf);
	assert_freed_clean();
	assert_ptr_not_equal(secret_buf_bytes(buf), before);
	assert_int_equal(secret_buf_len(buf), strlen(CANARY));
	assert_memory_equal(secret_buf_bytes(buf), CANARY, strlen(CANARY));
	before = secret_buf_bytes(buf);
	secret_buf_trim(buf);
	assert_ptr_equal(secret_buf_bytes(buf), before);
	secret_buf_append_char(buf, 'x');
	assert_int_equal(secret_buf_len(buf), strlen(CANARY) + 1);
	assert_true(secret_buf_ok(buf));
}

static void the_watch_sees_what_is_not_wiped(void **state)
{
	(void)state;
	if (!FREED_IS_WATCHED)
		skip();
	watch_freed(CANARY);
	free(strdup(CANARY));
	watched_canary = NULL;
	assert_int_equal(freed_with_canary, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_is_what_was_appended),
		cmocka_unit_test(it_holds_its_maximum_and_not_a_byte_more),
		cmocka_unit_test(failure_is_sticky_until_reset),
		cmocka_unit_test(a_length_that_would_wrap_does_not_fit),
		cmocka_unit_test(reserve_lends_room_at_the_end),
		cmocka_unit_test(truncate_and_reset_wipe),
		cmocka_unit_test(nothing_is_freed_with_its_content),
		cmocka_unit_test(an_expected_length_is_no_limit),
		cmocka_unit_test(trimming_keeps_the_content),
		cmocka_unit_test(the_watch_sees_what_is_not_wiped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
