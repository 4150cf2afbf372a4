/*
 * The inside of struct header, for header.c and slots.c alone: one copy of
 * vault.hdr as it stands in the file (docs/storage-format.md section 6).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/seal.h"
#include "records/header.h"

enum {
	HEADER_AT_SEQ = 16,
	HEADER_AT_STORE_ID = 24,
	HEADER_AT_CREATED = 40,
	HEADER_AT_UPDATED = 48,
	HEADER_AT_KEYRING = 64,
	HEADER_KEYRING_PLAIN = 512,
	HEADER_AT_SLOTS = 1024,
	HEADER_SLOT_LEN = 1024,
	HEADER_SLOT_USED = 544,		/* zeros behind */
	HEADER_AT_MAC = 9216,
	HEADER_AT_SUM = 9248,
	KEYRING_AAD_LEN = 4 + ID_LEN + 8,
	PATH_LEN = 4096,
};

/* A slot, 1,024 bytes. */
enum {
	SLOT_AT_STATE = 0,
	SLOT_AT_TYPE = 1,
	SLOT_AT_ID = 2,
	SLOT_AT_COST = 4,
	SLOT_AT_SALT = 16,
	SLOT_AT_CREATED = 32,
	SLOT_AT_LABEL = 40,
	SLOT_AT_CREDENTIAL = 104,
	SLOT_TEXT_LEN = 64,
	SLOT_AT_THRESHOLD = 168,
	SLOT_AT_SHARES = 169,
	SLOT_AT_SET = 172,
	SLOT_AT_TAGS = 176,
	SLOT_AT_SEALED = 432,
	SLOT_SEALED_LEN = SEAL_OVERHEAD + KEY_LEN,
	SLOT_AAD_LEN = 4 + ID_LEN + SLOT_AT_SEALED,
};

struct header {
	uint8_t copy[HEADER_COPY_LEN];
	unsigned better;	/* which of the two in the file this one was */
	bool needs_repair;
};

uint8_t *slot_at(struct header *header, unsigned id);
const uint8_t *slot_of(const struct header *header, unsigned id);

/* slot_shares.c: 32 random bytes in shares, whose marks go into the slot and which are appended to secret->made. */
enum error_code slot_shares_make(const struct header *header, uint8_t *slot, const struct slot_secret *secret,
				 struct secret_key *ret, struct error *err) must_check;
/* What is presented to open: each share is checked, then they are combined. */
enum error_code slot_shares_combine(const struct header *header, const struct slot_secret *secret, uint8_t *ret_slot,
				    struct secret_key *ret, struct error *err) must_check;

uint64_t copy_u64(const uint8_t *copy, size_t at);
void copy_set_u64(uint8_t *copy, size_t at, uint64_t value);
uint32_t copy_u32(const uint8_t *copy, size_t at);
void copy_set_u32(uint8_t *copy, size_t at, uint32_t value);
