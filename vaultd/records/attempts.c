/* vault.try: how often each slot was tried in vain, on disk before an attempt is evaluated. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "records/header_copy.h"
#include "vault/files.h"

#define MAGIC "VDTRY001"
#define US_PER_SECOND INT64_C(1000000)

enum {
	TRY_AT_STORE_ID = 8,
	TRY_AT_ENTRIES = 24,
	TRY_ENTRY_LEN = 12,
	TRY_AT_SUM = TRY_AT_ENTRIES + SLOTS_MAX * TRY_ENTRY_LEN,
	TRY_LEN = TRY_AT_SUM + 32,
	FREE_FAILURES = 5,		/* tries before waiting begins; also what a missing file counts as */
	SLOW_FAILURES = 20,		/* from here on ten minutes, then doubling */
	WAIT_SHORT_S = 60,
	WAIT_LONG_S = 600,
	WAIT_MAX_S = 3600,
};

static enum error_code attempts_path(const char *directory, char path[static PATH_LEN], struct error *err)
{
	if (snprintf(path, PATH_LEN, "%s/" ATTEMPTS_FILE, directory) >= PATH_LEN)
		return error_set(err, ERR_INVALID, "the data directory's path is too long");
	return ERR_OK;
}

static void sum_of(const uint8_t *file, uint8_t ret[static 32])
{
	const struct byte_part part = { file, TRY_AT_SUM };

	blake2b_parts(ret, 32, NULL, 0, "vaultd-trys-v001", &part, 1);
}

static void fill_new(uint8_t file[static TRY_LEN], const uint8_t *store_id, uint32_t failures, int64_t now)
{
	memset(file, 0, TRY_LEN);
	memcpy(file, MAGIC, 8);
	memcpy(file + TRY_AT_STORE_ID, store_id, ID_LEN);
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		copy_set_u32(file, TRY_AT_ENTRIES + i * TRY_ENTRY_LEN, failures);
		copy_set_u64(file, TRY_AT_ENTRIES + i * TRY_ENTRY_LEN + 4, (uint64_t)now);
	}
}

/* A new file takes the place of the old one: it is small, and a torn one would count as five failures. */
static enum error_code save(const char *directory, uint8_t file[static TRY_LEN], struct error *err)
{
	char path[PATH_LEN];

	if (attempts_path(directory, path, err) != ERR_OK)
		return err->code;
	sum_of(file, file + TRY_AT_SUM);
	return file_write_atomic(path, 0600, file, TRY_LEN, err);
}

/* What the daemon lacks says nothing about the file. */
static bool is_shortage(const struct error *err)
{
	return err->code == ERR_NO_MEMORY || err->sys_errno == ENOMEM || err->sys_errno == EMFILE || err->sys_errno == ENFILE;
}

/* *ret_whole false: there is no file of this store that is whole. ERR_NO_MEMORY, ERR_IO: nobody could look. */
static enum error_code load(const char *directory, const uint8_t *store_id, uint8_t file[static TRY_LEN], bool *ret_whole,
			    struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *read = NULL;
	struct error failure = ERROR_INIT;
	char path[PATH_LEN];
	uint8_t sum[32];

	*ret_whole = false;
	if (attempts_path(directory, path, err) != ERR_OK)
		return err->code;
	if (file_read_secret(path, FILE_REGULAR | FILE_PRIVATE, false, TRY_LEN, &read, &failure) != ERR_OK && is_shortage(&failure))
		return error_set(err, failure.code, "%s", failure.text);
	if (failure.code != ERR_OK || secret_buf_len(read) != TRY_LEN)
		return ERR_OK;
	memcpy(file, secret_buf_bytes(read), TRY_LEN);
	sum_of(file, sum);
	*ret_whole = memcmp(file, MAGIC, 8) == 0 && memcmp(file + TRY_AT_STORE_ID, store_id, ID_LEN) == 0 &&
		     memcmp(sum, file + TRY_AT_SUM, sizeof(sum)) == 0;
	return ERR_OK;
}

static int64_t wait_seconds(uint32_t failures)
{
	int64_t wait = WAIT_LONG_S;

	if (failures < FREE_FAILURES)
		return 0;
	if (failures < SLOW_FAILURES)
		return WAIT_SHORT_S;
	for (uint32_t i = SLOW_FAILURES; i < failures && wait < WAIT_MAX_S; i++)
		wait *= 2;
	return wait < WAIT_MAX_S ? wait : WAIT_MAX_S;
}

enum error_code attempts_create(const char *directory, const uint8_t store_id[static ID_LEN], struct error *err)
{
	uint8_t file[TRY_LEN];

	fill_new(file, store_id, 0, 0);
	return save(directory, file, err);
}

enum error_code attempts_begin(const char *directory, const uint8_t store_id[static ID_LEN], unsigned slot_id, int64_t now,
			       struct error *err)
{
	size_t at = TRY_AT_ENTRIES + (size_t)slot_id * TRY_ENTRY_LEN;
	uint8_t file[TRY_LEN];
	uint32_t failures;
	int64_t last, left;
	bool whole;

	if (slot_id >= SLOTS_MAX)
		return error_set(err, ERR_INVALID, "there is no slot %u", slot_id);
	if (load(directory, store_id, file, &whole, err) != ERR_OK)
		return err->code;
	if (!whole) {
		/* Removing the file must not help: the clock of the five failures starts now. */
		fill_new(file, store_id, FREE_FAILURES, now);
		if (save(directory, file, err) != ERR_OK)
			return err->code;
	}
	failures = copy_u32(file, at);
	last = (int64_t)copy_u64(file, at + 4);
	if (last > now || last < 0) {
		/* The clock went back: the wait begins now, on disk as well, or it would begin anew each time. */
		last = now;
		copy_set_u64(file, at + 4, (uint64_t)now);
		if (save(directory, file, err) != ERR_OK)
			return err->code;
	}
	left = wait_seconds(failures) - (now - last) / US_PER_SECOND;
	if (left > 0)
		return error_set(err, ERR_SLOWED_DOWN, "too many failed attempts: try again in %lld seconds", (long long)left);
	copy_set_u32(file, at, failures == UINT32_MAX ? failures : failures + 1);
	copy_set_u64(file, at + 4, (uint64_t)now);
	return save(directory, file, err);
}

enum error_code attempts_success(const char *directory, const uint8_t store_id[static ID_LEN], unsigned slot_id,
				 struct error *err)
{
	size_t at = TRY_AT_ENTRIES + (size_t)slot_id * TRY_ENTRY_LEN;
	uint8_t file[TRY_LEN];
	bool whole = false;

	if (slot_id < SLOTS_MAX && load(directory, store_id, file, &whole, err) != ERR_OK)
		return err->code;
	if (!whole)
		return error_set(err, ERR_IO, "the count of failed attempts cannot be set back");
	copy_set_u32(file, at, 0);
	copy_set_u64(file, at + 4, 0);
	return save(directory, file, err);
}
