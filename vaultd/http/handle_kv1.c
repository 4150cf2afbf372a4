/* KV version 1: a map at a path, without versions. Stored as an environment of which one revision is kept. */
#include <stdio.h>
#include <string.h>

#include "core/vault_mounts.h"
#include "http/change.h"
#include "http/emit.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/clock.h"
#include "vault/limits.h"

/* A duration in the map itself, as a text or a number. */
static bool lease_of(const struct revision_record *revision, const char *name, int64_t *ret)
{
	const struct variable *variable = revision_find(revision, name, strlen(name));

	return variable && (variable->kind == KIND_TEXT || variable->kind == KIND_JSON) &&
	       duration_parse(variable->value.at, variable->value.len, ret) && *ret > 0;
}

static int64_t lease_duration(const struct request *request, const struct revision_record *revision)
{
	int64_t seconds;

	if (lease_of(revision, "ttl", &seconds) || lease_of(revision, "lease", &seconds))
		return seconds;
	return request->mount.default_lease_ttl > 0 ? request->mount.default_lease_ttl : MOUNT_SYSTEM_LEASE_TTL;
}

void handle_kv1_read(struct request *request)
{
	cleanup_(kv_read_result_freep) struct kv_read_result read = {0};
	struct error err = ERROR_INIT;
	struct secret_buf *out;

	if (!request_target(request, false))
		return;
	if (kv_read(request->server->vault, &request->caller, &request->target, 0, &read, &err) != ERR_OK) {
		reply_error(request, &err, true);
		return;
	}
	if (!read.readable) {
		reply_refuse(request, 404, NULL);
		return;
	}
	out = reply_envelope_lease(request, 200, lease_duration(request, &read.revision));
	if (!out)
		return;
	emit_variables(out, read.revision.variables, read.revision.variables_len);
	reply_envelope_end(request, NULL, false);
}

void handle_kv1_list(struct request *request)
{
	cleanup_(name_list_free) struct name_list list = {0};
	char prefix[LIMIT_ENV_PATH_LEN + 2] = "", api_path[LIMIT_ENV_PATH_LEN + sizeof(request->mount.path) + 2];
	struct error err = ERROR_INIT;

	if (request->rest[0] != '\0') {
		if (!request_target(request, false))
			return;
		stpcpy(stpcpy(prefix, request->env.text), "/");
	}
	/* Decided with the slash, whatever the spelling was. */
	snprintf(api_path, sizeof(api_path), "%s%s", request->mount.path, prefix);
	if (kv_list(request->server->vault, &request->caller, &request->mount, prefix, api_path, &list, &err) != ERR_OK) {
		reply_error(request, &err, true);
		return;
	}
	reply_keys(request, &list);
}

void handle_kv1_write(struct request *request)
{
	struct json_value body;

	if (!request_target(request, false) || !body_object(request, &body))
		return;
	if (json_count(&body) == 0) {
		reply_refuse(request, 400, "missing data fields");
		return;
	}
	request->op.data = body;
	change_submit(request, KV_PUT, NULL);
}

/* There is no version to come back to: all of it goes. */
void handle_kv1_delete(struct request *request)
{
	if (request_target(request, false))
		change_submit(request, KV_METADATA_DELETE, NULL);
}
