#include "crypto/arena.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>

#define WORD_BITS 64
#define WORDS (ARENA_KEYS / WORD_BITS)

static_assert(ARENA_KEYS % WORD_BITS == 0, "the map of used slots has no partial word");
static_assert(sizeof(struct secret_key) == KEY_LEN, "slots are adjacent");

/* The map stands outside of the region, so that a stray write into a key cannot make a used slot look free. */
static struct {
	pthread_mutex_t lock;
	struct secret_key *keys;
	bool locked;
	size_t used;
	size_t hint;	/* the word where a free slot was last seen */
	uint64_t map[WORDS];
} arena = { .lock = PTHREAD_MUTEX_INITIALIZER };

enum error_code secret_arena_start(struct error *err)
{
	if (sodium_init() < 0)
		return error_set(err, ERR_INTERNAL, "libsodium does not start on this machine");
	if (arena.keys)
		return ERR_OK;
	arena.keys = sodium_allocarray(ARENA_KEYS, sizeof(struct secret_key));
	if (!arena.keys)
		return error_set(err, ERR_NO_MEMORY, "no memory for the key arena of %zu bytes",
				 sizeof(struct secret_key) * ARENA_KEYS);
	/* sodium_allocarray() locks too but does not say whether it could; locking twice is one lock. */
	arena.locked = sodium_mlock(arena.keys, sizeof(struct secret_key) * ARENA_KEYS) == 0;
	sodium_memzero(arena.keys, sizeof(struct secret_key) * ARENA_KEYS);
	return ERR_OK;
}

bool secret_arena_locked(void)
{
	return arena.locked;
}

void secret_arena_wipe(void)
{
	pthread_mutex_lock(&arena.lock);
	if (arena.keys)
		sodium_memzero(arena.keys, sizeof(struct secret_key) * ARENA_KEYS);
	for (size_t i = 0; i < WORDS; i++)
		arena.map[i] = 0;
	arena.used = 0;
	arena.hint = 0;
	pthread_mutex_unlock(&arena.lock);
}

size_t secret_arena_used(void)
{
	pthread_mutex_lock(&arena.lock);
	size_t used = arena.used;
	pthread_mutex_unlock(&arena.lock);
	return used;
}

void secret_key_free(struct secret_key *key)
{
	if (!key)
		return;
	/* In bytes: a difference of pointers may be taken to be whole keys, and the check for that to be true. */
	uintptr_t offset = (uintptr_t)key - (uintptr_t)arena.keys;
	assert(arena.keys && offset < sizeof(struct secret_key) * ARENA_KEYS);
	assert(offset % sizeof(struct secret_key) == 0);
	size_t slot = offset / sizeof(struct secret_key);
	uint64_t bit = UINT64_C(1) << (slot % WORD_BITS);

	pthread_mutex_lock(&arena.lock);
	assert(arena.map[slot / WORD_BITS] & bit);	/* freed twice otherwise */
	sodium_memzero(key, sizeof(*key));
	arena.map[slot / WORD_BITS] &= ~bit;
	arena.used--;
	arena.hint = slot / WORD_BITS;
	pthread_mutex_unlock(&arena.lock);
}

/* The lock is held. ARENA_KEYS when all are taken. */
static size_t take_free_slot(void)
{
	for (size_t i = 0; i < WORDS; i++) {
		size_t word = (arena.hint + i) % WORDS;
		if (arena.map[word] == UINT64_MAX)
			continue;
		size_t bit = (size_t)__builtin_ctzll(~arena.map[word]);
		arena.map[word] |= UINT64_C(1) << bit;
		arena.hint = word;
		arena.used++;
		return word * WORD_BITS + bit;
	}
	return ARENA_KEYS;
}

struct secret_key *secret_key_new(void)
{
	assert(arena.keys);
	pthread_mutex_lock(&arena.lock);
	size_t slot = take_free_slot();
	pthread_mutex_unlock(&arena.lock);
	return slot < ARENA_KEYS ? &arena.keys[slot] : NULL;	/* freed slots were wiped */
}

void secret_key_wipe(struct secret_key *key)
{
	sodium_memzero(key, sizeof(*key));
}
