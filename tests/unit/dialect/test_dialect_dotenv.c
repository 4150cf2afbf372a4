#include "dialect_test.h"

static const struct decode_row rows[] = {
	{ .text = "A=b\n", .set = { "A", "b" } },
	{ .text = "A=b", .set = { "A", "b" } },
	{ .text = "", .set = { NULL } },
	{ .text = "A=  b c  \n", .set = { "A", "b c" } },
	{ .text = "A = b\n", .set = { "A", "b" } },
	{ .text = "  A=b\n", .set = { "A", "b" } },
	{ .text = "\tA=b\n", .refused = "a tab outside quotes" },
	{ .text = "A\t=b\n", .refused = "a tab outside quotes" },
	{ .text = "A=\t'b'\n", .refused = "a tab outside quotes" },
	{ .text = "A=b\tc\n", .set = { "A", "b\tc" } },
	{ .text = "A=b\n  # c\nB=d\n", .refused = "does not start the line", .line = 2 },
	{ .text = "A=b\n  \nB=d\n", .refused = "line of blanks", .line = 2 },
	{ .text = "A=b\n# c=d", .refused = "without a line feed", .line = 2 },
	{ .text = "A=b\n# c", .set = { "A", "b" } },
	{ .text = "A=b\n# c=d\r", .refused = "without a line feed", .line = 2 },
	{ .text = "A=b\n# c\r", .refused = "carriage return", .line = 2 },
	{ .text = "A=b\r", .refused = "carriage return" },
	{ .text = "export A=b\n", .set = { "A", "b" } },
	{ .text = "export  A=b\n", .refused = "export", .line = 1 },
	{ .text = "export\tA=b\n", .refused = "export" },
	{ .text = "export =b\n", .refused = "export" },
	{ .text = "export=b\nA=c\n", .set = { "export", "b", "A", "c" } },
	{ .text = "A=b\n__proto__=c\n", .refused = "JavaScript", .line = 2 },
	{ .text = "export __proto__=c\n", .refused = "JavaScript", .line = 1 },
	{ .text = "export A=\n", .refused = "empty value", .line = 1 },
	{ .text = "export A=", .refused = "empty value" },
	{ .text = "export A=''\n", .set = { "A", "" } },
	{ .text = "exported=b\n", .set = { "exported", "b" } },
	{ .text = "A=b #c\n", .set = { "A", "b" } },
	{ .text = "A=b   # it's a \"comment\" #too\n", .refused = "which # starts" },
	{ .text = "A=b   # it's a \"comment\"\n", .set = { "A", "b" } },
	{ .text = "A=b#c\n", .refused = "comment here", .line = 1 },
	{ .text = "A=#b\n", .refused = "starts with #" },
	{ .text = "A= #b\n", .refused = "starts with #" },
	{ .text = "A=b\t#c\n", .refused = "comment here" },
	{ .text = "A=b\t #c\n", .refused = "cut off" },
	{ .text = "A=b\t\n", .refused = "cut off" },
	{ .text = "A=\"b\" #c\n", .set = { "A", "b" } },
	{ .text = "A='b'\t# it's\n", .set = { "A", "b" } },
	{ .text = "A='b'#c\n", .refused = "after the closing quote" },
	{ .text = "A=\"b#c\"\n", .set = { "A", "b#c" } },
	{ .text = "A=\"b\"c\n", .refused = "after the closing quote" },
	{ .text = "A=b\"c\"\n", .set = { "A", "b\"c\"" } },
	{ .text = "A='b'\"c\"\n", .refused = "after the closing quote" },
	{ .text = "A=\"b\\nc\"\n", .refused = "backslash" },
	{ .text = "A='b\\nc'\n", .set = { "A", "b\\nc" } },
	{ .text = "A=b\\nc\n", .refused = "backslash" },
	{ .text = "A=\"b\\tc\"\n", .refused = "backslash" },
	{ .text = "A=\"b\\\\c\"\n", .refused = "backslash" },
	{ .text = "A='b\\\\c'\n", .refused = "two backslashes" },
	{ .text = "A=b\\\\c\n", .refused = "backslash" },
	{ .text = "X=1\nA=\"{\\\"a\\\":\n1}\" # x\nB=c#d\n", .refused = "backslash", .line = 2 },
	{ .text = "A='b\\'\nB=c\n", .refused = "before the closing quote", .line = 1 },
	{ .text = "A='b\\'c'\n", .refused = "after the closing quote" },
	{ .text = "A=\"b\\$c\"\n", .refused = "backslash" },
	{ .text = "A=\"b$$HOSTVAR\"\n", .refused = "dollar" },
	{ .text = "A=\"b${HOSTVAR}\"\n", .refused = "dollar" },
	{ .text = "A=b$HOSTVAR\n", .refused = "dollar" },
	{ .text = "A=pa$\n", .refused = "dollar" },
	{ .text = "A='b${HOSTVAR}'\n", .refused = "even in single quotes" },
	{ .text = "A='b$HOSTVAR $$ $('\n", .set = { "A", "b$HOSTVAR $$ $(" } },
	{ .text = "A=`b c`\n", .refused = "backtick" },
	{ .text = "A=\"b`echo x`c\"\n", .set = { "A", "b`echo x`c" } },
	{ .text = "A=b`c`\n", .set = { "A", "b`c`" } },
	{ .text = "A=\"b\nc\"\nB=d\n", .set = { "A", "b\nc", "B", "d" } },
	{ .text = "A='b\n#c\nX=d\n'\n", .set = { "A", "b\n#c\nX=d\n" } },
	{ .text = "A=b\\\nc\n", .refused = "backslash", .line = 1 },
	{ .text = "A=b\r\nB='c'\r\n\r\n# d\r\n", .set = { "A", "b", "B", "c" } },
	{ .text = "A=\r\nB=c \r\n", .set = { "A", "", "B", "c" } },
	{ .text = "A=\"b\r\nc\"\r\n", .refused = "carriage return", .line = 1 },
	{ .text = "A=\"b\rc\"\n", .refused = "carriage return" },
	{ .text = "A=b\rB=c\n", .refused = "carriage return" },
	{ .text = "# b\rB=c\n", .refused = "carriage return" },
	{ .text = "\xef\xbb\xbf" "A=b\n", .refused = "byte order mark", .line = 1 },
	{ .text = "A=\nB=c\n", .set = { "A", "", "B", "c" } },
	{ .text = "A= \n B=c\n", .refused = "empty value", .line = 1 },
	{ .text = "A=  \r\nB=c\r\n", .refused = "empty value", .line = 1 },
	{ .text = "A= ''  \n", .set = { "A", "" } },
	{ .text = "A=\"\"\nB=''\n", .set = { "A", "", "B", "" } },
	{ .text = "A\nB=c\n", .refused = "without =", .line = 1 },
	{ .text = "A", .refused = "without =" },
	{ .text = "A: b\n", .refused = "in place of =" },
	{ .text = "A b=c\n", .refused = "not NAME=VALUE" },
	{ .text = "A=1\nA=2\n", .set = { "A", "2" }, .warned = "more than once", .line = 2 },
	{ .text = ";A=1\nB=2\n", .refused = "not NAME=VALUE", .line = 1 },
	{ .text = "A-B=1\n", .refused = "not NAME=VALUE" },
	{ .text = "A.B=1\n", .set = { "A.B", "1" } },
	{ .text = "1A=1\n", .refused = "not NAME=VALUE" },
	{ .text = "\xc3\xa9=1\n", .refused = "not NAME=VALUE" },
	{ .text = "'A'=1\n", .refused = "not NAME=VALUE" },
	{ .text = "=b\n", .refused = "not NAME=VALUE" },
	{ .text = "A=\xe9\n", .refused = "UTF-8" },
	{ .text = "A='\xe9'\n", .refused = "UTF-8" },
	{ .text = "# \xe9\n", .refused = "UTF-8" },
	{ .text = "A=b # \xe9\n", .refused = "UTF-8" },
	{ .text = "A='b' # \xe9\n", .refused = "UTF-8" },
	{ .text = "A=b\x01" "c\n", .set = { "A", "b\x01" "c" } },
	{ .text = "A=b\x1c\n", .refused = "cut off" },
	{ .text = "A=\vb\n", .refused = "cut off" },
	{ .text = "A=\"\xef\xbf\xbe\"\n", .set = { "A", "\xef\xbf\xbe" } },
	{ .text = "A=b\xe2\x80\xa8" "c\n", .refused = "line separator" },
	{ .text = "# b\xe2\x80\xa9" "A=c\n", .refused = "line separator" },
	{ .text = "A='b\xe2\x80\xa8" "c'\n", .set = { "A", "b\xe2\x80\xa8" "c" } },
	{ .text = "A=\xc2\xa0" "b\n", .refused = "cut off" },
	{ .text = "A=b\xc2\xa0\n", .refused = "cut off" },
	{ .text = "A=\xc2\x85" "b\n", .refused = "cut off" },
	{ .text = "A=b\xef\xbb\xbf\n", .refused = "cut off" },
	{ .text = "A=' b\xc2\xa0'\n", .set = { "A", " b\xc2\xa0" } },
	{ .text = "X=1\nA=\"b\nB=c\n", .refused = "not closed", .line = 2 },
	{ .text = "A='b\n", .refused = "not closed" },
	{ .text = "A=it's\nB=don't\n", .set = { "A", "it's", "B", "don't" } },
	{ .text = "A=b=c==\n", .set = { "A", "b=c==" } },
	{ .text = "A= \"b\"\n", .set = { "A", "b" } },
	{ .text = "A=\"%s %n!\"\n", .set = { "A", "%s %n!" } },
	{ .text = "#c \\\nA=b\n", .set = { "A", "b" } },
	{ .text = "# Database\n\nDATABASE_URL=postgres://app:pa%40ss@db.internal:5432/app?sslmode=require\n"
	  "export PORT=8080 # public\nGREETING=\"Hello, it's me\"\nKEY='-----BEGIN KEY-----\nMIIB+/=\n-----END KEY-----\n'\n",
	  { "DATABASE_URL", "postgres://app:pa%40ss@db.internal:5432/app?sslmode=require", "PORT", "8080", "GREETING",
	    "Hello, it's me", "KEY", "-----BEGIN KEY-----\nMIIB+/=\n-----END KEY-----\n" } },
	{ .text = "A=b\0\n", .refused = "not a text file", .len = 5 },
};

static void reads_what_all_readers_read_alike(void **state)
{
	(void)state;
	check_decode_table("dotenv", rows, ARRAY_LEN(rows));
}

/* A refused value is passed as a whole: its later lines are not taken for variables. */
static void each_bad_line_is_named_once(void **state)
{
	static const char text[] = "A=b#c\nB=\"{\n \\\"x\\\": 1\n}\"\nC=ok\nD=$X\n";
	static const unsigned lines[] = { 1, 2, 6 };
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	(void)state;
	assert_int_equal(dialect_decode(must_find("dotenv"), text, strlen(text), set, &notes, &err), ERR_INVALID);
	assert_int_equal(notes.errors, ARRAY_LEN(lines));
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		assert_int_equal(notes.items[i].line, lines[i]);
		assert_non_null(notes.items[i].hint);
	}
}

static void refuses_what_readers_disagree_about(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "", .refused = NULL },
		{ "A1_", "a b#\"`$x\\n\t\n ", .refused = NULL },
		{ "B", "it's", .refused = NULL },
		{ "C", "it's $5", .refused = "all dotenv readers agree" },
		{ "D", "it's \"x\"", .refused = "all dotenv readers agree" },
		{ "E", "a\rb", .refused = "all dotenv readers agree" },
		{ "F", "a\\\\b", .refused = "all dotenv readers agree" },
		{ "G", "a\\", .refused = "all dotenv readers agree" },
		{ "H", "${X}", .refused = "all dotenv readers agree" },
		{ "I", "it's `x`", .refused = "all dotenv readers agree" },
		{ "J", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "K", "\xe9", .refused = "not valid UTF-8" },
		{ "L-M", "x", .refused = "letters, digits" },
		{ "L.M", "x", .refused = "letters, digits" },
		{ "1L", "x", .refused = "letters, digits" },
		{ "export", "", .refused = NULL },
		{ "__proto__", "x", .refused = "JavaScript" },
	};
	(void)state;
	check_refuse_table("dotenv", refusals, ARRAY_LEN(refusals));
}

static void writes_the_plainest_form(void **state)
{
	(void)state;
	check_written("dotenv", "A", "b_./:@%+,=^-9", "A=b_./:@%+,=^-9\n");
	check_written("dotenv", "A", "", "A=''\n");
	check_written("dotenv", "A", "b c#$d\n", "A='b c#$d\n'\n");
	check_written("dotenv", "A", "it's", "A=\"it's\"\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_all_readers_read_alike),
		cmocka_unit_test(each_bad_line_is_named_once),
		cmocka_unit_test(refuses_what_readers_disagree_about),
		cmocka_unit_test(writes_the_plainest_form),
	};
	return cmocka_run_group_tests_name("dialect_dotenv", tests, NULL, NULL);
}
