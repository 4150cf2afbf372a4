/*
 * Quotas: how often one client may ask. Part of the contract of vault.h.
 *
 * A quota holds for the requests at or below its path, of each client (a uid,
 * an address) by itself; of several, the one with the longest path counts.
 * Each client has a bucket that holds `rate` requests and is filled again at
 * `rate` requests an interval. Buckets are in memory, in a bounded table: when
 * it is full, the client whose bucket is the first to be full again loses it,
 * and begins anew.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/action.h"
#include "core/caller.h"
#include "core/vault.h"
#include "vault/error.h"
#include "vault/limits.h"

struct quota_rule {
	char name[LIMIT_QUOTA_NAME_LEN + 1];	/* [A-Za-z0-9_][A-Za-z0-9._-]* */
	char path[LIMIT_QUOTA_PATH_LEN + 1];	/* "": everything; "secret/" or "secret/data/shop"; a "*" at the end: a prefix */
	double rate;				/* 0.01 to 1e9 */
	int64_t interval_s;			/* 1 to 3600 */
	int64_t block_s;			/* 0 to 86400: how long a client is refused that asked too often */
};

struct quota_change {
	struct vault_action action;
	const struct caller *caller;
	struct quota_rule rule;		/* delete: the name */
};
/* UPDATE on sys/quotas/rate-limit/<name>. ERR_INVALID: a value beyond its bounds, a path that no mount holds, or that
 * another quota has. ERR_TOO_LARGE beyond LIMIT_QUOTAS. */
enum error_code vault_quota_write(struct vault *vault, struct quota_change *change, struct error *err) must_check;
/* DELETE there; a missing one is ERR_OK. */
enum error_code vault_quota_delete(struct vault *vault, struct quota_change *change, struct error *err) must_check;
/* READ there. ERR_NOT_FOUND. */
enum error_code vault_quota_read(struct vault *vault, const struct caller *caller, const char *name,
				 struct quota_rule *ret, struct error *err) must_check;
/* LIST on sys/quotas/rate-limit/. ERR_NOT_FOUND when there is none. */
enum error_code vault_quota_list(struct vault *vault, const struct caller *caller, struct name_list *ret,
				 struct error *err) must_check;

#define QUOTA_CLIENT_LEN 17

struct quota_verdict {
	bool refused;
	uint32_t limit, remaining;	/* requests in an interval, and what is left of them */
	uint32_t reset_s;		/* when the next one is taken, at least 1 */
};
/* One request of a client, before anybody knows who it is. path is without "/v1/". Sealed: never refused. */
void vault_quota_take(struct vault *vault, const uint8_t client[static QUOTA_CLIENT_LEN], const char *path,
		      struct quota_verdict *ret);
