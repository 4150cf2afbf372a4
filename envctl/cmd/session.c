#include "cmd/session.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "client/kept_token.h"
#include "cmd/finding_print.h"
#include "cmd/output.h"
#include "cmd/plan.h"
#include "cmd/suggest.h"
#include "vault/json_emit.h"

#define PATCH_ATTEMPTS 8
#define COMMAND_SHOWN_MAX 800 /* twice this and a sentence are a message */

/* Commands to copy are whole or not there. */
static void warn_earlier_token(const struct invocation *inv)
{
	const char *address = option_value(inv, OPT_ADDRESS);
	const char *option = address != NULL ? " --address " : "";
	char path[PATH_MAX];

	if (!kept_token_earlier(path))
		return;
	if (address == NULL)
		address = "";
	if (strlen(path) + strlen(address) > COMMAND_SHOWN_MAX || strchr(path, '\'') != NULL)
		warn("warning: envctl/token, below XDG_STATE_HOME or ~/.local/state, holds a token of an earlier envctl, which is "
		     "used for no vault; see `envctl login --help`");
	else
		warn("warning: %s holds a token of an earlier envctl, which is used for no vault; if it is this vault's, "
		     "`envctl login --token-file '%s'%s%s` keeps it; `envctl logout%s%s` removes it",
		     path, path, option, address, option, address);
}

/* Where the vault answers anybody, a token is neither looked for, so that none of a wrong mode is in the way, nor sent. */
static enum error_code open_without_token(const struct invocation *inv, struct vault_client **ret, struct error *err)
{
	struct address address;
	const struct client_place place = {.address = &address};
	enum error_code rc = address_find(option_value(inv, OPT_ADDRESS), &address, err);

	return rc == ERR_OK ? client_new_for(&place, ret, err) : rc;
}

enum error_code session_open(const struct invocation *inv, struct vault_client **ret, struct error *err)
{
	if (inv->command->needs_no_token)
		return open_without_token(inv, ret, err);
	enum error_code rc = client_new(option_value(inv, OPT_ADDRESS), option_value(inv, OPT_TOKEN_FILE), ret, err);

	if (rc == ERR_OK && client_token_text(*ret) == NULL)
		warn_earlier_token(inv);
	return rc;
}

enum error_code session_environment(const struct invocation *inv, size_t i, struct env_path *ret, struct error *err)
{
	enum error_code rc = env_path_parse(inv->words[i], strlen(inv->words[i]), ret, err);

	return rc == ERR_OK ? rc : error_prefix(err, "word %zu is no environment", i + 1);
}

enum error_code session_revision(const char *word, uint64_t *ret, struct error *err)
{
	char *end;

	errno = 0;
	unsigned long long number = strtoull(word, &end, 10);
	if (word[0] < '0' || word[0] > '9' || *end != '\0' || errno != 0 || number == 0 || number > INT64_MAX)
		return error_set(err, ERR_USAGE, "a revision is a whole number from 1 on; `envctl history` lists them");
	*ret = number;
	return ERR_OK;
}

enum error_code session_filter(const struct invocation *inv, struct name_filter *ret, struct error *err)
{
	struct name_filter filter = {.only_len = 0};

	for (size_t i = 0; i < inv->given_len; i++) {
		const struct given_option *given = &inv->given[i];

		if (given->id == OPT_ONLY && filter.only_len < FILTER_GLOBS_MAX)
			filter.only[filter.only_len++] = given->value;
		else if (given->id == OPT_EXCEPT && filter.except_len < FILTER_GLOBS_MAX)
			filter.except[filter.except_len++] = given->value;
		else
			continue;
		if (given->value[strspn(given->value, ",")] == '\0')
			return error_set(err, ERR_USAGE, "--only and --except need a name or pattern");
	}
	*ret = filter;
	return ERR_OK;
}

static enum error_code refuse_missing(const struct name_filter *filter, name_known *known, const void *arg, const char *what,
				      const char *outcome, struct error *err)
{
	size_t len = 0;
	const char *missing = name_filter_missing(filter, known, arg, &len);

	if (missing == NULL)
		return ERR_OK;
	return error_set(err, ERR_NOT_FOUND, "%.200s has no variable '%.*s', which --only asks for; %s", what,
			 (int)(len < 128 ? len : 128), missing, outcome);
}

static enum error_code refuse_empty(const char *what, const char *outcome, struct error *err)
{
	return error_set(err, ERR_NOT_FOUND, "no variable of %.200s matches --only and --except; %s", what, outcome);
}

static bool known_to_object(const void *arg, const char *name, size_t len)
{
	char text[LIMIT_VARIABLE_NAME_LEN + 1];
	struct json_value ignored;

	if (len >= sizeof(text))
		return false;
	memcpy(text, name, len);
	text[len] = '\0';
	return json_find(arg, text, &ignored);
}

enum error_code session_filter_check(const struct name_filter *filter, const struct json_value *variables, const char *what,
				     const char *outcome, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *name = secret_buf_new(LIMIT_BODY_DATA);
	struct json_member member;
	size_t cursor = 0;

	if (name == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (refuse_missing(filter, known_to_object, variables, what, outcome, err) != ERR_OK)
		return err->code;
	while (json_next_member(variables, &cursor, &member)) {
		secret_buf_reset(name);
		json_append_unescaped(name, member.name);
		if (name_filter_takes(filter, secret_buf_text(name), secret_buf_len(name)))
			return ERR_OK;
	}
	return json_count(variables) == 0 ? ERR_OK : refuse_empty(what, outcome, err);
}

static bool known_to_set(const void *arg, const char *name, size_t len)
{
	struct env_entry ignored;

	return env_set_find(arg, name, len, &ignored);
}

enum error_code session_filter_check_set(const struct name_filter *filter, const struct env_set *set, const char *what,
					 const char *outcome, struct error *err)
{
	if (refuse_missing(filter, known_to_set, set, what, outcome, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);

		if (name_filter_takes(filter, entry.name, entry.name_len))
			return ERR_OK;
	}
	return env_set_count(set) == 0 ? ERR_OK : refuse_empty(what, outcome, err);
}

enum error_code session_read_base(struct vault_client *client, const struct env_path *env, struct env_set *set,
				  uint64_t *ret_revision, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	struct error found = ERROR_INIT;
	struct json_value data, metadata;
	enum error_code rc = client_read(client, env, 0, &answer, &found);

	if (rc == ERR_NOT_FOUND || rc == ERR_DELETED) {
		struct environment_state state;

		rc = client_state(client, env, &state, err);
		if (rc == ERR_OK)
			*ret_revision = state.revision;
		return rc;
	}
	if (rc != ERR_OK) {
		*err = found;
		return rc;
	}
	if (!json_find(&answer.data, "data", &data) || data.kind != JSON_SCAN_OBJECT ||
	    !json_find(&answer.data, "metadata", &metadata) || metadata.kind != JSON_SCAN_OBJECT)
		return error_set(err, ERR_PROTOCOL, "the answer holds no variables; is this address really vaultd's?");
	*ret_revision = (uint64_t)answer_int(&metadata, "version", 0);
	return plan_add_object(set, &data, NULL, err);
}

static enum error_code patch_once(const struct invocation *inv, struct vault_client *client, const struct env_path *env,
				  const struct change *wanted, bool create, uint64_t *ret_revision, struct error *err)
{
	struct environment_state state;
	struct change change = *wanted;
	enum error_code rc = client_state(client, env, &state, err);

	if (rc != ERR_OK)
		return rc;
	if (!create && !state.exists)
		return error_set(err, ERR_NOT_FOUND, "there is no %s", env->text);
	if (state.deleted)
		return error_set(err, ERR_DELETED,
				 "the current revision %" PRIu64
				 " of %.200s is deleted; `envctl rollback` brings an earlier "
				 "one back, `envctl env create` begins a new one without variables",
				 state.revision, env->text);
	change.has_cas = true;
	change.message = option_value(inv, OPT_MESSAGE);
	change.cas = state.revision;
	change.patch = state.revision > 0;
	rc = option_number(inv, OPT_CAS, true, &change.cas, err);
	return rc == ERR_OK ? session_write(client, env, &change, ret_revision, err) : rc;
}

void session_tell(const struct env_path *env, const struct answer *answer)
{
	cleanup_(finding_list_free) struct finding_list list = {.items = NULL};
	struct error ignored = ERROR_INIT;
	struct json_value array, element;
	char text[ERROR_TEXT_MAX];
	size_t cursor = 0;

	if (answer->has_data && json_find(&answer->data, "findings", &array) &&
	    finding_list_add_json(&list, &array, &ignored) == ERR_OK)
		(void)finding_list_warn(&list, env, "");
	if (answer->has_data && answer_int(&answer->data, "hidden_errors", 0) > 0)
		warn("%s: errors of variables that you may not read: %" PRId64 "; who may, sees them: envctl check %s", env->text,
		     answer_int(&answer->data, "hidden_errors", 0), env->text);
	if (!answer->has_json || !json_find(&answer->root, "warnings", &array) || array.kind != JSON_SCAN_ARRAY)
		return;
	while (json_next_element(&array, &cursor, &element)) {
		json_value_text(&element, text, sizeof(text));
		warn("warning: %s: %s", env->text, text);
	}
}

enum error_code session_write(struct vault_client *client, const struct env_path *env, const struct change *change,
			      uint64_t *ret_revision, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	enum error_code rc = client_write(client, env, change, ret_revision, &answer, err);

	session_tell(env, &answer);
	return rc;
}

enum error_code session_settings_write(struct vault_client *client, const struct env_path *env,
				       const struct secret_buf *patch, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	enum error_code rc = client_settings_write(client, env, patch, &answer, err);

	session_tell(env, &answer);
	return rc;
}

void session_names(char *const *words, size_t len, struct secret_buf *ret)
{
	json_emit_raw(ret, "[");
	for (size_t i = 0; i < len; i++) {
		json_emit_raw(ret, i > 0 ? "," : "");
		json_emit_cstring(ret, words[i]);
	}
	json_emit_raw(ret, "]");
}

enum error_code session_patch(const struct invocation *inv, struct vault_client *client, const struct env_path *env,
			      const struct change *wanted, bool create, uint64_t *ret_revision, struct error *err)
{
	struct error failure = ERROR_INIT;
	enum error_code rc = ERR_CAS;

	/* A patch means the same on any revision: losing a race is no reason to bother anybody. */
	for (unsigned i = 0; rc == ERR_CAS && i < PATCH_ATTEMPTS; i++) {
		error_clear(&failure);
		rc = patch_once(inv, client, env, wanted, create, ret_revision, &failure);
		if (option_is_given(inv, OPT_CAS))
			break;
	}
	if (rc != ERR_OK)
		*err = failure;
	return rc == ERR_NOT_FOUND ? suggest_environment(client, env, err) : rc;
}

enum error_code session_report(const struct invocation *inv, const struct env_path *env, uint64_t revision,
			       const char *what, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = NULL;

	if (!option_is_given(inv, OPT_JSON)) {
		say(inv, "%s: revision %" PRIu64 " (%s)", env->text, revision, what);
		return ERR_OK;
	}
	out = output_new(err);
	if (out == NULL)
		return err->code;
	json_emit_raw(out, "{\"environment\":");
	json_emit_cstring(out, env->text);
	json_emit_raw(out, ",\"revision\":");
	json_emit_uint(out, revision);
	json_emit_raw(out, "}\n");
	return output_flush(out, err);
}
