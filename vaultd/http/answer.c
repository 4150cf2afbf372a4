#include "http/answer.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "http/backups.h"
#include "http/internal.h"

/* -- request ids ----------------------------------------------------------- */

static uint64_t scramble(uint64_t x)
{
	/* splitmix64's finisher: a bijection, so that a counter never repeats. */
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

void answer_make_id(char id[static REQUEST_ID_LEN + 1])
{
	static const char digits[16] = "0123456789abcdef";
	static _Thread_local uint64_t seed[2], count;
	uint64_t half[2];
	char *at = id;

	if (count++ == 0)
		randombytes_buf(seed, sizeof(seed));
	half[0] = (scramble(seed[0] + count) & 0xffffffffffff0fffu) | 0x4000u;
	half[1] = (scramble(seed[1] ^ count) & 0x3fffffffffffffffu) | 0x8000000000000000u;
	for (int i = 0; i < 32; i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			*at++ = '-';
		*at++ = digits[(half[i / 16] >> (60 - 4 * (i % 16))) & 15];
	}
	*at = '\0';
}

/* -- the response ------------------------------------------------------------ */

static void free_body(void *body)
{
	secret_buf_free(body);
}

static struct MHD_Response *make_response(struct reply *reply)
{
	struct MHD_Response *response;
	static char nothing[1];
	static char unmade[] = "{\"errors\":[\"no memory is left for the answer: whether it was done is not known; read before you try "
			       "again\"]}";

	if (reply->unmade)
		return MHD_create_response_from_buffer(sizeof(unmade) - 1, unmade, MHD_RESPMEM_PERSISTENT);
	if (reply->backups) {
		response = backups_response(reply->backups);
		if (response)
			reply->backups = NULL;	/* the response's now */
		return response;
	}
	if (!reply->body)
		return MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
	response = MHD_create_response_from_buffer_with_free_callback_cls(secret_buf_len(reply->body),
									  secret_buf_mutable(reply->body), free_body,
									  reply->body);
	if (response)
		reply->body = NULL;	/* the response's now */
	return response;
}

static bool add(struct MHD_Response *response, const char *name, const char *value)
{
	return MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool add_number(struct MHD_Response *response, const char *name, uint32_t number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", (unsigned)number);
	return add(response, name, text);
}

static bool add_headers(const struct request *request, struct MHD_Response *response)
{
	const struct reply *reply = &request->reply;
	bool ok = add(response, "Cache-Control", "no-store");

	if (reply->status != 204 && reply->status != 304)
		ok &= add(response, "Content-Type", reply->content_type ? reply->content_type : "application/json");
	if (reply->etag[0] != '\0')
		ok &= add(response, "ETag", reply->etag);
	if (reply->skipped)
		ok &= secret_buf_ok(reply->skipped) && add(response, "X-Vault-Skipped", secret_buf_text(reply->skipped));
	if (request->connection->listener->tls)
		ok &= add(response, "Strict-Transport-Security", "max-age=31536000; includeSubDomains");
	if (reply->close || atomic_load_explicit(&request->server->draining, memory_order_relaxed))
		ok &= add(response, "Connection", "close");
	if (reply->retry_after_s != 0)
		ok &= add_number(response, "Retry-After", reply->retry_after_s);
	if (reply->rate_limited)
		ok &= add_number(response, "X-Ratelimit-Limit", reply->rate_limit) &
		      add_number(response, "X-Ratelimit-Remaining", reply->rate_remaining) &
		      add_number(response, "X-Ratelimit-Reset", reply->rate_reset_s);
	if (request->head.namespace_ && request->head.namespace_[0] != '\0' && reply->status != 404)
		ok &= add(response, "X-Vault-Namespace", "root");
	return ok;
}

static void tell_audit(const struct request *request)
{
	const struct server_options *options = &request->server->options;
	struct audit_event event = {
		.class_ = request->route ? request->route->audit : AUDIT_READ,
		.route = request->route ? request->route->pattern : "",
		.method = request->method ? http_method_name(request->method) : "",
		.caller = request->caller.display,
		.status = request->reply.status,
		.request_id = request->id,
	};

	if (options->audit && event.class_ != AUDIT_NONE)
		options->audit(options->audit_arg, &event);
}

enum MHD_Result answer_queue(struct request *request)
{
	struct reply *reply = &request->reply;
	struct MHD_Response *response;
	enum MHD_Result queued;
	unsigned status;

	if (reply->status == 0 || (reply->body && !secret_buf_ok(reply->body)))
		reply_without_memory(request);
	tell_audit(request);
	status = (unsigned)reply->status;
	atomic_fetch_add_explicit(&request->server->counters.requests[status / 100 % 6], 1, memory_order_relaxed);
	response = make_response(reply);
	if (!response)
		return MHD_NO;
	queued = add_headers(request, response) ? MHD_queue_response(request->mhd, status, response) : MHD_NO;
	MHD_destroy_response(response);
	return queued;
}
