#include "core/token_index.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/vault_tokens.h"
#include "vault/limits.h"

#define TABLE_START 64
#define NOT_DUE SIZE_MAX
/* The last request of a spent token may still look it up, after it has waited as well. */
#define SPENT_GRACE_US ((LIMIT_WAIT_SECONDS + 2LL * DEADLINE_REQUEST_SECONDS) * 1000000)

struct token_entry {
	uint8_t id[ID_LEN];
	struct token_entry *next_in_place;
	struct token_entry *parent, *first_child, *previous, *next;	/* siblings */
	int64_t created, expires;	/* 0: never */
	int64_t due;
	size_t heap_at;		/* NOT_DUE: in no heap */
	bool present;		/* false: known only as the parent of others */
	bool orphan;
};

struct token_index {
	pthread_rwlock_t lock;
	struct token_entry **places;
	size_t capacity, entries;	/* capacity is a power of two */
	size_t count;			/* present */
	struct token_entry **heap;	/* the earliest due at 0 */
	size_t heap_len, heap_capacity;
};

struct token_index *token_index_new(void)
{
	struct token_index *index = calloc(1, sizeof(*index));

	if (index)
		pthread_rwlock_init(&index->lock, NULL);
	return index;
}

static void entry_free(struct token_entry *entry)
{
	sodium_memzero(entry, sizeof(*entry));
	free(entry);
}

void token_index_clear(struct token_index *index)
{
	pthread_rwlock_wrlock(&index->lock);
	for (size_t i = 0; i < index->capacity; i++)
		while (index->places[i]) {
			struct token_entry *entry = index->places[i];

			index->places[i] = entry->next_in_place;
			entry_free(entry);
		}
	free(index->places);
	free(index->heap);
	index->places = index->heap = NULL;
	index->capacity = index->entries = index->count = index->heap_len = index->heap_capacity = 0;
	pthread_rwlock_unlock(&index->lock);
}

void token_index_free(struct token_index *index)
{
	if (!index)
		return;
	token_index_clear(index);
	pthread_rwlock_destroy(&index->lock);
	free(index);
}

/* -- by id ----------------------------------------------------------------- */

/* Ids are keyed hashes, so any of their bytes spread them. */
static struct token_entry **place_of(const struct token_index *index, const uint8_t id[static ID_LEN])
{
	uint64_t hash;

	memcpy(&hash, id, sizeof(hash));
	return &index->places[hash & (index->capacity - 1)];
}

static struct token_entry *find(const struct token_index *index, const uint8_t id[static ID_LEN])
{
	struct token_entry *entry = index->capacity > 0 ? *place_of(index, id) : NULL;

	while (entry && memcmp(entry->id, id, ID_LEN) != 0)
		entry = entry->next_in_place;
	return entry;
}

static struct token_entry *find_present(const struct token_index *index, const uint8_t id[static ID_LEN])
{
	struct token_entry *entry = find(index, id);

	return entry && entry->present ? entry : NULL;
}

static bool grow_places(struct token_index *index)
{
	size_t old_capacity = index->capacity;
	struct token_entry **old = index->places;
	struct token_entry **places = calloc(old_capacity > 0 ? 2 * old_capacity : TABLE_START, sizeof(*places));

	if (!places)
		return false;
	index->places = places;
	index->capacity = old_capacity > 0 ? 2 * old_capacity : TABLE_START;
	for (size_t i = 0; i < old_capacity; i++)
		while (old[i]) {
			struct token_entry *entry = old[i], **place = place_of(index, entry->id);

			old[i] = entry->next_in_place;
			entry->next_in_place = *place;
			*place = entry;
		}
	free(old);
	return true;
}

/* Room in the heap is made with the entry, so that nothing later can fail for memory. */
static bool grow_heap(struct token_index *index)
{
	size_t capacity = index->heap_capacity > 0 ? 2 * index->heap_capacity : TABLE_START;
	struct token_entry **heap;

	if (index->entries < index->heap_capacity)
		return true;
	heap = realloc(index->heap, capacity * sizeof(struct token_entry *));
	if (!heap)
		return false;
	index->heap = heap;
	index->heap_capacity = capacity;
	return true;
}

static struct token_entry *find_or_add(struct token_index *index, const uint8_t id[static ID_LEN])
{
	struct token_entry *entry = find(index, id), **place;

	if (entry)
		return entry;
	if ((index->entries >= index->capacity && !grow_places(index)) || !grow_heap(index))
		return NULL;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	memcpy(entry->id, id, ID_LEN);
	entry->heap_at = NOT_DUE;
	place = place_of(index, id);
	entry->next_in_place = *place;
	*place = entry;
	index->entries++;
	return entry;
}

static void forget(struct token_index *index, struct token_entry *entry)
{
	struct token_entry **at = place_of(index, entry->id);

	while (*at != entry)
		at = &(*at)->next_in_place;
	*at = entry->next_in_place;
	index->entries--;
	entry_free(entry);
}

/* -- by what is due --------------------------------------------------------- */

static void heap_set(struct token_index *index, size_t at, struct token_entry *entry)
{
	index->heap[at] = entry;
	entry->heap_at = at;
}

static void sift(struct token_index *index, size_t at)
{
	struct token_entry *entry = index->heap[at];

	while (at > 0 && entry->due < index->heap[(at - 1) / 2]->due) {
		heap_set(index, at, index->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < index->heap_len && index->heap[child + 1]->due < index->heap[child]->due)
			child++;
		if (child >= index->heap_len || entry->due <= index->heap[child]->due)
			break;
		heap_set(index, at, index->heap[child]);
		at = child;
	}
	heap_set(index, at, entry);
}

static void set_due(struct token_index *index, struct token_entry *entry, int64_t due)
{
	entry->due = due;
	if (entry->heap_at == NOT_DUE) {
		assert(index->heap_len < index->heap_capacity);
		heap_set(index, index->heap_len++, entry);
	}
	sift(index, entry->heap_at);
}

static void clear_due(struct token_index *index, struct token_entry *entry)
{
	size_t at = entry->heap_at;
	struct token_entry *last;

	if (at == NOT_DUE)
		return;
	entry->heap_at = NOT_DUE;
	last = index->heap[--index->heap_len];
	if (last != entry) {
		heap_set(index, at, last);
		sift(index, at);
	}
}

/* -- who made whom ------------------------------------------------------------ */

static void unlink_from_parent(struct token_index *index, struct token_entry *entry)
{
	struct token_entry *parent = entry->parent;

	if (!parent)
		return;
	if (entry->previous)
		entry->previous->next = entry->next;
	else
		parent->first_child = entry->next;
	if (entry->next)
		entry->next->previous = entry->previous;
	entry->parent = entry->previous = entry->next = NULL;
	if (!parent->present && !parent->first_child)
		forget(index, parent);
}

static void link_to_parent(struct token_entry *entry, struct token_entry *parent)
{
	entry->parent = parent;
	entry->next = parent->first_child;
	if (entry->next)
		entry->next->previous = entry;
	parent->first_child = entry;
}

static enum error_code put_locked(struct token_index *index, const uint8_t id[static ID_LEN],
				  const struct token_record *record, int64_t now, struct error *err)
{
	struct token_entry *entry = find_or_add(index, id), *parent = NULL;
	bool orphan = record->flags & TOKEN_ORPHAN;

	/* No token is its own parent; one that says so is never alive. */
	if (entry && !orphan && memcmp(record->parent, id, ID_LEN) != 0)
		parent = find_or_add(index, record->parent);
	if (!entry || (!orphan && !parent)) {
		if (entry && !entry->present && !entry->first_child)
			forget(index, entry);
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the index of tokens");
	}
	if (parent != entry->parent) {
		unlink_from_parent(index, entry);
		if (parent)
			link_to_parent(entry, parent);
	}
	index->count += !entry->present;
	entry->present = true;
	entry->orphan = orphan;
	entry->created = record->created;
	entry->expires = record->expires;
	if (record->uses_left == TOKEN_SPENT)
		set_due(index, entry, now + SPENT_GRACE_US);
	else if (record->expires != 0)
		set_due(index, entry, record->expires);
	else
		clear_due(index, entry);
	return ERR_OK;
}

enum error_code token_index_put(struct token_index *index, const uint8_t id[static ID_LEN],
				const struct token_record *record, int64_t now, struct error *err)
{
	enum error_code code;

	pthread_rwlock_wrlock(&index->lock);
	code = put_locked(index, id, record, now, err);
	pthread_rwlock_unlock(&index->lock);
	return code;
}

/* A parent that is younger than its child is another token, with a text that root chose once more. */
static bool is_child_of(const struct token_entry *entry, int64_t created)
{
	return entry->present && entry->created <= created;
}

/* Those that are not, or not any more, this token's. */
static void doom_children(struct token_index *index, struct token_entry *entry)
{
	for (struct token_entry *child = entry->first_child; child; child = child->next)
		if (!is_child_of(entry, child->created))
			set_due(index, child, 0);
}

void token_index_remove(struct token_index *index, const uint8_t id[static ID_LEN])
{
	struct token_entry *entry;

	pthread_rwlock_wrlock(&index->lock);
	entry = find_present(index, id);
	if (entry) {
		index->count--;
		entry->present = false;
		clear_due(index, entry);
		unlink_from_parent(index, entry);
		doom_children(index, entry);
		if (!entry->first_child)
			forget(index, entry);
	}
	pthread_rwlock_unlock(&index->lock);
}

void token_index_settle(struct token_index *index)
{
	pthread_rwlock_wrlock(&index->lock);
	for (size_t i = 0; i < index->capacity; i++)
		for (struct token_entry *entry = index->places[i]; entry; entry = entry->next_in_place)
			doom_children(index, entry);
	pthread_rwlock_unlock(&index->lock);
}

/* -- questions ------------------------------------------------------------------ */

static bool is_alive(const struct token_entry *entry, int64_t created, int64_t now)
{
	/* The limit ends a circle, which only damage could make. */
	for (size_t depth = 0; entry && depth <= LIMIT_TOKEN_DEPTH; depth++, entry = entry->parent) {
		if (!is_child_of(entry, created) || (entry->expires != 0 && entry->expires <= now))
			return false;
		if (entry->orphan)
			return true;
		created = entry->created;
	}
	return false;
}

bool token_index_carries(struct token_index *index, const uint8_t id[static ID_LEN], int64_t created, int64_t now)
{
	bool alive;

	pthread_rwlock_rdlock(&index->lock);
	alive = is_alive(find(index, id), created, now);
	pthread_rwlock_unlock(&index->lock);
	return alive;
}

bool token_index_alive(struct token_index *index, const uint8_t id[static ID_LEN], int64_t now)
{
	return token_index_carries(index, id, INT64_MAX, now);
}

size_t token_index_depth(struct token_index *index, const uint8_t id[static ID_LEN])
{
	const struct token_entry *entry;
	size_t depth = 0;

	pthread_rwlock_rdlock(&index->lock);
	for (entry = find_present(index, id); entry && depth <= LIMIT_TOKEN_DEPTH; entry = entry->parent)
		depth++;
	pthread_rwlock_unlock(&index->lock);
	return depth;
}

static size_t gather_children(const struct token_entry *entry, const struct token_entry **to, size_t len, size_t max)
{
	for (const struct token_entry *child = entry->first_child; child && len < max; child = child->next)
		to[len++] = child;
	return len;
}

static size_t subtree_locked(const struct token_entry *top, uint8_t (*ret)[ID_LEN], size_t max)
{
	const struct token_entry **found = max > 0 && top ? calloc(max, sizeof(struct token_entry *)) : NULL;
	size_t len = 0;

	if (!top || max == 0)
		return 0;
	if (!found) {		/* without memory the token alone: what is below is dead with it */
		memcpy(ret[0], top->id, ID_LEN);
		return 1;
	}
	found[len++] = top;
	for (size_t at = 0; at < len; at++) {
		memcpy(ret[at], found[at]->id, ID_LEN);
		len = gather_children(found[at], found, len, max);
	}
	free(found);
	return len;
}

size_t token_index_subtree(struct token_index *index, const uint8_t id[static ID_LEN], uint8_t (*ret)[ID_LEN], size_t max)
{
	size_t len;

	pthread_rwlock_rdlock(&index->lock);
	len = subtree_locked(find_present(index, id), ret, max);
	pthread_rwlock_unlock(&index->lock);
	return len;
}

size_t token_index_children(struct token_index *index, const uint8_t id[static ID_LEN], uint8_t (*ret)[ID_LEN], size_t max)
{
	const struct token_entry *entry, *child;
	size_t len = 0;

	pthread_rwlock_rdlock(&index->lock);
	entry = find(index, id);
	for (child = entry ? entry->first_child : NULL; child && len < max; child = child->next)
		memcpy(ret[len++], child->id, ID_LEN);
	pthread_rwlock_unlock(&index->lock);
	return len;
}

/* Whatever is due has only due entries above it in the heap. */
static size_t due_below(const struct token_index *index, size_t at, int64_t now, uint8_t (*ret)[ID_LEN], size_t len,
			size_t max)
{
	if (at >= index->heap_len || len >= max || index->heap[at]->due > now)
		return len;
	memcpy(ret[len++], index->heap[at]->id, ID_LEN);
	len = due_below(index, 2 * at + 1, now, ret, len, max);
	return due_below(index, 2 * at + 2, now, ret, len, max);
}

size_t token_index_due(struct token_index *index, int64_t now, uint8_t (*ret)[ID_LEN], size_t max)
{
	size_t len;

	pthread_rwlock_rdlock(&index->lock);
	len = due_below(index, 0, now, ret, 0, max);
	pthread_rwlock_unlock(&index->lock);
	return len;
}

size_t token_index_count(struct token_index *index)
{
	size_t count;

	pthread_rwlock_rdlock(&index->lock);
	count = index->count;
	pthread_rwlock_unlock(&index->lock);
	return count;
}

/* -- the list ---------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, ID_LEN);
}

/* malloc'ed ids of all that are alive. NULL when there is no memory. */
static uint8_t (*alive_ids(const struct token_index *index, int64_t now, size_t *ret_len))[ID_LEN]
{
	uint8_t (*ids)[ID_LEN] = calloc(index->count + 1, ID_LEN);

	*ret_len = 0;
	for (size_t i = 0; ids && i < index->capacity; i++)
		for (const struct token_entry *entry = index->places[i]; entry; entry = entry->next_in_place)
			if (is_alive(entry, INT64_MAX, now))
				memcpy(ids[(*ret_len)++], entry->id, ID_LEN);
	return ids;
}

enum error_code token_index_list(struct token_index *index, int64_t now, struct name_list *ret, struct error *err)
{
	struct name_collector collector = NAME_COLLECTOR_INIT(LIMIT_NAME_LIST);
	uint8_t (*ids)[ID_LEN];
	size_t len;

	pthread_rwlock_rdlock(&index->lock);
	ids = alive_ids(index, now, &len);
	pthread_rwlock_unlock(&index->lock);
	if (!ids)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the list of accessors");
	if (len == 0) {
		free(ids);
		return error_set(err, ERR_NOT_FOUND, "there is no token");
	}
	qsort(ids, len, ID_LEN, by_id);
	for (size_t i = 0; i < len; i++) {
		char hex[2 * ID_LEN + 1];

		sodium_bin2hex(hex, sizeof(hex), ids[i], ID_LEN);
		name_collector_add(&collector, hex, 2 * ID_LEN);
	}
	sodium_memzero(ids, len * ID_LEN);
	free(ids);
	return name_collector_finish(&collector, ret, err);
}
