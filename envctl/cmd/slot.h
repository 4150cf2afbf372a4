/*
 * How the vault is opened, as the options of `init` and `unseal` say it.
 */
#pragma once

#include "cmd/commands.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

enum slot_purpose { SLOT_FOR_INIT, SLOT_FOR_UNSEAL };

/* The JSON body of sys/init or sys/unseal from --passphrase, --passphrase-file or --key-file; a prompt without any of
 * them. With SLOT_FOR_INIT a missing key file is made (32 random bytes, mode 0400): *ret_created then says so. */
enum error_code slot_body(const struct invocation *inv, enum slot_purpose purpose, struct secret_buf **ret,
			  bool *ret_created, struct error *err) must_check;
