#include "client/identity.h"
#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/token_input.h"

/* Which one must be said: nobody should lose the own token by leaving something out. */
static enum error_code check_options(const struct invocation *inv, struct error *err)
{
	size_t given = inv->words_len + option_is_given(inv, OPT_SELF) + option_is_given(inv, OPT_ACCESSOR);

	if (given != 1)
		return error_set(err, ERR_USAGE, "give one of --self, --accessor and -");
	if (option_is_given(inv, OPT_ORPHAN) && inv->words_len == 0)
		return error_set(err, ERR_USAGE, "--orphan needs the token itself: -");
	return ERR_OK;
}

enum error_code command_token_revoke(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	bool orphan = option_is_given(inv, OPT_ORPHAN);
	struct token_name name;
	enum error_code rc = check_options(inv, err);

	if (rc == ERR_OK)
		rc = token_named(inv, &text, &name, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK && name.by == TOKEN_SELF && client_token_text(client) == NULL)
		rc = error_set(err, ERR_USAGE, "you have no token: the vault knows you by your user id");
	if (rc == ERR_OK)
		rc = client_token_revoke(client, &name, orphan, err);
	if (rc == ERR_OK)
		say(inv, orphan ? "the token is revoked; what was made with it stays"
				: "the token is revoked, with all that was made with it");
	return rc;
}
