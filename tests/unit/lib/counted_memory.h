/*
 * Counts what malloc() has given out: malloc() and its like of the test's
 * executable do. One test file includes it once. Under AddressSanitizer and
 * ThreadSanitizer they belong to the sanitizer, and nothing is counted.
 */
#pragma once

#include <malloc.h>
#include <stddef.h>

/* In bytes, as the allocator rounds them: given out now, at most at one time since most was set, ever since total was set. */
static size_t taken, most, total;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_IS_COUNTED 0
#else
#define MEMORY_IS_COUNTED 1

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t number, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void __libc_free(void *block);

static void *count(void *block)
{
	taken += malloc_usable_size(block);
	total += malloc_usable_size(block);
	most = taken > most ? taken : most;
	return block;
}

void *malloc(size_t size)
{
	return count(__libc_malloc(size));
}

void *calloc(size_t number, size_t size)
{
	return count(__libc_calloc(number, size));
}

void *realloc(void *block, size_t size)
{
	taken -= malloc_usable_size(block);
	return count(__libc_realloc(block, size));
}

void *reallocarray(void *block, size_t number, size_t size)
{
	return realloc(block, number * size);
}

void free(void *block)
{
	taken -= malloc_usable_size(block);
	__libc_free(block);
}
#endif
