/* A rotation of keys whose last commit fails, and what the next one makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vault_fixture.h"

#define HEADER_SYNCS 4	/* of a whole rotation: two copies, twice */
#define EXIT_CODE 77

static atomic_int header_syncs;
static atomic_int fail_after;	/* so many of them fails one sync of vault.db; 0: none */
static atomic_int end_after;	/* so many of them ends the process at the next sync of vault.db; 0: never */

static bool is_file(int fd, const char *end)
{
	char link[64], path[256];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path));
	return len >= (ssize_t)strlen(end) && memcmp(path + len - strlen(end), end, strlen(end)) == 0;
}

/* Stands before the C library's for the whole program, LMDB included. */
int fdatasync(int fd)
{
	int seen = atomic_load(&header_syncs);

	if (is_file(fd, "vault.hdr"))
		atomic_fetch_add(&header_syncs, 1);
	if (is_file(fd, "vault.db") && seen == atomic_load(&end_after) && seen > 0)
		_exit(EXIT_CODE);
	if (is_file(fd, "vault.db") && seen == atomic_load(&fail_after) && seen > 0) {
		atomic_store(&fail_after, 0);
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static void wait_writable(struct vault_fixture *fixture)
{
	struct records_health health;

	for (int i = 0; i < 500; i++) {
		records_health(fixture->records, &health);
		if (health.writable)
			return;
		usleep(10000);
	}
	_exit(3);
}

/* The first rotation's last commit fails, the second one is ended between its first header and the commit behind it. */
static void rotate_twice(struct vault_fixture *fixture)
{
	struct error err = ERROR_INIT;

	alarm(30);
	if (vault_fixture_start(fixture, &err) != ERR_OK)
		_exit(2);
	atomic_store(&header_syncs, 0);
	atomic_store(&fail_after, HEADER_SYNCS);
	if (records_rotate_kek(fixture->records, &err) != ERR_OUTCOME_UNKNOWN)
		_exit(4);
	wait_writable(fixture);
	atomic_store(&header_syncs, 0);
	atomic_store(&end_after, 2);
	err = (struct error)ERROR_INIT;
	_exit(records_rotate_kek(fixture->records, &err) == ERR_OK ? 0 : 1);
}

static void a_rotation_after_one_without_its_last_commit(void **state)
{
	struct vault_fixture *fixture = *state;
	struct error err = ERROR_INIT;
	char value[64];
	pid_t child;
	int status;

	assert_int_equal(vault_put(fixture, "kept", "value"), ERR_OK);
	vault_fixture_close(fixture);
	child = fork();
	if (child == 0)
		rotate_twice(fixture);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_CODE);
	if (vault_fixture_start(fixture, &err) != ERR_OK)
		fail_msg("%s", err.text);
	assert_int_equal(vault_get(fixture, "kept", value, sizeof(value)), ERR_OK);
	assert_string_equal(value, "value");
	assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_rotation_after_one_without_its_last_commit, vault_fixture_setup_anchored,
						vault_fixture_teardown),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
