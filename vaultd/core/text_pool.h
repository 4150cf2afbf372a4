/*
 * Places for texts that must not move and are wiped together: unescaped
 * values, merged JSON, names. What text_pool_space() gave stays where it is
 * until text_pool_wipe(). A pool of zeros is empty. One thread at a time.
 */
#pragma once

#include <stddef.h>

struct text_block;

struct text_pool {
	struct text_block *blocks;
};

/* len bytes (0 is allowed), or NULL when memory is out. */
char *text_pool_space(struct text_pool *pool, size_t len);
/* A copy of the bytes, or NULL. */
char *text_pool_copy(struct text_pool *pool, const void *bytes, size_t len);
/* Wipes and frees all of it; the pool is empty and can be used again. */
void text_pool_wipe(struct text_pool *pool);
