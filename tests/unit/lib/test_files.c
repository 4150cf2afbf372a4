#include "expect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vault/files.h"

static char directory[64];

/* A path in the directory of the test; four of them can be used at a time. */
static const char *in_dir(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static void put_file(const char *path, const char *content, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/test-files-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void assert_content(const struct secret_buf *buf, const char *wanted)
{
	assert_int_equal(secret_buf_len(buf), strlen(wanted));
	assert_memory_equal(secret_buf_bytes(buf), wanted, strlen(wanted));
}

static void assert_holds(const char *path, const char *wanted)
{
	cleanup_(secret_buf_freep) struct secret_buf *buf = NULL;
	struct error err = ERROR_INIT;
	assert_int_equal(file_read_secret(path, FILE_ANY_MODE, false, 1 << 20, &buf, &err), ERR_OK);
	assert_content(buf, wanted);
}

/* Nothing but the named files is left: temporary files are gone. */
static void assert_entries(unsigned wanted)
{
	unsigned count = 0;
	DIR *dir = opendir(directory);
	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(dir);
	assert_int_equal(count, wanted);
}

static enum error_code read_with(const char *path, unsigned rules, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *buf = NULL;
	error_clear(err);
	return file_read_secret(path, rules, false, 1000, &buf, err);
}

static void a_private_file_is_read(void **state)
{
	(void)state;
	static const mode_t good[] = { 0600, 0400, 0700 };
	static const mode_t loose[] = { 0640, 0604, 0620, 0660, 0644, 0601, 0610, 0666 };
	struct error err = ERROR_INIT;
	const char *path = in_dir("key");
	for (size_t i = 0; i < CASES(good); i++) {
		put_file(path, "secret", good[i]);
		cleanup_(secret_buf_freep) struct secret_buf *buf = NULL;
		assert_int_equal(file_read_secret(path, FILE_PRIVATE | FILE_REGULAR, false, 100, &buf, &err), ERR_OK);
		assert_content(buf, "secret");
		unlink(path);
	}
	for (size_t i = 0; i < CASES(loose); i++) {
		char mode[8];
		snprintf(mode, sizeof(mode), "%04o", (unsigned)loose[i]);
		put_file(path, "secret", loose[i]);
		assert_int_equal(read_with(path, FILE_PRIVATE, &err), ERR_PERMISSION);
		assert_non_null(strstr(err.text, path));
		assert_non_null(strstr(err.text, mode));
		assert_non_null(strstr(err.text, "chmod 600 "));
		assert_int_equal(read_with(path, FILE_REGULAR, &err), ERR_OK);
		assert_int_equal(read_with(path, FILE_ANY_MODE, &err), ERR_OK);
		unlink(path);
	}
}

static void another_owner_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	struct error err = ERROR_INIT;
	put_file(in_dir("key"), "secret", 0600);
	assert_int_equal(chown(in_dir("key"), 12345, 0), 0);
	assert_int_equal(read_with(in_dir("key"), FILE_PRIVATE, &err), ERR_PERMISSION);
	assert_non_null(strstr(err.text, "12345"));
	assert_int_equal(read_with(in_dir("key"), FILE_ANY_MODE, &err), ERR_OK);
	/* A directory of root is not ours, and a file that cannot be opened says so. */
	assert_int_equal(chown(in_dir("key"), 0, 0), 0);
	assert_int_equal(chmod(directory, 0755), 0);
	assert_int_equal(seteuid(12345), 0);
	error_clear(&err);
	enum error_code code = directory_ensure(directory, false, &err);
	error_clear(&err);
	enum error_code denied = read_with(in_dir("key"), FILE_PRIVATE, &err);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(code, ERR_PERMISSION);
	assert_int_equal(denied, ERR_PERMISSION);
}

static void symbolic_links_are_refused_for_private_files_only(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	put_file(in_dir("key"), "secret", 0600);
	assert_int_equal(symlink(in_dir("key"), in_dir("link")), 0);
	assert_int_equal(read_with(in_dir("link"), FILE_PRIVATE, &err), ERR_PERMISSION);
	assert_non_null(strstr(err.text, "symbolic link"));
	assert_int_equal(read_with(in_dir("link"), FILE_ANY_MODE, &err), ERR_OK);
}

static void what_is_no_file_is_refused_at_once(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	assert_int_equal(read_with(in_dir("nothing"), FILE_ANY_MODE, &err), ERR_NOT_FOUND);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_int_equal(read_with(in_dir("nothing/at/all"), FILE_PRIVATE, &err), ERR_NOT_FOUND);
	assert_int_equal(read_with(directory, FILE_ANY_MODE, &err), ERR_INVALID);
	assert_int_equal(read_with(directory, FILE_PRIVATE | FILE_REGULAR, &err), ERR_INVALID);
	assert_int_equal(read_with("/dev/null", FILE_REGULAR, &err), ERR_INVALID);
	/* A pipe that nobody writes to must not hold us. */
	assert_int_equal(mkfifo(in_dir("pipe"), 0600), 0);
	alarm(20);
	assert_int_equal(read_with(in_dir("pipe"), FILE_REGULAR | FILE_PRIVATE, &err), ERR_INVALID);
	alarm(0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", in_dir("socket"));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(read_with(in_dir("socket"), FILE_ANY_MODE, &err), ERR_INVALID);
}

static void size_has_its_limit(void **state)
{
	(void)state;
	static const size_t limits[] = { 0, 1, 4096, 65536, 65537, 300000 };
	static char content[300002];
	struct error err = ERROR_INIT;
	for (size_t i = 0; i < CASES(limits); i++) {
		cleanup_(secret_buf_freep) struct secret_buf *buf = NULL;
		cleanup_(secret_buf_freep) struct secret_buf *more = NULL;
		memset(content, 'c', limits[i]);
		content[limits[i]] = '\0';
		put_file(in_dir("f"), content, 0600);
		error_clear(&err);
		assert_int_equal(file_read_secret(in_dir("f"), FILE_PRIVATE, false, limits[i], &buf, &err), ERR_OK);
		assert_content(buf, content);
		strcat(content, "c");
		put_file(in_dir("f"), content, 0600);
		assert_fails(file_read_secret(in_dir("f"), FILE_PRIVATE, false, limits[i], &more, &err), &err,
			     ERR_TOO_LARGE);
		assert_null(more);
	}
}

static void standard_input_is_read_when_allowed(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	int saved = dup(STDIN_FILENO);
	put_file(in_dir("input"), "from stdin", 0644);
	int fd = open(in_dir("input"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	cleanup_(secret_buf_freep) struct secret_buf *buf = NULL;
	enum error_code code = file_read_secret("-", FILE_PRIVATE, true, 100, &buf, &err);
	dup2(saved, STDIN_FILENO);
	close(saved);
	close(fd);
	assert_int_equal(code, ERR_OK);
	assert_content(buf, "from stdin");
	/* Else "-" is a file like others. */
	assert_int_equal(read_with("-", FILE_ANY_MODE, &err), ERR_NOT_FOUND);
}

static void interrupted(int signal)
{
	(void)signal;
}

struct slow_pipe {
	int fd;
	size_t bytes;
	pthread_t other;
};

static void *write_slowly(void *arg)
{
	struct slow_pipe *pipe = arg;
	for (size_t i = 0; i < pipe->bytes; i++) {
		pthread_kill(pipe->other, SIGUSR1);
		usleep(500);
		if (write(pipe->fd, "x", 1) != 1)
			break;
	}
	close(pipe->fd);
	return NULL;
}

static void *read_slowly(void *arg)
{
	struct slow_pipe *pipe = arg;
	char block[1000];
	for (ssize_t got = 1; got > 0; pipe->bytes += (size_t)got) {
		pthread_kill(pipe->other, SIGUSR1);
		usleep(500);
		got = read(pipe->fd, block, sizeof(block));
		if (got < 0)
			break;
	}
	return NULL;
}

static void signals_and_short_transfers_are_nothing(void **state)
{
	(void)state;
	struct sigaction action = { .sa_handler = interrupted }; /* no SA_RESTART */
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
		int fds[2];
		pthread_t thread;
		struct error err = ERROR_INIT;
		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		assert_true(fcntl(fds[0], F_SETFL, flags) == 0);
		struct slow_pipe slow = { .fd = fds[1], .bytes = 200, .other = pthread_self() };
		assert_int_equal(pthread_create(&thread, NULL, write_slowly, &slow), 0);
		cleanup_(secret_buf_freep) struct secret_buf *buf = NULL;
		enum error_code code = file_read_fd(fds[0], 1000, "the pipe", &buf, &err);
		pthread_join(thread, NULL);
		close(fds[0]);
		assert_int_equal(code, ERR_OK);
		assert_int_equal(secret_buf_len(buf), 200);

		static char much[300000];
		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		assert_true(fcntl(fds[1], F_SETFL, flags) == 0);
		slow = (struct slow_pipe){ .fd = fds[0], .bytes = 0, .other = pthread_self() };
		assert_int_equal(pthread_create(&thread, NULL, read_slowly, &slow), 0);
		code = fd_write_all(fds[1], much, sizeof(much), &err);
		close(fds[1]);
		pthread_join(thread, NULL);
		close(fds[0]);
		assert_int_equal(code, ERR_OK);
		assert_int_equal(slow.bytes, sizeof(much));
	}
}

static void writing_replaces_whole_files(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct stat st;
	mode_t before = umask(077);
	assert_int_equal(file_write_atomic(in_dir("out"), 0640, "first", 5, &err), ERR_OK);
	assert_holds(in_dir("out"), "first");
	assert_int_equal(stat(in_dir("out"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	ino_t first = st.st_ino;
	/* Kept open, so that its number is not given to the next file. */
	int fd = open(in_dir("out"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_write_atomic(in_dir("out"), 0600, "2", 1, &err), ERR_OK);
	umask(before);
	assert_holds(in_dir("out"), "2");
	assert_int_equal(stat(in_dir("out"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(st.st_ino != first);
	close(fd);
	assert_int_equal(file_write_atomic(in_dir("out"), 0600, NULL, 0, &err), ERR_OK);
	assert_holds(in_dir("out"), "");
	assert_entries(1);
}

static void a_link_is_replaced_and_not_followed(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct stat st;
	put_file(in_dir("target"), "old", 0644);
	assert_int_equal(symlink("target", in_dir("link")), 0);
	assert_int_equal(file_write_atomic(in_dir("link"), 0600, "new", 3, &err), ERR_OK);
	assert_int_equal(lstat(in_dir("link"), &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_holds(in_dir("link"), "new");
	assert_holds(in_dir("target"), "old");
}

static void a_relative_path_works(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(chdir(directory), 0);
	enum error_code written = file_write_atomic("name", 0600, "x", 1, &err);
	enum error_code synced = directory_sync_parent("name", &err);
	assert_int_equal(fchdir(here), 0);
	close(here);
	assert_int_equal(written, ERR_OK);
	assert_int_equal(synced, ERR_OK);
	assert_holds(in_dir("name"), "x");
}

static void failed_writes_leave_the_old_file_alone(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	assert_fails(file_write_atomic(in_dir("no/where"), 0600, "x", 1, &err), &err, ERR_NOT_FOUND);
	assert_fails(file_write_atomic(in_dir(""), 0600, "x", 1, &err), &err, ERR_INVALID);
	assert_fails(file_write_atomic("", 0600, "x", 1, &err), &err, ERR_INVALID);
	assert_fails(file_write_atomic("..", 0600, "x", 1, &err), &err, ERR_INVALID);
	assert_int_equal(mkdir(in_dir("sub"), 0700), 0);
	assert_fails(file_write_atomic(in_dir("sub"), 0600, "x", 1, &err), &err, ERR_IO);
	put_file(in_dir("out"), "old", 0600);
	/* A write that breaks off in the middle: the largest file allowed is smaller. */
	static char much[100000];
	struct rlimit limit, small;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = (struct rlimit){ .rlim_cur = 50000, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	error_clear(&err);
	enum error_code code = file_write_atomic(in_dir("out"), 0600, much, sizeof(much), &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(code, ERR_IO);
	assert_int_equal(err.sys_errno, EFBIG);
	assert_non_null(strstr(err.text, in_dir("out")));
	assert_holds(in_dir("out"), "old");
	assert_entries(2);
}

static void a_full_disk_has_its_own_code(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	cleanup_(fd_closep) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		skip();
	assert_fails(fd_write_all(fd, "x", 1, &err), &err, ERR_STORAGE_FULL);
}

static void directories_are_made_or_checked(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	struct stat st;
	mode_t before = umask(0);
	assert_int_equal(directory_ensure(in_dir("a/b/c/"), true, &err), ERR_OK);
	umask(before);
	static const char *const made[] = { "a", "a/b", "a/b/c" };
	for (size_t i = 0; i < CASES(made); i++) {
		assert_int_equal(stat(in_dir(made[i]), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0700);
	}
	assert_int_equal(directory_ensure(in_dir("a/b/c"), true, &err), ERR_OK);
	static const struct {
		mode_t mode;
		bool shared_ok;
		bool private_ok;
	} modes[] = { { 0700, true, true }, { 0500, true, true },   { 0750, true, false }, { 0755, true, false },
		      { 0701, true, false }, { 0720, false, false }, { 0702, false, false }, { 01777, false, false } };
	for (size_t i = 0; i < CASES(modes); i++) {
		assert_int_equal(chmod(in_dir("a"), modes[i].mode), 0);
		error_clear(&err);
		assert_int_equal(directory_ensure(in_dir("a"), false, &err),
				 modes[i].shared_ok ? ERR_OK : ERR_PERMISSION);
		error_clear(&err);
		assert_int_equal(directory_ensure(in_dir("a"), true, &err),
				 modes[i].private_ok ? ERR_OK : ERR_PERMISSION);
		if (!modes[i].private_ok)
			assert_non_null(strstr(err.text, "chmod 700 "));
	}
	assert_int_equal(chmod(in_dir("a"), 0700), 0);
}

static void what_is_no_directory_is_refused(void **state)
{
	(void)state;
	struct error err = ERROR_INIT;
	put_file(in_dir("file"), "", 0600);
	assert_fails(directory_ensure(in_dir("file"), true, &err), &err, ERR_INVALID);
	assert_fails(directory_ensure(in_dir("file/sub"), true, &err), &err, ERR_NOT_FOUND);
	assert_fails(directory_ensure("", true, &err), &err, ERR_INVALID);
	/* A link to a directory of ours is one: state directories are often links. */
	assert_int_equal(mkdir(in_dir("real"), 0700), 0);
	assert_int_equal(symlink("real", in_dir("link")), 0);
	error_clear(&err);
	assert_int_equal(directory_ensure(in_dir("link"), true, &err), ERR_OK);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_private_file_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_owner_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(symbolic_links_are_refused_for_private_files_only, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_refused_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(size_has_its_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(standard_input_is_read_when_allowed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(signals_and_short_transfers_are_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(writing_replaces_whole_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_link_is_replaced_and_not_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_relative_path_works, set_up, tear_down),
		cmocka_unit_test_setup_teardown(failed_writes_leave_the_old_file_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_disk_has_its_own_code, set_up, tear_down),
		cmocka_unit_test_setup_teardown(directories_are_made_or_checked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_directory_is_refused, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
