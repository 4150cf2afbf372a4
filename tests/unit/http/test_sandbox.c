/* The sandbox, each time in a child: what it forbids and what goes on working. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox.h"
#include "wiping_memory.h"

/* The program's own memory functions are not part of what tests link; a sanitizer switches the sandbox off by them. */
bool wiping_memory_is_on(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return false;
#else
	return true;
#endif
}

static char directory[] = "/tmp/vaultd-sandbox-XXXXXX";

/* Exit status of a child that runs the function inside; -signal when it was killed. */
static int inside(int (*function)(void), bool files, bool calls)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		const struct sandbox_path paths[] = { { directory, SANDBOX_WRITE }, { "/dev/urandom", SANDBOX_READ },
						      { "/nonexistent/path", SANDBOX_WRITE } };
		struct sandbox_report report = {0};
		struct error err = ERROR_INIT;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (files && sandbox_restrict_files(paths, ARRAY_LEN(paths), &report, &err) != ERR_OK)
			_exit(100);
		if (calls && sandbox_restrict_calls(&report, &err) != ERR_OK)
			_exit(101);
		if ((files && report.landlock_abi < 1) || (calls && !report.seccomp))
			_exit(102);	/* not on this kernel */
		_exit(function());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static bool can(bool files)
{
	return wiping_memory_is_on() && (files || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0);
}

/* -- deadly calls -------------------------------------------------------------- */

static int call_execve(void)
{
	char *argv[] = { (char *)(uintptr_t)"true", NULL };

	execve("/bin/true", argv, argv + 1);
	return errno;
}

static int call_ptrace(void)
{
	syscall(SYS_ptrace, 0, 0, 0, 0);
	return errno;
}

static int call_process_vm_readv(void)
{
	syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0);
	return errno;
}

static int call_io_uring(void)
{
	syscall(SYS_io_uring_setup, 1, NULL);
	return errno;
}

static int call_keyctl(void)
{
	syscall(SYS_keyctl, 0, 0);
	return errno;
}

static int call_bpf(void)
{
	syscall(SYS_bpf, 0, NULL, 0);
	return errno;
}

static int call_userfaultfd(void)
{
	syscall(SYS_userfaultfd, 0);
	return errno;
}

static int call_unshare(void)
{
	syscall(SYS_unshare, 0);
	return errno;
}

static void test_deadly_calls(void **state)
{
	int (*const calls[])(void) = { call_execve, call_ptrace, call_process_vm_readv, call_io_uring, call_keyctl, call_bpf,
				       call_userfaultfd, call_unshare };

	(void)state;
	if (!can(false))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		assert_int_equal(inside(calls[i], false, true), -SIGSYS);
}

/* -- refused calls --------------------------------------------------------------- */

static int refused_or(int rc)
{
	return rc >= 0 ? 50 : errno == EPERM ? 0 : errno;
}

static int call_socket(void)
{
	return refused_or(socket(AF_INET, SOCK_STREAM, 0));
}

static int call_fork(void)
{
	return refused_or((int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static int call_vfork(void)
{
	return refused_or((int)syscall(SYS_vfork));
}

static int call_kill(void)
{
	return refused_or(kill(getppid(), 0));
}

static int call_executable_memory(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return refused_or(memory == MAP_FAILED ? -1 : 0);
}

static int call_make_executable(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? 51 : refused_or(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

static int call_set_limit(void)
{
	const struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	return refused_or(setrlimit(RLIMIT_CORE, &limit));
}

static int call_set_dumpable(void)
{
	return refused_or(prctl(PR_SET_DUMPABLE, 1));
}

static int call_setuid(void)
{
	return refused_or((int)syscall(SYS_setuid, 0));
}

static void test_refused_calls(void **state)
{
	int (*const calls[])(void) = { call_socket, call_fork, call_vfork, call_kill, call_executable_memory, call_make_executable,
				       call_set_limit, call_set_dumpable, call_setuid };

	(void)state;
	if (!can(false))
		skip();
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		assert_int_equal(inside(calls[i], false, true), 0);
}

/* -- what goes on ------------------------------------------------------------------ */

static void *thread_main(void *arg)
{
	*(int *)arg = 7;
	return NULL;
}

static int work(void)
{
	char path[64];
	pthread_t thread;
	int seen = 0, fd;

	if (pthread_create(&thread, NULL, thread_main, &seen) != 0 || pthread_join(thread, NULL) != 0 || seen != 7)
		return 1;
	snprintf(path, sizeof(path), "%s/file", directory);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || fdatasync(fd) != 0 || ftruncate(fd, 0) != 0 || close(fd) != 0)
		return 2;
	if (unlink(path) != 0)
		return 3;
	return 0;
}

static void test_work_goes_on(void **state)
{
	(void)state;
	if (!can(true))
		skip();
	assert_int_equal(inside(work, false, true), 0);
	int code = inside(work, true, true);
	if (code != 102)	/* a kernel without landlock */
		assert_int_equal(code, 0);
}

/* -- files --------------------------------------------------------------------------- */

static int denied_or(int fd)
{
	return fd >= 0 ? 50 : errno == EACCES ? 0 : errno;
}

static int open_passwd(void)
{
	return denied_or(open("/etc/passwd", O_RDONLY));
}

static int list_root(void)
{
	return denied_or(open("/", O_RDONLY | O_DIRECTORY));
}

static int make_outside(void)
{
	return denied_or(open("/tmp/vaultd-sandbox-outside", O_WRONLY | O_CREAT, 0600));
}

static int escape_by_dots(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/../../etc/passwd", directory);
	return denied_or(open(path, O_RDONLY));
}

static int write_random_device(void)
{
	return denied_or(open("/dev/urandom", O_WRONLY));
}

static int remove_own_directory(void)
{
	return denied_or(rmdir(directory));
}

static void test_files(void **state)
{
	int (*const calls[])(void) = { open_passwd, list_root, make_outside, escape_by_dots, write_random_device,
				       remove_own_directory };

	(void)state;
	if (!can(true) || inside(work, true, false) == 102)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		assert_int_equal(inside(calls[i], true, false), 0);
}

/* -- the beginning ---------------------------------------------------------------------- */

static int begin(void)
{
	struct sandbox_report report = {0};
	struct error err = ERROR_INIT;
	struct rlimit limit;
	int inherited = fcntl(open("/etc/hostname", O_RDONLY), F_DUPFD, 10);

	if (sandbox_begin(&report, &err) != ERR_OK || !report.core_dumps_off)
		return 1;
	if (fcntl(inherited, F_GETFD) != -1 || fcntl(0, F_GETFD) == -1 || fcntl(2, F_GETFD) == -1)
		return 2;
	if (umask(0) != 077 || prctl(PR_GET_DUMPABLE) != 0)
		return 3;
	return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0 ? 0 : 4;
}

static int begin_without_standard_descriptors(void)
{
	close(0);
	close(2);
	return begin();
}

static void test_beginning(void **state)
{
	(void)state;
	assert_int_equal(inside(begin, false, false), 0);
	assert_int_equal(inside(begin_without_standard_descriptors, false, false), 0);
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deadly_calls), cmocka_unit_test(test_refused_calls), cmocka_unit_test(test_work_goes_on),
		cmocka_unit_test(test_files),	     cmocka_unit_test(test_beginning),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
