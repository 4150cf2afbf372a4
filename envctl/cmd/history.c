#include <stdio.h>
#include <string.h>

#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/suggest.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

#define DEFAULT_LIMIT 20
#define NAMES_SHOWN 4

/* "+A ~B -C", at most NAMES_SHOWN names, then how many more. */
static void append_names(struct secret_buf *text, const struct json_value *entry, const char *key, char sign,
			 size_t *shown, size_t *more)
{
	struct json_value list, item;
	size_t cursor = 0;

	if (!json_find(entry, key, &list) || list.kind != JSON_SCAN_ARRAY)
		return;
	while (json_next_element(&list, &cursor, &item)) {
		char name[64];

		if (*shown == NAMES_SHOWN) {
			(*more)++;
			continue;
		}
		json_value_text(&item, name, sizeof(name));
		output_format(text, "%s%c%s", *shown > 0 ? " " : "", sign, name);
		(*shown)++;
	}
}

static void describe_changes(struct secret_buf *text, const struct json_value *entry)
{
	size_t shown = 0, more = 0;
	struct json_value added;

	if (answer_bool(entry, "baseline") && json_find(entry, "added", &added) && json_count(&added) > NAMES_SHOWN) {
		output_format(text, "%zu variables", json_count(&added));
		return;
	}
	append_names(text, entry, "added", '+', &shown, &more);
	append_names(text, entry, "changed", '~', &shown, &more);
	append_names(text, entry, "removed", '-', &shown, &more);
	if (more > 0)
		output_format(text, " and %zu more", more);
}

static void add_row(struct table *table, const struct json_value *entry, struct secret_buf *text)
{
	char created[64], when[32], deleted[64], actor[80], message[LIMIT_MESSAGE_LEN + 1];

	answer_text(entry, "created_time", created, sizeof(created));
	answer_text(entry, "deletion_time", deleted, sizeof(deleted));
	answer_text(entry, "actor", actor, sizeof(actor));
	answer_text(entry, "message", message, sizeof(message));
	time_for_people(created, when);
	secret_buf_reset(text);
	if (answer_bool(entry, "destroyed"))
		secret_buf_append_text(text, "(destroyed)");
	else if (deleted[0] != '\0')
		secret_buf_append_text(text, "(deleted)");
	else
		describe_changes(text, entry);
	table_cell_number(table, (uint64_t)answer_int(entry, "revision", 0));
	table_cell(table, when);
	table_cell(table, actor);
	table_cell_value(table, secret_buf_text(text), secret_buf_len(text));
	table_cell(table, message);
}

static enum error_code print_table(const struct json_value *data, struct secret_buf *out, struct error *err)
{
	cleanup_(table_freep) struct table *table = table_new(5, err);
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(4096);
	struct json_value revisions, entry;
	size_t cursor = 0;

	if (table == NULL || text == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (!json_find(data, "revisions", &revisions) || revisions.kind != JSON_SCAN_ARRAY)
		return error_set(err, ERR_PROTOCOL, "the answer holds no revisions");
	table_cell(table, "REVISION");
	table_cell(table, "TIME");
	table_cell(table, "BY");
	table_cell(table, "CHANGES");
	table_cell(table, "MESSAGE");
	while (json_next_element(&revisions, &cursor, &entry))
		if (entry.kind == JSON_SCAN_OBJECT)
			add_row(table, &entry, text);
	table_print(table, out);
	return ERR_OK;
}

enum error_code command_history(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	const char *name = option_value(inv, OPT_NAME);
	struct env_path env;
	uint64_t limit = DEFAULT_LIMIT;
	enum error_code rc = out != NULL ? session_environment(inv, 0, &env, err) : err->code;

	if (rc == ERR_OK)
		rc = option_number(inv, OPT_LIMIT, false, &limit, err);
	if (rc == ERR_OK && limit > LIMIT_MAX_VERSIONS)
		rc = error_set(err, ERR_USAGE, "--limit is at most %d", LIMIT_MAX_VERSIONS);
	if (rc == ERR_OK && name != NULL && !variable_name_is_storable(name, strlen(name)))
		rc = error_set(err, ERR_USAGE, "--name is no variable's name");
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc != ERR_OK)
		return rc;
	rc = client_history(client, &env, name, 0, limit, &answer, err);
	if (rc == ERR_NOT_FOUND)
		return suggest_environment(client, &env, err);
	if (rc == ERR_OK && option_is_given(inv, OPT_JSON)) {
		json_emit_raw_n(out, answer.data.raw.at, answer.data.raw.len);
		json_emit_raw(out, "\n");
	} else if (rc == ERR_OK) {
		rc = print_table(&answer.data, out, err);
	}
	return rc == ERR_OK ? output_flush(out, err) : rc;
}
