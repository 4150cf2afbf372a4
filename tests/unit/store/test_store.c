#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "vault/limits.h"

/* -- opening ------------------------------------------------------------------------------ */

static void test_absent(void **state)
{
	struct error err = ERROR_INIT;
	struct store *store = NULL;
	char directory[64];

	(void)state;
	fixture_make_directory(directory);
	assert_false(store_exists(directory));
	assert_int_equal(try_open(directory, false, true, &store, &err), ERR_NOT_FOUND);
	assert_null(store);
	assert_false(store_exists(directory));
	error_clear(&err);
	assert_int_equal(try_open(directory, true, true, &store, &err), ERR_OK);
	assert_true(store_exists(directory));
	store_close(store);
	/* Never written to: both meta pages still have transaction 0. */
	assert_int_equal(try_open(directory, false, true, &store, &err), ERR_OK);
	store_close(store);
	fixture_remove_directory(directory);
}

static unsigned mode_of(const char *directory, const char *name)
{
	char path[128];
	struct stat info;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(stat(path, &info), 0);
	return info.st_mode & 07777;
}

static void test_modes(void **state)
{
	static const mode_t masks[] = { 0, 022, 077 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		const mode_t before = umask(masks[i]);
		char directory[64];

		fixture_make_directory(directory);
		store_close(open_store(directory, MAP_SIZE, false));
		assert_int_equal(umask(before), masks[i]);
		assert_int_equal(mode_of(directory, "vault.db"), 0600);
		assert_int_equal(mode_of(directory, "vault.db-lock"), 0600);
		assert_int_equal(mode_of(directory, "lock"), 0600);
		fixture_remove_directory(directory);
	}
}

static void test_descriptors_are_close_on_exec(void **state)
{
	struct fixture *fixture = *state;
	DIR *open_files = opendir("/proc/self/fd");
	unsigned ours = 0;

	assert_non_null(open_files);
	for (struct dirent *entry; (entry = readdir(open_files));) {
		char path[300], target[4096];
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len <= 0)
			continue;
		target[len] = '\0';
		if (!strstr(target, fixture->directory))
			continue;
		ours++;
		assert_true(fcntl(atoi(entry->d_name), F_GETFD) & FD_CLOEXEC);
	}
	closedir(open_files);
	assert_true(ours >= 3);
}

static void test_foreign_files_are_refused(void **state)
{
	struct error err = ERROR_INIT;
	struct store *store = NULL;
	char directory[64], path[128], aside[128];

	(void)state;
	fixture_make_directory(directory);
	store_close(open_store(directory, MAP_SIZE, false));
	snprintf(path, sizeof(path), "%s/vault.db", directory);
	snprintf(aside, sizeof(aside), "%s/control", directory);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(try_open(directory, false, false, &store, &err), ERR_PERMISSION);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(symlink(aside, path), 0);
	error_clear(&err);
	assert_int_not_equal(try_open(directory, false, false, &store, &err), ERR_OK);
	fixture_remove_directory(directory);
}

static void test_second_open(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	struct store *store = NULL;
	int status;

	assert_int_equal(try_open(fixture->directory, true, false, &store, &err), ERR_STORE_LOCKED);
	const pid_t child = fork();
	if (child == 0) {
		error_clear(&err);
		_exit(try_open(fixture->directory, true, true, &store, &err) == ERR_STORE_LOCKED ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* What was refused has harmed nobody. */
	assert_int_equal(put_number(fixture->store, "key", 7), ERR_OK);
	assert_int_equal(read_number(fixture->store, "key"), 7);
}

/* -- reading and writing -------------------------------------------------------------------- */

static void test_put_get_delete(void **state)
{
	struct fixture *fixture = *state;
	struct change_request gone = { .key = "a", .delete = true };
	struct change_request absent = { .key = "never", .delete = true };

	assert_int_equal(read_number(fixture->store, "a"), UINT64_MAX);
	assert_int_equal(put_number(fixture->store, "a", 1), ERR_OK);
	assert_int_equal(put_number(fixture->store, "a", 2), ERR_OK);
	assert_int_equal(read_number(fixture->store, "a"), 2);
	assert_int_equal(change_run(fixture->store, &gone), ERR_OK);
	assert_int_equal(read_number(fixture->store, "a"), UINT64_MAX);
	assert_int_equal(change_run(fixture->store, &absent), ERR_OK);
}

static void test_survives_reopening(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(put_number(fixture->store, "a", 41), ERR_OK);
	store_close(fixture->store);
	fixture->store = open_store(fixture->directory, MAP_SIZE, true);
	assert_int_equal(read_number(fixture->store, "a"), 41);
}

/* Many changes in one request. */
struct many {
	struct change_request change;
	size_t first, len;
	bool delete;
};

static enum error_code prepare_many(struct store_request *request, const struct store_snapshot *snapshot,
				    struct store_write *write, struct error *err)
{
	struct many *many = (struct many *)(void *)request;
	enum error_code code = ERR_OK;

	(void)snapshot;
	for (size_t i = many->first; i < many->first + many->len && code == ERR_OK; i++) {
		char key[32];
		size_t key_len = (size_t)snprintf(key, sizeof(key), "many-%zu", i * 7919 % 10007);
		uint8_t *space;

		if (many->delete)
			code = store_write_delete(write, key, key_len, err);
		else if ((code = store_write_put(write, key, key_len, i % 3 == 0 ? 1200 : 200, &space, err)) == ERR_OK)
			memset(space, 1, i % 3 == 0 ? 1200 : 200);
	}
	return code;
}

static enum error_code run_many(struct store *store, size_t first, size_t len, bool delete)
{
	struct many many = { .change.request.prepare = prepare_many, .first = first, .len = len, .delete = delete };

	return change_run(store, &many.change);
}

/* However much was taken and let go in one commit, the file is as long as it says, and so opens again. */
static void test_file_is_as_long_as_it_says(void **state)
{
	struct fixture *fixture = *state;

	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < 160 + 10 * round; i++)
			assert_int_equal(run_many(fixture->store, 3 * i, 3, false), ERR_OK);
		assert_int_equal(run_many(fixture->store, 0, 3 * (150 + 10 * round), true), ERR_OK);
		store_close(fixture->store);
		fixture->store = open_store(fixture->directory, MAP_SIZE, true);
		store_close(fixture->store);
		fixture_remove_directory(fixture->directory);
		fixture_make_directory(fixture->directory);
		fixture->store = open_store(fixture->directory, MAP_SIZE, false);
	}
}

static void test_key_limits(void **state)
{
	struct fixture *fixture = *state;
	char key[LIMIT_STORE_KEY + 2];

	memset(key, 'k', sizeof(key));
	key[LIMIT_STORE_KEY + 1] = '\0';
	assert_int_not_equal(put_number(fixture->store, key, 1), ERR_OK);
	key[LIMIT_STORE_KEY] = '\0';
	assert_int_equal(put_number(fixture->store, key, 1), ERR_OK);
	assert_int_equal(read_number(fixture->store, key), 1);
	assert_int_not_equal(put_number(fixture->store, "", 1), ERR_OK);
	assert_int_equal(put_number(fixture->store, "k", 1), ERR_OK);
}

static void test_value_limit(void **state)
{
	struct fixture *fixture = *state;
	struct change_request most = { .key = "a", .number = 5, .len = LIMIT_BATCH_BYTES - 1 };
	struct change_request more = { .key = "a", .number = 6, .len = LIMIT_BATCH_BYTES };

	store_close(fixture->store);
	fixture->store = open_store(fixture->directory, 8 * MAP_SIZE, false);
	assert_int_equal(change_run(fixture->store, &most), ERR_OK);
	assert_int_equal(read_number(fixture->store, "a"), 5);
	assert_int_equal(change_run(fixture->store, &more), ERR_TOO_LARGE);
	assert_int_equal(read_number(fixture->store, "a"), 5);
}

static void test_snapshot_isolation(void **state)
{
	struct fixture *fixture = *state;
	struct store_snapshot *old = NULL, *new = NULL;
	struct error err = ERROR_INIT;
	struct store_bytes value;

	assert_int_equal(put_number(fixture->store, "a", 1), ERR_OK);
	assert_int_equal(store_snapshot_begin(fixture->store, &old, &err), ERR_OK);
	for (uint64_t number = 2; number < 50; number++)
		assert_int_equal(put_number(fixture->store, "a", number), ERR_OK);
	assert_int_equal(put_number(fixture->store, "b", 1), ERR_OK);
	assert_int_equal(store_snapshot_begin(fixture->store, &new, &err), ERR_OK);
	assert_int_equal(store_get(old, "a", 1, &value), ERR_OK);
	assert_int_equal(value_number(value), 1);
	assert_int_equal(store_get(old, "b", 1, &value), ERR_NOT_FOUND);
	assert_int_equal(store_get(new, "a", 1, &value), ERR_OK);
	assert_int_equal(value_number(value), 49);
	assert_true(store_snapshot_id(new) > store_snapshot_id(old));
	store_snapshot_end(old);
	store_snapshot_end(new);
	store_snapshot_end(NULL);
}

struct scanned {
	char keys[256];
	unsigned left;
	bool has_values;
	bool lacks_values;
};

static bool note_key(void *arg, struct store_bytes key, struct store_bytes value)
{
	struct scanned *scanned = arg;
	const size_t len = strlen(scanned->keys);

	snprintf(scanned->keys + len, sizeof(scanned->keys) - len, "%.*s ", (int)key.len, (const char *)key.at);
	scanned->has_values |= value.at != NULL;
	scanned->lacks_values |= value.at == NULL;
	return --scanned->left > 0;
}

static struct scanned scan(struct store *store, const char *prefix, unsigned most, bool with_values)
{
	cleanup_(store_snapshot_endp) struct store_snapshot *snapshot = NULL;
	struct scanned scanned = { .left = most };
	struct error err = ERROR_INIT;

	assert_int_equal(store_snapshot_begin(store, &snapshot, &err), ERR_OK);
	assert_int_equal(store_scan(snapshot, prefix, strlen(prefix), with_values, note_key, &scanned, &err), ERR_OK);
	return scanned;
}

static void test_scan(void **state)
{
	static const char *const keys[] = { "b2", "a", "b", "c", "b1", "bb", "b10" };
	struct fixture *fixture = *state;

	assert_string_equal(scan(fixture->store, "", 99, true).keys, "");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct change_request put = { .key = keys[i], .number = i, .len = i % 2 ? 20000 : 0 };

		assert_int_equal(change_run(fixture->store, &put), ERR_OK);
	}
	assert_string_equal(scan(fixture->store, "", 99, true).keys, "a b b1 b10 b2 bb c ");
	assert_string_equal(scan(fixture->store, "b", 99, true).keys, "b b1 b10 b2 bb ");
	assert_string_equal(scan(fixture->store, "b1", 99, true).keys, "b1 b10 ");
	assert_string_equal(scan(fixture->store, "b", 2, true).keys, "b b1 ");
	assert_string_equal(scan(fixture->store, "bz", 99, true).keys, "");
	assert_string_equal(scan(fixture->store, "z", 99, true).keys, "");
	assert_false(scan(fixture->store, "", 99, true).lacks_values);
	assert_false(scan(fixture->store, "", 99, false).has_values);
	assert_string_equal(scan(fixture->store, "b", 99, false).keys, "b b1 b10 b2 bb ");
}

static void test_counts(void **state)
{
	struct fixture *fixture = *state;
	struct store_counts before, after;
	struct error err = ERROR_INIT;

	assert_int_equal(store_counts(fixture->store, &before, &err), ERR_OK);
	assert_int_equal(before.entries, 0);
	assert_true(before.writable);
	assert_int_equal(put_number(fixture->store, "a", 1), ERR_OK);
	assert_int_equal(put_number(fixture->store, "b", 1), ERR_OK);
	assert_int_equal(put_number(fixture->store, "b", 2), ERR_OK);
	assert_int_equal(store_counts(fixture->store, &after, &err), ERR_OK);
	assert_int_equal(after.entries, 2);
	assert_int_equal(after.last_txn_id, before.last_txn_id + 3);
	assert_true(after.file_bytes >= 3 * 4096);
	assert_true(after.free_pages > 0);
	store_stop(fixture->store);
	assert_int_equal(store_counts(fixture->store, &after, &err), ERR_OK);
	assert_false(after.writable);
}

static void test_readers_limit(void **state)
{
	enum { READERS = 4 };
	struct fixture *fixture = *state;
	const struct store_options options = {
		.directory = fixture->directory, .max_size = MAP_SIZE, .skip_walk = true, .max_readers = READERS,
	};
	struct store_snapshot *snapshots[READERS] = { NULL }, *more = NULL;
	struct error err = ERROR_INIT;

	store_close(fixture->store);
	assert_int_equal(store_open(&options, &fixture->store, &err), ERR_OK);
	assert_int_equal(store_start(fixture->store, &err), ERR_OK);
	for (unsigned round = 0; round < 3; round++) {	/* slots come back */
		for (size_t i = 0; i < READERS; i++)
			assert_int_equal(store_snapshot_begin(fixture->store, &snapshots[i], &err), ERR_OK);
		assert_int_equal(store_snapshot_begin(fixture->store, &more, &err), ERR_BUSY);
		error_clear(&err);
		for (size_t i = 0; i < READERS; i++)
			store_snapshot_end(snapshots[i]);
	}
	assert_int_equal(put_number(fixture->store, "a", 1), ERR_OK);
}

/* -- requests ------------------------------------------------------------------------------- */

static void test_prepare_fails(void **state)
{
	struct fixture *fixture = *state;
	struct change_request change = { .key = "a", .prepare_code = ERR_CAS };
	struct error err = ERROR_INIT;

	assert_int_equal(change_submit(fixture->store, &change, &err), ERR_CAS);
	assert_string_equal(err.text, "prepare() refused");
	store_stop(fixture->store);
	assert_false(change.is_done);
	assert_null(change.request.write_);
}

static void test_stop_and_start(void **state)
{
	struct fixture *fixture = *state;
	struct change_request changes[100];
	struct error err = ERROR_INIT;
	char keys[100][8];

	memset(changes, 0, sizeof(changes));
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		snprintf(keys[i], sizeof(keys[i]), "%zu", i);
		changes[i] = (struct change_request){ .key = keys[i], .number = i };
		assert_int_equal(change_submit(fixture->store, &changes[i], &err), ERR_OK);
	}
	store_stop(fixture->store);	/* finishes what is queued */
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		assert_true(changes[i].is_done);
		assert_int_equal(changes[i].outcome, ERR_OK);
	}
	assert_int_equal(put_number(fixture->store, "late", 1), ERR_SEALED);
	assert_int_equal(read_number(fixture->store, "99"), 99);
	store_stop(fixture->store);
	assert_int_equal(store_start(fixture->store, &err), ERR_OK);
	assert_int_equal(put_number(fixture->store, "late", 1), ERR_OK);
}

static void test_guard_absent(void **state)
{
	struct fixture *fixture = *state;
	struct change_request first = { .key = "a", .number = 1, .guard_absent = true };
	struct change_request second = { .key = "a", .number = 2, .guard_absent = true };

	assert_int_equal(change_run(fixture->store, &first), ERR_OK);
	assert_int_equal(first.prepared, 1);
	/* It says that it saw nothing, whatever it sees: not even the second run can hold. */
	assert_int_equal(change_run(fixture->store, &second), ERR_CONFLICT);
	assert_int_equal(second.prepared, 2);
	assert_int_equal(read_number(fixture->store, "a"), 1);
}

enum { WORKERS = 32, ROUNDS = 60 };

static void *count_up(void *arg)
{
	struct store *store = arg;
	uintptr_t failures = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct change_request change = { .key = "counter", .number = 1, .guard_read = true };

		failures += change_run(store, &change) != ERR_OK;
	}
	return (void *)failures;
}

static void test_contended_counter_is_exact(void **state)
{
	struct fixture *fixture = *state;
	pthread_t threads[WORKERS];

	for (size_t i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, fixture->store), 0);
	for (size_t i = 0; i < WORKERS; i++) {
		void *failures;

		assert_int_equal(pthread_join(threads[i], &failures), 0);
		assert_null(failures);
	}
	assert_int_equal(read_number(fixture->store, "counter"), WORKERS * ROUNDS);
}

struct pair_reader {
	struct store *store;
	_Atomic bool stop;
	_Atomic unsigned reads;
	_Atomic bool torn;
};

static enum error_code prepare_pair(struct store_request *request, const struct store_snapshot *snapshot,
				    struct store_write *write, struct error *err)
{
	struct change_request *change = (struct change_request *)(void *)request;
	uint8_t *space;

	(void)snapshot;
	for (unsigned i = 0; i < 2; i++) {
		if (store_write_put(write, i ? "right" : "left", i ? 5 : 4, VALUE_LEN, &space, err) != ERR_OK)
			return err->code;
		value_fill(space, change->number);
	}
	return ERR_OK;
}

static void note_done(struct store_request *request, enum error_code outcome, const struct error *err)
{
	struct change_request *change = (struct change_request *)(void *)request;

	(void)err;
	change->outcome = outcome;
}

static void *read_pairs(void *arg)
{
	struct pair_reader *reader = arg;

	while (!reader->stop) {
		cleanup_(store_snapshot_endp) struct store_snapshot *snapshot = NULL;
		struct store_bytes left, right;
		struct error err = ERROR_INIT;

		if (store_snapshot_begin(reader->store, &snapshot, &err) != ERR_OK)
			abort();
		if (store_get(snapshot, "left", 4, &left) != ERR_OK || store_get(snapshot, "right", 5, &right) != ERR_OK)
			continue;
		if (value_number(left) != value_number(right))
			reader->torn = true;
		reader->reads++;
	}
	return NULL;
}

static void test_readers_see_whole_requests(void **state)
{
	struct fixture *fixture = *state;
	struct pair_reader reader = { .store = fixture->store };
	struct change_request changes[2000];
	struct error err = ERROR_INIT;
	pthread_t threads[4];

	memset(changes, 0, sizeof(changes));
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_pairs, &reader), 0);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		changes[i].number = i;
		changes[i].request = (struct store_request){ .prepare = prepare_pair, .done = note_done };
		assert_int_equal(store_submit(fixture->store, &changes[i].request, &err), ERR_OK);
	}
	store_stop(fixture->store);
	while (reader.reads < 100)
		;
	reader.stop = true;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_false(reader.torn);
	assert_int_equal(read_number(fixture->store, "left"), ARRAY_LEN(changes) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_modes),
		cmocka_unit_test_setup_teardown(test_descriptors_are_close_on_exec, fixture_setup, fixture_teardown),
		cmocka_unit_test(test_foreign_files_are_refused),
		cmocka_unit_test_setup_teardown(test_second_open, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_put_get_delete, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_survives_reopening, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_file_is_as_long_as_it_says, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_key_limits, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_value_limit, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_snapshot_isolation, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_scan, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_counts, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_readers_limit, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_prepare_fails, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_stop_and_start, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_guard_absent, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_contended_counter_is_exact, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_readers_see_whole_requests, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
