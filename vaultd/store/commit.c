/* One LMDB transaction with the writes of several requests. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/engine.h"

struct commit {
	struct store *store;
	struct store_txn txn;
	struct store_change *changes;	/* applied ones, for the feed */
	size_t len, room;
	size_t pages;			/* that the requests may need */
};

uint64_t store_txn_id(const struct store_txn *txn)
{
	return mdb_txn_id(txn->txn);
}

enum error_code store_txn_put(struct store_txn *txn, const void *key, size_t key_len, const void *value, size_t len,
			      struct error *err)
{
	MDB_val at = val_of(key, key_len), content = val_of(value, len);
	int rc = mdb_put(txn->txn, txn->dbi, &at, &content, 0);

	return rc == 0 ? ERR_OK : database_error(err, rc, "write a record");
}

/* A refusal is one also when the hook left no sentence. */
static enum error_code refused(enum error_code code, struct error *err)
{
	return error_set(err, code, "the change was refused");
}

/* -- guards ------------------------------------------------------------------- */

static bool guard_holds(struct store_txn *txn, const struct write_item *item)
{
	const struct store_bytes key = write_item_key(item);
	struct store_bytes value;
	enum error_code code = store_txn_get(txn, key.at, key.len, &value);

	if (item->kind == WRITE_GUARD_ABSENT)
		return code == ERR_NOT_FOUND;
	return code == ERR_OK && value.len >= VALUE_PIN_OFFSET + VALUE_PIN_LEN &&
	       memcmp(value.at + VALUE_PIN_OFFSET, item->bytes, VALUE_PIN_LEN) == 0;
}

static bool guards_hold(struct store_txn *txn, const struct store_write *write)
{
	for (const struct write_item *item = write->first; item; item = item->next)
		if ((item->kind == WRITE_GUARD_ABSENT || item->kind == WRITE_GUARD_PIN) && !guard_holds(txn, item))
			return false;
	return true;
}

/* -- changes ------------------------------------------------------------------- */

static enum error_code remember(struct commit *commit, const struct store_change *change, struct error *err)
{
	if (commit->len == commit->room) {
		size_t room = commit->room ? 2 * commit->room : 64;
		struct store_change *changes = reallocarray(commit->changes, room, sizeof(*changes));

		if (!changes)
			return error_set(err, ERR_NO_MEMORY, "no memory is left for a commit");
		commit->changes = changes;
		commit->room = room;
	}
	commit->changes[commit->len++] = (struct store_change){ .key = change->key, .new_value = change->new_value };
	return ERR_OK;
}

static enum error_code apply_item(struct commit *commit, const struct write_item *item, struct error *err)
{
	const struct store_hooks *hooks = &commit->store->hooks;
	struct store_change change = { .key = write_item_key(item) };
	enum error_code refusal;
	MDB_val key = val_of(change.key.at, change.key.len), value;
	enum error_code code = store_txn_get(&commit->txn, change.key.at, change.key.len, &change.old_value);
	int rc;

	if (code == ERR_NOT_FOUND)
		change.old_value = (struct store_bytes){ 0 };
	else if (code != ERR_OK)
		return error_set(err, code, "read a record that is to be changed");
	if (item->kind == WRITE_DELETE && !change.old_value.at)
		return ERR_OK;	/* nothing is there: nothing changes */
	if (item->kind == WRITE_PUT)
		change.new_value = (struct store_bytes){ .at = item->bytes, .len = item->value_len };
	if (hooks->change && (refusal = hooks->change(hooks->arg, &change, err)) != ERR_OK)
		return refused(refusal, err);
	value = val_of(change.new_value.at, change.new_value.len);
	rc = item->kind == WRITE_PUT ? mdb_put(commit->txn.txn, commit->txn.dbi, &key, &value, 0) :
				       mdb_del(commit->txn.txn, commit->txn.dbi, &key, NULL);
	if (rc != 0)
		return database_error(err, rc, "write a record");
	return remember(commit, &change, err);
}

static enum error_code apply_write(struct commit *commit, const struct store_write *write, struct error *err)
{
	for (const struct write_item *item = write->first; item; item = item->next)
		if ((item->kind == WRITE_PUT || item->kind == WRITE_DELETE) && apply_item(commit, item, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

/* -- room ------------------------------------------------------------------------- */

/* Kept free in the map, so that what makes the database smaller still works when it is full. */
#define RESERVE_PAGES 256

static bool makes_larger(struct commit *commit, const struct store_write *write)
{
	size_t more = 0, less = 0;

	for (const struct write_item *item = write->first; item; item = item->next) {
		const struct store_bytes key = write_item_key(item);
		struct store_bytes old;

		if (item->kind == WRITE_PUT)
			more += key.len + item->value_len;
		if ((item->kind == WRITE_PUT || item->kind == WRITE_DELETE) &&
		    store_txn_get(&commit->txn, key.at, key.len, &old) == ERR_OK)
			less += key.len + old.len;
	}
	return more > less;
}

/* Through a snapshot of the same state: LMDB does not show the list to a transaction that writes. */
static enum error_code count_free_pages(struct store *store, uint64_t *ret, struct error *err)
{
	cleanup_(store_snapshot_endp) struct store_snapshot *snapshot = NULL;
	int rc;

	if (writer_snapshot_begin(store, &snapshot, err) != ERR_OK)
		return err->code;
	rc = database_free_pages(snapshot->txn, ret);
	return rc == 0 ? ERR_OK : database_error(err, rc, "read the list of free pages");
}

/*
 * LMDB copies pages even to delete, so a map that is full to its last page could never be emptied again. Requests that
 * make the database larger must leave a reserve; a batch that might not is aborted here and replayed one by one.
 */
static enum error_code check_room(struct commit *commit, struct store_request *const *requests, size_t len,
				  struct error *err)
{
	MDB_envinfo info;
	uint64_t free_pages;

	mdb_env_info(commit->store->env, &info);
	const uint64_t map = info.me_mapsize / STORE_PAGE;
	const uint64_t used = info.me_last_pgno + 1;
	const uint64_t wanted = commit->pages + (map / 8 < RESERVE_PAGES ? map / 8 : RESERVE_PAGES);
	const uint64_t untouched = map > used ? map - used : 0;

	if (untouched >= wanted)
		return ERR_OK;
	if (count_free_pages(commit->store, &free_pages, err) != ERR_OK)
		return err->code;
	if (untouched + free_pages >= wanted || (len == 1 && !makes_larger(commit, requests[0]->write_)))
		return ERR_OK;
	return database_error(err, MDB_MAP_FULL, "write a record");
}

/* -- the transaction ------------------------------------------------------------ */

/*
 * On a full disk, or at a quota, writev() is cut short, and LMDB calls any short write EIO. Writing as much once more,
 * behind the pages that any state uses, lets the kernel say which of the two it is.
 */
static bool disk_is_full(const struct commit *commit)
{
	static const uint8_t zeros[64 * 1024];
	struct stat before;
	MDB_envinfo info;
	ssize_t done = 0;
	int fd, failure = 0;

	if (mdb_env_info(commit->store->env, &info) != 0 || mdb_env_get_fd(commit->store->env, &fd) != 0 ||
	    fstat(fd, &before) != 0)
		return false;
	const off_t used = (off_t)(info.me_last_pgno + 1) * (off_t)STORE_PAGE;
	const off_t end = used + (off_t)(commit->pages * STORE_PAGE);

	for (off_t at = used; at < end; at += done) {
		done = pwrite(fd, zeros, sizeof(zeros), at);
		if (done <= 0) {
			failure = done < 0 ? errno : EIO;
			break;
		}
	}
	/* Gives the room back. A file that stays longer than it needs to be is harmless. */
	if (before.st_size >= used && ftruncate(fd, before.st_size) != 0)
		return false;
	return failure == ENOSPC || failure == EDQUOT || failure == EFBIG;
}

/*
 * Whether a failed commit certainly did not happen. LMDB writes data pages, syncs them, then writes the meta page. When it
 * failed for lack of room before the meta page, it is usable and its newest transaction is still the old one; in all other
 * cases nobody knows what is on the disk.
 */
static bool certainly_not_committed(const struct commit *commit, int rc, uint64_t before)
{
	struct store *store = commit->store;
	MDB_envinfo info;
	MDB_txn *probe;

	if (rc != ENOSPC && rc != EDQUOT && rc != EFBIG && rc != MDB_MAP_FULL && rc != MDB_TXN_FULL && rc != ENOMEM &&
	    !(rc == EIO && disk_is_full(commit)))
		return false;
	if (mdb_env_info(store->env, &info) != 0 || info.me_last_txnid != before)
		return false;
	if (mdb_txn_begin(store->env, NULL, 0, &probe) != 0)
		return false;
	mdb_txn_abort(probe);
	return true;
}

void set_reopening(struct store *store)
{
	pthread_mutex_lock(&store->lock);
	store->reopening = true;
	pthread_mutex_unlock(&store->lock);
}

static enum error_code fill(struct commit *commit, struct store_request *const *requests, size_t len, bool *lost,
			    struct error *err)
{
	const struct store_hooks *hooks = &commit->store->hooks;
	enum error_code code;

	if (check_room(commit, requests, len, err) != ERR_OK)
		return err->code;
	if (hooks->begin && (code = hooks->begin(hooks->arg, store_txn_id(&commit->txn), err)) != ERR_OK)
		return refused(code, err);
	for (size_t i = 0; i < len; i++) {
		lost[i] = !guards_hold(&commit->txn, requests[i]->write_);
		if (!lost[i] && apply_write(commit, requests[i]->write_, err) != ERR_OK)
			return err->code;
	}
	/* When all have lost, or want nothing, there is nothing to commit. */
	if (commit->len > 0 && hooks->before_commit &&
	    (code = hooks->before_commit(hooks->arg, &commit->txn, err)) != ERR_OK)
		return refused(code, err);
	return ERR_OK;
}

static enum error_code finish(struct commit *commit, struct error *err)
{
	struct store *store = commit->store;
	uint64_t before = store_txn_id(&commit->txn) - 1;
	int rc;

	atomic_store(&store->committing, store_txn_id(&commit->txn));
	rc = mdb_txn_commit(commit->txn.txn);
	commit->txn.txn = NULL;
	if (rc == 0)
		return ERR_OK;
	if (certainly_not_committed(commit, rc, before))
		return database_error(err, rc == EIO ? ENOSPC : rc, "commit");
	set_reopening(store);
	return error_set(err, ERR_OUTCOME_UNKNOWN,
			 "the commit failed (%s): whether it happened is not known; read before you try again", mdb_strerror(rc));
}

static enum error_code run(struct commit *commit, struct store_request *const *requests, size_t len, bool *lost,
			   struct error *err)
{
	int rc = mdb_txn_begin(commit->store->env, NULL, 0, &commit->txn.txn);

	if (rc != 0)
		return database_error(err, rc, "begin a commit");
	if (fill(commit, requests, len, lost, err) != ERR_OK || commit->len == 0) {
		mdb_txn_abort(commit->txn.txn);
		return err->code;
	}
	return finish(commit, err);
}

enum error_code commit_requests(struct store *store, struct store_request *const *requests, size_t len, bool *lost,
				struct error *err)
{
	struct commit commit = { .store = store, .txn = { .dbi = store->dbi } };
	struct error failure = ERROR_INIT;
	enum error_code code;

	for (size_t i = 0; i < len; i++)
		commit.pages += requests[i]->write_->pages;
	code = run(&commit, requests, len, lost, &failure);
	const bool happened = code == ERR_OK || code == ERR_OUTCOME_UNKNOWN;

	if (store->hooks.finished)
		store->hooks.finished(store->hooks.arg, code, commit.changes, happened ? commit.len : 0);
	free(commit.changes);
	return code == ERR_OK ? ERR_OK : error_set(err, code, "%s", failure.text);
}
