#include <stdio.h>

#include "cmd/output.h"
#include "cmd/session.h"
#include "vault/json_emit.h"

#define STATUS_SEALED 2 /* as Vault's */

static void print_status(const struct vault_client *client, const struct json_value *status, struct secret_buf *out)
{
	char version[64], ours[64], storage[64];
	bool initialized = answer_bool(status, "initialized");
	bool sealed = answer_bool(status, "sealed");

	answer_text(status, "version", version, sizeof(version));
	answer_text(status, "vaultd_version", ours, sizeof(ours));
	answer_text(status, "storage_type", storage, sizeof(storage));
	output_format(out, "Address      %s\n", client_address(client));
	output_format(out, "Initialized  %s\n", initialized ? "yes" : "no: run `envctl init`");
	output_format(out, "Sealed       %s\n", !sealed ? "no" : initialized ? "yes: run `envctl unseal`" : "yes");
	if (sealed && answer_int(status, "t", 1) > 1)
		output_format(out, "Shares       %d of %d needed, %d given\n", (int)answer_int(status, "t", 1),
			      (int)answer_int(status, "n", 1), (int)answer_int(status, "progress", 0));
	/* Clients of Vault look at the version of its API; what has none of its own is Vault. */
	if (ours[0] != '\0')
		output_format(out, "Version      vaultd %s (API of Vault %s)\n", ours, version);
	else
		output_format(out, "Version      %s\n", version);
	output_format(out, "Storage      %s\n", storage);
}

enum error_code command_status(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	enum error_code rc = out != NULL ? session_open(inv, &client, err) : err->code;

	if (rc == ERR_OK)
		rc = client_seal_status(client, &answer, err);
	if (rc != ERR_OK)
		return rc;
	if (answer_bool(&answer.root, "sealed") || !answer_bool(&answer.root, "initialized"))
		inv->exit_status = STATUS_SEALED;
	if (option_is_given(inv, OPT_JSON)) {
		json_emit_raw_n(out, answer.root.raw.at, answer.root.raw.len);
		json_emit_raw(out, "\n");
	} else if (!option_is_given(inv, OPT_QUIET)) {
		print_status(client, &answer.root, out);
	}
	return output_flush(out, err);
}
