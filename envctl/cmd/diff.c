#include <inttypes.h>
#include <string.h>

#include "cmd/diff_print.h"
#include "cmd/output.h"
#include "cmd/plan.h"
#include "cmd/session.h"
#include "cmd/suggest.h"
#include "vault/json_emit.h"

struct sides {
	struct env_path from_env, to_env;
	bool two;	   /* environments */
	uint64_t from, to; /* 0: the current revision */
};

static enum error_code choose_sides(const struct invocation *inv, struct vault_client *client, struct sides *ret,
				    struct error *err)
{
	struct environment_state state;
	enum error_code rc = session_environment(inv, 0, &ret->from_env, err);

	ret->two = inv->words_len > 1;
	ret->to_env = ret->from_env;
	if (rc == ERR_OK && ret->two)
		rc = session_environment(inv, 1, &ret->to_env, err);
	if (rc == ERR_OK)
		rc = option_number(inv, OPT_FROM, false, &ret->from, err);
	if (rc == ERR_OK)
		rc = option_number(inv, OPT_TO, false, &ret->to, err);
	if (rc != ERR_OK || ret->two || ret->from > 0)
		return rc;
	/* One environment and no --from: what the last (or the given) revision changed. */
	rc = client_state(client, &ret->from_env, &state, err);
	if (rc != ERR_OK)
		return rc;
	if (!state.exists) {
		error_set(err, ERR_NOT_FOUND, "there is no %s", ret->from_env.text);
		return suggest_environment(client, &ret->from_env, err);
	}
	uint64_t last = ret->to > 0 ? ret->to : state.revision;
	if (last < 2)
		return error_set(err, ERR_NOT_FOUND, "%.200s has no revision before %" PRIu64 " to compare with",
				 ret->from_env.text, last);
	ret->from = last - 1;
	ret->to = last;
	return ERR_OK;
}

static enum error_code read_side(struct vault_client *client, const struct env_path *env, int64_t revision,
				 struct env_set *set, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	struct json_value data;
	enum error_code rc = client_read(client, env, revision > 0 ? (uint64_t)revision : 0, &answer, err);

	if (rc != ERR_OK)
		return rc;
	if (!json_find(&answer.data, "data", &data) || data.kind != JSON_SCAN_OBJECT)
		return error_set(err, ERR_PROTOCOL, "the answer holds no variables");
	return plan_add_object(set, &data, NULL, err);
}

/* The revisions that the daemon compared, so that the values are those of the names. */
static enum error_code print_revealed(struct vault_client *client, const struct sides *sides,
				      const struct json_value *data, struct secret_buf *out, struct error *err)
{
	cleanup_(env_set_freep) struct env_set *before = env_set_new(PLAN_SET_MAX);
	cleanup_(env_set_freep) struct env_set *after = env_set_new(PLAN_SET_MAX);

	if (before == NULL || after == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = read_side(client, &sides->from_env, answer_int(data, "from", 0), before, err);
	if (rc == ERR_OK)
		rc = read_side(client, &sides->to_env, answer_int(data, "to", 0), after, err);
	return rc == ERR_OK ? diff_print(data, before, after, out, err) : rc;
}

/* The daemon tells of what is missing on the way to the first environment; which one it is, is asked. */
static enum error_code explain_absence(struct vault_client *client, const struct sides *sides, struct error *err)
{
	const struct env_path *const envs[] = {&sides->from_env, &sides->to_env};
	const uint64_t revisions[] = {sides->from, sides->to};
	enum error_code rc = err->code;

	if (rc != ERR_NOT_FOUND && rc != ERR_DELETED)
		return rc;
	for (size_t i = ARRAY_LEN(envs); i-- > 0;) { /* what --to names comes before what follows from it */
		struct environment_state state;
		struct error ignored = ERROR_INIT;

		if (client_state(client, envs[i], &state, &ignored) != ERR_OK)
			continue;
		if (!state.exists)
			return suggest_environment(client, envs[i], err);
		if (rc == ERR_NOT_FOUND && revisions[i] > state.revision) {
			error_clear(err);
			return state.revision == 0 ? error_set(err, rc, "%.200s has no revision yet", envs[i]->text) :
						     error_set(err, rc, "%.200s has no revision %" PRIu64 "; its last is %" PRIu64, envs[i]->text,
							       revisions[i], state.revision);
		}
		if (rc == ERR_DELETED && state.deleted && revisions[i] == 0) {
			error_clear(err);
			return error_set(err, rc, "the current revision %" PRIu64 " of %.200s is deleted; `envctl history %.200s` shows which "
						  "ones are not", state.revision, envs[i]->text, envs[i]->text);
		}
	}
	return rc;
}

static enum error_code ask(struct vault_client *client, const struct sides *sides, struct answer *ret, struct error *err)
{
	enum error_code rc = client_diff(client, &sides->from_env, sides->from, sides->two ? &sides->to_env : NULL, sides->to, ret, err);

	return rc == ERR_OK ? rc : explain_absence(client, sides, err);
}

enum error_code command_diff(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	struct sides sides = {.from = 0};
	enum error_code rc = out != NULL ? session_open(inv, &client, err) : err->code;

	if (rc == ERR_OK)
		rc = choose_sides(inv, client, &sides, err);
	if (rc == ERR_OK)
		rc = ask(client, &sides, &answer, err);
	if (rc != ERR_OK)
		return rc;
	if (option_is_given(inv, OPT_JSON)) {
		json_emit_raw_n(out, answer.data.raw.at, answer.data.raw.len);
		json_emit_raw(out, "\n");
	} else if (option_is_given(inv, OPT_REVEAL)) {
		rc = print_revealed(client, &sides, &answer.data, out, err);
	} else {
		rc = diff_print(&answer.data, NULL, NULL, out, err);
	}
	return rc == ERR_OK ? output_flush(out, err) : rc;
}
