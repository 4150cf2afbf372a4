/* cubbyhole/: what a token keeps for itself. The answers are those of KV version 1. */
#include <string.h>

#include "core/vault_cubbyhole.h"
#include "http/action.h"
#include "http/change.h"
#include "http/emit.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

static bool read_path(struct request *request)
{
	struct error err = ERROR_INIT;

	if (env_path_parse(request->rest, strlen(request->rest), &request->env, &err) == ERR_OK)
		return true;
	reply_error(request, &err, false);
	return false;
}

void handle_cubbyhole_read(struct request *request)
{
	cleanup_(secret_buf_freep) struct secret_buf *json = secret_buf_new(LIMIT_BODY_SMALL);
	struct error err = ERROR_INIT;
	struct secret_buf *out;

	if (!read_path(request))
		return;
	if (!json) {
		reply_without_memory(request);
		return;
	}
	if (vault_cubbyhole_read(request->server->vault, &request->caller, &request->env, json, &err) != ERR_OK) {
		reply_error(request, &err, true);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw_n(out, secret_buf_text(json), secret_buf_len(json));
	reply_envelope_end(request, NULL, false);
}

void handle_cubbyhole_list(struct request *request)
{
	cleanup_(name_list_free) struct name_list list = {0};
	char prefix[LIMIT_ENV_PATH_LEN + 2] = "";
	struct error err = ERROR_INIT;

	if (request->rest[0] != '\0') {
		if (!read_path(request))
			return;
		stpcpy(stpcpy(prefix, request->env.text), "/");
	}
	if (vault_cubbyhole_list(request->server->vault, &request->caller, prefix, &list, &err) != ERR_OK) {
		reply_error(request, &err, true);
		return;
	}
	reply_keys(request, &list);
}

static void submit(struct request *request, struct json_span value)
{
	struct cubbyhole_change *change = request_work(request, sizeof(*change), NULL);

	if (!change)
		return;
	change->caller = &request->caller;
	change->path = &request->env;
	change->value = value;
	action_begin(request, &change->action, NULL);
	action_submitted(request, vault_cubbyhole_change(request->server->vault, change, &request->err));
}

void handle_cubbyhole_write(struct request *request)
{
	struct json_value body;

	if (!read_path(request) || !body_object(request, &body))
		return;
	if (json_count(&body) == 0)
		reply_refuse(request, 400, "missing data fields");
	else
		submit(request, body.raw);
}

void handle_cubbyhole_delete(struct request *request)
{
	if (read_path(request))
		submit(request, (struct json_span){ .at = NULL });
}
