/* sys/wrapping: whoever holds a wrapping token needs no other identity. */
#include <string.h>

#include "core/vault_wrapping.h"
#include "http/action.h"
#include "http/change.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "http/wrapping.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

/* The body as it came becomes the data of an answer, which is then wrapped as every other. */
void handle_wrap(struct request *request)
{
	struct secret_buf *out;
	struct json_value body;

	if (!body_object(request, &body))
		return;
	if (request->wrap_ttl_s == 0) {
		reply_refuse(request, 400, "endpoint requires response wrapping to be used");
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw_n(out, body.raw.at, body.raw.len);
	reply_envelope_end(request, NULL, false);
}

struct token_text {
	const char *at;
	size_t len;
};

static bool refuse_token(struct request *request)
{
	reply_refuse(request, 400, "missing \"token\" value in input");
	return false;
}

/* The one of the body, else the one that the request came with. False: the answer is made. */
static bool read_token(struct request *request, struct token_text *ret)
{
	struct error failure = ERROR_INIT;
	struct json_value body, token;

	if (!body_object(request, &body))
		return false;
	if (!member(&body, "token", &token)) {
		*ret = (struct token_text){ .at = request->head.token, .len = request->head.token_len };
		return ret->at && ret->len > 0 ? true : refuse_token(request);
	}
	if (token.kind != JSON_SCAN_STRING || json_string_span(&token).len == 0)
		return refuse_token(request);
	request->scratch = secret_buf_new(LIMIT_TOKEN_LEN);
	if (!request->scratch) {
		reply_without_memory(request);
		return false;
	}
	json_append_unescaped(request->scratch, json_string_span(&token));
	if (secret_buf_check(request->scratch, "the token", &failure) == ERR_NO_MEMORY) {
		reply_without_memory(request);
		return false;
	}
	if (failure.code != ERR_OK)
		return refuse_token(request);
	*ret = (struct token_text){ .at = secret_buf_text(request->scratch), .len = secret_buf_len(request->scratch) };
	return true;
}

void handle_wrapping_lookup(struct request *request)
{
	cleanup_(secret_buf_freep) struct secret_buf *path = secret_buf_new(LIMIT_TARGET_LEN);
	struct error err = ERROR_INIT;
	struct token_text token;
	struct wrapping wrapping;
	struct secret_buf *out;

	if (!read_token(request, &token))
		return;
	if (!path) {
		reply_without_memory(request);
		return;
	}
	if (vault_wrapping_lookup(request->server->vault, token.at, token.len, &wrapping, path, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"creation_path\":");
	json_emit_string(out, secret_buf_text(path), secret_buf_len(path));
	json_emit_raw(out, ",\"creation_time\":");
	json_emit_time(out, wrapping.created);
	json_emit_raw(out, ",\"creation_ttl\":");
	json_emit_int(out, wrapping.ttl_s);
	json_emit_raw(out, "}");
	reply_envelope_end(request, NULL, false);
}

/* -- unwrap -------------------------------------------------------------- */

static void wipe_unwrap(void *work)
{
	secret_buf_free(((struct unwrap_answer *)work)->body);
}

static void answer_unwrapped(struct request *request)
{
	struct unwrap_answer *unwrap = request->work;

	reply_empty(request, 200);
	request->reply.body = take_ptr(unwrap->body);
}

void handle_unwrap(struct request *request)
{
	struct unwrap_answer *unwrap;
	struct token_text token;

	if (!read_token(request, &token))
		return;
	unwrap = request_work(request, sizeof(*unwrap), wipe_unwrap);
	if (!unwrap)
		return;
	unwrap->token = token.at;
	unwrap->token_len = token.len;
	action_begin(request, &unwrap->action, answer_unwrapped);
	action_submitted(request, vault_unwrap(request->server->vault, unwrap, &request->err));
}

/* -- rewrap -------------------------------------------------------------- */

static void wipe_rewrap(void *work)
{
	secret_buf_free(((struct rewrap_answer *)work)->path);
}

static void answer_rewrapped(struct request *request)
{
	const struct rewrap_answer *rewrap = request->work;

	reply_wrap_info(request, &rewrap->info, secret_buf_text(rewrap->path), secret_buf_len(rewrap->path));
}

void handle_rewrap(struct request *request)
{
	struct rewrap_answer *rewrap;
	struct token_text token;

	if (!read_token(request, &token))
		return;
	rewrap = request_work(request, sizeof(*rewrap), wipe_rewrap);
	if (!rewrap)
		return;
	rewrap->token = token.at;
	rewrap->token_len = token.len;
	action_begin(request, &rewrap->action, answer_rewrapped);
	action_submitted(request, vault_rewrap(request->server->vault, rewrap, &request->err));
}
