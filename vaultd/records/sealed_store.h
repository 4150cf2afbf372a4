/*
 * The inside of struct records, for the files of this folder alone.
 *
 * Locks, in the order in which they may be taken:
 *   rotation  one rotation of keys at a time, and no seal during its steps; unseal and init need it not, nobody else is there
 *   use       read: a view, or a submit on the caller's thread; write: wiping at seal, dropping an old key
 *   keys      the keyring and the base keys; held for the copying of one key
 *   (data_keys and pins have their own, leaves; so has the count of backups)
 *   attempts  the file of failed attempts; a leaf
 *   status    what health shows, the slots as they are shown, and the anchor's state; a leaf
 * The writer thread (prepare again, hooks, done) takes no `use`: records_seal() stops it before it wipes.
 * `state`, `next`, `batch` and `accumulating` belong to the writer thread alone while it runs.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "crypto/arena.h"
#include "records/anchor.h"
#include "records/data_keys.h"
#include "records/header.h"
#include "records/pins.h"
#include "records/records.h"
#include "records/tables.h"
#include "records/value.h"
#include "store/store.h"

struct base_keys {
	struct secret_key *state, *accumulator, *token, *anchor, *batch;	/* in the arena */
	uint32_t epoch;
};

struct records {
	char *directory;
	size_t max_size;
	bool skip_walk;
	char *anchor_path;
	enum anchor_mode anchor_mode;
	struct clock_source clock;

	struct store *store;
	/* NULL: not initialised. Its bytes change when keys or slots do, so readers use store_id and header_shown(). */
	struct header *header;
	struct header *shown_header;	/* its slots, for everybody; status */
	pthread_mutex_t attempts;
	uint8_t store_id[ID_LEN];
	bool header_uncertain;		/* writing it failed half-way: only reading it again tells what it holds; rotation */
	bool header_ahead;		/* by one sequence, of which the committed state does not know yet; rotation */
	struct anchor *anchor;

	pthread_mutex_t backups_lock;	/* a leaf */
	pthread_cond_t backups_over;
	unsigned backups;		/* under way: they have copies of keys, and a snapshot that no compaction may wait for */
	bool compacting;		/* no backup begins */

	pthread_mutex_t rotation;
	pthread_rwlock_t use;
	atomic_bool sealed;
	atomic_uint_fast64_t seals;	/* that were begun; whoever works long ends when another begins */
	atomic_bool broken;		/* something was changed behind our back: nothing is answered until the next unseal */
	pthread_rwlock_t keys;
	struct keyring keyring;
	struct header_keys header_keys;
	struct base_keys base;
	struct data_keys *data_keys;
	struct pins *pins;

	struct state_record state;	/* committed */
	uint8_t state_commit[32];	/* of its record */
	struct state_record next;	/* of the transaction in hand */
	uint8_t next_commit[32];
	struct pin_batch *batch;	/* of the transaction in hand */
	bool published;
	_Atomic int64_t time_floor;	/* of records_raise_time() */
	atomic_uint_fast64_t destroys;	/* data keys deleted since the start; counted by the writer thread */

	enum error_code (*changed)(void *arg, const struct records_change *change, struct error *err);
	void *changed_arg;
	enum error_code (*load)(void *arg, const struct records_change *record, struct error *err);
	void *load_arg;

	pthread_mutex_t status;
	uint64_t shown_counter, shown_live, shown_revisions, anchored_counter;
	uint8_t shown_fork[ID_LEN];
	int64_t shown_high_water, shown_not_before;
	struct anchor_point shown_point;	/* what the anchor should say */
	bool shred_pending;
	int64_t shred_due;		/* monotonic µs */
	char last_error[ERROR_TEXT_MAX];
};

struct records_view {
	struct records *records;
	const struct store_snapshot *snapshot;
	struct store_snapshot *owned;	/* NULL: the store's own */
	struct pin_batch *entered;
};

struct records_write {
	struct records *records;
	struct records_view *view;
	struct store_write *store_write;
	bool has_new_key;		/* an environment made by this write: its key is in no snapshot yet */
	uint8_t new_eid[ID_LEN];
	struct secret_key new_key;
};

/* A change of the state head alone: carried by a put of the state's key, applied by the hooks. */
struct state_patch {
	uint8_t padding[80];		/* a value has a pin */
	bool set_header_seq, set_job, set_kek_epoch, set_anchored, set_shred, clear_shred;
	uint64_t header_seq;
	uint64_t destroys;		/* clear_shred only when there was none since this count */
	uint8_t job;
	uint32_t kek_epoch;
	/* of an accept: another history begins, behind all that anybody has seen of this one */
	bool set_fork, anchored;
	uint8_t fork_id[ID_LEN];
	uint64_t fork_counter;
	int64_t tokens_not_before;	/* 0: as it is */
};

extern const uint8_t system_kid[ID_LEN];
#define DATA_KEY_FIRST 1	/* an environment's records all have one version of its data key */

int64_t records_now(const struct records *records);
void note_error(struct records *records, const struct error *err);
/* The anchor follows the committed state, unless the store is sealed; a failure is noted. */
enum error_code anchor_tick(struct records *records, struct error *err) must_check;

/* keys.c: copies of keys, for the length of a scope. */
enum error_code key_for_value(struct records_view *view, const struct record_key *key, const struct value_header *header,
			      struct secret_key *ret, struct error *err) must_check;
enum error_code key_for_put(struct records_write *write, const struct record_key *key, const uint8_t *kid,
			    uint32_t *ret_version, struct secret_key *ret, struct error *err) must_check;
enum error_code keyring_copy(struct records *records, enum key_kind kind, uint32_t epoch, struct secret_key *ret,
			     uint32_t *ret_epoch, struct error *err) must_check;
/* Takes the keyring over and derives what the vault needs while it is unsealed. */
enum error_code keys_install(struct records *records, struct keyring *keyring, const struct secret_key *root_key,
			     struct error *err) must_check;
void keys_drop(struct records *records);

/* views.c */
struct records_view view_on(struct records *records, const struct store_snapshot *snapshot);
/* As records_view_begin(), also of a store that is broken: to find out how much of it is. */
enum error_code view_begin_of_broken(struct records *records, struct records_view **ret, struct error *err) must_check;
/* Whether these bytes are what the record must be by the pins of the view's snapshot. Sets nothing. */
bool view_pin_is_right(struct records_view *view, const struct record_key *key, struct store_bytes value);
/* The bytes of a record, their pin compared. ERR_NOT_FOUND without a sentence. */
enum error_code view_value(struct records_view *view, const struct record_key *key, struct store_bytes *ret,
			   struct error *err) must_check;
/* Opens bytes whose pin is right. */
enum error_code view_open(struct records_view *view, const struct record_key *key, struct store_bytes value,
			  struct secret_buf *out, struct error *err) must_check;
/* Opens and decodes the revision under an R key: ERR_RECORD also when it is not the one with this pin, or says that it is
 * another one. plain is what is needed for it meanwhile. */
enum error_code view_check_revision(struct records_view *view, const struct record_key *key, const uint8_t *pin,
				    struct store_bytes value, struct secret_buf *plain, struct error *err) must_check;
bool record_key_from(struct store_bytes bytes, struct record_key *ret);

/* commit_hooks.c */
struct store_hooks commit_hooks(struct records *records);
/* Commits a change of the state head and waits. */
enum error_code state_commit_patch(struct records *records, const struct state_patch *patch, struct error *err) must_check;
/* Shows the committed state to health and to the anchor. */
void state_show(struct records *records);
enum error_code anchor_catch_up(struct records *records, struct error *err) must_check;

/* writes.c: submits and waits. */
enum error_code records_submit_wait(struct records *records, struct records_request *request, struct error *err) must_check;

/* start_checks.c: from the state record to the last revision; fills pins. */
enum error_code start_checks(struct records *records, struct error *err) must_check;
/* The state record of a snapshot and the commitment of its value. */
enum error_code state_read(struct records *records, const struct store_snapshot *snapshot, struct state_record *ret,
			   uint8_t ret_commit[static 32], struct error *err) must_check;

/* header_commit.c. `rotation` is held, or nobody else is there. */
/*
 * The next sequence of the header, with this keyring, and with the slots of another one (NULL: its own) under other keys (NULL:
 * its own). It is written before memory changes: a key that the header may not have must seal nothing. When writing fails, only
 * reading the file again can tell which of its sequences is there, and a second attempt could be two ahead of the state.
 */
enum error_code header_advance(struct records *records, const struct header *slots, const struct header_keys *keys,
			       struct keyring *keyring, struct error *err) must_check;
/* Commits a patch that names the header's sequence: the state is no longer behind. */
enum error_code header_commit_patch(struct records *records, const struct state_patch *patch, struct error *err) must_check;
/* When the last such commit failed: with one more header the state would be two behind, which a start takes for a rollback. */
enum error_code header_catch_up(struct records *records, struct error *err) must_check;
/* Shows the header's slots as they are now. Fails only when there is a header and none was shown before. */
enum error_code header_show(struct records *records, struct error *err) must_check;
/* A copy of what is shown, for the caller to free. ERR_NOT_INITIALIZED. */
enum error_code header_shown(struct records *records, struct header **ret, struct error *err) must_check;
/* Opens the root key with a slot of a header, the attempt counted before it is evaluated. Shares that do not belong to the
 * vault are no attempt. */
enum error_code slot_try(struct records *records, const struct header *header, const struct slot_secret *secret, int slot_id,
			 struct secret_key *ret_root_key, struct error *err) must_check;

/* backup.c: until no backup is under way. They end by themselves once the store is stopped. */
void backups_wait(struct records *records);
/* False: there is one, or a compaction. Otherwise none begins until backups_let_in(). */
bool backups_keep_out(struct records *records);
void backups_let_in(struct records *records);

/* rotate_kek.c */
/* As records_rotate_kek(), with `rotation` held. */
enum error_code kek_rotate(struct records *records, struct error *err) must_check;
enum error_code kek_rotation_resume(struct records *records, struct error *err) must_check;
