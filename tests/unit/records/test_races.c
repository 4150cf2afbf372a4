/* Readers, writers, rotations of keys and the start with many environments, all at once or one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vault_fixture.h"

#define READERS 3
#define READS 1000000
#define ENVIRONMENTS 16

static atomic_size_t reads;
static atomic_bool stop;

static void start(struct vault_fixture *fixture)
{
	struct error err = ERROR_INIT;

	if (vault_fixture_start(fixture, &err) != ERR_OK)
		fail_msg("start: %s", err.text);
}

static void put_number(struct vault_fixture *fixture, unsigned i, unsigned number)
{
	char name[16], value[16];

	snprintf(name, sizeof(name), "e%u", i);
	snprintf(value, sizeof(value), "%u", number);
	assert_int_equal(vault_put(fixture, name, value), ERR_OK);
}

/* -- a million reads beside a committer ------------------------------------------------------------ */

struct reader {
	struct vault_fixture *fixture;
	enum error_code trouble;
	bool went_back;
};

static void *read_until_enough(void *arg)
{
	struct reader *reader = arg;
	unsigned newest[ENVIRONMENTS] = { 0 };
	char name[16], value[16];

	for (unsigned i = 0; atomic_fetch_add(&reads, 1) < READS; i = (i + 1) % ENVIRONMENTS) {
		unsigned number;

		snprintf(name, sizeof(name), "e%u", i);
		reader->trouble = vault_get(reader->fixture, name, value, sizeof(value));
		if (reader->trouble != ERR_OK)
			break;
		number = (unsigned)strtoul(value, NULL, 10);
		reader->went_back |= number < newest[i];
		newest[i] = number;
	}
	return NULL;
}

static bool count_one(void *arg, const struct record_key *key, const uint8_t *kid, const uint8_t *plain, size_t plain_len,
		      const uint8_t *pin)
{
	(void)key;
	(void)kid;
	(void)plain;
	(void)plain_len;
	(void)pin;
	++*(size_t *)arg;
	return true;
}

/* A scan counts what it saw against the pins of its own snapshot. */
static void *scan_until_enough(void *arg)
{
	struct reader *reader = arg;

	while (reader->trouble == ERR_OK && atomic_load(&reads) < READS) {
		struct records_view *view = NULL;
		struct error err = ERROR_INIT;
		size_t seen = 0;

		if (records_view_begin(reader->fixture->records, &view, &err) == ERR_OK &&
		    records_scan(view, TABLE_HEAD, count_one, &seen, &err) == ERR_OK &&
		    records_scan(view, TABLE_DATA_KEY, count_one, &seen, &err) == ERR_OK && seen < 2 * ENVIRONMENTS + 1)
			error_set(&err, ERR_SET_CHANGED, "heads are missing");
		reader->trouble = err.code;
		records_view_end(view);
	}
	return NULL;
}

static void a_million_reads_and_no_false_alarm(void **state)
{
	struct vault_fixture *fixture = *state;
	struct reader readers[READERS + 1];
	pthread_t threads[READERS + 1];
	unsigned commits = 0;

	atomic_store(&reads, 0);
	for (unsigned i = 0; i < ENVIRONMENTS; i++)
		put_number(fixture, i, 0);
	for (size_t i = 0; i <= READERS; i++) {
		readers[i] = (struct reader){ .fixture = fixture };
		assert_int_equal(pthread_create(&threads[i], NULL, i < READERS ? read_until_enough : scan_until_enough,
						&readers[i]), 0);
	}
	while (atomic_load(&reads) < READS) {
		char name[16];

		commits++;
		put_number(fixture, commits % ENVIRONMENTS, commits);
		/* comes and goes, so that scans see counts that change */
		snprintf(name, sizeof(name), "short%u", commits / 2);
		assert_int_equal(commits % 2 ? vault_destroy(fixture, name) : vault_put(fixture, name, "x"),
				 commits == 1 ? ERR_NOT_FOUND : ERR_OK);
	}
	for (size_t i = 0; i <= READERS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(readers[i].trouble, ERR_OK);
		assert_false(readers[i].went_back);
	}
	print_message("# %d reads beside %u commits\n", READS, 2 * commits);
	assert_true(commits > 100);
}

/* -- new environments and a rotation ----------------------------------------------------------------- */

struct slow {
	struct records_request request;
	struct vault_fixture *fixture;
	uint8_t eid[ID_LEN];
	atomic_uint prepared;
	atomic_bool made;	/* the data key, under the KEK of that moment */
	atomic_int done;	/* 1 + outcome */
};

static uint64_t counter_of(struct vault_fixture *fixture)
{
	struct records_health health;

	records_health(fixture->records, &health);
	return health.counter;
}

/* The first time it makes a data key and goes on only when the rotation has sealed all others anew. */
static enum error_code prepare_slowly(struct records_request *request, struct records_view *view, struct records_write *write,
				      struct error *err)
{
	struct slow *slow = (struct slow *)(void *)request;
	enum error_code code = records_new_eid(write, slow->eid, err);
	uint64_t from = counter_of(slow->fixture);

	(void)view;
	if (atomic_fetch_add(&slow->prepared, 1) == 0) {
		atomic_store(&slow->made, true);
		/* the announcement and the sweep */
		for (int i = 0; i < 2000 && counter_of(slow->fixture) < from + 2; i++)
			usleep(1000);
	}
	return code;
}

static void slow_done(struct records_request *request, enum error_code outcome, const struct error *err)
{
	(void)err;
	atomic_store(&((struct slow *)(void *)request)->done, 1 + (int)outcome);
}

static void *submit_slowly(void *arg)
{
	struct slow *slow = arg;
	struct error err = ERROR_INIT;
	enum error_code code = records_submit(slow->fixture->records, &slow->request, &err);

	if (code != ERR_OK)
		atomic_store(&slow->done, 1 + (int)code);
	return NULL;
}

/* Its data key would be committed under a KEK that the header has lost already. */
static void a_slow_new_environment_gets_the_new_kek(void **state)
{
	struct vault_fixture *fixture = *state;
	struct slow slow = { .request = { .prepare = prepare_slowly, .done = slow_done }, .fixture = fixture };
	struct error err = ERROR_INIT;
	struct raw_record record;
	pthread_t thread;

	put_number(fixture, 0, 1);
	assert_int_equal(pthread_create(&thread, NULL, submit_slowly, &slow), 0);
	while (!atomic_load(&slow.made))
		usleep(100);
	assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_OK);
	pthread_join(thread, NULL);
	while (atomic_load(&slow.done) == 0)
		usleep(100);
	assert_int_equal(slow.done, 1 + (int)ERR_OK);
	assert_int_equal(slow.prepared, 2);	/* it lost and was prepared again */
	vault_fixture_close(fixture);
	for (unsigned i = 0; raw_find(fixture, TABLE_DATA_KEY, i, &record); i++) {
		assert_int_equal(record.value[4], 2);
		free(record.value);
	}
	start(fixture);
}

/* Environments that come, and some that go, while data keys are sealed anew. */
static void *come_and_go(void *arg)
{
	struct vault_fixture *fixture = arg;
	char name[16];

	for (unsigned i = 0; !atomic_load(&stop); i++) {
		snprintf(name, sizeof(name), "n%u", i);
		if (vault_put(fixture, name, "x") != ERR_OK || (i % 2 && vault_destroy(fixture, name) != ERR_OK))
			return fixture;
	}
	return NULL;
}

static void rotations_beside_new_and_old_environments(void **state)
{
	struct vault_fixture *fixture = *state;
	struct error err = ERROR_INIT;
	pthread_t thread;
	void *trouble;

	for (unsigned i = 0; i < ENVIRONMENTS; i++)
		put_number(fixture, i, 7);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, come_and_go, fixture), 0);
	for (int i = 0; i < 30; i++)
		assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_OK);
	atomic_store(&stop, true);
	pthread_join(thread, &trouble);
	assert_null(trouble);
	vault_fixture_close(fixture);
	start(fixture);
	for (unsigned i = 0; i < ENVIRONMENTS; i++) {
		char name[16], value[16];

		snprintf(name, sizeof(name), "e%u", i);
		assert_int_equal(vault_get(fixture, name, value, sizeof(value)), ERR_OK);
		assert_string_equal(value, "7");
	}
}

/* -- a seal in the middle ------------------------------------------------------------------------------ */

static void *put_until_sealed(void *arg)
{
	struct vault_fixture *fixture = arg;
	enum error_code code = ERR_OK;
	char value[64];

	for (unsigned i = 0; code == ERR_OK; i++) {
		code = vault_put(fixture, "e0", "5");
		if (code == ERR_OK)
			code = vault_get(fixture, "e0", value, sizeof(value));
	}
	return code == ERR_SEALED ? NULL : fixture;
}

static void a_seal_beside_readers_and_writers(void **state)
{
	struct vault_fixture *fixture = *state;
	size_t keys_before;

	put_number(fixture, 0, 5);
	records_seal(fixture->records);
	keys_before = secret_arena_used();
	for (int turn = 0; turn < 10; turn++) {
		struct error err = ERROR_INIT;
		pthread_t threads[3];

		assert_int_equal(vault_fixture_unseal(fixture, &err), ERR_OK);
		assert_true(secret_arena_used() > keys_before);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, put_until_sealed, fixture), 0);
		usleep(20000);
		records_seal(fixture->records);
		for (size_t i = 0; i < 3; i++) {
			void *trouble;

			pthread_join(threads[i], &trouble);
			assert_null(trouble);
		}
		assert_int_equal(secret_arena_used(), keys_before);
	}
}

/* -- the start with many environments ---------------------------------------------------------------------- */

struct filler {
	struct vault_fixture *fixture;
	unsigned from, to;
	enum error_code trouble;
};

static void *fill_range(void *arg)
{
	struct filler *filler = arg;
	char name[24];

	for (unsigned i = filler->from; i < filler->to && filler->trouble == ERR_OK; i++) {
		snprintf(name, sizeof(name), "many/e%u", i);
		filler->trouble = vault_put(filler->fixture, name, "x");
	}
	return NULL;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* VAULT_SCALE says how many; 2,000 without. Times are told, not judged. */
static void many_environments_start(void **state)
{
	enum { THREADS = 64 };
	struct vault_fixture *fixture = *state;
	const char *wanted = getenv("VAULT_SCALE");
	unsigned count = wanted ? (unsigned)strtoul(wanted, NULL, 10) : 2000;
	struct filler fillers[THREADS];
	pthread_t threads[THREADS];
	struct records_health health;
	struct error err = ERROR_INIT;
	double from;

	vault_fixture_close(fixture);
	fixture->max_size = (size_t)8 << 30;
	start(fixture);
	for (unsigned i = 0; i < THREADS; i++) {
		fillers[i] = (struct filler){ .fixture = fixture, .from = count / THREADS * i, .to = count / THREADS * (i + 1) };
		assert_int_equal(pthread_create(&threads[i], NULL, fill_range, &fillers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(fillers[i].trouble, ERR_OK);
	}
	vault_fixture_close(fixture);
	from = seconds();
	start(fixture);
	print_message("# %u environments: unsealed in %.0f ms\n", count, (seconds() - from) * 1e3);
	records_health(fixture->records, &health);
	assert_int_equal(health.n_revisions, count / THREADS * THREADS);
	from = seconds();
	assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_OK);
	print_message("# their data keys sealed anew in %.0f ms\n", (seconds() - from) * 1e3);
	vault_fixture_close(fixture);
	start(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vault_fixture_setup, vault_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_slow_new_environment_gets_the_new_kek),
		TEST(rotations_beside_new_and_old_environments),
		TEST(a_seal_beside_readers_and_writers),
		TEST(many_environments_start),
		TEST(a_million_reads_and_no_false_alarm),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
