#include "dialect/base64_blocks.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

#include "vault/base64.h"

/* Sixteen characters, or what they stand for. */
typedef uint8_t block __attribute__((vector_size(16)));

#define BLOCK_BYTES 12	/* that a block is written for */

/* -- reading --------------------------------------------------------------- */

/* False when one of the characters is not of the alphabet. */
static bool sextets_of(const uint8_t *text, block *ret)
{
	block c, one_more;
	uint64_t others[2];

	memcpy(&c, text, sizeof(c));
	/* From 1 on, so that 0 is none. */
	one_more = (block)((block)(c - 'A') < 26) & (c - 'A' + 1);
	one_more |= (block)((block)(c - 'a') < 26) & (c - 'a' + 27);
	one_more |= (block)((block)(c - '0') < 10) & (c - '0' + 53);
	one_more |= (block)(c == '+') & 63;
	one_more |= (block)(c == '/') & 64;
	*ret = one_more - 1;
	c = (block)(one_more == 0);
	memcpy(others, &c, sizeof(others));
	return (others[0] | others[1]) == 0;
}

/* Eight of six bits to six of eight. */
static void join_sextets(const uint8_t *sextets, uint8_t *bytes)
{
	uint64_t bits;

	memcpy(&bits, sextets, sizeof(bits));
	bits = be64toh(bits);
	bits = (bits & 0x3f003f003f003f00) >> 2 | (bits & 0x003f003f003f003f);
	bits = (bits & 0x0fff00000fff0000) >> 4 | (bits & 0x00000fff00000fff);
	bits = (bits & 0x00ffffff00000000) >> 8 | (bits & 0x0000000000ffffff);
	bits = htobe64(bits << 16);
	memcpy(bytes, &bits, 6);
}

/* In place, while there are whole blocks of the alphabet alone. Returns how much was read; three quarters of that were written. */
static size_t decode_blocks(uint8_t *text, size_t len)
{
	uint8_t *out = text;
	size_t at = 0;
	block sextets;

	for (; len - at >= sizeof(sextets) && sextets_of(text + at, &sextets); at += sizeof(sextets), out += BLOCK_BYTES) {
		memcpy(text + at, &sextets, sizeof(sextets));
		join_sextets(text + at, out);
		join_sextets(text + at + 8, out + 6);
	}
	return at;
}

bool base64_decode(char *text, size_t *len, const char *ignored)
{
	uint8_t *bytes = (uint8_t *)text;
	size_t read = decode_blocks(bytes, *len), written = read / 4 * 3, rest = 0;

	/* Each byte is written after the characters that it is made of were read. */
	if (!base64_read(text + read, *len - read, ignored, sodium_base64_VARIANT_ORIGINAL, bytes + written, *len - written, &rest))
		return false;
	*len = written + rest;
	return true;
}

/* -- writing --------------------------------------------------------------- */

/* What join_sextets() undoes. Eight bytes are read, two of them for nothing. */
static void split_bytes(const uint8_t *bytes, uint8_t *sextets)
{
	uint64_t bits;

	memcpy(&bits, bytes, sizeof(bits));
	bits = be64toh(bits) >> 16;
	bits = (bits & 0x0000ffffff000000) << 8 | (bits & 0x0000000000ffffff);
	bits = (bits & 0x00fff00000fff000) << 4 | (bits & 0x00000fff00000fff);
	bits = (bits & 0x0fc00fc00fc00fc0) << 2 | (bits & 0x003f003f003f003f);
	bits = htobe64(bits);
	memcpy(sextets, &bits, sizeof(bits));
}

/* In place. */
static void name_sextets(uint8_t *sextets)
{
	block c, name;

	memcpy(&c, sextets, sizeof(c));
	name = c + 'A';
	name += (block)(c > 25) & ('a' - 26 - 'A');
	name -= (block)(c > 51) & ('a' - 26 - ('0' - 52));
	name -= (block)(c > 61) & ('0' - 52 - ('+' - 62));
	name += (block)(c > 62) & ('/' - 63 - ('+' - 62));
	memcpy(sextets, &name, sizeof(name));
}

void base64_append(struct secret_buf *out, const char *bytes, size_t len)
{
	size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	uint8_t *to = secret_buf_reserve(out, size), *rest = to;
	const uint8_t *at = (const uint8_t *)bytes, *end = at + len;

	if (!to)
		return;
	/* Two bytes more than a block are read. */
	for (; end - at >= BLOCK_BYTES + 2; at += BLOCK_BYTES, rest += sizeof(block)) {
		split_bytes(at, rest);
		split_bytes(at + 6, rest + 8);
		name_sextets(rest);
	}
	sodium_bin2base64((char *)rest, size - (size_t)(rest - to), at, (size_t)(end - at), sodium_base64_VARIANT_ORIGINAL);
	secret_buf_advance(out, size - 1);
}
