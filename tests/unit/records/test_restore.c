/* Restoring a backup: a fork of what was backed up, in a directory of its own, or nothing. */
#include "../lib/expect.h"
#include "../lib/memory_folder.h"
#include "backup_stream.h"
#include "vault_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "records/restore.h"
#include "records/verify.h"

struct place {
	char directory[64], anchor[80];
};

static struct place place_new(void)
{
	struct place place;

	assert_true(memory_folder(place.directory, sizeof(place.directory), "vault-restore"));
	snprintf(place.anchor, sizeof(place.anchor), "%.63s.anchor", place.directory);
	return place;
}

static void place_remove(const struct place *place)
{
	static const char *const all[] = { "vault.db", "vault.db-lock", "vault.hdr", "vault.try", "lock" };
	char path[128];

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		snprintf(path, sizeof(path), "%s/%s", place->directory, all[i]);
		unlink(path);
	}
	unlink(place->anchor);
	assert_int_equal(rmdir(place->directory), 0);
}

static int64_t later(void *arg)
{
	(void)arg;
	return INT64_C(1770000000000000);
}

static enum error_code restore(struct vault_fixture *fixture, const struct stream *stream, const struct place *place,
			       bool anchored, struct accept_report *ret, struct error *err)
{
	const struct slot_secret slot = { .type = SLOT_KEY_FILE, .key = fixture->key, .key_len = sizeof(fixture->key) };
	const struct restore_options options = {
		.records = { .directory = place->directory, .max_size = 64u << 20, .anchor_path = anchored ? place->anchor : NULL,
			     .anchor_mode = ANCHOR_RELAXED, .clock = { later, later, NULL } },
	};
	cleanup_(backup_reader_freep) struct backup_reader *reader = NULL;
	struct stream_source source = { .stream = stream };

	if (backup_reader_new(stream_source_read, &source, &reader, err) != ERR_OK)
		return err->code;
	return records_restore(reader, &slot, &options, ret, err);
}

/* The fixture now stands in the place of the restored directory. */
static void move_to(struct vault_fixture *fixture, const struct place *place, bool anchored)
{
	vault_fixture_close(fixture);
	snprintf(fixture->directory, sizeof(fixture->directory), "%s", place->directory);
	snprintf(fixture->anchor_path, sizeof(fixture->anchor_path), "%s", place->anchor);
	fixture->anchored = anchored;
}

static void check_restored(struct vault_fixture *fixture, bool anchored)
{
	struct vault_fixture original = *fixture;
	struct place place = place_new();
	struct stream stream = { 0 };
	struct accept_report report = { 0 };
	struct records_health before, after;
	struct error err = ERROR_INIT;

	vault_must_put(fixture, "shop", "one");
	vault_must_put(fixture, "shop", "two");
	vault_must_put(fixture, "gone", "x");
	assert_int_equal(vault_destroy(fixture, "gone"), ERR_OK);
	stream_of(fixture, &stream);
	records_health(fixture->records, &before);
	vault_must_put(fixture, "shop", "behind the backup");
	assert_int_equal(restore(fixture, &stream, &place, anchored, &report, &err), ERR_OK);
	assert_int_equal(report.counter, before.counter);
	assert_int_equal(report.new_counter, before.counter + 1);
	move_to(fixture, &place, anchored);
	vault_must_start(fixture, ERR_OK);
	vault_must_hold(fixture, "shop", "two");
	records_health(fixture->records, &after);
	assert_int_equal(after.n_live, before.n_live);
	assert_int_equal(after.n_revisions, before.n_revisions);
	assert_memory_not_equal(after.fork_id, before.fork_id, ID_LEN);
	vault_must_put(fixture, "shop", "three");
	vault_fixture_close(fixture);
	vault_must_start(fixture, ERR_OK);
	vault_fixture_close(fixture);
	*fixture = original;
	fixture->records = NULL;
	place_remove(&place);
	stream_free(&stream);
	vault_must_start(fixture, ERR_OK);
	vault_must_hold(fixture, "shop", "behind the backup");
}

static void what_was_backed_up_is_restored(void **state)
{
	check_restored(*state, false);
}

static void a_restored_vault_has_its_anchor(void **state)
{
	check_restored(*state, true);
}

static void a_vault_without_environments_is_one_as_well(void **state)
{
	struct vault_fixture *fixture = *state;
	struct place place = place_new();
	struct stream stream = { 0 };
	struct accept_report report = { 0 };
	struct verify_result result = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(vault_put_wrapped(fixture), ERR_OK);
	/* no revision stands between the tables before theirs and those behind */
	assert_int_equal(records_verify(fixture->records, &(struct verify_options){ 0 }, &result, &err), ERR_OK);
	assert_int_equal(result.found, 0);
	verify_result_free(&result);
	stream_of(fixture, &stream);
	if (restore(fixture, &stream, &place, false, &report, &err) != ERR_OK)
		fail_msg("%s", err.text);
	place_remove(&place);
	stream_free(&stream);
}

static void what_is_no_whole_backup_of_ours_restores_nothing(void **state)
{
	struct vault_fixture *fixture = *state;
	struct place place = place_new();
	struct stream stream = { 0 };
	struct accept_report report = { 0 };
	struct error err = ERROR_INIT;
	struct stat info;
	char path[128];

	vault_must_put(fixture, "shop", "one");
	stream_of(fixture, &stream);
	fixture->key[0] ^= 1;
	assert_fails(restore(fixture, &stream, &place, false, &report, &err), &err, ERR_UNSEAL_FAILED);
	fixture->key[0] ^= 1;
	stream.len--;
	assert_fails(restore(fixture, &stream, &place, false, &report, &err), &err, ERR_BACKUP_CUT);
	stream.len++;
	snprintf(path, sizeof(path), "%s/vault.hdr", place.directory);
	assert_int_not_equal(stat(path, &info), 0);	/* it is no vault */
	assert_fails(restore(fixture, &stream, &place, false, &report, &err), &err, ERR_EXISTS);
	place_remove(&place);
	stream_free(&stream);
}

/* The state was sealed rightly, and a revision in the store was not: the backup copies it, the restore finds it. */
static void a_damaged_revision_in_a_backup_is_found(void **state)
{
	struct vault_fixture *fixture = *state;
	struct place place = place_new();
	struct stream stream = { 0 };
	struct accept_report report = { 0 };
	struct error err = ERROR_INIT;

	vault_must_put(fixture, "shop", "one");
	vault_fixture_close(fixture);
	raw_damage(fixture, TABLE_REVISION, 0, false);
	vault_must_start(fixture, ERR_OK);
	stream_of(fixture, &stream);
	assert_fails(restore(fixture, &stream, &place, false, &report, &err), &err, ERR_RECORD);
	assert_int_equal(report.new_counter, 0);
	place_remove(&place);
	stream_free(&stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_backed_up_is_restored, vault_fixture_setup, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(a_restored_vault_has_its_anchor, vault_fixture_setup_anchored, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(a_vault_without_environments_is_one_as_well, vault_fixture_setup, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(what_is_no_whole_backup_of_ours_restores_nothing, vault_fixture_setup,
						vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(a_damaged_revision_in_a_backup_is_found, vault_fixture_setup, vault_fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
