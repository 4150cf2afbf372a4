/*
 * Batch tokens: a sealed blob that is the token, and no record
 * (docs/storage-format.md section 8).
 *
 * The blob names the vault, the key that sealed it, and, inside, the fork; so it
 * opens in this vault alone. Whether what it says still counts (revoked, expired,
 * its role or parent gone) is core's question.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "records/records.h"
#include "records/tables.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

#define BATCH_TEXT_MAX 2048	/* the whole token, in characters */
#define BATCH_FORK_LEN 8

struct batch_record {
	uint8_t bid[ID_LEN];
	uint8_t fork[BATCH_FORK_LEN];	/* the first bytes of the fork id */
	int64_t issued, expires;
	uint8_t role_id[ID_LEN];	/* zeros: none */
	uint32_t role_generation;
	uint8_t parent[ID_LEN];		/* zeros: none */
	struct text_span display;
	struct text_span *policies;
	size_t policies_len;
	struct text_pair *meta;
	size_t meta_len;
	struct text_span *cidrs;
	size_t cidrs_len;
};
void encode_batch(struct secret_buf *out, const struct batch_record *record);
enum error_code decode_batch(const uint8_t *plain, size_t len, struct batch_record *ret, struct error *err) must_check;
void batch_record_free(struct batch_record *record);

/* The blob of an encoding: 01 01, le16 of the base key's epoch, and the sealed encoding behind its length, filled up to a
 * multiple of 32. random: 32 bytes or NULL (see seal()). ERR_TOO_LARGE when the text would be over BATCH_TEXT_MAX. */
enum error_code batch_blob_seal(const struct secret_key *key, const uint8_t store_id[static ID_LEN], uint16_t epoch,
				const void *encoding, size_t len, const uint8_t *random, struct secret_buf *out,
				struct error *err) must_check;
/* Appends the encoding. ERR_NOT_FOUND (without a sentence) for whatever this key did not seal. */
enum error_code batch_blob_open(const struct secret_key *key, const uint8_t store_id[static ID_LEN], uint16_t epoch,
				const uint8_t *blob, size_t len, struct secret_buf *out, struct error *err) must_check;

/* The same with the vault's key, from and to the token's text. */
enum error_code records_batch_seal(struct records_view *view, const void *encoding, size_t len, struct secret_buf *out,
				   struct error *err) must_check;
enum error_code records_batch_open(struct records_view *view, const char *text, size_t len, struct secret_buf *out,
				   struct error *err) must_check;
