#include "folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/memory_folder.h"

int folder_setup(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));

	if (!folder)
		return -1;
	*state = folder;
	return memory_folder(folder->path, sizeof(folder->path), "vault-test") ? 0 : -1;
}

int folder_teardown(void **state)
{
	struct folder *folder = *state;
	bool removed = memory_folder_remove(folder->path);

	free(folder);
	return removed ? 0 : -1;
}

void folder_file(const struct folder *folder, const char *name, char path[static FOLDER_PATH_MAX])
{
	int len = snprintf(path, FOLDER_PATH_MAX, "%s/%s", folder->path, name);

	assert_true(len > 0 && len < FOLDER_PATH_MAX);
}

size_t folder_read(const struct folder *folder, const char *name, uint8_t *out, size_t max)
{
	char path[FOLDER_PATH_MAX];
	size_t len;

	folder_file(folder, name, path);
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	len = fread(out, 1, max, file);
	fclose(file);
	return len;
}

void folder_write(const struct folder *folder, const char *name, const uint8_t *bytes, size_t len, mode_t mode)
{
	char path[FOLDER_PATH_MAX];

	folder_file(folder, name, path);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}
