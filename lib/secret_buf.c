#include "vault/secret_buf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Small answers fit the first block; bigger ones get there in a few doublings. */
#define FIRST_BLOCK 256

enum buf_failure { BUF_FINE, BUF_FULL, BUF_NO_MEMORY };

struct secret_buf {
	uint8_t *bytes;		/* points at nothing[] until the first block */
	size_t len;
	size_t capacity;
	size_t lent;		/* up to where reserve() let others write: not content, but not clean either */
	size_t max;
	size_t expected;	/* of the whole content; 0: not known */
	enum buf_failure failure;
	uint8_t nothing[1];
};

static void wipe_from(struct secret_buf *buf, size_t from)
{
	size_t to = buf->lent > buf->len ? buf->lent : buf->len;
	if (to > from)
		explicit_bzero(buf->bytes + from, to - from);
	buf->lent = 0;
}

static void block_drop(struct secret_buf *buf)
{
	if (buf->bytes == buf->nothing)
		return;
	wipe_from(buf, 0);
	free(buf->bytes);
}

void secret_buf_free(struct secret_buf *buf)
{
	if (!buf)
		return;
	block_drop(buf);
	free(buf);
}

struct secret_buf *secret_buf_new(size_t max)
{
	struct secret_buf *buf = calloc(1, sizeof(*buf));
	if (!buf)
		return NULL;
	buf->bytes = buf->nothing;
	buf->max = max;
	return buf;
}

static bool fail(struct secret_buf *buf, enum buf_failure failure)
{
	buf->failure = failure;
	return false;
}

static size_t next_capacity(const struct secret_buf *buf, size_t needed)
{
	size_t capacity = buf->capacity > 0 ? buf->capacity : FIRST_BLOCK;
	if (needed <= buf->expected)
		capacity = buf->expected;
	while (capacity < needed && capacity <= SIZE_MAX / 2)
		capacity *= 2;
	if (capacity < needed || capacity > buf->max)
		capacity = buf->max;
	return capacity;
}

/* Makes room for len bytes more; out of line, so that append stays small. */
static __attribute__((noinline)) bool grow(struct secret_buf *buf, size_t len)
{
	if (buf->failure != BUF_FINE)
		return false;
	if (len > buf->max - buf->len)
		return fail(buf, BUF_FULL);
	size_t capacity = next_capacity(buf, buf->len + len);
	uint8_t *bytes = malloc(capacity);
	if (!bytes)
		return fail(buf, BUF_NO_MEMORY);
	memcpy(bytes, buf->bytes, buf->len);
	block_drop(buf);
	buf->bytes = bytes;
	buf->capacity = capacity;
	return true;
}

static inline bool has_room(struct secret_buf *buf, size_t len)
{
	return (buf->failure == BUF_FINE && len <= buf->capacity - buf->len) || grow(buf, len);
}

void secret_buf_reset(struct secret_buf *buf)
{
	wipe_from(buf, 0);
	buf->len = 0;
	buf->failure = BUF_FINE;
}

void secret_buf_expect(struct secret_buf *buf, size_t len)
{
	buf->expected = len;
}

void secret_buf_append(struct secret_buf *buf, const void *bytes, size_t len)
{
	if (len == 0 || !has_room(buf, len))
		return;
	memcpy(buf->bytes + buf->len, bytes, len);
	buf->len += len;
}

void secret_buf_append_char(struct secret_buf *buf, char c)
{
	if (!has_room(buf, 1))
		return;
	buf->bytes[buf->len++] = (uint8_t)c;
}

void secret_buf_append_text(struct secret_buf *buf, const char *text)
{
	secret_buf_append(buf, text, strlen(text));
}

uint8_t *secret_buf_reserve(struct secret_buf *buf, size_t len)
{
	if (!has_room(buf, len))
		return NULL;
	buf->lent = buf->len + len;
	return buf->bytes + buf->len;
}

void secret_buf_advance(struct secret_buf *buf, size_t len)
{
	if (buf->failure != BUF_FINE)
		return;
	assert(len <= buf->capacity - buf->len);
	buf->len += len;
}

void secret_buf_truncate(struct secret_buf *buf, size_t len)
{
	assert(len <= buf->len);
	wipe_from(buf, len);
	buf->len = len;
}

void secret_buf_trim(struct secret_buf *buf)
{
	size_t capacity = buf->len > 0 ? buf->len : 1;
	uint8_t *bytes = buf->capacity - buf->len > buf->len / 4 + FIRST_BLOCK ? malloc(capacity) : NULL;
	if (!bytes)
		return;
	memcpy(bytes, buf->bytes, buf->len);
	block_drop(buf);
	buf->bytes = bytes;
	buf->capacity = capacity;
}

bool secret_buf_ok(const struct secret_buf *buf)
{
	return buf->failure == BUF_FINE;
}

size_t secret_buf_len(const struct secret_buf *buf)
{
	return buf->len;
}

const uint8_t *secret_buf_bytes(const struct secret_buf *buf)
{
	return buf->bytes;
}

uint8_t *secret_buf_mutable(struct secret_buf *buf)
{
	return buf->bytes;
}

const char *secret_buf_text(const struct secret_buf *buf)
{
	return (const char *)buf->bytes;
}

enum error_code secret_buf_check(const struct secret_buf *buf, const char *what, struct error *err)
{
	switch (buf->failure) {
	case BUF_FINE:
		return ERR_OK;
	case BUF_FULL:
		return error_set(err, ERR_TOO_LARGE, "%s is larger than %zu bytes", what, buf->max);
	case BUF_NO_MEMORY:
		return error_set(err, ERR_NO_MEMORY, "out of memory while building %s", what);
	}
	return error_set(err, ERR_INTERNAL, "the buffer of %s is in no known state", what);
}
