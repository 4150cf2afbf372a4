#include "dialect_test.h"

/* What the versions of node make of each, measured; a refusal where they make different things of it. */
static const struct decode_row rows[] = {
	{ .text = "A=b\n", .set = { "A", "b" } },
	{ .text = "A=  b c  \n", .set = { "A", "b c" } },
	{ .text = "A = b\n", .set = { "A", "b" } },
	{ .text = "export A=b\n", .set = { "A", "b" } },
	{ .text = "A=b #c\n", .set = { "A", "b" } },
	{ .text = "A=b#c\n", .set = { "A", "b" } },
	{ .text = "A=#b\n", .set = { "A", "" } },
	{ .text = "A= #b\n", .set = { "A", "" } },
	{ .text = "A=b\t#c\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=\"b\" #c\n", .set = { "A", "b" } },
	{ .text = "A=\"b#c\"\n", .set = { "A", "b#c" } },
	{ .text = "A=\"b\"c\n", .set = { "A", "b" } },
	{ .text = "A=b\"c\"\n", .set = { "A", "b\"c\"" } },
	{ .text = "A='b'\"c\"\n", .set = { "A", "b" } },
	{ .text = "A=\"b\\nc\"\n", .set = { "A", "b\nc" } },
	{ .text = "A='b\\nc'\n", .set = { "A", "b\\nc" } },
	{ .text = "A=b\\nc\n", .set = { "A", "b\\nc" } },
	{ .text = "A=\"b\\tc\"\n", .set = { "A", "b\\tc" } },
	{ .text = "A=\"b\\\\c\"\n", .set = { "A", "b\\\\c" } },
	{ .text = "A='b\\\\c'\n", .set = { "A", "b\\\\c" } },
	{ .text = "A=b\\\\c\n", .set = { "A", "b\\\\c" } },
	{ .text = "A=\"b\\\\nc\"\n", .set = { "A", "b\\\nc" } },
	{ .text = "A=\"b\\\"c\"\n", .set = { "A", "b\\" } },
	{ .text = "A=\"b\\\"\"\n", .set = { "A", "b\\" } },
	{ .text = "A=\"b\\\\\"\n", .set = { "A", "b\\\\" } },
	{ .text = "A='b\\'\nB=c\n", .set = { "A", "b\\", "B", "c" } },
	{ .text = "A='b\\'c'\n", .set = { "A", "b\\" } },
	{ .text = "A=\"b\\xc\"\n", .set = { "A", "b\\xc" } },
	{ .text = "A=\"b\\$c\"\n", .set = { "A", "b\\$c" } },
	{ .text = "A=\"b$$HOSTVAR\"\n", .set = { "A", "b$$HOSTVAR" } },
	{ .text = "A=\"b$HOSTVAR\"\n", .set = { "A", "b$HOSTVAR" } },
	{ .text = "A=\"b${HOSTVAR}\"\n", .set = { "A", "b${HOSTVAR}" } },
	{ .text = "A=b$HOSTVAR\n", .set = { "A", "b$HOSTVAR" } },
	{ .text = "A=b${HOSTVAR}\n", .set = { "A", "b${HOSTVAR}" } },
	{ .text = "A='b${HOSTVAR}'\n", .set = { "A", "b${HOSTVAR}" } },
	{ .text = "A=\"${NOPE:-d}\"\n", .set = { "A", "${NOPE:-d}" } },
	{ .text = "A=\"x${NOPE}y\"\n", .set = { "A", "x${NOPE}y" } },
	{ .text = "A=\"$(echo hi)\"\n", .set = { "A", "$(echo hi)" } },
	{ .text = "A=`b c`\n", .set = { "A", "b c" } },
	{ .text = "A=\"b`echo x`c\"\n", .set = { "A", "b`echo x`c" } },
	{ .text = "A=\"b\nc\"\n", .set = { "A", "b\nc" } },
	{ .text = "A='b\nc'\n", .set = { "A", "b\nc" } },
	{ .text = "A=b\\\nc\n", .set = { "A", "b\\" }, .warned = "ignores", .line = 2 },
	{ .text = "A=\"b\\\nc\"\n", .set = { "A", "b\\\nc" } },
	{ .text = "A=b\r\nB=c\r\n", .set = { "A", "b", "B", "c" } },
	{ .text = "A=\"b\r\nc\"\r\n", .set = { "A", "b\nc" } },
	{ .text = "A=\"b\rc\"\n", .set = { "A", "bc" } },
	{ .text = "\xef\xbb\xbf" "A=b\n", .set = { "\xef\xbb\xbf" "A", "b" }, .warned = "byte order mark", .line = 1 },
	{ .text = "A=\n", .set = { "A", "" } },
	{ .text = "A=\nB=c\n", .set = { "A", "", "B", "c" } },
	{ .text = "A=\"\"\n", .set = { "A", "" } },
	{ .text = "A\nB=c\n", .refused = "read this line alike", .line = 1 },
	{ .text = "HOSTVAR\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "A: b\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "A=1\nA=2\n", .set = { "A", "2" }, .warned = "more than once", .line = 2 },
	{ .text = ";A=1\nB=2\n", .set = { ";A", "1", "B", "2" } },
	{ .text = "A-B=1\n", .set = { "A-B", "1" } },
	{ .text = "A.B=1\n", .set = { "A.B", "1" } },
	{ .text = "1A=1\n", .set = { "1A", "1" } },
	{ .text = "\xc3\xa9=1\n", .set = { "\xc3\xa9", "1" } },
	{ .text = "'A'=1\n", .set = { "'A'", "1" } },
	{ .text = "A=\xe9\n", .refused = "not valid UTF-8", .line = 1 },
	{ .text = "A=b\x01" "c\n", .set = { "A", "b\x01" "c" } },
	{ .text = "A=\"b\x01\x1b" "c\"\n", .set = { "A", "b\x01\x1b" "c" } },
	{ .text = "A=\"\xef\xbf\xbe\"\n", .set = { "A", "\xef\xbf\xbe" } },
	{ .text = "A=b\xe2\x80\xa8" "c\n", .set = { "A", "b\xe2\x80\xa8" "c" } },
	{ .text = "A=\xc2\xa0" "b\n", .set = { "A", "\xc2\xa0" "b" } },
	{ .text = "A=\xc2\x85" "b\n", .set = { "A", "\xc2\x85" "b" } },
	{ .text = "A=\"b\nB=c\n", .set = { "A", "\"b", "B", "c" } },
	{ .text = "A='b\n", .set = { "A", "'b" } },
	{ .text = "A=it's\nB=don't\n", .set = { "A", "it's", "B", "don't" } },
	{ .text = "A=b=c==\n", .set = { "A", "b=c==" } },
	{ .text = "A= \"b\"\n", .set = { "A", "b" } },
	{ .text = "A=\"\\$(echo hi)\"\n", .set = { "A", "\\$(echo hi)" } },
	{ .text = "A=\"b!c\"\n", .set = { "A", "b!c" } },
	{ .text = "A=\"%s %n\"\n", .set = { "A", "%s %n" } },
	{ .text = "#c \\\nA=b\n", .set = { "A", "b" } },
	{ .text = "", .set = { NULL } },
	{ .text = "A=b", .set = { "A", "b" } },
	{ .text = "\n\n A=b", .set = { "A", "b" } },
	{ .text = "A='b'#c\n", .set = { "A", "b" } },
	{ .text = "A='b' #c='d'\nB=e\n", .set = { "A", "b", "B", "e" } },
	{ .text = "A='a\"b'\n", .set = { "A", "a\"b" } },
	{ .text = "A='it's'\n", .set = { "A", "it" } },
	{ .text = "A='it's #1'\n", .set = { "A", "it" } },
	{ .text = "A='b\\'\nB='c'\n", .set = { "A", "b\\", "B", "c" } },
	{ .text = "A=\"b\\\"\nB=\"c\"\n", .set = { "A", "b\\", "B", "c" } },
	{ .text = "A=\n'b'\nC=d\n", .refused = "read this line alike", .line = 2 },
	{ .text = "A\n=b\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A: 'b'\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "A :b\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "A:b\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "export\tA=b\n", .set = { "export\tA", "b" } },
	{ .text = "export  A=b\n", .refused = "read this line alike", .line = 1 },
	{ .text = "export\nA=b\n", .refused = "read this line alike", .line = 1 },
	{ .text = "export =b\n", .set = { "export", "b" } },
	{ .text = "export A\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "A=1\nexport A\n", .set = { "A", "1" }, .warned = "ignores", .line = 2 },
	{ .text = "A= \nB=c\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A= 'b' \t\nC=d\n", .set = { "A", "b", "C", "d" } },
	{ .text = "A=\tb\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=b\t\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=b \n", .set = { "A", "b" } },
	{ .text = "X=1\n  \nB=c\n", .refused = "read this line alike", .line = 2 },
	{ .text = "X=1\n\t\nB=c\n", .refused = "read this line alike", .line = 2 },
	{ .text = "X=1\n # c\nB=c\n", .refused = "read this line alike", .line = 2 },
	{ .text = "X=1\n # c=d\nB=c\n", .refused = "read this line alike", .line = 2 },
	{ .text = "X=1\n#c=d", .refused = "read this line alike", .line = 2 },
	{ .text = "A=b #c", .refused = "last line", .line = 1 },
	{ .text = "A='b", .refused = "read this line alike", .line = 1 },
	{ .text = "A='b=c", .refused = "read this line alike", .line = 1 },
	{ .text = "A='b'", .set = { "A", "b" } },
	{ .text = "A=\"x=y\"", .refused = "last line", .line = 1 },
	{ .text = "A=\"x=y\"\n", .set = { "A", "x=y" } },
	{ .text = "A=\"x#y\"", .set = { "A", "x#y" } },
	{ .text = "B=c\nA= \n", .refused = "read this line alike", .line = 2 },
	{ .text = "X=1\nA B=c\n", .set = { "X", "1", "A B", "c" } },
	{ .text = "X=1\n=b\nC=d\n", .refused = "read this line alike", .line = 3 },
	{ .text = "X=1\n  =b\nC=d\n", .refused = "read this line alike", .line = 2 },
	{ .text = "__proto__=b\nA=c\n", .refused = "JavaScript", .line = 1 },
	{ .text = "A=\rB=c\r", .refused = "last line", .line = 1 },
	{ .text = "A=\rB=c\r\n", .set = { "A", "B=c" } },
	{ .text = "A='b\rc'\n", .set = { "A", "bc" } },
	{ .text = "A=\"b\\r\\nc\"\n", .set = { "A", "b\\r\nc" } },
	{ .text = "A='b\\r\\nc'\n", .set = { "A", "b\\r\\nc" } },
	{ .text = "A=\"\\\\n\"\n", .set = { "A", "\\\n" } },
	{ .text = "A=`a'b\"c`\n", .set = { "A", "a'b\"c" } },
	{ .text = "A=`a\n`\nB=c\n", .set = { "A", "a\n", "B", "c" } },
	{ .text = "A=b\xc2\xa0\n", .set = { "A", "b\xc2\xa0" } },
	{ .text = "A=\xef\xbb\xbf" "b\n", .set = { "A", "\xef\xbb\xbf" "b" } },
	{ .text = "A='\xc2\xa0" "b'\n", .set = { "A", "\xc2\xa0" "b" } },
	{ .text = "A=b\xe2\x80\xa8" "B=c\n", .set = { "A", "b\xe2\x80\xa8" "B=c" } },
	{ .text = "#c\xe2\x80\xa8" "A=b\n", .set = { NULL } },
	{ .text = "A=\"'\xe2\x80\xa8'b'\n", .set = { "A", "\"'\xe2\x80\xa8'b'" } },
	{ .text = "A=''\nB=\"\"\nC=``\n", .set = { "A", "", "B", "", "C", "" } },
	{ .text = "[s]\nA=b\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=$B $(c) ${d}\n", .set = { "A", "$B $(c) ${d}" } },
	{ .text = "A=\"\\$B \\${C}\"\n", .set = { "A", "\\$B \\${C}" } },
	{ .text = "A=\"$ $$ ${} $} $.\"\n", .set = { "A", "$ $$ ${} $} $." } },
	{ .text = "A=\"\\$(x\"\n", .set = { "A", "\\$(x" } },
	{ .text = "A=$(x\n", .set = { "A", "$(x" } },
	{ .text = "A=$()\n", .set = { "A", "$()" } },
	{ .text = "A=\"\\\\\\$(x)\"\n", .set = { "A", "\\\\\\$(x)" } },
	{ .text = "A='$B $(c)'\n", .set = { "A", "$B $(c)" } },
	{ .text = "DOTENV_LINEBREAK_MODE=legacy\nA=\"b\\nc\"\n",
	  .set = { "DOTENV_LINEBREAK_MODE", "legacy", "A", "b\nc" } },
	{ .text = "DOTENV_LINEBREAK_MODE=strict\nA=\"b\\nc\"\n",
	  .set = { "DOTENV_LINEBREAK_MODE", "strict", "A", "b\nc" } },
	{ .text = "A=b\\\n", .set = { "A", "b\\" } },
	{ .text = "A=b\\c\n", .set = { "A", "b\\c" } },
	{ .text = "A=b\\$c\n", .set = { "A", "b\\$c" } },
	{ .text = "A=''b''\n", .set = { "A", "" } },
	{ .text = "A='a' # 'b'\n", .set = { "A", "a" } },
	{ .text = "A=\"b\\\"\" # c\n", .set = { "A", "b\\" } },
	{ .text = "A=\"b\" \xe2\x80\xa8" "C=d\n", .set = { "A", "b" } },
	{ .text = "X=1\nA=b\xe9\n", .refused = "not valid UTF-8", .line = 2 },
	{ .text = "# \xe9\nA=b\n", .set = { "A", "b" } },
	{ .text = "\xef\xbb\xbf A=b\n", .set = { "\xef\xbb\xbf A", "b" }, .warned = "byte order mark", .line = 1 },
	{ .text = "A=1\nexport A B\nB=2\n", .refused = "read this line alike", .line = 2 },
	{ .text = "A:  'b#c'\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "A=b c\n", .set = { "A", "b c" } },
	{ .text = "a.b=1\n", .set = { "a.b", "1" } },
	{ .text = "\t A=b\n", .refused = "read this line alike" },
	{ .text = "A='b'", .set = { "A", "b" } },
	{ .text = "A=\"b", .refused = "read this line alike" },
	{ .text = "A=b\n'", .set = { "A", "b" }, .warned = "ignores", .line = 2 },
	{ .text = "A=b\n#c", .set = { "A", "b" } },
	{ .text = "A=b   ", .set = { "A", "b" } },
	{ .text = "A=b=c", .refused = "last line", .line = 1 },
	{ .text = "A=b", .set = { "A", "b" } },
	{ .text = "A=", .set = { "A", "" } },
	{ .text = "export A=\nB=c\n", .refused = "read this line alike", .line = 1 },
	{ .text = "\xe9=b\n", .refused = "not valid UTF-8", .line = 1 },
	{ .text = "A=b\0\n", .refused = "not a text file", .len = 5 },
};

static void reads_as_node_does(void **state)
{
	(void)state;
	check_decode_table("node", rows, ARRAY_LEN(rows));
}

static void all_bad_lines_are_named(void **state)
{
	static const char text[] = "A=1\nB= \nC='ok'\n  \nD=x\nE=\xe9\nF=\tb\nZ=z\n";
	static const unsigned lines[] = { 2, 3, 4, 5, 6, 7 };
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	(void)state;
	assert_int_equal(dialect_decode(must_find("node"), text, strlen(text), set, &notes, &err), ERR_INVALID);
	assert_int_equal(notes.errors, ARRAY_LEN(lines));
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_int_equal(notes.items[i].line, lines[i]);
	assert_string_equal(notes.items[0].name, "B");
	assert_non_null(notes.items[0].hint);
	/* What stands between them is read all the same. */
	struct env_entry entry;
	assert_true(env_set_find(set, "Z", 1, &entry));
	assert_string_equal(entry.value, "z");
}

static void refuses_names_and_bytes(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "", .refused = NULL },
		{ "a.-_9", "x", .refused = NULL },
		{ "1A", " \"`\\n$#\n\t\x01\xef\xbf\xbe\xef\xbb\xbf\\", .refused = NULL },
		{ "A1", "'\"`", .refused = "no escapes" },
		{ "A2", "b'\"`", .refused = NULL },
		{ "A3", "b'\"`\n", .refused = "no escapes" },
		{ "A4", "b'\"`#", .refused = "no escapes" },
		{ "A5", "b'\"` ", .refused = "no escapes" },
		{ "A6", "\tb'\"`", .refused = "no escapes" },
		{ "A7", "b'`\\n", .refused = NULL },
		{ "A8", "b'`\\n\n", .refused = "no escapes" },
		{ "A9", "b'`\\r\n", .refused = NULL },
		{ "B1", "b\r", .refused = "carriage return" },
		{ "C", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "D", "\xe9", .refused = "not valid UTF-8" },
		{ "X NODE_OPTIONS", "x", .refused = "the name" },
		{ "\xc3\xa9", "x", .refused = "the name" },
		{ "export", "x", .refused = NULL },
		{ "\xef\xbb\xbf" "E", "x", .refused = "the name" },
		{ "", "x", .refused = "the name" },
		{ "E=F", "x", .refused = "the name" },
		{ "E\nF", "x", .refused = "the name" },
		{ "E\rF", "x", .refused = "the name" },
		{ "#E", "x", .refused = "the name" },
		{ "export E", "x", .refused = "the name" },
		{ " E", "x", .refused = "the name" },
		{ "E\t", "x", .refused = "the name" },
		{ "E\xe9", "x", .refused = "the name" },
		{ "E\0", "x", .name_len = 2, .refused = "the name" },
		{ "__proto__", "x", .refused = "JavaScript" },
	};
	(void)state;
	check_refuse_table("node", refusals, ARRAY_LEN(refusals));
}

static void quotes_as_little_as_it_may(void **state)
{
	(void)state;
	check_written("node", "A", "", "A=\n");
	check_written("node", "A", "b/c:d@e%f+g,h=i^j-k.l", "A=b/c:d@e%f+g,h=i^j-k.l\n");
	check_written("node", "A", "b c\n#", "A='b c\n#'\n");
	check_written("node", "A", "it's\\n", "A=`it's\\n`\n");
	check_written("node", "A", "it's `b`", "A=\"it's `b`\"\n");
	check_written("node", "A", "it's \"`", "A=it's \"`\n");
	check_written("node", "A", "b \\", "A=b \\\n");
	check_written("node", "A", "b #\\", "A='b #\\'\n");
	check_written("node", "A", "=", "A='='\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_node_does),
		cmocka_unit_test(all_bad_lines_are_named),
		cmocka_unit_test(refuses_names_and_bytes),
		cmocka_unit_test(quotes_as_little_as_it_may),
	};
	return cmocka_run_group_tests_name("dialect_node", tests, NULL, NULL);
}
