#include "image.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

void image_read(struct image *image)
{
	struct stat info;
	int fd = open(image->path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &info), 0);
	image->len = (size_t)info.st_size;
	image->bytes = malloc(image->len);
	assert_non_null(image->bytes);
	assert_int_equal(read(fd, image->bytes, image->len), image->len);
	close(fd);
}

void image_write(const struct image *image, const uint8_t *bytes, size_t len)
{
	int fd = open(image->path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

/* A small database with everything in it: a tree of two levels, large values, free pages. */
static void make_small(struct store *store)
{
	for (unsigned round = 0; round < 2; round++)
		for (uint64_t i = 0; i < IMAGE_KEYS; i++) {
			char key[8];

			snprintf(key, sizeof(key), "%03u", (unsigned)i);
			struct change_request put = { .key = key, .number = round * 1000 + i, .len = i % 9 ? 400 : 9000 };

			assert_int_equal(change_run(store, &put), ERR_OK);
		}
	struct change_request gone = { .key = "030", .delete = true };
	assert_int_equal(change_run(store, &gone), ERR_OK);
}

int image_setup(void **state)
{
	struct image *image = calloc(1, sizeof(*image));

	if (!image)
		return -1;
	fixture_make_directory(image->directory);
	snprintf(image->path, sizeof(image->path), "%s/vault.db", image->directory);
	struct store *store = open_store(image->directory, MAP_SIZE, false);
	make_small(store);
	store_close(store);
	image_read(image);
	*state = image;
	return 0;
}

int image_teardown(void **state)
{
	struct image *image = *state;

	fixture_remove_directory(image->directory);
	free(image->bytes);
	free(image);
	return 0;
}
