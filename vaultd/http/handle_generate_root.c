/* sys/generate-root: a root token for those who can open the vault. Everything here runs on the worker. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/vault_slots.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "http/presented.h"
#include "vault/json_emit.h"
#include "vault/safe_json.h"

static void emit_encoded(struct secret_buf *out, const uint8_t *encoded)
{
	char text[sodium_base64_ENCODED_LEN(TOKEN_TEXT_LEN, sodium_base64_VARIANT_ORIGINAL_NO_PADDING)];

	sodium_bin2base64(text, sizeof(text), encoded, TOKEN_TEXT_LEN, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	json_emit_cstring(out, text);
	sodium_memzero(text, sizeof(text));
}

/* otp: only in the answer to the one who began; encoded: only in the last one. */
static void answer(struct request *request, const struct root_status *status, const char *otp, const uint8_t *encoded)
{
	struct secret_buf *out = reply_bare(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "{\"started\":");
	json_emit_bool(out, status->started);
	json_emit_raw(out, ",\"complete\":");
	json_emit_bool(out, status->complete);
	json_emit_raw(out, ",\"progress\":");
	json_emit_uint(out, status->progress);
	json_emit_raw(out, ",\"required\":");
	json_emit_uint(out, status->required);
	json_emit_raw(out, ",\"nonce\":");
	json_emit_cstring(out, status->nonce);
	json_emit_raw(out, ",\"otp\":");
	json_emit_cstring(out, otp);
	json_emit_raw(out, ",\"otp_length\":");
	json_emit_uint(out, TOKEN_TEXT_LEN);
	for (int i = 0; i < 2; i++) {
		json_emit_raw(out, i == 0 ? ",\"encoded_token\":" : ",\"encoded_root_token\":");
		if (encoded)
			emit_encoded(out, encoded);
		else
			json_emit_cstring(out, "");
	}
	json_emit_raw(out, ",\"pgp_fingerprint\":\"\"}\n");
}

static enum error_code parse_body(struct request *request, json_t **ret, struct error *err)
{
	size_t len;
	const char *text = request_body(request, &len);

	return safe_json_parse(text, len, ret, err);
}

/* -- the attempt ------------------------------------------------------------------------- */

struct otp {
	char text[TOKEN_TEXT_LEN + 1];
	bool made;	/* by us, and so told */
};

static void otp_wipe(struct otp *otp)
{
	sodium_memzero(otp, sizeof(*otp));
}

static void otp_make(struct otp *otp)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	for (size_t i = 0; i < TOKEN_TEXT_LEN; i++)
		otp->text[i] = digits[randombytes_uniform(sizeof(digits) - 1)];
	otp->made = true;
}

static enum error_code read_otp(const json_t *body, struct otp *ret, struct error *err)
{
	const json_t *pgp_key = json_object_get(body, "pgp_key");
	const char *text = NULL;
	size_t len = 0;

	if (pgp_key && !json_is_null(pgp_key) && !(json_is_string(pgp_key) && json_string_length(pgp_key) == 0))
		return error_set(err, ERR_INVALID, "pgp_key is not supported: use a one-time password");
	if (safe_json_text(body, "otp", &text, &len, err) != ERR_OK)
		return err->code;
	if (!text || len == 0) {
		otp_make(ret);
		return ERR_OK;
	}
	if (len != TOKEN_TEXT_LEN || strlen(text) != len)
		return error_set(err, ERR_INVALID, "OTP string is wrong length: it must have the %d characters of a token",
				 TOKEN_TEXT_LEN);
	memcpy(ret->text, text, len);
	return ERR_OK;
}

void handle_root_start(struct request *request)
{
	cleanup_(safe_json_decrefp) json_t *body = NULL;
	cleanup_(otp_wipe) struct otp otp = { .made = false };
	struct root_status status;
	struct error err = ERROR_INIT;

	if (parse_body(request, &body, &err) != ERR_OK || read_otp(body, &otp, &err) != ERR_OK ||
	    vault_root_start(request->server->vault, &request->caller, otp.text, &status, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		answer(request, &status, otp.made ? otp.text : "", NULL);
}

void handle_root_status(struct request *request)
{
	struct root_status status;
	struct error err = ERROR_INIT;

	if (vault_root_status(request->server->vault, &request->caller, &status, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		answer(request, &status, "", NULL);
}

void handle_root_cancel(struct request *request)
{
	struct error err = ERROR_INIT;

	if (vault_root_cancel(request->server->vault, &request->caller, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		reply_empty(request, 204);
}

/* -- proof --------------------------------------------------------------------------------- */

void handle_root_update(struct request *request)
{
	cleanup_(safe_json_decrefp) json_t *body = NULL;
	presented_scope presented = { .key = NULL };
	struct root_result result = { .status = { .started = false } };
	struct error err = ERROR_INIT;
	const char *nonce = NULL;
	size_t len;

	if (parse_body(request, &body, &err) != ERR_OK || safe_json_text(body, "nonce", &nonce, &len, &err) != ERR_OK ||
	    presented_read_any(&presented, request->server->options.credentials_directory, body, &err) != ERR_OK ||
	    vault_root_update(request->server->vault, nonce, &presented.secret, &result, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		answer(request, &result.status, "", result.status.complete ? result.encoded : NULL);
	sodium_memzero(&result, sizeof(result));
}
