/* Leases: tokens by another name, which must be right to its last letter. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/vault_cubbyhole.h"
#include "core/vault_leases.h"
#include "fixture.h"

struct made {
	char accessor[ACCESSOR_LEN + 1];
	char text[256];
	char lease[256];
};

static struct made make_token(const struct fixture *fixture, const char *parent, int64_t ttl)
{
	struct caller caller = {0};
	struct vault_token_create create = { .caller = &fixture->root, .api_path = "auth/token/create", .wish = { .ttl = ttl } };
	struct error err = ERROR_INIT;
	struct action_wait wait;
	struct made made = {0};

	if (parent) {
		assert_int_equal(vault_authenticate(fixture->vault, parent, strlen(parent), NULL, &caller, &err), ERR_OK);
		create.caller = &caller;
	}
	action_wait_begin(&wait, &create.action);
	if (action_wait_end(&wait, vault_token_create(fixture->vault, &create, &err), &err) != ERR_OK)
		fail_msg("create: %s", err.text);
	snprintf(made.accessor, sizeof(made.accessor), "%s", create.grant.info.accessor);
	snprintf(made.text, sizeof(made.text), "%.*s", (int)secret_buf_len(create.grant.text), secret_buf_text(create.grant.text));
	snprintf(made.lease, sizeof(made.lease), "auth/token/create/%s", made.accessor);
	token_grant_free(&create.grant);
	caller_release(&caller);
	return made;
}

static enum error_code lookup(const struct fixture *fixture, const char *id)
{
	struct token_info info = {0};
	struct error err = ERROR_INIT;
	enum error_code code = vault_lease_lookup(fixture->vault, id, strlen(id), &info, &err);

	token_info_free(&info);
	return code;
}

static enum error_code revoke_prefix(const struct fixture *fixture, const char *prefix)
{
	struct error err = ERROR_INIT;

	return vault_lease_revoke_prefix(fixture->vault, prefix, &err);
}

static void assert_listing(const struct fixture *fixture, const char *prefix, const char *expected)
{
	cleanup_(name_list_free) struct name_list list = {0};
	char text[4096] = "";
	struct error err = ERROR_INIT;
	enum error_code code = vault_lease_list(fixture->vault, prefix, &list, &err);
	const char *name = list.block;

	assert_int_equal(code, expected[0] == '\0' ? ERR_NOT_FOUND : ERR_OK);
	for (size_t i = 0; i < list.count; i++, name += strlen(name) + 1)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i > 0 ? " " : "", name);
	assert_string_equal(text, expected);
}

static void test_lookup(void **state)
{
	struct fixture *fixture = *state;
	struct made made = make_token(fixture, NULL, 60);
	char wrong[256];

	assert_int_equal(lookup(fixture, made.lease), ERR_OK);
	assert_int_equal(lookup(fixture, ""), ERR_NOT_FOUND);
	assert_int_equal(lookup(fixture, made.accessor), ERR_NOT_FOUND);
	snprintf(wrong, sizeof(wrong), "/%s", made.accessor);
	assert_int_equal(lookup(fixture, wrong), ERR_NOT_FOUND);
	snprintf(wrong, sizeof(wrong), "auth/token/creat/%s", made.accessor);
	assert_int_equal(lookup(fixture, wrong), ERR_NOT_FOUND);
	snprintf(wrong, sizeof(wrong), "xauth/token/create/%s", made.accessor);
	assert_int_equal(lookup(fixture, wrong), ERR_NOT_FOUND);
	snprintf(wrong, sizeof(wrong), "%s", made.lease);
	wrong[strlen(wrong) - 1] ^= 1;
	assert_int_equal(lookup(fixture, wrong), ERR_NOT_FOUND);
	/* The root token has no end, hence no lease. */
	snprintf(wrong, sizeof(wrong), "auth/token/root/%s", fixture->root.accessor);
	assert_int_equal(lookup(fixture, wrong), ERR_NOT_FOUND);
	fixture->now += 61 * SECOND;
	assert_int_equal(lookup(fixture, made.lease), ERR_NOT_FOUND);
}

static void test_list_and_revoke_prefix(void **state)
{
	struct fixture *fixture = *state;
	struct made one, two, child;
	char expected[256];

	assert_listing(fixture, "", "");
	one = make_token(fixture, NULL, 600);
	assert_listing(fixture, "", "auth/");
	assert_listing(fixture, "auth", "token/");
	assert_listing(fixture, "auth/token/", "create/");
	assert_listing(fixture, "auth/token/create/", one.accessor);
	assert_listing(fixture, "auth/tok", "");
	two = make_token(fixture, NULL, 600);
	child = make_token(fixture, two.text, 600);
	assert_int_equal(revoke_prefix(fixture, "auth/token/creat"), ERR_OK);
	assert_int_equal(revoke_prefix(fixture, "other"), ERR_OK);
	assert_int_equal(lookup(fixture, one.lease), ERR_OK);
	/* A lease's own name is a prefix too, and what hangs on the token goes with it. */
	assert_int_equal(revoke_prefix(fixture, two.lease), ERR_OK);
	assert_int_equal(lookup(fixture, two.lease), ERR_NOT_FOUND);
	assert_int_equal(lookup(fixture, child.lease), ERR_NOT_FOUND);
	snprintf(expected, sizeof(expected), "%s", one.accessor);
	assert_listing(fixture, "auth/token/create", expected);
	two = make_token(fixture, NULL, 600);
	for (int i = 0; i < 150; i++)
		(void)make_token(fixture, i % 2 ? two.text : NULL, 600);
	assert_int_equal(revoke_prefix(fixture, "auth/token/create/"), ERR_OK);
	assert_listing(fixture, "", "");
	/* The root token is still one. */
	assert_int_equal(put(fixture, "a", "{}"), ERR_OK);
}

/* -- the cubbyhole goes with the token --------------------------------------------- */

struct writer {
	const struct fixture *fixture;
	struct caller caller;
	pthread_t thread;
	pthread_barrier_t *barrier;
	unsigned number;
};

static void *write_some(void *arg)
{
	struct writer *writer = arg;
	struct env_path path;
	struct error err = ERROR_INIT;

	pthread_barrier_wait(writer->barrier);
	for (unsigned i = 0; i < 4; i++) {
		struct cubbyhole_change change = { .caller = &writer->caller, .path = &path, .value = { .at = "{\"A\":1}", .len = 7 } };
		struct action_wait wait;
		char name[32];

		error_clear(&err);
		snprintf(name, sizeof(name), "w%u/%u", writer->number, i);
		assert_int_equal(env_path_parse(name, strlen(name), &path, &err), ERR_OK);
		action_wait_begin(&wait, &change.action);
		/* Before or after the token is gone. */
		enum error_code code = action_wait_end(&wait, vault_cubbyhole_change(writer->fixture->vault, &change, &err), &err);
		assert_true(code == ERR_OK || code == ERR_INVALID);
	}
	return NULL;
}

static uint64_t live_records(const struct fixture *fixture)
{
	struct vault_status status;

	vault_status(fixture->vault, &status);
	return status.records.n_live;
}

/* Whatever is written while the token is revoked, nothing of it stays. */
static void test_cubbyhole_of_a_revoked_token(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before = live_records(fixture);

	for (int round = 0; round < 30; round++) {
		struct made made = make_token(fixture, NULL, 600);
		struct writer writers[8];
		pthread_barrier_t barrier;
		struct error err = ERROR_INIT;

		pthread_barrier_init(&barrier, NULL, ARRAY_LEN(writers) + 1);
		for (unsigned i = 0; i < ARRAY_LEN(writers); i++) {
			writers[i] = (struct writer){ .fixture = fixture, .barrier = &barrier, .number = i };
			assert_int_equal(vault_authenticate(fixture->vault, made.text, strlen(made.text), NULL, &writers[i].caller, &err),
					 ERR_OK);
			assert_int_equal(pthread_create(&writers[i].thread, NULL, write_some, &writers[i]), 0);
		}
		pthread_barrier_wait(&barrier);
		assert_int_equal(revoke_prefix(fixture, made.lease), ERR_OK);
		for (unsigned i = 0; i < ARRAY_LEN(writers); i++) {
			pthread_join(writers[i].thread, NULL);
			caller_release(&writers[i].caller);
		}
		pthread_barrier_destroy(&barrier);
		assert_int_equal(live_records(fixture), before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_list_and_revoke_prefix),
		cmocka_unit_test(test_cubbyhole_of_a_revoked_token),
	};

	return cmocka_run_group_tests_name("leases", tests, fixture_start, fixture_stop);
}
