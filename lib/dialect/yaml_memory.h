/*
 * The memory libyaml works with: wiped when it is given up, and bounded.
 * Private to lib/dialect/.
 *
 * libyaml allocates through four functions of its own that a program may
 * define in its place: those below are found before the library's, because
 * every program that holds them exports them (lib/meson.build). So nothing
 * that libyaml copied of a text stays behind in the heap, and a text cannot
 * make it take more than the limit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct yaml_memory {
	size_t limit;	/* of used, in bytes */
	size_t used;
	size_t peak;
	bool full;	/* something was refused because of the limit */
};

/* What this thread allocates from now on counts in *memory, until it ends it. */
void yaml_memory_begin(struct yaml_memory *memory, size_t limit);
void yaml_memory_end(void);

void *yaml_malloc(size_t size);
void *yaml_realloc(void *block, size_t size);
void yaml_free(void *block);
unsigned char *yaml_strdup(const unsigned char *text);
