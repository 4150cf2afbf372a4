/*
 * Sees whether memory is given back with a secret in it: free() of the test's
 * executable looks for the canary first. One test file includes it once. Under
 * AddressSanitizer free() belongs to the sanitizer and nothing is watched.
 */
#pragma once

#include <malloc.h>
#include <stddef.h>
#include <string.h>

/* volatile: the compiler knows that free() looks at no variable of ours, and would keep these in registers over it. */
static const char *volatile watched_canary;
static volatile unsigned freed_blocks;
static volatile unsigned freed_with_canary;

static inline void watch_freed(const char *canary)
{
	watched_canary = canary;
	freed_blocks = 0;
	freed_with_canary = 0;
}

#if defined(__SANITIZE_ADDRESS__)
#define FREED_IS_WATCHED 0
#else
#define FREED_IS_WATCHED 1

extern void __libc_free(void *memory);
void free(void *memory);

void free(void *memory)
{
	if (memory && watched_canary) {
		freed_blocks = freed_blocks + 1;
		if (memmem(memory, malloc_usable_size(memory), watched_canary, strlen(watched_canary)))
			freed_with_canary = freed_with_canary + 1;
	}
	__libc_free(memory);
}
#endif

/* Asserts that something was freed since watch_freed() and that the canary was in none of it. */
#define assert_freed_clean() \
	do { \
		watched_canary = NULL; \
		if (FREED_IS_WATCHED) { \
			assert_true(freed_blocks > 0); \
			assert_int_equal(freed_with_canary, 0); \
		} \
	} while (0)
