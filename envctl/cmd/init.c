#include <string.h>
#include <unistd.h>

#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/shares_print.h"
#include "cmd/slot.h"
#include "vault/files.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

/* The root token of the answer, as text with a line end. */
static struct secret_buf *root_token(const struct answer *answer, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *token = secret_buf_new(LIMIT_TOKEN_LEN + 1);
	struct json_value value;

	if (token == NULL) {
		error_set(err, ERR_NO_MEMORY, "out of memory");
		return NULL;
	}
	if (!answer->has_json || !json_find(&answer->root, "root_token", &value) || value.kind != JSON_SCAN_STRING) {
		error_set(err, ERR_PROTOCOL, "the vault was made, but its answer has no root token");
		return NULL;
	}
	json_append_unescaped(token, json_string_span(&value));
	secret_buf_append_char(token, '\n');
	if (secret_buf_check(token, "the root token", err) != ERR_OK)
		return NULL;
	return take_ptr(token);
}

/* {"root_token":…,"shares":[…]}, without what is not there. */
static void emit_json(const struct answer *answer, const struct secret_buf *token, bool with_token, struct secret_buf *out)
{
	struct json_value shares;
	bool has_shares = json_find(&answer->root, "shares", &shares) && shares.kind == JSON_SCAN_ARRAY;

	json_emit_raw(out, "{");
	if (with_token) {
		json_emit_raw(out, "\"root_token\":");
		json_emit_string(out, secret_buf_text(token), secret_buf_len(token) - 1);
	}
	if (has_shares) {
		json_emit_raw(out, with_token ? ",\"shares\":" : "\"shares\":");
		json_emit_raw_n(out, shares.raw.at, shares.raw.len);
	}
	json_emit_raw(out, "}\n");
}

static enum error_code emit_text(const struct invocation *inv, const struct answer *answer, unsigned threshold,
				 const struct secret_buf *token, bool with_token, struct secret_buf *out, struct error *err)
{
	if (threshold > 0 && shares_append(inv, &answer->root, threshold, out, err) != ERR_OK)
		return err->code;
	if (!with_token)
		return ERR_OK;
	say(inv, "the root token follows; it is shown this once and allows everything: keep it in a safe place");
	if (threshold > 0)
		secret_buf_append_text(out, "Root token: ");
	secret_buf_append(out, secret_buf_bytes(token), secret_buf_len(token));
	return ERR_OK;
}

/* All that was made is told this once: a token that cannot be kept in its file is printed as well. */
static enum error_code give_secrets(const struct invocation *inv, const struct answer *answer, unsigned threshold,
				    struct secret_buf *token, struct error *err)
{
	const char *path = option_value(inv, OPT_TOKEN_OUTPUT);
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	struct error kept = ERROR_INIT, printed = ERROR_INIT;
	bool with_token = path == NULL;

	if (out == NULL)
		return err->code;
	if (path != NULL && file_write_atomic(path, 0600, secret_buf_bytes(token), secret_buf_len(token), &kept) == ERR_OK)
		say(inv, "the root token is in %s", path);
	with_token |= kept.code != ERR_OK;
	if (option_is_given(inv, OPT_JSON) && (with_token || threshold > 0))
		emit_json(answer, token, with_token, out);
	else if (!option_is_given(inv, OPT_JSON) &&
		 emit_text(inv, answer, threshold, token, with_token, out, &printed) != ERR_OK)
		return error_set(err, printed.code, "%s", printed.text);
	if (output_flush(out, &printed) != ERR_OK)
		return error_set(err, printed.code, "%s", printed.text);
	if (kept.code == ERR_OK)
		return ERR_OK;
	*err = kept;
	return error_prefix(err, "the vault was made, but its root token could not be kept");
}

static enum error_code init_body(const struct invocation *inv, struct secret_buf **ret, unsigned *ret_threshold,
				 struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *body = slot_body_new(err);
	struct slot_choice choice = {0};
	bool created = false;
	enum error_code rc = body != NULL ? slot_choice_read(inv, &choice, err) : err->code;

	if (rc != ERR_OK)
		return rc;
	json_emit_raw(body, "{\"slot\":");
	rc = slot_append(&choice, SLOT_TO_MAKE, body, &created, err);
	json_emit_raw(body, "}");
	if (rc == ERR_OK)
		rc = secret_buf_check(body, "the secret", err);
	if (rc != ERR_OK)
		return rc;
	if (created)
		say(inv, "made the key file %s: whoever has it can open the vault, and without it nobody can",
		    choice.key_file);
	*ret_threshold = choice.threshold;
	*ret = take_ptr(body);
	return ERR_OK;
}

enum error_code command_init(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer status = {0}, answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *body = NULL, *token = NULL;
	unsigned threshold = 0;
	enum error_code rc = session_open(inv, &client, err);

	/* Ask before anybody types a passphrase twice for nothing. */
	if (rc == ERR_OK)
		rc = client_seal_status(client, &status, err);
	if (rc == ERR_OK && answer_bool(&status.root, "initialized"))
		rc = error_set(err, ERR_ALREADY_INITIALIZED,
			       "the vault is initialised already; if it is sealed, open it: envctl unseal");
	if (rc == ERR_OK)
		rc = init_body(inv, &body, &threshold, err);
	if (rc == ERR_OK)
		rc = client_init(client, body, &answer, err);
	if (rc != ERR_OK)
		return rc;
	token = root_token(&answer, err);
	if (token == NULL)
		return err->code;
	say(inv, "the vault at %s is initialised and open", client_address(client));
	return give_secrets(inv, &answer, threshold, token, err);
}
