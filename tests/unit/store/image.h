/* A small database as bytes, to be damaged and opened again. For the store's tests. */
#pragma once

#include "fixture.h"

#define IMAGE_KEYS 60	/* "000" to "059"; "030" is deleted */

struct image {
	char directory[64];
	char path[128];
	uint8_t *bytes;
	size_t len;
};

/* cmocka: a closed store in a new directory, with a tree of two levels, large values and free pages, and its file's bytes. */
int image_setup(void **state);
int image_teardown(void **state);

/* The file's bytes, malloc'ed. */
void image_read(struct image *image);
/* What stands in the file from now on. */
void image_write(const struct image *image, const uint8_t *bytes, size_t len);
