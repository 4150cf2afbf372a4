#include "schema/env_lines.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/text.h"

void env_lines_free(struct env_lines *lines)
{
	free(lines->items);
	*lines = (struct env_lines){ .items = NULL };
}

struct cursor {
	const char *text;
	size_t len, at;
	unsigned number;
	/* Where the next quote of each kind is that could close a value, so that unclosed ones do not cost a scan each. */
	bool no_single, no_double;
};

static struct line_span span_of(const char *from, const char *to)
{
	return (struct line_span){ .at = from, .len = (size_t)(to - from) };
}

static const char *line_end(const struct cursor *cursor, const char *from)
{
	const char *end = cursor->text + cursor->len;
	const char *found = from < end ? memchr(from, '\n', (size_t)(end - from)) : NULL;

	return found ? found : end;
}

/* The closing quote of a value whose opening one is at `open`, or NULL. */
static const char *closing_quote(struct cursor *cursor, const char *open)
{
	const char *end = cursor->text + cursor->len;
	bool *none = *open == '"' ? &cursor->no_double : &cursor->no_single;

	if (*none)
		return NULL;
	for (const char *at = open + 1; at < end; at++) {
		if (*at == *open)
			return at;
		if (*at == '\\' && *open == '"')
			at++;
	}
	*none = true;
	return NULL;
}

/* Where " #" begins a comment in an unquoted value, or its end. */
static const char *comment_start(const char *from, const char *end)
{
	for (const char *at = from; at < end; at++)
		if (*at == '#' && (at == from || is_blank(at[-1])))
			return at;
	return end;
}

static void read_plain_value(struct env_line *line, const char *from, const char *end)
{
	const char *comment = comment_start(from, end);

	line->value = line_span_trim(span_of(from, comment));
	line->tail = span_of(line->value.at + line->value.len, end);
}

/* Blanks, or blanks and a comment. */
static bool is_tail(struct line_span span)
{
	struct line_span inner = line_span_trim(span);

	return inner.len == 0 || inner.at[0] == '#';
}

/* A carriage return belongs to the line end only with its line feed. */
static const char *without_cr(const struct cursor *cursor, const char *from, const char *end)
{
	return end > from && end < cursor->text + cursor->len && end[-1] == '\r' ? end - 1 : end;
}

/* Returns the end of the entry's last line. */
static const char *read_value(struct cursor *cursor, struct env_line *line, const char *from, const char *end)
{
	const char *start = from;
	const char *close, *last;

	while (start < end && is_blank(*start))
		start++;
	if (start < end && is_one_of(*start, "'\"") && (close = closing_quote(cursor, start))) {
		last = line_end(cursor, close);
		if (is_tail(span_of(close + 1, without_cr(cursor, close + 1, last)))) {
			line->quote = *start;
			line->value = span_of(start + 1, close);
			line->tail = span_of(close + 1, without_cr(cursor, close + 1, last));
			line->rest = span_of(from, without_cr(cursor, close + 1, last));
			return last;
		}
	}
	line->rest = span_of(from, end);
	read_plain_value(line, from, end);
	return NULL;
}

static struct line_span without_export(struct line_span key, bool *ret_exported)
{
	static const char word[] = "export ";
	size_t len = strlen(word);

	*ret_exported = key.len > len && memcmp(key.at, word, len) == 0;
	return *ret_exported ? line_span_trim((struct line_span){ key.at + len, key.len - len }) : key;
}

static void read_entry(struct cursor *cursor, struct env_line *line, const char *from, const char **end)
{
	const char *stop = without_cr(cursor, from, *end);
	const char *equals = memchr(from, '=', (size_t)(stop - from));
	const char *last = NULL;

	line->has_equals = equals != NULL;
	line->before = span_of(from, equals ? equals : stop);
	line->key = without_export(line_span_trim(line->before), &line->is_exported);
	line->rest = line->value = line->tail = span_of(stop, stop);
	if (equals)
		last = read_value(cursor, line, equals + 1, stop);
	if (last)
		*end = last;
	line->whole = span_of(from, without_cr(cursor, from, *end));
}

static void read_line(struct cursor *cursor, struct env_line *line)
{
	const char *from = cursor->text + cursor->at;
	const char *end = line_end(cursor, from);
	struct line_span inner = line_span_trim(span_of(from, without_cr(cursor, from, end)));

	*line = (struct env_line){ .number = cursor->number, .lines = 1, .whole = span_of(from, without_cr(cursor, from, end)) };
	line->kind = inner.len == 0 ? ENV_LINE_BLANK : inner.at[0] == '#' ? ENV_LINE_COMMENT : ENV_LINE_ENTRY;
	if (line->kind == ENV_LINE_ENTRY) {
		const char *first_end = end;

		read_entry(cursor, line, from, &end);
		for (const char *at = first_end; at < end; at = line_end(cursor, at + 1))
			line->lines++;
	}
	line->is_ended = end < cursor->text + cursor->len;
	cursor->number += line->lines;
	cursor->at = (size_t)(end - cursor->text) + line->is_ended;
}

enum error_code env_lines_read(const char *text, size_t len, struct env_lines *ret, struct error *err)
{
	struct cursor cursor = { .text = text, .len = len, .number = 1 };
	size_t room = 0;

	*ret = (struct env_lines){ .items = NULL };
	while (cursor.at < len) {
		if (ret->len == room) {
			struct env_line *items = reallocarray(ret->items, room = 2 * room + 64, sizeof(*items));

			if (!items) {
				env_lines_free(ret);
				return error_set(err, ERR_NO_MEMORY, "out of memory while reading an env file");
			}
			ret->items = items;
		}
		read_line(&cursor, &ret->items[ret->len++]);
	}
	return ERR_OK;
}
