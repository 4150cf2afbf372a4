#include "dialect_test.h"

#include <stdlib.h>
#include <time.h>

/* What the default parser makes of each, measured; where its fast parser of 18.0.0 makes something else, a refusal. */
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
	{ .text = "A=\"b\"c\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=b\"c\"\n", .set = { "A", "b\"c\"" } },
	{ .text = "A='b'\"c\"\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=\"b\\nc\"\n", .set = { "A", "b\nc" } },
	{ .text = "A='b\\nc'\n", .set = { "A", "b\\nc" } },
	{ .text = "A=b\\nc\n", .set = { "A", "b\\nc" } },
	{ .text = "A=\"b\\tc\"\n", .set = { "A", "b\\tc" } },
	{ .text = "A=\"b\\\\c\"\n", .set = { "A", "b\\\\c" } },
	{ .text = "A='b\\\\c'\n", .set = { "A", "b\\\\c" } },
	{ .text = "A=b\\\\c\n", .set = { "A", "b\\\\c" } },
	{ .text = "A=\"b\\\\nc\"\n", .set = { "A", "b\\\nc" } },
	{ .text = "A=\"b\\\"c\"\n", .set = { "A", "b\\\"c" } },
	{ .text = "A=\"b\\\"\"\n", .set = { "A", "b\\\"" } },
	{ .text = "A=\"b\\\\\"\n", .set = { "A", "b\\\\" } },
	{ .text = "A='b\\'\nB=c\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A='b\\'c'\n", .set = { "A", "b\\'c" } },
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
	{ .text = "A=\"b\rc\"\n", .set = { "A", "b\nc" } },
	{ .text = "\xef\xbb\xbf" "A=b\n", .set = { "A", "b" } },
	{ .text = "A=\n", .set = { "A", "" } },
	{ .text = "A=\nB=c\n", .set = { "A", "", "B", "c" } },
	{ .text = "A=\"\"\n", .set = { "A", "" } },
	{ .text = "A\nB=c\n", .set = { "B", "c" }, .warned = "ignores", .line = 1 },
	{ .text = "HOSTVAR\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "A: b\n", .set = { "A", "b" } },
	{ .text = "A=1\nA=2\n", .set = { "A", "2" }, .warned = "more than once", .line = 2 },
	{ .text = ";A=1\nB=2\n", .set = { "B", "2" }, .warned = "ignores", .line = 1 },
	{ .text = "A-B=1\n", .set = { "A-B", "1" } },
	{ .text = "A.B=1\n", .set = { "A.B", "1" } },
	{ .text = "1A=1\n", .set = { "1A", "1" } },
	{ .text = "\xc3\xa9=1\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "'A'=1\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "A=\xe9\n", .refused = "not valid UTF-8", .line = 1 },
	{ .text = "A=b\x01" "c\n", .set = { "A", "b\x01" "c" } },
	{ .text = "A=\"b\x01\x1b" "c\"\n", .set = { "A", "b\x01\x1b" "c" } },
	{ .text = "A=\"\xef\xbf\xbe\"\n", .set = { "A", "\xef\xbf\xbe" } },
	{ .text = "A=b\xe2\x80\xa8" "c\n", .set = { "A", "b\xe2\x80\xa8" "c" } },
	{ .text = "A=\xc2\xa0" "b\n", .refused = "read this line alike", .line = 1 },
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
	{ .text = "A='it's'\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A='it's #1'\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A='b\\'\nB='c'\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=\"b\\\"\nB=\"c\"\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=\n'b'\nC=d\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A\n=b\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A: 'b'\n", .set = { "A", "b" } },
	{ .text = "A :b\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "A:b\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "export\tA=b\n", .set = { "A", "b" } },
	{ .text = "export  A=b\n", .set = { "A", "b" } },
	{ .text = "export\nA=b\n", .set = { "A", "b" } },
	{ .text = "export =b\n", .refused = "read this line alike", .line = 1 },
	{ .text = "export A\n", .set = { NULL }, .warned = "ignores", .line = 1 },
	{ .text = "A=1\nexport A\n", .set = { "A", "1" }, .warned = "ignores", .line = 2 },
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
	{ .text = "__proto__=b\nA=c\n", .set = { "A", "c" }, .warned = "JavaScript", .line = 1 },
	{ .text = "A=\rB=c\r", .set = { "A", "", "B", "c" } },
	{ .text = "A='b\rc'\n", .set = { "A", "b\nc" } },
	{ .text = "A=\"b\\r\\nc\"\n", .set = { "A", "b\r\nc" } },
	{ .text = "A='b\\r\\nc'\n", .set = { "A", "b\\r\\nc" } },
	{ .text = "A=\"\\\\n\"\n", .set = { "A", "\\\n" } },
	{ .text = "A=`a'b\"c`\n", .set = { "A", "a'b\"c" } },
	{ .text = "A=`a\n`\nB=c\n", .set = { "A", "a\n", "B", "c" } },
	{ .text = "A=b\xc2\xa0\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=\xef\xbb\xbf" "b\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A='\xc2\xa0" "b'\n", .set = { "A", "\xc2\xa0" "b" } },
	{ .text = "A=b\xe2\x80\xa8" "B=c\n", .set = { "A", "b\xe2\x80\xa8" "B=c" } },
	{ .text = "#c\xe2\x80\xa8" "A=b\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=\"'\xe2\x80\xa8'b'\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=''\nB=\"\"\nC=``\n", .set = { "A", "", "B", "", "C", "" } },
	{ .text = "[s]\nA=b\n", .set = { "A", "b" }, .warned = "ignores", .line = 1 },
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
	{ .text = "A=''b''\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A='a' # 'b'\n", .set = { "A", "a" } },
	{ .text = "A=\"b\\\"\" # c\n", .set = { "A", "b\\\"" } },
	{ .text = "A=\"b\" \xe2\x80\xa8" "C=d\n", .refused = "read this line alike", .line = 1 },
	{ .text = "X=1\nA=b\xe9\n", .refused = "not valid UTF-8", .line = 2 },
	{ .text = "# \xe9\nA=b\n", .set = { "A", "b" } },
	{ .text = "\xef\xbb\xbf A=b\n", .set = { "A", "b" } },
	{ .text = "A=1\nexport A B\nB=2\n", .set = { "A", "1", "B", "2" }, .warned = "ignores", .line = 2 },
	{ .text = "A:  'b#c'\n", .set = { "A", "b#c" } },
	{ .text = "A=b c\n", .set = { "A", "b c" } },
	{ .text = "a.b=1\n", .set = { "a.b", "1" } },
	{ .text = "A='b\\'c#d'\n", .set = { "A", "b\\'c#d" } },
	{ .text = "A='b\\'\nc'\n", .set = { "A", "b\\'\nc" } },
	{ .text = "export\n\nexport A=b\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A=\"b\"B=c\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A='b' 'c'\n", .refused = "read this line alike", .line = 1 },
	{ .text = "A='b\\\\'\nB=c\n", .set = { "A", "b\\\\", "B", "c" } },
	{ .text = "A='\xe2\x80\xa8'\n", .set = { "A", "\xe2\x80\xa8" } },
	{ .text = "A=b\0\n", .refused = "not a text file", .len = 5 },
};

static void reads_as_dotenv_does(void **state)
{
	(void)state;
	check_decode_table("motdotla", rows, ARRAY_LEN(rows));
}

static void all_bad_lines_are_named(void **state)
{
	static const char text[] = "A=1\nB='it's'\nC='ok'\nD=\"x\"y\nE=\xe9\nexport =x\nZ=z\n";
	static const unsigned lines[] = { 2, 4, 5, 6 };
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	(void)state;
	assert_int_equal(dialect_decode(must_find("motdotla"), text, strlen(text), set, &notes, &err), ERR_INVALID);
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
		{ "1A", " \"`\\n$#\n\t\x01\xef\xbf\xbe\xef\xbb\xbf ", .refused = NULL },
		{ "A1", "'\"`", .refused = "no escapes" },
		{ "A2", "b'\"`", .refused = NULL },
		{ "A3", "b'\"`\n", .refused = "no escapes" },
		{ "A4", "b'\"`#", .refused = "no escapes" },
		{ "A5", "b'\"`\xc2\xa0", .refused = "no escapes" },
		{ "A6", " b'\"`", .refused = "no escapes" },
		{ "A7", "b'\"`\xc2\x85", .refused = NULL },
		{ "A8", "b\\", .refused = NULL },
		{ "A9", "b #\\", .refused = "no escapes" },
		{ "B1", "b\nc\\", .refused = "no escapes" },
		{ "B2", "'b\\", .refused = "no escapes" },
		{ "B3", "b\r\nc'`\\\r", .refused = NULL },
		{ "B4", "b\r\"", .refused = "no escapes" },
		{ "B5", "b\r\\n", .refused = "no escapes" },
		{ "B6", "b\r\\r", .refused = "no escapes" },
		{ "B7", "b'\"`\xe2\x80\xa8'", .refused = "no escapes" },
		{ "B8", "b'\"`\xe2\x80\xa8" "c'", .refused = NULL },
		{ "C", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "D", "\xe9", .refused = "not valid UTF-8" },
		{ "E F", "x", .refused = "the name" },
		{ "E=F", "x", .refused = "the name" },
		{ "E:F", "x", .refused = "the name" },
		{ "\xc3\xa9", "x", .refused = "the name" },
		{ "__proto__", "x", .refused = "JavaScript" },
	};
	(void)state;
	check_refuse_table("motdotla", refusals, ARRAY_LEN(refusals));
}

static void quotes_as_little_as_it_may(void **state)
{
	(void)state;
	check_written("motdotla", "A", "", "A=\n");
	check_written("motdotla", "A", "b/c:d@e%f+g,h=i^j-k.l", "A=b/c:d@e%f+g,h=i^j-k.l\n");
	check_written("motdotla", "A", "b c\n#", "A='b c\n#'\n");
	check_written("motdotla", "A", "it's\\n", "A=`it's\\n`\n");
	check_written("motdotla", "A", "it's `b`", "A=\"it's `b`\"\n");
	check_written("motdotla", "A", "b\r\n\\\r", "A=\"b\\r\n\\\\r\"\n");
	check_written("motdotla", "A", "it's \"`", "A=it's \"`\n");
	check_written("motdotla", "A", "b \\", "A=b \\\n");
}

static bool can_write(const char *value, size_t len)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(2 * len);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(2 * len);
	assert_int_equal(env_set_put(set, "A", 1, value, len, 0, NULL, &err), ERR_OK);
	return dialect_encode(must_find("motdotla"), set, NULL, out, &notes, &err) == ERR_OK;
}

/* Many variables on one line, which the scanner of later versions reads: no look at the whole line for each. */
static void a_long_line_of_quoted_values(void **state)
{
	static const char piece[] = "A='\\''";
	enum { COUNT = 500000, LEN = sizeof(piece) - 1 };
	const struct dialect *dialect = dialect_find("motdotla");
	char *text = malloc((size_t)COUNT * LEN);
	struct env_set *set = env_set_new(LIMIT_ENV_FILE);
	struct notes notes = { .len = 0 };
	struct error err = ERROR_INIT;
	struct timespec from, to;

	(void)state;
	assert_true(text && set);
	for (size_t i = 0; i < COUNT; i++)
		memcpy(text + i * LEN, piece, LEN);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	(void)!dialect_decode(dialect, text, (size_t)COUNT * LEN, set, &notes, &err);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	/* Some 100 ms; 17 s when each value looks for the line's end. */
	assert_true(to.tv_sec - from.tv_sec < 5);
	notes_free(&notes);
	env_set_free(set);
	free(text);
}

/* dotenv runs out of stack over what is longer; without quotes there is no limit. */
static void longest_quoted_value(void **state)
{
	const size_t limit = 4u * 1024 * 1024;
	char *text = malloc(limit + 8);
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(3 * limit);
	(void)state;
	assert_non_null(text);
	memset(text, '$', limit + 8);
	memcpy(text, "A='", 3);
	text[3 + limit] = '\'';
	assert_int_equal(dialect_decode(must_find("motdotla"), text, limit + 4, set, &notes, &err), ERR_OK);
	text[3 + limit] = '$';
	text[4 + limit] = '\'';
	assert_int_equal(dialect_decode(must_find("motdotla"), text, limit + 5, set, &notes, &err), ERR_INVALID);
	assert_non_null(find_note(&notes, NOTE_ERROR, "4 MiB", 1));
	/* Without its first and last character it needs no quotes. */
	memset(text, '$', limit + 8);
	text[0] = text[limit] = ' ';
	assert_true(can_write(text, limit));
	assert_false(can_write(text, limit + 1));
	assert_true(can_write(text + 1, limit + 7));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_dotenv_does),
		cmocka_unit_test(all_bad_lines_are_named),
		cmocka_unit_test(refuses_names_and_bytes),
		cmocka_unit_test(quotes_as_little_as_it_may),
		cmocka_unit_test(a_long_line_of_quoted_values),
		cmocka_unit_test(longest_quoted_value),
	};
	return cmocka_run_group_tests_name("dialect_motdotla", tests, NULL, NULL);
}
