/*
 * Inside of the store: what its files share. Nothing above store/ includes this.
 *
 * Threads. The mutex `lock` guards what stands under it in struct store; it is held for moments and never across a
 * system call. The environment itself changes only while `reopening` is true and no snapshot is active, on the
 * writer thread; everybody else may use it after having counted himself in `active` (or being the writer).
 */
#pragma once

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "store/integrity.h"
#include "store/store.h"
#include "vault/attributes.h"
#include "vault/limits.h"

#define DATABASE_NAME "vault.db"
#define NEW_NAME "vault.db.new"
#define LOCK_NAME "lock"
#define DEFAULT_MAX_READERS 126

struct store_snapshot {
	struct store *store;
	MDB_txn *txn;			/* reset while in the pool */
	struct store_snapshot *next;	/* in the pool */
};

struct store_txn {
	MDB_txn *txn;
	MDB_dbi dbi;
};

struct store {
	char *directory;
	char *path;			/* of the database */
	char *new_path;			/* of one that is being made: by a creation or a compaction */
	size_t max_size;
	unsigned max_readers;
	int lock_fd;
	MDB_env *env;			/* NULL while a reopening failed */
	MDB_dbi dbi;
	struct store_hooks hooks;
	struct store_snapshot writer_snapshot;	/* a reader slot of the writer thread's own, so that it never lacks one */
	pthread_t thread;
	atomic_uint_fast64_t committing;	/* id of the newest transaction whose commit has begun; see snapshot_is_whole() */

	pthread_mutex_t lock;
	pthread_cond_t work;		/* the queue has something, or stopping */
	pthread_cond_t quiet;		/* the last snapshot ended, or stopping */
	pthread_cond_t opened;		/* swapping has ended */
	struct store_snapshot *pool;
	size_t active;			/* snapshots in use */
	struct store_request *queue_head;
	struct store_request *queue_tail;
	size_t queued;
	size_t queued_bytes;
	bool running;			/* the writer thread exists */
	bool stopping;
	bool reopening;			/* from an unknown outcome until the database is open again */
	bool swapping;			/* another file takes the place of vault.db: new snapshots wait */
	struct compaction_request *compaction;	/* asked for, or under way */
	/* the writer thread's */
	bool renaming_unsynced;		/* the directory may still have the old file */
};

static inline MDB_val val_of(const void *at, size_t len)
{
	MDB_val val = { .mv_size = len };

	memcpy(&val.mv_data, &at, sizeof(at));	/* LMDB does not write through it */
	return val;
}

/* database.c */

/* The code of an LMDB result that is not 0, or of an errno. */
enum error_code database_code(int rc);
/* Sets code and sentence for a result of LMDB or an errno; "what" is what was tried. Returns the code in force. */
enum error_code database_error(struct error *err, int rc, const char *what);
/* Checks the files and opens the environment. For an absent or empty file with create it makes one. */
enum error_code database_open(struct store *store, bool create, bool walk, struct error *err) must_check;
/* Closes the environment and everything that hangs on it. No snapshot may be active. */
void database_close(struct store *store);
/* Pages on the free list as this transaction sees it. */
int database_free_pages(MDB_txn *txn, uint64_t *ret) must_check;

/* Removes what a creation or a compaction that was killed has left at new_path. */
enum error_code database_remove_new(const struct store *store, struct error *err) must_check;
/* What an environment needs before it is opened: the map's size and the number of readers. */
int database_configure(const struct store *store, MDB_env *env) must_check;

/* map_faults.c */

/* Assertions of LMDB in this environment end as map_faults.h says, when that was asked for. */
int map_faults_watch(MDB_env *env) must_check;

/* snapshot.c */

/* For the writer thread: its own snapshot, also while reopening. */
enum error_code writer_snapshot_begin(struct store *store, struct store_snapshot **ret, struct error *err) must_check;
/* Whether no commit can have touched the meta page of the snapshot's transaction so far. */
bool snapshot_is_whole(struct store *store, const struct store_snapshot *snapshot) must_check;
/* Frees the idle transactions; before the environment is closed. */
void snapshots_drop(struct store *store);

/* write.c */

enum write_kind {
	WRITE_GUARD_ABSENT,
	WRITE_GUARD_PIN,
	WRITE_PUT,
	WRITE_DELETE,
};

struct write_item {
	struct write_item *next;
	enum write_kind kind;
	size_t key_len;
	size_t value_len;		/* of the pin or the value */
	uint8_t bytes[];		/* value, then key: the value stays aligned */
};

struct store_write {
	struct write_item *first;
	struct write_item *last;
	size_t bytes;			/* keys and values */
	size_t pages;			/* of the database that it may need, at most */
};

struct store_write *store_write_new(void) must_check;
void store_write_free(struct store_write *write);
DEFINE_CLEANUP(struct store_write *, store_write_free);

static inline struct store_bytes write_item_key(const struct write_item *item)
{
	return (struct store_bytes){ item->bytes + item->value_len, item->key_len };
}

/* commit.c */

/*
 * One transaction with the writes of these requests. ERR_OK: lost[i] says whose guard failed and was left out, the
 * others are durable. ERR_OUTCOME_UNKNOWN: the same, but nobody knows whether; `reopening` is set. Any other code:
 * nothing happened to any of them. Calls all hooks but reopened().
 */
enum error_code commit_requests(struct store *store, struct store_request *const *requests, size_t len, bool *lost,
				struct error *err) must_check;

/* Takes no snapshot and no change until the writer thread has opened the database again. */
void set_reopening(struct store *store);

/* compact.c */

/* On the writer thread: does what a store_compact() waits for. Not usable: the store is being stopped without a database. */
void compact_when_asked(struct store *store, bool usable);

/* reopen.c */

/* On the writer thread: when the database must be reopened, tries until it is open (true) or the store is stopped
 * (false). True at once when nothing is to be done. */
bool reopen_when_needed(struct store *store) must_check;
