/*
 * A backup from anywhere: the input says how a right stream is cut into pieces,
 * and what is laid over it, left out, doubled or put behind it; or it is the whole
 * stream. Reading must end without harm; only what is the right stream is read
 * to its end. The walk without keys never accepts less than the reader does.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/seal.h"
#include "fuzz_expect.h"
#include "records/backup_format.h"

#define STREAM_MAX (BACKUP_FRONT_LEN + 8 * (BACKUP_FRAME_LEN + BACKUP_CHUNK_MAX))
#define RECORDS 24
#define PIECE_HEADER 5

static uint8_t original[STREAM_MAX];
static size_t original_len;
static struct secret_key base_key;

struct input {
	const uint8_t *at;
	size_t left, piece;
};

static enum error_code keep(void *arg, const void *bytes, size_t len, struct error *err)
{
	(void)arg;
	(void)err;
	fuzz_expect(len <= sizeof(original) - original_len);
	memcpy(original + original_len, bytes, len);
	original_len += len;
	return ERR_OK;
}

static struct header *make_header(void)
{
	static const uint8_t store_id[ID_LEN] = { 1 };
	struct keyring keyring = { .min_counter = 1, .len = 1 };
	struct header *header = NULL;
	struct error err = ERROR_INIT;
	struct secret_key root = { { 2 } };
	uint8_t copy[HEADER_COPY_LEN];

	keyring.keys[0] = (struct keyring_key){ .kind = KEY_BASE, .epoch = 1, .created = 1, .key = secret_key_new() };
	fuzz_expect(header_new(store_id, 1, &root, &keyring, &header, &err) == ERR_OK);
	keyring_free_keys(&keyring);
	/* its sum must be right; nobody here looks at its MAC */
	memcpy(copy, header_bytes(header), sizeof(copy));
	blake2b_parts(copy + 9248, 32, NULL, 0, "vaultd-hsum-v001", &(struct byte_part){ copy, 9248 }, 1);
	header_free(header);
	fuzz_expect(header_from_bytes(copy, &header, &err) == ERR_OK);
	return header;
}

static void make_original(void)
{
	struct backup_front front = { .store_id = { 1 }, .backup_id = { 3 }, .fork_id = { 4 }, .counter = 5, .records = RECORDS, .created = 6 };
	struct backup_summary summary = { .n_live = RECORDS / 2, .n_revisions = RECORDS / 2 };
	static uint8_t value[VALUE_OVERHEAD + 8000];
	struct backup_writer *writer = NULL;
	struct header *header = make_header();
	struct error err = ERROR_INIT;

	fuzz_expect(backup_writer_new(&front, header, &base_key, keep, NULL, &writer, &err) == ERR_OK);
	for (uint8_t i = 0; i < RECORDS; i++) {
		const uint8_t key[] = { i < RECORDS / 2 ? 'H' : 'R', i };

		fuzz_expect(backup_writer_record(writer, (struct store_bytes){ key, 2 },
						 (struct store_bytes){ value, VALUE_OVERHEAD + (size_t)i * 250 }, &err) == ERR_OK);
	}
	fuzz_expect(backup_writer_end(writer, &summary, &err) == ERR_OK);
	backup_writer_free(writer);
	header_free(header);
}

/* Every run has the same stream, so that an input means the same. */
static void no_random(void *out, size_t len)
{
	memset(out, 7, len);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct error err = ERROR_INIT;

	(void)argc;
	(void)argv;
	fuzz_expect(secret_arena_start(&err) == ERR_OK);
	random_replace(no_random);
	make_original();
	return 0;
}

static enum error_code read_input(void *arg, void *bytes, size_t size, size_t *ret_len, struct error *err)
{
	struct input *input = arg;
	size_t len = size < input->left ? size : input->left;

	(void)err;
	if (input->piece > 0 && len > input->piece)
		len = input->piece;
	if (len > 0)
		memcpy(bytes, input->at, len);
	input->at += len;
	input->left -= len;
	*ret_len = len;
	return ERR_OK;
}

/* Pieces: u24 where, u8 how many bytes, u8 what (0: laid over; 1: cut out; 2: once more; 3: the end), then bytes of the first. */
static size_t change(uint8_t *stream, const uint8_t *data, size_t len)
{
	size_t stream_len = original_len;

	memcpy(stream, original, original_len);
	while (len >= PIECE_HEADER) {
		size_t at = ((size_t)data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16) % (stream_len + 1), n = data[3];
		uint8_t what = data[4] % 4;

		data += PIECE_HEADER;
		len -= PIECE_HEADER;
		n = n < stream_len - at ? n : stream_len - at;
		if (what == 0) {
			n = n < len ? n : len;
			memcpy(stream + at, data, n);
			data += n;
			len -= n;
		} else if (what == 1) {
			memmove(stream + at, stream + at + n, stream_len - at - n);
			stream_len -= n;
		} else if (what == 2 && stream_len + n <= STREAM_MAX) {
			memmove(stream + at + n, stream + at, stream_len - at);
			stream_len += n;
		} else {
			stream_len = at;
		}
	}
	return stream_len;
}

static bool walk(const uint8_t *stream, size_t len)
{
	struct backup_walk walk = { 0 };
	struct error err = ERROR_INIT;

	return backup_walk_feed(&walk, stream, len, &err) == ERR_OK && backup_walk_end(&walk, &err) == ERR_OK;
}

static bool read_all(const uint8_t *stream, size_t len, size_t piece)
{
	struct input input = { .at = stream, .left = len, .piece = piece };
	struct backup_reader *reader = NULL;
	struct error err = ERROR_INIT;
	struct store_bytes key, value;
	enum error_code code = backup_reader_new(read_input, &input, &reader, &err);

	if (code == ERR_OK) {
		backup_reader_unlock(reader, &base_key);
		while ((code = backup_reader_next(reader, &key, &value, &err)) == ERR_OK)
			fuzz_expect(key.len > 0 && key.len <= RECORD_KEY_MAX && value.len >= VALUE_OVERHEAD);
	}
	backup_reader_free(reader);
	fuzz_expect(code == ERR_NOT_FOUND ? err.code == ERR_OK : code == err.code && err.text[0] != '\0');
	fuzz_expect(code == ERR_NOT_FOUND || code == ERR_BACKUP_CUT || code == ERR_BACKUP_DAMAGED || code == ERR_INVALID ||
		    code == ERR_FORMAT_NEWER || code == ERR_HEADER_DAMAGED);
	return code == ERR_NOT_FOUND;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t changed[STREAM_MAX];
	const uint8_t *stream = data + 1;
	size_t stream_len = len - 1;
	bool whole;

	if (len < 1)
		return 0;
	if (data[0] & 1) {
		stream_len = change(changed, data + 1, len - 1);
		stream = changed;
	}
	whole = read_all(stream, stream_len, data[0] >> 1);
	fuzz_expect(whole == (stream_len == original_len && memcmp(stream, original, original_len) == 0));
	fuzz_expect(walk(stream, stream_len) || !whole);
	fuzz_expect(secret_arena_used() == 0);
	return 0;
}
