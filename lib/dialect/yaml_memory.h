/*
 * The memory libyaml works with: wiped when it is given up, and bounded.
 * Private to lib/dialect/.
 *
 * libyaml allocates through functions of its own that a program may
 * define in its place: those below are found before the library's, because
 * every program that holds them exports them (lib/meson.build). So nothing
 * that libyaml copied of a text stays behind in the heap, and a text cannot
 * make it take more than the limit.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct yaml_text;

struct yaml_memory {
	size_t limit;	/* of used, in bytes */
	size_t used;
	size_t peak;
	bool full;	/* something was refused because of the limit */
	/* How long the line is on which libyaml reads *text; NULL: nobody knows. */
	size_t (*line_left)(const struct yaml_text *text, size_t max);
	const struct yaml_text *text;
	size_t spare;	/* bytes by which texts may still grow to the end of their line */
};

/* What this thread allocates from now on counts in *memory, until it ends it. */
void yaml_memory_begin(struct yaml_memory *memory, size_t limit);
void yaml_memory_end(void);

void *yaml_malloc(size_t size);
void *yaml_realloc(void *block, size_t size);
void yaml_free(void *block);
unsigned char *yaml_strdup(const unsigned char *text);

/* libyaml's own doubles a text that is full, and copies it to do so: three times the text for a moment. Here a long one goes to the
 * end of its line at once, which is the end of a text in quotes. Each byte is counted once (spare), so that many texts on one long
 * line do not each get the line; then they double. 0: memory is out. */
int yaml_string_extend(unsigned char **start, unsigned char **pointer, unsigned char **end);
