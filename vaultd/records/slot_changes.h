/*
 * What opens a vault, changed while it is unsealed: slots, and the root key
 * itself. Part of the contract of records.h.
 *
 * The root key is not kept, so whoever changes something presents a slot that
 * opens it (`unlock`); the attempt is counted before it is evaluated. The slow
 * part (Argon2) runs outside of all locks. What is changed is in force when
 * both copies of the header are written; that the store's state then hears of
 * it is finished by the next unseal if it must be.
 *
 * Threads: any, but one change at a time; a second one that comes in between
 * is ERR_BUSY. Not on event threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/shares.h"
#include "records/header.h"
#include "records/records.h"
#include "vault/error.h"

/* Names what is wrong with a share; see slot_check_share(). Also while sealed. */
enum error_code records_share_check(struct records *records, const uint8_t share[static SHARE_LEN], struct share_info *ret,
				    struct error *err) must_check;

/* Whether a secret opens a slot, and nothing else. ERR_UNSEAL_FAILED, ERR_SLOWED_DOWN, ERR_INVALID for shares. */
enum error_code records_prove(struct records *records, const struct slot_secret *unlock, struct error *err) must_check;

/*
 * ERR_OUTCOME_UNKNOWN, of these three, when one copy of the header may be the new one and the other the old one: what opened
 * the slot and what is to open it must both be kept until the next unseal. Shares that were made stand in secret->made.
 */
/* ERR_BUSY when all slots are taken. */
enum error_code records_slot_add(struct records *records, const struct slot_secret *unlock, const struct slot_secret *secret,
				 uint8_t *ret_id, struct error *err) must_check;
/* Another secret in the place of slot id. ERR_NOT_FOUND. */
enum error_code records_slot_change(struct records *records, const struct slot_secret *unlock, unsigned id,
				    const struct slot_secret *secret, struct error *err) must_check;
/* ERR_NOT_FOUND; ERR_INVALID for the last one. */
enum error_code records_slot_remove(struct records *records, const struct slot_secret *unlock, unsigned id,
				    struct error *err) must_check;

/*
 * A new root key, in two steps. prepare() makes it and these slots for it, in memory; nothing of them is in force. commit() puts
 * both in the place of the old root key and of all old slots, and then rotates the KEK, so that an old header opens nothing
 * that is written from then on; if that fails it is done later by itself. ERR_BUSY when slots were changed in between.
 *
 * When commit() fails and *ret_in_doubt is set, one copy of the header may be the new one and the other the old one. Only the
 * next unseal shows it: both the old secrets and the new ones must be kept until then.
 */
struct rekeyed;
void rekeyed_free(struct rekeyed *rekeyed);	/* wipes; NULL is allowed */
enum error_code records_rekey_prepare(struct records *records, const struct slot_secret *unlock,
				      const struct slot_secret *const *slots, size_t slots_len, struct rekeyed **ret,
				      struct error *err) must_check;
enum error_code rekeyed_share_check(const struct rekeyed *rekeyed, const uint8_t share[static SHARE_LEN],
				    struct share_info *ret, struct error *err) must_check;
/* Whether a secret opens the first of the new slots: somebody has written it down rightly. */
enum error_code rekeyed_prove(const struct rekeyed *rekeyed, const struct slot_secret *secret, struct error *err) must_check;
enum error_code records_rekey_commit(struct records *records, const struct rekeyed *rekeyed, bool *ret_in_doubt,
				     struct error *err) must_check;

/* The key that wraps data keys: its epoch and when it was made. ERR_SEALED. */
struct key_status {
	uint32_t epoch;
	int64_t created;
};
enum error_code records_key_status(struct records *records, struct key_status *ret, struct error *err) must_check;

DEFINE_CLEANUP(struct rekeyed *, rekeyed_free);
