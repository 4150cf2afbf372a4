/* Failed attempts: how long to wait after how many, on disk before the attempt, and no way around by removing the file. */
#include "../lib/expect.h"
#include "folder.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "records/header.h"

#define SECOND INT64_C(1000000)
#define BEGIN (INT64_C(1700000000) * SECOND)
#define FILE_LEN 152

static const uint8_t store_id[ID_LEN] = { 0xa0, 0xa1 }, other_id[ID_LEN] = { 0xb0 };

static const char *path_of(void **state)
{
	return ((struct folder *)*state)->path;
}

static void create(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(attempts_create(path_of(state), store_id, &err), ERR_OK);
}

/* An attempt that fails: true when it was let through. */
static bool attempt(void **state, unsigned slot, int64_t now)
{
	struct error err = ERROR_INIT;
	enum error_code code = attempts_begin(path_of(state), store_id, slot, now, &err);

	assert_true(code == ERR_OK || code == ERR_SLOWED_DOWN);
	assert_int_equal(code, err.code);
	return code == ERR_OK;
}

static void succeed(void **state, unsigned slot)
{
	struct error err = ERROR_INIT;

	assert_int_equal(attempts_success(path_of(state), store_id, slot, &err), ERR_OK);
}

static uint32_t failures_on_disk(void **state, unsigned slot)
{
	uint8_t file[FILE_LEN + 1];

	assert_int_equal(folder_read(*state, ATTEMPTS_FILE, file, sizeof(file)), FILE_LEN);
	return (uint32_t)file[24 + 12 * slot] | (uint32_t)file[25 + 12 * slot] << 8;
}

static void the_file_is_as_documented(void **state)
{
	uint8_t file[FILE_LEN + 1], sum[32];
	char path[FOLDER_PATH_MAX];
	struct stat info;

	create(state);
	assert_true(attempt(state, 2, 0x1122334455667788));
	assert_int_equal(folder_read(*state, ATTEMPTS_FILE, file, sizeof(file)), FILE_LEN);
	assert_memory_equal(file, "VDTRY001", 8);
	assert_memory_equal(file + 8, store_id, ID_LEN);
	assert_true(sodium_is_zero(file + 24, 24) && sodium_is_zero(file + 60, 60));
	assert_memory_equal(file + 48, "\1\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11", 12);
	blake2b_parts(sum, 32, NULL, 0, "vaultd-trys-v001", &(struct byte_part){ file, 120 }, 1);
	assert_memory_equal(file + 120, sum, 32);
	folder_file(*state, ATTEMPTS_FILE, path);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
}

/* The whole course of one who guesses: five at once, then what the table says. */
static void waiting_grows_to_an_hour(void **state)
{
	int64_t now = BEGIN;

	create(state);
	for (int i = 0; i < 5; i++)
		assert_true(attempt(state, 0, now));
	for (int failures = 5; failures < 30; failures++) {
		int64_t wait = failures < 20 ? 60 : failures == 20 ? 600 : failures == 21 ? 1200 : failures == 22 ? 2400 : 3600;

		assert_int_equal(failures_on_disk(state, 0), failures);
		assert_false(attempt(state, 0, now));
		assert_false(attempt(state, 0, now + wait * SECOND - 1));
		assert_int_equal(failures_on_disk(state, 0), failures);	/* what is refused is not counted */
		now += wait * SECOND;
		assert_true(attempt(state, 0, now));
	}
}

static void the_wait_is_said(void **state)
{
	struct error err = ERROR_INIT;

	create(state);
	for (int i = 0; i < 5; i++)
		assert_true(attempt(state, 0, BEGIN));
	assert_int_equal(attempts_begin(path_of(state), store_id, 0, BEGIN + 18 * SECOND, &err), ERR_SLOWED_DOWN);
	assert_non_null(strstr(err.text, "42 seconds"));
}

/* It is counted on disk before anybody knows whether it is right, and set back only by success. */
static void an_attempt_counts_before_it_is_evaluated(void **state)
{
	create(state);
	for (uint32_t i = 1; i <= 4; i++) {
		assert_true(attempt(state, 3, BEGIN));
		assert_int_equal(failures_on_disk(state, 3), i);
	}
	succeed(state, 3);
	assert_int_equal(failures_on_disk(state, 3), 0);
	for (int i = 0; i < 5; i++)
		assert_true(attempt(state, 3, BEGIN));
	assert_false(attempt(state, 3, BEGIN));
	assert_true(attempt(state, 3, BEGIN + 60 * SECOND));
	succeed(state, 3);
	assert_true(attempt(state, 3, BEGIN + 60 * SECOND));
}

static void slots_are_counted_apart(void **state)
{
	struct error err = ERROR_INIT;

	create(state);
	for (unsigned slot = 0; slot < SLOTS_MAX; slot++) {
		for (int i = 0; i < 5; i++)
			assert_true(attempt(state, slot, BEGIN));
		assert_false(attempt(state, slot, BEGIN));
	}
	succeed(state, 4);
	for (unsigned slot = 0; slot < SLOTS_MAX; slot++)
		assert_int_equal(failures_on_disk(state, slot), slot == 4 ? 0 : 5);
	assert_fails(attempts_begin(path_of(state), store_id, SLOTS_MAX, BEGIN, &err), &err, ERR_INVALID);
	assert_true(attempts_success(path_of(state), store_id, SLOTS_MAX, &err) != ERR_OK);
}

/* -- no way around ------------------------------------------------------------------------ */

static void expect_five_failures(void **state, int64_t now)
{
	assert_false(attempt(state, 0, now));
	assert_false(attempt(state, 7, now + 59 * SECOND));
	assert_true(attempt(state, 0, now + 60 * SECOND));
	assert_int_equal(failures_on_disk(state, 0), 6);
}

static void a_missing_file_counts_as_five_failures(void **state)
{
	expect_five_failures(state, BEGIN);
}

static void removing_the_file_helps_nobody(void **state)
{
	char path[FOLDER_PATH_MAX];

	create(state);
	folder_file(*state, ATTEMPTS_FILE, path);
	for (int i = 0; i < 5; i++)
		assert_true(attempt(state, 0, BEGIN));
	assert_int_equal(unlink(path), 0);
	assert_false(attempt(state, 0, BEGIN + 50 * SECOND));	/* the minute begins anew */
	assert_false(attempt(state, 0, BEGIN + 109 * SECOND));
	assert_true(attempt(state, 0, BEGIN + 110 * SECOND));
}

static void a_damaged_file_counts_as_five_failures(void **state)
{
	uint8_t whole[FILE_LEN], changed[FILE_LEN + 1] = { 0 };

	create(state);
	folder_read(*state, ATTEMPTS_FILE, whole, FILE_LEN);
	for (size_t at = 0; at < FILE_LEN; at += at < 40 ? 1 : 7) {
		memcpy(changed, whole, FILE_LEN);
		changed[at] ^= 1;
		folder_write(*state, ATTEMPTS_FILE, changed, FILE_LEN, 0600);
		expect_five_failures(state, BEGIN);
	}
	static const size_t lengths[] = { 0, 8, FILE_LEN - 1, FILE_LEN + 1 };
	for (size_t i = 0; i < CASES(lengths); i++) {
		memcpy(changed, whole, FILE_LEN);
		folder_write(*state, ATTEMPTS_FILE, changed, lengths[i], 0600);
		expect_five_failures(state, BEGIN);
	}
}

static void the_file_of_another_vault_counts_as_five_failures(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(attempts_create(path_of(state), other_id, &err), ERR_OK);
	expect_five_failures(state, BEGIN);
}

static void others_may_not_write_it(void **state)
{
	uint8_t file[FILE_LEN];

	create(state);
	folder_read(*state, ATTEMPTS_FILE, file, FILE_LEN);
	folder_write(*state, ATTEMPTS_FILE, file, FILE_LEN, 0666);
	expect_five_failures(state, BEGIN);
}

static void success_without_a_file_is_no_success(void **state)
{
	struct error err = ERROR_INIT;

	assert_fails(attempts_success(path_of(state), store_id, 0, &err), &err, ERR_IO);
}

/* -- clocks ----------------------------------------------------------------------------------- */

static void a_clock_that_goes_back_begins_the_wait_anew(void **state)
{
	create(state);
	for (int i = 0; i < 5; i++)
		assert_true(attempt(state, 0, BEGIN));
	int64_t back = BEGIN - 3600 * SECOND;
	assert_false(attempt(state, 0, back));
	assert_false(attempt(state, 0, back + 59 * SECOND));
	assert_true(attempt(state, 0, back + 60 * SECOND));	/* a minute later, not when the clock has caught up */
}

static void strange_times_are_no_way_around(void **state)
{
	uint8_t file[FILE_LEN];
	static const uint8_t times[][8] = { { 0, 0, 0, 0, 0, 0, 0, 0x80 }, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
					    { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f } };

	for (size_t i = 0; i < CASES(times); i++) {
		create(state);
		for (int j = 0; j < 5; j++)
			assert_true(attempt(state, 0, BEGIN));
		folder_read(*state, ATTEMPTS_FILE, file, FILE_LEN);
		memcpy(file + 28, times[i], 8);
		blake2b_parts(file + 120, 32, NULL, 0, "vaultd-trys-v001", &(struct byte_part){ file, 120 }, 1);
		folder_write(*state, ATTEMPTS_FILE, file, FILE_LEN, 0600);
		assert_false(attempt(state, 0, BEGIN));
		assert_true(attempt(state, 0, BEGIN + 60 * SECOND));
	}
}

static void the_count_does_not_run_over(void **state)
{
	uint8_t file[FILE_LEN];

	create(state);
	folder_read(*state, ATTEMPTS_FILE, file, FILE_LEN);
	memset(file + 24, 0xff, 4);
	memset(file + 28, 0, 8);
	blake2b_parts(file + 120, 32, NULL, 0, "vaultd-trys-v001", &(struct byte_part){ file, 120 }, 1);
	folder_write(*state, ATTEMPTS_FILE, file, FILE_LEN, 0600);
	assert_true(attempt(state, 0, BEGIN));
	assert_false(attempt(state, 0, BEGIN + 3599 * SECOND));
	assert_true(attempt(state, 0, BEGIN + 3600 * SECOND));
}

int main(void)
{
#define in_folder(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)
	const struct CMUnitTest tests[] = {
		in_folder(the_file_is_as_documented),
		in_folder(waiting_grows_to_an_hour),
		in_folder(the_wait_is_said),
		in_folder(an_attempt_counts_before_it_is_evaluated),
		in_folder(slots_are_counted_apart),
		in_folder(a_missing_file_counts_as_five_failures),
		in_folder(removing_the_file_helps_nobody),
		in_folder(a_damaged_file_counts_as_five_failures),
		in_folder(the_file_of_another_vault_counts_as_five_failures),
		in_folder(others_may_not_write_it),
		in_folder(success_without_a_file_is_no_success),
		in_folder(a_clock_that_goes_back_begins_the_wait_anew),
		in_folder(strange_times_are_no_way_around),
		in_folder(the_count_does_not_run_over),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
