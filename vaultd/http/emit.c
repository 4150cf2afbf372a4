#include "http/emit.h"

#include <string.h>

#include "vault/json_emit.h"

void emit_custom_metadata(struct secret_buf *out, const struct head_record *head)
{
	if (head->custom_len == 0) {
		json_emit_raw(out, "null");
		return;
	}
	for (size_t i = 0; i < head->custom_len; i++) {
		json_emit_raw(out, i == 0 ? "{" : ",");
		json_emit_string(out, head->custom[i].key.at, head->custom[i].key.len);
		json_emit_raw(out, ":");
		json_emit_string(out, head->custom[i].value.at, head->custom[i].value.len);
	}
	json_emit_raw(out, "}");
}

void emit_version(struct secret_buf *out, const struct kv_version *version, const struct head_record *head)
{
	json_emit_raw(out, "\"created_time\":");
	json_emit_time(out, version->created);
	json_emit_raw(out, ",\"custom_metadata\":");
	emit_custom_metadata(out, head);
	json_emit_raw(out, ",\"deletion_time\":");
	json_emit_time(out, version->deletion);
	json_emit_raw(out, ",\"destroyed\":");
	json_emit_bool(out, version->destroyed);
	json_emit_raw(out, ",\"version\":");
	json_emit_uint(out, version->revision);
}

static void emit_variable(struct secret_buf *out, const struct variable *variable)
{
	switch ((enum variable_kind)variable->kind) {
	case KIND_TEXT:
	case KIND_TEMPLATE:
		json_emit_string(out, variable->value.at, variable->value.len);
		break;
	case KIND_JSON:
		json_emit_raw_n(out, variable->value.at, variable->value.len);
		break;
	case KIND_UNSET:
		break;	/* the caller leaves it out */
	}
}

/* As long as the text is without escapes: one block then, instead of one that grows, is copied and wiped five times. */
static size_t plain_len(const struct variable *variables, size_t variables_len)
{
	size_t len = sizeof("{}");

	for (size_t i = 0; i < variables_len; i++)
		len += variables[i].name.len + variables[i].value.len + sizeof("\"\":\"\",");
	return len;
}

void emit_variables(struct secret_buf *out, const struct variable *variables, size_t len)
{
	bool first = true;

	(void)secret_buf_reserve(out, plain_len(variables, len));
	json_emit_raw_n(out, "{", 1);
	for (size_t i = 0; i < len; i++) {
		const struct variable *variable = &variables[i];

		if (variable->kind == KIND_UNSET)
			continue;
		if (!first)
			json_emit_raw_n(out, ",", 1);
		first = false;
		json_emit_string(out, variable->name.at, variable->name.len);
		json_emit_raw_n(out, ":", 1);
		emit_variable(out, variable);
	}
	json_emit_raw_n(out, "}", 1);
}

void reply_keys(struct request *request, const struct name_list *list)
{
	struct secret_buf *out = reply_envelope(request, 200);
	const char *name = list->block;

	if (!out)
		return;
	json_emit_raw(out, "{\"keys\":[");
	for (size_t i = 0; i < list->count; i++, name += strlen(name) + 1) {
		if (i > 0)
			json_emit_raw(out, ",");
		json_emit_cstring(out, name);
	}
	json_emit_raw(out, "]}");
	reply_envelope_end(request, NULL, false);
}

void reply_deleted(struct request *request, const struct kv_version *version, const struct head_record *head)
{
	struct secret_buf *out = reply_envelope(request, 404);

	if (!out)
		return;
	json_emit_raw(out, "{\"data\":null,\"metadata\":{");
	emit_version(out, version, head);
	json_emit_raw(out, "}}");
	reply_envelope_end(request, NULL, false);
}
