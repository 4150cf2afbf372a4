/* sys/rekey: a new root key, as Vault's clients ask for it; core/ does it. Everything here runs on the worker. */
#include <stdlib.h>
#include <string.h>

#include "core/vault_slots.h"
#include "http/emit_keys.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "http/presented.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/safe_json.h"

#define ONE_KEY_LEN 32

static void emit_flag(struct secret_buf *out, const char *name, bool value)
{
	json_emit_key(out, name);
	json_emit_bool(out, value);
	json_emit_raw(out, ",");
}

static void emit_number(struct secret_buf *out, const char *name, unsigned value)
{
	json_emit_key(out, name);
	json_emit_uint(out, value);
	json_emit_raw(out, ",");
}

static void answer_status(struct request *request, const struct rekey_status *status)
{
	struct secret_buf *out = reply_bare(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "{");
	emit_flag(out, "started", status->started);
	emit_flag(out, "verification_required", status->verify);
	emit_number(out, "t", status->threshold);
	emit_number(out, "n", status->shares);
	emit_number(out, "progress", status->progress);
	emit_number(out, "required", status->required);
	json_emit_raw(out, "\"nonce\":");
	json_emit_cstring(out, status->nonce);
	json_emit_raw(out, ",\"verification_nonce\":");
	json_emit_cstring(out, status->verify_nonce);
	json_emit_raw(out, ",\"pgp_fingerprints\":null,\"backup\":false}\n");
}

static enum error_code parse_body(struct request *request, json_t **ret, struct error *err)
{
	size_t len;
	const char *text = request_body(request, &len);

	return safe_json_parse(text, len, ret, err);
}

/* -- beginning, looking, ending ---------------------------------------------------- */

static bool is_given(const json_t *value)
{
	return value && !json_is_null(value) && !json_is_false(value) && !(json_is_array(value) && json_array_size(value) == 0);
}

/* Without any number of shares the secret that is presented later is kept: ours, as Vault always makes new shares. */
static enum error_code read_start(const json_t *body, struct rekey_start *ret, struct error *err)
{
	int64_t shares = 0, threshold = 0;

	if (is_given(json_object_get(body, "pgp_keys")) || is_given(json_object_get(body, "backup")))
		return error_set(err, ERR_INVALID, "pgp_keys and backup are not supported: keys are not encrypted for anybody");
	if (safe_json_int(body, "secret_shares", &shares, err) != ERR_OK ||
	    safe_json_int(body, "secret_threshold", &threshold, err) != ERR_OK ||
	    safe_json_bool(body, "require_verification", &ret->verify, err) != ERR_OK)
		return err->code;
	if (shares < 0 || shares > LIMIT_SHARES || threshold < 0 || threshold > LIMIT_SHARES)
		return error_set(err, ERR_INVALID, "secret_shares and secret_threshold must be numbers from 1 to %d", LIMIT_SHARES);
	ret->shares = (unsigned)shares;
	ret->threshold = (unsigned)threshold;
	return ERR_OK;
}

void handle_rekey_start(struct request *request)
{
	cleanup_(safe_json_decrefp) json_t *body = NULL;
	struct rekey_start start = { .verify = false };
	struct rekey_status status;
	struct error err = ERROR_INIT;

	if (parse_body(request, &body, &err) != ERR_OK || read_start(body, &start, &err) != ERR_OK ||
	    vault_rekey_start(request->server->vault, &request->caller, &start, &status, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		answer_status(request, &status);
}

void handle_rekey_status(struct request *request)
{
	struct rekey_status status;
	struct error err = ERROR_INIT;

	if (vault_rekey_status(request->server->vault, &request->caller, &status, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		answer_status(request, &status);
}

void handle_rekey_cancel(struct request *request)
{
	struct error err = ERROR_INIT;

	if (vault_rekey_cancel(request->server->vault, &request->caller, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		reply_empty(request, 204);
}

/* -- proof ------------------------------------------------------------------------------ */

static void emit_doubt(struct secret_buf *out, const struct rekey_result *result)
{
	if (result->in_doubt)
		json_emit_raw(out, ",\"warnings\":[\"vault.hdr could not be written wholly: keep the old keys and the new ones, the "
				   "next unseal shows which of them open the vault\"]");
}

static void answer_complete(struct request *request, const struct rekey_result *result)
{
	struct secret_buf *out = reply_bare(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "{");
	emit_flag(out, "complete", true);
	emit_flag(out, "verification_required", result->status.verify);
	emit_keys(out, result->shares, result->is_key ? ONE_KEY_LEN : SHARE_LEN);
	json_emit_raw(out, ",\"nonce\":");
	json_emit_cstring(out, result->status.nonce);
	json_emit_raw(out, ",\"verification_nonce\":");
	json_emit_cstring(out, result->status.verify_nonce);
	emit_doubt(out, result);
	json_emit_raw(out, ",\"pgp_fingerprints\":null,\"backup\":false}\n");
}

/* Further slots for the new root key: {"keep": [{…}, …]}. */
struct kept {
	struct presented presented[SLOTS_MAX];
	struct slot_secret secrets[SLOTS_MAX];
	size_t len;
};

static void kept_free(struct kept *kept)
{
	for (size_t i = 0; i < kept->len; i++)
		presented_free(&kept->presented[i]);
}

static enum error_code read_kept(struct request *request, const json_t *body, struct kept *ret, struct error *err)
{
	const json_t *list = json_object_get(body, "keep"), *slot;
	size_t i;

	if (!list || json_is_null(list))
		return ERR_OK;
	if (!json_is_array(list) || json_array_size(list) >= SLOTS_MAX)
		return error_set(err, ERR_INVALID, "the member keep must be a list of at most %d slots", SLOTS_MAX - 1);
	json_array_foreach(list, i, slot) {
		ret->len++;
		if (presented_read(&ret->presented[i], request->server->options.credentials_directory, slot, NULL,
				   PRESENTED_TO_OPEN, err) != ERR_OK)
			return error_prefix(err, "slot number %zu of keep", i + 1);
		ret->secrets[i] = ret->presented[i].secret;
	}
	return ERR_OK;
}

static enum error_code read_nonce(const json_t *body, const char **ret, struct error *err)
{
	size_t len;

	return safe_json_text(body, "nonce", ret, &len, err);
}

void handle_rekey_update(struct request *request)
{
	cleanup_(safe_json_decrefp) json_t *body = NULL;
	presented_scope presented = { .key = NULL };
	cleanup_(kept_free) struct kept kept = { .len = 0 };
	cleanup_(rekey_result_free) struct rekey_result result = { .shares = NULL };
	struct rekey_update update = { .unlock = &presented.secret, .keep = kept.secrets };
	struct error err = ERROR_INIT;

	if (parse_body(request, &body, &err) == ERR_OK && read_nonce(body, &update.nonce, &err) == ERR_OK &&
	    presented_read_any(&presented, request->server->options.credentials_directory, body, &err) == ERR_OK &&
	    read_kept(request, body, &kept, &err) == ERR_OK) {
		update.keep_len = kept.len;
		(void)!vault_rekey_update(request->server->vault, &update, &result, &err);
	}
	if (err.code != ERR_OK)
		reply_error(request, &err, false);
	else if (result.complete)
		answer_complete(request, &result);
	else
		answer_status(request, &result.status);
}

/* -- verification -------------------------------------------------------------------------- */

static void answer_verify(struct request *request, const struct rekey_result *result)
{
	const struct rekey_status *status = &result->status;
	struct secret_buf *out = reply_bare(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "{");
	if (result->complete)
		emit_flag(out, "complete", true);
	emit_flag(out, "started", status->started && status->verify_nonce[0] != '\0' && !result->complete);
	emit_number(out, "t", status->threshold);
	emit_number(out, "n", status->shares);
	emit_number(out, "progress", status->verify_progress);
	json_emit_raw(out, "\"nonce\":");
	json_emit_cstring(out, status->verify_nonce);
	emit_doubt(out, result);
	json_emit_raw(out, "}\n");
}

void handle_rekey_verify_status(struct request *request)
{
	struct rekey_result now = { .shares = NULL };
	struct error err = ERROR_INIT;

	if (vault_rekey_verify_status(request->server->vault, &request->caller, &now.status, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		answer_verify(request, &now);
}

void handle_rekey_verify(struct request *request)
{
	cleanup_(safe_json_decrefp) json_t *body = NULL;
	presented_scope presented = { .key = NULL };
	cleanup_(rekey_result_free) struct rekey_result result = { .shares = NULL };
	const char *nonce = NULL;
	struct error err = ERROR_INIT;

	if (parse_body(request, &body, &err) != ERR_OK || read_nonce(body, &nonce, &err) != ERR_OK ||
	    presented_read_any(&presented, request->server->options.credentials_directory, body, &err) != ERR_OK ||
	    vault_rekey_verify(request->server->vault, nonce, &presented.secret, &result, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		answer_verify(request, &result);
}

void handle_rekey_verify_restart(struct request *request)
{
	struct rekey_status status;
	struct error err = ERROR_INIT;

	if (vault_rekey_verify_restart(request->server->vault, &request->caller, &status, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		reply_empty(request, 204);
}

/* Vault keeps PGP-encrypted copies there; we make none. */
void handle_rekey_backup(struct request *request)
{
	reply_refuse(request, 404, "no backed-up keys found");
}

void handle_rekey_backup_delete(struct request *request)
{
	reply_empty(request, 204);
}
