/* Cubbyholes: one token's own, bounded, and gone with it whatever comes at the same time. */
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

#include "core/cubbyhole.h"
#include "core/vault_cubbyhole.h"
#include "core/vault_state.h"
#include "fixture.h"
#include "vault/limits.h"

static struct env_path path_of(const char *text)
{
	struct env_path path;
	struct error err = ERROR_INIT;

	if (env_path_parse(text, strlen(text), &path, &err) != ERR_OK)
		fail_msg("%s: %s", text, err.text);
	return path;
}

static enum error_code change_as(const struct fixture *fixture, const struct caller *caller, const char *path, const char *json)
{
	const struct env_path parsed = path_of(path);
	struct cubbyhole_change change = { .caller = caller, .path = &parsed };
	struct error err = ERROR_INIT;
	struct action_wait wait;

	if (json)
		change.value = (struct json_span){ .at = json, .len = strlen(json) };
	action_wait_begin(&wait, &change.action);
	return action_wait_end(&wait, vault_cubbyhole_change(fixture->vault, &change, &err), &err);
}

static enum error_code write_at(const struct fixture *fixture, const char *path, const char *json)
{
	return change_as(fixture, &fixture->root, path, json);
}

static void assert_holds(const struct fixture *fixture, const char *path, const char *expected)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(LIMIT_BODY_SMALL);
	const struct env_path parsed = path_of(path);
	struct error err = ERROR_INIT;
	enum error_code code = vault_cubbyhole_read(fixture->vault, &fixture->root, &parsed, out, &err);

	assert_int_equal(code, expected ? ERR_OK : ERR_NOT_FOUND);
	if (!expected)
		return;
	assert_int_equal(secret_buf_len(out), strlen(expected));
	assert_memory_equal(secret_buf_text(out), expected, strlen(expected));
}

static void assert_listing(const struct fixture *fixture, const char *prefix, const char *expected)
{
	cleanup_(name_list_free) struct name_list list = {0};
	char text[4096] = "";
	struct error err = ERROR_INIT;
	enum error_code code = vault_cubbyhole_list(fixture->vault, &fixture->root, prefix, &list, &err);
	const char *name = list.block;

	assert_int_equal(code, expected[0] == '\0' ? ERR_NOT_FOUND : ERR_OK);
	for (size_t i = 0; i < list.count; i++, name += strlen(name) + 1)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i > 0 ? " " : "", name);
	assert_string_equal(text, expected);
}

/* As a revocation does it, but for the token's record. */
static enum error_code prepare_delete_all(struct records_request *request, struct records_view *view, struct records_write *write,
					  struct error *err)
{
	return cubbyhole_delete_all(view, write, waited_request_of(request)->arg, err);
}

static enum error_code delete_all(const struct fixture *fixture)
{
	struct error err = ERROR_INIT;

	return vault_commit(fixture->vault, prepare_delete_all, fixture->root.token_id, &err);
}

static uint64_t live_records(const struct fixture *fixture)
{
	struct vault_status status;

	vault_status(fixture->vault, &status);
	return status.records.n_live;
}

static void test_write_read_delete(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before = live_records(fixture);

	assert_holds(fixture, "a", NULL);
	assert_listing(fixture, "", "");
	assert_int_equal(write_at(fixture, "a", "{\"X\":1.10}"), ERR_OK);
	assert_holds(fixture, "a", "{\"X\":1.10}");
	assert_int_equal(write_at(fixture, "a", "{\"Y\":\"2\"}"), ERR_OK);
	assert_holds(fixture, "a", "{\"Y\":\"2\"}");
	assert_int_equal(live_records(fixture), before + 2);
	assert_int_equal(write_at(fixture, "a", NULL), ERR_OK);
	assert_int_equal(write_at(fixture, "a", NULL), ERR_OK);
	assert_holds(fixture, "a", NULL);
	assert_int_equal(live_records(fixture), before);
}

/* What there is no room for is an error, never less than what stands there. */
static void test_no_room(void **state)
{
	cleanup_(secret_buf_freep) struct secret_buf *small = secret_buf_new(8);
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	const struct env_path path = path_of("a");

	assert_int_equal(write_at(fixture, "a", "{\"A\": 12}"), ERR_OK);
	assert_int_equal(vault_cubbyhole_read(fixture->vault, &fixture->root, &path, small, &err), ERR_TOO_LARGE);
	assert_int_equal(write_at(fixture, "a", NULL), ERR_OK);
}

static void test_listing(void **state)
{
	static const char *const paths[] = { "b", "a/x", "a-b", "a/y/z", "a", "a.b", "c/d", "a0" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_int_equal(write_at(fixture, paths[i], "{\"N\":1}"), ERR_OK);
	assert_listing(fixture, "", "a a-b a.b a/ a0 b c/");
	assert_listing(fixture, "a/", "x y/");
	assert_listing(fixture, "a/y/", "z");
	assert_listing(fixture, "x/", "");
	/* A restart and a seal change nothing. */
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_listing(fixture, "", "a a-b a.b a/ a0 b c/");
	assert_holds(fixture, "a/y/z", "{\"N\":1}");
	assert_int_equal(delete_all(fixture), ERR_OK);
	assert_listing(fixture, "", "");
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_holds(fixture, paths[i], NULL);
	assert_int_equal(delete_all(fixture), ERR_OK);
}

static void test_limits(void **state)
{
	struct fixture *fixture = *state;
	cleanup_(secret_buf_freep) struct secret_buf *large = secret_buf_new(LIMIT_BODY_SMALL);
	uint64_t before = live_records(fixture);
	char path[32];

	for (int i = 0; i < LIMIT_CUBBYHOLE_PATHS; i++) {
		snprintf(path, sizeof(path), "p/%d", i);
		assert_int_equal(write_at(fixture, path, "{\"N\":1}"), ERR_OK);
	}
	assert_int_equal(write_at(fixture, "one-more", "{\"N\":1}"), ERR_TOO_LARGE);
	assert_holds(fixture, "one-more", NULL);
	assert_int_equal(write_at(fixture, "p/7", "{\"N\":2}"), ERR_OK);
	assert_int_equal(write_at(fixture, "p/8", NULL), ERR_OK);
	assert_int_equal(write_at(fixture, "one-more", "{\"N\":1}"), ERR_OK);
	assert_int_equal(delete_all(fixture), ERR_OK);
	assert_int_equal(live_records(fixture), before);

	/* 16 values of 64 KiB fill a mebibyte. */
	secret_buf_append_text(large, "{\"A\":\"");
	while (secret_buf_len(large) < LIMIT_BODY_SMALL - 3)
		secret_buf_append_char(large, 'x');
	secret_buf_append(large, "\"}", 3);
	for (int i = 0; i < LIMIT_CUBBYHOLE_BYTES / (int)LIMIT_BODY_SMALL; i++) {
		snprintf(path, sizeof(path), "l/%d", i);
		assert_int_equal(write_at(fixture, path, secret_buf_text(large)), ERR_OK);
	}
	assert_int_equal(write_at(fixture, "full", "{\"A\":\"x more than the sixteen missing\"}"), ERR_TOO_LARGE);
	assert_int_equal(write_at(fixture, "l/0", "{\"A\":\"less\"}"), ERR_OK);
	assert_int_equal(write_at(fixture, "full", "{\"A\":\"x\"}"), ERR_OK);
	assert_int_equal(delete_all(fixture), ERR_OK);
}

static void test_who_has_none(void **state)
{
	struct fixture *fixture = *state;
	const struct env_path path = path_of("a");
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(64);
	cleanup_(name_list_free) struct name_list list = {0};
	struct {
		struct caller caller;
		enum error_code code;
	} rows[] = {
		{ { .kind = CALLER_ANONYMOUS }, ERR_DENIED },
		{ { .kind = CALLER_PEER, .uid = 1 }, ERR_DENIED },
		{ { .kind = CALLER_PEER, .uid = FIXTURE_OWNER, .root = true }, ERR_INVALID },
		{ { .kind = CALLER_TOKEN, .root = true }, ERR_INVALID },	/* no record, as a batch token */
		{ { .kind = CALLER_TOKEN }, ERR_DENIED },
		{ { .kind = CALLER_TOKEN, .root = true, .batch = true }, ERR_INVALID },
	};

	assert_int_equal(write_at(fixture, "a", "{\"ROOT\":1}"), ERR_OK);
	memcpy(rows[ARRAY_LEN(rows) - 1].caller.token_id, fixture->root.token_id, ID_LEN);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(vault_cubbyhole_read(fixture->vault, &rows[i].caller, &path, out, &err), rows[i].code);
		error_clear(&err);
		assert_int_equal(vault_cubbyhole_list(fixture->vault, &rows[i].caller, "", &list, &err), rows[i].code);
		assert_int_equal(change_as(fixture, &rows[i].caller, "a", "{}"), rows[i].code);
		assert_int_equal(change_as(fixture, &rows[i].caller, "a", NULL), rows[i].code);
	}
	assert_int_equal(secret_buf_len(out), 0);
	assert_int_equal(delete_all(fixture), ERR_OK);
}

static void test_sealed(void **state)
{
	struct fixture *fixture = *state;
	const struct env_path path = path_of("a");
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(64);
	struct error err = ERROR_INIT;

	assert_int_equal(write_at(fixture, "a", "{\"A\":1}"), ERR_OK);
	assert_int_equal(vault_seal(fixture->vault, &fixture->root, &err), ERR_OK);
	assert_int_equal(vault_cubbyhole_read(fixture->vault, &fixture->root, &path, out, &err), ERR_SEALED);
	assert_int_equal(write_at(fixture, "a", "{\"A\":2}"), ERR_SEALED);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_holds(fixture, "a", "{\"A\":1}");
	assert_int_equal(delete_all(fixture), ERR_OK);
}

/* -- many at once ------------------------------------------------------------ */

struct member {
	const struct fixture *fixture;
	unsigned number;
	pthread_t thread;
	enum error_code code;
};

static void *write_one(void *arg)
{
	struct member *member = arg;
	char path[16];

	snprintf(path, sizeof(path), "w/%u", member->number);
	member->code = write_at(member->fixture, path, "{\"N\":1}");
	return NULL;
}

static void *write_while_revoked(void *arg)
{
	struct member *member = arg;

	if (member->number % 4 == 0)
		member->code = delete_all(member->fixture);
	else
		write_one(member);
	return NULL;
}

static void run_crowd(struct fixture *fixture, void *(*body)(void *))
{
	struct member members[32];

	for (unsigned i = 0; i < ARRAY_LEN(members); i++) {
		members[i] = (struct member){ .fixture = fixture, .number = i };
		assert_int_equal(pthread_create(&members[i].thread, NULL, body, &members[i]), 0);
	}
	for (unsigned i = 0; i < ARRAY_LEN(members); i++) {
		assert_int_equal(pthread_join(members[i].thread, NULL), 0);
		assert_int_equal(members[i].code, ERR_OK);
	}
}

/* No change is lost in the directory, and none is left outside of it. */
static void test_many_writers(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before = live_records(fixture);

	run_crowd(fixture, write_one);
	assert_int_equal(live_records(fixture), before + 33);
	assert_int_equal(delete_all(fixture), ERR_OK);
	assert_int_equal(live_records(fixture), before);
	for (int round = 0; round < 10; round++) {
		run_crowd(fixture, write_while_revoked);
		assert_int_equal(delete_all(fixture), ERR_OK);
		assert_int_equal(live_records(fixture), before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_read_delete), cmocka_unit_test(test_listing),
		cmocka_unit_test(test_limits),		  cmocka_unit_test(test_who_has_none),
		cmocka_unit_test(test_sealed),		  cmocka_unit_test(test_many_writers),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests_name("cubbyhole", tests, fixture_start, fixture_stop);
}
