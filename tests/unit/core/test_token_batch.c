/* Batch tokens and token roles through time, seal and change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/vault_token_roles.h"
#include "core/vault_tokens.h"
#include "fixture.h"

struct text {
	char at[2100];
};

static enum error_code make(const struct fixture *fixture, const struct caller *caller, const struct token_wish *wish,
			    const char *role, struct text *ret, char *ret_error)
{
	struct vault_token_create create = { .caller = caller, .api_path = "auth/token/create", .wish = *wish, .role = role };
	struct error err = ERROR_INIT;
	struct action_wait wait;
	enum error_code code;

	action_wait_begin(&wait, &create.action);
	code = action_wait_end(&wait, vault_token_create(fixture->vault, &create, &err), &err);
	if (code == ERR_OK)
		snprintf(ret->at, sizeof(ret->at), "%.*s", (int)secret_buf_len(create.grant.text),
			 secret_buf_text(create.grant.text));
	if (ret_error)
		snprintf(ret_error, ERROR_TEXT_MAX, "%s", err.text);
	token_grant_free(&create.grant);
	return code;
}

static enum error_code authenticate(const struct fixture *fixture, const struct text *text, const struct peer *peer,
				    struct caller *ret)
{
	struct error err = ERROR_INIT;

	return vault_authenticate(fixture->vault, text->at, strlen(text->at), peer, ret, &err);
}

static bool lives_at(const struct fixture *fixture, const struct text *text, const struct peer *peer)
{
	struct caller caller = { 0 };
	enum error_code code = authenticate(fixture, text, peer, &caller);

	if (code == ERR_OK)
		assert_int_equal(caller.batch, strncmp(text->at, "vlt_bat_", 8) == 0);
	else
		assert_int_equal(code, ERR_DENIED);
	caller_release(&caller);
	return code == ERR_OK;
}

static bool lives(const struct fixture *fixture, const struct text *text)
{
	return lives_at(fixture, text, NULL);
}

static enum error_code revoke(const struct fixture *fixture, const struct text *text)
{
	struct vault_token_revoke revocation = { .name = { .by = TOKEN_BY_TEXT, .text = text->at, .len = strlen(text->at) } };
	struct error err = ERROR_INIT;
	struct action_wait wait;

	action_wait_begin(&wait, &revocation.action);
	return action_wait_end(&wait, vault_token_revoke(fixture->vault, &revocation, &err), &err);
}

/* settings NULL: the role is deleted. */
static enum error_code put_role(const struct fixture *fixture, const char *name, const char *settings)
{
	struct vault_role_write write = { .caller = &fixture->root, .api_path = "auth/token/roles/x", .name = name };
	struct error err = ERROR_INIT;
	struct action_wait wait;
	enum error_code code;

	write.change = settings ? json_loads(settings, 0, NULL) : NULL;
	action_wait_begin(&wait, &write.action);
	code = action_wait_end(&wait, vault_role_write(fixture->vault, &write, &err), &err);
	json_decref(write.change);
	return code;
}

static uint64_t live_records(const struct fixture *fixture)
{
	struct vault_status status;

	vault_status(fixture->vault, &status);
	return status.records.n_live;
}

static void reseal(struct fixture *fixture)
{
	caller_release(&fixture->root);
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
}

static const struct text_span app[] = { { "app", 3 } };
#define BATCH .policies = (struct text_span *)(uintptr_t)app, .policies_len = 1, .type = TOKEN_TYPE_BATCH

static void test_not_stored(void **state)
{
	struct fixture *fixture = *state;
	const struct token_wish wish = { BATCH, .ttl = 100 };
	uint64_t before = live_records(fixture);
	struct text first, second;

	assert_int_equal(make(fixture, &fixture->root, &wish, NULL, &first, NULL), ERR_OK);
	assert_int_equal(make(fixture, &fixture->root, &wish, NULL, &second, NULL), ERR_OK);
	assert_int_equal(live_records(fixture), before);
	assert_string_not_equal(first.at, second.at);
	reseal(fixture);
	fixture->now += 99 * SECOND;
	assert_true(lives(fixture, &first));
	/* Revoked: remembered until it would have expired, and not longer. */
	assert_int_equal(revoke(fixture, &first), ERR_OK);
	assert_int_equal(revoke(fixture, &first), ERR_OK);
	assert_int_equal(live_records(fixture), before + 1);
	assert_false(lives(fixture, &first));
	assert_true(lives(fixture, &second));
	reseal(fixture);
	assert_false(lives(fixture, &first));
	vault_tick(fixture->vault);
	assert_int_equal(live_records(fixture), before + 1);
	fixture->now += SECOND;
	assert_false(lives(fixture, &second));
	vault_tick(fixture->vault);
	assert_int_equal(live_records(fixture), before);
	assert_false(lives(fixture, &first));
}

/* The clock set back does not bring one to life, and one from the future does not count. */
static void test_time(void **state)
{
	struct fixture *fixture = *state;
	const struct token_wish wish = { BATCH, .ttl = 10 };
	struct text text;
	int64_t then = fixture->now;

	assert_int_equal(make(fixture, &fixture->root, &wish, NULL, &text, NULL), ERR_OK);
	fixture->now = then + 11 * SECOND;
	assert_false(lives(fixture, &text));
	fixture->now = then;
	assert_false(lives(fixture, &text));
	fixture->now = then + 12 * SECOND;
}

/* It ends with its parent, also when that one has merely expired. */
static void test_parent(void **state)
{
	struct fixture *fixture = *state;
	const struct token_wish parent_wish = { .policies = (struct text_span *)(uintptr_t)app, .policies_len = 1, .ttl = 50 };
	const struct token_wish wish = { BATCH, .ttl = 1000 };
	struct text parent, text;
	struct caller caller = { 0 };

	assert_int_equal(make(fixture, &fixture->root, &parent_wish, NULL, &parent, NULL), ERR_OK);
	assert_int_equal(authenticate(fixture, &parent, NULL, &caller), ERR_OK);
	assert_int_equal(make(fixture, &caller, &wish, NULL, &text, NULL), ERR_OK);
	caller_release(&caller);
	fixture->now += 49 * SECOND;
	assert_true(lives(fixture, &text));
	fixture->now += SECOND;
	assert_false(lives(fixture, &text));
}

static void test_refusals(void **state)
{
	struct fixture *fixture = *state;
	const struct token_wish bad[] = { { BATCH, .period = 5 }, { BATCH, .uses = 5 }, { BATCH, .explicit_max_ttl = 5 },
					  { BATCH, .id = { "mine", 4 } }, { .type = TOKEN_TYPE_BATCH } /* root's policies */ };
	const struct token_wish good = { BATCH };
	struct caller caller = { 0 };
	struct text text, child;
	char sentence[ERROR_TEXT_MAX];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(make(fixture, &fixture->root, &bad[i], NULL, &text, NULL), ERR_INVALID);
	assert_int_equal(make(fixture, &fixture->root, &good, NULL, &text, NULL), ERR_OK);
	assert_int_equal(authenticate(fixture, &text, NULL, &caller), ERR_OK);
	assert_int_equal(make(fixture, &caller, &good, NULL, &child, sentence), ERR_INVALID);
	assert_string_equal(sentence, "batch tokens cannot create more tokens");
	caller_release(&caller);
	/* Any other byte of its text. */
	for (size_t i = 0; text.at[i]; i++) {
		char kept = text.at[i];

		text.at[i] = kept == 'x' ? 'y' : 'x';
		assert_false(lives(fixture, &text));
		text.at[i] = kept;
	}
	assert_true(lives(fixture, &text));
}

static void test_roles(void **state)
{
	struct fixture *fixture = *state;
	const struct token_wish wish = { .ttl = 60 };
	struct text batch, service;

	assert_int_equal(put_role(fixture, "r", "{\"allowed_policies\":[\"app\"],\"token_type\":\"default-batch\"}"), ERR_OK);
	assert_int_equal(make(fixture, &fixture->root, &wish, "r", &batch, NULL), ERR_OK);
	assert_int_equal(make(fixture, &fixture->root, &(struct token_wish){ .ttl = 60, .type = TOKEN_TYPE_SERVICE }, "r", &service, NULL),
			 ERR_OK);
	/* A change of the role does not end what it made; its end does, of what is not stored. */
	assert_int_equal(put_role(fixture, "r", "{\"orphan\":true}"), ERR_OK);
	reseal(fixture);
	assert_true(lives(fixture, &batch));
	assert_int_equal(put_role(fixture, "r", NULL), ERR_OK);
	assert_false(lives(fixture, &batch));
	assert_true(lives(fixture, &service));
	assert_int_equal(put_role(fixture, "r", "{\"allowed_policies\":[\"app\"]}"), ERR_OK);
	assert_false(lives(fixture, &batch));
	assert_int_equal(put_role(fixture, "../x", "{}"), ERR_INVALID);
	assert_int_equal(put_role(fixture, "", "{}"), ERR_INVALID);
}

/* Policies that the role lists, and no others; root only of root. */
static void test_role_policies(void **state)
{
	struct text_span team[] = { { "team-a", 6 } }, denied[] = { { "team-x", 6 } }, root[] = { { "root", 4 } };
	const struct token_wish plain = { .policies = (struct text_span *)(uintptr_t)app, .policies_len = 1 };
	struct fixture *fixture = *state;
	struct caller caller = { 0 };
	struct text text;

	assert_int_equal(make(fixture, &fixture->root, &plain, NULL, &text, NULL), ERR_OK);
	assert_int_equal(authenticate(fixture, &text, NULL, &caller), ERR_OK);
	assert_int_equal(put_role(fixture, "t", "{\"allowed_policies_glob\":[\"team-*\",\"root\"],\"disallowed_policies\":[\"team-x\"]}"),
			 ERR_OK);
	assert_int_equal(make(fixture, &caller, &(struct token_wish){ .policies = team, .policies_len = 1 }, "t", &text, NULL), ERR_OK);
	assert_int_equal(make(fixture, &caller, &(struct token_wish){ .policies = denied, .policies_len = 1 }, "t", &text, NULL),
			 ERR_INVALID);
	assert_int_equal(make(fixture, &caller, &(struct token_wish){ .policies = root, .policies_len = 1 }, "t", &text, NULL),
			 ERR_INVALID);
	assert_int_equal(make(fixture, &caller, &plain, "t", &text, NULL), ERR_INVALID);
	/* A role without lists gives what the caller has itself. */
	assert_int_equal(put_role(fixture, "t", "{\"allowed_policies_glob\":[],\"disallowed_policies\":[]}"), ERR_OK);
	assert_int_equal(make(fixture, &caller, &plain, "t", &text, NULL), ERR_OK);
	assert_int_equal(make(fixture, &caller, &(struct token_wish){ .policies = team, .policies_len = 1 }, "t", &text, NULL),
			 ERR_INVALID);
	caller_release(&caller);
}

static void test_addresses(void **state)
{
	const struct peer here = { .has_address = true, .address = { [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 1, [15] = 7 } };
	const struct peer there = { .has_address = true, .address = { [10] = 0xff, [11] = 0xff, [12] = 11, [13] = 1, [15] = 7 } };
	const struct peer narrow = { .has_address = true, .address = { [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 2, [15] = 7 } };
	const struct peer local = { .known = true, .uid = FIXTURE_OWNER };
	const struct token_wish wish = { .policies = (struct text_span *)(uintptr_t)app, .policies_len = 1 };
	struct fixture *fixture = *state;
	struct caller caller = { 0 };
	struct text text, child;

	assert_int_equal(put_role(fixture, "a", "{\"token_bound_cidrs\":[\"10.0.0.0/8\"]}"), ERR_OK);
	assert_int_equal(put_role(fixture, "b", "{\"token_bound_cidrs\":[\"10.1.0.0/16\",\"11.0.0.0/8\"],\"orphan\":true}"), ERR_OK);
	assert_int_equal(put_role(fixture, "c", "{\"token_bound_cidrs\":[\"12.0.0.0/8\"]}"), ERR_OK);
	assert_int_equal(make(fixture, &fixture->root, &wish, "a", &text, NULL), ERR_OK);
	/* From the cache and not. */
	for (int i = 0; i < 2; i++) {
		assert_true(lives_at(fixture, &text, &here));
		assert_false(lives_at(fixture, &text, &there));
		assert_false(lives_at(fixture, &text, &local));
		assert_false(lives_at(fixture, &text, NULL));
	}
	assert_int_equal(authenticate(fixture, &text, &here, &caller), ERR_OK);
	/* Inherited, also by orphans; a role adds to it and takes nothing away. */
	assert_int_equal(make(fixture, &caller, &wish, NULL, &child, NULL), ERR_OK);
	assert_true(lives_at(fixture, &child, &narrow));
	assert_false(lives_at(fixture, &child, &there));
	assert_int_equal(make(fixture, &caller, &wish, "b", &child, NULL), ERR_OK);
	assert_true(lives_at(fixture, &child, &here));
	assert_false(lives_at(fixture, &child, &there));
	assert_false(lives_at(fixture, &child, &narrow));
	assert_int_equal(make(fixture, &caller, &wish, "c", &child, NULL), ERR_INVALID);
	assert_int_equal(make(fixture, &caller, &(struct token_wish){ BATCH }, NULL, &child, NULL), ERR_OK);
	assert_true(lives_at(fixture, &child, &here));
	assert_false(lives_at(fixture, &child, &there));
	assert_false(lives_at(fixture, &child, &local));
	caller_release(&caller);
}

/* With nothing else in the vault that expires: the clock is set back behind a seal, and it is not younger by that. */
static void test_clock_back(void **state)
{
	struct fixture *fixture = *state;
	const struct token_wish wish = { BATCH, .ttl = 100 };
	struct error err = ERROR_INIT;
	int64_t then = fixture->now;
	struct text token;

	assert_int_equal(make(fixture, &fixture->root, &wish, NULL, &token, NULL), ERR_OK);
	fixture->now += 90 * SECOND;
	assert_true(lives(fixture, &token));
	assert_int_equal(vault_seal(fixture->vault, &fixture->root, &err), ERR_OK);
	fixture->now = then;
	reseal(fixture);
	assert_true(lives(fixture, &token));
	fixture->now += 10 * SECOND;
	assert_false(lives(fixture, &token));
	fixture->now = then + 200 * SECOND;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_stored), cmocka_unit_test(test_time),
		cmocka_unit_test(test_parent),	   cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_roles),	   cmocka_unit_test(test_role_policies),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test_setup_teardown(test_clock_back, fixture_start, fixture_stop),
	};

	return cmocka_run_group_tests_name("token_batch", tests, fixture_start, fixture_stop);
}
