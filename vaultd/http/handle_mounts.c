/* sys/mounts, sys/auth, sys/remount, and what clients ask before they use a mount. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/vault_mounts.h"
#include "http/action.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "http/mount_body.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

struct mount_list {
	struct mount_info *mounts;
	size_t len;
};

static void mount_list_free(struct mount_list *list)
{
	free(list->mounts);
}

/* -- lists --------------------------------------------------------------- */

/* Those of the auth methods are shown without their "auth/". */
static void emit_list(struct secret_buf *out, const struct mount_list *list, bool auth, bool only_listed)
{
	const char *comma = "{";

	for (size_t i = 0; i < list->len; i++) {
		const struct mount_info *mount = &list->mounts[i];

		if ((strncmp(mount->path, "auth/", 5) == 0) != auth)
			continue;
		json_emit_raw(out, comma);
		comma = ",";
		json_emit_cstring(out, mount->path + (auth ? 5 : 0));
		json_emit_raw(out, ":");
		if (only_listed)
			mount_emit_listed(out, mount);
		else
			mount_emit(out, mount, false);
	}
	json_emit_raw(out, comma[0] == '{' ? "{}" : "}");
}

static void answer_list(struct request *request, bool auth,
			enum error_code (*read)(struct vault *vault, const struct caller *caller, struct mount_info **ret,
						size_t *ret_len, struct error *err))
{
	cleanup_(mount_list_free) struct mount_list list = {0};
	struct error err = ERROR_INIT;
	struct secret_buf *out;

	if (read(request->server->vault, &request->caller, &list.mounts, &list.len, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	emit_list(out, &list, auth, false);
	reply_envelope_end(request, NULL, true);
}

void handle_mounts(struct request *request)
{
	answer_list(request, false, vault_mounts);
}

void handle_auths(struct request *request)
{
	answer_list(request, true, vault_auth_mounts);
}

void handle_ui_mounts(struct request *request)
{
	cleanup_(mount_list_free) struct mount_list list = {0};
	bool only_listed = request->caller.kind == CALLER_ANONYMOUS;
	struct error err = ERROR_INIT;
	struct secret_buf *out;

	if (vault_mounts_visible(request->server->vault, &request->caller, &list.mounts, &list.len, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"auth\":");
	emit_list(out, &list, true, only_listed);
	json_emit_raw(out, ",\"secret\":");
	emit_list(out, &list, false, only_listed);
	json_emit_raw(out, "}");
	reply_envelope_end(request, NULL, false);
}

/* -- one ----------------------------------------------------------------- */

static bool find_mount(struct request *request, struct mount_info *ret)
{
	struct error err = ERROR_INIT;
	char path[LIMIT_MOUNT_PATH_LEN + 1], sentence[LIMIT_TARGET_LEN + 64];
	bool auth = strncmp(request->route->pattern, "/v1/sys/auth/", 13) == 0;
	enum error_code code = ERR_NOT_FOUND;

	if (mount_name(request, path))
		code = vault_mount_at(request->server->vault, path, ret, &err);
	if (code == ERR_OK && !auth && strncmp(ret->path, "auth/", 5) == 0)
		code = ERR_NOT_FOUND;
	if (code == ERR_NOT_FOUND) {
		snprintf(sentence, sizeof(sentence), "No %s at %s/", auth ? "auth engine" : "secret engine mount", request->rest);
		reply_refuse(request, 400, sentence);
	} else if (code != ERR_OK) {
		reply_error(request, &err, false);
	}
	return code == ERR_OK;
}

void handle_mount(struct request *request)
{
	struct mount_info mount;
	struct secret_buf *out;

	if (!find_mount(request, &mount))
		return;
	out = reply_envelope(request, 200);
	if (!out)
		return;
	mount_emit(out, &mount, false);
	reply_envelope_end(request, NULL, true);
}

void handle_mount_tuning(struct request *request)
{
	struct mount_info mount;
	struct secret_buf *out;

	if (!find_mount(request, &mount))
		return;
	out = reply_envelope(request, 200);
	if (!out)
		return;
	mount_emit_tuning(out, &mount);
	reply_envelope_end(request, NULL, true);
}

/* Vault clients ask this first, to learn the version of the mount. What may not be seen and what is not there look alike. */
void handle_ui_mount(struct request *request)
{
	struct error err = ERROR_INIT;
	struct mount_info mount;
	char sentence[LIMIT_TARGET_LEN + 128];
	enum error_code code = vault_mount_visible(request->server->vault, &request->caller, request->rest, &mount, &err);
	struct secret_buf *out;

	if (code == ERR_DENIED) {
		snprintf(sentence, sizeof(sentence),
			 "preflight capability check returned 403, please ensure client's policies grant access to path \"%s/\"",
			 request->rest);
		reply_refuse(request, 403, sentence);
		return;
	}
	if (code != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	mount_emit(out, &mount, true);
	reply_envelope_end(request, NULL, false);
}

/* -- changes ------------------------------------------------------------- */

static struct mount_change *begin(struct request *request)
{
	struct mount_change *change = request_work(request, sizeof(*change), NULL);

	if (!change)
		return NULL;
	change->caller = &request->caller;
	return change;
}

/* With the mount that the path names. */
static struct mount_change *begin_named(struct request *request)
{
	struct mount_change *change = begin(request);

	if (!change || mount_name(request, change->path))
		return change;
	reply_refuse(request, 400, "the path of a mount has at most 126 bytes");
	return NULL;
}

void handle_mount_enable(struct request *request)
{
	struct mount_change *change = begin_named(request);

	if (!change || !mount_enable_body(request, change))
		return;
	action_begin(request, &change->action, NULL);
	action_submitted(request, vault_mount_enable(request->server->vault, change, &request->err));
}

void handle_mount_tune(struct request *request)
{
	struct mount_change *change = begin_named(request);

	if (!change || !mount_tune_body(request, change))
		return;
	action_begin(request, &change->action, NULL);
	action_submitted(request, vault_mount_tune(request->server->vault, change, &request->err));
}

/* The mount is gone already; the answer waits until what it held is, batch by batch. */
static void sweep(struct request *request)
{
	struct mount_change *change = request->work;

	if (!change->left) {
		reply_empty(request, 204);
		return;
	}
	action_begin(request, &change->action, sweep);
	action_submitted(request, vault_mount_sweep(request->server->vault, change, &request->err));
}

void handle_mount_disable(struct request *request)
{
	struct mount_change *change = begin_named(request);

	if (!change)
		return;
	action_begin(request, &change->action, sweep);
	action_submitted(request, vault_mount_disable(request->server->vault, change, &request->err));
}

static void answer_remount(struct request *request)
{
	const struct mount_change *change = request->work;
	struct secret_buf *out = reply_envelope(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "{\"migration_id\":");
	json_emit_cstring(out, change->migration);
	json_emit_raw(out, "}");
	reply_envelope_end(request, NULL, true);
}

void handle_remount(struct request *request)
{
	struct mount_change *change = begin(request);

	if (!change || !mount_remount_body(request, change))
		return;
	action_begin(request, &change->action, answer_remount);
	action_submitted(request, vault_mount_remount(request->server->vault, change, &request->err));
}

void handle_remount_status(struct request *request)
{
	struct mount_migration migration;
	struct error err = ERROR_INIT;
	struct secret_buf *out;

	if (vault_mount_migration(request->server->vault, &request->caller, request->rest, &migration, &err) != ERR_OK) {
		reply_error(request, &err, true);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"migration_id\":");
	json_emit_cstring(out, migration.id);
	json_emit_raw(out, ",\"migration_info\":{\"source_mount\":");
	json_emit_cstring(out, migration.from);
	json_emit_raw(out, ",\"status\":\"success\",\"target_mount\":");
	json_emit_cstring(out, migration.to);
	json_emit_raw(out, "}}");
	reply_envelope_end(request, NULL, true);
}

/* -- auth methods -------------------------------------------------------- */

/* What the client called it, when that is a plain word. */
static bool is_plain(const char *type)
{
	return strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(type);
}

/* token and peer are there from the beginning, and there are no others. */
void handle_auth_enable(struct request *request)
{
	struct mount_change *change = begin(request);
	char sentence[128];

	if (!change || !mount_enable_body(request, change))
		return;
	if (strcmp(change->type, "token") == 0)
		snprintf(sentence, sizeof(sentence), "token credential backend cannot be instantiated");
	else
		snprintf(sentence, sizeof(sentence), "unsupported auth method type%s%s%s: there are token and peer",
			 is_plain(change->type) ? " \"" : "", is_plain(change->type) ? change->type : "",
			 is_plain(change->type) ? "\"" : "");
	reply_refuse(request, 400, sentence);
}

void handle_auth_disable(struct request *request)
{
	struct error err = ERROR_INIT;
	char path[LIMIT_MOUNT_PATH_LEN + 1];
	struct mount_info mount;

	if (mount_name(request, path) && vault_mount_at(request->server->vault, path, &mount, &err) == ERR_OK)
		reply_refuse(request, 400, "this auth method is part of the vault and cannot be disabled");
	else if (err.code == ERR_OK || err.code == ERR_NOT_FOUND)
		reply_empty(request, 204);
	else
		reply_error(request, &err, false);
}
