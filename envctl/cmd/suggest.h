/*
 * "did you mean" for what the vault has.
 */
#pragma once

#include "client/vault_client.h"
#include "vault/error.h"
#include "vault/suggestion.h"

/* Makes an ERR_NOT_FOUND about an environment name the environment that was probably meant. Returns the code. */
enum error_code suggest_environment(struct vault_client *client, const struct env_path *env, struct error *err);
