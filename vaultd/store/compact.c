/* All records into a new file, which then takes the place of the old one. On the writer thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "store/engine.h"
#include "vault/files.h"

/* One transaction of the copying: LMDB keeps its new pages in memory until it ends. */
#define COPY_BYTES (16u * 1024 * 1024)
#define COPY_RECORDS 10000

#define META_TXN_ID 144		/* of a meta page; see integrity.c */

struct compaction_request {
	const struct store_compaction *wanted;
	struct store_compacted *ret;
	struct error *err;
	bool done;			/* the store's lock */
	pthread_cond_t changed;
};

struct compaction {
	struct store *store;
	const struct store_compaction *wanted;
	struct store_compacted result;
	struct error *err;
	struct store_snapshot *snapshot;
	uint64_t last_id;		/* of the old file */
	MDB_env *env;			/* the new one */
	struct store_txn txn;		/* in it */
	MDB_cursor *cursor;
	size_t bytes, records;		/* of this transaction */
	uint64_t copied, total;
	int64_t began;
	bool announced;			/* the hooks' begin() was called */
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t size_of(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

/* -- a new file --------------------------------------------------------------------------------- */

/* Before anything is written: a disk that is filled to its last byte is everybody's trouble. */
static enum error_code check_space(struct compaction *compaction, struct error *err)
{
	const struct store *store = compaction->store;
	struct statfs place;
	MDB_envinfo info;
	uint64_t free_pages;
	int rc = database_free_pages(compaction->snapshot->txn, &free_pages);

	if (rc == 0)
		rc = mdb_env_info(store->env, &info);
	if (rc != 0)
		return database_error(err, rc, "look at vault.db");
	if (statfs(store->directory, &place) != 0)
		return error_set_errno(err, ERR_IO, errno, "look at %s", store->directory);
	const uint64_t used = info.me_last_pgno + 1;
	const uint64_t need = (used > free_pages ? used - free_pages : 0) * STORE_PAGE;
	const uint64_t room = (uint64_t)place.f_bavail * (uint64_t)place.f_bsize;

	if (room < need + need / 16 + COPY_BYTES)
		return error_set(err, ERR_STORAGE_FULL, "a compaction needs %llu MiB beside vault.db, and %llu MiB are free",
				 (unsigned long long)((need + need / 16 + COPY_BYTES) >> 20), (unsigned long long)(room >> 20));
	return ERR_OK;
}

static int open_new(struct compaction *compaction)
{
	int rc = mdb_env_create(&compaction->env);

	if (rc == 0)
		rc = database_configure(compaction->store, compaction->env);
	/* Nobody else knows of the file, and it is synced once, before it gets its name: no lock file, no sync for each commit. */
	if (rc == 0)
		rc = mdb_env_open(compaction->env, compaction->store->new_path,
				  MDB_NOSUBDIR | MDB_NOTLS | MDB_NOLOCK | MDB_NOSYNC, 0600);
	return rc;
}

static void close_new(struct compaction *compaction)
{
	if (compaction->txn.txn)
		mdb_txn_abort(compaction->txn.txn);
	compaction->txn.txn = NULL;
	compaction->cursor = NULL;
	if (compaction->env)
		mdb_env_close(compaction->env);
	compaction->env = NULL;
}

/*
 * The empty file is given the old one's last transaction as its own. So the numbers go on, and whatever compares the ids of
 * snapshots and of transactions need not know that there was a compaction.
 */
static enum error_code number_like_the_old(const struct compaction *compaction, int fd, struct error *err)
{
	for (unsigned i = 0; i < 2; i++) {
		/* Transaction n stands in page n mod 2. */
		const uint64_t id = compaction->last_id % 2 == i ? compaction->last_id : compaction->last_id - 1;
		const off_t at = (off_t)(i * STORE_PAGE + META_TXN_ID);

		if (pwrite(fd, &id, sizeof(id), at) != (ssize_t)sizeof(id))
			return error_set_errno(err, ERR_IO, errno, "write %s", compaction->store->new_path);
	}
	return ERR_OK;
}

static enum error_code make_new(struct compaction *compaction, struct error *err)
{
	cleanup_(fd_closep) int fd = -1;
	MDB_envinfo info;
	int rc;

	if (database_remove_new(compaction->store, err) != ERR_OK)
		return err->code;
	fd = open(compaction->store->new_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(err, ERR_IO, errno, "make %s", compaction->store->new_path);
	rc = open_new(compaction);
	if (rc != 0)
		return database_error(err, rc, "make vault.db.new");
	close_new(compaction);
	if (number_like_the_old(compaction, fd, err) != ERR_OK)
		return err->code;
	rc = open_new(compaction);
	if (rc == 0)
		rc = mdb_env_info(compaction->env, &info);
	if (rc != 0)
		return database_error(err, rc, "make vault.db.new");
	if (info.me_last_txnid != compaction->last_id)
		return error_set(err, ERR_INTERNAL, "vault.db.new does not begin where vault.db ends");
	return ERR_OK;
}

/* -- copying --------------------------------------------------------------------------------------- */

static enum error_code begin_new_txn(struct compaction *compaction, struct error *err)
{
	int rc = mdb_txn_begin(compaction->env, NULL, 0, &compaction->txn.txn);

	if (rc == 0)
		rc = mdb_dbi_open(compaction->txn.txn, NULL, 0, &compaction->txn.dbi);
	if (rc == 0)
		rc = mdb_cursor_open(compaction->txn.txn, compaction->txn.dbi, &compaction->cursor);
	compaction->bytes = compaction->records = 0;
	return rc == 0 ? ERR_OK : database_error(err, rc, "write vault.db.new");
}

static enum error_code commit_new_txn(struct compaction *compaction, struct error *err)
{
	int rc;

	mdb_cursor_close(compaction->cursor);
	compaction->cursor = NULL;
	rc = mdb_txn_commit(compaction->txn.txn);
	compaction->txn.txn = NULL;
	return rc == 0 ? ERR_OK : database_error(err, rc, "write vault.db.new");
}

static enum error_code may_go_on(struct compaction *compaction, struct error *err)
{
	const struct store_compaction *wanted = compaction->wanted;

	if (store_is_stopping(compaction->store))
		return error_set(err, ERR_SEALED, "the vault was sealed before the compaction was done; nothing was changed");
	if (wanted->progress && !wanted->progress(wanted->arg, compaction->copied, compaction->total))
		return error_set(err, ERR_CONFLICT, "the compaction was ended; nothing was changed");
	return ERR_OK;
}

static bool copy_record(void *arg, struct store_bytes at, struct store_bytes value)
{
	struct compaction *compaction = arg;
	const struct store_compaction *wanted = compaction->wanted;
	MDB_val key = val_of(at.at, at.len), content = val_of(value.at, value.len);
	int rc;

	if (may_go_on(compaction, compaction->err) != ERR_OK ||
	    (wanted->each && wanted->each(wanted->arg, at, value, compaction->err) != ERR_OK))
		return false;
	rc = mdb_cursor_put(compaction->cursor, &key, &content, MDB_APPEND);
	if (rc != 0) {
		(void)database_error(compaction->err, rc, "write vault.db.new");
		return false;
	}
	compaction->copied++;
	compaction->records++;
	compaction->bytes += at.len + value.len;
	if (compaction->bytes < COPY_BYTES && compaction->records < COPY_RECORDS)
		return true;
	return commit_new_txn(compaction, compaction->err) == ERR_OK && begin_new_txn(compaction, compaction->err) == ERR_OK;
}

static enum error_code copy_all(struct compaction *compaction, struct error *err)
{
	const struct store_compaction *wanted = compaction->wanted;

	if (begin_new_txn(compaction, err) != ERR_OK ||
	    store_scan(compaction->snapshot, NULL, 0, true, copy_record, compaction, err) != ERR_OK || err->code != ERR_OK)
		return err->code;
	if (compaction->copied != compaction->total)
		return error_set(err, ERR_STORE_DAMAGED, "vault.db has %llu records and should have %llu; restore a backup",
				 (unsigned long long)compaction->copied, (unsigned long long)compaction->total);
	if (wanted->all && wanted->all(wanted->arg, err) != ERR_OK)
		return err->code;
	return commit_new_txn(compaction, err);
}

/* -- the last transaction ------------------------------------------------------------------------------ */

/* Puts the first record once more. Each transaction after a file's first one must free pages: the walk at the start tells by
 * that whether a state is of the transaction that it names (structure.c). */
static enum error_code touch_first(struct compaction *compaction, struct error *err)
{
	MDB_val key, value;
	int rc = mdb_cursor_get(compaction->cursor, &key, &value, MDB_FIRST);
	uint8_t copy[LIMIT_STORE_KEY];
	struct store_bytes old;

	if (rc != 0 || key.mv_size > sizeof(copy))
		return database_error(err, rc != 0 ? rc : MDB_BAD_VALSIZE, "read vault.db.new");
	memcpy(copy, key.mv_data, key.mv_size);
	key.mv_data = copy;
	if (store_get(compaction->snapshot, copy, key.mv_size, &old) != ERR_OK)
		return error_set(err, ERR_IO, "a record cannot be read from vault.db");
	value = val_of(old.at, old.len);
	rc = mdb_put(compaction->txn.txn, compaction->txn.dbi, &key, &value, 0);
	return rc == 0 ? ERR_OK : database_error(err, rc, "write vault.db.new");
}

static enum error_code ask_hooks(struct compaction *compaction, struct error *err)
{
	const struct store_hooks *hooks = &compaction->store->hooks;
	enum error_code code = ERR_OK;

	compaction->announced = true;
	if (hooks->begin)
		code = hooks->begin(hooks->arg, store_txn_id(&compaction->txn), err);
	if (code == ERR_OK && hooks->before_commit)
		code = hooks->before_commit(hooks->arg, &compaction->txn, err);
	return code == ERR_OK ? ERR_OK : error_set(err, code, "the compaction was refused");
}

static enum error_code conclude_new(struct compaction *compaction, struct error *err)
{
	int rc;

	if (begin_new_txn(compaction, err) != ERR_OK || touch_first(compaction, err) != ERR_OK ||
	    ask_hooks(compaction, err) != ERR_OK || commit_new_txn(compaction, err) != ERR_OK)
		return err->code;
	rc = mdb_env_sync(compaction->env, 1);
	return rc == 0 ? ERR_OK : database_error(err, rc, "sync vault.db.new");
}

/* What the next start would look at, before the old file is given up for it. */
static enum error_code check_new(struct compaction *compaction, struct error *err)
{
	cleanup_(fd_closep) int fd = open(compaction->store->new_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct store_meta meta;
	struct stat info;

	if (fd < 0 || fstat(fd, &info) != 0)
		return error_set_errno(err, ERR_IO, errno, "look at %s", compaction->store->new_path);
	if (meta_check(fd, (uint64_t)info.st_size, &meta, err) != ERR_OK)
		return err->code;
	if (meta.records.entries != compaction->total || meta.txn_id <= compaction->last_id)
		return error_set(err, ERR_INTERNAL, "vault.db.new is not a copy of vault.db");
	return ERR_OK;
}

static enum error_code write_new(struct compaction *compaction, struct error *err)
{
	if (check_space(compaction, err) != ERR_OK || make_new(compaction, err) != ERR_OK || copy_all(compaction, err) != ERR_OK ||
	    conclude_new(compaction, err) != ERR_OK)
		return err->code;
	close_new(compaction);
	return check_new(compaction, err);
}

/* -- taking its place ------------------------------------------------------------------------------------- */

static void let_readers_in(struct store *store)
{
	pthread_mutex_lock(&store->lock);
	store->swapping = false;
	pthread_cond_broadcast(&store->opened);
	pthread_mutex_unlock(&store->lock);
}

/* New snapshots wait; those that are there end. */
static enum error_code keep_readers_out(struct store *store, struct error *err)
{
	struct timespec until;
	bool stopping, empty;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STORE_DRAIN_SECONDS;
	pthread_mutex_lock(&store->lock);
	store->swapping = true;
	while (store->active > 0 && !store->stopping && pthread_cond_timedwait(&store->quiet, &store->lock, &until) != ETIMEDOUT)
		;
	stopping = store->stopping;
	empty = store->active == 0;
	pthread_mutex_unlock(&store->lock);
	if (empty && !stopping)
		return ERR_OK;
	let_readers_in(store);
	if (stopping)
		return error_set(err, ERR_SEALED, "the vault was sealed before the compaction was done; nothing was changed");
	return error_set(err, ERR_BUSY, "somebody was reading for more than %d seconds (a backup?); try the compaction again later",
			 STORE_DRAIN_SECONDS);
}

/* From here on the old environment is closed: what fails leaves the store to be opened again, whichever file is there. */
static enum error_code swap(struct store *store, struct error *err)
{
	database_close(store);
	if (rename(store->new_path, store->path) != 0)
		return error_set_errno(err, ERR_IO, errno, "rename %s", store->new_path);
	store->renaming_unsynced = true;
	if (directory_sync_parent(store->path, err) != ERR_OK)
		return err->code;
	store->renaming_unsynced = false;
	return database_open(store, false, false, err);
}

static void tell_hooks(const struct compaction *compaction, enum error_code outcome)
{
	const struct store_hooks *hooks = &compaction->store->hooks;

	if (compaction->announced && hooks->finished)
		hooks->finished(hooks->arg, outcome, NULL, 0);
}

static enum error_code take_place(struct compaction *compaction, struct error *err)
{
	/* Held open, so that the file system takes back its blocks when nobody waits for that any more. */
	cleanup_(fd_closep) int old_fd = open(compaction->store->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct store *store = compaction->store;
	const int64_t began = now_us();
	enum error_code code;

	if (keep_readers_out(store, err) != ERR_OK)
		return err->code;
	code = swap(store, err);
	if (code == ERR_OK) {
		let_readers_in(store);
		compaction->result.readers_waited_us = now_us() - began;
		tell_hooks(compaction, ERR_OK);
		return ERR_OK;
	}
	error_prefix(err, "nothing is lost, but whether vault.db is the compacted file is not known");
	/* As after a commit whose outcome nobody knows: the hooks look at the file when it is open again. */
	tell_hooks(compaction, ERR_OUTCOME_UNKNOWN);
	compaction->announced = false;
	set_reopening(store);
	let_readers_in(store);
	return code;
}

/* -- from the writer thread and from outside ----------------------------------------------------------------- */

static enum error_code run(struct compaction *compaction, struct error *err)
{
	struct store *store = compaction->store;
	enum error_code code;

	if (writer_snapshot_begin(store, &compaction->snapshot, err) != ERR_OK ||
	    store_entries(compaction->snapshot, &compaction->total, err) != ERR_OK)
		return err->code;
	compaction->last_id = store_snapshot_id(compaction->snapshot);
	if (compaction->total == 0)
		return ERR_OK;	/* a file without a record has nothing to win */
	compaction->result.bytes_before = size_of(store->path);
	code = write_new(compaction, err);
	store_snapshot_end(take_ptr(compaction->snapshot));
	if (code == ERR_OK)
		code = take_place(compaction, err);
	compaction->result.bytes_after = size_of(store->path);
	return code;
}

static void compact(struct store *store, struct compaction_request *request)
{
	struct compaction compaction = { .store = store, .wanted = request->wanted, .err = request->err, .began = now_us() };
	struct error ignored = ERROR_INIT;
	enum error_code code = run(&compaction, request->err);

	if (compaction.snapshot)
		store_snapshot_end(compaction.snapshot);
	close_new(&compaction);
	if (code != ERR_OK) {
		tell_hooks(&compaction, code);
		(void)!database_remove_new(store, &ignored);
	}
	compaction.result.writers_waited_us = now_us() - compaction.began;
	*request->ret = compaction.result;
}

static void answer(struct store *store, struct compaction_request *request)
{
	pthread_mutex_lock(&store->lock);
	store->compaction = NULL;
	request->done = true;
	pthread_cond_signal(&request->changed);
	pthread_mutex_unlock(&store->lock);
}

void compact_when_asked(struct store *store, bool usable)
{
	struct compaction_request *request;

	pthread_mutex_lock(&store->lock);
	request = store->compaction;
	pthread_mutex_unlock(&store->lock);
	if (usable)
		compact(store, request);
	else
		error_set(request->err, ERR_SEALED, "Vault is sealed");
	answer(store, request);
}

enum error_code store_compact(struct store *store, const struct store_compaction *compaction, struct store_compacted *ret,
			      struct error *err)
{
	struct compaction_request request = { .wanted = compaction, .ret = ret, .err = err };
	enum error_code refusal;

	*ret = (struct store_compacted){ 0 };
	pthread_cond_init(&request.changed, NULL);
	pthread_mutex_lock(&store->lock);
	refusal = store->stopping ? ERR_SEALED : store->reopening || store->compaction ? ERR_BUSY : ERR_OK;
	if (refusal == ERR_OK) {
		store->compaction = &request;
		pthread_cond_signal(&store->work);
		while (!request.done)
			pthread_cond_wait(&request.changed, &store->lock);
	}
	pthread_mutex_unlock(&store->lock);
	pthread_cond_destroy(&request.changed);
	if (refusal == ERR_SEALED)
		return error_set(err, refusal, "Vault is sealed");
	if (refusal == ERR_BUSY)
		return error_set(err, refusal, "the store is being compacted or opened again: try again in a moment");
	return err->code;
}
