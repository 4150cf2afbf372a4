#include <string.h>
#include <sys/stat.h>

#include "client/schema.h"
#include "cmd/check_files.h"
#include "cmd/finding_print.h"
#include "cmd/output.h"
#include "cmd/plan.h"
#include "cmd/schema_import.h"
#include "cmd/session.h"
#include "cmd/suggest.h"
#include "vault/files.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/plural.h"

/* -- against the daemon ---------------------------------------------------------- */

static enum error_code add_schema(const char *file, struct secret_buf *body, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	bool joined = false;
	enum error_code rc = schema_file_read(file, &text, &joined, err);

	if (rc != ERR_OK)
		return rc;
	if (!utf8_is_valid(secret_buf_text(text), secret_buf_len(text)))
		return error_set(err, ERR_INVALID, "%.200s is not UTF-8 text", file);
	json_emit_raw(body, "\"schema\":");
	json_emit_string(body, secret_buf_text(text), secret_buf_len(text));
	json_emit_raw(body, ",");
	return ERR_OK;
}

/* The variables of an env file as the set that is proposed. */
static enum error_code add_data(const struct invocation *inv, const char *file, struct secret_buf *body, struct env_set *set,
				struct error *err)
{
	enum error_code rc = check_decode_file(inv, file, set, err);

	json_emit_raw(body, "\"data\":{");
	for (size_t i = 0; rc == ERR_OK && i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);

		if (!utf8_is_valid(entry.value, entry.value_len))
			return error_set(err, ERR_INVALID, "%.200s: %.100s is not UTF-8 text", file, entry.name);
		json_emit_raw(body, i == 0 ? "" : ",");
		json_emit_string(body, entry.name, entry.name_len);
		json_emit_raw(body, ":");
		json_emit_string(body, entry.value, entry.value_len);
	}
	json_emit_raw(body, "},");
	return rc;
}

/* set: gets the variables of the env file. */
static enum error_code make_body(const struct invocation *inv, struct secret_buf *body, struct env_set *set, struct error *err)
{
	enum error_code rc = ERR_OK;

	json_emit_raw(body, "{");
	if (option_is_given(inv, OPT_SCHEMA))
		rc = add_schema(option_value(inv, OPT_SCHEMA), body, err);
	if (rc == ERR_OK && option_is_given(inv, OPT_ENV_FILE))
		rc = add_data(inv, option_value(inv, OPT_ENV_FILE), body, set, err);
	if (rc != ERR_OK)
		return rc;
	if (option_is_given(inv, OPT_LISTED))
		json_emit_raw(body, option_is_given(inv, OPT_ALLOW_EMPTY) ? "\"required\":\"listed-may-be-empty\"," :
									    "\"required\":\"listed\",");
	json_emit_raw(body, "\"strict\":");
	json_emit_bool(body, option_is_given(inv, OPT_STRICT));
	json_emit_raw(body, "}");
	return secret_buf_check(body, "the request", err);
}

/* What was sent from files is shown with their lines. */
static void place_findings(const struct invocation *inv, struct env_set *set, struct finding_list *list)
{
	bool has_schema = option_is_given(inv, OPT_SCHEMA), has_file = option_is_given(inv, OPT_ENV_FILE);

	env_set_sort(set);
	finding_list_place(list, has_file ? set : NULL, has_file ? check_shown_file(option_value(inv, OPT_ENV_FILE)) : NULL,
			   has_schema ? check_shown_file(option_value(inv, OPT_SCHEMA)) : NULL);
}

static bool is_a_file(const char *word)
{
	struct stat status;

	return stat(word, &status) == 0 && S_ISREG(status.st_mode);
}

/* A file's name where an environment's belongs; it may be both. */
static enum error_code explain_file(const char *word, struct error *err)
{
	if (!is_a_file(word))
		return err->code;
	return error_prefix(err, "%.100s is a file here; to check that: envctl check --env-file %.100s; as an environment", word,
			    word);
}

static enum error_code check_environment(const struct invocation *inv, struct finding_list *list, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(2 * LIMIT_BODY_DATA);
	cleanup_(env_set_freep) struct env_set *set = env_set_new(LIMIT_ENV_FILE);
	struct json_value findings;
	struct env_path env;
	enum error_code rc;

	if (body == NULL || set == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (option_is_given(inv, OPT_FIX) || option_is_given(inv, OPT_NO_LINT) || option_is_given(inv, OPT_ENVIRONMENT))
		return error_set(err, ERR_USAGE, "--fix, --no-lint and --environment are for files, without ENV");
	rc = session_environment(inv, 0, &env, err);
	if (rc != ERR_OK)
		return explain_file(inv->words[0], err);
	rc = make_body(inv, body, set, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_check(client, &env, body, &answer, err);
	if (rc == ERR_SCHEMA)
		error_clear(err);
	else if (rc == ERR_NOT_FOUND && !is_a_file(inv->words[0]))
		return suggest_environment(client, &env, err);
	else if (rc != ERR_OK)
		return explain_file(inv->words[0], err);
	if (!json_find(&answer.data, "findings", &findings))
		return error_set(err, ERR_PROTOCOL, "the answer holds no findings; is this address really vaultd's?");
	list->omitted = (size_t)answer_int(&answer.data, "omitted", 0);
	rc = finding_list_add_json(list, &findings, err);
	if (rc != ERR_OK)
		return rc;
	place_findings(inv, set, list);
	finding_list_name_environment(list, &env);
	return ERR_OK;
}

static void say_what_fix_is_for(const struct invocation *inv, const struct finding_list *list)
{
	bool is_style = false;

	for (size_t i = 0; i < list->len; i++)
		is_style |= shown_finding_is_style(&list->items[i]);
	if (is_style && option_is_given(inv, OPT_ENV_FILE) && !option_is_given(inv, OPT_FIX))
		say(inv, "how it is written: --fix mends what it can, without changing a name or a value");
}

enum error_code command_check(struct invocation *inv, struct error *err)
{
	cleanup_(finding_list_free) struct finding_list list = {.items = NULL};
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	enum finding_format format;
	enum error_code rc = out != NULL ? finding_format_of(inv, &format, err) : err->code;

	if (rc == ERR_OK && option_is_given(inv, OPT_ALLOW_EMPTY) && !option_is_given(inv, OPT_LISTED))
		rc = error_set(err, ERR_USAGE, "--allow-empty belongs to --listed");
	if (rc != ERR_OK)
		return rc;
	rc = inv->words_len > 0 ? check_environment(inv, &list, err) : check_files(inv, &list, err);
	if (rc != ERR_OK)
		return rc;
	if (option_is_given(inv, OPT_STRICT))
		finding_list_make_strict(&list);
	finding_list_sort(&list);
	finding_list_print(&list, format, out);
	inv->exit_status = list.errors > 0 ? 1 : 0;
	rc = output_flush(out, err);
	if (rc == ERR_OK && format == FINDING_HUMAN) {
		say_what_fix_is_for(inv, &list);
		say(inv, "%zu error%s, %zu warning%s", list.errors, plural(list.errors, "", "s"), list.warnings,
		    plural(list.warnings, "", "s"));
	}
	return rc;
}
