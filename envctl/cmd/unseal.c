#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/slot.h"

enum error_code command_unseal(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer status = {0}, answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *body = NULL;
	bool ignored = false;
	enum error_code rc = session_open(inv, &client, err);

	if (rc == ERR_OK)
		rc = client_seal_status(client, &status, err);
	if (rc == ERR_OK && !answer_bool(&status.root, "initialized"))
		rc = error_set(err, ERR_NOT_INITIALIZED, "the vault is new and empty; set it up: envctl init");
	if (rc != ERR_OK)
		return rc;
	if (!answer_bool(&status.root, "sealed")) {
		say(inv, "the vault is open already");
		return ERR_OK;
	}
	rc = slot_body(inv, SLOT_FOR_UNSEAL, &body, &ignored, err);
	if (rc == ERR_OK)
		rc = client_unseal(client, body, &answer, err);
	if (rc == ERR_OK && answer_bool(&answer.root, "sealed"))
		rc = error_set(err, ERR_UNSEAL_FAILED, "the vault is still sealed");
	if (rc == ERR_OK)
		say(inv, "the vault at %s is open", client_address(client));
	return rc;
}
