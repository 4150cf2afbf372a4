/* Pins against a plain list, at every snapshot that may still be read; and the cache of data keys at its limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#include "crypto/arena.h"
#include "records/data_keys.h"
#include "records/pins.h"
#include "vault/attributes.h"

#define KEYS 64
#define BATCHES 300

static struct error err = ERROR_INIT;

static size_t key_of(unsigned i, uint8_t key[static PIN_KEY_MAX])
{
	memset(key, 0, PIN_KEY_MAX);
	key[0] = i % 2 ? 'H' : 'K';
	memcpy(key + 1, &i, sizeof(i));
	return i % 3 ? 17 : PIN_KEY_MAX;
}

static void pin_of(uint64_t number, uint8_t pin[static PIN_LEN])
{
	memset(pin, 0, PIN_LEN);
	memcpy(pin, &number, sizeof(number));
}

/* What the pins must be at each transaction: 0 is absent. */
static uint64_t truth[BATCHES + 1][KEYS];

static void assert_state(struct pins *pins, uint64_t id)
{
	size_t counts[2] = { 0, 0 };

	for (unsigned i = 0; i < KEYS; i++) {
		uint8_t key[PIN_KEY_MAX], pin[PIN_LEN], right[PIN_LEN];
		bool found = pins_find(pins, id, key, key_of(i, key), pin);

		assert_int_equal(found, truth[id][i] != 0);
		pin_of(truth[id][i], right);
		if (found)
			assert_memory_equal(pin, right, PIN_LEN);
		counts[i % 2] += found;
	}
	assert_int_equal(pins_count(pins, id, 'K'), counts[0]);
	assert_int_equal(pins_count(pins, id, 'H'), counts[1]);
}

static struct pin_batch *make_batch(struct pins *pins, uint64_t id)
{
	struct pin_batch *batch = pins_batch_new(id);

	assert_non_null(batch);
	memcpy(truth[id], truth[id - 1], sizeof(truth[id]));
	for (int n = 0; n < 10; n++) {
		unsigned i = randombytes_uniform(KEYS);
		uint8_t key[PIN_KEY_MAX], pin[PIN_LEN], found[PIN_LEN];
		size_t len = key_of(i, key);

		truth[id][i] = randombytes_uniform(3) ? id * 100 + (uint64_t)n : 0;
		pin_of(truth[id][i], pin);
		assert_int_equal(pins_batch_set(batch, key, len, truth[id][i] ? pin : NULL, &err), ERR_OK);
		assert_int_equal(pins_batch_find(pins, batch, key, len, found), truth[id][i] != 0);
	}
	assert_int_equal(pins_publish(pins, batch, &err), ERR_OK);
	return batch;
}

static void every_snapshot_gets_its_own_pins(void **state)
{
	struct pins *pins = pins_new();
	struct pin_batch *entered[BATCHES + 1];

	(void)state;
	memset(truth, 0, sizeof(truth));
	for (uint64_t id = 1; id <= BATCHES; id++) {
		struct pin_batch *batch;

		entered[id] = pins_enter(pins);	/* as a reader whose snapshot is id - 1 */
		if (randombytes_uniform(4) == 0) {
			batch = make_batch(pins, id);
			assert_state(pins, id);
			assert_state(pins, id - 1);
			pins_revert(pins, batch);
			assert_state(pins, id - 1);
		}
		batch = make_batch(pins, id);
		assert_state(pins, id - 1);
		assert_state(pins, id);
		pins_settle(pins, batch);
		assert_state(pins, randombytes_uniform((uint32_t)id + 1));
	}
	for (uint64_t id = 0; id <= BATCHES; id++)
		assert_state(pins, id);
	assert_true(pins_batches(pins) >= BATCHES);
	for (uint64_t id = 1; id <= BATCHES; id++)
		pins_leave(entered[id]);
	pins_free(pins);
}

static void batches_go_when_nobody_needs_them(void **state)
{
	struct pins *pins = pins_new();
	struct pin_batch *entered;

	(void)state;
	memset(truth, 0, sizeof(truth));
	for (uint64_t id = 1; id <= 10; id++)
		pins_settle(pins, make_batch(pins, id));
	assert_true(pins_batches(pins) <= 2);
	entered = pins_enter(pins);
	for (uint64_t id = 11; id <= 20; id++)
		pins_settle(pins, make_batch(pins, id));
	assert_int_equal(pins_batches(pins), 11);
	assert_state(pins, 10);
	pins_leave(entered);
	pins_settle(pins, make_batch(pins, 21));
	assert_true(pins_batches(pins) <= 2);
	assert_state(pins, 21);
	pins_free(pins);
}

static void keys_have_a_longest_length(void **state)
{
	struct pins *pins = pins_new();
	struct pin_batch *batch = pins_batch_new(1);
	uint8_t key[PIN_KEY_MAX + 1] = { 'O' }, pin[PIN_LEN] = { 1 };
	struct error failure = ERROR_INIT;

	(void)state;
	assert_int_equal(pins_load(pins, key, PIN_KEY_MAX, pin, &failure), ERR_OK);
	assert_int_equal(pins_load(pins, key, PIN_KEY_MAX, pin, &failure), ERR_RECORD);
	error_clear(&failure);
	assert_int_equal(pins_load(pins, key, PIN_KEY_MAX + 1, pin, &failure), ERR_RECORD);
	error_clear(&failure);
	assert_int_equal(pins_batch_set(batch, key, PIN_KEY_MAX, pin, &failure), ERR_OK);
	assert_int_equal(pins_batch_set(batch, key, PIN_KEY_MAX + 1, pin, &failure), ERR_INTERNAL);
	assert_false(pins_find(pins, 0, key, PIN_KEY_MAX + 1, pin));
	pins_batch_drop(batch);
	pins_free(pins);
}

/* Random sets and removals, in a table that stays nearly full, so that runs wrap around and holes are closed. */
static void removals_lose_nothing(void **state)
{
	struct pin_table table;
	bool present[200] = { false };
	size_t used = 0;

	(void)state;
	pin_table_init(&table);
	for (int n = 0; n < 200000; n++) {
		unsigned i = randombytes_uniform(ARRAY_LEN(present));
		uint8_t key[PIN_KEY_MAX], pin[PIN_LEN];
		size_t len = key_of(i, key);

		assert_int_equal(pin_table_find(&table, key, len, pin), present[i] ? PIN_IS_PRESENT : PIN_NOT_FOUND);
		pin_of(i, pin);
		if (present[i]) {
			pin_table_remove(&table, key, len);
		} else {
			assert_int_equal(pin_table_reserve(&table, 1, &err), ERR_OK);
			pin_table_set(&table, key, len, pin);
		}
		used += present[i] ? (size_t)-1 : 1;
		present[i] = !present[i];
		assert_int_equal(table.used, used);
	}
	pin_table_clear(&table);
}

static void lookups_are_quick(void **state)
{
	enum { RECORDS = 200000 };
	struct pins *pins = pins_new();
	struct timespec from, to;
	uint8_t key[PIN_KEY_MAX], pin[PIN_LEN] = { 1 };

	(void)state;
	for (unsigned i = 0; i < RECORDS; i++)
		assert_int_equal(pins_load(pins, key, key_of(i, key), pin, &err), ERR_OK);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (unsigned i = 0; i < RECORDS; i++)
		assert_true(pins_find(pins, 0, key, key_of((unsigned)(i * 7919ull % RECORDS), key), pin));
	clock_gettime(CLOCK_MONOTONIC, &to);
	print_message("# a pin among %d: %.0f ns\n", RECORDS,
		      ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / RECORDS);
	assert_int_equal(pins_count(pins, 0, 'H'), RECORDS / 2);
	pins_free(pins);
}

static void the_cache_keeps_the_newest_keys(void **state)
{
	struct data_keys *cache = data_keys_new();
	size_t before = secret_arena_used();
	uint8_t kid[ID_LEN] = { 0 };
	key_scope key;

	(void)state;
	for (unsigned i = 0; i < DATA_KEYS_CACHED + 1; i++) {
		memcpy(kid + 4, &i, sizeof(i));	/* all in one bucket */
		memset(&key, (int)i, sizeof(key));
		data_keys_add(cache, kid, 1, &key);
		if (i == 1) {	/* the first is used again, so the second is the oldest */
			memset(kid + 4, 0, sizeof(i));
			assert_true(data_keys_find(cache, kid, 1, &key));
		}
	}
	assert_int_equal(secret_arena_used(), before + DATA_KEYS_CACHED);
	memset(kid, 0, sizeof(kid));
	assert_true(data_keys_find(cache, kid, 1, &key));
	kid[4] = 1;
	assert_false(data_keys_find(cache, kid, 1, &key));
	kid[4] = 2;
	assert_true(data_keys_find(cache, kid, 1, &key));
	assert_int_equal(key.bytes[31], 2);
	assert_false(data_keys_find(cache, kid, 2, &key));
	memset(&key, 9, sizeof(key));
	data_keys_add(cache, kid, 2, &key);
	data_keys_forget(cache, kid);
	assert_false(data_keys_find(cache, kid, 1, &key));
	assert_false(data_keys_find(cache, kid, 2, &key));
	data_keys_free(cache);
	assert_int_equal(secret_arena_used(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_snapshot_gets_its_own_pins),
		cmocka_unit_test(batches_go_when_nobody_needs_them),
		cmocka_unit_test(keys_have_a_longest_length),
		cmocka_unit_test(removals_lose_nothing),
		cmocka_unit_test(lookups_are_quick),
		cmocka_unit_test(the_cache_keeps_the_newest_keys),
	};

	if (secret_arena_start(&err) != ERR_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
