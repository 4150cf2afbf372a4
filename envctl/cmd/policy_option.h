/*
 * --policy NAME, which may be given several times.
 */
#pragma once

#include "cmd/commands.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

/* Appends the JSON list of all that were given, in their order; "[]" when there is none. ERR_USAGE or ERR_INVALID for what can
 * be no policy's name. */
enum error_code emit_policy_list(const struct invocation *inv, struct secret_buf *out, struct error *err) must_check;
