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

struct header {
	uint8_t copy[HEADER_COPY_LEN];
	unsigned better;	/* which of the two in the file this one was */
	bool needs_repair;
};

uint64_t copy_u64(const uint8_t *copy, size_t at);
void copy_set_u64(uint8_t *copy, size_t at, uint64_t value);
uint32_t copy_u32(const uint8_t *copy, size_t at);
void copy_set_u32(uint8_t *copy, size_t at, uint32_t value);
