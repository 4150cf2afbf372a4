/* A new root key: begun by an operator, proved by those who hold the old secrets, verified by those who got the new ones. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/ceremonies.h"
#include "core/vault_state.h"
#include "crypto/seal.h"
#include "vault/limits.h"

#define PATH "sys/rekey/init"
#define VERIFY_PATH "sys/rekey/verify"

void rekey_result_free(struct rekey_result *result)
{
	secret_buf_free(result->shares);
	*result = (struct rekey_result){ .shares = NULL };
}

static enum error_code none_under_way(struct error *err)
{
	return error_set(err, ERR_INVALID, "no rekey in progress: begin one at " PATH);
}

static void status_of(struct vault *vault, const struct rekey_attempt *rekey, struct rekey_status *ret)
{
	*ret = (struct rekey_status){ .started = rekey->started };
	if (!rekey->started)
		return;
	memcpy(ret->nonce, rekey->nonce, sizeof(ret->nonce));
	memcpy(ret->verify_nonce, rekey->verify_nonce, sizeof(ret->verify_nonce));
	ret->shares = rekey->start.shares;
	ret->threshold = rekey->start.threshold;
	ret->verify = rekey->start.verify;
	ret->progress = rekey->given.count;
	ret->required = ceremony_required(vault, &rekey->given);
	ret->verify_progress = rekey->verified.count;
}

/* -- beginning, looking, ending ---------------------------------------------- */

static enum error_code check_start(const struct rekey_start *start, struct error *err)
{
	if (start->shares == 0 && start->threshold == 0)
		return start->verify ? error_set(err, ERR_INVALID, "there is nothing to verify when no new shares are made") : ERR_OK;
	return shares_check(start->shares, start->threshold, err);
}

enum error_code vault_rekey_start(struct vault *vault, const struct caller *caller, const struct rekey_start *start,
				  struct rekey_status *ret, struct error *err)
{
	struct ceremonies *ceremonies = vault->ceremonies;
	struct rekey_attempt *rekey = &ceremonies->rekey;

	if (vault_authorize(vault, caller, CAP_SUDO | CAP_UPDATE, PATH, err) != ERR_OK || check_start(start, err) != ERR_OK)
		return err->code;
	pthread_mutex_lock(&ceremonies->lock);
	if (rekey->started) {
		error_set(err, ERR_INVALID, "rekey already in progress: go on with it, or cancel it first");
	} else {
		rekey->started = true;
		rekey->start = *start;
		rekey->deadline = ceremony_deadline(vault);
		nonce_make(rekey->nonce);
		status_of(vault, rekey, ret);
	}
	pthread_mutex_unlock(&ceremonies->lock);
	return err->code;
}

static enum error_code look_at(struct vault *vault, const struct caller *caller, const char *path, struct rekey_status *ret,
			       struct error *err)
{
	if (vault_authorize(vault, caller, CAP_SUDO | CAP_READ, path, err) != ERR_OK)
		return err->code;
	pthread_mutex_lock(&vault->ceremonies->lock);
	status_of(vault, &vault->ceremonies->rekey, ret);
	pthread_mutex_unlock(&vault->ceremonies->lock);
	return ERR_OK;
}

enum error_code vault_rekey_status(struct vault *vault, const struct caller *caller, struct rekey_status *ret,
				   struct error *err)
{
	return look_at(vault, caller, PATH, ret, err);
}

enum error_code vault_rekey_verify_status(struct vault *vault, const struct caller *caller, struct rekey_status *ret,
					  struct error *err)
{
	return look_at(vault, caller, VERIFY_PATH, ret, err);
}

enum error_code vault_rekey_cancel(struct vault *vault, const struct caller *caller, struct error *err)
{
	if (vault_authorize(vault, caller, CAP_SUDO | CAP_DELETE, PATH, err) != ERR_OK)
		return err->code;
	pthread_mutex_lock(&vault->ceremonies->lock);
	rekey_end(&vault->ceremonies->rekey);
	pthread_mutex_unlock(&vault->ceremonies->lock);
	return ERR_OK;
}

/* -- proof ------------------------------------------------------------------------ */

/* What the new root key is put into: the new secret, or the one that was presented, and what is to be kept. */
struct new_slots {
	struct slot_secret made;
	struct secret_buf *shares;
	const struct slot_secret *list[SLOTS_MAX];
	size_t len;
};

static enum error_code make_new(const struct rekey_start *start, struct new_slots *ret, struct error *err)
{
	uint8_t *room;

	ret->shares = secret_buf_new(LIMIT_SHARES * SHARE_LEN);
	if (!ret->shares)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the shares");
	if (start->shares > 1) {
		ret->made = (struct slot_secret){ .type = SLOT_SHARES, .shares = start->shares, .threshold = start->threshold,
						  .made = ret->shares, .label = "rekey" };
		return ERR_OK;
	}
	room = secret_buf_reserve(ret->shares, KEY_LEN);
	if (!room)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the key");
	random_fill(room, KEY_LEN);
	secret_buf_advance(ret->shares, KEY_LEN);
	ret->made = (struct slot_secret){ .type = SLOT_KEY_FILE, .key = secret_buf_bytes(ret->shares), .key_len = KEY_LEN,
					  .label = "rekey" };
	return ERR_OK;
}

static enum error_code choose_slots(const struct rekey_start *start, const struct rekey_update *update,
				    const struct slot_secret *unlock, struct new_slots *ret, struct error *err)
{
	if (update->keep_len >= SLOTS_MAX)
		return error_set(err, ERR_INVALID, "a vault has at most %d slots", SLOTS_MAX);
	if (start->shares > 0) {
		if (make_new(start, ret, err) != ERR_OK)
			return err->code;
		ret->list[ret->len++] = &ret->made;
	} else if (unlock->type == SLOT_SHARES) {
		return error_set(err, ERR_INVALID, "shares are made anew: begin with secret_shares and secret_threshold");
	} else {
		ret->list[ret->len++] = unlock;
	}
	for (size_t i = 0; i < update->keep_len; i++) {
		if (update->keep[i].type == SLOT_SHARES)
			return error_set(err, ERR_INVALID, "shares cannot be kept: they are made anew");
		ret->list[ret->len++] = &update->keep[i];
	}
	return ERR_OK;
}

/* The new root key in force; what was prepared is used up. */
static enum error_code commit(struct vault *vault, struct rekey_attempt *rekey, struct rekey_result *ret, struct error *err)
{
	struct error failure = ERROR_INIT;
	enum error_code code = records_rekey_commit(vault->records, rekey->prepared, &ret->in_doubt, &failure);

	/* In doubt the new secrets must get out, or the next unseal may ask for what nobody has. */
	if (code == ERR_OK || ret->in_doubt) {
		ret->complete = true;
		rekey_end(rekey);
		return ERR_OK;
	}
	rekey_end(rekey);
	return error_set(err, code, "%s", failure.text);
}

static enum error_code prove(struct vault *vault, struct rekey_attempt *rekey, const struct rekey_update *update,
			     const struct slot_secret *unlock, struct rekey_result *ret, struct error *err)
{
	struct new_slots slots = { .len = 0 };
	enum error_code code = choose_slots(&rekey->start, update, unlock, &slots, err);

	if (code == ERR_OK)
		code = records_rekey_prepare(vault->records, unlock, slots.list, slots.len, &rekey->prepared, err);
	if (code != ERR_OK) {
		secret_buf_free(slots.shares);
		return code;
	}
	ret->shares = slots.shares;
	ret->is_key = rekey->start.shares == 1;
	share_set_clear(&rekey->given);
	if (!rekey->start.verify)
		return commit(vault, rekey, ret, err);
	nonce_make(rekey->verify_nonce);
	ret->complete = true;
	return ERR_OK;
}

static enum error_code update_locked(struct vault *vault, struct rekey_attempt *rekey, const struct rekey_update *update,
				     struct rekey_result *ret, struct error *err)
{
	struct slot_secret unlock;

	if (!rekey->started)
		return none_under_way(err);
	if (!nonce_is(rekey->nonce, update->nonce))
		return error_set(err, ERR_INVALID, "incorrect nonce supplied: this is not the rekey that is in progress");
	if (rekey->prepared)
		return error_set(err, ERR_INVALID, "the new shares were made already and wait for their verification");
	if (ceremony_take(vault, &rekey->given, update->unlock, ceremony_check_share, vault, &unlock, err) != ERR_OK)
		return err->code;
	rekey->deadline = ceremony_deadline(vault);
	status_of(vault, rekey, &ret->status);
	if (unlock.type == SLOT_EMPTY)
		return ERR_OK;
	if (prove(vault, rekey, update, &unlock, ret, err) != ERR_OK) {
		share_set_clear(&rekey->given);
		return err->code;
	}
	if (rekey->started)	/* it waits for its verification */
		status_of(vault, rekey, &ret->status);
	return ERR_OK;
}

static enum error_code check_unsealed(struct vault *vault, struct error *err)
{
	return atomic_load(&vault->unsealed) ? ERR_OK : error_set(err, ERR_SEALED, "Vault is sealed");
}

enum error_code vault_rekey_update(struct vault *vault, const struct rekey_update *update, struct rekey_result *ret,
				   struct error *err)
{
	struct rekey_result result = { .shares = NULL };
	enum error_code code;

	if (check_unsealed(vault, err) != ERR_OK)
		return err->code;
	pthread_mutex_lock(&vault->ceremonies->lock);
	code = update_locked(vault, &vault->ceremonies->rekey, update, &result, err);
	pthread_mutex_unlock(&vault->ceremonies->lock);
	if (code == ERR_OK)
		*ret = result;
	else
		rekey_result_free(&result);
	return code;
}

/* -- verification -------------------------------------------------------------------- */

static enum error_code check_new_share(void *arg, const uint8_t *share, struct share_info *ret, struct error *err)
{
	return rekeyed_share_check(arg, share, ret, err);
}

static enum error_code verify_locked(struct vault *vault, struct rekey_attempt *rekey, const char *nonce,
				     const struct slot_secret *secret, struct rekey_result *ret, struct error *err)
{
	struct slot_secret given;

	if (!rekey->started || !rekey->prepared)
		return error_set(err, ERR_INVALID, "no rekey waits for a verification");
	if (!nonce_is(rekey->verify_nonce, nonce))
		return error_set(err, ERR_INVALID, "incorrect nonce supplied: this is not the verification that is in progress");
	if (ceremony_take(vault, &rekey->verified, secret, check_new_share, rekey->prepared, &given, err) != ERR_OK)
		return err->code;
	rekey->deadline = ceremony_deadline(vault);
	if (given.type == SLOT_EMPTY) {
		status_of(vault, rekey, &ret->status);
		return ERR_OK;
	}
	if (rekeyed_prove(rekey->prepared, &given, err) != ERR_OK) {
		share_set_clear(&rekey->verified);
		return err->code;
	}
	status_of(vault, rekey, &ret->status);
	return commit(vault, rekey, ret, err);
}

enum error_code vault_rekey_verify(struct vault *vault, const char *nonce, const struct slot_secret *secret,
				   struct rekey_result *ret, struct error *err)
{
	struct rekey_result result = { .shares = NULL };
	enum error_code code;

	if (check_unsealed(vault, err) != ERR_OK)
		return err->code;
	pthread_mutex_lock(&vault->ceremonies->lock);
	code = verify_locked(vault, &vault->ceremonies->rekey, nonce, secret, &result, err);
	pthread_mutex_unlock(&vault->ceremonies->lock);
	if (code == ERR_OK)
		*ret = result;
	return code;
}

enum error_code vault_rekey_verify_restart(struct vault *vault, const struct caller *caller, struct rekey_status *ret,
					   struct error *err)
{
	struct rekey_attempt *rekey = &vault->ceremonies->rekey;

	if (vault_authorize(vault, caller, CAP_SUDO | CAP_DELETE, VERIFY_PATH, err) != ERR_OK)
		return err->code;
	pthread_mutex_lock(&vault->ceremonies->lock);
	if (rekey->prepared) {
		share_set_clear(&rekey->verified);
		nonce_make(rekey->verify_nonce);
	}
	status_of(vault, rekey, ret);
	pthread_mutex_unlock(&vault->ceremonies->lock);
	return ERR_OK;
}
