#include "client/identity.h"
#include "cmd/output.h"
#include "cmd/session.h"

enum error_code command_policy_delete(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	const char *name = inv->words[0];
	enum error_code rc = policy_name_check(name, err);

	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_policy_delete(client, name, err);
	if (rc == ERR_OK)
		say(inv, "there is no policy %s any more; tokens that name it have nothing of it from now on", name);
	return rc;
}
