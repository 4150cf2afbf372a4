/*
 * --env-file of docker and podman, --from-env-file of kubectl, and compose's
 * `format: raw`: a line is NAME= and then the value, byte for byte, quotes and
 * blanks included. What the three do differently stands in their rules.
 */
#include "dialect/row.h"
#include "dialect/text.h"
#include "vault/names.h"

/* Go's line scanner gives up on a longer line. The CR of a CRLF counts. */
#define LINE_MAX_LEN 65535

/* A key of a Kubernetes secret. */
#define KUBECTL_NAME_MAX_LEN 253

static const struct remark remark_line_feed = {
	"holds a line feed, and a value is one line here",
	"use the systemd, compose or shell dialect, or encode it (base64)",
};
static const struct remark remark_line_long = {
	"the line is longer than 65,535 bytes, where the reader stops",
	"hand it to the program as a file",
};
static const struct remark remark_name = {
	"the name is empty, holds =, a blank or a line feed, or starts with #, white space or a byte order mark",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_podman_name = {
	"the name is empty, holds = or a line feed, or starts with # or a blank",
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
	"the quotes are part of the value: this reader knows none",
	"if they are meant as quotes, read the file as the dotenv dialect",
};
static const struct remark remark_outer_quotes = {
	"the value starts and ends with a quote, which a docker to come may take away",
	"check the value inside the container after an upgrade",
};
static const struct remark remark_podman_inherit = {
	"a name alone takes the value of the environment podman is started in, and NAME* all that start so; there is "
	"none here",
	"write NAME=VALUE",
};
static const struct remark remark_podman_bom = {
	"a byte order mark, which is part of the name for podman",
	"save the file as UTF-8 without BOM",
};
static const struct remark remark_podman_blank = {
	"the name holds a blank, which podman takes for part of it",
	"write NAME=VALUE without blanks around =; for a file with export use the shell dialect",
};
static const struct remark remark_podman_not_utf8 = {
	"is not valid UTF-8, and podman puts U+FFFD in place of what is not",
	"encode it (base64)",
};
static const struct remark remark_podman_47 = {
	"podman 4.7.0 to 4.7.2 alone read this line in another way, as they took quotes, # and carriage returns out of "
	"values",
	"update podman if it is one of these",
};
static const struct remark remark_kubectl_inherit = {
	"a name alone takes the value of the environment kubectl is started in; there is none here",
	"write NAME=VALUE",
};
static const struct remark remark_kubectl_name = {
	"the name is not made of letters, digits, - _ . alone, starts with a digit or two dots, or is longer than 253",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_kubectl_not_name = {
	"what stands before = is no name of a variable: kubectl refuses the file",
	"write NAME=VALUE without blanks around =; a name has letters, digits, - _ . and no digit first",
};
static const struct remark remark_kubectl_twice = {
	"is set more than once: kubectl refuses the file",
	"remove the others",
};

/* What a reader of lines does in its own way. */
struct line_rules {
	bool takes_off_bom;   /* a byte order mark that starts the file */
	bool checks_comments; /* what is not UTF-8 refuses the file, wherever it is */
	bool inherits;	      /* a name alone is an error here, and not left out with a warning */
	const struct remark *inherit;
	const struct remark *not_utf8;
	size_t (*indent_len)(const char *text, size_t len);
	/* NULL when the reader takes it. */
	const struct remark *(*check_name)(const struct reader *reader, const char *name, size_t len, bool has_value);
	/* What the user should know about a variable that is read, or NULL. */
	const struct remark *(*remark_on)(const char *name, size_t name_len, const char *value, size_t len);
};

static bool has_outer_quotes(const char *value, size_t len)
{
	return len >= 2 && is_one_of(value[0], "'\"") && value[len - 1] == value[0];
}

/* -- reading --------------------------------------------------------------- */

static void read_variable(struct reader *reader, const struct line_rules *rules, const char *text, size_t len,
			  unsigned line)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : len;
	const struct remark *refused = rules->check_name(reader, text, name_len, equals != NULL);
	if (!refused && !equals && rules->inherits)
		refused = rules->inherit;
	if (!refused && !utf8_is_valid(text, len))
		refused = rules->not_utf8;
	if (refused) {
		reader_refuse(reader, line, text, name_len, refused);
		return;
	}
	if (!equals) {
		reader_warn(reader, line, text, name_len, rules->inherit);
		return;
	}
	size_t value_len = len - name_len - 1;
	const struct remark *remark = rules->remark_on(text, name_len, equals + 1, value_len);
	if (remark)
		reader_warn(reader, line, text, name_len, remark);
	secret_buf_append(reader->value, equals + 1, value_len);
	reader_put(reader, text, name_len, line);
}

static void read_line(struct reader *reader, const struct line_rules *rules, const char *text, size_t len,
		      unsigned line)
{
	if (len > LINE_MAX_LEN) {
		reader_refuse(reader, line, "", 0, &remark_line_long);
		return;
	}
	if (rules->checks_comments && !utf8_is_valid(text, len)) {
		reader_refuse(reader, line, "", 0, rules->not_utf8);
		return;
	}
	if (len > 0 && text[len - 1] == '\r')
		len--;
	size_t skip = rules->takes_off_bom && line == 1 && text_starts(text, len, UTF8_BOM) ? strlen(UTF8_BOM) : 0;
	skip += rules->indent_len(text + skip, len - skip);
	if (skip < len && text[skip] != '#')
		read_variable(reader, rules, text + skip, len - skip, line);
}

static void read_lines(struct reader *reader, const struct line_rules *rules)
{
	while (!reader_is_done(reader)) {
		size_t end = reader_find(reader, reader->at, '\n');
		read_line(reader, rules, reader->text + reader->at, end - reader->at, reader->line);
		reader_move(reader, end < reader->len ? end + 1 : end);
	}
}

static size_t space_indent_len(const char *text, size_t len)
{
	size_t at = 0;
	size_t size;
	while ((size = space_len(text + at, len - at)) > 0)
		at += size;
	return at;
}

static size_t blank_indent_len(const char *text, size_t len)
{
	size_t at = 0;
	while (at < len && is_blank(text[at]))
		at++;
	return at;
}

static bool has_blank(const char *name, size_t len)
{
	return text_has(name, len, ' ') || text_has(name, len, '\t');
}

/* -- writing --------------------------------------------------------------- */

static bool name_is_possible(const struct env_entry *entry)
{
	const char *name = entry->name;
	size_t len = entry->name_len;
	if (len == 0 || name[0] == '#' || space_len(name, len) > 0 || text_starts(name, len, UTF8_BOM))
		return false;
	return !text_has(name, len, '=') && !has_blank(name, len) && !text_has(name, len, '\n');
}

static bool needs_second_cr(const struct env_entry *entry)
{
	return entry->value_len > 0 && entry->value[entry->value_len - 1] == '\r';
}

static const struct remark *refuse_value(const struct env_entry *entry, const struct remark *not_utf8)
{
	if (text_has(entry->name, entry->name_len, '\0') || text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	if (!utf8_is_valid(entry->name, entry->name_len) || !utf8_is_valid(entry->value, entry->value_len))
		return not_utf8;
	if (text_has(entry->value, entry->value_len, '\n'))
		return &remark_line_feed;
	if (entry->name_len + 1 + entry->value_len + needs_second_cr(entry) > LINE_MAX_LEN)
		return &remark_line_long;
	return NULL;
}

static void write_line(const struct env_entry *entry, bool first, struct secret_buf *out)
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

/* -- docker ---------------------------------------------------------------- */

static const struct remark *docker_check_name(const struct reader *reader, const char *name, size_t len, bool has_value)
{
	(void)reader;
	(void)has_value;
	if (len == 0)
		return &remark_no_name;
	return has_blank(name, len) ? &remark_blank_in_name : NULL;
}

static const struct remark *remark_on_quotes(const char *name, size_t name_len, const char *value, size_t len)
{
	(void)name;
	(void)name_len;
	return has_outer_quotes(value, len) ? &remark_quotes : NULL;
}

static void docker_read(struct reader *reader)
{
	static const struct line_rules rules = {
		.takes_off_bom = true,
		.checks_comments = true,
		.inherit = &remark_inherit,
		.not_utf8 = &remark_not_utf8,
		.indent_len = space_indent_len,
		.check_name = docker_check_name,
		.remark_on = remark_on_quotes,
	};
	read_lines(reader, &rules);
}

static const struct remark *docker_refuse(const struct env_entry *entry)
{
	return name_is_possible(entry) ? refuse_value(entry, &remark_not_utf8) : &remark_name;
}

static const struct remark *docker_warn(const struct env_entry *entry)
{
	return has_outer_quotes(entry->value, entry->value_len) ? &remark_outer_quotes : NULL;
}

const struct dialect dialect_docker = {
	.name = "docker",
	.summary = "docker --env-file: raw lines",
	.opening = "",
	.closing = "",
	.is_text = true,
	.is_env_file = true,
	.read = docker_read,
	.refuse = docker_refuse,
	.warn = docker_warn,
	.write = write_line,
};

/* -- podman ---------------------------------------------------------------- */

static bool is_name_of_podman_47(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(name[i]) && !is_one_of(name[i], ".%-"))
			return false;
	return true;
}

/* 4.7.0 to 4.7.2 had a reader with quotes and comments, which 4.8.0 took back; even NAME= was another thing to it. */
static bool differs_in_podman_47(const char *name, size_t name_len, const char *value, size_t len)
{
	size_t at = blank_indent_len(value, len);
	return at == len || is_one_of(value[at], "'\"`") || text_has(value, len, '#') || text_has(value, len, '\r') ||
	       !is_name_of_podman_47(name, name_len);
}

static const struct remark *podman_check_name(const struct reader *reader, const char *name, size_t len, bool has_value)
{
	(void)reader;
	(void)name;
	(void)has_value;
	return len == 0 ? &remark_no_name : NULL;
}

static const struct remark *podman_remark_on(const char *name, size_t name_len, const char *value, size_t len)
{
	if (text_starts(name, name_len, UTF8_BOM))
		return &remark_podman_bom;
	if (has_blank(name, name_len))
		return &remark_podman_blank;
	if (has_outer_quotes(value, len))
		return &remark_quotes;
	return differs_in_podman_47(name, name_len, value, len) ? &remark_podman_47 : NULL;
}

static void podman_read(struct reader *reader)
{
	static const struct line_rules rules = {
		.inherits = true,
		.inherit = &remark_podman_inherit,
		.not_utf8 = &remark_podman_not_utf8,
		.indent_len = blank_indent_len,
		.check_name = podman_check_name,
		.remark_on = podman_remark_on,
	};
	read_lines(reader, &rules);
}

static const struct remark *podman_refuse(const struct env_entry *entry)
{
	const char *name = entry->name;
	size_t len = entry->name_len;
	if (len == 0 || name[0] == '#' || is_blank(name[0]) || text_has(name, len, '=') || text_has(name, len, '\n'))
		return &remark_podman_name;
	return refuse_value(entry, &remark_podman_not_utf8);
}

static const struct remark *podman_warn(const struct env_entry *entry)
{
	bool differs = differs_in_podman_47(entry->name, entry->name_len, entry->value, entry->value_len);
	return differs ? &remark_podman_47 : NULL;
}

const struct dialect dialect_podman = {
	.name = "podman",
	.summary = "podman --env-file: raw lines",
	.opening = "",
	.closing = "",
	.is_text = true,
	.is_env_file = true,
	.read = podman_read,
	.refuse = podman_refuse,
	.warn = podman_warn,
	.write = write_line,
};

/* -- kubectl --------------------------------------------------------------- */

static bool is_kubectl_name(const char *name, size_t len)
{
	if (len == 0 || len > KUBECTL_NAME_MAX_LEN || is_digit(name[0]) || text_starts(name, len, ".."))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(name[i]) && !is_one_of(name[i], ".-"))
			return false;
	return len > 1 || name[0] != '.';
}

static const struct remark *kubectl_check_name(const struct reader *reader, const char *name, size_t len,
					       bool has_value)
{
	struct env_entry found;
	if (!is_kubectl_name(name, len))
		return &remark_kubectl_not_name;
	return has_value && env_set_find(reader->set, name, len, &found) ? &remark_kubectl_twice : NULL;
}

static void kubectl_read(struct reader *reader)
{
	static const struct line_rules rules = {
		.takes_off_bom = true,
		.checks_comments = true,
		.inherits = true,
		.inherit = &remark_kubectl_inherit,
		.not_utf8 = &remark_not_utf8,
		.indent_len = space_indent_len,
		.check_name = kubectl_check_name,
		.remark_on = remark_on_quotes,
	};
	read_lines(reader, &rules);
}

static const struct remark *kubectl_refuse(const struct env_entry *entry)
{
	if (!is_kubectl_name(entry->name, entry->name_len))
		return &remark_kubectl_name;
	return refuse_value(entry, &remark_not_utf8);
}

const struct dialect dialect_kubectl = {
	.name = "kubectl",
	.summary = "kubectl create secret --from-env-file: raw lines",
	.opening = "",
	.closing = "",
	.is_text = true,
	.is_env_file = true,
	.read = kubectl_read,
	.refuse = kubectl_refuse,
	.write = write_line,
};
