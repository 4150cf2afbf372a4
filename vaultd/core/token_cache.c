#include "core/token_cache.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/acl.h"
#include "vault/limits.h"

struct token_cache {
	pthread_mutex_t lock;
	struct cached_token places[LIMIT_TOKEN_CACHE];	/* a zero pin: empty */
};

struct token_cache *token_cache_new(void)
{
	struct token_cache *cache = calloc(1, sizeof(*cache));

	if (cache)
		pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

static void empty(struct cached_token *place)
{
	acl_unref(place->caller.acl);
	sodium_memzero(place, sizeof(*place));
}

/* Ids are keyed hashes, so any of their bytes spread them. */
static struct cached_token *place_of(struct token_cache *cache, const uint8_t id[static ID_LEN])
{
	uint32_t hash;

	memcpy(&hash, id, sizeof(hash));
	return &cache->places[hash % LIMIT_TOKEN_CACHE];
}

bool token_cache_find(struct token_cache *cache, const uint8_t id[static ID_LEN], const uint8_t pin[static PIN_LEN],
		      struct cached_token *ret)
{
	const struct cached_token *place = place_of(cache, id);
	bool found;

	pthread_mutex_lock(&cache->lock);
	found = memcmp(place->id, id, ID_LEN) == 0 && memcmp(place->pin, pin, PIN_LEN) == 0;
	if (found) {
		*ret = *place;
		ret->caller.acl = acl_ref(place->caller.acl);
	}
	pthread_mutex_unlock(&cache->lock);
	return found;
}

void token_cache_put(struct token_cache *cache, const struct cached_token *token)
{
	struct cached_token *place = place_of(cache, token->id);

	pthread_mutex_lock(&cache->lock);
	empty(place);
	*place = *token;
	place->caller.acl = acl_ref(token->caller.acl);
	pthread_mutex_unlock(&cache->lock);
}

void token_cache_drop(struct token_cache *cache, const uint8_t id[static ID_LEN])
{
	struct cached_token *place = place_of(cache, id);

	pthread_mutex_lock(&cache->lock);
	if (memcmp(place->id, id, ID_LEN) == 0)
		empty(place);
	pthread_mutex_unlock(&cache->lock);
}

void token_cache_clear(struct token_cache *cache)
{
	pthread_mutex_lock(&cache->lock);
	for (size_t i = 0; i < LIMIT_TOKEN_CACHE; i++)
		empty(&cache->places[i]);
	pthread_mutex_unlock(&cache->lock);
}

void token_cache_free(struct token_cache *cache)
{
	if (!cache)
		return;
	token_cache_clear(cache);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}
