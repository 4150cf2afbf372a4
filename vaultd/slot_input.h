/*
 * The secret of a slot as the offline commands of vaultd take it: from files, a
 * systemd credential or the terminal, never from the command line. It cannot
 * come from standard input, where a backup is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "records/header.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

/* What the options say; all NULL: a passphrase is asked for. */
struct slot_input_options {
	bool ask;			/* for a passphrase, also beside a key file */
	const char *passphrase_file;	/* its first line counts */
	const char *key_file;
	const char *shares_file;	/* one a line */
	const char *credential;		/* in $CREDENTIALS_DIRECTORY */
};

/* The secret points into the buffers. Declare it with slot_input_scope. */
struct slot_input {
	struct slot_secret secret;
	struct secret_buf *passphrase, *key;
};
#define slot_input_scope cleanup_(slot_input_free) struct slot_input
void slot_input_free(struct slot_input *input);

/* Whether they say anything. */
bool slot_input_is_given(const struct slot_input_options *options);
/* ERR_USAGE when they do not go together. */
enum error_code slot_input_check(const struct slot_input_options *options, struct error *err) must_check;
/* slots: those that it is for; without any options they say what may be asked for. ERR_USAGE, with what opens them, when nothing was said and a passphrase opens none. */
enum error_code slot_input_read(const struct slot_input_options *options, const struct slot_info *slots, size_t slots_len,
				struct slot_input *ret, struct error *err) must_check;
