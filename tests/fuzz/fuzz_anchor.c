/*
 * The anchor from anywhere: the input's pieces are laid over a right file of two slots. Without the key nothing comes out but
 * a point that was written, byte for byte; with it (bits 0 and 1 put a slot's MAC right) the valid slot with the higher
 * counter does. A write goes to the other slot, and is what is read next.
 */
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "fuzz_expect.h"
#include "records/anchor.h"

#define FILE_LEN 8192
#define SLOT_DISTANCE 4096
#define AT_MAC 96
#define PIECE_HEADER 4

static const struct secret_key key = { { 1, 2, 3 } };
static const uint8_t store_id[ID_LEN] = { 4, 5, 6 };
static char path[64];
static int fd;
static struct anchor *anchor;
static uint8_t original[FILE_LEN];

static void remove_file(void)
{
	anchor_close(anchor);
	close(fd);
	unlink(path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct anchor_point point = { .counter = 41, .commit = { 7 }, .time = 1700000000000000 };
	struct error err = ERROR_INIT;

	(void)argc;
	(void)argv;
	if (sodium_init() < 0)
		abort();
	memcpy(point.store_id, store_id, ID_LEN);
	anchor_encode(&key, &point, original);
	point.counter++;
	anchor_encode(&key, &point, original + SLOT_DISTANCE);
	snprintf(path, sizeof(path), "%s/fuzz-anchor-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	fd = mkstemp(path);
	fuzz_expect(fd >= 0 && anchor_open(path, false, &anchor, &err) == ERR_OK);
	atexit(remove_file);
	return 0;
}

/* Pieces: u16 where in the two slots, u8 how many bytes, u8 unused, then the bytes. */
static void lay_over(uint8_t *file, const uint8_t *data, size_t len)
{
	while (len >= PIECE_HEADER) {
		size_t at = (size_t)(data[0] | data[1] << 8) % (2 * ANCHOR_SLOT_LEN), n = data[2];

		at = at < ANCHOR_SLOT_LEN ? at : SLOT_DISTANCE + at - ANCHOR_SLOT_LEN;
		data += PIECE_HEADER;
		len -= PIECE_HEADER;
		n = n < len ? n : len;
		n = n < FILE_LEN - at ? n : FILE_LEN - at;
		if (n > 0)
			memcpy(file + at, data, n);
		data += n;
		len -= n;
	}
}

static void put_mac_right(uint8_t *slot)
{
	blake2b_parts(slot + AT_MAC, 32, key.bytes, KEY_LEN, "vaultd-anch-v001", &(struct byte_part){ slot, AT_MAC }, 1);
}

/* What has a key's MAC and is of this vault; by what it must say, not by reading it. */
static bool slot_says(const uint8_t *slot, const struct anchor_point *point)
{
	uint8_t made[ANCHOR_SLOT_LEN];

	anchor_encode(&key, point, made);
	/* Eight bytes before the MAC have no meaning yet. */
	return memcmp(made, slot, 88) == 0;
}

static void check_read(const uint8_t *file, uint8_t flags, enum error_code code, const struct anchor_point *point)
{
	static const uint8_t magic[8] = "VDANCHR1";
	bool says[2];

	for (size_t i = 0; i < 2; i++) {
		const uint8_t *slot = file + i * SLOT_DISTANCE;
		bool written = memcmp(slot, original + i * SLOT_DISTANCE, AT_MAC + 32) == 0;
		/* A slot may also be moved to the other place. */
		bool moved = memcmp(slot, original + (1 - i) * SLOT_DISTANCE, AT_MAC + 32) == 0;
		bool keyed = (flags & 1u << i) != 0 && memcmp(slot, magic, 8) == 0 && memcmp(slot + 8, store_id, ID_LEN) == 0;
		bool valid = written || moved || keyed;

		says[i] = code == ERR_OK && valid && slot_says(slot, point);
		fuzz_expect(!valid || code == ERR_OK);
	}
	fuzz_expect(code != ERR_OK || says[0] || says[1]);
}

static void write_and_read(const uint8_t *file, const struct anchor_point *before)
{
	struct anchor_point point = *before, again;
	struct error err = ERROR_INIT;
	uint8_t after[FILE_LEN];
	unsigned kept = 0;

	if (point.counter == UINT64_MAX)
		return;
	point.counter++;
	fuzz_expect(anchor_write(anchor, &key, &point, &err) == ERR_OK);
	fuzz_expect(anchor_read(anchor, &key, store_id, &again, &err) == ERR_OK && again.counter == point.counter);
	fuzz_expect(memcmp(again.fork_id, point.fork_id, ID_LEN) == 0 && memcmp(again.commit, point.commit, 32) == 0);
	/* Torn, the write leaves the best point: its slot was not touched. */
	memset(after, 0, sizeof(after));
	fuzz_expect(pread(fd, after, sizeof(after), 0) > 0);
	for (size_t i = 0; i < 2; i++)
		kept += memcmp(after + i * SLOT_DISTANCE, file + i * SLOT_DISTANCE, ANCHOR_SLOT_LEN) == 0 &&
			slot_says(file + i * SLOT_DISTANCE, before);
	fuzz_expect(kept >= 1);
}

/* Byte 0: bits 0 and 1 put the MACs right, bits 4 to 7 cut sixteenths off the file's second half. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t file[FILE_LEN];
	struct anchor_point point;
	struct error err = ERROR_INIT;
	size_t cut;

	if (len < 1)
		return 0;
	memcpy(file, original, sizeof(file));
	lay_over(file, data + 1, len - 1);
	for (size_t i = 0; i < 2; i++)
		if (data[0] & 1u << i)
			put_mac_right(file + i * SLOT_DISTANCE);
	cut = (size_t)(data[0] >> 4) * 256 + ((data[0] & 8) != 0 ? SLOT_DISTANCE : 0);
	/* What the file does not have is no slot. */
	fuzz_expect(ftruncate(fd, 0) == 0 && pwrite(fd, file, FILE_LEN - cut, 0) == (ssize_t)(FILE_LEN - cut));
	if (FILE_LEN - cut < ANCHOR_SLOT_LEN)
		memset(file, 0, ANCHOR_SLOT_LEN);
	if (FILE_LEN - cut < SLOT_DISTANCE + ANCHOR_SLOT_LEN)
		memset(file + SLOT_DISTANCE, 0, ANCHOR_SLOT_LEN);
	enum error_code code = anchor_read(anchor, &key, store_id, &point, &err);
	fuzz_expect(code == err.code && (code == ERR_OK || code == ERR_ANCHOR_MISSING));
	check_read(file, data[0], code, &point);
	if (code == ERR_OK)
		write_and_read(file, &point);
	return 0;
}
