/*
 * A growing buffer for bytes that are or may be secret.
 *
 * The maximum is fixed at creation. Memory is wiped whenever it is given up:
 * on free, on reset and on every growth (the old block is wiped, never
 * realloc'ed). Failure is sticky: once an append did not fit or memory was
 * out, all later appends do nothing and secret_buf_ok() is false. So writers
 * append freely and look once, at the end.
 *
 * Not safe for use by two threads at a time. There is no terminating NUL
 * unless one was appended.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/attributes.h"
#include "vault/error.h"

struct secret_buf;

/* Wipes and frees. NULL is allowed. */
void secret_buf_free(struct secret_buf *buf);

/* An empty buffer that holds at most max bytes. NULL when memory is out. */
struct secret_buf *secret_buf_new(size_t max) owned_by(secret_buf_free);

/* Empty again and not failed; content wiped, memory kept. */
void secret_buf_reset(struct secret_buf *buf);

/* About how long the content will be: the next growth takes as much at once, and no more. */
void secret_buf_expect(struct secret_buf *buf, size_t len);

void secret_buf_append(struct secret_buf *buf, const void *bytes, size_t len);
void secret_buf_append_char(struct secret_buf *buf, char c);
void secret_buf_append_text(struct secret_buf *buf, const char *text);	/* up to its NUL */

/* Room for len bytes at the end, not yet part of the content; NULL (and failed) when it does not fit.
 * The pointer is valid until the next call. Follow with secret_buf_advance(). */
uint8_t *secret_buf_reserve(struct secret_buf *buf, size_t len);
void secret_buf_advance(struct secret_buf *buf, size_t len);

/* Cuts the content to len bytes (at most the present length) and wipes the rest. */
void secret_buf_truncate(struct secret_buf *buf, size_t len);

/* Gives up memory beyond the content when that is more than a quarter of it. */
void secret_buf_trim(struct secret_buf *buf);

bool secret_buf_ok(const struct secret_buf *buf);
size_t secret_buf_len(const struct secret_buf *buf);
/* Valid until the next call that changes the buffer. Not NULL, even when empty. */
const uint8_t *secret_buf_bytes(const struct secret_buf *buf);
uint8_t *secret_buf_mutable(struct secret_buf *buf);
const char *secret_buf_text(const struct secret_buf *buf);	/* the same as char; no NUL is promised */

/* ERR_OK, ERR_NO_MEMORY, or ERR_TOO_LARGE with "<what> is larger than N bytes". */
enum error_code secret_buf_check(const struct secret_buf *buf, const char *what, struct error *err) must_check;

DEFINE_CLEANUP(struct secret_buf *, secret_buf_free);
