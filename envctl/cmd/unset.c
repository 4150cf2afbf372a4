#include <stdio.h>
#include <string.h>

#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/suggest.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

static bool is_name(const struct json_value *element, const char *name)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(LIMIT_VARIABLE_NAME_LEN);

	if (text == NULL || element->kind != JSON_SCAN_STRING)
		return false;
	/* As it is, not as a terminal may see it. */
	json_append_unescaped(text, json_string_span(element));
	return secret_buf_ok(text) && secret_buf_len(text) == strlen(name) &&
	       memcmp(secret_buf_bytes(text), name, secret_buf_len(text)) == 0;
}

/* Whether a list of settings holds the name. */
static bool list_has(const struct json_value *list, const char *name)
{
	struct json_value element;
	size_t cursor = 0;

	while (json_next_element(list, &cursor, &element))
		if (is_name(&element, name))
			return true;
	return false;
}

/* All names that are not there, at once: nothing is removed unless everything can be. names: of the variables, or of the
 * masks. */
static enum error_code check_names(const struct invocation *inv, const struct env_path *env,
				   const struct json_value *names, struct error *err)
{
	char missing[256] = "";
	struct json_value ignored;
	bool unmask = option_is_given(inv, OPT_UNMASK);

	for (size_t i = 1; i < inv->words_len; i++) {
		size_t used = strlen(missing);

		if (unmask ? !list_has(names, inv->words[i]) : !json_find(names, inv->words[i], &ignored))
			snprintf(missing + used, sizeof(missing) - used, "%s%s", used > 0 ? ", " : "", inv->words[i]);
	}
	if (missing[0] == '\0')
		return ERR_OK;
	if (unmask)
		return error_set(err, ERR_NOT_FOUND,
				 "%.200s does not mask %s; nothing was changed, `envctl env settings %.100s` lists "
				 "what it masks",
				 env->text, missing, env->text);
	return error_set(err, ERR_NOT_FOUND,
			 "%.150s has no %s; nothing was removed, `envctl get %.100s` lists its variables; --mask "
			 "hides what a parent gives",
			 env->text, missing, env->text);
}

static enum error_code read_names(const struct invocation *inv, struct vault_client *client, const struct env_path *env,
				  struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	bool unmask = option_is_given(inv, OPT_UNMASK);
	struct json_value names;
	enum error_code rc = unmask ? client_settings_read(client, env, 0, &answer, err)
				    : client_names(client, env, &answer, err);

	if (rc == ERR_NOT_FOUND)
		return suggest_environment(client, env, err);
	if (rc == ERR_OK && (!json_find(&answer.data, unmask ? "unset" : "subkeys", &names) ||
			     names.kind != (unmask ? JSON_SCAN_ARRAY : JSON_SCAN_OBJECT)))
		rc = error_set(err, ERR_PROTOCOL, "the answer holds no names");
	return rc == ERR_OK ? check_names(inv, env, &names, err) : rc;
}

/* {"A":null,"B":null} */
static void nulls_of(const struct invocation *inv, struct secret_buf *data)
{
	for (size_t i = 1; i < inv->words_len; i++) {
		json_emit_raw(data, i == 1 ? "{" : ",");
		json_emit_cstring(data, inv->words[i]);
		json_emit_raw(data, ":null");
	}
	json_emit_raw(data, "}");
}

/* What the call sends: names that go, or names that are masked. */
static enum error_code fill(const struct invocation *inv, struct secret_buf *data, struct secret_buf *masks,
			    struct error *err)
{
	session_names(inv->words + 1, inv->words_len - 1, masks);
	if (option_is_given(inv, OPT_MASK))
		json_emit_raw(data, "{}");
	else
		nulls_of(inv, data);
	if (secret_buf_check(data, "the list of names", err) != ERR_OK)
		return err->code;
	return secret_buf_check(masks, "the list of names", err);
}

enum error_code command_unset(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(secret_buf_freep) struct secret_buf *data = secret_buf_new(LIMIT_BODY_DATA);
	cleanup_(secret_buf_freep) struct secret_buf *masks = secret_buf_new(LIMIT_BODY_DATA);
	bool mask = option_is_given(inv, OPT_MASK);
	struct change change = {.data = data, .unset = mask ? masks : NULL};
	struct env_path env;
	uint64_t revision = 0;
	char what[48];

	if (data == NULL || masks == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = session_environment(inv, 0, &env, err);
	if (rc == ERR_OK && mask && option_is_given(inv, OPT_UNMASK))
		rc = error_set(err, ERR_USAGE, "--mask and --unmask exclude each other");
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK && !mask)
		rc = read_names(inv, client, &env, err);
	if (rc == ERR_OK)
		rc = fill(inv, data, masks, err);
	if (rc == ERR_OK)
		rc = session_patch(inv, client, &env, &change, false, &revision, err);
	snprintf(what, sizeof(what), "%zu %s", inv->words_len - 1,
		 mask ? "masked" : option_is_given(inv, OPT_UNMASK) ? "unmasked" : "removed");
	return rc == ERR_OK ? session_report(inv, &env, revision, what, err) : rc;
}
