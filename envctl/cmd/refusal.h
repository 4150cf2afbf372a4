/*
 * What an enforced schema would refuse, told before anything is written.
 *
 * It takes a check, and so read on all that the environment is put together
 * from. Who has not is told nothing here: the write decides in any case.
 */
#pragma once

#include <stddef.h>

#include "client/vault_client.h"
#include "vault/attributes.h"
#include "vault/error.h"
#include "vault/json_scan.h"
#include "vault/names.h"

/* finding_list_warn() for each error that a write of data (a JSON object) would be refused for; what: which of several writes
 * it is, or empty. *ret_found counts them: 0 also when nobody can say. ERR_NO_MEMORY. */
enum error_code refusal_warn(struct vault_client *client, const struct env_path *env, struct json_span data,
			     const char *what, size_t *ret_found, struct error *err) must_check;
