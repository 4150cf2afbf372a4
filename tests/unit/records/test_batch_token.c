/* Batch tokens: the blob of the vector, and nothing that this key did not seal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/seal.h"
#include "crypto/token_text.h"
#include "records/batch_token.h"
#include "vectors.h"

#define EPOCH 4

static void count_up(uint8_t *out, uint8_t first, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(first + i);
}

struct keys {
	struct secret_key batch;
	uint8_t store_id[ID_LEN];
};

static struct keys known_keys(void)
{
	struct secret_key base;
	struct keys keys;

	count_up(base.bytes, 0x20, KEY_LEN);
	count_up(keys.store_id, 0xa0, ID_LEN);
	derive_key(&base, 1, "vdBATCH_", &keys.batch);
	return keys;
}

static void test_encoding(void **state)
{
	struct secret_buf *again = secret_buf_new(4096);
	struct error err = ERROR_INIT;
	struct batch_record record;
	uint8_t plain[1024];
	size_t len = vector_bytes("enc_batch", plain, sizeof(plain));

	(void)state;
	assert_int_equal(decode_batch(plain, len, &record, &err), ERR_OK);
	assert_int_equal(record.expires - record.issued, 3600 * INT64_C(1000000));
	assert_int_equal(record.policies_len, 2);
	assert_int_equal(record.role_generation, 8);
	encode_batch(again, &record);
	assert_int_equal(secret_buf_len(again), len);
	assert_memory_equal(secret_buf_bytes(again), plain, len);
	batch_record_free(&record);
	for (size_t cut = 0; cut < len; cut++) {
		error_clear(&err);
		assert_int_equal(decode_batch(plain, cut, &record, &err), ERR_RECORD);
	}
	secret_buf_free(again);
}

static void test_blob_is_the_vectors(void **state)
{
	struct secret_buf *out = secret_buf_new(4096), *opened = secret_buf_new(4096), *text = secret_buf_new(4096);
	uint8_t plain[1024], blob[2048], expected_text[2048], random[32], read_back[2048];
	size_t len = vector_bytes("enc_batch", plain, sizeof(plain)), blob_len = vector_bytes("batch_blob", blob, sizeof(blob));
	size_t text_len = vector_bytes("batch_text", expected_text, sizeof(expected_text)), read_len;
	struct keys keys = known_keys();
	struct error err = ERROR_INIT;

	(void)state;
	count_up(random, 0xc0, sizeof(random));
	assert_int_equal(batch_blob_seal(&keys.batch, keys.store_id, EPOCH, plain, len, random, out, &err), ERR_OK);
	assert_int_equal(secret_buf_len(out), blob_len);
	assert_memory_equal(secret_buf_bytes(out), blob, blob_len);
	assert_int_equal(batch_blob_open(&keys.batch, keys.store_id, EPOCH, blob, blob_len, opened, &err), ERR_OK);
	assert_int_equal(secret_buf_len(opened), len);
	assert_memory_equal(secret_buf_bytes(opened), plain, len);
	batch_text_make(blob, blob_len, text);
	assert_int_equal(secret_buf_len(text), text_len);
	assert_memory_equal(secret_buf_bytes(text), expected_text, text_len);
	assert_true(batch_text_read((const char *)expected_text, text_len, read_back, sizeof(read_back), &read_len));
	assert_int_equal(read_len, blob_len);
	assert_memory_equal(read_back, blob, blob_len);
	secret_buf_free(out);
	secret_buf_free(opened);
	secret_buf_free(text);
}

static enum error_code try_open(const struct keys *keys, uint16_t epoch, const uint8_t *blob, size_t len)
{
	struct secret_buf *opened = secret_buf_new(4096);
	struct error err = ERROR_INIT;
	enum error_code code = batch_blob_open(&keys->batch, keys->store_id, epoch, blob, len, opened, &err);

	secret_buf_free(opened);
	return code;
}

static void test_nothing_else_opens(void **state)
{
	uint8_t blob[2048];
	size_t len = vector_bytes("batch_blob", blob, sizeof(blob));
	struct keys keys = known_keys(), other = keys;

	(void)state;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		blob[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(try_open(&keys, EPOCH, blob, len), ERR_NOT_FOUND);
		blob[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(try_open(&keys, EPOCH, blob, cut), ERR_NOT_FOUND);
	assert_int_equal(try_open(&keys, EPOCH + 1, blob, len), ERR_NOT_FOUND);
	other.store_id[3] ^= 1;
	assert_int_equal(try_open(&other, EPOCH, blob, len), ERR_NOT_FOUND);
	other = keys;
	other.batch.bytes[0] ^= 1;
	assert_int_equal(try_open(&other, EPOCH, blob, len), ERR_NOT_FOUND);
	assert_int_equal(try_open(&keys, EPOCH, blob, len), ERR_OK);
}

/* What is sealed rightly but not in the one form is refused: a longer filling, a length that does not fit. */
static void test_one_form(void **state)
{
	static const uint8_t plains[][64] = { { 200, 0, 0, 0 }, { 1, 0, 0, 0, 1 }, { 29, 0, 0, 0 }, { 10, 0, 0, 0, [40] = 1 } };
	struct keys keys = known_keys();
	uint8_t aad[4 + ID_LEN + 4] = "VDbt", blob[4 + SEAL_OVERHEAD + 64] = { 1, 1, EPOCH, 0 };

	(void)state;
	memcpy(aad + 4, keys.store_id, ID_LEN);
	memcpy(aad + 4 + ID_LEN, blob, 4);
	for (size_t i = 0; i < sizeof(plains) / sizeof(plains[0]); i++) {
		seal(&keys.batch, aad, sizeof(aad), plains[i], 64, NULL, blob + 4);
		/* 29 bytes need two steps of 32: that one is right. */
		assert_int_equal(try_open(&keys, EPOCH, blob, sizeof(blob)), i == 2 ? ERR_OK : ERR_NOT_FOUND);
	}
}

static void test_texts(void **state)
{
	uint8_t text[2048], blob[2048];
	size_t len = vector_bytes("batch_text", text, sizeof(text)), blob_len;

	(void)state;
	for (size_t i = 0; i < len; i++) {
		uint8_t kept = text[i];

		text[i] = kept == 'A' ? 'B' : 'A';
		assert_false(batch_text_read((const char *)text, len, blob, sizeof(blob), &blob_len));
		text[i] = kept;
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_false(batch_text_read((const char *)text, cut, blob, sizeof(blob), &blob_len));
	assert_false(batch_text_read((const char *)text, len, blob, 10, &blob_len));
	assert_true(batch_text_read((const char *)text, len, blob, sizeof(blob), &blob_len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encoding),      cmocka_unit_test(test_blob_is_the_vectors),
		cmocka_unit_test(test_nothing_else_opens), cmocka_unit_test(test_one_form),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests_name("batch_token", tests, NULL, NULL);
}
