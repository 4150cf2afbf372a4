/* Snapshots: read transactions that are reset and renewed instead of made anew. */
#include <stdlib.h>
#include <string.h>

#include "store/engine.h"

static struct store_snapshot *take_from_pool(struct store *store)
{
	struct store_snapshot *snapshot = store->pool;

	if (snapshot)
		store->pool = snapshot->next;
	return snapshot;
}

/* A hook's snapshot may exceed the limit by one: a commit that is done cannot wait for readers. */
static bool has_slot(const struct store *store)
{
	return store->active < store->max_readers || (store->running && pthread_equal(store->thread, pthread_self()));
}

/* Counts the caller in, so that the environment cannot be closed under it. */
static enum error_code enter(struct store *store, struct store_snapshot **ret_pooled, struct error *err)
{
	bool closed, full;

	pthread_mutex_lock(&store->lock);
	/* For moments: the readers that are there end, and a file is renamed and opened. */
	while (store->swapping)
		pthread_cond_wait(&store->opened, &store->lock);
	closed = store->reopening || !store->env;
	full = !has_slot(store);
	if (!closed && !full) {
		store->active++;
		*ret_pooled = take_from_pool(store);
	}
	pthread_mutex_unlock(&store->lock);
	if (closed)
		return error_set(err, ERR_BUSY, "the store is being opened again after a failed commit: try again in a moment");
	if (full)
		return error_set(err, ERR_BUSY, "too many readers at a time: try again in a moment");
	return ERR_OK;
}

static void leave(struct store *store, struct store_snapshot *back)
{
	pthread_mutex_lock(&store->lock);
	if (back) {
		back->next = store->pool;
		store->pool = back;
	}
	if (--store->active == 0)
		pthread_cond_broadcast(&store->quiet);
	pthread_mutex_unlock(&store->lock);
}

static int begin_reading(struct store *store, MDB_txn **ret)
{
	int dead, rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, ret);

	if (rc == MDB_READERS_FULL && mdb_reader_check(store->env, &dead) == 0)
		rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, ret);
	return rc;
}

/*
 * LMDB takes the id of the newest transaction, then copies the roots from the one of two meta pages that this id names.
 * When the thread is held up between the two and two transactions commit, that page holds a newer transaction, and the
 * snapshot would show another state than its id says. The second commit begins only after the first is published: as long
 * as none beyond id + 1 has begun, the page is still that of the id. (structure_live.c reads that page by the same rule.)
 */
bool snapshot_is_whole(struct store *store, const struct store_snapshot *snapshot)
{
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&store->committing, memory_order_acquire) <= mdb_txn_id(snapshot->txn) + 1;
}

static int renew_until_whole(struct store *store, const struct store_snapshot *snapshot)
{
	int rc = 0;

	while (rc == 0 && !snapshot_is_whole(store, snapshot)) {
		mdb_txn_reset(snapshot->txn);
		rc = mdb_txn_renew(snapshot->txn);
	}
	return rc;
}

enum error_code store_snapshot_begin(struct store *store, struct store_snapshot **ret, struct error *err)
{
	struct store_snapshot *snapshot = NULL;
	int rc;

	if (enter(store, &snapshot, err) != ERR_OK)
		return err->code;
	if (snapshot) {
		rc = mdb_txn_renew(snapshot->txn);
	} else {
		snapshot = calloc(1, sizeof(*snapshot));
		if (!snapshot) {
			leave(store, NULL);
			return error_set(err, ERR_NO_MEMORY, "no memory is left for a snapshot");
		}
		snapshot->store = store;
		rc = begin_reading(store, &snapshot->txn);
	}
	if (rc == 0)
		rc = renew_until_whole(store, snapshot);
	if (rc != 0) {
		if (snapshot->txn)
			mdb_txn_abort(snapshot->txn);
		free(snapshot);
		leave(store, NULL);
		return database_error(err, rc, "take a snapshot");
	}
	*ret = snapshot;
	return ERR_OK;
}

void store_snapshot_end(struct store_snapshot *snapshot)
{
	if (!snapshot)
		return;
	mdb_txn_reset(snapshot->txn);
	if (snapshot != &snapshot->store->writer_snapshot)
		leave(snapshot->store, snapshot);
}

enum error_code writer_snapshot_begin(struct store *store, struct store_snapshot **ret, struct error *err)
{
	struct store_snapshot *snapshot = &store->writer_snapshot;
	int rc;

	snapshot->store = store;
	rc = snapshot->txn ? mdb_txn_renew(snapshot->txn) : begin_reading(store, &snapshot->txn);
	if (rc != 0)
		return database_error(err, rc, "take a snapshot");
	*ret = snapshot;
	return ERR_OK;
}

void snapshots_drop(struct store *store)
{
	struct store_snapshot *snapshot;

	while ((snapshot = take_from_pool(store)) != NULL) {
		mdb_txn_abort(snapshot->txn);
		free(snapshot);
	}
	if (store->writer_snapshot.txn)
		mdb_txn_abort(store->writer_snapshot.txn);
	store->writer_snapshot.txn = NULL;
}

uint64_t store_snapshot_id(const struct store_snapshot *snapshot)
{
	return mdb_txn_id(snapshot->txn);
}

static int get(MDB_txn *txn, MDB_dbi dbi, const void *key, size_t key_len, struct store_bytes *ret)
{
	/* LMDB does not write through keys, but its type is not const. */
	MDB_val wanted = { .mv_size = key_len }, value;
	int rc;

	memcpy(&wanted.mv_data, &key, sizeof(key));
	rc = mdb_get(txn, dbi, &wanted, &value);
	if (rc == 0)
		*ret = (struct store_bytes){ .at = value.mv_data, .len = value.mv_size };
	return rc;
}

/* When LMDB meets damage, it gives the transaction up: what is read of it next fails with this result, for the same reason. */
static int first_reason(int rc)
{
	return rc == MDB_BAD_TXN ? MDB_CORRUPTED : rc;
}

enum error_code store_get(const struct store_snapshot *snapshot, const void *key, size_t key_len, struct store_bytes *ret)
{
	int rc = get(snapshot->txn, snapshot->store->dbi, key, key_len, ret);

	return rc == 0 ? ERR_OK : rc == MDB_NOTFOUND ? ERR_NOT_FOUND : database_code(first_reason(rc));
}

enum error_code store_txn_get(struct store_txn *txn, const void *key, size_t key_len, struct store_bytes *ret)
{
	int rc = get(txn->txn, txn->dbi, key, key_len, ret);

	return rc == 0 ? ERR_OK : rc == MDB_NOTFOUND ? ERR_NOT_FOUND : database_code(rc);
}

static bool has_prefix(const MDB_val *key, const void *prefix, size_t len)
{
	return key->mv_size >= len && (len == 0 || memcmp(key->mv_data, prefix, len) == 0);
}

enum error_code store_scan_from(const struct store_snapshot *snapshot, struct store_bytes from, size_t prefix_len,
				bool with_values,
				bool (*each)(void *arg, struct store_bytes key, struct store_bytes value), void *arg,
				struct error *err)
{
	MDB_cursor *cursor;
	MDB_val key = { .mv_size = from.len }, value;
	int rc = mdb_cursor_open(snapshot->txn, snapshot->store->dbi, &cursor);

	if (rc != 0)
		return database_error(err, first_reason(rc), "go through the records");
	memcpy(&key.mv_data, &from.at, sizeof(from.at));
	rc = mdb_cursor_get(cursor, &key, with_values ? &value : NULL, from.len ? MDB_SET_RANGE : MDB_FIRST);
	while (rc == 0 && has_prefix(&key, from.at, prefix_len)) {
		struct store_bytes at = { 0 };

		if (with_values)
			at = (struct store_bytes){ .at = value.mv_data, .len = value.mv_size };
		if (!each(arg, (struct store_bytes){ .at = key.mv_data, .len = key.mv_size }, at))
			break;
		rc = mdb_cursor_get(cursor, &key, with_values ? &value : NULL, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return rc == 0 || rc == MDB_NOTFOUND ? ERR_OK : database_error(err, first_reason(rc), "go through the records");
}

enum error_code store_scan(const struct store_snapshot *snapshot, const void *prefix, size_t prefix_len, bool with_values,
			   bool (*each)(void *arg, struct store_bytes key, struct store_bytes value), void *arg,
			   struct error *err)
{
	return store_scan_from(snapshot, (struct store_bytes){ prefix, prefix_len }, prefix_len, with_values, each, arg, err);
}

enum error_code store_entries(const struct store_snapshot *snapshot, uint64_t *ret, struct error *err)
{
	MDB_stat stat;
	int rc = mdb_stat(snapshot->txn, snapshot->store->dbi, &stat);

	if (rc != 0)
		return database_error(err, rc, "count the records");
	*ret = stat.ms_entries;
	return ERR_OK;
}
