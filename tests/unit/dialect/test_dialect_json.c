#include "dialect_test.h"

static const struct decode_row rows[] = {
	{ .text = "{}", .set = { NULL } },
	{ .text = " {\"A\": \"b\",\n\"B\" :\"\"}\n", .set = { "A", "b", "B", "" } },
	{ .text = "{\"A\": \"\\\"\\\\\\/\\n\\u00e9\\ud83d\\ude00\"}", .set = { "A", "\"\\/\n\xc3\xa9\xf0\x9f\x98\x80" } },
	{ .text = "{\"\\u0041-.\": \"b\"}", .set = { "A-.", "b" } },
	{ .text = "{\"A\": \"b\",\n \"B\": 1}", .refused = "is a number", .line = 2 },
	{ .text = "{\"A\": true}", .refused = "true or false" },
	{ .text = "{\"A\": null}", .refused = "is null" },
	{ .text = "{\"A\": []}", .refused = "an object or a list" },
	{ .text = "{\"A\": {}}", .refused = "an object or a list" },
	{ .text = "{\"\": \"b\"}", .refused = "the name is empty" },
	{ .text = "{\"A\\u0000\": \"b\"}", .refused = "the name is empty" },
	{ .text = "[\"A\"]", .refused = "not one JSON object" },
	{ .text = "\"A\"", .refused = "not one JSON object" },
	{ .text = "{\"A\": \"b\",}", .refused = "not valid JSON" },
	{ .text = "{\"A\": \"b\"} x", .refused = "not valid JSON" },
	{ .text = "{\"A\": \"b\", \"A\": \"c\"}", .refused = "not valid JSON" },
	{ .text = "{\"A\": \"\xe9\"}", .refused = "not valid JSON" },
	{ .text = "{\"A\": \"\\ud800\"}", .refused = "not valid JSON" },
	{ .text = "{\"A\": \"b\nc\"}", .refused = "not valid JSON" },
	{ .text = " ", .refused = "not valid JSON" },
};

static void reads_one_object_of_strings(void **state)
{
	(void)state;
	check_decode_table("json", rows, ARRAY_LEN(rows));
}

static void every_other_kind_is_named(void **state)
{
	static const char text[] = "{\"A\": 1, \"B\": \"ok\", \"C\": null, \"D\": [1]}";
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	(void)state;
	assert_int_equal(dialect_decode(must_find("json"), text, strlen(text), set, &notes, &err), ERR_INVALID);
	assert_int_equal(notes.errors, 3);
	assert_string_equal(notes.items[0].name, "A");
	assert_string_equal(notes.items[1].name, "C");
	assert_string_equal(notes.items[2].name, "D");
}

static void nul_is_held(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "a\0b", .value_len = 3, .refused = NULL },
		{ "any name: =\n", "'\"\\\r\n\t\x01\x7f\xef\xbf\xbe", .refused = NULL },
		{ "B", "\xe9", .refused = "not valid UTF-8" },
		{ "C\xe9", "x", .refused = "the name" },
		{ "D\0E", "x", .name_len = 3, .refused = "the name" },
	};
	(void)state;
	check_refuse_table("json", refusals, ARRAY_LEN(refusals));
}

static void one_variable_a_line(void **state)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(100);
	(void)state;
	assert_int_equal(env_set_put(set, "B", 1, "x\"y", 3, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "A", 1, "", 0, 0, NULL, &err), ERR_OK);
	assert_int_equal(dialect_encode(must_find("json"), set, NULL, out, &notes, &err), ERR_OK);
	secret_buf_append_char(out, '\0');
	assert_string_equal(secret_buf_text(out), "{\n  \"B\": \"x\\\"y\",\n  \"A\": \"\"\n}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_one_object_of_strings),
		cmocka_unit_test(every_other_kind_is_named),
		cmocka_unit_test(nul_is_held),
		cmocka_unit_test(one_variable_a_line),
	};
	return cmocka_run_group_tests_name("dialect_json", tests, NULL, NULL);
}
