/* cmocka and what every test of lib/ says. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vault/error.h"

#define CASES(array) sizeof(array) / sizeof((array)[0])

/* A failure must carry its code and a sentence; which words, the test says when it matters. */
#define assert_fails(call, err, wanted) \
	do { \
		error_clear(err); \
		assert_int_equal(call, wanted); \
		assert_int_equal((err)->code, wanted); \
		assert_true((err)->text[0] != '\0'); \
	} while (0)

/* Deterministic noise: xorshift64. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
