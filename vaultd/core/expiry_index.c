#include "core/expiry_index.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* A heap by time, and a hash table of places in it. Ids are keyed hashes, so any of their bytes spread them. */
struct entry {
	uint8_t id[ID_LEN];
	int64_t expires;
	size_t size;
	size_t slot;		/* where the hash table names this entry */
};

struct expiry_index {
	pthread_mutex_t lock;
	struct entry *heap;	/* room entries */
	size_t *slots;		/* 2 * room; place in the heap and 1, 0: free */
	size_t count, room;
	uint64_t size;
};

enum { FIRST_ROOM = 64 };

struct expiry_index *expiry_index_new(void)
{
	struct expiry_index *index = calloc(1, sizeof(*index));

	if (index)
		pthread_mutex_init(&index->lock, NULL);
	return index;
}

/* -- the hash table ------------------------------------------------------ */

static size_t slot_of_id(const uint8_t id[static ID_LEN], size_t slots)
{
	uint64_t hash;

	memcpy(&hash, id, sizeof(hash));
	return (size_t)(hash % slots);
}

/* The slot that names the id, or the free one where it would stand. There is room, so there is a free one. */
static size_t find_slot(const struct expiry_index *index, const uint8_t id[static ID_LEN])
{
	size_t slots = 2 * index->room, slot = slot_of_id(id, slots);

	while (index->slots[slot] != 0 && memcmp(index->heap[index->slots[slot] - 1].id, id, ID_LEN) != 0)
		slot = (slot + 1) % slots;
	return slot;
}

static void place(struct expiry_index *index, size_t at, const struct entry *entry)
{
	index->heap[at] = *entry;
	index->slots[entry->slot] = at + 1;
}

/* Entries behind the freed slot move up, so that a search never stops too early. */
static void free_slot(struct expiry_index *index, size_t hole)
{
	size_t slots = 2 * index->room;

	index->slots[hole] = 0;
	for (size_t at = (hole + 1) % slots; index->slots[at] != 0; at = (at + 1) % slots) {
		struct entry *entry = &index->heap[index->slots[at] - 1];
		size_t wanted = slot_of_id(entry->id, slots);

		/* It may stay when its own place lies behind the hole, up to where it is. */
		if (hole <= at ? hole < wanted && wanted <= at : hole < wanted || wanted <= at)
			continue;
		index->slots[hole] = index->slots[at];
		entry->slot = hole;
		index->slots[at] = 0;
		hole = at;
	}
}

/* -- the heap ------------------------------------------------------------ */

static void sift_up(struct expiry_index *index, size_t at, struct entry entry)
{
	while (at > 0 && index->heap[(at - 1) / 2].expires > entry.expires) {
		place(index, at, &index->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(index, at, &entry);
}

static void sift_down(struct expiry_index *index, size_t at, struct entry entry)
{
	for (size_t child = 2 * at + 1; child < index->count; child = 2 * at + 1) {
		if (child + 1 < index->count && index->heap[child + 1].expires < index->heap[child].expires)
			child++;
		if (index->heap[child].expires >= entry.expires)
			break;
		place(index, at, &index->heap[child]);
		at = child;
	}
	place(index, at, &entry);
}

static void remove_at(struct expiry_index *index, size_t at)
{
	struct entry last;

	index->size -= index->heap[at].size;
	free_slot(index, index->heap[at].slot);
	index->count--;
	last = index->heap[index->count];
	sodium_memzero(&index->heap[index->count], sizeof(last));
	if (at == index->count)
		return;
	if (at > 0 && index->heap[(at - 1) / 2].expires > last.expires)
		sift_up(index, at, last);
	else
		sift_down(index, at, last);
}

static void drop_memory(struct expiry_index *index)
{
	if (index->heap)
		sodium_memzero(index->heap, index->room * sizeof(*index->heap));
	free(index->heap);
	free(index->slots);
	index->heap = NULL;
	index->slots = NULL;
}

static bool grow(struct expiry_index *index)
{
	struct expiry_index larger = { .count = index->count, .room = index->room ? 2 * index->room : FIRST_ROOM };

	larger.heap = calloc(larger.room, sizeof(*larger.heap));
	larger.slots = calloc(2 * larger.room, sizeof(*larger.slots));
	if (!larger.heap || !larger.slots) {
		drop_memory(&larger);
		return false;
	}
	for (size_t i = 0; i < index->count; i++) {
		struct entry entry = index->heap[i];

		entry.slot = find_slot(&larger, entry.id);
		place(&larger, i, &entry);
	}
	drop_memory(index);
	index->heap = larger.heap;
	index->slots = larger.slots;
	index->room = larger.room;
	return true;
}

/* -- the public functions ------------------------------------------------ */

static enum error_code put_locked(struct expiry_index *index, const struct entry *wanted, struct error *err)
{
	struct entry entry = *wanted;

	if (index->room > 0) {
		size_t slot = find_slot(index, entry.id);

		if (index->slots[slot] != 0)
			remove_at(index, index->slots[slot] - 1);
	}
	if (index->count == index->room && !grow(index))
		return error_set(err, ERR_NO_MEMORY, "no memory is left for what expires when");
	entry.slot = find_slot(index, entry.id);
	index->size += entry.size;
	sift_up(index, index->count++, entry);
	return ERR_OK;
}

enum error_code expiry_index_put(struct expiry_index *index, const uint8_t id[static ID_LEN], int64_t expires, size_t size,
				 struct error *err)
{
	struct entry entry = { .expires = expires, .size = size };
	enum error_code code;

	memcpy(entry.id, id, ID_LEN);
	pthread_mutex_lock(&index->lock);
	code = put_locked(index, &entry, err);
	pthread_mutex_unlock(&index->lock);
	return code;
}

void expiry_index_remove(struct expiry_index *index, const uint8_t id[static ID_LEN])
{
	pthread_mutex_lock(&index->lock);
	if (index->count > 0) {
		size_t slot = find_slot(index, id);

		if (index->slots[slot] != 0)
			remove_at(index, index->slots[slot] - 1);
	}
	pthread_mutex_unlock(&index->lock);
}

void expiry_index_clear(struct expiry_index *index)
{
	pthread_mutex_lock(&index->lock);
	drop_memory(index);
	index->count = index->room = 0;
	index->size = 0;
	pthread_mutex_unlock(&index->lock);
}

struct expiry_totals expiry_index_totals(struct expiry_index *index)
{
	struct expiry_totals totals;

	pthread_mutex_lock(&index->lock);
	totals = (struct expiry_totals){ .count = index->count, .size = index->size };
	pthread_mutex_unlock(&index->lock);
	return totals;
}

/* The due ones are the top of the heap: whoever is not due has no due children. */
static size_t collect_due(const struct expiry_index *index, size_t at, int64_t now, uint8_t (*ret)[ID_LEN], size_t max)
{
	size_t found = 0;

	if (at >= index->count || max == 0 || index->heap[at].expires > now)
		return 0;
	memcpy(ret[found++], index->heap[at].id, ID_LEN);
	found += collect_due(index, 2 * at + 1, now, ret + found, max - found);
	found += collect_due(index, 2 * at + 2, now, ret + found, max - found);
	return found;
}

size_t expiry_index_due(struct expiry_index *index, int64_t now, uint8_t (*ret)[ID_LEN], size_t max)
{
	size_t found;

	pthread_mutex_lock(&index->lock);
	found = collect_due(index, 0, now, ret, max);
	pthread_mutex_unlock(&index->lock);
	return found;
}

void expiry_index_free(struct expiry_index *index)
{
	if (!index)
		return;
	drop_memory(index);
	pthread_mutex_destroy(&index->lock);
	free(index);
}
