/*
 * One stored value: header, seal, padding (docs/storage-format.md 3.1).
 *
 *  0 fmt | 1 alg | 2 table | 3 flags | 4 kver u32 | 8 rver u64 | 16 kid[16]
 * 32 salt[32] | 64 commit[32] | 96 tag[16] | 112 ct[P]
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "crypto/arena.h"
#include "records/tables.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

#define VALUE_HEADER_LEN 32
#define VALUE_OVERHEAD 112
#define VALUE_PADDED_MAX 524160	/* 128 pages of 4,096 less 128 */

struct value_header {
	uint8_t flags;
	uint32_t key_version;
	uint64_t record_version;
	uint8_t kid[ID_LEN];
};

/* P, the padded length of an encoding of len bytes; 0 when len is over LIMIT_REVISION_PLAIN. The state's encoding has a fixed length, so its P is always 320. */
size_t padded_len(size_t encoding_len);
/* VALUE_OVERHEAD + P. */
size_t value_len(uint8_t table, size_t encoding_len);

/* Writes value_len() bytes to out. random: 32 bytes or NULL (see seal()). */
void value_seal(const struct secret_key *key, const uint8_t store_id[static ID_LEN], const struct record_key *record_key,
		const struct value_header *header, const void *encoding, size_t encoding_len, const uint8_t *random,
		uint8_t *out);

/* Reads the clear part. ERR_FORMAT_NEWER for fmt > 1, ERR_RECORD for anything else that is not ours. */
enum error_code value_header_read(const uint8_t *value, size_t len, const struct record_key *record_key,
				  struct value_header *ret, struct error *err) must_check;

/* Opens and unpads; appends the encoding to out. ERR_RECORD names table and id. */
enum error_code value_open(const struct secret_key *key, const uint8_t store_id[static ID_LEN],
			   const struct record_key *record_key, const uint8_t *value, size_t len, struct secret_buf *out,
			   struct error *err) must_check;

/* F(key, value) of the accumulator, and arithmetic mod 2^512 (little-endian). */
void accumulator_element(const struct secret_key *accumulator_key, const void *key, size_t key_len, const uint8_t *value,
			 uint8_t ret[static 64]);
void accumulator_add(uint8_t sum[static 64], const uint8_t element[static 64]);
void accumulator_subtract(uint8_t sum[static 64], const uint8_t element[static 64]);
