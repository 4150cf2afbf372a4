/* Group commit: what the hooks see, in which order, what a refusal costs, and how much fits a batch. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fixture.h"
#include "vault/limits.h"

#define BATCHES_MAX 8192

/* Hooks that write down what they see. They run on the writer thread; the test looks when it has stopped. */
struct log {
	pthread_mutex_t lock;
	pthread_cond_t signal;
	bool hold;		/* begin() waits */
	bool held;		/* begin() is waiting */
	bool keep_text;

	char text[4096];
	uint64_t refuse_number;		/* change() refuses this value, once or always */
	unsigned refusals;
	bool silent;			/* refuses without a sentence */
	enum error_code begin_code;
	unsigned begin_refusals;	/* so often */
	bool put_state;
	unsigned commits[BATCHES_MAX];	/* how many changes each had */
	unsigned commits_len;
	uint64_t txn_id;
	bool wrong;
};

static void note(struct log *log, const char *format, ...) printf_like(2, 3);
static void note(struct log *log, const char *format, ...)
{
	const size_t len = strlen(log->text);
	va_list args;

	if (!log->keep_text)
		return;
	va_start(args, format);
	vsnprintf(log->text + len, sizeof(log->text) - len, format, args);
	va_end(args);
}

static enum error_code log_begin(void *arg, uint64_t txn_id, struct error *err)
{
	struct log *log = arg;

	pthread_mutex_lock(&log->lock);
	log->held = log->hold;
	pthread_cond_broadcast(&log->signal);
	while (log->hold)
		pthread_cond_wait(&log->signal, &log->lock);
	log->held = false;
	pthread_mutex_unlock(&log->lock);
	note(log, "begin ");
	log->txn_id = txn_id;
	if (log->begin_refusals == 0)
		return ERR_OK;
	log->begin_refusals--;
	return error_set(err, log->begin_code, "begin() refused");
}

static enum error_code log_change(void *arg, const struct store_change *change, struct error *err)
{
	struct log *log = arg;

	note(log, "%.*s:", (int)change->key.len, (const char *)change->key.at);
	note(log, change->old_value.at ? "%d>" : "->", change->old_value.at ? (int)value_number(change->old_value) : 0);
	note(log, change->new_value.at ? "%d " : "- ", change->new_value.at ? (int)value_number(change->new_value) : 0);
	if (!change->new_value.at || value_number(change->new_value) != log->refuse_number)
		return ERR_OK;
	log->refusals++;
	return log->silent ? ERR_RECORD : error_set(err, ERR_RECORD, "change() refused");
}

static enum error_code log_before_commit(void *arg, struct store_txn *txn, struct error *err)
{
	struct log *log = arg;
	uint8_t value[VALUE_LEN];
	struct store_bytes found;

	note(log, "before ");
	log->wrong |= store_txn_id(txn) != log->txn_id;
	if (!log->put_state)
		return ERR_OK;
	value_fill(value, log->txn_id);
	/* It sees what the batch has changed, and what it puts. */
	log->wrong |= store_txn_get(txn, "a", 1, &found) != ERR_OK;
	if (store_txn_put(txn, "state", 5, value, sizeof(value), err) != ERR_OK)
		return err->code;
	log->wrong |= store_txn_get(txn, "state", 5, &found) != ERR_OK || value_number(found) != log->txn_id;
	return ERR_OK;
}

static void log_finished(void *arg, enum error_code outcome, const struct store_change *changes, size_t len)
{
	struct log *log = arg;

	note(log, "finished(%s,%zu) ", error_name(outcome), len);
	for (size_t i = 0; i < len; i++)
		note(log, "%.*s ", (int)changes[i].key.len, (const char *)changes[i].key.at);
	if (outcome == ERR_OK && log->commits_len < BATCHES_MAX)
		log->commits[log->commits_len++] = (unsigned)len;
}

struct logged {
	struct fixture fixture;
	struct log log;
};

static int setup(void **state)
{
	struct logged *logged = calloc(1, sizeof(*logged));
	struct error err = ERROR_INIT;

	if (!logged)
		return -1;
	logged->log.refuse_number = UINT64_MAX;
	pthread_mutex_init(&logged->log.lock, NULL);
	pthread_cond_init(&logged->log.signal, NULL);
	const struct store_hooks hooks = { .arg = &logged->log, .begin = log_begin, .change = log_change,
					   .before_commit = log_before_commit, .finished = log_finished };
	fixture_make_directory(logged->fixture.directory);
	const struct store_options options = { .directory = logged->fixture.directory, .max_size = 8ul * MAP_SIZE,
					       .create = true, .skip_walk = true };
	if (store_open(&options, &logged->fixture.store, &err) != ERR_OK)
		fail_msg("open: %s", err.text);
	store_set_hooks(logged->fixture.store, &hooks);
	if (store_start(logged->fixture.store, &err) != ERR_OK)
		fail_msg("start: %s", err.text);
	*state = logged;
	return 0;
}

static void hold(struct log *log, bool on)
{
	pthread_mutex_lock(&log->lock);
	log->hold = on;
	pthread_cond_broadcast(&log->signal);
	pthread_mutex_unlock(&log->lock);
}

static int teardown(void **state)
{
	struct logged *logged = *state;

	hold(&logged->log, false);	/* a test that failed may have left the writer waiting */
	store_close(logged->fixture.store);
	fixture_remove_directory(logged->fixture.directory);
	pthread_mutex_destroy(&logged->log.lock);
	pthread_cond_destroy(&logged->log.signal);
	free(logged);
	return 0;
}

/* Submits one request and returns when the writer stands in its begin(): what is submitted now makes the next batch. */
static void occupy(struct logged *logged, struct change_request *first)
{
	struct error err = ERROR_INIT;

	hold(&logged->log, true);
	assert_int_equal(change_submit(logged->fixture.store, first, &err), ERR_OK);
	pthread_mutex_lock(&logged->log.lock);
	while (!logged->log.held)
		pthread_cond_wait(&logged->log.signal, &logged->log.lock);
	pthread_mutex_unlock(&logged->log.lock);
}

static void submit(struct logged *logged, struct change_request *change)
{
	struct error err = ERROR_INIT;

	assert_int_equal(change_submit(logged->fixture.store, change, &err), ERR_OK);
}

static void test_order_of_hooks(void **state)
{
	struct logged *logged = *state;
	struct change_request first = { .key = "a", .number = 1 };
	struct change_request batch[] = { { .key = "a", .number = 2 }, { .key = "b", .number = 3 }, { .key = "a", .number = 4 },
					  { .key = "b", .delete = true }, { .key = "c", .delete = true } };

	logged->log.keep_text = true;
	occupy(logged, &first);
	for (size_t i = 0; i < ARRAY_LEN(batch); i++)
		submit(logged, &batch[i]);
	hold(&logged->log, false);
	store_stop(logged->fixture.store);
	/* The old value is what stands in the transaction at that moment. Deleting what is not there is no change. */
	assert_string_equal(logged->log.text, "begin a:->1 before finished(ok,1) a "
					      "begin a:1>2 b:->3 a:2>4 b:3>- before finished(ok,4) a b a b ");
	assert_false(logged->log.wrong);
}

static void test_hook_puts_a_record(void **state)
{
	struct logged *logged = *state;
	struct error err = ERROR_INIT;
	struct store_counts counts;

	logged->log.put_state = true;
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(put_number(logged->fixture.store, "a", i), ERR_OK);
		assert_int_equal(store_counts(logged->fixture.store, &counts, &err), ERR_OK);
		/* The same transaction: the record names the one that holds it. */
		assert_int_equal(read_number(logged->fixture.store, "state"), counts.last_txn_id);
		assert_int_equal(counts.entries, 2);
	}
	assert_false(logged->log.wrong);
}

/* 20 in one batch, one of them refused: it fails, the others are there. */
static void refuse_one(struct logged *logged, const char *sentence)
{
	struct change_request first = { .key = "first" };
	struct change_request batch[20];
	char keys[20][8];

	logged->log.refuse_number = 13;
	memset(batch, 0, sizeof(batch));
	occupy(logged, &first);
	for (size_t i = 0; i < ARRAY_LEN(batch); i++) {
		snprintf(keys[i], sizeof(keys[i]), "%zu", i);
		batch[i] = (struct change_request){ .key = keys[i], .number = i };
		submit(logged, &batch[i]);
	}
	hold(&logged->log, false);
	for (size_t i = 0; i < ARRAY_LEN(batch); i++) {
		assert_int_equal(change_wait(&batch[i]), i == 13 ? ERR_RECORD : ERR_OK);
		assert_int_equal(batch[i].prepared, 1);
		assert_int_equal(read_number(logged->fixture.store, keys[i]), i == 13 ? UINT64_MAX : i);
	}
	if (sentence)
		assert_string_equal(batch[13].text, sentence);
	assert_true(logged->log.refusals >= 1);
}

static void test_only_the_refused_one_fails(void **state)
{
	refuse_one(*state, "change() refused");
}

static void test_a_refusal_without_a_sentence_is_one(void **state)
{
	struct logged *logged = *state;

	logged->log.silent = true;
	refuse_one(logged, NULL);
}

static void test_begin_refuses(void **state)
{
	struct logged *logged = *state;

	logged->log.keep_text = true;
	logged->log.begin_refusals = 1;
	logged->log.begin_code = ERR_NO_MEMORY;
	assert_int_equal(put_number(logged->fixture.store, "a", 1), ERR_NO_MEMORY);
	assert_int_equal(read_number(logged->fixture.store, "a"), UINT64_MAX);
	assert_int_equal(put_number(logged->fixture.store, "a", 1), ERR_OK);
	store_stop(logged->fixture.store);
	assert_string_equal(logged->log.text, "begin finished(no_memory,0) begin a:->1 before finished(ok,1) a ");
}

static void test_losers_run_again_alone(void **state)
{
	struct logged *logged = *state;
	struct change_request first = { .key = "first" };
	struct change_request batch[5];

	assert_int_equal(put_number(logged->fixture.store, "n", 100), ERR_OK);
	memset(batch, 0, sizeof(batch));
	occupy(logged, &first);
	for (size_t i = 0; i < ARRAY_LEN(batch); i++) {
		batch[i] = (struct change_request){ .key = "n", .number = 1, .guard_read = true };
		submit(logged, &batch[i]);
	}
	hold(&logged->log, false);
	for (size_t i = 0; i < ARRAY_LEN(batch); i++) {
		assert_int_equal(change_wait(&batch[i]), ERR_OK);
		assert_int_equal(batch[i].prepared, i == 0 ? 1 : 2);
		assert_int_equal(batch[i].read_before, 100 + i);	/* each saw the one before */
	}
	assert_int_equal(read_number(logged->fixture.store, "n"), 105);
}

static void test_second_prepare_fails(void **state)
{
	struct logged *logged = *state;
	struct change_request first = { .key = "first" };
	struct change_request winner = { .key = "n", .number = 1, .guard_read = true };
	struct change_request loser = { .key = "n", .number = 1, .guard_read = true };

	occupy(logged, &first);
	submit(logged, &winner);
	submit(logged, &loser);
	loser.prepare_code = ERR_CAS;	/* the state that it finds now does not suit it */
	hold(&logged->log, false);
	assert_int_equal(change_wait(&winner), ERR_OK);
	assert_int_equal(change_wait(&loser), ERR_CAS);
	assert_string_equal(loser.text, "prepare() refused");
	assert_int_equal(read_number(logged->fixture.store, "n"), 1);
}

static void test_batch_request_limit(void **state)
{
	enum { QUEUED = LIMIT_BATCH_REQUESTS + 1 };
	struct logged *logged = *state;
	struct change_request first = { .key = "first" };
	struct change_request *batch = calloc(QUEUED, sizeof(*batch));
	char(*keys)[8] = calloc(QUEUED, sizeof(*keys));

	assert_non_null(batch);
	assert_non_null(keys);
	occupy(logged, &first);
	for (size_t i = 0; i < QUEUED; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%zu", i);
		batch[i].key = keys[i];
		submit(logged, &batch[i]);
	}
	hold(&logged->log, false);
	store_stop(logged->fixture.store);
	assert_int_equal(logged->log.commits_len, 3);
	assert_int_equal(logged->log.commits[1], LIMIT_BATCH_REQUESTS);
	assert_int_equal(logged->log.commits[2], 1);
	free(batch);
	free(keys);
}

static void test_batch_byte_limit(void **state)
{
	struct logged *logged = *state;
	struct change_request first = { .key = "first" };
	/* Two that fill a batch to the last byte, and one more. */
	struct change_request batch[] = { { .key = "x", .len = LIMIT_BATCH_BYTES / 2 - 1 },
					  { .key = "y", .len = LIMIT_BATCH_BYTES / 2 - 1 }, { .key = "z" } };

	occupy(logged, &first);
	for (size_t i = 0; i < ARRAY_LEN(batch); i++)
		submit(logged, &batch[i]);
	hold(&logged->log, false);
	store_stop(logged->fixture.store);
	assert_int_equal(logged->log.commits_len, 3);
	assert_int_equal(logged->log.commits[1], 2);
	assert_int_equal(logged->log.commits[2], 1);
}

static void test_queue_limit(void **state)
{
	struct logged *logged = *state;
	struct change_request first = { .key = "first" };
	struct change_request *batch = calloc(LIMIT_QUEUED_REQUESTS + 1, sizeof(*batch));
	struct error err = ERROR_INIT;

	assert_non_null(batch);
	occupy(logged, &first);
	for (size_t i = 0; i < LIMIT_QUEUED_REQUESTS; i++) {
		batch[i].key = "same";
		submit(logged, &batch[i]);
	}
	batch[LIMIT_QUEUED_REQUESTS].key = "same";
	assert_int_equal(change_submit(logged->fixture.store, &batch[LIMIT_QUEUED_REQUESTS], &err), ERR_BUSY);
	/* Refusing is cheap: nothing was prepared. */
	assert_int_equal(batch[LIMIT_QUEUED_REQUESTS].prepared, 0);
	hold(&logged->log, false);
	assert_int_equal(change_wait(&batch[LIMIT_QUEUED_REQUESTS - 1]), ERR_OK);
	assert_int_equal(put_number(logged->fixture.store, "same", 1), ERR_OK);
	assert_false(batch[LIMIT_QUEUED_REQUESTS].is_done);
	store_stop(logged->fixture.store);
	free(batch);
}

/* A hook may take a snapshot in finished() however many readers there are: begin() takes the last slot, and keeps it. */
static struct store *snapshot_store;
static struct store_snapshot *last_slot;
static enum error_code snapshot_code;

static enum error_code begin_takes_last_slot(void *arg, uint64_t txn_id, struct error *err)
{
	(void)arg;
	(void)txn_id;
	return store_snapshot_begin(snapshot_store, &last_slot, err);
}

static void finished_takes_snapshot(void *arg, enum error_code outcome, const struct store_change *changes, size_t len)
{
	struct store_snapshot *snapshot = NULL;
	struct error err = ERROR_INIT;

	(void)arg;
	(void)outcome;
	(void)changes;
	(void)len;
	snapshot_code = store_snapshot_begin(snapshot_store, &snapshot, &err);
	store_snapshot_end(snapshot);
	store_snapshot_end(take_ptr(last_slot));
}

static void test_hooks_read_when_readers_are_full(void **state)
{
	enum { READERS = 3 };
	const struct store_hooks hooks = { .begin = begin_takes_last_slot, .finished = finished_takes_snapshot };
	struct store_snapshot *snapshots[READERS] = { NULL };
	struct error err = ERROR_INIT;
	char directory[64];

	(void)state;
	fixture_make_directory(directory);
	const struct store_options options = { .directory = directory, .max_size = MAP_SIZE, .create = true, .skip_walk = true,
					       .max_readers = READERS };
	assert_int_equal(store_open(&options, &snapshot_store, &err), ERR_OK);
	store_set_hooks(snapshot_store, &hooks);
	assert_int_equal(store_start(snapshot_store, &err), ERR_OK);
	struct change_request change = { .key = "a", .number = 1 };
	for (size_t i = 0; i < READERS - 1; i++)
		assert_int_equal(store_snapshot_begin(snapshot_store, &snapshots[i], &err), ERR_OK);
	snapshot_code = ERR_INTERNAL;
	assert_int_equal(change_submit(snapshot_store, &change, &err), ERR_OK);	/* needs one to prepare */
	assert_int_equal(change_wait(&change), ERR_OK);
	assert_int_equal(snapshot_code, ERR_OK);
	for (size_t i = 0; i < READERS - 1; i++)
		store_snapshot_end(snapshots[i]);
	store_close(snapshot_store);
	fixture_remove_directory(directory);
}

/* -- a full map --------------------------------------------------------------------------------- */

static void test_full_map_recovers_by_deleting(void **state)
{
	enum { KEYS = 2000, SIZE = 1024 * 1024 };
	struct fixture *fixture = *state;
	char keys[KEYS][8];
	size_t kept = 0;

	store_close(fixture->store);
	fixture->store = open_store(fixture->directory, SIZE, false);
	for (unsigned round = 0; round < 3; round++) {
		enum error_code code = ERR_OK;

		for (kept = 0; kept < KEYS && code == ERR_OK; kept++) {
			snprintf(keys[kept], sizeof(keys[kept]), "%zu", kept);
			struct change_request put = { .key = keys[kept], .number = kept, .len = kept % 3 ? 0 : 9000 };

			code = change_run(fixture->store, &put);
			if (code != ERR_OK && code != ERR_STORAGE_FULL)
				fail_msg("%zu: %s", kept, put.text);
		}
		assert_int_equal(code, ERR_STORAGE_FULL);
		kept--;
		assert_true(kept > 10);
		assert_int_equal(read_number(fixture->store, keys[kept]), UINT64_MAX);
		assert_int_equal(read_number(fixture->store, keys[kept - 1]), kept - 1);
		/* What makes it smaller works, without reopening. */
		for (size_t i = 0; i < kept; i++) {
			struct change_request gone = { .key = keys[i], .delete = true };

			assert_int_equal(change_run(fixture->store, &gone), ERR_OK);
		}
	}
	store_close(fixture->store);
	fixture->store = open_store(fixture->directory, SIZE, true);
	assert_int_equal(put_number(fixture->store, "a", 1), ERR_OK);
}

/* -- much to delete in a full map ------------------------------------------------------------------ */

enum { SPAN = 250 };	/* keys, two to a page: each of their pages is copied */

static enum error_code prepare_delete_span(struct store_request *request, const struct store_snapshot *snapshot,
					   struct store_write *write, struct error *err)
{
	(void)request;
	(void)snapshot;
	for (unsigned i = 0; i < SPAN; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%06u", 100 + i);
		if (store_write_delete(write, key, strlen(key), err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

static void test_full_map_has_room_to_delete_much(void **state)
{
	struct fixture *fixture = *state;
	enum error_code code = ERR_OK;
	struct error err = ERROR_INIT;
	char key[16];

	store_close(fixture->store);
	fixture->store = open_store(fixture->directory, 8ul * 1024 * 1024, false);
	for (unsigned i = 0; code == ERR_OK; i++) {
		snprintf(key, sizeof(key), "%06u", i);
		struct change_request put = { .key = key, .number = i, .len = 1500 };

		code = change_run(fixture->store, &put);
	}
	assert_int_equal(code, ERR_STORAGE_FULL);
	struct change_request probe = { .key = "000000", .number = 9, .len = 1500 };
	assert_int_equal(change_run(fixture->store, &probe), ERR_OK);	/* as large as before */
	struct change_request span = { .request = { .prepare = prepare_delete_span, .done = probe.request.done } };
	assert_int_equal(store_submit(fixture->store, &span.request, &err), ERR_OK);
	assert_int_equal(change_wait(&span), ERR_OK);
	assert_int_equal(read_number(fixture->store, "000100"), UINT64_MAX);
	assert_int_equal(read_number(fixture->store, "000000"), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order_of_hooks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hook_puts_a_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_the_refused_one_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_refusal_without_a_sentence_is_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_begin_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_losers_run_again_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second_prepare_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_batch_request_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_batch_byte_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_queue_limit, setup, teardown),
		cmocka_unit_test(test_hooks_read_when_readers_are_full),
		cmocka_unit_test_setup_teardown(test_full_map_recovers_by_deleting, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_full_map_has_room_to_delete_much, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("store_batches", tests, NULL, NULL);
}
