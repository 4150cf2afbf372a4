/* Slots of an unsealed vault: added, changed, removed with a working one; shares; and a new root key with all that it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "records/header_copy.h"
#include "records/slot_changes.h"
#include "vault/limits.h"
#include "vault_fixture.h"

#define OTHER_KEY "another key of more than thirty-two bytes"

static struct slot_secret fixture_key(const struct vault_fixture *fixture)
{
	return (struct slot_secret){ .type = SLOT_KEY_FILE, .key = fixture->key, .key_len = sizeof(fixture->key), .label = "" };
}

static struct slot_secret key(const char *text)
{
	return (struct slot_secret){ .type = SLOT_KEY_FILE, .key = text, .key_len = strlen(text), .label = "other" };
}

static struct slot_secret passphrase(const char *text)
{
	return (struct slot_secret){ .type = SLOT_PASSPHRASE, .passphrase = text, .passphrase_len = strlen(text) };
}

static struct slot_secret new_shares(unsigned n, unsigned k, struct secret_buf *made)
{
	return (struct slot_secret){ .type = SLOT_SHARES, .shares = n, .threshold = k, .made = made, .label = "holders" };
}

/* The shares number first to first + count - 1. */
static struct slot_secret some_shares(const struct secret_buf *made, size_t first, size_t count)
{
	return (struct slot_secret){ .type = SLOT_SHARES, .key = secret_buf_bytes(made) + first * SHARE_LEN,
				     .key_len = count * SHARE_LEN };
}

static struct secret_buf *room(void)
{
	struct secret_buf *made = secret_buf_new(LIMIT_SHARES * SHARE_LEN);

	assert_non_null(made);
	return made;
}

static enum error_code add(struct vault_fixture *fixture, struct slot_secret unlock, struct slot_secret secret)
{
	struct error err = ERROR_INIT;
	uint8_t id;

	return records_slot_add(fixture->records, &unlock, &secret, &id, &err);
}

static enum error_code unseal_with(struct vault_fixture *fixture, struct slot_secret secret)
{
	struct error err = ERROR_INIT;
	enum error_code code;

	records_seal(fixture->records);
	code = records_unseal(fixture->records, &secret, -1, &err);
	assert_int_equal(code, err.code);
	return code;
}

/* The same in a new process, with what is on disk. */
static enum error_code start_with(struct vault_fixture *fixture, struct slot_secret secret)
{
	vault_fixture_close(fixture);
	vault_fixture_open(fixture);
	return unseal_with(fixture, secret);
}

static size_t slots_of(struct vault_fixture *fixture, struct slot_info ret[static SLOTS_MAX])
{
	return records_slots(fixture->records, ret);
}

static void assert_value(struct vault_fixture *fixture, const char *expected)
{
	char value[64];

	assert_int_equal(vault_get(fixture, "kept", value, sizeof(value)), ERR_OK);
	assert_string_equal(value, expected);
}

/* -- adding, changing, removing ---------------------------------------------------------------- */

static void a_slot_is_added_with_a_working_one(void **state)
{
	struct vault_fixture *fixture = *state;
	struct slot_info slots[SLOTS_MAX];

	assert_int_equal(vault_put(fixture, "kept", "value"), ERR_OK);
	assert_int_equal(add(fixture, fixture_key(fixture), passphrase("word")), ERR_OK);
	assert_int_equal(add(fixture, passphrase("word"), key(OTHER_KEY)), ERR_OK);
	assert_int_equal(slots_of(fixture, slots), 3);
	assert_int_equal(slots[1].type, SLOT_PASSPHRASE);
	assert_string_equal(slots[2].label, "other");
	assert_value(fixture, "value");
	assert_int_equal(start_with(fixture, passphrase("word")), ERR_OK);
	assert_value(fixture, "value");
	assert_int_equal(start_with(fixture, key(OTHER_KEY)), ERR_OK);
	assert_int_equal(start_with(fixture, fixture_key(fixture)), ERR_OK);
	assert_int_equal(slots_of(fixture, slots), 3);
}

static void nothing_is_changed_without_one(void **state)
{
	struct vault_fixture *fixture = *state;
	struct slot_secret wrong = key(OTHER_KEY), none = passphrase("word"), right = fixture_key(fixture);
	struct slot_info slots[SLOTS_MAX];
	struct error err = ERROR_INIT;
	uint8_t id = 99;

	assert_int_equal(records_slot_add(fixture->records, &wrong, &none, &id, &err), ERR_UNSEAL_FAILED);
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_slot_add(fixture->records, &none, &wrong, &id, &err), ERR_UNSEAL_FAILED);
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_slot_remove(fixture->records, &wrong, 0, &err), ERR_UNSEAL_FAILED);
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_slot_change(fixture->records, &wrong, 0, &none, &err), ERR_UNSEAL_FAILED);
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_prove(fixture->records, &wrong, &err), ERR_UNSEAL_FAILED);
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_prove(fixture->records, &right, &err), ERR_OK);
	assert_int_equal(id, 99);
	assert_int_equal(slots_of(fixture, slots), 1);
	/* Proofs are attempts like any other: four and a success were free, five more are, then they wait. */
	for (int i = 0; i < 5; i++) {
		err = (struct error)ERROR_INIT;
		assert_int_equal(records_prove(fixture->records, &wrong, &err), ERR_UNSEAL_FAILED);
	}
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_prove(fixture->records, &right, &err), ERR_SLOWED_DOWN);
	records_seal(fixture->records);
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_slot_add(fixture->records, &right, &none, &id, &err), ERR_SEALED);
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_prove(fixture->records, &right, &err), ERR_SEALED);
}

static void a_changed_slot_opens_with_the_new_secret_alone(void **state)
{
	struct vault_fixture *fixture = *state;
	struct slot_secret unlock = fixture_key(fixture), secret = passphrase("second"), third = key(OTHER_KEY);
	struct slot_info slots[SLOTS_MAX];
	struct error err = ERROR_INIT;

	assert_int_equal(add(fixture, unlock, passphrase("first")), ERR_OK);
	assert_int_equal(records_slot_change(fixture->records, &unlock, 1, &secret, &err), ERR_OK);
	assert_int_equal(start_with(fixture, passphrase("first")), ERR_UNSEAL_FAILED);
	assert_int_equal(start_with(fixture, passphrase("second")), ERR_OK);
	/* Also the one that proves it, and into another type. */
	assert_int_equal(records_slot_change(fixture->records, &secret, 1, &third, &err), ERR_OK);
	assert_int_equal(slots_of(fixture, slots), 2);
	assert_int_equal(slots[1].type, SLOT_KEY_FILE);
	assert_int_equal(start_with(fixture, passphrase("second")), ERR_UNSEAL_FAILED);
	assert_int_equal(start_with(fixture, key(OTHER_KEY)), ERR_OK);
	for (unsigned id = 2; id < 12; id++) {
		err = (struct error)ERROR_INIT;
		assert_int_equal(records_slot_change(fixture->records, &third, id, &secret, &err), ERR_NOT_FOUND);
		err = (struct error)ERROR_INIT;
		assert_int_equal(records_slot_remove(fixture->records, &third, id, &err), ERR_NOT_FOUND);
	}
}

static void never_the_last_slot(void **state)
{
	struct vault_fixture *fixture = *state;
	struct slot_secret unlock = fixture_key(fixture), word = passphrase("word");
	struct slot_info slots[SLOTS_MAX];
	struct error err = ERROR_INIT;

	assert_int_equal(records_slot_remove(fixture->records, &unlock, 0, &err), ERR_INVALID);
	assert_non_null(strstr(err.text, "last slot"));
	assert_int_equal(add(fixture, unlock, word), ERR_OK);
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_slot_remove(fixture->records, &unlock, 0, &err), ERR_OK);
	assert_int_equal(slots_of(fixture, slots), 1);
	assert_int_equal(slots[0].id, 1);
	assert_int_equal(records_slot_remove(fixture->records, &word, 1, &err), ERR_INVALID);
	assert_int_equal(start_with(fixture, fixture_key(fixture)), ERR_UNSEAL_FAILED);
	assert_int_equal(start_with(fixture, word), ERR_OK);
	/* The free place is taken by the next. */
	assert_int_equal(add(fixture, word, key(OTHER_KEY)), ERR_OK);
	assert_int_equal(slots_of(fixture, slots), 2);
	assert_int_equal(slots[0].id, 0);
}

static void eight_slots_and_not_one_more(void **state)
{
	struct vault_fixture *fixture = *state;
	char text[] = OTHER_KEY;

	for (int i = 1; i < SLOTS_MAX; i++, text[0]++)
		assert_int_equal(add(fixture, fixture_key(fixture), key(text)), ERR_OK);
	assert_int_equal(add(fixture, fixture_key(fixture), key(text)), ERR_BUSY);
	assert_int_equal(start_with(fixture, fixture_key(fixture)), ERR_OK);
}

/* -- shares ---------------------------------------------------------------------------------------- */

static void shares_open_and_each_mistake_has_its_name(void **state)
{
	cleanup_(secret_buf_freep) struct secret_buf *made = room(), *newer = room();
	struct vault_fixture *fixture = *state;
	struct slot_secret set = new_shares(5, 3, made), replaced = new_shares(5, 3, newer), unlock = fixture_key(fixture);
	struct slot_info slots[SLOTS_MAX];
	struct share_info info;
	struct error err = ERROR_INIT;
	uint8_t share[SHARE_LEN];

	assert_int_equal(vault_put(fixture, "kept", "value"), ERR_OK);
	assert_int_equal(add(fixture, unlock, set), ERR_OK);
	assert_int_equal(secret_buf_len(made), 5 * SHARE_LEN);
	assert_int_equal(slots_of(fixture, slots), 2);
	assert_int_equal(slots[1].type, SLOT_SHARES);
	assert_int_equal(slots[1].shares, 5);
	assert_int_equal(slots[1].threshold, 3);
	for (size_t first = 0; first < 3; first++) {
		assert_int_equal(start_with(fixture, some_shares(made, first, 3)), ERR_OK);
		assert_value(fixture, "value");
	}
	assert_int_equal(add(fixture, some_shares(made, 2, 3), passphrase("word")), ERR_OK);
	/* Too few and too many are no attempts: any number of them leaves the slot as it is. */
	for (int i = 0; i < 8; i++) {
		assert_int_equal(start_with(fixture, some_shares(made, 0, 2)), ERR_INVALID);
		assert_int_equal(start_with(fixture, some_shares(made, 0, 4)), ERR_INVALID);
	}
	assert_int_equal(start_with(fixture, some_shares(made, 1, 3)), ERR_OK);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(records_share_check(fixture->records, secret_buf_bytes(made) + i * SHARE_LEN, &info, &err), ERR_OK);
		assert_int_equal(info.number, i + 1);
		assert_int_equal(info.slot, 1);
	}
	memcpy(share, secret_buf_bytes(made), SHARE_LEN);
	share[20] ^= 1;
	assert_int_equal(records_share_check(fixture->records, share, &info, &err), ERR_INVALID);
	assert_non_null(strstr(err.text, "checksum"));
	/* After the slot was changed the old set is named. */
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_slot_change(fixture->records, &unlock, 1, &replaced, &err), ERR_OK);
	assert_int_equal(records_share_check(fixture->records, secret_buf_bytes(made), &info, &err), ERR_INVALID);
	assert_non_null(strstr(err.text, "newer shares"));
	assert_int_equal(start_with(fixture, some_shares(made, 0, 3)), ERR_INVALID);
	assert_int_equal(start_with(fixture, some_shares(newer, 0, 3)), ERR_OK);
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_slot_remove(fixture->records, &unlock, 1, &err), ERR_OK);
	assert_int_equal(records_share_check(fixture->records, secret_buf_bytes(newer), &info, &err), ERR_INVALID);
	assert_non_null(strstr(err.text, "does not have"));
}

static void a_vault_may_begin_with_shares(void **state)
{
	cleanup_(secret_buf_freep) struct secret_buf *made = room();
	struct vault_fixture *fixture = *state;
	struct slot_secret set = new_shares(3, 2, made);
	struct error err = ERROR_INIT;

	assert_int_equal(records_init(fixture->records, &set, NULL, NULL, &err), ERR_OK);
	assert_int_equal(vault_put(fixture, "kept", "value"), ERR_OK);
	assert_int_equal(start_with(fixture, some_shares(made, 1, 2)), ERR_OK);
	assert_value(fixture, "value");
}

/* -- a new root key ----------------------------------------------------------------------------------- */

static void copy_file(const struct vault_fixture *fixture, const char *name, const char *to)
{
	char command[512];

	snprintf(command, sizeof(command), "cp %s/%s %s/%s", fixture->directory, name, fixture->directory, to);
	assert_int_equal(system(command), 0);
}

static enum error_code rekey(struct vault_fixture *fixture, struct slot_secret unlock, struct slot_secret *secret, size_t len)
{
	cleanup_(rekeyed_freep) struct rekeyed *rekeyed = NULL;
	const struct slot_secret *slots[SLOTS_MAX + 1];
	struct error err = ERROR_INIT;
	bool in_doubt;

	for (size_t i = 0; i < len; i++)
		slots[i] = &secret[i];
	if (records_rekey_prepare(fixture->records, &unlock, slots, len, &rekeyed, &err) != ERR_OK)
		return err.code;
	return records_rekey_commit(fixture->records, rekeyed, &in_doubt, &err);
}

static uint32_t epoch_of(struct vault_fixture *fixture)
{
	struct error err = ERROR_INIT;
	struct key_status status = { 0 };

	assert_int_equal(records_key_status(fixture->records, &status, &err), ERR_OK);
	return status.epoch;
}

static void a_new_root_key_leaves_only_the_new_slots(void **state)
{
	cleanup_(secret_buf_freep) struct secret_buf *made = room();
	struct vault_fixture *fixture = *state;
	struct slot_secret next[2] = { new_shares(3, 2, made), passphrase("word") };
	struct slot_info slots[SLOTS_MAX];
	uint32_t epoch = epoch_of(fixture);

	assert_int_equal(vault_put(fixture, "kept", "value"), ERR_OK);
	assert_int_equal(add(fixture, fixture_key(fixture), key(OTHER_KEY)), ERR_OK);
	assert_int_equal(rekey(fixture, fixture_key(fixture), next, 2), ERR_OK);
	assert_int_equal(slots_of(fixture, slots), 2);
	assert_int_equal(epoch_of(fixture), epoch + 1);
	assert_value(fixture, "value");
	assert_int_equal(vault_put(fixture, "kept", "newer"), ERR_OK);
	assert_int_equal(start_with(fixture, fixture_key(fixture)), ERR_UNSEAL_FAILED);
	assert_int_equal(start_with(fixture, key(OTHER_KEY)), ERR_UNSEAL_FAILED);
	assert_int_equal(start_with(fixture, some_shares(made, 1, 2)), ERR_OK);
	assert_value(fixture, "newer");
	assert_int_equal(start_with(fixture, passphrase("word")), ERR_OK);
	assert_value(fixture, "newer");
	/* and what follows works with the new one */
	assert_int_equal(add(fixture, passphrase("word"), key(OTHER_KEY)), ERR_OK);
	assert_int_equal(start_with(fixture, key(OTHER_KEY)), ERR_OK);
}

/* What the checks at the start refuse, somebody with his own program would not ask: what he has does not open a data key. */
static void old_keyring_lacks_the_key_of_today(struct vault_fixture *fixture)
{
	cleanup_(header_freep) struct header *header = NULL;
	struct slot_secret secret = fixture_key(fixture);
	struct keyring keyring = { 0 };
	struct error err = ERROR_INIT;
	struct raw_record record;
	unsigned found = 0;
	key_scope root_key;

	copy_file(fixture, "old.hdr", "vault.hdr");
	assert_int_equal(header_read(fixture->directory, &header, &err), ERR_OK);
	copy_file(fixture, "new.hdr", "vault.hdr");
	assert_int_equal(slot_open(header, &secret, -1, &root_key, &err), ERR_OK);
	assert_int_equal(header_unlock(header, &root_key, &keyring, &err), ERR_OK);
	while (raw_find(fixture, TABLE_DATA_KEY, found, &record)) {
		assert_null(keyring_find(&keyring, KEY_KEK, record.value[4]));	/* the epoch that sealed it */
		free(record.value);
		found++;
	}
	assert_int_equal(found, 2);	/* of the environment and of the system */
	keyring_free_keys(&keyring);
}

/* Whoever left with a slot's secret and a copy of the header opens nothing of the store as it is now. */
static void the_old_header_opens_nothing_any_more(void **state)
{
	struct vault_fixture *fixture = *state;
	struct slot_secret next = passphrase("word");
	enum error_code code;

	assert_int_equal(vault_put(fixture, "kept", "value"), ERR_OK);
	copy_file(fixture, "vault.hdr", "old.hdr");
	assert_int_equal(rekey(fixture, fixture_key(fixture), &next, 1), ERR_OK);
	assert_int_equal(start_with(fixture, next), ERR_OK);
	vault_fixture_close(fixture);
	copy_file(fixture, "vault.hdr", "new.hdr");
	copy_file(fixture, "old.hdr", "vault.hdr");
	vault_fixture_open(fixture);
	code = unseal_with(fixture, fixture_key(fixture));
	if (code != ERR_HEADER_STALE && code != ERR_ROLLBACK)
		fail_msg("the old header: code %d", code);
	vault_fixture_close(fixture);
	copy_file(fixture, "new.hdr", "vault.hdr");
	vault_fixture_open(fixture);
	assert_int_equal(unseal_with(fixture, next), ERR_OK);
	assert_value(fixture, "value");
	vault_fixture_close(fixture);
	old_keyring_lacks_the_key_of_today(fixture);
	vault_fixture_open(fixture);
}

static void a_prepared_root_key_is_not_in_force(void **state)
{
	cleanup_(secret_buf_freep) struct secret_buf *made = room();
	struct vault_fixture *fixture = *state;
	cleanup_(rekeyed_freep) struct rekeyed *rekeyed = NULL;
	struct slot_secret unlock = fixture_key(fixture), set = new_shares(3, 2, made), wrong = key(OTHER_KEY), two, one;
	const struct slot_secret *slots[] = { &set };
	struct share_info info;
	struct error err = ERROR_INIT;
	bool in_doubt = true;

	assert_int_equal(records_rekey_prepare(fixture->records, &wrong, slots, 1, &rekeyed, &err), ERR_UNSEAL_FAILED);
	assert_int_equal(secret_buf_len(made), 0);
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_rekey_prepare(fixture->records, &unlock, slots, 0, &rekeyed, &err), ERR_INVALID);
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_rekey_prepare(fixture->records, &unlock, slots, 1, &rekeyed, &err), ERR_OK);
	assert_int_equal(rekeyed_share_check(rekeyed, secret_buf_bytes(made), &info, &err), ERR_OK);
	assert_int_equal(records_share_check(fixture->records, secret_buf_bytes(made), &info, &err), ERR_INVALID);
	two = some_shares(made, 0, 2);
	one = some_shares(made, 0, 1);
	err = (struct error)ERROR_INIT;
	assert_int_equal(rekeyed_prove(rekeyed, &one, &err), ERR_INVALID);
	err = (struct error)ERROR_INIT;
	assert_int_equal(rekeyed_prove(rekeyed, &two, &err), ERR_OK);
	/* A slot that came in between would be lost: then nothing is done. */
	assert_int_equal(add(fixture, unlock, key(OTHER_KEY)), ERR_OK);
	assert_int_equal(records_rekey_commit(fixture->records, rekeyed, &in_doubt, &err), ERR_BUSY);
	assert_false(in_doubt);
	assert_int_equal(start_with(fixture, fixture_key(fixture)), ERR_OK);
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_rekey_commit(fixture->records, rekeyed, &in_doubt, &err), ERR_BUSY);
}

/* A KEK that is rotated in between does not matter, nor does a seal with an unseal. */
static void a_rotation_in_between(void **state)
{
	struct vault_fixture *fixture = *state;
	cleanup_(rekeyed_freep) struct rekeyed *rekeyed = NULL;
	struct slot_secret unlock = fixture_key(fixture), word = passphrase("word");
	const struct slot_secret *slots[] = { &word };
	struct error err = ERROR_INIT;
	bool in_doubt = true;

	assert_int_equal(vault_put(fixture, "kept", "value"), ERR_OK);
	assert_int_equal(records_rekey_prepare(fixture->records, &unlock, slots, 1, &rekeyed, &err), ERR_OK);
	assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_OK);
	records_seal(fixture->records);
	assert_int_equal(records_rekey_commit(fixture->records, rekeyed, &in_doubt, &err), ERR_SEALED);
	err = (struct error)ERROR_INIT;
	assert_int_equal(records_unseal(fixture->records, &unlock, -1, &err), ERR_OK);
	assert_int_equal(records_rekey_commit(fixture->records, rekeyed, &in_doubt, &err), ERR_OK);
	assert_false(in_doubt);
	assert_int_equal(start_with(fixture, word), ERR_OK);
	assert_value(fixture, "value");
	assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_OK);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, vault_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_slot_is_added_with_a_working_one, vault_fixture_setup_anchored),
		TEST(nothing_is_changed_without_one, vault_fixture_setup),
		TEST(a_changed_slot_opens_with_the_new_secret_alone, vault_fixture_setup),
		TEST(never_the_last_slot, vault_fixture_setup_anchored),
		TEST(eight_slots_and_not_one_more, vault_fixture_setup),
		TEST(shares_open_and_each_mistake_has_its_name, vault_fixture_setup_anchored),
		TEST(a_vault_may_begin_with_shares, vault_fixture_setup_empty),
		TEST(a_new_root_key_leaves_only_the_new_slots, vault_fixture_setup_anchored),
		TEST(the_old_header_opens_nothing_any_more, vault_fixture_setup),
		TEST(a_prepared_root_key_is_not_in_force, vault_fixture_setup),
		TEST(a_rotation_in_between, vault_fixture_setup_anchored),
	};

	setenv("VAULTD_TEST_KDF", "1", 1);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
