/*
 * How long a token lives: arithmetic in seconds and µs that cannot overflow.
 * Pure functions.
 *
 * Whatever comes out ends: 0, which means "never" in a record, is never the
 * result for a token that was to expire.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vault/error.h"
#include "vault/secret_buf.h"

struct token_ttl {
	/* asked for, in seconds; not negative */
	int64_t ttl;		/* 0: the default */
	int64_t period;		/* 0: none. With one, ttl counts no more */
	int64_t explicit_max;	/* 0: none */
	int64_t limit;		/* the longest that may be given */
};

struct token_times {		/* as in a record */
	int64_t creation_ttl;	/* seconds */
	int64_t expires, max_expires;	/* µs; max_expires 0: none (periodic) */
	uint32_t period;
};

/* For a token that is made now. What was cut is told in warnings. */
void token_ttl_new(const struct token_ttl *asked, int64_t now, struct token_times *ret, struct secret_buf *warnings);

/* The new end of a token: increment seconds from now (0: its creation_ttl), or its period, but not after max_expires.
 * ERR_INVALID when it is past its maximum or the increment is negative. */
enum error_code token_ttl_renew(const struct token_times *times, int64_t increment, int64_t now, int64_t *ret_expires,
				struct secret_buf *warnings, struct error *err) must_check;

/* Adds one warning, with its NUL. */
void token_warn(struct secret_buf *warnings, const char *text);
