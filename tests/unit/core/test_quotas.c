/* Quotas: what may be written, which one counts, how buckets empty and fill, and that they are few and bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/quota_table.h"
#include "core/vault_quotas.h"
#include "fixture.h"
#include "vault/limits.h"

static enum error_code write_rule(struct fixture *fixture, const struct quota_rule *rule, const struct caller *caller)
{
	struct quota_change change = { .caller = caller, .rule = *rule };
	struct error err = ERROR_INIT;
	struct action_wait wait;

	action_wait_begin(&wait, &change.action);
	return action_wait_end(&wait, vault_quota_write(fixture->vault, &change, &err), &err);
}

static enum error_code quota(struct fixture *fixture, const char *name, const char *path, double rate, int64_t interval,
			     int64_t block)
{
	struct quota_rule rule = { .rate = rate, .interval_s = interval, .block_s = block };

	assert_true(strlen(name) <= LIMIT_QUOTA_NAME_LEN && strlen(path) <= LIMIT_QUOTA_PATH_LEN);
	memcpy(rule.name, name, strlen(name));
	memcpy(rule.path, path, strlen(path));
	return write_rule(fixture, &rule, &fixture->root);
}

static enum error_code delete_quota(struct fixture *fixture, const char *name)
{
	struct quota_change change = { .caller = &fixture->root };
	struct error err = ERROR_INIT;
	struct action_wait wait;

	memcpy(change.rule.name, name, strlen(name));
	action_wait_begin(&wait, &change.action);
	return action_wait_end(&wait, vault_quota_delete(fixture->vault, &change, &err), &err);
}

static struct quota_verdict take(struct fixture *fixture, uint64_t client, const char *path)
{
	uint8_t key[QUOTA_CLIENT_LEN] = {0};
	struct quota_verdict verdict;

	memcpy(key, &client, sizeof(client));
	vault_quota_take(fixture->vault, key, path, &verdict);
	return verdict;
}

/* How many of n requests pass. */
static unsigned passed(struct fixture *fixture, uint64_t client, const char *path, unsigned n)
{
	unsigned count = 0;

	while (n-- > 0)
		count += !take(fixture, client, path).refused;
	return count;
}

static void test_bounds(void **state)
{
	static const struct {
		const char *name, *path;
		double rate;
		int64_t interval, block;
		enum error_code code;
	} rows[] = {
		{ "a", "", 0.01, 1, 0, ERR_OK },
		{ "a", "", 0.009, 1, 0, ERR_INVALID },
		{ "a", "", 1e9, 3600, 86400, ERR_OK },
		{ "a", "", 1.1e9, 1, 0, ERR_INVALID },
		{ "a", "", 1, 0, 0, ERR_INVALID },
		{ "a", "", 1, 3601, 0, ERR_INVALID },
		{ "a", "", 1, 1, -1, ERR_INVALID },
		{ "a", "", 1, 1, 86401, ERR_INVALID },
		{ "", "", 1, 1, 0, ERR_INVALID },
		{ "a/b", "", 1, 1, 0, ERR_INVALID },
		{ "a b", "", 1, 1, 0, ERR_INVALID },
		{ "b", "", 1, 1, 0, ERR_INVALID },	/* a has this path */
		{ "b", "secret/", 1, 1, 0, ERR_OK },
		{ "c", "secret/data/shop/*", 1, 1, 0, ERR_OK },
		{ "d", "sys/mounts", 1, 1, 0, ERR_OK },
		{ "e", "auth/token/create", 1, 1, 0, ERR_OK },
		{ "f", "none/x", 1, 1, 0, ERR_INVALID },
		{ "f", "secret/*/x", 1, 1, 0, ERR_INVALID },
		{ "f", "secret/\"", 1, 1, 0, ERR_INVALID },
		{ "b", "secret", 5, 1, 0, ERR_OK },	/* replaces */
	};
	struct fixture *fixture = *state;
	struct quota_rule rule;
	struct name_list list = {0};
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		enum error_code code = quota(fixture, rows[i].name, rows[i].path, rows[i].rate, rows[i].interval, rows[i].block);

		if (code != rows[i].code)
			fail_msg("row %zu: %d", i, code);
	}
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_int_equal(vault_quota_read(fixture->vault, &fixture->root, "b", &rule, &err), ERR_OK);
	assert_string_equal(rule.path, "secret");
	assert_true(rule.rate == 5 && rule.interval_s == 1 && rule.block_s == 0);
	assert_int_equal(vault_quota_list(fixture->vault, &fixture->root, &list, &err), ERR_OK);
	assert_int_equal(list.count, 5);
	name_list_free(&list);
	assert_int_equal(vault_quota_read(fixture->vault, &fixture->root, "z", &rule, &err), ERR_NOT_FOUND);
}

static void test_count(void **state)
{
	struct fixture *fixture = *state;
	char name[16], path[32];

	for (size_t i = 0; i < LIMIT_QUOTAS; i++) {
		snprintf(name, sizeof(name), "q%zu", i);
		snprintf(path, sizeof(path), "secret/data/%zu", i);
		assert_int_equal(quota(fixture, name, path, 1, 1, 0), ERR_OK);
	}
	assert_int_equal(quota(fixture, "more", "secret/x", 1, 1, 0), ERR_TOO_LARGE);
	assert_int_equal(quota(fixture, "q3", "secret/data/3", 9, 1, 0), ERR_OK);
	assert_int_equal(delete_quota(fixture, "q3"), ERR_OK);
	assert_int_equal(delete_quota(fixture, "q3"), ERR_OK);
	assert_int_equal(quota(fixture, "more", "secret/x", 1, 1, 0), ERR_OK);
}

static void test_bucket(void **state)
{
	struct fixture *fixture = *state;
	struct quota_verdict verdict;

	assert_int_equal(passed(fixture, 1, "secret/data/a", 1000), 1000);	/* no quota */
	assert_int_equal(quota(fixture, "q", "", 5, 10, 0), ERR_OK);
	verdict = take(fixture, 1, "secret/data/a");
	assert_false(verdict.refused);
	assert_int_equal(verdict.limit, 5);
	assert_int_equal(verdict.remaining, 4);
	assert_int_equal(passed(fixture, 1, "sys/x", 10), 4);
	verdict = take(fixture, 1, "a");
	assert_true(verdict.refused);
	assert_int_equal(verdict.reset_s, 2);
	assert_int_equal(passed(fixture, 2, "a", 10), 5);	/* another client */
	fixture->now += 2 * SECOND - 1;
	assert_true(take(fixture, 1, "a").refused);
	fixture->now += 2;
	assert_int_equal(passed(fixture, 1, "a", 10), 1);
	fixture->now += 1000 * SECOND;
	assert_int_equal(passed(fixture, 1, "a", 10), 5);	/* never more than full */
	/* Changed: full again. Deleted: none. Sealed and unsealed: full again. */
	assert_int_equal(quota(fixture, "q", "", 2, 10, 0), ERR_OK);
	assert_int_equal(passed(fixture, 1, "a", 10), 2);
	fixture_reopen(fixture);
	assert_int_equal(passed(fixture, 1, "a", 10), 10);	/* sealed: nobody is refused */
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_int_equal(passed(fixture, 1, "a", 10), 2);
	assert_int_equal(delete_quota(fixture, "q"), ERR_OK);
	assert_int_equal(passed(fixture, 1, "a", 10), 10);
}

static void test_block(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(quota(fixture, "q", "", 2, 1, 60), ERR_OK);
	assert_int_equal(passed(fixture, 1, "a", 3), 2);
	fixture->now += 30 * SECOND;
	assert_true(take(fixture, 1, "a").refused);
	assert_int_equal(take(fixture, 1, "a").reset_s, 30);
	fixture->now += 30 * SECOND;	/* asking meanwhile has not made it longer */
	assert_int_equal(passed(fixture, 1, "a", 2), 2);
}

static void test_which_counts(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(quota(fixture, "all", "", 1, 1, 0), ERR_OK);
	assert_int_equal(quota(fixture, "mount", "secret/", 2, 1, 0), ERR_OK);
	assert_int_equal(quota(fixture, "path", "secret/data/shop", 3, 1, 0), ERR_OK);
	assert_int_equal(quota(fixture, "glob", "secret/data/team-*", 4, 1, 0), ERR_OK);
	assert_int_equal(passed(fixture, 1, "sys/mounts", 9), 1);
	assert_int_equal(passed(fixture, 1, "secretive/x", 9), 0);
	assert_int_equal(passed(fixture, 1, "secret", 1), 1);
	assert_int_equal(passed(fixture, 1, "secret/data/shopping", 9), 1);
	assert_int_equal(passed(fixture, 1, "secret/data/shop", 1), 1);
	assert_int_equal(passed(fixture, 1, "secret/data/shop/x", 9), 2);
	assert_int_equal(passed(fixture, 1, "secret/data/team-1/x", 9), 4);
}

/* More clients than are remembered: everybody is counted for as long as the table remembers, and nothing grows. */
static void test_many_clients(void **state)
{
	struct fixture *fixture = *state;
	unsigned refused = 0;

	assert_int_equal(quota(fixture, "q", "", 1, 3600, 3600), ERR_OK);
	assert_int_equal(passed(fixture, 0, "a", 5), 1);
	for (uint64_t client = 1; client <= 20 * LIMIT_QUOTA_BUCKETS; client++)
		refused += take(fixture, client, "a").refused;
	assert_int_equal(refused, 0);
	/* Who is blocked is not forgotten for those who only came once. */
	assert_true(take(fixture, 0, "a").refused);
}

/* A bucket that is full by now holds nothing that counts: it makes room before one that is in use. */
static void test_full_buckets_make_room(void **state)
{
	struct fixture *fixture = *state;
	unsigned count = 0;

	assert_int_equal(quota(fixture, "q", "", 2, 1, 0), ERR_OK);
	for (uint64_t client = 1; client <= 4 * LIMIT_QUOTA_BUCKETS; client++)
		assert_int_equal(passed(fixture, client, "a", 4), 2);	/* emptied, and never seen again */
	fixture->now += 3600 * SECOND;
	for (int round = 0; round < 10; round++)
		for (uint64_t client = 0; client < LIMIT_QUOTA_BUCKETS / 8; client++)
			count += passed(fixture, (1ULL << 32) + client, "a", 1);
	/* Two for each; more only where nine and more of them share a place for eight. */
	assert_in_range(count, 2 * (LIMIT_QUOTA_BUCKETS / 8), 2 * (LIMIT_QUOTA_BUCKETS / 8) + 8);
}

static void test_default_deny(void **state)
{
	struct fixture *fixture = *state;
	const struct caller stranger = { .kind = CALLER_PEER };
	struct quota_change change = { .caller = &stranger, .rule = { .name = "q" } };
	struct quota_rule rule = { .name = "q", .rate = 1, .interval_s = 1 };
	struct name_list list;
	struct error err = ERROR_INIT;

	assert_int_equal(quota(fixture, "q", "", 1e6, 1, 0), ERR_OK);
	assert_int_equal(write_rule(fixture, &rule, &stranger), ERR_DENIED);
	assert_int_equal(vault_quota_delete(fixture->vault, &change, &err), ERR_DENIED);
	error_clear(&err);
	assert_int_equal(vault_quota_read(fixture->vault, &stranger, "q", &rule, &err), ERR_DENIED);
	error_clear(&err);
	assert_int_equal(vault_quota_read(fixture->vault, &stranger, "none", &rule, &err), ERR_DENIED);
	error_clear(&err);
	assert_int_equal(vault_quota_list(fixture->vault, &stranger, &list, &err), ERR_DENIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bounds, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_count, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_bucket, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_block, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_which_counts, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_many_clients, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_full_buckets_make_room, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_default_deny, fixture_start, fixture_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
