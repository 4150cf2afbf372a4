/*
 * The inside of struct vault, for core/ alone.
 *
 * Locks, in the order in which they may be taken:
 *   lifecycle   one of init, unseal, seal at a time; held through Argon2
 *   the lock of the ceremonies: see ceremonies.h; never with lifecycle
 *   state       read: for the length of an operation; write: to seal. No
 *               thread waits for a commit while it holds it, and it prefers
 *               the writer, so no thread takes it twice
 *   progress    the shares of an unseal, held while one is added; a leaf
 *   the locks inside mounts, names, heads, schemas, tokens, policies, wrapped, watch:
 *               leaves
 * The writer thread of the store calls prepare(), the feed and done(); it takes
 * leaves only, because vault_seal() waits for it with `state` held.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "core/expiry_index.h"
#include "core/children.h"
#include "core/head_cache.h"
#include "core/mounts.h"
#include "core/name_index.h"
#include "core/policy_table.h"
#include "core/quota_table.h"
#include "core/schema_cache.h"
#include "core/share_set.h"
#include "core/token_cache.h"
#include "core/token_clock.h"
#include "core/token_index.h"
#include "core/vault.h"
#include "records/records.h"

struct vault {
	struct records *records;
	struct clock_source clock;
	bool personal;
	uid_t owner;
	pthread_mutex_t lifecycle;
	pthread_rwlock_t state;
	atomic_bool unsealed;		/* changed with lifecycle and state held */
	atomic_bool initialized;	/* for a status that does not wait for an unseal */
	struct mount_table *mounts;
	struct name_index *names;
	struct children *children;
	struct pinned_cache *heads;
	struct pinned_cache *schemas;
	struct token_cache *tokens;
	struct token_index *token_index;
	struct expiry_index *revoked;	/* batch tokens, until they expire */
	struct token_clock token_clock;
	int64_t tokens_not_before;	/* set before it is unsealed, as is fork_id */
	uint8_t fork_id[ID_LEN];
	struct policy_table *policies;
	struct quota_table *quotas;
	struct expiry_index *wrapped;	/* answers that wait to be unwrapped */
	struct ceremonies *ceremonies;
	struct store_jobs *jobs;
	pthread_mutex_t progress;
	struct share_set unseal_shares;
	struct records_health health;	/* the last one seen while sealed; lifecycle */
	pthread_mutex_t watch;
	void (*changed)(void *arg, const char *mount_path, const char *path);
	void *changed_arg;
};

int64_t vault_now(const struct vault *vault);

/* Commits the tokens' time when what is committed is more than slack µs behind: a token could live longer by that, a batch
 * token too, of which no record tells. A failure is left to the next time. Waits. */
void vault_keep_time(struct vault *vault, int64_t slack);

/* One operation: the state lock for reading and, when asked for, a view. Declare it with vault_use_scope. */
struct vault_use {
	struct vault *vault;
	struct records_view *view;
};
#define vault_use_scope cleanup_(vault_use_end) struct vault_use
/* ERR_SEALED. */
enum error_code vault_use_begin(struct vault *vault, struct vault_use *ret, struct error *err) must_check;
enum error_code vault_use_begin_view(struct vault *vault, struct vault_use *ret, struct error *err) must_check;
void vault_use_end(struct vault_use *use);

/* The decision itself, without looking at the seal; vault_authorize() is this and the look. */
enum error_code vault_decide(const struct caller *caller, unsigned capability, const char *path,
			     struct error *err) must_check;

/* The same by the path of an environment's content ("secret/data/shop/production"), whatever the path of the request was: what
 * resolve, history, diff, rollback and checks are decided by. ERR_DENIED. */
enum error_code vault_decide_data(const struct caller *caller, unsigned capability, const struct mount_info *mount,
				  const struct env_path *path, struct error *err) must_check;
bool vault_may_read_data(const struct caller *caller, const struct mount_info *mount, const struct env_path *path);

/* The feed of records/: keeps names, caches and mounts in step and calls the watcher. On the writer thread. */
enum error_code vault_feed(void *arg, const struct records_change *change, struct error *err);
void vault_notify(struct vault *vault, const char *mount_path, const char *path);

/* What the feed keeps, from the records that an unseal comes by. Nobody else is in the vault. */
enum error_code vault_load(void *arg, const struct records_change *record, struct error *err) must_check;
/* The mounts that have no record; after an unseal or an init, with the lifecycle lock held. */
enum error_code vault_load_built_in(struct vault *vault, struct error *err) must_check;
/* Destroys what is left of disabled mounts, and waits for it. From the housekeeping thread. */
void vault_sweep_mounts(struct vault *vault);
/* Wipes all caches. The lifecycle lock is held. */
void vault_caches_wipe(struct vault *vault);

/* Prepares and queues an action whose prepare_() and finish_() are set; see action.h. */
enum error_code vault_action_submit(struct vault *vault, struct vault_action *action, bool anchor_now,
				    struct error *err) must_check;

/* Adds the record of a root token with this text, in a prepare(). */
enum error_code vault_put_root_token(struct vault *vault, const char *text, struct records_view *view,
				     struct records_write *write, struct error *err) must_check;

/* A change that the caller waits for. */
struct waited_request {
	struct records_request request;
	struct vault *vault;
	const void *arg;
	struct completion *completion;
};
/* Submits and waits until it is durable. Not for event threads. */
enum error_code vault_commit(struct vault *vault,
			     enum error_code (*prepare)(struct records_request *request, struct records_view *view,
							struct records_write *write, struct error *err),
			     const void *arg, struct error *err) must_check;
/* The waited_request of a prepare() that was given to vault_commit(). */
struct waited_request *waited_request_of(struct records_request *request);

/* The mount is still at its path; ERR_NOT_FOUND. */
enum error_code vault_mount_current(struct vault *vault, const struct mount_info *mount, struct error *err) must_check;
/* The mount of a target must exist, at its path, and be KV version 1. ret->config is then what that means for an
 * environment: one revision is kept, and nothing else is set. */
enum error_code vault_kv1_mount(struct vault *vault, const struct mount_info *mount, struct mount *ret,
				struct error *err) must_check;
/* The same, of KV version 2. */
enum error_code vault_kv_mount(struct vault *vault, const struct mount_info *mount, struct mount *ret,
			       struct error *err) must_check;
/* The head of a target; ERR_NOT_FOUND with a sentence. */
enum error_code vault_load_head(struct vault *vault, struct records_view *view, const struct kv_target *target,
				struct head_entry **ret, struct error *err) must_check;
