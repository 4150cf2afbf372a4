/* check/: what the schemas say of an environment as it is, or as it would be. */
#include <string.h>

#include "core/vault_schema.h"
#include "http/change.h"
#include "http/findings.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

static bool read_schema(struct request *request, const struct json_value *body, struct kv_check *check)
{
	struct error err = ERROR_INIT;
	struct json_value schema;

	if (!member(body, "schema", &schema))
		return true;
	if (schema.kind != JSON_SCAN_STRING) {
		reply_refuse(request, 400, "the member schema must be the text of a .env.example");
		return false;
	}
	request->scratch = secret_buf_new(LIMIT_SCHEMA_TEXT);
	if (!request->scratch) {
		reply_without_memory(request);
		return false;
	}
	json_append_unescaped(request->scratch, json_string_span(&schema));
	if (secret_buf_check(request->scratch, "the schema", &err) != ERR_OK) {
		reply_error(request, &err, false);
		return false;
	}
	check->schema = secret_buf_text(request->scratch);
	check->schema_len = secret_buf_len(request->scratch);
	return true;
}

static bool read_required(struct request *request, const struct json_value *body, struct kv_check *check)
{
	static const struct {
		const char *name;
		enum schema_required required;
	} rows[] = {
		{ "as-written", SCHEMA_REQUIRED_AS_WRITTEN },
		{ "listed", SCHEMA_REQUIRED_LISTED },
		{ "listed-may-be-empty", SCHEMA_REQUIRED_LISTED_MAY_BE_EMPTY },
	};
	struct json_value value;
	struct json_span text;

	if (!member(body, "required", &value))
		return true;
	text = value.kind == JSON_SCAN_STRING ? json_string_span(&value) : (struct json_span){ .at = "", .len = 0 };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (text.len != strlen(rows[i].name) || memcmp(text.at, rows[i].name, text.len) != 0)
			continue;
		check->required = rows[i].required;
		return true;
	}
	reply_refuse(request, 400, "the member required must be as-written, listed or listed-may-be-empty");
	return false;
}

static bool read_check(struct request *request, const struct json_value *body, struct kv_check *check)
{
	struct json_value strict;

	check->has_data = member(body, "data", &check->data);
	if (check->has_data && check->data.kind != JSON_SCAN_OBJECT) {
		reply_refuse(request, 400, "the member data must be an object");
		return false;
	}
	if (member(body, "strict", &strict) && !json_as_bool(&strict, &check->strict)) {
		reply_refuse(request, 400, "the member strict must be true or false");
		return false;
	}
	return read_schema(request, body, check) && read_required(request, body, check);
}

static void answer(struct request *request, const struct kv_check *check)
{
	struct secret_buf *out;

	if (check->schema_refused) {
		reply_findings(request, "the proposed schema has errors", &check->findings, 0);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"environment\":");
	json_emit_string(out, request->env.text, request->env.len);
	json_emit_raw(out, ",\"valid\":");
	json_emit_bool(out, check->findings.errors == 0);
	json_emit_raw(out, ",\"errors\":");
	json_emit_uint(out, check->findings.errors);
	json_emit_raw(out, ",\"warnings\":");
	json_emit_uint(out, check->findings.warnings);
	json_emit_raw(out, ",\"omitted\":");
	json_emit_uint(out, check->findings.omitted);
	json_emit_raw(out, ",\"findings\":");
	findings_emit_json(&check->findings, out);
	json_emit_raw(out, ",\"compared\":{\"environments\":");
	json_emit_uint(out, check->compared);
	json_emit_raw(out, ",\"more\":");
	json_emit_bool(out, check->more);
	json_emit_raw(out, "}}");
	reply_envelope_end(request, NULL, false);
}

void handle_check(struct request *request)
{
	static const char *const allowed[] = { "data", "schema", "strict", "required", NULL };
	static const char *const no_arguments[] = { NULL };
	struct kv_check check = { .caller = &request->caller, .target = &request->target };
	struct error err = ERROR_INIT;
	struct json_value body;

	if (!request_args_only(request, no_arguments) || !request_target(request, true) || !body_object(request, &body) ||
	    !members_only(request, &body, allowed) || !read_check(request, &body, &check))
		return;
	if (kv_check(request->server->vault, &check, &err) != ERR_OK)
		reply_error(request, &err, true);
	else
		answer(request, &check);
	findings_free(&check.findings);
}
