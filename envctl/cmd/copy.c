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
	rc = session_filter_check(&filter, &data, env->text, "nothing was copied", err);
	return rc == ERR_OK ? plan_add_object(wanted, &data, &filter, err) : rc;
}

/* Which of the copied variables are templates: they are copied as such. */
static enum error_code read_templates(const struct invocation *inv, struct vault_client *client,
				      const struct env_path *env, const struct env_set *wanted, struct env_set *templates,
				      struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(env_set_freep) struct env_set *all = env_set_new(PLAN_SET_MAX);
	struct env_entry entry, found;
	struct json_value list;
	uint64_t revision = 0;
	enum error_code rc = option_number(inv, OPT_REVISION, false, &revision, err);

	if (rc == ERR_OK && all == NULL)
		rc = error_set(err, ERR_NO_MEMORY, "out of memory");
	if (rc == ERR_OK)
		rc = client_settings_read(client, env, revision, &answer, err);
	if (rc == ERR_OK && json_find(&answer.data, "templates", &list))
		rc = apply_add_names(all, &list, err);
	for (size_t i = 0; rc == ERR_OK && i < env_set_count(all); i++) {
		entry = env_set_at(all, i);
		if (env_set_find(wanted, entry.name, entry.name_len, &found))
			rc = env_set_put(templates, entry.name, entry.name_len, "", 0, 0, NULL, err);
	}
	return rc;
}

enum error_code command_copy(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(env_set_freep) struct env_set *wanted = env_set_new(PLAN_SET_MAX);
	cleanup_(env_set_freep) struct env_set *templates = env_set_new(PLAN_SET_MAX);
	struct env_path from, to;

	if (wanted == NULL || templates == NULL)
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
	if (rc == ERR_OK)
		rc = read_templates(inv, client, &from, wanted, templates, err);
	return rc == ERR_OK ? apply_wanted(inv, client, &to, wanted, templates, err) : rc;
}
