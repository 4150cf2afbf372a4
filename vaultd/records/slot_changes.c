#include "records/slot_changes.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/seal.h"
#include "records/header_copy.h"
#include "records/sealed_store.h"

static enum error_code sealed(struct error *err)
{
	return error_set(err, ERR_SEALED, "Vault is sealed");
}

/* -- proof --------------------------------------------------------------------------- */

/* The shown header and the root key that a slot of it opens. */
static enum error_code unlock_shown(struct records *records, const struct slot_secret *unlock, struct header **ret,
				    struct secret_key *ret_root_key, struct error *err)
{
	if (atomic_load(&records->sealed))
		return sealed(err);
	if (header_shown(records, ret, err) != ERR_OK)
		return err->code;
	return slot_try(records, *ret, unlock, -1, ret_root_key, err);
}

enum error_code records_prove(struct records *records, const struct slot_secret *unlock, struct error *err)
{
	cleanup_(header_freep) struct header *header = NULL;
	key_scope root_key;

	return unlock_shown(records, unlock, &header, &root_key, err);
}

/* -- changing slots -------------------------------------------------------------------- */

/*
 * The change must have begun from what is in force now. Each slot holds the root key sealed with fresh salts, so that equal slots
 * mean an equal root key. `rotation` is held.
 */
static enum error_code check_unchanged(struct records *records, const struct header *was, struct error *err)
{
	if (atomic_load(&records->sealed))
		return sealed(err);
	if (atomic_load(&records->broken))
		return error_set(err, ERR_RECORD, "the store was changed by something else than vaultd; seal it and look at the log");
	if (records->header_uncertain)
		return error_set(err, ERR_BUSY, "vault.hdr could not be written before: seal and unseal the vault to find out what it "
						"holds");
	if (!slots_are_equal(was, records->header))
		return error_set(err, ERR_BUSY, "the slots were changed meanwhile: look at them and try again");
	return header_catch_up(records, err);
}

/* What follows a header that is in force; its failure does not take it back, and the next unseal makes up for it. */
static void follow_header(struct records *records, bool new_root)
{
	struct state_patch patch = { .set_header_seq = true, .header_seq = header_seq(records->header), .set_shred = new_root };
	struct error failure = ERROR_INIT;

	if (header_show(records, &failure) != ERR_OK || header_commit_patch(records, &patch, &failure) != ERR_OK ||
	    (new_root && kek_rotate(records, &failure) != ERR_OK) || anchor_catch_up(records, &failure) != ERR_OK)
		note_error(records, &failure);
}

static enum error_code commit_locked(struct records *records, const struct header *was, const struct header *next,
				     bool *ret_in_doubt, struct error *err)
{
	if (check_unchanged(records, was, err) != ERR_OK)
		return err->code;
	if (header_advance(records, next, NULL, &records->keyring, err) != ERR_OK) {
		*ret_in_doubt = records->header_uncertain;	/* not when there was no memory to begin with */
		return err->code;
	}
	follow_header(records, false);
	return ERR_OK;
}

static enum error_code copy_header(const struct header *header, struct header **ret, struct error *err)
{
	struct header *copy = malloc(sizeof(*copy));

	if (!copy)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the header");
	*copy = *header;
	*ret = copy;
	return ERR_OK;
}

/* A change that has begun: what was, what will be, and the root key. */
struct slot_work {
	struct header *was, *next;
	struct secret_key root_key;
};

static void slot_work_end(struct slot_work *work)
{
	header_free(work->was);
	header_free(work->next);
	secret_key_wipe(&work->root_key);
}

static enum error_code slot_work_begin(struct records *records, const struct slot_secret *unlock, struct slot_work *ret,
				       struct error *err)
{
	if (unlock_shown(records, unlock, &ret->was, &ret->root_key, err) != ERR_OK)
		return err->code;
	return copy_header(ret->was, &ret->next, err);
}

/* In doubt one copy of the header may be the new one: what it asks for must get out, as what the old one asks for may be gone. */
static enum error_code commit_slots(struct records *records, const struct slot_work *work, struct error *err)
{
	struct error failure = ERROR_INIT;
	bool in_doubt = false;
	enum error_code code;

	pthread_mutex_lock(&records->rotation);
	code = commit_locked(records, work->was, work->next, &in_doubt, &failure);
	pthread_mutex_unlock(&records->rotation);
	if (!in_doubt)
		return code == ERR_OK ? code : error_set(err, code, "%s", failure.text);
	note_error(records, &failure);
	return error_set(err, ERR_OUTCOME_UNKNOWN, "vault.hdr could not be written wholly: keep what opened the slot and what is to open "
						   "it, the next unseal shows which of them does");
}

/* How many slots there are, and whether this is one of them. */
static size_t count_slots(const struct header *header, unsigned id, bool *ret_there)
{
	struct slot_info slots[SLOTS_MAX];
	size_t len = header_slots(header, slots);

	*ret_there = false;
	for (size_t i = 0; i < len; i++)
		*ret_there |= slots[i].id == id;
	return len;
}

static enum error_code no_slot(unsigned id, struct error *err)
{
	return error_set(err, ERR_NOT_FOUND, "there is no slot %u", id);
}

enum error_code records_slot_add(struct records *records, const struct slot_secret *unlock, const struct slot_secret *secret,
				 uint8_t *ret_id, struct error *err)
{
	cleanup_(slot_work_end) struct slot_work work = { 0 };
	uint8_t id;

	if (slot_work_begin(records, unlock, &work, err) != ERR_OK ||
	    slot_make(work.next, secret, &work.root_key, records_now(records), &id, err) != ERR_OK ||
	    commit_slots(records, &work, err) != ERR_OK)
		return err->code;
	*ret_id = id;
	return ERR_OK;
}

enum error_code records_slot_change(struct records *records, const struct slot_secret *unlock, unsigned id,
				    const struct slot_secret *secret, struct error *err)
{
	cleanup_(slot_work_end) struct slot_work work = { 0 };
	bool there;

	if (slot_work_begin(records, unlock, &work, err) != ERR_OK)
		return err->code;
	(void)count_slots(work.was, id, &there);
	if (!there)
		return no_slot(id, err);
	if (slot_make_at(work.next, id, secret, &work.root_key, records_now(records), err) != ERR_OK)
		return err->code;
	return commit_slots(records, &work, err);
}

/* Whatever is made here next is tried for the first time. It is only a count: a failure to set it back costs waiting. */
static void forget_attempts(struct records *records, unsigned id)
{
	struct error ignored = ERROR_INIT;

	pthread_mutex_lock(&records->attempts);
	(void)!attempts_success(records->directory, records->store_id, id, &ignored);
	pthread_mutex_unlock(&records->attempts);
}

enum error_code records_slot_remove(struct records *records, const struct slot_secret *unlock, unsigned id, struct error *err)
{
	cleanup_(slot_work_end) struct slot_work work = { 0 };
	bool there;
	size_t len;

	if (slot_work_begin(records, unlock, &work, err) != ERR_OK)
		return err->code;
	len = count_slots(work.was, id, &there);
	if (!there)
		return no_slot(id, err);
	if (len < 2)
		return error_set(err, ERR_INVALID, "this is the last slot: without it nobody could open the vault; add another first");
	slot_clear(work.next, id);
	if (commit_slots(records, &work, err) != ERR_OK)
		return err->code;
	forget_attempts(records, id);
	return ERR_OK;
}

/* -- a new root key -------------------------------------------------------------------- */

struct rekeyed {
	struct header *was, *next;	/* next: with the new slots */
	struct secret_key *root_key;	/* the new one, in the arena */
};

void rekeyed_free(struct rekeyed *rekeyed)
{
	if (!rekeyed)
		return;
	header_free(rekeyed->was);
	header_free(rekeyed->next);
	secret_key_free(rekeyed->root_key);
	free(rekeyed);
}

static enum error_code make_slots(struct rekeyed *rekeyed, const struct slot_secret *const *slots, size_t slots_len,
				  int64_t now, struct error *err)
{
	struct header *next = rekeyed->next;

	if (slots_len < 1 || slots_len > SLOTS_MAX)
		return error_set(err, ERR_INVALID, "a vault has 1 to %d slots", SLOTS_MAX);
	for (unsigned id = 0; id < SLOTS_MAX; id++)
		slot_clear(next, id);
	for (unsigned id = 0; id < slots_len; id++)
		if (slot_make_at(next, id, slots[id], rekeyed->root_key, now, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

enum error_code records_rekey_prepare(struct records *records, const struct slot_secret *unlock,
				      const struct slot_secret *const *slots, size_t slots_len, struct rekeyed **ret,
				      struct error *err)
{
	cleanup_(rekeyed_freep) struct rekeyed *rekeyed = calloc(1, sizeof(*rekeyed));
	key_scope old_root_key;

	if (rekeyed)
		rekeyed->root_key = secret_key_new();
	if (!rekeyed || !rekeyed->root_key)
		return error_set(err, ERR_NO_MEMORY, "no room is left for keys");
	random_fill(rekeyed->root_key->bytes, KEY_LEN);
	if (unlock_shown(records, unlock, &rekeyed->was, &old_root_key, err) != ERR_OK ||
	    copy_header(rekeyed->was, &rekeyed->next, err) != ERR_OK ||
	    make_slots(rekeyed, slots, slots_len, records_now(records), err) != ERR_OK)
		return err->code;
	*ret = take_ptr(rekeyed);
	return ERR_OK;
}

enum error_code rekeyed_share_check(const struct rekeyed *rekeyed, const uint8_t share[static SHARE_LEN],
				    struct share_info *ret, struct error *err)
{
	return slot_check_share(rekeyed->next, share, ret, err);
}

enum error_code rekeyed_prove(const struct rekeyed *rekeyed, const struct slot_secret *secret, struct error *err)
{
	struct error failure = ERROR_INIT;
	key_scope opened;
	/* The others are for secrets that were known before, and prove nothing. */
	enum error_code code = slot_open(rekeyed->next, secret, 0, &opened, &failure);

	if (code != ERR_OK && code != ERR_NOT_FOUND)
		return error_set(err, code, "%s", failure.text);
	if (code == ERR_NOT_FOUND || sodium_memcmp(opened.bytes, rekeyed->root_key->bytes, KEY_LEN) != 0)
		return error_set(err, ERR_UNSEAL_FAILED, "the secret did not open the new slot");
	return ERR_OK;
}

static enum error_code commit_root(struct records *records, const struct rekeyed *rekeyed, bool *ret_in_doubt,
				   struct error *err)
{
	struct header_keys keys = { 0 }, old;

	if (check_unchanged(records, rekeyed->was, err) != ERR_OK ||
	    header_keys_derive(rekeyed->root_key, &keys, err) != ERR_OK)
		return err->code;
	if (header_advance(records, rekeyed->next, &keys, &records->keyring, err) != ERR_OK) {
		header_keys_free(&keys);
		*ret_in_doubt = records->header_uncertain;
		return err->code;
	}
	old = records->header_keys;
	records->header_keys = keys;
	header_keys_free(&old);
	follow_header(records, true);
	return ERR_OK;
}

enum error_code records_rekey_commit(struct records *records, const struct rekeyed *rekeyed, bool *ret_in_doubt,
				     struct error *err)
{
	enum error_code code;

	*ret_in_doubt = false;
	pthread_mutex_lock(&records->rotation);
	code = commit_root(records, rekeyed, ret_in_doubt, err);
	pthread_mutex_unlock(&records->rotation);
	for (unsigned id = 0; code == ERR_OK && id < SLOTS_MAX; id++)
		forget_attempts(records, id);
	return code;
}

/* -- keys ----------------------------------------------------------------------------------- */

enum error_code records_key_status(struct records *records, struct key_status *ret, struct error *err)
{
	const struct keyring_key *key;

	pthread_rwlock_rdlock(&records->keys);
	key = keyring_find(&records->keyring, KEY_KEK, 0);
	if (key)
		*ret = (struct key_status){ .epoch = key->epoch, .created = key->created };
	pthread_rwlock_unlock(&records->keys);
	return key ? ERR_OK : sealed(err);
}
