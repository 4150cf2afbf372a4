/*
 * The secret of a slot as a request brings it. Internal to http/.
 *
 * Our own form is an object: {"type": …, the secret, "label": …}. The type may
 * be left out when what is there says it.
 *
 *	passphrase  "passphrase": text
 *	key_file    "key" or "key_file": the file's content in base64
 *	both        both of these
 *	credential  "name" (of systemd's LoadCredential; vaultd-unseal if absent)
 *	shares      to open "shares": ["vls1-…", …]; to make "shares": n and "threshold": k
 *
 * Vault's form is one text, "key": a share in any of its forms, or the hex or
 * base64 of the one key.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records/header.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

/* Points into the body that it was read from, which must stay. Declare it with presented_scope. */
struct presented {
	struct slot_secret secret;	/* SLOT_EMPTY: nothing was presented */
	struct secret_buf *key;		/* decoded */
	struct secret_buf *made;	/* where new shares go */
};
#define presented_scope cleanup_(presented_free) struct presented
void presented_free(struct presented *presented);

enum presented_for { PRESENTED_TO_OPEN, PRESENTED_TO_MAKE };

/* type NULL: the object's own. ERR_INVALID names the member that is wrong, never what it holds. */
enum error_code presented_read(struct presented *ret, const char *credentials_directory, const json_t *slot, const char *type,
			       enum presented_for purpose, struct error *err) must_check;
enum error_code presented_read_key(struct presented *ret, const char *text, size_t len, struct error *err) must_check;
/* New shares; 1 of 1 leaves SLOT_EMPTY, as core/ makes the one key itself. */
enum error_code presented_new_shares(struct presented *ret, int64_t shares, int64_t threshold, struct error *err) must_check;
/* "passphrase", "key_file" ... */
const char *presented_type_name(enum slot_type type);
/* The body's "slot" if it is there, else its "key". Without either: ERR_INVALID. */
enum error_code presented_read_any(struct presented *ret, const char *credentials_directory, const json_t *body,
				   struct error *err) must_check;
