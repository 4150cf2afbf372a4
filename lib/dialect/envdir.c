/*
 * envdir of daemontools and `chpst -e` of runit: a directory with a file for
 * each variable. The first line of a file is the value: blanks at its end are
 * taken away, and NUL bytes become line feeds.
 */
#include "dialect/row.h"
#include "dialect/text.h"
#include "vault/limits.h"

static const struct remark remark_file_name = {
	"no file that envdir reads can have this name: it is longer than 255 bytes, starts with a dot, or holds / or =",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_blank_end = {
	"ends in a space or a tab, which envdir takes away",
	"use the shell dialect, or encode it (base64)",
};
static const struct remark remark_hidden = {
	"envdir passes over files whose name starts with a dot",
	NULL,
};
static const struct remark remark_unset = {
	"is a file of 0 bytes, which takes the variable out of the environment: it is left out",
	"for an empty value write one line feed",
};
static const struct remark remark_second_line = {
	"has more than one line: only the first one is the value",
	"in a value of several lines write NUL bytes for the line feeds",
};
static const struct remark remark_cut = {
	"has blanks at the end of its line, which are no part of the value",
	"take them away",
};

static bool name_is_possible(const char *name, size_t len)
{
	return len > 0 && len <= LIMIT_FILE_NAME && name[0] != '.' && !text_has(name, len, '/') &&
	       !text_has(name, len, '=') && !text_has(name, len, '\0');
}

static void envdir_read_file(struct reader *reader, const char *name, size_t name_len)
{
	size_t end = reader_find(reader, 0, '\n'), len = end;
	while (len > 0 && is_blank(reader->text[len - 1]))
		len--;
	if (name_len > 0 && name[0] == '.') {
		notes_add(reader->notes, NOTE_INFO, 0, name, name_len, remark_hidden.reason, remark_hidden.hint);
		return;
	}
	if (!name_is_possible(name, name_len)) {
		reader_refuse(reader, 0, name, name_len, &remark_file_name);
		return;
	}
	if (reader->len == 0) {
		reader_warn(reader, 0, name, name_len, &remark_unset);
		return;
	}
	if (end + 1 < reader->len)
		reader_warn(reader, 2, name, name_len, &remark_second_line);
	if (len < end)
		reader_warn(reader, 1, name, name_len, &remark_cut);
	for (size_t i = 0; i < len; i++)
		secret_buf_append_char(reader->value, reader->text[i] == '\0' ? '\n' : reader->text[i]);
	reader_put(reader, name, name_len, 1);
}

static const struct remark *envdir_refuse(const struct env_entry *entry)
{
	if (!name_is_possible(entry->name, entry->name_len))
		return &remark_file_name;
	if (text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	if (entry->value_len > 0 && is_blank(entry->value[entry->value_len - 1]))
		return &remark_blank_end;
	return NULL;
}

static void envdir_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	(void)first;
	if (entry->value_len == 0)
		secret_buf_append_char(out, '\n');
	for (size_t i = 0; i < entry->value_len; i++)
		secret_buf_append_char(out, entry->value[i] == '\n' ? '\0' : entry->value[i]);
}

const struct dialect dialect_envdir = {
	.name = "envdir",
	.summary = "a directory for envdir (daemontools) and chpst -e (runit)",
	.is_directory = true,
	.read_file = envdir_read_file,
	.refuse = envdir_refuse,
	.write = envdir_write,
};
