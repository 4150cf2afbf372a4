#include "dialect_test.h"

static const struct decode_row rows[] = {
	{ .text = "environment:\n  A: b\n  B: \"c$$d$$$$\"\n", .set = { "A", "b", "B", "c$d$$" } },
	{ .text = "environment: {}\n", .set = { NULL } },
	{ .text = "environment: []\n", .set = { NULL } },
	{ .text = "{}\n", .set = { NULL } },
	{ .text = "A: b\nB: 8080\n", .set = { "A", "b", "B", "8080" } },
	{ .text = "environment: production\nA: b\n", .set = { "environment", "production", "A", "b" } },
	{ .text = "environment:\n  - A=b\n  - \"B=c=d $$e\"\n  - C=\n  - 'D=yes'\n",
	  .set = { "A", "b", "B", "c=d $e", "C", "", "D", "yes" } },
	{ .text = "- A=b\n- 1=2\n", .set = { "A", "b", "1", "2" } },
	{ .text = "A:\nB: ~\nC: null\nD: x\n", .set = { "D", "x" }, .warned = "a name alone", .line = 1 },
	{ .text = "environment:\n- A\n- B=c\n", .set = { "B", "c" }, .warned = "a name alone", .line = 2 },
	{ .text = "A: b$c\n", .refused = "not doubled", .line = 1 },
	{ .text = "A: \"${B}\"\n", .refused = "not doubled" },
	{ .text = "A: '$'\n", .refused = "not doubled" },
	{ .text = "A: b$$$\n", .refused = "not doubled" },
	{ .text = "- A=$B\n", .refused = "not doubled" },
	{ .text = "A: yes\n", .refused = "is a number" },
	{ .text = "A: 012\n", .refused = "is a number" },
	{ .text = "A: 1.10\n", .refused = "is a number" },
	{ .text = "- 5\n", .refused = "is a number" },
	{ .text = "- [A=b]\n", .refused = "not NAME=VALUE" },
	{ .text = "- A: b\n", .refused = "not NAME=VALUE" },
	{ .text = "- A=b\n- A=c\n", .refused = "set more than once", .line = 2 },
	{ .text = "A: b\nA: c\n", .refused = "set more than once" },
	{ .text = "- =b\n", .refused = "the name is empty" },
	{ .text = "A: [b]\n", .refused = "a mapping or a list" },
	{ .text = "A: !!binary aGk=\n", .refused = "a tag" },
	{ .text = "environment: {A: b}\nimage: x\n", .refused = "more than one environment" },
	{ .text = "environment: [A=b]\nimage: x\n", .refused = "more than one environment", .line = 2 },
	{ .text = "image: x\nenvironment:\n  A: b\n", .refused = "a mapping or a list", .line = 3 },
	{ .text = "environment:\nA: b\n", .set = { "A", "b" }, .warned = "a name alone", .line = 1 },
	{ .text = "[a]: b\nA: c\n", .refused = "a key is not a name", .line = 1 },
	{ .text = "environment: &x {A: b}\n", .refused = "anchors", .line = 1 },
	{ .text = "services:\n  web:\n    image: x\n", .refused = "a mapping or a list" },
	{ .text = "A\n", .refused = "is not an environment" },
	{ .text = "", .refused = "is not an environment" },
	{ .text = "A: b\n---\nB: c\n", .refused = "more than one document" },
	{ .text = "environment:\n  A: \"b\n", .refused = "not valid YAML" },
};

static void reads_a_mapping_or_a_list(void **state)
{
	(void)state;
	check_decode_table("compose-environment", rows, ARRAY_LEN(rows));
}

/* An item that is a name alone may be a piece of a value. */
static void a_name_alone_is_not_shown(void **state)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	(void)state;
	assert_int_equal(dialect_decode(must_find("compose-environment"), "- c2VjcmV0\n", 11, set, &notes, &err), ERR_OK);
	assert_int_equal(notes.len, 1);
	assert_string_equal(notes.items[0].name, "");
}

static void refuses_nul_and_bytes(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "", .refused = NULL },
		{ "any.name-1 x", "'\"\\\r\n\t\x01\x7f$${\xef\xbf\xbe", .refused = NULL },
		{ "B", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "C", "\xe9", .refused = "not valid UTF-8" },
		{ "D=E", "x", .refused = "the name" },
		{ " D", "x", .refused = NULL },
		{ "D ", "x", .refused = "the name" },
		{ "D\n", "x", .refused = "the name" },
	};
	(void)state;
	check_refuse_table("compose-environment", refusals, ARRAY_LEN(refusals));
}

static void writes_double_quotes_and_dollars(void **state)
{
	(void)state;
	check_written("compose-environment", "A", "b", "environment:\n  A: \"b\"\n");
	check_written("compose-environment", "no", "$b${c}$", "environment:\n  \"no\": \"$$b$${c}$$\"\n");
	check_written("compose-environment", "A", "\"\\\n\xc2\x85", "environment:\n  A: \"\\\"\\\\\\n\\x85\"\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_mapping_or_a_list),
		cmocka_unit_test(a_name_alone_is_not_shown),
		cmocka_unit_test(refuses_nul_and_bytes),
		cmocka_unit_test(writes_double_quotes_and_dollars),
	};
	return cmocka_run_group_tests_name("dialect_compose_environment", tests, NULL, NULL);
}
