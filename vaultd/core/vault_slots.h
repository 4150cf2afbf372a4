/*
 * What opens the vault, and the keys: slots, a new root key (rekey), a new root
 * token without one (generate-root), a new key-encryption key (rotate). Part of
 * the contract of vault.h.
 *
 * Who changes these presents a slot's secret, whatever his token allows: the
 * root key is not kept. The attempt is counted first, as an unseal's is.
 * Secrets of SLOT_SHARES may hold any number of shares: they are collected
 * until there are as many as their slot asks for, and forgotten after
 * LIMIT_SHARE_MINUTES, at a seal, and at the end of the attempt. A share that
 * does not belong to the vault is ERR_INVALID with the reason.
 *
 * Threads: any but event threads; the functions take as long as a passphrase
 * does, and wait for commits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/caller.h"
#include "crypto/token_text.h"
#include "records/header.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

struct vault;

/* -- slots: sudo on sys/slots, sys/slots/<id>, sys/slots/<id>/remove -------- */

enum error_code vault_slots(struct vault *vault, const struct caller *caller, struct slot_info ret[static SLOTS_MAX],
			    size_t *ret_len, struct error *err) must_check;
/* Shares that are made are appended to secret->made. ERR_BUSY when all slots are taken. ERR_OUTCOME_UNKNOWN when vault.hdr could
 * not be written wholly: shares that were made may be what opens the slot from now on, and must get out. */
enum error_code vault_slot_add(struct vault *vault, const struct caller *caller, const struct slot_secret *unlock,
			       const struct slot_secret *secret, uint8_t *ret_id, struct error *err) must_check;
enum error_code vault_slot_change(struct vault *vault, const struct caller *caller, const struct slot_secret *unlock,
				  unsigned id, const struct slot_secret *secret, struct error *err) must_check;
/* Never the last one. */
enum error_code vault_slot_remove(struct vault *vault, const struct caller *caller, const struct slot_secret *unlock,
				  unsigned id, struct error *err) must_check;

/* -- keys ------------------------------------------------------------------ */

struct vault_key_status {
	uint32_t term;		/* epoch of the key that wraps the environments' keys */
	int64_t installed;
	uint64_t commits;	/* of the store so far */
};
enum error_code vault_key_status(struct vault *vault, const struct caller *caller, struct vault_key_status *ret,
				 struct error *err) must_check;
/* sudo on sys/rotate */
enum error_code vault_rotate(struct vault *vault, const struct caller *caller, struct error *err) must_check;

/* -- a new root key: sudo on sys/rekey/init to begin, to look and to cancel -- */

struct rekey_start {
	unsigned shares, threshold;	/* of the new slot; 1, 1: one key; 0, 0: the presented slot is kept with its secret */
	bool verify;			/* in force only when the new shares were given back */
};
struct rekey_status {
	bool started;
	char nonce[37];
	unsigned shares, threshold;	/* what will be made */
	unsigned progress, required;	/* of what is presented */
	bool verify;
	char verify_nonce[37];		/* "" until the new shares are made */
	unsigned verify_progress;
};
/* ERR_INVALID when one is under way. */
enum error_code vault_rekey_start(struct vault *vault, const struct caller *caller, const struct rekey_start *start,
				  struct rekey_status *ret, struct error *err) must_check;
enum error_code vault_rekey_status(struct vault *vault, const struct caller *caller, struct rekey_status *ret,
				   struct error *err) must_check;
/* The same for those who may look at sys/rekey/verify. */
enum error_code vault_rekey_verify_status(struct vault *vault, const struct caller *caller, struct rekey_status *ret,
					  struct error *err) must_check;
/* Also forgets new shares that were not verified. */
enum error_code vault_rekey_cancel(struct vault *vault, const struct caller *caller, struct error *err) must_check;

struct rekey_update {
	const char *nonce;			/* of the attempt: whoever has it needs no token */
	const struct slot_secret *unlock;
	const struct slot_secret *keep;		/* further slots that the new root key gets, besides the new one */
	size_t keep_len;
};
struct rekey_result {
	bool complete;			/* the new shares are made; in force unless status.verify */
	bool in_doubt;			/* the header could not be written wholly: old and new secrets must both be kept */
	struct secret_buf *shares;	/* SHARE_LEN bytes each, or the 32 bytes of the one key; NULL when none was made */
	bool is_key;
	struct rekey_status status;
};
void rekey_result_free(struct rekey_result *result);
/* ERR_INVALID for a wrong nonce. A secret that does not open its slot ends what was collected. */
enum error_code vault_rekey_update(struct vault *vault, const struct rekey_update *update, struct rekey_result *ret,
				   struct error *err) must_check;
/* A new share (or the one new key) is given back; with enough of them the new root key is in force. nonce: verify_nonce. */
enum error_code vault_rekey_verify(struct vault *vault, const char *nonce, const struct slot_secret *secret,
				   struct rekey_result *ret, struct error *err) must_check;
/* The collected new shares are forgotten and the verification begins anew, with another nonce. */
enum error_code vault_rekey_verify_restart(struct vault *vault, const struct caller *caller, struct rekey_status *ret,
					   struct error *err) must_check;

/*
 * -- a root token from the slots -------------------------------------------
 *
 * Who has lost all tokens begins on the machine itself: root and the user that the daemon runs as may, over the Unix socket,
 * besides those with sudo on sys/generate-root/attempt. Shares, or a slot's secret, make the token.
 */
struct root_status {
	bool started, complete;
	char nonce[37];
	unsigned progress, required;
};
/* otp: TOKEN_TEXT_LEN characters, which the token is hidden under. ERR_INVALID when one is under way. */
enum error_code vault_root_start(struct vault *vault, const struct caller *caller, const char *otp, struct root_status *ret,
				 struct error *err) must_check;
enum error_code vault_root_status(struct vault *vault, const struct caller *caller, struct root_status *ret,
				  struct error *err) must_check;
enum error_code vault_root_cancel(struct vault *vault, const struct caller *caller, struct error *err) must_check;
struct root_result {
	struct root_status status;
	uint8_t encoded[TOKEN_TEXT_LEN];	/* when complete: the token XOR the otp */
};
enum error_code vault_root_update(struct vault *vault, const char *nonce, const struct slot_secret *unlock,
				  struct root_result *ret, struct error *err) must_check;
