#include <string.h>

#include "client/identity.h"
#include "cmd/output.h"
#include "cmd/session.h"
#include "vault/files.h"
#include "vault/limits.h"

/* The server reads the text and says in which line and column it stumbled. */
enum error_code command_policy_write(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	const char *name = inv->words[0], *file = inv->words[1];
	enum error_code rc = policy_name_check(name, err);

	if (rc == ERR_OK)
		rc = file_read_secret(file, FILE_ANY_MODE, true, LIMIT_BODY_SMALL, &text, err);
	if (rc == ERR_OK && !utf8_is_valid(secret_buf_text(text), secret_buf_len(text)))
		rc = error_set(err, ERR_INVALID, "%.200s is not UTF-8 text",
			       strcmp(file, "-") == 0 ? "standard input" : file);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_policy_write(client, name, text, err);
	if (rc == ERR_OK)
		say(inv, "policy %s is written", name);
	return rc;
}
