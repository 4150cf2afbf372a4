/* vault.hdr: what it looks like, which copy counts, what is refused, and how it is written. */
#include "../lib/expect.h"
#include "folder.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "records/header_copy.h"

#define FILE_LEN (2 * HEADER_COPY_LEN)

static const uint8_t store_id[ID_LEN] = { 0xa0, 0xa1, 0xa2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static const struct secret_key root_key = { { 1, 2, 3 } }, wrong_key = { { 1, 2, 4 } };
static const uint8_t key_file[32] = "thirty-two bytes in a key file..";
static const struct slot_secret secret = { .type = SLOT_KEY_FILE, .key = key_file, .key_len = sizeof(key_file), .label = "one" };

static struct secret_key *key_of(uint8_t byte)
{
	struct secret_key *key = secret_key_new();

	assert_non_null(key);
	memset(key->bytes, byte, KEY_LEN);
	return key;
}

static struct keyring keyring_of(size_t len)
{
	struct keyring keyring = { .min_counter = 77, .len = len };

	for (size_t i = 0; i < len; i++)
		keyring.keys[i] = (struct keyring_key){ .kind = (enum key_kind)(KEY_KEK + i % 3), .epoch = (uint32_t)(1 + i / 3),
							.created = (int64_t)(1000 + i), .key = key_of((uint8_t)(i + 1)) };
	return keyring;
}

/* A header file with three keys and a slot. */
static void make(const struct folder *folder)
{
	struct keyring keyring = keyring_of(3);
	struct header *header = NULL;
	struct error err = ERROR_INIT;
	uint8_t id;

	assert_int_equal(header_new(store_id, 5000, &root_key, &keyring, &header, &err), ERR_OK);
	assert_int_equal(slot_make(header, &secret, &root_key, 5001, &id, &err), ERR_OK);
	assert_int_equal(header_create(header, &root_key, folder->path, &err), ERR_OK);
	header_free(header);
	keyring_free_keys(&keyring);
}

static enum error_code read_header(const struct folder *folder, struct header **ret)
{
	struct error err = ERROR_INIT;
	enum error_code code = header_read(folder->path, ret, &err);

	assert_int_equal(code, err.code);
	assert_true(code == ERR_OK || err.text[0] != '\0');
	return code;
}

static enum error_code unlock(const struct header *header, const struct secret_key *key, uint64_t *ret_min_counter)
{
	struct keyring keyring = { 0 };
	struct error err = ERROR_INIT;
	enum error_code code = header_unlock(header, key, &keyring, &err);

	if (code == ERR_OK && ret_min_counter)
		*ret_min_counter = keyring.min_counter;
	keyring_free_keys(&keyring);
	return code;
}

static void fix_sum(uint8_t *copy)
{
	const struct byte_part part = { copy, HEADER_AT_SUM };

	blake2b_parts(copy + HEADER_AT_SUM, 32, NULL, 0, "vaultd-hsum-v001", &part, 1);
}

/* What a read gives: the code, and when it can be read the sequence and whether it unlocks. */
static void expect_good(const struct folder *folder, uint64_t seq, bool needs_repair)
{
	struct header *header = NULL;

	assert_int_equal(read_header(folder, &header), ERR_OK);
	assert_int_equal(header_seq(header), seq);
	assert_int_equal(header_needs_repair(header), needs_repair);
	assert_int_equal(unlock(header, &root_key, NULL), ERR_OK);
	header_free(header);
}

static void expect_refused(const struct folder *folder, enum error_code wanted)
{
	static uint8_t before[FILE_LEN + 1], after[FILE_LEN + 1];
	struct header *header = NULL;
	size_t len = folder_read(folder, HEADER_FILE, before, sizeof(before));

	assert_int_equal(read_header(folder, &header), wanted);
	assert_null(header);
	assert_int_equal(folder_read(folder, HEADER_FILE, after, sizeof(after)), len);
	assert_memory_equal(before, after, len);
}

/* -- the bytes ------------------------------------------------------------------------ */

/* Offsets and strings once more, as the document has them, and not by the names of the program. */
static void the_file_is_as_documented(void **state)
{
	static uint8_t file[FILE_LEN + 1];
	uint8_t aad[28], plain[512], mac[32], sum[32];
	key_scope seal_key, mac_key;
	struct stat info;
	char path[FOLDER_PATH_MAX];

	make(*state);
	folder_file(*state, HEADER_FILE, path);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(folder_read(*state, HEADER_FILE, file, sizeof(file)), 32768);
	assert_memory_equal(file, file + 16384, 16384);
	assert_memory_equal(file, "VAULTHDR\1\0\0\0\0\100\0\0\1\0\0\0\0\0\0\0", 24);
	assert_memory_equal(file + 24, store_id, 16);
	assert_memory_equal(file + 40, "\x88\x13\0\0\0\0\0\0\x88\x13\0\0\0\0\0\0", 16);
	assert_true(sodium_is_zero(file + 56, 8) && sodium_is_zero(file + 656, 1024 - 656));
	assert_memory_equal(file + 1024, "\1\2\0\0", 4);
	assert_true(sodium_is_zero(file + 1024 + 544, 9216 - 1024 - 544));
	assert_true(sodium_is_zero(file + 9280, 16384 - 9280));
	derive_key(&root_key, 1, "vdHEADER", &seal_key);
	derive_key(&root_key, 2, "vdHEADER", &mac_key);
	memcpy(aad, "VDkr", 4);
	memcpy(aad + 4, store_id, 16);
	memcpy(aad + 20, "\1\0\0\0\0\0\0\0", 8);
	assert_int_equal(open_sealed(&seal_key, aad, 28, file + 64, 592, plain), ERR_OK);
	assert_memory_equal(plain, "\1\3\x4d\0\0\0\0\0\0\0", 10);
	assert_memory_equal(plain + 10, "\1\1\0\0\0\xe8\3\0\0\0\0\0\0\1\1\1\1", 17);
	assert_memory_equal(plain + 55, "\2\1\0\0\0\xe9\3\0\0\0\0\0\0\2\2\2\2", 17);
	assert_true(sodium_is_zero(plain + 10 + 3 * 45, 512 - 10 - 3 * 45));
	blake2b_parts(mac, 32, mac_key.bytes, 32, "vaultd-head-v001", &(struct byte_part){ file, 9216 }, 1);
	assert_memory_equal(mac, file + 9216, 32);
	blake2b_parts(sum, 32, NULL, 0, "vaultd-hsum-v001", &(struct byte_part){ file, 9248 }, 1);
	assert_memory_equal(sum, file + 9248, 32);
}

static void what_was_written_is_read(void **state)
{
	struct slot_info slots[SLOTS_MAX];
	struct keyring keyring = { 0 };
	struct header *header = NULL;
	struct error err = ERROR_INIT;
	key_scope opened;

	make(*state);
	assert_int_equal(read_header(*state, &header), ERR_OK);
	assert_memory_equal(header_store_id(header), store_id, ID_LEN);
	assert_int_equal(header_seq(header), 1);
	assert_false(header_needs_repair(header));
	assert_int_equal(header_slots(header, slots), 1);
	assert_int_equal(slot_open(header, &secret, -1, &opened, &err), ERR_OK);
	assert_memory_equal(opened.bytes, root_key.bytes, KEY_LEN);
	assert_int_equal(header_unlock(header, &opened, &keyring, &err), ERR_OK);
	assert_int_equal(keyring.min_counter, 77);
	assert_int_equal(keyring.len, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(keyring.keys[i].kind, KEY_KEK + i);
		assert_int_equal(keyring.keys[i].epoch, 1);
		assert_int_equal(keyring.keys[i].created, 1000 + i);
		assert_int_equal(keyring.keys[i].key->bytes[31], i + 1);
	}
	keyring_free_keys(&keyring);
	header_free(header);
}

static void a_keyring_holds_eight_keys(void **state)
{
	struct keyring keyring = keyring_of(KEYRING_MAX), got = { 0 };
	struct header *header = NULL;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(keyring_find(&keyring, KEY_KEK, 0)->epoch, 3);
	assert_int_equal(keyring_find(&keyring, KEY_KEK, 2)->epoch, 2);
	assert_int_equal(keyring_find(&keyring, KEY_BASE, 0)->epoch, 2);
	assert_null(keyring_find(&keyring, KEY_BASE, 3));
	assert_int_equal(header_new(store_id, 1, &root_key, &keyring, &header, &err), ERR_OK);
	assert_int_equal(header_create(header, &root_key, ((struct folder *)*state)->path, &err), ERR_OK);
	assert_int_equal(header_unlock(header, &root_key, &got, &err), ERR_OK);
	assert_int_equal(got.len, KEYRING_MAX);
	for (size_t i = 0; i < KEYRING_MAX; i++)
		assert_memory_equal(got.keys[i].key->bytes, keyring.keys[i].key->bytes, KEY_LEN);
	keyring_free_keys(&got);
	/* An arena without room is no tampering. */
	size_t room = ARENA_KEYS - secret_arena_used();
	struct secret_key **rest = calloc(room, sizeof(*rest));
	for (size_t i = 0; i < room; i++)
		rest[i] = secret_key_new();
	assert_fails(header_unlock(header, &root_key, &got, &err), &err, ERR_NO_MEMORY);
	for (size_t i = 0; i < room; i++)
		secret_key_free(rest[i]);
	free(rest);
	keyring_free_keys(&keyring);
	header_free(header);
}

/* -- which copy counts ------------------------------------------------------------------ */

static void one_torn_copy_is_repaired(void **state)
{
	static uint8_t whole[FILE_LEN], torn[FILE_LEN];
	struct header *header = NULL;
	struct error err = ERROR_INIT;

	make(*state);
	folder_read(*state, HEADER_FILE, whole, FILE_LEN);
	for (size_t number = 0; number < 2; number++) {
		/* cut at each sector: the rest is old bytes, here noise */
		for (size_t cut = 0; cut < HEADER_COPY_LEN; cut += 512) {
			memcpy(torn, whole, FILE_LEN);
			memset(torn + number * HEADER_COPY_LEN + cut, 0xee, HEADER_COPY_LEN - cut);
			folder_write(*state, HEADER_FILE, torn, FILE_LEN, 0600);
			expect_good(*state, 1, true);
		}
		assert_int_equal(read_header(*state, &header), ERR_OK);
		assert_int_equal(header_repair(header, ((struct folder *)*state)->path, &err), ERR_OK);
		assert_false(header_needs_repair(header));
		header_free(header);
		folder_read(*state, HEADER_FILE, torn, FILE_LEN);
		assert_memory_equal(torn, whole, FILE_LEN);
		expect_good(*state, 1, false);
	}
}

static void every_changed_byte_is_seen(void **state)
{
	static uint8_t whole[FILE_LEN], changed[FILE_LEN];

	make(*state);
	folder_read(*state, HEADER_FILE, whole, FILE_LEN);
	memcpy(changed, whole, FILE_LEN);
	for (size_t at = 0; at < HEADER_COPY_LEN; at += at < 128 || (at >= 9200 && at < 9300) ? 1 : 61) {
		changed[at] ^= 0x10;
		folder_write(*state, HEADER_FILE, changed, FILE_LEN, 0600);
		expect_good(*state, 1, true);
		changed[HEADER_COPY_LEN + at] ^= 0x10;
		folder_write(*state, HEADER_FILE, changed, FILE_LEN, 0600);
		/* the format's own number may look like a newer one */
		expect_refused(*state, at == 8 || at == 9 ? ERR_FORMAT_NEWER : ERR_HEADER_DAMAGED);
		memcpy(changed, whole, FILE_LEN);
	}
}

static void a_file_of_another_length_is_damaged(void **state)
{
	static uint8_t file[FILE_LEN + 1];
	static const size_t lengths[] = { 0, 1, 9, 10, HEADER_COPY_LEN, FILE_LEN - 1, FILE_LEN + 1 };

	make(*state);
	folder_read(*state, HEADER_FILE, file, FILE_LEN);
	for (size_t i = 0; i < CASES(lengths); i++) {
		folder_write(*state, HEADER_FILE, file, lengths[i], 0600);
		expect_refused(*state, ERR_HEADER_DAMAGED);
	}
}

static void equal_sequences_have_equal_bytes(void **state)
{
	static uint8_t file[FILE_LEN];

	make(*state);
	folder_read(*state, HEADER_FILE, file, FILE_LEN);
	file[HEADER_COPY_LEN + HEADER_AT_UPDATED] ^= 1;
	fix_sum(file + HEADER_COPY_LEN);
	folder_write(*state, HEADER_FILE, file, FILE_LEN, 0600);
	expect_refused(*state, ERR_HEADER_TAMPERED);
}

static void the_higher_sequence_counts(void **state)
{
	static uint8_t old[FILE_LEN], new[FILE_LEN], mixed[FILE_LEN];
	struct folder *folder = *state;
	struct keyring keyring = keyring_of(4);
	struct header *header = NULL;
	struct error err = ERROR_INIT;

	make(folder);
	folder_read(folder, HEADER_FILE, old, FILE_LEN);
	assert_int_equal(read_header(folder, &header), ERR_OK);
	assert_int_equal(header_write(header, &root_key, &keyring, 6000, folder->path, &err), ERR_OK);
	header_free(header);
	keyring_free_keys(&keyring);
	folder_read(folder, HEADER_FILE, new, FILE_LEN);
	for (size_t number = 0; number < 2; number++) {
		/* stopped between the two writes */
		memcpy(mixed, old, FILE_LEN);
		memcpy(mixed + number * HEADER_COPY_LEN, new, HEADER_COPY_LEN);
		folder_write(folder, HEADER_FILE, mixed, FILE_LEN, 0600);
		expect_good(folder, 2, true);
		/* stopped in the middle of the first write */
		memset(mixed + number * HEADER_COPY_LEN + 4096, 0xee, 4096);
		folder_write(folder, HEADER_FILE, mixed, FILE_LEN, 0600);
		expect_good(folder, 1, true);
	}
	/* A whole old file is read as what it is: that it is old, the state head knows. */
	folder_write(folder, HEADER_FILE, old, FILE_LEN, 0600);
	expect_good(folder, 1, false);
}

/* -- what is refused ---------------------------------------------------------------------- */

static void no_header_is_no_vault(void **state)
{
	struct header *header = NULL;

	assert_int_equal(read_header(*state, &header), ERR_NOT_INITIALIZED);
}

static void loose_modes_and_links_are_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0660, 0666, 0601 };
	char path[FOLDER_PATH_MAX], elsewhere[FOLDER_PATH_MAX];

	make(*state);
	folder_file(*state, HEADER_FILE, path);
	folder_file(*state, "elsewhere", elsewhere);
	for (size_t i = 0; i < CASES(modes); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		expect_refused(*state, ERR_PERMISSION);
	}
	assert_int_equal(chmod(path, 0400), 0);
	expect_good(*state, 1, false);
	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	expect_refused(*state, ERR_PERMISSION);
}

static void another_root_key_unlocks_nothing(void **state)
{
	struct header *header = NULL;

	make(*state);
	assert_int_equal(read_header(*state, &header), ERR_OK);
	assert_int_equal(unlock(header, &wrong_key, NULL), ERR_HEADER_TAMPERED);
	assert_int_equal(unlock(header, &root_key, NULL), ERR_OK);
	header_free(header);
}

/* Whoever can write the file can make the sum right, but not the MAC. */
static void bytes_with_a_right_sum_are_found_by_the_mac(void **state)
{
	static uint8_t whole[FILE_LEN], changed[FILE_LEN];
	static const struct { size_t at; const char *what; } places[] = {
		{ HEADER_AT_SEQ, "sequence" }, { HEADER_AT_STORE_ID, "store id" }, { HEADER_AT_CREATED, "created" },
		{ HEADER_AT_UPDATED, "updated" }, { HEADER_AT_KEYRING, "keyring" }, { HEADER_AT_KEYRING + 591, "keyring" },
		{ HEADER_AT_SLOTS + 4, "t" }, { HEADER_AT_SLOTS + 8, "m" }, { HEADER_AT_SLOTS + 40, "label" },
		{ HEADER_AT_SLOTS + HEADER_SLOT_LEN, "a slot that is free" }, { HEADER_AT_MAC, "the MAC" },
	};

	make(*state);
	folder_read(*state, HEADER_FILE, whole, FILE_LEN);
	for (size_t i = 0; i < CASES(places); i++) {
		struct header *header = NULL;

		memcpy(changed, whole, FILE_LEN);
		changed[places[i].at] ^= 1;
		fix_sum(changed);
		memcpy(changed + HEADER_COPY_LEN, changed, HEADER_COPY_LEN);
		folder_write(*state, HEADER_FILE, changed, FILE_LEN, 0600);
		assert_int_equal(read_header(*state, &header), ERR_OK);
		assert_int_equal(unlock(header, &root_key, NULL), ERR_HEADER_TAMPERED);
		header_free(header);
	}
}

/* A slot that was taken out comes back with an old header, and is found with it. */
static void a_removed_slot_is_tampering(void **state)
{
	static uint8_t file[FILE_LEN];
	struct header *header = NULL;
	struct error err = ERROR_INIT;
	key_scope opened;

	make(*state);
	folder_read(*state, HEADER_FILE, file, FILE_LEN);
	memset(file + HEADER_AT_SLOTS, 0, HEADER_SLOT_LEN);
	fix_sum(file);
	memcpy(file + HEADER_COPY_LEN, file, HEADER_COPY_LEN);
	folder_write(*state, HEADER_FILE, file, FILE_LEN, 0600);
	assert_int_equal(read_header(*state, &header), ERR_OK);
	assert_fails(slot_open(header, &secret, -1, &opened, &err), &err, ERR_NOT_FOUND);
	assert_int_equal(unlock(header, &root_key, NULL), ERR_HEADER_TAMPERED);
	header_free(header);
}

/* The same with zeros that are not: the sum is right, but no version of ours writes that. */
static void zeros_are_looked_at(void **state)
{
	static const size_t places[] = { 10, 11, 56, 63, 656, 1023, 1024 + 544, 1024 + 1023, 1024 + 8 * 1024 - 1, 9280, 16383 };
	static uint8_t whole[FILE_LEN], changed[FILE_LEN];

	make(*state);
	folder_read(*state, HEADER_FILE, whole, FILE_LEN);
	for (size_t i = 0; i < CASES(places); i++) {
		memcpy(changed, whole, FILE_LEN);
		changed[places[i]] = 1;
		fix_sum(changed);
		memcpy(changed + HEADER_COPY_LEN, changed, HEADER_COPY_LEN);
		folder_write(*state, HEADER_FILE, changed, FILE_LEN, 0600);
		expect_refused(*state, ERR_HEADER_DAMAGED);
	}
}

static void a_newer_format_is_not_touched(void **state)
{
	static uint8_t whole[FILE_LEN], newer[FILE_LEN + 4096];

	make(*state);
	folder_read(*state, HEADER_FILE, whole, FILE_LEN);
	memcpy(newer, whole, FILE_LEN);
	newer[8] = newer[HEADER_COPY_LEN + 8] = 2;
	folder_write(*state, HEADER_FILE, newer, FILE_LEN, 0600);
	expect_refused(*state, ERR_FORMAT_NEWER);	/* whatever its sum is made of */
	fix_sum(newer);
	fix_sum(newer + HEADER_COPY_LEN);
	folder_write(*state, HEADER_FILE, newer, FILE_LEN, 0600);
	expect_refused(*state, ERR_FORMAT_NEWER);
	/* A newer version was stopped between its writes. */
	for (size_t number = 0; number < 2; number++) {
		memcpy(newer, whole, FILE_LEN);
		newer[number * HEADER_COPY_LEN + 9] = 1;
		fix_sum(newer + number * HEADER_COPY_LEN);
		folder_write(*state, HEADER_FILE, newer, FILE_LEN, 0600);
		expect_refused(*state, ERR_FORMAT_NEWER);
		/* A damaged copy beside a good one is not newer. */
		newer[number * HEADER_COPY_LEN + HEADER_AT_SUM] ^= 1;
		folder_write(*state, HEADER_FILE, newer, FILE_LEN, 0600);
		expect_good(*state, 1, true);
	}
	/* Newer formats may have another length. */
	memset(newer, 0, sizeof(newer));
	memcpy(newer, "VAULTHDR\2", 9);
	folder_write(*state, HEADER_FILE, newer, sizeof(newer), 0600);
	struct header *header = NULL;
	assert_int_equal(read_header(*state, &header), ERR_FORMAT_NEWER);
}

/* -- writing -------------------------------------------------------------------------------- */

static void each_write_counts_up(void **state)
{
	static uint8_t file[FILE_LEN];
	struct folder *folder = *state;
	struct keyring keyring = keyring_of(3);
	struct header_keys keys = { 0 };
	struct header *header = NULL;
	struct error err = ERROR_INIT;
	uint64_t min_counter = 0;

	make(folder);
	assert_int_equal(read_header(folder, &header), ERR_OK);
	for (uint64_t seq = 2; seq < 6; seq++) {
		keyring.min_counter = seq * 100;
		assert_int_equal(header_write(header, &root_key, &keyring, (int64_t)seq, folder->path, &err), ERR_OK);
		assert_int_equal(header_seq(header), seq);
		expect_good(folder, seq, false);
		folder_read(folder, HEADER_FILE, file, FILE_LEN);
		assert_memory_equal(file, file + HEADER_COPY_LEN, HEADER_COPY_LEN);
		assert_int_equal(copy_u64(file, HEADER_AT_UPDATED), seq);
		assert_int_equal(copy_u64(file, HEADER_AT_CREATED), 5000);
		assert_int_equal(unlock(header, &root_key, &min_counter), ERR_OK);
		assert_int_equal(min_counter, seq * 100);
	}
	/* With the keys that are kept while unsealed it is the same. */
	assert_int_equal(header_keys_derive(&root_key, &keys, &err), ERR_OK);
	assert_int_equal(header_write_derived(header, NULL, &keys, &keyring, 9, folder->path, &err), ERR_OK);
	header_keys_free(&keys);
	expect_good(folder, 6, false);
	header_free(header);
	keyring_free_keys(&keyring);
}

/* The keyring of one sequence does not fit into the header of another. */
static void a_keyring_belongs_to_its_sequence(void **state)
{
	static uint8_t old[FILE_LEN], file[FILE_LEN];
	struct folder *folder = *state;
	struct keyring keyring = keyring_of(3);
	struct header *header = NULL;
	struct error err = ERROR_INIT;
	key_scope mac_key;

	make(folder);
	folder_read(folder, HEADER_FILE, old, FILE_LEN);
	assert_int_equal(read_header(folder, &header), ERR_OK);
	assert_int_equal(header_write(header, &root_key, &keyring, 1, folder->path, &err), ERR_OK);
	header_free(header);
	keyring_free_keys(&keyring);
	folder_read(folder, HEADER_FILE, file, FILE_LEN);
	memcpy(file + HEADER_AT_KEYRING, old + HEADER_AT_KEYRING, 592);
	/* even with a MAC that is right */
	derive_key(&root_key, 2, "vdHEADER", &mac_key);
	blake2b_parts(file + HEADER_AT_MAC, 32, mac_key.bytes, KEY_LEN, "vaultd-head-v001",
		      &(struct byte_part){ file, HEADER_AT_MAC }, 1);
	fix_sum(file);
	memcpy(file + HEADER_COPY_LEN, file, HEADER_COPY_LEN);
	folder_write(folder, HEADER_FILE, file, FILE_LEN, 0600);
	assert_int_equal(read_header(folder, &header), ERR_OK);
	assert_int_equal(unlock(header, &root_key, NULL), ERR_HEADER_TAMPERED);
	header_free(header);
}

static void a_failed_write_says_so(void **state)
{
	struct folder *folder = *state;
	struct keyring keyring = keyring_of(3);
	struct header *header = NULL;
	struct error err = ERROR_INIT;
	char path[FOLDER_PATH_MAX];

	make(folder);
	folder_file(folder, HEADER_FILE, path);
	assert_int_equal(read_header(folder, &header), ERR_OK);
	assert_int_equal(unlink(path), 0);
	assert_fails(header_write(header, &root_key, &keyring, 1, folder->path, &err), &err, ERR_IO);
	/* A symbolic link in its place is not followed. */
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_fails(header_write(header, &root_key, &keyring, 1, folder->path, &err), &err, ERR_IO);
	header_free(header);
	keyring_free_keys(&keyring);
}

int main(void)
{
#define in_folder(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)
	const struct CMUnitTest tests[] = {
		in_folder(the_file_is_as_documented),
		in_folder(what_was_written_is_read),
		in_folder(a_keyring_holds_eight_keys),
		in_folder(one_torn_copy_is_repaired),
		in_folder(every_changed_byte_is_seen),
		in_folder(a_file_of_another_length_is_damaged),
		in_folder(equal_sequences_have_equal_bytes),
		in_folder(the_higher_sequence_counts),
		in_folder(no_header_is_no_vault),
		in_folder(loose_modes_and_links_are_refused),
		in_folder(another_root_key_unlocks_nothing),
		in_folder(bytes_with_a_right_sum_are_found_by_the_mac),
		in_folder(a_removed_slot_is_tampering),
		in_folder(zeros_are_looked_at),
		in_folder(a_newer_format_is_not_touched),
		in_folder(each_write_counts_up),
		in_folder(a_keyring_belongs_to_its_sequence),
		in_folder(a_failed_write_says_so),
	};
	struct error err = ERROR_INIT;

	if (secret_arena_start(&err) != ERR_OK)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
