/* Reading a backup: chunk by chunk, each opened before anything in it counts. */
#include <assert.h>
#include <endian.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/seal.h"
#include "records/backup_chunk.h"

#define RECORD_VALUE_MAX (VALUE_OVERHEAD + VALUE_PADDED_MAX)

struct backup_reader {
	struct backup_front front;
	struct header *header;
	struct secret_key *key;		/* in the arena; NULL until it is unlocked */
	backup_read *read;
	void *arg;
	uint64_t bytes, records, live, revisions;
	uint64_t number;		/* of the next chunk */
	bool ended;			/* the last one was opened */
	size_t at, len;			/* what is left of the plaintext at hand */
	struct backup_summary summary;
	uint8_t record_key[RECORD_KEY_MAX];
	size_t record_key_len;
	uint8_t front_bytes[BACKUP_FRONT_LEN];
	uint8_t sealed[BACKUP_CHUNK_MAX], plain[BACKUP_CHUNK_PLAIN];
	uint8_t value[RECORD_VALUE_MAX];
};

void backup_reader_free(struct backup_reader *reader)
{
	if (!reader)
		return;
	header_free(reader->header);
	secret_key_free(reader->key);
	sodium_memzero(reader, sizeof(*reader));
	free(reader);
}

/* -- the stream ------------------------------------------------------------------- */

static enum error_code cut(const struct backup_reader *reader, struct error *err)
{
	return error_set(err, ERR_BACKUP_CUT, "the backup is cut off: it ends after %llu bytes without its last chunk; use another copy",
			 (unsigned long long)reader->bytes);
}

static enum error_code read_whole(struct backup_reader *reader, uint8_t *out, size_t len, struct error *err)
{
	size_t done = 0, got = 0;

	while (done < len) {
		if (reader->read(reader->arg, out + done, len - done, &got, err) != ERR_OK)
			return err->code;
		reader->bytes += got;
		if (got == 0)
			return cut(reader, err);
		done += got;
	}
	return ERR_OK;
}

static enum error_code expect_end(struct backup_reader *reader, struct error *err)
{
	uint8_t byte;
	size_t got = 0;

	if (reader->read(reader->arg, &byte, 1, &got, err) != ERR_OK)
		return err->code;
	return got == 0 ? ERR_OK :
			  error_set(err, ERR_BACKUP_DAMAGED, "something follows the end of the backup: it was changed; use another copy");
}

/* The header's copy belongs to the vault that the front names. */
static enum error_code take_header(struct backup_reader *reader, struct error *err)
{
	if (header_from_bytes(reader->front_bytes + BACKUP_FRONT_FIELDS, &reader->header, err) != ERR_OK)
		return error_prefix(err, "the vault.hdr in the backup");
	if (memcmp(header_store_id(reader->header), reader->front.store_id, ID_LEN) != 0)
		return error_set(err, ERR_BACKUP_DAMAGED, "the front of the backup names another vault than the vault.hdr in it: it was changed");
	return ERR_OK;
}

enum error_code backup_reader_new(backup_read *read, void *arg, struct backup_reader **ret, struct error *err)
{
	cleanup_(backup_reader_freep) struct backup_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return error_set(err, ERR_NO_MEMORY, "no memory is left to read a backup");
	reader->read = read;
	reader->arg = arg;
	/* What is shorter than a front and no backup is not called one that was cut off. */
	if (read_whole(reader, reader->front_bytes, BACKUP_FRONT_BEGIN, err) != ERR_OK ||
	    backup_front_begin(reader->front_bytes, err) != ERR_OK ||
	    read_whole(reader, reader->front_bytes + BACKUP_FRONT_BEGIN, BACKUP_FRONT_FIELDS - BACKUP_FRONT_BEGIN, err) != ERR_OK ||
	    backup_front_read(reader->front_bytes, &reader->front, err) != ERR_OK ||
	    read_whole(reader, reader->front_bytes + BACKUP_FRONT_FIELDS, BACKUP_HEADER_LEN, err) != ERR_OK ||
	    take_header(reader, err) != ERR_OK)
		return err->code;
	reader->key = secret_key_new();
	if (!reader->key)
		return error_set(err, ERR_NO_MEMORY, "no room is left for keys");
	*ret = take_ptr(reader);
	return ERR_OK;
}

const struct backup_front *backup_reader_front(const struct backup_reader *reader)
{
	return &reader->front;
}

struct header *backup_reader_header(struct backup_reader *reader)
{
	return reader->header;
}

const struct backup_summary *backup_reader_summary(const struct backup_reader *reader)
{
	return &reader->summary;
}

uint64_t backup_reader_bytes(const struct backup_reader *reader)
{
	return reader->bytes;
}

uint64_t backup_reader_records(const struct backup_reader *reader)
{
	return reader->records;
}

void backup_reader_unlock(struct backup_reader *reader, const struct secret_key *base_key)
{
	backup_key(reader->front_bytes, base_key, reader->key);
}

/* -- chunks ----------------------------------------------------------------------- */

static enum error_code does_not_fit(const struct backup_reader *reader, struct error *err)
{
	return error_set(err, ERR_BACKUP_DAMAGED, "chunk %llu of the backup does not hold what the format demands: use another copy",
			 (unsigned long long)reader->number - 1);
}

static enum error_code take_summary(struct backup_reader *reader, struct error *err)
{
	uint64_t counts[2];

	if (reader->len != BACKUP_SUMMARY_LEN)
		return does_not_fit(reader, err);
	memcpy(counts, reader->plain, sizeof(counts));
	memcpy(reader->summary.state, reader->plain + sizeof(counts), BACKUP_STATE_LEN);
	reader->summary.n_live = le64toh(counts[0]);
	reader->summary.n_revisions = le64toh(counts[1]);
	reader->len = 0;
	reader->ended = true;
	if (reader->summary.n_live != reader->live || reader->summary.n_revisions != reader->revisions ||
	    reader->front.records != reader->records)
		return error_set(err, ERR_BACKUP_DAMAGED, "the backup holds %llu records and says that it holds %llu: use another copy",
				 (unsigned long long)reader->records,
				 (unsigned long long)(reader->summary.n_live + reader->summary.n_revisions));
	return expect_end(reader, err);
}

static enum error_code next_chunk(struct backup_reader *reader, struct error *err)
{
	uint8_t frame[BACKUP_FRAME_LEN], aad[BACKUP_AAD_LEN];
	size_t sealed_len;
	bool final;

	if (read_whole(reader, frame, sizeof(frame), err) != ERR_OK || backup_frame_read(frame, &sealed_len, &final, err) != ERR_OK ||
	    read_whole(reader, reader->sealed, sealed_len, err) != ERR_OK)
		return err->code;
	backup_chunk_aad(&reader->front, reader->number, final, aad);
	if (open_sealed(reader->key, aad, sizeof(aad), reader->sealed, sealed_len, reader->plain) != ERR_OK)
		return error_set(err, ERR_BACKUP_DAMAGED,
				 "chunk %llu of the backup does not open: it, or the front, was changed, or it is of another place or backup; use "
				 "another copy", (unsigned long long)reader->number);
	reader->number++;
	reader->at = 0;
	reader->len = sealed_len - SEAL_OVERHEAD;
	return final ? take_summary(reader, err) : ERR_OK;
}

/* Bytes of the stream of records; it may not end between them. */
static enum error_code take(struct backup_reader *reader, void *out, size_t len, struct error *err)
{
	uint8_t *to = out;

	while (len > 0) {
		size_t n = reader->len - reader->at < len ? reader->len - reader->at : len;

		memcpy(to, reader->plain + reader->at, n);
		reader->at += n;
		to += n;
		len -= n;
		if (len == 0)
			break;
		if (next_chunk(reader, err) != ERR_OK)
			return err->code;
		if (reader->ended)
			return does_not_fit(reader, err);
	}
	return ERR_OK;
}

static enum error_code take_key(struct backup_reader *reader, struct error *err)
{
	uint8_t key[RECORD_KEY_MAX];
	size_t before = reader->record_key_len, len;
	uint16_t key_len;
	int order;

	if (take(reader, &key_len, sizeof(key_len), err) != ERR_OK)
		return err->code;
	len = le16toh(key_len);
	if (len < 1 || len > RECORD_KEY_MAX)
		return does_not_fit(reader, err);
	if (take(reader, key, len, err) != ERR_OK)
		return err->code;
	order = memcmp(reader->record_key, key, before < len ? before : len);
	if (key[0] == TABLE_STATE || order > 0 || (order == 0 && before >= len))
		return does_not_fit(reader, err);
	memcpy(reader->record_key, key, len);
	reader->record_key_len = len;
	return ERR_OK;
}

enum error_code backup_reader_next(struct backup_reader *reader, struct store_bytes *ret_key, struct store_bytes *ret_value,
				   struct error *err)
{
	uint32_t value_len;

	assert(!reader->ended);
	if (reader->at == reader->len && next_chunk(reader, err) != ERR_OK)
		return err->code;
	if (reader->ended)
		return ERR_NOT_FOUND;
	if (take_key(reader, err) != ERR_OK || take(reader, &value_len, sizeof(value_len), err) != ERR_OK)
		return err->code;
	value_len = le32toh(value_len);
	if (value_len < VALUE_OVERHEAD || value_len > RECORD_VALUE_MAX)
		return does_not_fit(reader, err);
	if (take(reader, reader->value, value_len, err) != ERR_OK)
		return err->code;
	reader->records++;
	if (reader->record_key[0] == TABLE_REVISION)
		reader->revisions++;
	else
		reader->live++;
	*ret_key = (struct store_bytes){ reader->record_key, reader->record_key_len };
	*ret_value = (struct store_bytes){ reader->value, value_len };
	return ERR_OK;
}
