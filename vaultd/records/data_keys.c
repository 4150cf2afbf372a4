#include "records/data_keys.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 8192	/* a power of two; kids are random, so their first bytes are the hash */

struct cached_key {
	struct cached_key *chain, *older, *newer;
	uint8_t kid[ID_LEN];
	uint32_t version;
	struct secret_key *key;
};

struct data_keys {
	pthread_mutex_t lock;
	struct cached_key *buckets[BUCKETS];
	struct cached_key *oldest, *newest;
	size_t len;
};

static struct cached_key **bucket_of(struct data_keys *cache, const uint8_t *kid)
{
	uint32_t hash;

	memcpy(&hash, kid, sizeof(hash));
	return &cache->buckets[hash % BUCKETS];
}

static void unlink_age(struct data_keys *cache, struct cached_key *entry)
{
	*(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
	*(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
	entry->older = entry->newer = NULL;
}

static void make_newest(struct data_keys *cache, struct cached_key *entry)
{
	entry->older = cache->newest;
	entry->newer = NULL;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
	cache->newest = entry;
}

static void drop(struct data_keys *cache, struct cached_key *entry)
{
	struct cached_key **at = bucket_of(cache, entry->kid);

	while (*at != entry)
		at = &(*at)->chain;
	*at = entry->chain;
	unlink_age(cache, entry);
	secret_key_free(entry->key);
	sodium_memzero(entry, sizeof(*entry));
	free(entry);
	cache->len--;
}

void data_keys_free(struct data_keys *cache)
{
	if (!cache)
		return;
	while (cache->oldest)
		drop(cache, cache->oldest);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

struct data_keys *data_keys_new(void)
{
	struct data_keys *cache = calloc(1, sizeof(*cache));

	if (cache)
		pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

static struct cached_key *find(struct data_keys *cache, const uint8_t *kid, uint32_t version)
{
	struct cached_key *entry = *bucket_of(cache, kid);

	while (entry && (entry->version != version || memcmp(entry->kid, kid, ID_LEN) != 0))
		entry = entry->chain;
	return entry;
}

bool data_keys_find(struct data_keys *cache, const uint8_t kid[static ID_LEN], uint32_t version, struct secret_key *ret)
{
	struct cached_key *entry;

	pthread_mutex_lock(&cache->lock);
	entry = find(cache, kid, version);
	if (entry) {
		memcpy(ret->bytes, entry->key->bytes, KEY_LEN);
		if (cache->newest != entry) {
			unlink_age(cache, entry);
			make_newest(cache, entry);
		}
	}
	pthread_mutex_unlock(&cache->lock);
	return entry != NULL;
}

void data_keys_add(struct data_keys *cache, const uint8_t kid[static ID_LEN], uint32_t version, const struct secret_key *key)
{
	struct cached_key *entry;

	pthread_mutex_lock(&cache->lock);
	if (find(cache, kid, version)) {
		pthread_mutex_unlock(&cache->lock);
		return;
	}
	if (cache->len >= DATA_KEYS_CACHED)
		drop(cache, cache->oldest);
	entry = calloc(1, sizeof(*entry));
	if (entry)
		entry->key = secret_key_new();
	if (entry && entry->key) {
		memcpy(entry->key->bytes, key->bytes, KEY_LEN);
		memcpy(entry->kid, kid, ID_LEN);
		entry->version = version;
		entry->chain = *bucket_of(cache, kid);
		*bucket_of(cache, kid) = entry;
		make_newest(cache, entry);
		cache->len++;
	} else {
		free(entry);
	}
	pthread_mutex_unlock(&cache->lock);
}

void data_keys_forget(struct data_keys *cache, const uint8_t kid[static ID_LEN])
{
	pthread_mutex_lock(&cache->lock);
	for (struct cached_key *entry = *bucket_of(cache, kid), *next; entry; entry = next) {
		next = entry->chain;
		if (memcmp(entry->kid, kid, ID_LEN) == 0)
			drop(cache, entry);
	}
	pthread_mutex_unlock(&cache->lock);
}
