/* Unsealing at start with a credential that systemd gave. */
#pragma once

#include "core/vault.h"

/*
 * When $CREDENTIALS_DIRECTORY (directory; NULL: none) holds vaultd.key and the vault is sealed, it is unsealed with it. A
 * failure is logged and leaves the vault sealed: a person can still unseal it. Takes no longer than the store's checks.
 */
void auto_unseal(struct vault *vault, const char *directory);
