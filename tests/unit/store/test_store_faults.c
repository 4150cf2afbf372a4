/* Writes and syncs that fail, through failing_writes.c, which is linked into this test. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

struct faulty {
	struct fixture fixture;
	char control[128];
	/* hooks, on the writer thread; read after a request was answered or the store is writable again */
	_Atomic unsigned reopened;
	_Atomic unsigned refuse_reopened;
	_Atomic uint64_t found;		/* what reopened() saw at "a" */
	_Atomic unsigned unknown;
	_Atomic size_t unknown_changes;
};

static enum error_code see_reopened(void *arg, const struct store_snapshot *snapshot, struct error *err)
{
	struct faulty *faulty = arg;
	struct store_bytes value;

	faulty->found = store_get(snapshot, "a", 1, &value) == ERR_OK ? value_number(value) : UINT64_MAX;
	faulty->reopened++;
	if (faulty->refuse_reopened == 0)
		return ERR_OK;
	faulty->refuse_reopened--;
	return error_set(err, ERR_RECORD, "reopened() refused");
}

static void see_finished(void *arg, enum error_code outcome, const struct store_change *changes, size_t len)
{
	struct faulty *faulty = arg;

	(void)changes;
	if (outcome != ERR_OUTCOME_UNKNOWN)
		return;
	faulty->unknown++;
	faulty->unknown_changes = len;
}

static void open_faulty(struct faulty *faulty)
{
	const struct store_hooks hooks = { .arg = faulty, .finished = see_finished, .reopened = see_reopened };
	struct error err = ERROR_INIT;

	if (try_open(faulty->fixture.directory, true, true, &faulty->fixture.store, &err) != ERR_OK)
		fail_msg("open: %s", err.text);
	store_set_hooks(faulty->fixture.store, &hooks);
	if (store_start(faulty->fixture.store, &err) != ERR_OK)
		fail_msg("start: %s", err.text);
}

static int setup(void **state)
{
	struct faulty *faulty = calloc(1, sizeof(*faulty));

	if (!faulty)
		return -1;
	fixture_make_directory(faulty->fixture.directory);
	snprintf(faulty->control, sizeof(faulty->control), "%s/control", faulty->fixture.directory);
	setenv("FAILING_WRITES", faulty->control, 1);
	open_faulty(faulty);
	assert_int_equal(put_number(faulty->fixture.store, "a", 1), ERR_OK);
	*state = faulty;
	return 0;
}

static int teardown(void **state)
{
	struct faulty *faulty = *state;

	(void)unlink(faulty->control);
	store_close(faulty->fixture.store);
	unsetenv("FAILING_WRITES");
	fixture_remove_directory(faulty->fixture.directory);
	free(faulty);
	return 0;
}

static void set_rules(struct faulty *faulty, const char *rules)
{
	char path[160];

	snprintf(path, sizeof(path), "%s.new", faulty->control);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(rules, file);
	fclose(file);
	assert_int_equal(rename(path, faulty->control), 0);
}

static void heal(struct faulty *faulty)
{
	assert_int_equal(unlink(faulty->control), 0);
}

/* The state on the disk, checked page by page, is the one that is served. */
static void check_sound(struct faulty *faulty, uint64_t number)
{
	assert_int_equal(read_number(faulty->fixture.store, "a"), number);
	store_close(faulty->fixture.store);
	open_faulty(faulty);
	assert_int_equal(read_number(faulty->fixture.store, "a"), number);
}

/* -- a new database ------------------------------------------------------------------------------- */

/* It has its name only when it is on the disk, so no start meets half of one. */
static void test_a_new_database_is_whole_or_absent(void **state)
{
	static const struct {
		const char *rule;
		enum error_code code;
	} rules[] = {
		{ "vault.db.new sync 0 1 EIO\n", ERR_IO },
		{ "vault.db.new write 0 1 EIO\n", ERR_IO },
		{ "vault.db.new write 0 1 SHORT\n", ERR_STORAGE_FULL },
	};
	struct faulty *faulty = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/vault.db", faulty->fixture.directory);
	store_close(faulty->fixture.store);
	faulty->fixture.store = NULL;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct error err = ERROR_INIT;

		assert_true(unlink(path) == 0 || i > 0);
		set_rules(faulty, rules[i].rule);
		assert_int_equal(try_open(faulty->fixture.directory, true, true, &faulty->fixture.store, &err),
				 rules[i].code);
		assert_int_equal(access(path, F_OK), -1);
		heal(faulty);
	}
	/* What a creation that was broken off has left does not matter. */
	strcat(path, ".new");
	FILE *torn = fopen(path, "w");
	assert_non_null(torn);
	fputs("torn", torn);
	fclose(torn);
	open_faulty(faulty);
	assert_int_equal(put_number(faulty->fixture.store, "a", 7), ERR_OK);
	assert_int_equal(access(path, F_OK), -1);
	check_sound(faulty, 7);
}

/* -- nothing happened ---------------------------------------------------------------------------- */

static void full_disk(struct faulty *faulty, const char *rules)
{
	set_rules(faulty, rules);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(put_number(faulty->fixture.store, "a", 2), ERR_STORAGE_FULL);
		assert_int_equal(read_number(faulty->fixture.store, "a"), 1);
	}
	heal(faulty);
	assert_int_equal(put_number(faulty->fixture.store, "a", 3), ERR_OK);
	assert_int_equal(faulty->reopened, 0);
	assert_int_equal(faulty->unknown, 0);
	check_sound(faulty, 3);
}

static void test_full_disk(void **state)
{
	full_disk(*state, "vault.db data 0 0 ENOSPC\n");
}

static void test_quota(void **state)
{
	full_disk(*state, "vault.db data 0 0 EDQUOT\n");
}

static void test_file_too_large(void **state)
{
	full_disk(*state, "vault.db data 0 0 EFBIG\n");
}

static void test_full_disk_shows_at_the_sync(void **state)
{
	full_disk(*state, "vault.db sync 0 0 ENOSPC\n");
}

/* LMDB turns a short write into EIO. The first write of each commit is cut, what comes next says why. */
static void test_full_disk_shows_as_a_short_write(void **state)
{
	struct faulty *faulty = *state;

	set_rules(faulty, "vault.db data 0 1 SHORT\nvault.db data 1 0 ENOSPC\n");
	assert_int_equal(put_number(faulty->fixture.store, "a", 2), ERR_STORAGE_FULL);
	heal(faulty);
	assert_int_equal(put_number(faulty->fixture.store, "a", 3), ERR_OK);
	assert_int_equal(faulty->reopened, 0);
	check_sound(faulty, 3);
}

/* The kernel's own short write, at a limit of the file's size. */
static void test_a_real_short_write(void **state)
{
	struct faulty *faulty = *state;
	struct rlimit before, limit;
	struct change_request put = { .key = "large", .len = 400000 };
	struct change_request small = { .key = "a", .number = 2 };
	struct store_counts counts;
	struct error err = ERROR_INIT;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

	assert_int_equal(store_counts(faulty->fixture.store, &counts, &err), ERR_OK);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = counts.file_bytes + 50000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	const enum error_code large_code = change_run(faulty->fixture.store, &put);
	const enum error_code small_code = change_run(faulty->fixture.store, &small);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, handler);
	assert_int_equal(large_code, ERR_STORAGE_FULL);
	assert_int_equal(small_code, ERR_OK);
	assert_int_equal(faulty->reopened, 0);
	assert_int_equal(read_number(faulty->fixture.store, "large"), UINT64_MAX);
	struct change_request again = { .key = "large", .len = 400000, .number = 4 };
	assert_int_equal(change_run(faulty->fixture.store, &again), ERR_OK);
	check_sound(faulty, 2);
}

static void test_an_interrupted_write_goes_on(void **state)
{
	struct faulty *faulty = *state;

	set_rules(faulty, "vault.db write 0 1 EINTR\nvault.db meta 0 1 EINTR\n");
	assert_int_equal(put_number(faulty->fixture.store, "a", 2), ERR_OK);
	heal(faulty);
	assert_int_equal(faulty->reopened, 0);
	check_sound(faulty, 2);
}

/* The batch as a whole fails once; one by one they fit. */
static void test_a_failed_batch_is_replayed(void **state)
{
	struct faulty *faulty = *state;
	struct change_request changes[40];
	struct error err = ERROR_INIT;
	char keys[40][8];

	memset(changes, 0, sizeof(changes));
	set_rules(faulty, "vault.db sync 1 1 ENOSPC\n");
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		snprintf(keys[i], sizeof(keys[i]), "%zu", i);
		changes[i] = (struct change_request){ .key = keys[i], .number = i };
		assert_int_equal(change_submit(faulty->fixture.store, &changes[i], &err), ERR_OK);
	}
	unsigned full = 0;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		const enum error_code code = change_wait(&changes[i]);

		full += code == ERR_STORAGE_FULL;
		assert_true(code == ERR_OK || code == ERR_STORAGE_FULL);
		assert_int_equal(read_number(faulty->fixture.store, keys[i]), code == ERR_OK ? i : UINT64_MAX);
	}
	/* One when the failing commit was of one request, which then is its own culprit; otherwise nobody. */
	assert_true(full <= 1);
	heal(faulty);
	assert_int_equal(faulty->reopened, 0);
}

/* -- nobody knows ----------------------------------------------------------------------------------- */

/* What reopened() finds is what is served, before and after the next start. */
static void unknown_outcome(struct faulty *faulty, const char *rules, bool happened)
{
	set_rules(faulty, rules);
	assert_int_equal(put_number(faulty->fixture.store, "a", 2), ERR_OUTCOME_UNKNOWN);
	assert_true(wait_writable(faulty->fixture.store));
	heal(faulty);
	assert_int_equal(faulty->unknown, 1);
	assert_int_equal(faulty->unknown_changes, 1);
	assert_int_equal(faulty->reopened, 1);
	assert_int_equal(faulty->found, happened ? 2 : 1);
	assert_int_equal(read_number(faulty->fixture.store, "a"), happened ? 2 : 1);
	check_sound(faulty, happened ? 2 : 1);
	assert_int_equal(put_number(faulty->fixture.store, "a", 3), ERR_OK);
	check_sound(faulty, 3);
}

static void test_sync_fails(void **state)
{
	unknown_outcome(*state, "vault.db sync 0 1 EIO\n", false);
}

static void test_sync_happens_and_fails(void **state)
{
	unknown_outcome(*state, "vault.db sync 0 1 EIO after\n", false);
}

static void test_data_write_fails(void **state)
{
	unknown_outcome(*state, "vault.db data 0 1 EIO\n", false);
}

static void test_meta_write_fails(void **state)
{
	unknown_outcome(*state, "vault.db meta 0 1 EIO\n", false);
}

/* LMDB writes the old meta page back, and that works. */
static void test_meta_write_happens_fails_and_is_undone(void **state)
{
	unknown_outcome(*state, "vault.db meta 0 1 EIO after\n", false);
}

/* The page is on the disk, and writing the old one back fails too: it did happen. */
static void test_meta_write_happens_and_fails(void **state)
{
	unknown_outcome(*state, "vault.db meta 0 1 EIO after\nvault.db meta 1 1 EIO\n", true);
}

/* No room for the meta page is no harmless failure: LMDB is past the point of return. */
static void test_meta_write_finds_no_room(void **state)
{
	unknown_outcome(*state, "vault.db meta 0 1 ENOSPC after\nvault.db meta 1 1 ENOSPC\n", true);
}

static void test_busy_until_readers_end(void **state)
{
	struct faulty *faulty = *state;
	struct store_snapshot *held = NULL, *more = NULL;
	struct error err = ERROR_INIT;
	struct store_bytes value;

	assert_int_equal(store_snapshot_begin(faulty->fixture.store, &held, &err), ERR_OK);
	set_rules(faulty, "vault.db meta 0 1 EIO\n");
	assert_int_equal(put_number(faulty->fixture.store, "a", 2), ERR_OUTCOME_UNKNOWN);
	heal(faulty);
	assert_int_equal(store_snapshot_begin(faulty->fixture.store, &more, &err), ERR_BUSY);
	assert_int_equal(put_number(faulty->fixture.store, "a", 3), ERR_BUSY);
	assert_int_equal(faulty->reopened, 0);
	/* The environment is still there for those who read. */
	assert_int_equal(store_get(held, "a", 1, &value), ERR_OK);
	assert_int_equal(value_number(value), 1);
	store_snapshot_end(held);
	assert_true(wait_writable(faulty->fixture.store));
	assert_int_equal(put_number(faulty->fixture.store, "a", 3), ERR_OK);
	check_sound(faulty, 3);
}

/* Requests that waited while the outcome became unknown go on afterwards; nobody gets two answers or none. */
static void test_the_queue_goes_on(void **state)
{
	struct faulty *faulty = *state;
	struct change_request changes[1500];
	char keys[1500][8];
	bool queued[1500];
	unsigned unknown = 0;

	memset(changes, 0, sizeof(changes));
	set_rules(faulty, "vault.db sync 1 1 EIO\n");
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct error err = ERROR_INIT;

		snprintf(keys[i], sizeof(keys[i]), "%zu", i);
		changes[i] = (struct change_request){ .key = keys[i], .number = i };
		const enum error_code code = change_submit(faulty->fixture.store, &changes[i], &err);
		queued[i] = code == ERR_OK;
		assert_true(queued[i] || code == ERR_BUSY);
	}
	for (size_t i = 0; i < ARRAY_LEN(changes); i++)
		if (queued[i])
			unknown += change_wait(&changes[i]) == ERR_OUTCOME_UNKNOWN;
	assert_true(wait_writable(faulty->fixture.store));
	heal(faulty);
	assert_true(unknown > 0);
	assert_int_equal(faulty->reopened, 1);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		const uint64_t found = read_number(faulty->fixture.store, keys[i]);

		if (queued[i] && changes[i].outcome == ERR_OK)
			assert_int_equal(found, i);
		else
			assert_true(found == UINT64_MAX || found == i);
	}
	assert_int_equal(put_number(faulty->fixture.store, "a", 3), ERR_OK);
}

static void test_reopening_is_tried_again(void **state)
{
	const struct timespec while_failing = { 1, 300 * 1000 * 1000 };
	struct faulty *faulty = *state;
	struct store_counts counts;
	struct error err = ERROR_INIT;

	set_rules(faulty, "vault.db sync 0 0 EIO\n");
	assert_int_equal(put_number(faulty->fixture.store, "a", 2), ERR_OUTCOME_UNKNOWN);
	nanosleep(&while_failing, NULL);
	assert_int_equal(store_counts(faulty->fixture.store, &counts, &err), ERR_BUSY);
	assert_int_equal(put_number(faulty->fixture.store, "a", 3), ERR_BUSY);
	assert_int_equal(faulty->reopened, 0);
	faulty->refuse_reopened = 1;	/* the hook is asked again as well */
	heal(faulty);
	assert_true(wait_writable(faulty->fixture.store));
	assert_int_equal(faulty->reopened, 2);
	assert_int_equal(put_number(faulty->fixture.store, "a", 3), ERR_OK);
	check_sound(faulty, 3);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_stop_while_reopening_fails(void **state)
{
	struct faulty *faulty = *state;
	struct error err = ERROR_INIT;

	set_rules(faulty, "vault.db sync 0 0 EIO\n");
	assert_int_equal(put_number(faulty->fixture.store, "a", 2), ERR_OUTCOME_UNKNOWN);
	const double begin = seconds();
	store_stop(faulty->fixture.store);
	assert_true(seconds() - begin < 5);
	assert_int_equal(put_number(faulty->fixture.store, "a", 3), ERR_SEALED);
	/* Started again it takes the work up by itself, though nobody can submit anything yet. */
	heal(faulty);
	assert_int_equal(store_start(faulty->fixture.store, &err), ERR_OK);
	assert_true(wait_writable(faulty->fixture.store));
	assert_int_equal(faulty->reopened, 1);
	assert_int_equal(put_number(faulty->fixture.store, "a", 3), ERR_OK);
	check_sound(faulty, 3);
}

/* A file to which nothing was ever committed opens again, too. */
static void test_the_first_commit_fails(void **state)
{
	struct faulty *faulty = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/vault.db", faulty->fixture.directory);
	store_close(faulty->fixture.store);
	assert_int_equal(unlink(path), 0);
	open_faulty(faulty);
	set_rules(faulty, "vault.db meta 0 1 EIO\n");
	assert_int_equal(put_number(faulty->fixture.store, "a", 2), ERR_OUTCOME_UNKNOWN);
	assert_true(wait_writable(faulty->fixture.store));
	heal(faulty);
	assert_int_equal(faulty->found, UINT64_MAX);
	assert_int_equal(put_number(faulty->fixture.store, "a", 3), ERR_OK);
	check_sound(faulty, 3);
}

/* Who wants to read before the writer starts opens it. */
static void test_opened_again_while_stopped(void **state)
{
	struct faulty *faulty = *state;
	struct store_counts counts;
	struct error err = ERROR_INIT;

	assert_int_equal(store_reopen_stopped(faulty->fixture.store, &err), ERR_OK);	/* nothing to do */
	set_rules(faulty, "vault.db sync 0 0 EIO\n");
	assert_int_equal(put_number(faulty->fixture.store, "a", 2), ERR_OUTCOME_UNKNOWN);
	store_stop(faulty->fixture.store);
	assert_int_equal(store_reopen_stopped(faulty->fixture.store, &err), ERR_IO);
	err = (struct error)ERROR_INIT;
	assert_int_equal(store_counts(faulty->fixture.store, &counts, &err), ERR_BUSY);
	heal(faulty);
	err = (struct error)ERROR_INIT;
	assert_int_equal(store_reopen_stopped(faulty->fixture.store, &err), ERR_OK);
	assert_int_equal(store_counts(faulty->fixture.store, &counts, &err), ERR_OK);
	assert_int_equal(faulty->reopened, 0);
	assert_int_equal(store_start(faulty->fixture.store, &err), ERR_OK);
	assert_int_equal(put_number(faulty->fixture.store, "a", 3), ERR_OK);
	check_sound(faulty, 3);
}

/* Every write and every sync of a few commits fails once, in every way: acknowledged means there, anything else is old or new. */
static void test_every_call_fails_once(void **state)
{
	static const char *const errors[] = { "EIO", "EIO after", "ENOSPC", "ENOSPC after", "SHORT" };
	static const char *const calls[] = { "write", "sync" };
	struct faulty *faulty = *state;
	uint64_t number = 1;

	for (size_t error = 0; error < ARRAY_LEN(errors); error++)
		for (size_t call = 0; call < ARRAY_LEN(calls); call++)
			for (unsigned skip = 0; skip < 6; skip++) {
				char rules[64];

				snprintf(rules, sizeof(rules), "vault.db %s %u 1 %s\n", calls[call], skip, errors[error]);
				set_rules(faulty, rules);
				for (unsigned i = 0; i < 3; i++) {
					const uint64_t before = read_number(faulty->fixture.store, "a");
					struct change_request put = { .key = "a", .number = ++number, .len = 9000 };
					const enum error_code code = change_run(faulty->fixture.store, &put);

					assert_true(wait_writable(faulty->fixture.store));
					const uint64_t after = read_number(faulty->fixture.store, "a");
					if (code == ERR_OK)
						assert_int_equal(after, number);
					else if (code == ERR_OUTCOME_UNKNOWN)
						assert_true(after == before || after == number);
					else
						assert_int_equal(after, before);
				}
				heal(faulty);
				check_sound(faulty, read_number(faulty->fixture.store, "a"));
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_new_database_is_whole_or_absent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_quota, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk_shows_at_the_sync, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk_shows_as_a_short_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_real_short_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_interrupted_write_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_failed_batch_is_replayed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sync_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sync_happens_and_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_data_write_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_meta_write_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_meta_write_happens_fails_and_is_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_meta_write_happens_and_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_meta_write_finds_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_busy_until_readers_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_queue_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reopening_is_tried_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_while_reopening_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_first_commit_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_opened_again_while_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_call_fails_once, setup, teardown),
	};

	return cmocka_run_group_tests_name("store_faults", tests, NULL, NULL);
}
