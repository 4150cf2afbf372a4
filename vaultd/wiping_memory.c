#include "wiping_memory.h"

#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(VAULT_MEMORY_CHECKER)

bool wiping_memory_is_on(void)
{
	return false;
}

#else

/* glibc's own, under the name that it keeps for exactly this. */
extern void __libc_free(void *block);

bool wiping_memory_is_on(void)
{
	return true;
}

void free(void *block)
{
	if (!block)
		return;
	explicit_bzero(block, malloc_usable_size(block));
	__libc_free(block);
}

/* Never in place when it grows: the old block is wiped when it is left. Shrinking wipes the tail and keeps the block. */
void *realloc(void *block, size_t size)
{
	size_t old;
	void *moved;

	if (!block)
		return malloc(size);
	old = malloc_usable_size(block);
	if (size == 0) {
		free(block);
		return NULL;
	}
	if (size <= old && size >= old / 2) {
		explicit_bzero((char *)block + size, old - size);
		return block;
	}
	moved = malloc(size);
	if (!moved)
		return NULL;
	memcpy(moved, block, size < old ? size : old);
	free(block);
	return moved;
}

#endif
