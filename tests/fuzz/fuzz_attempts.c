/*
 * vault.try from anywhere, and then attempts: the input's pieces are laid over a right file (bit 0 of byte 0 puts the sum
 * right), and the bytes behind them are attempts and successes of any slot at any time, also one that goes back. Whatever
 * stands in the file, at one time at most five attempts are let through, each is counted on disk before it is, nobody waits for
 * more than an hour, and a success opens the way.
 */
#include <endian.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "fuzz_expect.h"
#include "records/header.h"

#define FILE_LEN 152
#define AT_ENTRIES 24
#define ENTRY_LEN 12
#define AT_SUM 120
#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define FREE_ATTEMPTS 5
#define STEPS_MAX 24

static const uint8_t store_id[ID_LEN] = { 4, 5, 6 };
static char directory[64], path[80];
static uint8_t original[FILE_LEN];

static void remove_directory(void)
{
	unlink(path);
	rmdir(directory);
}

static bool read_whole(uint8_t ret[static FILE_LEN])
{
	struct stat info;
	FILE *stream = fopen(path, "re");
	bool whole = stream && fstat(fileno(stream), &info) == 0 && info.st_size == FILE_LEN &&
		     fread(ret, 1, FILE_LEN, stream) == FILE_LEN;

	if (stream)
		fclose(stream);
	return whole;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct error err = ERROR_INIT;

	(void)argc;
	(void)argv;
	if (sodium_init() < 0)
		abort();
	snprintf(directory, sizeof(directory), "%s/fuzz-attempts-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	fuzz_expect(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/" ATTEMPTS_FILE, directory);
	atexit(remove_directory);
	fuzz_expect(attempts_create(directory, store_id, &err) == ERR_OK && read_whole(original));
	return 0;
}

static uint32_t failures_on_disk(unsigned slot)
{
	uint8_t file[FILE_LEN], sum[32];
	uint32_t failures;

	fuzz_expect(read_whole(file));
	blake2b_parts(sum, 32, NULL, 0, "vaultd-trys-v001", &(struct byte_part){ file, AT_SUM }, 1);
	fuzz_expect(memcmp(sum, file + AT_SUM, 32) == 0 && memcmp(file + 8, store_id, ID_LEN) == 0);
	memcpy(&failures, file + AT_ENTRIES + slot * ENTRY_LEN, sizeof(failures));
	return le32toh(failures);
}

static enum error_code attempt(unsigned slot, int64_t now)
{
	struct error err = ERROR_INIT;
	enum error_code code = attempts_begin(directory, store_id, slot, now, &err);

	fuzz_expect(code == err.code);
	if (slot >= SLOTS_MAX) {
		fuzz_expect(code == ERR_INVALID);
		return code;
	}
	fuzz_expect(code == ERR_OK || code == ERR_SLOWED_DOWN);
	fuzz_expect(code == ERR_OK || strstr(err.text, "try again in "));
	return code;
}

static void counted_attempt(unsigned slot, int64_t now)
{
	uint32_t before, after;
	enum error_code code;

	/* The first one may find a bad file and make another. */
	code = attempt(slot, now);
	if (slot >= SLOTS_MAX)
		return;
	before = failures_on_disk(slot);
	fuzz_expect(code != ERR_OK || before > 0);
	code = attempt(slot, now);
	after = failures_on_disk(slot);
	fuzz_expect(after == (code == ERR_OK && before < UINT32_MAX ? before + 1 : before));
}

static void burst(unsigned slot, int64_t now)
{
	unsigned passed = 0;

	for (unsigned i = 0; i <= FREE_ATTEMPTS; i++)
		passed += attempt(slot, now) == ERR_OK;
	fuzz_expect(passed <= FREE_ATTEMPTS);
	fuzz_expect(attempt(slot, now) == ERR_SLOWED_DOWN);
	/* Nobody waits for ever. */
	if (now <= INT64_MAX - HOUR)
		fuzz_expect(attempt(slot, now + HOUR) == ERR_OK);
}

static void success(unsigned slot, int64_t now)
{
	struct error err = ERROR_INIT;
	enum error_code code = attempts_success(directory, store_id, slot, &err);

	fuzz_expect(code == err.code && (code == ERR_OK || code == ERR_IO));
	if (code != ERR_OK)
		return;
	fuzz_expect(failures_on_disk(slot) == 0);
	fuzz_expect(attempt(slot, now) == ERR_OK);
}

/* One byte: bits 0 to 3 the slot (8 and more are none), bits 4 and 5 what, bits 6 and 7 how the clock goes. */
static void steps(const uint8_t *data, size_t len)
{
	static const int64_t jumps[] = { 0, 61 * SECOND, HOUR, -2 * HOUR };
	int64_t now = INT64_C(1700000000) * SECOND;

	for (size_t i = 0; i < len && i < STEPS_MAX; i++) {
		unsigned slot = data[i] & 15;

		now += jumps[data[i] >> 6];
		switch (data[i] >> 4 & 3) {
		case 0:
			attempt(slot, now);
			break;
		case 1:
			counted_attempt(slot, now);
			break;
		case 2:
			if (slot < SLOTS_MAX)
				burst(slot, now);
			break;
		default:
			success(slot, now);
			break;
		}
	}
}

/* Byte 0: bit 0 puts the sum right, bits 1 and 2: as it is, a byte short, a byte more, no file. Byte 1: pieces, each u8 where,
 * u8 how many bytes, the bytes. Then the steps. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const size_t lens[] = { FILE_LEN, FILE_LEN - 1, FILE_LEN + 1, 0 };
	uint8_t file[FILE_LEN + 1] = { 0 };
	unsigned flags;

	if (len < 2)
		return 0;
	memcpy(file, original, FILE_LEN);
	flags = data[0];
	unsigned pieces = data[1];
	data += 2;
	len -= 2;
	for (; pieces > 0 && len >= 2; pieces--) {
		size_t at = data[0] % FILE_LEN, n = data[1];

		data += 2;
		len -= 2;
		n = n < len ? n : len;
		if (n > 0)
			memcpy(file + at, data, n < FILE_LEN - at ? n : FILE_LEN - at);
		data += n;
		len -= n;
	}
	if (flags & 1)
		blake2b_parts(file + AT_SUM, 32, NULL, 0, "vaultd-trys-v001", &(struct byte_part){ file, AT_SUM }, 1);
	unlink(path);
	if (lens[flags >> 1 & 3] > 0) {
		FILE *stream = fopen(path, "we");

		fuzz_expect(stream && fchmod(fileno(stream), 0600) == 0);
		fuzz_expect(fwrite(file, 1, lens[flags >> 1 & 3], stream) > 0 && fclose(stream) == 0);
	}
	steps(data, len);
	return 0;
}
