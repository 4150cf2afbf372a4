/*
 * Mounts: which are seen by whom, and how they come, change, move and go. Part
 * of the contract of vault.h.
 *
 * A path is 1 to 8 segments with the rules of an environment's path, at most
 * LIMIT_MOUNT_PATH_LEN bytes with its slash; here it may be given with or
 * without the slash. No mount stands below or above another one, and none at
 * or below sys/, auth/, cubbyhole/, identity/, resolved/. sys/, identity/ and
 * resolved/ are built in: they have no record and cannot be changed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/action.h"
#include "core/vault.h"
#include "vault/error.h"
#include "vault/limits.h"

/* -- reading ------------------------------------------------------------- */

/* As vault_mounts(), decided by reading sys/auth. Both give all mounts; those of auth methods begin with "auth/". */
enum error_code vault_auth_mounts(struct vault *vault, const struct caller *caller, struct mount_info **ret,
				  size_t *ret_len, struct error *err) must_check;
/* The mount at exactly this path. ERR_NOT_FOUND. No authorisation: the caller has decided. */
enum error_code vault_mount_at(struct vault *vault, const char *path, struct mount_info *ret,
			       struct error *err) must_check;
/*
 * The mounts that the caller may know of: any capability on anything at or below them, for resolved/ at or below
 * secret/; and those that are `listed`, without any identity too. Sorted by path, malloc'ed.
 */
enum error_code vault_mounts_visible(struct vault *vault, const struct caller *caller, struct mount_info **ret,
				     size_t *ret_len, struct error *err) must_check;
/* The mount that holds the path. ERR_DENIED when there is none or the caller may not know of it, both alike; also
 * without identity. */
enum error_code vault_mount_visible(struct vault *vault, const struct caller *caller, const char *path,
				    struct mount_info *ret, struct error *err) must_check;
/* What a lease time of 0 means, in seconds. */
#define MOUNT_SYSTEM_LEASE_TTL 2764800

/* -- changes ------------------------------------------------------------- */

struct mount_settings {		/* what is not said stays */
	bool has_description, has_default_lease_ttl, has_max_lease_ttl, has_version, has_listed;
	char description[LIMIT_MOUNT_DESCRIPTION_LEN + 1];	/* UTF-8 */
	int64_t default_lease_ttl, max_lease_ttl;	/* seconds; 0: the system's */
	int64_t version;
	bool listed;
};

struct mount_change {
	struct vault_action action;
	const struct caller *caller;
	char path[LIMIT_MOUNT_PATH_LEN + 1];	/* of an auth method with its "auth/" */
	char to[LIMIT_MOUNT_PATH_LEN + 1];	/* remount */
	char type[32];				/* enable: kv, kv-v1, kv-v2, generic */
	struct mount_settings settings;		/* enable, tune */
	/* results */
	bool left;		/* disable, sweep: environments are left */
	char migration[37];	/* remount: the id to ask for */
	/* core's own */
	uint8_t uuid_[ID_LEN];
	char from_[LIMIT_MOUNT_PATH_LEN + 1], to_[LIMIT_MOUNT_PATH_LEN + 1];
};

/* UPDATE on sys/mounts/<path>. ERR_INVALID with "path is already in use at x/", an unknown type or version, a wrong path;
 * ERR_TOO_LARGE beyond LIMIT_MOUNTS. kv is version 1 unless the settings say 2, as in Vault. */
enum error_code vault_mount_enable(struct vault *vault, struct mount_change *change, struct error *err) must_check;
/* UPDATE on sys/mounts/<path>/tune, for auth/ UPDATE and SUDO on sys/auth/<path>/tune. ERR_INVALID when there is no such
 * mount. Version 2 instead of 1 is an upgrade: the environments stay as they are; the way back is ERR_INVALID too. */
enum error_code vault_mount_tune(struct vault *vault, struct mount_change *change, struct error *err) must_check;
/* UPDATE and SUDO on sys/remount. What is below comes along, and is at its new place when this is done. */
enum error_code vault_mount_remount(struct vault *vault, struct mount_change *change, struct error *err) must_check;
/*
 * DELETE on sys/mounts/<path>; a missing mount is ERR_OK. When it is done, the mount is gone for everybody, and its path
 * is free. Then its environments are destroyed: call vault_mount_sweep() with the same struct while `left`. If nobody
 * does, or the daemon ends meanwhile, vault_tick() does it, after an unseal too.
 */
enum error_code vault_mount_disable(struct vault *vault, struct mount_change *change, struct error *err) must_check;
/* One more batch. No authorisation: the disable was decided. */
enum error_code vault_mount_sweep(struct vault *vault, struct mount_change *change, struct error *err) must_check;

/* A remount that was done since the unseal; the last 32 are remembered. READ on sys/remount/status/<id>. ERR_NOT_FOUND. */
struct mount_migration {
	char id[37];
	char from[LIMIT_MOUNT_PATH_LEN + 1], to[LIMIT_MOUNT_PATH_LEN + 1];
};
enum error_code vault_mount_migration(struct vault *vault, const struct caller *caller, const char *id,
				      struct mount_migration *ret, struct error *err) must_check;
