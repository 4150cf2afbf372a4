#include "expect.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "freed_watch.h"
#include "vault/env_set.h"
#include "vault/limits.h"

#define CANARY "canary-of-env-set"

static void put(struct env_set *set, const char *name, const char *value)
{
	struct error err = ERROR_INIT;
	assert_int_equal(env_set_put(set, name, strlen(name), value, strlen(value), 0, NULL, &err), ERR_OK);
}

static void assert_entry(const struct env_set *set, size_t i, const char *name, const char *value)
{
	struct env_entry entry = env_set_at(set, i);
	assert_int_equal(entry.name_len, strlen(name));
	assert_string_equal(entry.name, name);
	assert_int_equal(entry.value_len, strlen(value));
	assert_string_equal(entry.value, value);
}

static void entries_keep_the_order_of_their_first_put(void **state)
{
	(void)state;
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
	struct error err = ERROR_INIT;
	bool replaced = true;
	assert_int_equal(env_set_count(set), 0);
	assert_int_equal(env_set_put(set, "B", 1, "1", 1, 7, &replaced, &err), ERR_OK);
	assert_false(replaced);
	put(set, "A", "2");
	put(set, "C", "");
	assert_int_equal(env_set_put(set, "B", 1, "new value", 9, 9, &replaced, &err), ERR_OK);
	assert_true(replaced);
	assert_int_equal(env_set_count(set), 3);
	assert_entry(set, 0, "B", "new value");
	assert_int_equal(env_set_at(set, 0).line, 9);
	assert_entry(set, 1, "A", "2");
	assert_entry(set, 2, "C", "");
	env_set_sort(set);
	assert_entry(set, 0, "A", "2");
	assert_entry(set, 1, "B", "new value");
	assert_entry(set, 2, "C", "");
	struct env_entry entry;
	assert_true(env_set_find(set, "B", 1, &entry));
	assert_string_equal(entry.value, "new value");
}

static void values_may_hold_any_byte(void **state)
{
	(void)state;
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
	struct error err = ERROR_INIT;
	assert_int_equal(env_set_put(set, "N", 1, "a\0b\xff", 4, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "E", 1, NULL, 0, 0, NULL, &err), ERR_OK);
	struct env_entry entry;
	assert_true(env_set_find(set, "N", 1, &entry));
	assert_int_equal(entry.value_len, 4);
	assert_memory_equal(entry.value, "a\0b\xff", 5);
	assert_true(env_set_find(set, "E", 1, &entry));
	assert_string_equal(entry.value, "");
}

static void names_are_whole(void **state)
{
	(void)state;
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
	struct env_entry entry;
	assert_false(env_set_find(set, "A", 1, &entry));
	assert_false(env_set_remove(set, "A", 1));
	put(set, "AB", "1");
	assert_false(env_set_find(set, "A", 1, &entry));
	assert_false(env_set_find(set, "ABC", 3, &entry));
	assert_false(env_set_find(set, "ab", 2, &entry));
	assert_true(env_set_find(set, "ABC", 2, &entry));
}

static void removing_keeps_the_others(void **state)
{
	(void)state;
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100000);
	char name[16], value[16];
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "N%d", i);
		snprintf(value, sizeof(value), "v%d", i);
		put(set, name, value);
	}
	for (int i = 0; i < 1000; i += 3) {
		snprintf(name, sizeof(name), "N%d", i);
		assert_true(env_set_remove(set, name, strlen(name)));
		assert_false(env_set_remove(set, name, strlen(name)));
	}
	assert_int_equal(env_set_count(set), 666);
	size_t at = 0;
	for (int i = 0; i < 1000; i++) {
		struct env_entry entry;
		snprintf(name, sizeof(name), "N%d", i);
		snprintf(value, sizeof(value), "v%d", i);
		assert_int_equal(env_set_find(set, name, strlen(name), &entry), i % 3 != 0);
		if (i % 3 != 0)
			assert_entry(set, at++, name, value);
	}
}

static void the_number_of_variables_is_limited(void **state)
{
	(void)state;
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1000000);
	struct error err = ERROR_INIT;
	char name[16];
	for (int i = 0; i < LIMIT_VARIABLES; i++) {
		snprintf(name, sizeof(name), "N%d", i);
		put(set, name, "v");
	}
	assert_fails(env_set_put(set, "one_more", 8, "v", 1, 0, NULL, &err), &err, ERR_TOO_LARGE);
	assert_int_equal(env_set_count(set), LIMIT_VARIABLES);
	/* Replacing is no further one, and removing makes room. */
	put(set, "N17", "other");
	assert_true(env_set_remove(set, "N18", 3));
	put(set, "one_more", "v");
	struct env_entry entry;
	assert_true(env_set_find(set, "N9999", 5, &entry));
	assert_true(env_set_find(set, "one_more", 8, &entry));
}

static void bytes_are_limited(void **state)
{
	(void)state;
	cleanup_(env_set_freep) struct env_set *set = env_set_new(10);
	struct error err = ERROR_INIT;
	put(set, "AB", "12345678");
	assert_fails(env_set_put(set, "C", 1, "", 0, 0, NULL, &err), &err, ERR_TOO_LARGE);
	assert_fails(env_set_put(set, "AB", 2, "123456789", 9, 0, NULL, &err), &err, ERR_TOO_LARGE);
	assert_null(strstr(err.text, "123456789"));
	assert_entry(set, 0, "AB", "12345678");
	put(set, "AB", "1234567");
	put(set, "C", "");
	assert_fails(env_set_put(set, "C", 1, "x", SIZE_MAX, 0, NULL, &err), &err, ERR_TOO_LARGE);
	assert_true(env_set_remove(set, "AB", 2));
	put(set, "C", "123456789");
	assert_int_equal(env_set_count(set), 1);
}

static void equality_is_of_names_and_values(void **state)
{
	(void)state;
	cleanup_(env_set_freep) struct env_set *a = env_set_new(1000);
	cleanup_(env_set_freep) struct env_set *b = env_set_new(2000);
	assert_true(env_set_equal(a, b));
	put(a, "X", "1");
	assert_false(env_set_equal(a, b));
	assert_false(env_set_equal(b, a));
	put(a, "Y", "2");
	put(b, "Y", "2");
	put(b, "X", "1");
	assert_true(env_set_equal(a, b));
	put(b, "X", "3");
	assert_false(env_set_equal(a, b));
	put(b, "X", "1");
	env_set_remove(b, "Y", 1);
	put(b, "Z", "2");
	assert_false(env_set_equal(a, b));
}

static void sorting_is_by_bytes(void **state)
{
	(void)state;
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
	static const char *const names[] = { "b", "\xc3\xa9", "AB", "a", "A", "_", "" };
	static const char *const sorted[] = { "", "A", "AB", "_", "a", "b", "\xc3\xa9" };
	for (size_t i = 0; i < CASES(names); i++)
		put(set, names[i], names[i]);
	env_set_sort(set);
	for (size_t i = 0; i < CASES(sorted); i++) {
		struct env_entry entry;
		assert_entry(set, i, sorted[i], sorted[i]);
		assert_true(env_set_find(set, sorted[i], strlen(sorted[i]), &entry));
	}
}

static void a_set_like_another_holds_what_is_equal(void **state)
{
	(void)state;
	struct env_entry entry;
	cleanup_(env_set_freep) struct env_set *model = env_set_new(1000);
	put(model, "A", "same");
	put(model, "B", "old");
	put(model, "C", "");
	cleanup_(env_set_freep) struct env_set *set = env_set_new_like(model);
	assert_int_equal(env_set_count(set), 0);
	put(set, "C", "");
	put(set, "A", "same");
	put(set, "A", "same");
	assert_int_equal(env_set_count(set), 2);
	assert_ptr_equal(env_set_at(set, 0).value, env_set_at(model, 2).value);
	assert_ptr_equal(env_set_at(set, 1).value, env_set_at(model, 0).value);
	assert_true(env_set_find(set, "A", 1, &entry));
	assert_false(env_set_find(set, "B", 1, &entry));
	assert_false(env_set_equal(set, model));
	put(set, "B", "old");
	assert_true(env_set_equal(set, model));
	assert_true(env_set_equal(model, set));
	assert_true(env_set_remove(set, "C", 1));
	assert_false(env_set_remove(set, "C", 1));
	assert_entry(set, 0, "A", "same");
	assert_entry(set, 1, "B", "old");
	assert_false(env_set_equal(set, model));
	assert_int_equal(env_set_count(model), 3);
}

/* Another value, a name that the model does not have: neither is kept, and the set equals nothing any more. */
static void a_set_like_another_differs_for_good(void **state)
{
	static const char *const others[][2] = { { "A", "other" }, { "B", "" }, { "A", "" }, { "A", "samf" } };
	(void)state;
	for (size_t i = 0; i < CASES(others); i++) {
		struct env_entry entry;
		bool replaced = true;
		struct error err = ERROR_INIT;
		cleanup_(env_set_freep) struct env_set *model = env_set_new(1000);
		put(model, "A", "same");
		cleanup_(env_set_freep) struct env_set *set = env_set_new_like(model);
		put(set, "A", "same");
		assert_int_equal(env_set_put(set, others[i][0], 1, others[i][1], strlen(others[i][1]), 0, &replaced, &err), ERR_OK);
		assert_int_equal(replaced, others[i][0][0] == 'A');
		assert_int_equal(env_set_find(set, "A", 1, &entry), others[i][0][0] != 'A');
		assert_false(env_set_find(set, "B", 1, &entry));
		put(set, "A", "same");
		assert_int_equal(env_set_count(set), 1);
		assert_false(env_set_equal(set, model));
		assert_false(env_set_equal(model, set));
	}
}

/* A part of a set, and a set like that part. */
static void a_set_like_a_part_of_another(void **state)
{
	(void)state;
	cleanup_(env_set_freep) struct env_set *model = env_set_new(1000);
	put(model, "A", "a");
	put(model, "B", "b");
	cleanup_(env_set_freep) struct env_set *part = env_set_new_like(model);
	put(part, "B", "b");
	cleanup_(env_set_freep) struct env_set *set = env_set_new_like(part);
	put(set, "B", "b");
	assert_true(env_set_equal(set, part));
	assert_ptr_equal(env_set_at(set, 0).name, env_set_at(model, 1).name);
	put(set, "A", "a");
	assert_int_equal(env_set_count(set), 1);
	assert_false(env_set_equal(set, part));
	/* of a set without any variables */
	cleanup_(env_set_freep) struct env_set *none = env_set_new(1000), *like_none = env_set_new_like(none);
	assert_true(env_set_equal(none, like_none));
	put(like_none, "A", "a");
	assert_int_equal(env_set_count(like_none), 0);
	assert_false(env_set_equal(none, like_none));
}

static void nothing_is_freed_with_its_content(void **state)
{
	(void)state;
	watch_freed(CANARY);
	struct env_set *set = env_set_new(100000);
	char name[64];
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), CANARY "-%d", i);
		put(set, name, CANARY);
	}
	put(set, CANARY "-7", "replaced " CANARY);
	assert_true(env_set_remove(set, CANARY "-8", strlen(CANARY "-8")));
	env_set_sort(set);
	env_set_free(set);
	env_set_free(NULL);
	assert_freed_clean();
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_keep_the_order_of_their_first_put),
		cmocka_unit_test(values_may_hold_any_byte),
		cmocka_unit_test(names_are_whole),
		cmocka_unit_test(removing_keeps_the_others),
		cmocka_unit_test(the_number_of_variables_is_limited),
		cmocka_unit_test(bytes_are_limited),
		cmocka_unit_test(equality_is_of_names_and_values),
		cmocka_unit_test(sorting_is_by_bytes),
		cmocka_unit_test(a_set_like_another_holds_what_is_equal),
		cmocka_unit_test(a_set_like_another_differs_for_good),
		cmocka_unit_test(a_set_like_a_part_of_another),
		cmocka_unit_test(nothing_is_freed_with_its_content),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
