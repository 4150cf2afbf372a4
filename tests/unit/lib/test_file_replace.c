/* A file in the place of another, while others write: what they do at each step is not lost. */
#include "expect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "vault/files.h"

#define OLD "old=1\n"
#define NEW "new=1\n"

static char path[64];
/* What somebody else does around an exchange: 0 before the first, 1 behind it, 2 before the second, 3 behind that. */
static void (*others[4])(void);
static unsigned step;
static bool cannot_exchange;

/* In place of the C library's. */
int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	long rc;

	if (cannot_exchange) {
		errno = EINVAL;
		return -1;
	}
	if (step < CASES(others) && others[step])
		others[step]();
	rc = syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
	if (step + 1 < CASES(others) && others[step + 1])
		others[step + 1]();
	step += 2;
	return (int)rc;
}

static void put_file(const char *name, const char *content)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	char directory[] = "/tmp/test-replace-XXXXXX";
	if (!mkdtemp(directory))
		return -1;
	memset(others, 0, sizeof(others));
	step = 0;
	cannot_exchange = false;
	snprintf(path, sizeof(path), "%s", directory);
	if (chdir(directory) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/file", directory);
	put_file(path, OLD);
	return 0;
}

/* The names beside the file; *ret gets one of them. */
static unsigned beside(char *ret, size_t size)
{
	unsigned count = 0;
	DIR *dir = opendir(".");

	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && strcmp(entry->d_name, "file") != 0) {
			snprintf(ret, size, "%s", entry->d_name);
			count++;
		}
	closedir(dir);
	return count;
}

static int tear_down(void **state)
{
	char name[300], directory[64];

	(void)state;
	unlink(path);
	while (beside(name, sizeof(name)) > 0)
		if (remove(name) != 0)
			return -1;
	snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(path, '/') - path), path);
	return chdir("/") == 0 ? rmdir(directory) : -1;
}

static void assert_holds(const char *name, const char *wanted)
{
	cleanup_(secret_buf_freep) struct secret_buf *buf = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(file_read_secret(name, FILE_ANY_MODE, false, 1000, &buf, &err), ERR_OK);
	assert_int_equal(secret_buf_len(buf), strlen(wanted));
	assert_memory_equal(secret_buf_bytes(buf), wanted, strlen(wanted));
}

static struct secret_buf *buf_of(const char *text)
{
	struct secret_buf *buf = secret_buf_new(1000);

	assert_non_null(buf);
	secret_buf_append(buf, text, strlen(text));
	return buf;
}

static enum error_code replace(struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *before = buf_of(OLD);
	cleanup_(secret_buf_freep) struct secret_buf *after = buf_of(NEW);

	error_clear(err);
	return file_replace(path, before, after, err);
}

static void append(const char *text)
{
	FILE *file = fopen(path, "ae");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void append_one(void)
{
	append("ONE=1\n");
}

static void append_two(void)
{
	append("TWO=2\n");
}

/* As editors write. */
static void rename_over(void)
{
	put_file("editors", "EDITED=1\n");
	assert_int_equal(rename("editors", path), 0);
}

static void remove_it(void)
{
	assert_int_equal(unlink(path), 0);
}

static void link_over(void)
{
	remove_it();
	assert_int_equal(symlink("/etc/hostname", path), 0);
}

static void make_private(void)
{
	assert_int_equal(chmod(path, 0400), 0);
}

static void the_new_file_is_like_the_old(void **state)
{
	struct error err = ERROR_INIT;
	struct stat st;
	char name[300];

	(void)state;
	assert_int_equal(chmod(path, 0640), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(path, (uid_t)-1, 12345), 0);
	assert_int_equal(replace(&err), ERR_OK);
	assert_holds(path, NEW);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	if (geteuid() == 0)
		assert_int_equal(st.st_gid, 12345);
	assert_int_equal(beside(name, sizeof(name)), 0);
}

static void what_is_not_expected_stays(void **state)
{
	struct error err = ERROR_INIT;
	char name[300];

	(void)state;
	append_one();
	assert_int_equal(replace(&err), ERR_CONFLICT);
	assert_holds(path, OLD "ONE=1\n");
	put_file(path, "old=2\n");
	assert_int_equal(replace(&err), ERR_CONFLICT);
	put_file(path, "old=1");
	assert_int_equal(replace(&err), ERR_CONFLICT);
	assert_holds(path, "old=1");
	link_over();
	assert_int_equal(replace(&err), ERR_INVALID);
	remove_it();
	assert_int_equal(replace(&err), ERR_NOT_FOUND);
	assert_int_equal(step, 0);
	assert_int_equal(beside(name, sizeof(name)), 0);
}

/* Between the last look and the exchange. */
static void what_is_written_before_the_exchange_stays(void **state)
{
	static const struct {
		void (*does)(void);
		enum error_code code;
		const char *holds;
	} rows[] = {
		{ append_one, ERR_CONFLICT, OLD "ONE=1\n" },
		{ rename_over, ERR_CONFLICT, "EDITED=1\n" },
		{ make_private, ERR_CONFLICT, OLD },
		{ link_over, ERR_INVALID, NULL },
		{ remove_it, ERR_NOT_FOUND, NULL },
	};
	struct error err = ERROR_INIT;
	struct stat st;
	char name[300];

	(void)state;
	for (size_t i = 0; i < CASES(rows); i++) {
		unlink(path);
		put_file(path, OLD);
		step = 0;
		others[0] = rows[i].does;
		assert_int_equal(replace(&err), rows[i].code);
		if (rows[i].holds)
			assert_holds(path, rows[i].holds);
		if (rows[i].does == make_private) {
			assert_int_equal(stat(path, &st), 0);
			assert_int_equal(st.st_mode & 07777, 0400);
		}
		assert_int_equal(beside(name, sizeof(name)), 0);
	}
}

/* Then it is the new file that they write to. */
static void what_is_written_behind_the_exchange_stays(void **state)
{
	struct error err = ERROR_INIT;
	char name[300];

	(void)state;
	others[1] = append_two;
	assert_int_equal(replace(&err), ERR_OK);
	assert_holds(path, NEW "TWO=2\n");
	assert_int_equal(beside(name, sizeof(name)), 0);
}

/* The old one goes back, and the new one has been written to: both are kept. */
static void what_cannot_be_in_one_file_is_in_two(void **state)
{
	struct error err = ERROR_INIT;
	char name[300];

	(void)state;
	others[0] = append_one;
	others[1] = append_two;
	assert_int_equal(replace(&err), ERR_CONFLICT);
	assert_holds(path, OLD "ONE=1\n");
	assert_int_equal(beside(name, sizeof(name)), 1);
	assert_holds(name, NEW "TWO=2\n");
	assert_non_null(strstr(err.text, name));
	remove(name);
	/* Nothing is there to exchange with any more. */
	put_file(path, OLD);
	step = 0;
	others[1] = remove_it;
	assert_int_equal(replace(&err), ERR_CONFLICT);
	assert_int_equal(beside(name, sizeof(name)), 1);
	assert_holds(name, OLD "ONE=1\n");
	assert_non_null(strstr(err.text, name));
}

static void without_an_exchange_nothing_is_written(void **state)
{
	struct error err = ERROR_INIT;
	char name[300];

	(void)state;
	cannot_exchange = true;
	assert_int_equal(replace(&err), ERR_INVALID);
	assert_non_null(strstr(err.text, "cannot exchange"));
	assert_holds(path, OLD);
	assert_int_equal(beside(name, sizeof(name)), 0);
}

static void another_owner_keeps_it(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
	assert_int_equal(replace(&err), ERR_PERMISSION);
	assert_non_null(strstr(err.text, "12345"));
	assert_holds(path, OLD);
}

/* Its mask stands where the group's right does: the new file's group would get it. */
static void an_access_list_is_not_lost(void **state)
{
	/* version 2; owner rw, user 12345 rw, group none, mask rw, others none: acl(5) in the kernel's form, little-endian */
	static const unsigned char list[] = {
		2, 0, 0, 0, 0x01, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 6, 0, 0x39, 0x30, 0, 0, 0x04, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
		0x10, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, 0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
	};
	struct error err = ERROR_INIT;
	char name[300];

	(void)state;
	if (setxattr(path, "system.posix_acl_access", list, sizeof(list), 0) != 0)
		skip();
	assert_int_equal(replace(&err), ERR_INVALID);
	assert_non_null(strstr(err.text, "access list"));
	assert_holds(path, OLD);
	assert_int_equal(beside(name, sizeof(name)), 0);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_new_file_is_like_the_old, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_expected_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_written_before_the_exchange_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_written_behind_the_exchange_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_in_one_file_is_in_two, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_an_exchange_nothing_is_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_owner_keeps_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_access_list_is_not_lost, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
