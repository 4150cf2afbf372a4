/*
 * EnvironmentFile= of systemd: the reader's state machine (systemd 252) as
 * nested loops. What follows a closing quote goes on with the same value, an
 * escaped line end joins lines, and there are no comments after a value.
 */
#include <stdint.h>

#include "dialect/row.h"
#include "dialect/text.h"
#include "utf8.h"
#include "vault/names.h"

/* systemd drops NAME=VALUE that is as long as all of execve's strings may be: a quarter of the usual stack. */
#define ARG_MAX_BYTES (2u * 1024 * 1024)

static const struct remark remark_unicode = {
	"is not valid UTF-8, or holds a code point that Unicode reserves: systemd would refuse the whole file",
	"encode it (base64), or hand it over with LoadCredential=",
};
static const struct remark remark_long = {
	"is longer than systemd takes",
	"hand it over with LoadCredential=",
};
static const struct remark remark_dropped_name = {
	"systemd ignores this line: what stands before = is not a name",
	"a name is letters, digits and _; for a file with export use the shell dialect",
};
static const struct remark remark_dropped_long = {
	"systemd ignores this line: the value is too long",
	"hand it over with LoadCredential=",
};
static const struct remark remark_no_value = {
	"systemd ignores this line: there is no =",
	"write NAME=VALUE",
};
static const struct remark remark_comment = {
	"the comment ends in a backslash: systemd before 254 takes the next line for comment too, later ones do not",
	"remove the backslash",
};

/* systemd's idea of UTF-8: no noncharacters either. */
static bool is_valid_unicode(const char *text, size_t len)
{
	const unsigned char *u = (const unsigned char *)text;
	for (size_t at = 0; at < len;) {
		size_t size = utf8_char_len(u + at, len - at);
		if (size == 0)
			return false;
		/* U+FDD0 to U+FDEF: EF B7 90 to EF B7 AF. */
		if (size == 3 && u[at] == 0xef && u[at + 1] == 0xb7 && u[at + 2] >= 0x90 && u[at + 2] <= 0xaf)
			return false;
		/* U+FFFE, U+FFFF and the like in each plane: the low 16 bits are ...1111 1111 111x. */
		bool low_ones = size >= 3 && (u[at + size - 1] & 0xfe) == 0xbe && u[at + size - 2] == 0xbf;
		if (low_ones && (size == 3 ? u[at] == 0xef : (u[at + 1] & 0x0f) == 0x0f))
			return false;
		at += size;
	}
	return true;
}

static bool is_too_long(size_t name_len, size_t value_len)
{
	return name_len + 1 + value_len > ARG_MAX_BYTES - 1;
}

static bool is_newline(char c)
{
	return c == '\n' || c == '\r';
}

/* The next line would be read in the same way as part of the comment and by itself. */
static bool next_line_is_no_variable(const struct reader *reader)
{
	size_t at = reader->at;
	while (at < reader->len && is_blank(reader->text[at]))
		at++;
	return at == reader->len || is_newline(reader->text[at]) || is_one_of(reader->text[at], "#;");
}

static void skip_comment(struct reader *reader)
{
	while (!reader_is_done(reader)) {
		unsigned line = reader->line;
		char c = reader_next(reader);
		if (is_newline(c))
			return;
		if (c != '\\' || reader_is_done(reader))
			continue;
		if (is_newline(reader_next(reader)) && !next_line_is_no_variable(reader))
			reader_refuse(reader, line, "", 0, &remark_comment);
	}
}

static void read_single_quotes(struct reader *reader)
{
	size_t end = reader_find(reader, reader->at, '\'');
	secret_buf_append(reader->value, reader->text + reader->at, end - reader->at);
	reader_move(reader, end);
	if (!reader_is_done(reader))
		reader_next(reader);
}

static void read_double_quotes(struct reader *reader)
{
	while (!reader_is_done(reader)) {
		char c = reader_next(reader);
		if (c == '"')
			return;
		if (c != '\\') {
			secret_buf_append_char(reader->value, c);
			continue;
		}
		if (reader_is_done(reader))
			return;
		c = reader_next(reader);
		if (c == '\n')
			continue;
		if (!is_one_of(c, "\"\\`$"))
			secret_buf_append_char(reader->value, '\\');
		secret_buf_append_char(reader->value, c);
	}
}

/* c, already taken, is the first character. */
static void read_unquoted(struct reader *reader, char c)
{
	size_t keep = 0;	/* blanks after this are cut at the end */
	for (;;) {
		if (c == '\\') {
			if (!reader_is_done(reader) && !is_newline(c = reader_next(reader)))
				secret_buf_append_char(reader->value, c);
			keep = secret_buf_len(reader->value);
		} else if (is_newline(c)) {
			break;
		} else {
			secret_buf_append_char(reader->value, c);
			if (!is_blank(c))
				keep = secret_buf_len(reader->value);
		}
		if (reader_is_done(reader))
			break;
		c = reader_next(reader);
	}
	if (keep < secret_buf_len(reader->value))
		secret_buf_truncate(reader->value, keep);
}

static void read_value(struct reader *reader)
{
	while (!reader_is_done(reader)) {
		char c = reader_next(reader);
		if (is_newline(c))
			return;
		if (c == '\'') {
			read_single_quotes(reader);
		} else if (c == '"') {
			read_double_quotes(reader);
		} else if (!is_blank(c)) {
			read_unquoted(reader, c);
			return;
		}
	}
}

static void push(struct reader *reader, const char *name, size_t name_len, unsigned line)
{
	size_t value_len = secret_buf_len(reader->value);
	if (!is_valid_unicode(name, name_len) || !is_valid_unicode(secret_buf_text(reader->value), value_len)) {
		reader_refuse(reader, line, name, name_len, &remark_unicode);
		return;
	}
	const struct remark *dropped = NULL;
	if (!variable_name_is_portable(name, name_len))
		dropped = &remark_dropped_name;
	else if (is_too_long(name_len, value_len))
		dropped = &remark_dropped_long;
	if (!dropped) {
		reader_put(reader, name, name_len, line);
		return;
	}
	reader_warn(reader, line, name, name_len, dropped);
	secret_buf_truncate(reader->value, 0);
}

static void read_assignment(struct reader *reader)
{
	const char *name = reader->text + reader->at;
	unsigned line = reader->line;
	size_t name_len = 0;
	/* The first character belongs to the name even if it is =. */
	do {
		reader->at++;
	} while (!reader_is_done(reader) && reader_peek(reader) != '=' && !is_newline(reader_peek(reader)));
	name_len = (size_t)(reader->text + reader->at - name);
	while (name_len > 0 && is_blank(name[name_len - 1]))
		name_len--;
	if (reader_is_done(reader) || reader_peek(reader) != '=') {
		reader_warn(reader, line, name, name_len, &remark_no_value);
		return;
	}
	reader_next(reader);
	read_value(reader);
	push(reader, name, name_len, line);
}

static void systemd_read(struct reader *reader)
{
	while (!reader_is_done(reader)) {
		char c = reader_peek(reader);
		if (is_one_of(c, "#;"))
			skip_comment(reader);
		else if (is_blank(c) || is_newline(c))
			reader_next(reader);
		else
			read_assignment(reader);
	}
}

static const struct remark *systemd_refuse(const struct env_entry *entry)
{
	if (!variable_name_is_portable(entry->name, entry->name_len))
		return &remark_not_identifier;
	if (text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	if (!is_valid_unicode(entry->value, entry->value_len))
		return &remark_unicode;
	if (is_too_long(entry->name_len, entry->value_len))
		return &remark_long;
	return NULL;
}

static const char escaped[] = "\"\\`$";

static void systemd_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	(void)first;
	secret_buf_append(out, entry->name, entry->name_len);
	secret_buf_append_text(out, "=\"");
	append_escaped(out, entry->value, entry->value_len, escaped);
	secret_buf_append_text(out, "\"\n");
}

static size_t systemd_growth(const struct env_entry *entry)
{
	return growth_by(entry, escaped);
}

const struct dialect dialect_systemd = {
	.name = "systemd",
	.summary = "EnvironmentFile= of a systemd unit",
	.opening = "",
	.closing = "",
	.is_text = true,
	.is_env_file = true,
	.read = systemd_read,
	.refuse = systemd_refuse,
	.write = systemd_write,
	.growth = systemd_growth,
};
