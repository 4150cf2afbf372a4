#include "crypto/token_text.h"

#include <sodium.h>
#include <string.h>

#include "crypto/seal.h"
#include "vault/base64.h"

#define PREFIX "vlt_"
#define PREFIX_LEN 4
#define KIND_LEN 3
#define RANDOM_BEGIN (PREFIX_LEN + KIND_LEN + 1)
#define CHECKSUM_LEN (TOKEN_TEXT_LEN - TOKEN_BODY_LEN)
#define BASE 62

static const char digits[BASE + 1] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* CRC-32 of IEEE 802.3, bit by bit: 51 bytes are not worth a table. */
static uint32_t crc32_ieee(const char *text, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint8_t)text[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (UINT32_C(0xedb88320) & (0 - (crc & 1)));
	}
	return ~crc;
}

static void checksum(const char *body, size_t len, char ret[static CHECKSUM_LEN])
{
	uint32_t crc = crc32_ieee(body, len);

	for (size_t i = CHECKSUM_LEN; i-- > 0; crc /= BASE)
		ret[i] = digits[crc % BASE];
}

/* One of 62, uniformly: bytes of 248 and more are drawn again. */
static char random_digit(void)
{
	uint8_t byte;

	do
		random_fill(&byte, 1);
	while (byte >= 256 / BASE * BASE);
	return digits[byte % BASE];
}

void token_text_make(const char kind[static 3], char text[static TOKEN_TEXT_LEN + 1])
{
	memcpy(text, PREFIX, PREFIX_LEN);
	memcpy(text + PREFIX_LEN, kind, KIND_LEN);
	text[RANDOM_BEGIN - 1] = '_';
	for (size_t i = RANDOM_BEGIN; i < TOKEN_BODY_LEN; i++)
		text[i] = random_digit();
	checksum(text, TOKEN_BODY_LEN, text + TOKEN_BODY_LEN);
	text[TOKEN_TEXT_LEN] = '\0';
}

static bool is_base62(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_well_formed(const char *text, size_t len)
{
	if (len != TOKEN_TEXT_LEN || text[RANDOM_BEGIN - 1] != '_')
		return false;
	for (size_t i = PREFIX_LEN; i < PREFIX_LEN + KIND_LEN; i++)
		if (text[i] < 'a' || text[i] > 'z')
			return false;
	for (size_t i = RANDOM_BEGIN; i < TOKEN_TEXT_LEN; i++)
		if (!is_base62(text[i]))
			return false;
	char expected[CHECKSUM_LEN];
	checksum(text, TOKEN_BODY_LEN, expected);
	return memcmp(expected, text + TOKEN_BODY_LEN, CHECKSUM_LEN) == 0;
}

bool token_text_hash(const struct secret_key *token_key, const char *text, size_t len, struct token_hash *ret)
{
	size_t hashed = len;

	if (len >= PREFIX_LEN && memcmp(text, PREFIX, PREFIX_LEN) == 0) {
		if (!is_well_formed(text, len))
			return false;
		hashed = TOKEN_BODY_LEN;	/* the checksum adds nothing */
	}
	if (len == 0)
		return false;
	uint8_t hash[2 * TOKEN_ID_LEN];
	blake2b_parts(hash, sizeof(hash), token_key->bytes, KEY_LEN, "vaultd-tokn-v001",
		      &(struct byte_part){ text, hashed }, 1);
	memcpy(ret->id, hash, TOKEN_ID_LEN);
	memcpy(ret->verifier, hash + TOKEN_ID_LEN, TOKEN_ID_LEN);
	sodium_memzero(hash, sizeof(hash));
	return true;
}

/* -- batch tokens --------------------------------------------------------- */

#define BATCH_PREFIX_LEN (sizeof(BATCH_PREFIX) - 1)

bool token_text_is_batch(const char *text, size_t len)
{
	return len >= BATCH_PREFIX_LEN && memcmp(text, BATCH_PREFIX, BATCH_PREFIX_LEN) == 0;
}

void batch_text_make(const uint8_t *blob, size_t len, struct secret_buf *out)
{
	size_t text_len = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);	/* with its NUL */
	char digits_of_crc[CHECKSUM_LEN];
	uint8_t *room;

	secret_buf_append(out, BATCH_PREFIX, BATCH_PREFIX_LEN);
	room = secret_buf_reserve(out, text_len);
	if (!room)
		return;
	sodium_bin2base64((char *)room, text_len, blob, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	secret_buf_advance(out, text_len - 1);
	checksum(secret_buf_text(out), secret_buf_len(out), digits_of_crc);
	secret_buf_append(out, digits_of_crc, CHECKSUM_LEN);
}

bool batch_text_read(const char *text, size_t len, uint8_t *ret, size_t max, size_t *ret_len)
{
	char expected[CHECKSUM_LEN];

	if (!token_text_is_batch(text, len) || len < BATCH_PREFIX_LEN + CHECKSUM_LEN)
		return false;
	len -= CHECKSUM_LEN;
	checksum(text, len, expected);
	if (memcmp(expected, text + len, CHECKSUM_LEN) != 0)
		return false;
	return base64_read(text + BATCH_PREFIX_LEN, len - BATCH_PREFIX_LEN, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING, ret, max,
			   ret_len);
}
