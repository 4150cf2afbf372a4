#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fcntl.h>

#include "vault/file_set.h"

struct place {
	char top[64], dir[96];
};

static void place_make(struct place *place, const char *where)
{
	snprintf(place->top, sizeof(place->top), "%s/vaultd-set-XXXXXX", where);
	assert_non_null(mkdtemp(place->top));
	snprintf(place->dir, sizeof(place->dir), "%s/dir", place->top);
}

static void place_remove(const struct place *place)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", place->top);
	assert_int_equal(system(command), 0);
}

/* "NAME=content;" of each file but the mark, sorted; and of what else stands in the parent. */
static void show(const char *path, bool content, char *ret, size_t size)
{
	struct dirent **names;
	int count = scandir(path, &names, NULL, alphasort);
	size_t used = 0;

	ret[0] = '\0';
	assert_true(count >= 0);
	for (int i = 0; i < count; i++) {
		char file[512], bytes[64] = "";
		struct stat st;

		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0 && strcmp(names[i]->d_name, ".envctl") != 0) {
			assert_int_equal(lstat(file, &st), 0);
			FILE *in = content && S_ISREG(st.st_mode) ? fopen(file, "r") : NULL;

			if (in) {
				assert_int_equal(st.st_mode & 07777, 0600);
				bytes[fread(bytes, 1, sizeof(bytes) - 1, in)] = '\0';
				fclose(in);
			}
			used += (size_t)snprintf(ret + used, size - used, "%s=%s;", names[i]->d_name, bytes);
		}
		free(names[i]);
	}
	free(names);
}

static void expect(const struct place *place, const char *content)
{
	char shown[512];
	struct stat st;

	show(place->dir, true, shown, sizeof(shown));
	assert_string_equal(shown, content);
	assert_int_equal(stat(place->dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	show(place->top, false, shown, sizeof(shown));
	assert_string_equal(shown, "dir=;");
}

static void put(struct file_set *set, const char *name, const char *content)
{
	struct error err = ERROR_INIT;

	assert_int_equal(file_set_add(set, name, content, strlen(content), &err), ERR_OK);
}

static void write_two(const struct place *place, const char *a, const char *b, const char *content)
{
	cleanup_(file_set_freep) struct file_set *set = NULL;
	struct error err = ERROR_INIT;

	if (file_set_begin(place->dir, true, &set, &err) != ERR_OK)
		fail_msg("%s", err.text);
	put(set, a, content);
	put(set, b, content);
	if (file_set_commit(set, &err) != ERR_OK)
		fail_msg("%s", err.text);
}

static void refused(const char *path, bool allow_disk, const char *sentence)
{
	struct file_set *set = NULL;
	struct error err = ERROR_INIT;

	assert_int_not_equal(file_set_begin(path, allow_disk, &set, &err), ERR_OK);
	assert_null(set);
	if (!strstr(err.text, sentence))
		fail_msg("%s is not in: %s", sentence, err.text);
}

static void run_in(const char *where)
{
	struct place place;
	char path[128];
	struct stat before, after;

	place_make(&place, where);
	write_two(&place, "A", "B", "one");
	expect(&place, "A=one;B=one;");
	assert_int_equal(stat(place.dir, &before), 0);
	snprintf(path, sizeof(path), "%s///", place.dir);
	write_two(&place, "B", "C", "two");
	expect(&place, "B=two;C=two;");
	assert_int_equal(stat(place.dir, &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
	/* what is not committed is gone */
	{
		cleanup_(file_set_freep) struct file_set *set = NULL;
		struct error err = ERROR_INIT;

		assert_int_equal(file_set_begin(path, true, &set, &err), ERR_OK);
		put(set, "D", "three");
		assert_int_equal(file_set_add(set, "../x", "", 0, &err), ERR_INVALID);
		error_clear(&err);
		assert_int_equal(file_set_add(set, ".x", "", 0, &err), ERR_INVALID);
		error_clear(&err);
		assert_int_equal(file_set_add(set, "", "", 0, &err), ERR_INVALID);
		error_clear(&err);
		assert_int_not_equal(file_set_add(set, "D", "", 0, &err), ERR_OK);
	}
	expect(&place, "B=two;C=two;");
	place_remove(&place);
}

static void test_in_memory_and_on_disk(void **state)
{
	(void)state;
	run_in("/tmp");
	if (access("/dev/shm", W_OK) == 0)
		run_in("/dev/shm");
}

static void test_disk_is_refused(void **state)
{
	struct place place;

	(void)state;
	if (access("/dev/shm", W_OK) == 0) {
		struct file_set *set = NULL;
		struct error err = ERROR_INIT;

		place_make(&place, "/dev/shm");
		assert_int_equal(file_set_begin(place.dir, false, &set, &err), ERR_OK);
		file_set_free(set);
		place_remove(&place);
	}
	/* Where the source is, nobody mounts memory. */
	refused("/usr/vaultd-set", false, "--allow-disk");
}

static void test_what_is_not_ours(void **state)
{
	struct place place;
	char path[160];

	(void)state;
	place_make(&place, "/tmp");
	refused(place.top + 1, true, "cannot open the directory that holds it");
	refused("/", true, "does not name a directory");
	refused("", true, "the path of a directory");
	refused(".", true, "does not name a directory");
	assert_int_equal(mkdir(place.dir, 0755), 0);
	write_two(&place, "A", "B", "one");	/* an empty one is taken */
	expect(&place, "A=one;B=one;");
	snprintf(path, sizeof(path), "%s/link", place.top);
	assert_int_equal(symlink("dir", path), 0);
	refused(path, true, "symbolic link");
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/.envctl", place.dir);
	assert_int_equal(unlink(path), 0);
	refused(place.dir, true, "did not write");
	expect(&place, "A=one;B=one;");
	snprintf(path, sizeof(path), "%s/A", place.dir);
	refused(path, true, "a file or a symbolic link");
	place_remove(&place);
}

/* A crash leaves a stage that nobody has locked; one that is locked is at work. */
static void test_leftovers(void **state)
{
	struct place place;
	char left[160], held[160], file[200], shown[512];

	(void)state;
	place_make(&place, "/tmp");
	snprintf(left, sizeof(left), "%s/.dir.envctl-0000000000000001", place.top);
	snprintf(held, sizeof(held), "%s/.dir.envctl-0000000000000002", place.top);
	snprintf(file, sizeof(file), "%s/A", left);
	assert_int_equal(mkdir(left, 0700), 0);
	assert_int_equal(mkdir(held, 0700), 0);
	assert_int_equal(close(open(file, O_WRONLY | O_CREAT, 0600)), 0);
	int fd = open(held, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	write_two(&place, "A", "B", "x");
	show(place.top, false, shown, sizeof(shown));
	assert_string_equal(shown, ".dir.envctl-0000000000000002=;dir=;");
	close(fd);
	write_two(&place, "A", "B", "y");
	expect(&place, "A=y;B=y;");
	place_remove(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_memory_and_on_disk),
		cmocka_unit_test(test_disk_is_refused),
		cmocka_unit_test(test_what_is_not_ours),
		cmocka_unit_test(test_leftovers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
