/*
 * --env-file of docker and podman, and compose's `format: raw`: a line is NAME=
 * and then the value, byte for byte, quotes and blanks included.
 */
#include "dialect/row.h"
#include "dialect/text.h"
#include "vault/names.h"

/* Go's line scanner gives up on a longer line. The CR of a CRLF counts. */
#define LINE_MAX_LEN 65535

static const struct remark remark_line_feed = {
	"holds a line feed, and a value is one line here",
	"use the systemd, compose or shell dialect, or encode it (base64)",
};
static const struct remark remark_line_long = {
	"the line is longer than 65,535 bytes, where docker and podman stop",
	"hand it to the program as a file",
};
static const struct remark remark_name = {
	"the name is empty, holds =, a blank or a line feed, or starts with # or white space",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_no_name = {
	"there is no name before =",
	"write NAME=VALUE",
};
static const struct remark remark_blank_in_name = {
	"the name holds a blank: docker refuses the file",
	"write NAME=VALUE without blanks around =; for a file with export use the shell dialect",
};
static const struct remark remark_inherit = {
	"a name alone takes the value of the environment docker is started in; there is none here, so it is left out",
	"write NAME=VALUE",
};
static const struct remark remark_quotes = {
	"the quotes are part of the value for docker and podman",
	"if they are meant as quotes, read the file as the dotenv dialect",
};
static const struct remark remark_outer_quotes = {
	"the value starts and ends with a quote, which a docker to come may take away",
	"check the value inside the container after an upgrade",
};

static bool has_outer_quotes(const char *value, size_t len)
{
	return len >= 2 && is_one_of(value[0], "'\"") && value[len - 1] == value[0];
}

static size_t leading_space(const char *text, size_t len)
{
	size_t at = 0;
	size_t size;
	while ((size = space_len(text + at, len - at)) > 0)
		at += size;
	return at;
}

static const struct remark *check_name(const char *name, size_t len)
{
	if (len == 0)
		return &remark_no_name;
	if (text_has(name, len, ' ') || text_has(name, len, '\t'))
		return &remark_blank_in_name;
	return NULL;
}

static void read_variable(struct reader *reader, const char *text, size_t len, unsigned line)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : len;
	const struct remark *refused = check_name(text, name_len);
	if (refused) {
		reader_refuse(reader, line, text, name_len, refused);
		return;
	}
	if (!equals) {
		reader_warn(reader, line, text, name_len, &remark_inherit);
		return;
	}
	size_t value_len = len - name_len - 1;
	if (has_outer_quotes(equals + 1, value_len))
		reader_warn(reader, line, text, name_len, &remark_quotes);
	secret_buf_append(reader->value, equals + 1, value_len);
	reader_put(reader, text, name_len, line);
}

static void read_line(struct reader *reader, const char *text, size_t len, unsigned line)
{
	if (len > LINE_MAX_LEN) {
		reader_refuse(reader, line, "", 0, &remark_line_long);
		return;
	}
	if (!utf8_is_valid(text, len)) {
		reader_refuse(reader, line, "", 0, &remark_not_utf8);
		return;
	}
	if (len > 0 && text[len - 1] == '\r')
		len--;
	size_t skip = line == 1 && text_starts(text, len, UTF8_BOM) ? strlen(UTF8_BOM) : 0;
	skip += leading_space(text + skip, len - skip);
	if (skip < len && text[skip] != '#')
		read_variable(reader, text + skip, len - skip, line);
}

static void docker_read(struct reader *reader)
{
	while (!reader_is_done(reader)) {
		size_t end = reader_find(reader, reader->at, '\n');
		read_line(reader, reader->text + reader->at, end - reader->at, reader->line);
		reader_move(reader, end < reader->len ? end + 1 : end);
	}
}

static bool name_is_possible(const struct env_entry *entry)
{
	const char *name = entry->name;
	size_t len = entry->name_len;
	if (len == 0 || name[0] == '#' || space_len(name, len) > 0 || text_starts(name, len, UTF8_BOM))
		return false;
	return !text_has(name, len, '=') && !text_has(name, len, ' ') && !text_has(name, len, '\t') &&
	       !text_has(name, len, '\n');
}

static bool needs_second_cr(const struct env_entry *entry)
{
	return entry->value_len > 0 && entry->value[entry->value_len - 1] == '\r';
}

static const struct remark *docker_refuse(const struct env_entry *entry)
{
	if (!name_is_possible(entry))
		return &remark_name;
	if (text_has(entry->name, entry->name_len, '\0') || text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	if (!utf8_is_valid(entry->name, entry->name_len) || !utf8_is_valid(entry->value, entry->value_len))
		return &remark_not_utf8;
	if (text_has(entry->value, entry->value_len, '\n'))
		return &remark_line_feed;
	if (entry->name_len + 1 + entry->value_len + needs_second_cr(entry) > LINE_MAX_LEN)
		return &remark_line_long;
	return NULL;
}

static const struct remark *docker_warn(const struct env_entry *entry)
{
	return has_outer_quotes(entry->value, entry->value_len) ? &remark_outer_quotes : NULL;
}

static void docker_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	(void)first;
	secret_buf_append(out, entry->name, entry->name_len);
	secret_buf_append_char(out, '=');
	secret_buf_append(out, entry->value, entry->value_len);
	/* The reader takes one CR off each line. */
	if (needs_second_cr(entry))
		secret_buf_append_char(out, '\r');
	secret_buf_append_char(out, '\n');
}

const struct dialect dialect_docker = {
	.name = "docker",
	.summary = "docker and podman --env-file: raw lines",
	.opening = "",
	.closing = "",
	.is_text = true,
	.is_env_file = true,
	.read = docker_read,
	.refuse = docker_refuse,
	.warn = docker_warn,
	.write = docker_write,
};
