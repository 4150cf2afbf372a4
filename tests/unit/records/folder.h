/* A directory of the test's own with a file in it, and the file's bytes, to be looked at and changed. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FOLDER_PATH_MAX 128

struct folder {
	char path[64];
};

/* cmocka's setup and teardown: *state is the folder. The teardown removes it with its files. */
int folder_setup(void **state);
int folder_teardown(void **state);

/* folder/name, or the longest part of it. */
void folder_file(const struct folder *folder, const char *name, char path[static FOLDER_PATH_MAX]);
/* The bytes, at most max; fails the test when the file is not there. */
size_t folder_read(const struct folder *folder, const char *name, uint8_t *out, size_t max);
void folder_write(const struct folder *folder, const char *name, const uint8_t *bytes, size_t len, mode_t mode);
