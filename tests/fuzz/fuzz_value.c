/*
 * A stored value. Byte 0 chooses what the rest is: any bytes, which must never
 * open; an encoding that is sealed, opened, changed in one bit and refused; or a
 * padded plaintext under a right seal, which opens only when it is what sealing
 * that encoding makes.
 */
#include <endian.h>
#include <sodium.h>
#include <string.h>

#include "crypto/seal.h"
#include "fuzz_expect.h"
#include "records/value.h"
#include "vault/limits.h"

static const struct secret_key key = { { 1, 2, 3 } };
static const uint8_t store_id[ID_LEN] = { 4, 5, 6 };
static const struct record_key record_key = { .len = 17, .bytes = { 'Q', 7, 8, 9 } };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (sodium_init() < 0)
		abort();
	return 0;
}

static enum error_code open_value(const uint8_t *value, size_t len, struct secret_buf *out)
{
	struct error err = ERROR_INIT;
	enum error_code code = value_open(&key, store_id, &record_key, value, len, out, &err);

	fuzz_expect(code == err.code);
	fuzz_expect(code == ERR_OK || code == ERR_RECORD || code == ERR_FORMAT_NEWER);
	fuzz_expect(code == ERR_OK || secret_buf_len(out) == 0);
	return code;
}

static void any_bytes(const uint8_t *value, size_t len)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(VALUE_PADDED_MAX);

	fuzz_expect(open_value(value, len, out) != ERR_OK);
}

static void seal_open_and_flip(const uint8_t *encoding, size_t len, size_t flip)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(VALUE_PADDED_MAX);
	const struct value_header header = { .key_version = 1, .record_version = 2 };

	if (len > LIMIT_REVISION_PLAIN)
		return;
	size_t value_length = value_len(TABLE_SETTINGS, len);
	uint8_t *value = malloc(value_length);
	fuzz_expect(value);
	value_seal(&key, store_id, &record_key, &header, encoding, len, NULL, value);
	fuzz_expect(open_value(value, value_length, out) == ERR_OK);
	fuzz_expect(secret_buf_len(out) == len && (len == 0 || memcmp(secret_buf_bytes(out), encoding, len) == 0));
	flip %= 8 * value_length;
	value[flip / 8] ^= (uint8_t)(1 << flip % 8);
	secret_buf_reset(out);
	fuzz_expect(open_value(value, value_length, out) != ERR_OK);
	free(value);
}

/* The seal is right, the plaintext is whatever came. */
static void any_plaintext(const uint8_t *plain, size_t padded)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(VALUE_PADDED_MAX);
	uint8_t aad[4 + ID_LEN + VALUE_HEADER_LEN + 2 + 17 + 4] = "VDrc";
	uint32_t padded_le = htole32((uint32_t)padded);

	if (padded > VALUE_PADDED_MAX)
		return;
	uint8_t *value = calloc(1, VALUE_OVERHEAD + padded);
	fuzz_expect(value);
	value[0] = 1;
	value[1] = 1;
	value[2] = 'Q';
	memcpy(aad + 4, store_id, ID_LEN);
	memcpy(aad + 20, value, VALUE_HEADER_LEN);
	aad[52] = 17;
	memcpy(aad + 54, record_key.bytes, 17);
	memcpy(aad + 71, &padded_le, sizeof(padded_le));
	seal(&key, aad, sizeof(aad), plain, padded, NULL, value + VALUE_HEADER_LEN);
	if (open_value(value, VALUE_OVERHEAD + padded, out) == ERR_OK) {
		size_t len = secret_buf_len(out);
		uint32_t len_le = htole32((uint32_t)len);
		fuzz_expect(padded_len(len) == padded);
		fuzz_expect(memcmp(plain, &len_le, 4) == 0);
		fuzz_expect(len == 0 || memcmp(plain + 4, secret_buf_bytes(out), len) == 0);
		for (size_t i = 4 + len; i < padded; i++)
			fuzz_expect(plain[i] == 0);
	}
	free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint32_t flip = 0;

	if (len < 1)
		return 0;
	switch (data[0] % 3) {
	case 0:
		any_bytes(data + 1, len - 1);
		break;
	case 1:
		if (len < 5)
			return 0;
		memcpy(&flip, data + 1, 4);
		seal_open_and_flip(data + 5, len - 5, flip);
		break;
	default:
		any_plaintext(data + 1, len - 1);
		break;
	}
	return 0;
}
