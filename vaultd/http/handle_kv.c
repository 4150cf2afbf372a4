/* data/, delete/, undelete/, destroy/, subkeys/: what Vault's KV version 2 does with values. */
#include <stdlib.h>
#include <string.h>

#include "http/change.h"
#include "http/emit.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

/* -- reading ----------------------------------------------------------------- */

static bool read_revision(struct request *request, struct kv_read_result *ret)
{
	struct error err = ERROR_INIT;
	uint64_t revision;

	if (!request_arg_uint(request, "version", 0, INT64_MAX, &revision) || !request_target(request, false))
		return false;
	if (kv_read(request->server->vault, &request->caller, &request->target, revision, ret, &err) != ERR_OK) {
		reply_error(request, &err, true);
		return false;
	}
	if (!ret->readable)
		reply_deleted(request, &ret->version, &ret->head);
	return ret->readable;
}

void handle_data_read(struct request *request)
{
	cleanup_(kv_read_result_freep) struct kv_read_result read = {0};
	struct secret_buf *out;

	if (!read_revision(request, &read))
		return;
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"data\":");
	emit_variables(out, read.revision.variables, read.revision.variables_len);
	json_emit_raw(out, ",\"metadata\":{");
	emit_version(out, &read.version, &read.head);
	json_emit_raw(out, "}}");
	reply_envelope_end(request, NULL, false);
}

/* Names of nested objects down to the depth (0: all), values null. The nesting was bounded when it was written. */
static void emit_subkeys(struct secret_buf *out, const struct json_value *object, uint64_t depth, uint64_t level)
{
	struct json_member found;
	size_t cursor = 0;
	bool first = true;

	json_emit_raw(out, "{");
	while (json_next_member(object, &cursor, &found)) {
		if (!first)
			json_emit_raw(out, ",");
		first = false;
		json_emit_raw(out, "\"");
		json_emit_raw_n(out, found.name.at, found.name.len);
		json_emit_raw(out, "\":");
		if (found.value.kind == JSON_SCAN_OBJECT && json_count(&found.value) > 0 && (depth == 0 || level < depth))
			emit_subkeys(out, &found.value, depth, level + 1);
		else
			json_emit_raw(out, "null");
	}
	json_emit_raw(out, "}");
}

void handle_subkeys(struct request *request)
{
	cleanup_(kv_read_result_freep) struct kv_read_result read = {0};
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(8u * LIMIT_REVISION_PLAIN);
	struct error err = ERROR_INIT;
	struct json_value root;
	struct secret_buf *out;
	uint64_t depth;

	if (!request_arg_uint(request, "depth", 0, LIMIT_JSON_DEPTH, &depth) || !read_revision(request, &read) || !text)
		return;
	emit_variables(text, read.revision.variables, read.revision.variables_len);
	if (secret_buf_check(text, "the environment", &err) != ERR_OK ||
	    json_scan(secret_buf_text(text), secret_buf_len(text), &root, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"subkeys\":");
	emit_subkeys(out, &root, depth, 1);
	json_emit_raw(out, ",\"metadata\":{");
	emit_version(out, &read.version, &read.head);
	json_emit_raw(out, "}}");
	reply_envelope_end(request, NULL, false);
}

/* -- writing ----------------------------------------------------------------- */

static void answer_version(struct request *request)
{
	const struct vault_op *op = &request->op;
	cleanup_(secret_buf_freep) struct secret_buf *warnings =
		change_warnings(request, op->warning, &op->findings, op->findings_hidden);
	struct secret_buf *out = reply_envelope(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "{");
	emit_version(out, &op->result, &op->head);
	json_emit_raw(out, "}");
	reply_envelope_end_list(request, warnings);
}

/* A list of names among the options; its elements are core's to look at. */
static bool read_names(struct request *request, const struct json_value *options, const char *name,
		       struct json_value *ret, bool *ret_has)
{
	*ret_has = member(options, name, ret);
	if (!*ret_has || ret->kind == JSON_SCAN_ARRAY)
		return true;
	reply_refuse(request, 400, "the options templates and unset must be lists of names");
	return false;
}

static bool read_kinds(struct request *request, const struct json_value *options)
{
	struct kv_kinds *kinds = &request->op.kinds;

	return read_names(request, options, "templates", &kinds->templates, &kinds->has_templates) &&
	       read_names(request, options, "unset", &kinds->unset, &kinds->has_unset);
}

/* {"data": {...}, "options": {"cas": n, "message": "...", "templates": [...], "unset": [...]}};
 * other members are Vault's clients' and ignored. */
static bool read_data(struct request *request)
{
	struct json_value body, options;

	if (!body_object(request, &body))
		return false;
	if (!member(&body, "data", &request->op.data)) {
		reply_refuse(request, 400, "no data provided");
		return false;
	}
	if (request->op.data.kind != JSON_SCAN_OBJECT) {
		reply_refuse(request, 400, "the member data must be an object");
		return false;
	}
	if (!member(&body, "options", &options))
		return true;
	if (options.kind != JSON_SCAN_OBJECT) {
		reply_refuse(request, 400, "the member options must be an object");
		return false;
	}
	return read_cas(request, &options) && read_message(request, &options) && read_kinds(request, &options);
}

void handle_data_write(struct request *request)
{
	if (request_target(request, false) && read_data(request))
		change_submit(request, KV_PUT, answer_version);
}

void handle_data_patch(struct request *request)
{
	if (request_is_merge_patch(request) && request_target(request, false) && read_data(request))
		change_submit(request, KV_PATCH, answer_version);
}

void handle_data_delete(struct request *request)
{
	if (request_target(request, false))
		change_submit(request, KV_DELETE, NULL);
}

void handle_rollback(struct request *request)
{
	static const char *const allowed[] = { "revision", "cas", "message", NULL };
	static const char *const no_arguments[] = { NULL };
	struct json_value body, revision;
	int64_t number;

	if (!request_args_only(request, no_arguments) || !request_target(request, true) || !body_object(request, &body) ||
	    !members_only(request, &body, allowed) || !read_cas(request, &body) || !read_message(request, &body))
		return;
	if (!member(&body, "revision", &revision) || !json_as_int(&revision, &number) || number < 1) {
		reply_refuse(request, 400, "the member revision must be the number of a revision, 1 or higher");
		return;
	}
	request->op.revision = (uint64_t)number;
	change_submit(request, KV_ROLLBACK, answer_version);
}

/* -- lists of versions --------------------------------------------------------- */

static bool add_revision(struct request *request, const struct json_value *element)
{
	return request->op.revisions_len < LIMIT_MAX_VERSIONS &&
	       json_as_int(element, &request->revisions[request->op.revisions_len++]);
}

/* "1,2,3", as Vault takes lists; spaces around the numbers are allowed. */
static bool add_from_text(struct request *request, struct json_span text)
{
	const char *at = text.at, *end = text.at + text.len;

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *stop = comma ? comma : end;
		struct json_value number = { .kind = JSON_SCAN_NUMBER };

		while (at < stop && *at == ' ')
			at++;
		number.raw = (struct json_span){ .at = at, .len = (size_t)(stop - at) };
		while (number.raw.len > 0 && at[number.raw.len - 1] == ' ')
			number.raw.len--;
		if (number.raw.len == 0 || !add_revision(request, &number))
			return false;
		at = comma ? comma + 1 : end;
	}
	return true;
}

static bool add_from_list(struct request *request, const struct json_value *versions)
{
	struct json_value element;
	size_t cursor = 0;

	if (versions->kind == JSON_SCAN_STRING)
		return !versions->escaped && add_from_text(request, json_string_span(versions));
	if (versions->kind == JSON_SCAN_NUMBER)
		return add_revision(request, versions);
	if (versions->kind != JSON_SCAN_ARRAY)
		return false;
	while (json_next_element(versions, &cursor, &element))
		if (!add_revision(request, &element))
			return false;
	return true;
}

static void change_revisions(struct request *request, enum kv_change change, route_handler *then)
{
	struct json_value body, versions;

	if (!request_target(request, false) || !body_object(request, &body))
		return;
	request->revisions = calloc(LIMIT_MAX_VERSIONS, sizeof(*request->revisions));
	if (!request->revisions) {
		reply_without_memory(request);
		return;
	}
	request->op.revisions = request->revisions;
	if (member(&body, "versions", &versions) && !add_from_list(request, &versions))
		reply_refuse(request, 400, "the member versions must be a list of at most 1000 whole numbers");
	else if (request->op.revisions_len == 0)
		reply_refuse(request, 400, "No version number provided");
	else
		change_submit(request, change, then);
}

void handle_delete_revisions(struct request *request)
{
	change_revisions(request, KV_DELETE_REVISIONS, NULL);
}

/* What comes back is what was there; what the schema says of it by now is no reason to refuse it. */
static void answer_undeleted(struct request *request)
{
	reply_warnings(request, change_warnings_now(request));
}

void handle_undelete(struct request *request)
{
	change_revisions(request, KV_UNDELETE, answer_undeleted);
}

void handle_destroy(struct request *request)
{
	change_revisions(request, KV_DESTROY, NULL);
}
