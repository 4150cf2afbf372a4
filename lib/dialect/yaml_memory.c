#include "dialect/yaml_memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local struct yaml_memory *current;

void yaml_memory_begin(struct yaml_memory *memory, size_t limit)
{
	*memory = (struct yaml_memory){ .limit = limit };
	current = memory;
}

void yaml_memory_end(void)
{
	current = NULL;
}

static bool take(size_t size)
{
	if (!current)
		return true;
	if (size > current->limit - current->used) {
		current->full = true;
		return false;
	}
	current->used += size;
	if (current->used > current->peak)
		current->peak = current->used;
	return true;
}

void *yaml_malloc(size_t size)
{
	void *block = malloc(size > 0 ? size : 1);

	if (block && !take(malloc_usable_size(block))) {
		free(block);
		return NULL;
	}
	return block;
}

void yaml_free(void *block)
{
	size_t size;

	if (!block)
		return;
	size = malloc_usable_size(block);
	explicit_bzero(block, size);
	if (current)
		current->used -= size;
	free(block);
}

void *yaml_realloc(void *block, size_t size)
{
	size_t old = block ? malloc_usable_size(block) : 0;
	void *moved = yaml_malloc(size);

	if (!moved)
		return NULL;
	if (block)
		memcpy(moved, block, old < size ? old : size);
	yaml_free(block);
	return moved;
}

unsigned char *yaml_strdup(const unsigned char *text)
{
	size_t size = text ? strlen((const char *)text) + 1 : 0;
	void *copy = text ? yaml_malloc(size) : NULL;

	return copy ? memcpy(copy, text, size) : NULL;
}
