#include "records/value.h"

#include <assert.h>
#include <endian.h>
#include <sodium.h>
#include <string.h>

#include "crypto/seal.h"
#include "vault/limits.h"

#define FORMAT 1
#define ALGORITHM 1
#define FLAG_TOMBSTONE 1
#define LENGTH_LEN 4
#define AAD_MAX (4 + ID_LEN + VALUE_HEADER_LEN + 2 + RECORD_KEY_MAX + 4)

/* -- padding: size classes that fit LMDB's pages ---------------------------- */

static size_t round_up(size_t number, size_t multiple)
{
	return (number + multiple - 1) / multiple * multiple;
}

size_t padded_len(size_t encoding_len)
{
	size_t need = LENGTH_LEN + encoding_len, pages, step = 1;

	if (encoding_len > LIMIT_REVISION_PLAIN)
		return 0;
	if (need <= 512)
		return round_up(need, 64);
	if (need <= 1792)
		return round_up(need, 256);
	/* A large value fills whole pages; 128 bytes are LMDB's page header and our own. */
	pages = (need + 128 + 4095) / 4096;
	while (pages > 16 * step)
		step *= 2;
	return round_up(pages, step) * 4096 - 128;
}

size_t value_len(uint8_t table, size_t encoding_len)
{
	size_t padded = padded_len(encoding_len);

	(void)table;	/* the state's fixed length is the class of its encoding */
	return padded ? VALUE_OVERHEAD + padded : 0;
}

/* -- sealing ----------------------------------------------------------------- */

static size_t associated_data(uint8_t aad[static AAD_MAX], const uint8_t *store_id, const struct record_key *key,
			      const uint8_t *value, size_t padded)
{
	uint16_t key_len = htole16(key->len);
	uint32_t padded_le = htole32((uint32_t)padded);
	size_t len = 0;

	memcpy(aad + len, "VDrc", 4);
	len += 4;
	memcpy(aad + len, store_id, ID_LEN);
	len += ID_LEN;
	memcpy(aad + len, value, VALUE_HEADER_LEN);
	len += VALUE_HEADER_LEN;
	memcpy(aad + len, &key_len, sizeof(key_len));
	len += sizeof(key_len);
	memcpy(aad + len, key->bytes, key->len);
	len += key->len;
	memcpy(aad + len, &padded_le, sizeof(padded_le));
	return len + sizeof(padded_le);
}

static void header_write_bytes(const struct value_header *header, uint8_t table, uint8_t out[static VALUE_HEADER_LEN])
{
	uint32_t key_version = htole32(header->key_version);
	uint64_t record_version = htole64(header->record_version);

	out[0] = FORMAT;
	out[1] = ALGORITHM;
	out[2] = table;
	out[3] = header->flags;
	memcpy(out + 4, &key_version, sizeof(key_version));
	memcpy(out + 8, &record_version, sizeof(record_version));
	memcpy(out + 16, header->kid, ID_LEN);
}

void value_seal(const struct secret_key *key, const uint8_t store_id[static ID_LEN], const struct record_key *record_key,
		const struct value_header *header, const void *encoding, size_t encoding_len, const uint8_t *random,
		uint8_t *out)
{
	size_t padded = padded_len(encoding_len), aad_len;
	uint8_t aad[AAD_MAX], *plain = out + VALUE_OVERHEAD;
	uint32_t length = htole32((uint32_t)encoding_len);

	assert(padded > 0);
	header_write_bytes(header, record_key->bytes[0], out);
	aad_len = associated_data(aad, store_id, record_key, out, padded);
	/* The plaintext stands where the ciphertext will: nothing is left of it afterwards. */
	memcpy(plain, &length, LENGTH_LEN);
	memcpy(plain + LENGTH_LEN, encoding, encoding_len);
	memset(plain + LENGTH_LEN + encoding_len, 0, padded - LENGTH_LEN - encoding_len);
	seal(key, aad, aad_len, plain, padded, random, out + VALUE_HEADER_LEN);
}

/* -- opening ----------------------------------------------------------------- */

/* Names the table and the beginning of the id: blind, so it tells nothing about names. */
static enum error_code record_error(struct error *err, const struct record_key *key, const char *what)
{
	char id[17] = "";

	if (key->len > 8)
		sodium_bin2hex(id, sizeof(id), key->bytes + 1, 8);
	return error_set(err, ERR_RECORD, "the record %c %s %s; nothing of it was used, restore a copy of the data directory",
			 key->bytes[0] >= 'A' ? key->bytes[0] : '0', id, what);
}

enum error_code value_header_read(const uint8_t *value, size_t len, const struct record_key *record_key,
				  struct value_header *ret, struct error *err)
{
	uint32_t key_version;
	uint64_t record_version;

	if (len > 0 && value[0] > FORMAT)
		return error_set(err, ERR_FORMAT_NEWER, "a record has format %u, this version reads up to %d: use a newer vaultd",
				 value[0], FORMAT);
	if (len < VALUE_OVERHEAD || value[0] != FORMAT || value[1] != ALGORITHM || value[2] != record_key->bytes[0] ||
	    (value[3] & ~FLAG_TOMBSTONE))
		return record_error(err, record_key, "is damaged or stands in the wrong place");
	memcpy(&key_version, value + 4, sizeof(key_version));
	memcpy(&record_version, value + 8, sizeof(record_version));
	ret->flags = value[3];
	ret->key_version = le32toh(key_version);
	ret->record_version = le64toh(record_version);
	memcpy(ret->kid, value + 16, ID_LEN);
	return ERR_OK;
}

/* Of an authenticated text, so no constant time is needed: sodium_is_zero() took a fifth of a whole read. */
static bool is_zero(const uint8_t *bytes, size_t len)
{
	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* plain holds the padded plaintext; false when its length prefix or its padding is not what value_seal() makes. */
static bool padding_is_right(const uint8_t *plain, size_t padded, size_t *ret_len)
{
	uint32_t length;

	memcpy(&length, plain, LENGTH_LEN);
	length = le32toh(length);
	if (length > padded - LENGTH_LEN || padded_len(length) != padded)
		return false;
	*ret_len = length;
	return is_zero(plain + LENGTH_LEN + length, padded - LENGTH_LEN - length);
}

enum error_code value_open(const struct secret_key *key, const uint8_t store_id[static ID_LEN],
			   const struct record_key *record_key, const uint8_t *value, size_t len, struct secret_buf *out,
			   struct error *err)
{
	struct value_header header;
	uint8_t aad[AAD_MAX], *plain;
	size_t padded, aad_len, encoding_len = 0;

	if (value_header_read(value, len, record_key, &header, err) != ERR_OK)
		return err->code;
	padded = len - VALUE_OVERHEAD;
	if (padded < LENGTH_LEN || padded > VALUE_PADDED_MAX)
		return record_error(err, record_key, "has an impossible length");
	aad_len = associated_data(aad, store_id, record_key, value, padded);
	plain = secret_buf_reserve(out, padded);
	if (!plain)
		return secret_buf_check(out, "a record", err);
	if (open_sealed(key, aad, aad_len, value + VALUE_HEADER_LEN, len - VALUE_HEADER_LEN, plain) != ERR_OK) {
		sodium_memzero(plain, padded);
		return record_error(err, record_key, "does not open: it was changed, moved or replaced");
	}
	if (!padding_is_right(plain, padded, &encoding_len)) {
		sodium_memzero(plain, padded);
		return record_error(err, record_key, "is padded wrongly");
	}
	memmove(plain, plain + LENGTH_LEN, encoding_len);
	/* What lies behind the encoding is zeros but for the last bytes that were moved. */
	sodium_memzero(plain + encoding_len, LENGTH_LEN);
	secret_buf_advance(out, encoding_len);
	return ERR_OK;
}
