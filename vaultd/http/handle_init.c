/* sys/init, unseal, seal. */
#include <string.h>

#include "http/emit_keys.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "http/presented.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/safe_json.h"

static enum error_code parse_body(struct request *request, json_t **ret, struct error *err)
{
	size_t len;
	const char *text = request_body(request, &len);

	return safe_json_parse(text, len, ret, err);
}

/* -- init --------------------------------------------------------------------------- */

void handle_init_status(struct request *request)
{
	struct vault_status status;
	struct secret_buf *out = reply_bare(request, 200);

	vault_status(request->server->vault, &status);
	if (!out)
		return;
	json_emit_raw(out, "{\"initialized\":");
	json_emit_bool(out, status.initialized);
	json_emit_raw(out, "}\n");
}

static void answer_init(struct request *request, const struct vault_init_result *result, const struct secret_buf *shares)
{
	cleanup_(secret_buf_freep) struct secret_buf *key = result->has_key ? secret_buf_new(sizeof(result->key)) : NULL;
	struct secret_buf *out = reply_bare(request, 200);

	if (!out)
		return;
	if (key)
		secret_buf_append(key, result->key, sizeof(result->key));
	json_emit_raw(out, "{");
	emit_keys(out, shares ? shares : key, shares ? SHARE_LEN : sizeof(result->key));
	json_emit_raw(out, ",\"root_token\":");
	json_emit_cstring(out, result->root_token);
	json_emit_raw(out, "}\n");
}

static bool is_given(const json_t *value)
{
	return value && !json_is_null(value) && !(json_is_array(value) && json_array_size(value) == 0) &&
	       !(json_is_string(value) && json_string_length(value) == 0);
}

/* Vault's form: one key of one, which core/ makes, or shares. */
static enum error_code read_shares(const json_t *body, struct presented *presented, struct error *err)
{
	static const char *const unsupported[] = { "pgp_keys", "root_token_pgp_key", "recovery_pgp_keys" };
	int64_t shares = 1, threshold = 1;

	for (size_t i = 0; i < ARRAY_LEN(unsupported); i++)
		if (is_given(json_object_get(body, unsupported[i])))
			return error_set(err, ERR_INVALID, "%s is not supported: keys are not encrypted for anybody",
					 unsupported[i]);
	if (safe_json_int(body, "secret_shares", &shares, err) != ERR_OK ||
	    safe_json_int(body, "secret_threshold", &threshold, err) != ERR_OK)
		return err->code;
	return presented_new_shares(presented, shares, threshold, err);
}

static enum error_code read_init(struct request *request, const json_t *body, struct presented *presented, struct error *err)
{
	const json_t *slot = json_object_get(body, "slot");

	if (!slot || json_is_null(slot))
		return read_shares(body, presented, err);
	return presented_read(presented, request->server->options.credentials_directory, slot, NULL, PRESENTED_TO_MAKE, err);
}

/* On the worker: a passphrase takes a second on purpose. */
void handle_init(struct request *request)
{
	cleanup_(safe_json_decrefp) json_t *body = NULL;
	presented_scope presented = { .key = NULL };
	cleanup_(vault_init_result_wipe) struct vault_init_result result = {0};
	struct error err = ERROR_INIT;

	if (parse_body(request, &body, &err) != ERR_OK || read_init(request, body, &presented, &err) != ERR_OK ||
	    vault_init(request->server->vault, presented.secret.type == SLOT_EMPTY ? NULL : &presented.secret, NULL, &result,
		       &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		answer_init(request, &result, presented.made);
}

/* -- unseal --------------------------------------------------------------------------- */

static enum error_code unseal(struct request *request, struct error *err)
{
	cleanup_(safe_json_decrefp) json_t *body = NULL;
	presented_scope presented = { .key = NULL };
	struct vault *vault = request->server->vault;
	bool reset = false;

	if (parse_body(request, &body, err) != ERR_OK || safe_json_bool(body, "reset", &reset, err) != ERR_OK)
		return err->code;
	if (reset)
		return vault_unseal_reset(vault, err);
	if (presented_read_any(&presented, request->server->options.credentials_directory, body, err) != ERR_OK)
		return err->code;
	return vault_unseal(vault, &presented.secret, err);
}

void handle_unseal(struct request *request)
{
	struct error err = ERROR_INIT;

	(void)!unseal(request, &err);
	if (err.code == ERR_NOT_INITIALIZED)
		reply_refuse(request, 400, err.text);
	else if (err.code != ERR_OK)
		reply_error(request, &err, false);
	else
		handle_seal_status(request);
}

void handle_seal(struct request *request)
{
	struct error err = ERROR_INIT;

	if (vault_seal(request->server->vault, &request->caller, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		reply_empty(request, 204);
}
