#include <stdio.h>
#include <string.h>

#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/suggest.h"
#include "vault/limits.h"
#include "vault/terminal.h"

/* It cannot be undone: the name has to be typed. */
static enum error_code confirm(const struct invocation *inv, const struct env_path *env, struct error *err)
{
	char prompt[LIMIT_ENV_PATH_LEN + 160], typed[LIMIT_ENV_PATH_LEN + 1];

	if (option_is_given(inv, OPT_YES))
		return ERR_OK;
	if (!terminal_is_there())
		return error_set(err, ERR_USAGE, "%.200s would be gone for good; say --yes if that is meant",
				 env->text);
	snprintf(prompt, sizeof(prompt),
		 "%s will be gone for good, with all its revisions. Type its name to go on: ", env->text);
	enum error_code rc = terminal_read_line(prompt, typed, sizeof(typed), err);
	if (rc == ERR_OK && strcmp(typed, env->text) != 0)
		rc = error_set(err, ERR_INVALID, "that is not its name; nothing was deleted");
	return rc;
}

enum error_code command_env_delete(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	struct environment_state state = {0};
	struct env_path env;
	enum error_code rc = session_environment(inv, 0, &env, err);

	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_state(client, &env, &state, err);
	if (rc == ERR_OK && !state.exists) {
		error_set(err, ERR_NOT_FOUND, "there is no %s", env.text);
		return suggest_environment(client, &env, err);
	}
	if (rc == ERR_OK)
		rc = confirm(inv, &env, err);
	if (rc == ERR_OK)
		rc = client_delete(client, &env, err);
	if (rc == ERR_OK)
		say(inv, "%s is deleted, with all its revisions", env.text);
	return rc;
}
