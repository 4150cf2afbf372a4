#include "dialect_test.h"

#define CHARACTER "does not take in a name"
#define REFERENCE "refers to another variable"

static const struct decode_row rows[] = {
	{ .text = "A=b\n", .set = { "A", "b" } },
	{ .text = "A=b", .set = { "A", "b" } },
	{ .text = "", .set = { NULL } },
	{ .text = "A=  b c  \n", .set = { "A", "b c" } },
	{ .text = "A = b\n", .set = { "A", "b" } },
	{ .text = "export A=b\n", .set = { "A", "b" } },
	{ .text = "export\t\xc2\xa0" "A=b\n", .set = { "A", "b" } },
	{ .text = "exportA=b\nexport=c\n", .set = { "exportA", "b", "export", "c" } },
	{ .text = "export =b\n", .refused = "no name", .line = 1 },
	{ .text = "export \nA=b\n", .refused = "without =", .line = 1 },
	{ .text = "A=b\nexport ", .refused = "nothing follows", .line = 2 },
	{ .text = "A=b #c\n", .set = { "A", "b" } },
	{ .text = "A=b#c\n", .set = { "A", "b#c" } },
	{ .text = "A=#b\n", .refused = "starts with #" },
	{ .text = "A= #b\n", .refused = "starts with #" },
	{ .text = "A=b\t#c\n", .set = { "A", "b" } },
	{ .text = "A=b\xc2\xa0#c\n", .set = { "A", "b" } },
	{ .text = "A=b\xe2\x80\xa8#c\n", .set = { "A", "b\xe2\x80\xa8#c" } },
	{ .text = "A=b #c #d\n", .refused = "the last #", .line = 1 },
	{ .text = "A=b #c#d\n", .set = { "A", "b" } },
	{ .text = "A=b#c #d\n", .set = { "A", "b#c" } },
	{ .text = "A=\"b\" #c\n", .set = { "A", "b" } },
	{ .text = "A=\"b\"#c\n", .set = { "A", "b" } },
	{ .text = "A=\"b#c\"\n", .set = { "A", "b#c" } },
	{ .text = "A=\"b\"c\n", .refused = "without =", .line = 1 },
	{ .text = "A=\"b\" C=d\n", .set = { "A", "b", "C", "d" } },
	{ .text = "A=b\"c\"\n", .set = { "A", "b\"c\"" } },
	{ .text = "A='b'\"c\"\n", .refused = CHARACTER, .line = 1 },
	{ .text = "A=\"b\\nc\"\n", .set = { "A", "b\nc" } },
	{ .text = "A='b\\nc'\n", .set = { "A", "b\\nc" } },
	{ .text = "A=b\\nc\n", .set = { "A", "b\\nc" } },
	{ .text = "A=\"b\\tc\\r\"\n", .set = { "A", "btc\r" } },
	{ .text = "A=\"b\\\\c\"\n", .set = { "A", "b\\c" } },
	{ .text = "A='b\\\\c'\n", .set = { "A", "b\\\\c" } },
	{ .text = "A=b\\\\c\n", .set = { "A", "b\\\\c" } },
	{ .text = "A=\"b\\\\nc\"\n", .set = { "A", "b\\nc" } },
	{ .text = "A=\"b\\\"c\"\n", .set = { "A", "b\"c" } },
	{ .text = "A=\"b\\\"\"\n", .set = { "A", "b\\" }, .warned = "takes away a quote", .line = 1 },
	{ .text = "A='b\\''\n", .set = { "A", "b\\" }, .warned = "takes away a quote" },
	{ .text = "A='b\"'\n", .set = { "A", "b\"" } },
	{ .text = "A=\"b\\\\\"\n", .refused = "two backslashes" },
	{ .text = "A='b\\\\'\nB=$C\n", .refused = "two backslashes", .line = 1 },
	{ .text = "A='b\\'\nB=c\n", .refused = "not closed", .line = 1 },
	{ .text = "A='b\\'c'\n", .set = { "A", "b\\'c" } },
	{ .text = "A=\"b\\xc\\\xc3\xa9\"\n", .set = { "A", "bxc\xc3\xa9" } },
	{ .text = "A=\"b\\$c\\$C\\${C}\\$(C)\"\n", .set = { "A", "b$c$C${C}$(C)" } },
	{ .text = "A=\"b\\\\$c\"\n", .set = { "A", "b$c" } },
	{ .text = "A=\"b\\\\\\$C\"\n", .set = { "A", "b\\$C" } },
	{ .text = "A=b\\$C\\\\$D\n", .set = { "A", "b$C\\$D" } },
	{ .text = "X=1\nA=\"b$$HOSTVAR\"\n", .refused = REFERENCE, .line = 2 },
	{ .text = "A=\"b$HOSTVAR\"\n", .refused = REFERENCE },
	{ .text = "A=\"b${HOSTVAR}\"\n", .refused = REFERENCE },
	{ .text = "A=b$HOSTVAR\n", .refused = REFERENCE },
	{ .text = "A=b${HOSTVAR}\n", .refused = REFERENCE },
	{ .text = "A=b$1\n", .refused = REFERENCE },
	{ .text = "A=b$_\n", .refused = REFERENCE },
	{ .text = "A=b$(HOSTVAR)\n", .refused = REFERENCE },
	{ .text = "A=b$({HOSTVAR}\n", .refused = REFERENCE },
	{ .text = "A=1\nB=$A\n", .refused = REFERENCE, .line = 2 },
	{ .text = "A=\"${NOPE:-d}\"\n", .refused = REFERENCE },
	{ .text = "A=\"x${NOPE}y\"\n", .refused = REFERENCE },
	{ .text = "A='b${HOSTVAR}$HOSTVAR'\n", .set = { "A", "b${HOSTVAR}$HOSTVAR" } },
	{ .text = "A=\"$a ${a} ${} $ $. $\"\n", .set = { "A", "$a ${a} ${} $ $. $" } },
	{ .text = "A=\"$(echo hi)\"\n", .set = { "A", "$(echo hi)" } },
	{ .text = "A=\"\\$(echo hi)\"\n", .set = { "A", "$(echo hi)" } },
	{ .text = "A=`b c`\n", .set = { "A", "`b c`" } },
	{ .text = "A=\"b`echo x`c\"\n", .set = { "A", "b`echo x`c" } },
	{ .text = "A=\"b\nc\"\nB=d\n", .set = { "A", "b\nc", "B", "d" } },
	{ .text = "A='b\nc'\n", .set = { "A", "b\nc" } },
	{ .text = "A=b\\\nc\n", .refused = "without =", .line = 2 },
	{ .text = "A=\"b\\\nc\"\n", .set = { "A", "b\nc" } },
	{ .text = "A=b\r\nB=c\r\n", .set = { "A", "b", "B", "c" } },
	{ .text = "A=\"b\r\nc\"\r\n", .set = { "A", "b\nc" } },
	{ .text = "A='b\r\r\nc'\r\n", .set = { "A", "b\r\nc" } },
	{ .text = "A=\"b\rc\"\n", .set = { "A", "b\rc" } },
	{ .text = "A=b\rB=c\r\r\nC=d\n", .set = { "A", "b", "B", "c", "C", "d" } },
	{ .text = "A=\rB=c\n", .set = { "A", "B=c" } },
	{ .text = "\xef\xbb\xbf" "A=b\n", .refused = "byte order mark", .line = 1 },
	{ .text = "A=\nB=c\n", .set = { "A", "", "B", "c" } },
	{ .text = "A=", .set = { "A", "" } },
	{ .text = "A=\"\"\nB=''\n", .set = { "A", "", "B", "" } },
	{ .text = "A\nB=c\n", .refused = "without =", .line = 1 },
	{ .text = "B=c\nA", .refused = "last line", .line = 2 },
	{ .text = "B=c\nA-B\r", .refused = "last line", .line = 2 },
	{ .text = "A: b\nB:\"c\"\n", .set = { "A", "b", "B", "c" } },
	{ .text = "A=1\nA=2\n", .set = { "A", "2" }, .warned = "more than once", .line = 2 },
	{ .text = ";A=1\nB=2\n", .refused = CHARACTER, .line = 1 },
	{ .text = "X=1\nA-B=1\n", .refused = "holds -", .line = 2 },
	{ .text = "A.B=1\n1A=2\n", .set = { "A.B", "1", "1A", "2" } },
	{ .text = "\xc3\xa9=1\n", .refused = CHARACTER },
	{ .text = "\xc3\xaa=1\n", .set = { "\xc3\xaa", "1" } },
	{ .text = "\xc3\xa0=1\n", .set = { "\xc3\xa0", "1" } },
	{ .text = "\xc3\x97=1\n", .refused = CHARACTER },
	{ .text = "\xaa=1\n", .refused = "not valid UTF-8" },
	{ .text = "'A'=1\n", .refused = CHARACTER },
	{ .text = "A B=1\n", .set = { "A B", "1" }, .warned = "holds white space" },
	{ .text = "=b\n", .refused = "no name" },
	{ .text = "=$B\n", .refused = REFERENCE },
	{ .text = "X=1\nA=\xe9\n", .refused = "not valid UTF-8", .line = 2 },
	{ .text = "# \xe9\nA=b\n", .set = { "A", "b" } },
	{ .text = "A=b\x01" "c\n", .set = { "A", "b\x01" "c" } },
	{ .text = "A=\"b\x01\x1b" "c\"\n", .set = { "A", "b\x01\x1b" "c" } },
	{ .text = "A=\"\xef\xbf\xbe\"\n", .set = { "A", "\xef\xbf\xbe" } },
	{ .text = "A=b\xe2\x80\xa8" "c\xe2\x80\xa8\n", .set = { "A", "b\xe2\x80\xa8" "c\xe2\x80\xa8" } },
	{ .text = "A=\xc2\xa0" "b\xc2\x85\n", .set = { "A", "b" } },
	{ .text = "A=\xe3\x80\x80" "b\n", .set = { "A", "\xe3\x80\x80" "b" } },
	{ .text = "X=1\nA=\"b\nB=c\n", .refused = "not closed", .line = 2 },
	{ .text = "A='b\n", .refused = "not closed" },
	{ .text = "A=\"", .refused = "not closed" },
	{ .text = "A=it's\nB=don't\n", .set = { "A", "it's", "B", "don't" } },
	{ .text = "A=b=c==\n", .set = { "A", "b=c==" } },
	{ .text = "A= \"b\"\n", .set = { "A", "b" } },
	{ .text = "A=\"b!c %s %n\"\n", .set = { "A", "b!c %s %n" } },
	{ .text = "#c \\\nA=b\n", .set = { "A", "b" } },
	{ .text = " # it's\n\xe3\x80\x80# \"\n\vA=b\n", .set = { "A", "b" } },
	{ .text = "A=b\0\n", .refused = "not a text file", .len = 5 },
};

static void reads_as_godotenv_does(void **state)
{
	(void)state;
	check_decode_table("godotenv", rows, ARRAY_LEN(rows));
}

static void check_lines(const char *text, const unsigned *lines, size_t count)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	assert_int_equal(dialect_decode(must_find("godotenv"), text, strlen(text), set, &notes, &err), ERR_INVALID);
	assert_int_equal(notes.errors, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(notes.items[i].line, lines[i]);
	assert_non_null(strstr(err.text, "problems"));
}

static void all_bad_lines_are_named(void **state)
{
	static const unsigned lines[] = { 2, 3, 5, 6, 7, 9 };
	(void)state;
	check_lines("A=1\nB=$X\n;\nC='ok'\nD=\"${Y}\"\nE-F=1\nG='\n\\\\'\nH=\xe9\n", lines, ARRAY_LEN(lines));
	check_lines("A=1\r\nB=$X\r\n;\r\nC='ok'\r\nD=\"${Y}\"\r\nE-F=1\r\nG='\r\n\\\\'\r\nH=\xe9\r\n", lines,
		    ARRAY_LEN(lines));
}

static void refuses_names_bytes_and_ends(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "", .refused = NULL },
		{ "_a.9", " '\"\\`$#\r\n\t\x01\xef\xbf\xbe ", .refused = NULL },
		{ "1D", "x", .refused = NULL },
		{ "B1", "a\r\n b #\"", .refused = NULL },
		{ "B2", "it's \"$A\"", .refused = NULL },
		{ "B3", "$A ${B}\\$\\", .refused = NULL },
		{ "B", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "C", "\xe9", .refused = "not valid UTF-8" },
		{ "D-E", "x", .refused = "the name" },
		{ "D E", "x", .refused = "the name" },
		{ "D:E", "x", .refused = "the name" },
		{ "\xc3\xaa", "x", .refused = "the name" },
		{ "E1", "it's\n\"", .refused = "ends in a double quote" },
		{ "E2", "it's\r\"", .refused = "ends in a double quote" },
		{ "E3", " it's\"", .refused = "ends in a double quote" },
		{ "E4", "it's #\"", .refused = "ends in a double quote" },
		{ "E5", "'s\"", .refused = "ends in a double quote" },
		{ "E6", "#it's\"", .refused = "ends in a double quote" },
		{ "E7", "\"it's\"", .refused = "ends in a double quote" },
		{ "F1", "a\n\\", .refused = "ends in a backslash" },
		{ "F2", " a\\", .refused = "ends in a backslash" },
		{ "F3", "a #\\", .refused = "ends in a backslash" },
		{ "F4", "\"a\\", .refused = "ends in a backslash" },
		{ "F5", "\xc2\xa0" "a\\", .refused = "ends in a backslash" },
	};
	(void)state;
	check_refuse_table("godotenv", refusals, ARRAY_LEN(refusals));
}

static void writes_what_all_versions_read(void **state)
{
	(void)state;
	check_written("godotenv", "A", "", "A=\"\"\n");
	check_written("godotenv", "A", "b", "A=\"b\"\n");
	check_written("godotenv", "A", "\"\\$'\r\n# ", "A=\"\\\"\\\\\\$'\\r\\n# \"\n");
	check_written("godotenv", "A", "\"b\"", "A='\"b\"'\n");
	check_written("godotenv", "A", "\r\n\r\r\n\r\n\"", "A='\r\r\n\r\r\r\n\r\r\n\"'\n");
	check_written("godotenv", "A", "it's \"$b\"", "A=it's \"\\$b\"\n");
	check_written("godotenv", "A", "b#\\$\\", "A=b#\\\\$\\\n");
	check_written("godotenv", "A", "\\", "A=\\\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_godotenv_does),
		cmocka_unit_test(all_bad_lines_are_named),
		cmocka_unit_test(refuses_names_bytes_and_ends),
		cmocka_unit_test(writes_what_all_versions_read),
	};
	return cmocka_run_group_tests_name("dialect_godotenv", tests, NULL, NULL);
}
