/* Compaction: the same records in a smaller file, with readers and writers at work, and whatever fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "fixture.h"

#define MARKER "MARKER-OF-WHAT-IS-DELETED"

static enum error_code compact_with(struct store *store, const struct store_compaction *compaction, struct store_compacted *ret)
{
	struct error err = ERROR_INIT;
	enum error_code code = store_compact(store, compaction, ret, &err);

	assert_int_equal(code, err.code);
	assert_true(code == ERR_OK || err.text[0] != '\0');
	return code;
}

static enum error_code compact(struct store *store)
{
	const struct store_compaction plain = { .each = NULL };
	struct store_compacted result;

	return compact_with(store, &plain, &result);
}

/* -- content --------------------------------------------------------------------------------------- */

static enum error_code put_marked(struct store_request *request, const struct store_snapshot *snapshot, struct store_write *write,
				  struct error *err)
{
	struct change_request *change = (struct change_request *)(void *)request;
	uint8_t *space;

	(void)snapshot;
	if (store_write_put(write, change->key, strlen(change->key), change->len, &space, err) != ERR_OK)
		return err->code;
	memset(space, 'x', change->len);
	value_fill(space, change->number);
	for (size_t at = 200; at + sizeof(MARKER) < change->len; at += 500)
		memcpy(space + at, MARKER, sizeof(MARKER));
	return ERR_OK;
}

static void put(struct store *store, const char *key, uint64_t number, size_t len)
{
	struct change_request change = { .request = { .prepare = put_marked }, .key = key, .number = number, .len = len };

	assert_int_equal(change_run(store, &change), ERR_OK);
}

static void delete(struct store *store, const char *key)
{
	struct change_request change = { .key = key, .delete = true };

	assert_int_equal(change_run(store, &change), ERR_OK);
}

static size_t markers(const char *directory)
{
	static uint8_t content[MAP_SIZE];
	char path[128];
	size_t found = 0;

	snprintf(path, sizeof(path), "%s/vault.db", directory);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	const size_t len = fread(content, 1, sizeof(content), file);
	fclose(file);
	for (const uint8_t *at = content; (at = memmem(at, len - (size_t)(at - content), MARKER, strlen(MARKER))) != NULL; at++)
		found++;
	return found;
}

static struct store_counts counts_of(struct store *store)
{
	struct store_counts counts;
	struct error err = ERROR_INIT;

	assert_int_equal(store_counts(store, &counts, &err), ERR_OK);
	return counts;
}

static bool file_is_there(const char *directory, const char *name)
{
	char path[128];
	struct stat info;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return lstat(path, &info) == 0;
}

/* The state on the disk is walked page by page. */
static void start_again(struct fixture *fixture)
{
	struct error err = ERROR_INIT;

	store_close(fixture->store);
	if (try_open(fixture->directory, false, true, &fixture->store, &err) != ERR_OK)
		fail_msg("start: %s", err.text);
	assert_int_equal(store_start(fixture->store, &err), ERR_OK);
}

static void test_what_was_deleted_leaves_the_file(void **state)
{
	struct fixture *fixture = *state;
	const struct store_compaction plain = { .each = NULL };
	struct store_compacted result;
	struct stat info;
	char key[16], path[128];

	for (unsigned i = 0; i < 60; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		put(fixture->store, key, i, i % 3 == 0 ? 300 : 60000);
	}
	for (unsigned i = 0; i < 60; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		if (i % 10 != 0)
			delete(fixture->store, key);
	}
	const struct store_counts before = counts_of(fixture->store);
	assert_true(markers(fixture->directory) > 1000);
	assert_int_equal(compact_with(fixture->store, &plain, &result), ERR_OK);
	const struct store_counts after = counts_of(fixture->store);
	assert_int_equal(after.entries, before.entries);
	assert_int_equal(result.bytes_before, before.file_bytes);
	assert_int_equal(result.bytes_after, after.file_bytes);
	assert_true(after.file_bytes < before.file_bytes / 5);
	assert_true(after.last_txn_id > before.last_txn_id);
	for (unsigned i = 0; i < 60; i += 10) {
		snprintf(key, sizeof(key), "k%u", i);
		assert_int_equal(read_number(fixture->store, key), i);
		put(fixture->store, key, i + 1000, 300);
	}
	assert_true(counts_of(fixture->store).last_txn_id > after.last_txn_id);
	for (unsigned i = 0; i < 60; i += 10) {
		snprintf(key, sizeof(key), "k%u", i);
		delete(fixture->store, key);
	}
	put(fixture->store, "last", 7, 300);
	assert_int_equal(compact(fixture->store), ERR_OK);
	assert_true(markers(fixture->directory) <= 2);
	snprintf(path, sizeof(path), "%s/vault.db", fixture->directory);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_false(file_is_there(fixture->directory, "vault.db.new"));
	assert_false(file_is_there(fixture->directory, "vault.db.new-lock"));
	start_again(fixture);
	assert_int_equal(read_number(fixture->store, "last"), 7);
	put(fixture->store, "last", 8, 300);
	start_again(fixture);
	assert_int_equal(read_number(fixture->store, "last"), 8);
}

/* More than one transaction of the copying, and each size of a value at its border. */
static void test_large_and_small_values(void **state)
{
	struct fixture *fixture = *state;
	char key[16];

	for (unsigned i = 0; i < 70; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		put(fixture->store, key, i, VALUE_LEN + i * 7000);
	}
	for (unsigned turn = 0; turn < 3; turn++) {
		assert_int_equal(compact(fixture->store), ERR_OK);
		for (unsigned i = 0; i < 70; i++) {
			snprintf(key, sizeof(key), "k%u", i);
			assert_int_equal(read_number(fixture->store, key), i);
		}
		start_again(fixture);
	}
}

static void test_an_empty_store_and_one_record(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(compact(fixture->store), ERR_OK);
	assert_int_equal(put_number(fixture->store, "a", 1), ERR_OK);
	for (unsigned turn = 0; turn < 4; turn++) {
		assert_int_equal(compact(fixture->store), ERR_OK);
		assert_int_equal(compact(fixture->store), ERR_OK);
		start_again(fixture);
		assert_int_equal(read_number(fixture->store, "a"), 1);
	}
}

static void test_what_a_killed_one_left_is_removed(void **state)
{
	struct fixture *fixture = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/vault.db.new", fixture->directory);
	for (unsigned turn = 0; turn < 2; turn++) {
		assert_int_equal(put_number(fixture->store, "a", turn), ERR_OK);
		/* A link to something else must not be written through. */
		assert_int_equal(turn == 0 ? symlink("/etc/passwd", path) : link("/proc/self/exe", path) ? symlink("x", path) : 0, 0);
		if (turn == 0)
			start_again(fixture);
		else
			assert_int_equal(compact(fixture->store), ERR_OK);
		assert_false(file_is_there(fixture->directory, "vault.db.new"));
		assert_int_equal(read_number(fixture->store, "a"), turn);
	}
}

/* -- ended ---------------------------------------------------------------------------------------------- */

struct callbacks {
	struct store *store;
	unsigned each, all, fail_at;
	enum error_code fail_all;
	pthread_t stopper;
	bool stops;
};

static enum error_code see_each(void *arg, struct store_bytes key, struct store_bytes value, struct error *err)
{
	struct callbacks *callbacks = arg;

	assert_true(key.len > 0 && value.len >= VALUE_LEN);
	if (++callbacks->each == callbacks->fail_at)
		return error_set(err, ERR_RECORD, "refused");
	return ERR_OK;
}

static enum error_code see_all(void *arg, struct error *err)
{
	struct callbacks *callbacks = arg;

	callbacks->all++;
	return callbacks->fail_all == ERR_OK ? ERR_OK : error_set(err, callbacks->fail_all, "refused");
}

static void *stop(void *arg)
{
	store_stop(((struct callbacks *)arg)->store);
	return NULL;
}

static bool see_progress(void *arg, uint64_t done, uint64_t total)
{
	struct callbacks *callbacks = arg;
	struct store_counts counts;
	struct error err = ERROR_INIT;

	assert_true(done < total);
	if (!callbacks->stops || done != 5)
		return callbacks->stops || callbacks->fail_at == 0 || done < callbacks->fail_at;
	assert_int_equal(pthread_create(&callbacks->stopper, NULL, stop, callbacks), 0);
	do
		assert_int_equal(store_counts(callbacks->store, &counts, &err), ERR_OK);
	while (counts.writable);
	return true;
}

static void put_twenty(struct store *store)
{
	char key[16];

	for (unsigned i = 0; i < 20; i++) {
		snprintf(key, sizeof(key), "k%02u", i);
		assert_int_equal(put_number(store, key, i), ERR_OK);
	}
}

static void test_callbacks_end_it(void **state)
{
	struct fixture *fixture = *state;
	struct callbacks callbacks = { .store = fixture->store, .fail_at = 7 };
	struct store_compaction compaction = { .each = see_each, .all = see_all, .arg = &callbacks };
	struct store_compacted result;

	put_twenty(fixture->store);
	const struct store_counts before = counts_of(fixture->store);
	assert_int_equal(compact_with(fixture->store, &compaction, &result), ERR_RECORD);
	assert_int_equal(callbacks.all, 0);
	callbacks = (struct callbacks){ .store = fixture->store, .fail_all = ERR_SET_CHANGED };
	assert_int_equal(compact_with(fixture->store, &compaction, &result), ERR_SET_CHANGED);
	assert_int_equal(callbacks.each, 20);
	callbacks = (struct callbacks){ .store = fixture->store, .fail_at = 3 };
	compaction = (struct store_compaction){ .progress = see_progress, .arg = &callbacks };
	assert_int_equal(compact_with(fixture->store, &compaction, &result), ERR_CONFLICT);
	assert_int_equal(counts_of(fixture->store).last_txn_id, before.last_txn_id);
	assert_false(file_is_there(fixture->directory, "vault.db.new"));
	assert_int_equal(put_number(fixture->store, "k03", 33), ERR_OK);
	start_again(fixture);
	assert_int_equal(read_number(fixture->store, "k03"), 33);
}

static void test_a_stop_ends_it(void **state)
{
	struct fixture *fixture = *state;
	struct callbacks callbacks = { .store = fixture->store, .stops = true };
	const struct store_compaction compaction = { .progress = see_progress, .arg = &callbacks };
	struct store_compacted result;

	put_twenty(fixture->store);
	assert_int_equal(compact_with(fixture->store, &compaction, &result), ERR_SEALED);
	pthread_join(callbacks.stopper, NULL);
	assert_int_equal(compact(fixture->store), ERR_SEALED);
	start_again(fixture);
	assert_int_equal(read_number(fixture->store, "k19"), 19);
	assert_int_equal(compact(fixture->store), ERR_OK);
}

/* -- readers and writers ----------------------------------------------------------------------------------- */

static void test_a_reader_that_does_not_end_keeps_the_old_file(void **state)
{
	struct fixture *fixture = *state;
	struct store_snapshot *held = NULL;
	struct error err = ERROR_INIT;
	struct store_bytes value;

	put_twenty(fixture->store);
	assert_int_equal(store_snapshot_begin(fixture->store, &held, &err), ERR_OK);
	assert_int_equal(compact(fixture->store), ERR_BUSY);
	assert_int_equal(store_get(held, "k05", 3, &value), ERR_OK);
	assert_int_equal(value_number(value), 5);
	assert_int_equal(put_number(fixture->store, "k05", 55), ERR_OK);
	assert_int_equal(read_number(fixture->store, "k05"), 55);
	assert_int_equal(store_get(held, "k05", 3, &value), ERR_OK);
	assert_int_equal(value_number(value), 5);
	store_snapshot_end(held);
	assert_int_equal(compact(fixture->store), ERR_OK);
	start_again(fixture);
	assert_int_equal(read_number(fixture->store, "k05"), 55);
}

#define WORKERS 6

struct worker {
	struct store *store;
	atomic_bool *stop;
	unsigned number;
	char key[8];
	uint64_t added;
	enum error_code code;
};

/* A counter that only this worker counts up: each value that is acknowledged is read back, also across the swap. */
static void *count_up(void *arg)
{
	struct worker *worker = arg;

	while (!*worker->stop && worker->code == ERR_OK) {
		struct change_request change = { .key = worker->key, .number = 1, .guard_read = true, .len = worker->number * 3000 + 96 };

		worker->code = change_run(worker->store, &change);
		if (worker->code == ERR_OK && read_number(worker->store, worker->key) != ++worker->added)
			worker->code = ERR_RECORD;
	}
	return NULL;
}

/* Ids ascend for each reader, and every snapshot is whole. */
static void *read_on(void *arg)
{
	struct worker *worker = arg;
	uint64_t last = 0;

	while (!*worker->stop && worker->code == ERR_OK) {
		struct store_snapshot *snapshot = NULL;
		struct error err = ERROR_INIT;
		struct store_bytes value;

		worker->code = store_snapshot_begin(worker->store, &snapshot, &err);
		if (worker->code != ERR_OK)
			break;
		if (store_snapshot_id(snapshot) < last || store_get(snapshot, "fixed", 5, &value) != ERR_OK ||
		    value_number(value) != 42)
			worker->code = ERR_RECORD;
		last = store_snapshot_id(snapshot);
		store_snapshot_end(snapshot);
		worker->added++;
	}
	return NULL;
}

static void test_readers_and_writers_go_on(void **state)
{
	struct fixture *fixture = *state;
	atomic_bool stop = false;
	struct worker workers[WORKERS];
	pthread_t threads[WORKERS];

	assert_int_equal(put_number(fixture->store, "fixed", 42), ERR_OK);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ .store = fixture->store, .stop = &stop, .number = i };
		snprintf(workers[i].key, sizeof(workers[i].key), "w%u", i);
		assert_int_equal(pthread_create(&threads[i], NULL, i % 2 ? count_up : read_on, &workers[i]), 0);
	}
	for (unsigned turn = 0; turn < 40; turn++)
		assert_int_equal(compact(fixture->store), ERR_OK);
	stop = true;
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(threads[i], NULL);
		if (workers[i].code != ERR_OK)
			fail_msg("worker %u: %s", i, error_name(workers[i].code));
		assert_true(workers[i].added > 0);
	}
	start_again(fixture);
	for (unsigned i = 1; i < WORKERS; i += 2)
		assert_int_equal(read_number(fixture->store, workers[i].key), workers[i].added);
}

/* -- faults ------------------------------------------------------------------------------------------------- */

static void set_rules(const struct fixture *fixture, const char *rules)
{
	char path[128], new[160];

	snprintf(path, sizeof(path), "%s/control", fixture->directory);
	snprintf(new, sizeof(new), "%s.new", path);
	FILE *file = fopen(new, "w");
	assert_non_null(file);
	fputs(rules, file);
	fclose(file);
	assert_int_equal(rename(new, path), 0);
	setenv("FAILING_WRITES", path, 1);
}

static void heal(const struct fixture *fixture)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/control", fixture->directory);
	assert_int_equal(unlink(path), 0);
	unsetenv("FAILING_WRITES");
}

static void test_a_fault_leaves_the_old_or_the_new_file(void **state)
{
	static const struct {
		const char *rules;
		enum error_code code;
	} faults[] = {
		{ "vault.db.new data 0 1 ENOSPC\n", ERR_STORAGE_FULL },
		{ "vault.db.new data 0 1 EIO\n", ERR_IO },
		{ "vault.db.new data 1 0 EDQUOT\n", ERR_STORAGE_FULL },
		{ "vault.db.new meta 0 1 EIO\n", ERR_IO },	/* the empty file */
		{ "vault.db.new meta 1 1 EIO\n", ERR_IO },	/* its numbers */
		{ "vault.db.new meta 2 1 EIO\n", ERR_IO },
		{ "vault.db.new meta 3 0 EIO\n", ERR_IO },
		{ "vault.db.new meta 4 0 ENOSPC\n", ERR_STORAGE_FULL },
		{ "vault.db.new sync 0 0 EIO\n", ERR_IO },
		{ "vault.db.new sync 0 0 ENOSPC\n", ERR_STORAGE_FULL },
		{ "vault.db.new rename 0 1 EIO\n", ERR_IO },
		{ "vault.db.new rename 0 1 ENOSPC\n", ERR_STORAGE_FULL },
		{ "vault.db.new rename 0 1 EIO after\n", ERR_IO },
		{ ". sync 0 1 EIO\n", ERR_IO },
	};
	struct fixture *fixture = *state;

	put_twenty(fixture->store);
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		set_rules(fixture, faults[i].rules);
		const enum error_code code = compact(fixture->store);

		if (code != faults[i].code)
			fail_msg("%s: %s", faults[i].rules, error_name(code));
		assert_true(wait_writable(fixture->store));
		heal(fixture);
		assert_false(file_is_there(fixture->directory, "vault.db.new"));
		assert_int_equal(read_number(fixture->store, "k07"), i == 0 ? 7 : i + 99);
		assert_int_equal(read_number(fixture->store, "k19"), 19);
		assert_int_equal(put_number(fixture->store, "k07", i + 100), ERR_OK);
		start_again(fixture);
		assert_int_equal(read_number(fixture->store, "k07"), i + 100);
		assert_int_equal(compact(fixture->store), ERR_OK);
	}
}

/* Until the renaming is known to be durable nothing is acknowledged: a power cut could bring the old file back. */
static void test_a_directory_that_does_not_sync_takes_no_writes(void **state)
{
	struct fixture *fixture = *state;

	put_twenty(fixture->store);
	set_rules(fixture, ". sync 0 0 EIO\n");
	assert_int_equal(compact(fixture->store), ERR_IO);
	assert_int_equal(put_number(fixture->store, "k01", 100), ERR_BUSY);
	heal(fixture);
	assert_true(wait_writable(fixture->store));
	assert_int_equal(put_number(fixture->store, "k01", 100), ERR_OK);
	start_again(fixture);
	assert_int_equal(read_number(fixture->store, "k01"), 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_was_deleted_leaves_the_file),
		TEST(test_large_and_small_values),
		TEST(test_an_empty_store_and_one_record),
		TEST(test_what_a_killed_one_left_is_removed),
		TEST(test_callbacks_end_it),
		TEST(test_a_stop_ends_it),
		TEST(test_a_reader_that_does_not_end_keeps_the_old_file),
		TEST(test_readers_and_writers_go_on),
		TEST(test_a_fault_leaves_the_old_or_the_new_file),
		TEST(test_a_directory_that_does_not_sync_takes_no_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
