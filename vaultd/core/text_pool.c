#include "core/text_pool.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Large enough for an environment of ordinary size, small enough not to matter for one with a single escape. */
#define BLOCK_LEN 8192

struct text_block {
	struct text_block *next;
	size_t len, capacity;
	char bytes[];
};

char *text_pool_space(struct text_pool *pool, size_t len)
{
	struct text_block *block = pool->blocks;
	char *space;

	if (!block || block->capacity - block->len < len) {
		size_t capacity = len > BLOCK_LEN ? len : BLOCK_LEN;

		block = malloc(sizeof(*block) + capacity);
		if (!block)
			return NULL;
		block->next = pool->blocks;
		block->len = 0;
		block->capacity = capacity;
		pool->blocks = block;
	}
	space = block->bytes + block->len;
	block->len += len;
	return space;
}

char *text_pool_copy(struct text_pool *pool, const void *bytes, size_t len)
{
	char *space = text_pool_space(pool, len);

	if (space && len > 0)
		memcpy(space, bytes, len);
	return space;
}

void text_pool_wipe(struct text_pool *pool)
{
	while (pool->blocks) {
		struct text_block *block = pool->blocks;

		pool->blocks = block->next;
		sodium_memzero(block, sizeof(*block) + block->capacity);
		free(block);
	}
}
