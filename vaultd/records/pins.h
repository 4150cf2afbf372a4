/*
 * What every record must look like, kept in memory: its key and the first 16
 * bytes of its commitment, for all records but revisions (their head has
 * theirs). A value that was replaced, put back or removed behind our back does
 * not match its pin and is never used.
 *
 * Readers race the writer. A snapshot may be older than the newest commit, and
 * a commit becomes visible to new snapshots before the writer hears that it is
 * done. So a pin is asked for together with the id of the snapshot: each batch
 * of changes keeps what the pins were before it ("undo"), and a snapshot that
 * does not see the batch gets that. The answer is exact for every snapshot, so a
 * difference is always tampering and never a race; nothing has to be read twice.
 *
 * Undo is kept as long as somebody may need it. Whoever wants to read enters
 * BEFORE taking the snapshot and leaves after ending it; batches older than the
 * oldest such reader are dropped by the writer.
 *
 * Threads: any thread may enter, look up and leave. Batches are the writer
 * thread's alone: begin, set..., publish before the commit, then settle or
 * revert.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records/pin_table.h"
#include "records/tables.h"
#include "vault/attributes.h"
#include "vault/error.h"

struct pins;
struct pin_batch;

void pins_free(struct pins *pins);	/* wipes; NULL is allowed. Nobody has entered */
struct pins *pins_new(void) owned_by(pins_free);

/* For the start, before there are readers. ERR_NO_MEMORY; a key that is there already is ERR_RECORD. */
enum error_code pins_load(struct pins *pins, const void *key, size_t len, const uint8_t pin[static PIN_LEN],
			  struct error *err) must_check;

/* Never NULL. The result is for pins_leave() and tells the pins which batches are still needed. */
struct pin_batch *pins_enter(struct pins *pins);
void pins_leave(struct pin_batch *entered);

/* True and the pin when the record exists in the state with this id. */
bool pins_find(struct pins *pins, uint64_t snapshot_id, const void *key, size_t len, uint8_t ret_pin[static PIN_LEN]);
/* True when this is the pin of the newest published state, whatever a snapshot shows. */
bool pins_is_newest(struct pins *pins, const void *key, size_t len, const uint8_t pin[static PIN_LEN]);
/* How many records of a table the state with this id has. */
size_t pins_count(struct pins *pins, uint64_t snapshot_id, uint8_t table);

/* Writing. A batch that was not published is dropped with pins_batch_drop(). */
struct pin_batch *pins_batch_new(uint64_t txn_id) must_check;	/* NULL: no memory */
void pins_batch_drop(struct pin_batch *batch);			/* NULL is allowed */
/* As the batch sees it: its own changes before the published ones. */
bool pins_batch_find(struct pins *pins, const struct pin_batch *batch, const void *key, size_t len,
		     uint8_t ret_pin[static PIN_LEN]);
/* pin NULL: deleted. */
enum error_code pins_batch_set(struct pin_batch *batch, const void *key, size_t len, const uint8_t *pin,
			       struct error *err) must_check;
/* What the batch changes: each key once, with its last pin or "absent". */
const struct pin_table *pins_batch_changes(const struct pin_batch *batch);
/* Snapshots with an id of at least the batch's now get its pins. The pins own the batch from here on, until it is
 * settled (changes are then gone) or reverted (all as before; the id may come again). */
enum error_code pins_publish(struct pins *pins, struct pin_batch *batch, struct error *err) must_check;
void pins_settle(struct pins *pins, struct pin_batch *batch);
void pins_revert(struct pins *pins, struct pin_batch *batch);

/* Batches that are kept for readers; for tests. */
size_t pins_batches(struct pins *pins);
