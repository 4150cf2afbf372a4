/* What expires when, against a plain list that does the same slowly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/expiry_index.h"

enum { IDS = 3000, STEPS = 40000 };

struct model {
	bool there[IDS];
	int64_t expires[IDS];
	size_t size[IDS];
};

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Few different first bytes, so that ids collide in the hash table. */
static void id_of(unsigned number, uint8_t id[static ID_LEN])
{
	memset(id, 0, ID_LEN);
	id[0] = (uint8_t)(number % 7);
	memcpy(id + 8, &number, sizeof(number));
}

static unsigned number_of(const uint8_t id[static ID_LEN])
{
	unsigned number;

	memcpy(&number, id + 8, sizeof(number));
	return number;
}

static void assert_same(struct expiry_index *index, const struct model *model, int64_t now)
{
	static uint8_t found[IDS][ID_LEN];
	struct expiry_totals totals = expiry_index_totals(index);
	size_t count = 0, due = 0, seen;
	uint64_t size = 0;

	for (unsigned i = 0; i < IDS; i++) {
		count += model->there[i];
		size += model->there[i] ? model->size[i] : 0;
		due += model->there[i] && model->expires[i] <= now;
	}
	assert_int_equal(totals.count, count);
	assert_int_equal(totals.size, size);
	seen = expiry_index_due(index, now, found, IDS);
	assert_int_equal(seen, due);
	for (size_t i = 0; i < seen; i++) {
		unsigned number = number_of(found[i]);

		assert_true(number < IDS && model->there[number] && model->expires[number] <= now);
		for (size_t j = 0; j < i && seen < 100; j++)
			assert_int_not_equal(number_of(found[j]), number);
	}
	if (due > 5)
		assert_int_equal(expiry_index_due(index, now, found, 5), 5);
}

static void test_against_a_list(void **state)
{
	static struct model model;
	struct expiry_index *index = expiry_index_new();
	struct error err = ERROR_INIT;
	uint32_t seed = 7;
	uint8_t id[ID_LEN];

	(void)state;
	assert_non_null(index);
	for (int step = 0; step < STEPS; step++) {
		unsigned number = next_random(&seed) % (step < STEPS / 2 ? IDS : IDS / 4);

		id_of(number, id);
		model.there[number] = next_random(&seed) % 3 != 0;
		if (model.there[number]) {
			model.expires[number] = next_random(&seed) % 1000;
			model.size[number] = next_random(&seed) % 100;
			assert_int_equal(expiry_index_put(index, id, model.expires[number], model.size[number], &err), ERR_OK);
		} else {
			expiry_index_remove(index, id);
		}
		if (step % 500 == 0)
			assert_same(index, &model, step % 1000);
	}
	assert_same(index, &model, 1000);
	expiry_index_clear(index);
	memset(&model, 0, sizeof(model));
	assert_same(index, &model, 1000);
	expiry_index_remove(index, id);
	assert_int_equal(expiry_index_put(index, id, 5, 1, &err), ERR_OK);
	assert_int_equal(expiry_index_due(index, 4, &id, 1), 0);
	assert_int_equal(expiry_index_due(index, 5, &id, 1), 1);
	expiry_index_free(index);
	expiry_index_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_a_list),
	};

	return cmocka_run_group_tests_name("expiry index", tests, NULL, NULL);
}
