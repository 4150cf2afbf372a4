#include <string.h>

#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/suggest.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

/* {"allow_names": ["A","B"]} of "A,B"; an empty list forbids all again. */
static enum error_code patch_of(const char *list, struct secret_buf *ret, struct error *err)
{
	const char *comma = "";

	json_emit_raw(ret, "{\"allow_names\":[");
	while (*list != '\0') {
		size_t len = strcspn(list, ",");

		if (!variable_name_is_portable(list, len))
			return error_set(err, ERR_USAGE, "--allow-names needs names of variables, parted by commas");
		json_emit_raw(ret, comma);
		json_emit_string(ret, list, len);
		comma = ",";
		list += len + (list[len] == ',');
	}
	json_emit_raw(ret, "]}");
	return secret_buf_check(ret, "the list of names", err);
}

static enum error_code change_settings(const struct invocation *inv, struct vault_client *client,
				       const struct env_path *env, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *patch = secret_buf_new(LIMIT_BODY_SMALL);

	if (patch == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = patch_of(option_value(inv, OPT_ALLOW_NAMES), patch, err);
	if (rc == ERR_OK)
		rc = session_settings_write(client, env, patch, err);
	if (rc == ERR_OK)
		say(inv, "%s: settings changed", env->text);
	return rc;
}

/* "parents      base/common,base/mail" */
static void print_list(const struct json_value *data, const char *member, const char *label, struct secret_buf *out)
{
	struct json_value names, name;
	size_t cursor = 0, count = 0;

	secret_buf_append_text(out, label);
	if (json_find(data, member, &names) && names.kind == JSON_SCAN_ARRAY)
		for (; json_next_element(&names, &cursor, &name); count++) {
			char text[LIMIT_ENV_PATH_LEN + LIMIT_VARIABLE_NAME_LEN + 1];

			json_value_text(&name, text, sizeof(text));
			secret_buf_append_text(out, count > 0 ? "," : " ");
			output_visible(out, text, strlen(text));
		}
	secret_buf_append_text(out, count > 0 ? "\n" : " (none)\n");
}

static void print_settings(const struct json_value *data, struct secret_buf *out)
{
	print_list(data, "allow_names", "allow-names ", out);
	print_list(data, "parents", "parents     ", out);
	print_list(data, "templates", "templates   ", out);
	print_list(data, "unset", "masked      ", out);
}

static enum error_code show_settings(const struct invocation *inv, struct vault_client *client,
				     const struct env_path *env, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	enum error_code rc = out != NULL ? client_settings_read(client, env, 0, &answer, err) : err->code;

	if (rc != ERR_OK)
		return rc;
	if (option_is_given(inv, OPT_JSON)) {
		json_emit_raw_n(out, answer.data.raw.at, answer.data.raw.len);
		json_emit_raw(out, "\n");
	} else {
		print_settings(&answer.data, out);
	}
	return output_flush(out, err);
}

enum error_code command_env_settings(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	struct env_path env;
	enum error_code rc = session_environment(inv, 0, &env, err);

	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK && option_is_given(inv, OPT_ALLOW_NAMES))
		rc = change_settings(inv, client, &env, err);
	else if (rc == ERR_OK)
		rc = show_settings(inv, client, &env, err);
	return rc == ERR_NOT_FOUND ? suggest_environment(client, &env, err) : rc;
}
