/* How much of schemas is kept, looked at and compared: each bound at N and N + 1. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/vault_state.h"
#include "resolve_help.h"
#include "schema_help.h"

/* -- the cache ----------------------------------------------------------------- */

struct held {
	uint8_t eid[ID_LEN];
	struct schema_entry *entry;
};

static void hold(const struct fixture *fixture, struct pinned_cache *cache, const char *path, struct held *ret)
{
	struct records_view *view = NULL;
	struct head_entry *head = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(records_view_begin(fixture->vault->records, &view, &err), ERR_OK);
	assert_int_equal(head_cache_get(fixture->vault->heads, view, fixture->mount.uuid, target_of(fixture, path)->path, &head,
					&err),
			 ERR_OK);
	memcpy(ret->eid, head->eid, ID_LEN);
	assert_int_equal(schema_cache_get(cache, view, ret->eid, &ret->entry, &err), ERR_OK);
	head_entry_free(head);
	records_view_end(view);
}

static void the_cache_is_bounded_and_never_stale(void **state)
{
	const char *const paths[] = { "cache/a", "cache/b", "cache/c" };
	struct pinned_cache *cache = pinned_cache_new(LIMIT_SCHEMA_CACHE);
	struct held held[3], again;
	size_t each;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		schema_must(*state, paths[i], "# @type=port\nPORT=\n", NULL);
	hold(*state, cache, paths[0], &held[0]);
	each = pinned_cache_bytes(cache);
	assert_true(each > 0);
	schema_entry_free(held[0].entry);
	pinned_cache_free(cache);
	/* Room for two: the one that was used least goes; who holds it keeps it. */
	cache = pinned_cache_new(2 * each);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		hold(*state, cache, paths[i], &held[i]);
		assert_int_equal(pinned_cache_bytes(cache), i == 0 ? each : 2 * each);
	}
	assert_true(schema_knows(held[0].entry->schema, "PORT", 4));
	hold(*state, cache, paths[2], &again);
	assert_ptr_equal(again.entry, held[2].entry);
	schema_entry_free(again.entry);
	hold(*state, cache, paths[0], &again);
	assert_ptr_not_equal(again.entry, held[0].entry);
	schema_entry_free(again.entry);
	/* Another pin is another schema. */
	schema_must(*state, paths[2], "# @type=port\nOTHER=\n", NULL);
	hold(*state, cache, paths[2], &again);
	assert_ptr_not_equal(again.entry, held[2].entry);
	assert_true(schema_knows(again.entry->schema, "OTHER", 5));
	schema_entry_free(again.entry);
	pinned_cache_drop(cache, &held[2].entry->pinned.key);
	assert_true(pinned_cache_bytes(cache) < 2 * each);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		schema_entry_free(held[i].entry);
	pinned_cache_free(cache);
	/* No room for one: it is given and not kept. */
	cache = pinned_cache_new(each - 1);
	hold(*state, cache, paths[0], &held[0]);
	assert_int_equal(pinned_cache_bytes(cache), 0);
	schema_entry_free(held[0].entry);
	pinned_cache_free(cache);
}

/* -- the chain ------------------------------------------------------------------- */

static void as_many_parents_as_resolve(void **state)
{
	char list[64 * LIMIT_RESOLVE_ENVIRONMENTS] = "[", path[32];
	struct outcome outcome;

	for (int i = 0; i < LIMIT_PARENTS; i++) {
		snprintf(path, sizeof(path), "many/%02d", i);
		must_write(*state, KV_PUT, path, "{}", NULL, NULL);
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s\"%s\"", i == 0 ? "" : ",", path);
	}
	strcat(list, "]");
	must_write(*state, KV_PUT, "many/end", "{}", NULL, NULL);
	extend(*state, "many/end", list);
	schema_must(*state, "many/00", "# @type=port @required=false\nPORT=\n", NULL);
	assert_int_equal(write_judged(*state, NULL, KV_PUT, "many/end", "{\"PORT\":\"x\"}", 0).code, ERR_SCHEMA);
	assert_int_equal(write_judged(*state, NULL, KV_PUT, "many/end", "{\"PORT\":\"1\"}", 0).code, ERR_OK);
	/* One more: it does not resolve, and what is within the limit counts all the same. */
	must_write(*state, KV_PUT, "many/more", "{}", NULL, NULL);
	extend(*state, "many/00", "[\"many/more\"]");
	outcome = write_judged(*state, NULL, KV_PUT, "many/end", "{\"PORT\":\"x\"}", 0);
	assert_int_equal(outcome.code, ERR_SCHEMA);
	assert_true(has(&outcome, "/unresolved"));
}

static void an_environment_over_many_ways_counts_once(void **state)
{
	char path[32], below[64];

	/* Four times two, each extending both of the next two: 9 environments, 31 ways. */
	for (int i = 4; i > 0; i--) {
		for (int side = 0; side < 2; side++) {
			snprintf(path, sizeof(path), "ways/%c%d", "ab"[side], i);
			must_write(*state, KV_PUT, path, "{}", NULL, NULL);
			snprintf(below, sizeof(below), "[\"ways/a%d\",\"ways/b%d\"]", i + 1, i + 1);
			if (i < 4)
				extend(*state, path, below);
		}
	}
	must_write(*state, KV_PUT, "ways/end", "{}", NULL, NULL);
	extend(*state, "ways/end", "[\"ways/a1\",\"ways/b1\"]");
	schema_must(*state, "ways/a1", "# @type=port @required=false\nPORT=\n", NULL);
	assert_int_equal(write_judged(*state, NULL, KV_PUT, "ways/end", "{\"PORT\":\"x\"}", 0).code, ERR_SCHEMA);
}

/* -- comparing ------------------------------------------------------------------------- */

struct writers {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	size_t done, failed;
};

static void one_done(struct vault_op *op, enum error_code outcome, const struct error *err)
{
	struct writers *writers = op->arg;

	(void)err;
	pthread_mutex_lock(&writers->lock);
	writers->done++;
	writers->failed += outcome != ERR_OK;
	pthread_cond_signal(&writers->moved);
	pthread_mutex_unlock(&writers->lock);
}

/* All at once, so that they share their commits. */
static void write_many(const struct fixture *fixture, size_t from, size_t to)
{
	struct writers writers = { .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };
	struct vault_op *ops = calloc(to - from, sizeof(*ops));
	struct env_path *paths = calloc(to - from, sizeof(*paths));
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < to - from; i++) {
		paths[i].len = (uint16_t)snprintf(paths[i].text, sizeof(paths[i].text), "twin/%04zu", from + i);
		op_init(&ops[i], fixture, KV_PUT, "twin/x", "{\"KEY\":\"the-same-secret\"}", NO_CAS);
		ops[i].target.path = &paths[i];
		ops[i].done = one_done;
		ops[i].arg = &writers;
		assert_int_equal(vault_submit(fixture->vault, &ops[i], &err), ERR_OK);
	}
	pthread_mutex_lock(&writers.lock);
	while (writers.done < to - from)
		pthread_cond_wait(&writers.moved, &writers.lock);
	pthread_mutex_unlock(&writers.lock);
	assert_int_equal(writers.failed, 0);
	for (size_t i = 0; i < to - from; i++)
		vault_op_release(&ops[i]);
	free(paths);
	free(ops);
}

static void compare(const struct fixture *fixture, const char *rules, size_t compared, bool more, const char *says)
{
	struct caller caller = schema_caller(fixture, rules);
	struct kv_check check = { .caller = &caller, .target = target_of(fixture, "zz/own") };
	struct error err = ERROR_INIT;

	assert_int_equal(kv_check(fixture->vault, &check, &err), ERR_OK);
	assert_int_equal(check.compared, compared);
	assert_int_equal(check.more, more);
	for (size_t i = 0; i < check.findings.len; i++)
		if (strcmp(check.findings.items[i].code, "shared") == 0)
			assert_string_equal(check.findings.items[i].text, says);
	findings_free(&check.findings);
	caller_release(&caller);
}

static void so_many_environments_are_compared(void **state)
{
	const char *rules = "secret/data/twin/*=r secret/data/zz/*=r";

	must_write(*state, KV_PUT, "zz/own", "{\"KEY\":\"the-same-secret\"}", NULL, NULL);
	write_many(*state, 0, LIMIT_CHECK_ENVIRONMENTS);
	compare(*state, rules, LIMIT_CHECK_ENVIRONMENTS, false, "has the same value as KEY in twin/0000 and in 999 other places");
	write_many(*state, LIMIT_CHECK_ENVIRONMENTS, LIMIT_CHECK_ENVIRONMENTS + 1);
	compare(*state, rules, LIMIT_CHECK_ENVIRONMENTS, true, "has the same value as KEY in twin/0000 and in 999 other places");
	/* What may not be read does not count against it. */
	compare(*state, "secret/data/twin/1000=r secret/data/zz/*=r", 1, false, "has the same value as KEY in twin/1000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cache_is_bounded_and_never_stale),
		cmocka_unit_test(as_many_parents_as_resolve),
		cmocka_unit_test(an_environment_over_many_ways_counts_once),
		cmocka_unit_test(so_many_environments_are_compared),
	};

	return cmocka_run_group_tests_name("core_schema_limits", tests, fixture_start, fixture_stop);
}
