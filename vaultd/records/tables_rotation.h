/*
 * Records of an environment's schema and of the rotation of its variables: S,
 * P and O of docs/storage-format.md 3.3. The same rules as in tables.h: decoders
 * give views into the plaintext and accept exactly what encoders make.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "records/tables.h"

/* P: table, eid, number of the policy. O: table, eid, number of its policy, number of the operation. */
struct record_key record_key_rotation(const uint8_t eid[static ID_LEN], uint32_t number);
struct record_key record_key_operation(const uint8_t eid[static ID_LEN], uint32_t policy, uint64_t number);

/* S */
enum { SCHEMA_WARN = 0, SCHEMA_ENFORCE = 1 };

struct schema_record {
	uint8_t mode;
	int64_t updated;
	struct text_span actor, text;
};
void encode_schema(struct secret_buf *out, const struct schema_record *record);
enum error_code decode_schema(const uint8_t *plain, size_t len, struct schema_record *ret,
			      struct error *err) must_check;

/* P */
struct rotation_record {
	uint8_t flags;			/* none is known yet: 0 */
	struct text_span kind;
	struct text_span *variables;	/* sorted, each once */
	size_t variables_len;
	struct text_span spec;
	int64_t next_due, last_ok;
	uint32_t attempts;
};
void encode_rotation(struct secret_buf *out, const struct rotation_record *record);
enum error_code decode_rotation(const uint8_t *plain, size_t len, struct rotation_record *ret,
				struct error *err) must_check;
void rotation_record_free(struct rotation_record *record);

/* O */
struct operation_change {
	struct text_span name, new_value, previous;
};

struct operation_record {
	uint8_t state;			/* its steps are the rotation's business: any number */
	int64_t slot;
	uint64_t fence, target_revision;
	struct operation_change *changes;	/* sorted by name, each once */
	size_t changes_len;
	uint64_t set_ok, finish_ok;
	uint32_t attempts;
	int64_t backoff_until;
	struct text_span error;
};
void encode_operation(struct secret_buf *out, const struct operation_record *record);
enum error_code decode_operation(const uint8_t *plain, size_t len, struct operation_record *ret,
				 struct error *err) must_check;
void operation_record_free(struct operation_record *record);
