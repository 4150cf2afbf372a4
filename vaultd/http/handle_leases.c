/* sys/leases, and the older sys/renew and sys/revoke: tokens by the names of their leases. */
#include <stdio.h>
#include <string.h>

#include "core/vault_leases.h"
#include "http/action.h"
#include "http/change.h"
#include "http/emit.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

static void token_info_freep(struct token_info *info)
{
	token_info_free(info);
}

/* Of the path, else of the body. A name of ours needs no escapes. False: the answer is made. */
static bool read_lease_id(struct request *request, struct json_span *ret)
{
	struct json_value body, id;

	if (!body_object(request, &body))
		return false;
	*ret = (struct json_span){ .at = request->rest, .len = strlen(request->rest) };
	if (ret->len == 0 && member(&body, "lease_id", &id) && id.kind == JSON_SCAN_STRING)
		*ret = json_string_span(&id);
	if (ret->len == 0)
		reply_refuse(request, 400, "lease_id must be specified");
	return ret->len > 0;
}

/* False: there is no such lease, unknown is the sentence of a 400, or another answer is made. */
static bool find_lease(struct request *request, struct json_span id, const char *unknown, struct token_info *ret)
{
	struct error err = ERROR_INIT;
	enum error_code code = vault_lease_lookup(request->server->vault, id.at, id.len, ret, &err);

	if (code == ERR_NOT_FOUND)
		reply_refuse(request, 400, unknown);
	else if (code != ERR_OK)
		reply_error(request, &err, false);
	return code == ERR_OK;
}

void handle_lease_lookup(struct request *request)
{
	cleanup_(token_info_freep) struct token_info info = {0};
	struct json_span id;
	struct secret_buf *out;

	if (!read_lease_id(request, &id) || !find_lease(request, id, "invalid lease", &info))
		return;
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"expire_time\":");
	json_emit_time(out, info.record.expires);
	json_emit_raw(out, ",\"id\":");
	json_emit_string(out, id.at, id.len);
	json_emit_raw(out, ",\"issue_time\":");
	json_emit_time(out, info.record.created);
	json_emit_raw(out, ",\"last_renewal\":");
	if (info.record.last_renewal > 0)
		json_emit_time(out, info.record.last_renewal);
	else
		json_emit_raw(out, "null");
	json_emit_raw(out, ",\"renewable\":");
	json_emit_bool(out, (info.record.flags & TOKEN_RENEWABLE) != 0);
	json_emit_raw(out, ",\"ttl\":");
	json_emit_int(out, token_info_ttl(&info));
	json_emit_raw(out, "}");
	reply_envelope_end(request, NULL, false);
}

/* As Vault answers: a token is renewed by itself or by its accessor, which other rights are needed for. */
void handle_lease_renew(struct request *request)
{
	cleanup_(token_info_freep) struct token_info info = {0};
	struct json_span id;

	if (read_lease_id(request, &id) && find_lease(request, id, "lease not found", &info))
		reply_refuse(request, 400, "tokens cannot be renewed through this endpoint");
}

struct revoke_work {
	struct vault_token_revoke revoke;
	char accessor[ACCESSOR_LEN + 1];
};

static void revoke_token(struct request *request, const struct token_info *info)
{
	struct revoke_work *work = request_work(request, sizeof(*work), NULL);

	if (!work)
		return;
	snprintf(work->accessor, sizeof(work->accessor), "%s", info->accessor);
	work->revoke.name = (struct token_name){ .by = TOKEN_BY_ACCESSOR, .text = work->accessor, .len = ACCESSOR_LEN };
	action_begin(request, &work->revoke.action, NULL);
	action_submitted(request, vault_token_revoke(request->server->vault, &work->revoke, &request->err));
}

/* A lease that there is not is revoked already. */
void handle_lease_revoke(struct request *request)
{
	cleanup_(token_info_freep) struct token_info info = {0};
	struct error err = ERROR_INIT;
	struct json_span id;
	enum error_code code;

	if (!read_lease_id(request, &id))
		return;
	code = vault_lease_lookup(request->server->vault, id.at, id.len, &info, &err);
	if (code == ERR_OK)
		revoke_token(request, &info);
	else if (code == ERR_NOT_FOUND)
		reply_empty(request, 204);
	else
		reply_error(request, &err, false);
}

void handle_lease_revoke_prefix(struct request *request)
{
	struct error err = ERROR_INIT;

	if (vault_lease_revoke_prefix(request->server->vault, request->rest, &err) == ERR_OK)
		reply_empty(request, 204);
	else
		reply_error(request, &err, false);
}

void handle_lease_list(struct request *request)
{
	cleanup_(name_list_free) struct name_list list = {0};
	struct error err = ERROR_INIT;

	if (vault_lease_list(request->server->vault, request->rest, &list, &err) != ERR_OK) {
		reply_error(request, &err, true);
		return;
	}
	reply_keys(request, &list);
}
