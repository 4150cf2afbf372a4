/*
 * What is shown of a token: kinds, what is left out, and that no text can act on a terminal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/fields.h"

static const struct field_row rows[] = {
	{"text", "a", FIELD_TEXT},     {"number", "b", FIELD_NUMBER}, {"duration", "c", FIELD_DURATION},
	{"flag", "d", FIELD_FLAG},     {"list", "e", FIELD_LIST},     {"map", "f", FIELD_MAP},
};

static const struct {
	const char *object, *shown;
} cases[] = {
	{"{}", ""},
	{"{\"z\":1}", ""},
	{"{\"a\":\"\"}", ""},
	{"{\"a\":null,\"b\":0,\"e\":null,\"f\":{}}", ""},
	{"{\"a\":\"x\",\"b\":7}", "text              x\nnumber            7\n"},
	{"{\"a\":\"\\u001b[31m\\n\\u009b\"}", "text              \\x1b[31m\\n\\xc2\\x9b\n"},
	{"{\"c\":5400}", "duration          1h30m0s\n"},
	{"{\"c\":0}", "duration          never ends\n"},
	{"{\"c\":\"x\"}", "duration          never ends\n"},
	{"{\"d\":true}", "flag              yes\n"},
	{"{\"d\":false}", "flag              no\n"},
	{"{\"e\":[]}", "list              \n"},
	{"{\"e\":[\"a\",\"b\\u0007\",3]}", "list              a, b\\x07, 3\n"},
	{"{\"f\":{\"k\":\"v\",\"\\u001b\":\"w\"}}", "map               k=v, \\x1b=w\n"},
};

static void test_columns(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct secret_buf *out = secret_buf_new(1024);
		struct json_value object;
		struct error err = ERROR_INIT;

		print_message("# %s\n", cases[i].object);
		assert_int_equal(json_scan(cases[i].object, strlen(cases[i].object), &object, &err), ERR_OK);
		fields_append(rows, ARRAY_LEN(rows), &object, out);
		secret_buf_append_char(out, '\0');
		assert_string_equal(secret_buf_text(out), cases[i].shown);
		secret_buf_free(out);
	}
}

static void check(char *line, const char *sentence)
{
	static char program[] = "envctl", verb[] = "token", second[] = "lookup";
	char *argv[8] = {program, verb, second};
	int argc = 3;
	struct invocation inv;
	struct error err = ERROR_INIT;

	for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
		argv[argc++] = word;
	assert_int_equal(invocation_parse(argc, argv, &inv, &err), ERR_OK);
	enum error_code rc = fields_check(&inv, rows, ARRAY_LEN(rows), &err);
	assert_int_equal(rc, sentence != NULL ? ERR_USAGE : ERR_OK);
	if (sentence != NULL)
		assert_non_null(strstr(err.text, sentence));
	invocation_free(&inv);
}

static void test_check(void **state)
{
	char good[] = "--field map", none[] = "", unknown[] = "--field nope", both[] = "--field map --json";

	(void)state;
	check(good, NULL);
	check(none, NULL);
	check(unknown, "text, number, duration, flag, list, map");
	check(both, "one of --field and --json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
