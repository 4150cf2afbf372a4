#include <unistd.h>

#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/suggest.h"
#include "run/child_env.h"
#include "run/exec.h"

static size_t largest_start(void)
{
	long limit = sysconf(_SC_ARG_MAX);

	return limit > 0 ? (size_t)limit : 128 * 1024;
}

static enum error_code build(const struct invocation *inv, const struct env_path *env, const struct answer *answer,
			     struct child_env **ret, struct error *err)
{
	struct child_env_options options = {
		.pristine = option_is_given(inv, OPT_PRISTINE),
		.preserve = option_value(inv, OPT_PRESERVE_ENV),
		.inherited = environ,
		.arguments = inv->program,
		.max_bytes = largest_start(),
	};
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	struct json_value variables, allowed;
	enum error_code rc = session_filter(inv, &options.filter, err);

	if (rc != ERR_OK)
		return rc;
	if (!json_find(&answer->data, "variables", &variables) || variables.kind != JSON_SCAN_OBJECT)
		return error_set(err, ERR_PROTOCOL, "the answer holds no variables; is this address really vaultd's?");
	if (session_filter_check(&options.filter, &variables, env->text, "nothing was started", err) != ERR_OK)
		return err->code;
	bool has_allowed = json_find(&answer->data, "allow_names", &allowed);
	rc = child_env_build(&variables, has_allowed ? &allowed : NULL, &options, ret, &notes, err);
	warn_notes(&notes, NULL);
	return rc;
}

enum error_code command_run(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(child_env_freep) struct child_env *child = NULL;
	struct env_path env;
	uint64_t revision = 0;

	inv->failure_status = EXEC_OWN_FAILURE;
	enum error_code rc = session_environment(inv, 0, &env, err);
	if (rc == ERR_OK)
		rc = option_number(inv, OPT_REVISION, false, &revision, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc != ERR_OK)
		return rc;
	rc = client_resolve(client, &env, revision, false, &answer, err);
	if (rc == ERR_NOT_FOUND && revision == 0)
		return suggest_environment(client, &env, err);
	if (rc == ERR_OK)
		rc = build(inv, &env, &answer, &child, err);
	if (rc == ERR_OK)
		rc = exec_program(inv->program, child_env_pointers(child), &inv->failure_status, err);
	return rc;
}
