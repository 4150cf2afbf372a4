#include <string.h>

#include "cmd/apply.h"
#include "cmd/plan.h"
#include "cmd/session.h"
#include "cmd/suggest.h"

static enum error_code read_source(const struct invocation *inv, struct vault_client *client,
				   const struct env_path *env, struct env_set *wanted, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	struct name_filter filter;
	struct json_value data;
	uint64_t revision = 0;
	enum error_code rc = session_filter(inv, &filter, err);

	if (rc == ERR_OK)
		rc = option_number(inv, OPT_REVISION, false, &revision, err);
	if (rc != ERR_OK)
		return rc;
	rc = client_read(client, env, revision, &answer, err);
	if (rc == ERR_NOT_FOUND && revision == 0)
		return suggest_environment(client, env, err);
	if (rc != ERR_OK)
		return rc;
	if (!json_find(&answer.data, "data", &data) || data.kind != JSON_SCAN_OBJECT)
		return error_set(err, ERR_PROTOCOL, "the answer holds no variables; is this address really vaultd's?");
	rc = plan_add_object(wanted, &data, &filter, err);
	if (rc == ERR_OK && env_set_count(wanted) == 0 && json_count(&data) > 0)
		rc = error_set(err, ERR_NOT_FOUND, "no variable of %s matches --only and --except; nothing was copied",
			       env->text);
	return rc;
}

enum error_code command_copy(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(env_set_freep) struct env_set *wanted = env_set_new(PLAN_SET_MAX);
	struct env_path from, to;

	if (wanted == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = session_environment(inv, 0, &from, err);
	if (rc == ERR_OK)
		rc = session_environment(inv, 1, &to, err);
	if (rc == ERR_OK && strcmp(from.text, to.text) == 0)
		rc = error_set(err, ERR_USAGE, "the two environments are the same");
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = read_source(inv, client, &from, wanted, err);
	return rc == ERR_OK ? apply_wanted(inv, client, &to, wanted, err) : rc;
}
