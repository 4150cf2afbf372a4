/* auth/token: lookups, renewals, revocations. */
#include <jansson.h>
#include <string.h>

#include "core/vault_tokens.h"
#include "http/action.h"
#include "http/emit.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "http/params.h"
#include "vault/json_emit.h"
#include "vault/safe_json.h"

static void token_info_freep(struct token_info *info)
{
	token_info_free(info);
}

/* -- which token --------------------------------------------------------------- */

static struct token_name self_of(const struct request *request)
{
	return (struct token_name){ .by = TOKEN_BY_TEXT, .self = true, .text = request->head.token, .len = request->head.token_len };
}

/* Peers have no token that could be renewed or revoked. */
static bool has_token(struct request *request)
{
	if (request->caller.kind == CALLER_TOKEN)
		return true;
	reply_refuse(request, 400, "you come over the Unix socket without a token: there is none to act on");
	return false;
}

/* The member that names a token. False: 400 is the answer. */
static bool read_name(struct request *request, const json_t *body, bool by_accessor, struct token_name *ret)
{
	struct error err = ERROR_INIT;
	struct text_span text;

	if (params_text(body, by_accessor ? "accessor" : "token", &text, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return false;
	}
	if (text.len == 0) {
		reply_refuse(request, 400, by_accessor ? "missing accessor" : "missing token ID");
		return false;
	}
	*ret = (struct token_name){ .by = by_accessor ? TOKEN_BY_ACCESSOR : TOKEN_BY_TEXT, .text = text.at, .len = text.len };
	return true;
}

/* -- looking up ------------------------------------------------------------------ */

static void emit_times(struct secret_buf *out, const struct token_info *info)
{
	const struct token_record *record = &info->record;

	json_emit_raw(out, "\"creation_time\":");
	json_emit_int(out, record->created / 1000000);
	json_emit_raw(out, ",\"creation_ttl\":");
	json_emit_int(out, record->creation_ttl);
	json_emit_raw(out, ",\"expire_time\":");
	if (record->expires != 0)
		json_emit_time(out, record->expires);
	else
		json_emit_raw(out, "null");
	json_emit_raw(out, ",\"explicit_max_ttl\":");
	json_emit_int(out, record->explicit_max_ttl);
	json_emit_raw(out, ",\"issue_time\":");
	json_emit_time(out, record->created);
	json_emit_raw(out, ",\"ttl\":");
	json_emit_int(out, token_info_ttl(info));
	if (record->period > 0) {
		json_emit_raw(out, ",\"period\":");
		json_emit_uint(out, record->period);
	}
	if (record->last_renewal > 0) {
		json_emit_raw(out, ",\"last_renewal\":");
		json_emit_time(out, record->last_renewal);
		json_emit_raw(out, ",\"last_renewal_time\":");
		json_emit_int(out, record->last_renewal / 1000000);
	}
}

static void emit_token(struct secret_buf *out, const struct token_info *info, const struct token_name *name)
{
	const struct token_record *record = &info->record;
	bool shown = name->by == TOKEN_BY_TEXT;

	json_emit_raw(out, "{\"accessor\":");
	json_emit_cstring(out, info->batch ? "" : info->accessor);
	json_emit_raw(out, ",");
	emit_times(out, info);
	json_emit_raw(out, ",\"display_name\":");
	json_emit_string(out, record->display.at, record->display.len);
	json_emit_raw(out, ",\"entity_id\":\"\",\"id\":");
	json_emit_string(out, shown ? name->text : "", shown ? name->len : 0);
	json_emit_raw(out, ",\"meta\":");
	emit_pairs(out, record->meta, record->meta_len);
	json_emit_raw(out, ",\"num_uses\":");
	json_emit_uint(out, record->uses_left == TOKEN_SPENT ? 0 : record->uses_left);
	json_emit_raw(out, ",\"orphan\":");
	json_emit_bool(out, record->flags & TOKEN_ORPHAN);
	json_emit_raw(out, ",\"path\":");
	json_emit_string(out, record->path.at, record->path.len);
	json_emit_raw(out, ",\"policies\":");
	emit_texts(out, record->policies, record->policies_len);
	json_emit_raw(out, ",\"renewable\":");
	json_emit_bool(out, record->flags & TOKEN_RENEWABLE);
	if (info->role[0] != '\0') {
		json_emit_raw(out, ",\"role\":");
		json_emit_cstring(out, info->role);
	}
	if (record->cidrs_len > 0) {
		json_emit_raw(out, ",\"bound_cidrs\":");
		emit_texts(out, record->cidrs, record->cidrs_len);
	}
	json_emit_raw(out, info->batch ? ",\"type\":\"batch\"}" : ",\"type\":\"service\"}");
}

/* unknown: status and sentence for a token that there is not. */
static void look_up(struct request *request, const struct token_name *name, int unknown_status, const char *unknown)
{
	cleanup_(token_info_freep) struct token_info info = { 0 };
	struct error err = ERROR_INIT;
	enum error_code code = vault_token_lookup(request->server->vault, name, &info, &err);
	struct secret_buf *out;

	if (code == ERR_NOT_FOUND) {
		reply_refuse(request, unknown_status, unknown);
		return;
	}
	if (code != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	emit_token(out, &info, name);
	reply_envelope_end(request, NULL, false);
}

static void answer_peer(struct request *request)
{
	const struct caller *caller = &request->caller;
	struct secret_buf *out = reply_envelope(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "{\"accessor\":\"\",\"creation_time\":0,\"creation_ttl\":0,\"display_name\":");
	json_emit_cstring(out, caller->display);
	json_emit_raw(out, ",\"entity_id\":\"\",\"expire_time\":null,\"explicit_max_ttl\":0,\"id\":\"\",\"issue_time\":\"\","
			   "\"meta\":null,\"num_uses\":0,\"orphan\":true,\"path\":");
	json_emit_cstring(out, caller->path);
	json_emit_raw(out, caller->root ? ",\"policies\":[\"root\"]" : ",\"policies\":[]");
	json_emit_raw(out, ",\"renewable\":false,\"ttl\":0,\"type\":\"service\"}");
	reply_envelope_end(request, NULL, false);
}

void handle_lookup_self(struct request *request)
{
	struct token_name name = self_of(request);
	struct error err = ERROR_INIT;

	if (request->caller.kind != CALLER_TOKEN)
		answer_peer(request);
	else if (vault_authorize(request->server->vault, &request->caller, CAP_READ, "auth/token/lookup-self", &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		look_up(request, &name, 403, "permission denied");
}

void handle_token_lookup(struct request *request)
{
	cleanup_(safe_json_decrefp) json_t *body = NULL;
	struct token_name name;

	if (params_body(request, &body) && read_name(request, body, false, &name))
		look_up(request, &name, 403, "bad token");
}

void handle_token_lookup_accessor(struct request *request)
{
	cleanup_(safe_json_decrefp) json_t *body = NULL;
	struct token_name name;

	if (params_body(request, &body) && read_name(request, body, true, &name))
		look_up(request, &name, 400, "invalid accessor");
}

/* -- renewing ------------------------------------------------------------------------ */

struct renew_work {
	struct vault_token_renew renew;
	json_t *body;
};

static void wipe_renew(void *work)
{
	struct renew_work *renewing = work;

	token_grant_free(&renewing->renew.grant);
	json_decref(renewing->body);
}

static void answer_renewed(struct request *request)
{
	const struct renew_work *work = request->work;

	reply_auth(request, &work->renew.grant);
}

static struct renew_work *begin_renew(struct request *request)
{
	struct renew_work *work = request_work(request, sizeof(*work), wipe_renew);
	struct error err = ERROR_INIT;

	if (!work || !params_body(request, &work->body))
		return NULL;
	if (safe_json_duration(work->body, "increment", &work->renew.increment, &err) == ERR_OK)
		return work;
	reply_error(request, &err, false);
	return NULL;
}

static void renew_named(struct request *request, struct renew_work *work)
{
	action_begin(request, &work->renew.action, answer_renewed);
	action_submitted(request, vault_token_renew(request->server->vault, &work->renew, &request->err));
}

void handle_token_renew_self(struct request *request)
{
	struct renew_work *work;

	if (!has_token(request) || !(work = begin_renew(request)))
		return;
	work->renew.name = self_of(request);
	renew_named(request, work);
}

void handle_token_renew(struct request *request)
{
	struct renew_work *work = begin_renew(request);

	if (work && read_name(request, work->body, false, &work->renew.name))
		renew_named(request, work);
}

void handle_token_renew_accessor(struct request *request)
{
	struct renew_work *work = begin_renew(request);

	if (work && read_name(request, work->body, true, &work->renew.name))
		renew_named(request, work);
}

/* -- revoking --------------------------------------------------------------------------- */

struct revoke_work {
	struct vault_token_revoke revoke;
	json_t *body;
};

static void wipe_revoke(void *work)
{
	json_decref(((struct revoke_work *)work)->body);
}

static void revoke_named(struct request *request, struct revoke_work *work)
{
	action_begin(request, &work->revoke.action, NULL);
	action_submitted(request, vault_token_revoke(request->server->vault, &work->revoke, &request->err));
}

static struct revoke_work *begin_revoke(struct request *request)
{
	struct revoke_work *work = request_work(request, sizeof(*work), wipe_revoke);

	return work && params_body(request, &work->body) ? work : NULL;
}

void handle_token_revoke_self(struct request *request)
{
	struct revoke_work *work;

	if (!has_token(request) || !(work = begin_revoke(request)))
		return;
	work->revoke.name = self_of(request);
	revoke_named(request, work);
}

void handle_token_revoke(struct request *request)
{
	struct revoke_work *work = begin_revoke(request);

	if (work && read_name(request, work->body, false, &work->revoke.name))
		revoke_named(request, work);
}

void handle_token_revoke_accessor(struct request *request)
{
	struct revoke_work *work = begin_revoke(request);

	if (work && read_name(request, work->body, true, &work->revoke.name))
		revoke_named(request, work);
}

/* On the slow worker: one commit after the other. */
void handle_token_revoke_orphan(struct request *request)
{
	cleanup_(safe_json_decrefp) json_t *body = NULL;
	struct error err = ERROR_INIT;
	struct token_name name;
	enum error_code code;

	if (!params_body(request, &body) || !read_name(request, body, false, &name))
		return;
	code = vault_token_revoke_orphan(request->server->vault, &name, &err);
	if (code == ERR_OK)
		reply_empty(request, 204);
	else if (code == ERR_NOT_FOUND)
		reply_refuse(request, 400, "token to revoke not found");
	else
		reply_error(request, &err, false);
}
