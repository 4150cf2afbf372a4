/*
 * What can be mended without changing what dotenv readers read.
 *
 * Names stay as they are, and so does a line that is no assignment. Groups are
 * put in order only if they hold no comment, which would have to move with
 * its line, and no reference, which would be evaluated at another place. A
 * file with a line that readers take for different things is left alone.
 */
#include <stdlib.h>
#include <string.h>

#include "dialect/text.h"
#include "schema/lint.h"
#include "vault/dialect.h"
#include "vault/limits.h"
#include "vault/names.h"
#include "vault/schema.h"

struct fixing {
	const struct env_lines *lines;
	struct lint_index index;
	uint32_t *off, *order;	/* of each line; places in the order in which they are written */
	bool *is_overridden;	/* a later line sets the same name */
	struct secret_buf *out;
	size_t fixed;
};

static void fixing_free(struct fixing *fixing)
{
	lint_index_free(&fixing->index);
	free(fixing->off);
	free(fixing->order);
	free(fixing->is_overridden);
}

static bool is_on(const struct fixing *fixing, size_t place, enum lint_check check)
{
	return !(fixing->off[place] & 1u << check);
}

static void put(struct fixing *fixing, struct line_span span)
{
	secret_buf_append(fixing->out, span.at, span.len);
}

/* -- one entry ------------------------------------------------------------------- */

static bool is_bare(struct line_span value)
{
	for (size_t i = 0; i < value.len; i++)
		if (!is_name_char(value.at[i]) && !is_one_of(value.at[i], "./:@%+,^-"))
			return false;
	return value.len > 0;
}

/* Words with spaces between them, that mean the same in double quotes. */
static bool is_simple_text(struct line_span value)
{
	for (size_t i = 0; i < value.len; i++)
		if (!is_name_char(value.at[i]) && !is_one_of(value.at[i], " ./:@%+,^=-"))
			return false;
	return value.len > 0;
}

/* In a comment: some readers take the last quote of the line for the closing one. */
static bool has_quote(struct line_span span)
{
	return text_has(span.at, span.len, '"') || text_has(span.at, span.len, '\'') || text_has(span.at, span.len, '`');
}

static const char *quotes_to_write(struct fixing *fixing, size_t place)
{
	const struct env_line *line = &fixing->lines->items[place];

	if (line->quote && is_bare(line->value) && line_span_before_blanks(line->tail).len == 0 &&
	    is_on(fixing, place, LINT_QUOTE_CHARACTER))
		return "";
	if (!line->quote && lint_needs_quotes(line) && is_simple_text(line->value) && !has_quote(line->tail) &&
	    is_on(fixing, place, LINT_VALUE_WITHOUT_QUOTES))
		return "\"";
	return line->quote == '"' ? "\"" : line->quote == '\'' ? "'" : "";
}

/* What stands between = and the value; with no value the comment would come to stand right after it. */
static struct line_span blanks_before_value(const struct env_line *line)
{
	const char *start = line->quote ? line->value.at - 1 : line->value.at;

	return (struct line_span){ line->rest.at, (size_t)(start - line->rest.at) };
}

static void write_entry(struct fixing *fixing, size_t place)
{
	const struct env_line *line = &fixing->lines->items[place];
	struct line_span name = line->before, blanks = blanks_before_value(line), tail = line->tail;
	const char *quotes = quotes_to_write(fixing, place);

	if (is_on(fixing, place, LINT_LEADING_CHARACTER))
		name = line_span_after_blanks(name);
	if (is_on(fixing, place, LINT_SPACE_CHARACTER)) {
		name = line_span_before_blanks(name);
		if (line->value.len > 0 || line->quote)
			blanks.len = 0;
	}
	if (is_on(fixing, place, LINT_TRAILING_WHITESPACE)) {
		tail = line_span_before_blanks(tail);
		if (tail.len == 0 && line->value.len == 0 && !line->quote)
			blanks.len = 0;
	}
	put(fixing, name);
	secret_buf_append_char(fixing->out, '=');
	put(fixing, blanks);
	secret_buf_append_text(fixing->out, quotes);
	put(fixing, line->value);
	secret_buf_append_text(fixing->out, quotes);
	put(fixing, tail);
}

/* "export = x" sets nothing for some readers, and "export=x" sets export. */
static bool is_word_export(struct line_span key)
{
	static const char word[] = "export";

	return key.len == sizeof(word) - 1 && memcmp(key.at, word, key.len) == 0;
}

/* An assignment that this file's readers take for one: what is written below means the same. */
static bool is_assignment(const struct env_line *line)
{
	return line->kind == ENV_LINE_ENTRY && line->has_equals && variable_name_is_portable(line->key.at, line->key.len) &&
	       !text_has(line->before.at, line->before.len, '\t') && !line->is_exported && !is_word_export(line->key) &&
	       !text_has(line->whole.at, line->whole.len, '\r');
}

/* -- lines ---------------------------------------------------------------------------- */

static void write_line(struct fixing *fixing, size_t place)
{
	const struct env_line *line = &fixing->lines->items[place];

	if (fixing->is_overridden[place]) {
		secret_buf_append_text(fixing->out, "# duplicate: ");
		put(fixing, line->whole);
	} else if (is_assignment(line)) {
		write_entry(fixing, place);
	} else if (line->kind != ENV_LINE_BLANK || !is_on(fixing, place, LINT_TRAILING_WHITESPACE)) {
		put(fixing, line->whole);
	}
}

static bool is_dropped(const struct fixing *fixing, size_t place)
{
	const struct env_line *lines = fixing->lines->items;

	return place > 0 && lines[place].kind == ENV_LINE_BLANK && lines[place - 1].kind == ENV_LINE_BLANK &&
	       is_on(fixing, place, LINT_EXTRA_BLANK_LINE);
}

/* A line feed after it would make it part of the line end. */
static bool ends_with_cr(struct line_span span)
{
	return span.len > 0 && span.at[span.len - 1] == '\r';
}

/* The line end as it was; one is added to the last line. */
static void write_line_end(struct fixing *fixing, size_t place, bool is_last)
{
	const struct env_line *line = &fixing->lines->items[place];

	if (line->is_ended && line->whole.at[line->whole.len] == '\r')
		secret_buf_append_char(fixing->out, '\r');
	if (!line->is_ended && is_last &&
	    (!is_on(fixing, place, LINT_ENDING_BLANK_LINE) || ends_with_cr(line->whole)))
		return;
	secret_buf_append_char(fixing->out, '\n');
	fixing->fixed += !line->is_ended;
}

static void write_all(struct fixing *fixing)
{
	for (size_t i = 0; i < fixing->lines->len; i++) {
		size_t place = fixing->order[i], start = secret_buf_len(fixing->out);
		struct line_span whole = fixing->lines->items[place].whole;

		if (is_dropped(fixing, place)) {
			fixing->fixed++;
			continue;
		}
		write_line(fixing, place);
		if (secret_buf_ok(fixing->out) &&
		    (secret_buf_len(fixing->out) - start != whole.len ||
		     memcmp(secret_buf_text(fixing->out) + start, whole.at, whole.len) != 0))
			fixing->fixed++;
		write_line_end(fixing, place, i + 1 == fixing->lines->len);
	}
}

/* -- order and duplicates ----------------------------------------------------------------- */

/* A line separator of Unicode may stand in quotes, and ends a comment for some readers. */
static bool has_line_separator(struct line_span span)
{
	return memmem(span.at, span.len, "\xe2\x80\xa8", 3) || memmem(span.at, span.len, "\xe2\x80\xa9", 3);
}

static void mark_overridden(struct fixing *fixing)
{
	const struct env_line *lines = fixing->lines->items;

	for (size_t i = 1; i < fixing->index.len; i++) {
		uint32_t earlier = fixing->index.items[i - 1], later = fixing->index.items[i];

		if (lint_compare_keys(&lines[earlier], &lines[later]) == 0 && is_assignment(&lines[earlier]) &&
		    is_assignment(&lines[later]) && lines[earlier].lines == 1 &&
		    !has_line_separator(lines[earlier].whole) && is_on(fixing, later, LINT_DUPLICATED_KEY))
			fixing->is_overridden[earlier] = true;
	}
}

static bool can_be_sorted(const struct fixing *fixing, size_t from, size_t to)
{
	for (size_t place = from; place < to; place++) {
		const struct env_line *line = &fixing->lines->items[place];

		if (!is_assignment(line) || fixing->is_overridden[place] || text_has(line->rest.at, line->rest.len, '$') ||
		    !is_on(fixing, place, LINT_UNORDERED_KEY))
			return false;
	}
	return true;
}

static void sort_group(struct fixing *fixing, size_t from, size_t to)
{
	if (to - from < 2 || !can_be_sorted(fixing, from, to))
		return;
	qsort_r(fixing->order + from, to - from, sizeof(*fixing->order), lint_compare_places,
		(void *)(uintptr_t)fixing->lines);
	for (size_t place = from; place < to; place++)
		fixing->fixed += fixing->order[place] != place;
}

static void sort_groups(struct fixing *fixing)
{
	for (size_t from = 0; from < fixing->lines->len;) {
		size_t to = lint_group_end(fixing->lines, &fixing->index, from);

		sort_group(fixing, from, to);
		from = to + 1;
	}
}

static enum error_code prepare(struct fixing *fixing, struct error *err)
{
	size_t len = fixing->lines->len;
	uint32_t off = 0;

	fixing->off = calloc(len + 1, sizeof(*fixing->off));
	fixing->order = calloc(len + 1, sizeof(*fixing->order));
	fixing->is_overridden = calloc(len + 1, sizeof(*fixing->is_overridden));
	if (!fixing->off || !fixing->order || !fixing->is_overridden)
		return error_set(err, ERR_NO_MEMORY, "out of memory while mending an env file");
	for (size_t place = 0; place < len; place++) {
		lint_follow(&fixing->lines->items[place], &off);
		fixing->off[place] = off;
		fixing->order[place] = (uint32_t)place;
	}
	return lint_index_make(fixing->lines, &fixing->index, err);
}

/* What readers find other ends or another place for: a quote that is not closed as it should be, a line without =, an indented
 * comment with = (a variable for node), a last line of = and blanks, a
 * backslash before a closing quote. Any change to what follows may change what they make of it. */
static bool is_ambiguous(const struct env_line *line)
{
	switch (line->kind) {
	case ENV_LINE_BLANK:
		return false;
	case ENV_LINE_COMMENT:
		return line->whole.at[0] != '#' && text_has(line->whole.at, line->whole.len, '=');
	case ENV_LINE_ENTRY:
		return !line->has_equals || (!line->is_ended && line->value.len == 0 && line->rest.len > 0 && !line->quote) ||
		       (line->quote == 0 && line->value.len > 0 && is_one_of(line->value.at[0], "'\"`")) ||
		       (line->quote != 0 && line->value.len > 0 && line->value.at[line->value.len - 1] == '\\');
	}
	return true;
}

static bool has_ambiguous_line(const struct env_lines *lines)
{
	for (size_t i = 0; i < lines->len; i++)
		if (is_ambiguous(&lines->items[i]))
			return true;
	return false;
}

/* -- the check ------------------------------------------------------------------------------ */

/* Reached only if a rule above is wrong; then the user gets a refusal and not a changed file. */
static enum error_code compare_meaning(const char *text, size_t len, const struct secret_buf *out, struct error *err)
{
	const struct dialect *dialect = dialect_find("dotenv");
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *before = env_set_new(len), *after = env_set_new(len);
	struct error ignored = ERROR_INIT, changed = ERROR_INIT;

	if (!before || !after)
		return error_set(err, ERR_NO_MEMORY, "out of memory while mending an env file");
	if (dialect_decode(dialect, text, len, before, &notes, &ignored) != ERR_OK)
		return ERR_OK;
	if (dialect_decode(dialect, secret_buf_text(out), secret_buf_len(out), after, &notes, &changed) == ERR_OK &&
	    env_set_equal(before, after))
		return ERR_OK;
	return error_set(err, ERR_INTERNAL, "mending would have changed a value; nothing was written, please report it");
}

enum error_code env_lint_fix(const char *text, size_t len, struct secret_buf *out, size_t *ret_fixed, struct error *err)
{
	cleanup_(env_lines_free) struct env_lines lines = { .items = NULL };
	cleanup_(fixing_free) struct fixing fixing = { .lines = &lines, .out = out };

	if (len > LIMIT_ENV_FILE)
		return error_set(err, ERR_TOO_LARGE, "the env file is larger than %u bytes", LIMIT_ENV_FILE);
	*ret_fixed = 0;
	if (env_lines_read(text, len, &lines, err) != ERR_OK || prepare(&fixing, err) != ERR_OK)
		return err->code;
	secret_buf_reset(out);
	if (has_ambiguous_line(&lines)) {
		secret_buf_append(out, text, len);
		return secret_buf_check(out, "the env file", err);
	}
	mark_overridden(&fixing);
	sort_groups(&fixing);
	write_all(&fixing);
	if (secret_buf_check(out, "the env file", err) == ERR_OK && compare_meaning(text, len, out, err) == ERR_OK)
		*ret_fixed = fixing.fixed;
	else
		secret_buf_reset(out);
	return err->code;
}
