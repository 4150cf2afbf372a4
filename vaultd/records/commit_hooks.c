/*
 * What happens around every commit, on the writer thread: each old value is compared with its pin, the accumulator and the
 * counts follow, the state head is sealed into the same transaction, and afterwards pins, caches and the anchor follow.
 */
#include <sodium.h>
#include <string.h>
#include <time.h>

#include "crypto/seal.h"
#include "records/sealed_store.h"
#include "records/value.h"

/* A destroyed environment is beyond recovery within 24 hours; the rotation itself takes a part of the last one. */
#define SHRED_DELAY_US (INT64_C(23) * 3600 * 1000000)
#define MEMORY_WAIT_NS 10000000

static bool is_state(struct store_bytes key)
{
	return key.len == 1 && key.at[0] == TABLE_STATE;
}

static enum error_code begin(void *arg, uint64_t txn_id, struct error *err)
{
	struct records *records = arg;

	records->next = records->state;
	records->published = false;
	records->batch = pins_batch_new(txn_id);
	return records->batch ? ERR_OK : error_set(err, ERR_NO_MEMORY, "no memory is left for a commit");
}

/* -- before a change is applied ------------------------------------------------------------ */

static void begin_fork(struct state_record *next, const struct state_patch *patch)
{
	memcpy(next->previous_fork_id, next->fork_id, ID_LEN);
	memcpy(next->fork_id, patch->fork_id, ID_LEN);
	next->fork_counter = patch->fork_counter;
	next->counter = patch->fork_counter;	/* and one more, as with every commit */
	next->flags = (uint8_t)(patch->anchored ? next->flags | STATE_ANCHORED : next->flags & ~STATE_ANCHORED);
	if (patch->tokens_not_before != 0)
		next->tokens_not_before = patch->tokens_not_before;
}

static void apply_patch(struct records *records, struct store_bytes value)
{
	struct state_patch patch;

	memcpy(&patch, value.at, sizeof(patch));
	if (patch.set_header_seq)
		records->next.header_seq = patch.header_seq;
	if (patch.set_job) {
		records->next.job = patch.job;
		memset(records->next.job_cursor, 0, sizeof(records->next.job_cursor));
	}
	if (patch.set_kek_epoch)
		records->next.kek_epoch = patch.kek_epoch;
	if (patch.set_anchored)
		records->next.flags |= STATE_ANCHORED;
	if (patch.set_shred)
		records->next.flags |= STATE_SHRED_PENDING;
	if (patch.clear_shred && atomic_load(&records->destroys) == patch.destroys)
		records->next.flags &= (uint8_t)~STATE_SHRED_PENDING;
	if (patch.set_fork)
		begin_fork(&records->next, &patch);
}

/* Tampering must not be laundered into the sum: what is replaced must be what was put. */
static enum error_code check_old(struct records *records, const struct store_change *change, struct error *err)
{
	uint8_t pin[PIN_LEN];
	bool pinned = pins_batch_find(records->pins, records->batch, change->key.at, change->key.len, pin);
	bool fits = change->old_value.at ? pinned && change->old_value.len >= VALUE_OVERHEAD &&
						   memcmp(pin, change->old_value.at + VALUE_PIN_OFFSET, PIN_LEN) == 0 :
					   !pinned;

	if (fits)
		return ERR_OK;
	atomic_store(&records->broken, true);
	return error_set(err, ERR_RECORD, "a record of table %c was changed by something else than vaultd: nothing is answered "
			 "until the vault is sealed and unsealed again", change->key.at[0]);
}

static void count(struct records *records, const struct store_change *change)
{
	uint64_t *counter = change->key.at[0] == TABLE_REVISION ? &records->next.n_revisions : &records->next.n_live;

	if (change->new_value.at && !change->old_value.at)
		(*counter)++;
	if (!change->new_value.at && change->old_value.at)
		(*counter)--;
}

static void accumulate(struct records *records, const struct store_change *change)
{
	uint8_t element[64];

	if (change->old_value.at) {
		accumulator_element(records->base.accumulator, change->key.at, change->key.len, change->old_value.at, element);
		accumulator_subtract(records->next.accumulator, element);
	}
	if (change->new_value.at) {
		accumulator_element(records->base.accumulator, change->key.at, change->key.len, change->new_value.at, element);
		accumulator_add(records->next.accumulator, element);
	}
	sodium_memzero(element, sizeof(element));	/* the sum cannot be forged because nobody ever sees its parts */
}

static enum error_code change(void *arg, const struct store_change *change, struct error *err)
{
	struct records *records = arg;

	if (is_state(change->key)) {
		apply_patch(records, change->new_value);
		return ERR_OK;
	}
	if (change->key.at[0] == TABLE_REVISION) {
		count(records, change);
		return ERR_OK;
	}
	if (check_old(records, change, err) != ERR_OK)
		return err->code;
	accumulate(records, change);
	count(records, change);
	/* The wrap of a destroyed key stays in free pages until the key that wrapped it is gone. */
	if (change->key.at[0] == TABLE_DATA_KEY && !change->new_value.at) {
		records->next.flags |= STATE_SHRED_PENDING;
		atomic_fetch_add(&records->destroys, 1);
	}
	return pins_batch_set(records->batch, change->key.at, change->key.len,
			      change->new_value.at ? change->new_value.at + VALUE_PIN_OFFSET : NULL, err);
}

/* -- before the commit ------------------------------------------------------------------------ */

static enum error_code put_state(struct records *records, struct store_txn *txn, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(512);
	struct record_key key = record_key_state();
	struct value_header header = { .key_version = records->next.base_epoch, .record_version = records->next.counter };
	uint8_t value[VALUE_OVERHEAD + 320];

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a commit");
	encode_state(encoding, &records->next);
	if (secret_buf_check(encoding, "the store's state", err) != ERR_OK)
		return err->code;
	memcpy(header.kid, records->store_id, ID_LEN);
	value_seal(records->base.state, records->store_id, &key, &header, secret_buf_bytes(encoding),
		   secret_buf_len(encoding), NULL, value);
	memcpy(records->next_commit, value + VALUE_PIN_OFFSET, sizeof(records->next_commit));
	return store_txn_put(txn, key.bytes, key.len, value, sizeof(value), err);
}

static enum error_code before_commit(void *arg, struct store_txn *txn, struct error *err)
{
	struct records *records = arg;
	int64_t now = records_now(records);

	records->next.counter++;
	records->next.lmdb_txn_id = store_txn_id(txn);
	records->next.time = now;
	if (now < atomic_load(&records->time_floor))
		now = atomic_load(&records->time_floor);
	if (now > records->next.time_high_water)
		records->next.time_high_water = now;
	random_fill(records->next.batch_id, ID_LEN);
	if (put_state(records, txn, err) != ERR_OK || pins_publish(records->pins, records->batch, err) != ERR_OK)
		return err->code;
	records->published = true;
	return ERR_OK;
}

/* -- afterwards ---------------------------------------------------------------------------------- */

static bool core_listens(uint8_t table)
{
	return table == TABLE_HEAD || table == TABLE_TOKEN || table == TABLE_MOUNT || table == TABLE_SETTINGS ||
	       table == TABLE_POLICY || table == TABLE_QUOTA || table == TABLE_WRAPPED || table == TABLE_REVOKED;
}

/* False when the vault is being sealed, which forgets all that would have to follow. */
static bool wait_for_memory(struct records *records)
{
	const struct timespec moment = { .tv_nsec = MEMORY_WAIT_NS };

	if (store_is_stopping(records->store))
		return false;
	(void)nanosleep(&moment, NULL);
	return true;
}

static enum error_code try_feed(struct records *records, struct records_view *view, const struct record_key *key,
				struct store_bytes value, struct error *err)
{
	struct records_change change = { .key = *key, .deleted = !value.at };
	cleanup_(secret_buf_freep) struct secret_buf *plain = NULL;

	if (value.at) {
		plain = secret_buf_new(VALUE_PADDED_MAX);
		if (!plain)
			return error_set(err, ERR_NO_MEMORY, "no memory is left to follow a commit");
		if (view_open(view, key, value, plain, err) != ERR_OK) {
			/* What was just sealed must open; otherwise core's memory would differ from the store. */
			if (err->code != ERR_NO_MEMORY) {
				atomic_store(&records->broken, true);
				note_error(records, err);
			}
			return err->code;
		}
		change.plain = secret_buf_bytes(plain);
		change.plain_len = secret_buf_len(plain);
		memcpy(change.pin, value.at + VALUE_PIN_OFFSET, PIN_LEN);
	}
	return records->changed(records->changed_arg, &change, err);
}

static void feed_one(struct records *records, struct records_view *view, const struct record_key *key, struct store_bytes value)
{
	struct error failure;

	if (key->bytes[0] == TABLE_DATA_KEY && !value.at)
		data_keys_forget(records->data_keys, key->bytes + 1);
	if (!records->changed || !core_listens(key->bytes[0]))
		return;
	do
		failure = (struct error)ERROR_INIT;
	while (try_feed(records, view, key, value, &failure) == ERR_NO_MEMORY && wait_for_memory(records));
}

/* A data key that is not cached is read through a snapshot; the writer may always take one, when there is memory for it.
 * NULL when the vault is being sealed. */
static struct store_snapshot *snapshot_to_feed(struct records *records)
{
	struct store_snapshot *snapshot = NULL;
	struct error failure;

	do {
		failure = (struct error)ERROR_INIT;
		if (store_snapshot_begin(records->store, &snapshot, &failure) == ERR_OK)
			return snapshot;
	} while (failure.code == ERR_NO_MEMORY && wait_for_memory(records));
	if (failure.code != ERR_NO_MEMORY) {
		atomic_store(&records->broken, true);
		note_error(records, &failure);
	}
	return NULL;
}

static void feed(struct records *records, const struct store_change *changes, size_t len)
{
	cleanup_(store_snapshot_endp) struct store_snapshot *snapshot = snapshot_to_feed(records);
	struct records_view view;

	if (!snapshot)
		return;
	view = view_on(records, snapshot);
	for (size_t i = 0; i < len; i++) {
		struct record_key key;

		if (!is_state(changes[i].key) && record_key_from(changes[i].key, &key))
			feed_one(records, &view, &key, changes[i].new_value);
	}
}

void state_show(struct records *records)
{
	bool pending = records->state.flags & STATE_SHRED_PENDING;

	pthread_mutex_lock(&records->status);
	records->shown_counter = records->state.counter;
	records->shown_live = records->state.n_live;
	records->shown_revisions = records->state.n_revisions;
	memcpy(records->shown_fork, records->state.fork_id, ID_LEN);
	records->shown_high_water = records->state.time_high_water;
	records->shown_not_before = records->state.tokens_not_before;
	records->shown_point = (struct anchor_point){ .counter = records->state.counter, .time = records->state.time };
	memcpy(records->shown_point.store_id, records->store_id, ID_LEN);
	memcpy(records->shown_point.fork_id, records->state.fork_id, ID_LEN);
	memcpy(records->shown_point.commit, records->state_commit, sizeof(records->state_commit));
	if (pending && !records->shred_pending)
		records->shred_due = records->clock.monotonic_us(records->clock.arg) + SHRED_DELAY_US;
	records->shred_pending = pending;
	pthread_mutex_unlock(&records->status);
}

static void settle(struct records *records)
{
	pins_settle(records->pins, records->batch);
	records->batch = NULL;
	records->state = records->next;
	memcpy(records->state_commit, records->next_commit, sizeof(records->state_commit));
	state_show(records);
}

static void undo(struct records *records)
{
	if (!records->batch)
		return;
	if (records->published)
		pins_revert(records->pins, records->batch);
	else
		pins_batch_drop(records->batch);
	records->batch = NULL;
}

static void finished(void *arg, enum error_code outcome, const struct store_change *changes, size_t len)
{
	struct records *records = arg;

	if (outcome == ERR_OUTCOME_UNKNOWN)
		return;	/* reopened() finds out */
	if (outcome != ERR_OK || !records->published) {	/* aborted, or there was nothing to commit */
		undo(records);
		return;
	}
	settle(records);
	feed(records, changes, len);
}

/* Everything that the batch touched, as it is now: core compares nothing, it takes what it is told. */
static void feed_from_snapshot(struct records *records, const struct store_snapshot *snapshot)
{
	struct records_view view = view_on(records, snapshot);
	const struct pin_table *touched = pins_batch_changes(records->batch);
	const struct pin_entry *entry;
	size_t position = 0;

	while ((entry = pin_table_next(touched, &position)) != NULL) {
		struct store_bytes value = { 0 };
		struct record_key key;

		if (!record_key_from((struct store_bytes){ entry->key, pin_entry_key_len(entry) }, &key))
			continue;
		if (store_get(snapshot, key.bytes, key.len, &value) != ERR_OK)
			value = (struct store_bytes){ 0 };
		feed_one(records, &view, &key, value);
	}
}

static enum error_code reopened(void *arg, const struct store_snapshot *snapshot, struct error *err)
{
	struct records *records = arg;
	struct state_record found;
	uint8_t commit[32];

	if (state_read(records, snapshot, &found, commit, err) != ERR_OK)
		return err->code;
	if (!records->batch)
		return ERR_OK;
	if (memcmp(found.batch_id, records->state.batch_id, ID_LEN) == 0) {
		undo(records);
		return ERR_OK;
	}
	if (memcmp(found.batch_id, records->next.batch_id, ID_LEN) != 0)
		return error_set(err, ERR_STATE_DAMAGED,
				 "vault.db came back at neither the state before the failed commit nor the one after it");
	feed_from_snapshot(records, snapshot);
	settle(records);
	return ERR_OK;
}

struct store_hooks commit_hooks(struct records *records)
{
	return (struct store_hooks){ .arg = records, .begin = begin, .change = change, .before_commit = before_commit,
				     .finished = finished, .reopened = reopened };
}

/* -- the anchor and the state alone ------------------------------------------------------------------ */

enum error_code anchor_catch_up(struct records *records, struct error *err)
{
	struct anchor_point point;
	bool behind;

	if (!records->anchor)
		return ERR_OK;
	/* The lock keeps two writers of the file apart, and the older point from overwriting the newer. */
	pthread_mutex_lock(&records->status);
	point = records->shown_point;
	behind = point.counter > records->anchored_counter;
	if (behind && anchor_write(records->anchor, records->base.anchor, &point, err) == ERR_OK) {
		records->anchored_counter = point.counter;
		records->last_error[0] = '\0';
	}
	pthread_mutex_unlock(&records->status);
	return err->code;
}

struct patch_request {
	struct records_request request;
	const struct state_patch *patch;
};

static enum error_code prepare_patch(struct records_request *request, struct records_view *view, struct records_write *write,
				     struct error *err)
{
	struct patch_request *wanted = (struct patch_request *)(void *)request;
	struct record_key key = record_key_state();
	uint8_t *space;

	(void)view;
	if (store_write_put(write->store_write, key.bytes, key.len, sizeof(*wanted->patch), &space, err) != ERR_OK)
		return err->code;
	memcpy(space, wanted->patch, sizeof(*wanted->patch));
	return ERR_OK;
}

enum error_code state_commit_patch(struct records *records, const struct state_patch *patch, struct error *err)
{
	struct patch_request wanted = { .request = { .prepare = prepare_patch }, .patch = patch };

	return records_submit_wait(records, &wanted.request, err);
}
