#include <string.h>
#include <unistd.h>

#include "cmd/output.h"
#include "cmd/session.h"
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

static enum error_code give_token(const struct invocation *inv, struct secret_buf *token, struct error *err)
{
	const char *path = option_value(inv, OPT_TOKEN_OUTPUT);
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	size_t len = secret_buf_len(token);

	if (out == NULL)
		return err->code;
	if (path != NULL) {
		enum error_code rc = file_write_atomic(path, 0600, secret_buf_bytes(token), len, err);

		if (rc == ERR_OK)
			say(inv, "the root token is in %s", path);
		return rc == ERR_OK ? rc
				    : error_prefix(err, "the vault was made, but its root token could not be kept");
	}
	if (option_is_given(inv, OPT_JSON)) {
		json_emit_raw(out, "{\"root_token\":");
		json_emit_string(out, secret_buf_text(token), len - 1);
		json_emit_raw(out, "}\n");
	} else {
		say(inv,
		    "the root token follows; it is shown this once and allows everything: keep it in a safe place");
		secret_buf_append(out, secret_buf_bytes(token), len);
	}
	return output_flush(out, err);
}

enum error_code command_init(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer status = {0}, answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *body = NULL, *token = NULL;
	bool created = false;
	enum error_code rc = session_open(inv, &client, err);

	/* Ask before anybody types a passphrase twice for nothing. */
	if (rc == ERR_OK)
		rc = client_seal_status(client, &status, err);
	if (rc == ERR_OK && answer_bool(&status.root, "initialized"))
		rc = error_set(err, ERR_ALREADY_INITIALIZED,
			       "the vault is initialised already; if it is sealed, open it: envctl unseal");
	if (rc == ERR_OK)
		rc = slot_body(inv, SLOT_FOR_INIT, &body, &created, err);
	if (rc == ERR_OK && created)
		say(inv, "made the key file %s: whoever has it can open the vault, and without it nobody can",
		    option_value(inv, OPT_KEY_FILE));
	if (rc == ERR_OK)
		rc = client_init(client, body, &answer, err);
	if (rc != ERR_OK)
		return rc;
	token = root_token(&answer, err);
	if (token == NULL)
		return err->code;
	say(inv, "the vault at %s is initialised and open", client_address(client));
	return give_token(inv, token, err);
}
