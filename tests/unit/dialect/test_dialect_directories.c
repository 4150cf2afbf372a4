/*
 * The dialects that are a file for each variable.
 */
#include "dialect_test.h"

struct file_row {
	const char *name;
	const char *content;
	const char *value;	/* NULL: the file stands for no variable */
	const char *said;	/* part of a remark's reason */
	const char *refused;
	size_t content_len;	/* 0: up to the NUL */
	size_t value_len;
};

static void check_file(const char *dialect, const struct file_row *row)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(4096);
	size_t len = row->content_len > 0 ? row->content_len : strlen(row->content);
	enum error_code code = dialect_decode_file(must_find(dialect), row->name, strlen(row->name), row->content, len, set,
						   &notes, &err);
	struct env_entry entry;
	assert_int_equal(code, row->refused ? ERR_INVALID : ERR_OK);
	if (row->refused)
		assert_non_null(find_note(&notes, NOTE_ERROR, row->refused, 0));
	if (row->said)
		assert_non_null(strstr(notes.items[0].reason, row->said));
	assert_int_equal(notes.len, row->said || row->refused ? 1 : 0);
	assert_int_equal(env_set_count(set), row->value ? 1 : 0);
	if (!row->value)
		return;
	assert_true(env_set_find(set, row->name, strlen(row->name), &entry));
	assert_int_equal(entry.value_len, row->value_len > 0 ? row->value_len : strlen(row->value));
	assert_memory_equal(entry.value, row->value, entry.value_len);
}

static void reads_files_as_envdir_does(void **state)
{
	static const struct file_row rows[] = {
		{ "A", "b", .value = "b" },
		{ "A", "b\n", .value = "b" },
		{ "A", "\n", .value = "" },
		{ "A", " \t\n", "", .said = "blanks at the end" },
		{ "A", "b \t \n", "b", .said = "blanks at the end" },
		{ "A", "b \t", "b", .said = "blanks at the end" },
		{ "A", " \tb", .value = " \tb" },
		{ "A", "b\r\n", .value = "b\r" },
		{ "A", "b\0c\0", "b\nc\n", .content_len = 4 },
		{ "A", "b \0", "b \n", .content_len = 3 },
		{ "A", "b\nc\n", "b", .said = "more than one line" },
		{ "A", "\xe9'\"\\$", .value = "\xe9'\"\\$" },
		{ "A", "", NULL, .said = "0 bytes" },
		{ ".A", "b", NULL, .said = "starts with a dot" },
		{ "A-B.c d", "b", .value = "b" },
		{ "A=B", "c", NULL, .refused = "no file that envdir reads" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_file("envdir", &rows[i]);
}

static void reads_files_byte_for_byte(void **state)
{
	static const struct file_row rows[] = {
		{ "A", "b", .value = "b" },
		{ "A", "", .value = "" },
		{ "A", "b \n\n", .value = "b \n\n" },
		{ "A", "b\0\xe9", "b\0\xe9", .content_len = 3, .value_len = 3 },
		{ "A=B", "c", .value = "c" },
		{ ".A", "b", NULL, .said = "starts with a dot" },
		{ "..", "b", NULL, .said = "starts with a dot" },
		{ "a/b", "c", NULL, .refused = "no such file" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_file("directory", &rows[i]);
}

struct held_row {
	const char *name;
	const char *value;
	const char *refused;
	size_t value_len;
	const char *content;
	size_t content_len;
};

/* Why the set cannot be held, and the content of the file. */
static void check_held(const char *dialect_name, const struct held_row *row)
{
	const struct dialect *dialect = must_find(dialect_name);
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(4096);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(4096);
	size_t value_len = row->value_len > 0 ? row->value_len : strlen(row->value);
	struct env_entry entry = { row->name, strlen(row->name), row->value, value_len, 0 };
	bool present = false;
	assert_int_equal(env_set_put(set, row->name, strlen(row->name), row->value, value_len, 0, NULL, &err), ERR_OK);
	assert_int_equal(dialect_check(dialect, set, NULL, &notes, &err), row->refused ? ERR_UNREPRESENTABLE : ERR_OK);
	if (row->refused) {
		const struct note *note = find_note(&notes, NOTE_ERROR, row->refused, 0);
		assert_true(note && note->hint);
	}
	struct error file_err = ERROR_INIT;
	assert_int_equal(dialect_encode_file(dialect, &entry, out, &present, &file_err), ERR_OK);
	assert_int_equal(present, row->refused == NULL);
	if (!present) {
		assert_int_equal(secret_buf_len(out), 0);
		return;
	}
	size_t len = row->content_len > 0 ? row->content_len : strlen(row->content);
	assert_int_equal(secret_buf_len(out), len);
	assert_memory_equal(secret_buf_text(out), row->content, len);
}

#define LONGEST_NAME \
	"N123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" \
	"N123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" \
	"N123456789012345678901234567890123456789012345678901234"

static void writes_files_for_envdir(void **state)
{
	static const struct held_row rows[] = {
		{ "A", "b", .content = "b" },
		{ "A", "", .content = "\n" },
		{ "A", " b\nc \nd\n", .content = " b\0c \0d\0", .content_len = 8 },
		{ "A", "b\n ", .refused = "ends in a space" },
		{ "A", "b\t", .refused = "ends in a space" },
		{ "A", " ", .refused = "ends in a space" },
		{ "A", "b\0c", .value_len = 3, .refused = "NUL" },
		{ "A=B", "c", .refused = "no file" },
		{ "A/B", "c", .refused = "no file" },
		{ ".A", "c", .refused = "no file" },
		{ LONGEST_NAME, "c", .content = "c" },
		{ LONGEST_NAME "x", "c", .refused = "no file" },
	};
	(void)state;
	assert_int_equal(strlen(LONGEST_NAME), LIMIT_FILE_NAME);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_held("envdir", &rows[i]);
}

static void writes_files_byte_for_byte(void **state)
{
	static const struct held_row rows[] = {
		{ "A", "b", .content = "b" },
		{ "A", "", .content = "" },
		{ "A", "b\0\xe9\n ", .value_len = 5, .content = "b\0\xe9\n ", .content_len = 5 },
		{ "A=B c", "x", .content = "x" },
		{ "A/B", "c", .refused = "no such file" },
		{ ".", "c", .refused = "no such file" },
		{ LONGEST_NAME, "c", .content = "c" },
		{ LONGEST_NAME "x", "c", .refused = "no such file" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_held("directory", &rows[i]);
}

static void a_last_line_feed_is_remarked_on(void **state)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	(void)state;
	assert_int_equal(env_set_put(set, "A", 1, "b\n", 2, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "B", 1, "b\nc", 3, 0, NULL, &err), ERR_OK);
	assert_int_equal(dialect_check(must_find("directory"), set, NULL, &notes, &err), ERR_OK);
	assert_int_equal(notes.len, 1);
	assert_string_equal(notes.items[0].name, "A");
	assert_int_equal(notes.items[0].severity, NOTE_WARNING);
}

static void a_directory_is_no_text(void **state)
{
	static const char *const names[] = { "envdir", "directory" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct error err = ERROR_INIT, encode_err = ERROR_INIT;
		cleanup_(notes_free) struct notes notes = { .len = 0 };
		cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(100);
		assert_true(dialect_is_directory(must_find(names[i])));
		assert_int_equal(dialect_decode(must_find(names[i]), "A=b\n", 4, set, &notes, &err), ERR_INVALID);
		assert_int_equal(dialect_encode(must_find(names[i]), set, NULL, out, &notes, &encode_err), ERR_INVALID);
	}
	assert_false(dialect_is_directory(must_find("yaml")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_files_as_envdir_does),
		cmocka_unit_test(reads_files_byte_for_byte),
		cmocka_unit_test(writes_files_for_envdir),
		cmocka_unit_test(writes_files_byte_for_byte),
		cmocka_unit_test(a_last_line_feed_is_remarked_on),
		cmocka_unit_test(a_directory_is_no_text),
	};
	return cmocka_run_group_tests_name("dialect_directories", tests, NULL, NULL);
}
