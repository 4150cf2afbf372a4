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
	/* Of a set like another; then it has no entries of its own. */
	const struct env_set *model;	/* what it may hold; NULL: a set for itself */
	const struct env_set *root;	/* whose entries the model's are */
	uint16_t *order;	/* places in the root's entries */
	bool *is_held;		/* for each of these */
	bool differs;		/* something was put that the model does not have */
	unsigned char key[crypto_shorthash_KEYBYTES];	/* names come from outside: a hash without a key can be attacked */
};

_Static_assert(LIMIT_VARIABLES < UINT16_MAX, "slots hold 16 bits");

static void entry_drop(struct entry *entry)
{
	explicit_bzero(entry->block, entry->name_len + entry->value_len + 2);
	free(entry->block);
}

void env_set_free(struct env_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->len && !set->model; i++)
		entry_drop(&set->entries[i]);
	free(set->entries);
	free(set->slots);
	free(set->order);
	free(set->is_held);
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

struct env_set *env_set_new_like(const struct env_set *model)
{
	cleanup_(env_set_freep) struct env_set *set = calloc(1, sizeof(*set));
	if (!set)
		return NULL;
	set->model = model;
	set->root = model->root ? model->root : model;
	/* One more, because of sets without any. */
	set->order = calloc(set->root->len + 1, sizeof(*set->order));
	set->is_held = calloc(set->root->len + 1, sizeof(*set->is_held));
	return set->order && set->is_held ? take_ptr(set) : NULL;
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

/* Its place in the root of a set like another, or NOT_FOUND when that does not hold it. */
static size_t find_held(const struct env_set *set, const char *name, size_t name_len)
{
	size_t i = find(set->root, name, name_len, hash_name(set->root, name, name_len));
	return i != NOT_FOUND && set->is_held[i] ? i : NOT_FOUND;
}

static bool model_has(const struct env_set *set, const char *name, size_t name_len, const char *value, size_t value_len,
		      size_t *ret_place)
{
	const struct env_set *root = set->root;
	size_t i = find(root, name, name_len, hash_name(root, name, name_len));
	*ret_place = i;
	if (i == NOT_FOUND || (set->model != root && !set->model->is_held[i]) || root->entries[i].value_len != value_len)
		return false;
	return value_len == 0 || memcmp(root->entries[i].block + name_len + 1, value, value_len) == 0;
}

static void forget(struct env_set *set, size_t place)
{
	size_t i = 0;
	while (set->order[i] != place)
		i++;
	set->is_held[place] = false;
	set->len--;
	memmove(set->order + i, set->order + i + 1, (set->len - i) * sizeof(*set->order));
	uncount_bytes(set, &set->root->entries[place]);
}

static void put_like(struct env_set *set, const char *name, size_t name_len, const char *value, size_t value_len,
		     bool *ret_replaced)
{
	size_t place;
	bool same = model_has(set, name, name_len, value, value_len, &place);
	bool was_held = place != NOT_FOUND && set->is_held[place];
	if (!same) {
		set->differs = true;
		if (was_held)
			forget(set, place);
	} else if (!was_held) {
		set->is_held[place] = true;
		set->order[set->len++] = (uint16_t)place;
		count_bytes(set, &set->root->entries[place]);
	}
	if (ret_replaced)
		*ret_replaced = was_held;
}

enum error_code env_set_put(struct env_set *set, const char *name, size_t name_len, const char *value,
			    size_t value_len, unsigned line, bool *ret_replaced, struct error *err)
{
	if (set->model) {
		put_like(set, name, name_len, value, value_len, ret_replaced);
		return ERR_OK;
	}
	struct entry entry = { .line = line, .hash = hash_name(set, name, name_len) };
	size_t i = find(set, name, name_len, entry.hash);
	enum error_code code = check_room(set, i, name_len, value_len, err);
	if (code != ERR_OK)
		return code;
	if (i == NOT_FOUND && set->len == set->capacity && !entries_grow(set))
		return no_memory(err);
	if (!entry_make(&entry, name, name_len, value, value_len))
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

static bool remove_held(struct env_set *set, const char *name, size_t name_len)
{
	size_t place = find_held(set, name, name_len);
	if (place == NOT_FOUND)
		return false;
	forget(set, place);
	return true;
}

bool env_set_remove(struct env_set *set, const char *name, size_t name_len)
{
	if (set->model)
		return remove_held(set, name, name_len);
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
	return entry_view(set->model ? &set->root->entries[set->order[i]] : &set->entries[i]);
}

bool env_set_find(const struct env_set *set, const char *name, size_t name_len, struct env_entry *ret)
{
	const struct env_set *root = set->model ? set->root : set;
	size_t i = set->model ? find_held(set, name, name_len) : find(set, name, name_len, hash_name(set, name, name_len));
	if (i == NOT_FOUND)
		return false;
	*ret = entry_view(&root->entries[i]);
	return true;
}

bool env_set_equal(const struct env_set *a, const struct env_set *b)
{
	if (a->len != b->len || a->bytes != b->bytes || a->differs || b->differs)
		return false;
	for (size_t i = 0; i < a->len; i++) {
		struct env_entry from_a = env_set_at(a, i);
		struct env_entry from_b;
		if (!env_set_find(b, from_a.name, from_a.name_len, &from_b) || from_a.value_len != from_b.value_len)
			return false;
		/* A set like another has the other's bytes. */
		if (from_a.value != from_b.value && memcmp(from_a.value, from_b.value, from_a.value_len) != 0)
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
	assert(!set->model);
	if (set->len < 2)
		return;
	qsort(set->entries, set->len, sizeof(*set->entries), compare_names);
	slots_rebuild(set);
}
