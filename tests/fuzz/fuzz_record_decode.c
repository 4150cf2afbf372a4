/*
 * The first byte names the table, the rest is an encoding: what a decoder takes,
 * its encoder must make again, byte for byte, and names must ascend. So there is
 * one encoding of each record, and nothing that is decoded is lost.
 */
#include <sodium.h>
#include <string.h>

#include "fuzz_expect.h"
#include "records/batch_token.h"
#include "records/tables.h"
#include "records/tables_access.h"
#include "records/tables_rotation.h"

#define ROOM (1u << 22)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (sodium_init() < 0)
		abort();
	return 0;
}

/* Decodes, and encodes again when that went well. */
typedef enum error_code round_trip(const uint8_t *plain, size_t len, struct secret_buf *again, struct error *err);

#define ROUND_TRIP(name, check, free_record) \
	static enum error_code again_##name(const uint8_t *plain, size_t len, struct secret_buf *again, \
					    struct error *err) \
	{ \
		struct name##_record record; \
		enum error_code code = decode_##name(plain, len, &record, err); \
\
		if (code != ERR_OK) \
			return code; \
		check(&record); \
		encode_##name(again, &record); \
		free_record(&record); \
		return ERR_OK; \
	} \
	struct round_trip_needs_semicolon_

static void nothing_to_free(const void *record)
{
	(void)record;
}

static void nothing_to_check(const void *record)
{
	(void)record;
}

static void expect_ascending(struct text_span a, struct text_span b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common > 0 ? memcmp(a.at, b.at, common) : 0;

	fuzz_expect(order < 0 || (order == 0 && a.len < b.len));
}

static void expect_map(const struct text_pair *pairs, size_t len)
{
	for (size_t i = 1; i < len; i++)
		expect_ascending(pairs[i - 1].key, pairs[i].key);
}

static void check_head(const struct head_record *record)
{
	expect_map(record->custom, record->custom_len);
	fuzz_expect(record->revisions_len == (record->current == 0 ? 0 : record->current - record->oldest + 1));
}

static void check_revision(const struct revision_record *record)
{
	for (size_t i = 0; i < record->variables_len; i++) {
		struct text_span name = record->variables[i].name;

		if (i > 0)
			expect_ascending(record->variables[i - 1].name, name);
		fuzz_expect(revision_find(record, name.at, name.len) == &record->variables[i]);
	}
}

static void check_rotation(const struct rotation_record *record)
{
	for (size_t i = 1; i < record->variables_len; i++)
		expect_ascending(record->variables[i - 1], record->variables[i]);
}

static void check_operation(const struct operation_record *record)
{
	for (size_t i = 1; i < record->changes_len; i++)
		expect_ascending(record->changes[i - 1].name, record->changes[i].name);
}

static void check_token(const struct token_record *record)
{
	expect_map(record->meta, record->meta_len);
}

static void check_batch(const struct batch_record *record)
{
	expect_map(record->meta, record->meta_len);
}

static void check_secret_id(const struct secret_id_record *record)
{
	expect_map(record->meta, record->meta_len);
}

ROUND_TRIP(state, nothing_to_check, nothing_to_free);
ROUND_TRIP(data_key, nothing_to_check, nothing_to_free);
ROUND_TRIP(head, check_head, head_record_free);
ROUND_TRIP(revision, check_revision, revision_record_free);
ROUND_TRIP(schema, nothing_to_check, nothing_to_free);
ROUND_TRIP(rotation, check_rotation, rotation_record_free);
ROUND_TRIP(operation, check_operation, operation_record_free);
ROUND_TRIP(token, check_token, token_record_free);
ROUND_TRIP(batch, check_batch, batch_record_free);
ROUND_TRIP(secret_id, check_secret_id, secret_id_record_free);
ROUND_TRIP(revoked, nothing_to_check, nothing_to_free);
ROUND_TRIP(policy, nothing_to_check, nothing_to_free);
ROUND_TRIP(mount, nothing_to_check, nothing_to_free);
ROUND_TRIP(role, nothing_to_check, nothing_to_free);
ROUND_TRIP(wrapped, nothing_to_check, nothing_to_free);
ROUND_TRIP(idempotency, nothing_to_check, nothing_to_free);
ROUND_TRIP(cubbyhole, nothing_to_check, nothing_to_free);
ROUND_TRIP(quota, nothing_to_check, nothing_to_free);

static enum error_code again_text(const uint8_t *plain, size_t len, struct secret_buf *again, struct error *err)
{
	struct text_span text;
	enum error_code code = decode_text(plain, len, &text, err);

	if (code == ERR_OK)
		encode_text(again, text.at, text.len);
	return code;
}

static round_trip *const tables[256] = {
	['b'] = again_batch,	/* no table: what a batch token holds */
	[TABLE_STATE] = again_state,
	[TABLE_DATA_KEY] = again_data_key,
	[TABLE_HEAD] = again_head,
	[TABLE_REVISION] = again_revision,
	[TABLE_SCHEMA] = again_schema,
	[TABLE_POLICY_ROTATION] = again_rotation,
	[TABLE_OPERATION] = again_operation,
	[TABLE_TOKEN] = again_token,
	[TABLE_SECRET_ID] = again_secret_id,
	[TABLE_REVOKED] = again_revoked,
	[TABLE_POLICY] = again_policy,
	[TABLE_MOUNT] = again_mount,
	[TABLE_ROLE] = again_role,
	[TABLE_WRAPPED] = again_wrapped,
	[TABLE_SETTING] = again_text,
	[TABLE_IDEMPOTENCY] = again_idempotency,
	[TABLE_SETTINGS] = again_text,
	[TABLE_CUBBYHOLE] = again_cubbyhole,
	[TABLE_QUOTA] = again_quota,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cleanup_(secret_buf_freep) struct secret_buf *again = secret_buf_new(ROOM);
	struct error err = ERROR_INIT;

	if (len == 0 || !tables[data[0]])
		return 0;
	enum error_code code = tables[data[0]](data + 1, len - 1, again, &err);
	fuzz_expect(code == err.code);
	fuzz_expect(code == ERR_OK || code == ERR_RECORD);
	if (code != ERR_OK)
		return 0;
	fuzz_expect(secret_buf_ok(again));
	fuzz_expect(secret_buf_len(again) == len - 1);
	fuzz_expect(memcmp(secret_buf_bytes(again), data + 1, len - 1) == 0);
	return 0;
}
