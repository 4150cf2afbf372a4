#include "core/ceremonies.h"

#include <sodium.h>
#include <stdlib.h>

#include "core/vault_state.h"
#include "vault/limits.h"

#define US_PER_MINUTE INT64_C(60000000)

struct ceremonies *ceremonies_new(void)
{
	struct ceremonies *ceremonies = calloc(1, sizeof(*ceremonies));

	if (ceremonies)
		pthread_mutex_init(&ceremonies->lock, NULL);
	return ceremonies;
}

void ceremonies_free(struct ceremonies *ceremonies)
{
	if (!ceremonies)
		return;
	ceremonies_drop(ceremonies);
	pthread_mutex_destroy(&ceremonies->lock);
	free(ceremonies);
}

void rekey_end(struct rekey_attempt *rekey)
{
	share_set_clear(&rekey->given);
	share_set_clear(&rekey->verified);
	rekeyed_free(rekey->prepared);
	sodium_memzero(rekey, sizeof(*rekey));
}

void root_end(struct root_attempt *root)
{
	share_set_clear(&root->given);
	secret_buf_free(root->otp);
	sodium_memzero(root, sizeof(*root));
}

void ceremonies_drop(struct ceremonies *ceremonies)
{
	pthread_mutex_lock(&ceremonies->lock);
	rekey_end(&ceremonies->rekey);
	root_end(&ceremonies->root);
	pthread_mutex_unlock(&ceremonies->lock);
}

void ceremonies_expire(struct ceremonies *ceremonies, int64_t monotonic_us)
{
	if (pthread_mutex_trylock(&ceremonies->lock) != 0)
		return;
	if (ceremonies->rekey.started && monotonic_us >= ceremonies->rekey.deadline)
		rekey_end(&ceremonies->rekey);
	if (ceremonies->root.started && monotonic_us >= ceremonies->root.deadline)
		root_end(&ceremonies->root);
	pthread_mutex_unlock(&ceremonies->lock);
}

int64_t ceremony_deadline(struct vault *vault)
{
	return vault->clock.monotonic_us(vault->clock.arg) + LIMIT_SHARE_MINUTES * US_PER_MINUTE;
}

enum error_code ceremony_check_share(void *arg, const uint8_t *share, struct share_info *ret, struct error *err)
{
	struct vault *vault = arg;

	return records_share_check(vault->records, share, ret, err);
}

static enum error_code take_shares(struct vault *vault, struct share_set *set, const struct slot_secret *presented,
				   enum error_code (*check)(void *arg, const uint8_t *share, struct share_info *ret,
							    struct error *err),
				   void *arg, struct error *err)
{
	const uint8_t *shares = presented->key;
	int64_t now = vault->clock.monotonic_us(vault->clock.arg);
	struct share_info info;

	if (presented->key_len == 0 || presented->key_len % SHARE_LEN != 0)
		return error_set(err, ERR_INVALID, "a share has %d bytes", SHARE_LEN);
	/* More than are needed are not looked at. */
	for (size_t at = 0; at < presented->key_len && !share_set_is_full(set); at += SHARE_LEN)
		if (check(arg, shares + at, &info, err) != ERR_OK || share_set_add(set, shares + at, &info, now, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

enum error_code ceremony_take(struct vault *vault, struct share_set *set, const struct slot_secret *presented,
			      enum error_code (*check)(void *arg, const uint8_t *share, struct share_info *ret, struct error *err),
			      void *arg, struct slot_secret *ret, struct error *err)
{
	if (presented->type != SLOT_SHARES) {
		*ret = *presented;
		return ERR_OK;
	}
	if (take_shares(vault, set, presented, check, arg, err) != ERR_OK)
		return err->code;
	*ret = share_set_is_full(set) ? share_set_secret(set) : (struct slot_secret){ .type = SLOT_EMPTY };
	return ERR_OK;
}

unsigned ceremony_required(struct vault *vault, const struct share_set *set)
{
	struct slot_info slots[SLOTS_MAX];
	size_t len;

	if (set->count > 0)
		return set->first.threshold;
	len = records_slots(vault->records, slots);
	for (size_t i = 0; i < len; i++)
		if (slots[i].type == SLOT_SHARES)
			return slots[i].threshold;
	return 1;
}
