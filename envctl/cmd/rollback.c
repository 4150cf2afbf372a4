#include <inttypes.h>
#include <stdio.h>

#include "cmd/diff_print.h"
#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/suggest.h"

/* What the rollback changes. Asked for before it is made, and shown when it is: a daemon may refuse it. Nothing when the current
 * revision is deleted and cannot be compared. */
static enum error_code describe_changes(const struct invocation *inv, struct vault_client *client,
					const struct env_path *env, uint64_t from, uint64_t to, struct secret_buf *out,
					struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};

	if (option_is_given(inv, OPT_JSON) || option_is_given(inv, OPT_QUIET))
		return ERR_OK;
	enum error_code rc = client_diff(client, env, from, NULL, to, &answer, err);
	return rc == ERR_OK ? diff_print(&answer.data, NULL, NULL, out, err) : rc;
}

enum error_code command_rollback(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	struct change change = {.has_cas = true, .message = option_value(inv, OPT_MESSAGE)};
	struct environment_state state = {0};
	struct env_path env;
	uint64_t revision = 0;
	char what[64];
	enum error_code rc = out != NULL ? session_environment(inv, 0, &env, err) : err->code;

	if (rc == ERR_OK)
		rc = session_revision(inv->words[1], &change.rollback_to, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_state(client, &env, &state, err);
	if (rc == ERR_OK && !state.exists) {
		error_set(err, ERR_NOT_FOUND, "there is no %s", env.text);
		return suggest_environment(client, &env, err);
	}
	change.cas = state.revision;
	if (rc == ERR_OK)
		rc = option_number(inv, OPT_CAS, true, &change.cas, err);
	if (rc == ERR_OK && change.rollback_to > state.revision)
		rc = error_set(err, ERR_NOT_FOUND, "%.200s has no revision %" PRIu64 "; the current one is %" PRIu64,
			       env.text, change.rollback_to, state.revision);
	if (rc == ERR_OK && !state.deleted)
		rc = describe_changes(inv, client, &env, state.revision, change.rollback_to, out, err);
	if (rc == ERR_OK)
		rc = session_write(client, &env, &change, &revision, err);
	if (rc == ERR_OK)
		rc = output_flush(out, err);
	snprintf(what, sizeof(what), "as it was at revision %" PRIu64, change.rollback_to);
	return rc == ERR_OK ? session_report(inv, &env, revision, what, err) : rc;
}
