#include "folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int folder_setup(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));

	if (!folder)
		return -1;
	snprintf(folder->path, sizeof(folder->path), "/tmp/vault-test-XXXXXX");
	*state = folder;
	return mkdtemp(folder->path) ? 0 : -1;
}

int folder_teardown(void **state)
{
	struct folder *folder = *state;
	char path[FOLDER_PATH_MAX + 256];
	struct dirent *entry;
	DIR *dir = opendir(folder->path);

	while (dir && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder->path, entry->d_name);
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(folder->path);
	free(folder);
	return 0;
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
