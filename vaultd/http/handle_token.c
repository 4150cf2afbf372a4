/* auth/token. */
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/clock.h"
#include "vault/json_emit.h"

static int64_t seconds_left(const struct caller *caller)
{
	int64_t left = (caller->expires - clock_system.now_us(clock_system.arg)) / 1000000;

	return caller->expires == 0 ? 0 : left > 0 ? left : 0;
}

void handle_lookup_self(struct request *request)
{
	const struct caller *caller = &request->caller;
	struct secret_buf *out = reply_envelope(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "{\"accessor\":");
	json_emit_cstring(out, caller->accessor);
	json_emit_raw(out, ",\"creation_time\":");
	json_emit_int(out, caller->created / 1000000);
	json_emit_raw(out, ",\"creation_ttl\":");
	json_emit_int(out, caller->creation_ttl);
	json_emit_raw(out, ",\"display_name\":");
	json_emit_cstring(out, caller->display);
	json_emit_raw(out, ",\"entity_id\":\"\",\"expire_time\":");
	if (caller->expires != 0)
		json_emit_time(out, caller->expires);
	else
		json_emit_raw(out, "null");
	json_emit_raw(out, ",\"explicit_max_ttl\":0,\"id\":");
	json_emit_string(out, request->head.token ? request->head.token : "", request->head.token_len);
	json_emit_raw(out, ",\"issue_time\":");
	json_emit_time(out, caller->created);
	json_emit_raw(out, ",\"meta\":null,\"num_uses\":0,\"orphan\":true,\"path\":");
	json_emit_cstring(out, caller->path);
	json_emit_raw(out, caller->root ? ",\"policies\":[\"root\"]" : ",\"policies\":[]");
	json_emit_raw(out, ",\"renewable\":false,\"ttl\":");
	json_emit_int(out, seconds_left(caller));
	json_emit_raw(out, ",\"type\":\"service\"}");
	reply_envelope_end(request, NULL, false);
}
