#include "dialect_test.h"

#include <stdlib.h>

#define QUOTES "part of the value"

static const struct decode_row rows[] = {
	{ .text = "A=b\n", .set = { "A", "b" } },
	{ .text = "A=b", .set = { "A", "b" } },
	{ .text = "", .set = { NULL } },
	{ .text = "A=  b c  \n", .set = { "A", "  b c  " } },
	{ .text = "  A=b\n\t\v\f\xc2\xa0\xe3\x80\x80" "B=c\n", .set = { "A", "b", "B", "c" } },
	{ .text = "A = b\n", .refused = "holds a blank", .line = 1 },
	{ .text = "X=1\nA\t=b\n", .refused = "holds a blank", .line = 2 },
	{ .text = "export A=b\n", .refused = "holds a blank" },
	{ .text = "A=b #c\n", .set = { "A", "b #c" } },
	{ .text = "A=b#c\n", .set = { "A", "b#c" } },
	{ .text = "A= #b\n", .set = { "A", " #b" } },
	{ .text = "#A=b\n  #A=c\n\nB=d\n", .set = { "B", "d" } },
	{ .text = "A=\"b\" #c\n", .set = { "A", "\"b\" #c" } },
	{ .text = "A=\"b#c\"\n", .set = { "A", "\"b#c\"" }, .warned = QUOTES, .line = 1 },
	{ .text = "A='b\\nc'\n", .set = { "A", "'b\\nc'" }, .warned = QUOTES },
	{ .text = "A=\"\"\n", .set = { "A", "\"\"" }, .warned = QUOTES },
	{ .text = "A=\"\n", .set = { "A", "\"" } },
	{ .text = "A='b\"\n", .set = { "A", "'b\"" } },
	{ .text = "A=b$V${V}$(x)`y`\\\n", .set = { "A", "b$V${V}$(x)`y`\\" } },
	{ .text = "A=\"b\nc\"\n", .set = { "A", "\"b" }, .warned = "left out", .line = 2 },
	{ .text = "A=b\r\nB=c\r\n", .set = { "A", "b", "B", "c" } },
	{ .text = "A=b\r\r\nB=c\r", .set = { "A", "b\r", "B", "c" } },
	{ .text = "A=\"b\rc\"\n", .set = { "A", "\"b\rc\"" }, .warned = QUOTES },
	{ .text = "\xef\xbb\xbf" "A=b\n", .set = { "A", "b" } },
	{ .text = "\xef\xbb\xbf \xef\xbb\xbf" "A=b\n", .set = { "\xef\xbb\xbf" "A", "b" } },
	{ .text = "B=\n\xef\xbb\xbf" "A=b\n", .set = { "B", "", "\xef\xbb\xbf" "A", "b" } },
	{ .text = "A=\nB=c\n", .set = { "A", "", "B", "c" } },
	{ .text = "A\nB=c\n", .set = { "B", "c" }, .warned = "left out", .line = 1 },
	{ .text = "HOSTVAR\n", .set = { NULL }, .warned = "left out" },
	{ .text = "A: b\n", .refused = "holds a blank" },
	{ .text = "=b\n", .refused = "no name" },
	{ .text = "A=1\nA=2\n", .set = { "A", "2" }, .warned = "more than once" },
	{ .text = ";A=1\nB=2\n", .set = { ";A", "1", "B", "2" } },
	{ .text = "A-B=1\nA.B=2\n1A=3\n\xc3\xa9=4\n", .set = { "A-B", "1", "A.B", "2", "1A", "3", "\xc3\xa9", "4" } },
	{ .text = "'A'=1\n", .set = { "'A'", "1" } },
	{ .text = "A=1\nB=\xe9\n", .refused = "not valid UTF-8", .line = 2 },
	{ .text = "# \xe9\n", .refused = "not valid UTF-8", .line = 1 },
	{ .text = "A=b\x01" "c\n", .set = { "A", "b\x01" "c" } },
	{ .text = "A=\xef\xbf\xbe\n", .set = { "A", "\xef\xbf\xbe" } },
	{ .text = "A=\xc2\xa0" "b\n", .set = { "A", "\xc2\xa0" "b" } },
	{ .text = "A=it's\nB=don't\n", .set = { "A", "it's", "B", "don't" } },
	{ .text = "A=b=c==\n", .set = { "A", "b=c==" } },
	{ .text = "A=b\0\n", .refused = "not a text file", .line = 1, .len = 5 },
};

static void reads_as_docker_does(void **state)
{
	(void)state;
	check_decode_table("docker", rows, ARRAY_LEN(rows));
}

static void refuses_what_is_no_line(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "", .refused = NULL },
		{ "A-B.c;\xc3\xa9", "  '\"\\`$#\t\r", .refused = NULL },
		{ "B", "a\nb", .refused = "line feed" },
		{ "C", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "D", "\xe9", .refused = "not valid UTF-8" },
		{ "D\xe9", "x", .refused = "not valid UTF-8" },
		{ "E F", "x", .refused = "the name" },
		{ "E\tF", "x", .refused = "the name" },
		{ "E\nF", "x", .refused = "the name" },
		{ "E=F", "x", .refused = "the name" },
		{ "#E", "x", .refused = "the name" },
		{ "\vE", "x", .refused = "the name" },
		{ "\xc2\xa0" "E", "x", .refused = "the name" },
		{ "\xef\xbb\xbf" "E", "x", .refused = "the name" },
		{ "G\0H", "x", .name_len = 3, .refused = "NUL" },
	};
	(void)state;
	check_refuse_table("docker", refusals, ARRAY_LEN(refusals));
}

static void writes_raw_lines(void **state)
{
	(void)state;
	check_written("docker", "A", "'b' #\\$ ", "A='b' #\\$ \n");
	check_written("docker", "A", "b\r", "A=b\r\r\n");
	check_written("docker", "A", "b\rc", "A=b\rc\n");
}

static void warns_about_outer_quotes(void **state)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(100);
	(void)state;
	assert_int_equal(env_set_put(set, "A", 1, "'b'", 3, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "B", 1, "'b", 2, 0, NULL, &err), ERR_OK);
	assert_int_equal(dialect_encode(must_find("docker"), set, NULL, out, &notes, &err), ERR_OK);
	assert_int_equal(notes.len, 1);
	assert_int_equal(notes.items[0].severity, NOTE_WARNING);
	assert_string_equal(notes.items[0].name, "A");
}

/* 65,535 bytes are the longest line, with the CR that is taken off. */
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
	assert_int_equal(dialect_decode(must_find("docker"), text, limit + 1, set, &notes, &err), ERR_OK);
	assert_int_equal(env_set_at(set, 0).value_len, limit - 2);
	text[limit] = '\r';
	text[limit + 1] = '\n';
	assert_int_equal(dialect_decode(must_find("docker"), text, limit + 2, set, &notes, &err), ERR_INVALID);
	assert_non_null(find_note(&notes, NOTE_ERROR, "65,535", 1));
	memset(text, 'x', limit + 1);
	const struct refuse_row limits[] = {
		{ "A", text, .value_len = limit - 2, .refused = NULL },
		{ "B", text, .value_len = limit - 1, .refused = "65,535" },
	};
	check_refuse_table("docker", limits, ARRAY_LEN(limits));
	text[limit - 4] = text[limit - 3] = '\r';
	const struct refuse_row with_cr[] = {
		{ "A", text, .value_len = limit - 3, .refused = NULL },
		{ "B", text, .value_len = limit - 2, .refused = "65,535" },
	};
	check_refuse_table("docker", with_cr, ARRAY_LEN(with_cr));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_docker_does),	  cmocka_unit_test(refuses_what_is_no_line),
		cmocka_unit_test(writes_raw_lines),	  cmocka_unit_test(warns_about_outer_quotes),
		cmocka_unit_test(longest_line),
	};
	return cmocka_run_group_tests_name("dialect_docker", tests, NULL, NULL);
}
