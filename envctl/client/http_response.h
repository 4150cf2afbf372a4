/*
 * A small strict reader of HTTP/1.1 responses: a state machine that is fed
 * bytes and never reads by itself, so that it can be fuzzed.
 *
 * Accepted: a final response (200 to 599) with Content-Length or with exactly
 * "Transfer-Encoding: chunked", without chunk extensions and trailers; 204 and
 * 304 without a body. Refused (ERR_PROTOCOL): everything that two readers could
 * understand in two ways, such as bare LF, folded headers, repeated lengths,
 * both framings, or none. The body grows inside a secret_buf up to the given
 * maximum (ERR_TOO_LARGE beyond it).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/error.h"
#include "vault/secret_buf.h"

enum http_response_state {
	HTTP_STATUS_LINE,
	HTTP_HEADER_LINE,
	HTTP_BODY, /* of a known length */
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK_DATA,
	HTTP_CHUNK_END,
	HTTP_LAST_LINE, /* behind the last chunk */
	HTTP_DONE,
};

struct http_response {
	/* the result, complete when the state is HTTP_DONE */
	int status;
	bool closes; /* the server closes the connection behind this response */
	bool is_json;
	char etag[96]; /* "" if absent or over-long */
	struct secret_buf *body;
	/* set after the start: takes the body of a 200 instead of the buffer; its error is that of the feed */
	enum error_code (*take)(void *arg, const char *bytes, size_t len, struct error *err);
	void *take_arg;
	/* the machine's own */
	enum http_response_state state;
	bool has_length, chunked;
	unsigned headers;
	size_t head_bytes;
	uint64_t remaining;
	struct secret_buf *line;
};

/* Prepares for one response. Free with http_response_free(), also after a failure. ERR_NO_MEMORY. */
enum error_code http_response_start(struct http_response *response, size_t max_body, struct error *err) must_check;
void http_response_free(struct http_response *response); /* NULL and half-started ones are allowed */

/* Takes up to len bytes; stops behind the response's last one. *ret_used is how many were taken. */
enum error_code http_response_feed(struct http_response *response, const char *bytes, size_t len, size_t *ret_used,
				   struct error *err) must_check;

static inline bool http_response_is_done(const struct http_response *response)
{
	return response->state == HTTP_DONE;
}
