/*
 * The arithmetic of shares takes the same way whatever the secret is: each instruction of a child is stepped through, and the
 * addresses must be the same ones in the same order. (That no address of data depends on a secret is not seen here.)
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "crypto/shares.h"

enum { SHARES = 5, THRESHOLD = 3 };

static uint8_t shares[SHARES * SHARE_LEN];
static struct secret_key secret;

static void split(void)
{
	static const struct share_info info = { .slot = 1 };
	struct error err = ERROR_INIT;

	if (shares_split(&secret, &info, SHARES, THRESHOLD, shares, &err) != ERR_OK)
		_exit(1);
}

static void combine(void)
{
	static struct secret_key again;
	struct error err = ERROR_INIT;

	if (shares_combine(shares, THRESHOLD, &again, &err) != ERR_OK || memcmp(again.bytes, secret.bytes, KEY_LEN) != 0)
		_exit(1);
}

struct trace {
	uint64_t steps, hash;
};

static struct trace traced(void (*work)(void))
{
	struct trace trace = {0};
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(2);
		raise(SIGSTOP);
		work();
		_exit(0);
	}
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
#if defined(__x86_64__)
		struct user_regs_struct registers;

		assert_int_equal(ptrace(PTRACE_GETREGS, child, NULL, &registers), 0);
		trace.hash = (trace.hash ^ registers.rip) * UINT64_C(0x100000001b3);
#endif
		trace.steps++;
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return trace;
}

static void no_step_depends_on_the_secret(void **state)
{
	struct trace first[2] = {0}, now[2];

	(void)state;
	/* The checks that a sanitizer puts into the code take steps of their own. */
#if !defined(__x86_64__) || defined(__SANITIZE_ADDRESS__)
	skip();
#endif
	for (int kind = 0; kind < 3; kind++) {
		if (kind < 2)
			memset(secret.bytes, kind == 0 ? 0x00 : 0xff, KEY_LEN);
		else
			randombytes_buf(secret.bytes, KEY_LEN);
		now[0] = traced(split);		/* in the child; these shares go with it */
		split();
		now[1] = traced(combine);
		for (int i = 0; i < 2; i++) {
			if (kind == 0)
				first[i] = now[i];
			assert_true(now[i].steps > 10000);
			assert_int_equal(now[i].steps, first[i].steps);
			assert_true(now[i].hash == first[i].hash);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(no_step_depends_on_the_secret) };

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("shares_trace", tests, NULL, NULL);
}
