#include "records/pin_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "crypto/seal.h"

#define ABSENT_BIT 0x80u
#define CAPACITY_MIN 16

void pin_table_init(struct pin_table *table)
{
	memset(table, 0, sizeof(*table));
	random_fill(table->hash_key, sizeof(table->hash_key));
}

void pin_table_clear(struct pin_table *table)
{
	if (table->entries)
		sodium_memzero(table->entries, table->capacity * sizeof(*table->entries));
	free(table->entries);
	table->entries = NULL;
	table->capacity = table->used = 0;
}

/* Where the search for a key begins: the hash scaled to the capacity, which need not be a power of two. */
static size_t home_of(const struct pin_table *table, const void *key, size_t len)
{
	uint64_t hash;

	crypto_shorthash((unsigned char *)&hash, key, len, table->hash_key);
	return (size_t)((__extension__(unsigned __int128)hash * table->capacity) >> 64);
}

static size_t after(const struct pin_table *table, size_t place)
{
	return place + 1 == table->capacity ? 0 : place + 1;
}

static bool entry_has_key(const struct pin_entry *entry, const void *key, size_t len)
{
	return pin_entry_key_len(entry) == len && memcmp(entry->key, key, len) == 0;
}

/* The place of the key, or the free place where it would go. There is always a free place. */
static size_t place_of(const struct pin_table *table, const void *key, size_t len)
{
	size_t place = home_of(table, key, len);

	while (table->entries[place].len != 0 && !entry_has_key(&table->entries[place], key, len))
		place = after(table, place);
	return place;
}

/* At most 13/16 full: probes stay short, and 48 bytes stay near 60. */
static bool fits(size_t capacity, size_t used)
{
	return used <= capacity / 16 * 13;
}

static enum error_code grow_to(struct pin_table *table, size_t capacity, struct error *err)
{
	struct pin_table bigger = *table;

	bigger.entries = calloc(capacity, sizeof(*bigger.entries));
	if (!bigger.entries)
		return error_set(err, ERR_NO_MEMORY, "no memory for the pins of %zu records", capacity);
	bigger.capacity = capacity;
	for (size_t i = 0; i < table->capacity; i++) {
		const struct pin_entry *entry = &table->entries[i];

		if (entry->len != 0)
			bigger.entries[place_of(&bigger, entry->key, pin_entry_key_len(entry))] = *entry;
	}
	bigger.used = table->used;
	pin_table_clear(table);
	*table = bigger;
	return ERR_OK;
}

enum error_code pin_table_reserve(struct pin_table *table, size_t further, struct error *err)
{
	size_t need = table->used + further;
	size_t capacity = table->capacity ? table->capacity : CAPACITY_MIN;

	if (table->capacity && fits(table->capacity, need))
		return ERR_OK;
	while (!fits(capacity, need))
		capacity = (capacity + capacity / 2 + 15) / 16 * 16;
	return grow_to(table, capacity, err);
}

enum pin_found pin_table_find(const struct pin_table *table, const void *key, size_t len, uint8_t ret_pin[static PIN_LEN])
{
	const struct pin_entry *entry;

	if (table->used == 0)
		return PIN_NOT_FOUND;
	entry = &table->entries[place_of(table, key, len)];
	if (entry->len == 0)
		return PIN_NOT_FOUND;
	if (pin_entry_is_absent(entry))
		return PIN_IS_ABSENT;
	memcpy(ret_pin, entry->pin, PIN_LEN);
	return PIN_IS_PRESENT;
}

void pin_table_set(struct pin_table *table, const void *key, size_t len, const uint8_t *pin)
{
	struct pin_entry *entry;

	assert(len > 0 && len <= PIN_KEY_MAX);
	assert(table->capacity != 0);
	entry = &table->entries[place_of(table, key, len)];
	if (entry->len == 0) {
		table->used++;
		assert(fits(table->capacity, table->used));
		memcpy(entry->key, key, len);
	}
	entry->len = (uint8_t)(len | (pin ? 0 : ABSENT_BIT));
	if (pin)
		memcpy(entry->pin, pin, PIN_LEN);
	else
		memset(entry->pin, 0, PIN_LEN);
}

/* How far a place lies behind another one, going round. */
static size_t distance(const struct pin_table *table, size_t from, size_t to)
{
	return to >= from ? to - from : to + table->capacity - from;
}

/* Moves later entries of the run back into the hole, so that no search stops too early. */
static void close_hole(struct pin_table *table, size_t hole)
{
	for (size_t place = after(table, hole); table->entries[place].len != 0; place = after(table, place)) {
		const struct pin_entry *entry = &table->entries[place];
		size_t home = home_of(table, entry->key, pin_entry_key_len(entry));

		if (distance(table, home, place) >= distance(table, hole, place)) {
			table->entries[hole] = *entry;
			hole = place;
		}
	}
	memset(&table->entries[hole], 0, sizeof(table->entries[hole]));
}

void pin_table_remove(struct pin_table *table, const void *key, size_t len)
{
	size_t place;

	if (table->used == 0)
		return;
	place = place_of(table, key, len);
	if (table->entries[place].len == 0)
		return;
	table->used--;
	close_hole(table, place);
}

const struct pin_entry *pin_table_next(const struct pin_table *table, size_t *position)
{
	while (*position < table->capacity) {
		const struct pin_entry *entry = &table->entries[(*position)++];

		if (entry->len != 0)
			return entry;
	}
	return NULL;
}

size_t pin_entry_key_len(const struct pin_entry *entry)
{
	return entry->len & ~ABSENT_BIT;
}

bool pin_entry_is_absent(const struct pin_entry *entry)
{
	return (entry->len & ABSENT_BIT) != 0;
}
