/* Who may take a backup; all else is records/backup.c. */
#include "core/vault_backup.h"
#include "core/vault_state.h"

enum error_code vault_backup(struct vault *vault, const struct caller *caller, backup_write *write, void *arg,
			     struct backup_front *ret_front, struct error *err)
{
	/* Without the state lock, as in vault_rotate(): a seal must be able to end it. */
	if (vault_authorize(vault, caller, CAP_SUDO | CAP_READ, "sys/backup", err) != ERR_OK)
		return err->code;
	return records_backup(vault->records, write, arg, ret_front, err);
}

bool vault_backup_recalled(struct vault *vault)
{
	return records_backup_recalled(vault->records);
}
