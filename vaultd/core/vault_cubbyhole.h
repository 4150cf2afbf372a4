/*
 * A token's cubbyhole: small JSON objects at paths that only this token sees
 * and that go when it is revoked or expires. Part of the contract of vault.h.
 *
 * Paths have the form of an environment's path. A token has at most
 * LIMIT_CUBBYHOLE_PATHS of them and LIMIT_CUBBYHOLE_BYTES of JSON in all. Only
 * tokens that are stored have a cubbyhole: a peer and a batch token get
 * ERR_INVALID with a sentence, if they may go there at all.
 */
#pragma once

#include "core/action.h"
#include "core/caller.h"
#include "vault/error.h"
#include "vault/json_scan.h"
#include "vault/names.h"
#include "vault/secret_buf.h"

struct name_list;

/* Appends the JSON object at the path. ERR_NOT_FOUND. */
enum error_code vault_cubbyhole_read(struct vault *vault, const struct caller *caller, const struct env_path *path,
				     struct secret_buf *out, struct error *err) must_check;
/* What stands directly below prefix ("" or "a/b/"), as kv_list() gives it. ERR_NOT_FOUND. */
enum error_code vault_cubbyhole_list(struct vault *vault, const struct caller *caller, const char *prefix,
				     struct name_list *ret, struct error *err) must_check;

/* Writes or deletes one path; what is not there is deleted with success. See action.h. */
struct cubbyhole_change {
	struct vault_action action;
	const struct caller *caller;
	const struct env_path *path;
	struct json_span value;		/* a validated JSON object; at NULL: delete */
};
enum error_code vault_cubbyhole_change(struct vault *vault, struct cubbyhole_change *change, struct error *err) must_check;
