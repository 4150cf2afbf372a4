/*
 * The store seam: consistent snapshots, transactions of plain bytes, group
 * commit, and a feed of what was committed. The only folder that knows LMDB.
 *
 * Keys are 1 to 511 bytes, values any bytes; the store does not know what they
 * mean, except that the 16 bytes at VALUE_PIN_OFFSET of a value identify its
 * content (the pin), so that a guard can say "still the value that I read".
 *
 * Reading. A snapshot is one consistent state. Pointers into it are valid until
 * it ends; it must end before the request does, and no thread may wait for
 * anything while it holds one. Any thread may take snapshots. Only a backup keeps one
 * for longer, and asks store_recalls() again and again meanwhile.
 *
 * Writing. A request embeds struct store_request. store_submit() runs its
 * prepare() at once on the calling thread with a fresh snapshot: it reads,
 * encrypts, and fills a store_write with guards (what it read) and changes.
 * If prepare() fails, store_submit() returns that error and nothing else
 * happens. Otherwise the request is queued and done() is called later, exactly
 * once, on the writer thread, with the durable outcome:
 *   ERR_OK               durable
 *   ERR_STORAGE_FULL     nothing of it happened (disk or map full)
 *   ERR_OUTCOME_UNKNOWN  the commit failed; it may or may not be there
 *   ERR_SEALED           the store was stopped first; nothing of it happened
 *   any error of prepare() when it was run again after a lost race
 * The writer takes everything that is queued (at most LIMIT_BATCH_REQUESTS and
 * LIMIT_BATCH_BYTES), checks the guards and applies the changes in one LMDB
 * transaction, syncs once, answers all. A request whose guard fails is run
 * again, alone: prepare() is called on the writer thread with a newer
 * snapshot and an empty write. A store error aborts the batch, which is then
 * replayed one request at a time, so that only the culprit fails.
 * done() must be quick and must not call store_submit() on the same thread.
 *
 * After an unknown outcome the writer stops, waits for the snapshots to end,
 * closes and reopens the database, and asks hooks.reopened() whether the batch
 * happened. Meanwhile store_submit() answers ERR_BUSY.
 *
 * Start. store_open() locks "lock" in the directory (ERR_STORE_LOCKED), compares the
 * file's size and both meta pages before LMDB maps it, and walks the
 * structure in a forked child (ERR_STORE_DAMAGED) unless told not to. Files are 0600.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/attributes.h"
#include "vault/error.h"

#define VALUE_PIN_OFFSET 64
#define VALUE_PIN_LEN 16

struct store;
struct store_snapshot;
struct store_write;
struct store_txn;

struct store_bytes {
	const uint8_t *at;
	size_t len;
};

struct store_change {
	struct store_bytes key;
	struct store_bytes old_value;	/* .at NULL: was absent. Valid during the hook only */
	struct store_bytes new_value;	/* .at NULL: delete */
};

/*
 * Called on the writer thread. begin() opens a batch, change() sees every change
 * before it is applied and may refuse it (the batch is aborted; ERR_RECORD there
 * means tampering: the request fails with it), before_commit() may put further
 * records with store_txn_put(). finished() says how the batch ended (ERR_OK,
 * ERR_OUTCOME_UNKNOWN, or another code: aborted, nothing happened); changes are all
 * that was committed (ERR_OK with none: there was nothing to commit, because all lost or wanted nothing). Any hook may be NULL.
 */
struct store_hooks {
	void *arg;
	enum error_code (*begin)(void *arg, uint64_t txn_id, struct error *err);
	enum error_code (*change)(void *arg, const struct store_change *change, struct error *err);
	enum error_code (*before_commit)(void *arg, struct store_txn *txn, struct error *err);
	void (*finished)(void *arg, enum error_code outcome, const struct store_change *changes, size_t len);
	/* After a reopening: did the batch with the unknown outcome happen? Looks at the snapshot and puts its own
	 * memory in order. An error keeps the store stopped. */
	enum error_code (*reopened)(void *arg, const struct store_snapshot *snapshot, struct error *err);
};

struct store_options {
	const char *directory;		/* holds vault.db, lock; exists, 0700 */
	size_t max_size;		/* of the map */
	bool create;			/* make an empty database when there is none */
	bool skip_walk;			/* no forked structure walk (tests, reopening) */
	unsigned max_readers;		/* 0: 126 */
};

enum error_code store_open(const struct store_options *options, struct store **ret, struct error *err) must_check;
/* Before the first submit. Copied. */
void store_set_hooks(struct store *store, const struct store_hooks *hooks);
/* Starts the writer thread. */
enum error_code store_start(struct store *store, struct error *err) must_check;
/* Refuses new requests (ERR_SEALED), finishes what is queued, stops the writer thread. */
void store_stop(struct store *store);
/* For a store that was stopped while its database could not be opened again: opens it. Does nothing in all other cases.
 * hooks.reopened() is not asked: the caller looks at what is there as after store_open(). */
enum error_code store_reopen_stopped(struct store *store, struct error *err) must_check;
/* store_stop() and close. NULL is allowed. */
void store_close(struct store *store);

struct store_counts {
	uint64_t entries;	/* records in the database of the newest state */
	uint64_t last_txn_id;
	uint64_t file_bytes;
	uint64_t free_pages;
	bool writable;		/* false after an unknown outcome until reopened, and when stopped */
};
enum error_code store_counts(struct store *store, struct store_counts *ret, struct error *err) must_check;
/* The database's descriptors are close-on-exec; this is for the sandbox's report. */
bool store_exists(const char *directory);

/* Reading. */
enum error_code store_snapshot_begin(struct store *store, struct store_snapshot **ret, struct error *err) must_check;
void store_snapshot_end(struct store_snapshot *snapshot);	/* NULL is allowed */
/* Whether all snapshots should end now: the store is being stopped, or waits for its readers to be opened again. */
bool store_recalls(struct store *store);
uint64_t store_snapshot_id(const struct store_snapshot *snapshot);	/* id of the newest transaction it sees */
/* ERR_NOT_FOUND; ERR_STORE_DAMAGED when the file was damaged while it was open, as far as LMDB notices; ERR_IO. */
enum error_code store_get(const struct store_snapshot *snapshot, const void *key, size_t key_len,
			  struct store_bytes *ret) must_check;
/* Calls each() in key order for keys that begin with the prefix, until it returns false. with_values false does not
 * touch the pages of large values. */
enum error_code store_scan(const struct store_snapshot *snapshot, const void *prefix, size_t prefix_len,
			   bool with_values,
			   bool (*each)(void *arg, struct store_bytes key, struct store_bytes value), void *arg,
			   struct error *err) must_check;
/* The same, beginning with the first key that is not below `from` (which need not exist, and begins with the prefix). */
enum error_code store_scan_from(const struct store_snapshot *snapshot, struct store_bytes from, size_t prefix_len,
				bool with_values,
				bool (*each)(void *arg, struct store_bytes key, struct store_bytes value), void *arg,
				struct error *err) must_check;
/* How many records the snapshot has, as LMDB counts them. */
enum error_code store_entries(const struct store_snapshot *snapshot, uint64_t *ret, struct error *err) must_check;
/*
 * Walks all pages of the newest state, as a start does before the file is mapped (integrity.h): on a snapshot of its own, whose pages
 * no commit takes, and with pread(), so that damage is a finding and no signal. go_on() (may be NULL) is called for each page, and must
 * be quick. ERR_STORE_DAMAGED: the finding; ERR_CONFLICT: go_on() was false; ERR_BUSY: no reader is free, or all are recalled; ERR_IO,
 * ERR_NO_MEMORY. The file grows by what is written meanwhile. Not while holding a snapshot.
 */
enum error_code store_check_structure(struct store *store, bool (*go_on)(void *arg), void *arg, struct error *err) must_check;

/* Filling a write. Keys are copied. */
enum error_code store_write_guard(struct store_write *write, const void *key, size_t key_len,
				  const uint8_t *pin /* VALUE_PIN_LEN bytes, NULL: must be absent */,
				  struct error *err) must_check;
/* *ret_space: len bytes for the value, to be filled before prepare() returns; belongs to the write. */
enum error_code store_write_put(struct store_write *write, const void *key, size_t key_len, size_t len,
				uint8_t **ret_space, struct error *err) must_check;
enum error_code store_write_delete(struct store_write *write, const void *key, size_t key_len,
				   struct error *err) must_check;

struct store_request {
	enum error_code (*prepare)(struct store_request *request, const struct store_snapshot *snapshot,
				   struct store_write *write, struct error *err);
	void (*done)(struct store_request *request, enum error_code outcome, const struct error *err);
	struct store_write *write_;		/* the store's own */
	struct store_request *next_;
};
/* ERR_OK: queued, done() will be called. Otherwise done() will not be called; ERR_BUSY, ERR_SEALED, or prepare()'s. */
enum error_code store_submit(struct store *store, struct store_request *request, struct error *err) must_check;

/*
 * Compaction: all records are copied into vault.db.new, which then takes the place of vault.db. What was deleted is in free
 * pages of the old file and not in the new one, which has no more pages than it needs.
 *
 * The writer thread does it, between two batches: changes that come meanwhile wait in the queue (as many as it holds, then
 * ERR_BUSY), for some seconds a GiB of records (measured: 3 on two busy cores). Readers go on with the old file; when the new one
 * is complete and synced, new snapshots wait (they do not fail) until those that are there have ended, for STORE_DRAIN_SECONDS
 * at most, and for the renaming. The newest transaction of the new file has a higher number than that of the old one, so
 * snapshot ids go on ascending. It is closed by hooks.begin(), before_commit() and finished(), without a change.
 *
 * Wherever this fails or is killed, vault.db is the old or the new file, whole; a left vault.db.new is removed at the next
 * store_open(). What fails between the closing of the old file and the opening of the new one (ERR_IO here) is mended as an unknown
 * outcome is: the store takes no changes and no readers until the directory is synced and one of the files is open, and
 * hooks.reopened() looks which. So nothing that is acknowledged later can be lost by a renaming that was not durable.
 */
struct store_compaction {
	/* On the writer thread; an error ends the compaction with it and the old file stays. Any may be NULL. */
	enum error_code (*each)(void *arg, struct store_bytes key, struct store_bytes value, struct error *err);
	enum error_code (*all)(void *arg, struct error *err);	/* after the last record */
	bool (*progress)(void *arg, uint64_t done, uint64_t total);	/* records; false ends it with ERR_CONFLICT */
	void *arg;
};
struct store_compacted {
	uint64_t bytes_before, bytes_after;	/* of the file */
	int64_t writers_waited_us;		/* from the last batch until the new file was open */
	int64_t readers_waited_us;		/* new snapshots, at most */
};
#define STORE_DRAIN_SECONDS 5

/* Waits for it. Not from a hook, and not while holding a snapshot. ERR_OK, ERR_BUSY (one is under way; readers did not end),
 * ERR_SEALED (the store was stopped), ERR_STORAGE_FULL, ERR_IO, ERR_STORE_DAMAGED, or what a callback or a hook said. */
enum error_code store_compact(struct store *store, const struct store_compaction *compaction, struct store_compacted *ret,
			      struct error *err) must_check;

/* For hooks only. */
bool store_is_stopping(struct store *store);	/* store_stop() was called: whoever waits gives up */
uint64_t store_txn_id(const struct store_txn *txn);
enum error_code store_txn_get(struct store_txn *txn, const void *key, size_t key_len, struct store_bytes *ret) must_check;
enum error_code store_txn_put(struct store_txn *txn, const void *key, size_t key_len, const void *value, size_t len,
			      struct error *err) must_check;

static inline void store_snapshot_endp(struct store_snapshot **snapshot)
{
	store_snapshot_end(*snapshot);
}
