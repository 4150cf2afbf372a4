#include "records/batch_token.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

#include "crypto/seal.h"
#include "crypto/token_text.h"
#include "records/codec.h"
#include "records/sealed_store.h"

#define BLOB_HEAD 4
#define STEP 32
#define PLAIN_MAX BATCH_TEXT_MAX

/* -- the encoding --------------------------------------------------------- */

void encode_batch(struct secret_buf *out, const struct batch_record *record)
{
	write_u8(out, 1);
	secret_buf_append(out, record->bid, ID_LEN);
	secret_buf_append(out, record->fork, BATCH_FORK_LEN);
	write_i64(out, record->issued);
	write_i64(out, record->expires);
	secret_buf_append(out, record->role_id, ID_LEN);
	write_u32(out, record->role_generation);
	secret_buf_append(out, record->parent, ID_LEN);
	write_s16(out, record->display);
	write_texts(out, record->policies, record->policies_len);
	write_pairs(out, record->meta, record->meta_len);
	write_texts(out, record->cidrs, record->cidrs_len);
}

enum error_code decode_batch(const uint8_t *plain, size_t len, struct batch_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct batch_record record = { 0 };
	enum error_code code;

	read_bytes(&reader, record.bid, ID_LEN);
	read_bytes(&reader, record.fork, BATCH_FORK_LEN);
	record.issued = read_i64(&reader);
	record.expires = read_i64(&reader);
	read_bytes(&reader, record.role_id, ID_LEN);
	record.role_generation = read_u32(&reader);
	read_bytes(&reader, record.parent, ID_LEN);
	record.display = read_s16(&reader);
	record.policies = read_texts(&reader, &record.policies_len);
	record.meta = read_pairs(&reader, &record.meta_len);
	record.cidrs = read_texts(&reader, &record.cidrs_len);
	code = codec_reader_end(&reader, "a batch token", err);
	if (code == ERR_OK)
		*ret = record;
	else
		batch_record_free(&record);
	return code;
}

void batch_record_free(struct batch_record *record)
{
	free_wiped(record->policies, record->policies_len * sizeof(*record->policies));
	free_wiped(record->meta, record->meta_len * sizeof(*record->meta));
	free_wiped(record->cidrs, record->cidrs_len * sizeof(*record->cidrs));
	sodium_memzero(record, sizeof(*record));
}

/* -- the blob ----------------------------------------------------------------- */

struct blob_aad {
	uint8_t bytes[4 + ID_LEN + BLOB_HEAD];
};

static struct blob_aad aad_of(const uint8_t store_id[static ID_LEN], const uint8_t head[static BLOB_HEAD])
{
	struct blob_aad aad = { .bytes = "VDbt" };

	memcpy(aad.bytes + 4, store_id, ID_LEN);
	memcpy(aad.bytes + 4 + ID_LEN, head, BLOB_HEAD);
	return aad;
}

static void blob_head(uint16_t epoch, uint8_t ret[static BLOB_HEAD])
{
	uint16_t stored = htole16(epoch);

	ret[0] = ret[1] = 1;
	memcpy(ret + 2, &stored, sizeof(stored));
}

static size_t padded(size_t len)
{
	return (sizeof(uint32_t) + len + STEP - 1) / STEP * STEP;
}

enum error_code batch_blob_seal(const struct secret_key *key, const uint8_t store_id[static ID_LEN], uint16_t epoch,
				const void *encoding, size_t len, const uint8_t *random, struct secret_buf *out,
				struct error *err)
{
	uint32_t stored_len = htole32((uint32_t)len);
	size_t plain_len = padded(len);
	struct blob_aad aad;
	uint8_t *room;

	if (len > PLAIN_MAX)
		return error_set(err, ERR_TOO_LARGE, "a batch token holds its policies and metadata: these are too many for one");
	room = secret_buf_reserve(out, BLOB_HEAD + SEAL_OVERHEAD + plain_len);
	if (!room)
		return secret_buf_check(out, "a batch token", err);
	blob_head(epoch, room);
	aad = aad_of(store_id, room);
	memset(room + BLOB_HEAD + SEAL_OVERHEAD, 0, plain_len);
	memcpy(room + BLOB_HEAD + SEAL_OVERHEAD, &stored_len, sizeof(stored_len));
	memcpy(room + BLOB_HEAD + SEAL_OVERHEAD + sizeof(stored_len), encoding, len);
	seal(key, aad.bytes, sizeof(aad.bytes), room + BLOB_HEAD + SEAL_OVERHEAD, plain_len, random, room + BLOB_HEAD);
	secret_buf_advance(out, BLOB_HEAD + SEAL_OVERHEAD + plain_len);
	return ERR_OK;
}

/* What was sealed has exactly one form. */
static bool unpad(const uint8_t *plain, size_t plain_len, struct secret_buf *out)
{
	uint32_t len;

	if (plain_len < sizeof(len))
		return false;
	memcpy(&len, plain, sizeof(len));
	len = le32toh(len);
	if (len > plain_len - sizeof(len) || padded(len) != plain_len ||
	    !sodium_is_zero(plain + sizeof(len) + len, plain_len - sizeof(len) - len))
		return false;
	secret_buf_append(out, plain + sizeof(len), len);
	return true;
}

enum error_code batch_blob_open(const struct secret_key *key, const uint8_t store_id[static ID_LEN], uint16_t epoch,
				const uint8_t *blob, size_t len, struct secret_buf *out, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(PLAIN_MAX);
	uint8_t head[BLOB_HEAD], *room;
	struct blob_aad aad;
	size_t plain_len;

	blob_head(epoch, head);
	if (len < BLOB_HEAD + SEAL_OVERHEAD || len > PLAIN_MAX || memcmp(blob, head, BLOB_HEAD) != 0)
		return ERR_NOT_FOUND;
	plain_len = len - BLOB_HEAD - SEAL_OVERHEAD;
	room = plain ? secret_buf_reserve(plain, plain_len) : NULL;
	if (!room)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a batch token");
	aad = aad_of(store_id, head);
	if (open_sealed(key, aad.bytes, sizeof(aad.bytes), blob + BLOB_HEAD, len - BLOB_HEAD, room) != ERR_OK)
		return ERR_NOT_FOUND;
	secret_buf_advance(plain, plain_len);
	if (!unpad(secret_buf_bytes(plain), plain_len, out))
		return ERR_NOT_FOUND;
	return secret_buf_check(out, "a batch token", err);
}

/* -- with the vault's key --------------------------------------------------------- */

/* A copy of the key for the length of a scope, and its epoch. */
static uint16_t copy_key(struct records *records, struct secret_key *ret)
{
	pthread_rwlock_rdlock(&records->keys);
	memcpy(ret->bytes, records->base.batch->bytes, KEY_LEN);
	pthread_rwlock_unlock(&records->keys);
	return (uint16_t)records->base.epoch;
}

enum error_code records_batch_seal(struct records_view *view, const void *encoding, size_t len, struct secret_buf *out,
				   struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *blob = secret_buf_new(PLAIN_MAX);
	key_scope key;
	uint16_t epoch = copy_key(view->records, &key);

	if (!blob)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a batch token");
	if (batch_blob_seal(&key, view->records->store_id, epoch, encoding, len, NULL, blob, err) != ERR_OK)
		return err->code;
	batch_text_make(secret_buf_bytes(blob), secret_buf_len(blob), out);
	if (!secret_buf_ok(out) || secret_buf_len(out) > BATCH_TEXT_MAX)
		return error_set(err, ERR_TOO_LARGE, "a batch token holds its policies and metadata: these are too many for one");
	return ERR_OK;
}

enum error_code records_batch_open(struct records_view *view, const char *text, size_t len, struct secret_buf *out,
				   struct error *err)
{
	uint8_t blob[BATCH_TEXT_MAX];
	size_t blob_len;
	key_scope key;
	uint16_t epoch;

	if (len > BATCH_TEXT_MAX || !batch_text_read(text, len, blob, sizeof(blob), &blob_len))
		return ERR_NOT_FOUND;
	epoch = copy_key(view->records, &key);
	return batch_blob_open(&key, view->records->store_id, epoch, blob, blob_len, out, err);
}
