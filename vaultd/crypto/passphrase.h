/*
 * Argon2id (version 0x13, libargon2, p = 1) for passphrase slots.
 *
 * One derivation at a time in the whole process: a second caller waits. The
 * working memory is mapped for the call and wiped.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "crypto/arena.h"
#include "vault/error.h"

struct argon2_cost {
	uint32_t t, m_kib, p;
};

#define ARGON2_DEFAULT_M_KIB 262144
#define ARGON2_FLOOR_M_KIB 65536
#define ARGON2_FLOOR_T 3

/* ERR_INVALID when the cost is one that a header may not ask for: p != 1, t > 64, m over 2 GiB, m * t over 2^24, m over
 * half the memory limit (address space, control groups), or below the floor unless the build is for tests (VAULT_TEST_KDF)
 * and the environment variable VAULTD_TEST_KDF is set. Checked before anything is
 * allocated. */
enum error_code argon2_cost_check(const struct argon2_cost *cost, struct error *err) must_check;
/* ARGON2_DEFAULT_M_KIB (halved, down to the floor, where half of the memory limit is less) and t >= 3 raised until one
 * derivation takes a second; m = 64 KiB, t = 1 under VAULT_TEST_KDF when the environment variable VAULTD_TEST_KDF is set. */
enum error_code argon2_cost_choose(struct argon2_cost *ret, struct error *err) must_check;
/* Checks the cost, then derives. ERR_INVALID (also for a passphrase not of 1 to LIMIT_PASSPHRASE_LEN bytes),
 * ERR_NO_MEMORY. */
enum error_code argon2_derive(const struct argon2_cost *cost, const void *passphrase, size_t len,
			      const uint8_t salt[static 16], struct secret_key *ret, struct error *err) must_check;
