#include "cmd/fields.h"

#include <stdio.h>
#include <string.h>

#include "cmd/output.h"
#include "vault/clock.h"
#include "vault/json_emit.h"

/* Unescaped and safe for terminals. */
static void append_string(struct secret_buf *out, struct json_span between_quotes)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(between_quotes.len + 1);

	if (text == NULL) {
		(void)secret_buf_reserve(out, OUTPUT_MAX + 1); /* the failure becomes that of the output */
		return;
	}
	json_append_unescaped(text, between_quotes);
	output_visible(out, secret_buf_text(text), secret_buf_len(text));
}

static void append_value(struct secret_buf *out, const struct json_value *value)
{
	if (value->kind == JSON_SCAN_STRING)
		append_string(out, json_string_span(value));
	else if (value->kind != JSON_SCAN_NULL)
		secret_buf_append(out, value->raw.at, value->raw.len);
}

static void append_list(struct secret_buf *out, const struct json_value *list, const char *separator)
{
	struct json_value item;
	const char *before = "";

	for (size_t cursor = 0; json_next_element(list, &cursor, &item); before = separator) {
		secret_buf_append_text(out, before);
		append_value(out, &item);
	}
}

static void append_map(struct secret_buf *out, const struct json_value *map, const char *separator)
{
	struct json_member member;
	const char *before = "";

	for (size_t cursor = 0; json_next_member(map, &cursor, &member); before = separator) {
		secret_buf_append_text(out, before);
		append_string(out, member.name);
		secret_buf_append_char(out, '=');
		append_value(out, &member.value);
	}
}

/* Bare: what a script gets. */
static void append_bare(struct secret_buf *out, const struct json_value *value)
{
	if (value->kind == JSON_SCAN_ARRAY)
		append_list(out, value, ",");
	else if (value->kind == JSON_SCAN_OBJECT)
		append_map(out, value, ",");
	else
		append_value(out, value);
}

static void append_duration(struct secret_buf *out, const struct json_value *value)
{
	char text[TIME_TEXT_MAX];
	int64_t seconds = 0;

	if (!json_as_int(value, &seconds) || seconds <= 0) {
		secret_buf_append_text(out, "never ends");
		return;
	}
	duration_format(seconds, text);
	secret_buf_append_text(out, text);
}

static bool is_shown(const struct field_row *row, const struct json_value *value)
{
	int64_t number = 0;

	switch (row->kind) {
	case FIELD_TEXT:
		return value->kind == JSON_SCAN_STRING && json_string_span(value).len > 0;
	case FIELD_DURATION:
	case FIELD_FLAG:
		return value->kind != JSON_SCAN_NULL;
	case FIELD_NUMBER:
		return json_as_int(value, &number) && number != 0;
	case FIELD_LIST:
		return value->kind == JSON_SCAN_ARRAY;
	case FIELD_MAP:
		return value->kind == JSON_SCAN_OBJECT && json_count(value) > 0;
	}
	return false;
}

static void append_row(struct secret_buf *out, const struct field_row *row, const struct json_value *value)
{
	bool flag = false;

	output_format(out, "%-17s ", row->name);
	switch (row->kind) {
	case FIELD_DURATION:
		append_duration(out, value);
		break;
	case FIELD_FLAG:
		secret_buf_append_text(out, json_as_bool(value, &flag) && flag ? "yes" : "no");
		break;
	case FIELD_LIST:
		append_list(out, value, ", ");
		break;
	case FIELD_MAP:
		append_map(out, value, ", ");
		break;
	case FIELD_TEXT:
	case FIELD_NUMBER:
		append_value(out, value);
		break;
	}
	secret_buf_append_char(out, '\n');
}

void fields_append(const struct field_row *rows, size_t rows_len, const struct json_value *object,
		   struct secret_buf *out)
{
	struct json_value value;

	for (size_t i = 0; i < rows_len; i++)
		if (json_find(object, rows[i].member, &value) && is_shown(&rows[i], &value))
			append_row(out, &rows[i], &value);
}

static enum error_code no_such_field(const struct field_row *rows, size_t rows_len, struct error *err)
{
	char names[ERROR_TEXT_MAX / 2] = "";
	size_t used = 0;

	for (size_t i = 0; i < rows_len && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i > 0 ? ", " : "", rows[i].name);
	return error_set(err, ERR_USAGE, "--field names one of: %s", names);
}

static const struct field_row *row_called(const struct field_row *rows, size_t rows_len, const char *name)
{
	for (size_t i = 0; i < rows_len; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

enum error_code fields_check(const struct invocation *inv, const struct field_row *rows, size_t rows_len,
			     struct error *err)
{
	const char *field = option_value(inv, OPT_FIELD);

	if (field != NULL && option_is_given(inv, OPT_JSON))
		return error_set(err, ERR_USAGE, "give one of --field and --json");
	if (field != NULL && row_called(rows, rows_len, field) == NULL)
		return no_such_field(rows, rows_len, err);
	return ERR_OK;
}

static void emit_members(struct secret_buf *out, const struct json_value *object, const char *hidden)
{
	struct json_member member;
	const char *comma = "";
	size_t cursor = 0;

	json_emit_raw(out, "{");
	while (json_next_member(object, &cursor, &member)) {
		if (hidden != NULL && member.name.len == strlen(hidden) &&
		    memcmp(member.name.at, hidden, member.name.len) == 0)
			continue;
		json_emit_raw(out, comma);
		json_emit_raw(out, "\"");
		json_emit_raw_n(out, member.name.at, member.name.len);
		json_emit_raw(out, "\":");
		json_emit_raw_n(out, member.value.raw.at, member.value.raw.len);
		comma = ",";
	}
	json_emit_raw(out, "}\n");
}

enum error_code fields_print(const struct invocation *inv, const struct field_row *rows, size_t rows_len,
			     const struct json_value *object, const char *hidden, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	const char *field = option_value(inv, OPT_FIELD);
	const struct field_row *row = field != NULL ? row_called(rows, rows_len, field) : NULL;
	struct json_value value;

	if (out == NULL)
		return err->code;
	if (field != NULL && row == NULL)
		return no_such_field(rows, rows_len, err);
	if (row != NULL && json_find(object, row->member, &value))
		append_bare(out, &value);
	if (row != NULL)
		secret_buf_append_char(out, '\n');
	else if (option_is_given(inv, OPT_JSON))
		emit_members(out, object, hidden);
	else
		fields_append(rows, rows_len, object, out);
	return output_flush(out, err);
}
