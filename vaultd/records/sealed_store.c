/* Opening, unsealing, sealing, closing, and what health shows. */
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "records/sealed_store.h"

#define HOUR_US INT64_C(3600000000)
#define RETRY_US INT64_C(600000000)	/* after a rotation that failed */

int64_t records_now(const struct records *records)
{
	return records->clock.now_us(records->clock.arg);
}

void note_error(struct records *records, const struct error *err)
{
	pthread_mutex_lock(&records->status);
	(void)snprintf(records->last_error, sizeof(records->last_error), "%s", err->text);
	pthread_mutex_unlock(&records->status);
}

/* -- opening --------------------------------------------------------------------- */

static enum error_code make(const struct records_options *options, struct records **ret, struct error *err)
{
	struct records *records = calloc(1, sizeof(*records));

	if (!records)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the store");
	*ret = records;
	pthread_mutex_init(&records->rotation, NULL);
	pthread_rwlock_init(&records->use, NULL);
	pthread_rwlock_init(&records->keys, NULL);
	pthread_mutex_init(&records->status, NULL);
	pthread_mutex_init(&records->attempts, NULL);
	pthread_mutex_init(&records->backups_lock, NULL);
	pthread_cond_init(&records->backups_over, NULL);
	atomic_store(&records->sealed, true);
	records->max_size = options->max_size;
	records->skip_walk = options->skip_walk;
	records->anchor_mode = options->anchor_path ? options->anchor_mode : ANCHOR_NONE;
	records->clock = options->clock;
	records->directory = strdup(options->directory);
	records->anchor_path = options->anchor_path ? strdup(options->anchor_path) : NULL;
	if (!records->directory || (options->anchor_path && !records->anchor_path))
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the store");
	return ERR_OK;
}

static enum error_code open_store(struct records *records, bool create, struct error *err)
{
	struct store_options options = { .directory = records->directory, .max_size = records->max_size, .create = create,
					 .skip_walk = records->skip_walk };
	struct store_hooks hooks = commit_hooks(records);
	enum error_code code = store_open(&options, &records->store, err);

	if (code == ERR_OK)
		store_set_hooks(records->store, &hooks);
	return code;
}

/* The anchor's descriptor is opened before the sandbox closes; a new one is made at the first unseal. */
static enum error_code open_anchor(struct records *records, struct error *err)
{
	struct error failure = ERROR_INIT;

	if (records->anchor_mode == ANCHOR_NONE)
		return ERR_OK;
	if (anchor_open(records->anchor_path, !records->header, &records->anchor, &failure) == ERR_OK ||
	    failure.code == ERR_ANCHOR_MISSING)
		return ERR_OK;	/* whether it is missed is decided at the unseal, where the state says */
	return error_set(err, failure.code, "%s", failure.text);
}

DEFINE_CLEANUP(struct records *, records_close);

enum error_code records_open(const struct records_options *options, struct records **ret, struct error *err)
{
	cleanup_(records_closep) struct records *records = NULL;
	struct error failure = ERROR_INIT;
	enum error_code code;

	if (make(options, &records, err) != ERR_OK)
		return err->code;
	assert(records);
	code = header_read(records->directory, &records->header, &failure);
	if (code != ERR_OK && code != ERR_NOT_INITIALIZED)
		return error_set(err, code, "%s", failure.text);
	if (code == ERR_OK && !store_exists(records->directory))
		return error_set(err, ERR_STORE_DAMAGED, "there is a vault.hdr but no vault.db in %s: put vault.db back",
				 records->directory);
	if (records->header)
		memcpy(records->store_id, header_store_id(records->header), ID_LEN);
	if (header_show(records, err) != ERR_OK)
		return err->code;
	/* Without a header an empty database is made at once, because its lock keeps a second daemon away. */
	if (open_store(records, !records->header, err) != ERR_OK || open_anchor(records, err) != ERR_OK)
		return err->code;
	*ret = take_ptr(records);
	return ERR_OK;
}

void records_close(struct records *records)
{
	if (!records)
		return;
	records_seal(records);
	store_close(records->store);
	anchor_close(records->anchor);
	header_free(records->header);
	header_free(records->shown_header);
	pthread_mutex_destroy(&records->rotation);
	pthread_rwlock_destroy(&records->use);
	pthread_rwlock_destroy(&records->keys);
	pthread_mutex_destroy(&records->status);
	pthread_mutex_destroy(&records->attempts);
	pthread_mutex_destroy(&records->backups_lock);
	pthread_cond_destroy(&records->backups_over);
	free(records->directory);
	free(records->anchor_path);
	free(records);
}

bool records_initialized(const struct records *records)
{
	return records->header != NULL;
}

bool records_sealed(const struct records *records)
{
	return atomic_load(&records->sealed);
}

const uint8_t *records_store_id(const struct records *records)
{
	return records->header ? records->store_id : system_kid;
}

void records_set_feed(struct records *records,
		      enum error_code (*changed)(void *arg, const struct records_change *change, struct error *err), void *arg)
{
	records->changed = changed;
	records->changed_arg = arg;
}

void records_set_loader(struct records *records,
			enum error_code (*load)(void *arg, const struct records_change *record, struct error *err), void *arg)
{
	records->load = load;
	records->load_arg = arg;
}

/* -- unsealing --------------------------------------------------------------------- */

/* Another process (a recovery, a restore) may have written the header since it was read. */
static enum error_code reread_header(struct records *records, struct error *err)
{
	struct header *header = NULL;

	if (header_read(records->directory, &header, err) != ERR_OK)
		return err->code;
	header_free(records->header);
	records->header = header;
	memcpy(records->store_id, header_store_id(header), ID_LEN);
	records->header_uncertain = false;
	records->header_ahead = false;	/* finish_unseal() tells the state */
	return header_show(records, err);
}

/* What may only be written when everything was found right. */
static enum error_code finish_unseal(struct records *records, struct error *err)
{
	struct state_patch patch = { 0 };

	state_show(records);
	if (header_needs_repair(records->header) && header_repair(records->header, records->directory, err) != ERR_OK)
		return err->code;
	if (store_start(records->store, err) != ERR_OK)
		return err->code;
	patch.set_header_seq = header_seq(records->header) != records->state.header_seq;
	/* The header that the state did not hear of may be one with a new root key: behind that a new KEK comes. */
	patch.set_shred = patch.set_header_seq;
	patch.header_seq = header_seq(records->header);
	patch.set_anchored = records->anchor && !(records->state.flags & STATE_ANCHORED);
	/* The first point, then the flag: ended in between the other way round, no start would find the point that it asks for. */
	if (patch.set_anchored && anchor_catch_up(records, err) != ERR_OK)
		return err->code;
	if ((patch.set_header_seq || patch.set_anchored) && state_commit_patch(records, &patch, err) != ERR_OK)
		return err->code;
	if (kek_rotation_resume(records, err) != ERR_OK || anchor_catch_up(records, err) != ERR_OK)
		return err->code;
	/* A destroy may have been waiting while the vault was sealed or the machine was off. */
	pthread_mutex_lock(&records->status);
	if (records->shred_pending)
		records->shred_due = records->clock.monotonic_us(records->clock.arg) + HOUR_US;
	pthread_mutex_unlock(&records->status);
	return ERR_OK;
}

static enum error_code unseal(struct records *records, const struct slot_secret *secret, int slot_id, struct error *err)
{
	struct keyring keyring = { 0 };
	key_scope root_key;

	if (store_reopen_stopped(records->store, err) != ERR_OK || reread_header(records, err) != ERR_OK ||
	    slot_try(records, records->header, secret, slot_id, &root_key, err) != ERR_OK ||
	    header_unlock(records->header, &root_key, &keyring, err) != ERR_OK ||
	    keys_install(records, &keyring, &root_key, err) != ERR_OK || start_checks(records, err) != ERR_OK)
		return err->code;
	return finish_unseal(records, err);
}

enum error_code records_unseal(struct records *records, const struct slot_secret *slot, int slot_id, struct error *err)
{
	enum error_code code;

	if (!records->header)
		return error_set(err, ERR_NOT_INITIALIZED, "the vault is not initialized");
	if (!atomic_load(&records->sealed))
		return ERR_OK;
	atomic_store(&records->broken, false);
	code = unseal(records, slot, slot_id, err);
	if (code == ERR_OK)
		atomic_store(&records->sealed, false);
	else
		records_seal(records);
	return code;
}

void records_seal(struct records *records)
{
	struct error failure = ERROR_INIT;

	atomic_fetch_add(&records->seals, 1);
	/* What is queued is finished first; it needs the keys. */
	if (records->store)
		store_stop(records->store);
	if (!atomic_load(&records->sealed) && anchor_catch_up(records, &failure) != ERR_OK)
		note_error(records, &failure);
	/* A rotation of keys hears at its next step that the store was stopped. */
	pthread_mutex_lock(&records->rotation);
	pthread_rwlock_wrlock(&records->use);
	atomic_store(&records->sealed, true);
	backups_wait(records);
	/* A batch whose outcome was never found out belongs to the pins once it was published. */
	if (!records->published)
		pins_batch_drop(records->batch);
	records->batch = NULL;
	records->published = false;
	pthread_rwlock_wrlock(&records->keys);
	keys_drop(records);
	pthread_rwlock_unlock(&records->keys);
	sodium_memzero(&records->state, sizeof(records->state));
	sodium_memzero(&records->next, sizeof(records->next));
	if (secret_arena_used() == 0)	/* a test may have two vaults in one process */
		secret_arena_wipe();
	pthread_rwlock_unlock(&records->use);
	pthread_mutex_unlock(&records->rotation);
}

/* -- housekeeping and health ---------------------------------------------------------- */

/* A seal waits for this, and drops the keys afterwards. */
enum error_code anchor_tick(struct records *records, struct error *err)
{
	pthread_rwlock_rdlock(&records->use);
	if (!atomic_load(&records->sealed) && anchor_catch_up(records, err) != ERR_OK)
		note_error(records, err);
	pthread_rwlock_unlock(&records->use);
	return err->code;
}

void records_tick(struct records *records)
{
	struct error failure = ERROR_INIT;
	bool due;

	if (atomic_load(&records->sealed) || atomic_load(&records->broken))
		return;
	pthread_mutex_lock(&records->status);
	due = records->shred_pending && records->clock.monotonic_us(records->clock.arg) >= records->shred_due;
	pthread_mutex_unlock(&records->status);
	if (anchor_tick(records, &failure) != ERR_OK || !due || records_rotate_kek(records, &failure) == ERR_OK ||
	    failure.code == ERR_SEALED)	/* the next unseal goes on with it */
		return;
	note_error(records, &failure);
	pthread_mutex_lock(&records->status);
	records->shred_due = records->clock.monotonic_us(records->clock.arg) + RETRY_US;
	pthread_mutex_unlock(&records->status);
}

bool records_tampered(const struct records *records)
{
	return !atomic_load(&records->sealed) && atomic_load(&records->broken);
}

void records_health(struct records *records, struct records_health *ret)
{
	struct error ignored = ERROR_INIT;
	struct store_counts counts;

	*ret = (struct records_health){ .initialized = records->header != NULL, .sealed = atomic_load(&records->sealed),
					.anchor_configured = records->anchor_mode != ANCHOR_NONE };
	/* An init that failed may have left no store. */
	if (records->store && store_counts(records->store, &counts, &ignored) == ERR_OK) {
		ret->writable = counts.writable && !atomic_load(&records->broken);
		ret->file_bytes = counts.file_bytes;
		ret->free_pages = counts.free_pages;
	}
	pthread_mutex_lock(&records->status);
	ret->counter = records->shown_counter;
	ret->n_live = records->shown_live;
	ret->n_revisions = records->shown_revisions;
	ret->anchor_counter = records->anchored_counter;
	ret->anchor_ok = ret->anchor_configured && records->anchor && records->last_error[0] == '\0';
	memcpy(ret->fork_id, records->shown_fork, ID_LEN);
	memcpy(ret->last_error, records->last_error, sizeof(ret->last_error));
	pthread_mutex_unlock(&records->status);
}

void records_token_state(struct records *records, struct records_token_state *ret)
{
	pthread_mutex_lock(&records->status);
	ret->time_high_water = records->shown_high_water;
	ret->tokens_not_before = records->shown_not_before;
	memcpy(ret->fork_id, records->shown_fork, ID_LEN);
	pthread_mutex_unlock(&records->status);
}

void records_raise_time(struct records *records, int64_t at_least)
{
	int64_t now = atomic_load(&records->time_floor);

	while (now < at_least && !atomic_compare_exchange_weak(&records->time_floor, &now, at_least))
		;
}

enum error_code records_keep_time(struct records *records, int64_t slack, struct error *err)
{
	const struct state_patch nothing_else = { 0 };
	struct records_token_state shown;

	records_token_state(records, &shown);
	if (atomic_load(&records->time_floor) - shown.time_high_water <= slack)
		return ERR_OK;
	return state_commit_patch(records, &nothing_else, err);
}
