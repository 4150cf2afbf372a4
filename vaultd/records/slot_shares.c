/* Slots that are opened by shares: what of a set stands in the slot, and how a share is known by it. */
#include <sodium.h>
#include <string.h>

#include "crypto/seal.h"
#include "records/header_copy.h"
#include "vault/limits.h"

static const uint8_t *tag_at(const uint8_t *slot, unsigned number)
{
	return slot + SLOT_AT_TAGS + (number - 1) * SHARE_TAG_LEN;
}

enum error_code slot_shares_make(const struct header *header, uint8_t *slot, const struct slot_secret *secret,
				 struct secret_key *ret, struct error *err)
{
	uint8_t made[LIMIT_SHARES * SHARE_LEN];
	struct share_info info = { .slot = slot[SLOT_AT_ID] };
	enum error_code code;

	if (!secret->made)
		return error_set(err, ERR_INVALID, "shares are made for somebody who takes them");
	memcpy(info.store, header_store_id(header), SHARE_STORE_LEN);
	random_fill(info.set, sizeof(info.set));
	random_fill(ret->bytes, KEY_LEN);
	if (shares_split(ret, &info, secret->shares, secret->threshold, made, err) != ERR_OK)
		return err->code;
	slot[SLOT_AT_THRESHOLD] = (uint8_t)secret->threshold;
	slot[SLOT_AT_SHARES] = (uint8_t)secret->shares;
	memcpy(slot + SLOT_AT_SET, info.set, SHARE_SET_LEN);
	for (unsigned i = 0; i < secret->shares; i++)
		share_tag(made + i * SHARE_LEN, slot + SLOT_AT_TAGS + i * SHARE_TAG_LEN);
	secret_buf_append(secret->made, made, secret->shares * SHARE_LEN);
	code = secret_buf_check(secret->made, "the shares", err);
	sodium_memzero(made, sizeof(made));
	return code;
}

/* The slot that a share names, if it is one for shares. */
static const uint8_t *slot_of_share(const struct header *header, const struct share_info *info)
{
	const uint8_t *slot = info->slot < SLOTS_MAX ? slot_of(header, info->slot) : NULL;

	return slot && slot[SLOT_AT_STATE] == 1 && slot[SLOT_AT_TYPE] == SLOT_SHARES ? slot : NULL;
}

enum error_code slot_check_share(const struct header *header, const uint8_t share[static SHARE_LEN], struct share_info *ret,
				 struct error *err)
{
	uint8_t tag[SHARE_TAG_LEN];
	const uint8_t *slot;

	if (share_read(share, ret, err) != ERR_OK)
		return err->code;
	if (memcmp(ret->store, header_store_id(header), SHARE_STORE_LEN) != 0)
		return error_set(err, ERR_INVALID, "the share belongs to another vault");
	slot = slot_of_share(header, ret);
	if (!slot)
		return error_set(err, ERR_INVALID, "the share belongs to a slot that this vault does not have (any more)");
	if (memcmp(ret->set, slot + SLOT_AT_SET, SHARE_SET_LEN) != 0)
		return error_set(err, ERR_INVALID, "the share belongs to another set than the slot's: it was replaced by newer shares");
	if (ret->threshold != slot[SLOT_AT_THRESHOLD])
		return error_set(err, ERR_INVALID, "the share names another threshold than its slot");
	if (ret->number > slot[SLOT_AT_SHARES])
		return error_set(err, ERR_INVALID, "the share has a number that was not made");
	share_tag(share, tag);
	if (sodium_memcmp(tag, tag_at(slot, ret->number), SHARE_TAG_LEN) != 0)
		return error_set(err, ERR_INVALID, "the share is not the one that was made with this number");
	return ERR_OK;
}

enum error_code slot_shares_combine(const struct header *header, const struct slot_secret *secret, uint8_t *ret_slot,
				    struct secret_key *ret, struct error *err)
{
	const uint8_t *shares = secret->key;
	size_t count = secret->key_len / SHARE_LEN;
	struct share_info info = { 0 };

	if (!shares || secret->key_len % SHARE_LEN != 0 || count < 1 || count > LIMIT_SHARES)
		return error_set(err, ERR_INVALID, "one to %d shares of %d bytes open a slot", LIMIT_SHARES, SHARE_LEN);
	for (size_t i = 0; i < count; i++)
		if (slot_check_share(header, shares + i * SHARE_LEN, &info, err) != ERR_OK)
			return err->code;
	*ret_slot = info.slot;
	return shares_combine(shares, count, ret, err);
}
