/* Tokens: what may be made of whom, renewed, revoked, used up; through time, seal and restart. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/vault_state.h"
#include "core/vault_tokens.h"
#include "fixture.h"

struct made {
	char text[256], accessor[ACCESSOR_LEN + 1];
	int64_t ttl;
	bool renewable, orphan;
	char policies[256];
	char error[ERROR_TEXT_MAX];
};

static void note(struct made *made, const struct token_grant *grant)
{
	const struct token_record *record = &grant->info.record;

	if (grant->text)
		snprintf(made->text, sizeof(made->text), "%.*s", (int)secret_buf_len(grant->text), secret_buf_text(grant->text));
	snprintf(made->accessor, sizeof(made->accessor), "%s", grant->info.accessor);
	made->ttl = token_info_ttl(&grant->info);
	made->renewable = record->flags & TOKEN_RENEWABLE;
	made->orphan = record->flags & TOKEN_ORPHAN;
	for (size_t i = 0; i < record->policies_len; i++)
		snprintf(made->policies + strlen(made->policies), sizeof(made->policies) - strlen(made->policies), "%s%.*s",
			 i > 0 ? "," : "", (int)record->policies[i].len, record->policies[i].at);
}

static enum error_code make(const struct fixture *fixture, const struct caller *caller, const struct token_wish *wish,
			    bool orphan, struct made *ret)
{
	struct vault_token_create create = { .caller = caller, .api_path = "auth/token/create", .orphan = orphan };
	struct error err = ERROR_INIT;
	struct action_wait wait;
	enum error_code code;

	memset(ret, 0, sizeof(*ret));
	if (wish)
		create.wish = *wish;
	action_wait_begin(&wait, &create.action);
	code = action_wait_end(&wait, vault_token_create(fixture->vault, &create, &err), &err);
	if (code == ERR_OK)
		note(ret, &create.grant);
	else
		snprintf(ret->error, sizeof(ret->error), "%s", err.text);
	token_grant_free(&create.grant);
	return code;
}

static enum error_code authenticate(const struct fixture *fixture, const char *text, struct caller *ret)
{
	struct error err = ERROR_INIT;

	return vault_authenticate(fixture->vault, text, strlen(text), NULL, ret, &err);
}

static bool lives(const struct fixture *fixture, const struct made *made)
{
	struct caller caller = { 0 };
	enum error_code code = authenticate(fixture, made->text, &caller);

	caller_release(&caller);
	return code == ERR_OK;
}

/* A token with these policies (comma-separated; NULL: none asked for), made by root, and its caller. */
static struct caller caller_with(const struct fixture *fixture, const char *policy, int64_t uses, struct made *made)
{
	struct text_span span = { .at = policy, .len = policy ? (uint32_t)strlen(policy) : 0 };
	const struct token_wish wish = { .policies = &span, .policies_len = policy ? 1 : 0, .uses = uses };
	struct caller caller = { 0 };

	assert_int_equal(make(fixture, &fixture->root, &wish, false, made), ERR_OK);
	assert_int_equal(authenticate(fixture, made->text, &caller), ERR_OK);
	return caller;
}

static struct token_name text_of(const struct made *made)
{
	return (struct token_name){ .by = TOKEN_BY_TEXT, .text = made->text, .len = strlen(made->text) };
}

static struct token_name accessor_of(const struct made *made)
{
	return (struct token_name){ .by = TOKEN_BY_ACCESSOR, .text = made->accessor, .len = strlen(made->accessor) };
}

static enum error_code renew(const struct fixture *fixture, struct token_name name, int64_t increment, struct made *ret,
			     struct error *err)
{
	struct vault_token_renew renewal = { .name = name, .increment = increment };
	struct action_wait wait;
	enum error_code code;

	memset(ret, 0, sizeof(*ret));
	action_wait_begin(&wait, &renewal.action);
	code = action_wait_end(&wait, vault_token_renew(fixture->vault, &renewal, err), err);
	if (code == ERR_OK)
		note(ret, &renewal.grant);
	token_grant_free(&renewal.grant);
	return code;
}

static enum error_code revoke(const struct fixture *fixture, struct token_name name, struct error *err)
{
	struct vault_token_revoke revocation = { .name = name };
	struct action_wait wait;

	action_wait_begin(&wait, &revocation.action);
	return action_wait_end(&wait, vault_token_revoke(fixture->vault, &revocation, err), err);
}

/* -- making --------------------------------------------------------------------- */

static void test_defaults(void **state)
{
	struct fixture *fixture = *state;
	struct made made;
	struct caller caller;

	/* Of root without a wish: root, for ever, not renewable. */
	assert_int_equal(make(fixture, &fixture->root, NULL, false, &made), ERR_OK);
	assert_string_equal(made.policies, "root");
	assert_int_equal(made.ttl, 0);
	assert_false(made.renewable);
	assert_false(made.orphan);
	caller = caller_with(fixture, " App ", 0, &made);
	assert_string_equal(made.policies, "app,default");
	assert_int_equal(made.ttl, DEFAULT_TOKEN_TTL_SECONDS);
	assert_true(made.renewable);
	assert_string_equal(caller.path, "auth/token/create");
	assert_string_equal(caller.display, "token");
	assert_false(caller.root);
	assert_false(caller.counted);
	assert_string_equal(caller.accessor, made.accessor);
	caller_release(&caller);
}

static void test_never_root(void **state)
{
	static const char *const names[] = { "root", "Root", "ROOT", " root", "root ", "\troot\n" };
	struct fixture *fixture = *state;
	struct made made;
	struct caller caller = caller_with(fixture, "app", 0, &made);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct text_span span = { .at = names[i], .len = (uint32_t)strlen(names[i]) };
		const struct token_wish wish = { .policies = &span, .policies_len = 1 };

		assert_int_equal(make(fixture, &caller, &wish, false, &made), ERR_INVALID);
		/* Root may, when it says so, and then it is root and nothing beside. */
		if (make(fixture, &fixture->root, &wish, false, &made) == ERR_OK)
			assert_string_equal(made.policies, "root");
		else
			assert_string_not_equal(names[i], "root");
	}
	/* What only looks like it is no name. */
	struct text_span wide = { .at = "\xef\xbd\x92oot", .len = 6 };
	const struct token_wish wish = { .policies = &wide, .policies_len = 1 };
	assert_int_equal(make(fixture, &fixture->root, &wish, false, &made), ERR_INVALID);
	caller_release(&caller);
}

static void test_subset(void **state)
{
	struct text_span own[] = { { "APP", 3 } }, other[] = { { "app", 3 }, { "more", 4 } };
	struct fixture *fixture = *state;
	struct made made;
	struct caller caller = caller_with(fixture, "app", 0, &made);
	struct token_wish wish = { .policies = own, .policies_len = 1 };

	assert_int_equal(make(fixture, &caller, &wish, false, &made), ERR_OK);
	assert_string_equal(made.policies, "app,default");
	wish.no_default_policy = true;
	assert_int_equal(make(fixture, &caller, &wish, false, &made), ERR_OK);
	assert_string_equal(made.policies, "app");
	wish.policies = other;
	wish.policies_len = 2;
	assert_int_equal(make(fixture, &caller, &wish, false, &made), ERR_INVALID);
	assert_string_equal(made.error, "child policies must be subset of parent");
	assert_int_equal(make(fixture, &caller, NULL, false, &made), ERR_OK);
	assert_string_equal(made.policies, "app,default");
	caller_release(&caller);
}

static void test_privileges(void **state)
{
	struct fixture *fixture = *state;
	struct made made;
	struct caller caller = caller_with(fixture, "app", 0, &made), limited;
	struct text_span id = { "my-own-token", 12 };
	struct token_wish wish = { .no_parent = true };

	assert_int_equal(make(fixture, &caller, &wish, false, &made), ERR_INVALID);
	assert_int_equal(make(fixture, &caller, NULL, true, &made), ERR_OK);	/* the route decided about create-orphan */
	assert_true(made.orphan);
	wish = (struct token_wish){ .period = 60 };
	assert_int_equal(make(fixture, &caller, &wish, false, &made), ERR_INVALID);
	assert_int_equal(make(fixture, &fixture->root, &wish, false, &made), ERR_OK);
	assert_int_equal(made.ttl, 60);
	wish = (struct token_wish){ .id = id };
	assert_int_equal(make(fixture, &caller, &wish, false, &made), ERR_INVALID);
	assert_int_equal(make(fixture, &fixture->root, &wish, false, &made), ERR_OK);
	assert_string_equal(made.text, "my-own-token");
	assert_int_equal(make(fixture, &fixture->root, &wish, false, &made), ERR_INVALID);	/* twice */
	wish.id = (struct text_span){ "vlt_svc_x", 9 };
	assert_int_equal(make(fixture, &fixture->root, &wish, false, &made), ERR_INVALID);
	limited = caller_with(fixture, "app", 5, &made);
	assert_true(limited.counted);
	assert_int_equal(make(fixture, &limited, NULL, false, &made), ERR_INVALID);
	assert_string_equal(made.error, "restricted use token cannot generate child tokens");
	caller_release(&limited);
	caller_release(&caller);
}

static void test_numbers(void **state)
{
	struct fixture *fixture = *state;
	struct made made;
	const struct token_wish bad[] = { { .ttl = -1 }, { .period = -1 }, { .explicit_max_ttl = -1 }, { .uses = -1 },
					  { .uses = (int64_t)LIMIT_TOKEN_USES + 1 }, { .uses = INT64_MAX } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(make(fixture, &fixture->root, &bad[i], false, &made), ERR_INVALID);
}

/* -- life ------------------------------------------------------------------------ */

static void test_expiry(void **state)
{
	struct fixture *fixture = *state;
	const struct token_wish wish = { .ttl = 10 };
	struct error err = ERROR_INIT;
	struct made made, renewed;

	assert_int_equal(make(fixture, &fixture->root, &wish, false, &made), ERR_OK);
	fixture->now += 9 * SECOND;
	assert_true(lives(fixture, &made));
	assert_int_equal(renew(fixture, text_of(&made), 20, &renewed, &err), ERR_OK);
	assert_int_equal(renewed.ttl, 20);
	assert_string_equal(renewed.text, made.text);
	fixture->now += 20 * SECOND - 1;
	assert_true(lives(fixture, &made));
	fixture->now += 1;
	/* Dead at its end, swept or not, and it cannot be renewed or named any more. */
	assert_false(lives(fixture, &made));
	assert_int_equal(renew(fixture, text_of(&made), 20, &renewed, &err), ERR_INVALID);
	error_clear(&err);
	assert_int_equal(revoke(fixture, accessor_of(&made), &err), ERR_INVALID);
	error_clear(&err);
	vault_tick(fixture->vault);
	assert_false(lives(fixture, &made));
}

/* Requests that were let in while their token lived make nothing that outlives it. */
static void test_expired_in_flight(void **state)
{
	struct fixture *fixture = *state;
	struct text_span app = { "app", 3 };
	const struct token_wish wish = { .policies = &app, .policies_len = 1, .ttl = 10 };
	struct caller caller = { 0 }, below = { 0 };
	struct made made, child;

	assert_int_equal(make(fixture, &fixture->root, &wish, false, &made), ERR_OK);
	assert_int_equal(authenticate(fixture, made.text, &caller), ERR_OK);
	assert_int_equal(make(fixture, &caller, NULL, false, &child), ERR_OK);
	assert_int_equal(authenticate(fixture, child.text, &below), ERR_OK);
	fixture->now += 10 * SECOND;
	assert_int_equal(make(fixture, &caller, NULL, true, &child), ERR_DENIED);
	assert_int_equal(make(fixture, &below, NULL, true, &child), ERR_DENIED);	/* its own time is not over */
	caller_release(&below);
	caller_release(&caller);
}

static void test_clock_back_and_seal(void **state)
{
	struct fixture *fixture = *state;
	const struct token_wish wish = { .ttl = 100 };
	struct error err = ERROR_INIT;
	struct made made, other;
	int64_t then = fixture->now;

	assert_int_equal(make(fixture, &fixture->root, &wish, false, &made), ERR_OK);
	fixture->now += 90 * SECOND;
	/* Any commit keeps the time that it saw. */
	assert_int_equal(make(fixture, &fixture->root, &wish, false, &other), ERR_OK);
	fixture->now = then;
	assert_int_equal(vault_seal(fixture->vault, &fixture->root, &err), ERR_OK);
	caller_release(&fixture->root);
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_true(lives(fixture, &made));
	fixture->now += 10 * SECOND;
	/* 10 s on the wall since, but 100 s of its life. */
	assert_false(lives(fixture, &made));
	assert_true(lives(fixture, &other));
	fixture->now = then + 90 * SECOND;
}

static void test_tree(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	struct made top, child, grandchild, orphan, left;
	struct caller caller = caller_with(fixture, "app", 0, &top), below = { 0 };

	assert_int_equal(make(fixture, &caller, NULL, false, &child), ERR_OK);
	assert_int_equal(authenticate(fixture, child.text, &below), ERR_OK);
	assert_int_equal(make(fixture, &below, NULL, false, &grandchild), ERR_OK);
	assert_int_equal(make(fixture, &below, NULL, true, &orphan), ERR_OK);
	/* One alone: what is below becomes an orphan. */
	const struct token_name name = text_of(&child);
	assert_int_equal(vault_token_revoke_orphan(fixture->vault, &name, &err), ERR_OK);
	assert_false(lives(fixture, &child));
	assert_true(lives(fixture, &grandchild));
	assert_int_equal(vault_token_revoke_orphan(fixture->vault, &name, &err), ERR_NOT_FOUND);
	error_clear(&err);
	/* A caller that was authenticated before cannot make one that outlives it. */
	assert_int_equal(make(fixture, &below, NULL, false, &left), ERR_DENIED);
	assert_int_equal(make(fixture, &below, NULL, true, &left), ERR_DENIED);
	assert_int_equal(make(fixture, &caller, NULL, false, &child), ERR_OK);
	assert_int_equal(revoke(fixture, accessor_of(&top), &err), ERR_OK);
	assert_false(lives(fixture, &top));
	assert_false(lives(fixture, &child));
	assert_true(lives(fixture, &orphan));
	/* Unknown: nothing is told for a text, for an accessor it is. */
	assert_int_equal(revoke(fixture, text_of(&top), &err), ERR_OK);
	assert_int_equal(revoke(fixture, accessor_of(&top), &err), ERR_INVALID);
	caller_release(&below);
	caller_release(&caller);
}

static void test_deepest_chain(void **state)
{
	struct fixture *fixture = *state;
	struct caller above = { 0 }, below = { 0 };
	struct made made;

	/* The root token is the first of the chain. */
	assert_int_equal(make(fixture, &fixture->root, NULL, false, &made), ERR_OK);
	assert_int_equal(authenticate(fixture, made.text, &above), ERR_OK);
	for (int depth = 3; depth <= LIMIT_TOKEN_DEPTH; depth++) {
		assert_int_equal(make(fixture, &above, NULL, false, &made), ERR_OK);
		caller_release(&above);
		assert_int_equal(authenticate(fixture, made.text, &above), ERR_OK);
	}
	assert_int_equal(make(fixture, &above, NULL, false, &made), ERR_INVALID);
	assert_int_equal(make(fixture, &above, NULL, true, &made), ERR_OK);
	assert_int_equal(authenticate(fixture, made.text, &below), ERR_OK);
	caller_release(&below);
	caller_release(&above);
}

/* LIMIT_TOKENS, most of them only in the index. */
static void test_as_many_as_may_be(void **state)
{
	struct fixture *fixture = *state;
	struct token_index *index = fixture->vault->token_index;
	const struct token_record record = { .flags = TOKEN_ORPHAN };
	uint8_t id[ID_LEN] = { 0 };
	struct error err = ERROR_INIT;
	struct made made;
	unsigned added = 0;

	while (token_index_count(index) < LIMIT_TOKENS - 1) {
		added++;
		memcpy(id, &added, sizeof(added));
		assert_int_equal(token_index_put(index, id, &record, 0, &err), ERR_OK);
	}
	assert_int_equal(make(fixture, &fixture->root, NULL, false, &made), ERR_OK);
	assert_int_equal(make(fixture, &fixture->root, NULL, false, &made), ERR_BUSY);
	for (; added > 0; added--) {
		memcpy(id, &added, sizeof(added));
		token_index_remove(index, id);
	}
	assert_int_equal(make(fixture, &fixture->root, NULL, false, &made), ERR_OK);
}

/* More children than one commit takes, and the rest is left by a crash: dead all the same, and swept after the start. */
static void test_wide_tree(void **state)
{
	struct fixture *fixture = *state;
	const int children = LIMIT_REVOKE_BATCH + 40;
	struct error err = ERROR_INIT;
	struct name_list list = { 0 };
	struct made top, *made = calloc((size_t)children, sizeof(*made));
	struct caller caller = caller_with(fixture, "app", 0, &top);
	size_t before;

	assert_int_equal(vault_token_accessors(fixture->vault, &list, &err), ERR_OK);
	before = list.count - 1;
	name_list_free(&list);
	for (int i = 0; i < children; i++)
		assert_int_equal(make(fixture, &caller, NULL, false, &made[i]), ERR_OK);
	caller_release(&caller);
	assert_int_equal(revoke(fixture, text_of(&top), &err), ERR_OK);
	for (int i = 0; i < children; i++)
		assert_false(lives(fixture, &made[i]));
	caller_release(&fixture->root);
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	for (int i = 0; i < children; i++)
		assert_false(lives(fixture, &made[i]));
	struct vault_status status;
	vault_status(fixture->vault, &status);
	uint64_t records = status.records.n_live;
	vault_tick(fixture->vault);
	vault_status(fixture->vault, &status);
	assert_true(records - status.records.n_live >= 40);
	assert_int_equal(vault_token_accessors(fixture->vault, &list, &err), ERR_OK);
	assert_int_equal(list.count, before);
	name_list_free(&list);
	free(made);
}

/* -- uses -------------------------------------------------------------------------- */

struct user {
	const struct fixture *fixture;
	const char *text;
	atomic_int *heard;
};

static void *use_once(void *arg)
{
	const struct user *user = arg;
	struct caller caller = { 0 };
	struct vault_token_use use = { .caller = &caller };
	struct error err = ERROR_INIT;
	struct action_wait wait;

	if (authenticate(user->fixture, user->text, &caller) == ERR_OK) {
		action_wait_begin(&wait, &use.action);
		if (action_wait_end(&wait, vault_token_use(user->fixture->vault, &use, &err), &err) == ERR_OK)
			atomic_fetch_add(user->heard, 1);
		else
			assert_int_equal(err.code, ERR_DENIED);
	}
	caller_release(&caller);
	return NULL;
}

static void test_uses_exactly(void **state)
{
	static const int uses[] = { 1, 2, 7, 31 };
	struct fixture *fixture = *state;
	pthread_t threads[32];

	for (size_t round = 0; round < sizeof(uses) / sizeof(uses[0]); round++) {
		atomic_int heard = 0;
		struct made made;
		struct caller caller = caller_with(fixture, "app", uses[round], &made);
		struct user user = { .fixture = fixture, .text = made.text, .heard = &heard };

		caller_release(&caller);
		for (int i = 0; i < 32; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, use_once, &user), 0);
		for (int i = 0; i < 32; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(heard, uses[round]);
		assert_false(lives(fixture, &made));
		caller_release(&fixture->root);
		fixture_reopen(fixture);
		assert_int_equal(fixture_unseal(fixture), ERR_OK);
		assert_false(lives(fixture, &made));
	}
}

static void test_last_use_sees_itself(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	struct token_info info = { 0 };
	struct made made;
	struct caller caller = caller_with(fixture, "app", 1, &made);
	atomic_int heard = 0;
	struct user user = { .fixture = fixture, .text = made.text, .heard = &heard };
	struct token_name name = text_of(&made);

	use_once(&user);
	assert_int_equal(heard, 1);
	assert_int_equal(vault_token_lookup(fixture->vault, &name, &info, &err), ERR_NOT_FOUND);
	name.self = true;
	assert_int_equal(vault_token_lookup(fixture->vault, &name, &info, &err), ERR_OK);
	assert_int_equal(info.record.uses_left, TOKEN_SPENT);
	token_info_free(&info);
	fixture->now += (LIMIT_WAIT_SECONDS + 121) * SECOND;
	vault_tick(fixture->vault);
	assert_int_equal(vault_token_lookup(fixture->vault, &name, &info, &err), ERR_NOT_FOUND);
	caller_release(&caller);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),      cmocka_unit_test(test_never_root),
		cmocka_unit_test(test_subset),	      cmocka_unit_test(test_privileges),
		cmocka_unit_test(test_numbers),	      cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_clock_back_and_seal), cmocka_unit_test(test_expired_in_flight), cmocka_unit_test(test_tree),
		cmocka_unit_test(test_wide_tree), cmocka_unit_test(test_deepest_chain),     cmocka_unit_test(test_uses_exactly),
		cmocka_unit_test(test_last_use_sees_itself), cmocka_unit_test(test_as_many_as_may_be),
	};

	return cmocka_run_group_tests_name("tokens", tests, fixture_start, fixture_stop);
}
