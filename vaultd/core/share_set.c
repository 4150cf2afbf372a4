#include "core/share_set.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "vault/limits.h"

#define US_PER_MINUTE INT64_C(60000000)

void nonce_make(char ret[static NONCE_LEN + 1])
{
	uint8_t bytes[16];
	char hex[33];

	randombytes_buf(bytes, sizeof(bytes));
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
	sodium_bin2hex(hex, sizeof(hex), bytes, sizeof(bytes));
	(void)snprintf(ret, NONCE_LEN + 1, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

bool nonce_is(const char *nonce, const char *given)
{
	return nonce[0] != '\0' && given && strlen(given) == NONCE_LEN && sodium_memcmp(nonce, given, NONCE_LEN) == 0;
}

void share_set_clear(struct share_set *set)
{
	secret_buf_free(set->shares);
	*set = (struct share_set){ .shares = NULL };
}

static bool has_number(const struct share_set *set, uint8_t number)
{
	struct error ignored = ERROR_INIT;
	struct share_info info;

	for (unsigned i = 0; i < set->count; i++)
		if (share_read(secret_buf_bytes(set->shares) + i * SHARE_LEN, &info, &ignored) == ERR_OK && info.number == number)
			return true;
	return false;
}

static bool is_of_set(const struct share_set *set, const struct share_info *info)
{
	return info->slot == set->first.slot && info->threshold == set->first.threshold &&
	       memcmp(info->set, set->first.set, SHARE_SET_LEN) == 0;
}

enum error_code share_set_add(struct share_set *set, const uint8_t share[static SHARE_LEN], const struct share_info *info,
			      int64_t monotonic_us, struct error *err)
{
	if (set->count > 0 && !is_of_set(set, info))
		return error_set(err, ERR_INVALID, "the share is of another set than those that were given before; reset the attempt "
						   "to begin with this one");
	if (has_number(set, info->number))
		return error_set(err, ERR_INVALID, "this share was given already");
	if (!set->shares)
		set->shares = secret_buf_new(LIMIT_SHARES * SHARE_LEN);
	if (!set->shares)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a share");
	secret_buf_append(set->shares, share, SHARE_LEN);
	if (secret_buf_check(set->shares, "the shares", err) != ERR_OK)
		return err->code;
	if (set->count++ == 0)
		set->first = *info;
	if (set->nonce[0] == '\0')
		nonce_make(set->nonce);
	set->deadline = monotonic_us + LIMIT_SHARE_MINUTES * US_PER_MINUTE;
	return ERR_OK;
}

bool share_set_is_full(const struct share_set *set)
{
	return set->count > 0 && set->count >= set->first.threshold;
}

struct slot_secret share_set_secret(const struct share_set *set)
{
	return (struct slot_secret){ .type = SLOT_SHARES, .key = secret_buf_bytes(set->shares),
				     .key_len = secret_buf_len(set->shares) };
}

void share_set_expire(struct share_set *set, int64_t monotonic_us)
{
	if (set->count > 0 && monotonic_us >= set->deadline)
		share_set_clear(set);
}
