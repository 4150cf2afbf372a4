/*
 * The route table: what the daemon answers to, and under which rules. Nothing
 * else decides this; whatever has no row is refused.
 *
 * Patterns are matched segment by segment. {mount}, {kv1} and {resolved} stand
 * for the mount that core/ found for the path, when it is of that kind, {env} an environment's path (one segment or more), {dir}
 * the same or nothing, {name} one segment or more of anything else. What
 * follows {name}, such as "/tune", is what the path must end with.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/gate.h"

/* How the audit log will keep a request (the hook gets it with every answer). */
enum audit_class {
	AUDIT_NONE,	/* liveness: never recorded */
	AUDIT_READ,	/* written before the answer */
	AUDIT_CHANGE,	/* durable before the answer */
};

enum route_flags {
	ROUTE_OPEN = 1,		/* needs no identity; a sealed vault can check none and answers exactly these */
	ROUTE_SLOW = 2,		/* runs on the worker, not on an event thread */
	ROUTE_AUTHORIZE = 4,	/* decided here, on the request's own path; core/ decides all others */
	ROUTE_LOCAL = 8,	/* over TCP only when unseal_remote is set */
	ROUTE_WRAPPING = 16,	/* needs an unsealed vault but no identity: its handler asks for a wrapping token; never wrapped */
	ROUTE_ANONYMOUS = 32,	/* works without identity as well; a token that is given must be good */
};

struct request;
typedef void route_handler(struct request *request);

struct route {
	const char *pattern;
	unsigned methods;	/* of enum http_method */
	unsigned capability;	/* that core/ (or ROUTE_AUTHORIZE) decides about; of enum capability */
	uint32_t body_limit;	/* 0: no body */
	enum audit_class audit;
	unsigned flags;
	route_handler *handle;
};

enum route_found { ROUTE_FOUND, ROUTE_NONE, ROUTE_NO_METHOD };

struct route_match {
	const struct route *route;
	const char *rest;	/* what stood for the last placeholder, and all that follows it; "" if nothing did */
};

/* The kinds of mounts, as patterns name them. */
#define ROUTE_KV1 "{kv1}"
#define ROUTE_KV2 "{mount}"
#define ROUTE_RESOLVED "{resolved}"

/* path is canonical ("/v1/secret/data/shop"). mount is the mount's path with its slash ("secret/") and kind its kind; mount
 * is "" while looking for the fixed rows only. */
enum route_found route_find(const char *path, const char *mount, const char *kind, enum http_method method,
			    struct route_match *ret);

/* Row i, NULL after the last: for tests and the documentation's check. */
const struct route *route_at(size_t i);
