/*
 * How the vault is opened, as the options of `init`, `unseal` and `slots` say
 * it: the secret of a slot as JSON, read from a prompt, a file or standard
 * input, never from the command line.
 */
#pragma once

#include <stdbool.h>

#include "cmd/commands.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

enum slot_purpose {
	SLOT_TO_OPEN,
	SLOT_TO_MAKE, /* a passphrase is asked for twice; a missing key file is made: 32 random bytes, mode 0400 */
};

/* Which secret, from which options. Two ways at most: a passphrase and a key file together. */
struct slot_choice {
	bool ask;			/* for a passphrase */
	const char *passphrase_file;	/* or NULL, as are all that follow */
	const char *key_file;
	const char *shares_file;	/* shares that exist, one a line; "-": standard input */
	const char *credential;		/* the name of the daemon's systemd credential */
	unsigned shares, threshold;	/* to be made; 0: none */
	const char *label;
};

/* --passphrase, --passphrase-file, --key-file, and where the verb has them --credential, --label, --shares and --threshold.
 * ERR_USAGE when they do not go together. Without any of them a passphrase is asked for. */
enum error_code slot_choice_read(const struct invocation *inv, struct slot_choice *ret, struct error *err) must_check;
/* What opens the vault now: --unlock-passphrase-file, --unlock-key-file, --unlock-shares-file, --unlock-credential. */
enum error_code slot_unlock_read(const struct invocation *inv, struct slot_choice *ret, struct error *err) must_check;

/* Appends {"type":…,…}. *ret_created: a key file was made. */
enum error_code slot_append(const struct slot_choice *choice, enum slot_purpose purpose, struct secret_buf *out,
			    bool *ret_created, struct error *err) must_check;

/* A buffer for such a body. NULL and err set when memory is out. */
struct secret_buf *slot_body_new(struct error *err) owned_by(secret_buf_free);
