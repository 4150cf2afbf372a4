/* The model of a file system: what is durable when, what may be torn, and what a name stands for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"

#define ROOT 1
#define CHANGES 16

struct fixture {
	struct disk *disk;
	char directory[64];
	char text[4096];	/* of the file that was looked at last */
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	fixture->disk = disk_new();
	disk_root(fixture->disk, ROOT, "root");
	strcpy(fixture->directory, "/tmp/vault-disk-XXXXXX");
	*state = fixture;
	return mkdtemp(fixture->directory) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info;
	(void)kind;
	return walk->level > 0 ? remove(path) : 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	disk_free(fixture->disk);
	rmdir(fixture->directory);
	free(fixture);
	return 0;
}

static void apply(struct fixture *fixture, enum trace_kind kind, uint64_t inode, uint64_t other, uint64_t offset, const char *text,
		  size_t len)
{
	disk_apply(fixture->disk, &(struct trace_event){
		.head = { .kind = kind, .len = (uint32_t)len, .inode = inode, .other = other, .offset = offset },
		.bytes = (const uint8_t *)text });
}

static void make(struct fixture *fixture, uint64_t inode, const char *name)
{
	apply(fixture, TRACE_CREATE, inode, ROOT, 0, name, strlen(name));
}

static void put(struct fixture *fixture, uint64_t inode, uint64_t offset, const char *text)
{
	apply(fixture, TRACE_WRITE, inode, 0, offset, text, strlen(text));
}

static void settle(struct fixture *fixture, enum trace_kind kind, uint64_t inode)
{
	disk_settle(fixture->disk, &(struct trace_event){ .head = { .kind = kind, .inode = inode } });
}

/* What a file holds in the image of these choices, one letter for each pending change: y whole, n not, 1 its first unit of 512. */
static const char *content(struct fixture *fixture, const char *choices, const char *name)
{
	struct choice chosen[CHANGES];
	struct image *image;
	char path[128];
	size_t len;

	(void)disk_pending(fixture->disk, &len);
	assert_int_equal(len, strlen(choices));
	for (size_t i = 0; i < len; i++)
		chosen[i] = (struct choice){ .happening = choices[i] == 'y' ? HAPPENS : choices[i] == 'n' ? HAPPENS_NOT : HAPPENS_FIRST_PART,
					     .unit = 512, .parts = 1 };
	image = disk_image(fixture->disk, chosen);
	image_write(image, fixture->directory);
	image_free(image);
	snprintf(path, sizeof(path), "%s/root/%s", fixture->directory, name);
	const int fd = open(path, O_RDONLY);
	const ssize_t n = fd < 0 ? -1 : read(fd, fixture->text, sizeof(fixture->text) - 1);
	if (fd >= 0)
		close(fd);
	if (n >= 0)
		fixture->text[n] = '\0';
	assert_int_equal(nftw(fixture->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	return n < 0 ? "absent" : fixture->text;
}

static void a_name_is_durable_with_its_directory(void **state)
{
	struct fixture *fixture = *state;

	make(fixture, 2, "a");
	put(fixture, 2, 0, "text");
	settle(fixture, TRACE_SYNC, 2);
	assert_string_equal(content(fixture, "n", "a"), "absent");
	assert_string_equal(content(fixture, "y", "a"), "text");
	settle(fixture, TRACE_SYNC, ROOT);
	assert_string_equal(content(fixture, "", "a"), "text");
}

static void a_write_is_durable_with_its_file(void **state)
{
	struct fixture *fixture = *state;

	make(fixture, 2, "a");
	settle(fixture, TRACE_SYNC, ROOT);
	put(fixture, 2, 0, "old");
	settle(fixture, TRACE_SYNC, 2);
	put(fixture, 2, 0, "new");
	put(fixture, 2, 3, "er");
	assert_string_equal(content(fixture, "nn", "a"), "old");
	assert_string_equal(content(fixture, "yn", "a"), "new");
	assert_string_equal(content(fixture, "ny", "a"), "older");
	settle(fixture, TRACE_SYNC, 2);
	assert_string_equal(content(fixture, "", "a"), "newer");
}

static void a_write_is_torn_at_sectors(void **state)
{
	struct fixture *fixture = *state;
	char text[601], expected[601];

	memset(text, 'x', 600);
	text[600] = '\0';
	make(fixture, 2, "a");
	settle(fixture, TRACE_SYNC, ROOT);
	put(fixture, 2, 0, "begin");
	settle(fixture, TRACE_SYNC, 2);
	put(fixture, 2, 100, text);	/* its first unit ends at 512 of the file */
	memset(expected, 'x', sizeof(expected));
	expected[512] = '\0';
	content(fixture, "1", "a");
	assert_memory_equal(fixture->text, "begin\0\0", 7);
	assert_string_equal(fixture->text + 100, expected + 100);
}

static void a_rename_has_one_of_both(void **state)
{
	struct fixture *fixture = *state;

	make(fixture, 2, "a");
	put(fixture, 2, 0, "old");
	settle(fixture, TRACE_SYNC, 2);
	settle(fixture, TRACE_SYNC, ROOT);
	make(fixture, 3, "temporary");
	put(fixture, 3, 0, "new");
	apply(fixture, TRACE_RENAME, ROOT, ROOT, 0, "temporary\0a", 11);
	/* making, renaming, writing */
	assert_string_equal(content(fixture, "nnn", "a"), "old");
	assert_string_equal(content(fixture, "yny", "a"), "old");
	assert_string_equal(content(fixture, "yyy", "a"), "new");
	assert_string_equal(content(fixture, "nyn", "a"), "");	/* the bug of whoever renames before the sync */
	assert_string_equal(content(fixture, "yny", "temporary"), "new");
	assert_string_equal(content(fixture, "yyy", "temporary"), "absent");
	settle(fixture, TRACE_SYNC, ROOT);
	assert_string_equal(content(fixture, "y", "a"), "new");
	assert_string_equal(content(fixture, "n", "a"), "");
}

static void a_removal_may_not_have_happened(void **state)
{
	struct fixture *fixture = *state;

	make(fixture, 2, "a");
	put(fixture, 2, 0, "one");
	settle(fixture, TRACE_SYNC, 2);
	settle(fixture, TRACE_SYNC, ROOT);
	apply(fixture, TRACE_UNLINK, ROOT, 0, 0, "a", 1);
	make(fixture, 2, "a");	/* the number of the inode is used again */
	put(fixture, 2, 0, "two");
	assert_string_equal(content(fixture, "nnn", "a"), "one");
	assert_string_equal(content(fixture, "ynn", "a"), "absent");
	assert_string_equal(content(fixture, "yyy", "a"), "two");
}

static void a_synced_write_leaves_older_ones_pending(void **state)
{
	struct fixture *fixture = *state;

	make(fixture, 2, "a");
	settle(fixture, TRACE_SYNC, ROOT);
	put(fixture, 2, 0, "....");
	put(fixture, 2, 1, "S");
	settle(fixture, TRACE_WRITE, 2);
	assert_memory_equal(content(fixture, "n", "a"), "\0S", 2);
	assert_string_equal(content(fixture, "y", "a"), ".S..");
}

static void a_size_is_a_change(void **state)
{
	struct fixture *fixture = *state;

	make(fixture, 2, "a");
	settle(fixture, TRACE_SYNC, ROOT);
	put(fixture, 2, 0, "longer");
	settle(fixture, TRACE_SYNC, 2);
	apply(fixture, TRACE_TRUNCATE, 2, 0, 4, NULL, 0);
	apply(fixture, TRACE_ALLOCATE, 2, 0, 2, NULL, 0);
	assert_string_equal(content(fixture, "nn", "a"), "longer");
	assert_string_equal(content(fixture, "yy", "a"), "long");
}

static void what_is_unknown_is_left_out(void **state)
{
	struct fixture *fixture = *state;

	apply(fixture, TRACE_CREATE, 8, 77, 0, "a", 1);
	put(fixture, 8, 0, "text");
	make(fixture, 2, "lock");
	put(fixture, 2, 0, "nobody reads it");
	assert_string_equal(content(fixture, "y", "lock"), "");
	assert_string_equal(content(fixture, "y", "a"), "absent");
}

static void the_digest_is_of_the_image_alone(void **state)
{
	struct fixture *fixture = *state;
	const struct choice not_then_whole[] = { { .happening = HAPPENS_NOT }, { .happening = HAPPENS } };
	const struct choice both[] = { { .happening = HAPPENS }, { .happening = HAPPENS } };
	const struct choice none[] = { { .happening = HAPPENS_NOT }, { .happening = HAPPENS_NOT } };
	const struct choice *const choices[] = { not_then_whole, both, none };
	uint64_t digests[3];
	size_t len;

	make(fixture, 2, "a");
	settle(fixture, TRACE_SYNC, ROOT);
	put(fixture, 2, 0, "same");
	put(fixture, 2, 0, "last");	/* hides the other one */
	(void)disk_pending(fixture->disk, &len);
	assert_int_equal(len, 2);
	for (size_t i = 0; i < 3; i++) {
		struct image *image = disk_image(fixture->disk, choices[i]);

		digests[i] = image_digest(image);
		image_free(image);
	}
	assert_true(digests[0] == digests[1]);
	assert_true(digests[0] != digests[2]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_is_durable_with_its_directory), TEST(a_write_is_durable_with_its_file), TEST(a_write_is_torn_at_sectors),
		TEST(a_rename_has_one_of_both), TEST(a_removal_may_not_have_happened), TEST(a_synced_write_leaves_older_ones_pending),
		TEST(a_size_is_a_change), TEST(what_is_unknown_is_left_out), TEST(the_digest_is_of_the_image_alone),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
