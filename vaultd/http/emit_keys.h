/* Keys and shares in answers. Internal to http/. */
#pragma once

#include <stddef.h>

#include "vault/secret_buf.h"

/* "keys":[hex…],"keys_base64":[…] of keys of equal length, one after another; keys NULL: empty lists. Shares also as
 * "shares":["vls1-…"]. */
void emit_keys(struct secret_buf *out, const struct secret_buf *keys, size_t key_len);
void emit_base64(struct secret_buf *out, const void *bytes, size_t len);	/* with quotes */
