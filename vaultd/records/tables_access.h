/*
 * Records of identities and of what they may and did: N, X, C, L, W, I, B and
 * U of docs/storage-format.md 3.3. The same rules as in tables.h: decoders give
 * views into the plaintext and accept exactly what encoders make.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "records/tables.h"

enum role_kind { ROLE_APPROLE = 1, ROLE_JWT = 2, ROLE_USER = 3, ROLE_TOKEN = 4, ROLE_PEER = 5 };

/* L: the blind index of kind and name under the mount. */
struct record_key record_key_role(const struct secret_key *index_key, const uint8_t mount[static ID_LEN],
				  enum role_kind kind, const char *name, size_t name_len);
/* I: a keyed hash of the accessor and of the key that the client chose. */
struct record_key record_key_idempotency(const struct secret_key *token_key, const uint8_t accessor[static ID_LEN],
					 const void *key, size_t key_len);

/* N */
struct secret_id_record {
	uint8_t verifier[16], role_id[16];
	int64_t created, expires;
	uint32_t uses_left;
	struct text_pair *meta;		/* sorted by key */
	size_t meta_len;
	struct text_span *cidrs;
	size_t cidrs_len;
};
void encode_secret_id(struct secret_buf *out, const struct secret_id_record *record);
enum error_code decode_secret_id(const uint8_t *plain, size_t len, struct secret_id_record *ret,
				 struct error *err) must_check;
void secret_id_record_free(struct secret_id_record *record);

/* X */
struct revoked_record {
	int64_t expires;
};
void encode_revoked(struct secret_buf *out, const struct revoked_record *record);
enum error_code decode_revoked(const uint8_t *plain, size_t len, struct revoked_record *ret,
			       struct error *err) must_check;

/* C */
struct policy_record {
	struct text_span name;
	int64_t updated;
	struct text_span text;
};
void encode_policy(struct secret_buf *out, const struct policy_record *record);
enum error_code decode_policy(const uint8_t *plain, size_t len, struct policy_record *ret,
			      struct error *err) must_check;

/* L */
struct role_record {
	uint8_t mount[ID_LEN];
	enum role_kind kind;
	struct text_span name;
	uint32_t generation;
	struct text_span settings;	/* JSON */
};
void encode_role(struct secret_buf *out, const struct role_record *record);
enum error_code decode_role(const uint8_t *plain, size_t len, struct role_record *ret, struct error *err) must_check;

/* W */
struct wrapped_record {
	uint8_t verifier[16];
	int64_t created, expires;
	struct text_span path, body;
};
void encode_wrapped(struct secret_buf *out, const struct wrapped_record *record);
enum error_code decode_wrapped(const uint8_t *plain, size_t len, struct wrapped_record *ret,
			       struct error *err) must_check;

/* I */
struct idempotency_record {
	int64_t created;
	uint64_t counter;
	uint8_t request_hash[32];
	uint16_t status;
	struct text_span answer;
};
void encode_idempotency(struct secret_buf *out, const struct idempotency_record *record);
enum error_code decode_idempotency(const uint8_t *plain, size_t len, struct idempotency_record *ret,
				   struct error *err) must_check;

/* B */
struct cubbyhole_record {
	uint8_t token_id[ID_LEN];
	struct text_span path, json;
};
void encode_cubbyhole(struct secret_buf *out, const struct cubbyhole_record *record);
enum error_code decode_cubbyhole(const uint8_t *plain, size_t len, struct cubbyhole_record *ret,
				 struct error *err) must_check;

/* U */
struct quota_record {
	struct text_span name, json;
};
void encode_quota(struct secret_buf *out, const struct quota_record *record);
enum error_code decode_quota(const uint8_t *plain, size_t len, struct quota_record *ret, struct error *err) must_check;
