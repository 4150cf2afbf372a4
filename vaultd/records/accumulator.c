/* The accumulator: a sum of keyed hashes of all records, mod 2^512 (docs/storage-format.md). */
#include <endian.h>
#include <string.h>

#include "crypto/seal.h"
#include "records/value.h"

void accumulator_element(const struct secret_key *accumulator_key, const void *key, size_t key_len, const uint8_t *value,
			 uint8_t ret[static 64])
{
	uint16_t len = htole16((uint16_t)key_len);
	/* Header, commitment and tag stand for the whole value: they bind the rest. */
	const struct byte_part parts[] = {
		{ &len, sizeof(len) },
		{ key, key_len },
		{ value, VALUE_HEADER_LEN },
		{ value + VALUE_HEADER_LEN + SEAL_SALT_LEN, SEAL_COMMIT_LEN + SEAL_TAG_LEN },
	};

	blake2b_parts(ret, 64, accumulator_key->bytes, KEY_LEN, "vaultd-accu-v001", parts, ARRAY_LEN(parts));
}

static uint64_t limb(const uint8_t *number, size_t i)
{
	uint64_t value;

	memcpy(&value, number + 8 * i, sizeof(value));
	return le64toh(value);
}

static void set_limb(uint8_t *number, size_t i, uint64_t value)
{
	value = htole64(value);
	memcpy(number + 8 * i, &value, sizeof(value));
}

void accumulator_add(uint8_t sum[static 64], const uint8_t element[static 64])
{
	uint64_t carry = 0;

	for (size_t i = 0; i < 8; i++) {
		uint64_t a = limb(sum, i), b = limb(element, i), partial = a + b, total = partial + carry;

		carry = (partial < a) | (total < partial);
		set_limb(sum, i, total);
	}
}

void accumulator_subtract(uint8_t sum[static 64], const uint8_t element[static 64])
{
	uint64_t borrow = 0;

	for (size_t i = 0; i < 8; i++) {
		uint64_t a = limb(sum, i), b = limb(element, i), partial = a - b, total = partial - borrow;

		borrow = (a < b) | (partial < borrow);
		set_limb(sum, i, total);
	}
}
