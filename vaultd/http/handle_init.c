/* sys/init, unseal, seal. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/credential.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/clock.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/safe_json.h"

/* -- what opens a vault ------------------------------------------------------------ */

/* A slot's secret as it came in: the struct of core/ points into the two others. */
struct presented {
	struct slot_secret secret;
	json_t *body;
	struct secret_buf *key;
};

static void presented_free(struct presented *presented)
{
	json_decref(presented->body);
	secret_buf_free(presented->key);
}

static enum error_code parse_body(struct request *request, struct presented *ret, struct error *err)
{
	size_t len;
	const char *text = request_body(request, &len);

	return safe_json_parse(text, len, &ret->body, err);
}

/* base64 as all the world writes it: either alphabet, with or without padding. */
static bool decode_base64(const char *text, size_t len, struct secret_buf **ret)
{
	static const int variants[] = { sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
					sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING };
	struct secret_buf *out = secret_buf_new(len + 1);
	uint8_t *room = out ? secret_buf_reserve(out, len) : NULL;
	const char *end;
	size_t bin_len;

	for (size_t i = 0; room && i < ARRAY_LEN(variants); i++) {
		if (sodium_base642bin(room, len, text, len, "\r\n", &bin_len, &end, variants[i]) == 0 && end == text + len) {
			secret_buf_advance(out, bin_len);
			*ret = out;
			return true;
		}
	}
	secret_buf_free(out);
	return false;
}

static enum error_code take_key(struct presented *presented, const json_t *slot, const char *name, struct error *err)
{
	const char *text = NULL;
	size_t len = 0;

	if (safe_json_text(slot, name, &text, &len, err) != ERR_OK || !text)
		return err->code;
	if (presented->key || len == 0 || !decode_base64(text, len, &presented->key))
		return error_set(err, ERR_INVALID, "the member %s must be the key file's content in base64", name);
	presented->secret.type = SLOT_KEY_FILE;
	presented->secret.key = secret_buf_bytes(presented->key);
	presented->secret.key_len = secret_buf_len(presented->key);
	return ERR_OK;
}

static enum error_code take_credential(struct presented *presented, const char *directory, const json_t *slot,
				       struct error *err)
{
	const char *name = CREDENTIAL_DEFAULT_NAME;
	size_t len;

	if (safe_json_text(slot, "name", &name, &len, err) != ERR_OK ||
	    credential_read(directory, name, &presented->key, err) != ERR_OK)
		return err->code;
	presented->secret.type = SLOT_CREDENTIAL;
	presented->secret.credential = name;
	presented->secret.key = secret_buf_bytes(presented->key);
	presented->secret.key_len = secret_buf_len(presented->key);
	return ERR_OK;
}

static enum error_code take_passphrase(struct presented *presented, const json_t *slot, struct error *err)
{
	const char *text = NULL;
	size_t len = 0;

	if (safe_json_text(slot, "passphrase", &text, &len, err) != ERR_OK || !text)
		return err->code;
	if (len == 0 || len > LIMIT_PASSPHRASE_LEN)
		return error_set(err, ERR_INVALID, "the passphrase must have 1 to %d bytes", LIMIT_PASSPHRASE_LEN);
	presented->secret.type = SLOT_PASSPHRASE;
	presented->secret.passphrase = text;
	presented->secret.passphrase_len = len;
	return ERR_OK;
}

/* {"type": "passphrase" | "key_file" | "credential", "passphrase" | "key" | "key_file" | "name", "label"}; the type may be
 * left out when what is there says it. */
static enum error_code take_slot(struct presented *presented, const char *directory, const json_t *slot, const char *type,
				 struct error *err)
{
	size_t len;
	static const char *const allowed[] = { "type", "passphrase", "key", "key_file", "name", "label", NULL };

	if (safe_json_only(slot, allowed, err) != ERR_OK || safe_json_text(slot, "type", &type, &len, err) != ERR_OK ||
	    safe_json_text(slot, "label", &presented->secret.label, &len, err) != ERR_OK)
		return err->code;
	if (type && strcmp(type, "credential") == 0)
		return take_credential(presented, directory, slot, err);
	if (take_passphrase(presented, slot, err) != ERR_OK)
		return err->code;
	if (presented->secret.type != SLOT_EMPTY && (json_object_get(slot, "key") || json_object_get(slot, "key_file")))
		return error_set(err, ERR_INVALID, "a slot has a passphrase or a key, not both");
	if (take_key(presented, slot, "key", err) != ERR_OK || take_key(presented, slot, "key_file", err) != ERR_OK)
		return err->code;
	if (presented->secret.type == SLOT_EMPTY)
		return error_set(err, ERR_INVALID, "the slot needs a passphrase, or a key in base64, or the type credential");
	if (type && strcmp(type, presented->secret.type == SLOT_PASSPHRASE ? "passphrase" : "key_file") != 0)
		return error_set(err, ERR_INVALID, "the type of a slot is passphrase, key_file or credential, and must be that of "
						   "what the slot holds");
	return ERR_OK;
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

static void emit_hex(struct secret_buf *out, const uint8_t *bytes, size_t len)
{
	char *room = (char *)secret_buf_reserve(out, 2 * len + 1);

	if (!room)
		return;
	sodium_bin2hex(room, 2 * len + 1, bytes, len);
	secret_buf_advance(out, 2 * len);
}

static void emit_base64(struct secret_buf *out, const uint8_t *bytes, size_t len)
{
	size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	char *room = (char *)secret_buf_reserve(out, size);

	if (!room)
		return;
	sodium_bin2base64(room, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
	secret_buf_advance(out, size - 1);
}

static void answer_init(struct request *request, const struct vault_init_result *result)
{
	struct secret_buf *out = reply_bare(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "{\"keys\":[");
	if (result->has_key) {
		json_emit_raw(out, "\"");
		emit_hex(out, result->key, sizeof(result->key));
		json_emit_raw(out, "\"");
	}
	json_emit_raw(out, "],\"keys_base64\":[");
	if (result->has_key) {
		json_emit_raw(out, "\"");
		emit_base64(out, result->key, sizeof(result->key));
		json_emit_raw(out, "\"");
	}
	json_emit_raw(out, "],\"root_token\":");
	json_emit_cstring(out, result->root_token);
	json_emit_raw(out, "}\n");
}

static enum error_code check_shares(const json_t *body, struct error *err)
{
	static const char *const unsupported[] = { "pgp_keys", "root_token_pgp_key", "recovery_pgp_keys" };
	int64_t shares = 1, threshold = 1;

	for (size_t i = 0; i < ARRAY_LEN(unsupported); i++) {
		const json_t *value = json_object_get(body, unsupported[i]);

		if (value && !json_is_null(value) && !(json_is_array(value) && json_array_size(value) == 0) &&
		    !(json_is_string(value) && json_string_length(value) == 0))
			return error_set(err, ERR_INVALID, "%s is not supported: keys are not encrypted for anybody",
					 unsupported[i]);
	}
	if (safe_json_int(body, "secret_shares", &shares, err) != ERR_OK ||
	    safe_json_int(body, "secret_threshold", &threshold, err) != ERR_OK)
		return err->code;
	if (shares != 1 || threshold != 1)
		return error_set(err, ERR_INVALID, "this version makes one key: secret_shares and secret_threshold must both be 1, or "
						   "give a slot");
	return ERR_OK;
}

static enum error_code read_init(struct request *request, struct presented *presented, struct error *err)
{
	const json_t *slot;

	if (parse_body(request, presented, err) != ERR_OK)
		return err->code;
	slot = json_object_get(presented->body, "slot");
	if (!slot || json_is_null(slot))
		return check_shares(presented->body, err);
	if (!json_is_object(slot))
		return error_set(err, ERR_INVALID, "the member slot must be an object such as {\"type\":\"passphrase\",...}");
	return take_slot(presented, request->server->options.credentials_directory, slot, NULL, err);
}

/* On the worker: a passphrase takes a second on purpose. */
void handle_init(struct request *request)
{
	cleanup_(presented_free) struct presented presented = {0};
	cleanup_(vault_init_result_wipe) struct vault_init_result result = {0};
	struct error err = ERROR_INIT;

	if (read_init(request, &presented, &err) != ERR_OK ||
	    vault_init(request->server->vault, presented.secret.type == SLOT_EMPTY ? NULL : &presented.secret, NULL, &result,
		       &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		answer_init(request, &result);
}

/* -- unseal --------------------------------------------------------------------------- */

/* Vault's one key: hex first when it has the length, else base64. */
static enum error_code take_vault_key(struct presented *presented, const char *text, size_t len, struct error *err)
{
	size_t bin_len;
	uint8_t *room;

	if (len == 64) {
		presented->key = secret_buf_new(32);
		room = presented->key ? secret_buf_reserve(presented->key, 32) : NULL;
		if (room && sodium_hex2bin(room, 32, text, len, NULL, &bin_len, NULL) == 0 && bin_len == 32) {
			secret_buf_advance(presented->key, 32);
		} else {
			secret_buf_free(presented->key);
			presented->key = NULL;
		}
	}
	if (!presented->key && (len == 0 || !decode_base64(text, len, &presented->key)))
		return error_set(err, ERR_INVALID, "'key' must be a valid hex or base64 string");
	presented->secret.type = SLOT_KEY_FILE;
	presented->secret.key = secret_buf_bytes(presented->key);
	presented->secret.key_len = secret_buf_len(presented->key);
	return ERR_OK;
}

/* slot is an object, or the type's name with the secret beside it. */
static enum error_code read_unseal_slot(struct request *request, struct presented *presented, const json_t *slot,
					struct error *err)
{
	const char *directory = request->server->options.credentials_directory;
	enum error_code code;
	json_t *flat;

	if (json_is_object(slot))
		return take_slot(presented, directory, slot, NULL, err);
	if (!json_is_string(slot))
		return error_set(err, ERR_INVALID, "the member slot must be an object such as {\"passphrase\":\"...\"}, or a type");
	flat = json_copy(presented->body);
	if (!flat)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the request");
	json_object_del(flat, "slot");
	code = take_slot(presented, directory, flat, json_string_value(slot), err);
	json_decref(flat);	/* the texts belong to the body, which stays */
	return code;
}

static enum error_code read_unseal(struct request *request, struct presented *presented, bool *ret_reset, struct error *err)
{
	const json_t *slot;
	const char *key = NULL;
	size_t len = 0;

	if (parse_body(request, presented, err) != ERR_OK || safe_json_bool(presented->body, "reset", ret_reset, err) != ERR_OK)
		return err->code;
	slot = json_object_get(presented->body, "slot");
	if (*ret_reset)
		return ERR_OK;
	if (slot && !json_is_null(slot))
		return read_unseal_slot(request, presented, slot, err);
	if (safe_json_text(presented->body, "key", &key, &len, err) != ERR_OK)
		return err->code;
	if (!key)
		return error_set(err, ERR_INVALID, "'key' must be specified in the request body as JSON, or 'reset' set to true");
	return take_vault_key(presented, key, len, err);
}

/* With one share there is never a half-done unseal to reset. */
static enum error_code reset_unseal(struct vault *vault, struct error *err)
{
	struct vault_status status;

	vault_status(vault, &status);
	return status.sealed ? ERR_OK : error_set(err, ERR_INVALID, "vault is unsealed");
}

void handle_unseal(struct request *request)
{
	cleanup_(presented_free) struct presented presented = {0};
	struct vault *vault = request->server->vault;
	struct error err = ERROR_INIT;
	bool reset = false;

	if (read_unseal(request, &presented, &reset, &err) == ERR_OK) {
		if (reset)
			(void)reset_unseal(vault, &err);
		else
			(void)!vault_unseal(vault, &presented.secret, &err);
	}
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
