/*
 * The common end of `copy` and `import`: show the plan, then write it.
 */
#pragma once

#include "client/vault_client.h"
#include "cmd/commands.h"
#include "vault/env_set.h"
#include "vault/error.h"

/* Makes env hold what is wanted (a plan's set); with --replace nothing else, with --dry-run only says what would
 * change. templates: which of these names are templates, the others are not; NULL: they stay what they are. ERR_CAS when somebody else wrote meanwhile: nothing was written. */
enum error_code apply_wanted(const struct invocation *inv, struct vault_client *client, const struct env_path *env,
			     const struct env_set *wanted, const struct env_set *templates,
			     struct error *err) must_check;
/* Adds the elements of a list of names, as names without values. */
enum error_code apply_add_names(struct env_set *set, const struct json_value *list, struct error *err) must_check;
