#include "dialect_test.h"

#include <stdlib.h>

#define QUOTES "part of the value"
#define NO_NAME "no name of a variable"

static const struct decode_row rows[] = {
	{ .text = "A=b\n", .set = { "A", "b" } },
	{ .text = "A=b", .set = { "A", "b" } },
	{ .text = "", .set = { NULL } },
	{ .text = "A=  b c  \n", .set = { "A", "  b c  " } },
	{ .text = "  A=b\n\t\v\f\xc2\xa0\xe3\x80\x80" "B=c\n", .set = { "A", "b", "B", "c" } },
	{ .text = "A = b\n", .refused = NO_NAME, .line = 1 },
	{ .text = "X=1\nexport A=b\n", .refused = NO_NAME, .line = 2 },
	{ .text = "A=b #c\n", .set = { "A", "b #c" } },
	{ .text = "A=b#c\n", .set = { "A", "b#c" } },
	{ .text = "A=#b\n", .set = { "A", "#b" } },
	{ .text = "#A=b\n  #A=c\n\nB=d\n", .set = { "B", "d" } },
	{ .text = "A=\"b\" #c\n", .set = { "A", "\"b\" #c" } },
	{ .text = "A=\"b#c\"\n", .set = { "A", "\"b#c\"" }, .warned = QUOTES, .line = 1 },
	{ .text = "A=''\n", .set = { "A", "''" }, .warned = QUOTES },
	{ .text = "A='b\n", .set = { "A", "'b" } },
	{ .text = "A=b$V${V}$(x)`y`\\\n", .set = { "A", "b$V${V}$(x)`y`\\" } },
	{ .text = "A=\"b\nc\"\n", .refused = NO_NAME, .line = 2 },
	{ .text = "A=b\r\nB=c\r\n", .set = { "A", "b", "B", "c" } },
	{ .text = "A=b\r\r\nB=c\r", .set = { "A", "b\r", "B", "c" } },
	{ .text = "\xef\xbb\xbf" "A=b\n", .set = { "A", "b" } },
	{ .text = "\xef\xbb\xbf  #A=b\n", .set = { NULL } },
	{ .text = "\xef\xbb\xbf" "\xef\xbb\xbf" "A=b\n", .refused = NO_NAME },
	{ .text = "B=\n\xef\xbb\xbf" "A=b\n", .refused = NO_NAME, .line = 2 },
	{ .text = "A=\nB=c\n", .set = { "A", "", "B", "c" } },
	{ .text = "A\nB=c\n", .refused = "kubectl is started in", .line = 1 },
	{ .text = "A: b\n", .refused = NO_NAME },
	{ .text = "=b\n", .refused = NO_NAME },
	{ .text = "A=1\nB=2\nA=3\n", .refused = "more than once", .line = 3 },
	{ .text = "A=1\nA=1\n", .refused = "more than once", .line = 2 },
	{ .text = ";A=1\n", .refused = NO_NAME },
	{ .text = "A-B=1\nA.B=2\n.A=3\n-=4\n", .set = { "A-B", "1", "A.B", "2", ".A", "3", "-", "4" } },
	{ .text = "1A=1\n", .refused = NO_NAME },
	{ .text = ".=1\n", .refused = NO_NAME },
	{ .text = "..=1\n", .refused = NO_NAME },
	{ .text = "..A=1\n", .refused = NO_NAME },
	{ .text = "A..=1\n", .set = { "A..", "1" } },
	{ .text = "\xc3\xa9=1\n", .refused = NO_NAME },
	{ .text = "'A'=1\n", .refused = NO_NAME },
	{ .text = "A=1\nB=\xe9\n", .refused = "not valid UTF-8", .line = 2 },
	{ .text = "# \xe9\n", .refused = "not valid UTF-8", .line = 1 },
	{ .text = "A=b\x01" "c\n", .set = { "A", "b\x01" "c" } },
	{ .text = "A=\xef\xbf\xbe\n", .set = { "A", "\xef\xbf\xbe" } },
	{ .text = "A=b\xe2\x80\xa8" "c\n", .set = { "A", "b\xe2\x80\xa8" "c" } },
	{ .text = "A=\xc2\xa0" "b\n", .set = { "A", "\xc2\xa0" "b" } },
	{ .text = "A=it's\nB=don't\n", .set = { "A", "it's", "B", "don't" } },
	{ .text = "A=b=c==\n", .set = { "A", "b=c==" } },
	{ .text = "A=b\0\n", .refused = "not a text file", .line = 1, .len = 5 },
};

static void reads_as_kubectl_does(void **state)
{
	(void)state;
	check_decode_table("kubectl", rows, ARRAY_LEN(rows));
}

static void all_bad_lines_are_named(void **state)
{
	static const char text[] = "A=1\nHOME\n1B=x\nB=\xe9\nC=2\nA=3\n";
	static const unsigned lines[] = { 2, 3, 4, 6 };
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	(void)state;
	assert_int_equal(dialect_decode(must_find("kubectl"), text, strlen(text), set, &notes, &err), ERR_INVALID);
	assert_int_equal(notes.errors, ARRAY_LEN(lines));
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		assert_int_equal(notes.items[i].line, lines[i]);
	assert_non_null(strstr(err.text, "4 problems"));
}

static void refuses_names_and_lines(void **state)
{
	char name[255];
	(void)state;
	memset(name, 'x', sizeof(name));
	name[253] = '\0';
	const struct refuse_row refusals[] = {
		{ "A", "", .refused = NULL },
		{ "_a.B-9", "  '\"\\`$#\t\r", .refused = NULL },
		{ ".A", "x", .refused = NULL },
		{ name, "x", .refused = NULL },
		{ "B", "a\nb", .refused = "line feed" },
		{ "C", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "D", "\xe9", .refused = "not valid UTF-8" },
		{ "\xc3\xa9", "x", .refused = "the name" },
		{ "1E", "x", .refused = "the name" },
		{ "E F", "x", .refused = "the name" },
		{ "E=F", "x", .refused = "the name" },
		{ "E;F", "x", .refused = "the name" },
		{ ".", "x", .refused = "the name" },
		{ "..E", "x", .refused = "the name" },
		{ "G\0H", "x", .name_len = 3, .refused = "the name" },
	};
	check_refuse_table("kubectl", refusals, ARRAY_LEN(refusals));
	name[253] = 'x';
	name[254] = '\0';
	const struct refuse_row longer[] = { { name, "x", .refused = "253" } };
	check_refuse_table("kubectl", longer, ARRAY_LEN(longer));
}

static void writes_raw_lines(void **state)
{
	(void)state;
	check_written("kubectl", "A", "'b' #\\$ ", "A='b' #\\$ \n");
	check_written("kubectl", "A", "b\r", "A=b\r\r\n");
}

/* kubectl stops at a longer line without a word, and loses all that follows. */
static void longest_line(void **state)
{
	const size_t limit = 65535;
	char *text = malloc(limit + 2);
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1u << 20);
	cleanup_(env_set_freep) struct env_set *more = env_set_new(1u << 20);
	(void)state;
	assert_non_null(text);
	memset(text, 'x', limit + 2);
	text[1] = '=';
	text[limit] = '\n';
	assert_int_equal(dialect_decode(must_find("kubectl"), text, limit + 1, set, &notes, &err), ERR_OK);
	text[limit] = 'x';
	assert_int_equal(dialect_decode(must_find("kubectl"), text, limit + 1, more, &notes, &err), ERR_INVALID);
	assert_non_null(find_note(&notes, NOTE_ERROR, "65,535", 1));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_kubectl_does),
		cmocka_unit_test(all_bad_lines_are_named),
		cmocka_unit_test(refuses_names_and_lines),
		cmocka_unit_test(writes_raw_lines),
		cmocka_unit_test(longest_line),
	};
	return cmocka_run_group_tests_name("dialect_kubectl", tests, NULL, NULL);
}
