/*
 * "did you mean": the nearest of several candidates, if it is near enough.
 */
#pragma once

#include <stddef.h>

#include "vault/limits.h"

struct suggestion {
	char text[LIMIT_ENV_PATH_LEN + 1]; /* "" while nothing is near */
	size_t distance;
};
#define SUGGESTION_INIT                                                                                                \
	{                                                                                                              \
		.text = "", .distance = (size_t)-1                                                                     \
	}

/* Keeps the candidate if it is nearer to what was wanted than all before, and at most a third of it differs. */
void suggestion_offer(struct suggestion *best, const char *wanted, const char *candidate);
