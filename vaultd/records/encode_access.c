/* Encodings of identities, policies and what hangs on a token. */
#include <sodium.h>

#include "crypto/seal.h"
#include "records/codec.h"
#include "records/tables_access.h"

struct record_key record_key_role(const struct secret_key *index_key, const uint8_t mount[static ID_LEN],
				  enum role_kind kind, const char *name, size_t name_len)
{
	const uint8_t words[2] = { 'L', (uint8_t)kind };
	/* Type, scope, then kind and name as one name. */
	const struct byte_part parts[] = { { words, 1 }, { mount, ID_LEN }, { words + 1, 1 }, { name, name_len } };
	uint8_t id[ID_LEN];

	blake2b_parts(id, sizeof(id), index_key->bytes, KEY_LEN, "vaultd-indx-v001", parts, ARRAY_LEN(parts));
	return record_key_id(TABLE_ROLE, id);
}

struct record_key record_key_idempotency(const struct secret_key *token_key, const uint8_t accessor[static ID_LEN],
					 const void *key, size_t key_len)
{
	const struct byte_part parts[] = { { accessor, ID_LEN }, { key, key_len } };
	uint8_t id[ID_LEN];

	blake2b_parts(id, sizeof(id), token_key->bytes, KEY_LEN, "vaultd-idem-v001", parts, ARRAY_LEN(parts));
	return record_key_id(TABLE_IDEMPOTENCY, id);
}

/* -- N ------------------------------------------------------------------- */

void encode_secret_id(struct secret_buf *out, const struct secret_id_record *record)
{
	write_u8(out, 1);
	secret_buf_append(out, record->verifier, sizeof(record->verifier));
	secret_buf_append(out, record->role_id, sizeof(record->role_id));
	write_i64(out, record->created);
	write_i64(out, record->expires);
	write_u32(out, record->uses_left);
	write_pairs(out, record->meta, record->meta_len);
	write_texts(out, record->cidrs, record->cidrs_len);
}

enum error_code decode_secret_id(const uint8_t *plain, size_t len, struct secret_id_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct secret_id_record record = { 0 };
	enum error_code code;

	read_bytes(&reader, record.verifier, sizeof(record.verifier));
	read_bytes(&reader, record.role_id, sizeof(record.role_id));
	record.created = read_i64(&reader);
	record.expires = read_i64(&reader);
	record.uses_left = read_u32(&reader);
	record.meta = read_pairs(&reader, &record.meta_len);
	record.cidrs = read_texts(&reader, &record.cidrs_len);
	code = codec_reader_end(&reader, "a secret id", err);
	if (code == ERR_OK)
		*ret = record;
	else
		secret_id_record_free(&record);
	return code;
}

void secret_id_record_free(struct secret_id_record *record)
{
	free_wiped(record->meta, record->meta_len * sizeof(*record->meta));
	free_wiped(record->cidrs, record->cidrs_len * sizeof(*record->cidrs));
	sodium_memzero(record, sizeof(*record));
}

/* -- X ------------------------------------------------------------------- */

void encode_revoked(struct secret_buf *out, const struct revoked_record *record)
{
	write_u8(out, 1);
	write_i64(out, record->expires);
}

enum error_code decode_revoked(const uint8_t *plain, size_t len, struct revoked_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct revoked_record record = { .expires = read_i64(&reader) };
	enum error_code code = codec_reader_end(&reader, "a revoked token", err);

	if (code == ERR_OK)
		*ret = record;
	return code;
}

/* -- C ------------------------------------------------------------------- */

void encode_policy(struct secret_buf *out, const struct policy_record *record)
{
	write_u8(out, 1);
	write_s16(out, record->name);
	write_i64(out, record->updated);
	write_s32(out, record->text);
}

enum error_code decode_policy(const uint8_t *plain, size_t len, struct policy_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct policy_record record = { .name = read_s16(&reader) };
	enum error_code code;

	record.updated = read_i64(&reader);
	record.text = read_s32(&reader);
	code = codec_reader_end(&reader, "a policy", err);
	if (code == ERR_OK)
		*ret = record;
	return code;
}

/* -- L ------------------------------------------------------------------- */

void encode_role(struct secret_buf *out, const struct role_record *record)
{
	write_u8(out, 1);
	secret_buf_append(out, record->mount, ID_LEN);
	write_u8(out, (uint8_t)record->kind);
	write_s16(out, record->name);
	write_u32(out, record->generation);
	write_s32(out, record->settings);
}

enum error_code decode_role(const uint8_t *plain, size_t len, struct role_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct role_record record = { 0 };
	enum error_code code;
	uint8_t kind;

	read_bytes(&reader, record.mount, ID_LEN);
	kind = read_u8(&reader);
	record.name = read_s16(&reader);
	record.generation = read_u32(&reader);
	record.settings = read_s32(&reader);
	if (kind < ROLE_APPROLE || kind > ROLE_PEER)
		read_fail(&reader);
	code = codec_reader_end(&reader, "a role", err);
	if (code != ERR_OK)
		return code;
	record.kind = kind;
	*ret = record;
	return ERR_OK;
}

/* -- W ------------------------------------------------------------------- */

void encode_wrapped(struct secret_buf *out, const struct wrapped_record *record)
{
	write_u8(out, 1);
	secret_buf_append(out, record->verifier, sizeof(record->verifier));
	write_i64(out, record->created);
	write_i64(out, record->expires);
	write_s16(out, record->path);
	write_s32(out, record->body);
}

enum error_code decode_wrapped(const uint8_t *plain, size_t len, struct wrapped_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct wrapped_record record = { 0 };
	enum error_code code;

	read_bytes(&reader, record.verifier, sizeof(record.verifier));
	record.created = read_i64(&reader);
	record.expires = read_i64(&reader);
	record.path = read_s16(&reader);
	record.body = read_s32(&reader);
	code = codec_reader_end(&reader, "a wrapped reply", err);
	if (code == ERR_OK)
		*ret = record;
	return code;
}

/* -- I ------------------------------------------------------------------- */

void encode_idempotency(struct secret_buf *out, const struct idempotency_record *record)
{
	write_u8(out, 1);
	write_i64(out, record->created);
	write_u64(out, record->counter);
	secret_buf_append(out, record->request_hash, sizeof(record->request_hash));
	write_u16(out, record->status);
	write_s32(out, record->answer);
}

enum error_code decode_idempotency(const uint8_t *plain, size_t len, struct idempotency_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct idempotency_record record = { .created = read_i64(&reader) };
	enum error_code code;

	record.counter = read_u64(&reader);
	read_bytes(&reader, record.request_hash, sizeof(record.request_hash));
	record.status = read_u16(&reader);
	record.answer = read_s32(&reader);
	code = codec_reader_end(&reader, "an idempotency key", err);
	if (code == ERR_OK)
		*ret = record;
	return code;
}

/* -- B ------------------------------------------------------------------- */

void encode_cubbyhole(struct secret_buf *out, const struct cubbyhole_record *record)
{
	write_u8(out, 1);
	secret_buf_append(out, record->token_id, ID_LEN);
	write_s16(out, record->path);
	write_s32(out, record->json);
}

enum error_code decode_cubbyhole(const uint8_t *plain, size_t len, struct cubbyhole_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct cubbyhole_record record = { 0 };
	enum error_code code;

	read_bytes(&reader, record.token_id, ID_LEN);
	record.path = read_s16(&reader);
	record.json = read_s32(&reader);
	code = codec_reader_end(&reader, "a cubbyhole", err);
	if (code == ERR_OK)
		*ret = record;
	return code;
}

/* -- U ------------------------------------------------------------------- */

void encode_quota(struct secret_buf *out, const struct quota_record *record)
{
	write_u8(out, 1);
	write_s16(out, record->name);
	write_s32(out, record->json);
}

enum error_code decode_quota(const uint8_t *plain, size_t len, struct quota_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct quota_record record = { .name = read_s16(&reader) };
	enum error_code code;

	record.json = read_s32(&reader);
	code = codec_reader_end(&reader, "a quota", err);
	if (code == ERR_OK)
		*ret = record;
	return code;
}
