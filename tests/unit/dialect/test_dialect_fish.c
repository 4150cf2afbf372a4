#include "dialect_test.h"

#define COMMAND "does not set a variable"

static const struct decode_row rows[] = {
	{ .text = "set -gx A b\n", .set = { "A", "b" } },
	{ .text = "set A b", .set = { "A", "b" } },
	{ .text = "set -x A b; set -g -x B c;set --global --export C -- d\n", .refused = "several values", .line = 1 },
	{ .text = "set -x A b; set -g -x B c;set --global --export -- C d\n", .set = { "A", "b", "B", "c", "C", "d" } },
	{ .text = "set -gx A\nset -gx B ''\nset -gx C \"\"\n", .set = { "A", "", "B", "", "C", "" } },
	{ .text = "set -gx A 'it\\'s \\\\ \\n $x `'\n", .set = { "A", "it's \\ \\n $x `" } },
	{ .text = "set -gx A \"a\\\"b\\\\c\\$d\\e'f (g)\"\n", .set = { "A", "a\"b\\c$d\\e'f (g)" } },
	{ .text = "set -gx A \"a\\\nb\"'c\nd'e\n", .set = { "A", "abc\nde" } },
	{ .text = "set -gx A a\\ b\\tc\\nd\\e\\'\\\"\\$\\\\\\#\n", .set = { "A", "a b\tc\nd\x1b'\"$\\#" } },
	{ .text = "set -gx A \\\n  b\\\nc\n", .set = { "A", "bc" } },
	{ .text = "# c\n\n  ;; set\t-gx\tA\tb\t# c\nset B c#\n", .refused = "outside quotes", .line = 4 },
	{ .text = "# c\n\n  ;; set\t-gx\tA\tb\t# c\n", .set = { "A", "b" } },
	{ .text = "set -gx A b\r\nset -gx B c\r\n", .set = { "A", "b", "B", "c" } },
	{ .text = "set -gx A b\nset -gx A c\n", .set = { "A", "c" }, .warned = "more than once", .line = 2 },
	{ .text = "set -gx A b:c=d,e/f.g@h%i+j-k_l\n", .refused = "outside quotes" },
	{ .text = "set -gx A b:c=d,e/f.g@h+j-k_l\n", .set = { "A", "b:c=d,e/f.g@h+j-k_l" } },
	{ .text = "set -gx XPATH ':a::b:'\nset -gx PATH /a:/b\n", .set = { "XPATH", ":a::b:", "PATH", "/a:/b" } },
	{ .text = "set -gx PATH '/a::/b'\n", .refused = "in place of an empty part" },
	{ .text = "set -gx PATH ''\n", .refused = "in place of an empty part" },
	{ .text = "set -gx CDPATH a:\n", .refused = "in place of an empty part" },
	{ .text = "set -gx A b c\n", .refused = "several values", .line = 1 },
	{ .text = "set -gx A $B\n", .refused = "another variable" },
	{ .text = "set -gx A \"$B\"\n", .refused = "another variable" },
	{ .text = "set -gx A (id)\n", .refused = "runs a command" },
	{ .text = "set -gx A \"$(id)\"\n", .refused = "another variable" },
	{ .text = "set -gx A b & id\n", .refused = "several values" },
	{ .text = "set -gx A b| id\n", .refused = "runs a command" },
	{ .text = "set -gx A b>f\n", .refused = "runs a command" },
	{ .text = "set -gx A ~/b\n", .refused = "may expand" },
	{ .text = "set -gx A b*\n", .refused = "may expand" },
	{ .text = "set -gx A {b,c}\n", .refused = "may expand" },
	{ .text = "set -gx A b[1]\n", .refused = "may expand" },
	{ .text = "set -gx A[1] b\n", .refused = "not a plain name" },
	{ .text = "set -gx 'A' b\n", .refused = "not a plain name" },
	{ .text = "set -gx 1A b\n", .set = { "1A", "b" } },
	{ .text = "set -gx \xc3\xa9 b\n", .refused = "not a plain name" },
	{ .text = "set -gx\n", .refused = "not a plain name" },
	{ .text = "set -gx A \xc3\xa9\n", .refused = "outside ASCII" },
	{ .text = "set -gx A '\xc3\xa9\xe9'\n", .set = { "A", "\xc3\xa9\xe9" } },
	{ .text = "set -gx A \\x41\n", .refused = "by its number" },
	{ .text = "set -gx A 'b\nset -gx B c\n", .refused = "not closed", .line = 1 },
	{ .text = "set -gx A \"b\n", .refused = "not closed" },
	{ .text = "set -gx A b\\", .refused = "ends in a backslash" },
	{ .text = "set -gx A \\\n# c\nset -gx B c\n", .refused = "goes on with the line below" },
	{ .text = "set -gx A b \\\n # c\nset -gx B c\n", .refused = "goes on with the line below" },
	{ .text = "set -e A\n", .refused = "this option" },
	{ .text = "set -a A b\n", .refused = "this option" },
	{ .text = "set -Ux A b\n", .refused = "this option" },
	{ .text = "set -l A b\n", .refused = "this option" },
	{ .text = "set --path A b\n", .refused = "this option" },
	{ .text = "A=b\n", .refused = COMMAND },
	{ .text = "export A=b\n", .refused = COMMAND },
	{ .text = "setenv A b\n", .refused = COMMAND },
	{ .text = "set\n", .refused = COMMAND },
	{ .text = "begin; set -gx A b; end\n", .refused = COMMAND, .line = 1 },
	{ .text = "source other\nset -gx A (id)\n", .refused = "runs a command", .line = 2 },
	{ .text = "set -gx status 5\n", .refused = "meaning of its own" },
	{ .text = "set -gx A b\0\n", .refused = "not a text file", .len = 13 },
};

static void reads_constants_as_fish_does(void **state)
{
	(void)state;
	check_decode_table("fish", rows, ARRAY_LEN(rows));
}

static void refuses_names_of_its_own_and_nul(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "", .refused = NULL },
		{ "A1_", " '\"\\`$#~*\r\n\t\x01\xe9\xff ", .refused = NULL },
		{ "B", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "C-D", "x", .refused = "letters, digits" },
		{ "1C", "x", .refused = NULL },
		{ "\xc3\xa9", "x", .refused = "letters, digits" },
		{ "", "x", .refused = "letters, digits" },
		{ "PATH", "/a::/b", .refused = "empty part" },
		{ "CDPATH", "", .refused = "empty part" },
		{ "MANPATH", "a::b", .refused = NULL },
		{ "XPATH", ":", .refused = NULL },
		{ "PATHS", ":", .refused = NULL },
		{ "status", "x", .refused = "meaning of its own" },
		{ "STATUS", "x", .refused = NULL },
		{ "PWD", "/", .refused = "meaning of its own" },
		{ "fish_trace", "1", .refused = "meaning of its own" },
	};
	(void)state;
	check_refuse_table("fish", refusals, ARRAY_LEN(refusals));
}

static void writes_single_quotes(void **state)
{
	(void)state;
	check_written("fish", "A", "b", "set -gx A 'b'\n");
	check_written("fish", "A", "", "set -gx A ''\n");
	check_written("fish", "A", "'\\n'\n", "set -gx A '\\'\\\\n\\'\n'\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_constants_as_fish_does),
		cmocka_unit_test(refuses_names_of_its_own_and_nul),
		cmocka_unit_test(writes_single_quotes),
	};
	return cmocka_run_group_tests_name("dialect_fish", tests, NULL, NULL);
}
