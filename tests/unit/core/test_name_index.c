/* The sorted index of names: listing, folders, removal, 100,000 names, in any order of arrival. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "core/name_index.h"

static const uint8_t mount_a[ID_LEN] = { 1 }, mount_b[ID_LEN] = { 2 };

/* What the store uses: a keyed hash. Any hash spreads as well here. */
static struct record_key key_of(const uint8_t *mount, const char *path)
{
	struct record_key key = { .len = 1 + ID_LEN, .bytes = { TABLE_HEAD } };

	crypto_generichash(key.bytes + 1, ID_LEN, (const uint8_t *)path, strlen(path), mount, ID_LEN);
	return key;
}

static void add(struct name_index *index, const uint8_t *mount, const char *path)
{
	struct record_key key = key_of(mount, path);
	struct error err = ERROR_INIT;

	assert_int_equal(name_index_add(index, &key, mount, path, strlen(path), &err), ERR_OK);
}

static bool drop(struct name_index *index, const uint8_t *mount, const char *path)
{
	struct record_key key = key_of(mount, path);

	return name_index_remove(index, &key);
}

/* The listing as one text: names joined by blanks. */
static void assert_listing(struct name_index *index, const uint8_t *mount, const char *prefix, const char *expected)
{
	struct error err = ERROR_INIT;
	struct name_list list = {0};
	char text[1024] = "";
	size_t len = 0;
	const char *name;

	if (*expected == '\0') {
		assert_int_equal(name_index_list(index, mount, prefix, &list, &err), ERR_NOT_FOUND);
		return;
	}
	assert_int_equal(name_index_list(index, mount, prefix, &list, &err), ERR_OK);
	name = list.block;
	for (size_t i = 0; i < list.count; i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "", name);
		name += strlen(name) + 1;
	}
	assert_ptr_equal(name, list.block + list.block_len);
	assert_string_equal(text, expected);
	name_list_free(&list);
}

static void test_listing(void **state)
{
	struct name_index *index = name_index_new();

	(void)state;
	assert_listing(index, mount_a, "", "");
	add(index, mount_a, "shop/production");
	add(index, mount_a, "shop");
	add(index, mount_a, "shop/staging/eu");
	add(index, mount_a, "shop/staging/us");
	add(index, mount_a, "shop-old");
	add(index, mount_a, "shop.x");
	add(index, mount_a, "shopA");
	add(index, mount_a, "a");
	add(index, mount_b, "other/x");
	assert_listing(index, mount_a, "", "a shop shop-old shop.x shop/ shopA");
	assert_listing(index, mount_a, "shop/", "production staging/");
	assert_listing(index, mount_a, "shop/staging/", "eu us");
	assert_listing(index, mount_a, "sho/", "");
	assert_listing(index, mount_b, "", "other/");
	assert_listing(index, mount_b, "other/", "x");
	assert_int_equal(name_index_count(index), 9);
	name_index_free(index);
}

static void test_add_twice_and_remove(void **state)
{
	struct name_index *index = name_index_new();
	struct record_key key = key_of(mount_a, "shop/b");
	struct index_name name;

	(void)state;
	add(index, mount_a, "shop/a");
	add(index, mount_a, "shop/b");
	add(index, mount_a, "shop/b");
	assert_int_equal(name_index_count(index), 2);
	assert_true(name_index_find(index, &key, &name));
	assert_string_equal(name.path.text, "shop/b");
	assert_int_equal(name.path.len, 6);
	assert_memory_equal(name.mount, mount_a, ID_LEN);
	assert_true(drop(index, mount_a, "shop/b"));
	assert_false(drop(index, mount_a, "shop/b"));
	assert_false(name_index_find(index, &key, NULL));
	assert_listing(index, mount_a, "shop/", "a");
	assert_true(drop(index, mount_a, "shop/a"));
	assert_listing(index, mount_a, "", "");
	add(index, mount_a, "again");
	assert_listing(index, mount_a, "", "again");
	name_index_clear(index);
	assert_int_equal(name_index_count(index), 0);
	assert_listing(index, mount_a, "", "");
	name_index_free(index);
}

static void test_path_limit(void **state)
{
	struct name_index *index = name_index_new();
	struct error err = ERROR_INIT;
	char path[LIMIT_ENV_PATH_LEN + 2];
	struct record_key key;
	struct index_name name;

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[LIMIT_ENV_PATH_LEN + 1] = '\0';
	key = key_of(mount_a, path);
	assert_int_equal(name_index_add(index, &key, mount_a, path, LIMIT_ENV_PATH_LEN + 1, &err), ERR_RECORD);
	error_clear(&err);
	assert_int_equal(name_index_add(index, &key, mount_a, path, LIMIT_ENV_PATH_LEN, &err), ERR_OK);
	assert_true(name_index_find(index, &key, &name));
	assert_int_equal(strlen(name.path.text), LIMIT_ENV_PATH_LEN);
	name_index_free(index);
}

/* -- many ---------------------------------------------------------------- */

enum { MANY = 100000, TEAMS = 100 };

static void name_at(uint32_t i, char text[static 32])
{
	snprintf(text, 32, "team-%02u/service-%06u", i % TEAMS, i);
}

/* An order of arrival: 0 rising, 1 falling, 2 scattered (a permutation, since the step is odd and prime to MANY). */
static uint32_t arrival(uint32_t i, int order)
{
	switch (order) {
	case 0:
		return i;
	case 1:
		return MANY - 1 - i;
	default:
		return (uint32_t)(((uint64_t)i * 61903u) % MANY);
	}
}

static void assert_sorted_listing(struct name_index *index, const char *prefix, size_t count)
{
	struct error err = ERROR_INIT;
	struct name_list list = {0};
	const char *name, *before = NULL;

	assert_int_equal(name_index_list(index, mount_a, prefix, &list, &err), ERR_OK);
	assert_int_equal(list.count, count);
	name = list.block;
	for (size_t i = 0; i < list.count; i++) {
		if (before)
			assert_true(strcmp(before, name) < 0);
		before = name;
		name += strlen(name) + 1;
	}
	name_list_free(&list);
}

static void many(int order)
{
	struct name_index *index = name_index_new();
	char name[32];

	for (uint32_t i = 0; i < MANY; i++) {
		name_at(arrival(i, order), name);
		add(index, mount_a, name);
	}
	assert_int_equal(name_index_count(index), MANY);
	assert_sorted_listing(index, "", TEAMS);
	assert_sorted_listing(index, "team-42/", MANY / TEAMS);
	/* Every second goes; what is left is found, and nothing else. */
	for (uint32_t i = 0; i < MANY; i += 2) {
		name_at(i, name);
		assert_true(drop(index, mount_a, name));
	}
	for (uint32_t i = 0; i < MANY; i++) {
		struct record_key key;

		name_at(i, name);
		key = key_of(mount_a, name);
		assert_int_equal(name_index_find(index, &key, NULL), i % 2);
	}
	assert_sorted_listing(index, "", TEAMS / 2);
	assert_listing(index, mount_a, "team-42/", "");
	assert_sorted_listing(index, "team-43/", MANY / TEAMS);
	name_index_free(index);
}

static void test_many_rising(void **state)
{
	(void)state;
	many(0);
}

static void test_many_falling(void **state)
{
	(void)state;
	many(1);
}

static void test_many_scattered(void **state)
{
	(void)state;
	many(2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listing),
		cmocka_unit_test(test_add_twice_and_remove),
		cmocka_unit_test(test_path_limit),
		cmocka_unit_test(test_many_rising),
		cmocka_unit_test(test_many_falling),
		cmocka_unit_test(test_many_scattered),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("name_index", tests, NULL, NULL);
}
