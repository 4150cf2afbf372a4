/*
 * The changes of a secret/diff answer, by names, and with --reveal by values.
 */
#pragma once

#include "client/vault_client.h"
#include "vault/env_set.h"
#include "vault/error.h"

/* before and after: plan's sets of both sides, or both NULL: no values are shown. */
enum error_code diff_print(const struct json_value *data, const struct env_set *before, const struct env_set *after,
			   struct secret_buf *out, struct error *err) must_check;
