/*
 * Token texts and batch tokens. Byte 0 chooses: any text, a text with its right checksum, any text as a batch token, any blob
 * as one, an encoding that is sealed into a blob, or any plaintext under a right seal. A text has one spelling: one changed
 * character makes it refused, or another token; a batch token is taken exactly as it is made.
 */
#include <sodium.h>
#include <string.h>

#include "crypto/seal.h"
#include "crypto/token_text.h"
#include "fuzz_expect.h"
#include "records/batch_token.h"

#define BLOB_HEAD 4
#define CHECKSUM_LEN (TOKEN_TEXT_LEN - TOKEN_BODY_LEN)

static const struct secret_key key = { { 1, 2, 3 } };
static const uint8_t store_id[ID_LEN] = { 4, 5, 6 };
static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (sodium_init() < 0)
		abort();
	return 0;
}

/* CRC-32 by the polynomial's long division, most significant bit first on mirrored bytes: another way than the code's. */
static uint32_t mirrored(uint32_t word, unsigned bits)
{
	uint32_t result = 0;

	for (unsigned i = 0; i < bits; i++)
		result |= (word >> i & 1) << (bits - 1 - i);
	return result;
}

static void checksum(const char *text, size_t len, char ret[static CHECKSUM_LEN])
{
	uint32_t rest = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		rest ^= mirrored((uint8_t)text[i], 8) << 24;
		for (int bit = 0; bit < 8; bit++)
			rest = rest & 0x80000000u ? rest << 1 ^ 0x04c11db7u : rest << 1;
	}
	rest = mirrored(~rest, 32);
	for (size_t i = CHECKSUM_LEN; i-- > 0; rest /= 62)
		ret[i] = base62[rest % 62];
}

static void expect_form(const char *text, size_t len)
{
	char sum[CHECKSUM_LEN];

	fuzz_expect(len == TOKEN_TEXT_LEN && text[7] == '_');
	for (size_t i = 8; i < len; i++)
		fuzz_expect(text[i] != '\0' && strchr(base62, text[i]));
	checksum(text, TOKEN_BODY_LEN, sum);
	fuzz_expect(memcmp(sum, text + TOKEN_BODY_LEN, CHECKSUM_LEN) == 0);
}

static bool try_text(const char *text, size_t len, struct token_hash *hash)
{
	bool taken = token_text_hash(&key, text, len, hash);

	if (taken && len >= 4 && memcmp(text, "vlt_", 4) == 0)
		expect_form(text, len);
	fuzz_expect(taken || len == 0 || (len >= 4 && memcmp(text, "vlt_", 4) == 0));
	return taken;
}

/* A spelling with one other character is not the same token. */
static void with_one_changed(const char *text, size_t len, uint8_t at, char c, const struct token_hash *hash)
{
	char changed[TOKEN_TEXT_LEN];
	struct token_hash other;

	if (len != TOKEN_TEXT_LEN || text[at % TOKEN_TEXT_LEN] == c)
		return;
	memcpy(changed, text, len);
	changed[at % TOKEN_TEXT_LEN] = c;
	if (try_text(changed, len, &other))
		fuzz_expect(memcmp(text, "vlt_", 4) != 0 || at % TOKEN_TEXT_LEN < 4);
	else
		return;
	fuzz_expect(memcmp(other.id, hash->id, TOKEN_ID_LEN) != 0 && memcmp(other.verifier, hash->verifier, TOKEN_ID_LEN) != 0);
}

static void right_text(const uint8_t *data, size_t len)
{
	char text[TOKEN_TEXT_LEN] = "vlt_svc_";
	struct token_hash hash;

	for (size_t i = 4; i < 7; i++)
		text[i] = (char)('a' + (i < len ? data[i] % 26 : 0));
	for (size_t i = 8; i < TOKEN_BODY_LEN; i++)
		text[i] = base62[i < len ? data[i] % 62 : 0];
	checksum(text, TOKEN_BODY_LEN, text + TOKEN_BODY_LEN);
	fuzz_expect(try_text(text, sizeof(text), &hash));
	if (len >= 2)
		with_one_changed(text, sizeof(text), data[0], (char)data[1], &hash);
}

static void expect_batch_text(const uint8_t *blob, size_t len, const char *text, size_t text_len)
{
	cleanup_(secret_buf_freep) struct secret_buf *made = secret_buf_new(8192);

	batch_text_make(blob, len, made);
	fuzz_expect(secret_buf_ok(made) && secret_buf_len(made) == text_len);
	fuzz_expect(memcmp(secret_buf_text(made), text, text_len) == 0);
}

static void batch_text(const char *text, size_t len)
{
	uint8_t blob[BATCH_TEXT_MAX];
	size_t blob_len;

	if (!batch_text_read(text, len, blob, sizeof(blob), &blob_len))
		return;
	fuzz_expect(token_text_is_batch(text, len) && blob_len <= sizeof(blob));
	expect_batch_text(blob, blob_len, text, len);
	fuzz_expect(blob_len == 0 || !batch_text_read(text, len, blob, blob_len - 1, &blob_len));
}

/* A batch token's text with its checksum put right, so that what stands in it is read. */
static void right_batch_text(const uint8_t *data, size_t len)
{
	char text[8 + BATCH_TEXT_MAX + CHECKSUM_LEN] = BATCH_PREFIX;

	len = len < BATCH_TEXT_MAX ? len : BATCH_TEXT_MAX;
	if (len > 0)
		memcpy(text + 8, data, len);
	checksum(text, 8 + len, text + 8 + len);
	batch_text(text, 8 + len + CHECKSUM_LEN);
}

static void any_blob(const uint8_t *blob, size_t len)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(1u << 16);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(BATCH_TEXT_MAX);
	uint8_t again[BATCH_TEXT_MAX];
	struct error err = ERROR_INIT;
	size_t again_len;

	fuzz_expect(batch_blob_open(&key, store_id, 1, blob, len, out, &err) == ERR_NOT_FOUND);
	fuzz_expect(err.code == ERR_OK && secret_buf_len(out) == 0);
	if (len > sizeof(again))
		return;
	batch_text_make(blob, len, text);
	fuzz_expect(batch_text_read(secret_buf_text(text), secret_buf_len(text), again, sizeof(again), &again_len));
	fuzz_expect(again_len == len && (len == 0 || memcmp(again, blob, len) == 0));
}

static enum error_code open_blob(const uint8_t *blob, size_t len, uint16_t epoch, struct secret_buf *out)
{
	struct error err = ERROR_INIT;
	enum error_code code;

	secret_buf_reset(out);
	code = batch_blob_open(&key, store_id, epoch, blob, len, out, &err);
	fuzz_expect(code == ERR_OK || (code == ERR_NOT_FOUND && secret_buf_len(out) == 0 && err.code == ERR_OK));
	return code;
}

static void seal_open_and_flip(const uint8_t *data, size_t len)
{
	static const uint8_t random[32] = { 9 };
	cleanup_(secret_buf_freep) struct secret_buf *blob = secret_buf_new(1u << 16);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(BATCH_TEXT_MAX);
	struct error err = ERROR_INIT;
	uint8_t changed[2 * BATCH_TEXT_MAX];
	size_t at, blob_len;

	if (len < 2)
		return;
	enum error_code code = batch_blob_seal(&key, store_id, 7, data + 2, len - 2, random, blob, &err);
	fuzz_expect(code == (len - 2 > BATCH_TEXT_MAX ? ERR_TOO_LARGE : ERR_OK));
	blob_len = secret_buf_len(blob);
	if (code != ERR_OK || blob_len > BATCH_TEXT_MAX)
		return;
	fuzz_expect(open_blob(secret_buf_bytes(blob), blob_len, 7, out) == ERR_OK);
	fuzz_expect(secret_buf_len(out) == len - 2 && (len == 2 || memcmp(secret_buf_bytes(out), data + 2, len - 2) == 0));
	fuzz_expect(open_blob(secret_buf_bytes(blob), blob_len, 8, out) == ERR_NOT_FOUND);
	memcpy(changed, secret_buf_bytes(blob), blob_len);
	at = (size_t)(data[0] | data[1] << 8) % (8 * blob_len);
	changed[at / 8] ^= (uint8_t)(1 << at % 8);
	fuzz_expect(open_blob(changed, blob_len, 7, out) == ERR_NOT_FOUND);
}

/* The seal is right, the plaintext is whatever came: what opens is what sealing would have made, byte for byte. */
static void any_plaintext(const uint8_t *plain, size_t len)
{
	static const uint8_t random[32] = { 10 };
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(BATCH_TEXT_MAX);
	cleanup_(secret_buf_freep) struct secret_buf *sealed = secret_buf_new(1u << 16);
	uint8_t aad[4 + ID_LEN + BLOB_HEAD] = "VDbt", blob[BATCH_TEXT_MAX] = { 1, 1, 7, 0 };
	size_t blob_len = BLOB_HEAD + SEAL_OVERHEAD + len;
	struct error err = ERROR_INIT;

	if (blob_len > sizeof(blob))
		return;
	memcpy(aad + 4, store_id, ID_LEN);
	memcpy(aad + 4 + ID_LEN, blob, BLOB_HEAD);
	seal(&key, aad, sizeof(aad), plain, len, random, blob + BLOB_HEAD);
	if (open_blob(blob, blob_len, 7, out) != ERR_OK)
		return;
	fuzz_expect(batch_blob_seal(&key, store_id, 7, secret_buf_bytes(out), secret_buf_len(out), random, sealed, &err) == ERR_OK);
	fuzz_expect(secret_buf_len(sealed) == blob_len && memcmp(secret_buf_bytes(sealed), blob, blob_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct token_hash hash;

	if (len < 1)
		return 0;
	switch (data[0] % 8) {
	case 0:
		try_text((const char *)data + 1, len - 1, &hash);
		break;
	case 1:
		right_text(data + 1, len - 1);
		break;
	case 2:
		batch_text((const char *)data + 1, len - 1);
		break;
	case 3:
		right_batch_text(data + 1, len - 1);
		break;
	case 4:
		any_blob(data + 1, len - 1);
		break;
	case 5:
		seal_open_and_flip(data + 1, len - 1);
		break;
	default:
		any_plaintext(data + 1, len - 1);
		break;
	}
	return 0;
}
