/*
 * The sealed store: joins the plain store with the keys.
 *
 * It owns the LMDB store, the header, the keyring, the cache of data keys, the
 * pins of all records, the accumulator and the anchor; core/ reads and writes
 * plaintext encodings through it and never sees a key.
 *
 * States: not initialised, sealed, unsealed. records_unseal() runs the checks of
 * docs/storage-format.md section 5 in order and leaves the store sealed on any
 * failure. records_seal() finishes queued writes, then wipes every key.
 *
 * Reading: take a view (one consistent snapshot), read, end it. Every value is
 * opened, its pin compared, its header checked; a value that was replaced behind
 * our back is ERR_RECORD, never a wrong answer.
 *
 * Writing: like the store's requests. prepare() gets a view and a records_write;
 * records_put() seals, counts the record's version up and guards the old value
 * by itself. done() comes from the writer thread after the commit is durable
 * and the feed was called.
 *
 * Threads: any thread may read and submit. open, init, unseal, seal and close are
 * called by one thread at a time (core/ holds its lock).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records/header.h"
#include "records/tables.h"
#include "store/store.h"
#include "vault/clock.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

struct records;

enum anchor_mode { ANCHOR_NONE, ANCHOR_RELAXED, ANCHOR_STRICT };

struct records_options {
	const char *directory;
	size_t max_size;
	bool skip_walk;			/* neither a start nor records_verify() walks the tree of pages (tests) */
	const char *anchor_path;	/* NULL: none */
	enum anchor_mode anchor_mode;
	struct clock_source clock;
};

/* Locks the directory and checks the files; the result is sealed (or not initialised). */
enum error_code records_open(const struct records_options *options, struct records **ret, struct error *err) must_check;
void records_close(struct records *records);	/* seals; NULL is allowed */

bool records_initialized(const struct records *records);
bool records_sealed(const struct records *records);
const uint8_t *records_store_id(const struct records *records);	/* 16 bytes; zeros before init */
size_t records_slots(struct records *records, struct slot_info ret[static SLOTS_MAX]);

/* A record that init writes beside the system's own. */
struct records_initial {
	struct record_key key;
	const uint8_t *encoding;
	size_t encoding_len;
};
/*
 * Makes keys, database and header (last), with one slot; the result is unsealed. make_initial() is called when the keys exist
 * (for the token's hash) and adds records with records_put() to the write.
 */
struct records_write;
struct records_view;
enum error_code records_init(struct records *records, const struct slot_secret *slot,
			     enum error_code (*make_initial)(void *arg, struct records_view *view,
							     struct records_write *write, struct error *err),
			     void *arg, struct error *err) must_check;
/* Attempt counting, slot, header, all checks, then ready. slot_id -1: any slot of the type. */
enum error_code records_unseal(struct records *records, const struct slot_secret *slot, int slot_id,
			       struct error *err) must_check;
void records_seal(struct records *records);

/*
 * Called on the writer thread after a commit is durable (also that of records_init()). plain is the new encoding, NULL
 * when the record was deleted and for tables that core does not cache (H, T, M, C, U, W, X and Q are given).
 *
 * A commit that is durable cannot be taken back when memory is missing to follow it. With ERR_NO_MEMORY changed() is called
 * again with the same change until it has the memory or the vault is sealed; nothing else is committed and the change is not
 * answered meanwhile. Other errors are changed()'s own affair.
 */
struct records_change {
	struct record_key key;
	bool deleted;
	const uint8_t *plain;
	size_t plain_len;
	uint8_t pin[PIN_LEN];
};
void records_set_feed(struct records *records,
		      enum error_code (*changed)(void *arg, const struct records_change *change, struct error *err), void *arg);

/* Called by records_unseal() for every H, T, M, C, U and W record, as its checks come by it, in the order of tables H, then by
 * letter; an error of load() ends the unseal with it. When records_unseal() fails, what was loaded counts for nothing. */
void records_set_loader(struct records *records,
			enum error_code (*load)(void *arg, const struct records_change *record, struct error *err), void *arg);

/* Reading. */
enum error_code records_view_begin(struct records *records, struct records_view **ret, struct error *err) must_check;
void records_view_end(struct records_view *view);	/* NULL is allowed */
/* Appends the encoding to out. ERR_NOT_FOUND without a sentence. *ret_pin (may be NULL) is the value's pin, *ret_kid
 * (may be NULL) the id of the data key: for H, S, P, O, Q the environment's eid. */
enum error_code records_read(struct records_view *view, const struct record_key *key, struct secret_buf *out,
			     uint8_t *ret_pin, uint8_t *ret_kid, struct error *err) must_check;
/* The pin of a record without opening it, checked against memory: for caches. ERR_NOT_FOUND. */
enum error_code records_peek(struct records_view *view, const struct record_key *key, uint8_t ret_pin[static PIN_LEN],
			     struct error *err) must_check;
/* One revision; its pin must be that of the head. ERR_REVISION_MISSING, ERR_RECORD. */
enum error_code records_read_revision(struct records_view *view, const uint8_t eid[static ID_LEN], uint64_t revision,
				      const uint8_t pin[static PIN_LEN], struct secret_buf *out,
				      struct error *err) must_check;
/* All records of a table in key order, opened one by one; each() returns false to stop. */
enum error_code records_scan(struct records_view *view, enum table table,
			     bool (*each)(void *arg, const struct record_key *key, const uint8_t *kid, const uint8_t *plain,
					  size_t plain_len, const uint8_t *pin),
			     void *arg, struct error *err) must_check;

/* Keys that core needs, for use during one call. */
struct record_key records_head_key(struct records_view *view, const uint8_t mount[static ID_LEN], const char *path,
				   size_t path_len);
struct record_key records_blind_key(struct records_view *view, enum table table, char type, const uint8_t *scope,
				    const void *name, size_t name_len);
/* Hash of a token's text under the token key; false for texts that cannot be tokens. */
struct token_hash;
bool records_token_hash(struct records_view *view, const char *text, size_t len, struct token_hash *ret);

/* Writing, inside prepare(). eid says which data key: NULL is the system's. */
/* Reads within a prepare: use records_read() on the view, and guard what the result depends on: */
enum error_code records_guard(struct records_write *write, const struct record_key *key,
			      const uint8_t *pin /* NULL: absent */, struct error *err) must_check;
/* Guards the old value of the key (R: absence) by itself. *ret_pin (may be NULL): the new value's pin, for the head.
 * Whoever puts a record of an environment puts or guards its head in the same write, or a destroy could leave it behind. */
enum error_code records_put(struct records_write *write, const struct record_key *key, const uint8_t *eid,
			    const void *encoding, size_t len, uint8_t *ret_pin, struct error *err) must_check;
enum error_code records_delete(struct records_write *write, const struct record_key *key, struct error *err) must_check;
/* A new environment: random eid and its first data key (K record, version 1). */
enum error_code records_new_eid(struct records_write *write, uint8_t ret_eid[static ID_LEN], struct error *err) must_check;
/* Deletes all K, R, S, P, O, Q of the eid and its head, and marks "shred pending": the KEK is rotated by records_tick()
 * within 24 hours. oldest..current: the revisions that may exist. */
enum error_code records_destroy_eid(struct records_write *write, const struct record_key *head_key,
				    const uint8_t eid[static ID_LEN], uint64_t oldest, uint64_t current,
				    struct error *err) must_check;

struct records_request {
	enum error_code (*prepare)(struct records_request *request, struct records_view *view, struct records_write *write,
				   struct error *err);
	void (*done)(struct records_request *request, enum error_code outcome, const struct error *err);
	/* set for changes that the anchor must know before the answer (revocation, destroy, slots, keys) */
	bool anchor_now;
	struct store_request store_;	/* records' own, as is what follows */
	struct records *records_;
};
enum error_code records_submit(struct records *records, struct records_request *request, struct error *err) must_check;

/* Once a second or so, from the housekeeping thread: the relaxed anchor, a due KEK rotation (in this call). A seal that comes
 * meanwhile ends the rotation. */
void records_tick(struct records *records);
/* New KEK epoch now, all data keys re-sealed, the old epoch dropped. Killed anywhere, the next unseal goes on with it. After
 * ERR_IO while the header was written, no further rotation until the store was sealed and unsealed. */
enum error_code records_rotate_kek(struct records *records, struct error *err) must_check;

/* A record or the state was changed by something else while it ran: nothing is answered, and core should seal. */
bool records_tampered(const struct records *records);

struct records_health {
	bool initialized, sealed, writable, anchor_configured, anchor_ok;
	uint64_t counter, n_live, n_revisions, anchor_counter;
	uint8_t fork_id[ID_LEN];
	uint64_t file_bytes, free_pages;
	char last_error[ERROR_TEXT_MAX];	/* of the anchor or a reopening, "" if none */
};
void records_health(struct records *records, struct records_health *ret);

/* What of the state tokens are judged by. */
struct records_token_state {
	int64_t time_high_water;	/* the latest time that a commit has seen */
	int64_t tokens_not_before;	/* tokens made before count no more; 0: all count */
	uint8_t fork_id[ID_LEN];
};
void records_token_state(struct records *records, struct records_token_state *ret);
/* The high water of the next commit is at least this: core's time never goes back, the machine's may. */
void records_raise_time(struct records *records, int64_t at_least);
/* Commits it, when the committed high water is more than slack µs behind. Waits. */
enum error_code records_keep_time(struct records *records, int64_t slack, struct error *err) must_check;

static inline void records_view_endp(struct records_view **view)
{
	records_view_end(*view);
}
