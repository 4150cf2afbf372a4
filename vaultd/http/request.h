/*
 * One request, from its first line to its answer. Internal to http/.
 *
 * A request belongs to its listener's event thread, but for the time it is
 * suspended: then it belongs to the worker, the writer thread or the waiters,
 * which give it back by request_resume(). Handlers never touch libmicrohttpd;
 * they leave an answer (reply.h) or suspend.
 *
 *   event thread:  head -> body -> handler -> answer queued
 *   suspended:     handler on the worker           (ROUTE_SLOW)
 *                  vault_submit() ... done()       (changes)
 *                  waiters                         (?wait=)
 *   afterwards:    next(), if there is one, then the answer is queued
 */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/vault.h"
#include "core/vault_tokens.h"
#include "http/connections.h"
#include "http/gate.h"
#include "http/reply.h"
#include "http/routes.h"
#include "vault/canon_path.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

#define REQUEST_ID_LEN 36	/* a UUID's text */

struct server;

struct waiter {			/* of waiters.c; see there */
	struct request *prev, *next;
	bool listed, armed, fired;
	bool gone;		/* the peer has left: answer and be done */
	int64_t deadline_us;
	struct name_list touched;	/* other environments, of the same mount, whose changes count as well */
};

struct request {
	struct request *next_free;	/* in the listener's cache */
	struct server *server;
	struct connection *connection;
	struct MHD_Connection *mhd;
	bool head_done;
	bool away;			/* suspended; only the event thread reads and writes it */
	size_t target_len;
	enum error_code target_code;	/* what canon_path_parse() said */
	struct error err;
	enum http_method method;	/* LIST for GET with ?list=true */
	const struct route *route;
	const char *rest;		/* what stood for the pattern's last placeholder */
	struct secret_buf *body;
	uint64_t body_seen;
	struct reply reply;
	route_handler *next;
	struct request *next_job;
	struct waiter waiter;
	int64_t wait_until_us;		/* 0: does not wait */
	char wait_etag[64];		/* what it must differ from */
	int64_t wrap_ttl_s;		/* the answer is to be wrapped; 0: not, or not any more */
	struct vault_token_use use;	/* of a token with a limited number of uses */
	struct vault_op op;
	bool op_used;
	int64_t *revisions;		/* listed in a body; op.revisions points to it */
	struct secret_buf *scratch;	/* texts that op points to */
	void *work;			/* of action.h */
	size_t work_size;
	void (*work_wipe)(void *work);
	/* from here on not zeroed at the beginning */
	char id[REQUEST_ID_LEN + 1];
	struct caller caller;
	struct mount_info mount;
	struct kv_target target;
	struct gate_head head;
	struct env_path env;
	char data_path[LIMIT_ENV_PATH_LEN + 160];
	struct canon_path path;
};

/* Suspends, before somebody else may resume; only on the event thread. */
void request_suspend(struct request *request);
/* Gives a suspended request back to its event thread, which then calls next() (NULL: the answer is made). Any thread. */
void request_resume(struct request *request, route_handler *next);

/* Frees what request_work() of action.h gave. */
void request_work_free(struct request *request);

/* A number from a query argument; absent or empty gives absent. False, with a 400 as the answer, when it is none or over max. */
bool request_arg_uint(struct request *request, const char *name, uint64_t absent, uint64_t max, uint64_t *ret);
/* Only these arguments may be there (NULL-terminated list): our own resources refuse what they do not know. */
bool request_args_only(struct request *request, const char *const *allowed);
/* The body (never NULL) and its length. */
const char *request_body(const struct request *request, size_t *ret_len);
/* Fills env and target from the matched route. With data_decides "<mount>data/<env>" is what is authorised, else the
 * request's own path. False: the answer is made. */
bool request_target(struct request *request, bool data_decides);
/* PATCH needs application/merge-patch+json; false: 415 is the answer. */
bool request_is_merge_patch(struct request *request);

/* libmicrohttpd's callbacks (server.c gives them to it). */
void *request_begin(void *listener, const char *target, struct MHD_Connection *mhd);
enum MHD_Result request_continue(void *listener, struct MHD_Connection *mhd, const char *url, const char *method,
				 const char *version, const char *upload, size_t *upload_len, void **state);
void request_end(void *listener, struct MHD_Connection *mhd, void **state, enum MHD_RequestTerminationCode code);
/* Frees the cached structures of a listener. */
void request_cache_free(struct listener *listener);
