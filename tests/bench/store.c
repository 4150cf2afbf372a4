/*
 * What the care of a store costs in the process that has it open, without a
 * daemon around it: a backup that goes nowhere, one that goes into a file and
 * to the disk, the whole check, and beside that what no check can do without,
 * each record read in key order and opened. One turn of each; prints one JSON
 * object of seconds and counts.
 *
 *   store DIRECTORY KEY-FILE BACKUP-FILE
 *
 * No daemon may have the directory open. No record in it is changed.
 */
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "crypto/arena.h"
#include "records/backup.h"
#include "records/sealed_store.h"
#include "records/verify.h"
#include "vault/files.h"

#define MAP_SIZE ((size_t)64 << 30)
#define KEY_FILE_MAX 65536

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A figure of something that failed would be a wrong figure. */
static void require(bool well, const char *what, const struct error *err)
{
	if (well)
		return;
	fprintf(stderr, "%s: %s\n", what, err->text);
	exit(1);
}

static struct records *open_store(const char *directory, const char *key_file)
{
	const struct records_options options = { .directory = directory, .max_size = MAP_SIZE, .skip_walk = true,
						 .anchor_mode = ANCHOR_NONE, .clock = clock_system };
	cleanup_(secret_buf_freep) struct secret_buf *key = NULL;
	struct slot_secret slot = { .type = SLOT_KEY_FILE, .label = "" };
	struct error err = ERROR_INIT;
	struct records *records;

	require(secret_arena_start(&err) == ERR_OK, "arena", &err);
	require(file_read_secret(key_file, FILE_REGULAR, false, KEY_FILE_MAX, &key, &err) == ERR_OK, "key", &err);
	slot.key = secret_buf_bytes(key);
	slot.key_len = secret_buf_len(key);
	require(records_open(&options, &records, &err) == ERR_OK, "open", &err);
	require(records_unseal(records, &slot, -1, &err) == ERR_OK, "unseal", &err);
	return records;
}

/* -- each record, opened ---------------------------------------------------------------------------- */

struct opening {
	struct records_view *view;
	struct secret_buf *plain;
	unsigned long records;
	struct error err;
};

static bool open_one(void *arg, struct store_bytes at, struct store_bytes value)
{
	struct opening *opening = arg;
	struct record_key key;

	if (at.at[0] == TABLE_STATE)
		return true;
	secret_buf_reset(opening->plain);
	require(record_key_from(at, &key), "a key", &opening->err);
	require(view_open(opening->view, &key, value, opening->plain, &opening->err) == ERR_OK, "a record", &opening->err);
	opening->records++;
	return true;
}

static void measure_opening(struct records *records)
{
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(VALUE_PADDED_MAX);
	struct opening opening = { .plain = plain, .err = ERROR_INIT };
	struct error err = ERROR_INIT;
	double begin = now_s();

	require(plain && records_view_begin(records, &opening.view, &err) == ERR_OK, "view", &err);
	require(store_scan(opening.view->snapshot, NULL, 0, true, open_one, &opening, &err) == ERR_OK, "scan", &err);
	records_view_end(opening.view);
	printf("\"opened\": %lu, \"open_s\": %.4f, ", opening.records, now_s() - begin);
}

static void measure_verify(struct records *records)
{
	const struct verify_options options = { 0 };
	struct verify_result result;
	struct error err = ERROR_INIT;
	double begin = now_s();

	require(records_verify(records, &options, &result, &err) == ERR_OK && result.found == 0, "verify", &err);
	printf("\"records\": %llu, \"revisions\": %llu, \"verify_s\": %.4f, ", (unsigned long long)result.records,
	       (unsigned long long)result.revisions, now_s() - begin);
	verify_result_free(&result);
}

/* -- backups ---------------------------------------------------------------------------------------------- */

struct sink {
	int fd;
	unsigned long long bytes;
};

static enum error_code take(void *arg, const void *bytes, size_t len, struct error *err)
{
	struct sink *sink = arg;

	sink->bytes += len;
	return fd_write_all(sink->fd, bytes, len, err);
}

static double back_up(struct records *records, const char *path, bool to_disk, unsigned long long *ret_bytes)
{
	struct sink sink = { .fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) };
	struct error err = ERROR_INIT;
	double begin = now_s();

	require(sink.fd >= 0, path, &err);
	require(records_backup(records, take, &sink, NULL, &err) == ERR_OK, "backup", &err);
	require(!to_disk || fsync(sink.fd) == 0, "sync", &err);
	close(sink.fd);
	*ret_bytes = sink.bytes;
	return now_s() - begin;
}

int main(int argc, char **argv)
{
	unsigned long long bytes;
	struct records *records;
	double nowhere;

	if (argc != 4 || sodium_init() < 0) {
		fputs("store DIRECTORY KEY-FILE BACKUP-FILE\n", stderr);
		return 64;
	}
	records = open_store(argv[1], argv[2]);
	printf("{");
	measure_opening(records);
	measure_verify(records);
	nowhere = back_up(records, "/dev/null", false, &bytes);
	printf("\"nowhere_s\": %.4f, \"file_s\": %.4f, ", nowhere, back_up(records, argv[3], true, &bytes));
	printf("\"backup_bytes\": %llu}\n", bytes);
	records_close(records);
	return 0;
}
