#include "crypto/shares.h"

#include <sodium.h>
#include <string.h>

#include "crypto/seal.h"
#include "vault/limits.h"

#define FORMAT 1
#define PREFIX "vls1"
#define PREFIX_LEN 4
#define BASE32_LEN 80

enum {
	SHARE_AT_FORMAT = 0,
	SHARE_AT_STORE = 1,
	SHARE_AT_SLOT = 5,
	SHARE_AT_SET = 6,
	SHARE_AT_THRESHOLD = 10,
	SHARE_AT_NUMBER = 11,
	SHARE_AT_VALUE = 12,
	SHARE_AT_SUM = 44,
	SHARE_SUM_LEN = SHARE_LEN - SHARE_AT_SUM,
};

/* -- the field ----------------------------------------------------------------- */

/* Eight steps whatever the bytes are: masks instead of branches. */
static uint8_t multiply(uint8_t a, uint8_t b)
{
	unsigned product = 0, shifted = a;

	for (unsigned bit = 0; bit < 8; bit++) {
		product ^= shifted & -(((unsigned)b >> bit) & 1u);
		shifted = (shifted << 1) ^ (0x11du & -((shifted >> 7) & 1u));
	}
	return (uint8_t)product;
}

/* a^254: 0 for 0. */
static uint8_t invert(uint8_t a)
{
	uint8_t power = a, result = 1;

	for (unsigned i = 0; i < 7; i++) {
		power = multiply(power, power);
		result = multiply(result, power);
	}
	return result;
}

/* -- making -------------------------------------------------------------------- */

enum error_code shares_check(unsigned shares, unsigned threshold, struct error *err)
{
	if (shares < 1 || shares > LIMIT_SHARES)
		return error_set(err, ERR_INVALID, "the number of shares must be from 1 to %d", LIMIT_SHARES);
	if (threshold < 1 || threshold > shares)
		return error_set(err, ERR_INVALID, "the threshold must be from 1 to the number of shares");
	if (threshold == 1 && shares > 1)
		return error_set(err, ERR_INVALID, "the threshold must be greater than one for multiple shares: each of them "
						   "would be the whole key");
	return ERR_OK;
}

static void checksum(const uint8_t *share, uint8_t ret[static SHARE_SUM_LEN])
{
	const struct byte_part part = { share, SHARE_AT_SUM };
	uint8_t sum[32];

	blake2b_parts(sum, sizeof(sum), NULL, 0, "vaultd-shar-v001", &part, 1);
	memcpy(ret, sum, SHARE_SUM_LEN);
	sodium_memzero(sum, sizeof(sum));
}

void share_tag(const uint8_t share[static SHARE_LEN], uint8_t ret[static SHARE_TAG_LEN])
{
	const struct byte_part part = { share, SHARE_AT_SUM };
	uint8_t sum[32];

	blake2b_parts(sum, sizeof(sum), NULL, 0, "vaultd-stag-v001", &part, 1);
	memcpy(ret, sum, SHARE_TAG_LEN);
	sodium_memzero(sum, sizeof(sum));
}

/* One byte of the secret: a polynomial with that byte at 0, its value at 1 ... n. Coefficients may be zero. */
static void split_byte(uint8_t secret, size_t at, unsigned shares, unsigned threshold, uint8_t *ret)
{
	uint8_t coefficients[LIMIT_SHARES];

	coefficients[0] = secret;
	if (threshold > 1)
		random_fill(coefficients + 1, threshold - 1);
	for (unsigned x = 1; x <= shares; x++) {
		uint8_t value = 0;

		for (unsigned i = threshold; i > 0; i--)
			value = multiply(value, (uint8_t)x) ^ coefficients[i - 1];
		ret[(x - 1) * SHARE_LEN + SHARE_AT_VALUE + at] = value;
	}
	sodium_memzero(coefficients, sizeof(coefficients));
}

enum error_code shares_split(const struct secret_key *secret, const struct share_info *info, unsigned shares,
			     unsigned threshold, uint8_t *ret, struct error *err)
{
	if (shares_check(shares, threshold, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < KEY_LEN; i++)
		split_byte(secret->bytes[i], i, shares, threshold, ret);
	for (unsigned x = 1; x <= shares; x++) {
		uint8_t *share = ret + (x - 1) * SHARE_LEN;

		share[SHARE_AT_FORMAT] = FORMAT;
		memcpy(share + SHARE_AT_STORE, info->store, SHARE_STORE_LEN);
		share[SHARE_AT_SLOT] = info->slot;
		memcpy(share + SHARE_AT_SET, info->set, SHARE_SET_LEN);
		share[SHARE_AT_THRESHOLD] = (uint8_t)threshold;
		share[SHARE_AT_NUMBER] = (uint8_t)x;
		checksum(share, share + SHARE_AT_SUM);
	}
	return ERR_OK;
}

/* -- combining ------------------------------------------------------------------ */

enum error_code share_read(const uint8_t share[static SHARE_LEN], struct share_info *ret, struct error *err)
{
	uint8_t sum[SHARE_SUM_LEN];

	if (share[SHARE_AT_FORMAT] != FORMAT)
		return error_set(err, ERR_INVALID, "this is not a share of a vault's key");
	checksum(share, sum);
	if (sodium_memcmp(sum, share + SHARE_AT_SUM, sizeof(sum)) != 0)
		return error_set(err, ERR_INVALID, "the share's checksum does not fit: there is a typing mistake in it");
	if (share[SHARE_AT_THRESHOLD] < 1 || share[SHARE_AT_THRESHOLD] > LIMIT_SHARES)
		return error_set(err, ERR_INVALID, "the share names a threshold that no set of shares has");
	if (share[SHARE_AT_NUMBER] < 1 || share[SHARE_AT_NUMBER] > LIMIT_SHARES)
		return error_set(err, ERR_INVALID, "the share has a number that no share has");
	memcpy(ret->store, share + SHARE_AT_STORE, SHARE_STORE_LEN);
	ret->slot = share[SHARE_AT_SLOT];
	memcpy(ret->set, share + SHARE_AT_SET, SHARE_SET_LEN);
	ret->threshold = share[SHARE_AT_THRESHOLD];
	ret->number = share[SHARE_AT_NUMBER];
	return ERR_OK;
}

/* Same store, slot, set and threshold: everything before the number. */
static bool are_of_one_set(const uint8_t *one, const uint8_t *other)
{
	return memcmp(one, other, SHARE_AT_NUMBER) == 0;
}

static enum error_code check_together(const uint8_t *shares, size_t count, struct error *err)
{
	struct share_info info;

	if (count < 1 || count > LIMIT_SHARES)
		return error_set(err, ERR_INVALID, "one to %d shares are combined", LIMIT_SHARES);
	for (size_t i = 0; i < count; i++) {
		if (share_read(shares + i * SHARE_LEN, &info, err) != ERR_OK)
			return err->code;
		if (!are_of_one_set(shares, shares + i * SHARE_LEN))
			return error_set(err, ERR_INVALID, "the shares were not made together");
		for (size_t j = 0; j < i; j++)
			if (shares[j * SHARE_LEN + SHARE_AT_NUMBER] == info.number)
				return error_set(err, ERR_INVALID, "the same share was given twice");
	}
	if (count != info.threshold)
		return error_set(err, ERR_INVALID, "%u shares are needed, no more and no fewer", info.threshold);
	return ERR_OK;
}

/* Lagrange at 0: the numbers are no secret, so this may look at them. */
static uint8_t weight(const uint8_t *shares, size_t count, size_t of)
{
	uint8_t x = shares[of * SHARE_LEN + SHARE_AT_NUMBER], above = 1, below = 1;

	for (size_t i = 0; i < count; i++) {
		uint8_t other = shares[i * SHARE_LEN + SHARE_AT_NUMBER];

		if (i == of)
			continue;
		above = multiply(above, other);
		below = multiply(below, other ^ x);
	}
	return multiply(above, invert(below));
}

enum error_code shares_combine(const uint8_t *shares, size_t count, struct secret_key *ret, struct error *err)
{
	key_scope secret = { { 0 } };

	if (check_together(shares, count, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < count; i++) {
		uint8_t factor = weight(shares, count, i);

		for (size_t at = 0; at < KEY_LEN; at++)
			secret.bytes[at] ^= multiply(shares[i * SHARE_LEN + SHARE_AT_VALUE + at], factor);
	}
	*ret = secret;
	return ERR_OK;
}

/* -- text ----------------------------------------------------------------------- */

/* RFC 4648 in lower case: a to z, 2 to 7. Without branches and tables, as the digits are secret. */
static char digit_of(unsigned value)
{
	unsigned is_number = -((25u - value) >> 31);	/* all ones from 26 on */

	return (char)('a' + value - (is_number & ('a' - '2' + 26u)));
}

/* 0 to 31; over 31 for what is no digit. Both cases. */
static unsigned value_of(unsigned char c)
{
	unsigned lower = c | 0x20u;
	unsigned letter = lower - 'a', number = c - (unsigned)'2';
	unsigned is_letter = -((unsigned)(letter < 26)), is_number = -((unsigned)(number < 6));

	return (letter & is_letter) | ((number + 26u) & is_number) | (32u & ~(is_letter | is_number));
}

void share_text(const uint8_t share[static SHARE_LEN], char text[static SHARE_TEXT_LEN + 1])
{
	char *to = text + PREFIX_LEN + 1;

	memcpy(text, PREFIX "-", PREFIX_LEN + 1);
	for (size_t i = 0; i < SHARE_LEN; i += 5) {	/* 5 bytes are 8 digits exactly */
		uint64_t group = 0;

		for (size_t j = 0; j < 5; j++)
			group = group << 8 | share[i + j];
		for (unsigned shift = 40; shift > 0; shift -= 5)
			*to++ = digit_of((unsigned)(group >> (shift - 5)) & 31u);
	}
	*to = '\0';
}

bool share_text_is(const char *text, size_t len)
{
	return len > PREFIX_LEN && (memcmp(text, PREFIX, PREFIX_LEN) == 0 || memcmp(text, "VLS1", PREFIX_LEN) == 0);
}

enum error_code share_parse(const char *text, size_t len, uint8_t ret[static SHARE_LEN], struct error *err)
{
	uint8_t share[SHARE_LEN] = { 0 };
	size_t digits = 0;
	unsigned bad = 0;
	struct share_info ignored;
	enum error_code code;

	if (!share_text_is(text, len))
		return error_set(err, ERR_INVALID, "a share begins with %s-", PREFIX);
	for (size_t i = PREFIX_LEN; i < len; i++) {
		unsigned value = value_of((unsigned char)text[i]);

		if (text[i] == '-')
			continue;
		bad |= value;
		if (digits < BASE32_LEN)	/* five bits at bit 5 * digits */
			for (unsigned bit = 0; bit < 5; bit++)
				share[(5 * digits + bit) / 8] |=
					(uint8_t)(((value >> (4 - bit)) & 1u) << (7 - (5 * digits + bit) % 8));
		digits++;
	}
	if ((bad & 32u) != 0)
		code = error_set(err, ERR_INVALID, "the share has a character that shares do not have (only a to z and 2 to 7)");
	else if (digits != BASE32_LEN)
		code = error_set(err, ERR_INVALID, "a share has %d characters behind %s-, this one has %zu", BASE32_LEN, PREFIX,
				 digits);
	else
		code = share_read(share, &ignored, err);
	if (code == ERR_OK)
		memcpy(ret, share, SHARE_LEN);
	sodium_memzero(share, sizeof(share));
	return code;
}
