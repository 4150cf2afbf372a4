#include "dialect/yaml_memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define LONG_TEXT (16u * 1024)

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

/* How much longer a text of this size becomes. */
static size_t extension(size_t size)
{
	size_t left = 0;

	if (current && current->line_left && size >= LONG_TEXT && current->spare > 0) {
		left = current->line_left(current->text, current->spare);
		/* A line that is longer than what is spared is not looked at again. */
		current->spare -= left;
	}
	return left > size ? left + LONG_TEXT / 256 : size;
}

int yaml_string_extend(unsigned char **start, unsigned char **pointer, unsigned char **end)
{
	size_t size = (size_t)(*end - *start), more = extension(size);
	unsigned char *longer = yaml_malloc(size + more);

	if (!longer)
		return 0;
	memcpy(longer, *start, size);
	memset(longer + size, 0, more);
	*pointer = longer + (*pointer - *start);
	yaml_free(*start);
	*start = longer;
	*end = longer + size + more;
	return 1;
}
