/*
 * Plans: what changes by name, and the exact environment afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/output.h"
#include "cmd/plan.h"

static struct env_set *set_of(const char *json, const struct name_filter *filter)
{
	struct env_set *set = env_set_new(PLAN_SET_MAX);
	struct json_value object;
	struct error err = ERROR_INIT;

	assert_non_null(set);
	assert_int_equal(json_scan(json, strlen(json), &object, &err), ERR_OK);
	assert_int_equal(plan_add_object(set, &object, filter, &err), ERR_OK);
	return set;
}

struct row {
	const char *base, *wanted;
	bool replace;
	const char *lines; /* joined by ' ' */
	const char *data;
	size_t unchanged;
};

static const struct row rows[] = {
	{"{}", "{}", false, "", "{}", 0},
	{"{}", "{\"A\":\"1\"}", false, "+A", "{\"A\":\"1\"}", 0},
	{"{\"A\":\"1\"}", "{\"A\":\"1\"}", false, "", "{\"A\":\"1\"}", 1},
	{"{\"A\":\"1\"}", "{\"A\":\"2\"}", false, "~A", "{\"A\":\"2\"}", 0},
	{"{\"A\":\"1\",\"B\":\"2\"}", "{\"B\":\"3\",\"C\":\"4\"}", false, "~B +C",
	 "{\"A\":\"1\",\"B\":\"3\",\"C\":\"4\"}", 1},
	{"{\"A\":\"1\",\"B\":\"2\"}", "{\"B\":\"3\",\"C\":\"4\"}", true, "-A ~B +C", "{\"B\":\"3\",\"C\":\"4\"}", 0},
	{"{\"A\":\"1\"}", "{}", true, "-A", "{}", 0},
	/* the same text in another spelling is no change; a number is not its text */
	{"{\"A\":\"\\u0041\\/\"}", "{\"A\":\"A/\"}", false, "", "{\"A\":\"A/\"}", 1},
	{"{\"A\":1.10}", "{\"A\":1.10}", false, "", "{\"A\":1.10}", 1},
	{"{\"A\":1.10}", "{\"A\":1.1}", false, "~A", "{\"A\":1.1}", 0},
	{"{\"A\":1}", "{\"A\":\"1\"}", false, "~A", "{\"A\":\"1\"}", 0},
	/* null and objects are values, not merge instructions */
	{"{\"A\":{\"x\":1}}", "{\"A\":{\"y\":2},\"B\":null}", false, "~A +B", "{\"A\":{\"y\":2},\"B\":null}", 0},
	{"{\"a\\tb\":\"1\"}", "{\"a\\u0009b\":\"2\"}", false, "~a\tb", "{\"a\\tb\":\"2\"}", 0},
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		struct env_set *base = set_of(row->base, NULL), *wanted = set_of(row->wanted, NULL);
		struct plan plan = {0};
		struct error err = ERROR_INIT;
		char lines[256] = "";

		print_message("# row %zu\n", i);
		assert_int_equal(plan_make(base, wanted, row->replace, &plan, &err), ERR_OK);
		for (size_t at = 0; at < secret_buf_len(plan.lines); at++) {
			char c = secret_buf_text(plan.lines)[at];

			lines[at] = c != '\0' ? c : ' ';
			lines[at + 1] = '\0';
		}
		if (strlen(lines) > 0)
			lines[strlen(lines) - 1] = '\0';
		assert_string_equal(lines, row->lines);
		assert_int_equal(secret_buf_len(plan.data), strlen(row->data));
		assert_memory_equal(secret_buf_bytes(plan.data), row->data, strlen(row->data));
		assert_int_equal(plan.unchanged, row->unchanged);
		assert_int_equal(plan_is_empty(&plan), row->lines[0] == '\0');
		plan_free(&plan);
		env_set_free(base);
		env_set_free(wanted);
	}
}

static void test_filter(void **state)
{
	struct name_filter filter = {.only = {"DB_*"}, .only_len = 1};
	struct env_set *set = set_of("{\"DB_A\":\"1\",\"X\":\"2\"}", &filter);

	(void)state;
	assert_int_equal(env_set_count(set), 1);
	assert_string_equal(env_set_at(set, 0).name, "DB_A");
	env_set_free(set);
}

static void test_texts_must_be_utf8(void **state)
{
	struct env_set *texts = env_set_new(1000), *set = env_set_new(1000);
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(env_set_put(texts, "GOOD", 4, "\xc3\xa9\"", 3, 0, NULL, &err), ERR_OK);
	assert_int_equal(plan_add_texts(set, texts, &err), ERR_OK);
	assert_string_equal(env_set_at(set, 0).value, "\"\xc3\xa9\\\"\"");
	assert_int_equal(env_set_put(texts, "BAD", 3, "\xff", 1, 0, NULL, &err), ERR_OK);
	assert_int_equal(plan_add_texts(set, texts, &err), ERR_INVALID);
	assert_non_null(strstr(err.text, "BAD"));
	env_set_free(texts);
	env_set_free(set);
}

/* Nothing that a value or name holds acts on a terminal. */
static void test_visible(void **state)
{
	static const char text[] = "a\033[31m\r\n\x7f\t\xc2\x9b\xc3\xa9\x9b\xc2" "1\xff\xe2\x80\xa8\xe2\x80\xaf\xe2\x81\xa9\xf0\x9f\x98\x80\xc2";
	struct secret_buf *out = secret_buf_new(100);

	(void)state;
	output_visible(out, text, sizeof(text) - 1);
	secret_buf_append_char(out, '\0');
	assert_string_equal(secret_buf_text(out), "a\\x1b[31m\\x0d\\n\\x7f\\x09\\xc2\\x9b\xc3\xa9\\x9b\\xc2" "1\\xff\\xe2\\x80\\xa8\xe2\x80\xaf\\xe2\\x81\\xa9\xf0\x9f\x98\x80\\xc2");
	secret_buf_free(out);
}

static void test_table(void **state)
{
	struct error err = ERROR_INIT;
	struct table *table = table_new(2, &err);
	struct secret_buf *out = secret_buf_new(200);

	(void)state;
	table_cell(table, "N");
	table_cell(table, "VALUE");
	table_cell(table, "\xc3\xa9\xc3\xa9");
	table_cell_number(table, 7);
	table_print(table, out);
	secret_buf_append_char(out, '\0');
	assert_string_equal(secret_buf_text(out), "N   VALUE\n\xc3\xa9\xc3\xa9  7\n");
	table_free(table);
	secret_buf_free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_texts_must_be_utf8),
		cmocka_unit_test(test_visible),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
