/* The tables that operations of later versions write: their bytes are part of format 1 and stand here by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "records/tables_access.h"
#include "records/tables_rotation.h"

#define ENCODING_MAX 4096
#define BYTES_A "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
#define BYTES_B "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"
#define TIME_ONE "0100000000000000"
#define TIME_TWO "0200000000000000"
#define TIME_MINUS_ONE "ffffffffffffffff"

static struct text_span text(const char *at)
{
	return (struct text_span){ .at = at, .len = (uint32_t)strlen(at) };
}

static void fill(uint8_t *out, size_t len, unsigned first)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(first + i);
}

/* One decoder in the form of all: what it decoded is encoded again into again. */
typedef enum error_code decoder(const uint8_t *plain, size_t len, struct secret_buf *again, struct error *err);

#define ROUND_TRIP(name, free_record) \
	static enum error_code again_##name(const uint8_t *plain, size_t len, struct secret_buf *again, \
					    struct error *err) \
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

static void nothing_to_free(const void *record)
{
	(void)record;
}

ROUND_TRIP(schema, nothing_to_free);
ROUND_TRIP(rotation, rotation_record_free);
ROUND_TRIP(operation, operation_record_free);
ROUND_TRIP(secret_id, secret_id_record_free);
ROUND_TRIP(revoked, nothing_to_free);
ROUND_TRIP(policy, nothing_to_free);
ROUND_TRIP(role, nothing_to_free);
ROUND_TRIP(wrapped, nothing_to_free);
ROUND_TRIP(idempotency, nothing_to_free);
ROUND_TRIP(cubbyhole, nothing_to_free);
ROUND_TRIP(quota, nothing_to_free);

static enum error_code decode_exact(decoder *decode, const uint8_t *plain, size_t len, struct secret_buf *again)
{
	struct error err = ERROR_INIT;
	uint8_t *exact = malloc(len > 0 ? len : 1);	/* the sanitizer sees a read behind its end */

	assert_non_null(exact);
	memcpy(exact, plain, len);
	secret_buf_reset(again);
	enum error_code code = decode(exact, len, again, &err);
	assert_int_equal(code, err.code);
	free(exact);
	return code;
}

/* The encoding is these bytes; they decode to what they were made of; no other length and no other version decodes. */
static void is_encoded_as(const struct secret_buf *encoding, const char *hex, decoder *decode)
{
	uint8_t expected[ENCODING_MAX + 1];
	size_t len;
	cleanup_(secret_buf_freep) struct secret_buf *again = secret_buf_new(ENCODING_MAX);

	assert_non_null(again);
	assert_int_equal(sodium_hex2bin(expected, ENCODING_MAX, hex, strlen(hex), NULL, &len, NULL), 0);
	assert_true(secret_buf_ok(encoding));
	assert_int_equal(secret_buf_len(encoding), len);
	assert_memory_equal(secret_buf_bytes(encoding), expected, len);

	assert_int_equal(decode_exact(decode, expected, len, again), ERR_OK);
	assert_int_equal(secret_buf_len(again), len);
	assert_memory_equal(secret_buf_bytes(again), expected, len);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(decode_exact(decode, expected, cut, again), ERR_RECORD);
	expected[len] = 0;
	assert_int_equal(decode_exact(decode, expected, len + 1, again), ERR_RECORD);
	for (unsigned version = 0; version < 256; version++) {
		expected[0] = (uint8_t)version;
		assert_int_equal(decode_exact(decode, expected, len, again), version == 1 ? ERR_OK : ERR_RECORD);
	}
	/* Whatever one byte becomes: refused, or another record with exactly these bytes. */
	expected[0] = 1;
	for (size_t at = 1; at < len; at++) {
		uint8_t kept = expected[at];
		for (unsigned byte = 0; byte < 256; byte++) {
			expected[at] = (uint8_t)byte;
			if (decode_exact(decode, expected, len, again) == ERR_OK) {
				assert_int_equal(secret_buf_len(again), len);
				assert_memory_equal(secret_buf_bytes(again), expected, len);
			}
		}
		expected[at] = kept;
	}
}

static void refused(const char *hex, decoder *decode)
{
	uint8_t bytes[ENCODING_MAX];
	size_t len;
	cleanup_(secret_buf_freep) struct secret_buf *again = secret_buf_new(ENCODING_MAX);

	assert_non_null(again);
	assert_int_equal(sodium_hex2bin(bytes, sizeof(bytes), hex, strlen(hex), NULL, &len, NULL), 0);
	assert_int_equal(decode_exact(decode, bytes, len, again), ERR_RECORD);
}

static int setup(void **state)
{
	*state = secret_buf_new(ENCODING_MAX);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	secret_buf_free(*state);
	return 0;
}

static void schema(void **state)
{
	encode_schema(*state, &(struct schema_record){ .mode = SCHEMA_ENFORCE, .updated = 1, .actor = text("al"),
						       .text = text("A=") });
	is_encoded_as(*state, "01" "01" TIME_ONE "0200" "616c" "02000000" "413d", again_schema);
	refused("01" "02" TIME_ONE "0200" "616c" "02000000" "413d", again_schema);
	refused("01" "01" TIME_ONE "0200" "616c" "ffffffff" "413d", again_schema);
}

static void rotation(void **state)
{
	struct text_span variables[] = { text("A"), text("AB"), text("B") };

	encode_rotation(*state, &(struct rotation_record){
		.kind = text("pg"), .variables = variables, .variables_len = 3, .spec = text("{}"), .next_due = 1,
		.last_ok = 2, .attempts = 3,
	});
	is_encoded_as(*state, "01" "00" "0200" "7067" "0300" "0100" "41" "0200" "4142" "0100" "42"
		      "02000000" "7b7d" TIME_ONE TIME_TWO "03000000", again_rotation);
	refused("01" "01" "0000" "0000" "00000000" TIME_ONE TIME_TWO "00000000", again_rotation);
	refused("01" "00" "0000" "0200" "0100" "42" "0100" "41" "00000000" TIME_ONE TIME_TWO "00000000",
		again_rotation);
	refused("01" "00" "0000" "0200" "0100" "41" "0100" "41" "00000000" TIME_ONE TIME_TWO "00000000",
		again_rotation);
	refused("01" "00" "0000" "ffff" "0100" "41" "00000000" TIME_ONE TIME_TWO "00000000", again_rotation);
}

static void operation(void **state)
{
	struct operation_change changes[] = {
		{ .name = text("A"), .new_value = text("new"), .previous = text("") },
		{ .name = text("B"), .new_value = text("n"), .previous = text("old") },
	};

	encode_operation(*state, &(struct operation_record){
		.state = 4, .slot = -1, .fence = 2, .target_revision = 3, .changes = changes, .changes_len = 2,
		.set_ok = 1, .finish_ok = 2, .attempts = 5, .backoff_until = 1, .error = text("no"),
	});
	is_encoded_as(*state, "01" "04" TIME_MINUS_ONE TIME_TWO "0300000000000000" "0200"
		      "0100" "41" "03000000" "6e6577" "00000000" "0100" "42" "01000000" "6e" "03000000" "6f6c64"
		      TIME_ONE TIME_TWO "05000000" TIME_ONE "0200" "6e6f", again_operation);
	refused("01" "04" TIME_ONE TIME_ONE TIME_ONE "0200" "0100" "42" "00000000" "00000000"
		"0100" "41" "00000000" "00000000" TIME_ONE TIME_TWO "05000000" TIME_ONE "0000", again_operation);
	refused("01" "04" TIME_ONE TIME_ONE TIME_ONE "0200" "0100" "41" "00000000" "00000000"
		"0100" "41" "00000000" "00000000" TIME_ONE TIME_TWO "05000000" TIME_ONE "0000", again_operation);
	refused("01" "04" TIME_ONE TIME_ONE TIME_ONE "ffff" TIME_ONE TIME_TWO "05000000" TIME_ONE "0000",
		again_operation);
}

static void secret_id(void **state)
{
	struct text_pair meta[] = { { text("k"), text("v") }, { text("l"), text("") } };
	struct text_span cidrs[] = { text("::/0"), text("10.0.0.0/8") };
	struct secret_id_record record = {
		.created = 1, .expires = 2, .uses_left = 7, .meta = meta, .meta_len = 2, .cidrs = cidrs, .cidrs_len = 2,
	};

	fill(record.verifier, 16, 0xa0);
	fill(record.role_id, 16, 0xb0);
	encode_secret_id(*state, &record);
	is_encoded_as(*state, "01" BYTES_A BYTES_B TIME_ONE TIME_TWO "07000000"
		      "0200" "0100" "6b" "0100" "76" "0100" "6c" "0000"
		      "0200" "0400" "3a3a2f30" "0a00" "31302e302e302e302f38", again_secret_id);
	refused("01" BYTES_A BYTES_B TIME_ONE TIME_TWO "07000000"
		"0200" "0100" "6c" "0000" "0100" "6b" "0000" "0000",
		again_secret_id);
	refused("01" BYTES_A BYTES_B TIME_ONE TIME_TWO "07000000" "ffff" "0000" "0000", again_secret_id);
}

static void revoked(void **state)
{
	encode_revoked(*state, &(struct revoked_record){ .expires = -1 });
	is_encoded_as(*state, "01" TIME_MINUS_ONE, again_revoked);
}

static void policy(void **state)
{
	encode_policy(*state, &(struct policy_record){ .name = text("ops"), .updated = 2, .text = text("x") });
	is_encoded_as(*state, "01" "0300" "6f7073" TIME_TWO "01000000" "78", again_policy);
	refused("01" "0400" "6f7073" TIME_TWO "01000000" "78", again_policy);
}

static void role(void **state)
{
	struct role_record record = { .kind = ROLE_USER, .name = text("bo"), .generation = 9, .settings = text("{}") };

	fill(record.mount, ID_LEN, 0xb0);
	encode_role(*state, &record);
	is_encoded_as(*state, "01" BYTES_B "03" "0200" "626f" "09000000" "02000000" "7b7d", again_role);
	refused("01" BYTES_B "00" "0200" "626f" "09000000" "02000000" "7b7d", again_role);
	refused("01" BYTES_B "06" "0200" "626f" "09000000" "02000000" "7b7d", again_role);
}

static void wrapped(void **state)
{
	struct wrapped_record record = { .created = 1, .expires = 2, .path = text("p"), .body = text("body") };

	fill(record.verifier, 16, 0xa0);
	encode_wrapped(*state, &record);
	is_encoded_as(*state, "01" BYTES_A TIME_ONE TIME_TWO "0100" "70" "04000000" "626f6479", again_wrapped);
}

static void idempotency(void **state)
{
	struct idempotency_record record = { .created = 1, .counter = 2, .status = 404, .answer = text("!") };

	fill(record.request_hash, 32, 0xa0);
	encode_idempotency(*state, &record);
	is_encoded_as(*state, "01" TIME_ONE TIME_TWO BYTES_A BYTES_B "9401" "01000000" "21", again_idempotency);
}

static void cubbyhole(void **state)
{
	struct cubbyhole_record record = { .path = text("a/b"), .json = text("{}") };

	fill(record.token_id, ID_LEN, 0xb0);
	encode_cubbyhole(*state, &record);
	is_encoded_as(*state, "01" BYTES_B "0300" "612f62" "02000000" "7b7d", again_cubbyhole);
}

static void quota(void **state)
{
	encode_quota(*state, &(struct quota_record){ .name = text("q"), .json = text("") });
	is_encoded_as(*state, "01" "0100" "71" "00000000", again_quota);
}

/* A length of 16 bits holds 65,535 bytes and no more: one more makes no encoding instead of a cut one. */
static void longest_text(void **state)
{
	(void)state;
	static char long_text[65537];
	struct quota_record record = { .name = { .at = long_text, .len = 65535 }, .json = text("") }, decoded;
	struct error err = ERROR_INIT;
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1 << 20);

	assert_non_null(out);
	memset(long_text, 'x', sizeof(long_text));
	encode_quota(out, &record);
	assert_true(secret_buf_ok(out));
	assert_int_equal(decode_quota(secret_buf_bytes(out), secret_buf_len(out), &decoded, &err), ERR_OK);
	assert_int_equal(decoded.name.len, 65535);
	secret_buf_reset(out);
	record.name.len = 65536;
	encode_quota(out, &record);
	assert_false(secret_buf_ok(out));
}

#if !defined(__SANITIZE_ADDRESS__)	/* the sanitizer takes memory of its own */
/* A machine without memory is no damaged record. */
static void memory_that_is_out(void **state)
{
	(void)state;
	enum { COUNT = 40000 };
	struct rlimit before, none;
	struct rotation_record decoded;
	struct error err = ERROR_INIT;
	static uint8_t plain[1 + 1 + 2 + 2 + COUNT * 2] = { 1, 0, 0, 0, COUNT & 0xff, COUNT >> 8 };

	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	none = before;
	none.rlim_cur = 1;	/* so the 640,000 bytes of the list cannot be had */
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	enum error_code code = decode_rotation(plain, sizeof(plain), &decoded, &err);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_int_equal(code, ERR_NO_MEMORY);
	error_clear(&err);
	assert_int_equal(decode_rotation(plain, sizeof(plain), &decoded, &err), ERR_RECORD);
}
#endif

static void key_is(struct record_key key, const char *hex)
{
	uint8_t expected[RECORD_KEY_MAX];
	size_t len;

	assert_int_equal(sodium_hex2bin(expected, sizeof(expected), hex, strlen(hex), NULL, &len, NULL), 0);
	assert_int_equal(key.len, len);
	assert_memory_equal(key.bytes, expected, len);
}

static void keys(void **state)
{
	(void)state;
	uint8_t id[ID_LEN], role_name[] = { ROLE_USER, 'b', 'o' };
	struct secret_key key;
	struct record_key made, blind;

	fill(id, ID_LEN, 0xa0);
	fill(key.bytes, KEY_LEN, 0x60);
	key_is(record_key_rotation(id, 0x01020304), "50" BYTES_A "01020304");
	key_is(record_key_operation(id, 1, 0x0102030405060708), "4f" BYTES_A "00000001" "0102030405060708");
	made = record_key_role(&key, id, ROLE_USER, "bo", 2);
	blind = record_key_blind(TABLE_ROLE, &key, 'L', id, role_name, sizeof(role_name));
	assert_int_equal(made.len, 1 + ID_LEN);
	assert_memory_equal(made.bytes, blind.bytes, made.len);
	/* BLAKE2b-128 of a0..af and "again" under 60..7f with that personalisation, by Python's hashlib. */
	key_is(record_key_idempotency(&key, id, "again", 5), "49" "1e39f054a98574b9be2af90705dd2048");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(schema, setup, teardown),
		cmocka_unit_test_setup_teardown(rotation, setup, teardown),
		cmocka_unit_test_setup_teardown(operation, setup, teardown),
		cmocka_unit_test_setup_teardown(secret_id, setup, teardown),
		cmocka_unit_test_setup_teardown(revoked, setup, teardown),
		cmocka_unit_test_setup_teardown(policy, setup, teardown),
		cmocka_unit_test_setup_teardown(role, setup, teardown),
		cmocka_unit_test_setup_teardown(wrapped, setup, teardown),
		cmocka_unit_test_setup_teardown(idempotency, setup, teardown),
		cmocka_unit_test_setup_teardown(cubbyhole, setup, teardown),
		cmocka_unit_test_setup_teardown(quota, setup, teardown),
		cmocka_unit_test(longest_text),
#if !defined(__SANITIZE_ADDRESS__)
		cmocka_unit_test(memory_that_is_out),
#endif
		cmocka_unit_test(keys),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
