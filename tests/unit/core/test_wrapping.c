/* Response wrapping: taken once, for a limited time, by whoever holds the token, and by nobody else. */
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
#include "core/vault_wrapping.h"
#include "fixture.h"
#include "vault/limits.h"

#define BODY "{\"request_id\":\"1\",\"data\":{\"A\":1.10},\"auth\":null}"
#define REFUSED "wrapping token is not valid or does not exist"

static enum error_code wrap_buf(const struct fixture *fixture, const struct secret_buf *body, const char *path, int64_t ttl_s,
				struct wrap_info *ret)
{
	struct wrap_answer wrap = { .body = body, .path = path, .ttl_s = ttl_s };
	struct error err = ERROR_INIT;
	struct action_wait wait;
	enum error_code code;

	action_wait_begin(&wait, &wrap.action);
	code = action_wait_end(&wait, vault_wrap(fixture->vault, &wrap, &err), &err);
	if (code == ERR_OK)
		*ret = wrap.info;
	return code;
}

static struct wrap_info wrap_text(const struct fixture *fixture, const char *text, int64_t ttl_s)
{
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(4096);
	struct wrap_info info = {0};

	secret_buf_append_text(body, text);
	assert_int_equal(wrap_buf(fixture, body, "secret/data/a", ttl_s, &info), ERR_OK);
	return info;
}

/* ERR_OK with the body, which the caller frees. */
static enum error_code unwrap(const struct fixture *fixture, const char *token, struct secret_buf **ret)
{
	struct unwrap_answer wanted = { .token = token, .token_len = strlen(token) };
	struct error err = ERROR_INIT;
	struct action_wait wait;
	enum error_code code;

	action_wait_begin(&wait, &wanted.action);
	code = action_wait_end(&wait, vault_unwrap(fixture->vault, &wanted, &err), &err);
	if (code == ERR_INVALID)
		assert_string_equal(err.text, REFUSED);
	assert_true((code == ERR_OK) == (wanted.body != NULL));
	*ret = wanted.body;
	return code;
}

static void assert_unwraps(const struct fixture *fixture, const char *token, const char *expected)
{
	cleanup_(secret_buf_freep) struct secret_buf *body = NULL;

	assert_int_equal(unwrap(fixture, token, &body), ERR_OK);
	assert_int_equal(secret_buf_len(body), strlen(expected));
	assert_memory_equal(secret_buf_text(body), expected, strlen(expected));
}

static void assert_refused(const struct fixture *fixture, const char *token)
{
	struct secret_buf *body = NULL;

	assert_int_equal(unwrap(fixture, token, &body), ERR_INVALID);
}

static enum error_code rewrap(const struct fixture *fixture, const char *token, struct wrap_info *ret)
{
	struct rewrap_answer wanted = { .token = token, .token_len = strlen(token) };
	struct error err = ERROR_INIT;
	struct action_wait wait;
	enum error_code code;

	action_wait_begin(&wait, &wanted.action);
	code = action_wait_end(&wait, vault_rewrap(fixture->vault, &wanted, &err), &err);
	if (code == ERR_OK) {
		assert_int_equal(secret_buf_len(wanted.path), strlen("secret/data/a"));
		assert_memory_equal(secret_buf_text(wanted.path), "secret/data/a", strlen("secret/data/a"));
		*ret = wanted.info;
	}
	secret_buf_free(wanted.path);
	return code;
}

static enum error_code lookup(const struct fixture *fixture, const char *token, struct wrapping *ret)
{
	cleanup_(secret_buf_freep) struct secret_buf *path = secret_buf_new(LIMIT_TARGET_LEN);
	struct error err = ERROR_INIT;
	enum error_code code = vault_wrapping_lookup(fixture->vault, token, strlen(token), ret, path, &err);

	if (code == ERR_OK)
		assert_memory_equal(secret_buf_text(path), "secret/data/a", secret_buf_len(path));
	return code;
}

static uint64_t live_records(const struct fixture *fixture)
{
	struct vault_status status;

	vault_status(fixture->vault, &status);
	return status.records.n_live;
}

static void test_once(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before = live_records(fixture);
	struct wrap_info info = wrap_text(fixture, BODY, 60);
	struct wrapping wrapping = {0};

	assert_int_equal(strlen(info.token), TOKEN_TEXT_LEN);
	assert_memory_equal(info.token, "vlt_wrp_", 8);
	assert_int_equal(strlen(info.accessor), 32);
	assert_string_equal(info.wrapped_accessor, "");
	assert_int_equal(info.created, fixture->now);
	assert_int_equal(info.ttl_s, 60);
	assert_int_equal(lookup(fixture, info.token, &wrapping), ERR_OK);
	assert_int_equal(lookup(fixture, info.token, &wrapping), ERR_OK);
	assert_int_equal(wrapping.created, info.created);
	assert_int_equal(wrapping.ttl_s, 60);
	assert_int_equal(live_records(fixture), before + 1);
	assert_unwraps(fixture, info.token, BODY);
	assert_int_equal(live_records(fixture), before);
	assert_refused(fixture, info.token);
	assert_int_equal(lookup(fixture, info.token, &wrapping), ERR_INVALID);
	assert_int_equal(rewrap(fixture, info.token, &info), ERR_INVALID);
}

static void test_bad_tokens(void **state)
{
	struct fixture *fixture = *state;
	struct wrap_info info = wrap_text(fixture, BODY, 60);
	char changed[TOKEN_TEXT_LEN + 1], other[TOKEN_TEXT_LEN + 1], long_text[LIMIT_TOKEN_LEN + 2];
	struct caller caller;
	struct error err = ERROR_INIT;

	memcpy(changed, info.token, sizeof(changed));
	changed[20] = changed[20] == 'a' ? 'b' : 'a';
	token_text_make("wrp", other);
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_refused(fixture, "");
	assert_refused(fixture, "x");
	assert_refused(fixture, changed);
	assert_refused(fixture, other);
	assert_refused(fixture, long_text);
	assert_refused(fixture, info.accessor);
	assert_refused(fixture, fixture->init.root_token);
	/* It is no token of the vault's other doors. */
	assert_int_equal(vault_authenticate(fixture->vault, info.token, strlen(info.token), NULL, &caller, &err), ERR_DENIED);
	assert_unwraps(fixture, info.token, BODY);
}

static void test_limits(void **state)
{
	struct fixture *fixture = *state;
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(LIMIT_WRAPPED_BODY + 1), *got = NULL;
	char path[LIMIT_TARGET_LEN + 2];
	struct wrap_info info;

	secret_buf_append_text(body, BODY);
	assert_int_equal(wrap_buf(fixture, body, "a", 0, &info), ERR_INVALID);
	assert_int_equal(wrap_buf(fixture, body, "a", -1, &info), ERR_INVALID);
	assert_int_equal(wrap_buf(fixture, body, "a", LIMIT_WRAP_SECONDS + 1, &info), ERR_INVALID);
	assert_int_equal(wrap_buf(fixture, body, "a", INT64_MAX, &info), ERR_INVALID);
	assert_int_equal(wrap_buf(fixture, body, "a", LIMIT_WRAP_SECONDS, &info), ERR_OK);
	assert_unwraps(fixture, info.token, BODY);
	/* The longest answer at the longest path fits a record. */
	while (secret_buf_len(body) < LIMIT_WRAPPED_BODY)
		secret_buf_append_char(body, ' ');
	memset(path, 'p', sizeof(path) - 1);
	path[LIMIT_TARGET_LEN + 1] = '\0';
	assert_int_equal(wrap_buf(fixture, body, path, 60, &info), ERR_TOO_LARGE);
	path[LIMIT_TARGET_LEN] = '\0';
	assert_int_equal(wrap_buf(fixture, body, path, 60, &info), ERR_OK);
	assert_int_equal(unwrap(fixture, info.token, &got), ERR_OK);
	assert_int_equal(secret_buf_len(got), LIMIT_WRAPPED_BODY);
	secret_buf_append_char(body, ' ');
	assert_int_equal(wrap_buf(fixture, body, "a", 60, &info), ERR_TOO_LARGE);
}

/* Others' answers are put into the index alone: the limits are counted there. */
static void test_limits_of_all(void **state)
{
	struct fixture *fixture = *state;
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(4096);
	struct expiry_index *index = fixture->vault->wrapped;
	uint8_t id[ID_LEN] = {0};
	struct wrap_info info;
	struct error err = ERROR_INIT;

	secret_buf_append_text(body, BODY);
	assert_int_equal(expiry_index_totals(index).count, 0);
	for (unsigned i = 0; i < LIMIT_WRAPPED - 1; i++) {
		memcpy(id, &i, sizeof(i));
		assert_int_equal(expiry_index_put(index, id, INT64_MAX, 1, &err), ERR_OK);
	}
	assert_int_equal(wrap_buf(fixture, body, "a", 60, &info), ERR_OK);
	assert_int_equal(wrap_buf(fixture, body, "a", 60, &info), ERR_BUSY);
	assert_unwraps(fixture, info.token, BODY);
	assert_int_equal(wrap_buf(fixture, body, "a", 60, &info), ERR_OK);
	assert_unwraps(fixture, info.token, BODY);
	expiry_index_clear(index);
	assert_int_equal(expiry_index_put(index, id, INT64_MAX, LIMIT_WRAPPED_BYTES - strlen(BODY) + 1, &err), ERR_OK);
	assert_int_equal(wrap_buf(fixture, body, "a", 60, &info), ERR_BUSY);
	assert_int_equal(expiry_index_put(index, id, INT64_MAX, LIMIT_WRAPPED_BYTES - strlen(BODY), &err), ERR_OK);
	assert_int_equal(wrap_buf(fixture, body, "a", 60, &info), ERR_OK);
	assert_unwraps(fixture, info.token, BODY);
	expiry_index_clear(index);
}

static void test_rewrap(void **state)
{
	struct fixture *fixture = *state;
	struct wrap_info first = wrap_text(fixture, BODY, 60), second = {0};
	int64_t begin = fixture->now;
	struct wrapping wrapping;

	fixture->now = begin + 50 * SECOND;
	assert_int_equal(rewrap(fixture, first.token, &second), ERR_OK);
	assert_string_not_equal(first.token, second.token);
	assert_int_equal(second.ttl_s, 60);
	assert_int_equal(second.created, fixture->now);
	assert_refused(fixture, first.token);
	fixture->now = begin + 109 * SECOND;
	assert_int_equal(lookup(fixture, second.token, &wrapping), ERR_OK);
	assert_unwraps(fixture, second.token, BODY);
}

static void test_accessor_of_what_is_wrapped(void **state)
{
	struct fixture *fixture = *state;
	struct wrap_info info = wrap_text(fixture, "{\"data\":null,\"auth\":{\"accessor\":\"abc123\",\"client_token\":\"t\"}}", 60);
	struct wrap_info again = {0};

	assert_string_equal(info.wrapped_accessor, "abc123");
	assert_int_equal(rewrap(fixture, info.token, &again), ERR_OK);
	assert_string_equal(again.wrapped_accessor, "abc123");
	assert_string_not_equal(again.accessor, info.accessor);
	info = wrap_text(fixture, "{\"data\":{\"auth\":{\"accessor\":\"no\"}},\"auth\":{\"accessor\":7}}", 60);
	assert_string_equal(info.wrapped_accessor, "");
	info = wrap_text(fixture, "no JSON", 60);
	assert_string_equal(info.wrapped_accessor, "");
}

static void test_expiry(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before = live_records(fixture);
	struct wrap_info info = wrap_text(fixture, BODY, 60);
	int64_t begin = fixture->now;
	struct wrapping wrapping;

	fixture->now = begin + 60 * SECOND - 1;
	vault_tick(fixture->vault);
	assert_int_equal(lookup(fixture, info.token, &wrapping), ERR_OK);
	/* Refused at once, whatever the sweep did. */
	fixture->now = begin + 60 * SECOND;
	assert_int_equal(lookup(fixture, info.token, &wrapping), ERR_INVALID);
	assert_int_equal(rewrap(fixture, info.token, &info), ERR_INVALID);
	assert_refused(fixture, info.token);
	vault_tick(fixture->vault);
	assert_int_equal(live_records(fixture), before - 3 /* those of the tests before */);
	assert_int_equal(expiry_index_totals(fixture->vault->wrapped).count, 0);
}

/* Not even before the sweep has come, nor over a seal. */
static void test_clock_set_back(void **state)
{
	struct fixture *fixture = *state;
	struct wrap_info info = wrap_text(fixture, BODY, 60), kept = wrap_text(fixture, BODY, 120);
	int64_t begin = fixture->now;
	struct wrapping wrapping;
	struct error err = ERROR_INIT;

	fixture->now = begin + 60 * SECOND;
	assert_int_equal(lookup(fixture, kept.token, &wrapping), ERR_OK);
	assert_int_equal(put(fixture, "clock", "{}"), ERR_OK);	/* the state remembers the time */
	fixture->now = begin;
	assert_int_equal(lookup(fixture, info.token, &wrapping), ERR_INVALID);
	assert_refused(fixture, info.token);
	assert_int_equal(vault_seal(fixture->vault, &fixture->root, &err), ERR_OK);
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_int_equal(lookup(fixture, info.token, &wrapping), ERR_INVALID);
	assert_refused(fixture, info.token);
	assert_unwraps(fixture, kept.token, BODY);
	vault_tick(fixture->vault);
	assert_int_equal(expiry_index_totals(fixture->vault->wrapped).count, 0);
	fixture->now = begin + 60 * SECOND;
}

static void test_sweep_in_batches(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before = live_records(fixture);
	int64_t begin = fixture->now;
	struct wrap_info last;

	for (int i = 0; i < 300; i++)
		(void)wrap_text(fixture, BODY, 10);
	last = wrap_text(fixture, BODY, 20);
	fixture->now = begin + 10 * SECOND;
	vault_tick(fixture->vault);
	assert_int_equal(live_records(fixture), before + 301 - 256);
	vault_tick(fixture->vault);
	assert_int_equal(live_records(fixture), before + 1);
	assert_unwraps(fixture, last.token, BODY);
}

static void test_restart_and_seal(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before = live_records(fixture);
	struct wrap_info kept = wrap_text(fixture, BODY, 600), used = wrap_text(fixture, BODY, 600), late = wrap_text(fixture, BODY, 60);
	struct secret_buf *body = NULL;
	struct error err = ERROR_INIT;
	struct wrapping wrapping;
	int64_t begin = fixture->now;

	assert_unwraps(fixture, used.token, BODY);
	assert_int_equal(vault_seal(fixture->vault, &fixture->root, &err), ERR_OK);
	assert_int_equal(unwrap(fixture, kept.token, &body), ERR_SEALED);
	assert_int_equal(lookup(fixture, kept.token, &wrapping), ERR_SEALED);
	assert_int_equal(expiry_index_totals(fixture->vault->wrapped).count, 0);
	fixture->now = begin + 100 * SECOND;
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_int_equal(expiry_index_totals(fixture->vault->wrapped).count, 2);
	assert_refused(fixture, used.token);
	assert_refused(fixture, late.token);
	assert_unwraps(fixture, kept.token, BODY);
	vault_tick(fixture->vault);
	assert_int_equal(live_records(fixture), before);
}

/* -- many at once ------------------------------------------------------------ */

enum { THREADS = 32, ROUNDS = 20 };

struct crowd {
	struct fixture *fixture;
	const char *token;
	pthread_barrier_t barrier;
	atomic_uint got, refused, others, rewrapped;
};

static void *take(void *arg)
{
	struct crowd *crowd = arg;
	cleanup_(secret_buf_freep) struct secret_buf *body = NULL;
	enum error_code code;

	pthread_barrier_wait(&crowd->barrier);
	code = unwrap(crowd->fixture, crowd->token, &body);
	atomic_fetch_add(code == ERR_OK ? &crowd->got : code == ERR_INVALID ? &crowd->refused : &crowd->others, 1);
	return NULL;
}

static void *exchange(void *arg)
{
	struct crowd *crowd = arg;
	struct wrap_info info = {0};
	enum error_code code;

	pthread_barrier_wait(&crowd->barrier);
	code = rewrap(crowd->fixture, crowd->token, &info);
	if (code == ERR_OK)
		assert_unwraps(crowd->fixture, info.token, BODY);
	atomic_fetch_add(code == ERR_OK ? &crowd->rewrapped : code == ERR_INVALID ? &crowd->refused : &crowd->others, 1);
	return NULL;
}

/* One of 32 gets the answer; with every second one rewrapping, one of all. */
static void test_one_taker(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before = live_records(fixture);

	for (int round = 0; round < ROUNDS; round++) {
		struct wrap_info info = wrap_text(fixture, BODY, 60);
		struct crowd crowd = { .fixture = fixture, .token = info.token };
		pthread_t threads[THREADS];

		pthread_barrier_init(&crowd.barrier, NULL, THREADS);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, round % 2 == 1 && i % 2 == 1 ? exchange : take, &crowd), 0);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		pthread_barrier_destroy(&crowd.barrier);
		assert_int_equal(crowd.got + crowd.rewrapped, 1);
		assert_int_equal(crowd.refused, THREADS - 1);
		assert_int_equal(crowd.others, 0);
	}
	assert_int_equal(live_records(fixture), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_bad_tokens),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_limits_of_all),
		cmocka_unit_test(test_rewrap),
		cmocka_unit_test(test_accessor_of_what_is_wrapped),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_sweep_in_batches),
		cmocka_unit_test(test_restart_and_seal),
		cmocka_unit_test(test_one_taker),
		cmocka_unit_test(test_clock_set_back),
	};

	return cmocka_run_group_tests_name("wrapping", tests, fixture_start, fixture_stop);
}
