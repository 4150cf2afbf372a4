/* sys/mounts, and what clients ask before they use one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/handlers.h"
#include "http/internal.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

static void emit_mount(struct secret_buf *out, const struct mount_info *mount, bool with_path)
{
	char uuid[REQUEST_ID_LEN + 1];
	const uint8_t *u = mount->uuid;

	snprintf(uuid, sizeof(uuid), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2],
		 u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
	json_emit_raw(out, "{\"accessor\":");
	json_emit_cstring(out, mount->accessor);
	json_emit_raw(out, ",\"config\":{\"default_lease_ttl\":0,\"force_no_cache\":false,\"max_lease_ttl\":0},\"description\":");
	json_emit_cstring(out, mount->description);
	json_emit_raw(out, ",\"deprecation_status\":\"supported\",\"external_entropy_access\":false,\"local\":false,\"options\":");
	if (mount->version > 0) {
		json_emit_raw(out, "{\"version\":\"");
		json_emit_uint(out, mount->version);
		json_emit_raw(out, "\"}");
	} else {
		json_emit_raw(out, "null");
	}
	if (with_path) {
		json_emit_raw(out, ",\"path\":");
		json_emit_cstring(out, mount->path);
	}
	json_emit_raw(out, ",\"plugin_version\":\"\",\"running_plugin_version\":\"\",\"running_sha256\":\"\",\"seal_wrap\":false,"
			   "\"type\":");
	json_emit_cstring(out, mount->type);
	json_emit_raw(out, ",\"uuid\":");
	json_emit_cstring(out, uuid);
	json_emit_raw(out, "}");
}

static void emit_mounts(struct secret_buf *out, const struct mount_info *mounts, size_t len, bool auth)
{
	bool first = true;

	json_emit_raw(out, "{");
	for (size_t i = 0; i < len; i++) {
		bool is_auth = strncmp(mounts[i].path, "auth/", 5) == 0;

		if (is_auth != auth)
			continue;
		if (!first)
			json_emit_raw(out, ",");
		first = false;
		json_emit_cstring(out, mounts[i].path + (auth ? 5 : 0));
		json_emit_raw(out, ":");
		emit_mount(out, &mounts[i], false);
	}
	json_emit_raw(out, "}");
}

static void free_mounts(struct mount_info **mounts)
{
	free(*mounts);
}

void handle_mounts(struct request *request)
{
	cleanup_(free_mounts) struct mount_info *mounts = NULL;
	struct error err = ERROR_INIT;
	struct secret_buf *out;
	size_t len;

	if (vault_mounts(request->server->vault, &request->caller, &mounts, &len, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	emit_mounts(out, mounts, len, false);
	reply_envelope_end(request, NULL, true);
}

/* The mount that is named, with or without its slash; not one that merely holds the path. */
void handle_mount(struct request *request)
{
	struct error err = ERROR_INIT;
	struct mount_info mount;
	char sentence[LIMIT_TARGET_LEN + 64];
	enum error_code code = vault_mount_of(request->server->vault, request->rest, &mount, &err);
	size_t len = strlen(request->rest);
	struct secret_buf *out;

	if (code == ERR_NOT_FOUND || (code == ERR_OK && strlen(mount.path) != len + 1)) {
		snprintf(sentence, sizeof(sentence), "No secret engine mount at %s/", request->rest);
		reply_refuse(request, 400, sentence);
		return;
	}
	if (code != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	emit_mount(out, &mount, false);
	reply_envelope_end(request, NULL, true);
}

void handle_ui_mounts(struct request *request)
{
	cleanup_(free_mounts) struct mount_info *mounts = NULL;
	struct error err = ERROR_INIT;
	struct secret_buf *out;
	size_t len;

	if (vault_mounts(request->server->vault, &request->caller, &mounts, &len, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"auth\":");
	emit_mounts(out, mounts, len, true);
	json_emit_raw(out, ",\"secret\":");
	emit_mounts(out, mounts, len, false);
	json_emit_raw(out, "}");
	reply_envelope_end(request, NULL, false);
}

/* Vault clients ask this first, to learn the version of the mount. What may not be seen and what is not there look alike. */
void handle_ui_mount(struct request *request)
{
	struct error err = ERROR_INIT;
	struct mount_info mount;
	char sentence[LIMIT_TARGET_LEN + 128];
	enum error_code code = vault_mount_of(request->server->vault, request->rest, &mount, &err);
	struct secret_buf *out;

	if (code == ERR_OK)
		code = vault_authorize(request->server->vault, &request->caller, CAP_READ, mount.path, &err);
	if (code == ERR_NOT_FOUND || code == ERR_DENIED) {
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
	emit_mount(out, &mount, true);
	reply_envelope_end(request, NULL, false);
}
