#include "expect.h"

#include <errno.h>
#include <string.h>

#include "vault/error.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/names.h"

static void every_code_has_a_row_with_its_own_name(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_CODE_COUNT; i++) {
		const char *name = error_name((enum error_code)i);
		assert_non_null(name);
		assert_true(strlen(name) >= 2);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(name, error_name((enum error_code)j));
		assert_int_equal(error_named(name), i);
	}
	assert_int_equal(error_named("nonsense"), ERR_INTERNAL);
	assert_int_equal(error_named(""), ERR_INTERNAL);
	assert_int_equal(error_named(NULL), ERR_INTERNAL);
}

static void statuses_and_exit_codes_are_as_documented(void **state)
{
	(void)state;
	static const struct {
		enum error_code code;
		int http_status;
		int exit_code;
	} cases[] = {
		{ ERR_OK, 200, 0 },
		{ ERR_INVALID, 400, 1 },
		{ ERR_CAS, 400, 6 },
		{ ERR_TOO_LARGE, 413, 1 },
		{ ERR_MEDIA_TYPE, 415, 1 },
		{ ERR_METHOD, 405, 1 },
		{ ERR_DENIED, 403, 4 },
		{ ERR_NOT_FOUND, 404, 3 },
		{ ERR_DELETED, 404, 3 },
		{ ERR_EXISTS, 400, 6 },
		{ ERR_UNREPRESENTABLE, 400, 1 },
		{ ERR_USAGE, 500, 64 },
		{ ERR_CONFIG, 500, 78 },
		{ ERR_SEALED, 503, 2 },
		{ ERR_NOT_INITIALIZED, 503, 2 },
		{ ERR_ALREADY_INITIALIZED, 400, 1 },
		{ ERR_UNSEAL_FAILED, 400, 4 },
		{ ERR_SLOWED_DOWN, 429, 75 },
		{ ERR_BUSY, 503, 75 },
		{ ERR_TIMEOUT, 500, 5 },
		{ ERR_CONFLICT, 500, 6 },
		{ ERR_NO_MEMORY, 500, 1 },
		{ ERR_IO, 500, 74 },
		{ ERR_PERMISSION, 500, 77 },
		{ ERR_STORAGE_FULL, 507, 74 },
		{ ERR_OUTCOME_UNKNOWN, 500, 74 },
		{ ERR_UNREACHABLE, 500, 5 },
		{ ERR_PROTOCOL, 500, 5 },
		{ ERR_AUTH, 500, 65 },
		{ ERR_STORE_LOCKED, 500, 75 },
		{ ERR_FORMAT_NEWER, 500, 66 },
		{ ERR_INTERNAL, 500, 1 },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		assert_int_equal(error_http_status(cases[i].code), cases[i].http_status);
		assert_int_equal(error_exit_code(cases[i].code), cases[i].exit_code);
	}
	for (int i = ERR_STORE_DAMAGED; i < ERR_FORMAT_NEWER; i++) {
		assert_int_equal(error_http_status((enum error_code)i), 500);
		assert_int_equal(error_exit_code((enum error_code)i), 65);
	}
}

static void a_code_outside_the_enum_is_an_internal_error(void **state)
{
	(void)state;
	assert_string_equal(error_name((enum error_code)9999), "internal");
	assert_string_equal(error_name(ERR_CODE_COUNT), "internal");
	assert_int_equal(error_http_status((enum error_code)9999), 500);
}

static void the_first_failure_wins(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	assert_int_equal(error_set(&err, ERR_CAS, "first %d", 1), ERR_CAS);
	assert_int_equal(error_set(&err, ERR_IO, "second"), ERR_CAS);
	assert_int_equal(error_set_errno(&err, ERR_IO, EIO, "third"), ERR_CAS);
	assert_int_equal(err.code, ERR_CAS);
	assert_int_equal(err.sys_errno, 0);
	assert_string_equal(err.text, "first 1");
	error_clear(&err);
	assert_int_equal(err.code, ERR_OK);
	assert_string_equal(err.text, "");
	assert_int_equal(error_set(&err, ERR_IO, "fourth"), ERR_IO);
	assert_string_equal(err.text, "fourth");
}

static void errno_and_context_join_the_sentence(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	assert_int_equal(error_set_errno(&err, ERR_IO, EACCES, "open %s", "x"), ERR_IO);
	assert_int_equal(err.sys_errno, EACCES);
	assert_string_equal(err.text, "open x: Permission denied");
	assert_int_equal(error_prefix(&err, "load %s", "y"), ERR_IO);
	assert_string_equal(err.text, "load y: open x: Permission denied");
}

/* Whatever was written: who can make room is told so. */
static void a_full_disk_has_its_own_code(void **state)
{
	static const int full[] = { ENOSPC, EDQUOT };

	(void)state;
	for (size_t i = 0; i < sizeof(full) / sizeof(full[0]); i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(error_set_errno(&err, ERR_IO, full[i], "write x"), ERR_STORAGE_FULL);
		assert_int_equal(err.code, ERR_STORAGE_FULL);
	}
	struct error other = ERROR_INIT;
	assert_int_equal(error_set_errno(&other, ERR_PERMISSION, ENOSPC, "write x"), ERR_PERMISSION);
}

static void a_long_sentence_is_cut_between_characters(void **state)
{
	(void)state;
	char long_text[1200];
	for (size_t shift = 0; shift < 4; shift++) {
		/* Three-byte characters, at each offset against the end of the buffer. */
		memset(long_text, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof(long_text); i += 3)
			memcpy(long_text + i, "\xe2\x82\xac", 4);
		struct error err = ERROR_INIT;
		error_set(&err, ERR_INVALID, "%s", long_text);
		assert_in_range(strlen(err.text), ERROR_TEXT_MAX - 4, ERROR_TEXT_MAX - 1);
		assert_true(utf8_is_valid(err.text, strlen(err.text)));
		error_prefix(&err, "context");
		assert_in_range(strlen(err.text), ERROR_TEXT_MAX - 4, ERROR_TEXT_MAX - 1);
		assert_true(utf8_is_valid(err.text, strlen(err.text)));
		assert_int_equal(strncmp(err.text, "context: ", 9), 0);
	}
}

static void no_newline_stays_at_the_end(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	error_set(&err, ERR_INVALID, "line\n\n");
	assert_string_equal(err.text, "line");
}

/* What --json prints. Nothing in it acts on a terminal, and it is JSON whatever a file is called. */
static void an_error_is_a_json_object(void **state)
{
	static const struct {
		const char *text, *usage, *expected;
	} rows[] = {
		{ "no \"b\"", NULL, "{\"error\":{\"code\":\"not_found\",\"exit_code\":125,\"message\":\"no \\\"b\\\"\"}}\n" },
		{ "a\tb\033c\177", "x [y]",
		  "{\"error\":{\"code\":\"not_found\",\"exit_code\":125,\"message\":\"a\\tb\\u001bc\\u007f\",\"usage\":\"x [y]\"}}\n" },
		{ "\xc2\x9b\xc2\xa0\xe2\x82\xac", NULL,
		  "{\"error\":{\"code\":\"not_found\",\"exit_code\":125,\"message\":\"\\u009b\xc2\xa0\xe2\x82\xac\"}}\n" },
		{ "\xff\xc2\x9b", NULL, "{\"error\":{\"code\":\"not_found\",\"exit_code\":125,\"message\":\"?\\u009b\"}}\n" },
		{ "\x9b\xc3\xa9\xc2", NULL, "{\"error\":{\"code\":\"not_found\",\"exit_code\":125,\"message\":\"?\xc3\xa9?\"}}\n" },
		{ "\xe2\x80\xa7\xe2\x80\xae\xe2\x81\xa6", NULL,
		  "{\"error\":{\"code\":\"not_found\",\"exit_code\":125,\"message\":\"\xe2\x80\xa7\\u202e\\u2066\"}}\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct secret_buf *out = secret_buf_new(1024);
		struct error err = ERROR_INIT;

		error_set(&err, ERR_NOT_FOUND, "%s", rows[i].text);
		json_emit_error(out, &err, 125, rows[i].usage);
		assert_int_equal(secret_buf_len(out), strlen(rows[i].expected));
		assert_memory_equal(secret_buf_text(out), rows[i].expected, secret_buf_len(out));
		secret_buf_free(out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_a_row_with_its_own_name),
		cmocka_unit_test(statuses_and_exit_codes_are_as_documented),
		cmocka_unit_test(a_code_outside_the_enum_is_an_internal_error),
		cmocka_unit_test(the_first_failure_wins),
		cmocka_unit_test(a_full_disk_has_its_own_code),
		cmocka_unit_test(errno_and_context_join_the_sentence),
		cmocka_unit_test(a_long_sentence_is_cut_between_characters),
		cmocka_unit_test(no_newline_stays_at_the_end),
		cmocka_unit_test(an_error_is_a_json_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
