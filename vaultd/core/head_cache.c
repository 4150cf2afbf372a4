#include "core/head_cache.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "records/value.h"

#define CHAINS 4096	/* a power of two */

struct head_cache {
	pthread_mutex_t lock;
	size_t bytes, max_bytes;
	struct head_entry *oldest, *newest;
	struct head_entry *chains[CHAINS];
};

struct head_cache *head_cache_new(size_t max_bytes)
{
	struct head_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	pthread_mutex_init(&cache->lock, NULL);
	cache->max_bytes = max_bytes;
	return cache;
}

static void entry_destroy(struct head_entry *entry)
{
	head_record_free(&entry->head);
	secret_buf_free(entry->plain);
	secret_buf_free(entry->settings_plain);
	sodium_memzero(entry, sizeof(*entry));
	free(entry);
}

void head_entry_free(struct head_entry *entry)
{
	if (entry && atomic_fetch_sub_explicit(&entry->holders, 1, memory_order_acq_rel) == 1)
		entry_destroy(entry);
}

static struct head_entry *entry_hold(struct head_entry *entry)
{
	atomic_fetch_add_explicit(&entry->holders, 1, memory_order_relaxed);
	return entry;
}

/* The keys are keyed hashes: their bytes need no mixing. */
static struct head_entry **chain_of(struct head_cache *cache, const struct record_key *key)
{
	size_t hash;

	memcpy(&hash, key->bytes + 1, sizeof(hash));
	return &cache->chains[hash & (CHAINS - 1)];
}

static struct head_entry *find_locked(struct head_cache *cache, const struct record_key *key)
{
	struct head_entry *entry = *chain_of(cache, key);

	while (entry && memcmp(entry->key.bytes, key->bytes, key->len) != 0)
		entry = entry->chain;
	return entry;
}

static void age_unlink(struct head_cache *cache, struct head_entry *entry)
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

static void age_append(struct head_cache *cache, struct head_entry *entry)
{
	entry->older = cache->newest;
	if (cache->newest)
		cache->newest->newer = entry;
	else
		cache->oldest = entry;
	cache->newest = entry;
}

static void remove_locked(struct head_cache *cache, struct head_entry *entry)
{
	struct head_entry **link = chain_of(cache, &entry->key);

	while (*link != entry)
		link = &(*link)->chain;
	*link = entry->chain;
	entry->chain = NULL;
	age_unlink(cache, entry);
	cache->bytes -= entry->bytes;
	head_entry_free(entry);
}

static void insert(struct head_cache *cache, struct head_entry *entry)
{
	struct head_entry *former, **link;

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

static struct head_entry *lookup(struct head_cache *cache, const struct record_key *key,
				 const uint8_t pin[static PIN_LEN])
{
	struct head_entry *entry;

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

/* -- loading ------------------------------------------------------------- */

static enum error_code load_settings(struct head_entry *entry, struct records_view *view, struct error *err)
{
	struct record_key key = record_key_id(TABLE_SETTINGS, entry->eid);
	cleanup_(secret_buf_freep) struct secret_buf *plain = NULL;
	enum error_code code;
	uint8_t pin[PIN_LEN];

	/* Most environments have none: ask for the pin before making a buffer. */
	code = records_peek(view, &key, pin, err);
	if (code == ERR_NOT_FOUND)
		return ERR_OK;
	if (code != ERR_OK)
		return code;
	plain = secret_buf_new(VALUE_PADDED_MAX);
	if (!plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for an environment's settings");
	code = records_read(view, &key, plain, entry->settings_pin, NULL, err);
	if (code == ERR_OK)
		code = decode_text(secret_buf_bytes(plain), secret_buf_len(plain), &entry->settings, err);
	if (code == ERR_OK)
		entry->settings_plain = take_ptr(plain);
	return code;
}

static enum error_code check_name(const struct head_record *head, const uint8_t mount[static ID_LEN],
				  const struct env_path *path, struct error *err)
{
	if (memcmp(head->mount, mount, ID_LEN) != 0 || head->path.len != path->len ||
	    memcmp(head->path.at, path->text, path->len) != 0)
		return error_set(err, ERR_RECORD, "the head of %s holds another environment's name", path->text);
	return ERR_OK;
}

static size_t entry_bytes(const struct head_entry *entry)
{
	const struct head_record *head = &entry->head;
	size_t settings = entry->settings_plain ? secret_buf_len(entry->settings_plain) : 0;

	return sizeof(*entry) + secret_buf_len(entry->plain) + settings +
	       head->revisions_len * sizeof(*head->revisions) + head->custom_len * sizeof(*head->custom) +
	       head->parents_len * sizeof(*head->parents);
}

static enum error_code load(struct records_view *view, const struct record_key *key, const uint8_t mount[static ID_LEN],
			    const struct env_path *path, struct head_entry **ret, struct error *err)
{
	cleanup_(head_entry_freep) struct head_entry *entry = calloc(1, sizeof(*entry));
	enum error_code code;

	if (!entry)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for an environment's head");
	atomic_init(&entry->holders, 1);
	entry->key = *key;
	entry->plain = secret_buf_new(VALUE_PADDED_MAX);
	if (!entry->plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for an environment's head");
	code = records_read(view, key, entry->plain, entry->pin, entry->eid, err);
	if (code == ERR_OK)
		code = decode_head(secret_buf_bytes(entry->plain), secret_buf_len(entry->plain), &entry->head, err);
	if (code == ERR_OK)
		code = check_name(&entry->head, mount, path, err);
	if (code == ERR_OK)
		code = load_settings(entry, view, err);
	if (code != ERR_OK)
		return code;
	entry->bytes = entry_bytes(entry);
	*ret = take_ptr(entry);
	return ERR_OK;
}

enum error_code head_cache_get(struct head_cache *cache, struct records_view *view, const uint8_t mount[static ID_LEN],
			       const struct env_path *path, struct head_entry **ret, struct error *err)
{
	struct record_key key = records_head_key(view, mount, path->text, path->len);
	uint8_t pin[PIN_LEN];
	enum error_code code = records_peek(view, &key, pin, err);

	if (code != ERR_OK)
		return code;
	*ret = lookup(cache, &key, pin);
	if (*ret)
		return ERR_OK;
	code = load(view, &key, mount, path, ret, err);
	if (code == ERR_OK)
		insert(cache, *ret);
	return code;
}

void head_cache_drop(struct head_cache *cache, const struct record_key *key)
{
	struct head_entry *entry;

	pthread_mutex_lock(&cache->lock);
	entry = find_locked(cache, key);
	if (entry)
		remove_locked(cache, entry);
	pthread_mutex_unlock(&cache->lock);
}

void head_cache_clear(struct head_cache *cache)
{
	pthread_mutex_lock(&cache->lock);
	while (cache->oldest)
		remove_locked(cache, cache->oldest);
	pthread_mutex_unlock(&cache->lock);
}

size_t head_cache_bytes(struct head_cache *cache)
{
	size_t bytes;

	pthread_mutex_lock(&cache->lock);
	bytes = cache->bytes;
	pthread_mutex_unlock(&cache->lock);
	return bytes;
}

void head_cache_free(struct head_cache *cache)
{
	if (!cache)
		return;
	head_cache_clear(cache);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}
