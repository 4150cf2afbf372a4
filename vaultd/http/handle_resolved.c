/*
 * resolved/: environments of secret/ as a process should see them, read-only, in the form of KV version 2. What one may read
 * here is decided by the policies on secret/.
 */
#include <stdio.h>
#include <string.h>

#include "core/vault_mounts.h"
#include "http/emit.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/json_emit.h"

/* From here on the request is one of secret/. Where that is not KV version 2, nothing is there, which is told to those only
 * who might read it. */
static bool use_secret(struct request *request, const char *resource, unsigned capability)
{
	struct error err = ERROR_INIT;
	enum error_code code = vault_mount_at(request->server->vault, "secret/", &request->mount, &err);

	snprintf(request->data_path, sizeof(request->data_path), "secret/%s/%s", resource, request->rest);
	if (code == ERR_OK && request->mount.version == 2)
		return true;
	error_clear(&err);
	if (vault_authorize(request->server->vault, &request->caller, capability, request->data_path, &err) == ERR_OK)
		reply_refuse(request, 404, NULL);
	else
		reply_error(request, &err, false);
	return false;
}

static bool find_target(struct request *request, const char *resource)
{
	if (!use_secret(request, resource, CAP_READ) || !request_target(request, false))
		return false;
	request->target.api_path = request->data_path;
	return true;
}

static void answer_deleted(struct request *request, uint64_t revision)
{
	cleanup_(kv_read_result_freep) struct kv_read_result read = {0};
	struct error err = ERROR_INIT;

	if (kv_read(request->server->vault, &request->caller, &request->target, revision, &read, &err) != ERR_OK)
		reply_error(request, &err, true);
	else
		reply_deleted(request, &read.version, &read.head);
}

void handle_resolved_read(struct request *request)
{
	cleanup_(kv_resolved_freep) struct kv_resolved resolved = {0};
	struct error err = ERROR_INIT;
	struct secret_buf *out;
	uint64_t revision;
	enum error_code code;

	if (!request_arg_uint(request, "version", 0, INT64_MAX, &revision) || !find_target(request, "data"))
		return;
	code = kv_resolve(request->server->vault, &request->caller, &request->target, revision, &resolved, &err);
	if (code == ERR_DELETED) {
		answer_deleted(request, revision);
		return;
	}
	if (code != ERR_OK) {
		reply_error(request, &err, true);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"data\":");
	emit_variables(out, resolved.variables, resolved.variables_len);
	json_emit_raw(out, ",\"metadata\":{");
	emit_version(out, &resolved.read.version, &resolved.read.head);
	json_emit_raw(out, "}}");
	reply_envelope_end(request, NULL, false);
}

void handle_resolved_metadata(struct request *request)
{
	cleanup_(kv_read_result_freep) struct kv_read_result read = {0};
	struct error err = ERROR_INIT;

	if (!find_target(request, "metadata"))
		return;
	if (kv_read_metadata(request->server->vault, &request->caller, &request->target, &read, &err) != ERR_OK)
		reply_error(request, &err, true);
	else
		reply_metadata(request, &read.head);
}

void handle_resolved_list(struct request *request)
{
	if (use_secret(request, "metadata", CAP_LIST))
		handle_metadata_list(request);
}
