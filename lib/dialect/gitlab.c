/*
 * The report artifacts:reports:dotenv of GitLab: lines NAME=VALUE without
 * quoting, comments or empty lines. White space around names and values is
 * taken away, as Ruby's strip does it.
 */
#include "dialect/row.h"
#include "dialect/text.h"
#include "vault/limits.h"
#include "vault/names.h"

static const struct remark remark_name = {
	"GitLab takes names of 1 to 255 letters, digits and _ only",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_line_feed = {
	"holds a line feed, and a value is one line here",
	"encode it (base64), or keep it as a file variable of the project",
};
static const struct remark remark_edges = {
	"starts or ends with white space, which GitLab takes away",
	"encode it (base64)",
};
static const struct remark remark_dollar = {
	"holds a $, and GitLab expands references in variables of a report",
	"check the value in a job that uses it",
};
static const struct remark remark_no_value = {
	"there is no =: GitLab refuses the file (empty lines and comments, too)",
	"write NAME=VALUE on every line",
};
static const struct remark remark_quotes = {
	"the quotes are part of the value for GitLab",
	"if they are meant as quotes, read the file as the dotenv dialect",
};
static const struct remark remark_size = {
	"the file is not smaller than 5 KiB, which is what GitLab takes by default",
	"leave variables out, or raise the limit dotenv_size of the GitLab instance",
};
static const struct remark remark_count = {
	"there are more than 20 variables, which is what GitLab takes by default",
	"leave variables out, or raise the limit dotenv_variables of the GitLab instance",
};

/* What Ruby's strip takes away; it takes NUL as well. */
static bool is_stripped(char c)
{
	return c == '\0' || is_one_of(c, " \t\n\v\f\r");
}

static void strip(const char **text, size_t *len)
{
	while (*len > 0 && is_stripped((*text)[0])) {
		++*text;
		--*len;
	}
	while (*len > 0 && is_stripped((*text)[*len - 1]))
		--*len;
}

static bool name_is_possible(const char *name, size_t len)
{
	if (len == 0 || len > LIMIT_GITLAB_NAME_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(name[i]))
			return false;
	return true;
}

static void read_line(struct reader *reader, const char *text, size_t len, unsigned line)
{
	const char *equals = len > 0 ? memchr(text, '=', len) : NULL;
	if (!equals || !utf8_is_valid(text, len)) {
		reader_refuse(reader, line, "", 0, equals ? &remark_not_utf8 : &remark_no_value);
		return;
	}
	const char *name = text, *value = equals + 1;
	size_t name_len = (size_t)(equals - text), value_len = len - name_len - 1;
	strip(&name, &name_len);
	strip(&value, &value_len);
	if (!name_is_possible(name, name_len)) {
		reader_refuse(reader, line, name, name_len, &remark_name);
		return;
	}
	if (value_len >= 2 && is_one_of(value[0], "'\"") && value[value_len - 1] == value[0])
		reader_warn(reader, line, name, name_len, &remark_quotes);
	secret_buf_append(reader->value, value, value_len);
	reader_put(reader, name, name_len, line);
}

static void gitlab_read(struct reader *reader)
{
	while (!reader_is_done(reader)) {
		size_t end = reader_find(reader, reader->at, '\n');
		read_line(reader, reader->text + reader->at, end - reader->at, reader->line);
		reader_move(reader, end < reader->len ? end + 1 : end);
	}
}

static const struct remark *gitlab_refuse(const struct env_entry *entry)
{
	if (!name_is_possible(entry->name, entry->name_len))
		return &remark_name;
	if (text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	if (!utf8_is_valid(entry->value, entry->value_len))
		return &remark_not_utf8;
	if (text_has(entry->value, entry->value_len, '\n'))
		return &remark_line_feed;
	if (entry->value_len > 0 && (is_stripped(entry->value[0]) || is_stripped(entry->value[entry->value_len - 1])))
		return &remark_edges;
	return NULL;
}

static const struct remark *gitlab_warn(const struct env_entry *entry)
{
	return text_has(entry->value, entry->value_len, '$') ? &remark_dollar : NULL;
}

static void gitlab_look_at_all(const struct env_set *set, struct notes *notes)
{
	size_t bytes = 0, count = env_set_count(set);
	for (size_t i = 0; i < count; i++) {
		struct env_entry entry = env_set_at(set, i);
		bytes += entry.name_len + entry.value_len + strlen("=\n");
	}
	if (bytes >= LIMIT_GITLAB_BYTES)
		notes_add(notes, NOTE_WARNING, 0, "", 0, remark_size.reason, remark_size.hint);
	if (count > LIMIT_GITLAB_VARIABLES)
		notes_add(notes, NOTE_WARNING, 0, "", 0, remark_count.reason, remark_count.hint);
}

static void gitlab_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	(void)first;
	secret_buf_append(out, entry->name, entry->name_len);
	secret_buf_append_char(out, '=');
	secret_buf_append(out, entry->value, entry->value_len);
	secret_buf_append_char(out, '\n');
}

const struct dialect dialect_gitlab = {
	.name = "gitlab",
	.summary = "a dotenv report of a GitLab job",
	.opening = "",
	.closing = "",
	.is_text = true,
	.read = gitlab_read,
	.refuse = gitlab_refuse,
	.warn = gitlab_warn,
	.look_at_all = gitlab_look_at_all,
	.write = gitlab_write,
};
