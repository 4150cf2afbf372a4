/*
 * Accepting what a start refuses: a rollback, a fork, a missing anchor, lost records; and nothing else.
 */
#include "../lib/expect.h"
#include "vault_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "records/accept.h"
#include "records/slot_changes.h"

static void put_back_database(struct vault_fixture *fixture, const char *name)
{
	char from[160], to[160];

	snprintf(from, sizeof(from), "%s/vault.db.%s", fixture->directory, name);
	snprintf(to, sizeof(to), "%s/vault.db", fixture->directory);
	vault_copy_file(from, to);
}

struct told {
	char lines[16][256];
	size_t len;
};

static void tell(void *arg, const char *text)
{
	struct told *told = arg;

	assert_true(told->len < 16);
	snprintf(told->lines[told->len++], sizeof(told->lines[0]), "%s", text);
}

static enum error_code try_accept(struct vault_fixture *fixture, const struct accept_options *options, struct accept_report *ret,
				  struct error *err)
{
	const struct slot_secret slot = { .type = SLOT_KEY_FILE, .key = fixture->key, .key_len = sizeof(fixture->key) };
	enum error_code code;

	vault_fixture_open(fixture);
	error_clear(err);
	code = records_accept(fixture->records, &slot, options, ret, err);
	assert_true(records_sealed(fixture->records));
	assert_int_equal(secret_arena_used(), 0);
	vault_fixture_close(fixture);
	return code;
}

static struct accept_report look(struct vault_fixture *fixture)
{
	const struct accept_options options = { 0 };
	struct accept_report report = { 0 };
	struct error err = ERROR_INIT;

	if (try_accept(fixture, &options, &report, &err) != ERR_OK)
		fail_msg("look: %s", err.text);
	assert_int_equal(report.new_counter, 0);
	return report;
}

static struct accept_report accept_it(struct vault_fixture *fixture, uint64_t expect)
{
	const struct accept_options options = { .accept = true, .expect = expect };
	struct accept_report report = { 0 };
	struct error err = ERROR_INIT;

	if (try_accept(fixture, &options, &report, &err) != ERR_OK)
		fail_msg("accept: %s", err.text);
	return report;
}

/* An anchored vault at "old", of which "a" is kept; then it went on to "new" and is closed. */
static void go_on(struct vault_fixture *fixture)
{
	vault_must_put(fixture, "shop", "old");
	vault_fixture_close(fixture);
	vault_keep(fixture, "a");
	vault_must_start(fixture, ERR_OK);
	vault_must_put(fixture, "shop", "new");
	vault_must_put(fixture, "other", "new");
	vault_fixture_close(fixture);
}

/* -- what is let pass -------------------------------------------------------------------- */

static void a_directory_that_was_put_back(void **state)
{
	struct vault_fixture *fixture = *state;
	struct accept_options wrong = { .accept = true, .expect = 4711 };
	struct accept_report report, ignored = { 0 };
	struct records_token_state tokens;
	struct error err = ERROR_INIT;
	char value[16];

	go_on(fixture);
	vault_keep(fixture, "b");
	vault_put_back(fixture, "a");
	vault_must_start(fixture, ERR_ROLLBACK);
	report = look(fixture);
	assert_true(report.has_anchor && !report.anchor_is_other_fork);
	assert_true(report.anchor_counter > report.counter);
	assert_non_null(strstr(report.refused, "rolled back"));
	assert_fails(try_accept(fixture, &wrong, &ignored, &err), &err, ERR_INVALID);
	/* nothing of this changed anything */
	vault_must_start(fixture, ERR_ROLLBACK);
	struct accept_report done = accept_it(fixture, report.counter);
	assert_int_equal(done.new_counter, report.anchor_counter + 1);
	assert_memory_not_equal(done.new_fork_id, report.fork_id, ID_LEN);
	vault_must_start(fixture, ERR_OK);
	vault_must_hold(fixture, "shop", "old");
	assert_int_equal(vault_get(fixture, "other", value, sizeof(value)), ERR_NOT_FOUND);
	/* tokens made before end; those made from now on count */
	records_token_state(fixture->records, &tokens);
	assert_true(tokens.tokens_not_before > INT64_C(1764000000000000));
	assert_true(tokens.time_high_water >= tokens.tokens_not_before);
	assert_memory_equal(tokens.fork_id, done.new_fork_id, ID_LEN);
	vault_must_put(fixture, "shop", "after");
	vault_fixture_close(fixture);
	vault_must_start(fixture, ERR_OK);
	vault_must_hold(fixture, "shop", "after");
	vault_fixture_close(fixture);
	/* what was given up is now the wrong history */
	vault_put_back(fixture, "b");
	vault_must_start(fixture, ERR_FORK);
	report = look(fixture);
	assert_true(report.anchor_is_other_fork);
	accept_it(fixture, report.counter);
	vault_must_start(fixture, ERR_OK);
	vault_must_hold(fixture, "shop", "new");
}

static void wrapped_answers_are_gone(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record raw;

	assert_int_equal(vault_put_wrapped(fixture), ERR_OK);
	go_on(fixture);
	vault_put_back(fixture, "a");
	assert_true(raw_find(fixture, TABLE_WRAPPED, 0, &raw));
	free(raw.value);
	accept_it(fixture, look(fixture).counter);
	vault_must_start(fixture, ERR_OK);
	vault_fixture_close(fixture);
	assert_false(raw_find(fixture, TABLE_WRAPPED, 0, &raw));
}

/* A machine whose time was set back: tokens that were made "later" end as well, and new ones count. */
static void a_time_that_was_set_back(void **state)
{
	struct vault_fixture *fixture = *state;
	struct records_token_state before, after;

	go_on(fixture);
	vault_must_start(fixture, ERR_OK);
	records_token_state(fixture->records, &before);
	vault_fixture_close(fixture);
	fixture->now -= INT64_C(3600000000);
	accept_it(fixture, look(fixture).counter);
	vault_must_start(fixture, ERR_OK);
	records_token_state(fixture->records, &after);
	assert_true(after.tokens_not_before > before.time_high_water);
	assert_true(after.time_high_water >= after.tokens_not_before);
}

static void tokens_that_are_kept(void **state)
{
	struct vault_fixture *fixture = *state;
	struct accept_options options = { .accept = true, .keep_tokens = true };
	struct accept_report report;
	struct records_token_state tokens;
	struct error err = ERROR_INIT;

	go_on(fixture);
	vault_put_back(fixture, "a");
	options.expect = look(fixture).counter;
	assert_int_equal(try_accept(fixture, &options, &report, &err), ERR_OK);
	vault_must_start(fixture, ERR_OK);
	records_token_state(fixture->records, &tokens);
	assert_int_equal(tokens.tokens_not_before, 0);
}

static void an_anchor_that_is_gone(void **state)
{
	struct vault_fixture *fixture = *state;
	struct accept_report report;

	go_on(fixture);
	unlink(fixture->anchor_path);
	vault_must_start(fixture, ERR_ANCHOR_MISSING);
	report = look(fixture);
	assert_false(report.has_anchor);
	/* looking made none */
	assert_int_not_equal(access(fixture->anchor_path, F_OK), 0);
	assert_int_equal(accept_it(fixture, report.counter).new_counter, report.counter + 1);
	vault_must_start(fixture, ERR_OK);
	vault_fixture_close(fixture);
	/* and it counts again */
	vault_put_back(fixture, "a");
	vault_must_start(fixture, ERR_FORK);
}

static void a_vault_that_is_to_have_no_anchor_any_more(void **state)
{
	struct vault_fixture *fixture = *state;

	go_on(fixture);
	fixture->anchored = false;
	vault_must_start(fixture, ERR_ANCHOR_MISSING);
	accept_it(fixture, look(fixture).counter);
	vault_must_start(fixture, ERR_OK);
	vault_must_hold(fixture, "shop", "new");
}

static void a_database_that_is_older_than_its_header(void **state)
{
	struct vault_fixture *fixture = *state;
	struct error err = ERROR_INIT;

	vault_must_put(fixture, "shop", "old");
	vault_fixture_close(fixture);
	vault_keep(fixture, "a");
	vault_must_start(fixture, ERR_OK);
	for (int i = 0; i < 2; i++)
		assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_OK);
	vault_must_put(fixture, "shop", "new");
	vault_fixture_close(fixture);
	put_back_database(fixture, "a");
	vault_must_start(fixture, ERR_ROLLBACK);
	/* the keys that it needs are gone from the header: what does not open is not accepted */
	struct accept_options options = { 0 };
	struct accept_report report = { 0 };
	assert_fails(try_accept(fixture, &options, &report, &err), &err, ERR_RECORD);
	vault_must_start(fixture, ERR_ROLLBACK);
}

/* Slots came meanwhile, but no key went: what the header knows of it is a witness, and the slots stay. */
static void a_database_that_is_older_than_its_slots(void **state)
{
	struct vault_fixture *fixture = *state;
	const struct slot_secret unlock = { .type = SLOT_KEY_FILE, .key = fixture->key, .key_len = sizeof(fixture->key) };
	struct accept_report report;
	struct slot_info slots[SLOTS_MAX];
	struct error err = ERROR_INIT;
	uint64_t seen = 0;

	vault_must_put(fixture, "shop", "old");
	vault_fixture_close(fixture);
	vault_keep(fixture, "a");
	vault_must_start(fixture, ERR_OK);
	for (uint8_t i = 0; i < 3; i++) {
		uint8_t key[32] = { i }, id;
		const struct slot_secret slot = { .type = SLOT_KEY_FILE, .key = key, .key_len = sizeof(key), .label = "" };
		struct records_health health;

		records_health(fixture->records, &health);
		seen = health.counter;
		assert_int_equal(records_slot_add(fixture->records, &unlock, &slot, &id, &err), ERR_OK);
	}
	vault_must_put(fixture, "shop", "new");
	vault_fixture_close(fixture);
	put_back_database(fixture, "a");
	vault_must_start(fixture, ERR_ROLLBACK);
	report = look(fixture);
	assert_non_null(strstr(report.refused, "older than vault.hdr"));
	assert_true(report.counter < seen);
	assert_int_equal(accept_it(fixture, report.counter).new_counter, seen + 1);
	vault_must_start(fixture, ERR_OK);
	vault_must_hold(fixture, "shop", "old");
	assert_int_equal(records_slots(fixture->records, slots), 4);
	vault_fixture_close(fixture);
	vault_must_start(fixture, ERR_OK);
}

static void a_whole_vault_may_be_forked_as_well(void **state)
{
	struct vault_fixture *fixture = *state;
	struct accept_report report;

	go_on(fixture);
	report = look(fixture);
	assert_string_equal(report.refused, "");
	assert_int_equal(accept_it(fixture, report.counter).new_counter, report.counter + 1);
	vault_must_start(fixture, ERR_OK);
	vault_must_hold(fixture, "shop", "new");
}

/* -- what is not -------------------------------------------------------------------------- */

static void a_wrong_key_accepts_nothing(void **state)
{
	struct vault_fixture *fixture = *state;
	struct accept_options options = { .accept = true };
	struct accept_report report = { 0 };
	struct error err = ERROR_INIT;

	go_on(fixture);
	vault_put_back(fixture, "a");
	options.expect = look(fixture).counter;
	fixture->key[3] ^= 1;
	assert_fails(try_accept(fixture, &options, &report, &err), &err, ERR_UNSEAL_FAILED);
	fixture->key[3] ^= 1;
	vault_must_start(fixture, ERR_ROLLBACK);
}

static void a_changed_record_is_not_accepted(void **state)
{
	static const uint8_t tables[] = { TABLE_HEAD, TABLE_REVISION, TABLE_DATA_KEY };
	struct vault_fixture *fixture = *state;
	const struct accept_options options = { 0 };

	go_on(fixture);
	vault_keep(fixture, "b");
	for (size_t i = 0; i < sizeof(tables); i++) {
		struct accept_options accept = { .accept = true };
		struct accept_report report = { 0 };
		struct error err = ERROR_INIT;
		struct raw_record raw;
		enum error_code code;

		vault_put_back(fixture, "b");
		accept.expect = look(fixture).counter;
		assert_true(raw_find(fixture, tables[i], 0, &raw));
		raw.value[raw.value_len / 2] ^= 1;
		raw_put(fixture, &raw, raw.value, raw.value_len);
		free(raw.value);
		/* of a revision only the whole check hears, before anything is committed */
		code = try_accept(fixture, tables[i] == TABLE_REVISION ? &accept : &options, &report, &err);
		if (code != ERR_RECORD)
			fail_msg("table %c: %s (%s)", tables[i], error_name(code), err.text);
		assert_int_equal(report.new_counter, 0);
	}
}

/* -- losses ------------------------------------------------------------------------------- */

static void accept_loss(struct vault_fixture *fixture, struct told *told, uint64_t lost)
{
	struct accept_options options = { .accept_loss = true, .lost = tell, .arg = told };
	struct accept_report report = { 0 };
	struct error err = ERROR_INIT;

	if (try_accept(fixture, &options, &report, &err) != ERR_OK)
		fail_msg("look: %s", err.text);
	assert_int_equal(report.lost, lost);
	assert_true(told->len > 0);
	options = (struct accept_options){ .accept = true, .accept_loss = true, .expect = report.counter };
	if (try_accept(fixture, &options, &report, &err) != ERR_OK)
		fail_msg("accept: %s", err.text);
}

/* Of three environments one loses something; the others are as they were, and the vault is whole again. */
static void lose(struct vault_fixture *fixture, uint8_t table, bool remove, uint64_t lost, size_t readable)
{
	static const char *const names[] = { "e0", "e1", "e2" };
	struct told told = { .len = 0 };
	size_t read = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		for (int turn = 0; turn < 3; turn++)
			vault_must_put(fixture, names[i], turn == 2 ? "last" : "first");
	vault_fixture_close(fixture);
	/* K: the first is the system's */
	raw_damage(fixture, table, table == TABLE_DATA_KEY ? 1 : 0, remove);
	accept_loss(fixture, &told, lost);
	vault_must_start(fixture, ERR_OK);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char value[16];

		if (vault_get(fixture, names[i], value, sizeof(value)) == ERR_OK) {
			assert_string_equal(value, "last");
			read++;
		}
	}
	assert_int_equal(read, readable);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		vault_must_put(fixture, names[i], "after");
	vault_fixture_close(fixture);
	vault_must_start(fixture, ERR_OK);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		vault_must_hold(fixture, names[i], "after");
}

static void a_damaged_head_is_lost_with_its_revisions(void **state)
{
	lose(*state, TABLE_HEAD, false, 1 + 1 + 3, 2);	/* and its data key */
}

static void a_missing_head_is_lost_with_its_revisions(void **state)
{
	lose(*state, TABLE_HEAD, true, 1 + 3 + 1, 2);	/* and that the set differs */
}

static void a_damaged_data_key_takes_its_environment_along(void **state)
{
	/* the byte that is changed is one that the sum covers: that counts as well */
	lose(*state, TABLE_DATA_KEY, false, 1 + 1 + 3 + 1, 2);
}

static void a_missing_data_key_takes_its_environment_along(void **state)
{
	lose(*state, TABLE_DATA_KEY, true, 1 + 3 + 1, 2);
}

static void a_damaged_revision_counts_as_destroyed(void **state)
{
	lose(*state, TABLE_REVISION, false, 1, 3);
}

static void a_missing_revision_counts_as_destroyed(void **state)
{
	lose(*state, TABLE_REVISION, true, 1, 3);
}

#define ANCHORED(test) cmocka_unit_test_setup_teardown(test, vault_fixture_setup_anchored, vault_fixture_teardown)
#define PLAIN(test) cmocka_unit_test_setup_teardown(test, vault_fixture_setup, vault_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ANCHORED(a_directory_that_was_put_back),
		ANCHORED(a_time_that_was_set_back),
		ANCHORED(tokens_that_are_kept),
		ANCHORED(wrapped_answers_are_gone),
		ANCHORED(an_anchor_that_is_gone),
		ANCHORED(a_vault_that_is_to_have_no_anchor_any_more),
		PLAIN(a_database_that_is_older_than_its_header),
		PLAIN(a_database_that_is_older_than_its_slots),
		ANCHORED(a_whole_vault_may_be_forked_as_well),
		ANCHORED(a_wrong_key_accepts_nothing),
		ANCHORED(a_changed_record_is_not_accepted),
		PLAIN(a_damaged_head_is_lost_with_its_revisions),
		PLAIN(a_missing_head_is_lost_with_its_revisions),
		PLAIN(a_damaged_data_key_takes_its_environment_along),
		PLAIN(a_missing_data_key_takes_its_environment_along),
		PLAIN(a_damaged_revision_counts_as_destroyed),
		PLAIN(a_missing_revision_counts_as_destroyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
