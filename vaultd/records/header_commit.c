/* The header while the vault is unsealed: its next sequence, what is shown of it, and trying a slot of it. */
#include <stdlib.h>
#include <string.h>

#include "records/header_copy.h"
#include "records/sealed_store.h"
#include "records/slot_changes.h"

/* What could not be written is in memory, and may not be in the file: a state that knows of it would find vault.hdr too old. */
static enum error_code check_certain(const struct records *records, struct error *err)
{
	if (!records->header_uncertain)
		return ERR_OK;
	return error_set(err, ERR_IO, "vault.hdr could not be written before: seal and unseal the vault to find out what it holds");
}

enum error_code header_advance(struct records *records, const struct header *slots, const struct header_keys *keys,
			       struct keyring *keyring, struct error *err)
{
	enum error_code code;

	if (check_certain(records, err) != ERR_OK)
		return err->code;
	pthread_mutex_lock(&records->status);
	keyring->min_counter = records->shown_counter;
	pthread_mutex_unlock(&records->status);
	code = header_write_derived(records->header, slots, keys ? keys : &records->header_keys, keyring, records_now(records),
				    records->directory, err);
	records->header_uncertain = code != ERR_OK && code != ERR_NO_MEMORY;
	records->header_ahead |= code == ERR_OK;
	return code;
}

enum error_code header_commit_patch(struct records *records, const struct state_patch *patch, struct error *err)
{
	if (check_certain(records, err) != ERR_OK || state_commit_patch(records, patch, err) != ERR_OK)
		return err->code;
	records->header_ahead = false;
	return ERR_OK;
}

enum error_code header_catch_up(struct records *records, struct error *err)
{
	/* As after a start: that header may be one with a new root key, and behind that a new KEK comes. */
	struct state_patch patch = { .set_header_seq = true, .header_seq = header_seq(records->header), .set_shred = true };

	return records->header_ahead ? header_commit_patch(records, &patch, err) : ERR_OK;
}

/* -- what is shown ------------------------------------------------------------------- */

/* What is there is written over: a change that is in force is shown whatever memory there is. */
static bool show_again(struct records *records)
{
	bool there;

	pthread_mutex_lock(&records->status);
	there = records->header && records->shown_header;
	if (there)
		*records->shown_header = *records->header;
	pthread_mutex_unlock(&records->status);
	return there;
}

enum error_code header_show(struct records *records, struct error *err)
{
	struct header *copy, *old;

	if (show_again(records))
		return ERR_OK;
	copy = records->header ? malloc(sizeof(*copy)) : NULL;
	if (records->header && !copy)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the header");
	if (copy)
		*copy = *records->header;
	pthread_mutex_lock(&records->status);
	old = records->shown_header;
	records->shown_header = copy;
	pthread_mutex_unlock(&records->status);
	header_free(old);
	return ERR_OK;
}

enum error_code header_shown(struct records *records, struct header **ret, struct error *err)
{
	struct header *copy = malloc(sizeof(*copy));
	bool there;

	if (!copy)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the header");
	pthread_mutex_lock(&records->status);
	there = records->shown_header != NULL;
	if (there)
		*copy = *records->shown_header;
	pthread_mutex_unlock(&records->status);
	if (!there) {
		free(copy);
		return error_set(err, ERR_NOT_INITIALIZED, "the vault is not initialized");
	}
	*ret = copy;
	return ERR_OK;
}

size_t records_slots(struct records *records, struct slot_info ret[static SLOTS_MAX])
{
	size_t len = 0;

	pthread_mutex_lock(&records->status);
	if (records->shown_header)
		len = header_slots(records->shown_header, ret);
	pthread_mutex_unlock(&records->status);
	return len;
}

enum error_code records_share_check(struct records *records, const uint8_t share[static SHARE_LEN], struct share_info *ret,
				    struct error *err)
{
	cleanup_(header_freep) struct header *header = NULL;

	if (header_shown(records, &header, err) != ERR_OK)
		return err->code;
	return slot_check_share(header, share, ret, err);
}

/* -- trying a slot --------------------------------------------------------------------- */

static enum error_code refuse_kind(const struct header *header, struct error *err)
{
	struct slot_info slots[SLOTS_MAX];
	char ways[SLOT_WAYS_MAX];

	slot_ways(slots, header_slots(header, slots), ways);
	return error_set(err, ERR_UNSEAL_FAILED, "no slot is opened by this kind of secret; what opens the vault is %s", ways);
}

/* The slot whose failures are counted: the named one, or the first of the type. -1: none has the type. */
static int counted_slot(const struct header *header, const struct slot_secret *secret, int slot_id)
{
	struct slot_info slots[SLOTS_MAX];
	size_t len = header_slots(header, slots);

	for (size_t i = 0; i < len; i++)
		if (slots[i].type == secret->type && (slot_id < 0 || slots[i].id == slot_id))
			return slots[i].id;
	return -1;
}

/* Shares name their slot; too few of them, or wrong ones, are known before anything is evaluated. */
static enum error_code counted_slot_of_shares(const struct header *header, const struct slot_secret *secret, int *ret,
					      struct error *err)
{
	key_scope ignored;
	uint8_t id;

	if (slot_shares_combine(header, secret, &id, &ignored, err) != ERR_OK)
		return err->code;
	*ret = id;
	return ERR_OK;
}

enum error_code slot_try(struct records *records, const struct header *header, const struct slot_secret *secret, int slot_id,
			 struct secret_key *ret_root_key, struct error *err)
{
	const uint8_t *store_id = header_store_id(header);
	int counted = counted_slot(header, secret, slot_id);
	enum error_code code;

	if (counted < 0)
		return refuse_kind(header, err);
	if (secret->type == SLOT_SHARES && counted_slot_of_shares(header, secret, &counted, err) != ERR_OK)
		return err->code;
	pthread_mutex_lock(&records->attempts);
	code = attempts_begin(records->directory, store_id, (unsigned)counted, records_now(records), err);
	pthread_mutex_unlock(&records->attempts);
	if (code != ERR_OK || slot_open(header, secret, slot_id, ret_root_key, err) != ERR_OK)
		return err->code;
	pthread_mutex_lock(&records->attempts);
	code = attempts_success(records->directory, store_id, (unsigned)counted, err);
	pthread_mutex_unlock(&records->attempts);
	return code;
}
