#include "core/pinned_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS 4096	/* a power of two */

struct pinned_cache {
	pthread_mutex_t lock;
	size_t bytes, max_bytes;
	struct pinned_entry *oldest, *newest;
	struct pinned_entry *chains[CHAINS];
};

struct pinned_cache *pinned_cache_new(size_t max_bytes)
{
	struct pinned_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	pthread_mutex_init(&cache->lock, NULL);
	cache->max_bytes = max_bytes;
	return cache;
}

void pinned_entry_init(struct pinned_entry *entry, const struct record_key *key,
		       void (*destroy)(struct pinned_entry *entry))
{
	atomic_init(&entry->holders, 1);
	entry->key = *key;
	entry->destroy = destroy;
}

void pinned_entry_free(struct pinned_entry *entry)
{
	if (entry && atomic_fetch_sub_explicit(&entry->holders, 1, memory_order_acq_rel) == 1)
		entry->destroy(entry);
}

static struct pinned_entry *entry_hold(struct pinned_entry *entry)
{
	atomic_fetch_add_explicit(&entry->holders, 1, memory_order_relaxed);
	return entry;
}

/* Blind keys are keyed hashes, ids are random: their bytes need no mixing. */
static struct pinned_entry **chain_of(struct pinned_cache *cache, const struct record_key *key)
{
	size_t hash;

	memcpy(&hash, key->bytes + 1, sizeof(hash));
	return &cache->chains[hash & (CHAINS - 1)];
}

static struct pinned_entry *find_locked(struct pinned_cache *cache, const struct record_key *key)
{
	struct pinned_entry *entry = *chain_of(cache, key);

	while (entry && (entry->key.len != key->len || memcmp(entry->key.bytes, key->bytes, key->len) != 0))
		entry = entry->chain;
	return entry;
}

static void age_unlink(struct pinned_cache *cache, struct pinned_entry *entry)
{
	if (entry->older)
		entry->older->newer = entry->newer;
	else
		cache->oldest = entry->newer;
	if (entry->newer)
		entry->newer->older = entry->older;
	else
		cache->newest = entry->older;
	entry->older = entry->newer = NULL;
}

static void age_append(struct pinned_cache *cache, struct pinned_entry *entry)
{
	entry->older = cache->newest;
	if (cache->newest)
		cache->newest->newer = entry;
	else
		cache->oldest = entry;
	cache->newest = entry;
}

static void remove_locked(struct pinned_cache *cache, struct pinned_entry *entry)
{
	struct pinned_entry **link = chain_of(cache, &entry->key);

	while (*link != entry)
		link = &(*link)->chain;
	*link = entry->chain;
	entry->chain = NULL;
	age_unlink(cache, entry);
	cache->bytes -= entry->bytes;
	pinned_entry_free(entry);
}

void pinned_cache_add(struct pinned_cache *cache, struct pinned_entry *entry)
{
	struct pinned_entry *former, **link;

	if (entry->bytes > cache->max_bytes)
		return;
	pthread_mutex_lock(&cache->lock);
	former = find_locked(cache, &entry->key);
	if (former)
		remove_locked(cache, former);
	while (cache->bytes + entry->bytes > cache->max_bytes)
		remove_locked(cache, cache->oldest);
	link = chain_of(cache, &entry->key);
	entry->chain = *link;
	*link = entry_hold(entry);
	age_append(cache, entry);
	cache->bytes += entry->bytes;
	pthread_mutex_unlock(&cache->lock);
}

struct pinned_entry *pinned_cache_find(struct pinned_cache *cache, const struct record_key *key,
				       const uint8_t pin[static PIN_LEN])
{
	struct pinned_entry *entry;

	pthread_mutex_lock(&cache->lock);
	entry = find_locked(cache, key);
	if (entry && memcmp(entry->pin, pin, PIN_LEN) != 0)
		entry = NULL;
	if (entry) {
		if (cache->newest != entry) {
			age_unlink(cache, entry);
			age_append(cache, entry);
		}
		entry_hold(entry);
	}
	pthread_mutex_unlock(&cache->lock);
	return entry;
}

void pinned_cache_drop(struct pinned_cache *cache, const struct record_key *key)
{
	struct pinned_entry *entry;

	pthread_mutex_lock(&cache->lock);
	entry = find_locked(cache, key);
	if (entry)
		remove_locked(cache, entry);
	pthread_mutex_unlock(&cache->lock);
}

void pinned_cache_clear(struct pinned_cache *cache)
{
	pthread_mutex_lock(&cache->lock);
	while (cache->oldest)
		remove_locked(cache, cache->oldest);
	pthread_mutex_unlock(&cache->lock);
}

size_t pinned_cache_bytes(struct pinned_cache *cache)
{
	size_t bytes;

	pthread_mutex_lock(&cache->lock);
	bytes = cache->bytes;
	pthread_mutex_unlock(&cache->lock);
	return bytes;
}

void pinned_cache_free(struct pinned_cache *cache)
{
	if (!cache)
		return;
	pinned_cache_clear(cache);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}
