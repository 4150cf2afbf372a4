#include "dialect_test.h"

#include <stdlib.h>

static const struct decode_row rows[] = {
	{ .text = "A=b\n", .set = { "A", "b" } },
	{ .text = "A=b", .set = { "A", "b" } },
	{ .text = "", .set = { NULL } },
	{ .text = "A=  b c  \n", .set = { "A", "b c" } },
	{ .text = "A = b\n", .set = { "A", "b" } },
	{ .text = "  \t\r\n A\t =\tb\n", .set = { "A", "b" } },
	{ .text = "export A=b\n", .set = { NULL }, .warned = "not a name", .line = 1 },
	{ .text = "A=b #c\n", .set = { "A", "b #c" } },
	{ .text = "A=b#c\n", .set = { "A", "b#c" } },
	{ .text = "A=#b\n", .set = { "A", "#b" } },
	{ .text = "A= #b\n", .set = { "A", "#b" } },
	{ .text = "A=b\t#c\n", .set = { "A", "b\t#c" } },
	{ .text = "A=\"b\" #c\n", .set = { "A", "b#c" } },
	{ .text = "A=\"b#c\"\n", .set = { "A", "b#c" } },
	{ .text = "A=\"b\"c\n", .set = { "A", "bc" } },
	{ .text = "A=b\"c\"\n", .set = { "A", "b\"c\"" } },
	{ .text = "A='b'\"c\"\n", .set = { "A", "bc" } },
	{ .text = "A='it'\"'\"'s'\n", .set = { "A", "it's" } },
	{ .text = "A='it'\\''s'\n", .set = { "A", "it''s'" } },
	{ .text = "A=\"b\\nc\"\n", .set = { "A", "b\\nc" } },
	{ .text = "A='b\\nc'\n", .set = { "A", "b\\nc" } },
	{ .text = "A=b\\nc\n", .set = { "A", "bnc" } },
	{ .text = "A=\"b\\tc\"\n", .set = { "A", "b\\tc" } },
	{ .text = "A=\"b\\\\c\"\n", .set = { "A", "b\\c" } },
	{ .text = "A='b\\\\c'\n", .set = { "A", "b\\\\c" } },
	{ .text = "A=b\\\\c\n", .set = { "A", "b\\c" } },
	{ .text = "A=\"b\\\"c\"\n", .set = { "A", "b\"c" } },
	{ .text = "A=\"b\\\\\"\n", .set = { "A", "b\\" } },
	{ .text = "A='b\\'\nB=c\n", .set = { "A", "b\\", "B", "c" } },
	{ .text = "A='b\\'c'\n", .set = { "A", "b\\c'" } },
	{ .text = "A=\"b\\$c\"\n", .set = { "A", "b$c" } },
	{ .text = "A=\"b$$HOSTVAR\"\n", .set = { "A", "b$$HOSTVAR" } },
	{ .text = "A=b${HOSTVAR}\n", .set = { "A", "b${HOSTVAR}" } },
	{ .text = "A=\"$(echo hi)\"\n", .set = { "A", "$(echo hi)" } },
	{ .text = "A=`b c`\n", .set = { "A", "`b c`" } },
	{ .text = "A=\"b\\`c\"\n", .set = { "A", "b`c" } },
	{ .text = "A=\"b\nc\"\nB=d\n", .set = { "A", "b\nc", "B", "d" } },
	{ .text = "A='b\nc'\n", .set = { "A", "b\nc" } },
	{ .text = "A=b\\\nc\n", .set = { "A", "bc" } },
	{ .text = "A=b\\\rc\n", .set = { "A", "bc" } },
	{ .text = "A=\"b\\\nc\"\n", .set = { "A", "bc" } },
	{ .text = "A=\"b\\\rc\"\n", .set = { "A", "b\\\rc" } },
	{ .text = "A=b\r\nB=c\r\n", .set = { "A", "b", "B", "c" } },
	{ .text = "A=\"b\r\nc\"\r\n", .set = { "A", "b\r\nc" } },
	{ .text = "A=b\rB=c\n", .set = { "A", "b", "B", "c" } },
	{ .text = "\xef\xbb\xbf" "A=b\n", .set = { NULL }, .warned = "not a name" },
	{ .text = "A=\nB=c\n", .set = { "A", "", "B", "c" } },
	{ .text = "A=\"\"\n", .set = { "A", "" } },
	{ .text = "A\nB=c\n", .set = { "B", "c" }, .warned = "no =", .line = 1 },
	{ .text = "B=c\nA", .set = { "B", "c" }, .warned = "no =", .line = 2 },
	{ .text = "A: b\n", .set = { NULL }, .warned = "no =" },
	{ .text = "A=1\nA=2\n", .set = { "A", "2" }, .warned = "more than once", .line = 2 },
	{ .text = ";A=1\nB=2\n", .set = { "B", "2" } },
	{ .text = "#A=1\n  # it's\nB=2\n", .set = { "B", "2" } },
	{ .text = "A-B=1\n", .set = { NULL }, .warned = "not a name" },
	{ .text = "A.B=1\n", .set = { NULL }, .warned = "not a name" },
	{ .text = "1A=1\n", .set = { NULL }, .warned = "not a name" },
	{ .text = "\xc3\xa9=1\n", .set = { NULL }, .warned = "not a name" },
	{ .text = "=b\n", .set = { NULL }, .warned = "no =" },
	{ .text = "==b\n", .set = { NULL }, .warned = "not a name" },
	{ .text = "'A'=1\n", .set = { NULL }, .warned = "not a name" },
	{ .text = "B=1\nA=\xe9\n", .refused = "not valid UTF-8", .line = 2 },
	{ .text = "\xe9=b\n", .refused = "not valid UTF-8", .line = 1 },
	{ .text = "# \xe9\nA=b\n", .set = { "A", "b" } },
	{ .text = "A=b\x01" "c\n", .set = { "A", "b\x01" "c" } },
	{ .text = "A=\"b\x01\x1b" "c\"\n", .set = { "A", "b\x01\x1b" "c" } },
	{ .text = "A=\"\xef\xbf\xbe\"\n", .refused = "reserves" },
	{ .text = "A=\"\xef\xbf\xbf\"\n", .refused = "reserves" },
	{ .text = "A=\"\xef\xb7\x90\"\n", .refused = "reserves" },
	{ .text = "A=\"\xef\xb7\xaf\"\n", .refused = "reserves" },
	{ .text = "A=\"\xf0\x9f\xbf\xbe\"\n", .refused = "reserves" },
	{ .text = "A=\"\xf4\x8f\xbf\xbf\"\n", .refused = "reserves" },
	{ .text = "A=\xef\xb7\x8f\xef\xb7\xb0\xef\xbf\xbd\xee\xbf\xbf\xf0\x9e\xbf\xbe\n",
	  { "A", "\xef\xb7\x8f\xef\xb7\xb0\xef\xbf\xbd\xee\xbf\xbf\xf0\x9e\xbf\xbe" } },
	{ .text = "A=\xed\xa0\x80\n", .refused = "not valid UTF-8" },
	{ .text = "A=\xef\xbb\xbf" "b\n", .set = { "A", "\xef\xbb\xbf" "b" } },
	{ .text = "A=b\xe2\x80\xa8" "c\n", .set = { "A", "b\xe2\x80\xa8" "c" } },
	{ .text = "A=\xc2\xa0" "b\n", .set = { "A", "\xc2\xa0" "b" } },
	{ .text = "A=\"b\nB=c\n", .set = { "A", "b\nB=c\n" } },
	{ .text = "A='b\n", .set = { "A", "b\n" } },
	{ .text = "A=\"b\\", .set = { "A", "b" } },
	{ .text = "A=b \\", .set = { "A", "b " } },
	{ .text = "A=b\\  \n", .set = { "A", "b " } },
	{ .text = "A=it's\nB=don't\n", .set = { "A", "it's", "B", "don't" } },
	{ .text = "A=b=c==\n", .set = { "A", "b=c==" } },
	{ .text = "A= \"b\"\n", .set = { "A", "b" } },
	{ .text = "#c \\\nA=b\n", .refused = "before 254", .line = 1 },
	{ .text = ";c \\\n \tA=b\n", .refused = "before 254", .line = 1 },
	{ .text = "#c \\\n\nA=b\n", .set = { "A", "b" } },
	{ .text = "#c \\\n# d\nA=b\n", .set = { "A", "b" } },
	{ .text = "#c \\\r\nA=b\n", .set = { "A", "b" } },
	{ .text = "#c \\d\nA=b\n", .set = { "A", "b" } },
	{ .text = "#c \\", .set = { NULL } },
	{ .text = "A=b\0c\n", .refused = "not a text file", .line = 1, .len = 6 },
	{ .text = "A=b\nB=\n\0", .refused = "not a text file", .line = 3, .len = 8 },
};

static void reads_as_systemd_does(void **state)
{
	(void)state;
	check_decode_table("systemd", rows, ARRAY_LEN(rows));
}

static void refuses_what_would_lose_the_file(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "", .refused = NULL },
		{ "A_1", " b'\"\\`$#;\r\n\t\x01\x7f\xef\xbb\xbf\xf0\x9f\x98\x80 ", .refused = NULL },
		{ "B", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "C", "\xe9", .refused = "not valid UTF-8" },
		{ "D", "\xef\xbf\xbe", .refused = "reserves" },
		{ "E", "\xed\xa0\x80", .refused = "not valid UTF-8" },
		{ "F-G", "x", .refused = "letters, digits" },
		{ "1F", "x", .refused = "letters, digits" },
		{ "H=I", "x", .refused = "letters, digits" },
		{ "\xc3\xa9", "x", .refused = "letters, digits" },
		{ "J\nK", "x", .refused = "letters, digits" },
		{ "L\0M", "x", .name_len = 3, .refused = "letters, digits" },
	};
	(void)state;
	check_refuse_table("systemd", refusals, ARRAY_LEN(refusals));
}

static void writes_double_quotes(void **state)
{
	(void)state;
	check_written("systemd", "A", "b", "A=\"b\"\n");
	check_written("systemd", "A", "", "A=\"\"\n");
	check_written("systemd", "A", "\"\\`$'\n#", "A=\"\\\"\\\\\\`\\$'\n#\"\n");
}

static void longest_value_is_that_of_execve(void **state)
{
	const size_t arg_max = 2u * 1024 * 1024;
	char *value = malloc(arg_max + 2);
	(void)state;
	assert_non_null(value);
	memset(value, 'x', arg_max + 2);
	value[0] = 'A';
	value[1] = '=';
	/* NAME=VALUE up to ARG_MAX - 1. */
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(8u << 20);
	assert_int_equal(dialect_decode(must_find("systemd"), value, arg_max - 1, set, &notes, &err), ERR_OK);
	assert_int_equal(env_set_count(set), 1);
	assert_int_equal(notes.len, 0);
	env_set_remove(set, "A", 1);
	assert_int_equal(dialect_decode(must_find("systemd"), value, arg_max, set, &notes, &err), ERR_OK);
	assert_int_equal(env_set_count(set), 0);
	assert_non_null(find_note(&notes, NOTE_WARNING, "too long", 1));
	const struct refuse_row limits[] = {
		{ "A", value, .value_len = arg_max - 3, .refused = NULL },
		{ "B", value, .value_len = arg_max - 2, .refused = "longer than systemd takes" },
		{ "BB", value, .value_len = arg_max - 3, .refused = "longer than systemd takes" },
	};
	check_refuse_table("systemd", limits, ARRAY_LEN(limits));
	free(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_systemd_does),
		cmocka_unit_test(refuses_what_would_lose_the_file),
		cmocka_unit_test(writes_double_quotes),
		cmocka_unit_test(longest_value_is_that_of_execve),
	};
	return cmocka_run_group_tests_name("dialect_systemd", tests, NULL, NULL);
}
