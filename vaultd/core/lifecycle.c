/* Init, unseal, seal: who may use records/ and what is in memory. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/ceremonies.h"
#include "core/store_jobs.h"
#include "core/vault_state.h"
#include "crypto/token_text.h"
#include "vault/limits.h"

/* -- what a new vault holds ---------------------------------------------- */

struct initial {
	const char *root_token;
	int64_t now;
};

static enum error_code put_root_token(const struct initial *initial, struct records_view *view,
				      struct records_write *write, struct error *err)
{
	struct text_span root = { .at = "root", .len = 4 };
	struct token_record record = {
		.type = 1,
		.flags = TOKEN_ORPHAN,
		.created = initial->now,
		.display = root,
		.path = { .at = "auth/token/root", .len = 15 },
		.bound_uid = -1,
		.policies = &root,
		.policies_len = 1,
	};
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_BODY_SMALL);
	struct token_hash hash;
	struct record_key key;

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the root token");
	if (!records_token_hash(view, initial->root_token, strlen(initial->root_token), &hash))
		return error_set(err, ERR_INVALID,
				 "the chosen root token begins with vlt_ but is not a token of this vault's form");
	memcpy(record.verifier, hash.verifier, sizeof(record.verifier));
	encode_token(encoding, &record);
	key = record_key_id(TABLE_TOKEN, hash.id);
	sodium_memzero(&hash, sizeof(hash));
	if (secret_buf_check(encoding, "the root token's record", err) != ERR_OK)
		return err->code;
	return records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

enum error_code vault_put_root_token(struct vault *vault, const char *text, struct records_view *view,
				     struct records_write *write, struct error *err)
{
	const struct initial initial = { .root_token = text, .now = vault_now(vault) };

	return put_root_token(&initial, view, write, err);
}

static enum error_code put_mount(const struct mount *mount, struct records_write *write, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_REVISION_PLAIN);
	struct record_key key = record_key_id(TABLE_MOUNT, mount->info.uuid);

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the mounts");
	if (mount_encode(mount, encoding, err) != ERR_OK)
		return err->code;
	return records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

static enum error_code make_initial(void *arg, struct records_view *view, struct records_write *write,
				    struct error *err)
{
	struct mount mounts[INITIAL_MOUNTS];

	mounts_initial(mounts);
	for (size_t i = 0; i < INITIAL_MOUNTS; i++)
		if (put_mount(&mounts[i], write, err) != ERR_OK)
			return err->code;
	return put_root_token(arg, view, write, err);
}

/* -- memory -------------------------------------------------------------- */

void vault_caches_wipe(struct vault *vault)
{
	pinned_cache_clear(vault->heads);
	pinned_cache_clear(vault->schemas);
	token_cache_clear(vault->tokens);
	token_index_clear(vault->token_index);
	expiry_index_clear(vault->revoked);
	policy_table_clear(vault->policies);
	quota_table_clear(vault->quotas);
	expiry_index_clear(vault->wrapped);
	name_index_clear(vault->names);
	children_clear(vault->children);
	mount_table_clear(vault->mounts);
}

/* What tokens are judged by, from the state; before anybody may ask. */
static void ready_tokens(struct vault *vault)
{
	struct records_token_state state;

	records_token_state(vault->records, &state);
	token_clock_raise(&vault->token_clock, state.time_high_water);
	vault->tokens_not_before = state.tokens_not_before;
	memcpy(vault->fork_id, state.fork_id, ID_LEN);
	token_index_settle(vault->token_index);
}

static void set_unsealed(struct vault *vault, bool unsealed)
{
	if (unsealed)
		ready_tokens(vault);
	pthread_rwlock_wrlock(&vault->state);
	atomic_store(&vault->unsealed, unsealed);
	pthread_rwlock_unlock(&vault->state);
}

/* -- the public functions ------------------------------------------------ */

void vault_init_result_wipe(struct vault_init_result *result)
{
	sodium_memzero(result, sizeof(*result));
}

/* Fills the result with what the owner must keep: the token's text and, without a slot of the caller's, a key. */
static enum error_code choose_secrets(const struct slot_secret *slot, const char *root_token,
				      struct vault_init_result *ret, struct error *err)
{
	if (root_token && (root_token[0] == '\0' || strlen(root_token) >= sizeof(ret->root_token)))
		return error_set(err, ERR_INVALID, "the root token must have 1 to %zu characters",
				 sizeof(ret->root_token) - 1);
	if (root_token)
		snprintf(ret->root_token, sizeof(ret->root_token), "%s", root_token);
	else
		token_text_make("adm", ret->root_token);
	ret->has_key = !slot;
	if (ret->has_key)
		randombytes_buf(ret->key, sizeof(ret->key));
	return ERR_OK;
}

static enum error_code init_locked(struct vault *vault, const struct slot_secret *slot,
				   const struct vault_init_result *chosen, struct error *err)
{
	const struct slot_secret key_slot = {
		.type = SLOT_KEY_FILE,
		.key = chosen->key,
		.key_len = sizeof(chosen->key),
		.label = "init",
	};
	struct initial initial = { .root_token = chosen->root_token, .now = vault_now(vault) };
	struct error ignored = ERROR_INIT;

	if (records_initialized(vault->records))
		return error_set(err, ERR_ALREADY_INITIALIZED, "Vault is already initialized");
	/* The feed of the first commit fills the caches. */
	if (records_init(vault->records, slot ? slot : &key_slot, make_initial, &initial, err) != ERR_OK) {
		vault_caches_wipe(vault);
		return err->code;
	}
	/* The vault exists, and its owner must get the key: what is missing for want of memory is there after an unseal. */
	if (vault_load_built_in(vault, &ignored) != ERR_OK)
		error_clear(&ignored);
	atomic_store(&vault->initialized, true);
	set_unsealed(vault, true);
	return ERR_OK;
}

enum error_code vault_init(struct vault *vault, const struct slot_secret *slot, const char *root_token,
			   struct vault_init_result *ret, struct error *err)
{
	cleanup_(vault_init_result_wipe) struct vault_init_result chosen = {0};
	enum error_code code = choose_secrets(slot, root_token, &chosen, err);

	if (code != ERR_OK)
		return code;
	pthread_mutex_lock(&vault->lifecycle);
	code = init_locked(vault, slot, &chosen, err);
	pthread_mutex_unlock(&vault->lifecycle);
	if (code == ERR_OK)
		*ret = chosen;
	return code;
}

static void forget_shares(struct vault *vault)
{
	pthread_mutex_lock(&vault->progress);
	share_set_clear(&vault->unseal_shares);
	pthread_mutex_unlock(&vault->progress);
}

/* Those that make an attempt are taken out, so that a status need not wait for it. *ret stays empty until there are enough. */
static enum error_code collect_shares(struct vault *vault, const struct slot_secret *slot, struct share_set *ret,
				      struct error *err)
{
	struct slot_secret secret;

	pthread_mutex_lock(&vault->progress);
	if (ceremony_take(vault, &vault->unseal_shares, slot, ceremony_check_share, vault, &secret, err) == ERR_OK &&
	    secret.type == SLOT_SHARES) {
		*ret = vault->unseal_shares;
		vault->unseal_shares = (struct share_set){ .shares = NULL };
	}
	pthread_mutex_unlock(&vault->progress);
	return err->code;
}

static enum error_code unseal_records(struct vault *vault, const struct slot_secret *slot, struct error *err)
{
	if (records_unseal(vault->records, slot, -1, err) != ERR_OK) {
		vault_caches_wipe(vault);
		return err->code;
	}
	if (vault_load_built_in(vault, err) != ERR_OK) {
		records_seal(vault->records);
		vault_caches_wipe(vault);
		return err->code;
	}
	forget_shares(vault);
	set_unsealed(vault, true);
	return ERR_OK;
}

static enum error_code unseal_with_shares(struct vault *vault, const struct slot_secret *slot, struct error *err)
{
	cleanup_(share_set_clear) struct share_set set = { .shares = NULL };
	struct slot_secret secret;

	if (collect_shares(vault, slot, &set, err) != ERR_OK || set.count == 0)
		return err->code;
	secret = share_set_secret(&set);
	return unseal_records(vault, &secret, err);
}

static enum error_code unseal_locked(struct vault *vault, const struct slot_secret *slot, struct error *err)
{
	if (!records_initialized(vault->records))
		return error_set(err, ERR_NOT_INITIALIZED,
				 "Vault is not initialized: initialize it first (envctl init)");
	if (atomic_load(&vault->unsealed))
		return ERR_OK;
	return slot->type == SLOT_SHARES ? unseal_with_shares(vault, slot, err) : unseal_records(vault, slot, err);
}

enum error_code vault_unseal_reset(struct vault *vault, struct error *err)
{
	if (atomic_load(&vault->unsealed))
		return error_set(err, ERR_INVALID, "vault is unsealed");
	forget_shares(vault);
	return ERR_OK;
}

enum error_code vault_unseal(struct vault *vault, const struct slot_secret *slot, struct error *err)
{
	enum error_code code;

	pthread_mutex_lock(&vault->lifecycle);
	code = unseal_locked(vault, slot, err);
	pthread_mutex_unlock(&vault->lifecycle);
	return code;
}

/* With the lock held nobody reads; records_seal() then finishes what is queued, whose prepare() and done() do not need it. */
static void forget_everything(struct vault *vault)
{
	pthread_rwlock_wrlock(&vault->state);
	atomic_store(&vault->unsealed, false);
	records_seal(vault->records);
	store_jobs_forget(vault->jobs);
	vault_caches_wipe(vault);
	pthread_rwlock_unlock(&vault->state);
}

static enum error_code seal_locked(struct vault *vault, const struct caller *caller, struct error *err)
{
	if (!atomic_load(&vault->unsealed))
		return error_set(err, ERR_SEALED, "Vault is sealed");
	if (vault_decide(caller, CAP_SUDO | CAP_UPDATE, "sys/seal", err) != ERR_OK)
		return err->code;
	vault_keep_time(vault, 0);
	forget_everything(vault);
	return ERR_OK;
}

enum error_code vault_seal(struct vault *vault, const struct caller *caller, struct error *err)
{
	enum error_code code;

	pthread_mutex_lock(&vault->lifecycle);
	code = seal_locked(vault, caller, err);
	pthread_mutex_unlock(&vault->lifecycle);
	if (code != ERR_OK)
		return code;
	ceremonies_drop(vault->ceremonies);
	vault_notify(vault, NULL, NULL);
	return code;
}

bool vault_seal_tampered(struct vault *vault)
{
	bool sealed = false;

	if (!records_tampered(vault->records))
		return false;
	pthread_mutex_lock(&vault->lifecycle);
	if (atomic_load(&vault->unsealed) && records_tampered(vault->records)) {
		forget_everything(vault);
		sealed = true;
	}
	pthread_mutex_unlock(&vault->lifecycle);
	if (!sealed)
		return false;
	ceremonies_drop(vault->ceremonies);
	vault_notify(vault, NULL, NULL);
	return true;
}
