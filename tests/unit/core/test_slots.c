/* Shares one by one, slots, a new root key, a root token from the slots: what is asked of whom, and what is forgotten when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/vault_slots.h"
#include "fixture.h"
#include "vault/limits.h"

#define HOUR_US INT64_C(3600000000)
#define OTP "0123456789012345678901234567890123456789012345678901234ab"

static const struct caller stranger = { .kind = CALLER_PEER, .uid = 4242 };

static struct slot_secret fixture_key(const struct fixture *fixture)
{
	return (struct slot_secret){ .type = SLOT_KEY_FILE, .key = fixture->init.key, .key_len = sizeof(fixture->init.key) };
}

static struct slot_secret passphrase(const char *text)
{
	return (struct slot_secret){ .type = SLOT_PASSPHRASE, .passphrase = text, .passphrase_len = strlen(text) };
}

static struct slot_secret share(const struct secret_buf *made, size_t number)
{
	return (struct slot_secret){ .type = SLOT_SHARES, .key = secret_buf_bytes(made) + (number - 1) * SHARE_LEN,
				     .key_len = SHARE_LEN };
}

static void assert_code(enum error_code code, enum error_code wanted, struct error *err)
{
	if (code != wanted)
		fail_msg("%s instead of %s: %s", error_name(code), error_name(wanted), err->text);
	error_clear(err);
}

/* Adds a slot for shares to the fixture's vault; the caller frees them. */
static struct secret_buf *add_shares(struct fixture *fixture, unsigned n, unsigned k, uint8_t *ret_id)
{
	struct secret_buf *made = secret_buf_new(LIMIT_SHARES * SHARE_LEN);
	struct slot_secret unlock = fixture_key(fixture);
	struct slot_secret secret = { .type = SLOT_SHARES, .shares = n, .threshold = k, .made = made };
	struct error err = ERROR_INIT;

	assert_code(vault_slot_add(fixture->vault, &fixture->root, &unlock, &secret, ret_id, &err), ERR_OK, &err);
	return made;
}

static struct vault_status status(struct fixture *fixture)
{
	struct vault_status status;

	vault_status(fixture->vault, &status);
	return status;
}

static void seal(struct fixture *fixture)
{
	struct error err = ERROR_INIT;

	assert_code(vault_seal(fixture->vault, &fixture->root, &err), ERR_OK, &err);
}

static enum error_code give(struct fixture *fixture, struct slot_secret secret)
{
	struct error err = ERROR_INIT;

	return vault_unseal(fixture->vault, &secret, &err);
}

/* -- unsealing ----------------------------------------------------------------------- */

static void shares_are_collected_one_by_one(void **state)
{
	struct fixture *fixture = *state;
	cleanup_(secret_buf_freep) struct secret_buf *made = NULL;
	char nonce[37];
	uint8_t id;

	assert_int_equal(status(fixture).threshold, 1);
	made = add_shares(fixture, 5, 3, &id);
	assert_int_equal(status(fixture).threshold, 3);
	assert_int_equal(status(fixture).shares, 5);
	seal(fixture);
	assert_int_equal(status(fixture).progress, 0);
	assert_string_equal(status(fixture).nonce, "");
	assert_int_equal(give(fixture, share(made, 5)), ERR_OK);
	assert_int_equal(status(fixture).progress, 1);
	strcpy(nonce, status(fixture).nonce);
	assert_int_equal(strlen(nonce), 36);
	assert_int_equal(give(fixture, share(made, 5)), ERR_INVALID);	/* the same */
	assert_int_equal(give(fixture, share(made, 2)), ERR_OK);
	assert_int_equal(status(fixture).progress, 2);
	assert_string_equal(status(fixture).nonce, nonce);
	assert_true(status(fixture).sealed);
	assert_int_equal(give(fixture, share(made, 1)), ERR_OK);
	assert_false(status(fixture).sealed);
	assert_int_equal(status(fixture).progress, 0);
	assert_string_equal(status(fixture).nonce, "");
	assert_int_equal(give(fixture, share(made, 1)), ERR_OK);	/* already open */
	assert_int_equal(status(fixture).progress, 0);
}

static void collected_shares_are_forgotten(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	uint8_t id;
	cleanup_(secret_buf_freep) struct secret_buf *made = add_shares(fixture, 3, 2, &id);

	assert_code(vault_unseal_reset(fixture->vault, &err), ERR_INVALID, &err);
	seal(fixture);
	assert_int_equal(give(fixture, share(made, 1)), ERR_OK);
	assert_code(vault_unseal_reset(fixture->vault, &err), ERR_OK, &err);
	assert_int_equal(status(fixture).progress, 0);
	/* with time */
	assert_int_equal(give(fixture, share(made, 1)), ERR_OK);
	fixture->now += HOUR_US - 1;
	vault_tick(fixture->vault);
	assert_int_equal(status(fixture).progress, 1);
	fixture->now += 1;
	vault_tick(fixture->vault);
	assert_int_equal(status(fixture).progress, 0);
	/* by another way in */
	assert_int_equal(give(fixture, share(made, 1)), ERR_OK);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_int_equal(status(fixture).progress, 0);
	seal(fixture);
	assert_int_equal(give(fixture, share(made, 2)), ERR_OK);
	assert_true(status(fixture).sealed);
}

static void shares_of_another_set_do_not_mix(void **state)
{
	struct fixture *fixture = *state;
	uint8_t first, second;
	cleanup_(secret_buf_freep) struct secret_buf *one = add_shares(fixture, 3, 2, &first);
	cleanup_(secret_buf_freep) struct secret_buf *other = add_shares(fixture, 4, 3, &second);
	struct slot_secret all = share(other, 1);

	seal(fixture);
	assert_int_equal(give(fixture, share(other, 1)), ERR_OK);
	assert_int_equal(status(fixture).threshold, 3);
	assert_int_equal(give(fixture, share(one, 1)), ERR_INVALID);
	assert_int_equal(status(fixture).progress, 1);
	/* Several at once; more than are needed are not looked at. */
	all.key_len = 4 * SHARE_LEN;
	assert_int_equal(give(fixture, all), ERR_INVALID);	/* the first is there already */
	all.key = secret_buf_bytes(other) + SHARE_LEN;
	all.key_len = 3 * SHARE_LEN;
	assert_int_equal(give(fixture, all), ERR_OK);
	assert_false(status(fixture).sealed);
}

/* -- slots ------------------------------------------------------------------------------ */

static void slots_are_for_those_with_sudo(void **state)
{
	struct fixture *fixture = *state;
	struct slot_secret unlock = fixture_key(fixture), word = passphrase("word");
	struct slot_info slots[SLOTS_MAX];
	struct error err = ERROR_INIT;
	size_t len = 77;
	uint8_t id;

	assert_code(vault_slots(fixture->vault, &stranger, slots, &len, &err), ERR_DENIED, &err);
	assert_code(vault_slot_add(fixture->vault, &stranger, &unlock, &word, &id, &err), ERR_DENIED, &err);
	assert_code(vault_slot_change(fixture->vault, &stranger, &unlock, 0, &word, &err), ERR_DENIED, &err);
	assert_code(vault_slot_remove(fixture->vault, &stranger, &unlock, 9, &err), ERR_DENIED, &err);
	assert_code(vault_rotate(fixture->vault, &stranger, &err), ERR_DENIED, &err);
	assert_int_equal(len, 77);
	assert_code(vault_slot_add(fixture->vault, &fixture->root, &unlock, &word, &id, &err), ERR_OK, &err);
	assert_code(vault_slots(fixture->vault, &fixture->root, slots, &len, &err), ERR_OK, &err);
	assert_int_equal(len, 2);
	assert_code(vault_slot_remove(fixture->vault, &fixture->root, &word, 0, &err), ERR_OK, &err);
	assert_code(vault_slot_remove(fixture->vault, &fixture->root, &word, 1, &err), ERR_INVALID, &err);
	seal(fixture);
	assert_code(vault_slots(fixture->vault, &fixture->root, slots, &len, &err), ERR_SEALED, &err);
	assert_int_equal(give(fixture, word), ERR_OK);
}

static void rotation_raises_the_term(void **state)
{
	struct fixture *fixture = *state;
	struct vault_key_status before, after;
	struct error err = ERROR_INIT;

	assert_code(vault_key_status(fixture->vault, &stranger, &before, &err), ERR_DENIED, &err);
	assert_code(vault_key_status(fixture->vault, &fixture->root, &before, &err), ERR_OK, &err);
	assert_int_equal(before.term, 1);
	fixture->now += HOUR_US;
	assert_code(vault_rotate(fixture->vault, &fixture->root, &err), ERR_OK, &err);
	assert_code(vault_key_status(fixture->vault, &fixture->root, &after, &err), ERR_OK, &err);
	assert_int_equal(after.term, 2);
	assert_int_equal(after.installed, before.installed + HOUR_US);
	assert_true(after.commits > before.commits);
	seal(fixture);
	assert_code(vault_key_status(fixture->vault, &fixture->root, &after, &err), ERR_SEALED, &err);
	assert_code(vault_rotate(fixture->vault, &fixture->root, &err), ERR_SEALED, &err);
}

/* -- a new root key ------------------------------------------------------------------------ */

static void start_rekey(struct fixture *fixture, struct rekey_start start, struct rekey_status *ret)
{
	struct error err = ERROR_INIT;

	assert_code(vault_rekey_start(fixture->vault, &fixture->root, &start, ret, &err), ERR_OK, &err);
}

static enum error_code update(struct fixture *fixture, const char *nonce, struct slot_secret unlock, struct rekey_result *ret)
{
	struct rekey_update update = { .nonce = nonce, .unlock = &unlock };
	struct error err = ERROR_INIT;

	return vault_rekey_update(fixture->vault, &update, ret, &err);
}

static void a_rekey_from_one_key_to_shares(void **state)
{
	struct fixture *fixture = *state;
	cleanup_(rekey_result_free) struct rekey_result result = { .shares = NULL };
	struct rekey_status now;
	struct error err = ERROR_INIT;
	struct slot_secret wrong = passphrase("word");

	assert_int_equal(update(fixture, "x", fixture_key(fixture), &result), ERR_INVALID);
	assert_code(vault_rekey_start(fixture->vault, &stranger, &(struct rekey_start){ 3, 2, false }, &now, &err), ERR_DENIED, &err);
	assert_code(vault_rekey_start(fixture->vault, &fixture->root, &(struct rekey_start){ 3, 1, false }, &now, &err), ERR_INVALID,
		    &err);
	start_rekey(fixture, (struct rekey_start){ 3, 2, false }, &now);
	assert_true(now.started);
	assert_int_equal(now.required, 1);
	assert_code(vault_rekey_start(fixture->vault, &fixture->root, &(struct rekey_start){ 3, 2, false }, &now, &err), ERR_INVALID,
		    &err);
	assert_int_equal(update(fixture, "", fixture_key(fixture), &result), ERR_INVALID);
	assert_int_equal(update(fixture, "00000000-0000-4000-8000-000000000000", fixture_key(fixture), &result), ERR_INVALID);
	assert_int_equal(update(fixture, now.nonce, wrong, &result), ERR_UNSEAL_FAILED);
	assert_null(result.shares);
	assert_int_equal(update(fixture, now.nonce, fixture_key(fixture), &result), ERR_OK);
	assert_true(result.complete && !result.is_key && !result.in_doubt);
	assert_string_equal(result.status.nonce, now.nonce);
	assert_int_equal(secret_buf_len(result.shares), 3 * SHARE_LEN);
	assert_code(vault_rekey_status(fixture->vault, &fixture->root, &now, &err), ERR_OK, &err);
	assert_false(now.started);
	seal(fixture);
	assert_int_equal(give(fixture, fixture_key(fixture)), ERR_UNSEAL_FAILED);
	assert_int_equal(give(fixture, share(result.shares, 1)), ERR_OK);
	assert_int_equal(give(fixture, share(result.shares, 3)), ERR_OK);
	assert_false(status(fixture).sealed);
}

static void a_rekey_that_is_verified(void **state)
{
	struct fixture *fixture = *state;
	cleanup_(rekey_result_free) struct rekey_result result = { .shares = NULL }, verified = { .shares = NULL };
	struct rekey_status now, again;
	struct slot_secret given;
	struct error err = ERROR_INIT;

	start_rekey(fixture, (struct rekey_start){ 3, 2, true }, &now);
	assert_int_equal(update(fixture, now.nonce, fixture_key(fixture), &result), ERR_OK);
	assert_true(result.complete);
	assert_string_not_equal(result.status.verify_nonce, "");
	assert_int_equal(update(fixture, now.nonce, fixture_key(fixture), &verified), ERR_INVALID);
	/* not in force yet */
	given = fixture_key(fixture);
	assert_code(vault_rekey_verify(fixture->vault, result.status.verify_nonce, &given, &verified, &err), ERR_UNSEAL_FAILED,
		    &err);
	given = share(result.shares, 3);
	assert_code(vault_rekey_verify(fixture->vault, now.nonce, &given, &verified, &err), ERR_INVALID, &err);
	assert_code(vault_rekey_verify(fixture->vault, result.status.verify_nonce, &given, &verified, &err), ERR_OK, &err);
	assert_false(verified.complete);
	assert_int_equal(verified.status.verify_progress, 1);
	assert_code(vault_rekey_verify_restart(fixture->vault, &stranger, &again, &err), ERR_DENIED, &err);
	assert_code(vault_rekey_verify_restart(fixture->vault, &fixture->root, &again, &err), ERR_OK, &err);
	assert_int_equal(again.verify_progress, 0);
	assert_string_not_equal(again.verify_nonce, result.status.verify_nonce);
	assert_code(vault_rekey_verify(fixture->vault, again.verify_nonce, &given, &verified, &err), ERR_OK, &err);
	given = share(result.shares, 2);
	assert_code(vault_rekey_verify(fixture->vault, again.verify_nonce, &given, &verified, &err), ERR_OK, &err);
	assert_true(verified.complete);
	seal(fixture);
	assert_int_equal(give(fixture, fixture_key(fixture)), ERR_UNSEAL_FAILED);
	assert_int_equal(give(fixture, share(result.shares, 2)), ERR_OK);
	assert_int_equal(give(fixture, share(result.shares, 1)), ERR_OK);
	assert_false(status(fixture).sealed);
}

/* What is kept was known before: only the new secret shows that somebody has written it down. */
static void a_kept_secret_verifies_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct slot_secret unlock = fixture_key(fixture), kept[2] = { passphrase("word"), unlock }, given;
	struct rekey_status now;
	struct error err = ERROR_INIT;

	for (unsigned shares = 1; shares <= 2; shares++) {
		cleanup_(rekey_result_free) struct rekey_result result = { .shares = NULL }, verified = { .shares = NULL };
		struct rekey_update update_ = { .unlock = &unlock, .keep = kept, .keep_len = 2 };

		start_rekey(fixture, (struct rekey_start){ shares, shares, true }, &now);
		update_.nonce = now.nonce;
		assert_code(vault_rekey_update(fixture->vault, &update_, &result, &err), ERR_OK, &err);
		for (size_t i = 0; i < 2; i++)
			assert_code(vault_rekey_verify(fixture->vault, result.status.verify_nonce, &kept[i], &verified, &err),
				    ERR_UNSEAL_FAILED, &err);
		assert_false(verified.complete);
		assert_code(vault_rekey_status(fixture->vault, &fixture->root, &now, &err), ERR_OK, &err);
		assert_true(now.started);
		if (shares == 1) {
			given = (struct slot_secret){ .type = SLOT_KEY_FILE, .key = secret_buf_bytes(result.shares), .key_len = 32 };
			assert_code(vault_rekey_verify(fixture->vault, result.status.verify_nonce, &given, &verified, &err), ERR_OK,
				    &err);
			assert_true(verified.complete);
		}
	}
	seal(fixture);
	assert_int_equal(give(fixture, passphrase("word")), ERR_OK);
}

static void what_is_not_verified_is_not_in_force(void **state)
{
	struct fixture *fixture = *state;
	cleanup_(rekey_result_free) struct rekey_result result = { .shares = NULL };
	struct rekey_status now;
	struct error err = ERROR_INIT;

	for (int way = 0; way < 3; way++) {
		rekey_result_free(&result);
		start_rekey(fixture, (struct rekey_start){ 3, 2, true }, &now);
		assert_int_equal(update(fixture, now.nonce, fixture_key(fixture), &result), ERR_OK);
		if (way == 0) {
			assert_code(vault_rekey_cancel(fixture->vault, &stranger, &err), ERR_DENIED, &err);
			assert_code(vault_rekey_cancel(fixture->vault, &fixture->root, &err), ERR_OK, &err);
		} else if (way == 1) {
			fixture->now += HOUR_US;
			vault_tick(fixture->vault);
		} else {
			seal(fixture);
			assert_int_equal(fixture_unseal(fixture), ERR_OK);
		}
		assert_code(vault_rekey_status(fixture->vault, &fixture->root, &now, &err), ERR_OK, &err);
		assert_false(now.started);
	}
	seal(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
}

/* Without new shares the secrets that are presented stay, and the others are gone. */
static void a_rekey_keeps_what_is_presented(void **state)
{
	struct fixture *fixture = *state;
	cleanup_(rekey_result_free) struct rekey_result result = { .shares = NULL };
	struct slot_secret unlock = fixture_key(fixture), one = passphrase("one"), two = passphrase("two");
	struct rekey_update update_ = { .unlock = &one, .keep = &unlock, .keep_len = 1 };
	struct rekey_status now;
	struct error err = ERROR_INIT;
	uint8_t id;

	assert_code(vault_slot_add(fixture->vault, &fixture->root, &unlock, &one, &id, &err), ERR_OK, &err);
	assert_code(vault_slot_add(fixture->vault, &fixture->root, &unlock, &two, &id, &err), ERR_OK, &err);
	start_rekey(fixture, (struct rekey_start){ 0, 0, false }, &now);
	update_.nonce = now.nonce;
	assert_code(vault_rekey_update(fixture->vault, &update_, &result, &err), ERR_OK, &err);
	assert_true(result.complete);
	assert_null(result.shares);
	seal(fixture);
	assert_int_equal(give(fixture, two), ERR_UNSEAL_FAILED);
	assert_int_equal(give(fixture, one), ERR_OK);
	seal(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_code(vault_rekey_start(fixture->vault, &fixture->root, &(struct rekey_start){ 0, 0, true }, &now, &err), ERR_INVALID,
		    &err);
}

static void a_rekey_to_one_key(void **state)
{
	struct fixture *fixture = *state;
	cleanup_(rekey_result_free) struct rekey_result result = { .shares = NULL };
	uint8_t id;
	cleanup_(secret_buf_freep) struct secret_buf *made = add_shares(fixture, 3, 2, &id);
	struct rekey_status now;

	start_rekey(fixture, (struct rekey_start){ 1, 1, false }, &now);
	assert_int_equal(now.required, 2);
	assert_int_equal(update(fixture, now.nonce, share(made, 1), &result), ERR_OK);
	assert_false(result.complete);
	assert_int_equal(result.status.progress, 1);
	assert_int_equal(update(fixture, now.nonce, share(made, 1), &result), ERR_INVALID);
	assert_int_equal(update(fixture, now.nonce, share(made, 2), &result), ERR_OK);
	assert_true(result.complete && result.is_key);
	assert_int_equal(secret_buf_len(result.shares), 32);
	seal(fixture);
	assert_int_equal(give(fixture, share(made, 1)), ERR_INVALID);	/* no slot for shares is left */
	assert_int_equal(give(fixture, (struct slot_secret){ .type = SLOT_KEY_FILE, .key = secret_buf_bytes(result.shares),
							     .key_len = 32 }), ERR_OK);
}

/* -- a root token --------------------------------------------------------------------------- */

static enum error_code root_update(struct fixture *fixture, const char *nonce, struct slot_secret unlock, struct root_result *ret)
{
	struct error err = ERROR_INIT;

	return vault_root_update(fixture->vault, nonce, &unlock, ret, &err);
}

static void a_root_token_from_shares(void **state)
{
	struct fixture *fixture = *state;
	uint8_t id;
	cleanup_(secret_buf_freep) struct secret_buf *made = add_shares(fixture, 3, 2, &id);
	struct root_result result = { .status = { .started = false } };
	struct root_status now;
	struct caller made_caller = { .kind = CALLER_ANONYMOUS };
	struct error err = ERROR_INIT;
	char token[TOKEN_TEXT_LEN + 1] = "";

	assert_int_equal(root_update(fixture, "x", share(made, 1), &result), ERR_INVALID);
	assert_code(vault_root_start(fixture->vault, &stranger, OTP, &now, &err), ERR_DENIED, &err);
	assert_code(vault_root_start(fixture->vault, &fixture->root, "short", &now, &err), ERR_INVALID, &err);
	assert_code(vault_root_start(fixture->vault, &fixture->root, OTP "x", &now, &err), ERR_INVALID, &err);
	assert_code(vault_root_start(fixture->vault, &fixture->root, OTP, &now, &err), ERR_OK, &err);
	assert_int_equal(now.required, 2);
	assert_code(vault_root_start(fixture->vault, &fixture->root, OTP, &now, &err), ERR_INVALID, &err);
	assert_int_equal(root_update(fixture, "", share(made, 1), &result), ERR_INVALID);
	assert_int_equal(root_update(fixture, now.nonce, share(made, 3), &result), ERR_OK);
	assert_false(result.status.complete);
	assert_int_equal(result.status.progress, 1);
	assert_int_equal(root_update(fixture, now.nonce, share(made, 3), &result), ERR_INVALID);
	assert_int_equal(root_update(fixture, now.nonce, share(made, 1), &result), ERR_OK);
	assert_true(result.status.complete);
	for (size_t i = 0; i < TOKEN_TEXT_LEN; i++)
		token[i] = (char)(result.encoded[i] ^ (uint8_t)OTP[i]);
	assert_code(vault_authenticate(fixture->vault, token, strlen(token), NULL, &made_caller, &err), ERR_OK, &err);
	assert_true(made_caller.root);
	caller_release(&made_caller);
	assert_code(vault_root_status(fixture->vault, &fixture->root, &now, &err), ERR_OK, &err);
	assert_false(now.started);
}

/* Without any token: the owner of the machine, and of the process. Another slot's secret will do as well. */
static void a_root_token_without_a_token(void **state)
{
	struct fixture *fixture = *state;
	struct caller machine = { .kind = CALLER_PEER, .uid = 0 }, daemon = { .kind = CALLER_PEER, .uid = geteuid() };
	struct caller forged = { .kind = CALLER_TOKEN, .uid = 0 };
	struct root_result result;
	struct root_status now;
	struct error err = ERROR_INIT;

	assert_code(vault_root_start(fixture->vault, &forged, OTP, &now, &err), ERR_DENIED, &err);
	assert_code(vault_root_start(fixture->vault, &machine, OTP, &now, &err), ERR_OK, &err);
	assert_code(vault_root_cancel(fixture->vault, &stranger, &err), ERR_DENIED, &err);
	assert_code(vault_root_status(fixture->vault, &stranger, &now, &err), ERR_DENIED, &err);
	assert_code(vault_root_cancel(fixture->vault, &daemon, &err), ERR_OK, &err);
	assert_code(vault_root_start(fixture->vault, &daemon, OTP, &now, &err), ERR_OK, &err);
	assert_int_equal(root_update(fixture, now.nonce, passphrase("wrong"), &result), ERR_UNSEAL_FAILED);
	assert_int_equal(root_update(fixture, now.nonce, fixture_key(fixture), &result), ERR_OK);
	assert_true(result.status.complete);
	/* an attempt ends with a seal and with time */
	assert_code(vault_root_start(fixture->vault, &daemon, OTP, &now, &err), ERR_OK, &err);
	seal(fixture);
	assert_int_equal(root_update(fixture, now.nonce, fixture_key(fixture), &result), ERR_SEALED);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_int_equal(root_update(fixture, now.nonce, fixture_key(fixture), &result), ERR_INVALID);
	assert_code(vault_root_start(fixture->vault, &daemon, OTP, &now, &err), ERR_OK, &err);
	fixture->now += HOUR_US;
	vault_tick(fixture->vault);
	assert_int_equal(root_update(fixture, now.nonce, fixture_key(fixture), &result), ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(shares_are_collected_one_by_one),
		TEST(collected_shares_are_forgotten),
		TEST(shares_of_another_set_do_not_mix),
		TEST(slots_are_for_those_with_sudo),
		TEST(rotation_raises_the_term),
		TEST(a_rekey_from_one_key_to_shares),
		TEST(a_rekey_that_is_verified),
		TEST(a_kept_secret_verifies_nothing),
		TEST(what_is_not_verified_is_not_in_force),
		TEST(a_rekey_keeps_what_is_presented),
		TEST(a_rekey_to_one_key),
		TEST(a_root_token_from_shares),
		TEST(a_root_token_without_a_token),
	};

	setenv("VAULTD_TEST_KDF", "1", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
