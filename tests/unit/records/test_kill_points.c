/* Ended before any single call that changes a file, the store comes back whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "records/compact.h"
#include "records/slot_changes.h"
#include "records/verify.h"
#include "points_vault.h"
#include "syscall_points.h"
#include "vault_fixture.h"

#define POINTS_MAX 500	/* far more than any of the operations has */
#define AT_ANCHOR (-1)	/* as a point */
/* LMDB writes neighbouring pages with one call or several, so the last point is known only roughly. */
#define UNENDED 3

/* Runs one operation in a child that ends before its call number n. True when it ended there. */
static bool ends_at(struct vault_fixture *fixture, int n, enum error_code (*run)(struct vault_fixture *fixture, struct error *err))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct error err = ERROR_INIT;

		alarm(30);
		if (fixture->records == NULL && vault_fixture_start(fixture, &err) != ERR_OK)
			_exit(2);
		if (n == AT_ANCHOR)
			points_fail(EXIT_AT_ANCHOR);
		else
			points_exit_at(n);
		_exit(run(fixture, &err) == ERR_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != POINT_EXIT_CODE)
		fail_msg("point %d: the child ended with %d", n, WEXITSTATUS(status));
	return WEXITSTATUS(status) == POINT_EXIT_CODE;
}

/* The store is closed. All data keys are under one epoch. */
static unsigned the_one_epoch(const struct vault_fixture *fixture)
{
	struct raw_record record;
	unsigned epoch = 0;

	for (unsigned i = 0; raw_find(fixture, TABLE_DATA_KEY, i, &record); i++) {
		if (i == 0)
			epoch = record.value[4];
		assert_int_equal(record.value[4], epoch);
		free(record.value);
	}
	return epoch;
}

/* -- ended anywhere ------------------------------------------------------------------------------- */

static enum error_code run_init(struct vault_fixture *fixture, struct error *err)
{
	vault_fixture_open(fixture);
	return vault_fixture_init(fixture, err);
}

static void an_init_ended_anywhere(void **state)
{
	bool ended, with_header = false;
	int unended = 0;

	(void)state;
	for (int n = 1; unended < UNENDED && n < POINTS_MAX; n++) {
		struct error err = ERROR_INIT;
		struct vault_fixture *fixture;
		pid_t child;
		int status;

		assert_int_equal(vault_fixture_setup_empty((void **)&fixture), 0);
		vault_fixture_close(fixture);
		fixture->anchor_mode = ANCHOR_RELAXED;	/* strict would write it with the first commit */
		child = fork();
		if (child == 0) {
			alarm(30);
			points_exit_at(n);
			_exit(run_init(fixture, &err) == ERR_OK ? 0 : 1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		ended = WEXITSTATUS(status) == POINT_EXIT_CODE;
		unended += !ended;
		assert_true(ended || WEXITSTATUS(status) == 0);
		vault_fixture_open(fixture);
		/* Either there is a vault, and it opens, or there is none, and it can be made. */
		with_header |= ended && records_initialized(fixture->records);
		if (records_initialized(fixture->records) ? vault_fixture_unseal(fixture, &err) != ERR_OK :
							    vault_fixture_init(fixture, &err) != ERR_OK)
			fail_msg("point %d: %s", n, err.text);
		put_all(fixture, "after");
		vault_fixture_close(fixture);
		start(fixture, n);
		assert_all(fixture, "after");
		vault_fixture_teardown((void **)&fixture);
	}
	assert_int_equal(unended, UNENDED);
	assert_true(with_header);	/* the point after the rename was among them */
}

static enum error_code run_rotation(struct vault_fixture *fixture, struct error *err)
{
	return records_rotate_kek(fixture->records, err);
}

static void a_rotation_ended_anywhere(void **state)
{
	struct vault_fixture *fixture = *state;
	int n, unended = 0;
	bool ended;

	put_all(fixture, "kept");
	assert_int_equal(vault_put(fixture, "gone", "x"), ERR_OK);
	assert_int_equal(vault_destroy(fixture, "gone"), ERR_OK);
	vault_fixture_close(fixture);
	for (n = 1; unended < UNENDED && n < POINTS_MAX; n++) {
		unsigned before = the_one_epoch(fixture), after;

		ended = ends_at(fixture, n, run_rotation);
		unended += !ended;
		start(fixture, n);
		assert_all(fixture, "kept");
		assert_int_equal(vault_put(fixture, "e0", "kept"), ERR_OK);
		vault_fixture_close(fixture);
		/* It was not begun, or the start has finished it. */
		after = the_one_epoch(fixture);
		assert_true(after == before || after == before + 1);
		assert_true(ended || after == before + 1);
	}
	assert_int_equal(unended, UNENDED);
	assert_true(n > 8);
}

static enum error_code run_put(struct vault_fixture *fixture, struct error *err)
{
	(void)err;
	return vault_put(fixture, "e3", "new");
}

static void a_change_ended_anywhere(void **state)
{
	struct vault_fixture *fixture = *state;
	char value[64];
	int unended = 0;

	put_all(fixture, "old");
	vault_fixture_close(fixture);
	for (int n = AT_ANCHOR; unended < UNENDED && n < POINTS_MAX; n += n == AT_ANCHOR ? 2 : 1) {
		bool ended = ends_at(fixture, n, run_put);

		unended += !ended;
		start(fixture, n);
		assert_int_equal(vault_get(fixture, "e3", value, sizeof(value)), ERR_OK);
		assert_true(strcmp(value, "new") == 0 || (ended && strcmp(value, "old") == 0));
		/* Between the commit and the anchor it is there; before any call it is not. */
		assert_true(n != AT_ANCHOR || (ended && strcmp(value, "new") == 0));
		assert_true(n != 1 || (ended && strcmp(value, "old") == 0));
		assert_int_equal(vault_put(fixture, "e3", "old"), ERR_OK);
		vault_fixture_close(fixture);
	}
	assert_int_equal(unended, UNENDED);
}

/* A vault without an anchor gets one at a start that is ended anywhere: the next one opens it, and has the anchor. */
static void an_added_anchor_ended_anywhere(void **state)
{
	static const enum anchor_mode modes[] = { ANCHOR_RELAXED, ANCHOR_STRICT };
	struct records_health health;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		int unended = 0;

		for (int n = 1; unended < UNENDED && n < POINTS_MAX; n++) {
			struct vault_fixture *fixture;
			pid_t child;
			int status;

			assert_int_equal(vault_fixture_setup((void **)&fixture), 0);
			put_all(fixture, "kept");
			vault_fixture_close(fixture);
			fixture->anchored = true;
			fixture->anchor_mode = modes[i];
			child = fork();
			if (child == 0) {
				struct error err = ERROR_INIT;

				alarm(30);
				points_exit_at(n);
				_exit(vault_fixture_start(fixture, &err) == ERR_OK ? 0 : 1);
			}
			assert_int_equal(waitpid(child, &status, 0), child);
			assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == POINT_EXIT_CODE || WEXITSTATUS(status) == 0));
			unended += WEXITSTATUS(status) == 0;
			start(fixture, n);
			assert_all(fixture, "kept");
			records_health(fixture->records, &health);
			assert_int_equal(health.anchor_counter, health.counter);
			vault_fixture_teardown((void **)&fixture);
		}
		assert_int_equal(unended, UNENDED);
	}
}

static enum error_code run_compact(struct vault_fixture *fixture, struct error *err)
{
	const struct compact_options options = { .progress = NULL };
	struct store_compacted result;

	return records_compact(fixture->records, &options, &result, err);
}

static void assert_whole(struct vault_fixture *fixture, int n)
{
	const struct verify_options options = { .progress = NULL };
	struct verify_result result;
	struct error err = ERROR_INIT;

	assert_int_equal(records_verify(fixture->records, &options, &result, &err), ERR_OK);
	if (result.found > 0)
		fail_msg("point %d: %s", n, result.findings[0].text);
	verify_result_free(&result);
}

/* The anchor never leads, so whichever file is there is accepted. */
static void a_compaction_ended_anywhere(void **state)
{
	struct vault_fixture *fixture = *state;
	char path[128];
	int unended = 0;

	snprintf(path, sizeof(path), "%s/vault.db.new", fixture->directory);
	put_all(fixture, "gone");
	put_all(fixture, "kept");
	vault_fixture_close(fixture);
	for (int n = AT_ANCHOR; unended < UNENDED && n < POINTS_MAX; n += n == AT_ANCHOR ? 2 : 1) {
		unended += !ends_at(fixture, n, run_compact);
		start(fixture, n);
		assert_int_not_equal(access(path, F_OK), 0);
		assert_all(fixture, "kept");
		assert_whole(fixture, n);
		assert_int_equal(vault_put(fixture, "e3", "kept"), ERR_OK);
		vault_fixture_close(fixture);
	}
	assert_int_equal(unended, UNENDED);
}

/* -- slots and the root key, ended anywhere ------------------------------------------------------- */

static const char other_key[] = "another key of more than thirty-two bytes";

static struct slot_secret fixture_slot(const struct vault_fixture *fixture)
{
	return (struct slot_secret){ .type = SLOT_KEY_FILE, .key = fixture->key, .key_len = sizeof(fixture->key) };
}

static struct slot_secret other_slot(void)
{
	return (struct slot_secret){ .type = SLOT_KEY_FILE, .key = other_key, .key_len = sizeof(other_key) };
}

/* Whether a secret opens the vault; the waiting after failures is not what is looked at here. */
static bool opens(struct vault_fixture *fixture, struct slot_secret secret)
{
	struct error err = ERROR_INIT;
	enum error_code code;

	fixture->now += INT64_C(7200) * 1000000;
	vault_fixture_open(fixture);
	code = records_unseal(fixture->records, &secret, -1, &err);
	if (code == ERR_OK)
		assert_all(fixture, "kept");
	else
		assert_int_equal(code, ERR_UNSEAL_FAILED);
	vault_fixture_close(fixture);
	return code == ERR_OK;
}

static enum error_code run_add(struct vault_fixture *fixture, struct error *err)
{
	struct slot_secret unlock = fixture_slot(fixture), secret = other_slot();
	uint8_t id;

	return records_slot_add(fixture->records, &unlock, &secret, &id, err);
}

static enum error_code run_remove(struct vault_fixture *fixture, struct error *err)
{
	struct slot_secret unlock = fixture_slot(fixture);

	return records_slot_remove(fixture->records, &unlock, 1, err);
}

/* Slots come and go whole, and the other one opens at every moment. */
static void slots_changed_and_ended_anywhere(void **state)
{
	enum error_code (*const runs[])(struct vault_fixture *, struct error *) = { run_add, run_remove };
	struct vault_fixture *fixture = *state;

	put_all(fixture, "kept");
	vault_fixture_close(fixture);
	for (size_t i = 0; i < ARRAY_LEN(runs); i++) {
		bool wanted = i == 0, before = !wanted, seen_before = false, seen_after = false;
		int unended = 0;

		for (int n = AT_ANCHOR; unended < UNENDED && n < POINTS_MAX; n += n == AT_ANCHOR ? 2 : 1) {
			bool ended = ends_at(fixture, n, runs[i]), now = opens(fixture, other_slot());

			unended += !ended;
			assert_true(opens(fixture, fixture_slot(fixture)));
			assert_true(ended || now == wanted);
			seen_before |= ended && now == before;
			seen_after |= ended && now == wanted;
			if (now == wanted && unended < UNENDED) {	/* back, for the next point */
				struct error err = ERROR_INIT;

				start(fixture, n);
				assert_int_equal(runs[i ^ 1](fixture, &err), ERR_OK);
				vault_fixture_close(fixture);
			}
		}
		assert_int_equal(unended, UNENDED);
		assert_true(seen_before && seen_after);
	}
}

static enum error_code run_rekey(struct vault_fixture *fixture, struct error *err)
{
	cleanup_(rekeyed_freep) struct rekeyed *rekeyed = NULL;
	struct slot_secret unlock = fixture_slot(fixture), secret = other_slot();
	const struct slot_secret *slots[] = { &secret };
	bool in_doubt;

	if (records_rekey_prepare(fixture->records, &unlock, slots, 1, &rekeyed, err) != ERR_OK)
		return err->code;
	return records_rekey_commit(fixture->records, rekeyed, &in_doubt, err);
}

/* Exactly one of the two root keys is in force, and behind a new one there is a new KEK, at once or an hour after the start. */
static void a_new_root_key_ended_anywhere(void **state)
{
	bool seen_before = false, seen_after = false;
	int unended = 0;

	(void)state;
	for (int n = AT_ANCHOR; unended < UNENDED && n < POINTS_MAX; n += n == AT_ANCHOR ? 2 : 1) {
		struct vault_fixture *fixture;
		bool ended, now;

		assert_int_equal(vault_fixture_setup_anchored((void **)&fixture), 0);
		put_all(fixture, "kept");
		vault_fixture_close(fixture);
		ended = ends_at(fixture, n, run_rekey);
		now = opens(fixture, other_slot());
		unended += !ended;
		assert_true(ended || now);
		assert_int_equal(opens(fixture, fixture_slot(fixture)), !now);
		seen_before |= ended && !now;
		seen_after |= ended && now;
		if (now) {
			struct slot_secret secret = other_slot();
			struct error err = ERROR_INIT;

			fixture->now += INT64_C(7200) * 1000000;
			vault_fixture_open(fixture);
			assert_int_equal(records_unseal(fixture->records, &secret, -1, &err), ERR_OK);
			fixture->now += INT64_C(7200) * 1000000;
			records_tick(fixture->records);
			assert_all(fixture, "kept");
			vault_fixture_close(fixture);
			assert_true(the_one_epoch(fixture) >= 2);
		}
		vault_fixture_teardown((void **)&fixture);
	}
	assert_int_equal(unended, UNENDED);
	assert_true(seen_before && seen_after);
}

/* A header of which only one copy could be written: one of the two keys opens, which one the next unseal shows. */
static void a_new_root_key_in_doubt(void **state)
{
	static const enum point_fault faults[] = { FAULT_HEADER_FIRST, FAULT_HEADER_SECOND };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		cleanup_(rekeyed_freep) struct rekeyed *rekeyed = NULL;
		struct vault_fixture *fixture;
		struct slot_secret unlock, secret = other_slot();
		const struct slot_secret *slots[] = { &secret };
		struct error err = ERROR_INIT;
		bool in_doubt = false, now;

		assert_int_equal(vault_fixture_setup((void **)&fixture), 0);
		put_all(fixture, "kept");
		unlock = fixture_slot(fixture);
		assert_int_equal(records_rekey_prepare(fixture->records, &unlock, slots, 1, &rekeyed, &err), ERR_OK);
		points_fail(faults[i]);
		assert_int_equal(records_rekey_commit(fixture->records, rekeyed, &in_doubt, &err), ERR_IO);
		assert_true(in_doubt);
		err = (struct error)ERROR_INIT;
		assert_int_equal(records_rekey_commit(fixture->records, rekeyed, &in_doubt, &err), ERR_BUSY);
		assert_false(in_doubt);
		assert_int_equal(vault_put(fixture, "e1", "kept"), ERR_OK);
		vault_fixture_close(fixture);
		now = opens(fixture, other_slot());
		assert_int_equal(now, faults[i] == FAULT_HEADER_SECOND);
		assert_int_equal(opens(fixture, fixture_slot(fixture)), !now);
		vault_fixture_teardown((void **)&fixture);
	}
}

/* The commit behind a new root key fails, and whatever comes next tells the state of the header: the new KEK still follows. */
static void a_new_root_key_is_followed_by_a_new_kek(void **state)
{
	struct vault_fixture *fixture = *state;
	cleanup_(rekeyed_freep) struct rekeyed *rekeyed = NULL;
	struct slot_secret unlock = fixture_slot(fixture), secret = other_slot(), word = { .type = SLOT_PASSPHRASE, .passphrase = "word", .passphrase_len = 4 };
	const struct slot_secret *slots[] = { &secret };
	struct error err = ERROR_INIT;
	bool in_doubt = true;
	uint8_t id;

	put_all(fixture, "kept");
	assert_int_equal(records_rekey_prepare(fixture->records, &unlock, slots, 1, &rekeyed, &err), ERR_OK);
	points_fail(FAULT_DATABASE_SYNC);
	assert_int_equal(records_rekey_commit(fixture->records, rekeyed, &in_doubt, &err), ERR_OK);
	wait_writable(fixture);
	assert_int_equal(records_slot_add(fixture->records, &secret, &word, &id, &err), ERR_OK);
	vault_fixture_close(fixture);
	vault_fixture_open(fixture);
	assert_int_equal(records_unseal(fixture->records, &secret, -1, &err), ERR_OK);
	fixture->now += INT64_C(86400) * 1000000;
	records_tick(fixture->records);
	assert_all(fixture, "kept");
	vault_fixture_close(fixture);
	assert_true(the_one_epoch(fixture) >= 2);
	vault_fixture_open(fixture);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, vault_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_init_ended_anywhere),
		TEST(a_rotation_ended_anywhere, vault_fixture_setup_anchored),
		TEST(a_change_ended_anywhere, vault_fixture_setup_anchored),
		TEST(a_compaction_ended_anywhere, vault_fixture_setup_anchored),
		TEST(slots_changed_and_ended_anywhere, vault_fixture_setup_anchored),
		cmocka_unit_test(an_added_anchor_ended_anywhere),
		cmocka_unit_test(a_new_root_key_ended_anywhere),
		cmocka_unit_test(a_new_root_key_in_doubt),
		TEST(a_new_root_key_is_followed_by_a_new_kek, vault_fixture_setup),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
