#include <stdio.h>
#include <string.h>

#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/suggest.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

/* All names that are not there, at once: nothing is removed unless everything can be. */
static enum error_code check_names(const struct invocation *inv, const struct env_path *env,
				   const struct json_value *names, struct error *err)
{
	char missing[256] = "";
	struct json_value ignored;

	for (size_t i = 1; i < inv->words_len; i++) {
		size_t used = strlen(missing);

		if (!json_find(names, inv->words[i], &ignored))
			snprintf(missing + used, sizeof(missing) - used, "%s%s", used > 0 ? ", " : "", inv->words[i]);
	}
	if (missing[0] == '\0')
		return ERR_OK;
	return error_set(err, ERR_NOT_FOUND,
			 "%.200s has no %s; nothing was removed, `envctl get %.100s` lists its variables", env->text,
			 missing, env->text);
}

static enum error_code read_names(const struct invocation *inv, struct vault_client *client, const struct env_path *env,
				  struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	struct json_value names;
	enum error_code rc = client_names(client, env, &answer, err);

	if (rc == ERR_NOT_FOUND)
		return suggest_environment(client, env, err);
	if (rc == ERR_OK && (!json_find(&answer.data, "subkeys", &names) || names.kind != JSON_SCAN_OBJECT))
		rc = error_set(err, ERR_PROTOCOL, "the answer holds no names");
	return rc == ERR_OK ? check_names(inv, env, &names, err) : rc;
}

enum error_code command_unset(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(secret_buf_freep) struct secret_buf *data = secret_buf_new(LIMIT_BODY_DATA);
	struct env_path env;
	uint64_t revision = 0;
	char what[48];

	if (data == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = session_environment(inv, 0, &env, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = read_names(inv, client, &env, err);
	if (rc != ERR_OK)
		return rc;
	for (size_t i = 1; i < inv->words_len; i++) {
		json_emit_raw(data, i == 1 ? "{" : ",");
		json_emit_cstring(data, inv->words[i]);
		json_emit_raw(data, ":null");
	}
	json_emit_raw(data, "}");
	rc = secret_buf_check(data, "the list of names", err);
	if (rc == ERR_OK)
		rc = session_patch(inv, client, &env, data, false, &revision, err);
	snprintf(what, sizeof(what), "%zu removed", inv->words_len - 1);
	return rc == ERR_OK ? session_report(inv, &env, revision, what, err) : rc;
}
