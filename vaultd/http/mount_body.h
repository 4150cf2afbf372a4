/* What clients say of mounts, and what they are told. Internal to http/. */
#pragma once

#include "core/vault_mounts.h"
#include "http/request.h"

/* The mount that the request's last placeholder names, without what the pattern has behind it; below sys/auth/ with
 * "auth/" in front. False when it is longer than a mount's path can be. */
bool mount_name(const struct request *request, char ret[static LIMIT_MOUNT_PATH_LEN + 1]);

/* The body of an enable (type, description, config, options) or of a tune (all of it at the top). Members of Vault's that
 * mean nothing here are ignored. False: 400 is the answer. */
bool mount_enable_body(struct request *request, struct mount_change *change);
bool mount_tune_body(struct request *request, struct mount_change *change);
/* {"from": …, "to": …} */
bool mount_remount_body(struct request *request, struct mount_change *change);

/* One mount as sys/mounts, sys/auth and preflight show it. */
void mount_emit(struct secret_buf *out, const struct mount_info *mount, bool with_path);
/* Only what those without identity may see of it. */
void mount_emit_listed(struct secret_buf *out, const struct mount_info *mount);
/* As its tuning is shown. */
void mount_emit_tuning(struct secret_buf *out, const struct mount_info *mount);
