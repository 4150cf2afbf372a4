#include "http/wrapping.h"

#include <string.h>

#include "core/vault_wrapping.h"
#include "http/action.h"
#include "http/internal.h"
#include "vault/clock.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

bool wrapping_read_ttl(struct request *request)
{
	const char *text = request->head.wrap_ttl;
	int64_t seconds = 0;

	if (text && text[0] != '\0' && (!duration_parse(text, strlen(text), &seconds) || seconds < 0)) {
		reply_refuse(request, 400, "X-Vault-Wrap-TTL must be a duration that is not negative");
		return false;
	}
	if (seconds > LIMIT_WRAP_SECONDS) {
		reply_refuse(request, 400, "X-Vault-Wrap-TTL must be at most 768h");
		return false;
	}
	request->wrap_ttl_s = seconds;
	return true;
}

void reply_wrap_info(struct request *request, const struct wrap_info *info, const char *path, size_t path_len)
{
	struct secret_buf *out = reply_envelope(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "null,\"wrap_info\":{\"token\":");
	json_emit_cstring(out, info->token);
	json_emit_raw(out, ",\"accessor\":");
	json_emit_cstring(out, info->accessor);
	json_emit_raw(out, ",\"ttl\":");
	json_emit_int(out, info->ttl_s);
	json_emit_raw(out, ",\"creation_time\":");
	json_emit_time(out, info->created);
	json_emit_raw(out, ",\"creation_path\":");
	json_emit_string(out, path, path_len);
	if (info->wrapped_accessor[0] != '\0') {
		json_emit_raw(out, ",\"wrapped_accessor\":");
		json_emit_cstring(out, info->wrapped_accessor);
	}
	json_emit_raw(out, "},\"warnings\":null,\"auth\":null}");
}

/* -- the hook ------------------------------------------------------------ */

struct wrap_work {
	struct wrap_answer wrap;
	struct secret_buf *body;	/* the answer that is not given */
};

static void wipe_work(void *work)
{
	secret_buf_free(((struct wrap_work *)work)->body);
}

static const char *path_of(const struct request *request)
{
	return request->path.path + strlen("/v1/");
}

static void answer_wrapped(struct request *request)
{
	const struct wrap_work *work = request->work;
	const char *path = path_of(request);

	reply_wrap_info(request, &work->wrap.info, path, strlen(path));
}

/* What everybody may read needs no wrapping, and would take its places from those who do. */
static bool is_public(const struct request *request)
{
	return request->caller.kind == CALLER_ANONYMOUS && request->route->audit != AUDIT_CHANGE;
}

static bool is_to_be_wrapped(const struct request *request)
{
	const struct reply *reply = &request->reply;

	return request->wrap_ttl_s > 0 && reply->status == 200 && reply->enveloped && reply->body && secret_buf_ok(reply->body) &&
	       request->method != METHOD_HEAD && (request->route->flags & ROUTE_WRAPPING) == 0 && !is_public(request);
}

void wrapping_apply(struct request *request)
{
	struct secret_buf *body;
	struct wrap_work *work;

	if (!is_to_be_wrapped(request))
		return;
	body = take_ptr(request->reply.body);
	reply_reset(&request->reply);
	request_work_free(request);	/* the handler's, which has answered */
	work = request_work(request, sizeof(*work), wipe_work);
	if (!work) {
		secret_buf_free(body);
		return;
	}
	work->body = body;
	work->wrap.body = body;
	work->wrap.path = path_of(request);
	work->wrap.ttl_s = request->wrap_ttl_s;
	request->wrap_ttl_s = 0;	/* what is answered now goes out as it is */
	action_begin(request, &work->wrap.action, answer_wrapped);
	action_submitted(request, vault_wrap(request->server->vault, &work->wrap, &request->err));
}
