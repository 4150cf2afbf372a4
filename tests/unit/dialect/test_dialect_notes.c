/*
 * What is the same for all dialects: the table, the notes, the limits.
 */
#include "dialect_test.h"

#include <stdlib.h>

#include "dialect/row.h"

static bool is_before(const char *a, const char *b)
{
	size_t i = 0;
	while (dialect_at(i) != dialect_find(a) && dialect_at(i) != dialect_find(b))
		i++;
	return dialect_at(i) == dialect_find(a);
}

/* Those that are named first in hints come first. */
static void table_names_dialects_once(void **state)
{
	static const char *const names[] = { "systemd", "docker", "compose", "dotenv", "shell", "json" };
	size_t count = 0;
	(void)state;
	for (; dialect_at(count); count++) {
		assert_ptr_equal(dialect_find(dialect_name(dialect_at(count))), dialect_at(count));
		assert_true(strlen(dialect_summary(dialect_at(count))) > 0);
	}
	assert_true(count <= 32);
	for (size_t i = 0; i + 1 < ARRAY_LEN(names); i++)
		assert_true(must_find(names[i + 1]) && is_before(names[i], names[i + 1]));
	assert_null(dialect_find("Systemd"));
	assert_null(dialect_find(""));
}

static void add(struct notes *notes, enum note_severity severity, unsigned line)
{
	notes_add(notes, severity, line, "N", 1, "reason", NULL);
}

static void notes_beyond_the_limit_are_counted(void **state)
{
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	(void)state;
	for (unsigned i = 1; i <= NOTES_MAX; i++)
		add(&notes, NOTE_ERROR, i);
	assert_int_equal(notes.len, NOTES_MAX);
	assert_int_equal(notes.omitted, 0);
	add(&notes, NOTE_ERROR, 1000);
	assert_int_equal(notes.len, NOTES_MAX);
	assert_int_equal(notes.omitted, 1);
	assert_int_equal(notes.errors, NOTES_MAX + 1);
	assert_int_equal(notes.items[NOTES_MAX - 1].line, NOTES_MAX);
}

/* The dialects that remark on CR LF do so in words that are known again; nothing else is taken for it. */
static void notes_of_line_ends_are_known(void **state)
{
	static const char *const names[] = { "shell", "github" };
	static const char text[] = "A=1\r\nB=2\r\nC=3\nC=4\n";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		cleanup_(notes_free) struct notes notes = { .len = 0 };
		cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
		struct error err = ERROR_INIT;
		size_t found = 0;

		(void)!dialect_decode(dialect_find(names[i]), text, strlen(text), set, &notes, &err);
		for (size_t note = 0; note < notes.len; note++)
			found += note_is_of_line_ends(&notes.items[note]);
		assert_int_equal(found, 2);
		assert_int_equal(notes.len, 3);
	}
}

static void errors_push_out_warnings(void **state)
{
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	(void)state;
	for (unsigned i = 1; i <= NOTES_MAX; i++)
		add(&notes, NOTE_WARNING, i);
	add(&notes, NOTE_WARNING, 500);
	add(&notes, NOTE_ERROR, 1000);
	add(&notes, NOTE_ERROR, 1001);
	assert_int_equal(notes.len, 2);
	assert_int_equal(notes.omitted, NOTES_MAX + 1);
	assert_int_equal(notes.errors, 2);
	assert_int_equal(notes.items[0].line, 1000);
	assert_int_equal(notes.items[1].line, 1001);
}

static void names_are_cleaned_for_printing(void **state)
{
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	char name[64];
	(void)state;
	memset(name, 'x', sizeof(name));
	notes_add(&notes, NOTE_INFO, 0, "A\x1b[2J\n\0\xe9~", 9, "reason", "hint");
	assert_string_equal(notes.items[0].name, "A?[2J???~");
	notes_add(&notes, NOTE_INFO, 0, name, 63, "reason", "hint");
	assert_int_equal(strlen(notes.items[1].name), 63);
	assert_null(strstr(notes.items[1].name, "..."));
	notes_add(&notes, NOTE_INFO, 0, name, 64, "reason", "hint");
	assert_int_equal(strlen(notes.items[2].name), 63);
	assert_string_equal(notes.items[2].name + 60, "...");
	assert_int_equal(notes.errors, 0);
}

/* The sentence names variable and line, never a value. */
static void sentences_hold_no_value(void **state)
{
	static const char canary[] = "canary-of-dialects";
	(void)state;
	for (size_t i = 0; dialect_at(i); i++) {
		struct error err = ERROR_INIT;
		cleanup_(notes_free) struct notes notes = { .len = 0 };
		cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1000);
		char value[64], text[80];
		size_t value_len = (size_t)snprintf(value, sizeof(value), "%s\n\r'\"`\\\\%c\xe9", canary, '\0');
		size_t text_len = (size_t)snprintf(text, sizeof(text), "A=\"%s\"$(x) `\xe9\n%c", canary, '\0');
		assert_int_equal(dialect_decode(dialect_at(i), text, text_len, set, &notes, &err), ERR_INVALID);
		assert_null(strstr(err.text, canary));
		struct error encode_err = ERROR_INIT;
		assert_int_equal(env_set_put(set, "A", 1, value, value_len + 1, 0, NULL, &encode_err), ERR_OK);
		/* A Secret is base64, and holds any value. */
		if (strcmp(dialect_name(dialect_at(i)), "json") != 0 && strcmp(dialect_name(dialect_at(i)), "kubernetes") != 0 &&
		    !dialect_is_directory(dialect_at(i)))
			assert_int_equal(dialect_encode(dialect_at(i), set, NULL, out, &notes, &encode_err),
					 ERR_UNREPRESENTABLE);
		assert_null(strstr(encode_err.text, canary));
		for (size_t n = 0; n < notes.len; n++)
			assert_null(strstr(notes.items[n].name, canary));
	}
}

static void write_cut(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	struct env_entry cut = *entry;

	cut.value_len--;
	dialect_find("docker")->write(&cut, first, out);
}

static void write_nothing(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	(void)entry;
	(void)first;
	(void)out;
}

static void write_one_more(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	dialect_find("docker")->write(entry, first, out);
	secret_buf_append_text(out, "MORE=x\n");
}

/* An encoder that makes a mistake is found by reading what it wrote, and nothing of it is given out. */
static void a_wrong_encoder_is_found(void **state)
{
	void (*const wrong[])(const struct env_entry *, bool, struct secret_buf *) = { write_cut, write_nothing, write_one_more };
	const struct dialect *docker = dialect_find("docker");
	(void)state;
	for (size_t i = 0; i <= ARRAY_LEN(wrong); i++) {
		struct dialect dialect = *docker;
		struct error err = ERROR_INIT;
		cleanup_(notes_free) struct notes notes = { .len = 0 };
		cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1000);
		bool found = false;

		assert_int_equal(env_set_put(set, "A", 1, "value", 5, 0, NULL, &err), ERR_OK);
		if (i == ARRAY_LEN(wrong)) {
			assert_int_equal(dialect_encode(&dialect, set, NULL, out, &notes, &err), ERR_OK);
			assert_int_equal(secret_buf_len(out), 8);
			continue;
		}
		dialect.write = wrong[i];
		assert_int_equal(dialect_encode(&dialect, set, NULL, out, &notes, &err), ERR_UNREPRESENTABLE);
		assert_int_equal(secret_buf_len(out), 0);
		for (size_t n = 0; n < notes.len; n++)
			found |= strstr(notes.items[n].reason, "would not read back the same") != NULL;
		assert_true(found);
	}
}

/* A key without quotes: its last line looks like a name, and is none to show. */
static void keys_without_quotes_are_not_named(void **state)
{
	static const char *const texts[] = {
		"K=-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nc2VjcmV0cGllY2U=\n-----END KEY-----\n",
		"K=-----BEGIN KEY-----\r\nMIIEv/IBADANBg+qhkiG9w0\r\nc2VjcmV0cGllY2U==\r\n-----END KEY-----\r\n",
		"MIIEvQIBADANBgkqhkiG9w0\nc2VjcmV0cGllY2U==",
		"MIIEvQIBADANBgkqhkiG9w0\n\n \nc2VjcmV0c=\nA=b\n",
		"K=-----BEGIN PRIVATE KEY-----\n c2VjcmV0= \n-----END PRIVATE KEY-----\n",
		"K=\nc2VjcmV0AnZ5TFlXXJte14tji3zlMNqahd2rYUIgJBg=\n",
		"K=a\nc2VjcmV0==\n",
	};
	bool named = false;
	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
		for (size_t i = 0; dialect_at(i); i++) {
			struct error err = ERROR_INIT;
			cleanup_(notes_free) struct notes notes = { .len = 0 };
			cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
			(void)!dialect_decode(dialect_at(i), texts[t], strlen(texts[t]), set, &notes, &err);
			for (size_t n = 0; n < notes.len; n++)
				if (strstr(notes.items[n].name, "c2VjcmV0"))
					fail_msg("text %zu, %s: %s", t, dialect_name(dialect_at(i)), notes.items[n].reason);
			assert_null(strstr(err.text, "c2VjcmV0"));
		}
	}
	/* What is no padding, or stands under a variable or under nothing, is a name. */
	static const char *const others[] = { "MIIEvQIBADANBgkqhkiG9w0\nc2VjcmV0cGllY2U=$(x)\n", "A=b\nc2VjcmV0=$(x)\n", "c2VjcmV0=$(x)\n",
					      "$(x)\nA=\nexport c2VjcmV0\nc2VjcmV0=$x\n" };
	for (size_t t = 0; t < ARRAY_LEN(others); t++, named = false) {
		struct error err = ERROR_INIT;
		cleanup_(notes_free) struct notes notes = { .len = 0 };
		cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
		assert_int_equal(dialect_decode(must_find("shell"), others[t], strlen(others[t]), set, &notes, &err), ERR_INVALID);
		for (size_t n = 0; n < notes.len; n++)
			named |= strstr(notes.items[n].name, "c2VjcmV0") != NULL;
		assert_true(named);
	}
}

static void largest_file(void **state)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
	char *text = malloc(LIMIT_ENV_FILE + 1);
	(void)state;
	assert_non_null(text);
	memset(text, '\n', LIMIT_ENV_FILE + 1);
	assert_int_equal(dialect_decode(must_find("docker"), text, LIMIT_ENV_FILE, set, &notes, &err), ERR_OK);
	assert_int_equal(dialect_decode(must_find("docker"), text, LIMIT_ENV_FILE + 1, set, &notes, &err),
			 ERR_TOO_LARGE);
	free(text);
}

static size_t write_variables(char *text, size_t count)
{
	size_t len = 0;
	for (size_t i = 0; i < count; i++)
		len += (size_t)sprintf(text + len, "V%zu=x\n", i);
	return len;
}

static void most_variables(void **state)
{
	char *text = malloc((LIMIT_VARIABLES + 1) * 16);
	(void)state;
	assert_non_null(text);
	for (size_t i = 0; dialect_at(i); i++) {
		if (!dialect_is_env_file(dialect_at(i)))
			continue;
		struct error err = ERROR_INIT;
		cleanup_(notes_free) struct notes notes = { .len = 0 };
		cleanup_(env_set_freep) struct env_set *set = env_set_new(1u << 20);
		cleanup_(env_set_freep) struct env_set *more = env_set_new(1u << 20);
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1u << 20);
		size_t len = write_variables(text, LIMIT_VARIABLES);
		assert_int_equal(dialect_decode(dialect_at(i), text, len, set, &notes, &err), ERR_OK);
		assert_int_equal(dialect_encode(dialect_at(i), set, NULL, out, &notes, &err), ERR_OK);
		len = write_variables(text, LIMIT_VARIABLES + 1);
		assert_int_equal(dialect_decode(dialect_at(i), text, len, more, &notes, &err), ERR_TOO_LARGE);
	}
	free(text);
}

/* The other dialects: a set of as many is written and read back in about the time that each variable is worth. */
static void most_variables_of_every_dialect(void **state)
{
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1u << 20);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1u << 20);
	struct error err = ERROR_INIT;
	(void)state;
	for (unsigned i = 0; i < LIMIT_VARIABLES; i++) {
		char name[16];
		snprintf(name, sizeof(name), "V%u", i);
		assert_int_equal(env_set_put(set, name, strlen(name), "x", 1, 0, NULL, &err), ERR_OK);
	}
	for (size_t i = 0; dialect_at(i); i++) {
		cleanup_(notes_free) struct notes notes = { .len = 0 };
		if (!dialect_is_directory(dialect_at(i)))
			assert_int_equal(dialect_encode(dialect_at(i), set, NULL, out, &notes, &err), ERR_OK);
	}
}

static void too_small_a_buffer(void **state)
{
	(void)state;
	for (size_t i = 0; dialect_at(i); i++) {
		if (dialect_is_directory(dialect_at(i)))
			continue;
		struct error err = ERROR_INIT;
		cleanup_(notes_free) struct notes notes = { .len = 0 };
		cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(5);
		assert_int_equal(env_set_put(set, "A", 1, "value", 5, 0, NULL, &err), ERR_OK);
		assert_int_equal(dialect_encode(dialect_at(i), set, NULL, out, &notes, &err), ERR_TOO_LARGE);
		assert_int_equal(secret_buf_len(out), 0);
		assert_int_equal(notes.errors, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_names_dialects_once),
		cmocka_unit_test(notes_beyond_the_limit_are_counted),
		cmocka_unit_test(notes_of_line_ends_are_known),
		cmocka_unit_test(errors_push_out_warnings),
		cmocka_unit_test(names_are_cleaned_for_printing),
		cmocka_unit_test(sentences_hold_no_value),
		cmocka_unit_test(a_wrong_encoder_is_found),
		cmocka_unit_test(keys_without_quotes_are_not_named),
		cmocka_unit_test(largest_file),
		cmocka_unit_test(most_variables),
		cmocka_unit_test(most_variables_of_every_dialect),
		cmocka_unit_test(too_small_a_buffer),
	};
	return cmocka_run_group_tests_name("dialect_notes", tests, NULL, NULL);
}
