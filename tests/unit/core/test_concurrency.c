/* Many threads: one winner a round, no torn read, a seal under load, nothing answered that was not kept. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fixture.h"

enum { THREADS = 32, ROUNDS = 20 };

struct crowd {
	struct fixture *fixture;
	pthread_barrier_t barrier;
	atomic_uint winners, losers, others;
	atomic_bool stop;
	atomic_uint reads, writes, sealed;
};

struct member {
	struct crowd *crowd;
	unsigned number;
	pthread_t thread;
};

static void crowd_run(struct crowd *crowd, unsigned count, void *(*body)(void *), struct member *members)
{
	for (unsigned i = 0; i < count; i++) {
		members[i] = (struct member){ .crowd = crowd, .number = i };
		assert_int_equal(pthread_create(&members[i].thread, NULL, body, &members[i]), 0);
	}
}

static void crowd_join(struct member *members, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(pthread_join(members[i].thread, NULL), 0);
}

/* -- one winner a round --------------------------------------------------------- */

static void *race(void *arg)
{
	const struct member *member = arg;
	struct crowd *crowd = member->crowd;
	char data[32];

	snprintf(data, sizeof(data), "{\"WHO\":\"%u\"}", member->number);
	for (int64_t round = 0; round < ROUNDS; round++) {
		enum error_code code;

		pthread_barrier_wait(&crowd->barrier);
		code = put_cas(crowd->fixture, "race", data, round);
		atomic_fetch_add(code == ERR_OK	   ? &crowd->winners
				 : code == ERR_CAS ? &crowd->losers
						   : &crowd->others,
				 1);
	}
	return NULL;
}

static void test_one_winner(void **state)
{
	struct crowd crowd = { .fixture = *state };
	struct member members[THREADS];
	struct kv_read_result result = {0};
	struct error err = ERROR_INIT;

	pthread_barrier_init(&crowd.barrier, NULL, THREADS);
	crowd_run(&crowd, THREADS, race, members);
	crowd_join(members, THREADS);
	pthread_barrier_destroy(&crowd.barrier);
	assert_int_equal(crowd.others, 0);
	assert_int_equal(crowd.winners, ROUNDS);
	assert_int_equal(crowd.losers, (THREADS - 1) * ROUNDS);
	assert_int_equal(
		kv_read(crowd.fixture->vault, &crowd.fixture->root, target_of(crowd.fixture, "race"), 0, &result, &err),
		ERR_OK);
	assert_int_equal(result.version.revision, ROUNDS);
	kv_read_result_free(&result);
}

/* Without cas nobody loses: every write becomes a revision, also those that create the environment. */
static void *append(void *arg)
{
	const struct member *member = arg;

	if (put(member->crowd->fixture, "appended", "{\"A\":\"1\"}") == ERR_OK)
		atomic_fetch_add(&member->crowd->winners, 1);
	return NULL;
}

static void test_all_appended(void **state)
{
	struct crowd crowd = { .fixture = *state };
	struct member members[THREADS];
	struct kv_read_result result = {0};
	struct error err = ERROR_INIT;

	crowd_run(&crowd, THREADS, append, members);
	crowd_join(members, THREADS);
	assert_int_equal(crowd.winners, THREADS);
	assert_int_equal(kv_read(crowd.fixture->vault, &crowd.fixture->root, target_of(crowd.fixture, "appended"), 0,
				 &result, &err),
			 ERR_OK);
	assert_int_equal(result.version.revision, THREADS);
	assert_int_equal(result.revision.variables[0].version, 1);
	kv_read_result_free(&result);
}

/* -- readers racing writers ------------------------------------------------------- */

/* Every revision n of "pair" holds X = Y: a reader that saw two revisions mixed would see them differ. */
static void *write_pairs(void *arg)
{
	const struct member *member = arg;
	struct crowd *crowd = member->crowd;
	char data[64], path[16];

	snprintf(path, sizeof(path), "pair/%u", member->number);
	for (unsigned i = 0; !atomic_load(&crowd->stop); i++) {
		snprintf(data, sizeof(data), "{\"X\":\"%u\",\"Y\":\"%u\"}", i, i);
		if (put(crowd->fixture, path, data) != ERR_OK)
			atomic_fetch_add(&crowd->others, 1);
		atomic_fetch_add(&crowd->writes, 1);
		/* Now and then it goes and comes back as another. */
		if (i % 50 == 49 && change(crowd->fixture, KV_METADATA_DELETE, path, NULL) != ERR_OK)
			atomic_fetch_add(&crowd->others, 1);
	}
	return NULL;
}

static bool pair_is_whole(const struct kv_read_result *result)
{
	const struct revision_record *record = &result->revision;

	return result->readable && record->variables_len == 2 && record->revision == result->version.revision &&
	       record->variables[0].value.len == record->variables[1].value.len &&
	       memcmp(record->variables[0].value.at, record->variables[1].value.at, record->variables[0].value.len) ==
		       0;
}

static void *read_pairs(void *arg)
{
	const struct member *member = arg;
	struct crowd *crowd = member->crowd;
	char path[16];

	snprintf(path, sizeof(path), "pair/%u", member->number % 4);
	while (!atomic_load(&crowd->stop)) {
		struct kv_read_result result = {0};
		struct error err = ERROR_INIT;
		enum error_code code = kv_read(crowd->fixture->vault, &crowd->fixture->root,
					       target_of(crowd->fixture, path), 0, &result, &err);

		if (code == ERR_OK ? !pair_is_whole(&result) : code != ERR_NOT_FOUND)
			atomic_fetch_add(&crowd->others, 1);
		kv_read_result_free(&result);
		atomic_fetch_add(&crowd->reads, 1);
	}
	return NULL;
}

static void sleep_ms(long ms)
{
	const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

static void test_readers_and_writers(void **state)
{
	struct crowd crowd = { .fixture = *state };
	struct member writers[4], readers[8];

	crowd_run(&crowd, 4, write_pairs, writers);
	crowd_run(&crowd, 8, read_pairs, readers);
	sleep_ms(1500);
	atomic_store(&crowd.stop, true);
	crowd_join(writers, 4);
	crowd_join(readers, 8);
	assert_int_equal(crowd.others, 0);
	assert_true(crowd.writes > 10);
	assert_true(crowd.reads > 100);
}

/* -- sealing under load ------------------------------------------------------------ */

struct loaded {
	struct member member;
	uint64_t acknowledged;
};

/* Counts what was answered with ERR_OK; any answer but that and ERR_SEALED is wrong. */
static void *write_until_sealed(void *arg)
{
	struct loaded *loaded = arg;
	struct crowd *crowd = loaded->member.crowd;
	char path[16];

	snprintf(path, sizeof(path), "load/%u", loaded->member.number);
	while (!atomic_load(&crowd->stop)) {
		enum error_code code = put(crowd->fixture, path, "{\"A\":\"1\"}");

		if (code == ERR_OK)
			loaded->acknowledged++;
		else
			atomic_fetch_add(code == ERR_SEALED ? &crowd->sealed : &crowd->others, 1);
		if (code == ERR_SEALED)
			break;
	}
	return NULL;
}

static void *read_until_sealed(void *arg)
{
	struct loaded *loaded = arg;
	struct crowd *crowd = loaded->member.crowd;

	while (!atomic_load(&crowd->stop)) {
		struct kv_read_result result = {0};
		struct error err = ERROR_INIT;
		enum error_code code = kv_read(crowd->fixture->vault, &crowd->fixture->root,
					       target_of(crowd->fixture, "load/0"), 0, &result, &err);

		kv_read_result_free(&result);
		if (code == ERR_SEALED)
			break;
		if (code != ERR_OK && code != ERR_NOT_FOUND)
			atomic_fetch_add(&crowd->others, 1);
	}
	return NULL;
}

static void assert_acknowledged(struct fixture *fixture, const struct loaded *loaded)
{
	struct kv_read_result result = {0};
	struct error err = ERROR_INIT;
	char path[16];

	snprintf(path, sizeof(path), "load/%u", loaded->member.number);
	if (loaded->acknowledged == 0)
		return;
	assert_int_equal(kv_read_metadata(fixture->vault, &fixture->root, target_of(fixture, path), &result, &err),
			 ERR_OK);
	/* One write may have been finished by the seal and answered as sealed only if it did not happen. */
	assert_int_equal(result.version.revision, loaded->acknowledged);
	kv_read_result_free(&result);
}

static void test_seal_under_load(void **state)
{
	struct fixture *fixture = *state;
	struct crowd crowd = { .fixture = fixture };
	struct loaded writers[16] = {0}, readers[4] = {0};
	struct error err = ERROR_INIT;

	for (unsigned i = 0; i < 16; i++) {
		writers[i].member = (struct member){ .crowd = &crowd, .number = i };
		assert_int_equal(pthread_create(&writers[i].member.thread, NULL, write_until_sealed, &writers[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		readers[i].member = (struct member){ .crowd = &crowd, .number = i };
		assert_int_equal(pthread_create(&readers[i].member.thread, NULL, read_until_sealed, &readers[i]), 0);
	}
	sleep_ms(300);
	assert_int_equal(vault_seal(fixture->vault, &fixture->root, &err), ERR_OK);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(pthread_join(writers[i].member.thread, NULL), 0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(readers[i].member.thread, NULL), 0);
	assert_int_equal(crowd.others, 0);
	assert_int_equal(crowd.sealed, 16);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	for (unsigned i = 0; i < 16; i++)
		assert_acknowledged(fixture, &writers[i]);
}

/* -- status and ticks beside everything --------------------------------------------- */

static void *ask_status(void *arg)
{
	const struct member *member = arg;

	while (!atomic_load(&member->crowd->stop)) {
		struct vault_status status;

		vault_status(member->crowd->fixture->vault, &status);
		vault_tick(member->crowd->fixture->vault);
		if (!status.initialized)
			atomic_fetch_add(&member->crowd->others, 1);
	}
	return NULL;
}

static void test_status_while_sealing(void **state)
{
	struct fixture *fixture = *state;
	struct crowd crowd = { .fixture = fixture };
	struct error err = ERROR_INIT;
	struct member asker;

	crowd_run(&crowd, 1, ask_status, &asker);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(vault_seal(fixture->vault, &fixture->root, &err), ERR_OK);
		assert_int_equal(fixture_unseal(fixture), ERR_OK);
	}
	atomic_store(&crowd.stop, true);
	crowd_join(&asker, 1);
	assert_int_equal(crowd.others, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_winner),
		cmocka_unit_test(test_all_appended),
		cmocka_unit_test(test_readers_and_writers),
		cmocka_unit_test(test_seal_under_load),
		cmocka_unit_test(test_status_while_sealing),
	};

	return cmocka_run_group_tests_name("concurrency", tests, fixture_start, fixture_stop);
}
