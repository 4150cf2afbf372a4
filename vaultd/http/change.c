#include "http/change.h"

#include <stdio.h>
#include <string.h>

#include "core/vault_children.h"
#include "core/vault_schema.h"
#include "http/emit.h"
#include "http/findings.h"
#include "http/internal.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/plural.h"

/* -- bodies --------------------------------------------------------------- */

bool body_object(struct request *request, struct json_value *ret)
{
	static const char empty[] = "{}";
	struct error err = ERROR_INIT;
	size_t len;
	const char *text = request_body(request, &len);

	if (len == 0) {
		text = empty;
		len = 2;
	}
	if (json_scan(text, len, ret, &err) == ERR_OK && ret->kind != JSON_SCAN_OBJECT)
		error_set(&err, ERR_INVALID, "the body must be a JSON object");
	if (err.code != ERR_OK)
		reply_error(request, &err, false);
	return err.code == ERR_OK;
}

bool member(const struct json_value *object, const char *name, struct json_value *ret)
{
	return json_find(object, name, ret) && ret->kind != JSON_SCAN_NULL;
}

bool members_only(struct request *request, const struct json_value *object, const char *const *allowed)
{
	struct json_member found;
	size_t cursor = 0;

	while (json_next_member(object, &cursor, &found)) {
		size_t i = 0;

		while (allowed[i] && (found.name_escaped || strlen(allowed[i]) != found.name.len ||
				      memcmp(allowed[i], found.name.at, found.name.len) != 0))
			i++;
		if (!allowed[i]) {
			reply_refuse(request, 400, "the body has a member that this resource does not know");
			return false;
		}
	}
	return true;
}

bool read_cas(struct request *request, const struct json_value *object)
{
	struct json_value cas;

	if (!member(object, "cas", &cas))
		return true;
	request->op.has_cas = json_as_int(&cas, &request->op.cas);
	if (!request->op.has_cas)
		reply_refuse(request, 400, "the member cas must be a whole number");
	return request->op.has_cas;
}

bool read_message(struct request *request, const struct json_value *object)
{
	struct json_value message;

	if (!member(object, "message", &message))
		return true;
	if (message.kind == JSON_SCAN_STRING) {
		struct error failure = ERROR_INIT;

		request->scratch = secret_buf_new(LIMIT_MESSAGE_LEN);
		if (request->scratch)
			json_append_unescaped(request->scratch, json_string_span(&message));
		if (!request->scratch || secret_buf_check(request->scratch, "the message", &failure) == ERR_NO_MEMORY) {
			reply_without_memory(request);
			return false;
		}
		if (failure.code == ERR_OK) {
			request->op.message = secret_buf_text(request->scratch);
			request->op.message_len = secret_buf_len(request->scratch);
			return true;
		}
	}
	reply_refuse(request, 400, "the member message must be a text of at most 1024 bytes");
	return false;
}

/* -- warnings ---------------------------------------------------------------- */

#define WARNING_NAMES 8		/* named; the others are counted */

static void add_names(const struct name_list *names, bool more, const char *what, char *text, size_t size)
{
	const char *name = names->block;
	size_t used;
	int len = snprintf(text, size, "%zu%s of the environments that extend this one %s: ", names->count,
			   more ? " or more" : "", what);

	for (size_t i = 0; i < names->count && i < WARNING_NAMES; i++, name += strlen(name) + 1) {
		used = (size_t)len < size ? (size_t)len : size;
		len += snprintf(text + used, size - used, "%s%.180s", i > 0 ? ", " : "", name);
	}
	used = (size_t)len < size ? (size_t)len : size;
	if (names->count > WARNING_NAMES)
		snprintf(text + used, size - used, ", and %zu other%s", names->count - WARNING_NAMES,
			 plural(names->count - WARNING_NAMES, "", "s"));
}

static void add_warning(struct secret_buf *out, const char *text)
{
	if (secret_buf_len(out) > 0)
		json_emit_raw_n(out, ",", 1);
	json_emit_cstring(out, text);
}

static void add_children(struct request *request, const char *own, struct secret_buf *out)
{
	cleanup_(kv_broken_free) struct kv_broken broken = {0};
	struct error ignored = ERROR_INIT;
	char text[2048] = "";
	size_t used;

	/* The change is made; that its consequences cannot be told is no failure of it. */
	if (kv_broken_children(request->server->vault, &request->caller, &request->target, &broken, &ignored) != ERR_OK)
		error_clear(&ignored);
	if (broken.names.count > 0) {
		used = own[0] != '\0' ? (size_t)snprintf(text, sizeof(text), "%.*s; ", ERROR_TEXT_MAX, own) : 0;
		add_names(&broken.names, broken.more, plural(broken.names.count, "does not resolve", "do not resolve"), text + used,
			  sizeof(text) - used);
		add_warning(out, text);
	} else if (own[0] != '\0') {
		add_warning(out, own);
	}
	if (broken.invalid.count > 0) {
		add_names(&broken.invalid, broken.more, plural(broken.invalid.count, "breaks its schema", "break their schema"), text,
			  sizeof(text));
		add_warning(out, text);
	}
}

struct secret_buf *change_warnings(struct request *request, const char *own, const struct findings *findings, size_t hidden)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(LIMIT_BODY_DATA);

	if (!out)
		return NULL;
	add_children(request, own, out);
	findings_emit_sentences(findings, hidden, out);
	return secret_buf_len(out) > 0 ? take_ptr(out) : NULL;
}

/* The reason is not told: it may name what the caller may not read. A check, which needs read on all of it, tells it. */
const char *change_judge_now(struct request *request, struct findings *findings, size_t *ret_hidden)
{
	cleanup_(error_wipe) struct error reason = ERROR_INIT;
	enum error_code code =
		kv_schema_findings(request->server->vault, &request->caller, &request->target, findings, ret_hidden, &reason);

	/* What is gone has no variables. */
	if (code == ERR_OK || code == ERR_NOT_FOUND)
		return NULL;
	return "it is done, but the variables that are there could not be judged by their schema: a check says why "
	       "(envctl check ENV)";
}

struct secret_buf *change_warnings_now(struct request *request)
{
	cleanup_(findings_free) struct findings findings = { .items = NULL };
	size_t hidden = 0;
	const char *not_judged = change_judge_now(request, &findings, &hidden);

	return change_warnings(request, not_judged ? not_judged : "", &findings, hidden);
}

void reply_warnings(struct request *request, struct secret_buf *warnings)
{
	struct secret_buf *out = warnings ? reply_envelope(request, 200) : NULL;

	if (!warnings) {
		reply_empty(request, 204);
	} else if (out) {
		json_emit_raw(out, "null");
		reply_envelope_end_list(request, warnings);
	}
	secret_buf_free(warnings);
}

/* -- submitting ------------------------------------------------------------- */

static void answer_deleted(struct request *request)
{
	cleanup_(kv_read_result_freep) struct kv_read_result read = {0};
	struct error err = ERROR_INIT;

	if (kv_read(request->server->vault, &request->caller, &request->target, 0, &read, &err) != ERR_OK)
		reply_error(request, &request->err, true);
	else
		reply_deleted(request, &read.version, &read.head);
}

/* Back on the event thread. */
static void answer_failure(struct request *request)
{
	if (request->err.code == ERR_DELETED)
		answer_deleted(request);
	else if (request->err.code == ERR_SCHEMA)
		reply_findings(request, request->err.text, &request->op.findings, request->op.findings_hidden);
	else
		reply_error(request, &request->err, true);
}

static void answer_done(struct request *request)
{
	reply_empty(request, 204);
}

/* On the writer thread, which waits for this. */
static void done(struct vault_op *op, enum error_code outcome, const struct error *err)
{
	struct request *request = op->arg;
	route_handler *then = request->next;

	if (outcome != ERR_OK)
		error_set(&request->err, outcome, "%s", err->text);
	request_resume(request, outcome == ERR_OK ? then : answer_failure);
}

void change_submit(struct request *request, enum kv_change change, route_handler *then)
{
	struct vault_op *op = &request->op;
	struct error err = ERROR_INIT;

	op->change = change;
	op->caller = &request->caller;
	op->target = request->target;
	op->done = done;
	op->arg = request;
	request->op_used = true;
	request->next = then ? then : answer_done;
	/* Suspended first: done() may be called before vault_submit() returns. */
	request_suspend(request);
	if (vault_submit(request->server->vault, op, &err) != ERR_OK) {
		request->err = err;
		request_resume(request, answer_failure);
	}
}
