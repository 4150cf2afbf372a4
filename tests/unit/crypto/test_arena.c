/* The key arena: its limit, that freed keys are wiped, that nobody reads past it, and that our own mistakes abort. */
#include "../lib/expect.h"

#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/arena.h"

static struct secret_key *keys[ARENA_KEYS];

static void take_all(void)
{
	for (size_t i = 0; i < ARENA_KEYS; i++) {
		keys[i] = secret_key_new();
		assert_non_null(keys[i]);
		assert_true(sodium_is_zero(keys[i]->bytes, KEY_LEN));
		memset(keys[i]->bytes, (int)(i % 255 + 1), KEY_LEN);
	}
}

static void give_all(void)
{
	for (size_t i = 0; i < ARENA_KEYS; i++)
		secret_key_free(keys[i]);
}

static void holds_so_many_and_not_one_more(void **state)
{
	(void)state;
	assert_int_equal(secret_arena_used(), 0);
	take_all();
	assert_int_equal(secret_arena_used(), ARENA_KEYS);
	assert_null(secret_key_new());
	/* No two are the same: each still holds what was put there. */
	for (size_t i = 0; i < ARENA_KEYS; i++)
		for (size_t j = 0; j < KEY_LEN; j++)
			assert_int_equal(keys[i]->bytes[j], i % 255 + 1);
	secret_key_free(keys[4711]);
	assert_true(sodium_is_zero(keys[4711]->bytes, KEY_LEN));
	assert_int_equal(secret_arena_used(), ARENA_KEYS - 1);
	keys[4711] = secret_key_new();
	assert_non_null(keys[4711]);
	assert_true(sodium_is_zero(keys[4711]->bytes, KEY_LEN));
	assert_null(secret_key_new());
	give_all();
	assert_int_equal(secret_arena_used(), 0);
}

static void wiping_leaves_nothing(void **state)
{
	(void)state;
	take_all();
	secret_arena_wipe();
	assert_int_equal(secret_arena_used(), 0);
	for (size_t i = 0; i < ARENA_KEYS; i++)
		assert_true(sodium_is_zero(keys[i]->bytes, KEY_LEN));
	take_all();	/* and all of it can be used again */
	give_all();
}

static void a_key_on_the_stack_is_wiped(void **state)
{
	struct secret_key key;

	(void)state;
	memset(key.bytes, 7, KEY_LEN);
	secret_key_wipe(&key);
	assert_true(sodium_is_zero(key.bytes, KEY_LEN));
	secret_key_free(NULL);
}

static void starting_twice_keeps_the_keys(void **state)
{
	struct error err = ERROR_INIT;
	struct secret_key *key = secret_key_new();

	(void)state;
	key->bytes[0] = 1;
	assert_int_equal(secret_arena_start(&err), ERR_OK);
	assert_int_equal(key->bytes[0], 1);
	assert_int_equal(secret_arena_used(), 1);
	secret_key_free(key);
}

/* -- what must kill the process ------------------------------------------------- */

/* How a child ended that did that: 0 only if it came through. */
static int fate_of(void (*deed)(void))
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		/* cmocka would go on after a signal */
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		(void)!freopen("/dev/null", "w", stderr);
		deed();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void read_last_byte(void)
{
	take_all();
	struct secret_key *last = keys[0];
	for (size_t i = 0; i < ARENA_KEYS; i++)
		last = keys[i] > last ? keys[i] : last;
	_exit(((volatile uint8_t *)last)[KEY_LEN - 1] == 0);
}

static void read_behind_the_end(void)
{
	take_all();
	struct secret_key *last = keys[0];
	for (size_t i = 0; i < ARENA_KEYS; i++)
		last = keys[i] > last ? keys[i] : last;
	(void)((volatile uint8_t *)last)[KEY_LEN];
}

static void read_before_the_beginning(void)
{
	take_all();
	struct secret_key *first = keys[0];
	for (size_t i = 0; i < ARENA_KEYS; i++)
		first = keys[i] < first ? keys[i] : first;
	(void)*((volatile uint8_t *)first - 4097);
}

/* The compiler would see through these mistakes; it must not know where the pointer comes from. */
static struct secret_key *volatile hidden;

static void free_twice(void)
{
	hidden = secret_key_new();
	secret_key_free(hidden);
	secret_key_free(hidden);
}

static void free_a_key_from_elsewhere(void)
{
	static struct secret_key key;

	hidden = &key;
	secret_key_free(hidden);
}

static void free_the_middle_of_a_key(void)
{
	hidden = (struct secret_key *)(void *)(secret_key_new()->bytes + 1);
	secret_key_free(hidden);
}

static void guard_pages_stand_around(void **state)
{
	(void)state;
	assert_int_equal(fate_of(read_last_byte), 0);
	int behind = fate_of(read_behind_the_end), before = fate_of(read_before_the_beginning);
	assert_true(WIFSIGNALED(behind) && (WTERMSIG(behind) == SIGSEGV || WTERMSIG(behind) == SIGBUS));
	assert_true(WIFSIGNALED(before) && (WTERMSIG(before) == SIGSEGV || WTERMSIG(before) == SIGBUS));
}

static void mistakes_abort(void **state)
{
	void (*const deeds[])(void) = { free_twice, free_a_key_from_elsewhere, free_the_middle_of_a_key };

	(void)state;
	for (size_t i = 0; i < CASES(deeds); i++) {
		int status = fate_of(deeds[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGABRT);
	}
}

/* The flags of the mapping that holds the address, as the kernel writes them. */
static void mapping_flags(const void *at, char *out, size_t max)
{
	unsigned long begin, end;
	char line[256];
	bool inside = false;
	FILE *file = fopen("/proc/self/smaps", "re");

	assert_non_null(file);
	out[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
			inside = (uintptr_t)at >= begin && (uintptr_t)at < end;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(out, max, "%s", line + 8);
	}
	fclose(file);
}

static void keys_are_not_dumped_and_locked_as_reported(void **state)
{
	struct secret_key *key = secret_key_new();
	char flags[sizeof("VmFlags:") + 256];

	(void)state;
	mapping_flags(key, flags, sizeof(flags));
	if (!flags[0]) {
		secret_key_free(key);
		skip();	/* a kernel without this file */
	}
	assert_non_null(strstr(flags, " dd"));
#if !defined(__SANITIZE_ADDRESS__)	/* which turns mlock() into nothing */
	assert_int_equal(strstr(flags, " lo") != NULL, secret_arena_locked());
#endif
	secret_key_free(key);
}

/* -- threads -------------------------------------------------------------------- */

#define WORKERS 4

static pthread_barrier_t all_are_there;	/* or the first would be done before the last begins */

struct worker {
	pthread_t thread;
	uint8_t mark;
	const char *complaint;
};

static const char *take_and_give(uint8_t mark)
{
	struct secret_key *held[64] = { 0 };
	uint64_t random = mark;

	for (size_t i = 0; i < 300000; i++) {
		size_t at = next_random(&random) % CASES(held);

		if (held[at]) {
			for (size_t j = 0; j < KEY_LEN; j++)
				if (held[at]->bytes[j] != mark)
					return "somebody else has this key";
			secret_key_free(held[at]);
			held[at] = NULL;
			continue;
		}
		held[at] = secret_key_new();
		if (!held[at] || !sodium_is_zero(held[at]->bytes, KEY_LEN))
			return "a key that is not new";
		memset(held[at]->bytes, mark, KEY_LEN);
	}
	for (size_t i = 0; i < CASES(held); i++)
		secret_key_free(held[i]);
	return NULL;
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	pthread_barrier_wait(&all_are_there);
	worker->complaint = take_and_give(worker->mark);
	return NULL;
}

static void threads_share_no_key(void **state)
{
	struct worker workers[WORKERS] = { { .mark = 1 }, { .mark = 2 }, { .mark = 3 }, { .mark = 4 } };

	(void)state;
	assert_int_equal(pthread_barrier_init(&all_are_there, NULL, WORKERS), 0);
	for (size_t i = 0; i < CASES(workers); i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	for (size_t i = 0; i < CASES(workers); i++)
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
	for (size_t i = 0; i < CASES(workers); i++)
		if (workers[i].complaint)
			fail_msg("%s", workers[i].complaint);
	pthread_barrier_destroy(&all_are_there);
	assert_int_equal(secret_arena_used(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_so_many_and_not_one_more),
		cmocka_unit_test(wiping_leaves_nothing),
		cmocka_unit_test(a_key_on_the_stack_is_wiped),
		cmocka_unit_test(starting_twice_keeps_the_keys),
		cmocka_unit_test(guard_pages_stand_around),
		cmocka_unit_test(mistakes_abort),
		cmocka_unit_test(keys_are_not_dumped_and_locked_as_reported),
		cmocka_unit_test(threads_share_no_key),
	};
	struct error err = ERROR_INIT;

	if (secret_arena_start(&err) != ERR_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
