#include "dialect_test.h"

#define IGNORED "python-dotenv ignores"
#define REFERENCE "refers to another variable"

static const struct decode_row rows[] = {
	{ .text = "A=b\n", .set = { "A", "b" } },
	{ .text = "A=b", .set = { "A", "b" } },
	{ .text = "", .set = { NULL } },
	{ .text = "A=  b c  \n", .set = { "A", "b c" } },
	{ .text = "A = b\n", .set = { "A", "b" } },
	{ .text = "export A=b\n", .set = { "A", "b" } },
	{ .text = "export\t\xc2\xa0" "A=b\n", .set = { "A", "b" } },
	{ .text = "exportA=b\n", .set = { "exportA", "b" } },
	{ .text = "export=b\n", .set = { "export", "b" } },
	{ .text = "export =b\n", .set = { NULL }, .warned = IGNORED, .line = 1 },
	{ .text = "export\nA=b\n", .set = { "A", "b" }, .warned = "has no value", .line = 1 },
	{ .text = "export \nA=b\n", .set = { "A", "b" }, .warned = IGNORED, .line = 1 },
	{ .text = "export #c\nA=b\n", .set = { "A", "b" } },
	{ .text = "A=b #c\n", .set = { "A", "b" } },
	{ .text = "A=b#c\n", .set = { "A", "b#c" } },
	{ .text = "A=#b\n", .set = { "A", "#b" } },
	{ .text = "A= #b\n", .set = { "A", "#b" } },
	{ .text = "A=b\t#c\n", .set = { "A", "b" } },
	{ .text = "A=b\xe2\x80\xa8#c\n", .set = { "A", "b" } },
	{ .text = "A=b\x1c#c\n", .set = { "A", "b" } },
	{ .text = "A=b #c #d\n", .set = { "A", "b" } },
	{ .text = "A=\"b\" #c\n", .set = { "A", "b" } },
	{ .text = "A=\"b\"#c\n", .set = { "A", "b" } },
	{ .text = "A=\"b#c\"\n", .set = { "A", "b#c" } },
	{ .text = "A=\"b\"c\nB=d\n", .set = { "B", "d" }, .warned = "after the closing quote", .line = 1 },
	{ .text = "A=b\"c\"\n", .set = { "A", "b\"c\"" } },
	{ .text = "A='b'\"c\"\n", .set = { NULL }, .warned = "after the closing quote" },
	{ .text = "A='it'\\''s'\n", .set = { NULL }, .warned = "after the closing quote" },
	{ .text = "A=\"b\\nc\"\n", .set = { "A", "b\nc" } },
	{ .text = "A='b\\nc'\n", .set = { "A", "b\\nc" } },
	{ .text = "A=b\\nc\n", .set = { "A", "b\\nc" } },
	{ .text = "A=\"b\\tc\"\n", .set = { "A", "b\tc" } },
	{ .text = "A=\"\\a\\b\\f\\n\\r\\t\\v\\'\"\n", .set = { "A", "\a\b\f\n\r\t\v'" } },
	{ .text = "A=\"b\\\\c\"\n", .set = { "A", "b\\c" } },
	{ .text = "A='b\\\\c'\n", .set = { "A", "b\\c" } },
	{ .text = "A=b\\\\c\n", .set = { "A", "b\\\\c" } },
	{ .text = "A=\"b\\\\nc\"\n", .set = { "A", "b\\nc" } },
	{ .text = "A=\"b\\\"c\"\n", .set = { "A", "b\"c" } },
	{ .text = "A=\"b\\\"\"\n", .set = { "A", "b\"" } },
	{ .text = "A=\"b\\\\\"\n", .set = { "A", "b\\" } },
	{ .text = "A=\"b\\\\\"\nB=\"c\"\n", .set = { NULL }, .warned = "after the closing quote", .line = 1 },
	{ .text = "A='b\\'\nB=c\n", .set = { "A", "b\\", "B", "c" } },
	{ .text = "A='b\\'c'\n", .set = { "A", "b'c" } },
	{ .text = "A='b\\\"'\n", .set = { "A", "b\\\"" } },
	{ .text = "A=\"b\\xc\\u0041\\0\"\n", .set = { "A", "b\\xc\\u0041\\0" } },
	{ .text = "A=\"b\\$c\"\n", .set = { "A", "b\\$c" } },
	{ .text = "A=\"b$$HOSTVAR\"\n", .set = { "A", "b$$HOSTVAR" } },
	{ .text = "A=\"b$HOSTVAR\"\n", .set = { "A", "b$HOSTVAR" } },
	{ .text = "X=1\nA=\"b${HOSTVAR}\"\n", .refused = REFERENCE, .line = 2 },
	{ .text = "A=b${HOSTVAR}\n", .refused = REFERENCE },
	{ .text = "A='b${HOSTVAR}'\n", .refused = REFERENCE },
	{ .text = "A=\"${NOPE:-d}\"\n", .refused = REFERENCE },
	{ .text = "A=\"x${NOPE}y\"\n", .refused = REFERENCE },
	{ .text = "A=\"${a b\n}\"\n", .refused = REFERENCE },
	{ .text = "A=1\nB=${A}\n", .refused = REFERENCE, .line = 2 },
	{ .text = "A=\"\\${B}\"\n", .refused = REFERENCE },
	{ .text = "A=${:-$}{B}\n", .set = { "A", "${B}" } },
	{ .text = "A='x${:-y}z'\n", .set = { "A", "xyz" } },
	{ .text = "A=x${}y${:-}z\n", .set = { "A", "xyz" } },
	{ .text = "A=\"${:-\\\\}\"\n", .set = { "A", "\\" } },
	{ .text = "A=\"${:-\\\"}\"\n", .set = { "A", "\"" } },
	{ .text = "A=${:-a:b${c}\n", .set = { "A", "a:b${c" } },
	{ .text = "A=${B:x}${B:+x}${\n", .set = { "A", "${B:x}${B:+x}${" } },
	{ .text = "A=${B:x}}${C}\n", .refused = REFERENCE },
	{ .text = "A=\"$(echo hi)\"\n", .set = { "A", "$(echo hi)" } },
	{ .text = "A=`b c`\n", .set = { "A", "`b c`" } },
	{ .text = "A=\"b\nc\"\nB=d\n", .set = { "A", "b\nc", "B", "d" } },
	{ .text = "A='b\nc'\n", .set = { "A", "b\nc" } },
	{ .text = "A=b\\\nc\n", .set = { "A", "b\\" }, .warned = "has no value", .line = 2 },
	{ .text = "A=\"b\\\nc\"\n", .set = { "A", "b\\\nc" } },
	{ .text = "A=b\r\nB=c\r\n", .set = { "A", "b", "B", "c" } },
	{ .text = "A=b\rB=c\r", .set = { "A", "b", "B", "c" } },
	{ .text = "A=\"b\r\nc\"\r\n", .set = { "A", "b\nc" } },
	{ .text = "A=\"b\rc\\\rd\"\n", .set = { "A", "b\nc\\\nd" } },
	{ .text = "\xef\xbb\xbf" "A=b\n", .refused = "byte order mark", .line = 1 },
	{ .text = "B=c\n\xef\xbb\xbf" "A=b\n", .set = { "B", "c", "\xef\xbb\xbf" "A", "b" } },
	{ .text = "A=\nB=c\n", .set = { "A", "", "B", "c" } },
	{ .text = "A=", .set = { "A", "" } },
	{ .text = "A=\"\"\n", .set = { "A", "" } },
	{ .text = "A\nB=c\n", .set = { "B", "c" }, .warned = "has no value", .line = 1 },
	{ .text = "A #c\nA=1\n", .set = { "A", "1" }, .warned = "has no value", .line = 1 },
	{ .text = "A=1\nA\n", .refused = "takes away", .line = 2 },
	{ .text = "A: b\n", .set = { NULL }, .warned = "not NAME=VALUE", .line = 1 },
	{ .text = "A b=c\n", .set = { NULL }, .warned = "not NAME=VALUE" },
	{ .text = "A=1\nA=2\n", .set = { "A", "2" }, .warned = "more than once", .line = 2 },
	{ .text = ";A=1\nB=2\n", .set = { ";A", "1", "B", "2" } },
	{ .text = "A-B=1\nA.B=2\n1A=3\n\xc3\xa9=4\n", .set = { "A-B", "1", "A.B", "2", "1A", "3", "\xc3\xa9", "4" } },
	{ .text = "'A'=1\n'A B' = 2\n", .set = { "A", "1", "A B", "2" } },
	{ .text = "''=1\n'A=2\nB=3\n", .set = { "B", "3" }, .warned = IGNORED, .line = 2 },
	{ .text = "'A\nB'=1\n", .refused = "on a later line", .line = 1 },
	{ .text = "B=1\n'A\nB=2\nC='3'\n", .refused = "on a later line", .line = 2 },
	{ .text = "'A=B'=1\n", .refused = "holds =" },
	{ .text = "A\"B'=1\n", .set = { "A\"B'", "1" } },
	{ .text = "=b\n", .set = { NULL }, .warned = IGNORED },
	{ .text = "X=1\nA=\xe9\n", .refused = "not valid UTF-8", .line = 2 },
	{ .text = "# \xed\xa0\x80\n", .refused = "not valid UTF-8", .line = 1 },
	{ .text = "A=b\x01" "c\n", .set = { "A", "b\x01" "c" } },
	{ .text = "A=\"b\x01\x1b" "c\"\n", .set = { "A", "b\x01\x1b" "c" } },
	{ .text = "A=\"\xef\xbf\xbe\"\n", .set = { "A", "\xef\xbf\xbe" } },
	{ .text = "A=b\xe2\x80\xa8" "c\xe2\x80\xa8\n", .set = { "A", "b\xe2\x80\xa8" "c" } },
	{ .text = "A=\xc2\xa0" "b\n", .set = { "A", "b" } },
	{ .text = "A=\xc2\x85" "b\x1f\n", .set = { "A", "b" } },
	{ .text = "A=\"b\nB=c\n", .set = { "B", "c" }, .warned = "not closed", .line = 1 },
	{ .text = "A='b\n", .set = { NULL }, .warned = "not closed" },
	{ .text = "A=it's\nB=don't\n", .set = { "A", "it's", "B", "don't" } },
	{ .text = "A=b=c==\n", .set = { "A", "b=c==" } },
	{ .text = "A= \"b\"\n", .set = { "A", "b" } },
	{ .text = "A=\"\\$(echo hi)\"\n", .set = { "A", "\\$(echo hi)" } },
	{ .text = "A=\"b!c %s\"\n", .set = { "A", "b!c %s" } },
	{ .text = "#c \\\nA=b\n", .set = { "A", "b" } },
	{ .text = " # it's\n\xe3\x80\x80# \"\n\v\x1d" "A=b\n", .set = { "A", "b" } },
	{ .text = "A=b\0\n", .refused = "not a text file", .len = 5 },
};

static void reads_as_python_does(void **state)
{
	(void)state;
	check_decode_table("python-dotenv", rows, ARRAY_LEN(rows));
}

static void all_bad_lines_are_named(void **state)
{
	static const char text[] = "A=1\nB=${X}\nC\n'D=E'='ok'\nF='${Y}\n'\nA\n";
	static const unsigned lines[] = { 2, 4, 5, 7 };
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	size_t found = 0;
	(void)state;
	assert_int_equal(dialect_decode(must_find("python-dotenv"), text, strlen(text), set, &notes, &err),
			 ERR_INVALID);
	assert_int_equal(notes.errors, ARRAY_LEN(lines));
	for (size_t i = 0; i < notes.len; i++)
		if (notes.items[i].severity == NOTE_ERROR)
			assert_int_equal(notes.items[i].line, lines[found++]);
	assert_non_null(strstr(err.text, "4 problems"));
	assert_non_null(strstr(err.text, "line 2, B: "));
}

/* Each line with bytes that are no UTF-8; nothing else is said about a file that cannot be read at all. */
static void all_bad_bytes_are_named(void **state)
{
	static const char text[] = "A=\xe9\nB=${X}\n# \xff\n";
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	(void)state;
	assert_int_equal(dialect_decode(must_find("python-dotenv"), text, strlen(text), set, &notes, &err),
			 ERR_INVALID);
	assert_int_equal(notes.len, 2);
	assert_int_equal(notes.items[0].line, 1);
	assert_int_equal(notes.items[1].line, 3);
	assert_int_equal(env_set_count(set), 0);
}

static void refuses_names_and_bytes(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "", .refused = NULL },
		{ "1a.-[]:;\"'\xc3\xa9", " '\"\\`$#\r\n\t\x01\xef\xbf\xbe ", .refused = NULL },
		{ "export", "${a}\\", .refused = NULL },
		{ "B", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "B\0", "a", .name_len = 2, .refused = "NUL" },
		{ "C", "\xe9", .refused = "not valid UTF-8" },
		{ "C\xe9", "x", .refused = "not valid UTF-8" },
		{ "'D", "x", .refused = "the name" },
		{ "", "x", .refused = "the name" },
		{ "D E", "x", .refused = NULL },
		{ "D'E F", "x", .refused = "the name" },
		{ "D'#", "x", .refused = "the name" },
		{ "\xef\xbb\xbf" "D'", "x", .refused = "the name" },
		{ "D\nE", "x", .refused = "the name" },
		{ "D\rE", "x", .refused = "the name" },
		{ "D\xe2\x80\xa8" "E", "x", .refused = NULL },
		{ "D\x1e" "E", "x", .refused = NULL },
		{ "D=E", "x", .refused = "the name" },
		{ "#E", "x", .refused = NULL },
		{ "\xef\xbb\xbf" "D", "x", .refused = NULL },
	};
	(void)state;
	check_refuse_table("python-dotenv", refusals, ARRAY_LEN(refusals));
}

static void writes_double_quotes(void **state)
{
	(void)state;
	check_written("python-dotenv", "A", "b", "A=\"b\"\n");
	check_written("python-dotenv", "A B", "c", "'A B'=\"c\"\n");
	check_written("python-dotenv", "\xef\xbb\xbf" "A", "c", "'\xef\xbb\xbf" "A'=\"c\"\n");
	check_written("python-dotenv", "A", "\"\\$'\r\n# ", "A=\"\\\"\\\\$'\\r\\n# \"\n");
	check_written("python-dotenv", "A", "$${b}", "A=\"$${:-$}{b}\"\n");
	check_written("python-dotenv", "A", "\\", "A=\"${:-\\\\}\"\n");
	check_written("python-dotenv", "A", "b\\\\", "A=\"b\\\\${:-\\\\}\"\n");
	check_written("python-dotenv", "A", "${\\", "A=\"${:-$}{${:-\\\\}\"\n");
}

static void warns_where_it_needs_interpolation(void **state)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(100);
	(void)state;
	assert_int_equal(env_set_put(set, "A", 1, "b\\", 2, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "B", 1, "${b", 3, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "C", 1, "$b\\c", 4, 0, NULL, &err), ERR_OK);
	assert_int_equal(dialect_encode(must_find("python-dotenv"), set, NULL, out, &notes, &err), ERR_OK);
	assert_int_equal(notes.len, 2);
	assert_string_equal(notes.items[0].name, "A");
	assert_string_equal(notes.items[1].name, "B");
	assert_non_null(find_note(&notes, NOTE_WARNING, "interpolate", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_python_does),	   cmocka_unit_test(all_bad_lines_are_named),
		cmocka_unit_test(all_bad_bytes_are_named), cmocka_unit_test(refuses_names_and_bytes),
		cmocka_unit_test(writes_double_quotes),	   cmocka_unit_test(warns_where_it_needs_interpolation),
	};
	return cmocka_run_group_tests_name("dialect_python", tests, NULL, NULL);
}
