/* schema/: the .env.example of an environment, how strictly it is enforced, and what is known of a variable by it. */
#include <stdlib.h>
#include <string.h>

#include "core/vault_schema.h"
#include "http/action.h"
#include "http/change.h"
#include "http/findings.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

static const char *mode_name(uint8_t mode)
{
	return mode == SCHEMA_ENFORCE ? "enforce" : "warn";
}

/* -- reading ----------------------------------------------------------------- */

static void emit_schema(struct secret_buf *out, const struct kv_schema *schema)
{
	json_emit_raw(out, "\"environment\":");
	json_emit_string(out, schema->path.text, schema->path.len);
	if (!schema->plain) {
		json_emit_raw(out, ",\"text\":null,\"mode\":null,\"updated_time\":null,\"updated_by\":null");
		return;
	}
	json_emit_raw(out, ",\"text\":");
	json_emit_string(out, schema->record.text.at, schema->record.text.len);
	json_emit_raw(out, ",\"mode\":");
	json_emit_cstring(out, mode_name(schema->record.mode));
	json_emit_raw(out, ",\"updated_time\":");
	json_emit_time(out, schema->record.updated);
	json_emit_raw(out, ",\"updated_by\":");
	json_emit_string(out, schema->record.actor.at, schema->record.actor.len);
}

static void answer_schemas(struct request *request, const struct kv_schemas *schemas)
{
	struct secret_buf *out;

	if (schemas->len == 1 && !schemas->items[0].plain) {
		reply_refuse(request, 404, NULL);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{");
	emit_schema(out, &schemas->items[0]);
	json_emit_raw(out, ",\"inherited\":[");
	for (size_t i = 1; i < schemas->len; i++) {
		json_emit_raw(out, i == 1 ? "{" : ",{");
		emit_schema(out, &schemas->items[i]);
		json_emit_raw(out, "}");
	}
	json_emit_raw(out, "]}");
	reply_envelope_end(request, NULL, false);
}

static void freep(struct kv_schemas **schemas)
{
	if (*schemas)
		kv_schemas_free(*schemas);
	free(*schemas);
}

static void explain(struct request *request, const char *name)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(LIMIT_BODY_SCHEMA);
	struct error err = ERROR_INIT;
	struct secret_buf *out;

	if (!text) {
		reply_without_memory(request);
		return;
	}
	if (kv_schema_explain(request->server->vault, &request->caller, &request->target, name, strlen(name), text, &err) != ERR_OK ||
	    secret_buf_check(text, "what is known of a variable", &err) != ERR_OK) {
		reply_error(request, &err, true);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw_n(out, secret_buf_text(text), secret_buf_len(text));
	reply_envelope_end(request, NULL, false);
}

void handle_schema_read(struct request *request)
{
	static const char *const allowed[] = { "explain", NULL };
	cleanup_(freep) struct kv_schemas *schemas = NULL;
	const char *name = canon_path_arg(&request->path, "explain");
	struct error err = ERROR_INIT;

	if (!request_args_only(request, allowed) || !request_target(request, false))
		return;
	if (name && name[0] != '\0') {
		explain(request, name);
		return;
	}
	schemas = calloc(1, sizeof(*schemas));
	if (!schemas)
		reply_without_memory(request);
	else if (kv_schema_read(request->server->vault, &request->caller, &request->target, schemas, &err) != ERR_OK)
		reply_error(request, &err, true);
	else
		answer_schemas(request, schemas);
}

/* -- changing ------------------------------------------------------------------- */

struct schema_work {
	struct kv_schema_change change;
	struct secret_buf *text;
};

static void wipe_work(void *arg)
{
	struct schema_work *work = arg;

	findings_free(&work->change.findings);
	secret_buf_free(work->text);
}

static bool read_mode(struct request *request, const struct json_value *body, struct kv_schema_change *change)
{
	struct json_value mode;
	struct json_span text;

	if (!member(body, "mode", &mode))
		return true;
	if (mode.kind == JSON_SCAN_STRING) {
		text = json_string_span(&mode);
		change->has_mode = true;
		if (text.len == 7 && memcmp(text.at, "enforce", 7) == 0) {
			change->mode = SCHEMA_ENFORCE;
			return true;
		}
		if (text.len == 4 && memcmp(text.at, "warn", 4) == 0) {
			change->mode = SCHEMA_WARN;
			return true;
		}
	}
	reply_refuse(request, 400, "the member mode must be enforce or warn");
	return false;
}

static bool read_text(struct request *request, const struct json_value *body, struct schema_work *work)
{
	struct error err = ERROR_INIT;
	struct json_value text;

	if (!member(body, "text", &text))
		return true;
	if (text.kind != JSON_SCAN_STRING) {
		reply_refuse(request, 400, "the member text must be the text of a .env.example");
		return false;
	}
	work->text = secret_buf_new(LIMIT_SCHEMA_TEXT);
	if (!work->text) {
		reply_without_memory(request);
		return false;
	}
	json_append_unescaped(work->text, json_string_span(&text));
	if (secret_buf_check(work->text, "the schema", &err) != ERR_OK) {
		reply_error(request, &err, false);
		return false;
	}
	work->change.text = secret_buf_text(work->text);
	work->change.text_len = secret_buf_len(work->text);
	return true;
}

/* Findings of the text, then those of the values that are there. */
static void answer_written(struct request *request)
{
	const struct schema_work *work = request->work;
	cleanup_(secret_buf_freep) struct secret_buf *warnings = NULL;
	cleanup_(findings_free) struct findings values = { .items = NULL };
	const char *not_judged;
	struct secret_buf *out;
	size_t hidden = 0;

	not_judged = change_judge_now(request, &values, &hidden);
	warnings = change_warnings(request, not_judged ? not_judged : "", &values, hidden);
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"mode\":");
	json_emit_cstring(out, mode_name(work->change.result_mode));
	json_emit_raw(out, ",\"created\":");
	json_emit_bool(out, work->change.created);
	json_emit_raw(out, ",\"valid\":");
	if (not_judged)
		json_emit_raw(out, "null");
	else
		json_emit_bool(out, values.errors == 0 && hidden == 0);
	json_emit_raw(out, ",");
	findings_emit_members(&values, hidden, out);
	json_emit_raw(out, ",\"text_findings\":");
	findings_emit_json(&work->change.findings, out);
	json_emit_raw(out, "}");
	reply_envelope_end_list(request, warnings);
}

static void answer_deleted(struct request *request)
{
	reply_warnings(request, change_warnings_now(request));
}

static struct schema_work *begin_work(struct request *request)
{
	struct schema_work *work = request_work(request, sizeof(*work), wipe_work);

	if (work) {
		work->change.caller = &request->caller;
		work->change.target = &request->target;
	}
	return work;
}

/* A text with errors is answered with all of them. */
static void answer_refused(struct request *request)
{
	const struct schema_work *work = request->work;

	if (request->err.code == ERR_SCHEMA)
		reply_findings(request, request->err.text, &work->change.findings, 0);
	else
		reply_error(request, &request->err, true);
}

static void submit_write(struct request *request, struct schema_work *work)
{
	struct error err = ERROR_INIT;

	action_begin(request, &work->change.action, answer_written);
	if (kv_schema_write(request->server->vault, &work->change, &err) == ERR_OK)
		return;
	request->err = err;
	request_resume(request, answer_refused);
}

void handle_schema_write(struct request *request)
{
	static const char *const allowed[] = { "text", "mode", NULL };
	static const char *const no_arguments[] = { NULL };
	struct schema_work *work;
	struct json_value body;

	if (!request_args_only(request, no_arguments) || !request_target(request, false) || !body_object(request, &body) ||
	    !members_only(request, &body, allowed))
		return;
	work = begin_work(request);
	if (work && read_mode(request, &body, &work->change) && read_text(request, &body, work))
		submit_write(request, work);
}

void handle_schema_delete(struct request *request)
{
	static const char *const no_arguments[] = { NULL };
	struct schema_work *work;

	if (!request_args_only(request, no_arguments) || !request_target(request, false))
		return;
	work = begin_work(request);
	if (!work)
		return;
	action_begin(request, &work->change.action, answer_deleted);
	action_submitted(request, kv_schema_delete(request->server->vault, &work->change, &request->err));
}
