/*
 * Attempts that several people take part in: a new root key, a new root token.
 * Internal to core/.
 *
 * The lock is held for the whole of a step, Argon2 and commits included, and
 * nothing of vault_state.h is held when it is taken but `lifecycle` by nobody:
 * a seal drops the attempts after it has let go of its locks.
 */
#pragma once

#include <pthread.h>

#include "core/share_set.h"
#include "core/vault_slots.h"
#include "records/slot_changes.h"

struct rekey_attempt {
	bool started;
	char nonce[NONCE_LEN + 1];
	struct rekey_start start;
	struct share_set given;
	/* waiting for verification */
	struct rekeyed *prepared;
	char verify_nonce[NONCE_LEN + 1];
	struct share_set verified;
	int64_t deadline;
};

struct root_attempt {
	bool started;
	char nonce[NONCE_LEN + 1];
	struct secret_buf *otp;
	struct share_set given;
	int64_t deadline;
};

struct ceremonies {
	pthread_mutex_t lock;
	struct rekey_attempt rekey;
	struct root_attempt root;
};

struct ceremonies *ceremonies_new(void);
void ceremonies_free(struct ceremonies *ceremonies);	/* NULL is allowed */
/* All attempts end. */
void ceremonies_drop(struct ceremonies *ceremonies);
/* Those end that nobody has gone on with; does nothing while a step is under way. */
void ceremonies_expire(struct ceremonies *ceremonies, int64_t monotonic_us);

/* Of the files of the ceremonies alone; the lock is held. */
void rekey_end(struct rekey_attempt *rekey);
void root_end(struct root_attempt *root);
/*
 * Takes what was presented: shares go into the set, checked by check(); *ret is then what opens the slot, if there are enough
 * by now, and else of type SLOT_EMPTY. Another secret is *ret itself.
 */
enum error_code ceremony_take(struct vault *vault, struct share_set *set, const struct slot_secret *presented,
			      enum error_code (*check)(void *arg, const uint8_t *share, struct share_info *ret, struct error *err),
			      void *arg, struct slot_secret *ret, struct error *err) must_check;
enum error_code ceremony_check_share(void *vault, const uint8_t *share, struct share_info *ret, struct error *err) must_check;
/* How many shares a proof takes: the threshold of the set that was begun, or of the first such slot; 1 without any. */
unsigned ceremony_required(struct vault *vault, const struct share_set *set);
int64_t ceremony_deadline(struct vault *vault);
