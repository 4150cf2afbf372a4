/* Encodings of schemas, rotation policies and their operations. */
#include <endian.h>
#include <string.h>

#include "records/codec.h"
#include "records/tables_rotation.h"

#define CHANGE_ENCODED_MIN (2 + 4 + 4)

static void key_add(struct record_key *key, const void *bytes, size_t len)
{
	memcpy(key->bytes + key->len, bytes, len);
	key->len = (uint8_t)(key->len + len);
}

struct record_key record_key_rotation(const uint8_t eid[static ID_LEN], uint32_t number)
{
	struct record_key key = record_key_id(TABLE_POLICY_ROTATION, eid);
	uint32_t be = htobe32(number);

	key_add(&key, &be, sizeof(be));
	return key;
}

struct record_key record_key_operation(const uint8_t eid[static ID_LEN], uint32_t policy, uint64_t number)
{
	struct record_key key = record_key_id(TABLE_OPERATION, eid);
	uint32_t policy_be = htobe32(policy);
	uint64_t number_be = htobe64(number);

	key_add(&key, &policy_be, sizeof(policy_be));
	key_add(&key, &number_be, sizeof(number_be));
	return key;
}

/* -- S ------------------------------------------------------------------- */

void encode_schema(struct secret_buf *out, const struct schema_record *record)
{
	write_u8(out, 1);
	write_u8(out, record->mode);
	write_i64(out, record->updated);
	write_s16(out, record->actor);
	write_s32(out, record->text);
}

enum error_code decode_schema(const uint8_t *plain, size_t len, struct schema_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct schema_record record = { .mode = read_u8(&reader) };
	enum error_code code;

	record.updated = read_i64(&reader);
	record.actor = read_s16(&reader);
	record.text = read_s32(&reader);
	if (record.mode > SCHEMA_ENFORCE)
		read_fail(&reader);
	code = codec_reader_end(&reader, "a schema", err);
	if (code == ERR_OK)
		*ret = record;
	return code;
}

/* -- P ------------------------------------------------------------------- */

void encode_rotation(struct secret_buf *out, const struct rotation_record *record)
{
	write_u8(out, 1);
	write_u8(out, record->flags);
	write_s16(out, record->kind);
	write_texts(out, record->variables, record->variables_len);
	write_s32(out, record->spec);
	write_i64(out, record->next_due);
	write_i64(out, record->last_ok);
	write_u32(out, record->attempts);
}

enum error_code decode_rotation(const uint8_t *plain, size_t len, struct rotation_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct rotation_record record = { .flags = read_u8(&reader) };
	enum error_code code;

	record.kind = read_s16(&reader);
	record.variables = read_texts(&reader, &record.variables_len);
	for (size_t i = 1; i < record.variables_len; i++)
		if (text_span_compare(record.variables[i - 1], record.variables[i]) >= 0)
			read_fail(&reader);
	record.spec = read_s32(&reader);
	record.next_due = read_i64(&reader);
	record.last_ok = read_i64(&reader);
	record.attempts = read_u32(&reader);
	if (record.flags != 0)
		read_fail(&reader);
	code = codec_reader_end(&reader, "a rotation policy", err);
	if (code == ERR_OK)
		*ret = record;
	else
		rotation_record_free(&record);
	return code;
}

void rotation_record_free(struct rotation_record *record)
{
	free_wiped(record->variables, record->variables_len * sizeof(*record->variables));
	*record = (struct rotation_record){ 0 };
}

/* -- O ------------------------------------------------------------------- */

void encode_operation(struct secret_buf *out, const struct operation_record *record)
{
	write_u8(out, 1);
	write_u8(out, record->state);
	write_i64(out, record->slot);
	write_u64(out, record->fence);
	write_u64(out, record->target_revision);
	write_count16(out, record->changes_len);
	for (size_t i = 0; i < record->changes_len; i++) {
		write_s16(out, record->changes[i].name);
		write_s32(out, record->changes[i].new_value);
		write_s32(out, record->changes[i].previous);
	}
	write_u64(out, record->set_ok);
	write_u64(out, record->finish_ok);
	write_u32(out, record->attempts);
	write_i64(out, record->backoff_until);
	write_s16(out, record->error);
}

static struct operation_change *read_changes(struct codec_reader *reader, size_t *ret_len)
{
	uint16_t count = read_u16(reader);
	struct operation_change *changes = read_array(reader, count, sizeof(*changes), CHANGE_ENCODED_MIN);

	*ret_len = changes ? count : 0;
	for (size_t i = 0; i < *ret_len; i++) {
		changes[i].name = read_s16(reader);
		changes[i].new_value = read_s32(reader);
		changes[i].previous = read_s32(reader);
		if (i > 0 && text_span_compare(changes[i - 1].name, changes[i].name) >= 0)
			read_fail(reader);
	}
	return changes;
}

enum error_code decode_operation(const uint8_t *plain, size_t len, struct operation_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct operation_record record = { .state = read_u8(&reader) };
	enum error_code code;

	record.slot = read_i64(&reader);
	record.fence = read_u64(&reader);
	record.target_revision = read_u64(&reader);
	record.changes = read_changes(&reader, &record.changes_len);
	record.set_ok = read_u64(&reader);
	record.finish_ok = read_u64(&reader);
	record.attempts = read_u32(&reader);
	record.backoff_until = read_i64(&reader);
	record.error = read_s16(&reader);
	code = codec_reader_end(&reader, "an operation of a rotation", err);
	if (code == ERR_OK)
		*ret = record;
	else
		operation_record_free(&record);
	return code;
}

void operation_record_free(struct operation_record *record)
{
	free_wiped(record->changes, record->changes_len * sizeof(*record->changes));
	*record = (struct operation_record){ 0 };
}
