/* The program makes what a second implementation made from the document (tests/vectors/records.txt), and takes nothing else. */
#include "../lib/expect.h"
#include "folder.h"
#include "vectors.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/seal.h"
#include "records/codec.h"
#include "records/header_copy.h"
#include "records/value.h"
#include "vault/limits.h"

#define TIME INT64_C(1700000000000000)
#define ROOM 4096

static uint8_t store_id[ID_LEN], eid[ID_LEN], mount_id[ID_LEN];
static struct secret_key data_key, index_key, base_key;

static void fill(void *out, size_t len, unsigned first)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)(first + i);
}

static void known_random(void *out, size_t len)
{
	fill(out, len, 0xc0);
}

static struct text_span text(const char *at)
{
	return (struct text_span){ .at = at, .len = (uint32_t)strlen(at) };
}

static void is_vector(const char *name, const void *bytes, size_t len)
{
	uint8_t expected[ROOM];

	assert_int_equal(vector_bytes(name, expected, sizeof(expected)), len);
	assert_memory_equal(bytes, expected, len);
}

/* -- encodings -------------------------------------------------------------------------- */

static void put_data_key(struct secret_buf *out)
{
	struct data_key_record record = { .created = TIME };

	memcpy(record.key, data_key.bytes, KEY_LEN);
	encode_data_key(out, &record);
}

static void put_head(struct secret_buf *out)
{
	struct head_revision revisions[3] = { { .created = TIME + 1 }, { .created = TIME + 2, .deletion = TIME + 9 },
					      { .created = TIME + 3, .flags = REVISION_DESTROYED } };
	struct text_pair custom[] = { { text("on"), text("") }, { text("owner"), text("shop") } };
	struct text_span parents[] = { text("shop/base"), text("common") };
	struct head_record record = {
		.flags = HEAD_CAS_REQUIRED, .path = text("shop/production"), .created = TIME, .updated = TIME + 3,
		.data_key_version = 2, .max_revisions = 10, .delete_after_s = -1, .oldest = 5, .current = 7,
		.revisions = revisions, .revisions_len = 3, .custom = custom, .custom_len = 2, .parents = parents, .parents_len = 2,
	};

	memcpy(record.mount, mount_id, ID_LEN);
	for (unsigned i = 0; i < 3; i++)
		fill(revisions[i].pin, PIN_LEN, 0x10 * (i + 1));
	encode_head(out, &record);
}

static void put_revision(struct secret_buf *out)
{
	struct variable variables[] = {
		{ text("A"), KIND_TEXT, 1, 1, TIME, text("gr\xc3\xbcn") },
		{ text("B"), KIND_JSON, 2, 7, TIME + 1, text("1.10") },
		{ text("B2"), KIND_TEMPLATE, 3, 8, TIME + 2, text("${A}") },
		{ text("Z"), KIND_UNSET, 4, 9, TIME + 3, text("") },
	};
	struct revision_record record = { .revision = 9, .created = TIME + 4, .actor = text("root"), .accessor = text("0a0b"),
					  .message = text("why"), .variables = variables, .variables_len = CASES(variables) };

	encode_revision(out, &record);
	assert_int_equal(secret_buf_len(out), revision_encoded_len(&record));
}

static void put_text(struct secret_buf *out)
{
	encode_text(out, "{\"allow_names\":[\"PATH\"]}", 24);
}

static void put_token(struct secret_buf *out)
{
	struct text_span policies[] = { text("default"), text("app") }, cidrs[] = { text("10.0.0.0/8") };
	struct text_pair meta[] = { { text("j"), text("") }, { text("job"), text("build") } };
	struct token_record record = {
		.type = 0, .flags = TOKEN_RENEWABLE | TOKEN_ORPHAN, .creation_ttl = 3600, .explicit_max_ttl = 7200,
		.last_renewal = TIME + 5, .created = TIME, .expires = TIME + 6, .max_expires = TIME + 7, .period = 60,
		.uses_left = 4, .display = text("ci"), .path = text("auth/token/create"), .role_generation = 8, .bound_uid = -1,
		.policies = policies, .policies_len = 2, .meta = meta, .meta_len = 2, .cidrs = cidrs, .cidrs_len = 1,
	};

	fill(record.verifier, 16, 0x10);
	fill(record.parent, ID_LEN, 0x20);
	fill(record.role_id, 16, 0x30);
	encode_token(out, &record);
}

static void put_mount(struct secret_buf *out)
{
	struct mount_record record = { .class_ = MOUNT_AUTH, .path = text("auth/token/"), .type = text("token"),
				       .accessor = text("auth_token_1"), .settings = text("{}") };

	encode_mount(out, &record);
}

static void put_state(struct secret_buf *out)
{
	struct state_record record = {
		.flags = STATE_ANCHORED | STATE_SHRED_PENDING, .job = JOB_KEK, .kek_epoch = 2, .index_epoch = 3, .base_epoch = 4,
		.counter = 42, .n_live = 7, .n_revisions = 98, .header_seq = 5, .lmdb_txn_id = 43, .time = TIME,
		.time_high_water = TIME + 1, .tokens_not_before = TIME + 2, .fork_counter = 41,
	};

	fill(record.fork_id, ID_LEN, 0xc0);
	fill(record.previous_fork_id, ID_LEN, 0xd0);
	fill(record.batch_id, ID_LEN, 0xe0);
	fill(record.accumulator, 64, 0x00);
	fill(record.job_cursor, 64, 0x40);
	encode_state(out, &record);
}

/* What a decoder took, encoded again. */
static void nothing_to_free(const void *record)
{
	(void)record;
}

#define ROUND_TRIP(name, free_record) \
	static enum error_code again_##name(const uint8_t *plain, size_t len, struct secret_buf *again, struct error *err) \
	{ \
		struct name##_record record; \
		enum error_code code = decode_##name(plain, len, &record, err); \
\
		if (code != ERR_OK) \
			return code; \
		encode_##name(again, &record); \
		free_record(&record); \
		return ERR_OK; \
	} \
	struct round_trip_needs_semicolon_

ROUND_TRIP(data_key, nothing_to_free);
ROUND_TRIP(head, head_record_free);
ROUND_TRIP(revision, revision_record_free);
ROUND_TRIP(token, token_record_free);
ROUND_TRIP(mount, nothing_to_free);
ROUND_TRIP(state, nothing_to_free);

static enum error_code again_text(const uint8_t *plain, size_t len, struct secret_buf *again, struct error *err)
{
	struct text_span decoded;
	enum error_code code = decode_text(plain, len, &decoded, err);

	if (code == ERR_OK)
		encode_text(again, decoded.at, decoded.len);
	return code;
}

static const struct encoding {
	const char *vector;
	void (*put)(struct secret_buf *out);
	enum error_code (*again)(const uint8_t *plain, size_t len, struct secret_buf *again, struct error *err);
} encodings[] = {
	{ "enc_data_key", put_data_key, again_data_key }, { "enc_head", put_head, again_head },
	{ "enc_revision", put_revision, again_revision }, { "enc_text", put_text, again_text },
	{ "enc_token", put_token, again_token }, { "enc_mount", put_mount, again_mount }, { "enc_state", put_state, again_state },
};

static void encoders_make_the_known_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < CASES(encodings); i++) {
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(ROOM);

		encodings[i].put(out);
		assert_true(secret_buf_ok(out));
		is_vector(encodings[i].vector, secret_buf_bytes(out), secret_buf_len(out));
	}
}

/* The block is exactly as long as the encoding, so that a sanitizer sees a read of one byte more. */
static enum error_code take(const struct encoding *encoding, const uint8_t *plain, size_t len, struct secret_buf *again)
{
	struct error err = ERROR_INIT;
	uint8_t *exact = malloc(len > 0 ? len : 1);
	enum error_code code;

	assert_non_null(exact);
	memcpy(exact, plain, len);
	secret_buf_reset(again);
	code = encoding->again(exact, len, again, &err);
	assert_int_equal(code, err.code);
	assert_true(code == ERR_OK || code == ERR_RECORD);
	free(exact);
	return code;
}

static void decoders_take_what_encoders_make(void **state)
{
	cleanup_(secret_buf_freep) struct secret_buf *again = secret_buf_new(ROOM);
	uint8_t plain[ROOM];

	(void)state;
	for (size_t i = 0; i < CASES(encodings); i++) {
		size_t len = vector_bytes(encodings[i].vector, plain, sizeof(plain) - 1);

		assert_int_equal(take(&encodings[i], plain, len, again), ERR_OK);
		is_vector(encodings[i].vector, secret_buf_bytes(again), secret_buf_len(again));
		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(take(&encodings[i], plain, cut, again), ERR_RECORD);
		plain[len] = 0;
		assert_int_equal(take(&encodings[i], plain, len + 1, again), ERR_RECORD);
		for (unsigned version = 0; version < 256; version++) {
			plain[0] = (uint8_t)version;
			assert_int_equal(take(&encodings[i], plain, len, again), version == 1 ? ERR_OK : ERR_RECORD);
		}
	}
}

/* Whatever one byte becomes: refused, or another record with exactly these bytes. */
static void nothing_is_decoded_that_would_not_be_encoded(void **state)
{
	cleanup_(secret_buf_freep) struct secret_buf *again = secret_buf_new(ROOM);
	uint8_t plain[ROOM];

	(void)state;
	for (size_t i = 0; i < CASES(encodings); i++) {
		size_t len = vector_bytes(encodings[i].vector, plain, sizeof(plain));

		for (size_t at = 1; at < len; at++) {
			uint8_t right = plain[at];

			for (unsigned byte = 0; byte < 256; byte++) {
				plain[at] = (uint8_t)byte;
				if (take(&encodings[i], plain, len, again) != ERR_OK)
					continue;
				assert_int_equal(secret_buf_len(again), len);
				assert_memory_equal(secret_buf_bytes(again), plain, len);
			}
			plain[at] = right;
		}
	}
}

/* -- what decoders refuse though it has the right form -------------------------------------- */

static void refuse_with(size_t encoding, size_t at, const void *bytes, size_t bytes_len)
{
	cleanup_(secret_buf_freep) struct secret_buf *again = secret_buf_new(ROOM);
	uint8_t plain[ROOM];
	size_t len = vector_bytes(encodings[encoding].vector, plain, sizeof(plain));

	assert_true(at + bytes_len <= len);
	memcpy(plain + at, bytes, bytes_len);
	assert_int_equal(take(&encodings[encoding], plain, len, again), ERR_RECORD);
}

static void unknown_flags_and_kinds_are_refused(void **state)
{
	(void)state;
	refuse_with(1, 1, "\2", 1);		/* a flag of a head */
	refuse_with(1, 55, "\xe9\3\0\0", 4);	/* max_revisions 1,001 */
	refuse_with(1, 99, "\2", 1);		/* a flag of a revision in the head */
	refuse_with(2, 41, "\4", 1);		/* a kind of a variable */
	refuse_with(4, 17, "\2", 1);		/* a type of a token */
	refuse_with(4, 18, "\4", 1);		/* a flag of a token */
	refuse_with(5, 1, "\3", 1);		/* a class of a mount */
	refuse_with(6, 1, "\4", 1);		/* a flag of the state */
	refuse_with(6, 2, "\5", 1);		/* a job */
	refuse_with(6, 3, "\1", 1);		/* not zero */
}

static void counts_beyond_the_input_are_refused(void **state)
{
	(void)state;
	refuse_with(1, 67, "\1\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16);	/* revisions 1 ... 2^64 - 1 */
	refuse_with(1, 67, "\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 16);	/* 0 ... */
	refuse_with(1, 67, "\7\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0", 16);			/* the oldest after the current */
	refuse_with(2, 34, "\xff\xff\xff\xff", 4);					/* 2^32 - 1 variables */
}

/* Elements that take two bytes each: half as many as there are bytes can be there, and not one more. */
static void arrays_are_as_large_as_the_input_justifies(void **state)
{
	uint8_t plain[101] = { 1 };
	struct codec_reader reader = codec_reader_begin(plain, sizeof(plain));
	uint64_t *array = read_array(&reader, 50, sizeof(*array), 2);

	(void)state;
	assert_non_null(array);
	for (size_t i = 0; i < 50; i++)
		assert_int_equal(array[i], 0);
	assert_false(reader.failed);
	free(array);
	assert_null(read_array(&reader, 51, sizeof(*array), 2));
	assert_true(reader.failed);
	reader = codec_reader_begin(plain, sizeof(plain));
	assert_null(read_array(&reader, UINT64_MAX, sizeof(*array), 2));
	assert_true(reader.failed);
	reader = codec_reader_begin(plain, sizeof(plain));
	assert_null(read_array(&reader, 0, sizeof(*array), 2));
	assert_false(reader.failed);
}

static void maps_ascend(void **state)
{
	static const struct { const char *first, *second; enum error_code wanted; } cases[] = {
		{ "a", "b", ERR_OK }, { "a", "ab", ERR_OK }, { "", "a", ERR_OK }, { "Z", "a", ERR_OK }, { "z", "\xc3", ERR_OK },
		{ "b", "a", ERR_RECORD }, { "ab", "a", ERR_RECORD }, { "a", "a", ERR_RECORD }, { "", "", ERR_RECORD },
	};

	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct text_pair custom[] = { { text(cases[i].first), text("x") }, { text(cases[i].second), text("y") } };
		struct head_record head = { .path = text("p"), .custom = custom, .custom_len = 2 };
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(ROOM), *again = secret_buf_new(ROOM);

		encode_head(out, &head);
		assert_int_equal(take(&encodings[1], secret_buf_bytes(out), secret_buf_len(out), again), cases[i].wanted);
	}
}

/* -- what does not fit is not cut --------------------------------------------------------------- */

static void lists_and_texts_have_their_limits(void **state)
{
	enum { OVER = UINT16_MAX + 1 };
	struct text_span *texts = calloc(OVER, sizeof(*texts));
	char *long_text = calloc(OVER, 1);
	struct head_record head = { .path = text("p"), .parents = texts, .parents_len = UINT16_MAX };
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1 << 20);
	struct error err = ERROR_INIT;
	struct head_record decoded;

	(void)state;
	for (size_t i = 0; i < OVER; i++)
		texts[i] = text("");
	encode_head(out, &head);
	assert_true(secret_buf_ok(out));
	assert_int_equal(decode_head(secret_buf_bytes(out), secret_buf_len(out), &decoded, &err), ERR_OK);
	assert_int_equal(decoded.parents_len, UINT16_MAX);
	head_record_free(&decoded);
	head.parents_len = OVER;
	secret_buf_reset(out);
	encode_head(out, &head);
	assert_false(secret_buf_ok(out));
	head.parents_len = 0;
	head.path = (struct text_span){ .at = long_text, .len = UINT16_MAX };
	secret_buf_reset(out);
	encode_head(out, &head);
	assert_true(secret_buf_ok(out));
	head.path.len = OVER;
	secret_buf_reset(out);
	encode_head(out, &head);
	assert_false(secret_buf_ok(out));
	assert_fails(secret_buf_check(out, "a head", &err), &err, ERR_TOO_LARGE);
	free(long_text);
	free(texts);
}

/* -- keys, values, the accumulator ------------------------------------------------------------------ */

static void keys_are_the_known_ones(void **state)
{
	struct record_key key = record_key_data_key(eid, 2);

	(void)state;
	is_vector("key_data_key", key.bytes, key.len);
	key = record_key_head(&index_key, mount_id, "shop/production", 15);
	is_vector("key_head", key.bytes, key.len);
	key = record_key_setting(258);
	is_vector("key_setting", key.bytes, key.len);
	uint8_t scope[ID_LEN], index[ID_LEN];
	fill(scope, ID_LEN, 0xb0);
	blind_index(&index_key, 'H', scope, "shop/production", 15, index);
	is_vector("bidx_H", index, ID_LEN);
	key = record_key_state();
	assert_int_equal(key.len, 1);
	assert_int_equal(key.bytes[0], 1);
	/* no scope is sixteen zeros, and no two tables share an index */
	static const uint8_t zeros[ID_LEN];
	struct record_key one = record_key_blind(TABLE_POLICY, &index_key, 'C', NULL, "a", 1);
	key = record_key_blind(TABLE_POLICY, &index_key, 'C', zeros, "a", 1);
	assert_memory_equal(one.bytes, key.bytes, key.len);
	key = record_key_blind(TABLE_QUOTA, &index_key, 'U', NULL, "a", 1);
	assert_memory_not_equal(one.bytes + 1, key.bytes + 1, ID_LEN);
}

static void seals_as(const char *vector, const struct secret_key *key, struct record_key record_key,
		     struct value_header header, void (*put)(struct secret_buf *out))
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(ROOM), *opened = secret_buf_new(ROOM);
	struct value_header read;
	struct error err = ERROR_INIT;
	uint8_t value[ROOM];
	size_t len;

	if (put)
		put(encoding);
	len = value_len(record_key.bytes[0], secret_buf_len(encoding));
	value_seal(key, store_id, &record_key, &header, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, value);
	is_vector(vector, value, len);
	assert_int_equal(value_header_read(value, len, &record_key, &read, &err), ERR_OK);
	assert_int_equal(read.flags, header.flags);
	assert_int_equal(read.key_version, header.key_version);
	assert_int_equal(read.record_version, header.record_version);
	assert_memory_equal(read.kid, header.kid, ID_LEN);
	assert_int_equal(value_open(key, store_id, &record_key, value, len, opened, &err), ERR_OK);
	assert_int_equal(secret_buf_len(opened), secret_buf_len(encoding));
	assert_memory_equal(secret_buf_bytes(opened), secret_buf_bytes(encoding), secret_buf_len(encoding));
}

static void values_are_the_known_ones(void **state)
{
	struct value_header wrapped = { .key_version = 1, .record_version = 3 }, head = { .key_version = 2, .record_version = 7 };
	struct value_header of_state = { .key_version = 4, .record_version = 42 };
	struct value_header tombstone = { .flags = 1, .key_version = 1, .record_version = 6 };
	struct secret_key kek, state_key;

	(void)state;
	fill(kek.bytes, KEY_LEN, 0x10);
	derive_key(&base_key, 1, "vdSTATE_", &state_key);
	memcpy(wrapped.kid, eid, ID_LEN);
	memcpy(head.kid, eid, ID_LEN);
	memcpy(of_state.kid, store_id, ID_LEN);
	random_replace(known_random);
	seals_as("value_data_key", &kek, record_key_data_key(eid, 2), wrapped, put_data_key);
	seals_as("value_head", &data_key, record_key_head(&index_key, mount_id, "shop/production", 15), head, put_head);
	seals_as("value_state", &state_key, record_key_state(), of_state, put_state);
	seals_as("value_tombstone", &data_key, record_key_id(TABLE_SETTINGS, eid), tombstone, NULL);
	random_replace(NULL);
}

static void elements_are_the_known_ones(void **state)
{
	struct record_key key = record_key_head(&index_key, mount_id, "shop/production", 15);
	uint8_t value[ROOM], element[64], sum[64] = { 0 };
	struct secret_key accumulator_key;

	(void)state;
	vector_bytes("value_head", value, sizeof(value));
	derive_key(&base_key, 1, "vdACCUM_", &accumulator_key);
	accumulator_element(&accumulator_key, key.bytes, key.len, value, element);
	is_vector("accumulator_head", element, sizeof(element));
	accumulator_subtract(sum, element);
	is_vector("accumulator_less", sum, sizeof(sum));	/* below zero it begins again from 2^512 */
	accumulator_add(sum, element);
	assert_true(sodium_is_zero(sum, sizeof(sum)));
	/* a borrow and a carry that run through all limbs */
	const uint8_t one[64] = { 1 };
	accumulator_subtract(sum, one);
	for (size_t i = 0; i < sizeof(sum); i++)
		assert_int_equal(sum[i], 0xff);
	accumulator_add(sum, one);
	assert_true(sodium_is_zero(sum, sizeof(sum)));
}

/* Sealed under the right key, and still not what value_seal() makes: padding of another class, a length that lies. */
static void only_the_smallest_padding_opens(void **state)
{
	static const struct { uint32_t length, padded; uint8_t last; enum error_code wanted; } cases[] = {
		{ 5, 64, 0, ERR_OK }, { 60, 64, 1, ERR_OK }, { 61, 128, 0, ERR_OK }, { 124, 128, 0, ERR_OK },
		{ 5, 128, 0, ERR_RECORD }, { 60, 128, 0, ERR_RECORD }, { 59, 64, 1, ERR_RECORD }, { 5, 64, 1, ERR_RECORD },
		{ 61, 64, 0, ERR_RECORD }, { UINT32_MAX, 64, 0, ERR_RECORD }, { UINT32_MAX - 3, 64, 0, ERR_RECORD },
		{ 1, 65, 0, ERR_RECORD }, { 0, 63, 0, ERR_RECORD }, { 0, 4, 0, ERR_RECORD },
	};
	struct record_key key = record_key_id(TABLE_SETTINGS, eid);

	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		cleanup_(secret_buf_freep) struct secret_buf *opened = secret_buf_new(ROOM);
		uint8_t value[VALUE_OVERHEAD + 128] = { 1, 1, TABLE_SETTINGS }, plain[128] = { 0 }, aad[128];
		struct error err = ERROR_INIT;
		size_t len = 0;

		for (unsigned j = 0; j < 4; j++)
			plain[j] = (uint8_t)(cases[i].length >> 8 * j);
		plain[cases[i].padded - 1] |= cases[i].last;
		memcpy(aad, "VDrc", 4);
		memcpy(aad + 4, store_id, ID_LEN);
		memcpy(aad + 20, value, 32);
		aad[52] = key.len;
		aad[53] = 0;
		memcpy(aad + 54, key.bytes, key.len);
		len = 54u + key.len;
		for (unsigned j = 0; j < 4; j++)
			aad[len++] = (uint8_t)(cases[i].padded >> 8 * j);
		seal(&data_key, aad, len, plain, cases[i].padded, NULL, value + 32);
		assert_int_equal(value_open(&data_key, store_id, &key, value, VALUE_OVERHEAD + cases[i].padded, opened, &err),
				 cases[i].wanted);
		assert_int_equal(secret_buf_len(opened), cases[i].wanted == ERR_OK ? cases[i].length : 0);
		assert_true(cases[i].wanted == ERR_OK || strstr(err.text, "padded"));
	}
}

/* -- slots and the header ----------------------------------------------------------------------------- */

static void slot_keys_are_the_known_ones(void **state)
{
	struct secret_key hashed, derived;
	uint8_t contents[32], salt[16];

	(void)state;
	fill(contents, sizeof(contents), 0xe0);
	fill(salt, sizeof(salt), 0xd0);
	key_file_hash(contents, sizeof(contents), &hashed);
	slot_key_derive(SLOT_KEY_FILE, 5, store_id, salt, NULL, &hashed, NULL, &derived);
	is_vector("slot2_skek", derived.bytes, KEY_LEN);
	slot_key_derive(SLOT_CREDENTIAL, 6, store_id, salt, NULL, NULL, contents, &derived);
	is_vector("slot4_skek", derived.bytes, KEY_LEN);
}

static void the_header_is_the_known_one(void **state)
{
	static uint8_t file[2 * HEADER_COPY_LEN];
	static const unsigned firsts[] = { 0x10, 0x60, 0x20 };
	struct keyring keyring = { .min_counter = 40, .len = 3 };
	struct header *header = NULL;
	struct error err = ERROR_INIT;
	struct secret_key root_key;
	uint8_t contents[32], hash[32], id;
	struct slot_secret secret = { .type = SLOT_KEY_FILE, .key = contents, .key_len = sizeof(contents), .label = "first" };

	fill(contents, sizeof(contents), 0xe0);
	fill(root_key.bytes, KEY_LEN, 0);
	for (size_t i = 0; i < 3; i++) {
		keyring.keys[i] = (struct keyring_key){ (enum key_kind)(KEY_KEK + i), 1, TIME, secret_key_new() };
		fill(keyring.keys[i].key->bytes, KEY_LEN, firsts[i]);
	}
	random_replace(known_random);
	assert_int_equal(header_new(store_id, TIME, &root_key, &keyring, &header, &err), ERR_OK);
	assert_int_equal(slot_make(header, &secret, &root_key, TIME + 1, &id, &err), ERR_OK);
	assert_int_equal(header_create(header, &root_key, ((struct folder *)*state)->path, &err), ERR_OK);
	random_replace(NULL);
	header_free(header);
	keyring_free_keys(&keyring);
	assert_int_equal(folder_read(*state, HEADER_FILE, file, sizeof(file)), sizeof(file));
	for (size_t number = 0; number < 2; number++) {
		crypto_generichash_blake2b(hash, sizeof(hash), file + number * HEADER_COPY_LEN, HEADER_COPY_LEN, NULL, 0);
		is_vector("header_hash", hash, sizeof(hash));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoders_make_the_known_bytes),
		cmocka_unit_test(decoders_take_what_encoders_make),
		cmocka_unit_test(nothing_is_decoded_that_would_not_be_encoded),
		cmocka_unit_test(unknown_flags_and_kinds_are_refused),
		cmocka_unit_test(counts_beyond_the_input_are_refused),
		cmocka_unit_test(arrays_are_as_large_as_the_input_justifies),
		cmocka_unit_test(maps_ascend),
		cmocka_unit_test(lists_and_texts_have_their_limits),
		cmocka_unit_test(keys_are_the_known_ones),
		cmocka_unit_test(values_are_the_known_ones),
		cmocka_unit_test(elements_are_the_known_ones),
		cmocka_unit_test(only_the_smallest_padding_opens),
		cmocka_unit_test(slot_keys_are_the_known_ones),
		cmocka_unit_test_setup_teardown(the_header_is_the_known_one, folder_setup, folder_teardown),
	};
	struct error err = ERROR_INIT;

	if (secret_arena_start(&err) != ERR_OK)
		return 1;
	fill(store_id, ID_LEN, 0xa0);
	fill(eid, ID_LEN, 0xb0);
	fill(mount_id, ID_LEN, 0xd0);
	fill(data_key.bytes, KEY_LEN, 0x40);
	fill(index_key.bytes, KEY_LEN, 0x60);
	fill(base_key.bytes, KEY_LEN, 0x20);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
