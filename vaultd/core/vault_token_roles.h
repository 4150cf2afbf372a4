/*
 * Token roles (auth/token/roles/<name>): what POST auth/token/create/<name> may
 * give. Part of the contract of vault.h; the route has authorised all but a
 * change, which needs create or update, as the role is there or not.
 *
 * Settings are one JSON object with every member of token_role_members:
 * lists are arrays of texts, times whole seconds. A change has any subset.
 */
#pragma once

#include <jansson.h>

#include "core/vault.h"
#include "vault/limits.h"

enum role_member_kind { ROLE_TEXTS, ROLE_SECONDS, ROLE_COUNT, ROLE_FLAG, ROLE_TEXT };
struct role_member {
	const char *name;	/* as it is stored and shown */
	const char *old_name;	/* that clients may use as well, and see; NULL: none */
	enum role_member_kind kind;
};
/* Ends with a row without a name. */
extern const struct role_member token_role_members[];

struct vault_role_write {
	struct vault_action action;
	const struct caller *caller;	/* decides about a change; a deletion was authorised by the route */
	const char *api_path;
	const char *name;
	json_t *change;		/* of members as above; the caller's. NULL: the role is deleted */
};
/* ERR_INVALID for a name or member that cannot be. Deleting what is not there is no error. Batch tokens of a role that was
 * deleted count no more, also when a role of the same name is made again. */
enum error_code vault_role_write(struct vault *vault, struct vault_role_write *write, struct error *err) must_check;
/* The settings, all members; json_decref() them. ERR_NOT_FOUND. */
enum error_code vault_role_read(struct vault *vault, const char *name, json_t **ret, struct error *err) must_check;
/* Sorted. ERR_NOT_FOUND: there is none. Opens every role: call it on the slow worker. */
enum error_code vault_role_list(struct vault *vault, struct name_list *ret, struct error *err) must_check;
