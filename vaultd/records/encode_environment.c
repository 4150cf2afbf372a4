/* Encodings of what belongs to an environment: data key, head, revision, settings. */
#include <sodium.h>

#include "records/codec.h"
#include "records/tables.h"
#include "vault/limits.h"

#define HEAD_REVISION_ENCODED (8 + 8 + 1 + PIN_LEN)
#define VARIABLE_FIXED (2 + 1 + 4 + 8 + 8 + 4)	/* what a variable takes beside its name and value */
#define REVISION_FIXED (1 + 8 + 8 + 2 + 2 + 2 + 4)

/* -- K ------------------------------------------------------------------- */

void encode_data_key(struct secret_buf *out, const struct data_key_record *record)
{
	write_u8(out, 1);
	write_i64(out, record->created);
	secret_buf_append(out, record->key, KEY_LEN);
}

enum error_code decode_data_key(const uint8_t *plain, size_t len, struct data_key_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct data_key_record record = { .created = read_i64(&reader) };
	enum error_code code;

	read_bytes(&reader, record.key, KEY_LEN);
	code = codec_reader_end(&reader, "a data key", err);
	if (code == ERR_OK)
		*ret = record;
	sodium_memzero(&record, sizeof(record));
	return code;
}

/* -- H ------------------------------------------------------------------- */

void encode_head(struct secret_buf *out, const struct head_record *record)
{
	write_u8(out, 1);
	write_u8(out, record->flags);
	secret_buf_append(out, record->mount, ID_LEN);
	write_s16(out, record->path);
	write_i64(out, record->created);
	write_i64(out, record->updated);
	write_u32(out, record->data_key_version);
	write_u32(out, record->max_revisions);
	write_i64(out, record->delete_after_s);
	write_u64(out, record->oldest);
	write_u64(out, record->current);
	for (size_t i = 0; i < record->revisions_len; i++) {
		write_i64(out, record->revisions[i].created);
		write_i64(out, record->revisions[i].deletion);
		write_u8(out, record->revisions[i].flags);
		secret_buf_append(out, record->revisions[i].pin, PIN_LEN);
	}
	write_pairs(out, record->custom, record->custom_len);
	write_texts(out, record->parents, record->parents_len);
}

static void read_head_revisions(struct codec_reader *reader, struct head_record *record)
{
	uint64_t count = record->current == 0 ? 0 : record->current - record->oldest + 1;

	/* No revision yet: both are 0. Otherwise 1 <= oldest <= current. */
	if ((record->current == 0) != (record->oldest == 0) || record->oldest > record->current) {
		read_fail(reader);
		return;
	}
	record->revisions = read_array(reader, count, sizeof(*record->revisions), HEAD_REVISION_ENCODED);
	record->revisions_len = record->revisions ? (size_t)count : 0;
	for (size_t i = 0; i < record->revisions_len; i++) {
		struct head_revision *revision = &record->revisions[i];

		revision->created = read_i64(reader);
		revision->deletion = read_i64(reader);
		revision->flags = read_u8(reader);
		read_bytes(reader, revision->pin, PIN_LEN);
		if (revision->flags & ~REVISION_DESTROYED)
			read_fail(reader);
	}
}

enum error_code decode_head(const uint8_t *plain, size_t len, struct head_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct head_record record = { .flags = read_u8(&reader) };
	enum error_code code;

	read_bytes(&reader, record.mount, ID_LEN);
	record.path = read_s16(&reader);
	record.created = read_i64(&reader);
	record.updated = read_i64(&reader);
	record.data_key_version = read_u32(&reader);
	record.max_revisions = read_u32(&reader);
	record.delete_after_s = read_i64(&reader);
	record.oldest = read_u64(&reader);
	record.current = read_u64(&reader);
	if ((record.flags & ~HEAD_CAS_REQUIRED) || record.max_revisions > LIMIT_MAX_VERSIONS)
		read_fail(&reader);
	read_head_revisions(&reader, &record);
	record.custom = read_pairs(&reader, &record.custom_len);
	record.parents = read_texts(&reader, &record.parents_len);
	code = codec_reader_end(&reader, "an environment's head", err);
	if (code == ERR_OK)
		*ret = record;
	else
		head_record_free(&record);
	return code;
}

void head_record_free(struct head_record *record)
{
	free_wiped(record->revisions, record->revisions_len * sizeof(*record->revisions));
	free_wiped(record->custom, record->custom_len * sizeof(*record->custom));
	free_wiped(record->parents, record->parents_len * sizeof(*record->parents));
	*record = (struct head_record){ 0 };
}

struct head_revision *head_find_revision(const struct head_record *record, uint64_t revision)
{
	if (record->current == 0 || revision < record->oldest || revision > record->current)
		return NULL;
	return &record->revisions[revision - record->oldest];
}

/* -- R ------------------------------------------------------------------- */

void encode_revision(struct secret_buf *out, const struct revision_record *record)
{
	write_u8(out, 1);
	write_u64(out, record->revision);
	write_i64(out, record->created);
	write_s16(out, record->actor);
	write_s16(out, record->accessor);
	write_s16(out, record->message);
	write_u32(out, (uint32_t)record->variables_len);
	for (size_t i = 0; i < record->variables_len; i++) {
		const struct variable *variable = &record->variables[i];

		write_s16(out, variable->name);
		write_u8(out, variable->kind);
		write_u32(out, variable->version);
		write_u64(out, variable->changed_revision);
		write_i64(out, variable->changed);
		write_s32(out, variable->value);
	}
}

size_t revision_encoded_len(const struct revision_record *record)
{
	size_t len = REVISION_FIXED + record->actor.len + record->accessor.len + record->message.len;

	for (size_t i = 0; i < record->variables_len; i++)
		len += VARIABLE_FIXED + (size_t)record->variables[i].name.len + record->variables[i].value.len;
	return len;
}

static void read_variable(struct codec_reader *reader, struct variable *variable)
{
	variable->name = read_s16(reader);
	variable->kind = read_u8(reader);
	variable->version = read_u32(reader);
	variable->changed_revision = read_u64(reader);
	variable->changed = read_i64(reader);
	variable->value = read_s32(reader);
	if (variable->kind > KIND_UNSET)
		read_fail(reader);
}

enum error_code decode_revision(const uint8_t *plain, size_t len, struct revision_record *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct revision_record record = { .revision = read_u64(&reader) };
	enum error_code code;
	uint32_t count;

	record.created = read_i64(&reader);
	record.actor = read_s16(&reader);
	record.accessor = read_s16(&reader);
	record.message = read_s16(&reader);
	count = read_u32(&reader);
	record.variables = read_array(&reader, count, sizeof(*record.variables), VARIABLE_FIXED);
	record.variables_len = record.variables ? count : 0;
	for (size_t i = 0; i < record.variables_len; i++) {
		read_variable(&reader, &record.variables[i]);
		if (i > 0 && text_span_compare(record.variables[i - 1].name, record.variables[i].name) >= 0)
			read_fail(&reader);
	}
	code = codec_reader_end(&reader, "a revision", err);
	if (code == ERR_OK)
		*ret = record;
	else
		revision_record_free(&record);
	return code;
}

void revision_record_free(struct revision_record *record)
{
	free_wiped(record->variables, record->variables_len * sizeof(*record->variables));
	*record = (struct revision_record){ 0 };
}

const struct variable *revision_find(const struct revision_record *record, const char *name, size_t name_len)
{
	size_t low = 0, high = record->variables_len;
	struct text_span wanted = { .at = name, .len = (uint32_t)name_len };

	if (name_len > UINT16_MAX)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = text_span_compare(wanted, record->variables[middle].name);

		if (order == 0)
			return &record->variables[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* -- Q, G ---------------------------------------------------------------- */

void encode_text(struct secret_buf *out, const char *text, size_t len)
{
	write_u8(out, 1);
	write_s32(out, (struct text_span){ .at = text, .len = (uint32_t)len });
}

enum error_code decode_text(const uint8_t *plain, size_t len, struct text_span *ret, struct error *err)
{
	struct codec_reader reader = codec_reader_begin(plain, len);
	struct text_span text = read_s32(&reader);
	enum error_code code = codec_reader_end(&reader, "settings", err);

	if (code == ERR_OK)
		*ret = text;
	return code;
}
