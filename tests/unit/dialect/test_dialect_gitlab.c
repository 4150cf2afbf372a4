#include "dialect_test.h"

#define LONGEST_NAME \
	"N123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" \
	"N123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" \
	"N123456789012345678901234567890123456789012345678901234"

static const struct decode_row rows[] = {
	{ .text = "A=b\n", .set = { "A", "b" } },
	{ .text = "A=b=c d#e", .set = { "A", "b=c d#e" } },
	{ .text = " A\t=  b c \r\n1B= \n", .set = { "A", "b c", "1B", "" } },
	{ .text = "A='b'\n", .set = { "A", "'b'" }, .warned = "quotes are part", .line = 1 },
	{ .text = "\xef\xbb\xbf" "A=b\n", .refused = "letters, digits", .line = 1 },
	{ .text = "A=b\nA=c\n", .set = { "A", "c" }, .warned = "more than once", .line = 2 },
	{ .text = "A=b\rc\n", .set = { "A", "b\rc" } },
	{ .text = "A=b\n\nB=c\n", .refused = "there is no =", .line = 2 },
	{ .text = "# c\nA=b\n", .refused = "there is no =", .line = 1 },
	{ .text = "#A=b\n", .refused = "letters, digits" },
	{ .text = "A\n", .refused = "there is no =" },
	{ .text = "=b\n", .refused = "letters, digits" },
	{ .text = "export A=b\n", .refused = "letters, digits" },
	{ .text = "A-B=c\n", .refused = "letters, digits" },
	{ .text = LONGEST_NAME "=b\n", .set = { LONGEST_NAME, "b" } },
	{ .text = LONGEST_NAME "x=b\n", .refused = "letters, digits" },
	{ .text = "A=\xe9\n", .refused = "not valid UTF-8" },
	{ .text = "A=b\0\n", .refused = "not a text file", .len = 5 },
};

static void reads_as_gitlab_does(void **state)
{
	(void)state;
	check_decode_table("gitlab", rows, ARRAY_LEN(rows));
}

static void refuses_what_gitlab_changes(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "", .refused = NULL },
		{ "1A_", "b '\"\\`#\r~\x01\xc2\xa0", .refused = NULL },
		{ "B", "a\0b", .value_len = 3, .refused = "NUL" },
		{ "C", "\xe9", .refused = "not valid UTF-8" },
		{ "D", "a\nb", .refused = "line feed" },
		{ "E", " a", .refused = "white space" },
		{ "F", "a\r", .refused = "white space" },
		{ "G", "\v", .refused = "white space" },
		{ "H-I", "x", .refused = "letters, digits" },
		{ LONGEST_NAME, "x", .refused = NULL },
		{ LONGEST_NAME "x", "x", .refused = "letters, digits" },
	};
	(void)state;
	assert_int_equal(strlen(LONGEST_NAME), LIMIT_GITLAB_NAME_LEN);
	check_refuse_table("gitlab", refusals, ARRAY_LEN(refusals));
	check_written("gitlab", "A", "b 'c'", "A=b 'c'\n");
}

static size_t warnings(unsigned count, size_t value_len, const char *reason)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1u << 20);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1u << 20);
	char value[LIMIT_GITLAB_BYTES];
	memset(value, 'x', sizeof(value));
	for (unsigned i = 0; i < count; i++) {
		char name[8];
		snprintf(name, sizeof(name), "V%u", i);
		assert_int_equal(env_set_put(set, name, strlen(name), value, value_len, 0, NULL, &err), ERR_OK);
	}
	assert_int_equal(dialect_encode(must_find("gitlab"), set, NULL, out, &notes, &err), ERR_OK);
	if (notes.len > 0)
		assert_non_null(find_note(&notes, NOTE_WARNING, reason, 0));
	return notes.len;
}

/* What an instance may have raised is written, with a warning. */
static void limits_of_an_instance_are_warnings(void **state)
{
	(void)state;
	assert_int_equal(warnings(LIMIT_GITLAB_VARIABLES, 1, "20 variables"), 0);
	assert_int_equal(warnings(LIMIT_GITLAB_VARIABLES + 1, 1, "20 variables"), 1);
	assert_int_equal(warnings(1, LIMIT_GITLAB_BYTES - 5, "5 KiB"), 0);
	assert_int_equal(warnings(1, LIMIT_GITLAB_BYTES - 4, "5 KiB"), 1);
}

static void a_dollar_is_remarked_on(void **state)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(100);
	(void)state;
	assert_int_equal(env_set_put(set, "A", 1, "b$c", 3, 0, NULL, &err), ERR_OK);
	assert_int_equal(dialect_encode(must_find("gitlab"), set, NULL, out, &notes, &err), ERR_OK);
	assert_non_null(find_note(&notes, NOTE_WARNING, "expands references", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_gitlab_does),
		cmocka_unit_test(refuses_what_gitlab_changes),
		cmocka_unit_test(limits_of_an_instance_are_warnings),
		cmocka_unit_test(a_dollar_is_remarked_on),
	};
	return cmocka_run_group_tests_name("dialect_gitlab", tests, NULL, NULL);
}
