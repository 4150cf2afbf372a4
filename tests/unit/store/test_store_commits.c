/*
 * Sound files: the walk accepts whatever LMDB makes of many different commits. And processes killed in the middle of commits: what
 * they were told is durable is there.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "store/integrity.h"

/* -- the walk never cries wolf ------------------------------------------------------------------------- */

static uint64_t random_state = 88172645463325252u;

static uint64_t random_number(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

enum { MANY = 400 };

static enum error_code prepare_many(struct store_request *request, const struct store_snapshot *snapshot,
				    struct store_write *write, struct error *err)
{
	const struct change_request *change = (const struct change_request *)(void *)request;

	(void)snapshot;
	for (unsigned i = 0; i < MANY; i++) {
		char key[300];
		const uint64_t number = random_number(20000);
		const size_t key_len = 8 + number % 230;
		const size_t len = number % 50 == 0 ? 90000 : number % 7 == 0 ? 4000 + random_number(9000) : 80 + random_number(1500);
		uint8_t *space;

		memset(key, 'x', sizeof(key));
		snprintf(key, sizeof(key), "%07u", (unsigned)(number * 7919 % 1000003));
		key[7] = 'x';
		if (random_number(10) < change->number) {
			if (store_write_delete(write, key, key_len, err) != ERR_OK)
				return err->code;
			continue;
		}
		if (store_write_put(write, key, key_len, len, &space, err) != ERR_OK)
			return err->code;
		memset(space, (int)number, len);
	}
	return ERR_OK;
}

static void test_walk_accepts_what_lmdb_writes(void **state)
{
	static const unsigned phases[] = { 1, 5, 9, 3, 10, 2, 8 };	/* deletions in ten */
	char directory[64];

	(void)state;
	fixture_make_directory(directory);
	struct store *store = open_store(directory, 16ul * MAP_SIZE, true);
	for (size_t phase = 0; phase < ARRAY_LEN(phases); phase++) {
		for (unsigned i = 0; i < 40; i++) {
			struct change_request many = { .key = "unused", .number = phases[phase] };
			struct error err = ERROR_INIT;

			/* The fixture's done(), another prepare(). */
			many.prepare_code = ERR_OK;
			assert_int_equal(change_submit(store, &many, &err), ERR_OK);
			assert_int_equal(change_wait(&many), ERR_OK);
			many = (struct change_request){ .number = phases[phase], .request = { .prepare = prepare_many,
											      .done = many.request.done } };
			assert_int_equal(store_submit(store, &many.request, &err), ERR_OK);
			assert_int_equal(change_wait(&many), ERR_OK);
		}
		store_close(store);
		store = open_store(directory, 16ul * MAP_SIZE, true);	/* walks, or fails the test */
	}
	store_close(store);
	fixture_remove_directory(directory);
}

/* -- kill -9 --------------------------------------------------------------------------------------------- */

/* The child tells through a pipe each number that it was promised. It never ends by itself. */
static void write_for_ever(const char *directory, int oracle, uint64_t number)
{
	struct error err = ERROR_INIT;
	struct store *store = NULL;

	if (try_open(directory, true, true, &store, &err) != ERR_OK || store_start(store, &err) != ERR_OK)
		_exit(3);
	for (;; number++) {
		char key[16];

		snprintf(key, sizeof(key), "%u", (unsigned)(number % 50));
		struct change_request value = { .key = key, .number = number, .len = number % 5 ? 0 : 20000 };
		struct change_request last = { .key = "last", .number = number };

		if (change_submit(store, &value, &err) != ERR_OK || change_submit(store, &last, &err) != ERR_OK ||
		    change_wait(&value) != ERR_OK || change_wait(&last) != ERR_OK ||
		    write(oracle, &number, sizeof(number)) != (ssize_t)sizeof(number))
			_exit(4);
	}
}

static uint64_t last_promise(int oracle, uint64_t before)
{
	uint64_t number;

	while (read(oracle, &number, sizeof(number)) == (ssize_t)sizeof(number))
		before = number;
	return before;
}

static void check_promises(const char *directory, uint64_t promised)
{
	struct error err = ERROR_INIT;
	struct store *store = NULL;

	if (try_open(directory, true, true, &store, &err) != ERR_OK)
		fail_msg("after a kill: %s", err.text);
	const uint64_t last = read_number(store, "last");
	if (promised > 0)
		assert_true(last == promised || last == promised + 1);
	for (uint64_t number = promised > 50 ? promised - 49 : 1; number <= promised; number++) {
		char key[16];

		snprintf(key, sizeof(key), "%u", (unsigned)(number % 50));
		const uint64_t found = read_number(store, key);
		assert_true(found == number || found == promised + 1);
	}
	store_close(store);
}

static void test_killed_writers_lose_nothing(void **state)
{
	enum { KILLS = 50 };
	char directory[64];
	uint64_t promised = 0;

	(void)state;
	fixture_make_directory(directory);
	/* On a busy machine they end before they have written: those that follow live longer. */
	for (unsigned i = 0; i < KILLS || promised <= KILLS; i++) {
		const uint64_t ms = (2 + random_number(60)) * (1 + i / KILLS);
		const struct timespec life = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000 * 1000 };
		int ends[2], status;

		assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
		const pid_t child = fork();
		if (child == 0)
			write_for_ever(directory, ends[1], promised + 1);
		close(ends[1]);
		nanosleep(&life, NULL);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		promised = last_promise(ends[0], promised);
		close(ends[0]);
		check_promises(directory, promised);
	}
	fixture_remove_directory(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk_accepts_what_lmdb_writes),
		cmocka_unit_test(test_killed_writers_lose_nothing),
	};

	return cmocka_run_group_tests_name("store_commits", tests, NULL, NULL);
}
