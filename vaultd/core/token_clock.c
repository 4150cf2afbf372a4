#include "core/token_clock.h"

void token_clock_init(struct token_clock *clock, const struct clock_source *source)
{
	*clock = (struct token_clock){ .source = *source };
	pthread_mutex_init(&clock->lock, NULL);
	clock->base_monotonic = source->monotonic_us(source->arg);
}

void token_clock_end(struct token_clock *clock)
{
	pthread_mutex_destroy(&clock->lock);
}

/* With the lock held. Both clocks go on from the new base. */
static int64_t advance(struct token_clock *clock, int64_t at_least)
{
	int64_t monotonic = clock->source.monotonic_us(clock->source.arg);
	int64_t passed = monotonic - clock->base_monotonic;
	int64_t now = clock->base + (passed > 0 ? passed : 0);

	if (at_least > now)
		now = at_least;
	clock->base = now;
	clock->base_monotonic = monotonic;
	return now;
}

void token_clock_raise(struct token_clock *clock, int64_t at_least)
{
	pthread_mutex_lock(&clock->lock);
	(void)advance(clock, at_least);
	pthread_mutex_unlock(&clock->lock);
}

int64_t token_clock_now(struct token_clock *clock)
{
	int64_t now;

	pthread_mutex_lock(&clock->lock);
	now = advance(clock, clock->source.now_us(clock->source.arg));
	pthread_mutex_unlock(&clock->lock);
	return now;
}
