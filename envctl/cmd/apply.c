#include "cmd/apply.h"

#include <inttypes.h>

#include "cmd/output.h"
#include "cmd/plan.h"
#include "cmd/session.h"
#include "vault/json_emit.h"

static enum error_code print_result(const struct invocation *inv, const struct env_path *env, const struct plan *plan,
				    uint64_t revision, bool written, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);

	if (out == NULL)
		return err->code;
	if (option_is_given(inv, OPT_JSON)) {
		json_emit_raw(out, "{\"environment\":");
		json_emit_cstring(out, env->text);
		json_emit_raw(out, ",\"revision\":");
		json_emit_uint(out, revision);
		json_emit_raw(out, ",\"written\":");
		json_emit_bool(out, written);
		json_emit_raw(out, ",");
		plan_emit(plan, out);
		json_emit_raw(out, "}\n");
	} else if (!option_is_given(inv, OPT_QUIET)) {
		plan_print(plan, out);
	}
	enum error_code rc = output_flush(out, err);
	if (rc != ERR_OK || option_is_given(inv, OPT_JSON))
		return rc;
	if (written)
		say(inv, "%s: revision %" PRIu64, env->text, revision);
	else
		say(inv, "%s: nothing was written (revision %" PRIu64 ")", env->text, revision);
	return ERR_OK;
}

enum error_code apply_wanted(const struct invocation *inv, struct vault_client *client, const struct env_path *env,
			     const struct env_set *wanted, struct error *err)
{
	cleanup_(env_set_freep) struct env_set *base = env_set_new(PLAN_SET_MAX);
	cleanup_(plan_free) struct plan plan = {0};
	uint64_t revision = 0;

	if (base == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = session_read_base(client, env, base, &revision, err);
	if (rc == ERR_OK)
		rc = plan_make(base, wanted, option_is_given(inv, OPT_REPLACE), &plan, err);
	if (rc != ERR_OK)
		return rc;
	/* An environment that is to be empty and is not there yet is a change as well. */
	bool write = !option_is_given(inv, OPT_DRY_RUN) && (!plan_is_empty(&plan) || revision == 0);
	if (write) {
		const struct change change = {
			.data = plan.data,
			.has_cas = true,
			.cas = revision,
			.message = option_value(inv, OPT_MESSAGE),
		};

		rc = client_write(client, env, &change, &revision, err);
	}
	return rc == ERR_OK ? print_result(inv, env, &plan, revision, write, err) : rc;
}
