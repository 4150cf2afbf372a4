/*
 * Pages of a damaged file whose flags, lengths or places LMDB would believe: they are refused, or every record can be written
 * over and deleted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "image.h"
#include "store/integrity.h"

/* Offsets in LMDB's pages. */
enum { FLAGS_AT = 10, LOWER_AT = 12, UPPER_AT = 14, ENTRIES_AT = 16, FREE_ROOT_AT = 80, TXN_ID_AT = 144, IS_LEAF = 2 };

enum outcome { BORNE, REFUSED, FAILED };

/* Writes over every second value and deletes the others, in a child and at once: what is opened must bear it. */
static enum outcome change_everything(const struct image *image)
{
	static struct change_request changes[IMAGE_KEYS];
	static char keys[IMAGE_KEYS][8];
	int status;
	const pid_t child = fork();

	if (child == 0) {
		struct error err = ERROR_INIT;
		struct store *store = NULL;
		bool done = try_open(image->directory, false, true, &store, &err) == ERR_OK &&
			    store_start(store, &err) == ERR_OK;

		for (unsigned i = 0; done && i < IMAGE_KEYS; i++) {
			snprintf(keys[i], sizeof(keys[i]), "%03u", i);
			changes[i] = (struct change_request){ .key = keys[i], .number = i, .len = 700, .delete = i % 2 == 1 };
			done = change_submit(store, &changes[i], &err) == ERR_OK;
		}
		for (unsigned i = 0; done && i < IMAGE_KEYS; i++)
			done = change_wait(&changes[i]) == ERR_OK;
		store_close(store);
		_exit(done ? BORNE : err.code == ERR_STORE_DAMAGED ? REFUSED : FAILED);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? (enum outcome)WEXITSTATUS(status) : FAILED;
}

/* Bits that LMDB uses for pages in memory: taken from the file, they make it write into the map, or not at all. */
static void test_flips_of_page_flags(void **state)
{
	struct image *image = *state;
	unsigned crashed = 0;

	for (size_t page = 2 * STORE_PAGE; page < image->len; page += STORE_PAGE)
		for (unsigned bit = 0; bit < 16; bit += bit == 4 ? 10 : 4) {	/* 0, 4: dirty, 14: loose */
			uint8_t *byte = image->bytes + page + FLAGS_AT + bit / 8;

			*byte = (uint8_t)(*byte ^ (1u << (bit % 8)));
			image_write(image, image->bytes, image->len);
			crashed += change_everything(image) == FAILED;
			*byte = (uint8_t)(*byte ^ (1u << (bit % 8)));
		}
	assert_int_equal(crashed, 0);
}

static uint16_t number_at(const uint8_t *at)
{
	uint16_t number;

	memcpy(&number, at, sizeof(number));
	return number;
}

static void set_number(uint8_t *at, unsigned number)
{
	const uint16_t stored = (uint16_t)number;

	memcpy(at, &stored, sizeof(stored));
}

/* With these 16 bits changed, and then put back. */
static enum outcome with_number(struct image *image, uint8_t *at, unsigned number)
{
	const unsigned before = number_at(at);

	set_number(at, number);
	image_write(image, image->bytes, image->len);
	const enum outcome outcome = change_everything(image);
	set_number(at, before);
	return outcome;
}

/*
 * LMDB moves entries by their lengths: they must fill their page's end without a gap, at even places. A page that is not in
 * use may be as it likes, but in a page in use each of these changes is refused.
 */
static void test_places_of_entries(void **state)
{
	struct image *image = *state;
	unsigned in_use = 0;

	for (size_t page = 2 * STORE_PAGE; page < image->len; page += STORE_PAGE) {
		uint8_t *header = image->bytes + page, *first = header + ENTRIES_AT;
		uint8_t *entry = header + number_at(first) % (STORE_PAGE - 8);
		unsigned outcomes[FAILED + 1] = { 0 };

		if (number_at(header + FLAGS_AT) != IS_LEAF || number_at(header + LOWER_AT) < ENTRIES_AT + 4)
			continue;
		outcomes[with_number(image, header + UPPER_AT, number_at(header + UPPER_AT) - 1u)]++;
		outcomes[with_number(image, header + UPPER_AT, number_at(header + UPPER_AT) - 20u)]++;
		outcomes[with_number(image, first, number_at(first) - 1u)]++;
		outcomes[with_number(image, first, number_at(first + 2))]++;
		/* The lengths of large values, which stand elsewhere, are not the entry's. */
		if (number_at(entry + 4) == 0) {
			outcomes[with_number(image, entry, number_at(entry) + 40u)]++;
			outcomes[with_number(image, entry, number_at(entry) - 40u)]++;
		}
		assert_int_equal(outcomes[FAILED], 0);
		assert_true(outcomes[REFUSED] == 0 || outcomes[BORNE] == 0);
		in_use += outcomes[REFUSED] > 0;
	}
	assert_true(in_use > 3);
}

/* The page of the newest state's free list. */
static uint8_t *free_list_of(const struct image *image)
{
	uint64_t txn_ids[2], root;

	for (size_t i = 0; i < 2; i++)
		memcpy(&txn_ids[i], image->bytes + i * STORE_PAGE + TXN_ID_AT, sizeof(txn_ids[i]));
	memcpy(&root, image->bytes + (txn_ids[0] > txn_ids[1] ? 0 : STORE_PAGE) + FREE_ROOT_AT, sizeof(root));
	assert_true(root < image->len / STORE_PAGE);
	assert_int_equal(number_at(image->bytes + root * STORE_PAGE + FLAGS_AT), IS_LEAF);
	return image->bytes + root * STORE_PAGE;
}

/* Transaction 0 is none for LMDB, which would read its record twice; numbers that do not descend look like runs of pages. */
static void test_free_list(void **state)
{
	struct image *image = *state;
	uint8_t *page = free_list_of(image), *first = page + number_at(page + ENTRIES_AT);
	uint8_t *last = page + number_at(page + number_at(page + LOWER_AT) - 2), *count = last + 16, number[8];

	assert_ptr_not_equal(first, last);
	assert_int_equal(with_number(image, first + 8, number_at(first + 8)), BORNE);
	assert_int_equal(with_number(image, first + 8, 0), REFUSED);
	assert_true(number_at(count) >= 2);
	memcpy(number, count + 8, sizeof(number));
	memcpy(count + 8, count + 16, sizeof(number));
	memcpy(count + 16, number, sizeof(number));
	assert_int_equal(with_number(image, count, number_at(count)), REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_flips_of_page_flags, image_setup, image_teardown),
		cmocka_unit_test_setup_teardown(test_free_list, image_setup, image_teardown),
		cmocka_unit_test_setup_teardown(test_places_of_entries, image_setup, image_teardown),
	};

	return cmocka_run_group_tests_name("store_pages", tests, NULL, NULL);
}
