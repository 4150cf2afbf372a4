/*
 * The time that tokens are judged by. It never goes back: it is at least the
 * wall clock, at least what any commit has seen before this unseal, and goes on
 * with CLOCK_BOOTTIME from the latest moment it has shown. So a clock that is
 * set back, a seal or a restart never makes a token live longer.
 *
 * Any thread.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "vault/clock.h"

struct token_clock {
	struct clock_source source;
	pthread_mutex_t lock;
	int64_t base, base_monotonic;	/* µs; the time is base and what has passed since */
};

void token_clock_init(struct token_clock *clock, const struct clock_source *source);
void token_clock_end(struct token_clock *clock);
/* At unseal: it is not before this. */
void token_clock_raise(struct token_clock *clock, int64_t at_least);
/* Now, µs since 1970. */
int64_t token_clock_now(struct token_clock *clock);
