#include "records/backup.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/seal.h"
#include "records/sealed_store.h"

struct backup {
	struct records *records;
	bool counted;
	struct store_snapshot *snapshot;
	struct header *header;		/* as it was when the snapshot was taken */
	struct secret_key *base_key, *accumulator_key;	/* copies, in the arena */
	struct state_record state;
	struct backup_summary summary;
	struct backup_writer *writer;
	uint8_t sum[64];
	uint64_t live, revisions;
	struct error *err;
};

/* A seal waits until nobody is counted here, and then no key is left. False during a compaction. */
static bool count_in(struct records *records)
{
	pthread_mutex_lock(&records->backups_lock);
	const bool is_free = !records->compacting;
	records->backups += is_free;
	pthread_mutex_unlock(&records->backups_lock);
	return is_free;
}

static void count_out(struct records *records)
{
	pthread_mutex_lock(&records->backups_lock);
	records->backups--;
	pthread_cond_broadcast(&records->backups_over);
	pthread_mutex_unlock(&records->backups_lock);
}

static void backup_end(struct backup *backup)
{
	backup_writer_free(backup->writer);
	secret_key_free(backup->base_key);
	secret_key_free(backup->accumulator_key);
	store_snapshot_end(backup->snapshot);
	header_free(backup->header);
	if (backup->counted)
		count_out(backup->records);
	sodium_memzero(backup, sizeof(*backup));
}

bool records_backup_recalled(struct records *records)
{
	return store_recalls(records->store);
}

void backups_wait(struct records *records)
{
	pthread_mutex_lock(&records->backups_lock);
	while (records->backups > 0)
		pthread_cond_wait(&records->backups_over, &records->backups_lock);
	pthread_mutex_unlock(&records->backups_lock);
}

bool backups_keep_out(struct records *records)
{
	pthread_mutex_lock(&records->backups_lock);
	const bool is_free = records->backups == 0 && !records->compacting;
	records->compacting |= is_free;
	pthread_mutex_unlock(&records->backups_lock);
	return is_free;
}

void backups_let_in(struct records *records)
{
	pthread_mutex_lock(&records->backups_lock);
	records->compacting = false;
	pthread_cond_broadcast(&records->backups_over);
	pthread_mutex_unlock(&records->backups_lock);
}

/* A seal ends the compaction. */
static void await_compaction(struct records *records)
{
	pthread_mutex_lock(&records->backups_lock);
	while (records->compacting)
		pthread_cond_wait(&records->backups_over, &records->backups_lock);
	pthread_mutex_unlock(&records->backups_lock);
}

/* -- one state: snapshot, header, keys ------------------------------------------------------ */

static enum error_code copy_keys(struct backup *backup)
{
	struct records *records = backup->records;

	backup->base_key = secret_key_new();
	backup->accumulator_key = secret_key_new();
	if (!backup->base_key || !backup->accumulator_key)
		return error_set(backup->err, ERR_NO_MEMORY, "no room is left for keys");
	pthread_rwlock_rdlock(&records->keys);
	*backup->accumulator_key = *records->base.accumulator;
	pthread_rwlock_unlock(&records->keys);
	return keyring_copy(records, KEY_BASE, 0, backup->base_key, NULL, backup->err);
}

static enum error_code take_snapshot(struct backup *backup)
{
	struct record_key key = record_key_state();
	uint8_t commit[32];
	struct store_bytes value;

	if (store_snapshot_begin(backup->records->store, &backup->snapshot, backup->err) != ERR_OK ||
	    state_read(backup->records, backup->snapshot, &backup->state, commit, backup->err) != ERR_OK)
		return backup->err->code;
	if (store_get(backup->snapshot, key.bytes, key.len, &value) != ERR_OK || value.len != BACKUP_STATE_LEN)
		return error_set(backup->err, ERR_STATE_DAMAGED, "the state record in vault.db was changed");
	memcpy(backup->summary.state, value.at, BACKUP_STATE_LEN);
	backup->summary.n_live = backup->state.n_live;
	backup->summary.n_revisions = backup->state.n_revisions;
	return ERR_OK;
}

/* With `rotation` and `use` held. ERR_BUSY, and not counted, without a sentence: a compaction is under way. */
static enum error_code take_state(struct backup *backup)
{
	struct records *records = backup->records;

	if (atomic_load(&records->sealed))
		return error_set(backup->err, ERR_SEALED, "Vault is sealed");
	backup->counted = count_in(records);
	if (!backup->counted)
		return ERR_BUSY;
	if (atomic_load(&records->broken))
		return error_set(backup->err, ERR_RECORD, "the store was changed by something else than vaultd; seal it and look at the log");
	if (records->header_uncertain)
		return error_set(backup->err, ERR_IO, "vault.hdr could not be written before: seal and unseal the vault to find out what it holds");
	if (header_from_bytes(header_bytes(records->header), &backup->header, backup->err) != ERR_OK ||
	    copy_keys(backup) != ERR_OK)
		return backup->err->code;
	return take_snapshot(backup);
}

/*
 * With `rotation` held no key comes or goes between the snapshot and the header. Neither lock is kept: dropping an old key must
 * not wait for a backup.
 */
static enum error_code backup_begin(struct backup *backup)
{
	struct records *records = backup->records;
	enum error_code code;

	for (;;) {
		pthread_mutex_lock(&records->rotation);
		pthread_rwlock_rdlock(&records->use);
		code = take_state(backup);
		pthread_rwlock_unlock(&records->use);
		pthread_mutex_unlock(&records->rotation);
		if (code != ERR_BUSY || backup->counted)
			return code;
		await_compaction(records);
	}
}

/* -- the stream --------------------------------------------------------------------------------- */

static enum error_code check_recall(struct backup *backup)
{
	return records_backup_recalled(backup->records) ?
		       error_set(backup->err, ERR_SEALED, "the backup was broken off: the vault was sealed, stops, or opens its store again") :
		       ERR_OK;
}

static bool copy_record(void *arg, struct store_bytes key, struct store_bytes value)
{
	struct backup *backup = arg;
	uint8_t element[64];

	if (key.at[0] == TABLE_STATE)
		return true;
	if (key.len > RECORD_KEY_MAX || value.len < VALUE_OVERHEAD || value.len > VALUE_OVERHEAD + VALUE_PADDED_MAX) {
		error_set(backup->err, ERR_RECORD, "vault.db holds a record that vaultd did not write: see what `envctl verify` finds");
		return false;
	}
	if (key.at[0] == TABLE_REVISION) {
		backup->revisions++;
	} else {
		accumulator_element(backup->accumulator_key, key.at, key.len, value.at, element);
		accumulator_add(backup->sum, element);
		sodium_memzero(element, sizeof(element));
		backup->live++;
	}
	return check_recall(backup) == ERR_OK && backup_writer_record(backup->writer, key, value, backup->err) == ERR_OK;
}

static enum error_code write_all(struct backup *backup, const struct backup_front *front, backup_write *write, void *arg)
{
	struct error *err = backup->err;

	if (backup_writer_new(front, backup->header, backup->base_key, write, arg, &backup->writer, err) != ERR_OK ||
	    store_scan(backup->snapshot, NULL, 0, true, copy_record, backup, err) != ERR_OK || err->code != ERR_OK)
		return err->code;
	if (backup->live != backup->state.n_live || backup->revisions != backup->state.n_revisions ||
	    sodium_memcmp(backup->sum, backup->state.accumulator, sizeof(backup->sum)) != 0)
		return error_set(err, ERR_SET_CHANGED,
				 "records were changed, removed or put back by something else than vaultd: the backup was not ended");
	return backup_writer_end(backup->writer, &backup->summary, err);
}

enum error_code records_backup(struct records *records, backup_write *write, void *arg, struct backup_front *ret_front,
			       struct error *err)
{
	struct backup backup = { .records = records, .err = err };
	struct backup_front front = { .created = records_now(records) };

	if (backup_begin(&backup) == ERR_OK) {
		memcpy(front.store_id, records->store_id, ID_LEN);
		memcpy(front.fork_id, backup.state.fork_id, ID_LEN);
		random_fill(front.backup_id, sizeof(front.backup_id));
		front.counter = backup.state.counter;
		front.records = backup.state.n_live + backup.state.n_revisions;
		if (ret_front)
			*ret_front = front;
		(void)!write_all(&backup, &front, write, arg);
	}
	backup_end(&backup);
	return err->code;
}
