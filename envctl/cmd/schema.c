/* schema get, set, delete, explain, infer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/schema.h"
#include "cmd/finding_print.h"
#include "cmd/new_file.h"
#include "cmd/output.h"
#include "cmd/plan.h"
#include "cmd/schema_import.h"
#include "cmd/session.h"
#include "cmd/suggest.h"
#include "vault/files.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/schema.h"

/* -- get ------------------------------------------------------------------------ */

static void print_parents(const struct invocation *inv, const struct json_value *data)
{
	struct json_value inherited, parent;
	size_t cursor = 0;

	if (!json_find(data, "inherited", &inherited) || inherited.kind != JSON_SCAN_ARRAY)
		return;
	while (json_next_element(&inherited, &cursor, &parent)) {
		char path[LIMIT_ENV_PATH_LEN + 1], mode[16];

		answer_text(&parent, "environment", path, sizeof(path));
		answer_text(&parent, "mode", mode, sizeof(mode));
		say(inv, "inherited from %s (%s): envctl schema get %s", path, mode, path);
	}
}

static enum error_code print_text(const struct invocation *inv, const struct env_path *env, const struct json_value *data,
				  struct secret_buf *out, struct error *err)
{
	struct json_value text;
	char mode[16];

	print_parents(inv, data);
	if (!json_find(data, "text", &text) || text.kind != JSON_SCAN_STRING)
		return error_set(err, ERR_NOT_FOUND, "%s has no schema of its own; make one: envctl schema infer %s", env->text,
				 env->text);
	answer_text(data, "mode", mode, sizeof(mode));
	say(inv, "mode: %s", mode);
	json_append_unescaped(out, json_string_span(&text));
	return secret_buf_check(out, "the schema", err);
}

/* Standard output, or --output FILE, which somebody may have written by hand. A schema is no secret, but its defaults may be. */
static enum error_code write_out(const struct invocation *inv, struct secret_buf *out, struct error *err)
{
	const char *path = option_value(inv, OPT_OUTPUT);
	enum error_code rc;

	if (path == NULL || strcmp(path, "-") == 0)
		return output_flush(out, err);
	new_file_scope file = {.fd = -1};
	rc = new_file_begin(path, option_is_given(inv, OPT_FORCE), &file, err);
	if (rc == ERR_OK)
		rc = new_file_write(&file, secret_buf_bytes(out), secret_buf_len(out), err);
	if (rc == ERR_OK)
		rc = new_file_finish(&file, err);
	if (rc == ERR_OK)
		say(inv, "wrote %s", path);
	return rc;
}

static void print_data(const struct answer *answer, struct secret_buf *out)
{
	json_emit_raw_n(out, answer->data.raw.at, answer->data.raw.len);
	json_emit_raw(out, "\n");
}

enum error_code command_schema_get(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	struct env_path env;
	enum error_code rc = out != NULL ? session_environment(inv, 0, &env, err) : err->code;

	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_schema_read(client, &env, &answer, err);
	if (rc == ERR_NOT_FOUND) {
		error_clear(err);
		return error_set(err, rc, "%s has no schema, or is not there at all; make one: envctl schema infer %s", env.text,
				 env.text);
	}
	if (rc != ERR_OK)
		return rc;
	if (option_is_given(inv, OPT_JSON))
		print_data(&answer, out);
	else
		rc = print_text(inv, &env, &answer.data, out, err);
	return rc == ERR_OK ? write_out(inv, out, err) : rc;
}

/* -- set -------------------------------------------------------------------------- */

/* *ret_file: whose lines findings will name; NULL: those of a text that was put together, or of none. */
static enum error_code make_body(const struct invocation *inv, struct secret_buf *body, const char **ret_file, struct error *err)
{
	const char *mode = option_value(inv, OPT_MODE), *file = inv->words_len > 1 ? inv->words[1] : NULL;
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	enum error_code rc = ERR_OK;
	bool joined = false;

	if (file == NULL && mode == NULL)
		return error_set(err, ERR_USAGE, "schema set needs FILE, --mode or both");
	if (mode != NULL && strcmp(mode, "enforce") != 0 && strcmp(mode, "warn") != 0)
		return error_set(err, ERR_USAGE, "--mode is enforce or warn");
	if (file != NULL)
		rc = schema_file_read(file, &text, &joined, err);
	*ret_file = joined ? NULL : file;
	if (rc != ERR_OK)
		return rc;
	if (file != NULL && !utf8_is_valid(secret_buf_text(text), secret_buf_len(text)))
		return error_set(err, ERR_INVALID, "%.200s is not UTF-8 text", file);
	json_emit_raw(body, "{");
	if (file != NULL) {
		json_emit_raw(body, "\"text\":");
		json_emit_string(body, secret_buf_text(text), secret_buf_len(text));
	}
	if (mode != NULL) {
		json_emit_raw(body, file != NULL ? ",\"mode\":" : "\"mode\":");
		json_emit_cstring(body, mode);
	}
	json_emit_raw(body, "}");
	return secret_buf_check(body, "the request", err);
}

/* What was found goes to standard error: the schema is kept all the same, or was refused for it. */
static enum error_code report_findings(const struct json_value *data, const char *member, const struct env_path *env,
				       const char *file, struct error *err)
{
	cleanup_(finding_list_free) struct finding_list list = {.items = NULL};
	struct json_value findings;

	if (!json_find(data, member, &findings))
		return ERR_OK;
	if (finding_list_add_json(&list, &findings, err) != ERR_OK)
		return err->code;
	if (messages_are_json()) {
		finding_list_place(&list, NULL, NULL, file);
		finding_list_tell(&list, env, "");
		return ERR_OK;
	}
	for (size_t i = 0; i < list.len; i++) {
		const struct shown_finding *item = &list.items[i];

		warn("%s%s%u: %s: %s%s%s%s%s%s", file != NULL ? file : "schema", item->finding.line > 0 ? ":" : " ",
		     item->finding.line, finding_severity_name(item->finding.severity), item->finding.name,
		     item->finding.name[0] != '\0' ? ": " : "", item->finding.text, item->hint[0] != '\0' ? " (" : "", item->hint,
		     item->hint[0] != '\0' ? ")" : "");
	}
	return ERR_OK;
}

static void say_fit(const struct invocation *inv, const struct env_path *env, const struct json_value *data)
{
	struct json_value valid;

	if (answer_bool(data, "valid"))
		return;
	if (json_find(data, "valid", &valid) && valid.kind == JSON_SCAN_NULL)
		say(inv, "%s: whether the variables that are there fit it could not be told; why: envctl check %s", env->text,
		    env->text);
	else
		say(inv, "%s: the variables that are there do not fit it; which, and why: envctl check %s", env->text, env->text);
}

/* The name may be mistyped. Meant or not, it stands in the list from now on. */
static void warn_created(const struct env_path *env, const struct json_value *data)
{
	if (answer_bool(data, "created"))
		warn("warning: there was no environment %s: it has a schema and no variables now; if that was not meant, `envctl env "
		     "delete %s` takes it away again",
		     env->text, env->text);
}

enum error_code command_schema_set(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(2 * LIMIT_BODY_SCHEMA);
	const char *file = NULL;
	struct error ignored = ERROR_INIT;
	char mode[16];
	struct env_path env;
	enum error_code rc;

	if (body == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	rc = session_environment(inv, 0, &env, err);
	if (rc == ERR_OK)
		rc = make_body(inv, body, &file, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_schema_write(client, &env, body, &answer, err);
	if (rc == ERR_SCHEMA)
		(void)report_findings(&answer.data, "findings", &env, file, &ignored);
	if (rc != ERR_OK)
		return rc;
	warn_created(&env, &answer.data);
	if (option_is_given(inv, OPT_JSON)) {
		cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);

		if (out == NULL)
			return err->code;
		print_data(&answer, out);
		return output_flush(out, err);
	}
	rc = report_findings(&answer.data, "text_findings", &env, file, err);
	if (rc != ERR_OK)
		return rc;
	answer_text(&answer.data, "mode", mode, sizeof(mode));
	say(inv, "%s: schema kept, mode %s", env.text, mode);
	say_fit(inv, &env, &answer.data);
	return ERR_OK;
}

enum error_code command_schema_delete(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	struct env_path env;
	enum error_code rc = session_environment(inv, 0, &env, err);

	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_schema_delete(client, &env, err);
	if (rc == ERR_OK)
		say(inv, "%s has no schema of its own any more", env.text);
	return rc;
}

/* -- explain -------------------------------------------------------------------------- */

static void append_value(struct secret_buf *out, const struct json_value *value)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(LIMIT_SCHEMA_TEXT);

	if (value->kind != JSON_SCAN_STRING) {
		output_visible(out, value->raw.at, value->raw.len);
		return;
	}
	if (text != NULL)
		json_append_unescaped(text, json_string_span(value));
	if (text == NULL || !secret_buf_ok(text))
		return;
	output_visible(out, secret_buf_text(text), secret_buf_len(text));
	secret_buf_append_text(out, secret_buf_len(text) == 0 ? "\"\"" : "");
}

/* "(@type) [decorator, line 4]" */
static void end_fact(struct secret_buf *out, const struct json_value *fact)
{
	char layer[16], why[ERROR_TEXT_MAX];
	int64_t line = answer_int(fact, "line", 0);

	answer_text(fact, "layer", layer, sizeof(layer));
	answer_text(fact, "why", why, sizeof(why));
	secret_buf_append_text(out, "  (");
	output_visible(out, why, strlen(why));
	output_format(out, ") [%s", layer);
	if (line > 0)
		output_format(out, ", line %lld", (long long)line);
	secret_buf_append_text(out, "]\n");
}

static void begin_fact(struct secret_buf *out, const char *name, const struct json_value *value)
{
	static const char *const labels[][2] = {{"member", "one of"}, {"choice", "one of"}, {"tag", "tags"}};

	for (size_t i = 0; i < ARRAY_LEN(labels); i++)
		if (strcmp(name, labels[i][0]) == 0)
			name = labels[i][1];
	output_format(out, "  %-14s ", name);
	append_value(out, value);
}

/* What a "# vaultd:" comment says is one fact of several members. */
static void print_members(struct secret_buf *out, const struct json_value *object, const struct json_value *fact)
{
	struct json_member member;
	size_t cursor = 0;
	char name[32];

	while (json_next_member(object, &cursor, &member)) {
		snprintf(name, sizeof(name), "%.*s", (int)(member.name.len < 30 ? member.name.len : 30), member.name.at);
		begin_fact(out, name, &member.value);
		end_fact(out, fact);
	}
}

/* A line each; of a list, such as the members of an enum, one for all. */
static void print_facts(struct secret_buf *out, const struct json_value *data)
{
	struct json_value facts, fact, value, open = {.kind = JSON_SCAN_NULL};
	char name[64], before[64] = "";
	size_t cursor = 0;

	if (!json_find(data, "facts", &facts) || facts.kind != JSON_SCAN_ARRAY)
		return;
	while (json_next_element(&facts, &cursor, &fact)) {
		answer_text(&fact, "fact", name, sizeof(name));
		if (!json_find(&fact, "value", &value))
			continue;
		if (before[0] != '\0' && strcmp(before, name) == 0) {
			secret_buf_append_text(out, ", ");
			append_value(out, &value);
			continue;
		}
		if (before[0] != '\0')
			end_fact(out, &open);
		before[0] = '\0';
		if (value.kind == JSON_SCAN_OBJECT) {
			print_members(out, &value, &fact);
			continue;
		}
		begin_fact(out, name, &value);
		open = fact;
		snprintf(before, sizeof(before), "%s", name);
	}
	if (before[0] != '\0')
		end_fact(out, &open);
}

/* The lines of the comment above a variable, as they stand there. */
static void print_comment(struct secret_buf *out, const struct json_value *data)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(LIMIT_SCHEMA_TEXT);
	struct json_value comment;
	const char *at, *end;

	if (text == NULL || !json_find(data, "comment", &comment) || comment.kind != JSON_SCAN_STRING)
		return;
	json_append_unescaped(text, json_string_span(&comment));
	at = secret_buf_text(text);
	end = at + secret_buf_len(text);
	while (at < end) {
		const char *feed = memchr(at, '\n', (size_t)(end - at)), *stop = feed != NULL ? feed : end;

		secret_buf_append_text(out, "  # ");
		output_visible(out, at, (size_t)(stop - at));
		secret_buf_append_char(out, '\n');
		at = stop + 1;
	}
}

static void print_explanation(struct secret_buf *out, const struct json_value *data)
{
	char name[LIMIT_VARIABLE_NAME_LEN + 1], origin[LIMIT_ENV_PATH_LEN + 1];

	answer_text(data, "name", name, sizeof(name));
	answer_text(data, "origin", origin, sizeof(origin));
	output_visible(out, name, strlen(name));
	if (!answer_bool(data, "known"))
		secret_buf_append_text(out, ": no schema says anything of it, so it is taken for a secret");
	else if (origin[0] != '\0')
		output_format(out, ", by the schema of %s", origin);
	secret_buf_append_char(out, '\n');
	print_comment(out, data);
	print_facts(out, data);
}

/* A schema on this machine, without the daemon. */
static enum error_code explain_file(const struct invocation *inv, struct secret_buf *text, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *source = NULL;
	cleanup_(finding_list_free) struct finding_list list = {.items = NULL};
	cleanup_(schema_sources_free) struct schema_sources sources = {.len = 0};
	struct schema_part parts[LIMIT_SCHEMA_PARTS];
	const char *file = option_value(inv, OPT_SCHEMA), *name = inv->words[0];
	enum error_code rc;

	if (inv->words_len != 1)
		return error_set(err, ERR_USAGE, "schema explain --schema FILE needs NAME alone");
	rc = file_read_secret(file, FILE_ANY_MODE, true, LIMIT_SCHEMA_TEXT, &source, err);
	if (rc == ERR_OK)
		rc = schema_sources_read(file, &source, &list, &sources, err);
	if (rc != ERR_OK)
		return error_prefix(err, "read the schema %.200s", file);
	if (sources.is_broken)
		return error_set(err, ERR_INVALID, "%.150s is no schema that can be read; where and why: envctl check --schema %.150s",
				 file, file);
	for (size_t i = 0; i < sources.len; i++)
		parts[i] = (struct schema_part){.schema = sources.items[i].schema, .enforce = true,
						.origin = i + 1 < sources.len ? sources.items[i].file : NULL};
	return schema_explain(parts, sources.len, name, strlen(name), text, err);
}

static enum error_code explain_environment(const struct invocation *inv, struct answer *answer, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	struct env_path env;
	enum error_code rc;

	if (inv->words_len != 2)
		return error_set(err, ERR_USAGE, "schema explain needs ENV NAME, or --schema FILE and NAME");
	if (strlen(inv->words[1]) > LIMIT_VARIABLE_NAME_LEN)
		return error_set(err, ERR_USAGE, "a name has at most %d bytes", LIMIT_VARIABLE_NAME_LEN);
	rc = session_environment(inv, 0, &env, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_schema_explain(client, &env, inv->words[1], answer, err);
	return rc == ERR_NOT_FOUND ? suggest_environment(client, &env, err) : rc;
}

enum error_code command_schema_explain(struct invocation *inv, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(OUTPUT_MAX);
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	struct json_value data;
	enum error_code rc;

	if (text == NULL || out == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (option_is_given(inv, OPT_SCHEMA))
		rc = explain_file(inv, text, err);
	else
		rc = explain_environment(inv, &answer, err);
	if (rc == ERR_OK && option_is_given(inv, OPT_SCHEMA))
		rc = json_scan(secret_buf_text(text), secret_buf_len(text), &data, err);
	else
		data = answer.data;
	if (rc != ERR_OK)
		return rc;
	if (option_is_given(inv, OPT_JSON)) {
		json_emit_raw_n(out, data.raw.at, data.raw.len);
		json_emit_raw(out, "\n");
	} else {
		print_explanation(out, &data);
	}
	return output_flush(out, err);
}

/* -- infer ----------------------------------------------------------------------------- */

/* Texts are unescaped into the set; all other JSON stays as it is written. */
static enum error_code read_variables(const struct json_value *object, struct env_set *set, bool *is_json, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *name = secret_buf_new(LIMIT_BODY_DATA);
	cleanup_(secret_buf_freep) struct secret_buf *value = secret_buf_new(PLAN_SET_MAX);
	struct json_member member;
	size_t cursor = 0;
	enum error_code rc = ERR_OK;

	if (name == NULL || value == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	while (rc == ERR_OK && json_next_member(object, &cursor, &member)) {
		secret_buf_reset(name);
		secret_buf_reset(value);
		json_append_unescaped(name, member.name);
		if (member.value.kind == JSON_SCAN_STRING)
			json_append_unescaped(value, json_string_span(&member.value));
		else
			secret_buf_append(value, member.value.raw.at, member.value.raw.len);
		is_json[env_set_count(set)] = member.value.kind != JSON_SCAN_STRING;
		rc = secret_buf_check(value, "a variable", err);
		if (rc == ERR_OK)
			rc = env_set_put(set, secret_buf_text(name), secret_buf_len(name), secret_buf_text(value),
					 secret_buf_len(value), 0, NULL, err);
	}
	return rc;
}

static enum error_code infer(const struct json_value *object, struct secret_buf *out, struct error *err)
{
	cleanup_(env_set_freep) struct env_set *set = env_set_new(PLAN_SET_MAX);
	bool *is_json = calloc(LIMIT_VARIABLES + 1, sizeof(*is_json));
	struct schema_variable *variables = calloc(LIMIT_VARIABLES + 1, sizeof(*variables));
	enum error_code rc = ERR_OK;

	if (set == NULL || is_json == NULL || variables == NULL)
		rc = error_set(err, ERR_NO_MEMORY, "out of memory");
	if (rc == ERR_OK)
		rc = read_variables(object, set, is_json, err);
	for (size_t i = 0; rc == ERR_OK && i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);

		variables[i] = (struct schema_variable){.name = entry.name, .name_len = entry.name_len,
							.value = entry.value, .value_len = entry.value_len,
							.is_json = is_json[i]};
	}
	if (rc == ERR_OK)
		rc = schema_infer(variables, env_set_count(set), out, err);
	free(variables);
	free(is_json);
	return rc;
}

enum error_code command_schema_infer(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	struct json_value variables;
	struct env_path env;
	enum error_code rc = out != NULL ? session_environment(inv, 0, &env, err) : err->code;

	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_resolve(client, &env, 0, false, &answer, err);
	if (rc != ERR_OK)
		return rc == ERR_NOT_FOUND ? suggest_environment(client, &env, err) : rc;
	if (!json_find(&answer.data, "variables", &variables) || variables.kind != JSON_SCAN_OBJECT ||
	    json_count(&variables) > LIMIT_VARIABLES)
		return error_set(err, ERR_PROTOCOL, "the answer holds no variables; is this address really vaultd's?");
	rc = infer(&variables, out, err);
	return rc == ERR_OK ? write_out(inv, out, err) : rc;
}
