/* Damaged files: whatever was changed, opening gives a named error or exactly the newest state. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "image.h"
#include "store/integrity.h"

enum { META_BYTES = 160 };

/* Offsets in LMDB's meta page. */
enum { VERSION_AT = 20, ENTRIES_AT = 88 + 32, ROOT_AT = 88 + 40, TXN_ID_AT = 144 };

struct tally {
	uint64_t sum;
	unsigned entries;
};

static bool add_up(void *arg, struct store_bytes key, struct store_bytes value)
{
	struct tally *tally = arg;
	uint64_t place = 0;

	for (size_t i = 0; i < key.len; i++)
		place = place * 31 + key.at[i];
	for (size_t i = 0; i < value.len; i += 61)
		tally->sum += value.at[i];
	tally->sum += place * (value_number(value) + 7) + value.len;
	tally->entries++;
	return true;
}

static bool tally_of(struct store *store, struct tally *ret)
{
	cleanup_(store_snapshot_endp) struct store_snapshot *snapshot = NULL;
	struct error err = ERROR_INIT;

	*ret = (struct tally){ 0 };
	return store_snapshot_begin(store, &snapshot, &err) == ERR_OK &&
	       store_scan(snapshot, NULL, 0, true, add_up, ret, &err) == ERR_OK;
}

enum verdict {
	VERDICT_NEWEST,		/* opened, and everything is there */
	VERDICT_REFUSED,	/* a named error */
	VERDICT_OTHER,		/* opened with something else, or an error of another name */
	VERDICT_CRASH,
};

/* Opens and reads everything in a child, so that a crash is a verdict too. */
static enum verdict judge(const struct image *image, const struct tally *newest)
{
	int status;
	const pid_t child = fork();

	if (child == 0) {
		struct error err = ERROR_INIT;
		struct store *store = NULL;
		struct tally tally;

		const enum error_code code = try_open(image->directory, false, true, &store, &err);
		if (code != ERR_OK)
			_exit(code == ERR_STORE_DAMAGED || code == ERR_FORMAT_NEWER ? VERDICT_REFUSED : VERDICT_OTHER);
		_exit(tally_of(store, &tally) && tally.sum == newest->sum && tally.entries == newest->entries ?
			      VERDICT_NEWEST : VERDICT_OTHER);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? (enum verdict)WEXITSTATUS(status) : VERDICT_CRASH;
}

static struct tally newest_of(const struct image *image)
{
	struct error err = ERROR_INIT;
	struct store *store = NULL;
	struct tally tally;

	assert_int_equal(try_open(image->directory, false, true, &store, &err), ERR_OK);
	assert_true(tally_of(store, &tally));
	assert_int_equal(tally.entries, IMAGE_KEYS - 1);
	store_close(store);
	return tally;
}

static uint64_t number_at(const uint8_t *at)
{
	uint64_t number;

	memcpy(&number, at, sizeof(number));
	return number;
}

/* The page of the newest state. */
static size_t newest_meta(const struct image *image)
{
	return number_at(image->bytes + TXN_ID_AT) > number_at(image->bytes + STORE_PAGE + TXN_ID_AT) ? 0 : STORE_PAGE;
}

static void test_truncated(void **state)
{
	struct image *image = *state;
	const struct tally newest = newest_of(image);
	struct error err = ERROR_INIT;
	struct store *store = NULL;
	const size_t pages = (size_t)number_at(image->bytes + newest_meta(image) + 136) + 1;
	size_t free_only = 0;

	for (size_t page = 0; page < pages; page++) {
		for (size_t more = 0; more < 2; more++) {	/* at the boundary, and inside of the page */
			const size_t len = page * STORE_PAGE + more * 100;

			if (len == 0)
				continue;
			image_write(image, image->bytes, len);
			/* Free pages at the end may be missing; they are made again. */
			if (try_open(image->directory, false, true, &store, &err) == ERR_OK) {
				free_only++;
				store_close(take_ptr(store));
				assert_int_equal(judge(image, &newest), VERDICT_NEWEST);
				continue;
			}
			assert_int_equal(err.code, ERR_STORE_DAMAGED);
			assert_true(strstr(err.text, "vault.db") != NULL);
			error_clear(&err);
		}
	}
	assert_true(free_only < pages / 2);
	image_write(image, image->bytes, pages * STORE_PAGE);
	assert_int_equal(judge(image, &newest), VERDICT_NEWEST);
}

/*
 * The newest state's number two lower makes a pair that LMDB leaves behind itself when a meta page could not be written: the
 * state before is then the newest. From the file alone nobody can tell this from a commit that was taken back; the anchor can.
 */
static void test_flips_of_meta_pages(void **state)
{
	struct image *image = *state;
	const struct tally newest = newest_of(image);
	const uint64_t txn_id = number_at(image->bytes + newest_meta(image) + TXN_ID_AT);
	unsigned ambiguous = 0;
	unsigned counts[VERDICT_CRASH + 1] = { 0 };

	for (unsigned page = 0; page < 2; page++)
		for (unsigned bit = 0; bit < META_BYTES * 8; bit++) {
			uint8_t *byte = image->bytes + page * STORE_PAGE + bit / 8;

			*byte = (uint8_t)(*byte ^ (1u << (bit % 8)));
			image_write(image, image->bytes, image->len);
			const enum verdict verdict = judge(image, &newest);
			const uint64_t now = number_at(image->bytes + page * STORE_PAGE + TXN_ID_AT);
			if (bit / 8 >= TXN_ID_AT && bit / 8 < TXN_ID_AT + 8 && now + 2 == txn_id &&
			    number_at(image->bytes + (1 - page) * STORE_PAGE + TXN_ID_AT) == txn_id - 1) {
				ambiguous++;
				assert_int_equal(verdict, VERDICT_OTHER);
				*byte = (uint8_t)(*byte ^ (1u << (bit % 8)));
				continue;
			}
			if (verdict != VERDICT_NEWEST && verdict != VERDICT_REFUSED)
				print_message("page %u byte %u bit %u: %d\n", page, bit / 8, bit % 8, (int)verdict);
			counts[verdict]++;
			*byte = (uint8_t)(*byte ^ (1u << (bit % 8)));
		}
	assert_int_equal(counts[VERDICT_OTHER], 0);
	assert_int_equal(counts[VERDICT_CRASH], 0);
	assert_true(ambiguous <= 1);
	/* Most bits matter: the check is not one that lets everything pass. */
	assert_true(counts[VERDICT_REFUSED] > 900);
}

/* One bit in each place of a stride, everywhere: refused, or the newest state. Bits of values are the caller's to check. */
static void test_flips_of_structure(void **state)
{
	struct image *image = *state;
	const struct tally newest = newest_of(image);
	unsigned refused = 0, crashed = 0;

	for (size_t page = 2 * STORE_PAGE; page < image->len; page += STORE_PAGE)
		for (unsigned at = 0; at < 48; at += 2) {	/* the header and the first entries */
			uint8_t *byte = image->bytes + page + at + (page / STORE_PAGE % 2);

			*byte = (uint8_t)(*byte ^ 0x08);
			image_write(image, image->bytes, image->len);
			const enum verdict verdict = judge(image, &newest);
			refused += verdict == VERDICT_REFUSED;
			crashed += verdict == VERDICT_CRASH;
			*byte = (uint8_t)(*byte ^ 0x08);
		}
	assert_int_equal(crashed, 0);
	assert_true(refused > 100);
}

static enum verdict with_meta_number(struct image *image, size_t page, size_t at, uint64_t number, size_t len,
				     const struct tally *newest)
{
	uint8_t before[8];

	memcpy(before, image->bytes + page + at, len);
	memcpy(image->bytes + page + at, &number, len);
	image_write(image, image->bytes, image->len);
	const enum verdict verdict = judge(image, newest);
	memcpy(image->bytes + page + at, before, len);
	return verdict;
}

static void write_page(const struct image *image, size_t at, const uint8_t *bytes)
{
	const int fd = open(image->path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, STORE_PAGE, (off_t)at), STORE_PAGE);
	close(fd);
}

/* The file is changed under an open store: what LMDB notices is damage, and no error of the machine. */
static void test_damage_while_it_is_open_has_a_name(void **state)
{
	struct image *image = *state;
	const size_t root = (size_t)number_at(image->bytes + newest_meta(image) + ROOT_AT) * STORE_PAGE;
	struct store *store = open_store(image->directory, MAP_SIZE, false);
	cleanup_(store_snapshot_endp) struct store_snapshot *snapshot = NULL;
	struct error err = ERROR_INIT;
	uint8_t page[STORE_PAGE];
	struct store_bytes value;
	struct tally tally;
	uint16_t lower, node;

	memcpy(page, image->bytes + root, sizeof(page));
	memcpy(&lower, page + 12, sizeof(lower));
	for (unsigned at = 16; at < lower; at += 2) {	/* each child is a page that there is not */
		memcpy(&node, page + at, sizeof(node));
		memset(page + node, 0xff, 6);
	}
	write_page(image, root, page);
	assert_int_equal(store_snapshot_begin(store, &snapshot, &err), ERR_OK);
	assert_int_equal(store_get(snapshot, "003", 3, &value), ERR_STORE_DAMAGED);
	assert_int_equal(store_get(snapshot, "004", 3, &value), ERR_STORE_DAMAGED);	/* LMDB has given the transaction up */
	assert_int_equal(store_scan(snapshot, NULL, 0, true, add_up, &tally, &err), ERR_STORE_DAMAGED);
	store_snapshot_end(take_ptr(snapshot));
	write_page(image, root, image->bytes + root);
	assert_true(tally_of(store, &tally));
	assert_int_equal(tally.entries, IMAGE_KEYS - 1);
	/* More pages than the map has. */
	memcpy(page, image->bytes + newest_meta(image), sizeof(page));
	page[136 + 5] = 1;
	write_page(image, newest_meta(image), page);
	err = (struct error)ERROR_INIT;
	assert_int_equal(store_snapshot_begin(store, &snapshot, &err), ERR_STORE_DAMAGED);
	store_close(store);
}

static bool is_damaged(const struct image *image, const struct store_meta *meta)
{
	return structure_walk(image->bytes, meta).problem != STRUCTURE_SOUND;
}

/* The walk of an open store says of each page what the walk before a start says, and nobody gets a signal. */
static void test_walk_while_it_is_open(void **state)
{
	struct image *image = *state;
	struct store *store = open_store(image->directory, MAP_SIZE, true);
	unsigned damaged = 0, sound = 0;
	struct error err = ERROR_INIT;
	struct store_meta meta;
	int fd = open(image->path, O_RDWR | O_CLOEXEC);

	assert_int_equal(meta_check(fd, image->len, &meta, &err), ERR_OK);
	assert_int_equal(store_check_structure(store, NULL, NULL, &err), ERR_OK);
	for (size_t page = 2 * STORE_PAGE; page < image->len; page += STORE_PAGE)
		for (unsigned at = 0; at < STORE_PAGE; at += at < 48 ? 1 : 97) {
			uint8_t *byte = image->bytes + page + at;
			struct error failure = ERROR_INIT;

			*byte ^= 0x08;
			write_page(image, page, image->bytes + page);
			const enum error_code wanted = is_damaged(image, &meta) ? ERR_STORE_DAMAGED : ERR_OK;
			assert_int_equal(store_check_structure(store, NULL, NULL, &failure), wanted);
			damaged += wanted != ERR_OK;
			sound += wanted == ERR_OK;
			*byte ^= 0x08;
			write_page(image, page, image->bytes + page);
		}
	assert_true(damaged > 100 && sound > 100);
	assert_int_equal(store_check_structure(store, NULL, NULL, &err), ERR_OK);
	assert_int_equal(ftruncate(fd, (off_t)(image->len - 2 * STORE_PAGE)), 0);
	assert_int_equal(store_check_structure(store, NULL, NULL, &err), ERR_STORE_DAMAGED);
	close(fd);
	image_write(image, image->bytes, image->len);
	store_close(store);
}

/* The page that the newest snapshot was taken from. */
static void test_walk_looks_at_the_meta_page(void **state)
{
	struct image *image = *state;
	struct store *store = open_store(image->directory, MAP_SIZE, true);
	const size_t page = newest_meta(image);
	static const unsigned places[] = { 0, 10, 16, VERSION_AT, 24, 40, ENTRIES_AT, ROOT_AT };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct error err = ERROR_INIT;

		image->bytes[page + places[i]] ^= 0x40;
		write_page(image, page, image->bytes + page);
		assert_int_equal(store_check_structure(store, NULL, NULL, &err), ERR_STORE_DAMAGED);
		image->bytes[page + places[i]] ^= 0x40;
		write_page(image, page, image->bytes + page);
	}
	store_close(store);
}

static bool three_times(void *arg)
{
	unsigned *left = arg;

	return (*left)-- > 1;
}

static void test_walk_ends_when_it_shall(void **state)
{
	struct image *image = *state;
	struct store *store = open_store(image->directory, MAP_SIZE, true);
	struct error err = ERROR_INIT;
	unsigned left = 3;

	assert_int_equal(store_check_structure(store, three_times, &left, &err), ERR_CONFLICT);
	assert_int_equal(left, 0);
	store_close(store);
}

static void test_older_state_is_refused(void **state)
{
	struct image *image = *state;
	const struct tally newest = newest_of(image);
	const size_t page = newest_meta(image);
	const uint64_t txn_id = number_at(image->bytes + page + TXN_ID_AT);

	/* What LMDB would do: take the other page. */
	assert_int_equal(with_meta_number(image, page, TXN_ID_AT, 0, 8, &newest), VERDICT_REFUSED);
	assert_int_equal(with_meta_number(image, page, TXN_ID_AT, txn_id - 2, 8, &newest), VERDICT_OTHER);
	/* That one is a state which did exist once: only its owner can know that it is not the newest. */
	assert_int_equal(with_meta_number(image, page, TXN_ID_AT, txn_id - 1, 8, &newest), VERDICT_REFUSED);
	assert_int_equal(with_meta_number(image, page, TXN_ID_AT, txn_id + 1, 8, &newest), VERDICT_REFUSED);
	assert_int_equal(with_meta_number(image, page, TXN_ID_AT, txn_id + 2, 8, &newest), VERDICT_REFUSED);
}

static void test_root_points_elsewhere(void **state)
{
	struct image *image = *state;
	const struct tally newest = newest_of(image);
	const size_t page = newest_meta(image);
	const uint64_t root = number_at(image->bytes + page + ROOT_AT);

	for (uint64_t other = 0; other < image->len / STORE_PAGE + 2; other++)
		if (other != root)
			assert_int_equal(with_meta_number(image, page, ROOT_AT, other, 8, &newest), VERDICT_REFUSED);
}

static void test_wrong_count_is_refused(void **state)
{
	struct image *image = *state;
	const struct tally newest = newest_of(image);
	const size_t page = newest_meta(image);

	assert_int_equal(number_at(image->bytes + page + ENTRIES_AT), newest.entries);
	assert_int_equal(with_meta_number(image, page, ENTRIES_AT, newest.entries - 1, 8, &newest), VERDICT_REFUSED);
	assert_int_equal(with_meta_number(image, page, ENTRIES_AT, newest.entries + 1, 8, &newest), VERDICT_REFUSED);
	assert_int_equal(with_meta_number(image, page, ENTRIES_AT, newest.entries, 8, &newest), VERDICT_NEWEST);
}

/* The power fails while the first commit writes its meta page: nothing was committed, so whoever makes a database gets an empty
 * one. Who expects one does not. */
static void test_first_commit_broken_off(void **state)
{
	struct image *image = *state;
	struct store *store;
	struct error err;

	for (size_t kept = 24; kept < TXN_ID_AT; kept += 8) {
		uint8_t empty[STORE_PAGE];

		assert_int_equal(unlink(image->path), 0);
		store = open_store(image->directory, MAP_SIZE, false);
		struct image fresh = { 0 };
		memcpy(fresh.path, image->path, sizeof(fresh.path));
		image_read(&fresh);
		memcpy(empty, fresh.bytes + STORE_PAGE, sizeof(empty));
		free(fresh.bytes);
		assert_int_equal(put_number(store, "a", 1), ERR_OK);
		store_close(store);
		image_read(&fresh);
		memcpy(fresh.bytes + STORE_PAGE + kept, empty + kept, STORE_PAGE - kept);
		image_write(&fresh, fresh.bytes, fresh.len);
		const bool differs = memcmp(fresh.bytes + STORE_PAGE, empty, STORE_PAGE) != 0;
		free(fresh.bytes);
		err = (struct error)ERROR_INIT;
		assert_int_equal(try_open(image->directory, false, true, &store, &err), differs ? ERR_STORE_DAMAGED : ERR_OK);
		if (!differs)
			store_close(store);
		store = open_store(image->directory, MAP_SIZE, true);
		assert_int_equal(read_number(store, "a"), UINT64_MAX);
		assert_int_equal(put_number(store, "a", 2), ERR_OK);
		store_close(store);
	}
}

static void test_newer_format(void **state)
{
	struct image *image = *state;
	struct error err = ERROR_INIT;
	struct store *store = NULL;
	const uint32_t newer = 2;

	memcpy(image->bytes + VERSION_AT, &newer, sizeof(newer));
	image_write(image, image->bytes, image->len);
	/* One page alone is damage. */
	assert_int_equal(try_open(image->directory, true, true, &store, &err), ERR_STORE_DAMAGED);
	error_clear(&err);
	memcpy(image->bytes + STORE_PAGE + VERSION_AT, &newer, sizeof(newer));
	image_write(image, image->bytes, image->len);
	assert_int_equal(try_open(image->directory, true, true, &store, &err), ERR_FORMAT_NEWER);
	struct image after = *image;
	image_read(&after);
	assert_int_equal(after.len, image->len);
	assert_memory_equal(after.bytes, image->bytes, image->len);
	free(after.bytes);
}

static void test_swapped_pages(void **state)
{
	struct image *image = *state;
	const struct tally newest = newest_of(image);
	uint8_t page[STORE_PAGE];
	unsigned refused = 0;

	for (size_t at = 2 * STORE_PAGE; at + 2 * STORE_PAGE <= image->len; at += STORE_PAGE) {
		memcpy(page, image->bytes + at, STORE_PAGE);
		memcpy(image->bytes + at, image->bytes + at + STORE_PAGE, STORE_PAGE);
		image_write(image, image->bytes, image->len);
		const enum verdict verdict = judge(image, &newest);
		memcpy(image->bytes + at, page, STORE_PAGE);
		refused += verdict == VERDICT_REFUSED;
		/* A page inside of a large value has no number; its bytes are the caller's to check. */
		assert_int_not_equal(verdict, VERDICT_CRASH);
	}
	assert_true(refused > 5);
}

static void test_network_file_systems_have_names(void **state)
{
	(void)state;
	assert_string_equal(remote_file_system(0x6969), "NFS");
	assert_string_equal(remote_file_system(0xFF534D42), "CIFS");
	assert_null(remote_file_system(0xEF53));	/* ext4 */
	assert_null(remote_file_system(0x01021994));	/* tmpfs */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_truncated, image_setup, image_teardown),
		cmocka_unit_test_setup_teardown(test_flips_of_meta_pages, image_setup, image_teardown),
		cmocka_unit_test_setup_teardown(test_flips_of_structure, image_setup, image_teardown),
		cmocka_unit_test_setup_teardown(test_damage_while_it_is_open_has_a_name, image_setup, image_teardown),
		cmocka_unit_test_setup_teardown(test_walk_while_it_is_open, image_setup, image_teardown),
		cmocka_unit_test_setup_teardown(test_walk_looks_at_the_meta_page, image_setup, image_teardown),
		cmocka_unit_test_setup_teardown(test_walk_ends_when_it_shall, image_setup, image_teardown),
		cmocka_unit_test_setup_teardown(test_older_state_is_refused, image_setup, image_teardown),
		cmocka_unit_test_setup_teardown(test_root_points_elsewhere, image_setup, image_teardown),
		cmocka_unit_test_setup_teardown(test_wrong_count_is_refused, image_setup, image_teardown),
		cmocka_unit_test_setup_teardown(test_first_commit_broken_off, image_setup, image_teardown),
		cmocka_unit_test_setup_teardown(test_newer_format, image_setup, image_teardown),
		cmocka_unit_test_setup_teardown(test_swapped_pages, image_setup, image_teardown),
		cmocka_unit_test(test_network_file_systems_have_names),
	};

	return cmocka_run_group_tests_name("store_damage", tests, NULL, NULL);
}
