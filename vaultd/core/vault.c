/* Opening and closing, status, and the locks that every operation takes. */
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ceremonies.h"
#include "core/completion.h"
#include "core/store_jobs.h"
#include "core/vault_state.h"
#include "core/vault_tokens.h"
#include "core/wrapping.h"
#include "vault/limits.h"

/* What a crash and a clock that was set back meanwhile could add to a token's life. */
#define KEEP_TIME_US (INT64_C(3600) * 1000000)

int64_t vault_now(const struct vault *vault)
{
	return vault->clock.now_us(vault->clock.arg);
}

/* A seal waits for the readers that are inside, and new ones wait for the seal: it must not starve under load. */
static void state_lock_init(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attributes;

	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attributes);
	pthread_rwlockattr_destroy(&attributes);
}

static enum error_code make_parts(struct vault *vault, struct error *err)
{
	vault->mounts = mount_table_new();
	vault->names = name_index_new();
	vault->children = children_new();
	vault->heads = pinned_cache_new(LIMIT_HEAD_CACHE);
	vault->schemas = pinned_cache_new(LIMIT_SCHEMA_CACHE);
	vault->tokens = token_cache_new();
	vault->token_index = token_index_new();
	vault->revoked = expiry_index_new();
	vault->policies = policy_table_new();
	vault->quotas = quota_table_new();
	vault->wrapped = expiry_index_new();
	vault->ceremonies = ceremonies_new();
	vault->jobs = store_jobs_new(&vault->clock);
	if (!vault->mounts || !vault->names || !vault->children || !vault->heads || !vault->tokens ||
	    !vault->policies || !vault->quotas || !vault->wrapped || !vault->ceremonies)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the vault");
	if (!vault->token_index || !vault->revoked || !vault->schemas || !vault->jobs)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the vault");
	return ERR_OK;
}

DEFINE_CLEANUP(struct vault *, vault_close);

enum error_code vault_open(const struct vault_options *options, struct vault **ret, struct error *err)
{
	cleanup_(vault_closep) struct vault *vault = calloc(1, sizeof(*vault));

	if (!vault)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the vault");
	vault->clock = options->records.clock;
	vault->personal = options->personal;
	vault->owner = options->owner;
	pthread_mutex_init(&vault->lifecycle, NULL);
	pthread_mutex_init(&vault->watch, NULL);
	pthread_mutex_init(&vault->progress, NULL);
	token_clock_init(&vault->token_clock, &options->records.clock);
	state_lock_init(&vault->state);
	if (make_parts(vault, err) != ERR_OK || records_open(&options->records, &vault->records, err) != ERR_OK)
		return err->code;
	atomic_store(&vault->initialized, records_initialized(vault->records));
	records_set_feed(vault->records, vault_feed, vault);
	records_set_loader(vault->records, vault_load, vault);
	*ret = take_ptr(vault);
	return ERR_OK;
}

void vault_close(struct vault *vault)
{
	if (!vault)
		return;
	if (atomic_load(&vault->unsealed))
		vault_keep_time(vault, 0);
	ceremonies_free(vault->ceremonies);
	store_jobs_free(vault->jobs);
	records_close(vault->records);
	mount_table_free(vault->mounts);
	name_index_free(vault->names);
	children_free(vault->children);
	pinned_cache_free(vault->heads);
	pinned_cache_free(vault->schemas);
	token_cache_free(vault->tokens);
	token_index_free(vault->token_index);
	expiry_index_free(vault->revoked);
	token_clock_end(&vault->token_clock);
	policy_table_free(vault->policies);
	quota_table_free(vault->quotas);
	expiry_index_free(vault->wrapped);
	share_set_clear(&vault->unseal_shares);
	pthread_mutex_destroy(&vault->progress);
	pthread_rwlock_destroy(&vault->state);
	pthread_mutex_destroy(&vault->watch);
	pthread_mutex_destroy(&vault->lifecycle);
	free(vault);
}

/* -- status -------------------------------------------------------------- */

static void status_names(const uint8_t *store_id, struct vault_status *ret)
{
	char hex[2 * ID_LEN + 1];

	sodium_bin2hex(hex, sizeof(hex), store_id, ID_LEN);
	snprintf(ret->cluster_id, sizeof(ret->cluster_id), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
		 hex + 16, hex + 20);
	snprintf(ret->cluster_name, sizeof(ret->cluster_name), "vault-cluster-%.8s", hex);
}

/*
 * While it is sealed, an unseal may be at work on records/ for seconds (Argon2), and only one thread may be there.
 * Status does not wait for it: what was seen last is told.
 */
static void status_sealed(struct vault *vault, struct vault_status *ret)
{
	if (pthread_mutex_trylock(&vault->lifecycle) == 0) {
		records_health(vault->records, &vault->health);
		ret->records = vault->health;
		pthread_mutex_unlock(&vault->lifecycle);
	} else {
		ret->records.initialized = atomic_load(&vault->initialized);
	}
	ret->records.sealed = true;
}

/* The set that was begun counts, else the first slot for shares; every other slot is one key of one. */
static void status_shares(struct vault *vault, struct vault_status *ret)
{
	struct slot_info slots[SLOTS_MAX];
	size_t len = records_slots(vault->records, slots);
	const struct share_set *set = &vault->unseal_shares;

	ret->shares = ret->threshold = 1;
	pthread_mutex_lock(&vault->progress);
	for (size_t i = len; i > 0; i--) {
		const struct slot_info *slot = &slots[i - 1];

		if (slot->type != SLOT_SHARES || (set->count > 0 && slot->id != set->first.slot))
			continue;
		ret->shares = slot->shares;
		ret->threshold = slot->threshold;
	}
	ret->progress = set->count;
	memcpy(ret->nonce, set->nonce, sizeof(ret->nonce));
	pthread_mutex_unlock(&vault->progress);
}

void vault_status(struct vault *vault, struct vault_status *ret)
{
	*ret = (struct vault_status){ .personal = vault->personal, .sealed = true };
	pthread_rwlock_rdlock(&vault->state);
	if (atomic_load(&vault->unsealed)) {
		records_health(vault->records, &ret->records);
		status_names(records_store_id(vault->records), ret);
		ret->tokens = token_index_count(vault->token_index);
		ret->wrapped = expiry_index_totals(vault->wrapped).count;
		ret->sealed = false;
	}
	pthread_rwlock_unlock(&vault->state);
	if (ret->sealed)
		status_sealed(vault, ret);
	ret->initialized = ret->records.initialized;
	if (ret->initialized)
		status_shares(vault, ret);
}

/* -- entering an operation ----------------------------------------------- */

enum error_code vault_use_begin(struct vault *vault, struct vault_use *ret, struct error *err)
{
	pthread_rwlock_rdlock(&vault->state);
	if (!atomic_load_explicit(&vault->unsealed, memory_order_relaxed)) {
		pthread_rwlock_unlock(&vault->state);
		return error_set(err, ERR_SEALED, "Vault is sealed");
	}
	ret->vault = vault;
	return ERR_OK;
}

enum error_code vault_use_begin_view(struct vault *vault, struct vault_use *ret, struct error *err)
{
	enum error_code code = vault_use_begin(vault, ret, err);

	/* A failure leaves the lock to vault_use_end(), as at every other end of the scope. */
	return code == ERR_OK ? records_view_begin(vault->records, &ret->view, err) : code;
}

void vault_use_end(struct vault_use *use)
{
	if (!use->vault)
		return;
	records_view_end(use->view);
	pthread_rwlock_unlock(&use->vault->state);
	use->vault = NULL;
}

enum error_code vault_decide_data(const struct caller *caller, unsigned capability, const struct mount_info *mount,
				  const struct env_path *path, struct error *err)
{
	char text[sizeof(mount->path) + sizeof("data/") + LIMIT_ENV_PATH_LEN];
	enum error_code code;

	snprintf(text, sizeof(text), "%sdata/%s", mount->path, path->text);
	code = vault_decide(caller, capability, text, err);
	/* Names of environments are not left behind on the stack. */
	sodium_memzero(text, sizeof(text));
	return code;
}

bool vault_may_read_data(const struct caller *caller, const struct mount_info *mount, const struct env_path *path)
{
	cleanup_(error_wipe) struct error ignored = ERROR_INIT;

	return vault_decide_data(caller, CAP_READ, mount, path, &ignored) == ERR_OK;
}

/* -- waiting for a commit ------------------------------------------------ */

struct waited_request *waited_request_of(struct records_request *request)
{
	return (struct waited_request *)((char *)request - offsetof(struct waited_request, request));
}

static void waited_done(struct records_request *request, enum error_code outcome, const struct error *err)
{
	completion_set(waited_request_of(request)->completion, outcome, err);
}

static enum error_code submit_waited(struct waited_request *waited, struct error *err)
{
	vault_use_scope use = {0};

	if (vault_use_begin(waited->vault, &use, err) != ERR_OK)
		return err->code;
	return records_submit(waited->vault->records, &waited->request, err);
}

enum error_code vault_commit(struct vault *vault,
			     enum error_code (*prepare)(struct records_request *request, struct records_view *view,
							struct records_write *write, struct error *err),
			     const void *arg, struct error *err)
{
	struct completion completion;
	struct waited_request waited = {
		.request = { .prepare = prepare, .done = waited_done },
		.vault = vault,
		.arg = arg,
		.completion = &completion,
	};

	completion_init(&completion);
	if (submit_waited(&waited, err) != ERR_OK) {
		completion_abandon(&completion);
		return err->code;
	}
	/* The state lock is free again: a seal may come now and will finish what is queued. */
	return completion_wait(&completion, err);
}

void vault_keep_time(struct vault *vault, int64_t slack)
{
	struct error ignored = ERROR_INIT;

	records_raise_time(vault->records, token_clock_now(&vault->token_clock));
	if (records_keep_time(vault->records, slack, &ignored) != ERR_OK)
		error_clear(&ignored);
}

void vault_tick(struct vault *vault)
{
	struct error ignored = ERROR_INIT;
	int64_t now = vault->clock.monotonic_us(vault->clock.arg);

	ceremonies_expire(vault->ceremonies, now);
	pthread_mutex_lock(&vault->progress);
	share_set_expire(&vault->unseal_shares, now);
	pthread_mutex_unlock(&vault->progress);
	/* Without the state lock: a rotation of keys waits for commits, and a seal must be able to end it. */
	if (!atomic_load(&vault->unsealed))
		return;
	wrapping_sweep(vault);
	vault_keep_time(vault, KEEP_TIME_US);
	/* What cannot be deleted now is tried again in a second, and is refused meanwhile. */
	if (vault_token_tidy(vault, &ignored) != ERR_OK)
		error_clear(&ignored);
	records_tick(vault->records);
	store_jobs_tick(vault->jobs, vault->records);
	vault_sweep_mounts(vault);
}
