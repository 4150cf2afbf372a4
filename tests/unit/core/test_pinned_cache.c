/* The cache of decoded records: bounds, order of going, holders, pins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pinned_cache.h"

struct thing {
	int number;
	struct pinned_entry pinned;
};

static unsigned destroyed;	/* a bit for each number */

static void thing_destroy(struct pinned_entry *pinned)
{
	struct thing *thing = (struct thing *)((char *)pinned - offsetof(struct thing, pinned));

	destroyed |= 1u << thing->number;
	free(thing);
}

static struct record_key key_of(int number, uint8_t len)
{
	struct record_key key = { .len = len };

	/* All of them in one chain. */
	memset(key.bytes, 7, sizeof(key.bytes));
	key.bytes[12] = (uint8_t)number;
	return key;
}

static struct pinned_entry *thing_new(int number, uint8_t pin, size_t bytes)
{
	struct thing *thing = calloc(1, sizeof(*thing));
	struct record_key key = key_of(number, 17);

	assert_non_null(thing);
	thing->number = number;
	pinned_entry_init(&thing->pinned, &key, thing_destroy);
	memset(thing->pinned.pin, pin, PIN_LEN);
	thing->pinned.bytes = bytes;
	return &thing->pinned;
}

static void add(struct pinned_cache *cache, int number, uint8_t pin, size_t bytes)
{
	struct pinned_entry *entry = thing_new(number, pin, bytes);

	pinned_cache_add(cache, entry);
	pinned_entry_free(entry);
}

static bool finds(struct pinned_cache *cache, int number, uint8_t pin)
{
	struct record_key key = key_of(number, 17);
	uint8_t bytes[PIN_LEN];
	struct pinned_entry *entry;

	memset(bytes, pin, sizeof(bytes));
	entry = pinned_cache_find(cache, &key, bytes);
	pinned_entry_free(entry);
	return entry != NULL;
}

static void the_least_recently_used_goes(void **state)
{
	struct pinned_cache *cache = pinned_cache_new(30);

	(void)state;
	destroyed = 0;
	for (int i = 0; i < 3; i++)
		add(cache, i, 1, 10);
	assert_int_equal(pinned_cache_bytes(cache), 30);
	assert_int_equal(destroyed, 0);
	assert_true(finds(cache, 0, 1));
	add(cache, 3, 1, 10);
	assert_int_equal(destroyed, 1u << 1);
	assert_true(finds(cache, 0, 1) && !finds(cache, 1, 1) && finds(cache, 2, 1) && finds(cache, 3, 1));
	/* As many as it takes; one that has the whole place, and one that is larger. */
	add(cache, 4, 1, 30);
	assert_int_equal(destroyed, 0xf);
	assert_int_equal(pinned_cache_bytes(cache), 30);
	add(cache, 5, 1, 31);
	assert_true(finds(cache, 4, 1) && !finds(cache, 5, 1));
	pinned_cache_free(cache);
	assert_int_equal(destroyed, 0x3f);
	pinned_cache_free(NULL);
	pinned_entry_free(NULL);
}

static void only_the_pin_and_the_whole_key_find_it(void **state)
{
	struct pinned_cache *cache = pinned_cache_new(100);
	struct record_key shorter = key_of(1, 12), key = key_of(1, 17);
	uint8_t pin[PIN_LEN];

	(void)state;
	memset(pin, 1, sizeof(pin));
	add(cache, 1, 1, 10);
	assert_true(finds(cache, 1, 1) && !finds(cache, 1, 2) && !finds(cache, 2, 1));
	assert_null(pinned_cache_find(cache, &shorter, pin));
	/* A newer one takes its place. */
	destroyed = 0;
	add(cache, 1, 2, 20);
	assert_true(!finds(cache, 1, 1) && finds(cache, 1, 2));
	assert_int_equal(destroyed, 1u << 1);
	assert_int_equal(pinned_cache_bytes(cache), 20);
	pinned_cache_drop(cache, &shorter);
	assert_int_equal(pinned_cache_bytes(cache), 20);
	pinned_cache_drop(cache, &key);
	assert_int_equal(pinned_cache_bytes(cache), 0);
	pinned_cache_free(cache);
}

static void who_holds_it_keeps_it(void **state)
{
	struct pinned_cache *cache = pinned_cache_new(100);
	struct pinned_entry *held = thing_new(1, 1, 10);

	(void)state;
	destroyed = 0;
	pinned_cache_add(cache, held);
	pinned_cache_clear(cache);
	assert_true(destroyed == 0 && pinned_cache_bytes(cache) == 0);
	pinned_cache_add(cache, held);
	pinned_cache_free(cache);
	assert_int_equal(destroyed, 0);
	pinned_entry_free(held);
	assert_int_equal(destroyed, 1u << 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_recently_used_goes),
		cmocka_unit_test(only_the_pin_and_the_whole_key_find_it),
		cmocka_unit_test(who_holds_it_keeps_it),
	};

	return cmocka_run_group_tests_name("core_pinned_cache", tests, NULL, NULL);
}
