#include <string.h>

#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/suggest.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

/* {"parents": ["base/common", …]} of the words behind ENV, each looked at first. */
static enum error_code patch_of(const struct invocation *inv, struct secret_buf *ret, struct error *err)
{
	struct env_path parent;
	enum error_code rc = ERR_OK;

	for (size_t i = 1; rc == ERR_OK && i < inv->words_len; i++)
		rc = session_environment(inv, i, &parent, err);
	if (rc != ERR_OK)
		return rc;
	json_emit_raw(ret, "{\"parents\":");
	session_names(inv->words + 1, inv->words_len - 1, ret);
	json_emit_raw(ret, "}");
	return secret_buf_check(ret, "the list of environments", err);
}

static enum error_code set_parents(const struct invocation *inv, struct vault_client *client, const struct env_path *env,
				   struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *patch = secret_buf_new(LIMIT_BODY_SMALL);
	enum error_code rc;

	if (patch == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	rc = patch_of(inv, patch, err);
	if (rc == ERR_OK)
		rc = session_settings_write(client, env, patch, err);
	if (rc != ERR_OK)
		return rc;
	if (inv->words_len > 1)
		say(inv, "%s: parents changed", env->text);
	else
		say(inv, "%s extends nothing any more", env->text);
	return ERR_OK;
}

static void print_parents(const struct json_value *parents, struct secret_buf *out)
{
	char text[LIMIT_ENV_PATH_LEN + 1];
	struct json_value parent;
	size_t cursor = 0;

	while (json_next_element(parents, &cursor, &parent)) {
		json_value_text(&parent, text, sizeof(text));
		secret_buf_append_text(out, text);
		secret_buf_append_char(out, '\n');
	}
}

static enum error_code show_parents(const struct invocation *inv, struct vault_client *client,
				    const struct env_path *env, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	struct json_value parents;
	enum error_code rc = out != NULL ? client_settings_read(client, env, 0, &answer, err) : err->code;

	if (rc != ERR_OK)
		return rc;
	if (!json_find(&answer.data, "parents", &parents) || parents.kind != JSON_SCAN_ARRAY)
		return error_set(err, ERR_PROTOCOL, "the answer does not say what the environment extends");
	if (option_is_given(inv, OPT_JSON)) {
		json_emit_raw(out, "{\"environment\":");
		json_emit_cstring(out, env->text);
		json_emit_raw(out, ",\"parents\":");
		json_emit_raw_n(out, parents.raw.at, parents.raw.len);
		json_emit_raw(out, "}\n");
	} else if (json_count(&parents) == 0) {
		say(inv, "%s extends nothing", env->text);
	} else {
		print_parents(&parents, out);
	}
	return output_flush(out, err);
}

enum error_code command_env_extends(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	bool clear = option_is_given(inv, OPT_CLEAR), change = clear || inv->words_len > 1;
	struct env_path env;
	enum error_code rc = session_environment(inv, 0, &env, err);

	if (rc == ERR_OK && clear && inv->words_len > 1)
		rc = error_set(err, ERR_USAGE, "--clear takes all parents away: name none");
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK && change)
		rc = set_parents(inv, client, &env, err);
	if (rc == ERR_OK && (!change || option_is_given(inv, OPT_JSON)))
		rc = show_parents(inv, client, &env, err);
	return rc == ERR_NOT_FOUND ? suggest_environment(client, &env, err) : rc;
}
