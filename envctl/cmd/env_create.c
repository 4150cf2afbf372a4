#include "cmd/output.h"
#include "cmd/session.h"

enum error_code command_env_create(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(secret_buf_freep) struct secret_buf *data = secret_buf_new(2);
	struct environment_state state = {0};
	struct env_path env;
	uint64_t revision = 0;

	if (data == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	secret_buf_append_text(data, "{}");
	enum error_code rc = session_environment(inv, 0, &env, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_state(client, &env, &state, err);
	if (rc == ERR_OK && state.revision > 0 && !state.deleted)
		rc = error_set(err, ERR_EXISTS, "%s is there already", env.text);
	if (rc != ERR_OK)
		return rc;
	const struct change change = {
		.data = data,
		.has_cas = true,
		.cas = state.revision,
		.message = option_value(inv, OPT_MESSAGE),
	};
	rc = session_write(client, &env, &change, &revision, err);
	return rc == ERR_OK ? session_report(inv, &env, revision, "without variables", err) : rc;
}
