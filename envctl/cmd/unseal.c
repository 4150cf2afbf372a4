#include <string.h>

#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/slot.h"
#include "vault/files.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/terminal.h"

#define STATUS_SEALED 2 /* as that of `envctl status` */
#define SHARES_MAX 8192

struct unsealing {
	struct invocation *inv;
	struct vault_client *client;
	bool sealed;
	int64_t progress, required;
	unsigned given; /* shares, in this call */
};

static void take_status(struct unsealing *unsealing, const struct answer *answer)
{
	unsealing->sealed = answer_bool(&answer->root, "sealed");
	unsealing->progress = answer_int(&answer->root, "progress", 0);
	unsealing->required = answer_int(&answer->root, "t", 1);
}

/* -- shares ---------------------------------------------------------------------- */

static enum error_code give_share(struct unsealing *unsealing, const char *text, size_t len, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *body = slot_body_new(err);
	cleanup_(answer_free) struct answer answer = {0};

	if (body == NULL)
		return err->code;
	json_emit_raw(body, "{\"key\":");
	json_emit_string(body, text, len);
	json_emit_raw(body, "}");
	enum error_code rc = secret_buf_check(body, "the share", err);
	if (rc == ERR_OK)
		rc = client_unseal(unsealing->client, body, &answer, err);
	if (rc == ERR_UNSEAL_FAILED && strstr(err->text, "'key' must be") != NULL) {
		error_clear(err);
		return error_set(err, rc, "this is no share: a share is a text vls1-... as it was printed when the shares were made (those of "
					  "Vault are hex or base64)");
	}
	if (rc != ERR_OK)
		return rc;
	take_status(unsealing, &answer);
	unsealing->given++;
	if (unsealing->sealed)
		say(unsealing->inv, "%d of %d shares are given", (int)unsealing->progress, (int)unsealing->required);
	return ERR_OK;
}

/* Until it is open, or somebody has no more: an empty line, or none. A wrong share is told, and asked for again. */
static enum error_code ask_for_shares(struct unsealing *unsealing, struct error *err)
{
	while (unsealing->sealed) {
		cleanup_(secret_buf_freep) struct secret_buf *share = NULL;
		struct error refused = ERROR_INIT;
		enum error_code rc = terminal_read_secret("Share (nothing, if you have no more): ", &share, &refused);

		if (rc == ERR_INVALID || (rc == ERR_OK && secret_buf_len(share) == 0))
			return ERR_OK;
		if (rc != ERR_OK)
			return error_set(err, rc, "%s", refused.text);
		rc = give_share(unsealing, secret_buf_text(share), secret_buf_len(share), &refused);
		if (rc == ERR_UNSEAL_FAILED)
			warn("%s", refused.text);
		else if (rc != ERR_OK)
			return error_set(err, rc, "%s", refused.text);
	}
	return ERR_OK;
}

/* One a line of standard input. */
static enum error_code read_shares(struct unsealing *unsealing, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	enum error_code rc = file_read_secret("-", FILE_ANY_MODE, true, SHARES_MAX, &text, err);

	for (size_t at = 0; rc == ERR_OK && unsealing->sealed && at < secret_buf_len(text);) {
		const char *line = secret_buf_text(text) + at;
		const char *end = memchr(line, '\n', secret_buf_len(text) - at);
		size_t len = end != NULL ? (size_t)(end - line) : secret_buf_len(text) - at;

		at += len + 1;
		while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == ' '))
			len--;
		if (len > 0)
			rc = give_share(unsealing, line, len, err);
	}
	return rc;
}

/* -- one secret ---------------------------------------------------------------------- */

static enum error_code unseal_with(struct unsealing *unsealing, const struct slot_choice *choice, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *body = slot_body_new(err);
	cleanup_(answer_free) struct answer answer = {0};
	bool ignored = false;

	if (body == NULL)
		return err->code;
	json_emit_raw(body, "{\"slot\":");
	enum error_code rc = slot_append(choice, SLOT_TO_OPEN, body, &ignored, err);
	json_emit_raw(body, "}");
	if (rc == ERR_OK)
		rc = secret_buf_check(body, "the secret", err);
	if (rc == ERR_OK)
		rc = client_unseal(unsealing->client, body, &answer, err);
	if (rc == ERR_OK)
		take_status(unsealing, &answer);
	if (rc == ERR_OK && unsealing->sealed)
		rc = error_set(err, ERR_UNSEAL_FAILED, "the vault is still sealed");
	return rc;
}

static enum error_code reset(const struct unsealing *unsealing, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *body = slot_body_new(err);
	cleanup_(answer_free) struct answer answer = {0};

	if (body == NULL)
		return err->code;
	json_emit_raw(body, "{\"reset\":true}");
	enum error_code rc = client_unseal(unsealing->client, body, &answer, err);
	if (rc == ERR_OK)
		say(unsealing->inv, "the shares that were given are forgotten");
	return rc;
}

/* Shares when the vault asks for them, unless another way is named. */
static enum error_code unseal(struct unsealing *unsealing, struct error *err)
{
	const struct invocation *inv = unsealing->inv;
	bool named = option_is_given(inv, OPT_PASSPHRASE) || option_is_given(inv, OPT_PASSPHRASE_FILE) ||
		     option_is_given(inv, OPT_KEY_FILE) || option_is_given(inv, OPT_CREDENTIAL);
	struct slot_choice choice = {0};
	enum error_code rc = slot_choice_read(inv, &choice, err);

	if (rc != ERR_OK)
		return rc;
	if (option_is_given(inv, OPT_SHARE) && named)
		return error_set(err, ERR_USAGE, "give --share or another way to open the vault, not both");
	if (option_is_given(inv, OPT_SHARE) || (!named && unsealing->required > 1))
		return terminal_is_there() ? ask_for_shares(unsealing, err) : read_shares(unsealing, err);
	rc = unseal_with(unsealing, &choice, err);
	/* Who has no passphrase gives none. */
	if (!named && rc == ERR_INVALID)
		return error_prefix(err, "without --key-file, --credential or --share a passphrase is asked for");
	return rc;
}

static enum error_code open_vault(struct unsealing *unsealing, struct error *err)
{
	enum error_code rc = unseal(unsealing, err);

	if (rc != ERR_OK)
		return rc;
	if (!unsealing->sealed) {
		say(unsealing->inv, "the vault at %s is open", client_address(unsealing->client));
		return ERR_OK;
	}
	unsealing->inv->exit_status = STATUS_SEALED;
	if (unsealing->given == 0)
		warn("no share was given; %d of %d are there", (int)unsealing->progress, (int)unsealing->required);
	return ERR_OK;
}

/* What `envctl status --json` prints. */
static enum error_code print_status(struct vault_client *client, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	cleanup_(answer_free) struct answer status = {0};
	enum error_code rc = out != NULL ? client_seal_status(client, &status, err) : err->code;

	if (rc != ERR_OK)
		return rc;
	json_emit_raw_n(out, status.root.raw.at, status.root.raw.len);
	json_emit_raw(out, "\n");
	return output_flush(out, err);
}

enum error_code command_unseal(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer status = {0};
	struct unsealing unsealing = {.inv = inv};
	enum error_code rc = session_open(inv, &client, err);

	if (rc == ERR_OK)
		rc = client_seal_status(client, &status, err);
	if (rc == ERR_OK && !answer_bool(&status.root, "initialized"))
		rc = error_set(err, ERR_NOT_INITIALIZED, "the vault is new and empty; set it up: envctl init");
	if (rc != ERR_OK)
		return rc;
	unsealing.client = client;
	take_status(&unsealing, &status);
	if (!unsealing.sealed)
		say(inv, "the vault is open already");
	else
		rc = option_is_given(inv, OPT_RESET) ? reset(&unsealing, err) : open_vault(&unsealing, err);
	return rc == ERR_OK && option_is_given(inv, OPT_JSON) ? print_status(client, err) : rc;
}
