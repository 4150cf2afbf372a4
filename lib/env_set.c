#include "vault/env_set.h"

#include <assert.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vault/limits.h"

#define FIRST_ENTRIES 64
#define NOT_FOUND SIZE_MAX

struct entry {
	char *block;		/* name, NUL, value, NUL */
	bool lent;		/* the block is the model's */
	size_t name_len;
	size_t value_len;
	unsigned line;
	uint32_t hash;
};

struct env_set {
	struct entry *entries;
	size_t len;
	size_t capacity;
	uint16_t *slots;	/* 1 + place in entries, 0 when free; twice as many as capacity, a power of two */
	size_t bytes;
	size_t max_bytes;
	const struct env_set *model;	/* NULL: none */
	unsigned char key[crypto_shorthash_KEYBYTES];	/* names come from outside: a hash without a key can be attacked */
};

_Static_assert(LIMIT_VARIABLES < UINT16_MAX, "slots hold 16 bits");

static void entry_drop(struct entry *entry)
{
	if (entry->lent)
		return;
	explicit_bzero(entry->block, entry->name_len + entry->value_len + 2);
	free(entry->block);
}

void env_set_free(struct env_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->len; i++)
		entry_drop(&set->entries[i]);
	free(set->entries);
	free(set->slots);
	free(set);
}

struct env_set *env_set_new(size_t max_bytes)
{
	struct env_set *set = calloc(1, sizeof(*set));
	if (!set)
		return NULL;
	set->max_bytes = max_bytes;
	randombytes_buf(set->key, sizeof(set->key));
	return set;
}

struct env_set *env_set_new_like(const struct env_set *model, size_t max_bytes)
{
	struct env_set *set = env_set_new(max_bytes);
	if (!set)
		return NULL;
	/* With the same key a name has the same hash in both. */
	memcpy(set->key, model->key, sizeof(set->key));
	set->model = model;
	return set;
}

static uint32_t hash_name(const struct env_set *set, const char *name, size_t len)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint32_t ret;
	crypto_shorthash(hash, (const unsigned char *)name, len, set->key);
	memcpy(&ret, hash, sizeof(ret));
	return ret;
}

static size_t slots_mask(const struct env_set *set)
{
	return set->capacity * 2 - 1;
}

static void slot_take(struct env_set *set, size_t i)
{
	size_t slot = set->entries[i].hash & slots_mask(set);
	while (set->slots[slot] != 0)
		slot = (slot + 1) & slots_mask(set);
	set->slots[slot] = (uint16_t)(i + 1);
}

static void slots_rebuild(struct env_set *set)
{
	if (set->capacity == 0)
		return;
	memset(set->slots, 0, set->capacity * 2 * sizeof(*set->slots));
	for (size_t i = 0; i < set->len; i++)
		slot_take(set, i);
}

static bool entry_is_named(const struct entry *entry, const char *name, size_t name_len)
{
	return entry->name_len == name_len && memcmp(entry->block, name, name_len) == 0;
}

static size_t find(const struct env_set *set, const char *name, size_t name_len, uint32_t hash)
{
	if (set->len == 0)
		return NOT_FOUND;
	for (size_t slot = hash & slots_mask(set); set->slots[slot] != 0; slot = (slot + 1) & slots_mask(set)) {
		size_t i = set->slots[slot] - 1u;
		if (set->entries[i].hash == hash && entry_is_named(&set->entries[i], name, name_len))
			return i;
	}
	return NOT_FOUND;
}

/* The entries themselves hold no secret, only where the secrets are; they may be moved by realloc. */
static bool entries_grow(struct env_set *set)
{
	size_t capacity = set->capacity > 0 ? set->capacity * 2 : FIRST_ENTRIES;
	uint16_t *slots = calloc(capacity * 2, sizeof(*slots));
	if (!slots)
		return false;
	struct entry *entries = reallocarray(set->entries, capacity, sizeof(*entries));
	if (!entries) {
		free(slots);
		return false;
	}
	free(set->slots);
	set->entries = entries;
	set->slots = slots;
	set->capacity = capacity;
	slots_rebuild(set);
	return true;
}

/* The model's own bytes, when the variable is the same there. */
static bool entry_borrow(const struct env_set *set, struct entry *ret, const char *name, size_t name_len, const char *value,
			 size_t value_len)
{
	size_t i = set->model ? find(set->model, name, name_len, ret->hash) : NOT_FOUND;
	const struct entry *there = i != NOT_FOUND ? &set->model->entries[i] : NULL;
	if (!there || there->value_len != value_len ||
	    (value_len > 0 && memcmp(there->block + name_len + 1, value, value_len) != 0))
		return false;
	ret->block = there->block;
	ret->name_len = name_len;
	ret->value_len = value_len;
	ret->lent = true;
	return true;
}

static bool entry_make(struct entry *ret, const char *name, size_t name_len, const char *value, size_t value_len)
{
	char *block = malloc(name_len + value_len + 2);
	if (!block)
		return false;
	/* A caller with an empty value may have no pointer for it. */
	if (name_len > 0)
		memcpy(block, name, name_len);
	block[name_len] = '\0';
	if (value_len > 0)
		memcpy(block + name_len + 1, value, value_len);
	block[name_len + 1 + value_len] = '\0';
	ret->block = block;
	ret->name_len = name_len;
	ret->value_len = value_len;
	return true;
}

/* What the set would hold, by bytes and entries, with a new entry in place of entry i (or of none). */
static enum error_code check_room(const struct env_set *set, size_t i, size_t name_len, size_t value_len,
				  struct error *err)
{
	size_t others = set->bytes;
	if (i != NOT_FOUND)
		others -= set->entries[i].name_len + set->entries[i].value_len;
	else if (set->len == LIMIT_VARIABLES)
		return error_set(err, ERR_TOO_LARGE, "there are more than %d variables", LIMIT_VARIABLES);
	size_t room = set->max_bytes - others;
	if (name_len > room || value_len > room - name_len)
		return error_set(err, ERR_TOO_LARGE, "the variables together are larger than %zu bytes",
				 set->max_bytes);
	return ERR_OK;
}

static enum error_code no_memory(struct error *err)
{
	return error_set(err, ERR_NO_MEMORY, "out of memory while keeping variables");
}

static void count_bytes(struct env_set *set, const struct entry *entry)
{
	set->bytes += entry->name_len + entry->value_len;
}

static void uncount_bytes(struct env_set *set, const struct entry *entry)
{
	set->bytes -= entry->name_len + entry->value_len;
}

enum error_code env_set_put(struct env_set *set, const char *name, size_t name_len, const char *value,
			    size_t value_len, unsigned line, bool *ret_replaced, struct error *err)
{
	struct entry entry = { .line = line, .hash = hash_name(set, name, name_len) };
	size_t i = find(set, name, name_len, entry.hash);
	enum error_code code = check_room(set, i, name_len, value_len, err);
	if (code != ERR_OK)
		return code;
	if (i == NOT_FOUND && set->len == set->capacity && !entries_grow(set))
		return no_memory(err);
	if (!entry_borrow(set, &entry, name, name_len, value, value_len) &&
	    !entry_make(&entry, name, name_len, value, value_len))
		return no_memory(err);
	count_bytes(set, &entry);
	if (i != NOT_FOUND) {
		uncount_bytes(set, &set->entries[i]);
		entry_drop(&set->entries[i]);
		set->entries[i] = entry;
	} else {
		set->entries[set->len++] = entry;
		slot_take(set, set->len - 1);
	}
	if (ret_replaced)
		*ret_replaced = i != NOT_FOUND;
	return ERR_OK;
}

bool env_set_remove(struct env_set *set, const char *name, size_t name_len)
{
	size_t i = find(set, name, name_len, hash_name(set, name, name_len));
	if (i == NOT_FOUND)
		return false;
	uncount_bytes(set, &set->entries[i]);
	entry_drop(&set->entries[i]);
	set->len--;
	memmove(&set->entries[i], &set->entries[i + 1], (set->len - i) * sizeof(*set->entries));
	/* All later places moved by one, so the slots are made anew; removing is rare. */
	slots_rebuild(set);
	return true;
}

size_t env_set_count(const struct env_set *set)
{
	return set->len;
}

static struct env_entry entry_view(const struct entry *entry)
{
	return (struct env_entry){
		.name = entry->block,
		.name_len = entry->name_len,
		.value = entry->block + entry->name_len + 1,
		.value_len = entry->value_len,
		.line = entry->line,
	};
}

struct env_entry env_set_at(const struct env_set *set, size_t i)
{
	assert(i < set->len);
	return entry_view(&set->entries[i]);
}

bool env_set_find(const struct env_set *set, const char *name, size_t name_len, struct env_entry *ret)
{
	size_t i = find(set, name, name_len, hash_name(set, name, name_len));
	if (i == NOT_FOUND)
		return false;
	*ret = entry_view(&set->entries[i]);
	return true;
}

bool env_set_equal(const struct env_set *a, const struct env_set *b)
{
	if (a->len != b->len || a->bytes != b->bytes)
		return false;
	for (size_t i = 0; i < a->len; i++) {
		struct env_entry from_a = entry_view(&a->entries[i]);
		struct env_entry from_b;
		if (!env_set_find(b, from_a.name, from_a.name_len, &from_b) ||
		    from_a.value_len != from_b.value_len ||
		    memcmp(from_a.value, from_b.value, from_a.value_len) != 0)
			return false;
	}
	return true;
}

static int compare_names(const void *left, const void *right)
{
	const struct entry *a = left;
	const struct entry *b = right;
	size_t common = a->name_len < b->name_len ? a->name_len : b->name_len;
	int order = memcmp(a->block, b->block, common);
	if (order != 0)
		return order;
	return a->name_len < b->name_len ? -1 : a->name_len > b->name_len ? 1 : 0;
}

void env_set_sort(struct env_set *set)
{
	if (set->len < 2)
		return;
	qsort(set->entries, set->len, sizeof(*set->entries), compare_names);
	slots_rebuild(set);
}
