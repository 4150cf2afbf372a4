/* Keys and chunks of a backup, and the writer. The reader is in backup_reader.c. */
#include "records/backup_format.h"

#include <endian.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/seal.h"
#include "records/backup_chunk.h"

void backup_key(const uint8_t front[static BACKUP_FRONT_LEN], const struct secret_key *base_key, struct secret_key *ret)
{
	const struct byte_part part = { front, BACKUP_FRONT_LEN };
	key_scope derived;

	derive_key(base_key, 1, "vdBACKUP", &derived);
	blake2b_parts(ret->bytes, KEY_LEN, derived.bytes, KEY_LEN, "vaultd-back-v001", &part, 1);
}

void backup_chunk_aad(const struct backup_front *front, uint64_t number, bool final, uint8_t ret[static BACKUP_AAD_LEN])
{
	number = htole64(number);
	memcpy(ret, "VDbk", 4);
	memcpy(ret + 4, front->store_id, BACKUP_ID_LEN);
	memcpy(ret + 4 + BACKUP_ID_LEN, front->backup_id, BACKUP_ID_LEN);
	memcpy(ret + 4 + 2 * BACKUP_ID_LEN, &number, 8);
	ret[BACKUP_AAD_LEN - 1] = final;
}

struct backup_writer {
	struct backup_front front;
	struct secret_key *key;		/* in the arena */
	backup_write *write;
	void *arg;
	uint64_t number;		/* of the chunk at hand */
	size_t len;			/* of its plaintext */
	/* frame, sealed chunk; the plaintext is collected where its ciphertext will stand */
	uint8_t chunk[BACKUP_FRAME_LEN + BACKUP_CHUNK_MAX];
};

void backup_writer_free(struct backup_writer *writer)
{
	if (!writer)
		return;
	secret_key_free(writer->key);
	sodium_memzero(writer, sizeof(*writer));
	free(writer);
}

enum error_code backup_writer_new(const struct backup_front *front, const struct header *header,
				  const struct secret_key *base_key, backup_write *write, void *arg,
				  struct backup_writer **ret, struct error *err)
{
	cleanup_(backup_writer_freep) struct backup_writer *writer = calloc(1, sizeof(*writer));
	uint8_t bytes[BACKUP_FRONT_LEN];

	if (!writer || !(writer->key = secret_key_new()))
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a backup");
	writer->front = *front;
	writer->write = write;
	writer->arg = arg;
	backup_front_write(front, bytes);
	memcpy(bytes + BACKUP_FRONT_FIELDS, header_bytes(header), BACKUP_HEADER_LEN);
	backup_key(bytes, base_key, writer->key);
	if (write(arg, bytes, sizeof(bytes), err) != ERR_OK)
		return err->code;
	*ret = take_ptr(writer);
	return ERR_OK;
}

static enum error_code flush(struct backup_writer *writer, bool final, struct error *err)
{
	uint8_t *sealed = writer->chunk + BACKUP_FRAME_LEN, aad[BACKUP_AAD_LEN];
	size_t sealed_len = SEAL_OVERHEAD + writer->len;

	backup_frame_write(sealed_len, final, writer->chunk);
	backup_chunk_aad(&writer->front, writer->number, final, aad);
	seal(writer->key, aad, sizeof(aad), sealed + SEAL_OVERHEAD, writer->len, NULL, sealed);
	writer->number++;
	writer->len = 0;
	return writer->write(writer->arg, writer->chunk, BACKUP_FRAME_LEN + sealed_len, err);
}

static enum error_code add(struct backup_writer *writer, const void *bytes, size_t len, struct error *err)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		size_t take = BACKUP_CHUNK_PLAIN - writer->len < len ? BACKUP_CHUNK_PLAIN - writer->len : len;

		memcpy(writer->chunk + BACKUP_FRAME_LEN + SEAL_OVERHEAD + writer->len, at, take);
		writer->len += take;
		at += take;
		len -= take;
		if (writer->len == BACKUP_CHUNK_PLAIN && flush(writer, false, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

enum error_code backup_writer_record(struct backup_writer *writer, struct store_bytes key, struct store_bytes value,
				     struct error *err)
{
	uint16_t key_len = htole16((uint16_t)key.len);
	uint32_t value_len = htole32((uint32_t)value.len);

	if (add(writer, &key_len, sizeof(key_len), err) != ERR_OK || add(writer, key.at, key.len, err) != ERR_OK ||
	    add(writer, &value_len, sizeof(value_len), err) != ERR_OK)
		return err->code;
	return add(writer, value.at, value.len, err);
}

enum error_code backup_writer_end(struct backup_writer *writer, const struct backup_summary *summary, struct error *err)
{
	uint64_t counts[] = { htole64(summary->n_live), htole64(summary->n_revisions) };
	uint8_t *plain = writer->chunk + BACKUP_FRAME_LEN + SEAL_OVERHEAD;

	if (writer->len > 0 && flush(writer, false, err) != ERR_OK)
		return err->code;
	memcpy(plain, counts, sizeof(counts));
	memcpy(plain + sizeof(counts), summary->state, sizeof(summary->state));
	writer->len = BACKUP_SUMMARY_LEN;
	return flush(writer, true, err);
}
