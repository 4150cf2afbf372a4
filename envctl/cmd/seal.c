#include "cmd/output.h"
#include "cmd/session.h"

enum error_code command_seal(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	enum error_code rc = session_open(inv, &client, err);

	if (rc == ERR_OK)
		rc = client_seal(client, err);
	if (rc == ERR_OK)
		say(inv, "the vault is sealed: nothing can be read until `envctl unseal`");
	return rc;
}
