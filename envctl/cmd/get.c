#include <inttypes.h>
#include <string.h>

#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/suggest.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

#define MASK "********"

/* The text of a value: strings unescaped, everything else as its JSON. */
static void append_text(struct secret_buf *out, const struct json_value *value)
{
	if (value->kind == JSON_SCAN_STRING)
		json_append_unescaped(out, json_string_span(value));
	else
		secret_buf_append(out, value->raw.at, value->raw.len);
}

static enum error_code no_such_variable(const struct env_path *env, const struct json_value *variables,
					const char *name, struct error *err)
{
	struct suggestion best = SUGGESTION_INIT;
	struct json_member member;
	size_t cursor = 0;

	while (json_next_member(variables, &cursor, &member)) {
		char text[256];

		if (member.name_escaped || member.name.len >= sizeof(text))
			continue;
		memcpy(text, member.name.at, member.name.len);
		text[member.name.len] = '\0';
		suggestion_offer(&best, name, text);
	}
	if (best.text[0] != '\0')
		return error_set(err, ERR_NOT_FOUND, "%.200s has no variable %.100s; did you mean %.100s?", env->text,
				 name, best.text);
	return error_set(err, ERR_NOT_FOUND, "%.200s has no variable %.100s; `envctl get %.100s` lists them", env->text,
			 name, env->text);
}

static void emit_one(struct secret_buf *out, const struct json_value *data, const char *name,
		     const struct json_value *value)
{
	char env[LIMIT_ENV_PATH_LEN + 1];

	answer_text(data, "environment", env, sizeof(env));
	json_emit_raw(out, "{\"environment\":");
	json_emit_cstring(out, env);
	json_emit_raw(out, ",\"revision\":");
	json_emit_int(out, answer_int(data, "revision", 0));
	json_emit_raw(out, ",\"name\":");
	json_emit_cstring(out, name);
	json_emit_raw(out, ",\"value\":");
	json_emit_raw_n(out, value->raw.at, value->raw.len);
	json_emit_raw(out, "}\n");
}

/* Into a pipe or file the exact bytes go; a terminal gets a line that cannot play tricks on it. */
static enum error_code print_value(const struct json_value *value, struct secret_buf *out, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(LIMIT_BODY_DATA);

	if (text == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	append_text(text, value);
	enum error_code rc = secret_buf_check(text, "the value", err);
	if (rc != ERR_OK)
		return rc;
	if (!output_is_terminal()) {
		secret_buf_append(out, secret_buf_bytes(text), secret_buf_len(text));
		return ERR_OK;
	}
	const char *at = secret_buf_text(text);
	const char *end = at + secret_buf_len(text);
	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((line_end != NULL ? line_end : end) - at);

		output_visible(out, at, len);
		secret_buf_append_char(out, '\n');
		at += len + (line_end != NULL);
	}
	return ERR_OK;
}

/* Where a variable comes from. Both maps are in the same order, so the next one is nearly always the right one. */
static bool find_origin(const struct json_value *origins, size_t *cursor, const struct json_member *variable,
			struct json_value *ret)
{
	struct json_member member;
	size_t before = *cursor;

	if (json_next_member(origins, cursor, &member) && member.name.len == variable->name.len &&
	    memcmp(member.name.at, variable->name.at, member.name.len) == 0) {
		*ret = member.value;
		return ret->kind == JSON_SCAN_OBJECT;
	}
	*cursor = before;
	for (size_t at = 0; json_next_member(origins, &at, &member);)
		if (member.name.len == variable->name.len &&
		    memcmp(member.name.at, variable->name.at, member.name.len) == 0) {
			*ret = member.value;
			return ret->kind == JSON_SCAN_OBJECT;
		}
	return false;
}

static void add_value(struct table *table, const struct json_value *value, bool reveal, struct secret_buf *text)
{
	secret_buf_reset(text);
	if (reveal)
		append_text(text, value);
	else
		secret_buf_append_text(text, MASK);
	table_cell_value(table, secret_buf_text(text), secret_buf_len(text));
}

static void add_row(struct table *table, const struct json_member *member, const struct json_value *origin, bool from,
		    bool reveal, struct secret_buf *text)
{
	char env[LIMIT_ENV_PATH_LEN + 1] = "";

	secret_buf_reset(text);
	json_append_unescaped(text, member->name);
	table_cell_value(table, secret_buf_text(text), secret_buf_len(text));
	if (from && origin != NULL)
		answer_text(origin, "environment", env, sizeof(env));
	if (from)
		table_cell(table, env);
	table_cell_number(table, origin != NULL ? (uint64_t)answer_int(origin, "version", 0) : 0);
	table_cell_number(table, origin != NULL ? (uint64_t)answer_int(origin, "revision", 0) : 0);
	add_value(table, &member->value, reveal, text);
}

/* Whether a variable comes from another environment: then the table says from which. */
static bool has_parents(const struct json_value *data, const struct json_value *origins)
{
	char env[LIMIT_ENV_PATH_LEN + 1], origin[LIMIT_ENV_PATH_LEN + 1];
	struct json_member member;
	size_t cursor = 0;

	answer_text(data, "environment", env, sizeof(env));
	while (json_next_member(origins, &cursor, &member)) {
		answer_text(&member.value, "environment", origin, sizeof(origin));
		if (strcmp(env, origin) != 0)
			return true;
	}
	return false;
}

/* --raw: names and values, no more is known of what is stored. */
static enum error_code print_stored(const struct invocation *inv, const struct json_value *variables,
				    struct secret_buf *text, struct secret_buf *out, struct error *err)
{
	cleanup_(table_freep) struct table *table = table_new(2, err);
	struct json_member member;
	size_t cursor = 0;

	if (table == NULL)
		return err->code;
	table_cell(table, "NAME");
	table_cell(table, "VALUE");
	while (json_next_member(variables, &cursor, &member)) {
		secret_buf_reset(text);
		json_append_unescaped(text, member.name);
		table_cell_value(table, secret_buf_text(text), secret_buf_len(text));
		add_value(table, &member.value, option_is_given(inv, OPT_REVEAL), text);
	}
	table_print(table, out);
	return ERR_OK;
}

static enum error_code print_table(const struct invocation *inv, const struct json_value *data,
				   const struct json_value *variables, struct secret_buf *out, struct error *err)
{
	cleanup_(table_freep) struct table *table = NULL;
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(LIMIT_BODY_DATA);
	struct json_value origins, origin;
	struct json_member member;
	size_t cursor = 0, origins_cursor = 0;

	if (text == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (option_is_given(inv, OPT_RAW))
		return print_stored(inv, variables, text, out, err);
	if (!json_find(data, "origins", &origins) || origins.kind != JSON_SCAN_OBJECT)
		return error_set(err, ERR_PROTOCOL, "the answer does not say where the variables come from");
	bool from = has_parents(data, &origins);
	table = table_new(from ? 5 : 4, err);
	if (table == NULL)
		return err->code;
	table_cell(table, "NAME");
	if (from)
		table_cell(table, "FROM");
	table_cell(table, "VERSION");
	table_cell(table, "REVISION");
	table_cell(table, "VALUE");
	while (json_next_member(variables, &cursor, &member)) {
		bool known = find_origin(&origins, &origins_cursor, &member, &origin);

		add_row(table, &member, known ? &origin : NULL, from, option_is_given(inv, OPT_REVEAL), text);
	}
	table_print(table, out);
	return ERR_OK;
}

static enum error_code print_answer(const struct invocation *inv, const struct env_path *env,
				    const struct json_value *data, struct secret_buf *out, struct error *err)
{
	const char *name = inv->words_len > 1 ? inv->words[1] : NULL;
	bool json = option_is_given(inv, OPT_JSON);
	struct json_value variables, value;

	if (!json_find(data, "variables", &variables) || variables.kind != JSON_SCAN_OBJECT)
		return error_set(err, ERR_PROTOCOL, "the answer holds no variables; is this address really vaultd's?");
	if (name != NULL && !json_find(&variables, name, &value))
		return no_such_variable(env, &variables, name, err);
	if (name != NULL && json)
		emit_one(out, data, name, &value);
	else if (name != NULL)
		return print_value(&value, out, err);
	else if (!json)
		return print_table(inv, data, &variables, out, err);
	else {
		json_emit_raw_n(out, data->raw.at, data->raw.len);
		json_emit_raw(out, "\n");
	}
	return ERR_OK;
}

/* What is stored, in the form of print_answer()'s data without origins. */
static enum error_code read_raw(struct vault_client *client, const struct env_path *env, uint64_t revision,
				struct secret_buf *text, struct answer *ret, struct error *err)
{
	struct json_value data, metadata;
	enum error_code rc = client_read(client, env, revision, ret, err);

	if (rc != ERR_OK)
		return rc;
	if (!json_find(&ret->data, "data", &data) || !json_find(&ret->data, "metadata", &metadata) ||
	    metadata.kind != JSON_SCAN_OBJECT)
		return error_set(err, ERR_PROTOCOL, "the answer holds no variables; is this address really vaultd's?");
	json_emit_raw(text, "{\"environment\":");
	json_emit_cstring(text, env->text);
	json_emit_raw(text, ",\"revision\":");
	json_emit_int(text, answer_int(&metadata, "version", 0));
	json_emit_raw(text, ",\"variables\":");
	json_emit_raw_n(text, data.raw.at, data.raw.len);
	json_emit_raw(text, "}");
	rc = secret_buf_check(text, "the environment", err);
	return rc == ERR_OK ? json_scan(secret_buf_text(text), secret_buf_len(text), &ret->data, err) : rc;
}

enum error_code command_get(struct invocation *inv, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *raw = secret_buf_new(ANSWER_MAX);
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	struct env_path env;
	uint64_t revision = 0;
	enum error_code rc = out != NULL ? session_environment(inv, 0, &env, err) : err->code;

	if (rc == ERR_OK)
		rc = option_number(inv, OPT_REVISION, false, &revision, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc != ERR_OK)
		return rc;
	if (raw == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	rc = option_is_given(inv, OPT_RAW)
		     ? read_raw(client, &env, revision, raw, &answer, err)
		     : client_resolve(client, &env, revision, inv->words_len < 2, &answer, err);
	if (rc == ERR_NOT_FOUND && revision == 0)
		return suggest_environment(client, &env, err);
	if (rc == ERR_OK)
		rc = print_answer(inv, &env, &answer.data, out, err);
	return rc == ERR_OK ? output_flush(out, err) : rc;
}
