/*
 * Shares that the daemon has made, printed once.
 */
#pragma once

#include "client/answer.h"
#include "cmd/commands.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

/* How many the list "shares" of an answer's object has; 0 without one. */
size_t shares_count(const struct json_value *object);
/* "Share 1: vls1-…" a line, and a sentence about how to keep them on standard error. */
enum error_code shares_append(const struct invocation *inv, const struct json_value *object, unsigned threshold,
			      struct secret_buf *out, struct error *err) must_check;
