/* Encodings of the vault's own records: tokens, mounts, the state head. */
#include <sodium.h>

#include "records/codec.h"
#include "records/tables.h"

/* -- T ------------------------------------------------------------------- */

void encode_token(struct secret_buf *out, const struct token_record *record)
{
	write_u8(out, 1);
	secret_buf_append(out, record->verifier, sizeof(record->verifier));
	write_u8(out, record->type);
	write_u8(out, record->flags);
	write_i64(out, record->creation_ttl);
	write_i64(out, record->explicit_max_ttl);
	write_i64(out, record->last_renewal);
	secret_buf_append(out, record->parent, ID_LEN);
	write_i64(out, record->created);
	write_i64(out, record->expires);
	write_i64(out, record->max_expires);
	write_u32(out, record->period);
	write_u32(out, record->uses_left);
	write_s16(out, record->display);
	write_s16(out, record->path);
	secret_buf_append(out, record->role_id, sizeof(record->role_id));
	write_u32(out, record->role_generation);
	write_i64(out, record->bound_uid);
	write_texts(out, record->policies, record->policies_len);
	write_pairs(out, record->meta, record->meta_len);
	write_texts(out, record->cidrs, record->cidrs_len);
}

enum error_code decode_token(const uint8_t *plain, size_t len, struct token_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct token_record record = { 0 };
	enum error_code code;

	read_bytes(&reader, record.verifier, sizeof(record.verifier));
	record.type = read_u8(&reader);
	record.flags = read_u8(&reader);
	record.creation_ttl = read_i64(&reader);
	record.explicit_max_ttl = read_i64(&reader);
	record.last_renewal = read_i64(&reader);
	read_bytes(&reader, record.parent, ID_LEN);
	record.created = read_i64(&reader);
	record.expires = read_i64(&reader);
	record.max_expires = read_i64(&reader);
	record.period = read_u32(&reader);
	record.uses_left = read_u32(&reader);
	record.display = read_s16(&reader);
	record.path = read_s16(&reader);
	read_bytes(&reader, record.role_id, sizeof(record.role_id));
	record.role_generation = read_u32(&reader);
	record.bound_uid = read_i64(&reader);
	record.policies = read_texts(&reader, &record.policies_len);
	record.meta = read_pairs(&reader, &record.meta_len);
	record.cidrs = read_texts(&reader, &record.cidrs_len);
	if (record.type > 1 || (record.flags & ~(TOKEN_RENEWABLE | TOKEN_ORPHAN)))
		read_fail(&reader);
	code = codec_reader_end(&reader, "a token", err);
	if (code == ERR_OK)
		*ret = record;
	else
		token_record_free(&record);
	return code;
}

void token_record_free(struct token_record *record)
{
	free_wiped(record->policies, record->policies_len * sizeof(*record->policies));
	free_wiped(record->meta, record->meta_len * sizeof(*record->meta));
	free_wiped(record->cidrs, record->cidrs_len * sizeof(*record->cidrs));
	sodium_memzero(record, sizeof(*record));
}

/* -- M ------------------------------------------------------------------- */

void encode_mount(struct secret_buf *out, const struct mount_record *record)
{
	write_u8(out, 1);
	write_u8(out, record->class_);
	write_s16(out, record->path);
	write_s16(out, record->type);
	write_s16(out, record->accessor);
	write_s32(out, record->settings);
}

enum error_code decode_mount(const uint8_t *plain, size_t len, struct mount_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct mount_record record = { .class_ = read_u8(&reader) };
	enum error_code code;

	record.path = read_s16(&reader);
	record.type = read_s16(&reader);
	record.accessor = read_s16(&reader);
	record.settings = read_s32(&reader);
	if (record.class_ > MOUNT_SYSTEM)
		read_fail(&reader);
	code = codec_reader_end(&reader, "a mount", err);
	if (code == ERR_OK)
		*ret = record;
	return code;
}

/* -- the state head ------------------------------------------------------ */

void encode_state(struct secret_buf *out, const struct state_record *record)
{
	const uint32_t epochs[] = { record->kek_epoch, record->index_epoch, record->base_epoch };
	const uint64_t counts[] = { record->counter, record->n_live, record->n_revisions, record->header_seq,
				    record->lmdb_txn_id };

	write_u8(out, 1);
	write_u8(out, record->flags);
	write_u8(out, record->job);
	write_u8(out, 0);
	for (size_t i = 0; i < ARRAY_LEN(epochs); i++)
		write_u32(out, epochs[i]);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		write_u64(out, counts[i]);
	write_i64(out, record->time);
	write_i64(out, record->time_high_water);
	write_i64(out, record->tokens_not_before);
	secret_buf_append(out, record->fork_id, ID_LEN);
	secret_buf_append(out, record->previous_fork_id, ID_LEN);
	write_u64(out, record->fork_counter);
	secret_buf_append(out, record->batch_id, ID_LEN);
	secret_buf_append(out, record->accumulator, sizeof(record->accumulator));
	secret_buf_append(out, record->job_cursor, sizeof(record->job_cursor));
}

static void read_state_tail(struct codec_reader *reader, struct state_record *record)
{
	record->time = read_i64(reader);
	record->time_high_water = read_i64(reader);
	record->tokens_not_before = read_i64(reader);
	read_bytes(reader, record->fork_id, ID_LEN);
	read_bytes(reader, record->previous_fork_id, ID_LEN);
	record->fork_counter = read_u64(reader);
	read_bytes(reader, record->batch_id, ID_LEN);
	read_bytes(reader, record->accumulator, sizeof(record->accumulator));
	read_bytes(reader, record->job_cursor, sizeof(record->job_cursor));
}

enum error_code decode_state(const uint8_t *plain, size_t len, struct state_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct state_record record = { .flags = read_u8(&reader) };
	enum error_code code;

	record.job = read_u8(&reader);
	if (read_u8(&reader) != 0 || (record.flags & ~(STATE_ANCHORED | STATE_SHRED_PENDING)) || record.job > JOB_BASE)
		read_fail(&reader);
	record.kek_epoch = read_u32(&reader);
	record.index_epoch = read_u32(&reader);
	record.base_epoch = read_u32(&reader);
	record.counter = read_u64(&reader);
	record.n_live = read_u64(&reader);
	record.n_revisions = read_u64(&reader);
	record.header_seq = read_u64(&reader);
	record.lmdb_txn_id = read_u64(&reader);
	read_state_tail(&reader, &record);
	code = codec_reader_end(&reader, "the store's state", err);
	if (code == ERR_OK)
		*ret = record;
	sodium_memzero(&record, sizeof(record));
	return code;
}
