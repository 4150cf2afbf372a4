/*
 * A key that systemd hands to the daemon (LoadCredential=, SetCredentialEncrypted=):
 * a file of exactly 32 bytes in $CREDENTIALS_DIRECTORY.
 */
#pragma once

#include "vault/error.h"
#include "vault/secret_buf.h"

#define CREDENTIAL_DEFAULT_NAME "vaultd.key"

/* ERR_NOT_FOUND when the directory is NULL or has no such file, ERR_INVALID for a name that is not a plain file name or a
 * length other than 32. */
enum error_code credential_read(const char *directory, const char *name, struct secret_buf **ret, struct error *err) must_check;
