/*
 * What stands in the file: the tables, their keys, and the encoding of each
 * record (docs/storage-format.md section 3). Pure functions. S, P and O are in
 * tables_rotation.h; N, X, C, L, W, I, B and U in tables_access.h.
 *
 * decode_*() gives views: pointers into the plaintext it was given, which must
 * outlive them; lists are filled into arrays that the caller owns through
 * *_free(). Decoders accept exactly what encoders make: an unknown enc byte,
 * trailing bytes, names out of order or counts that cannot fit are ERR_RECORD;
 * ERR_NO_MEMORY is the only other failure.
 * No list count leads to an allocation larger than the input justifies.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/arena.h"
#include "vault/attributes.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

#define ID_LEN 16		/* store id, eid, kid, mount uuid, token id */
#define PIN_LEN 16
#define RECORD_KEY_MAX 40

enum table {
	TABLE_STATE = 0x01,
	TABLE_DATA_KEY = 'K',
	TABLE_HEAD = 'H',
	TABLE_REVISION = 'R',
	TABLE_SCHEMA = 'S',
	TABLE_POLICY_ROTATION = 'P',
	TABLE_OPERATION = 'O',
	TABLE_TOKEN = 'T',
	TABLE_SECRET_ID = 'N',
	TABLE_REVOKED = 'X',
	TABLE_POLICY = 'C',
	TABLE_MOUNT = 'M',
	TABLE_ROLE = 'L',
	TABLE_WRAPPED = 'W',
	TABLE_SETTING = 'G',
	TABLE_IDEMPOTENCY = 'I',
	TABLE_SETTINGS = 'Q',
	TABLE_CUBBYHOLE = 'B',
	TABLE_QUOTA = 'U',
};

struct record_key {
	uint8_t len;
	uint8_t bytes[RECORD_KEY_MAX];
};

/* bidx(type, scope, name): the blind index, 16 bytes. scope NULL is 16 zero bytes. */
void blind_index(const struct secret_key *index_key, char type, const uint8_t *scope, const void *name, size_t name_len,
		 uint8_t ret[static ID_LEN]);

struct record_key record_key_state(void);
struct record_key record_key_data_key(const uint8_t eid[static ID_LEN], uint32_t version);
struct record_key record_key_head(const struct secret_key *index_key, const uint8_t mount[static ID_LEN], const char *path,
				  size_t path_len);
struct record_key record_key_revision(const uint8_t eid[static ID_LEN], uint64_t revision);
/* S, Q: table and eid; T, N, X, M, W: table and id. */
struct record_key record_key_id(enum table table, const uint8_t id[static ID_LEN]);
struct record_key record_key_setting(uint16_t number);
struct record_key record_key_blind(enum table table, const struct secret_key *index_key, char type, const uint8_t *scope,
				   const void *name, size_t name_len);	/* C, L, B, U */

struct text_span {
	const char *at;
	uint32_t len;
};

struct text_pair {
	struct text_span key, value;
};

/* K */
struct data_key_record {
	int64_t created;
	uint8_t key[KEY_LEN];
};
void encode_data_key(struct secret_buf *out, const struct data_key_record *record);
enum error_code decode_data_key(const uint8_t *plain, size_t len, struct data_key_record *ret, struct error *err) must_check;

/* H */
enum { HEAD_CAS_REQUIRED = 1 };
enum { REVISION_DESTROYED = 1 };

struct head_revision {
	int64_t created, deletion;	/* deletion 0: none; in the future: still readable */
	uint8_t flags;
	uint8_t pin[PIN_LEN];
};

struct head_record {
	uint8_t flags;
	uint8_t mount[ID_LEN];
	struct text_span path;
	int64_t created, updated;
	uint32_t data_key_version;
	uint32_t max_revisions;		/* 0: the mount's */
	int64_t delete_after_s;		/* 0: the mount's; -1: never */
	uint64_t oldest, current;	/* 0, 0: no revision yet */
	struct head_revision *revisions;	/* oldest ... current */
	size_t revisions_len;
	struct text_pair *custom;	/* sorted by key */
	size_t custom_len;
	struct text_span *parents;
	size_t parents_len;
};
void encode_head(struct secret_buf *out, const struct head_record *record);
enum error_code decode_head(const uint8_t *plain, size_t len, struct head_record *ret, struct error *err) must_check;
void head_record_free(struct head_record *record);	/* the arrays, wiped */
/* The entry of a revision, or NULL when it is not between oldest and current. */
struct head_revision *head_find_revision(const struct head_record *record, uint64_t revision);

/* R */
enum variable_kind { KIND_TEXT = 0, KIND_JSON = 1, KIND_TEMPLATE = 2, KIND_UNSET = 3 };

struct variable {
	struct text_span name;
	uint8_t kind;
	uint32_t version;
	uint64_t changed_revision;
	int64_t changed;
	struct text_span value;
};

struct revision_record {
	uint64_t revision;
	int64_t created;
	struct text_span actor, accessor, message;
	struct variable *variables;	/* sorted by name */
	size_t variables_len;
};
void encode_revision(struct secret_buf *out, const struct revision_record *record);
/* How long the encoding would be; compare with LIMIT_REVISION_PLAIN. */
size_t revision_encoded_len(const struct revision_record *record);
enum error_code decode_revision(const uint8_t *plain, size_t len, struct revision_record *ret, struct error *err) must_check;
void revision_record_free(struct revision_record *record);
const struct variable *revision_find(const struct revision_record *record, const char *name, size_t name_len);

/* T */
enum { TOKEN_RENEWABLE = 1, TOKEN_ORPHAN = 2 };
struct token_record {
	uint8_t verifier[16];
	uint8_t type;			/* 0 service, 1 root */
	uint8_t flags;
	int64_t creation_ttl, explicit_max_ttl, last_renewal;
	uint8_t parent[ID_LEN];
	int64_t created, expires, max_expires;
	uint32_t period, uses_left;
	struct text_span display, path;
	uint8_t role_id[16];
	uint32_t role_generation;
	int64_t bound_uid;		/* -1: none */
	struct text_span *policies;
	size_t policies_len;
	struct text_pair *meta;
	size_t meta_len;
	struct text_span *cidrs;
	size_t cidrs_len;
};
void encode_token(struct secret_buf *out, const struct token_record *record);
enum error_code decode_token(const uint8_t *plain, size_t len, struct token_record *ret, struct error *err) must_check;
void token_record_free(struct token_record *record);

/* M */
enum { MOUNT_SECRET = 0, MOUNT_AUTH = 1, MOUNT_SYSTEM = 2 };
struct mount_record {
	uint8_t class_;
	struct text_span path, type, accessor, settings /* JSON */;
};
void encode_mount(struct secret_buf *out, const struct mount_record *record);
enum error_code decode_mount(const uint8_t *plain, size_t len, struct mount_record *ret, struct error *err) must_check;

/* Q, G: one JSON text. */
void encode_text(struct secret_buf *out, const char *text, size_t len);
enum error_code decode_text(const uint8_t *plain, size_t len, struct text_span *ret, struct error *err) must_check;

/* 0x01: an encoding of fixed length (264 bytes), so P is always 320. */
struct state_record {
	uint8_t flags, job;
	uint32_t kek_epoch, index_epoch, base_epoch;
	uint64_t counter, n_live, n_revisions, header_seq, lmdb_txn_id;
	int64_t time, time_high_water, tokens_not_before;
	uint8_t fork_id[ID_LEN], previous_fork_id[ID_LEN];
	uint64_t fork_counter;
	uint8_t batch_id[ID_LEN];
	uint8_t accumulator[64];
	uint8_t job_cursor[64];
};
enum { STATE_ANCHORED = 1, STATE_SHRED_PENDING = 2 };
enum { JOB_NONE = 0, JOB_KEK = 1, JOB_DATA_KEY = 2, JOB_INDEX = 3, JOB_BASE = 4 };
void encode_state(struct secret_buf *out, const struct state_record *record);
enum error_code decode_state(const uint8_t *plain, size_t len, struct state_record *ret, struct error *err) must_check;
