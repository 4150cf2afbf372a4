/*
 * Backups of an unsealed vault (records/backup.h). Part of the contract of
 * vault.h.
 *
 * A backup takes as long as its taker does, and ends early when the vault is
 * sealed: it needs a thread of its own, which holds no other operation.
 */
#pragma once

#include <stdbool.h>

#include "core/caller.h"
#include "records/backup.h"
#include "vault/error.h"

struct vault;

/* sudo on sys/backup. Then as records_backup(): the caller is not looked at any more when write() is called. */
enum error_code vault_backup(struct vault *vault, const struct caller *caller, backup_write *write, void *arg,
			     struct backup_front *ret_front, struct error *err) must_check;
/* As records_backup_recalled(). */
bool vault_backup_recalled(struct vault *vault);
