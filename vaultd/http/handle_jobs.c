/* sys/verify and sys/compact: jobs on the whole store, of one form. */
#include "core/vault_jobs.h"
#include "http/change.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/json_emit.h"

static const char *state_name(enum job_state state)
{
	switch (state) {
	case JOB_NEVER:
		return "never";
	case JOB_RUNNING:
		return "running";
	case JOB_DONE:
		return "done";
	case JOB_ENDED:
		return "cancelled";
	case JOB_FAILED:
		break;
	}
	return "failed";
}

/* Neither arguments nor members: what a later version may know must not be passed over by this one. */
static bool asks_no_more(struct request *request)
{
	static const char *const none[] = { NULL };
	struct json_value body;

	return request_args_only(request, none) && body_object(request, &body) && members_only(request, &body, none);
}

/* 202 for one that was begun, 200 for one that runs already. */
static void start(struct request *request, enum store_job job)
{
	struct error err = ERROR_INIT;
	char id[JOB_ID_LEN + 1];
	struct secret_buf *out;
	bool began;

	if (!asks_no_more(request))
		return;
	if (vault_job_start(request->server->vault, &request->caller, job, id, &began, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, began ? 202 : 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"id\":");
	json_emit_cstring(out, id);
	json_emit_raw(out, ",\"state\":\"running\"}");
	reply_envelope_end(request, NULL, false);
}

static void cancel(struct request *request, enum store_job job)
{
	struct error err = ERROR_INIT;

	if (!asks_no_more(request))
		return;
	if (vault_job_cancel(request->server->vault, &request->caller, job, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		reply_empty(request, 204);
}

static void emit_number(struct secret_buf *out, const char *name, uint64_t number)
{
	json_emit_raw(out, ",");
	json_emit_key(out, name);
	json_emit_uint(out, number);
}

static void emit_text(struct secret_buf *out, const char *name, const char *text)
{
	json_emit_raw(out, ",");
	json_emit_key(out, name);
	json_emit_cstring(out, text);
}

static void emit_when(struct secret_buf *out, const char *name, int64_t when)
{
	json_emit_raw(out, ",");
	json_emit_key(out, name);
	json_emit_time(out, when);
}

static void emit_common(struct secret_buf *out, const struct job_status *status)
{
	json_emit_raw(out, "{\"id\":");
	json_emit_cstring(out, status->id);
	emit_text(out, "state", state_name(status->state));
	emit_number(out, "done", status->done);
	emit_number(out, "total", status->total);
	emit_when(out, "started", status->started);
	emit_when(out, "ended", status->ended);
	emit_number(out, "duration_ms", (uint64_t)(status->duration_us > 0 ? status->duration_us / 1000 : 0));
	emit_text(out, "error", status->state == JOB_FAILED ? status->error.text : "");
	emit_text(out, "error_code", status->state == JOB_FAILED ? error_name(status->error.code) : "");
}

static void emit_finding(struct secret_buf *out, const struct verify_finding *finding, const char *environment)
{
	const char table[2] = { finding->table >= 'A' ? (char)finding->table : '0', '\0' };

	json_emit_raw(out, "{\"code\":");
	json_emit_cstring(out, error_name(finding->code));
	emit_text(out, "table", table);
	emit_text(out, "id", finding->id);
	emit_text(out, "environment", environment);
	emit_number(out, "revision", finding->revision);
	emit_text(out, "text", finding->text);
	json_emit_raw(out, "}");
}

static void emit_verify(struct secret_buf *out, const struct job_status *status)
{
	const struct verify_result *result = &status->verify;

	emit_number(out, "records", result->records);
	emit_number(out, "revisions", result->revisions);
	emit_number(out, "found", result->found);
	json_emit_raw(out, ",\"findings\":[");
	for (size_t i = 0; i < result->len; i++) {
		if (i > 0)
			json_emit_raw(out, ",");
		emit_finding(out, &result->findings[i], status->environments[i]);
	}
	json_emit_raw(out, "]");
}

static void emit_compact(struct secret_buf *out, const struct job_status *status)
{
	const struct store_compacted *result = &status->compacted;

	emit_number(out, "bytes_before", result->bytes_before);
	emit_number(out, "bytes_after", result->bytes_after);
	emit_number(out, "writers_waited_ms", (uint64_t)(result->writers_waited_us / 1000));
	emit_number(out, "readers_waited_ms", (uint64_t)(result->readers_waited_us / 1000));
}

static void tell(struct request *request, enum store_job job,
		 void (*emit_result)(struct secret_buf *out, const struct job_status *status))
{
	cleanup_(job_status_free) struct job_status status = { .state = JOB_NEVER };
	struct error err = ERROR_INIT;
	struct secret_buf *out;

	if (!asks_no_more(request))
		return;
	if (vault_job_status(request->server->vault, &request->caller, job, &status, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	emit_common(out, &status);
	emit_result(out, &status);
	json_emit_raw(out, "}");
	reply_envelope_end(request, NULL, false);
}

void handle_verify_start(struct request *request)
{
	start(request, JOB_VERIFY);
}

void handle_verify_status(struct request *request)
{
	tell(request, JOB_VERIFY, emit_verify);
}

void handle_verify_cancel(struct request *request)
{
	cancel(request, JOB_VERIFY);
}

void handle_compact_start(struct request *request)
{
	start(request, JOB_COMPACT);
}

void handle_compact_status(struct request *request)
{
	tell(request, JOB_COMPACT, emit_compact);
}

void handle_compact_cancel(struct request *request)
{
	cancel(request, JOB_COMPACT);
}
