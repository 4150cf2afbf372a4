/*
 * One JSON object of strings.
 */
#include "dialect/row.h"
#include "dialect/text.h"
#include "vault/json_emit.h"
#include "vault/json_scan.h"
#include "vault/names.h"

static const struct remark remark_not_object = {
	"the text is not one JSON object",
	"write {\"NAME\": \"VALUE\"}",
};
static const struct remark remark_number = {
	"is a number, not a string",
	"put it in quotes",
};
static const struct remark remark_bool = {
	"is true or false, not a string",
	"put it in quotes",
};
static const struct remark remark_null = {
	"is null, not a string",
	"leave the variable out, or write \"\"",
};
static const struct remark remark_nested = {
	"is an object or a list, not a string",
	"give each of its values a name of its own",
};
static const struct remark remark_bytes = {
	"is not valid UTF-8, and JSON is",
	"encode it (base64), or use the shell dialect, which keeps any byte",
};
static const struct remark remark_json_name = {
	"the name is empty, too long, or not valid UTF-8 without NUL",
	"rename the variable",
};

static const struct remark *check_kind(enum json_kind kind)
{
	switch (kind) {
	case JSON_SCAN_STRING:
		return NULL;
	case JSON_SCAN_NUMBER:
		return &remark_number;
	case JSON_SCAN_BOOL:
		return &remark_bool;
	case JSON_SCAN_NULL:
		return &remark_null;
	case JSON_SCAN_ARRAY:
	case JSON_SCAN_OBJECT:
		return &remark_nested;
	}
	return &remark_nested;
}

static void read_member(struct reader *reader, const struct json_member *member, struct secret_buf *name)
{
	const struct remark *refused = check_kind(member->value.kind);
	secret_buf_truncate(name, 0);
	json_append_unescaped(name, member->name);
	reader->code = secret_buf_check(name, "a name", reader->err);
	if (reader->code != ERR_OK)
		return;
	reader_move(reader, (size_t)(member->name.at - reader->text));
	if (refused) {
		reader_refuse(reader, reader->line, secret_buf_text(name), secret_buf_len(name), refused);
		return;
	}
	json_append_unescaped(reader->value, json_string_span(&member->value));
	reader_put(reader, secret_buf_text(name), secret_buf_len(name), reader->line);
}

static void json_read(struct reader *reader)
{
	struct json_value object;
	struct json_member member;
	size_t cursor = 0;
	reader->code = json_scan(reader->text, reader->len, &object, reader->err);
	if (reader->code == ERR_INVALID)
		notes_add(reader->notes, NOTE_ERROR, 0, "", 0, "the text is not valid JSON", NULL);
	if (reader->code != ERR_OK)
		return;
	if (object.kind != JSON_SCAN_OBJECT) {
		reader_refuse(reader, 1, "", 0, &remark_not_object);
		return;
	}
	cleanup_(secret_buf_freep) struct secret_buf *name = secret_buf_new(reader->len);
	if (!name) {
		reader->code = error_set(reader->err, ERR_NO_MEMORY, "out of memory while reading JSON");
		return;
	}
	while (reader->code == ERR_OK && json_next_member(&object, &cursor, &member))
		read_member(reader, &member, name);
}

static const struct remark *json_refuse(const struct env_entry *entry)
{
	if (!variable_name_is_storable(entry->name, entry->name_len))
		return &remark_json_name;
	return utf8_is_valid(entry->value, entry->value_len) ? NULL : &remark_bytes;
}

static void json_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	secret_buf_append_text(out, first ? "\n  " : ",\n  ");
	json_emit_string(out, entry->name, entry->name_len);
	secret_buf_append_text(out, ": ");
	json_emit_string(out, entry->value, entry->value_len);
}

static size_t json_growth(const struct env_entry *entry)
{
	/* \u0001, but \n */
	size_t controls = count_controls(entry), named = controls > 0 ? growth_by(entry, "\b\t\n\f\r") : 0;
	return growth_by(entry, "\"\\") + named + (controls - named) * (strlen("\\u0001") - 1);
}

const struct dialect dialect_json = {
	.name = "json",
	.summary = "one JSON object of strings",
	.opening = "{",
	.closing = "\n}\n",
	.is_text = false,
	.read = json_read,
	.refuse = json_refuse,
	.write = json_write,
	.growth = json_growth,
};
