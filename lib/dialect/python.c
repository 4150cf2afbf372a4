/*
 * A file that python-dotenv reads, 0.21 to 1.2, with interpolation as it is by
 * default. ${NAME} is filled in in every kind of quotes, and nothing escapes it;
 * but ${:-text} is always text, as no variable can have an empty name. A line
 * that its parser does not understand is left out and the next one goes on.
 */
#include "dialect/row.h"
#include "dialect/text.h"
#include "vault/names.h"

static const struct remark remark_reference = {
	"${ refers to another variable, in any kind of quotes, and there is none to take it from",
	"write ${:-$}{ for a dollar sign and a brace",
};
static const struct remark remark_bom = {
	"the file starts with a byte order mark, which python-dotenv before 1.2.3 takes for part of the first name",
	"save it as UTF-8 without BOM",
};
static const struct remark remark_file_not_utf8 = {
	"is not valid UTF-8: python-dotenv fails on the whole file",
	"save it as UTF-8, and encode what is no text (base64)",
};
static const struct remark remark_no_value = {
	"a name without = has no value for python-dotenv, so it is left out",
	"write NAME= for an empty value",
};
static const struct remark remark_taken_away = {
	"a name without = takes away the value that it has above",
	"remove the line, or write NAME=VALUE",
};
static const struct remark remark_no_name = {
	"python-dotenv ignores this line: there is no name",
	"write NAME=VALUE",
};
static const struct remark remark_not_assignment = {
	"python-dotenv ignores this line: it is not NAME=VALUE",
	"write NAME=VALUE, and # in front of a comment",
};
static const struct remark remark_tail = {
	"python-dotenv ignores this variable: there is text after the closing quote",
	"put the whole value in quotes; a quote inside them is written with a backslash",
};
static const struct remark remark_unterminated = {
	"python-dotenv ignores this line: the quote is not closed",
	"close it; a quote inside the value is written with a backslash",
};
static const struct remark remark_equals_in_name = {
	"the name holds =, which no variable of a process can have",
	"write NAME=VALUE",
};
static const struct remark remark_lines_in_name = {
	"a quote at the start of the line makes a name of everything up to the next quote, on a later line",
	"write NAME=VALUE",
};
static const struct remark remark_python_name = {
	"the name is empty, holds = or a line end, starts with ', or holds ' beside # or white space",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_trick = {
	"holds ${ or ends in a backslash, and is written with ${:- for it: only readers that interpolate read it",
	"leave interpolate on in python-dotenv, as it is by default",
};

/* Python's white space has four separators more than Go's. */
static size_t python_space_len(const char *text, size_t len)
{
	if (len > 0 && text[0] >= 0x1c && text[0] <= 0x1f)
		return 1;
	return space_len(text, len);
}

static bool is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

static size_t inline_space_len(const char *text, size_t len)
{
	return len > 0 && is_line_end(text[0]) ? 0 : python_space_len(text, len);
}

/* Is the last character of the text white space? Then its length, or 0. */
static size_t last_space_len(const char *text, size_t len)
{
	for (size_t size = 1; size <= 3 && size <= len; size++)
		if (python_space_len(text + len - size, size) == size)
			return size;
	return 0;
}

static size_t stripped_len(const char *text, size_t len)
{
	size_t size;
	while ((size = last_space_len(text, len)) > 0)
		len -= size;
	return len;
}

static void skip_space(struct reader *reader)
{
	size_t size;
	while ((size = python_space_len(reader->text + reader->at, reader->len - reader->at)) > 0)
		reader_move(reader, reader->at + size);
}

static void skip_inline_space(struct reader *reader)
{
	size_t size;
	while ((size = inline_space_len(reader->text + reader->at, reader->len - reader->at)) > 0)
		reader->at += size;
}

static bool at_line_end(const struct reader *reader)
{
	return reader->at >= reader->len || is_line_end(reader_peek(reader));
}

/* The file is opened as text: a carriage return ends a line as well. */
static void skip_line(struct reader *reader)
{
	while (!at_line_end(reader))
		reader->at++;
}

static void skip_export(struct reader *reader)
{
	static const char word[] = "export";
	const char *text = reader->text + reader->at;
	size_t len = reader->len - reader->at;
	if (!text_starts(text, len, word) || inline_space_len(text + strlen(word), len - strlen(word)) == 0)
		return;
	reader->at += strlen(word);
	skip_inline_space(reader);
}

struct name {
	const char *text;
	size_t len;
	unsigned line;
};

/* False when there is none. */
static bool read_name(struct reader *reader, struct name *ret)
{
	size_t from = reader->at;
	if (!at_line_end(reader) && reader_peek(reader) == '\'') {
		size_t close = reader_find(reader, from + 1, '\'');
		if (close == reader->len || close == from + 1)
			return false;
		*ret = (struct name){ reader->text + from + 1, close - from - 1, reader->line };
		reader_move(reader, close + 1);
		return true;
	}
	while (!at_line_end(reader) && !is_one_of(reader_peek(reader), "=#") &&
	       python_space_len(reader->text + reader->at, reader->len - reader->at) == 0)
		reader->at++;
	*ret = (struct name){ reader->text + from, reader->at - from, reader->line };
	return ret->len > 0;
}

/* -- values ---------------------------------------------------------------- */

/* The next of these, looked for once and not again for each ${. */
struct landmark {
	char c;
	size_t at;
};

static size_t landmark_after(struct landmark *mark, const char *text, size_t len, size_t from)
{
	if (mark->at < from) {
		const char *found = from < len ? memchr(text + from, mark->c, len - from) : NULL;
		mark->at = found ? (size_t)(found - text) : len;
	}
	return mark->at;
}

/* ${:-text} becomes its text and ${} nothing; any other name is a reference. What is no reference stays. */
static const struct remark *interpolate(struct secret_buf *value)
{
	char *text = (char *)secret_buf_mutable(value);
	size_t len = secret_buf_len(value);
	size_t to = 0;
	struct landmark brace = { .c = '}' }, colon = { .c = ':' };
	for (size_t at = 0; at < len;) {
		size_t name = at + 2;
		if (!text_starts(text + at, len - at, "${") || landmark_after(&brace, text, len, name) == len) {
			text[to++] = text[at++];
			continue;
		}
		size_t name_end = landmark_after(&colon, text, len, name) < brace.at ? colon.at : brace.at;
		if (name_end == colon.at && text[name_end + 1] != '-') {
			text[to++] = text[at++];
			continue;
		}
		if (name_end > name)
			return &remark_reference;
		size_t from = name_end == colon.at ? name_end + 2 : name_end;
		memmove(text + to, text + from, brace.at - from);
		to += brace.at - from;
		at = brace.at + 1;
	}
	secret_buf_truncate(value, to);
	return NULL;
}

/* The first quote without a backslash before it. Where there is none, the last one: so the parser's pattern goes back.
 */
static size_t find_closing_quote(const struct reader *reader)
{
	char quote = reader_peek(reader);
	size_t last = reader->len;
	for (size_t at = reader_find(reader, reader->at + 1, quote); at < reader->len;
	     at = reader_find(reader, at + 1, quote)) {
		if (reader->text[at - 1] != '\\')
			return at;
		last = at;
	}
	return last;
}

static void append_unescaped(struct secret_buf *value, const char *text, size_t len, char quote)
{
	static const char letters[] = "abfnrtv\\'\"";
	static const char meanings[] = "\a\b\f\n\r\t\v\\'\"";
	const char *known = quote == '"' ? letters : "\\'";
	for (size_t at = 0; at < len; at++) {
		char c = text[at];
		if (c == '\\' && at + 1 < len && is_one_of(text[at + 1], known)) {
			secret_buf_append_char(value, meanings[strchr(letters, text[++at]) - letters]);
		} else if (c == '\r') {
			/* CR and CRLF are line feeds in a file that is opened as text. */
			secret_buf_append_char(value, '\n');
			at += at + 1 < len && text[at + 1] == '\n';
		} else {
			secret_buf_append_char(value, c);
		}
	}
}

/* NULL, or why the line is ignored; the reader is then where python-dotenv looks for the end of the line. */
static const struct remark *read_quoted(struct reader *reader)
{
	char quote = reader_peek(reader);
	size_t close = find_closing_quote(reader);
	if (close == reader->len)
		return &remark_unterminated;
	append_unescaped(reader->value, reader->text + reader->at + 1, close - reader->at - 1, quote);
	reader_move(reader, close + 1);
	skip_inline_space(reader);
	return at_line_end(reader) || reader_peek(reader) == '#' ? NULL : &remark_tail;
}

static void read_unquoted(struct reader *reader)
{
	const char *text = reader->text + reader->at;
	skip_line(reader);
	size_t len = (size_t)(reader->text + reader->at - text);
	for (size_t at = 0; at < len; at++)
		if (text[at] == '#' && last_space_len(text, at) > 0)
			len = at;
	secret_buf_append(reader->value, text, stripped_len(text, len));
}

static const struct remark *read_value(struct reader *reader)
{
	if (at_line_end(reader))
		return NULL;
	if (is_one_of(reader_peek(reader), "'\""))
		return read_quoted(reader);
	read_unquoted(reader);
	return NULL;
}

/* -- lines ----------------------------------------------------------------- */

static void put(struct reader *reader, const struct name *name)
{
	const struct remark *refused = interpolate(reader->value);
	if (!refused && text_has(name->text, name->len, '='))
		refused = &remark_equals_in_name;
	if (refused)
		reader_refuse(reader, name->line, name->text, name->len, refused);
	else
		reader_put(reader, name->text, name->len, name->line);
}

static void note_no_value(struct reader *reader, const struct name *name)
{
	struct env_entry found;
	if (env_set_find(reader->set, name->text, name->len, &found))
		reader_refuse(reader, name->line, name->text, name->len, &remark_taken_away);
	else
		reader_warn(reader, name->line, name->text, name->len, &remark_no_value);
}

static void ignore(struct reader *reader, const struct name *name, const struct remark *remark)
{
	reader_warn(reader, name->line, name->text, name->len, remark);
	secret_buf_truncate(reader->value, 0);
}

static void read_binding(struct reader *reader)
{
	struct name name = { .text = "", .line = reader->line };
	skip_export(reader);
	if (!at_line_end(reader) && reader_peek(reader) == '#')
		return;
	if (!read_name(reader, &name)) {
		name.len = 0;
		ignore(reader, &name, &remark_no_name);
		return;
	}
	if (text_has(name.text, name.len, '\n') || text_has(name.text, name.len, '\r'))
		reader_refuse(reader, name.line, name.text, name.len, &remark_lines_in_name);
	skip_inline_space(reader);
	if (at_line_end(reader) || reader_peek(reader) == '#') {
		note_no_value(reader, &name);
		return;
	}
	if (reader_peek(reader) != '=') {
		ignore(reader, &name, &remark_not_assignment);
		return;
	}
	reader->at++;
	skip_inline_space(reader);
	const struct remark *ignored = read_value(reader);
	if (ignored)
		ignore(reader, &name, ignored);
	else
		put(reader, &name);
}

/* Python decodes the file before it looks at it. */
static bool is_text_for_python(struct reader *reader)
{
	if (utf8_is_valid(reader->text, reader->len))
		return true;
	while (!reader_is_done(reader)) {
		size_t end = reader_find(reader, reader->at, '\n');
		if (!utf8_is_valid(reader->text + reader->at, end - reader->at))
			reader_refuse(reader, reader->line, "", 0, &remark_file_not_utf8);
		reader_move(reader, end < reader->len ? end + 1 : end);
	}
	return false;
}

static void python_read(struct reader *reader)
{
	if (!is_text_for_python(reader))
		return;
	if (text_starts(reader->text, reader->len, UTF8_BOM)) {
		reader_refuse(reader, 1, "", 0, &remark_bom);
		reader->at = strlen(UTF8_BOM);
	}
	for (skip_space(reader); !reader_is_done(reader); skip_space(reader)) {
		read_binding(reader);
		skip_line(reader);
	}
}

/* -- writing --------------------------------------------------------------- */

/* A name goes in quotes where white space or a comment would end it, and where a byte order mark would start the file. */
static bool name_needs_quotes(const char *name, size_t len)
{
	if (text_starts(name, len, UTF8_BOM))
		return true;
	for (size_t at = 0; at < len; at++)
		if (name[at] == '#' || python_space_len(name + at, len - at) > 0)
			return true;
	return false;
}

/* An environment has no name with =, and nothing escapes a quote in a name. */
static bool name_is_possible(const char *name, size_t len)
{
	if (len == 0 || name[0] == '\'' || text_has(name, len, '=') || text_has(name, len, '\n') || text_has(name, len, '\r'))
		return false;
	return !text_has(name, len, '\'') || !name_needs_quotes(name, len);
}

static const struct remark *python_refuse(const struct env_entry *entry)
{
	if (!name_is_possible(entry->name, entry->name_len))
		return &remark_python_name;
	if (text_has(entry->name, entry->name_len, '\0') || text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	bool is_utf8 = utf8_is_valid(entry->name, entry->name_len) && utf8_is_valid(entry->value, entry->value_len);
	return is_utf8 ? NULL : &remark_not_utf8;
}

static bool ends_in_backslash(const struct env_entry *entry)
{
	return entry->value_len > 0 && entry->value[entry->value_len - 1] == '\\';
}

static const struct remark *python_warn(const struct env_entry *entry)
{
	bool has_trick = ends_in_backslash(entry) || memmem(entry->value, entry->value_len, "${", 2);
	return has_trick ? &remark_trick : NULL;
}

static void write_char(const char *value, size_t left, struct secret_buf *out)
{
	if (value[0] == '\\' || value[0] == '"') {
		secret_buf_append_char(out, '\\');
		secret_buf_append_char(out, value[0]);
	} else if (value[0] == '\n') {
		secret_buf_append_text(out, "\\n");
	} else if (value[0] == '\r') {
		secret_buf_append_text(out, "\\r");
	} else if (text_starts(value, left, "${")) {
		secret_buf_append_text(out, "${:-$}");
	} else {
		secret_buf_append_char(out, value[0]);
	}
}

static void python_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	size_t len = entry->value_len - ends_in_backslash(entry), from = 0;
	const char *quote = name_needs_quotes(entry->name, entry->name_len) ? "'" : "";
	(void)first;
	secret_buf_append_text(out, quote);
	secret_buf_append(out, entry->name, entry->name_len);
	secret_buf_append_text(out, quote);
	secret_buf_append_text(out, "=\"");
	for (size_t i = 0; i < len; i++) {
		char c = entry->value[i];
		if (c != '\\' && c != '"' && c != '\n' && c != '\r' && c != '$')
			continue;
		secret_buf_append(out, entry->value + from, i - from);
		write_char(entry->value + i, len - i, out);
		from = i + 1;
	}
	secret_buf_append(out, entry->value + from, len - from);
	/* A backslash before the closing quote would hide it. */
	secret_buf_append_text(out, len < entry->value_len ? "${:-\\\\}\"\n" : "\"\n");
}

static size_t python_growth(const struct env_entry *entry)
{
	const char *end = entry->value + entry->value_len, *at = entry->value_len > 0 ? memchr(entry->value, '$', entry->value_len) : NULL;
	size_t growth = growth_by(entry, "\\\"\n\r") + (ends_in_backslash(entry) ? strlen("${:-\\}") : 0);
	growth += name_needs_quotes(entry->name, entry->name_len) ? strlen("''") : 0;
	for (; at; at = memchr(at + 1, '$', (size_t)(end - at - 1)))
		growth += text_starts(at, (size_t)(end - at), "${") ? strlen("${:-$}") - 1 : 0;
	return growth;
}

const struct dialect dialect_python = {
	.name = "python-dotenv",
	.summary = "python-dotenv with interpolation, as by default",
	.opening = "",
	.closing = "",
	.is_text = true,
	.is_env_file = true,
	.read = python_read,
	.refuse = python_refuse,
	.warn = python_warn,
	.write = python_write,
	.growth = python_growth,
	.reads_written = true,
};
