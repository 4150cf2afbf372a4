#include "dialect_test.h"

#include <stdlib.h>

#define QUOTES "part of the value"
#define ONLY_47 "4.7.0"

static const struct decode_row rows[] = {
	{ .text = "A=b\n", .set = { "A", "b" } },
	{ .text = "A=b", .set = { "A", "b" } },
	{ .text = "", .set = { NULL } },
	{ .text = "A=  b c  \n", .set = { "A", "  b c  " } },
	{ .text = " \t A=b\n", .set = { "A", "b" } },
	{ .text = "\vA=b\n", .set = { "\vA", "b" }, .warned = ONLY_47 },
	{ .text = "\xc2\xa0" "A=b\n", .set = { "\xc2\xa0" "A", "b" }, .warned = ONLY_47 },
	{ .text = "A = b\n", .set = { "A ", " b" }, .warned = "holds a blank", .line = 1 },
	{ .text = "X=1\nA\t=b\n", .set = { "X", "1", "A\t", "b" }, .warned = "holds a blank", .line = 2 },
	{ .text = "export A=b\n", .set = { "export A", "b" }, .warned = "holds a blank" },
	{ .text = "A=b #c\n", .set = { "A", "b #c" }, .warned = ONLY_47, .line = 1 },
	{ .text = "A=b#c\n", .set = { "A", "b#c" }, .warned = ONLY_47 },
	{ .text = "A=#b\n", .set = { "A", "#b" }, .warned = ONLY_47 },
	{ .text = "A= #b\n", .set = { "A", " #b" }, .warned = ONLY_47 },
	{ .text = "A=b\t#c\n", .set = { "A", "b\t#c" }, .warned = ONLY_47 },
	{ .text = "#A=b\n \t#A=c\n\nB=d\n", .set = { "B", "d" } },
	{ .text = "A=\"b\" #c\n", .set = { "A", "\"b\" #c" }, .warned = ONLY_47 },
	{ .text = "A=\"b#c\"\n", .set = { "A", "\"b#c\"" }, .warned = QUOTES, .line = 1 },
	{ .text = "A=\"b\"c\n", .set = { "A", "\"b\"c" }, .warned = ONLY_47 },
	{ .text = "A=b\"c\"\n", .set = { "A", "b\"c\"" } },
	{ .text = "A='b'\"c\"\n", .set = { "A", "'b'\"c\"" }, .warned = ONLY_47 },
	{ .text = "A='b\\nc'\n", .set = { "A", "'b\\nc'" }, .warned = QUOTES },
	{ .text = "A=b\\nc\n", .set = { "A", "b\\nc" } },
	{ .text = "A=\"b\\tc\"\n", .set = { "A", "\"b\\tc\"" }, .warned = QUOTES },
	{ .text = "A=b\\\\c\n", .set = { "A", "b\\\\c" } },
	{ .text = "A='b\\'\nB=c\n", .set = { "A", "'b\\'", "B", "c" }, .warned = QUOTES },
	{ .text = "A=\"\"\n", .set = { "A", "\"\"" }, .warned = QUOTES },
	{ .text = "A=\"\n", .set = { "A", "\"" }, .warned = ONLY_47 },
	{ .text = "A=b$V${V}$(x)`y`\\\n", .set = { "A", "b$V${V}$(x)`y`\\" } },
	{ .text = "A=`b c`\n", .set = { "A", "`b c`" }, .warned = ONLY_47 },
	{ .text = "A=\"b\nc\"\n", .refused = "podman is started in", .line = 2 },
	{ .text = "A=b\\\nB=c\n", .set = { "A", "b\\", "B", "c" } },
	{ .text = "A=b\r\nB=c\r\n", .set = { "A", "b", "B", "c" } },
	{ .text = "A=b\r\r\nB=c\r", .set = { "A", "b\r", "B", "c" }, .warned = ONLY_47 },
	{ .text = "A=\"b\rc\"\n", .set = { "A", "\"b\rc\"" }, .warned = QUOTES },
	{ .text = "\xef\xbb\xbf" "A=b\n", .set = { "\xef\xbb\xbf" "A", "b" }, .warned = "byte order mark", .line = 1 },
	{ .text = "\xef\xbb\xbf" "#A=b\n", .set = { "\xef\xbb\xbf" "#A", "b" }, .warned = "byte order mark" },
	{ .text = "\xef\xbb\xbf\n", .refused = "started in" },
	{ .text = "A=\nB=c\n", .set = { "A", "", "B", "c" }, .warned = ONLY_47, .line = 1 },
	{ .text = "A\nB=c\n", .refused = "podman is started in", .line = 1 },
	{ .text = "B=c\nHOST*\n", .refused = "NAME* all that start so", .line = 2 },
	{ .text = "*\n", .refused = "started in" },
	{ .text = "HOST*=c\n", .set = { "HOST*", "c" }, .warned = ONLY_47 },
	{ .text = "A: b\n", .refused = "started in" },
	{ .text = "A: b=c\n", .set = { "A: b", "c" }, .warned = "holds a blank" },
	{ .text = "=b\n", .refused = "no name" },
	{ .text = "A=1\nA=2\n", .set = { "A", "2" }, .warned = "more than once" },
	{ .text = ";A=1\nB=2\n", .set = { ";A", "1", "B", "2" }, .warned = ONLY_47, .line = 1 },
	{ .text = "A-B=1\nA.B=2\n1A=3\nA%=4\n", .set = { "A-B", "1", "A.B", "2", "1A", "3", "A%", "4" } },
	{ .text = "\xc3\xa9=1\n", .set = { "\xc3\xa9", "1" }, .warned = ONLY_47 },
	{ .text = "'A'=1\n", .set = { "'A'", "1" }, .warned = ONLY_47 },
	{ .text = "A=1\nB=\xe9\n", .refused = "U+FFFD", .line = 2 },
	{ .text = "A=1\nB\xe9=2\n", .refused = "U+FFFD", .line = 2 },
	{ .text = "# \xe9\nA=b\n", .set = { "A", "b" } },
	{ .text = "A=b\x01" "c\n", .set = { "A", "b\x01" "c" } },
	{ .text = "A=b\xef\xbf\xbe\n", .set = { "A", "b\xef\xbf\xbe" } },
	{ .text = "A=b\xe2\x80\xa8" "c\n", .set = { "A", "b\xe2\x80\xa8" "c" } },
	{ .text = "A=\xc2\xa0" "b\n", .set = { "A", "\xc2\xa0" "b" } },
	{ .text = "A=\xc2\x85" "b\n", .set = { "A", "\xc2\x85" "b" } },
	{ .text = "A=it's\nB=don't\n", .set = { "A", "it's", "B", "don't" } },
	{ .text = "A=b=c==\n", .set = { "A", "b=c==" } },
	{ .text = "A= \"b\"\n", .set = { "A", " \"b\"" }, .warned = ONLY_47 },
	{ .text = "A=b!c %s %n\n", .set = { "A", "b!c %s %n" } },
	{ .text = "#c \\\nA=b\n", .set = { "A", "b" } },
	{ .text = "A=b\0\n", .refused = "not a text file", .line = 1, .len = 5 },
};

static void reads_as_podman_does(void **state)
{
	(void)state;
	check_decode_table("podman", rows, ARRAY_LEN(rows));
}

static void all_bad_lines_are_named(void **state)
{
	static const char text[] = "A=1\nHOME\n=x\nB=\xe9\nC=2\nLC_*\n";
	static const unsigned lines[] = { 2, 3, 4, 6 };
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	(void)state;
	assert_int_equal(dialect_decode(must_find("podman"), text, strlen(text), set, &notes, &err), ERR_INVALID);
	assert_int_equal(notes.errors, ARRAY_LEN(lines));
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_int_equal(notes.items[i].line, lines[i]);
	assert_non_null(strstr(err.text, "4 problems"));
}

static void refuses_what_is_no_line(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "", .refused = NULL },
		{ "A-B.c;\xc3\xa9", "  '\"\\`$#\t\r", .refused = NULL },
		{ "A*", "x", .refused = NULL },
		{ "B", "a\nb", .refused = "line feed" },
		{ "C", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "D", "\xe9", .refused = "U+FFFD" },
		{ "D\xe9", "x", .refused = "U+FFFD" },
		{ "E F\t", "x", .refused = NULL },
		{ "\xef\xbb\xbf" "E", "x", .refused = NULL },
		{ "\xc2\xa0\v" "E", "x", .refused = NULL },
		{ "", "x", .refused = "the name" },
		{ " E", "x", .refused = "the name" },
		{ "\tE", "x", .refused = "the name" },
		{ "E\nF", "x", .refused = "the name" },
		{ "E=F", "x", .refused = "the name" },
		{ "#E", "x", .refused = "the name" },
		{ "G\0H", "x", .name_len = 3, .refused = "NUL" },
	};
	(void)state;
	check_refuse_table("podman", refusals, ARRAY_LEN(refusals));
}

static void writes_raw_lines(void **state)
{
	(void)state;
	check_written("podman", "A", "'b' #\\$ ", "A='b' #\\$ \n");
	check_written("podman", "A", "b\r", "A=b\r\r\n");
	check_written("podman", "A", "", "A=\n");
}

/* What three versions read in another way is written, and said. */
static void warns_about_podman_47(void **state)
{
	static const struct {
		const char *name, *value;
		bool warned;
	} cases[] = {
		{ "A", "b", false },	 { "A", " b c ", false }, { "A", "b'c\"`\\$", false }, { "A.b-c%", "=", false },
		{ "A", "", true },	 { "A", " ", true },	{ "A", "b#c", true },	   { "A", "b\r", true },
		{ "A", "'b'", true },	 { "A", " \"b", true },	{ "A", "`b", true },	   { "A*", "b", true },
		{ "\xc3\xa9", "b", true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = ERROR_INIT;
		cleanup_(notes_free) struct notes notes = { .len = 0 };
		cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(100);
		assert_int_equal(env_set_put(set, cases[i].name, strlen(cases[i].name), cases[i].value,
					     strlen(cases[i].value), 0, NULL, &err),
				 ERR_OK);
		assert_int_equal(dialect_encode(must_find("podman"), set, NULL, out, &notes, &err), ERR_OK);
		assert_int_equal(notes.len, cases[i].warned ? 1 : 0);
		if (cases[i].warned)
			assert_non_null(find_note(&notes, NOTE_WARNING, ONLY_47, 0));
	}
}

static void longest_line(void **state)
{
	const size_t limit = 65535;
	char *text = malloc(limit + 2);
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1u << 20);
	(void)state;
	assert_non_null(text);
	memset(text, 'x', limit + 2);
	text[1] = '=';
	text[limit] = '\n';
	assert_int_equal(dialect_decode(must_find("podman"), text, limit + 1, set, &notes, &err), ERR_OK);
	text[limit] = 'x';
	assert_int_equal(dialect_decode(must_find("podman"), text, limit + 1, set, &notes, &err), ERR_INVALID);
	assert_non_null(find_note(&notes, NOTE_ERROR, "65,535", 1));
	text[1] = 'x';
	const struct refuse_row limits[] = {
		{ "A", text, .value_len = limit - 2, .refused = NULL },
		{ "B", text, .value_len = limit - 1, .refused = "65,535" },
	};
	check_refuse_table("podman", limits, ARRAY_LEN(limits));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_podman_does),	   cmocka_unit_test(all_bad_lines_are_named),
		cmocka_unit_test(refuses_what_is_no_line), cmocka_unit_test(writes_raw_lines),
		cmocka_unit_test(warns_about_podman_47),   cmocka_unit_test(longest_line),
	};
	return cmocka_run_group_tests_name("dialect_podman", tests, NULL, NULL);
}
