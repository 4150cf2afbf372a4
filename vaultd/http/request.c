#include "http/request.h"

#include <ctype.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/vault_quotas.h"
#include "http/action.h"
#include "http/answer.h"
#include "http/head.h"
#include "http/internal.h"
#include "http/rights.h"
#include "http/wrapping.h"
#include "vault/clock.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

/* A body that is refused for its length is still read to its end, so that the client gets to the answer; beyond this the
 * connection is closed at once. */
#define DISCARD_MAX (16u * 1024 * 1024)
#define CACHED_REQUESTS 64

/* -- suspending ---------------------------------------------------------- */

void request_suspend(struct request *request)
{
	request->away = true;
	atomic_fetch_add(&request->server->suspended, 1);
	MHD_suspend_connection(request->mhd);
}

void request_resume(struct request *request, route_handler *next)
{
	/* The event thread may end the request before MHD_resume_connection() returns here. */
	struct server *server = request->server;

	request->next = next;
	MHD_resume_connection(request->mhd);
	atomic_fetch_sub(&server->suspended, 1);
}

/* -- helpers of the handlers ------------------------------------------------ */

bool request_arg_uint(struct request *request, const char *name, uint64_t absent, uint64_t max, uint64_t *ret)
{
	const char *text = canon_path_arg(&request->path, name);
	struct error err = ERROR_INIT;
	uint64_t value = 0;

	*ret = absent;
	if (!text || text[0] == '\0')
		return true;
	if (strlen(text) <= 18 && strspn(text, "0123456789") == strlen(text)) {
		value = strtoull(text, NULL, 10);
		if (value <= max) {
			*ret = value;
			return true;
		}
	}
	error_set(&err, ERR_INVALID, "the argument %s must be a whole number from 0 to %" PRIu64, name, max);
	reply_error(request, &err, false);
	return false;
}

bool request_args_only(struct request *request, const char *const *allowed)
{
	for (size_t i = 0; i < request->path.args_len; i++) {
		size_t j = 0;

		while (allowed[j] && strcmp(request->path.args[i].name, allowed[j]) != 0)
			j++;
		if (!allowed[j]) {
			reply_refuse(request, 400, "the request has an argument that this resource does not know");
			return false;
		}
	}
	return true;
}

const char *request_body(const struct request *request, size_t *ret_len)
{
	*ret_len = request->body ? secret_buf_len(request->body) : 0;
	return request->body ? secret_buf_text(request->body) : "";
}

bool request_target(struct request *request, bool data_decides)
{
	struct error err = ERROR_INIT;

	if (env_path_parse(request->rest, strlen(request->rest), &request->env, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return false;
	}
	request->target = (struct kv_target){
		.mount = &request->mount,
		.path = &request->env,
		.api_path = request->path.path + strlen("/v1/"),
	};
	if (data_decides) {
		snprintf(request->data_path, sizeof(request->data_path), "%sdata/%s", request->mount.path, request->env.text);
		request->target.api_path = request->data_path;
	}
	return true;
}

bool request_is_merge_patch(struct request *request)
{
	static const char type[] = "application/merge-patch+json";
	const char *given = request->head.content_type;

	if (given && strncasecmp(given, type, sizeof(type) - 1) == 0 &&
	    (given[sizeof(type) - 1] == '\0' || given[sizeof(type) - 1] == ';' || given[sizeof(type) - 1] == ' '))
		return true;
	reply_refuse(request, 415, "PATCH requires Content-Type of application/merge-patch+json");
	return false;
}

/* -- admission: route, identity, size ----------------------------------------- */

static bool is_root_namespace(const char *name)
{
	return !name || name[0] == '\0' || strcmp(name, "root") == 0 || strcmp(name, "root/") == 0 || strcmp(name, "/") == 0;
}

static bool authenticate(struct request *request, bool may_be_anonymous)
{
	struct error err = ERROR_INIT;

	if (may_be_anonymous && request->head.token_len == 0 && !request->connection->peer.known) {
		request->caller = (struct caller){ .kind = CALLER_ANONYMOUS };
		return true;
	}
	if (vault_authenticate(request->server->vault, request->head.token, request->head.token_len, &request->connection->peer,
			       &request->caller, &err) == ERR_OK)
		return true;
	reply_error(request, &err, false);
	return false;
}

static void refuse_with_warning(struct request *request, int status, const char *warning)
{
	struct secret_buf *out = reply_envelope(request, status);

	if (!out)
		return;
	json_emit_raw(out, "null");
	reply_envelope_end(request, warning, false);
}

/* A caller without rights there learns nothing of what exists. */
static bool refuse_unknown_path(struct request *request, bool in_mount, bool other_method)
{
	const char *path = request->path.path + strlen("/v1/");
	struct error err = ERROR_INIT;
	char sentence[LIMIT_TARGET_LEN + 64];

	if (vault_authorize(request->server->vault, &request->caller, CAP_READ, path, &err) != ERR_OK) {
		reply_error(request, &err, false);
	} else if (other_method) {
		reply_refuse(request, 405, "unsupported operation");
	} else if (in_mount) {
		refuse_with_warning(request, 404,
				    "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API "
				    "endpoints to use. If using the Vault CLI, use 'vault kv get' for this operation.");
	} else {
		snprintf(sentence, sizeof(sentence), "no handler for route \"%s\". route entry not found.", path);
		reply_refuse(request, 404, sentence);
	}
	return false;
}

static bool use_route(struct request *request, const struct route_match *match)
{
	request->route = match->route;
	request->rest = match->rest;
	if (!rights_of_route(request))
		return false;
	if ((match->route->flags & ROUTE_LOCAL) != 0 && request->connection->listener->options->kind == LISTEN_TCP &&
	    !request->server->options.unseal_remote && !request->server->options.dev) {
		reply_refuse(request, 403, "this is answered over TCP only when unseal_remote is set; use the Unix socket");
		return false;
	}
	return true;
}

/* NULL: nothing is answered below it. */
static const char *kind_of(const struct mount_info *mount)
{
	if (strcmp(mount->path, "resolved/") == 0)
		return ROUTE_RESOLVED;
	if (mount->version == 2)
		return ROUTE_KV2;
	return mount->version == 1 ? ROUTE_KV1 : NULL;
}

static bool find_in_mount(struct request *request)
{
	struct error err = ERROR_INIT;
	struct route_match match;
	enum error_code code = vault_mount_of(request->server->vault, request->path.path + strlen("/v1/"), &request->mount, &err);
	const char *kind = code == ERR_OK ? kind_of(&request->mount) : NULL;
	enum route_found found;

	if (code == ERR_NOT_FOUND || (code == ERR_OK && !kind))
		return refuse_unknown_path(request, false, false);
	if (code != ERR_OK) {
		reply_error(request, &err, false);
		return false;
	}
	found = route_find(request->path.path, request->mount.path, kind, request->method, &match);
	/* Only KV version 2 has paths that are none. */
	if (found != ROUTE_FOUND)
		return refuse_unknown_path(request, true, found == ROUTE_NO_METHOD || strcmp(kind, ROUTE_KV2) != 0);
	return use_route(request, &match);
}

/* Nobody in particular asks, but a sealed vault says nothing else. */
static bool admit_to_wrapping(struct request *request, const struct route_match *match)
{
	struct error err = ERROR_INIT;

	request->caller = (struct caller){ .kind = CALLER_ANONYMOUS };
	if (vault_authorize(request->server->vault, &request->caller, 0, "", &err) == ERR_SEALED) {
		reply_error(request, &err, false);
		return false;
	}
	return use_route(request, match);
}

/* Before anybody looks at who asks: what is guessed at counts as well. */
static bool within_quota(struct request *request)
{
	struct quota_verdict verdict;

	vault_quota_take(request->server->vault, request->connection->peer_key, request->path.path + strlen("/v1/"), &verdict);
	if (!verdict.refused)
		return true;
	reply_refuse(request, 429, "rate limit quota exceeded");
	request->reply.retry_after_s = verdict.reset_s;
	request->reply.rate_limited = true;
	request->reply.rate_limit = verdict.limit;
	request->reply.rate_remaining = verdict.remaining;
	request->reply.rate_reset_s = verdict.reset_s;
	return false;
}

/* Finds the row, and who asks. False: the answer is made. */
static bool admit(struct request *request)
{
	struct route_match match;
	enum route_found found = route_find(request->path.path, "", "", request->method, &match);

	if (found == ROUTE_NONE && strncmp(request->path.path, "/v1/", 4) != 0) {
		reply_refuse(request, 404, NULL);
		return false;
	}
	if (!is_root_namespace(request->head.namespace_)) {
		reply_refuse(request, 404, "there is only the root namespace");
		return false;
	}
	if (!wrapping_read_ttl(request))
		return false;
	if (found == ROUTE_FOUND && (match.route->flags & ROUTE_OPEN) != 0) {
		request->caller = (struct caller){ .kind = CALLER_ANONYMOUS };
		return use_route(request, &match);
	}
	if (found == ROUTE_NO_METHOD && (match.route->flags & ROUTE_OPEN) != 0) {
		reply_refuse(request, 405, "unsupported operation");
		return false;
	}
	if (!within_quota(request))
		return false;
	if (found == ROUTE_FOUND && (match.route->flags & ROUTE_WRAPPING) != 0)
		return admit_to_wrapping(request, &match);
	if (!authenticate(request, found == ROUTE_FOUND && (match.route->flags & ROUTE_ANONYMOUS) != 0))
		return false;
	if (found == ROUTE_NO_METHOD)
		return refuse_unknown_path(request, false, true);
	return found == ROUTE_FOUND ? use_route(request, &match) : find_in_mount(request);
}

static void refuse_size(struct request *request, uint64_t limit)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERR_TOO_LARGE, "the body is larger than the %" PRIu64 " bytes that this path takes", limit);
	reply_error(request, &err, false);
}

/* What the head says of the body. False: the answer is made and must go out now, with the connection closed. */
static bool prepare_body(struct request *request)
{
	const struct gate_head *head = &request->head;
	uint32_t limit = request->route ? request->route->body_limit : 0;

	/* What follows a chunked body is never taken for a request. */
	request->reply.close |= head->chunked;
	if (!head->chunked && head->content_length == 0)
		return true;
	if (request->reply.status == 0 && head->content_length > limit)
		refuse_size(request, limit);
	if (request->reply.status != 0 && (head->expects_continue || head->content_length > DISCARD_MAX))
		return false;
	if (request->reply.status == 0) {
		request->body = secret_buf_new(limit);
		if (!request->body)
			reply_without_memory(request);
	}
	return true;
}

/* -- libmicrohttpd's calls ----------------------------------------------------- */

static enum error_code pass_gate(struct request *request, const char *method)
{
	if (head_check(request->mhd, method, request->target_len, &request->head, &request->err) != ERR_OK)
		return request->err.code;
	if (request->target_code != ERR_OK)
		return request->target_code;
	return gate_check_path(&request->path, &request->head, &request->method, &request->err);
}

static enum MHD_Result take_head(struct request *request, const char *method)
{
	request->head_done = true;
	if (pass_gate(request, method) != ERR_OK) {
		/* An answer in this first call makes libmicrohttpd close the connection without reading on. */
		atomic_fetch_add(&request->server->counters.refused_heads, 1);
		reply_error(request, &request->err, false);
		request->reply.close = true;
		return answer_queue(request);
	}
	(void)admit(request);
	if (!prepare_body(request)) {
		request->reply.close = true;
		return answer_queue(request);
	}
	connection_set_deadline(request->connection, request->head.chunked || request->head.content_length > 0 ?
				DEADLINE_BODY_SECONDS : DEADLINE_REQUEST_SECONDS);
	return MHD_YES;
}

static enum MHD_Result take_body(struct request *request, const char *upload, size_t *upload_len)
{
	size_t len = *upload_len;

	request->body_seen += len;
	if (request->reply.status == 0 && request->body_seen > request->route->body_limit)
		refuse_size(request, request->route->body_limit);
	if (request->reply.status == 0)
		secret_buf_append(request->body, upload, len);
	/* The chunk stands in the connection's memory, which is not wiped before the next request. */
	sodium_memzero((void *)(uintptr_t)upload, len);
	*upload_len = 0;
	return request->body_seen > DISCARD_MAX ? MHD_NO : MHD_YES;
}

static enum MHD_Result conclude(struct request *request)
{
	if (!request->away)
		wrapping_apply(request);
	return request->away ? MHD_YES : answer_queue(request);
}

static void start(struct request *request)
{
	if (request->reply.status == 0 && (request->route->flags & ROUTE_SLOW) != 0) {
		if (!worker_submit(request->server->worker, request))
			reply_busy(request, "too many slow requests are waiting; try again in a moment");
	} else if (request->reply.status == 0) {
		request->route->handle(request);
	}
}

/* Each request of a token with a limited number of uses costs one, denied or not, and it is paid first: of many at the same
 * time as many are heard as there are uses. */
static void pay_use(struct request *request)
{
	request->use.caller = &request->caller;
	action_begin(request, &request->use.action, start);
	action_submitted(request, vault_token_use(request->server->vault, &request->use, &request->err));
}

static enum MHD_Result run(struct request *request)
{
	atomic_store_explicit(&request->connection->busy, true, memory_order_relaxed);
	connection_set_deadline(request->connection, DEADLINE_REQUEST_SECONDS);
	if (request->reply.status == 0 && request->body && !secret_buf_ok(request->body))
		reply_without_memory(request);
	/* Who sends slowly must not act with the rights that he had when he began. */
	if (request->reply.status == 0 && request->body)
		(void)!rights_again(request);
	if (request->caller.counted)
		pay_use(request);
	else
		start(request);
	return conclude(request);
}

static enum MHD_Result run_next(struct request *request)
{
	route_handler *next = request->next;

	request->away = false;
	request->next = NULL;
	if (next)
		next(request);
	return conclude(request);
}

enum MHD_Result request_continue(void *listener, struct MHD_Connection *mhd, const char *url, const char *method,
				 const char *version, const char *upload, size_t *upload_len, void **state)
{
	struct request *request = *state;

	(void)listener;
	(void)mhd;
	(void)url;
	(void)version;
	if (!request)
		return MHD_NO;
	if (!request->head_done)
		return take_head(request, method);
	if (*upload_len > 0)
		return take_body(request, upload, upload_len);
	return request->away ? run_next(request) : run(request);
}

/* -- life --------------------------------------------------------------------- */

/* Cached structures spare an allocation of their size for each request. Only the listener's event thread is here. */
static struct request *take_structure(struct listener *listener)
{
	struct request *request = listener->free_requests;

	if (!request)
		return malloc(sizeof(*request));
	listener->free_requests = request->next_free;
	listener->free_requests_len--;
	return request;
}

/* A name of an environment must not wait in the cache for the next request: the vault may be sealed before that comes. Only
 * what was used is wiped, as this runs for each request. */
static void wipe_names(struct request *request)
{
	struct canon_path *path = &request->path;

	if (path->args_len > 0) {
		const struct query_arg *last = &path->args[path->args_len - 1];

		sodium_memzero(path->query, (size_t)(last->value - path->query) + strlen(last->value));
	}
	sodium_memzero(path->path, path->path_len);
	sodium_memzero(request->env.text, request->env.len);
	sodium_memzero(request->data_path, strlen(request->data_path));
	sodium_memzero(request->err.text, strlen(request->err.text));
}

static void give_structure(struct listener *listener, struct request *request)
{
	wipe_names(request);
	if (listener->free_requests_len >= CACHED_REQUESTS) {
		free(request);
		return;
	}
	request->next_free = listener->free_requests;
	listener->free_requests = request;
	listener->free_requests_len++;
}

void request_cache_free(struct listener *listener)
{
	while (listener->free_requests) {
		struct request *request = listener->free_requests;

		listener->free_requests = request->next_free;
		free(request);
	}
}

void *request_begin(void *arg, const char *target, struct MHD_Connection *mhd)
{
	struct listener *listener = arg;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct request *request = info && info->socket_context ? take_structure(listener) : NULL;

	if (!request)
		return NULL;
	memset(request, 0, offsetof(struct request, id));
	request->server = listener->server;
	request->connection = info->socket_context;
	request->mhd = mhd;
	request->caller = (struct caller){ .kind = CALLER_ANONYMOUS };
	request->path.path_len = 0;
	request->path.args_len = 0;
	request->env.len = 0;
	request->data_path[0] = '\0';
	request->head.namespace_ = NULL;
	answer_make_id(request->id);
	/* libmicrohttpd decodes the target in place after this call: here it still stands as it was sent. */
	request->target_len = strlen(target);
	request->target_code = canon_path_parse(target, request->target_len, &request->path, &request->err);
	if (!request->connection->first)
		connection_set_deadline(request->connection, DEADLINE_HEADER_SECONDS);
	request->connection->first = false;
	atomic_fetch_add(&listener->server->active, 1);
	return request;
}

void request_end(void *arg, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode code)
{
	struct listener *listener = arg;
	struct request *request = take_ptr(*state);

	(void)mhd;
	(void)code;
	if (!request)
		return;
	if (request->wait_until_us != 0) {
		waiters_remove(listener->server->waiters, request);
		connection_set_waiting(request->connection, false);
	}
	if (request->op_used)
		vault_op_release(&request->op);
	reply_reset(&request->reply);
	secret_buf_free(request->body);
	secret_buf_free(request->scratch);
	free(request->revisions);
	request_work_free(request);
	caller_release(&request->caller);
	atomic_store_explicit(&request->connection->busy, false, memory_order_relaxed);
	connection_set_deadline(request->connection, KEEP_ALIVE_SECONDS + DEADLINE_HEADER_SECONDS);
	give_structure(listener, request);
	atomic_fetch_sub(&listener->server->active, 1);
}
