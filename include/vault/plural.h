/*
 * Counts in sentences: "1 variable", "2 variables".
 *
 *   printf("%zu %s", count, plural(count, "variable", "variables"));
 *   printf("%zu line%s", count, plural(count, "", "s"));
 */
#pragma once

#include <stdint.h>

/* The word, or its end, that goes with the count. */
static inline const char *plural(uint64_t count, const char *one, const char *many)
{
	return count == 1 ? one : many;
}
