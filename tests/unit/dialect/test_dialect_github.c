#include "dialect_test.h"

static const struct decode_row rows[] = {
	{ .text = "A=b\n", .set = { "A", "b" } },
	{ .text = "A=b", .set = { "A", "b" } },
	{ .text = "\n\nA= b \"c\" # d\n\n", .set = { "A", " b \"c\" # d" } },
	{ .text = "A=\nB=c<<d=e\n", .set = { "A", "", "B", "c<<d=e" } },
	{ .text = "A<<EOF\nb\nEOF\n", .set = { "A", "b" } },
	{ .text = "A<<EOF\nb\n\n c=d\n EOF\nEOF2\nEOF", .set = { "A", "b\n\n c=d\n EOF\nEOF2" } },
	{ .text = "A<<EOF\nEOF\nB=c\n", .set = { "A", "", "B", "c" } },
	{ .text = "A<<EOF\n\nEOF\n", .set = { "A", "" } },
	{ .text = "A<<EOF\n\n\nEOF\n", .set = { "A", "\n" } },
	{ .text = "A<< E=F \nb\n E=F \n", .set = { "A", "b" } },
	{ .text = "A=b\nA=c\n", .set = { "A", "c" }, .warned = "more than once", .line = 2 },
	{ .text = "\xef\xbb\xbf" "A=b\n", .set = { "A", "b" }, .warned = "byte order mark", .line = 1 },
	{ .text = "A=b\rc\n", .set = { "A", "b\rc" } },
	{ .text = "A<<EOF\nb\r\nc\nEOF\n", .set = { "A", "b\r\nc" } },
	{ .text = "A=b\r\n", .refused = "CR LF", .line = 1 },
	{ .text = "A<<EOF\r\nb=c\r\nEOF\r\nB=c\n", .refused = "CR LF", .line = 1 },
	{ .text = "A<<EOF\nb\r\nEOF\n", .refused = "CR LF", .line = 1 },
	{ .text = "A<<EOF\nb\nEOF\r\n", .refused = "CR LF", .line = 1 },
	{ .text = "A<<EOF\nb\n", .refused = "does not come again", .line = 1 },
	{ .text = "A<<\nb\n\n", .refused = "neither", .line = 1 },
	{ .text = "A\n", .refused = "neither", .line = 1 },
	{ .text = "A=b\n# c\n", .refused = "neither", .line = 2 },
	{ .text = "=b\n", .refused = "the name is empty" },
	{ .text = "<<E\nb\nE\n", .refused = "the name is empty" },
	{ .text = "A =b\n", .refused = "white space" },
	{ .text = " A=b\n", .refused = "white space" },
	{ .text = "export A=b\n", .refused = "white space" },
	{ .text = "A<B=c\n", .refused = "holds = or <" },
	{ .text = "GITHUB_SHA=b\n", .refused = "does not let" },
	{ .text = "runner_temp=b\n", .refused = "does not let" },
	{ .text = "node_options=b\n", .refused = "does not let" },
	{ .text = "NODE_OPTIONS_X=b\nGITHUB=c\nCI=d\n", .set = { "NODE_OPTIONS_X", "b", "GITHUB", "c", "CI", "d" } },
	{ .text = "A=\xe9\n", .refused = "not valid UTF-8" },
	{ .text = "A=b\0\n", .refused = "not a text file", .len = 5 },
};

static void reads_as_the_runner_does(void **state)
{
	(void)state;
	check_decode_table("github", rows, ARRAY_LEN(rows));
}

/* A line of a key whose delimiter was forgotten is no name that a message may show. */
static void pieces_of_values_are_not_shown(void **state)
{
	static const char text[] = "MIIB+/piece=\nKEY<<EOF\r\nsecret=x\nEOF\n";
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
	(void)state;
	assert_int_equal(dialect_decode(must_find("github"), "MII piece=\nKEY<<EOF\r\nsecret=x\nEOF\n",
					strlen("MII piece=\nKEY<<EOF\r\nsecret=x\nEOF\n"), set, &notes, &err), ERR_INVALID);
	assert_int_equal(notes.len, 2);
	assert_string_equal(notes.items[0].name, "");
	assert_string_equal(notes.items[1].name, "KEY");
	assert_int_equal(dialect_decode(must_find("github"), text, strlen(text), set, &notes, &err), ERR_INVALID);
}

static void refuses_what_a_runner_changes(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "", .refused = NULL },
		{ "A.B-c", " '\"\\`$#~*=<<\r\n\r\t\x01 ", .refused = NULL },
		{ "B", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "C", "\xe9", .refused = "not valid UTF-8" },
		{ "D", "a\r", .refused = "ends in a carriage return" },
		{ "E", "a\nb\r", .refused = "ends in a carriage return" },
		{ "F\x01\x1f", "x", .refused = NULL },
		{ "F G", "x", .refused = "white space" },
		{ "F=G", "x", .refused = "holds =" },
		{ "F<G", "x", .refused = "holds =" },
		{ "\xef\xbb\xbfG", "x", .refused = "the name" },
		{ "GITHUB_X", "x", .refused = "does not let" },
		{ "Runner_x", "x", .refused = "does not let" },
		{ "NODE_OPTIONS", "x", .refused = "does not let" },
	};
	(void)state;
	check_refuse_table("github", refusals, ARRAY_LEN(refusals));
}

#define DELIMITER "ghadelimiter_30313233343536373839616263646566"

static void check_heredoc(const char *value, const char *delimiter)
{
	static const struct dialect_options options = { .random = "0123456789abcdef" };
	char expected[400];
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1000);
	snprintf(expected, sizeof(expected), "A<<%s\n%s\n%s\n", delimiter, value, delimiter);
	assert_int_equal(env_set_put(set, "A", 1, value, strlen(value), 0, NULL, &err), ERR_OK);
	assert_int_equal(dialect_encode(must_find("github"), set, &options, out, &notes, &err), ERR_OK);
	secret_buf_append_char(out, '\0');
	assert_string_equal(secret_buf_text(out), expected);
}

static void the_delimiter_is_in_no_value(void **state)
{
	(void)state;
	check_heredoc("b\nc", DELIMITER);
	check_heredoc("\n", DELIMITER);
	check_heredoc("b\n" DELIMITER "\nGITHUB_TOKEN=x", DELIMITER "_");
	check_heredoc("b\n" DELIMITER "_\n" DELIMITER "__", DELIMITER "___");
	check_heredoc(DELIMITER DELIMITER "\n", DELIMITER "_");
	check_written("github", "A", "b << c", "A=b << c\n");
}

static void masks_hide_values_and_their_lines(void **state)
{
	struct error err = ERROR_INIT;
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1000);
	(void)state;
	assert_int_equal(env_set_put(set, "A", 1, "100%\xc3\xa9", 6, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "EMPTY", 5, "", 0, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "BLANK", 5, " \n\t", 3, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "KEY", 3, "b\n\n %c\r\nd\n", 10, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "CR", 2, "e\rf", 3, 0, NULL, &err), ERR_OK);
	github_add_masks(set, out);
	secret_buf_append_char(out, '\0');
	assert_string_equal(secret_buf_text(out),
			    "::add-mask::100%25\xc3\xa9\n"
			    "::add-mask::b%0A%0A %25c%0D%0Ad%0A\n::add-mask::b\n::add-mask:: %25c\n::add-mask::d\n"
			    "::add-mask::e%0Df\n::add-mask::e\n::add-mask::f\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_the_runner_does),
		cmocka_unit_test(pieces_of_values_are_not_shown),
		cmocka_unit_test(refuses_what_a_runner_changes),
		cmocka_unit_test(the_delimiter_is_in_no_value),
		cmocka_unit_test(masks_hide_values_and_their_lines),
	};
	return cmocka_run_group_tests_name("dialect_github", tests, NULL, NULL);
}
