#include "cmd/env_output.h"
#include "cmd/plan.h"
#include "cmd/session.h"
#include "cmd/suggest.h"
#include "vault/env_json.h"
#include "vault/limits.h"

/* Everything that is no text is noted, so that the dialect's own refusals can be told with it. */
static enum error_code texts_of(const struct json_value *variables, const struct name_filter *filter,
				bool skip, struct env_set *set, struct notes *notes, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *name = secret_buf_new(LIMIT_BODY_DATA);
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(PLAN_SET_MAX);
	struct json_member member;
	size_t cursor = 0;
	enum error_code rc = ERR_OK;

	if (name == NULL || text == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	while (rc == ERR_OK && json_next_member(variables, &cursor, &member)) {
		secret_buf_reset(name);
		json_append_unescaped(name, member.name);
		if (name_filter_takes(filter, secret_buf_text(name), secret_buf_len(name)))
			rc = env_json_put(set, secret_buf_text(name), secret_buf_len(name), &member.value, skip, text,
					  notes, err);
	}
	return rc;
}

/* What the answer holds, in the output's dialect. */
static enum error_code write_answer(const struct invocation *inv, struct env_output *output, const struct env_path *env,
				    const struct answer *answer, const struct name_filter *filter, struct error *err)
{
	cleanup_(env_set_freep) struct env_set *set = env_set_new(PLAN_SET_MAX);
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	struct json_value variables;

	if (set == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (!json_find(&answer->data, "variables", &variables) || variables.kind != JSON_SCAN_OBJECT)
		return error_set(err, ERR_PROTOCOL, "the answer holds no variables; is this address really vaultd's?");
	enum error_code rc = session_filter_check(filter, &variables, env->text, "nothing was written", err);
	if (rc == ERR_OK)
		rc = texts_of(&variables, filter, output->options.skip, set, &notes, err);
	return rc == ERR_OK ? env_output_write(inv, output, set, &notes, err) : rc;
}

enum error_code command_render(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	struct env_output output;
	struct name_filter filter;
	struct env_path env;
	uint64_t revision = 0;
	enum error_code rc = session_environment(inv, 0, &env, err);

	if (rc == ERR_OK)
		rc = env_output_read(inv, OPT_FORMAT, "format", &output, err);
	if (rc == ERR_OK)
		rc = option_number(inv, OPT_REVISION, false, &revision, err);
	if (rc == ERR_OK)
		rc = session_filter(inv, &filter, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc != ERR_OK)
		return rc;
	rc = client_resolve(client, &env, revision, false, &answer, err);
	if (rc == ERR_NOT_FOUND && revision == 0)
		return suggest_environment(client, &env, err);
	return rc == ERR_OK ? write_answer(inv, &output, &env, &answer, &filter, err) : rc;
}
