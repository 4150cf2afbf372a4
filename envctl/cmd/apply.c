#include "cmd/apply.h"

#include <inttypes.h>
#include <string.h>

#include "cmd/output.h"
#include "cmd/plan.h"
#include "cmd/refusal.h"
#include "cmd/session.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

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

enum error_code apply_add_names(struct env_set *set, const struct json_value *list, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *name = secret_buf_new(LIMIT_VARIABLE_NAME_LEN);
	struct json_value element;
	size_t cursor = 0;
	enum error_code rc = ERR_OK;

	if (name == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	while (rc == ERR_OK && list->kind == JSON_SCAN_ARRAY && json_next_element(list, &cursor, &element)) {
		if (element.kind != JSON_SCAN_STRING)
			continue;
		/* As it is, not as a terminal may see it. */
		secret_buf_reset(name);
		json_append_unescaped(name, json_string_span(&element));
		rc = secret_buf_check(name, "the name of a variable", err);
		if (rc == ERR_OK)
			rc = env_set_put(set, secret_buf_text(name), secret_buf_len(name), "", 0, 0, NULL, err);
	}
	return rc;
}

/* Which variables are templates afterwards, as a JSON list. *ret_differs: some of the wanted ones are not what they were. */
static enum error_code list_templates(struct vault_client *client, const struct env_path *env, uint64_t revision,
				      const struct env_set *wanted, const struct env_set *templates, bool others_stay,
				      struct secret_buf *ret, bool *ret_differs, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(env_set_freep) struct env_set *before = env_set_new(PLAN_SET_MAX);
	struct env_entry entry, found;
	struct json_value list;
	enum error_code rc = ERR_OK;
	const char *comma = "";

	if (before == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (revision > 0)
		rc = client_settings_read(client, env, revision, &answer, err);
	if (rc == ERR_OK && revision > 0 && json_find(&answer.data, "templates", &list))
		rc = apply_add_names(before, &list, err);
	if (rc != ERR_OK)
		return rc;
	json_emit_raw(ret, "[");
	for (size_t i = 0; i < env_set_count(before) + env_set_count(templates); i++) {
		bool old = i < env_set_count(before);

		entry = old ? env_set_at(before, i) : env_set_at(templates, i - env_set_count(before));
		bool is_wanted = env_set_find(wanted, entry.name, entry.name_len, &found);
		*ret_differs |= is_wanted && !env_set_find(old ? templates : before, entry.name, entry.name_len, &found);
		if (old && (is_wanted || !others_stay))
			continue;
		json_emit_raw(ret, comma);
		json_emit_string(ret, entry.name, entry.name_len);
		comma = ",";
	}
	json_emit_raw(ret, "]");
	return secret_buf_check(ret, "the list of names", err);
}

/* What cannot be told is told by the write. */
static void warn_of_refusal(struct vault_client *client, const struct env_path *env, const struct plan *plan)
{
	const struct json_span data = {.at = secret_buf_text(plan->data), .len = secret_buf_len(plan->data)};
	struct error ignored = ERROR_INIT;
	size_t found = 0;

	if (refusal_warn(client, env, data, "", &found, &ignored) != ERR_OK)
		error_clear(&ignored);
}

enum error_code apply_wanted(const struct invocation *inv, struct vault_client *client, const struct env_path *env,
			     const struct env_set *wanted, const struct env_set *templates, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *kinds = secret_buf_new(LIMIT_BODY_DATA);
	bool kinds_differ = false;
	cleanup_(env_set_freep) struct env_set *base = env_set_new(PLAN_SET_MAX);
	cleanup_(plan_free) struct plan plan = {0};
	uint64_t revision = 0;

	if (base == NULL || kinds == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = session_read_base(client, env, base, &revision, err);
	if (rc == ERR_OK && templates != NULL)
		rc = list_templates(client, env, revision, wanted, templates, !option_is_given(inv, OPT_REPLACE), kinds,
				    &kinds_differ, err);
	if (rc == ERR_OK)
		rc = plan_make(base, wanted, option_is_given(inv, OPT_REPLACE), &plan, err);
	if (rc != ERR_OK)
		return rc;
	/* An environment that is to be empty and is not there yet is a change as well. */
	bool write = !option_is_given(inv, OPT_DRY_RUN) && (!plan_is_empty(&plan) || kinds_differ || revision == 0);
	if (write) {
		const struct change change = {
			.data = plan.data,
			.has_cas = true,
			.cas = revision,
			.message = option_value(inv, OPT_MESSAGE),
			.templates = templates != NULL ? kinds : NULL,
		};

		rc = session_write(client, env, &change, &revision, err);
	}
	if (rc == ERR_OK && option_is_given(inv, OPT_DRY_RUN))
		warn_of_refusal(client, env, &plan);
	return rc == ERR_OK ? print_result(inv, env, &plan, revision, write, err) : rc;
}
