/* `envctl slots`: what opens the vault. */
#include <stdio.h>
#include <string.h>

#include "client/slots.h"
#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/shares_print.h"
#include "cmd/slot.h"
#include "vault/json_emit.h"
#include "vault/terminal.h"

/* -- list ---------------------------------------------------------------------- */

static void type_for_people(const struct json_value *slot, char *ret, size_t size)
{
	char type[32];

	answer_text(slot, "type", type, sizeof(type));
	if (strcmp(type, "shares") == 0)
		snprintf(ret, size, "shares %d-of-%d", (int)answer_int(slot, "threshold", 0), (int)answer_int(slot, "shares", 0));
	else if (strcmp(type, "key_file") == 0)
		snprintf(ret, size, "key file");
	else if (strcmp(type, "both") == 0)
		snprintf(ret, size, "passphrase and key file");
	else
		snprintf(ret, size, "%s", type);
}

static void add_row(struct table *table, const struct json_value *slot)
{
	char type[64], label[128], created[64], when[32];

	type_for_people(slot, type, sizeof(type));
	answer_text(slot, "label", label, sizeof(label));
	answer_text(slot, "created_time", created, sizeof(created));
	time_for_people(created, when);
	table_cell_number(table, (uint64_t)answer_int(slot, "id", 0));
	table_cell_value(table, type, strlen(type));
	table_cell(table, when);
	table_cell_value(table, label, strlen(label));
}

static enum error_code print_slots(const struct json_value *slots, struct secret_buf *out, struct error *err)
{
	cleanup_(table_freep) struct table *table = table_new(4, err);
	struct json_value slot;
	size_t cursor = 0;

	if (table == NULL)
		return err->code;
	table_cell(table, "ID");
	table_cell(table, "OPENED BY");
	table_cell(table, "MADE");
	table_cell(table, "LABEL");
	while (json_next_element(slots, &cursor, &slot))
		add_row(table, &slot);
	table_print(table, out);
	return ERR_OK;
}

enum error_code command_slots_list(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	struct json_value slots;
	enum error_code rc = out != NULL ? session_open(inv, &client, err) : err->code;

	if (rc == ERR_OK)
		rc = client_slots(client, &answer, err);
	if (rc == ERR_OK && (!json_find(&answer.data, "slots", &slots) || slots.kind != JSON_SCAN_ARRAY))
		rc = error_set(err, ERR_PROTOCOL, "the answer has no list of slots");
	if (rc != ERR_OK)
		return rc;
	if (option_is_given(inv, OPT_JSON)) {
		json_emit_raw_n(out, answer.data.raw.at, answer.data.raw.len);
		json_emit_raw(out, "\n");
	} else {
		rc = print_slots(&slots, out, err);
	}
	return rc == ERR_OK ? output_flush(out, err) : rc;
}

/* -- changes ------------------------------------------------------------------- */

/* Standard input holds one secret: a passphrase that is asked for when nobody is there, or what is named "-". */
static bool wants_stdin(const struct slot_choice *choice, bool terminal)
{
	bool is_dash = (choice->passphrase_file != NULL && strcmp(choice->passphrase_file, "-") == 0) ||
		       (choice->shares_file != NULL && strcmp(choice->shares_file, "-") == 0);
	bool asks = choice->passphrase_file == NULL && choice->shares_file == NULL && choice->credential == NULL &&
		    choice->shares == 0 && (choice->ask || choice->key_file == NULL);

	return is_dash || (asks && !terminal);
}

static enum error_code append_unlock(const struct invocation *inv, const struct slot_choice *unlock, struct secret_buf *body,
				     struct error *err)
{
	bool ignored = false;

	if (unlock->passphrase_file == NULL && unlock->key_file == NULL && unlock->shares_file == NULL &&
	    unlock->credential == NULL)
		say(inv, "first the passphrase that opens the vault now");
	json_emit_raw(body, "{\"unlock\":");
	enum error_code rc = slot_append(unlock, SLOT_TO_OPEN, body, &ignored, err);
	return rc == ERR_OK ? rc : error_prefix(err, "what opens the vault now (a passphrase, or what --unlock-... names)");
}

static enum error_code append_new(const struct invocation *inv, const struct slot_choice *choice, struct secret_buf *body,
				  struct error *err)
{
	bool created = false;

	if (choice->ask || (choice->passphrase_file == NULL && choice->key_file == NULL && choice->credential == NULL &&
			    choice->shares == 0))
		say(inv, "now the new passphrase");
	json_emit_raw(body, ",\"slot\":");
	enum error_code rc = slot_append(choice, SLOT_TO_MAKE, body, &created, err);
	if (rc != ERR_OK)
		return error_prefix(err, "the new slot");
	if (created)
		say(inv, "made the key file %s: whoever has it can open the vault", choice->key_file);
	json_emit_raw(body, "}");
	return ERR_OK;
}

/* {"unlock":…,"slot":…} */
static enum error_code change_body(const struct invocation *inv, struct slot_choice *choice, struct secret_buf *body,
				   struct error *err)
{
	struct slot_choice unlock = {0};
	bool terminal = terminal_is_there();
	enum error_code rc = slot_choice_read(inv, choice, err);

	if (rc == ERR_OK)
		rc = slot_unlock_read(inv, &unlock, err);
	if (rc == ERR_OK && wants_stdin(choice, terminal) && wants_stdin(&unlock, terminal))
		rc = error_set(err, ERR_USAGE, "standard input can hold one of the two secrets: give the new one with --passphrase-file FILE, or what "
			       "opens the vault now with --unlock-passphrase-file FILE or another --unlock-...");
	if (rc == ERR_OK)
		rc = append_unlock(inv, &unlock, body, err);
	if (rc == ERR_OK)
		rc = append_new(inv, choice, body, err);
	return rc == ERR_OK ? secret_buf_check(body, "the request", err) : rc;
}

/* That the daemon could not write its header wholly, and what to keep until that is clear. */
static bool warn_of_doubt(const struct answer *answer)
{
	struct json_value warnings, first;
	char text[ERROR_TEXT_MAX];
	size_t cursor = 0;

	if (!json_find(&answer->root, "warnings", &warnings) || warnings.kind != JSON_SCAN_ARRAY ||
	    !json_next_element(&warnings, &cursor, &first))
		return false;
	json_value_text(&first, text, sizeof(text));
	warn("warning: %s", text);
	return true;
}

static enum error_code report(const struct invocation *inv, const struct answer *answer, const struct slot_choice *choice,
			      const char *what, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	enum error_code rc = out != NULL ? ERR_OK : err->code;

	if (rc == ERR_OK && !warn_of_doubt(answer))
		say(inv, "slot %d is %s", (int)answer_int(&answer->data, "id", -1), what);
	if (rc == ERR_OK && option_is_given(inv, OPT_JSON)) {
		json_emit_raw_n(out, answer->data.raw.at, answer->data.raw.len);
		json_emit_raw(out, "\n");
	} else if (rc == ERR_OK && choice->shares > 0) {
		rc = shares_append(inv, &answer->data, choice->threshold, out, err);
	}
	return rc == ERR_OK ? output_flush(out, err) : rc;
}

enum error_code command_slots_add(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *body = slot_body_new(err);
	struct slot_choice choice = {0};
	enum error_code rc = body != NULL ? session_open(inv, &client, err) : err->code;

	if (rc == ERR_OK)
		rc = change_body(inv, &choice, body, err);
	if (rc == ERR_OK)
		rc = client_slot_add(client, body, &answer, err);
	return rc == ERR_OK ? report(inv, &answer, &choice, "added", err) : rc;
}

static enum error_code slot_id(const struct invocation *inv, unsigned *ret, struct error *err)
{
	const char *word = inv->words[0];

	if (word[0] < '0' || word[0] > '7' || word[1] != '\0')
		return error_set(err, ERR_USAGE, "slots are numbered 0 to 7: see envctl slots list");
	*ret = (unsigned)(word[0] - '0');
	return ERR_OK;
}

enum error_code command_slots_change(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *body = slot_body_new(err);
	struct slot_choice choice = {0};
	unsigned id = 0;
	enum error_code rc = body != NULL ? slot_id(inv, &id, err) : err->code;

	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = change_body(inv, &choice, body, err);
	if (rc == ERR_OK)
		rc = client_slot_change(client, id, body, &answer, err);
	return rc == ERR_OK ? report(inv, &answer, &choice, "changed: what opened it before does not any more", err) : rc;
}

enum error_code command_slots_remove(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(secret_buf_freep) struct secret_buf *body = slot_body_new(err);
	struct slot_choice unlock = {0};
	unsigned id = 0;
	enum error_code rc = body != NULL ? slot_id(inv, &id, err) : err->code;

	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = slot_unlock_read(inv, &unlock, err);
	if (rc == ERR_OK)
		rc = append_unlock(inv, &unlock, body, err);
	if (rc != ERR_OK)
		return rc;
	json_emit_raw(body, "}");
	rc = secret_buf_check(body, "the request", err);
	if (rc == ERR_OK)
		rc = client_slot_remove(client, id, body, err);
	if (rc == ERR_OK)
		say(inv, "slot %u is removed", id);
	return rc;
}
