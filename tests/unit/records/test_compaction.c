/* The sealed store is compacted: nothing that is genuine changes, what is not is refused, and what was deleted is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "records/backup.h"
#include "records/compact.h"
#include "records/verify.h"
#include "vault_fixture.h"

static enum error_code compact_to(struct vault_fixture *fixture, struct store_compacted *ret, struct error *err)
{
	const struct compact_options options = { .progress = NULL };

	return records_compact(fixture->records, &options, ret, err);
}

static void compact(struct vault_fixture *fixture)
{
	struct store_compacted result;
	struct error err = ERROR_INIT;

	if (compact_to(fixture, &result, &err) != ERR_OK)
		fail_msg("compact: %s", err.text);
}

static void assert_sound(struct vault_fixture *fixture)
{
	const struct verify_options options = { .progress = NULL };
	struct verify_result result;
	struct error err = ERROR_INIT;

	assert_int_equal(records_verify(fixture->records, &options, &result, &err), ERR_OK);
	if (result.found > 0)
		fail_msg("%s", result.findings[0].text);
	verify_result_free(&result);
}

static void restart(struct vault_fixture *fixture)
{
	struct error err = ERROR_INIT;

	vault_fixture_close(fixture);
	if (vault_fixture_start(fixture, &err) != ERR_OK)
		fail_msg("start: %s", err.text);
}

static struct records_health health_of(struct vault_fixture *fixture)
{
	struct records_health health;

	records_health(fixture->records, &health);
	return health;
}

#define DESTROYED 40

/* The commitments of sealed values, which stand in the clear. */
struct commitments {
	uint8_t of[2 * DESTROYED][32];
};

static void note_commitments(struct vault_fixture *fixture, struct commitments *ret)
{
	static const uint8_t tables[] = { TABLE_REVISION, TABLE_DATA_KEY };
	struct error err = ERROR_INIT;

	vault_fixture_close(fixture);
	for (unsigned i = 0; i < 2 * DESTROYED; i++) {
		struct raw_record record;

		/* The first data key is the system's, which stays. */
		assert_true(raw_find(fixture, tables[i % 2], i / 2 + i % 2, &record));
		memcpy(ret->of[i], record.value + VALUE_PIN_OFFSET, 32);
		free(record.value);
	}
	assert_int_equal(vault_fixture_start(fixture, &err), ERR_OK);
}

/* How many of them are in vault.db. */
static size_t occurrences(const struct vault_fixture *fixture, const struct commitments *commitments)
{
	char path[128];
	size_t found = 0;

	snprintf(path, sizeof(path), "%s/vault.db", fixture->directory);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	uint8_t *content = malloc(64u << 20);
	const size_t len = fread(content, 1, 64u << 20, file);
	fclose(file);
	for (unsigned i = 0; i < 2 * DESTROYED; i++)
		found += memmem(content, len, commitments->of[i], 32) != NULL;
	free(content);
	return found;
}

/* The sealed revisions and keys themselves, which whoever gets the key that sealed them could still open. */
static void what_was_destroyed_is_no_longer_in_the_file(void **state)
{
	struct vault_fixture *fixture = *state;
	struct commitments commitments;
	char value[3001], name[16];

	memset(value, 'v', 3000);
	value[3000] = '\0';
	for (int i = 0; i < DESTROYED; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		assert_int_equal(vault_put(fixture, name, value), ERR_OK);
	}
	note_commitments(fixture, &commitments);
	assert_int_equal(occurrences(fixture, &commitments), 2 * DESTROYED);
	const struct records_health full = health_of(fixture);
	for (int i = 0; i < DESTROYED; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		assert_int_equal(vault_destroy(fixture, name), ERR_OK);
	}
	assert_int_equal(vault_put(fixture, "kept", "1"), ERR_OK);
	assert_true(occurrences(fixture, &commitments) > 0);
	const struct records_health before = health_of(fixture);
	compact(fixture);
	const struct records_health after = health_of(fixture);
	assert_int_equal(occurrences(fixture, &commitments), 0);
	assert_int_equal(after.counter, before.counter + 1);
	assert_int_equal(after.n_live, before.n_live);
	assert_int_equal(after.n_revisions, before.n_revisions);
	assert_true(after.file_bytes < full.file_bytes / 2);
	assert_sound(fixture);
	restart(fixture);
	assert_int_equal(health_of(fixture).counter, after.counter);
	assert_int_equal(vault_get(fixture, "kept", value, sizeof(value)), ERR_OK);
	assert_sound(fixture);
}

static void the_anchor_follows(void **state)
{
	struct vault_fixture *fixture = *state;

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	fixture->anchor_mode = ANCHOR_RELAXED;
	restart(fixture);
	for (int turn = 0; turn < 3; turn++) {
		compact(fixture);
		assert_int_equal(health_of(fixture).anchor_counter, health_of(fixture).counter);
		assert_int_equal(vault_put(fixture, "a", "2"), ERR_OK);
		restart(fixture);
	}
}

/* A rotation's sweep and its states go through the same file. */
static void keys_rotate_before_and_after(void **state)
{
	struct vault_fixture *fixture = *state;
	struct error err = ERROR_INIT;
	char value[16];

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_OK);
		compact(fixture);
		assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_OK);
		records_seal(fixture->records);
		assert_int_equal(vault_fixture_unseal(fixture, &err), ERR_OK);
		assert_int_equal(vault_get(fixture, "a", value, sizeof(value)), ERR_OK);
	}
	restart(fixture);
	assert_sound(fixture);
}

/* -- what is not genuine ------------------------------------------------------------------------------- */

/* LMDB refuses an environment twice in one process: another one changes a record. */
static void change_live(struct vault_fixture *fixture, uint8_t table, const char *how)
{
	char number[8];
	int status;
	pid_t child = fork();

	snprintf(number, sizeof(number), "%d", table);
	if (child == 0) {
		alarm(60);
		execl("/proc/self/exe", "change", fixture->directory, number, how, (char *)NULL);
		_exit(3);
	}
	waitpid(child, &status, 0);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int change_behind(const char *directory, const char *table, const char *how)
{
	struct vault_fixture fixture = { 0 };
	struct raw_record record;

	snprintf(fixture.directory, sizeof(fixture.directory), "%s", directory);
	if (!raw_find(&fixture, (uint8_t)atoi(table), 0, &record))
		return 1;
	record.value[VALUE_PIN_OFFSET] ^= 1;
	if (strcmp(how, "add") == 0)
		record.key[1] ^= 1;
	raw_put_live(&fixture, &record, strcmp(how, "remove") == 0 ? NULL : record.value, record.value_len);
	free(record.value);
	return 0;
}

static void a_changed_store_is_not_copied(void **state)
{
	static const struct {
		uint8_t table;
		const char *how;
		enum error_code code;
	} changes[] = {
		{ TABLE_HEAD, "change", ERR_RECORD },
		{ TABLE_HEAD, "add", ERR_RECORD },
		{ TABLE_HEAD, "remove", ERR_SET_CHANGED },
		{ TABLE_DATA_KEY, "change", ERR_RECORD },
		{ TABLE_REVISION, "remove", ERR_SET_CHANGED },
		{ TABLE_REVISION, "add", ERR_SET_CHANGED },
	};

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct vault_fixture *fixture = *state;
		struct store_compacted result;
		struct error err = ERROR_INIT;
		char path[128];

		assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
		change_live(fixture, changes[i].table, changes[i].how);
		assert_int_equal(compact_to(fixture, &result, &err), changes[i].code);
		assert_true(records_tampered(fixture->records));
		snprintf(path, sizeof(path), "%s/vault.db.new", fixture->directory);
		assert_int_not_equal(access(path, F_OK), 0);
		err = (struct error)ERROR_INIT;
		assert_int_equal(compact_to(fixture, &result, &err), ERR_RECORD);
		vault_fixture_teardown(state);
		vault_fixture_setup(state);
	}
}

static void a_damaged_revision_stays_what_it_is(void **state)
{
	struct vault_fixture *fixture = *state;
	char value[16];

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	change_live(fixture, TABLE_REVISION, "change");
	compact(fixture);
	assert_int_equal(vault_get(fixture, "a", value, sizeof(value)), ERR_RECORD);
	assert_false(records_tampered(fixture->records));
	assert_int_equal(vault_put(fixture, "a", "2"), ERR_OK);
}

static void a_sealed_store_is_not_compacted(void **state)
{
	struct vault_fixture *fixture = *state;
	struct store_compacted result;
	struct error err = ERROR_INIT;

	records_seal(fixture->records);
	assert_int_equal(compact_to(fixture, &result, &err), ERR_SEALED);
}

/* -- with readers and writers ------------------------------------------------------------------------------ */

#define WORKERS 6

struct worker {
	struct vault_fixture *fixture;
	atomic_bool *stop;
	unsigned number;
	size_t turns;
	char error[64];
};

/* Writes an environment of its own and reads every other one: no answer but the right one is allowed. */
static void *work(void *arg)
{
	struct worker *worker = arg;
	char name[16], value[32], read[32];

	for (; !*worker->stop; worker->turns++) {
		snprintf(name, sizeof(name), "w%u", worker->number);
		snprintf(value, sizeof(value), "%zu", worker->turns);
		enum error_code code = vault_put(worker->fixture, name, value);
		if (code == ERR_OK)
			code = vault_get(worker->fixture, name, read, sizeof(read));
		if (code != ERR_OK || strcmp(read, value) != 0) {
			snprintf(worker->error, sizeof(worker->error), "%s at turn %zu", error_name(code), worker->turns);
			return NULL;
		}
		code = vault_get(worker->fixture, "fixed", read, sizeof(read));
		if (code != ERR_OK || strcmp(read, "fixed") != 0) {
			snprintf(worker->error, sizeof(worker->error), "fixed: %s", error_name(code));
			return NULL;
		}
	}
	return NULL;
}

static void readers_and_writers_see_nothing_of_it(void **state)
{
	struct vault_fixture *fixture = *state;
	struct worker workers[WORKERS];
	pthread_t threads[WORKERS];
	atomic_bool stop = false;

	assert_int_equal(vault_put(fixture, "fixed", "fixed"), ERR_OK);
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){ .fixture = fixture, .stop = &stop, .number = i };
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (unsigned turn = 0; turn < 40; turn++) {
		compact(fixture);
		assert_sound(fixture);
	}
	stop = true;
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(threads[i], NULL);
		if (workers[i].error[0] != '\0')
			fail_msg("worker %u: %s", i, workers[i].error);
	}
	assert_false(records_tampered(fixture->records));
	restart(fixture);
	assert_sound(fixture);
}

/* An old view keeps seeing what it saw, and the pins of its time. */
static void a_view_from_before_ends_in_peace(void **state)
{
	struct vault_fixture *fixture = *state;
	struct records_view *view = NULL;
	struct store_compacted result;
	struct error err = ERROR_INIT;
	char value[16];

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	assert_int_equal(records_view_begin(fixture->records, &view, &err), ERR_OK);
	struct record_key key = records_head_key(view, (const uint8_t[ID_LEN]){ 7 }, "a", 1);
	assert_int_equal(compact_to(fixture, &result, &err), ERR_BUSY);
	assert_int_equal(vault_put(fixture, "a", "2"), ERR_OK);
	struct secret_buf *plain = secret_buf_new(1 << 20);
	struct error other = ERROR_INIT;
	assert_int_equal(records_read(view, &key, plain, NULL, NULL, &other), ERR_OK);
	secret_buf_free(plain);
	records_view_end(view);
	compact(fixture);
	assert_int_equal(vault_get(fixture, "a", value, sizeof(value)), ERR_OK);
	assert_string_equal(value, "2");
	assert_sound(fixture);
}

/* -- with a backup ------------------------------------------------------------------ */

struct meeting {
	struct vault_fixture *fixture;
	pthread_t thread;
	atomic_bool has_begun;
	atomic_size_t bytes;
	enum error_code backup, compaction;
	bool is_refused_for_it;
};

static enum error_code compact_meanwhile(void *arg, const void *bytes, size_t len, struct error *err)
{
	struct meeting *meeting = arg;
	struct store_compacted result;
	struct error refusal = ERROR_INIT;

	(void)bytes;
	(void)err;
	if (meeting->bytes == 0) {
		meeting->compaction = compact_to(meeting->fixture, &result, &refusal);
		meeting->is_refused_for_it = strstr(refusal.text, "a backup is being taken") != NULL;
	}
	meeting->bytes += len;
	return ERR_OK;
}

/* Its snapshot would have to end first, and who takes it may take long. */
static void none_begins_during_a_backup(void **state)
{
	struct meeting meeting = { .fixture = *state };
	struct error err = ERROR_INIT;

	assert_int_equal(vault_put(meeting.fixture, "a", "1"), ERR_OK);
	assert_int_equal(records_backup(meeting.fixture->records, compact_meanwhile, &meeting, NULL, &err), ERR_OK);
	assert_int_equal(meeting.compaction, ERR_BUSY);
	assert_true(meeting.is_refused_for_it);
	assert_true(meeting.bytes > 0);
	compact(meeting.fixture);
}

static enum error_code count_bytes(void *arg, const void *bytes, size_t len, struct error *err)
{
	struct meeting *meeting = arg;

	(void)bytes;
	(void)err;
	meeting->bytes += len;
	return ERR_OK;
}

static void *take_backup(void *arg)
{
	struct meeting *meeting = arg;
	struct error err = ERROR_INIT;

	atomic_store(&meeting->has_begun, true);
	meeting->backup = records_backup(meeting->fixture->records, count_bytes, meeting, NULL, &err);
	return NULL;
}

/* The backup has most probably asked by then; it gets nothing before the compaction is over either way. */
static bool begin_backup(void *arg, uint64_t done, uint64_t total)
{
	struct meeting *meeting = arg;

	(void)done;
	(void)total;
	if (!atomic_load(&meeting->has_begun)) {
		assert_int_equal(pthread_create(&meeting->thread, NULL, take_backup, meeting), 0);
		while (!atomic_load(&meeting->has_begun))
			usleep(1000);
		usleep(50000);
	}
	assert_int_equal(meeting->bytes, 0);
	return true;
}

static void a_backup_waits_for_it(void **state)
{
	struct meeting meeting = { .fixture = *state };
	const struct compact_options options = { .progress = begin_backup, .arg = &meeting };
	struct store_compacted result;
	struct error err = ERROR_INIT;

	assert_int_equal(vault_put(meeting.fixture, "a", "1"), ERR_OK);
	assert_int_equal(records_compact(meeting.fixture->records, &options, &result, &err), ERR_OK);
	assert_int_equal(pthread_join(meeting.thread, NULL), 0);
	assert_int_equal(meeting.backup, ERR_OK);
	assert_true(meeting.bytes > 0);
	assert_sound(meeting.fixture);
}

static bool cancel_after(void *arg, uint64_t done, uint64_t total)
{
	(void)begin_backup(arg, done, total);
	return false;
}

static void a_backup_that_waits_gets_its_turn_when_it_is_cancelled(void **state)
{
	struct meeting meeting = { .fixture = *state };
	const struct compact_options options = { .progress = cancel_after, .arg = &meeting };
	struct store_compacted result;
	struct error err = ERROR_INIT;

	assert_int_equal(vault_put(meeting.fixture, "a", "1"), ERR_OK);
	assert_int_not_equal(records_compact(meeting.fixture->records, &options, &result, &err), ERR_OK);
	assert_int_equal(pthread_join(meeting.thread, NULL), 0);
	assert_int_equal(meeting.backup, ERR_OK);
	compact(meeting.fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vault_fixture_setup, vault_fixture_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_destroyed_is_no_longer_in_the_file),
		cmocka_unit_test_setup_teardown(the_anchor_follows, vault_fixture_setup_anchored, vault_fixture_teardown),
		TEST(keys_rotate_before_and_after),
		TEST(a_changed_store_is_not_copied),
		TEST(a_damaged_revision_stays_what_it_is),
		TEST(a_sealed_store_is_not_compacted),
		TEST(readers_and_writers_see_nothing_of_it),
		TEST(a_view_from_before_ends_in_peace),
		TEST(none_begins_during_a_backup),
		TEST(a_backup_waits_for_it),
		TEST(a_backup_that_waits_gets_its_turn_when_it_is_cancelled),
	};

	if (argc == 4 && strcmp(argv[0], "change") == 0)
		return change_behind(argv[1], argv[2], argv[3]);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
