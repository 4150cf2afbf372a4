#include "dialect_test.h"

static const struct decode_row rows[] = {
	{ .text = "A=b\n", .set = { "A", "b" } },
	{ .text = "A=b", .set = { "A", "b" } },
	{ .text = "", .set = { NULL } },
	{ .text = "A=  b c  \n", .set = { "A", "b c" } },
	{ .text = "A = b\n", .set = { "A", "b" } },
	{ .text = "export A=b\n", .set = { "A", "b" } },
	{ .text = "export\t A=b\n", .set = { "A", "b" } },
	{ .text = "exportA=b\n", .set = { "exportA", "b" } },
	{ .text = "export=b\n", .set = { "export", "b" } },
	{ .text = "A=b #c\n", .set = { "A", "b" } },
	{ .text = "A=b#c\n", .set = { "A", "b#c" } },
	{ .text = "A=#b\n", .set = { "A", "#b" } },
	{ .text = "A= #b\n", .set = { "A", "#b" } },
	{ .text = "A=b\t#c\n", .set = { "A", "b\t#c" } },
	{ .text = "A=b #c #d\n", .set = { "A", "b" } },
	{ .text = "A=\"b\" #c\n", .set = { "A", "b" } },
	{ .text = "A=\"b#c\"\n", .set = { "A", "b#c" } },
	{ .text = "A=\"b\"c\n", .set = { "A", "b" }, .warned = "left out", .line = 1 },
	{ .text = "A=\"b\" C=d\n", .set = { "A", "b", "C", "d" } },
	{ .text = "A=b\"c\"\n", .set = { "A", "b\"c\"" } },
	{ .text = "A='b'\"c\"\n", .refused = "does not take in a name", .line = 1 },
	{ .text = "A=\"b\\nc\"\n", .set = { "A", "b\nc" } },
	{ .text = "A='b\\nc'\n", .set = { "A", "b\\nc" } },
	{ .text = "A=b\\nc\n", .set = { "A", "b\\nc" } },
	{ .text = "A=\"b\\tc\"\n", .set = { "A", "b\tc" } },
	{ .text = "A=\"\\a\\b\\f\\v\\r\"\n", .set = { "A", "\a\b\f\v\r" } },
	{ .text = "A=\"b\\\\c\"\n", .set = { "A", "b\\c" } },
	{ .text = "A='b\\\\c'\n", .set = { "A", "b\\\\c" } },
	{ .text = "A=b\\\\c\n", .set = { "A", "b\\\\c" } },
	{ .text = "A=\"b\\\\nc\"\n", .set = { "A", "b\\nc" } },
	{ .text = "A=\"b\\\"c\"\n", .set = { "A", "b\"c" } },
	{ .text = "A=\"b\\\"\"\n", .set = { "A", "b\"" } },
	{ .text = "A=\"b\\\\\"\n", .set = { "A", "b\\" } },
	{ .text = "A='b\\'\nB=c\n", .refused = "not closed", .line = 1 },
	{ .text = "A='b\\'c'\n", .set = { "A", "b'c" } },
	{ .text = "A=\"b\\xc\\c\\q\"\n", .set = { "A", "b\\xc\\c\\q" } },
	{ .text = "A=\"\\0101\\0377\\01234\"\n", .set = { "A", "A\xc3\xbfS4" } },
	{ .text = "A=\"\\0\\08\\01\\0128\\0777\\0x\"\n", .set = { "A", "\\\\8\\1\\128\\777\\x" } },
	{ .text = "A=\"\\0000\"\n", .refused = "NUL" },
	{ .text = "A=\"\\0044\\0044\"\n", .set = { "A", "$" } },
	{ .text = "A=\"\\0044{B}\"\n", .refused = "another variable" },
	{ .text = "A=\"b\\$c\"\n", .set = { "A", "b$c" } },
	{ .text = "A=\"b\\${c}\"\n", .set = { "A", "b${c}" } },
	{ .text = "A=\"b$$HOSTVAR\"\n", .set = { "A", "b$HOSTVAR" } },
	{ .text = "A=b$$HOSTVAR\n", .set = { "A", "b$HOSTVAR" } },
	{ .text = "A=\"$$$$\"\n", .set = { "A", "$$" } },
	{ .text = "X=1\nA=\"b$HOSTVAR\"\n", .refused = "another variable", .line = 2 },
	{ .text = "A=\"b${HOSTVAR}\"\n", .refused = "another variable" },
	{ .text = "A=b$HOSTVAR\n", .refused = "another variable" },
	{ .text = "A=b$_x\n", .refused = "another variable" },
	{ .text = "A=b$\xe2\x84\xaa\n", .refused = "another variable" },
	{ .text = "A=b${HOSTVAR:-d}\n", .refused = "another variable" },
	{ .text = "A=b$$$HOSTVAR\n", .refused = "another variable" },
	{ .text = "A=b${\n", .refused = "another variable" },
	{ .text = "A='b$HOSTVAR${HOSTVAR}$$'\n", .set = { "A", "b$HOSTVAR${HOSTVAR}$$" } },
	{ .text = "A=b$1 $. $\n", .set = { "A", "b$1 $. $" } },
	{ .text = "A=\"$(echo hi)\"\n", .set = { "A", "$(echo hi)" } },
	{ .text = "A=`b c`\n", .set = { "A", "`b c`" } },
	{ .text = "A=\"b\nc\"\nB=d\n", .set = { "A", "b\nc", "B", "d" } },
	{ .text = "A='b\nc'\n", .set = { "A", "b\nc" } },
	{ .text = "A=b\\\nc\n", .set = { "A", "b\\" }, .warned = "left out", .line = 2 },
	{ .text = "A=\"b\\\nc\"\n", .set = { "A", "b\\\nc" } },
	{ .text = "A=b\r\nB=c\r\n", .set = { "A", "b", "B", "c" } },
	{ .text = "A=\"b\r\nc\"\r\n", .set = { "A", "b\r\nc" } },
	{ .text = "A=\r\nB=\"c\rd\"\n", .set = { "A", "", "B", "c\rd" } },
	{ .text = "\xef\xbb\xbf" "A=b\n", .set = { "A", "b" } },
	{ .text = "A=\nB=c\n", .set = { "A", "", "B", "c" } },
	{ .text = "A=", .set = { "A", "" } },
	{ .text = "A=\"\"\n", .set = { "A", "" } },
	{ .text = "A\nB=c\n", .set = { "B", "c" }, .warned = "left out", .line = 1 },
	{ .text = "B=c\nA", .refused = "last line", .line = 2 },
	{ .text = "A: b\n", .set = { "A", "b" } },
	{ .text = "A=1\nA=2\n", .set = { "A", "2" }, .warned = "more than once", .line = 2 },
	{ .text = ";A=1\nB=2\n", .refused = "does not take in a name", .line = 1 },
	{ .text = "A-B=1\nA.B=2\n1A=3\nA[0]=4\n", .set = { "A-B", "1", "A.B", "2", "1A", "3", "A[0]", "4" } },
	{ .text = "\xc3\xa9=1\n", .refused = "outside ASCII" },
	{ .text = "'A'=1\n", .refused = "does not take in a name" },
	{ .text = "A B=1\n", .refused = "holds a blank" },
	{ .text = "A B\n", .refused = "holds a blank" },
	{ .text = "=b\n", .refused = "no name" },
	{ .text = "X=1\nA=\xe9\n", .refused = "not valid UTF-8", .line = 2 },
	{ .text = "A=b\x01" "c\n", .set = { "A", "b\x01" "c" } },
	{ .text = "A=\"\xef\xbf\xbe\"\n", .set = { "A", "\xef\xbf\xbe" } },
	{ .text = "A=b\xe2\x80\xa8" "c\xe2\x80\xa8\n", .set = { "A", "b\xe2\x80\xa8" "c" } },
	{ .text = "A=\xc2\xa0" "b\n", .set = { "A", "b" } },
	{ .text = "A=\xc2\x85" "b\n", .set = { "A", "b" } },
	{ .text = "A=\xe2\x80\xa8" "b\n", .set = { "A", "\xe2\x80\xa8" "b" } },
	{ .text = "X=1\nA=\"b\nB=c\n", .refused = "not closed", .line = 2 },
	{ .text = "A='b\n", .refused = "not closed" },
	{ .text = "A=\"b\\", .refused = "not closed" },
	{ .text = "A=it's\nB=don't\n", .set = { "A", "it's", "B", "don't" } },
	{ .text = "A=b=c==\n", .set = { "A", "b=c==" } },
	{ .text = "A= \"b\"\n", .set = { "A", "b" } },
	{ .text = " # it's\n\xe3\x80\x80# \"\nA=b\n", .set = { "A", "b" } },
	{ .text = "A=b\0\n", .refused = "not a text file", .len = 5 },
};

static void reads_as_compose_does(void **state)
{
	(void)state;
	check_decode_table("compose", rows, ARRAY_LEN(rows));
}

static void all_bad_lines_are_named(void **state)
{
	static const char text[] = "A=1\nB=$X\n;\nC='ok'\nD=\"${Y}\"\nE=\xe9\n";
	static const unsigned lines[] = { 2, 3, 5, 6 };
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	(void)state;
	assert_int_equal(dialect_decode(must_find("compose"), text, strlen(text), set, &notes, &err), ERR_INVALID);
	assert_int_equal(notes.errors, ARRAY_LEN(lines));
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_int_equal(notes.items[i].line, lines[i]);
	assert_non_null(strstr(err.text, "4 problems"));
	assert_non_null(strstr(err.text, "line 2, B: "));
}

static void refuses_names_and_bytes(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "", .refused = NULL },
		{ "a.-[]_9", " '\"\\`$#\r\n\t\x01\xef\xbf\xbe ", .refused = NULL },
		{ "B", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "C", "\xe9", .refused = "not valid UTF-8" },
		{ "1D", "x", .refused = "the name" },
		{ "D E", "x", .refused = "the name" },
		{ "D=E", "x", .refused = "the name" },
		{ "D:E", "x", .refused = "the name" },
		{ "\xc3\xa9", "x", .refused = "the name" },
	};
	(void)state;
	check_refuse_table("compose", refusals, ARRAY_LEN(refusals));
}

static void writes_double_quotes(void **state)
{
	(void)state;
	check_written("compose", "A", "b", "A=\"b\"\n");
	check_written("compose", "A", "\"\\$'\n#", "A=\"\\\"\\\\$$'\n#\"\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_compose_does),
		cmocka_unit_test(all_bad_lines_are_named),
		cmocka_unit_test(refuses_names_and_bytes),
		cmocka_unit_test(writes_double_quotes),
	};
	return cmocka_run_group_tests_name("dialect_compose", tests, NULL, NULL);
}
