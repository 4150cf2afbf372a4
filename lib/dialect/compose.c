/*
 * env_file of docker compose v2 (compose-go's dotenv reader), read without
 * other variables to refer to: a reference is an error here.
 */
#include <stdint.h>

#include "dialect/row.h"
#include "dialect/text.h"
#include "utf8.h"
#include "vault/names.h"

static const struct remark remark_reference = {
	"refers to another variable, and there is none to take it from",
	"write $$ for a dollar sign, or put the value in single quotes",
};
static const struct remark remark_character = {
	"a character that compose does not take in a name",
	"write NAME=VALUE, with letters, digits and _ in the name",
};
static const struct remark remark_foreign_letter = {
	"the name has a letter outside ASCII, which versions of compose do not read alike",
	"use letters, digits and _ in the name",
};
static const struct remark remark_space_in_name = {
	"the name holds a blank",
	"write NAME=VALUE",
};
static const struct remark remark_no_name = {
	"there is no name before =",
	"write NAME=VALUE",
};
static const struct remark remark_last_line = {
	"a last line without = and without line feed is taken for a value without a name",
	"write NAME=VALUE",
};
static const struct remark remark_inherit = {
	"a name alone takes the value of the environment compose is started in; there is none here, so it is left out",
	"write NAME=VALUE",
};
static const struct remark remark_unterminated = {
	"the quote is not closed",
	"close it; a quote inside the value is written with a backslash",
};
static const struct remark remark_compose_name = {
	"the name is not made of letters, digits, _ . - [ ] alone, or it starts with a digit",
	"rename the variable; the json dialect can hold any name",
};

/* compose-go's own class: white space without the line feed, and without the rest of Unicode's. */
static size_t inner_space_len(const char *text, size_t len)
{
	if (len == 0 || text[0] == '\n')
		return 0;
	size_t size = space_len(text, len);
	return size <= 2 ? size : 0;
}

static void skip_inner_space(struct reader *reader)
{
	size_t size;
	while ((size = inner_space_len(reader->text + reader->at, reader->len - reader->at)) > 0)
		reader->at += size;
}

static void skip_space(struct reader *reader)
{
	size_t size;
	while ((size = space_len(reader->text + reader->at, reader->len - reader->at)) > 0)
		reader_move(reader, reader->at + size);
}

static void skip_export(struct reader *reader)
{
	static const char word[] = "export";
	const char *text = reader->text + reader->at;
	size_t len = reader->len - reader->at;
	if (!text_starts(text, len, word) || len == strlen(word) || !is_one_of(text[strlen(word)], "\t\n\f\r "))
		return;
	reader->at += strlen(word);
	skip_inner_space(reader);
}

static bool is_compose_name_char(char c)
{
	return is_name_char(c) || is_one_of(c, ".-[]");
}

/* Moves to what ends the name: = or : or a line feed. */
static const struct remark *scan_name(struct reader *reader)
{
	while (!reader_is_done(reader)) {
		char c = reader_peek(reader);
		size_t space = inner_space_len(reader->text + reader->at, reader->len - reader->at);
		if (is_one_of(c, "=:\n"))
			return NULL;
		if (space == 0 && !is_compose_name_char(c))
			return (unsigned char)c >= 0x80 ? &remark_foreign_letter : &remark_character;
		reader->at += space > 0 ? space : 1;
	}
	return &remark_last_line;
}

static bool has_space(const char *text, size_t len)
{
	for (size_t at = 0; at < len; at++)
		if (space_len(text + at, len - at) > 0)
			return true;
	return false;
}

/* $$ becomes $. What compose would fill in is refused; a dollar sign before anything else stays. */
static const struct remark *interpolate(struct secret_buf *value)
{
	char *text = (char *)secret_buf_mutable(value);
	size_t len = secret_buf_len(value);
	size_t to = 0;
	for (size_t at = 0; at < len; at++) {
		const char *next = text + at + 1;
		size_t left = len - at - 1;
		if (text[at] == '$' && left > 0) {
			/* Its pattern ignores case as Unicode has it: the long s and the Kelvin sign are letters too. */
			bool folded = text_starts(next, left, "\xc5\xbf") || text_starts(next, left, "\xe2\x84\xaa");
			if (is_name_start(*next) || *next == '{' || folded)
				return &remark_reference;
			if (*next == '$')
				at++;
		}
		text[to++] = text[at];
	}
	secret_buf_truncate(value, to);
	return NULL;
}

static const struct remark *read_unquoted(struct reader *reader)
{
	const char *text = reader->text + reader->at;
	size_t end = reader_find(reader, reader->at, '\n');
	size_t len = end - reader->at;
	const char *comment = memmem(text, len, " #", 2);
	if (comment)
		len = (size_t)(comment - text);
	secret_buf_append(reader->value, text, trimmed_len(text, len));
	reader_move(reader, end < reader->len ? end + 1 : end);
	return interpolate(reader->value);
}

static const struct remark *read_single_quotes(struct reader *reader)
{
	while (!reader_is_done(reader)) {
		char c = reader_next(reader);
		if (c == '\'')
			return NULL;
		if (c == '\\' && !reader_is_done(reader)) {
			c = reader_next(reader);
			if (c != '\'')
				secret_buf_append_char(reader->value, '\\');
		}
		secret_buf_append_char(reader->value, c);
	}
	return &remark_unterminated;
}

/* \0 and up to three digits, the 0 already taken. Three octal digits up to 377 are a code point. Anything else loses its
 * 0 and stays: so the reader does it. */
static void read_octal(struct reader *reader)
{
	unsigned code_point = 0;
	size_t from = reader->at;
	bool is_octal = true;
	while (reader->at < reader->len && reader->at - from < 3 && is_digit(reader_peek(reader))) {
		unsigned digit = (unsigned)(reader_next(reader) - '0');
		is_octal = is_octal && digit < 8;
		code_point = code_point * 8 + digit;
	}
	size_t digits = reader->at - from;
	if (digits == 3 && is_octal && code_point <= 0xff) {
		unsigned char utf8[4];
		secret_buf_append(reader->value, utf8, utf8_encode(code_point, utf8));
		return;
	}
	secret_buf_append_char(reader->value, '\\');
	secret_buf_append(reader->value, reader->text + from, digits);
}

static void read_escape(struct reader *reader)
{
	static const char letters[] = "abfnrtv\\\"";
	static const char meanings[] = "\a\b\f\n\r\t\v\\\"";
	char c = reader_next(reader);
	if (c == '0') {
		read_octal(reader);
		return;
	}
	if (is_one_of(c, letters)) {
		secret_buf_append_char(reader->value, meanings[strchr(letters, c) - letters]);
		return;
	}
	/* An escaped dollar sign is doubled: interpolation comes after this. */
	secret_buf_append_char(reader->value, c == '$' ? '$' : '\\');
	secret_buf_append_char(reader->value, c);
}

static const struct remark *read_double_quotes(struct reader *reader)
{
	while (!reader_is_done(reader)) {
		char c = reader_next(reader);
		if (c == '"')
			return interpolate(reader->value);
		if (c == '\\' && !reader_is_done(reader))
			read_escape(reader);
		else
			secret_buf_append_char(reader->value, c);
	}
	return &remark_unterminated;
}

static const struct remark *read_value(struct reader *reader)
{
	const struct remark *refused;
	char first = reader_is_done(reader) ? '\n' : reader_peek(reader);
	if (first == '\'' || first == '"')
		reader_next(reader);
	if (first == '\'')
		refused = read_single_quotes(reader);
	else if (first == '"')
		refused = read_double_quotes(reader);
	else
		refused = read_unquoted(reader);
	if (refused)
		return refused;
	if (text_has(secret_buf_text(reader->value), secret_buf_len(reader->value), '\0'))
		return &remark_nul;
	return utf8_is_valid(secret_buf_text(reader->value), secret_buf_len(reader->value)) ? NULL : &remark_not_utf8;
}

static void inherit(struct reader *reader, const char *name, size_t name_len, unsigned line)
{
	if (text_has(name, name_len, ' '))
		reader_refuse(reader, line, name, name_len, &remark_space_in_name);
	else if (name_len > 0)
		reader_warn(reader, line, name, name_len, &remark_inherit);
}

static void read_statement(struct reader *reader)
{
	skip_export(reader);
	unsigned line = reader->line;
	const char *name = reader->text + reader->at;
	const struct remark *refused = scan_name(reader);
	size_t name_len = trimmed_len(name, (size_t)(reader->text + reader->at - name));
	if (refused) {
		reader_refuse(reader, line, name, name_len, refused);
		reader_skip_line(reader);
		return;
	}
	if (reader_next(reader) == '\n') {
		inherit(reader, name, name_len, line);
		return;
	}
	skip_inner_space(reader);
	refused = read_value(reader);
	if (name_len == 0)
		refused = &remark_no_name;
	else if (has_space(name, name_len))
		refused = &remark_space_in_name;
	if (refused)
		reader_refuse(reader, line, name, name_len, refused);
	else
		reader_put(reader, name, name_len, line);
}

static void compose_read(struct reader *reader)
{
	if (text_starts(reader->text, reader->len, UTF8_BOM))
		reader->at = strlen(UTF8_BOM);
	for (skip_space(reader); !reader_is_done(reader); skip_space(reader)) {
		if (reader_peek(reader) == '#')
			reader_skip_line(reader);
		else
			read_statement(reader);
	}
}

static bool name_is_possible(const char *name, size_t len)
{
	if (len == 0 || is_digit(name[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_compose_name_char(name[i]))
			return false;
	return true;
}

static const struct remark *compose_refuse(const struct env_entry *entry)
{
	if (!name_is_possible(entry->name, entry->name_len))
		return &remark_compose_name;
	if (text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	return utf8_is_valid(entry->value, entry->value_len) ? NULL : &remark_not_utf8;
}

static void compose_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	size_t from = 0;
	(void)first;
	secret_buf_append(out, entry->name, entry->name_len);
	secret_buf_append_text(out, "=\"");
	for (size_t i = 0; i < entry->value_len; i++) {
		char c = entry->value[i];
		if (c != '\\' && c != '"' && c != '$')
			continue;
		secret_buf_append(out, entry->value + from, i - from);
		secret_buf_append_char(out, c == '$' ? '$' : '\\');
		from = i;
	}
	secret_buf_append(out, entry->value + from, entry->value_len - from);
	secret_buf_append_text(out, "\"\n");
}

static size_t compose_growth(const struct env_entry *entry)
{
	return growth_by(entry, "\"\\$");
}

const struct dialect dialect_compose = {
	.name = "compose",
	.summary = "env_file of docker compose v2",
	.opening = "",
	.closing = "",
	.is_text = true,
	.is_env_file = true,
	.read = compose_read,
	.refuse = compose_refuse,
	.write = compose_write,
	.growth = compose_growth,
	.reads_written = true,
};
