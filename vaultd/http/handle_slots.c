/* sys/slots: what opens the vault, changed by those who can open it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/vault_slots.h"
#include "http/emit_keys.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "http/presented.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/safe_json.h"

static void emit_slot(struct secret_buf *out, const struct slot_info *slot)
{
	json_emit_raw(out, "{\"id\":");
	json_emit_uint(out, slot->id);
	json_emit_raw(out, ",\"type\":");
	json_emit_cstring(out, presented_type_name(slot->type));
	json_emit_raw(out, ",\"label\":");
	json_emit_cstring(out, slot->label);
	json_emit_raw(out, ",\"created_time\":");
	json_emit_time(out, slot->created);
	if (slot->type == SLOT_CREDENTIAL) {
		json_emit_raw(out, ",\"credential\":");
		json_emit_cstring(out, slot->credential);
	}
	if (slot->type == SLOT_SHARES) {
		json_emit_raw(out, ",\"shares\":");
		json_emit_uint(out, slot->shares);
		json_emit_raw(out, ",\"threshold\":");
		json_emit_uint(out, slot->threshold);
	}
	json_emit_raw(out, "}");
}

void handle_slots_list(struct request *request)
{
	struct slot_info slots[SLOTS_MAX];
	struct error err = ERROR_INIT;
	struct secret_buf *out;
	size_t len;

	if (vault_slots(request->server->vault, &request->caller, slots, &len, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"slots\":[");
	for (size_t i = 0; i < len; i++) {
		if (i > 0)
			json_emit_raw(out, ",");
		emit_slot(out, &slots[i]);
	}
	json_emit_raw(out, "]}");
	reply_envelope_end(request, NULL, false);
}

/* -- changes ------------------------------------------------------------------------ */

struct change {
	json_t *body;
	struct presented unlock, slot;
};

static void change_free(struct change *change)
{
	presented_free(&change->unlock);
	presented_free(&change->slot);
	json_decref(change->body);
}

/* {"unlock": what opens the vault now, "slot": the new one} */
static enum error_code read_change(struct request *request, bool with_slot, struct change *ret, struct error *err)
{
	static const char *const allowed[] = { "unlock", "slot", NULL }, *const unlock_only[] = { "unlock", NULL };
	const char *directory = request->server->options.credentials_directory;
	size_t len;
	const char *text = request_body(request, &len);
	const json_t *unlock;

	if (safe_json_parse(text, len, &ret->body, err) != ERR_OK ||
	    safe_json_only(ret->body, with_slot ? allowed : unlock_only, err) != ERR_OK)
		return err->code;
	unlock = json_object_get(ret->body, "unlock");
	if (!unlock)
		return error_set(err, ERR_INVALID, "the member unlock must be a slot that opens the vault now, such as "
						   "{\"type\":\"passphrase\",...}");
	if (presented_read(&ret->unlock, directory, unlock, NULL, PRESENTED_TO_OPEN, err) != ERR_OK)
		return error_prefix(err, "unlock");
	if (with_slot && presented_read(&ret->slot, directory, json_object_get(ret->body, "slot"), NULL, PRESENTED_TO_MAKE, err) !=
				 ERR_OK)
		return error_prefix(err, "slot");
	return ERR_OK;
}

/* warning: NULL, or that the change is in doubt. */
static void answer_change(struct request *request, unsigned id, const struct secret_buf *shares, const char *warning)
{
	struct secret_buf *out = reply_envelope(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "{\"id\":");
	json_emit_uint(out, id);
	if (shares) {
		json_emit_raw(out, ",");
		emit_keys(out, shares, SHARE_LEN);
	}
	json_emit_raw(out, "}");
	reply_envelope_end(request, warning, false);
}

/* Without the new shares nobody could open a slot that turns out to be theirs. */
static void answer_failure(struct request *request, unsigned id, const struct change *change, const struct error *err)
{
	if (err->code == ERR_OUTCOME_UNKNOWN && change->slot.made && secret_buf_len(change->slot.made) > 0)
		answer_change(request, id, change->slot.made, err->text);
	else
		reply_error(request, err, false);
}

void handle_slot_add(struct request *request)
{
	cleanup_(change_free) struct change change = { .body = NULL };
	struct error err = ERROR_INIT;
	uint8_t id;

	if (read_change(request, true, &change, &err) != ERR_OK ||
	    vault_slot_add(request->server->vault, &request->caller, &change.unlock.secret, &change.slot.secret, &id, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		answer_change(request, id, change.slot.made, NULL);
}

/* "3" or "3/remove"; -1 for anything else. */
static int read_id(const char *rest, bool *ret_remove)
{
	if (rest[0] < '0' || rest[0] >= '0' + SLOTS_MAX)
		return -1;
	*ret_remove = strcmp(rest + 1, "/remove") == 0;
	return rest[1] == '\0' || *ret_remove ? rest[0] - '0' : -1;
}

static void remove_slot(struct request *request, unsigned id)
{
	cleanup_(change_free) struct change change = { .body = NULL };
	struct error err = ERROR_INIT;

	if (read_change(request, false, &change, &err) != ERR_OK ||
	    vault_slot_remove(request->server->vault, &request->caller, &change.unlock.secret, id, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		reply_empty(request, 204);
}

void handle_slot_change(struct request *request)
{
	cleanup_(change_free) struct change change = { .body = NULL };
	struct error err = ERROR_INIT;
	bool remove = false;
	int id = read_id(request->rest, &remove);

	if (id < 0) {
		error_set(&err, ERR_NOT_FOUND, "slots are numbered 0 to %d", SLOTS_MAX - 1);
		reply_error(request, &err, false);
	} else if (remove) {
		remove_slot(request, (unsigned)id);
	} else if (read_change(request, true, &change, &err) != ERR_OK ||
		   vault_slot_change(request->server->vault, &request->caller, &change.unlock.secret, (unsigned)id,
				     &change.slot.secret, &err) != ERR_OK) {
		answer_failure(request, (unsigned)id, &change, &err);
	} else {
		answer_change(request, (unsigned)id, change.slot.made, NULL);
	}
}
