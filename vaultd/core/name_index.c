#include "core/name_index.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/*
 * Two structures over the same entries. Sorted: a list of blocks of pointers, so that an insertion moves at most one
 * block. By key: an open table; the keys are keyed hashes, their first bytes need no further mixing.
 */
#define BLOCK_ENTRIES 256
#define TABLE_START 256

struct name_entry {
	uint8_t key[ID_LEN];
	uint8_t mount[ID_LEN];
	uint16_t len;
	char path[];
};

struct name_block {
	size_t len;
	struct name_entry *entries[BLOCK_ENTRIES];
};

struct name_index {
	pthread_rwlock_t lock;
	struct name_block **blocks;	/* none of them is empty */
	size_t blocks_len, blocks_capacity;
	struct name_entry **table;
	size_t table_capacity;		/* a power of two, at most half full */
	size_t count;
};

/* Where an entry stands: blocks_len for "after the last". */
struct place {
	size_t block, entry;
};

static enum error_code no_memory(struct error *err)
{
	return error_set(err, ERR_NO_MEMORY, "no memory is left for the index of names");
}

static void entry_free(struct name_entry *entry)
{
	sodium_memzero(entry, sizeof(*entry) + entry->len);
	free(entry);
}

struct name_index *name_index_new(void)
{
	struct name_index *index = calloc(1, sizeof(*index));

	if (!index)
		return NULL;
	pthread_rwlock_init(&index->lock, NULL);
	return index;
}

static void clear_locked(struct name_index *index)
{
	for (size_t i = 0; i < index->blocks_len; i++) {
		struct name_block *block = index->blocks[i];

		for (size_t j = 0; j < block->len; j++)
			entry_free(block->entries[j]);
		free(block);
	}
	free(index->blocks);
	free(index->table);
	index->blocks = NULL;
	index->table = NULL;
	index->blocks_len = index->blocks_capacity = index->table_capacity = index->count = 0;
}

void name_index_clear(struct name_index *index)
{
	pthread_rwlock_wrlock(&index->lock);
	clear_locked(index);
	pthread_rwlock_unlock(&index->lock);
}

void name_index_free(struct name_index *index)
{
	if (!index)
		return;
	clear_locked(index);
	pthread_rwlock_destroy(&index->lock);
	free(index);
}

size_t name_index_count(struct name_index *index)
{
	size_t count;

	pthread_rwlock_rdlock(&index->lock);
	count = index->count;
	pthread_rwlock_unlock(&index->lock);
	return count;
}

/* -- by key -------------------------------------------------------------- */

static const uint8_t *key_id(const struct record_key *key)
{
	assert(key->len == 1 + ID_LEN);
	return key->bytes + 1;
}

static size_t slot_of(const struct name_index *index, const uint8_t id[static ID_LEN])
{
	size_t hash;

	memcpy(&hash, id, sizeof(hash));
	return hash & (index->table_capacity - 1);
}

/* The slot that holds the id, or the empty one where it would stand. */
static size_t table_seek(const struct name_index *index, const uint8_t id[static ID_LEN])
{
	size_t slot = slot_of(index, id);

	while (index->table[slot] && memcmp(index->table[slot]->key, id, ID_LEN) != 0)
		slot = (slot + 1) & (index->table_capacity - 1);
	return slot;
}

static struct name_entry *table_find(const struct name_index *index, const uint8_t id[static ID_LEN])
{
	return index->table_capacity > 0 ? index->table[table_seek(index, id)] : NULL;
}

static bool table_reserve(struct name_index *index)
{
	struct name_entry **old = index->table;
	size_t old_capacity = index->table_capacity;

	if (old_capacity >= 2 * (index->count + 1))
		return true;
	index->table_capacity = old_capacity > 0 ? 2 * old_capacity : TABLE_START;
	index->table = calloc(index->table_capacity, sizeof(struct name_entry *));
	if (!index->table) {
		index->table = old;
		index->table_capacity = old_capacity;
		return false;
	}
	for (size_t i = 0; i < old_capacity; i++)
		if (old[i])
			index->table[table_seek(index, old[i]->key)] = old[i];
	free(old);
	return true;
}

/* Closes the gap, so that no chain of slots is broken. */
static void table_remove(struct name_index *index, const uint8_t id[static ID_LEN])
{
	size_t mask = index->table_capacity - 1, gap = table_seek(index, id);

	index->table[gap] = NULL;
	for (size_t slot = (gap + 1) & mask; index->table[slot]; slot = (slot + 1) & mask) {
		size_t home = slot_of(index, index->table[slot]->key);

		if (((slot - home) & mask) < ((slot - gap) & mask))
			continue;
		index->table[gap] = index->table[slot];
		index->table[slot] = NULL;
		gap = slot;
	}
}

/* -- sorted -------------------------------------------------------------- */

static int compare(const struct name_entry *entry, const uint8_t mount[static ID_LEN], const char *path, size_t len)
{
	int order = memcmp(entry->mount, mount, ID_LEN);
	size_t shorter = entry->len < len ? entry->len : len;

	if (order == 0)
		order = memcmp(entry->path, path, shorter);
	if (order != 0)
		return order;
	return (entry->len > len) - (entry->len < len);
}

/* The first entry that is not below the name. */
static struct place lower_bound(const struct name_index *index, const uint8_t mount[static ID_LEN], const char *path,
				size_t len)
{
	struct place place = {0};
	size_t low = 0, high = index->blocks_len;
	const struct name_block *block;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		block = index->blocks[middle];
		if (compare(block->entries[block->len - 1], mount, path, len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	place.block = low;
	if (low == index->blocks_len)
		return place;
	block = index->blocks[low];
	low = 0;
	high = block->len;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(block->entries[middle], mount, path, len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	place.entry = low;
	return place;
}

static struct name_entry *entry_at(const struct name_index *index, struct place place)
{
	return place.block < index->blocks_len ? index->blocks[place.block]->entries[place.entry] : NULL;
}

static bool insert_block(struct name_index *index, size_t at, struct name_block *block)
{
	if (index->blocks_len == index->blocks_capacity) {
		size_t capacity = index->blocks_capacity > 0 ? 2 * index->blocks_capacity : 16;
		struct name_block **blocks = reallocarray(index->blocks, capacity, sizeof(struct name_block *));

		if (!blocks)
			return false;
		index->blocks = blocks;
		index->blocks_capacity = capacity;
	}
	memmove(index->blocks + at + 1, index->blocks + at, (index->blocks_len - at) * sizeof(struct name_block *));
	index->blocks[at] = block;
	index->blocks_len++;
	return true;
}

/*
 * Moves the upper part of a full block into a new one. A place behind the last entry means that names come in order:
 * then the old block stays nearly full.
 */
static bool split_block(struct name_index *index, struct place *place)
{
	struct name_block *block = index->blocks[place->block], *upper = calloc(1, sizeof(*upper));
	size_t keep = place->entry == block->len ? block->len - 1 : block->len / 2;

	if (!upper || !insert_block(index, place->block + 1, upper)) {
		free(upper);
		return false;
	}
	upper->len = block->len - keep;
	memcpy(upper->entries, block->entries + keep, upper->len * sizeof(struct name_entry *));
	block->len = keep;
	if (place->entry > keep) {
		place->block++;
		place->entry -= keep;
	}
	return true;
}

/* Where to insert, with room for one. */
static bool make_room(struct name_index *index, struct place *place)
{
	if (place->block == index->blocks_len && index->blocks_len > 0) {
		place->block--;
		place->entry = index->blocks[place->block]->len;
	}
	if (index->blocks_len == 0) {
		struct name_block *block = calloc(1, sizeof(*block));

		if (!block || !insert_block(index, 0, block)) {
			free(block);
			return false;
		}
	}
	return index->blocks[place->block]->len < BLOCK_ENTRIES || split_block(index, place);
}

static bool sorted_insert(struct name_index *index, struct name_entry *entry)
{
	struct place place = lower_bound(index, entry->mount, entry->path, entry->len);
	struct name_block *block;

	if (!make_room(index, &place))
		return false;
	block = index->blocks[place.block];
	memmove(block->entries + place.entry + 1, block->entries + place.entry,
		(block->len - place.entry) * sizeof(struct name_entry *));
	block->entries[place.entry] = entry;
	block->len++;
	return true;
}

static void sorted_remove(struct name_index *index, const struct name_entry *entry)
{
	struct place place = lower_bound(index, entry->mount, entry->path, entry->len);
	struct name_block *block = index->blocks[place.block];

	assert(entry_at(index, place) == entry);
	block->len--;
	memmove(block->entries + place.entry, block->entries + place.entry + 1,
		(block->len - place.entry) * sizeof(struct name_entry *));
	if (block->len > 0)
		return;
	free(block);
	index->blocks_len--;
	memmove(index->blocks + place.block, index->blocks + place.block + 1,
		(index->blocks_len - place.block) * sizeof(struct name_block *));
}

/* -- the public functions ------------------------------------------------ */

static struct name_entry *entry_new(const struct record_key *key, const uint8_t mount[static ID_LEN], const char *path,
				    size_t len)
{
	struct name_entry *entry = calloc(1, sizeof(*entry) + len);

	if (!entry)
		return NULL;
	memcpy(entry->key, key_id(key), ID_LEN);
	memcpy(entry->mount, mount, ID_LEN);
	memcpy(entry->path, path, len);
	entry->len = (uint16_t)len;
	return entry;
}

static enum error_code add_locked(struct name_index *index, const struct record_key *key,
				  const uint8_t mount[static ID_LEN], const char *path, size_t len, struct error *err)
{
	struct name_entry *entry;

	if (table_find(index, key_id(key)))
		return ERR_OK;
	entry = entry_new(key, mount, path, len);
	if (!entry)
		return no_memory(err);
	if (!table_reserve(index) || !sorted_insert(index, entry)) {
		entry_free(entry);
		return no_memory(err);
	}
	index->table[table_seek(index, entry->key)] = entry;
	index->count++;
	return ERR_OK;
}

enum error_code name_index_add(struct name_index *index, const struct record_key *key,
			       const uint8_t mount[static ID_LEN], const char *path, size_t len, struct error *err)
{
	enum error_code code;

	if (len > LIMIT_ENV_PATH_LEN)
		return error_set(err, ERR_RECORD, "a head holds a path of %zu bytes, the limit is %d", len,
				 LIMIT_ENV_PATH_LEN);
	pthread_rwlock_wrlock(&index->lock);
	code = add_locked(index, key, mount, path, len, err);
	pthread_rwlock_unlock(&index->lock);
	return code;
}

static void entry_name(const struct name_entry *entry, struct index_name *ret)
{
	memcpy(ret->mount, entry->mount, ID_LEN);
	memcpy(ret->path.text, entry->path, entry->len);
	ret->path.text[entry->len] = '\0';
	ret->path.len = entry->len;
}

bool name_index_find(struct name_index *index, const struct record_key *key, struct index_name *ret)
{
	const struct name_entry *entry;

	pthread_rwlock_rdlock(&index->lock);
	entry = table_find(index, key_id(key));
	if (entry && ret)
		entry_name(entry, ret);
	pthread_rwlock_unlock(&index->lock);
	return entry != NULL;
}

bool name_index_remove(struct name_index *index, const struct record_key *key)
{
	struct name_entry *entry;

	pthread_rwlock_wrlock(&index->lock);
	entry = table_find(index, key_id(key));
	if (entry) {
		sorted_remove(index, entry);
		table_remove(index, entry->key);
		index->count--;
		entry_free(entry);
	}
	pthread_rwlock_unlock(&index->lock);
	return entry != NULL;
}

/* -- listing ------------------------------------------------------------- */

static struct place next_place(const struct name_index *index, struct place place)
{
	if (++place.entry < index->blocks[place.block]->len)
		return place;
	return (struct place){ .block = place.block + 1 };
}

static void list_locked(const struct name_index *index, const uint8_t mount[static ID_LEN], const char *prefix,
			size_t len, struct name_collector *out)
{
	struct place place = lower_bound(index, mount, prefix, len);
	const struct name_entry *entry;

	while ((entry = entry_at(index, place)) && memcmp(entry->mount, mount, ID_LEN) == 0 && entry->len >= len &&
	       memcmp(entry->path, prefix, len) == 0) {
		const char *rest = entry->path + len;
		size_t rest_len = entry->len - len;
		const char *slash = memchr(rest, '/', rest_len);
		char after[LIMIT_ENV_PATH_LEN + 1];
		size_t after_len;

		if (!slash) {
			name_collector_add(out, rest, rest_len);
			place = next_place(index, place);
			continue;
		}
		/* A folder counts once, however much it holds: go on behind it ('0' follows '/'). */
		name_collector_add(out, rest, (size_t)(slash - rest) + 1);
		after_len = (size_t)(slash - entry->path) + 1;
		memcpy(after, entry->path, after_len);
		after[after_len - 1] = '/' + 1;
		place = lower_bound(index, mount, after, after_len);
	}
}

enum error_code name_index_list(struct name_index *index, const uint8_t mount[static ID_LEN], const char *prefix,
				struct name_list *ret, struct error *err)
{
	cleanup_(name_collector_wipe) struct name_collector names = NAME_COLLECTOR_INIT(LIMIT_NAME_LIST);

	pthread_rwlock_rdlock(&index->lock);
	list_locked(index, mount, prefix, strlen(prefix), &names);
	pthread_rwlock_unlock(&index->lock);
	if (names.count == 0 && !names.failed)
		return ERR_NOT_FOUND;
	return name_collector_finish(&names, ret, err);
}

size_t name_index_keys(struct name_index *index, const uint8_t mount[static ID_LEN], const char *after,
		       struct record_key *keys, size_t max)
{
	size_t after_len = strlen(after);
	const struct name_entry *entry;
	struct place place;
	size_t len = 0;

	pthread_rwlock_rdlock(&index->lock);
	place = lower_bound(index, mount, after, after_len);
	entry = entry_at(index, place);
	if (after_len > 0 && entry && compare(entry, mount, after, after_len) == 0)
		place = next_place(index, place);
	while (len < max && (entry = entry_at(index, place)) && memcmp(entry->mount, mount, ID_LEN) == 0) {
		keys[len++] = record_key_id(TABLE_HEAD, entry->key);
		place = next_place(index, place);
	}
	pthread_rwlock_unlock(&index->lock);
	return len;
}
