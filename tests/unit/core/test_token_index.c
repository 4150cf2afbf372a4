/* The index of tokens, the tokens' clock and the arithmetic of their lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/token_clock.h"
#include "core/token_index.h"
#include "core/token_ttl.h"
#include "core/vault_tokens.h"
#include "vault/limits.h"

#define US INT64_C(1000000)

/* An id from a number. */
static const uint8_t *id_of(unsigned n)
{
	static _Thread_local uint8_t ids[8][ID_LEN];
	static _Thread_local unsigned next;
	uint8_t *id = ids[next = (next + 1) % 8];

	memset(id, 0, ID_LEN);
	memcpy(id, &n, sizeof(n));
	return id;
}

static void put_at(struct token_index *index, unsigned id, unsigned parent, int64_t expires, uint32_t uses, int64_t now)
{
	struct token_record record = { .flags = parent == 0 ? TOKEN_ORPHAN : 0, .expires = expires, .uses_left = uses };
	struct error err = ERROR_INIT;

	memcpy(record.parent, id_of(parent), ID_LEN);
	assert_int_equal(token_index_put(index, id_of(id), &record, now, &err), ERR_OK);
}

static void put(struct token_index *index, unsigned id, unsigned parent, int64_t expires)
{
	put_at(index, id, parent, expires, 0, 0);
}

/* Ids of what is due, as a bit for each number. */
static unsigned due(struct token_index *index, int64_t now)
{
	uint8_t ids[64][ID_LEN];
	size_t len = token_index_due(index, now, ids, 64);
	unsigned bits = 0;

	for (size_t i = 0; i < len; i++)
		bits |= 1u << ids[i][0];
	return bits;
}

static void test_chain(void **state)
{
	struct token_index *index = token_index_new();

	(void)state;
	put(index, 1, 0, 0);
	put(index, 2, 1, 100);
	put(index, 3, 2, 0);
	put(index, 4, 3, 0);
	assert_true(token_index_alive(index, id_of(4), 99));
	assert_int_equal(token_index_depth(index, id_of(4)), 4);
	assert_int_equal(token_index_depth(index, id_of(9)), 0);
	/* An expired parent takes those below with it, at once. */
	assert_false(token_index_alive(index, id_of(2), 100));
	assert_false(token_index_alive(index, id_of(4), 100));
	assert_true(token_index_alive(index, id_of(1), 100));
	/* So does one that is gone, step by step. */
	token_index_remove(index, id_of(2));
	assert_false(token_index_alive(index, id_of(3), 0));
	assert_false(token_index_alive(index, id_of(4), 0));
	assert_int_equal(due(index, 0), 1u << 3);
	token_index_remove(index, id_of(3));
	assert_int_equal(due(index, 0), 1u << 4);
	token_index_remove(index, id_of(4));
	assert_int_equal(due(index, INT64_MAX), 0);
	assert_int_equal(token_index_count(index), 1);
	token_index_free(index);
}

static void put_created(struct token_index *index, unsigned id, unsigned parent, int64_t created)
{
	struct token_record record = { .flags = parent == 0 ? TOKEN_ORPHAN : 0, .created = created };
	struct error err = ERROR_INIT;

	memcpy(record.parent, id_of(parent), ID_LEN);
	assert_int_equal(token_index_put(index, id_of(id), &record, 0, &err), ERR_OK);
}

/* A text that root chose is chosen again: whatever hung on the former token stays dead. */
static void test_another_token_of_the_same_text(void **state)
{
	struct token_index *index = token_index_new();

	(void)state;
	put_created(index, 1, 0, 10);
	put_created(index, 2, 1, 10);
	put_created(index, 3, 2, 12);
	assert_true(token_index_alive(index, id_of(3), 20));
	assert_true(token_index_carries(index, id_of(1), 10, 20));
	assert_false(token_index_carries(index, id_of(1), 9, 20));
	token_index_remove(index, id_of(1));
	put_created(index, 1, 0, 20);
	assert_true(token_index_alive(index, id_of(1), 20));
	assert_false(token_index_alive(index, id_of(2), 20));
	assert_false(token_index_alive(index, id_of(3), 20));
	assert_false(token_index_carries(index, id_of(1), 19, 20));
	assert_int_equal(due(index, 0), 1u << 2);
	put_created(index, 4, 1, 21);
	assert_true(token_index_alive(index, id_of(4), 20));
	token_index_clear(index);
	/* The same when they come from the store. */
	put_created(index, 3, 2, 12);
	put_created(index, 2, 1, 10);
	put_created(index, 1, 0, 20);
	token_index_settle(index);
	assert_false(token_index_alive(index, id_of(3), 20));
	assert_int_equal(due(index, 0), 1u << 2);
	token_index_free(index);
}

static void test_any_order(void **state)
{
	struct token_index *index = token_index_new();

	(void)state;
	put(index, 3, 2, 0);
	put(index, 2, 1, 0);
	put(index, 5, 4, 0);
	assert_false(token_index_alive(index, id_of(3), 0));
	put(index, 1, 0, 0);
	assert_true(token_index_alive(index, id_of(3), 0));
	assert_int_equal(due(index, 0), 0);
	/* The parent of 5 never came. */
	token_index_settle(index);
	assert_int_equal(due(index, 0), 1u << 5);
	assert_false(token_index_alive(index, id_of(5), 0));
	token_index_clear(index);
	assert_int_equal(token_index_count(index), 0);
	assert_false(token_index_alive(index, id_of(1), 0));
	token_index_free(index);
}

static void test_changes(void **state)
{
	struct token_index *index = token_index_new();

	(void)state;
	put(index, 1, 0, 0);
	put(index, 2, 1, 50);
	assert_int_equal(due(index, 50), 1u << 2);
	put(index, 2, 1, 80);	/* renewed */
	assert_int_equal(due(index, 79), 0);
	put(index, 2, 0, 80);	/* an orphan now */
	token_index_remove(index, id_of(1));
	assert_true(token_index_alive(index, id_of(2), 79));
	assert_int_equal(due(index, 79), 0);
	/* A spent one stays for its last request. */
	put_at(index, 3, 0, 0, TOKEN_SPENT, 1000);
	assert_int_equal(due(index, 1000 + (LIMIT_WAIT_SECONDS + 60) * US), 1u << 2);
	assert_int_equal(due(index, 1000 + (LIMIT_WAIT_SECONDS + 121) * US), 1u << 2 | 1u << 3);
	/* Itself as a parent: not alive, and no endless walk. */
	struct token_record record = { 0 };
	struct error err = ERROR_INIT;
	memcpy(record.parent, id_of(7), ID_LEN);
	assert_int_not_equal(token_index_put(index, id_of(7), &record, 0, &err), ERR_OK);
	assert_false(token_index_alive(index, id_of(7), 0));
	/* A circle. */
	put(index, 8, 9, 0);
	put(index, 9, 8, 0);
	assert_false(token_index_alive(index, id_of(8), 0));
	token_index_remove(index, id_of(9));
	token_index_remove(index, id_of(8));
	token_index_free(index);
}

static void test_depth_limit(void **state)
{
	struct token_index *index = token_index_new();

	(void)state;
	for (unsigned i = 1; i <= LIMIT_TOKEN_DEPTH + 2; i++)
		put(index, i, i - 1, 0);
	assert_true(token_index_alive(index, id_of(LIMIT_TOKEN_DEPTH), 0));
	assert_true(token_index_alive(index, id_of(LIMIT_TOKEN_DEPTH + 1), 0));
	assert_false(token_index_alive(index, id_of(LIMIT_TOKEN_DEPTH + 2), 0));
	token_index_free(index);
}

static void test_subtree_and_list(void **state)
{
	struct token_index *index = token_index_new();
	uint8_t ids[16][ID_LEN];
	struct name_list list = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(token_index_list(index, 0, &list, &err), ERR_NOT_FOUND);
	error_clear(&err);
	for (unsigned i = 1; i <= 10; i++)
		put(index, i, i / 2, 0);
	assert_int_equal(token_index_subtree(index, id_of(2), ids, 16), 6);
	assert_memory_equal(ids[0], id_of(2), ID_LEN);
	assert_int_equal(token_index_subtree(index, id_of(2), ids, 3), 3);
	assert_int_equal(token_index_children(index, id_of(1), ids, 16), 2);
	assert_int_equal(token_index_subtree(index, id_of(77), ids, 16), 0);
	token_index_remove(index, id_of(2));
	assert_int_equal(token_index_list(index, 0, &list, &err), ERR_OK);
	assert_int_equal(list.count, 4);	/* 1, 3, 6, 7: what hung on 2 is dead */
	assert_string_equal(list.block, "01000000000000000000000000000000");
	name_list_free(&list);
	token_index_free(index);
}

static void test_many(void **state)
{
	struct token_index *index = token_index_new();
	int64_t now = 0;

	(void)state;
	/* 20,000 with scattered ends; those due are always exactly those whose end has passed. */
	for (unsigned i = 1; i <= 20000; i++)
		put(index, i, 0, 1 + (int64_t)(i * 7919u % 20011u));
	while (token_index_count(index) > 0) {
		uint8_t ids[256][ID_LEN];
		size_t len = token_index_due(index, now, ids, 256);

		if (len == 0)
			now += 500;
		for (size_t i = 0; i < len; i++) {
			unsigned n;

			memcpy(&n, ids[i], sizeof(n));
			assert_true(1 + (int64_t)(n * 7919u % 20011u) <= now);
			token_index_remove(index, ids[i]);
		}
	}
	assert_true(now >= 20000 && now <= 21000);
	token_index_free(index);
}

/* -- the clock ------------------------------------------------------------------ */

struct hands {
	int64_t wall, monotonic;
};

static int64_t wall_of(void *arg)
{
	return ((struct hands *)arg)->wall;
}

static int64_t monotonic_of(void *arg)
{
	return ((struct hands *)arg)->monotonic;
}

static void test_clock(void **state)
{
	struct hands hands = { .wall = 1000, .monotonic = 5 };
	const struct clock_source source = { .now_us = wall_of, .monotonic_us = monotonic_of, .arg = &hands };
	struct token_clock clock;

	(void)state;
	token_clock_init(&clock, &source);
	assert_int_equal(token_clock_now(&clock), 1000);
	/* Set back: time goes on with the other clock. */
	hands = (struct hands){ .wall = 10, .monotonic = 105 };
	assert_int_equal(token_clock_now(&clock), 1100);
	/* Set forward and back again: it does not stand still until the wall has caught up. */
	hands = (struct hands){ .wall = 9000, .monotonic = 106 };
	assert_int_equal(token_clock_now(&clock), 9000);
	hands = (struct hands){ .wall = 1200, .monotonic = 116 };
	assert_int_equal(token_clock_now(&clock), 9010);
	/* What a commit has seen before this start. */
	token_clock_raise(&clock, 20000);
	assert_int_equal(token_clock_now(&clock), 20000);
	hands.monotonic += 7;
	assert_int_equal(token_clock_now(&clock), 20007);
	token_clock_raise(&clock, 5);
	assert_int_equal(token_clock_now(&clock), 20007);
	token_clock_end(&clock);
}

/* -- lives ---------------------------------------------------------------------- */

#define NOW (1700000000 * US)

static void check_new(int64_t ttl, int64_t period, int64_t explicit_max, int64_t expected_ttl, int64_t expected_max,
		      bool warned)
{
	const struct token_ttl asked = { .ttl = ttl, .period = period, .explicit_max = explicit_max,
					 .limit = LIMIT_TOKEN_TTL_SECONDS };
	struct secret_buf *warnings = secret_buf_new(1024);
	struct token_times times;

	token_ttl_new(&asked, NOW, &times, warnings);
	assert_int_equal(times.creation_ttl, expected_ttl);
	assert_int_equal(times.expires, NOW + expected_ttl * US);
	assert_int_equal(times.max_expires, expected_max == 0 ? 0 : NOW + expected_max * US);
	assert_int_equal(secret_buf_len(warnings) > 0, warned);
	secret_buf_free(warnings);
}

static void test_new_ttl(void **state)
{
	const int64_t most = LIMIT_TOKEN_TTL_SECONDS, century = INT64_C(100) * 366 * 86400;

	(void)state;
	check_new(0, 0, 0, DEFAULT_TOKEN_TTL_SECONDS, most, false);
	check_new(1, 0, 0, 1, most, false);
	check_new(most, 0, 0, most, most, false);
	check_new(most + 1, 0, 0, most, most, true);
	check_new(century, 0, century, most, most, true);
	check_new(1800, 0, 300, 300, 300, true);
	check_new(0, 0, 300, 300, 300, false);
	check_new(0, 1800, 0, 1800, 0, false);
	check_new(5, 1800, 0, 1800, 0, false);
	check_new(0, 1800, 300, 300, 300, true);
	check_new(0, 1800, century, 1800, century, false);
	check_new(0, century, 0, most, 0, true);
}

static void test_renewal(void **state)
{
	struct token_times times = { .creation_ttl = 60, .expires = NOW + 10 * US, .max_expires = NOW + 100 * US };
	struct secret_buf *warnings = secret_buf_new(4096);
	struct error err = ERROR_INIT;
	int64_t expires;
	const struct {
		int64_t increment, expected;
	} rows[] = { { 0, 60 }, { 1, 1 }, { 99, 99 }, { 100, 100 }, { 101, 100 }, { INT64_MAX, 100 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(token_ttl_renew(&times, rows[i].increment, NOW, &expires, warnings, &err), ERR_OK);
		assert_int_equal(expires, NOW + rows[i].expected * US);
	}
	assert_int_equal(token_ttl_renew(&times, -1, NOW, &expires, warnings, &err), ERR_INVALID);
	error_clear(&err);
	/* One µs before the maximum: it ends there, and never becomes "never". */
	assert_int_equal(token_ttl_renew(&times, 0, NOW + 100 * US - 1, &expires, warnings, &err), ERR_OK);
	assert_int_equal(expires, NOW + 100 * US);
	assert_int_equal(token_ttl_renew(&times, 0, NOW + 100 * US, &expires, warnings, &err), ERR_INVALID);
	error_clear(&err);
	/* A period takes no increment and has no maximum of its own. */
	times.period = 30;
	times.max_expires = 0;
	assert_int_equal(token_ttl_renew(&times, 5000, NOW, &expires, warnings, &err), ERR_OK);
	assert_int_equal(expires, NOW + 30 * US);
	/* What a record could hold in the worst case still ends. */
	times = (struct token_times){ .creation_ttl = 0, .expires = 1 };
	assert_int_equal(token_ttl_renew(&times, 0, NOW, &expires, warnings, &err), ERR_OK);
	assert_int_equal(expires, NOW + US);
	secret_buf_free(warnings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_another_token_of_the_same_text),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_changes),	     cmocka_unit_test(test_depth_limit),
		cmocka_unit_test(test_subtree_and_list), cmocka_unit_test(test_many),
		cmocka_unit_test(test_clock),	     cmocka_unit_test(test_new_ttl),
		cmocka_unit_test(test_renewal),
	};

	return cmocka_run_group_tests_name("token_index", tests, NULL, NULL);
}
