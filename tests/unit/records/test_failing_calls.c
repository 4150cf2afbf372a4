/* When a call that changes a file fails, what is answered is true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "points_vault.h"
#include "syscall_points.h"
#include "vault_fixture.h"

static enum error_code count_heads(void *arg, const struct records_change *change, struct error *err)
{
	(void)err;
	*(int *)arg += change->key.bytes[0] == TABLE_HEAD && !change->deleted && change->plain_len > 0;
	return ERR_OK;
}

struct forgetful {
	_Atomic int refusals;	/* to come */
	_Atomic int heads, calls;
};

static enum error_code lack_memory(void *arg, const struct records_change *change, struct error *err)
{
	struct forgetful *forgetful = arg;

	forgetful->calls++;
	if (forgetful->refusals > 0) {
		forgetful->refusals--;
		return error_set(err, ERR_NO_MEMORY, "no memory is left");
	}
	forgetful->heads += change->key.bytes[0] == TABLE_HEAD;
	return ERR_OK;
}

/* What is durable is followed, whatever it takes: it is neither forgotten nor taken for tampering. */
static void who_lacks_memory_is_told_again(void **state)
{
	struct vault_fixture *fixture = *state;
	struct forgetful forgetful = { .refusals = 3 };
	char value[64];

	put_all(fixture, "old");
	records_set_feed(fixture->records, lack_memory, &forgetful);
	assert_int_equal(vault_put(fixture, "e1", "new"), ERR_OK);
	assert_int_equal(forgetful.refusals, 0);
	assert_int_equal(forgetful.heads, 1);
	assert_int_equal(forgetful.calls, 4);
	assert_int_equal(vault_get(fixture, "e1", value, sizeof(value)), ERR_OK);
	assert_string_equal(value, "new");
}

static void an_unknown_outcome_is_found_out(void **state)
{
	struct vault_fixture *fixture = *state;
	struct records_health before, after;
	char value[64];
	int heads = 0;

	put_all(fixture, "old");
	records_set_feed(fixture->records, count_heads, &heads);
	records_health(fixture->records, &before);
	points_fail(FAULT_META_ERROR_AFTER_WRITE);
	assert_int_equal(vault_put(fixture, "e1", "new"), ERR_OUTCOME_UNKNOWN);
	wait_writable(fixture);
	/* It had happened. */
	assert_int_equal(vault_get(fixture, "e1", value, sizeof(value)), ERR_OK);
	assert_string_equal(value, "new");
	assert_int_equal(heads, 1);
	records_health(fixture->records, &after);
	assert_int_equal(after.counter, before.counter + 1);
	points_fail(FAULT_DATABASE_SYNC);
	assert_int_equal(vault_put(fixture, "e2", "new"), ERR_OUTCOME_UNKNOWN);
	wait_writable(fixture);
	/* It had not. */
	assert_int_equal(vault_get(fixture, "e2", value, sizeof(value)), ERR_OK);
	assert_string_equal(value, "old");
	assert_int_equal(heads, 1);
	assert_int_equal(vault_put(fixture, "e2", "newer"), ERR_OK);
	assert_int_equal(heads, 2);
	vault_fixture_close(fixture);
	start(fixture, 0);
	assert_int_equal(vault_get(fixture, "e2", value, sizeof(value)), ERR_OK);
	assert_string_equal(value, "newer");
}

static void a_strict_anchor_that_cannot_be_written(void **state)
{
	struct vault_fixture *fixture = *state;
	struct records_health health;
	char value[64];

	put_all(fixture, "old");
	points_fail(FAULT_ANCHOR);
	assert_int_equal(vault_put(fixture, "e1", "new"), ERR_IO);
	records_health(fixture->records, &health);
	assert_true(health.anchor_counter < health.counter);
	assert_false(health.anchor_ok);
	assert_int_equal(vault_get(fixture, "e1", value, sizeof(value)), ERR_OK);
	assert_string_equal(value, "new");
	points_fail(FAULT_NONE);
	assert_int_equal(vault_put(fixture, "e1", "newer"), ERR_OK);
	records_health(fixture->records, &health);
	assert_int_equal(health.anchor_counter, health.counter);
	assert_true(health.anchor_ok);
	vault_fixture_close(fixture);
	start(fixture, 0);
}

/*
 * A key that the header may not have must seal nothing; and the state must not know of a header that may not be there (the third: the
 * one without the old key), or no unseal takes the vault again.
 */
static void a_header_that_cannot_be_written(void **state)
{
	static const enum point_fault faults[] = { FAULT_HEADER_FIRST, FAULT_HEADER_SECOND, FAULT_HEADER_THIRD };
	struct vault_fixture *fixture = *state;
	char name[16], value[64];

	put_all(fixture, "kept");
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		struct error err = ERROR_INIT;

		points_fail(faults[i]);
		assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_IO);
		err = (struct error)ERROR_INIT;
		assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_IO);
		snprintf(name, sizeof(name), "late%zu", i);
		assert_int_equal(vault_put(fixture, name, "late"), ERR_OK);
		vault_fixture_close(fixture);
		start(fixture, (int)i);
		assert_all(fixture, "kept");
		assert_int_equal(vault_get(fixture, name, value, sizeof(value)), ERR_OK);
		err = (struct error)ERROR_INIT;
		assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_OK);
	}
	vault_fixture_close(fixture);
	start(fixture, (int)ARRAY_LEN(faults));
	assert_all(fixture, "kept");
}

static void a_relaxed_anchor_follows(void **state)
{
	struct vault_fixture *fixture = *state;
	struct records_health health;

	vault_fixture_close(fixture);
	fixture->anchor_mode = ANCHOR_RELAXED;
	start(fixture, 0);
	put_all(fixture, "x");
	records_health(fixture->records, &health);
	assert_true(health.anchor_counter < health.counter);
	records_tick(fixture->records);
	records_health(fixture->records, &health);
	assert_int_equal(health.anchor_counter, health.counter);
	put_all(fixture, "y");
	vault_fixture_close(fixture);	/* a seal writes it */
	start(fixture, 1);
	records_health(fixture->records, &health);
	assert_int_equal(health.anchor_counter, health.counter);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, vault_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unknown_outcome_is_found_out, vault_fixture_setup),
		TEST(who_lacks_memory_is_told_again, vault_fixture_setup),
		TEST(a_strict_anchor_that_cannot_be_written, vault_fixture_setup_anchored),
		TEST(a_header_that_cannot_be_written, vault_fixture_setup),
		TEST(a_relaxed_anchor_follows, vault_fixture_setup_anchored),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
