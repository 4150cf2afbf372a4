/*
 * A file that Go's godotenv reads, both 1.5.1 and what came after it. They see
 * the end of a quoted value and the start of a comment in different places,
 * and take away a quote that ends a value in quotes; a value for which that
 * matters is written in the one form that all of them read, or refused.
 */
#include "dialect/row.h"
#include "dialect/text.h"
#include "vault/names.h"

static const struct remark remark_reference = {
	"refers to another variable, and there is none to take it from",
	"write \\$ for a dollar sign, or put the value in single quotes",
};
static const struct remark remark_bom = {
	"the file starts with a byte order mark: godotenv refuses it",
	"save it as UTF-8 without BOM",
};
static const struct remark remark_character = {
	"a character that godotenv does not take in a name: it refuses the file",
	"write NAME=VALUE, with letters, digits, _ and dots in the name",
};
static const struct remark remark_no_equals = {
	"a name without =: godotenv refuses the file",
	"write NAME= for an empty value, or put # in front",
};
static const struct remark remark_nothing_to_export = {
	"nothing follows export: godotenv refuses the file",
	"write export NAME=VALUE",
};
static const struct remark remark_last_line = {
	"a last line without = and without line feed is taken for a value without a name",
	"write NAME=VALUE",
};
static const struct remark remark_no_name = {
	"there is no name before =",
	"write NAME=VALUE",
};
static const struct remark remark_hyphen = {
	"the name holds -, for which godotenv 1.5.1 refuses the file; later ones take it",
	"use _ in the name",
};
static const struct remark remark_space_in_name = {
	"the name holds white space, which godotenv takes for part of it",
	"write NAME=VALUE",
};
static const struct remark remark_unterminated = {
	"the quote is not closed: godotenv refuses the file",
	"close it; a quote inside double quotes is written with a backslash",
};
static const struct remark remark_escaped_backslash = {
	"two backslashes before the closing quote: godotenv 1.5.1 takes the quote for part of the value, later ones do "
	"not",
	"write a value that ends in a backslash without quotes",
};
static const struct remark remark_hash_first = {
	"a value that starts with # stays for godotenv 1.5.1 and makes later ones crash",
	"put the value in quotes, or write NAME= and the comment on a line above",
};
static const struct remark remark_two_comments = {
	"the comment starts at the last # for godotenv 1.5.1 and at the first for later ones",
	"put the value in quotes, or the comment on a line above",
};
static const struct remark remark_quote_lost = {
	"godotenv takes away a quote at the end of a value in such quotes",
	"put the value in the other kind of quotes",
};
static const struct remark remark_godotenv_name = {
	"the name is not made of letters, digits, _ and dots alone, as godotenv 1.5.1 needs it",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_last_quote = {
	"ends in a double quote, which godotenv takes away, and cannot do without double quotes",
	"use the compose, systemd or shell dialect, or encode it (base64)",
};
static const struct remark remark_last_backslash = {
	"ends in a backslash, which godotenv 1.5.1 cannot read in quotes, and cannot do without them",
	"use the compose, systemd or shell dialect, or encode it (base64)",
};

/* godotenv's own class: white space without the line feed, and without most of Unicode's. */
static size_t inner_space_len(const char *text, size_t len)
{
	if (len == 0 || text[0] == '\n')
		return 0;
	size_t size = space_len(text, len);
	return size <= 2 ? size : 0;
}

static bool ends_in_inner_space(const char *text, size_t len)
{
	return (len > 0 && inner_space_len(text + len - 1, 1) == 1) ||
	       (len > 1 && inner_space_len(text + len - 2, 2) == 2);
}

static size_t inner_trimmed_len(const char *text, size_t len)
{
	while (ends_in_inner_space(text, len))
		len -= inner_space_len(text + len - 1, 1) == 1 ? 1 : 2;
	return len;
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
	if (!text_starts(text, len, word) || inner_space_len(text + strlen(word), len - strlen(word)) == 0)
		return;
	reader->at += strlen(word);
	skip_inner_space(reader);
}

/* -- names ----------------------------------------------------------------- */

/* Each byte by itself is taken for a character of Latin-1: a letter, a number, or white space. */
static bool is_latin1_name_byte(unsigned char c)
{
	static const char numbers[] = "\xb2\xb3\xb9\xbc\xbd\xbe";
	static const char letters[] = "\xaa\xb5\xba";
	static const char spaces[] = "\x85\xa0";
	if (is_one_of((char)c, numbers) || is_one_of((char)c, letters) || is_one_of((char)c, spaces))
		return true;
	return c >= 0xc0 && c != 0xd7 && c != 0xf7;
}

static bool is_godotenv_name_byte(char c)
{
	return is_name_char(c) || c == '.' || c == '-' || is_one_of(c, "\t\v\f\r ") ||
	       is_latin1_name_byte((unsigned char)c);
}

/* Moves to what ends the name: = or : */
static const struct remark *scan_name(struct reader *reader)
{
	if (reader_is_done(reader))
		return &remark_nothing_to_export;
	for (; !reader_is_done(reader); reader->at++) {
		char c = reader_peek(reader);
		if (c == '=' || c == ':')
			return NULL;
		if (!is_godotenv_name_byte(c))
			return c == '\n' ? &remark_no_equals : &remark_character;
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

/* -- values ---------------------------------------------------------------- */

static bool is_reference_char(char c)
{
	return (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

/* \$ becomes $. What godotenv would fill in is refused, also behind ( and {; a dollar sign before anything else stays.
 */
static const struct remark *expand(struct secret_buf *value)
{
	char *text = (char *)secret_buf_mutable(value);
	size_t len = secret_buf_len(value);
	size_t to = 0;
	for (size_t at = 0; at < len; at++) {
		if (text[at] == '\\' && at + 1 < len && text[at + 1] == '$') {
			at++;
		} else if (text[at] == '$') {
			size_t next = at + 1;
			next += next < len && text[next] == '(';
			next += next < len && text[next] == '{';
			if (next < len && is_reference_char(text[next]))
				return &remark_reference;
		}
		text[to++] = text[at];
	}
	secret_buf_truncate(value, to);
	return NULL;
}

/* \n and \r; any other character loses its backslash, but the dollar sign, whose turn is later. */
static void append_unescaped(struct secret_buf *value, const char *text, size_t len)
{
	for (size_t at = 0; at < len; at++) {
		char c = text[at];
		if (c == '\\' && at + 1 < len) {
			c = text[++at];
			if (c == '$')
				secret_buf_append_char(value, '\\');
			else if (c == 'n')
				c = '\n';
			else if (c == 'r')
				c = '\r';
		}
		secret_buf_append_char(value, c);
	}
}

static size_t backslashes_before(const char *text, size_t at)
{
	size_t count = 0;
	while (count < at && text[at - count - 1] == '\\')
		count++;
	return count;
}

/* Length of what is in the quotes that start at reader->at; false when they are not closed. */
static bool find_content(const struct reader *reader, size_t *ret_len, size_t *ret_backslashes)
{
	const char *content = reader->text + reader->at + 1;
	size_t left = reader->len - reader->at - 1;
	const char *found = content;
	while ((found = memchr(found, reader_peek(reader), left - (size_t)(found - content)))) {
		*ret_len = (size_t)(found - content);
		*ret_backslashes = backslashes_before(content, *ret_len);
		if (*ret_backslashes % 2 == 0)
			return true;
		found++;
	}
	return false;
}

static const struct remark *read_quoted(struct reader *reader, bool *ret_quote_lost)
{
	char quote = reader_peek(reader);
	const char *content = reader->text + reader->at + 1;
	size_t len, backslashes;
	if (!find_content(reader, &len, &backslashes)) {
		reader_skip_line(reader);
		return &remark_unterminated;
	}
	reader_move(reader, reader->at + len + 2);
	if (backslashes > 0)
		return &remark_escaped_backslash;
	if (len > 0 && content[len - 1] == quote) {
		*ret_quote_lost = true;
		len--;
	}
	if (quote == '\'') {
		secret_buf_append(reader->value, content, len);
		return NULL;
	}
	append_unescaped(reader->value, content, len);
	return expand(reader->value);
}

/* Where the comment starts, or the length of the text. */
static size_t find_comment(const char *text, size_t len, bool *ret_second)
{
	size_t first = len;
	*ret_second = false;
	for (size_t at = 1; at < len; at++) {
		if (text[at] != '#' || !ends_in_inner_space(text, at))
			continue;
		*ret_second = first < len;
		if (first == len)
			first = at;
	}
	return first;
}

static const struct remark *read_unquoted(struct reader *reader)
{
	const char *text = reader->text + reader->at;
	while (!reader_is_done(reader) && !is_one_of(reader_peek(reader), "\n\r"))
		reader->at++;
	size_t len = (size_t)(reader->text + reader->at - text);
	bool second;
	if (len > 0 && text[0] == '#')
		return &remark_hash_first;
	len = inner_trimmed_len(text, find_comment(text, len, &second));
	if (second)
		return &remark_two_comments;
	secret_buf_append(reader->value, text, len);
	return expand(reader->value);
}

static const struct remark *read_value(struct reader *reader, bool *ret_quote_lost)
{
	bool is_quoted = !reader_is_done(reader) && is_one_of(reader_peek(reader), "'\"");
	const struct remark *refused = is_quoted ? read_quoted(reader, ret_quote_lost) : read_unquoted(reader);
	if (refused)
		return refused;
	return utf8_is_valid(secret_buf_text(reader->value), secret_buf_len(reader->value)) ? NULL : &remark_not_utf8;
}

/* -- statements ------------------------------------------------------------ */

static void finish(struct reader *reader, const char *name, size_t name_len, unsigned line, bool quote_lost)
{
	if (has_space(name, name_len))
		reader_warn(reader, line, name, name_len, &remark_space_in_name);
	if (quote_lost)
		reader_warn(reader, line, name, name_len, &remark_quote_lost);
	reader_put(reader, name, name_len, line);
}

static void read_statement(struct reader *reader)
{
	unsigned line = reader->line;
	skip_export(reader);
	const char *name = reader->text + reader->at;
	const struct remark *refused = scan_name(reader);
	size_t name_len = trimmed_len(name, (size_t)(reader->text + reader->at - name));
	bool has_hyphen = text_has(name, name_len, '-');
	bool quote_lost = false;
	if (refused) {
		reader_refuse(reader, line, name, name_len, refused);
		reader_skip_line(reader);
		return;
	}
	reader_next(reader);
	skip_inner_space(reader);
	refused = read_value(reader, &quote_lost);
	if (!refused && name_len == 0)
		refused = &remark_no_name;
	if (!refused && has_hyphen)
		refused = &remark_hyphen;
	if (refused)
		reader_refuse(reader, line, name, name_len, refused);
	else
		finish(reader, name, name_len, line, quote_lost);
}

static void read_statements(struct reader *reader)
{
	if (text_starts(reader->text, reader->len, UTF8_BOM)) {
		reader_refuse(reader, 1, "", 0, &remark_bom);
		reader->at = strlen(UTF8_BOM);
	}
	for (skip_space(reader); !reader_is_done(reader); skip_space(reader)) {
		if (reader_peek(reader) == '#')
			reader_skip_line(reader);
		else
			read_statement(reader);
	}
}

/* Each CR LF becomes LF, once: of CR CR LF a CR stays. */
static void append_without_crlf(struct secret_buf *out, const char *text, size_t len)
{
	const char *end = text + len;
	const char *crlf;
	while ((crlf = memmem(text, (size_t)(end - text), "\r\n", 2))) {
		secret_buf_append(out, text, (size_t)(crlf - text));
		text = crlf + 1;
	}
	secret_buf_append(out, text, (size_t)(end - text));
}

/* godotenv does away with CRLF before it reads. */
static void godotenv_read(struct reader *reader)
{
	if (!memmem(reader->text, reader->len, "\r\n", 2)) {
		read_statements(reader);
		return;
	}
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(reader->len);
	if (!text) {
		reader->code = error_set(reader->err, ERR_NO_MEMORY, "out of memory while reading an env file");
		return;
	}
	append_without_crlf(text, reader->text, reader->len);
	reader->code = secret_buf_check(text, "the env file", reader->err);
	reader->text = secret_buf_text(text);
	reader->len = secret_buf_len(text);
	read_statements(reader);
	reader->text = "";
	reader->len = reader->at = 0;
}

/* -- writing --------------------------------------------------------------- */

/* How a value is written. */
enum quoting { QUOTE_DOUBLE, QUOTE_SINGLE, QUOTE_NONE, QUOTE_IMPOSSIBLE };

static bool can_be_bare(const char *text, size_t len)
{
	bool second;
	if (text_has(text, len, '\n') || text_has(text, len, '\r') || is_one_of(text[0], "'\"#"))
		return false;
	return inner_space_len(text, len) == 0 && find_comment(text, len, &second) == len;
}

/* A quote at the end is lost in its own kind of quotes; a backslash there hides the quote from 1.5.1. */
static enum quoting choose_quoting(const char *text, size_t len)
{
	char last = len > 0 ? text[len - 1] : '\0';
	if (last != '"' && last != '\\')
		return QUOTE_DOUBLE;
	if (last == '"' && !text_has(text, len, '\''))
		return QUOTE_SINGLE;
	return can_be_bare(text, len) ? QUOTE_NONE : QUOTE_IMPOSSIBLE;
}

static bool name_is_possible(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(name[i]) && name[i] != '.')
			return false;
	return len > 0;
}

static const struct remark *godotenv_refuse(const struct env_entry *entry)
{
	if (!name_is_possible(entry->name, entry->name_len))
		return &remark_godotenv_name;
	if (text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	if (!utf8_is_valid(entry->value, entry->value_len))
		return &remark_not_utf8;
	if (choose_quoting(entry->value, entry->value_len) != QUOTE_IMPOSSIBLE)
		return NULL;
	return entry->value[entry->value_len - 1] == '"' ? &remark_last_quote : &remark_last_backslash;
}

static void write_double(const char *value, size_t len, struct secret_buf *out)
{
	secret_buf_append_char(out, '"');
	for (size_t i = 0; i < len; i++) {
		char c = value[i];
		if (is_one_of(c, "\\\"$\n\r"))
			secret_buf_append_char(out, '\\');
		secret_buf_append_char(out, c == '\n' ? 'n' : c == '\r' ? 'r' : c);
	}
	secret_buf_append_char(out, '"');
}

static void write_single(const char *value, size_t len, struct secret_buf *out)
{
	secret_buf_append_char(out, '\'');
	for (size_t i = 0; i < len; i++) {
		/* The reader takes one CR away before LF. */
		if (value[i] == '\n' && i > 0 && value[i - 1] == '\r')
			secret_buf_append_char(out, '\r');
		secret_buf_append_char(out, value[i]);
	}
	secret_buf_append_char(out, '\'');
}

static void write_bare(const char *value, size_t len, struct secret_buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '$')
			secret_buf_append_char(out, '\\');
		secret_buf_append_char(out, value[i]);
	}
}

static void godotenv_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	(void)first;
	secret_buf_append(out, entry->name, entry->name_len);
	secret_buf_append_char(out, '=');
	switch (choose_quoting(entry->value, entry->value_len)) {
	case QUOTE_DOUBLE:
		write_double(entry->value, entry->value_len, out);
		break;
	case QUOTE_SINGLE:
		write_single(entry->value, entry->value_len, out);
		break;
	case QUOTE_NONE:
	case QUOTE_IMPOSSIBLE:
		write_bare(entry->value, entry->value_len, out);
		break;
	}
	secret_buf_append_char(out, '\n');
}

static size_t godotenv_growth(const struct env_entry *entry)
{
	switch (choose_quoting(entry->value, entry->value_len)) {
	case QUOTE_DOUBLE:
		return growth_by(entry, "\\\"$\n\r");
	case QUOTE_SINGLE:
		return growth_by(entry, "\r");
	case QUOTE_NONE:
	case QUOTE_IMPOSSIBLE:
		break;
	}
	return growth_by(entry, "$");
}

const struct dialect dialect_godotenv = {
	.name = "godotenv",
	.summary = "godotenv of Go programs, 1.5.1 and later",
	.opening = "",
	.closing = "",
	.is_text = true,
	.is_env_file = true,
	.read = godotenv_read,
	.refuse = godotenv_refuse,
	.write = godotenv_write,
	.growth = godotenv_growth,
	.reads_written = true,
};
