#include "http/emit.h"

#include <stdio.h>
#include <string.h>

#include "vault/json_emit.h"

void emit_pairs(struct secret_buf *out, const struct text_pair *pairs, size_t len)
{
	if (len == 0) {
		json_emit_raw(out, "null");
		return;
	}
	for (size_t i = 0; i < len; i++) {
		json_emit_raw(out, i == 0 ? "{" : ",");
		json_emit_string(out, pairs[i].key.at, pairs[i].key.len);
		json_emit_raw(out, ":");
		json_emit_string(out, pairs[i].value.at, pairs[i].value.len);
	}
	json_emit_raw(out, "}");
}

void emit_texts(struct secret_buf *out, const struct text_span *texts, size_t len)
{
	json_emit_raw(out, "[");
	for (size_t i = 0; i < len; i++) {
		if (i > 0)
			json_emit_raw(out, ",");
		json_emit_string(out, texts[i].at, texts[i].len);
	}
	json_emit_raw(out, "]");
}

void emit_custom_metadata(struct secret_buf *out, const struct head_record *head)
{
	emit_pairs(out, head->custom, head->custom_len);
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

/* -- tokens -------------------------------------------------------------- */

static void emit_warnings(struct secret_buf *out, const struct secret_buf *warnings)
{
	const char *at = warnings ? secret_buf_text(warnings) : NULL;
	const char *end = warnings ? at + secret_buf_len(warnings) : NULL;
	const char *before = "[";

	json_emit_raw(out, ",\"wrap_info\":null,\"warnings\":");
	if (at == end) {
		json_emit_raw(out, "null");
		return;
	}
	for (; at < end; at += strlen(at) + 1, before = ",") {
		json_emit_raw(out, before);
		json_emit_cstring(out, at);
	}
	json_emit_raw(out, "]");
}

static void emit_auth(struct secret_buf *out, const struct token_grant *grant)
{
	const struct token_record *record = &grant->info.record;

	json_emit_raw(out, ",\"auth\":{\"client_token\":");
	json_emit_string(out, grant->text ? secret_buf_text(grant->text) : "", grant->text ? secret_buf_len(grant->text) : 0);
	json_emit_raw(out, ",\"accessor\":");
	json_emit_cstring(out, grant->info.batch ? "" : grant->info.accessor);
	json_emit_raw(out, ",\"policies\":");
	emit_texts(out, record->policies, record->policies_len);
	json_emit_raw(out, ",\"token_policies\":");
	emit_texts(out, record->policies, record->policies_len);
	json_emit_raw(out, ",\"metadata\":");
	emit_pairs(out, record->meta, record->meta_len);
	json_emit_raw(out, ",\"lease_duration\":");
	json_emit_int(out, token_info_ttl(&grant->info));
	json_emit_raw(out, ",\"renewable\":");
	json_emit_bool(out, record->flags & TOKEN_RENEWABLE);
	json_emit_raw(out, grant->info.batch ? ",\"entity_id\":\"\",\"token_type\":\"batch\",\"orphan\":" :
					       ",\"entity_id\":\"\",\"token_type\":\"service\",\"orphan\":");
	json_emit_bool(out, record->flags & TOKEN_ORPHAN);
	json_emit_raw(out, ",\"mfa_requirement\":null,\"num_uses\":");
	json_emit_uint(out, record->uses_left == TOKEN_SPENT ? 0 : record->uses_left);
	json_emit_raw(out, "}");
}

void reply_auth(struct request *request, const struct token_grant *grant)
{
	struct secret_buf *out = reply_envelope(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "null");
	emit_warnings(out, grant->warnings);
	emit_auth(out, grant);
	json_emit_raw(out, "}");
}
