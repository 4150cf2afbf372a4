/* sys/rotate and sys/key-status: the key that wraps the environments' keys. */
#include "core/vault_slots.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/json_emit.h"

void handle_key_status(struct request *request)
{
	struct vault_key_status status;
	struct error err = ERROR_INIT;
	struct secret_buf *out;

	if (vault_key_status(request->server->vault, &request->caller, &status, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"term\":");
	json_emit_uint(out, status.term);
	json_emit_raw(out, ",\"install_time\":");
	json_emit_time(out, status.installed);
	json_emit_raw(out, ",\"encryptions\":");
	json_emit_uint(out, status.commits);
	json_emit_raw(out, "}");
	reply_envelope_end(request, NULL, true);
}

/* On the worker: it waits for its commits. */
void handle_rotate(struct request *request)
{
	struct error err = ERROR_INIT;

	if (vault_rotate(request->server->vault, &request->caller, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		reply_empty(request, 204);
}

/* Rotation is asked for, or follows a destroy; no counter starts it, because each record has a key of its own. */
void handle_rotate_config(struct request *request)
{
	struct secret_buf *out = reply_envelope(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "{\"enabled\":false,\"interval\":0,\"max_operations\":0}");
	reply_envelope_end(request, NULL, true);
}
