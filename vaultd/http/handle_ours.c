/* What Vault does not have: resolve, history, diff, settings. (rollback is a write, in handle_kv.c.) */
#include <stdio.h>
#include <string.h>

#include "core/vault_tokens.h"
#include "http/change.h"
#include "http/emit.h"
#include "http/etag.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "http/rights.h"
#include "vault/clock.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

#define HISTORY_DEFAULT 20

/* -- resolve ------------------------------------------------------------------- */

static void emit_origins(struct secret_buf *out, const struct request *request, const struct kv_resolved *resolved)
{
	const struct text_span own = { .at = request->env.text, .len = request->env.len };
	bool first = true;

	json_emit_raw(out, ",\"origins\":{");
	for (size_t i = 0; i < resolved->variables_len; i++) {
		const struct variable *variable = &resolved->variables[i];
		const struct text_span *origin = resolved->origins ? &resolved->origins[i] : &own;

		if (variable->kind == KIND_UNSET)
			continue;
		if (!first)
			json_emit_raw_n(out, ",", 1);
		first = false;
		json_emit_string(out, variable->name.at, variable->name.len);
		json_emit_raw(out, ":{\"environment\":");
		json_emit_string(out, origin->at, origin->len);
		json_emit_raw(out, ",\"revision\":");
		json_emit_uint(out, variable->changed_revision);
		json_emit_raw(out, ",\"version\":");
		json_emit_uint(out, variable->version);
		if (variable->kind == KIND_TEMPLATE)
			json_emit_raw(out, ",\"template\":true");
		json_emit_raw_n(out, "}", 1);
	}
	json_emit_raw_n(out, "}", 1);
}

static void emit_allow_names(struct secret_buf *out, const struct kv_resolved *resolved)
{
	json_emit_raw(out, "\"allow_names\":[");
	for (size_t i = 0; i < resolved->allow_names_len; i++) {
		if (i > 0)
			json_emit_raw_n(out, ",", 1);
		json_emit_cstring(out, resolved->allow_names[i]);
	}
	json_emit_raw(out, "]");
}

static void answer_resolved(struct request *request, const struct kv_resolved *resolved, bool origins)
{
	const struct kv_read_result *read = &resolved->read;
	struct secret_buf *out = reply_envelope(request, 200);

	if (!out)
		return;
	reply_etag(request, resolved->etag);
	/* One allocation for the ordinary case: text grows a little by quotes and escapes. */
	(void)secret_buf_reserve(out, secret_buf_len(read->plain) * (origins ? 3 : 1) + 1024);
	json_emit_raw(out, "{\"environment\":");
	json_emit_string(out, request->env.text, request->env.len);
	json_emit_raw(out, ",\"revision\":");
	json_emit_uint(out, read->version.revision);
	json_emit_raw(out, ",\"created_time\":");
	json_emit_time(out, read->version.created);
	json_emit_raw(out, ",\"variables\":");
	emit_variables(out, resolved->variables, resolved->variables_len);
	if (origins)
		emit_origins(out, request, resolved);
	json_emit_raw_n(out, ",", 1);
	emit_allow_names(out, resolved);
	json_emit_raw_n(out, "}", 1);
	reply_envelope_end(request, NULL, false);
}

struct resolve_arguments {
	uint64_t revision;
	bool origins;
	int64_t wait_s;
};

static bool read_arguments(struct request *request, struct resolve_arguments *ret)
{
	static const char *const allowed[] = { "revision", "origins", "wait", NULL };
	const char *origins = canon_path_arg(&request->path, "origins"), *wait = canon_path_arg(&request->path, "wait");

	*ret = (struct resolve_arguments){ .origins = true };
	if (!request_args_only(request, allowed) || !request_arg_uint(request, "revision", 0, INT64_MAX, &ret->revision))
		return false;
	if (origins && strcmp(origins, "false") != 0 && strcmp(origins, "true") != 0) {
		reply_refuse(request, 400, "the argument origins must be true or false");
		return false;
	}
	ret->origins = !origins || strcmp(origins, "true") == 0;
	if (wait && (!duration_parse(wait, strlen(wait), &ret->wait_s) || ret->wait_s < 0 || ret->wait_s > LIMIT_WAIT_SECONDS)) {
		reply_refuse(request, 400, "the argument wait must be a duration from 0s to 300s");
		return false;
	}
	return true;
}

/* What this request waits to see changed: what the client has, else what there is now. */
static void remember_etag(struct request *request, const char *etag)
{
	if (request->wait_etag[0] == '\0')
		snprintf(request->wait_etag, sizeof(request->wait_etag), "%s", etag);
}

/* Whether the answer is this state, or the request waits on. */
static bool is_due(const struct request *request, const char *etag)
{
	if (request->head.if_none_match)
		return !etag_matches(request->head.if_none_match, etag);
	return strcmp(request->wait_etag, etag) != 0;
}

static bool may_wait_on(const struct request *request)
{
	return clock_system.monotonic_us(clock_system.arg) < request->wait_until_us &&
	       !atomic_load(&request->server->draining) && !request->waiter.gone;
}

/* One read. True: the request is to wait, for changes of these as well. Else the answer is made. */
static bool resolve_once(struct request *request, const struct resolve_arguments *arguments, struct name_list *ret_touched)
{
	cleanup_(kv_resolved_freep) struct kv_resolved resolved = {0};
	struct error err = ERROR_INIT;

	if (request->wait_until_us != 0 && !rights_again(request))
		return false;
	if (kv_resolve(request->server->vault, &request->caller, &request->target, arguments->revision, &resolved, &err) !=
	    ERR_OK) {
		reply_error(request, &err, false);
		return false;
	}
	if (request->wait_until_us != 0) {
		remember_etag(request, resolved.etag);
		if (!is_due(request, resolved.etag) && may_wait_on(request)) {
			*ret_touched = resolved.touched;
			resolved.touched = (struct name_list){0};
			return true;
		}
	}
	if (etag_matches(request->head.if_none_match, resolved.etag))
		reply_not_modified(request, resolved.etag);
	else
		answer_resolved(request, &resolved, arguments->origins);
	return false;
}

static bool begin_to_wait(struct request *request, const struct resolve_arguments *arguments)
{
	if (request->wait_until_us == 0) {
		request->wait_until_us = clock_system.monotonic_us(clock_system.arg) + arguments->wait_s * 1000000;
		connection_set_deadline(request->connection, arguments->wait_s + DEADLINE_REQUEST_SECONDS);
		connection_set_waiting(request->connection, true);
	}
	if (waiters_add(request->server->waiters, request, request->wait_until_us))
		return true;
	if (may_wait_on(request)) {
		reply_busy(request, "too many blocked reads; try again later or without wait");
		return false;
	}
	return true;	/* the daemon stops: one last read, without waiting */
}

/*
 * Called again, from the beginning, each time that something changed. What was touched is known only after a read, and what
 * changed there during it was not seen: with a set that was not watched yet, it is read once more.
 */
static bool wait_for_change(struct request *request, const struct resolve_arguments *arguments)
{
	struct waiters *waiters = request->server->waiters;

	for (;;) {
		cleanup_(name_list_free) struct name_list touched = {0};

		if (!begin_to_wait(request, arguments) || !resolve_once(request, arguments, &touched))
			return false;
		if (waiters_watch(waiters, request, &touched) && waiters_arm(waiters, request))
			return true;
	}
}

static void token_info_freep(struct token_info *info)
{
	token_info_free(info);
}

/* Who has waited may have lost the token meanwhile: then what has changed since is not for him. */
static bool is_still_known(struct request *request)
{
	const struct token_name self = {
		.by = TOKEN_BY_TEXT,
		.self = true,
		.text = request->head.token,
		.len = request->head.token_len,
	};
	cleanup_(token_info_freep) struct token_info info = { 0 };
	struct error err = ERROR_INIT;
	enum error_code code = ERR_OK;

	if (request->wait_until_us != 0 && request->caller.kind == CALLER_TOKEN)
		code = vault_token_lookup(request->server->vault, &self, &info, &err);
	if (code == ERR_NOT_FOUND)
		reply_refuse(request, 403, "permission denied");
	else if (code != ERR_OK)
		reply_error(request, &err, false);
	return code == ERR_OK;
}

void handle_resolve(struct request *request)
{
	cleanup_(name_list_free) struct name_list ignored = {0};
	struct resolve_arguments arguments;

	if (!read_arguments(request, &arguments) || !request_target(request, true))
		return;
	if (arguments.wait_s == 0) {
		(void)resolve_once(request, &arguments, &ignored);
		return;
	}
	if (is_still_known(request) && wait_for_change(request, &arguments))
		return;
	waiters_remove(request->server->waiters, request);
	connection_set_waiting(request->connection, false);
	connection_set_deadline(request->connection, DEADLINE_REQUEST_SECONDS);
}

/* -- history ---------------------------------------------------------------------- */

static void emit_names(struct secret_buf *out, const char *key, const struct name_list *list)
{
	const char *name = list->block;

	json_emit_raw(out, ",");
	json_emit_key(out, key);
	json_emit_raw(out, "[");
	for (size_t i = 0; i < list->count; i++, name += strlen(name) + 1) {
		if (i > 0)
			json_emit_raw(out, ",");
		json_emit_cstring(out, name);
	}
	json_emit_raw(out, "]");
}

static void emit_history_entry(struct secret_buf *out, const struct kv_history_entry *entry)
{
	json_emit_raw(out, "{\"revision\":");
	json_emit_uint(out, entry->version.revision);
	json_emit_raw(out, ",\"created_time\":");
	json_emit_time(out, entry->version.created);
	json_emit_raw(out, ",\"deletion_time\":");
	json_emit_time(out, entry->version.deletion);
	json_emit_raw(out, ",\"destroyed\":");
	json_emit_bool(out, entry->version.destroyed);
	json_emit_raw(out, ",\"actor\":");
	json_emit_cstring(out, entry->actor);
	json_emit_raw(out, ",\"accessor\":");
	json_emit_cstring(out, entry->accessor);
	json_emit_raw(out, ",\"message\":");
	json_emit_cstring(out, entry->message);
	emit_names(out, "added", &entry->added);
	emit_names(out, "changed", &entry->changed);
	emit_names(out, "removed", &entry->removed);
	json_emit_raw(out, ",\"baseline\":");
	json_emit_bool(out, entry->baseline);
	json_emit_raw(out, "}");
}

void handle_history(struct request *request)
{
	static const char *const allowed[] = { "limit", "before", "name", NULL };
	cleanup_(kv_history_free) struct kv_history history = {0};
	const char *name = canon_path_arg(&request->path, "name");
	struct error err = ERROR_INIT;
	uint64_t limit, before;
	struct secret_buf *out;

	if (!request_args_only(request, allowed) || !request_target(request, true) ||
	    !request_arg_uint(request, "limit", HISTORY_DEFAULT, LIMIT_MAX_VERSIONS, &limit) ||
	    !request_arg_uint(request, "before", 0, INT64_MAX, &before))
		return;
	if (kv_history(request->server->vault, &request->caller, &request->target, name && name[0] != '\0' ? name : NULL, before,
		       limit == 0 ? HISTORY_DEFAULT : (size_t)limit, &history, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"revisions\":[");
	for (size_t i = 0; i < history.len; i++) {
		if (i > 0)
			json_emit_raw(out, ",");
		emit_history_entry(out, &history.entries[i]);
	}
	json_emit_raw(out, "]}");
	reply_envelope_end(request, NULL, false);
}

/* -- diff --------------------------------------------------------------------------- */

static void emit_diff(struct secret_buf *out, const struct kv_diff *diff)
{
	static const char *const words[] = { [DIFF_ADDED] = "added", [DIFF_REMOVED] = "removed", [DIFF_CHANGED] = "changed" };

	json_emit_raw(out, "{\"from\":");
	json_emit_uint(out, diff->from_revision);
	json_emit_raw(out, ",\"to\":");
	json_emit_uint(out, diff->to_revision);
	json_emit_raw(out, ",\"changes\":[");
	for (size_t i = 0; i < diff->len; i++) {
		const struct kv_diff_entry *entry = &diff->entries[i];

		json_emit_raw(out, i == 0 ? "{\"name\":" : ",{\"name\":");
		json_emit_string(out, entry->name, entry->name_len);
		json_emit_raw(out, ",\"change\":");
		json_emit_cstring(out, words[entry->change]);
		json_emit_raw(out, ",\"from_revision\":");
		json_emit_uint(out, entry->from_changed_revision);
		json_emit_raw(out, ",\"to_revision\":");
		json_emit_uint(out, entry->to_changed_revision);
		json_emit_raw(out, "}");
	}
	json_emit_raw(out, "],\"unchanged\":");
	json_emit_uint(out, diff->unchanged);
	json_emit_raw(out, "}");
}

/* Without `from`, a diff is of the last change: the revision before `to`. */
static bool revision_before(struct request *request, uint64_t to, uint64_t *ret)
{
	cleanup_(kv_read_result_freep) struct kv_read_result read = {0};
	struct error err = ERROR_INIT;

	if (to == 0) {
		if (kv_read_metadata(request->server->vault, &request->caller, &request->target, &read, &err) != ERR_OK) {
			reply_error(request, &err, false);
			return false;
		}
		to = read.head.current;
	}
	if (to < 2) {
		reply_refuse(request, 400, "there is no revision before this one to compare with");
		return false;
	}
	*ret = to - 1;
	return true;
}

/* The other environment of the comparison, of the same mount; the same one when none is named. */
static bool read_other(struct request *request, struct env_path *other, char *path, size_t path_size, struct kv_target *ret)
{
	const char *name = canon_path_arg(&request->path, "to_environment");
	struct error err = ERROR_INIT;

	*ret = request->target;
	if (!name || name[0] == '\0')
		return true;
	if (env_path_parse(name, strlen(name), other, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return false;
	}
	snprintf(path, path_size, "%sdata/%s", request->mount.path, other->text);
	ret->path = other;
	ret->api_path = path;
	return true;
}

void handle_diff(struct request *request)
{
	static const char *const allowed[] = { "from", "to", "to_environment", NULL };
	cleanup_(kv_diff_free) struct kv_diff diff = {0};
	char path[sizeof(request->data_path)];
	struct error err = ERROR_INIT;
	struct env_path other;
	struct kv_target to_target;
	struct secret_buf *out;
	uint64_t from, to;

	if (!request_args_only(request, allowed) || !request_target(request, true) ||
	    !request_arg_uint(request, "from", 0, INT64_MAX, &from) || !request_arg_uint(request, "to", 0, INT64_MAX, &to) ||
	    !read_other(request, &other, path, sizeof(path), &to_target))
		return;
	if (!canon_path_arg(&request->path, "from") && to_target.path == request->target.path &&
	    !revision_before(request, to, &from))
		return;
	if (kv_diff(request->server->vault, &request->caller, &request->target, from, &to_target, to, &diff, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	emit_diff(out, &diff);
	reply_envelope_end(request, NULL, false);
}

/* -- settings ------------------------------------------------------------------------- */

static void emit_parents(struct secret_buf *out, const struct head_record *head)
{
	json_emit_raw(out, ",\"parents\":[");
	for (size_t i = 0; i < head->parents_len; i++) {
		if (i > 0)
			json_emit_raw(out, ",");
		json_emit_string(out, head->parents[i].at, head->parents[i].len);
	}
	json_emit_raw(out, "]");
}

/* The names of the current revision that are of a kind which data/ does not show. */
static void emit_kind(struct secret_buf *out, const char *key, const struct revision_record *revision,
		      enum variable_kind kind)
{
	bool first = true;

	json_emit_raw(out, ",");
	json_emit_key(out, key);
	json_emit_raw(out, "[");
	for (size_t i = 0; i < revision->variables_len; i++) {
		if (revision->variables[i].kind != kind)
			continue;
		if (!first)
			json_emit_raw(out, ",");
		first = false;
		json_emit_string(out, revision->variables[i].name.at, revision->variables[i].name.len);
	}
	json_emit_raw(out, "]");
}

void handle_settings_read(struct request *request)
{
	static const char *const allowed[] = { "revision", NULL };
	cleanup_(kv_resolved_freep) struct kv_resolved settings = {0};
	struct error err = ERROR_INIT;
	struct secret_buf *out;
	uint64_t revision;

	if (!request_args_only(request, allowed) || !request_target(request, true) ||
	    !request_arg_uint(request, "revision", 0, INT64_MAX, &revision))
		return;
	if (kv_settings_read(request->server->vault, &request->caller, &request->target, revision, &settings, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{");
	emit_allow_names(out, &settings);
	emit_parents(out, &settings.read.head);
	emit_kind(out, "templates", &settings.read.revision, KIND_TEMPLATE);
	emit_kind(out, "unset", &settings.read.revision, KIND_UNSET);
	json_emit_raw(out, "}");
	reply_envelope_end(request, NULL, false);
}

void handle_settings_write(struct request *request)
{
	static const char *const no_arguments[] = { NULL };
	struct error err = ERROR_INIT;
	struct json_value body;

	if (!request_args_only(request, no_arguments) || !request_target(request, true) || !body_object(request, &body))
		return;
	if (kv_settings_write(request->server->vault, &request->caller, &request->target, &body, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		reply_warnings(request, change_warnings_now(request));
}
