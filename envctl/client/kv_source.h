/*
 * Reading a key-value mount, version 1 or 2, of any server that speaks Vault's
 * API: what an import takes from, and the metadata of what it writes to.
 *
 * Paths are what the server says they are, not names of environments; they are
 * sent percent-encoded.
 */
#pragma once

#include "client/vault_client.h"

#define KV_PATH_MAX 2048 /* of a mount with a prefix, with a NUL */

struct kv_mount {
	char path[KV_PATH_MAX]; /* "secret/" */
	unsigned version;	/* 1 or 2 */
};

/* The mount that holds "secret" or "secret/shop", and behind it the prefix ("shop", points into place). ERR_DENIED: there
 * is none, or the token may see nothing of it; ERR_INVALID: a place that no mount can have, or a mount of another kind. */
enum error_code kv_mount_find(struct vault_client *client, const char *place, struct kv_mount *ret,
			      const char **ret_prefix, struct error *err) must_check;

/* One level below prefix ("" or ending in '/'): data.keys. ERR_NOT_FOUND when there is nothing. */
enum error_code kv_source_list(struct vault_client *client, const struct kv_mount *mount, const char *prefix,
			       struct answer *ret, struct error *err) must_check;
/* Version 2 only: data. ERR_NOT_FOUND. */
enum error_code kv_source_metadata(struct vault_client *client, const struct kv_mount *mount, const char *path,
				   struct answer *ret, struct error *err) must_check;
/* *ret_data is the object of the values, inside *ret. version 0: the current one; of a version 1 mount always that.
 * ERR_NOT_FOUND, ERR_DELETED (also destroyed), ERR_PROTOCOL. */
enum error_code kv_source_read(struct vault_client *client, const struct kv_mount *mount, const char *path,
			       uint64_t version, struct answer *ret, struct json_value *ret_data,
			       struct error *err) must_check;

/* -- the vault's own side ---------------------------------------------------- */

/* How many versions an environment without a setting of its own keeps; 0 when the vault does not tell us. */
enum error_code client_default_versions(struct vault_client *client, uint64_t *ret, struct error *err) must_check;
/* body: any of max_versions, cas_required, delete_version_after, custom_metadata. Makes the environment. */
enum error_code client_metadata_write(struct vault_client *client, const struct env_path *env,
				      const struct secret_buf *body, struct error *err) must_check;
/* body: {"versions": [...]}. destroy: their content goes for good; else they are marked as deleted. */
enum error_code client_mark_revisions(struct vault_client *client, const struct env_path *env, bool destroy,
				      const struct secret_buf *body, struct error *err) must_check;
