/* Which environments extend which: the table alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/children.h"
#include "core/name_list.h"
#include "vault/clock.h"
#include "vault/limits.h"
#include "vault/names.h"

#define MANY 50000
#define LIMIT 4

static const uint8_t mount_one[ID_LEN] = "one", mount_two[ID_LEN] = "two";

static struct text_span span(const char *text)
{
	return (struct text_span){ .at = text, .len = (uint32_t)strlen(text) };
}

static struct record_key key_of(const uint8_t *mount, const char *path)
{
	uint8_t id[ID_LEN] = { 0 };
	unsigned hash = mount[0];

	for (; *path; path++)
		hash = hash * 31 + (unsigned char)*path;
	memcpy(id, &hash, sizeof(hash));
	return record_key_id(TABLE_HEAD, id);
}

/* parents: up to two, NULL for none. */
static void put(struct children *children, const uint8_t *mount, const char *path, const char *first, const char *second)
{
	struct text_span parents[2] = { span(first ? first : ""), span(second ? second : "") };
	struct head_record head = { .path = span(path), .parents = parents, .parents_len = second ? 2 : first ? 1 : 0 };
	struct record_key key = key_of(mount, path);
	struct error err = ERROR_INIT;

	memcpy(head.mount, mount, ID_LEN);
	assert_int_equal(children_put(children, &key, &head, &err), ERR_OK);
}

/* How many there are below the path, with the limit; found: this one is among them, or NULL. */
static size_t count(struct children *children, const uint8_t *mount, const char *path, const char *found, bool *ret_more)
{
	struct name_list list = { 0 };
	struct error err = ERROR_INIT;
	struct env_path env;
	bool there = found == NULL;
	size_t len;

	assert_int_equal(env_path_parse(path, strlen(path), &env, &err), ERR_OK);
	assert_int_equal(children_of(children, mount, &env, LIMIT, &list, ret_more, &err), ERR_OK);
	len = list.count;
	for (const char *name = list.block; len > 0 && name < list.block + list.block_len; name += strlen(name) + 1)
		there |= found && strcmp(name, found) == 0;
	assert_true(there);
	name_list_free(&list);
	return len;
}

static void test_put_replace_remove(void **state)
{
	struct children *children = children_new();
	struct record_key key;
	bool more;

	(void)state;
	put(children, mount_one, "a", "base", NULL);
	put(children, mount_one, "b", "other", "base");
	put(children, mount_two, "c", "base", NULL);
	put(children, mount_one, "d", "b", "a");
	assert_int_equal(count(children, mount_one, "base", "d", &more), 3);
	assert_false(more);
	assert_int_equal(count(children, mount_one, "other", "b", &more), 2);
	assert_int_equal(count(children, mount_two, "base", "c", &more), 1);
	assert_int_equal(count(children, mount_one, "none", NULL, &more), 0);
	/* Replaced: b leaves base, and d, which hangs on both, is still found by a. */
	put(children, mount_one, "b", "other", NULL);
	assert_int_equal(count(children, mount_one, "base", "d", &more), 2);
	key = key_of(mount_one, "a");
	children_remove(children, &key);
	children_remove(children, &key);
	assert_int_equal(count(children, mount_one, "base", NULL, &more), 0);
	put(children, mount_one, "d", NULL, NULL);
	assert_int_equal(count(children, mount_one, "other", "b", &more), 1);
	/* A circle ends, and the one that is asked for is not its own child. */
	put(children, mount_one, "other", "b", NULL);
	assert_int_equal(count(children, mount_one, "other", "b", &more), 1);
	children_clear(children);
	assert_int_equal(count(children, mount_one, "other", NULL, &more), 0);
	put(children, mount_one, "b", "other", NULL);
	assert_int_equal(count(children, mount_one, "other", "b", &more), 1);
	children_free(children);
}

static void test_limit(void **state)
{
	struct children *children = children_new();
	char name[16];
	bool more;

	(void)state;
	for (int i = 0; i <= LIMIT; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		put(children, mount_one, name, "base", NULL);
		assert_int_equal(count(children, mount_one, "base", NULL, &more), i < LIMIT ? i + 1 : LIMIT);
		assert_int_equal(more, i == LIMIT);
	}
	children_free(children);
}

/* Each write asks, on an event thread: what others have must not make it slow. A walk over all took 10 s. */
static void test_the_many_of_others_cost_nothing(void **state)
{
	struct children *children = children_new();
	char name[16];
	int64_t begin;
	bool more;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "c/%d", i);
		put(children, mount_one, name, "base", NULL);
	}
	begin = clock_system.monotonic_us(clock_system.arg);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(count(children, mount_one, "other", NULL, &more), 0);
		assert_int_equal(count(children, mount_one, "base", NULL, &more), LIMIT);
	}
	assert_true(clock_system.monotonic_us(clock_system.arg) - begin < 2000000);
	children_free(children);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_replace_remove),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_the_many_of_others_cost_nothing),
	};

	return cmocka_run_group_tests_name("children", tests, NULL, NULL);
}
