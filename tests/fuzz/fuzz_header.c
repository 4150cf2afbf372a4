/*
 * vault.hdr from anywhere: the input's pieces are laid over a right header of
 * two copies, checksums are put right when asked for (they have no key, so an
 * attacker can), and reading, listing, opening and unlocking must end without
 * harm. The root key comes out only as it went in, and the keyring only when
 * every byte under the MAC is one that was written.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "fuzz_expect.h"
#include "records/header.h"
#include "vault/files.h"

#define AT_MAC 9216
#define AT_SUM 9248
#define PIECE_HEADER 4

static char directory[64], path[80];
static uint8_t original[2 * HEADER_COPY_LEN], key_file[32];
static uint8_t shares[2 * SHARE_LEN];	/* of a slot that two of three open */
static struct secret_key root;

static void remove_directory(void)
{
	unlink(path);
	rmdir(directory);
}

static void make_original(void)
{
	const struct slot_secret key_secret = { .type = SLOT_KEY_FILE, .key = key_file, .key_len = 32, .label = "one" };
	const struct slot_secret passphrase = {
		.type = SLOT_PASSPHRASE, .passphrase = "passphrase", .passphrase_len = 10, .label = "",
	};
	cleanup_(secret_buf_freep) struct secret_buf *made = secret_buf_new(3 * SHARE_LEN);
	const struct slot_secret for_shares = { .type = SLOT_SHARES, .shares = 3, .threshold = 2, .made = made, .label = "" };
	const uint8_t store_id[ID_LEN] = { 1 };
	struct keyring keyring = { .min_counter = 1, .len = 1 };
	cleanup_(header_freep) struct header *header = NULL;
	struct secret_buf *bytes = NULL;
	struct error err = ERROR_INIT;
	uint8_t id;

	keyring.keys[0] = (struct keyring_key){ .kind = KEY_KEK, .epoch = 1, .created = 1, .key = secret_key_new() };
	fuzz_expect(header_new(store_id, 1, &root, &keyring, &header, &err) == ERR_OK);
	fuzz_expect(slot_make(header, &key_secret, &root, 1, &id, &err) == ERR_OK);
	fuzz_expect(slot_make(header, &passphrase, &root, 1, &id, &err) == ERR_OK);
	fuzz_expect(slot_make(header, &for_shares, &root, 1, &id, &err) == ERR_OK);
	fuzz_expect(secret_buf_len(made) == 3 * SHARE_LEN);
	memcpy(shares, secret_buf_bytes(made), sizeof(shares));
	fuzz_expect(header_create(header, &root, directory, &err) == ERR_OK);
	fuzz_expect(file_read_secret(path, FILE_PRIVATE, false, sizeof(original), &bytes, &err) == ERR_OK);
	fuzz_expect(secret_buf_len(bytes) == sizeof(original));
	memcpy(original, secret_buf_bytes(bytes), sizeof(original));
	secret_buf_free(bytes);
	keyring_free_keys(&keyring);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct error err = ERROR_INIT;

	(void)argc;
	(void)argv;
	fuzz_expect(secret_arena_start(&err) == ERR_OK);
	setenv("VAULTD_TEST_KDF", "1", 1);
	snprintf(directory, sizeof(directory), "%s/fuzz-header-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	fuzz_expect(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/" HEADER_FILE, directory);
	atexit(remove_directory);
	make_original();
	return 0;
}

static void put_sum_right(uint8_t *copy)
{
	blake2b_parts(copy + AT_SUM, 32, NULL, 0, "vaultd-hsum-v001", &(struct byte_part){ copy, AT_SUM }, 1);
}

/* Pieces: u16 where in the file, u8 how many bytes, u8 unused, then the bytes. */
static void lay_over(uint8_t *file, const uint8_t *data, size_t len)
{
	while (len >= PIECE_HEADER) {
		size_t at = (size_t)(data[0] | data[1] << 8) % sizeof(original), n = data[2];

		data += PIECE_HEADER;
		len -= PIECE_HEADER;
		n = n < len ? n : len;
		n = n < sizeof(original) - at ? n : sizeof(original) - at;
		if (n > 0)
			memcpy(file + at, data, n);
		data += n;
		len -= n;
	}
}

static void unlock(const struct header *header, const uint8_t *file)
{
	struct error err = ERROR_INIT;
	struct keyring keyring = { 0 };
	enum error_code code = header_unlock(header, &root, &keyring, &err);

	fuzz_expect(code == ERR_OK || code == ERR_HEADER_TAMPERED);
	if (code == ERR_OK)
		fuzz_expect(keyring.len == 1 && (memcmp(file, original, AT_MAC) == 0 ||
						 memcmp(file + HEADER_COPY_LEN, original, AT_MAC) == 0));
	keyring_free_keys(&keyring);
}

static void open_slots(const struct header *header)
{
	const struct slot_secret secret = { .type = SLOT_KEY_FILE, .key = key_file, .key_len = 32 };
	struct error err = ERROR_INIT;
	struct slot_info slots[SLOTS_MAX];
	struct secret_key opened;

	fuzz_expect(header_slots(header, slots) <= SLOTS_MAX);
	enum error_code code = slot_open(header, &secret, -1, &opened, &err);
	fuzz_expect(code == ERR_OK || code == ERR_UNSEAL_FAILED || code == ERR_NOT_FOUND);
	if (code == ERR_OK)
		fuzz_expect(memcmp(opened.bytes, root.bytes, KEY_LEN) == 0);
}

static void open_shares(const struct header *header)
{
	const struct slot_secret secret = { .type = SLOT_SHARES, .key = shares, .key_len = sizeof(shares) };
	struct error err = ERROR_INIT;
	struct share_info info;
	struct secret_key opened;
	enum error_code code = slot_check_share(header, shares, &info, &err);

	fuzz_expect(code == ERR_OK || (code == ERR_INVALID && err.text[0] != '\0'));
	fuzz_expect(code != ERR_OK || (info.number == 1 && info.threshold == 2));
	error_clear(&err);
	code = slot_open(header, &secret, -1, &opened, &err);
	fuzz_expect(code == ERR_OK || code == ERR_INVALID || code == ERR_UNSEAL_FAILED || code == ERR_NOT_FOUND);
	if (code == ERR_OK)
		fuzz_expect(memcmp(opened.bytes, root.bytes, KEY_LEN) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cleanup_(header_freep) struct header *header = NULL;
	struct error err = ERROR_INIT;
	static uint8_t file[sizeof(original)];

	if (len < 1)
		return 0;
	memcpy(file, original, sizeof(file));
	lay_over(file, data + 1, len - 1);
	if (data[0] & 1)
		put_sum_right(file);
	if (data[0] & 2)
		put_sum_right(file + HEADER_COPY_LEN);
	FILE *stream = fopen(path, "we");
	fuzz_expect(stream);
	fuzz_expect(fwrite(file, 1, sizeof(file) - (data[0] & 4 ? 1 : 0), stream) > 0);
	fuzz_expect(fclose(stream) == 0);
	enum error_code code = header_read(directory, &header, &err);
	fuzz_expect(code == err.code);
	fuzz_expect(code == ERR_OK || code == ERR_HEADER_DAMAGED || code == ERR_HEADER_TAMPERED ||
		    code == ERR_FORMAT_NEWER);
	if (code != ERR_OK)
		return 0;
	open_slots(header);
	open_shares(header);
	unlock(header, file);
	fuzz_expect(secret_arena_used() == 0);
	return 0;
}
