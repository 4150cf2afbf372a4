/*
 * The gate: the first thing that happens to a request, before routes, identity
 * or body. It refuses whatever is not in one canonical form, because two
 * programs that read one request differently are how requests are smuggled.
 *
 * libmicrohttpd 0.9.75 reads heads too leniently, and its own view does not
 * show it (bare LF, NULs, folded lines, names with a space). But the whole head
 * still stands in the connection's memory, in one piece, with the separators
 * replaced by NULs and nothing moved. So the gate walks these bytes: they must
 * be exactly
 *
 *   METHOD NUL target NUL HTTP/1.1 NUL NUL
 *   { name NUL [space or tab]… value NUL NUL }… NUL NUL
 *
 * and end where the head ends. A bare LF leaves one NUL, a folded line a name
 * that is none, a NUL in a value one separator too many. (What cannot be told from
 * CR LF: a NUL that was sent in its place, and the NUL that libmicrohttpd puts for
 * a colon at the beginning of a line.) The caller compares the headers found with
 * those that libmicrohttpd reports, one by one.
 *
 * Pure functions; the results point into the head.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/canon_path.h"
#include "vault/error.h"
#include "vault/limits.h"

enum http_method {
	METHOD_GET = 1, METHOD_HEAD = 2, METHOD_POST = 4, METHOD_PUT = 8, METHOD_PATCH = 16, METHOD_DELETE = 32,
	METHOD_LIST = 64
};

/* "GET", …; never NULL. */
const char *http_method_name(enum http_method method);

struct gate_input {
	const char *head;	/* as described above; begins with the method */
	size_t head_len;
	size_t target_len;	/* length of the raw target, measured before anybody decoded it in place */
};

struct gate_header {
	const char *name, *value;	/* NUL-terminated */
};

struct gate_head {
	enum http_method method;
	struct gate_header headers[LIMIT_HEADERS];
	size_t headers_len;
	const char *token;		/* NULL: none; X-Vault-Token or Authorization: Bearer */
	size_t token_len;
	const char *content_type;	/* the rest: NULL when absent */
	const char *if_none_match;
	const char *namespace_;
	const char *wrap_ttl;
	bool chunked, expects_continue;
	uint64_t content_length;	/* 0 when it was not given */
};

/* ERR_INVALID (400), ERR_METHOD for a well-formed method that nothing has (405), ERR_TOO_LARGE for too many headers or a
 * token over LIMIT_TOKEN_LEN. Sentences never hold bytes of the request. After a failure ret is undefined. */
enum error_code gate_check(const struct gate_input *input, struct gate_head *ret, struct error *err) must_check;

/* What method and path allow together: a trailing slash where a listing is asked for, bodies only with methods that have
 * one. `?list=true` turns a GET into a LIST (*method changes); `?list=` with anything but a boolean is ERR_INVALID. */
enum error_code gate_check_path(const struct canon_path *path, const struct gate_head *head, enum http_method *method,
				struct error *err) must_check;
