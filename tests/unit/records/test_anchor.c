/* The anchor file: its known bytes, that a torn write loses one point and never both, and whose file it is. */
#include "../lib/expect.h"
#include "folder.h"
#include "vectors.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "records/anchor.h"

#define FILE_LEN 8192
#define SECOND_SLOT 4096

static struct secret_key anchor_key;
static struct anchor_point known;

static void prepare(void)
{
	vector_bytes("vdANCHOR", anchor_key.bytes, KEY_LEN);
	for (uint8_t i = 0; i < 16; i++) {
		known.store_id[i] = (uint8_t)(0xa0 + i);
		known.fork_id[i] = (uint8_t)(0xb0 + i);
	}
	for (uint8_t i = 0; i < 32; i++)
		known.commit[i] = (uint8_t)(0xc0 + i);
	known.counter = 42;
	known.time = INT64_C(1700000000) * 1000000;
}

static int setup(void **state)
{
	prepare();
	return folder_setup(state);
}

static struct anchor_point point_of(uint64_t counter)
{
	struct anchor_point point = known;

	point.counter = counter;
	point.commit[0] = (uint8_t)counter;
	return point;
}

static struct anchor *open_anchor(void **state, bool create)
{
	struct anchor *anchor = NULL;
	struct error err = ERROR_INIT;
	char path[FOLDER_PATH_MAX];

	folder_file(*state, "anchor", path);
	assert_int_equal(anchor_open(path, create, &anchor, &err), ERR_OK);
	assert_non_null(anchor);
	return anchor;
}

static void expect_open_fails(void **state, bool create, enum error_code wanted)
{
	struct anchor *anchor = NULL;
	struct error err = ERROR_INIT;
	char path[FOLDER_PATH_MAX];

	folder_file(*state, "anchor", path);
	assert_fails(anchor_open(path, create, &anchor, &err), &err, wanted);
	assert_null(anchor);
}

static void write_point(struct anchor *anchor, uint64_t counter)
{
	struct anchor_point point = point_of(counter);
	struct error err = ERROR_INIT;

	assert_int_equal(anchor_write(anchor, &anchor_key, &point, &err), ERR_OK);
}

/* The counter that is read, 0 for none. */
static uint64_t counter_of(struct anchor *anchor)
{
	struct anchor_point point = { .counter = 4711 };
	struct error err = ERROR_INIT;
	enum error_code code = anchor_read(anchor, &anchor_key, known.store_id, &point, &err);

	if (code == ERR_OK) {
		assert_int_equal(point.commit[0], (uint8_t)point.counter);
		return point.counter;
	}
	assert_int_equal(code, ERR_ANCHOR_MISSING);
	assert_int_equal(point.counter, 4711);
	return 0;
}

/* -- bytes ---------------------------------------------------------------------------- */

static void a_point_has_its_known_bytes(void **state)
{
	uint8_t expected[ANCHOR_SLOT_LEN], slot[ANCHOR_SLOT_LEN];

	(void)state;
	assert_int_equal(vector_bytes("anchor", expected, sizeof(expected)), ANCHOR_SLOT_LEN);
	anchor_encode(&anchor_key, &known, slot);
	assert_memory_equal(slot, expected, ANCHOR_SLOT_LEN);
}

static void what_is_written_is_read(void **state)
{
	struct anchor *anchor = open_anchor(state, true);
	struct anchor_point got;
	struct error err = ERROR_INIT;
	struct stat info;
	char path[FOLDER_PATH_MAX];

	assert_int_equal(counter_of(anchor), 0);
	assert_int_equal(anchor_write(anchor, &anchor_key, &known, &err), ERR_OK);
	anchor_close(anchor);
	folder_file(*state, "anchor", path);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(info.st_size, FILE_LEN);
	anchor = open_anchor(state, false);
	assert_int_equal(anchor_read(anchor, &anchor_key, known.store_id, &got, &err), ERR_OK);
	assert_memory_equal(got.store_id, known.store_id, ID_LEN);
	assert_memory_equal(got.fork_id, known.fork_id, ID_LEN);
	assert_memory_equal(got.commit, known.commit, 32);
	assert_int_equal(got.counter, 42);
	assert_true(got.time == known.time);
	anchor_close(anchor);
	anchor_close(NULL);
}

static uint64_t counter_in(const uint8_t *slot)
{
	uint64_t counter;

	memcpy(&counter, slot + 40, sizeof(counter));
	return counter;
}

static void writes_alternate(void **state)
{
	struct anchor *anchor = open_anchor(state, true);
	uint8_t file[FILE_LEN];

	for (uint64_t counter = 1; counter <= 9; counter++) {
		write_point(anchor, counter);
		assert_int_equal(counter_of(anchor), counter);
		folder_read(*state, "anchor", file, FILE_LEN);
		assert_int_equal(counter_in(file + (counter % 2 ? 0 : SECOND_SLOT)), counter);
		assert_int_equal(counter_in(file + (counter % 2 ? SECOND_SLOT : 0)), counter - 1);
	}
	anchor_close(anchor);
	/* also after a new start */
	anchor = open_anchor(state, false);
	write_point(anchor, 10);
	folder_read(*state, "anchor", file, FILE_LEN);
	assert_int_equal(counter_in(file), 9);
	assert_int_equal(counter_in(file + SECOND_SLOT), 10);
	anchor_close(anchor);
}

/* -- damage ----------------------------------------------------------------------------- */

static void a_torn_write_loses_one_point(void **state)
{
	struct anchor *anchor = open_anchor(state, true);
	uint8_t whole[FILE_LEN], torn[FILE_LEN];

	write_point(anchor, 1);
	write_point(anchor, 2);
	anchor_close(anchor);
	folder_read(*state, "anchor", whole, FILE_LEN);
	for (size_t at = 0; at < ANCHOR_SLOT_LEN; at++) {
		memcpy(torn, whole, FILE_LEN);
		torn[SECOND_SLOT + at] ^= 1;	/* each byte counts, the zeros too */
		folder_write(*state, "anchor", torn, FILE_LEN, 0600);
		anchor = open_anchor(state, false);
		assert_int_equal(counter_of(anchor), 1);
		/* the next write goes over the torn one */
		write_point(anchor, 3);
		assert_int_equal(counter_of(anchor), 3);
		anchor_close(anchor);
		folder_read(*state, "anchor", torn, FILE_LEN);
		assert_int_equal(counter_in(torn), 1);
		torn[at] ^= 1;
		torn[SECOND_SLOT + at] ^= 1;
		folder_write(*state, "anchor", torn, FILE_LEN, 0600);
		anchor = open_anchor(state, false);
		assert_int_equal(counter_of(anchor), 0);
		anchor_close(anchor);
	}
}

static void a_file_that_was_cut_holds_what_is_whole(void **state)
{
	static const struct { size_t len; uint64_t counter; } cuts[] = {
		{ 0, 0 }, { 127, 0 }, { 128, 1 }, { SECOND_SLOT, 1 }, { SECOND_SLOT + 127, 1 }, { SECOND_SLOT + 128, 2 },
	};
	struct anchor *anchor = open_anchor(state, true);
	uint8_t whole[FILE_LEN];

	write_point(anchor, 1);
	write_point(anchor, 2);
	anchor_close(anchor);
	folder_read(*state, "anchor", whole, FILE_LEN);
	for (size_t i = 0; i < CASES(cuts); i++) {
		folder_write(*state, "anchor", whole, cuts[i].len, 0600);
		anchor = open_anchor(state, false);
		assert_int_equal(counter_of(anchor), cuts[i].counter);
		write_point(anchor, 9);	/* and can be gone on with */
		assert_int_equal(counter_of(anchor), 9);
		anchor_close(anchor);
	}
}

/* -- whose ---------------------------------------------------------------------------------- */

static void the_anchor_of_another_vault_is_none(void **state)
{
	struct anchor *anchor = open_anchor(state, true);
	struct secret_key other_key = anchor_key;
	struct anchor_point got, foreign = point_of(99);
	struct error err = ERROR_INIT;

	write_point(anchor, 7);
	other_key.bytes[0] ^= 1;
	assert_fails(anchor_read(anchor, &other_key, known.store_id, &got, &err), &err, ERR_ANCHOR_MISSING);
	foreign.store_id[0] ^= 1;
	assert_fails(anchor_read(anchor, &anchor_key, foreign.store_id, &got, &err), &err, ERR_ANCHOR_MISSING);
	error_clear(&err);
	/* A higher counter of another vault does not count either. */
	assert_int_equal(anchor_write(anchor, &anchor_key, &foreign, &err), ERR_OK);
	write_point(anchor, 8);
	assert_int_equal(counter_of(anchor), 8);
	anchor_close(anchor);
}

static void a_missing_file_is_made_only_when_asked(void **state)
{
	struct anchor *anchor = NULL;
	struct error err = ERROR_INIT;
	char path[FOLDER_PATH_MAX];

	expect_open_fails(state, false, ERR_ANCHOR_MISSING);
	anchor_close(open_anchor(state, true));
	anchor_close(open_anchor(state, false));
	folder_file(*state, "nowhere/anchor", path);
	assert_fails(anchor_open(path, true, &anchor, &err), &err, ERR_ANCHOR_MISSING);
	assert_non_null(strstr(err.text, "/nowhere of the anchor does not exist: make it (mkdir -p "));
	error_clear(&err);
	assert_fails(anchor_check_directory(path, &err), &err, ERR_CONFIG);
	error_clear(&err);
	folder_file(*state, "missing", path);
	assert_int_equal(anchor_check_directory(path, &err), ERR_OK);
	assert_int_equal(anchor_check_directory("/anchor", &err), ERR_OK);
}

static void others_may_not_use_it(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0777 };
	char path[FOLDER_PATH_MAX];

	anchor_close(open_anchor(state, true));
	folder_file(*state, "anchor", path);
	for (size_t i = 0; i < CASES(modes); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		expect_open_fails(state, false, ERR_PERMISSION);
		expect_open_fails(state, true, ERR_PERMISSION);
	}
	assert_int_equal(chmod(path, 0600), 0);
	anchor_close(open_anchor(state, false));
}

static void only_a_file_itself_is_an_anchor(void **state)
{
	char path[FOLDER_PATH_MAX], target[FOLDER_PATH_MAX];
	struct stat info;

	anchor_close(open_anchor(state, true));
	folder_file(*state, "anchor", path);
	folder_file(*state, "target", target);
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	expect_open_fails(state, false, ERR_IO);
	expect_open_fails(state, true, ERR_IO);
	assert_int_equal(unlink(path), 0);
	/* a link that leads nowhere makes no file there */
	assert_int_equal(unlink(target), 0);
	assert_int_equal(symlink(target, path), 0);
	expect_open_fails(state, true, ERR_IO);
	assert_int_equal(stat(target, &info), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_open_fails(state, false, ERR_PERMISSION);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	expect_open_fails(state, false, ERR_IO);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
#define in_folder(test) cmocka_unit_test_setup_teardown(test, setup, folder_teardown)
	const struct CMUnitTest tests[] = {
		in_folder(a_point_has_its_known_bytes),
		in_folder(what_is_written_is_read),
		in_folder(writes_alternate),
		in_folder(a_torn_write_loses_one_point),
		in_folder(a_file_that_was_cut_holds_what_is_whole),
		in_folder(the_anchor_of_another_vault_is_none),
		in_folder(a_missing_file_is_made_only_when_asked),
		in_folder(others_may_not_use_it),
		in_folder(only_a_file_itself_is_an_anchor),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
