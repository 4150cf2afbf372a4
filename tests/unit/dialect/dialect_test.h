/*
 * Tables of texts and what a dialect's reader makes of them.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "vault/dialect.h"
#include "vault/limits.h"

#define ROW_VARIABLES 4

struct decode_row {
	const char *text;
	const char *set[2 * ROW_VARIABLES + 1];	/* name, value, name, value */
	const char *refused;			/* part of the reason; then nothing is in set */
	unsigned line;				/* of the refusal or the warning, 0: any */
	const char *warned;			/* part of a warning's reason */
	size_t len;				/* 0: up to the NUL */
};

struct refuse_row {
	const char *name;
	const char *value;
	size_t name_len;	/* 0: up to the NUL */
	size_t value_len;
	const char *refused;	/* part of the reason; NULL: it is written */
};

static inline const struct dialect *must_find(const char *name)
{
	const struct dialect *dialect = dialect_find(name);
	assert_non_null(dialect);
	return dialect;
}

static inline const struct note *find_note(const struct notes *notes, enum note_severity severity, const char *reason,
					   unsigned line)
{
	for (size_t i = 0; i < notes->len; i++)
		if (notes->items[i].severity == severity && strstr(notes->items[i].reason, reason) &&
		    (line == 0 || notes->items[i].line == line))
			return &notes->items[i];
	return NULL;
}

static inline void check_set(const struct decode_row *row, const struct env_set *set)
{
	size_t count = 0;
	for (; row->set[2 * count]; count++) {
		const char *name = row->set[2 * count];
		const char *value = row->set[2 * count + 1];
		struct env_entry entry;
		if (!env_set_find(set, name, strlen(name), &entry))
			fail_msg("%s was not read from: %s", name, row->text);
		if (entry.value_len != strlen(value) || memcmp(entry.value, value, entry.value_len) != 0)
			fail_msg("%s is <%s>, not <%s>, from: %s", name, entry.value, value, row->text);
	}
	if (env_set_count(set) != count)
		fail_msg("%zu variables, not %zu, from: %s", env_set_count(set), count, row->text);
}

static inline void check_decode(const struct dialect *dialect, const struct decode_row *row)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1u << 20);
	size_t len = row->len > 0 ? row->len : strlen(row->text);
	assert_non_null(set);
	enum error_code code = dialect_decode(dialect, row->text, len, set, &notes, &err);
	if (row->warned && !find_note(&notes, NOTE_WARNING, row->warned, row->line))
		fail_msg("no warning '%s' about: %s", row->warned, row->text);
	if (!row->refused) {
		if (code != ERR_OK)
			fail_msg("%s, from: %s", err.text, row->text);
		assert_int_equal(notes.errors, 0);
		if (!row->warned && notes.len > 0)
			fail_msg("an unexpected warning '%s' about: %s", notes.items[0].reason, row->text);
		check_set(row, set);
		return;
	}
	if (code != ERR_INVALID)
		fail_msg("was not refused: %s", row->text);
	assert_true(notes.errors > 0);
	assert_true(err.text[0] != '\0');
	if (!find_note(&notes, NOTE_ERROR, row->refused, row->line))
		fail_msg("refused for another reason (%s): %s", err.text, row->text);
}

static inline void check_decode_table(const char *name, const struct decode_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_decode(must_find(name), &rows[i]);
}

/* Each row by itself, and then all of them in one set: what is refused is named, all at once, and nothing else. */
static inline void check_refuse_table(const char *dialect_name, const struct refuse_row *rows, size_t count)
{
	const struct dialect *dialect = must_find(dialect_name);
	cleanup_(env_set_freep) struct env_set *all = env_set_new(8u << 20);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(16u << 20);
	size_t refused = 0;
	assert_non_null(all);
	assert_non_null(out);
	for (size_t i = 0; i < count; i++) {
		const struct refuse_row *row = &rows[i];
		struct error err = ERROR_INIT;
		cleanup_(notes_free) struct notes notes = { .len = 0 };
		cleanup_(env_set_freep) struct env_set *set = env_set_new(4u << 20);
		size_t name_len = row->name_len > 0 ? row->name_len : strlen(row->name);
		size_t value_len = row->value_len > 0 ? row->value_len : strlen(row->value);
		assert_int_equal(env_set_put(set, row->name, name_len, row->value, value_len, 0, NULL, &err), ERR_OK);
		assert_int_equal(env_set_put(all, row->name, name_len, row->value, value_len, 0, NULL, &err), ERR_OK);
		secret_buf_append_text(out, "what was in it before");
		enum error_code code = dialect_encode(dialect, set, NULL, out, &notes, &err);
		if (code != (row->refused ? ERR_UNREPRESENTABLE : ERR_OK))
			fail_msg("row %zu (%s): %s", i, row->name, code == ERR_OK ? "was not refused" : err.text);
		assert_int_equal(secret_buf_len(out) == 0, row->refused != NULL);
		if (!row->refused)
			continue;
		refused++;
		const struct note *note = find_note(&notes, NOTE_ERROR, row->refused, 0);
		if (!note)
			fail_msg("row %zu (%s): refused for another reason: %s", i, row->name, err.text);
		assert_true(note && note->hint);
		assert_int_equal(notes.errors, 1);
	}
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	if (refused > 0)
		assert_int_equal(dialect_encode(dialect, all, NULL, out, &notes, &err), ERR_UNREPRESENTABLE);
	assert_int_equal(notes.errors, refused);
}

static inline void check_written(const char *dialect_name, const char *name, const char *value, const char *expected)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1u << 20);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1u << 20);
	assert_int_equal(env_set_put(set, name, strlen(name), value, strlen(value), 0, NULL, &err), ERR_OK);
	if (dialect_encode(must_find(dialect_name), set, NULL, out, &notes, &err) != ERR_OK)
		fail_msg("%s", err.text);
	secret_buf_append_char(out, '\0');
	assert_string_equal(secret_buf_text(out), expected);
}
