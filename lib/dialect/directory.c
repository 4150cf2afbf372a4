/*
 * A directory with a file for each variable whose content is the value, byte
 * for byte: what programs with NAME_FILE settings, docker and kubernetes
 * secrets, and LoadCredential= read.
 */
#include "dialect/row.h"
#include "dialect/text.h"
#include "vault/limits.h"

static const struct remark remark_file_name = {
	"no such file can have this name: it is longer than 255 bytes, starts with a dot, or holds /",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_hidden = {
	"a file whose name starts with a dot is no variable",
	NULL,
};
static const struct remark remark_line_end = {
	"ends in a line feed, which entrypoints that read it with $(cat FILE) take away",
	"check what the program gets",
};

static bool name_is_possible(const char *name, size_t len)
{
	return len > 0 && len <= LIMIT_FILE_NAME && name[0] != '.' && !text_has(name, len, '/') &&
	       !text_has(name, len, '\0');
}

static void directory_read_file(struct reader *reader, const char *name, size_t name_len)
{
	if (name_len > 0 && name[0] == '.') {
		notes_add(reader->notes, NOTE_INFO, 0, name, name_len, remark_hidden.reason, remark_hidden.hint);
		return;
	}
	if (!name_is_possible(name, name_len)) {
		reader_refuse(reader, 0, name, name_len, &remark_file_name);
		return;
	}
	secret_buf_append(reader->value, reader->text, reader->len);
	reader_put(reader, name, name_len, 1);
}

static const struct remark *directory_refuse(const struct env_entry *entry)
{
	return name_is_possible(entry->name, entry->name_len) ? NULL : &remark_file_name;
}

static const struct remark *directory_warn(const struct env_entry *entry)
{
	bool ends = entry->value_len > 0 && entry->value[entry->value_len - 1] == '\n';
	return ends ? &remark_line_end : NULL;
}

static void directory_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	(void)first;
	secret_buf_append(out, entry->value, entry->value_len);
}

const struct dialect dialect_directory = {
	.name = "directory",
	.summary = "a directory of files whose content is the value (NAME_FILE)",
	.is_directory = true,
	.read_file = directory_read_file,
	.refuse = directory_refuse,
	.warn = directory_warn,
	.write = directory_write,
};
