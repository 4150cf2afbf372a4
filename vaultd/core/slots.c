/* The slots of an unsealed vault, and its keys. */
#include <stdio.h>

#include "core/vault_slots.h"
#include "core/vault_state.h"
#include "records/slot_changes.h"

struct slot_path {
	char text[32];
};

static struct slot_path path_of(unsigned id, const char *action)
{
	struct slot_path path;

	(void)snprintf(path.text, sizeof(path.text), "sys/slots/%u%s", id, action);
	return path;
}

enum error_code vault_slots(struct vault *vault, const struct caller *caller, struct slot_info ret[static SLOTS_MAX],
			    size_t *ret_len, struct error *err)
{
	if (vault_authorize(vault, caller, CAP_SUDO | CAP_READ, "sys/slots", err) != ERR_OK)
		return err->code;
	*ret_len = records_slots(vault->records, ret);
	return ERR_OK;
}

enum error_code vault_slot_add(struct vault *vault, const struct caller *caller, const struct slot_secret *unlock,
			       const struct slot_secret *secret, uint8_t *ret_id, struct error *err)
{
	if (vault_authorize(vault, caller, CAP_SUDO | CAP_UPDATE, "sys/slots", err) != ERR_OK)
		return err->code;
	return records_slot_add(vault->records, unlock, secret, ret_id, err);
}

enum error_code vault_slot_change(struct vault *vault, const struct caller *caller, const struct slot_secret *unlock,
				  unsigned id, const struct slot_secret *secret, struct error *err)
{
	if (vault_authorize(vault, caller, CAP_SUDO | CAP_UPDATE, path_of(id, "").text, err) != ERR_OK)
		return err->code;
	return records_slot_change(vault->records, unlock, id, secret, err);
}

enum error_code vault_slot_remove(struct vault *vault, const struct caller *caller, const struct slot_secret *unlock,
				  unsigned id, struct error *err)
{
	if (vault_authorize(vault, caller, CAP_SUDO | CAP_UPDATE, path_of(id, "/remove").text, err) != ERR_OK)
		return err->code;
	return records_slot_remove(vault->records, unlock, id, err);
}

enum error_code vault_key_status(struct vault *vault, const struct caller *caller, struct vault_key_status *ret,
				 struct error *err)
{
	vault_use_scope use = {0};
	struct records_health health;
	struct key_status status;

	if (vault_use_begin(vault, &use, err) != ERR_OK ||
	    vault_decide(caller, CAP_READ, "sys/key-status", err) != ERR_OK ||
	    records_key_status(vault->records, &status, err) != ERR_OK)
		return err->code;
	records_health(vault->records, &health);
	*ret = (struct vault_key_status){ .term = status.epoch, .installed = status.created, .commits = health.counter };
	return ERR_OK;
}

/* Without the state lock, as in vault_tick(): a rotation waits for commits, and a seal must be able to end it. */
enum error_code vault_rotate(struct vault *vault, const struct caller *caller, struct error *err)
{
	if (vault_authorize(vault, caller, CAP_SUDO | CAP_UPDATE, "sys/rotate", err) != ERR_OK)
		return err->code;
	return records_rotate_kek(vault->records, err);
}
