#include "records/pins.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

/* A table is known by a letter; five bits of it tell all of them apart. */
#define TABLES 32
#define TABLE_SLOT(first_byte) ((first_byte) & (TABLES - 1))

struct pin_batch {
	struct pin_batch *older, *newer;
	uint64_t txn_id;
	atomic_size_t readers;		/* who entered while this was the newest batch */
	struct pin_table changes;	/* what it makes of the keys; gone once settled */
	struct pin_table undo;		/* what they were before */
	int32_t added[TABLES];		/* records it adds to each table, less those it removes */
};

/* The lock covers the list and the tables. Readers only count themselves in and out of a batch, which is atomic, so that
 * leaving takes no lock. */
struct pins {
	pthread_rwlock_t lock;
	struct pin_table current;
	size_t counts[TABLES];
	struct pin_batch *oldest, *newest;
};

static void batch_free(struct pin_batch *batch)
{
	pin_table_clear(&batch->changes);
	pin_table_clear(&batch->undo);
	free(batch);
}

void pins_free(struct pins *pins)
{
	if (!pins)
		return;
	for (struct pin_batch *batch = pins->oldest, *newer; batch; batch = newer) {
		newer = batch->newer;
		assert(atomic_load(&batch->readers) == 0);
		batch_free(batch);
	}
	pin_table_clear(&pins->current);
	pthread_rwlock_destroy(&pins->lock);
	sodium_memzero(pins, sizeof(*pins));
	free(pins);
}

struct pins *pins_new(void)
{
	struct pins *pins = calloc(1, sizeof(*pins));

	if (!pins)
		return NULL;
	pins->oldest = pins->newest = pins_batch_new(0);
	if (!pins->newest || pthread_rwlock_init(&pins->lock, NULL) != 0) {
		pins_batch_drop(pins->newest);
		free(pins);
		return NULL;
	}
	pin_table_init(&pins->current);
	return pins;
}

enum error_code pins_load(struct pins *pins, const void *key, size_t len, const uint8_t pin[static PIN_LEN],
			  struct error *err)
{
	uint8_t present[PIN_LEN];

	if (len == 0 || len > PIN_KEY_MAX)
		return error_set(err, ERR_RECORD, "a record has a key of %zu bytes, which no table has", len);
	if (pin_table_find(&pins->current, key, len, present) != PIN_NOT_FOUND)
		return error_set(err, ERR_RECORD, "a record's key came twice");
	if (pin_table_reserve(&pins->current, 1, err) != ERR_OK)
		return err->code;
	pin_table_set(&pins->current, key, len, pin);
	pins->counts[TABLE_SLOT(*(const uint8_t *)key)]++;
	return ERR_OK;
}

struct pin_batch *pins_enter(struct pins *pins)
{
	struct pin_batch *batch;

	/* The count goes up under the lock, so that the writer, who drops batches under the write lock, sees it. */
	pthread_rwlock_rdlock(&pins->lock);
	batch = pins->newest;
	atomic_fetch_add_explicit(&batch->readers, 1, memory_order_relaxed);
	pthread_rwlock_unlock(&pins->lock);
	return batch;
}

void pins_leave(struct pin_batch *entered)
{
	size_t before = atomic_fetch_sub_explicit(&entered->readers, 1, memory_order_release);

	assert(before > 0);
}

/* Going back from the newest batch, the last one that the snapshot does not see and that changed the key knows what the
 * key was for the snapshot. Mostly the snapshot sees the newest batch, and there is nothing to walk. */
static bool find_locked(const struct pins *pins, uint64_t snapshot_id, const void *key, size_t len,
			uint8_t ret_pin[static PIN_LEN])
{
	enum pin_found found = PIN_NOT_FOUND;
	uint8_t pin[PIN_LEN];

	for (const struct pin_batch *batch = pins->newest; batch && batch->txn_id > snapshot_id; batch = batch->older) {
		enum pin_found before = pin_table_find(&batch->undo, key, len, pin);

		if (before != PIN_NOT_FOUND)
			found = before;
	}
	if (found == PIN_NOT_FOUND)
		found = pin_table_find(&pins->current, key, len, pin);
	if (found != PIN_IS_PRESENT)
		return false;
	memcpy(ret_pin, pin, PIN_LEN);
	return true;
}

bool pins_find(struct pins *pins, uint64_t snapshot_id, const void *key, size_t len, uint8_t ret_pin[static PIN_LEN])
{
	bool found;

	pthread_rwlock_rdlock(&pins->lock);
	found = find_locked(pins, snapshot_id, key, len, ret_pin);
	pthread_rwlock_unlock(&pins->lock);
	return found;
}

bool pins_is_newest(struct pins *pins, const void *key, size_t len, const uint8_t pin[static PIN_LEN])
{
	uint8_t newest[PIN_LEN];

	return pins_find(pins, UINT64_MAX, key, len, newest) && memcmp(newest, pin, PIN_LEN) == 0;
}

size_t pins_count(struct pins *pins, uint64_t snapshot_id, uint8_t table)
{
	int64_t count;

	pthread_rwlock_rdlock(&pins->lock);
	count = (int64_t)pins->counts[TABLE_SLOT(table)];
	for (const struct pin_batch *batch = pins->newest; batch && batch->txn_id > snapshot_id; batch = batch->older)
		count -= batch->added[TABLE_SLOT(table)];
	pthread_rwlock_unlock(&pins->lock);
	return (size_t)count;
}

struct pin_batch *pins_batch_new(uint64_t txn_id)
{
	struct pin_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->txn_id = txn_id;
	pin_table_init(&batch->changes);
	pin_table_init(&batch->undo);
	return batch;
}

void pins_batch_drop(struct pin_batch *batch)
{
	if (batch)
		batch_free(batch);
}

bool pins_batch_find(struct pins *pins, const struct pin_batch *batch, const void *key, size_t len,
		     uint8_t ret_pin[static PIN_LEN])
{
	switch (pin_table_find(&batch->changes, key, len, ret_pin)) {
	case PIN_IS_PRESENT:
		return true;
	case PIN_IS_ABSENT:
		return false;
	case PIN_NOT_FOUND:
		break;
	}
	return pins_find(pins, UINT64_MAX, key, len, ret_pin);
}

enum error_code pins_batch_set(struct pin_batch *batch, const void *key, size_t len, const uint8_t *pin,
			       struct error *err)
{
	if (len == 0 || len > PIN_KEY_MAX)
		return error_set(err, ERR_INTERNAL, "a record's key of %zu bytes cannot be pinned", len);
	if (pin_table_reserve(&batch->changes, 1, err) != ERR_OK)
		return err->code;
	pin_table_set(&batch->changes, key, len, pin);
	return ERR_OK;
}

const struct pin_table *pins_batch_changes(const struct pin_batch *batch)
{
	return &batch->changes;
}

/* Undo first, as far as memory goes; nothing that readers see has changed yet. */
static enum error_code fill_undo(const struct pins *pins, struct pin_batch *batch, struct error *err)
{
	const struct pin_entry *change;
	size_t position = 0;

	if (pin_table_reserve(&batch->undo, batch->changes.used, err) != ERR_OK)
		return err->code;
	while ((change = pin_table_next(&batch->changes, &position)) != NULL) {
		size_t len = pin_entry_key_len(change);
		uint8_t pin[PIN_LEN];
		bool was = pin_table_find(&pins->current, change->key, len, pin) == PIN_IS_PRESENT;

		pin_table_set(&batch->undo, change->key, len, was ? pin : NULL);
		batch->added[TABLE_SLOT(change->key[0])] += !pin_entry_is_absent(change) - was;
	}
	return ERR_OK;
}

/* Puts a table of changes into the current pins. Room was reserved. */
static void apply(struct pins *pins, const struct pin_table *changes)
{
	const struct pin_entry *change;
	size_t position = 0;

	while ((change = pin_table_next(changes, &position)) != NULL) {
		size_t len = pin_entry_key_len(change);

		if (pin_entry_is_absent(change))
			pin_table_remove(&pins->current, change->key, len);
		else
			pin_table_set(&pins->current, change->key, len, change->pin);
	}
}

static void add_counts(struct pins *pins, const struct pin_batch *batch, int sign)
{
	for (size_t i = 0; i < TABLES; i++)
		pins->counts[i] = (size_t)((int64_t)pins->counts[i] + sign * batch->added[i]);
}

/* Nobody who entered before a batch was superseded is left: nobody can hold a snapshot that does not see it. */
static void drop_unneeded(struct pins *pins)
{
	while (pins->oldest != pins->newest && atomic_load_explicit(&pins->oldest->readers, memory_order_acquire) == 0) {
		struct pin_batch *batch = pins->oldest;

		pins->oldest = batch->newer;
		pins->oldest->older = NULL;
		batch_free(batch);
	}
}

enum error_code pins_publish(struct pins *pins, struct pin_batch *batch, struct error *err)
{
	enum error_code code;

	pthread_rwlock_wrlock(&pins->lock);
	code = pin_table_reserve(&pins->current, batch->changes.used, err);
	if (code == ERR_OK)
		code = fill_undo(pins, batch, err);
	if (code == ERR_OK) {
		apply(pins, &batch->changes);
		add_counts(pins, batch, 1);
		batch->older = pins->newest;
		pins->newest->newer = batch;
		pins->newest = batch;
		drop_unneeded(pins);
	}
	pthread_rwlock_unlock(&pins->lock);
	return code;
}

void pins_settle(struct pins *pins, struct pin_batch *batch)
{
	/* Only the writer looks at the changes. */
	assert(pins->newest == batch);
	pin_table_clear(&batch->changes);
}

void pins_revert(struct pins *pins, struct pin_batch *batch)
{
	pthread_rwlock_wrlock(&pins->lock);
	assert(pins->newest == batch);
	apply(pins, &batch->undo);
	add_counts(pins, batch, -1);
	/* The batch stays in the list, empty, for those who have entered through it. */
	pin_table_clear(&batch->undo);
	memset(batch->added, 0, sizeof(batch->added));
	pthread_rwlock_unlock(&pins->lock);
	pin_table_clear(&batch->changes);
}

size_t pins_batches(struct pins *pins)
{
	size_t count = 0;

	pthread_rwlock_rdlock(&pins->lock);
	for (const struct pin_batch *batch = pins->oldest; batch; batch = batch->newer)
		count++;
	pthread_rwlock_unlock(&pins->lock);
	return count;
}
