#include "dialect_test.h"

/* What dotenv 2.4, 3.0 and 3.2 make of each; a refusal where they make different things of it, or run or fill in something. */
static const struct decode_row rows[] = {
	{ .text = "A=b\n", .set = { "A", "b" } },
	{ .text = "A=  b c  \n", .set = { "A", "b c" } },
	{ .text = "A = b\n", .set = { "A", "b" } },
	{ .text = "export A=b\n", .set = { "A", "b" } },
	{ .text = "A=b #c\n", .set = { "A", "b" } },
	{ .text = "A=b#c\n", .set = { "A", "b" } },
	{ .text = "A=#b\n", .set = { "A", "" } },
	{ .text = "A= #b\n", .set = { "A", "" } },
	{ .text = "A=b\t#c\n", .set = { "A", "b" } },
	{ .text = "A=\"b\" #c\n", .set = { "A", "b" } },
	{ .text = "A=\"b#c\"\n", .set = { "A", "b#c" } },
	{ .text = "A=\"b\"c\n", .set = { "A", "\"b\"c" } },
	{ .text = "A=b\"c\"\n", .set = { "A", "b\"c\"" } },
	{ .text = "A='b'\"c\"\n", .set = { "A", "'b'\"c\"" } },
	{ .text = "A=\"b\\nc\"\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A='b\\nc'\n", .set = { "A", "b\\nc" } },
	{ .text = "A=b\\nc\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=\"b\\tc\"\n", .set = { "A", "btc" } },
	{ .text = "A=\"b\\\\c\"\n", .set = { "A", "b\\c" } },
	{ .text = "A='b\\\\c'\n", .set = { "A", "b\\\\c" } },
	{ .text = "A=b\\\\c\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=\"b\\\\nc\"\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=\"b\\\"c\"\n", .set = { "A", "b\"c" } },
	{ .text = "A=\"b\\\"\"\n", .set = { "A", "b\"" } },
	{ .text = "A=\"b\\\\\"\n", .set = { "A", "b\\" } },
	{ .text = "A='b\\'\nB=c\n", .set = { "A", "b\\", "B", "c" } },
	{ .text = "A='b\\'c'\n", .set = { "A", "b\\'c" } },
	{ .text = "A=\"b\\xc\"\n", .set = { "A", "bxc" } },
	{ .text = "A=\"b\\$c\"\n", .set = { "A", "b$c" } },
	{ .text = "A=\"b$$HOSTVAR\"\n", .refused = "another variable", .line = 1 },
	{ .text = "A=\"b$HOSTVAR\"\n", .refused = "another variable", .line = 1 },
	{ .text = "A=\"b${HOSTVAR}\"\n", .refused = "another variable", .line = 1 },
	{ .text = "A=b$HOSTVAR\n", .refused = "another variable", .line = 1 },
	{ .text = "A=b${HOSTVAR}\n", .refused = "another variable", .line = 1 },
	{ .text = "A='b${HOSTVAR}'\n", .set = { "A", "b${HOSTVAR}" } },
	{ .text = "A=\"${NOPE:-d}\"\n", .refused = "another variable", .line = 1 },
	{ .text = "A=\"x${NOPE}y\"\n", .refused = "another variable", .line = 1 },
	{ .text = "A=\"$(echo hi)\"\n", .refused = "as a command", .line = 1 },
	{ .text = "A=`b c`\n", .set = { "A", "`b c`" } },
	{ .text = "A=\"b`echo x`c\"\n", .set = { "A", "b`echo x`c" } },
	{ .text = "A=\"b\nc\"\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A='b\nc'\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=b\\\nc\n", .refused = "read this line alike", .line = 2 },
	{ .text = "A=\"b\\\nc\"\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=b\r\nB=c\r\n", .set = { "A", "b", "B", "c" } },
	{ .text = "A=\"b\r\nc\"\r\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=\"b\rc\"\n", .refused = "read this line alike", .line = 1 },
	{ .text = "\xef\xbb\xbf" "A=b\n", .set = { "A", "b" } },
	{ .text = "A=\n", .set = { "A", "" } },
	{ .text = "A=\nB=c\n", .set = { "A", "", "B", "c" } },
	{ .text = "A=\"\"\n", .set = { "A", "" } },
	{ .text = "A\nB=c\n", .refused = "read this line alike", .line = 1 },
	{ .text = "HOSTVAR\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A: b\n", .set = { "A", "b" } },
	{ .text = "A=1\nA=2\n", .set = { "A", "2" }, .warned = "more than once", .line = 2 },
	{ .text = ";A=1\nB=2\n", .set = { "B", "2" }, .warned = "ignores", .line = 1 },
	{ .text = "A-B=1\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "A.B=1\n", .set = { "A.B", "1" } },
	{ .text = "1A=1\n", .set = { "1A", "1" } },
	{ .text = "\xc3\xa9=1\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "'A'=1\n", .set = { NULL }, .warned = "ignores", .line = 1 },
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
	{ .text = "A=\"\\$(echo hi)\"\n", .set = { "A", "$(echo hi)" } },
	{ .text = "A=\"b!c\"\n", .set = { "A", "b!c" } },
	{ .text = "A=\"%s %n\"\n", .set = { "A", "%s %n" } },
	{ .text = "#c \\\nA=b\n", .set = { "A", "b" } },
	{ .text = "", .set = { NULL } },
	{ .text = "A=b", .set = { "A", "b" } },
	{ .text = "\n\n A=b", .set = { "A", "b" } },
	{ .text = "A='b'#c\n", .set = { "A", "b" } },
	{ .text = "A='b' #c='d'\nB=e\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A='a\"b'\n", .set = { "A", "a\"b" } },
	{ .text = "A='it's'\n", .set = { "A", "it's" } },
	{ .text = "A='it's #1'\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A='b\\'\nB='c'\n", .set = { "A", "b\\", "B", "c" } },
	{ .text = "A=\"b\\\"\nB=\"c\"\n", .set = { "A", "b\\", "B", "c" } },
	{ .text = "A=\n'b'\nC=d\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A\n=b\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A: 'b'\n", .set = { "A", "b" } },
	{ .text = "A :b\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "A:b\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "export\tA=b\n", .set = { "A", "b" } },
	{ .text = "export  A=b\n", .set = { "A", "b" } },
	{ .text = "export\nA=b\n", .set = { "A", "b" } },
	{ .text = "export =b\n", .set = { "export", "b" } },
	{ .text = "export A\n", .refused = "export names", .line = 1 },
	{ .text = "A=1\nexport A\n", .set = { "A", "1" } },
	{ .text = "A= \nB=c\n", .set = { "A", "", "B", "c" } },
	{ .text = "A= 'b' \t\nC=d\n", .set = { "A", "b", "C", "d" } },
	{ .text = "A=\tb\n", .set = { "A", "b" } },
	{ .text = "A=b\t\n", .set = { "A", "b" } },
	{ .text = "A=b \n", .set = { "A", "b" } },
	{ .text = "X=1\n  \nB=c\n", .set = { "X", "1", "B", "c" } },
	{ .text = "X=1\n\t\nB=c\n", .set = { "X", "1", "B", "c" } },
	{ .text = "X=1\n # c\nB=c\n", .set = { "X", "1", "B", "c" } },
	{ .text = "X=1\n # c=d\nB=c\n", .set = { "X", "1", "B", "c" } },
	{ .text = "X=1\n#c=d", .set = { "X", "1" } },
	{ .text = "A=b #c", .set = { "A", "b" } },
	{ .text = "A='b", .set = { "A", "'b" } },
	{ .text = "A='b=c", .set = { "A", "'b=c" } },
	{ .text = "A='b'", .set = { "A", "b" } },
	{ .text = "A=\"x=y\"", .set = { "A", "x=y" } },
	{ .text = "X=1\nA B=c\n", .set = { "X", "1" }, .warned = "ignores", .line = 2 },
	{ .text = "X=1\n=b\nC=d\n", .set = { "X", "1", "C", "d" }, .warned = "ignores", .line = 2 },
	{ .text = "X=1\n  =b\nC=d\n", .set = { "X", "1", "C", "d" }, .warned = "ignores", .line = 2 },
	{ .text = "__proto__=b\nA=c\n", .set = { "__proto__", "b", "A", "c" } },
	{ .text = "A=\rB=c\r", .set = { "A", "", "B", "c" } },
	{ .text = "A='b\rc'\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=\"b\\r\\nc\"\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A='b\\r\\nc'\n", .set = { "A", "b\\r\\nc" } },
	{ .text = "A=\"\\\\n\"\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=`a'b\"c`\n", .set = { "A", "`a'b\"c`" } },
	{ .text = "A=`a\n`\nB=c\n", .set = { "A", "`a", "B", "c" }, .warned = "ignores", .line = 2 },
	{ .text = "A=b\xc2\xa0\n", .set = { "A", "b\xc2\xa0" } },
	{ .text = "A=\xef\xbb\xbf" "b\n", .set = { "A", "\xef\xbb\xbf" "b" } },
	{ .text = "A='\xc2\xa0" "b'\n", .set = { "A", "\xc2\xa0" "b" } },
	{ .text = "A=b\xe2\x80\xa8" "B=c\n", .set = { "A", "b\xe2\x80\xa8" "B=c" } },
	{ .text = "#c\xe2\x80\xa8" "A=b\n", .set = { NULL } },
	{ .text = "A=\"'\xe2\x80\xa8'b'\n", .set = { "A", "\"'\xe2\x80\xa8'b'" } },
	{ .text = "A=''\nB=\"\"\nC=``\n", .set = { "A", "", "B", "", "C", "``" } },
	{ .text = "[s]\nA=b\n", .set = { "A", "b" }, .warned = "ignores", .line = 1 },
	{ .text = "A=$B $(c) ${d}\n", .refused = "another variable", .line = 1 },
	{ .text = "A=\"\\$B \\${C}\"\n", .set = { "A", "$B ${C}" } },
	{ .text = "A=\"$ $$ ${} $} $.\"\n", .set = { "A", "$ $$ ${} $} $." } },
	{ .text = "A=\"\\$(x\"\n", .set = { "A", "\\$(x" } },
	{ .text = "A=$(x\n", .set = { "A", "$(x" } },
	{ .text = "A=$()\n", .set = { "A", "$()" } },
	{ .text = "A=\"\\\\\\$(x)\"\n", .set = { "A", "\\$(x)" } },
	{ .text = "A='$B $(c)'\n", .set = { "A", "$B $(c)" } },
	{ .text = "DOTENV_LINEBREAK_MODE=legacy\nA=\"b\\nc\"\n",
	  .set = { "DOTENV_LINEBREAK_MODE", "legacy", "A", "b\nc" } },
	{ .text = "DOTENV_LINEBREAK_MODE=strict\nA=\"b\\nc\"\n", .refused = "read this line alike", .line = 2 },
	{ .text = "A=b\\\n", .set = { "A", "b\\" } },
	{ .text = "A=b\\c\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=b\\$c\n", .set = { "A", "b$c" } },
	{ .text = "A=''b''\n", .set = { "A", "'b'" } },
	{ .text = "A='a' # 'b'\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=\"b\\\"\" # c\n", .set = { "A", "b\"" } },
	{ .text = "A=\"b\" \xe2\x80\xa8" "C=d\n", .set = { "A", "\"b\" \xe2\x80\xa8" "C=d" } },
	{ .text = "X=1\nA=b\xe9\n", .refused = "not valid UTF-8", .line = 2 },
	{ .text = "# \xe9\nA=b\n", .refused = "not valid UTF-8", .line = 1 },
	{ .text = "\xef\xbb\xbf A=b\n", .set = { "A", "b" } },
	{ .text = "A=1\nexport A B\nB=2\n", .refused = "export names", .line = 2 },
	{ .text = "A:  'b#c'\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=b c\n", .set = { "A", "b c" } },
	{ .text = "a.b=1\n", .set = { "a.b", "1" } },
	{ .text = "A=$\xc5\xbf\n", .refused = "another variable" },
	{ .text = "A=\"$((((((((((((((((x))))))))))))))))\"\n", .refused = "as a command" },
	{ .text = "A=\"$(((((((((((((((((x)))))))))))))))))\"\n", .refused = "too many parentheses" },
	{ .text = "A=\"\\$(a(b)c)\"\n", .set = { "A", "$(a(b)c)" } },
	{ .text = "A=\"\\$(a()c)\"\n", .set = { "A", "\\$(a()c)" } },
	{ .text = "B=1\nexport\nexport B B\n", .refused = "read this line alike", .line = 2 },
	{ .text = "B=1\nexport B B\n", .set = { "B", "1" } },
	{ .text = "export A=b\nexport A C\nC=d\n", .refused = "export names", .line = 2 },
	{ .text = "exporter\n", .refused = "read this line alike", .line = 1 },
	/* What the last versions of 3 alone make of a name without a value. */
	{ .text = "A # c\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=1\n  A\t", .refused = "read this line alike", .line = 2 },
	{ .text = "A$\nA.B!\n#A\nB=1\n", .set = { "B", "1" }, .warned = "ignores", .line = 2 },
	{ .text = "export\n", .refused = "read this line alike", .line = 1 },
	{ .text = "export # c\nA=b\n", .refused = "read this line alike", .line = 1 },
	{ .text = "B=1\nexport\nB\n", .refused = "read this line alike", .line = 3 },
	{ .text = "A=1\nexport A # c\n", .refused = "export names", .line = 2 },
	{ .text = "export A=\n", .refused = "exports nothing", .line = 1 },
	{ .text = "A=1\nexport A=#c\n", .refused = "exports nothing", .line = 2 },
	{ .text = "A=1\nexport A=", .refused = "exports nothing", .line = 2 },
	{ .text = "export A= \nexport B=''\n", .set = { "A", "", "B", "" } },
	{ .text = "A=b\0\n", .refused = "not a text file", .len = 5 },
};

static void reads_as_dotenv_does(void **state)
{
	(void)state;
	check_decode_table("ruby-dotenv", rows, ARRAY_LEN(rows));
}

static void all_bad_lines_are_named(void **state)
{
	static const char text[] = "A=1\nB=$A\nC='ok'\nD=\"$(x)\"\nexport Y\nE=b\\c\nZ=z\n";
	static const unsigned lines[] = { 2, 4, 5, 6 };
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	(void)state;
	assert_int_equal(dialect_decode(must_find("ruby-dotenv"), text, strlen(text), set, &notes, &err), ERR_INVALID);
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
		{ "a._9", "x", .refused = NULL },
		{ "1A", " \"`\\n$#\t\x01\xef\xbf\xbe\xef\xbb\xbf ", .refused = NULL },
		{ "A1", " '\"`\\$(x)$A${B}#", .refused = NULL },
		{ "A2", "'$(x", .refused = NULL },
		{ "A3", "'\\n", .refused = "backslashes" },
		{ "A4", "'\\r", .refused = "backslashes" },
		{ "A5", "b\\", .refused = NULL },
		{ "A6", "b'\"\\", .refused = NULL },
		{ "A7", "b\\\\", .refused = "backslashes" },
		{ "A8", "b#\\", .refused = "backslashes" },
		{ "A9", "'b\\", .refused = "backslashes" },
		{ "B1", "$b\\", .refused = "backslashes" },
		{ "B2", " b\\", .refused = "backslashes" },
		{ "B3", "b\nc", .refused = "line end" },
		{ "B4", "b\r", .refused = "line end" },
		{ "B5", "'$(((((((((((((((((x", .refused = "backslashes" },
		{ "B6", "$(((((((((((((((((x", .refused = NULL },
		{ "C", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "D", "\xe9", .refused = "not valid UTF-8" },
		{ "E-F", "x", .refused = "the name" },
		{ "E F", "x", .refused = "the name" },
		{ "E=F", "x", .refused = "the name" },
		{ "\xc3\xa9", "x", .refused = "the name" },
	};
	(void)state;
	check_refuse_table("ruby-dotenv", refusals, ARRAY_LEN(refusals));
}

static void quotes_as_little_as_it_may(void **state)
{
	(void)state;
	check_written("ruby-dotenv", "A", "", "A=\n");
	check_written("ruby-dotenv", "A", "b/c:d@e%f+g,h=i^j-k.l", "A=b/c:d@e%f+g,h=i^j-k.l\n");
	check_written("ruby-dotenv", "A", "b c$D\\n#", "A='b c$D\\n#'\n");
	check_written("ruby-dotenv", "A", "it's $5 \"\\ #1", "A=\"it's \\$5 \\\"\\\\ #1\"\n");
	check_written("ruby-dotenv", "A", "'$(x)", "A=\"'\\$(x)\"\n");
	/* No command: a backslash would stay. */
	check_written("ruby-dotenv", "A", "'$(x", "A=\"'$(x\"\n");
	/* A command in a command, closed or not: only the outer one of those that are closed gets a backslash. */
	check_written("ruby-dotenv", "A", "'$(a $(b) c) $(d)", "A=\"'\\$(a $(b) c) \\$(d)\"\n");
	check_written("ruby-dotenv", "A", "'$(a \\$(b))", "A=\"'\\$(a \\\\$(b))\"\n");
	check_written("ruby-dotenv", "A", "'$(a $(b)", "A=\"'$(a \\$(b)\"\n");
	check_written("ruby-dotenv", "A", "b c\\", "A=b c\\\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_dotenv_does),
		cmocka_unit_test(all_bad_lines_are_named),
		cmocka_unit_test(refuses_names_and_bytes),
		cmocka_unit_test(quotes_as_little_as_it_may),
	};
	return cmocka_run_group_tests_name("dialect_ruby", tests, NULL, NULL);
}
