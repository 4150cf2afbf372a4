#include "core/schema_cache.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "records/tables_rotation.h"
#include "records/value.h"

#define CHAINS 1024	/* a power of two */

struct schema_cache {
	pthread_mutex_t lock;
	size_t bytes, max_bytes;
	struct schema_entry *oldest, *newest;
	struct schema_entry *chains[CHAINS];
};

struct schema_cache *schema_cache_new(size_t max_bytes)
{
	struct schema_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	pthread_mutex_init(&cache->lock, NULL);
	cache->max_bytes = max_bytes;
	return cache;
}

void schema_entry_free(struct schema_entry *entry)
{
	if (!entry || atomic_fetch_sub_explicit(&entry->holders, 1, memory_order_acq_rel) != 1)
		return;
	schema_free(entry->schema);
	sodium_memzero(entry, sizeof(*entry));
	free(entry);
}

static struct schema_entry *entry_hold(struct schema_entry *entry)
{
	atomic_fetch_add_explicit(&entry->holders, 1, memory_order_relaxed);
	return entry;
}

/* Ids are random: their bytes need no mixing. */
static struct schema_entry **chain_of(struct schema_cache *cache, const uint8_t eid[static ID_LEN])
{
	size_t hash;

	memcpy(&hash, eid, sizeof(hash));
	return &cache->chains[hash & (CHAINS - 1)];
}

static struct schema_entry *find_locked(struct schema_cache *cache, const uint8_t eid[static ID_LEN])
{
	struct schema_entry *entry = *chain_of(cache, eid);

	while (entry && memcmp(entry->eid, eid, ID_LEN) != 0)
		entry = entry->chain;
	return entry;
}

static void age_unlink(struct schema_cache *cache, struct schema_entry *entry)
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

static void age_append(struct schema_cache *cache, struct schema_entry *entry)
{
	entry->older = cache->newest;
	if (cache->newest)
		cache->newest->newer = entry;
	else
		cache->oldest = entry;
	cache->newest = entry;
}

static void remove_locked(struct schema_cache *cache, struct schema_entry *entry)
{
	struct schema_entry **link = chain_of(cache, entry->eid);

	while (*link != entry)
		link = &(*link)->chain;
	*link = entry->chain;
	entry->chain = NULL;
	age_unlink(cache, entry);
	cache->bytes -= entry->bytes;
	schema_entry_free(entry);
}

static void insert(struct schema_cache *cache, struct schema_entry *entry)
{
	struct schema_entry *former, **link;

	if (entry->bytes > cache->max_bytes)
		return;
	pthread_mutex_lock(&cache->lock);
	former = find_locked(cache, entry->eid);
	if (former)
		remove_locked(cache, former);
	while (cache->bytes + entry->bytes > cache->max_bytes)
		remove_locked(cache, cache->oldest);
	link = chain_of(cache, entry->eid);
	entry->chain = *link;
	*link = entry_hold(entry);
	age_append(cache, entry);
	cache->bytes += entry->bytes;
	pthread_mutex_unlock(&cache->lock);
}

static struct schema_entry *lookup(struct schema_cache *cache, const uint8_t eid[static ID_LEN],
				   const uint8_t pin[static PIN_LEN])
{
	struct schema_entry *entry;

	pthread_mutex_lock(&cache->lock);
	entry = find_locked(cache, eid);
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

/* A text that was taken once and is not any more is kept as one that cannot be read: whoever judges says so. */
static enum error_code compile(const struct schema_record *record, struct schema_entry *entry, struct error *err)
{
	struct findings findings = { .items = NULL };
	struct error reason = ERROR_INIT;
	enum error_code code = schema_parse(record->text.at, record->text.len, &findings, &entry->schema, &reason);

	findings_free(&findings);
	if (code != ERR_OK && code != ERR_INVALID && code != ERR_TOO_LARGE) {
		*err = reason;
		return code;
	}
	return ERR_OK;
}

static enum error_code load(struct records_view *view, const struct record_key *key, const uint8_t eid[static ID_LEN],
			    struct schema_entry **ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(VALUE_PADDED_MAX);
	cleanup_(schema_entry_freep) struct schema_entry *entry = calloc(1, sizeof(*entry));
	struct schema_record record;

	if (entry)
		atomic_init(&entry->holders, 1);
	if (!plain || !entry)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for an environment's schema");
	memcpy(entry->eid, eid, ID_LEN);
	if (records_read(view, key, plain, entry->pin, NULL, err) != ERR_OK ||
	    decode_schema(secret_buf_bytes(plain), secret_buf_len(plain), &record, err) != ERR_OK ||
	    compile(&record, entry, err) != ERR_OK)
		return err->code;
	entry->mode = record.mode;
	entry->bytes = sizeof(*entry) + (entry->schema ? schema_bytes(entry->schema) : 0);
	*ret = take_ptr(entry);
	return ERR_OK;
}

enum error_code schema_cache_get(struct schema_cache *cache, struct records_view *view, const uint8_t eid[static ID_LEN],
				 struct schema_entry **ret, struct error *err)
{
	struct record_key key = record_key_id(TABLE_SCHEMA, eid);
	uint8_t pin[PIN_LEN];
	enum error_code code = records_peek(view, &key, pin, err);

	if (code != ERR_OK)
		return code;
	*ret = lookup(cache, eid, pin);
	if (*ret)
		return ERR_OK;
	code = load(view, &key, eid, ret, err);
	if (code == ERR_OK)
		insert(cache, *ret);
	return code;
}

void schema_cache_drop(struct schema_cache *cache, const uint8_t eid[static ID_LEN])
{
	struct schema_entry *entry;

	pthread_mutex_lock(&cache->lock);
	entry = find_locked(cache, eid);
	if (entry)
		remove_locked(cache, entry);
	pthread_mutex_unlock(&cache->lock);
}

void schema_cache_clear(struct schema_cache *cache)
{
	pthread_mutex_lock(&cache->lock);
	while (cache->oldest)
		remove_locked(cache, cache->oldest);
	pthread_mutex_unlock(&cache->lock);
}

size_t schema_cache_bytes(struct schema_cache *cache)
{
	size_t bytes;

	pthread_mutex_lock(&cache->lock);
	bytes = cache->bytes;
	pthread_mutex_unlock(&cache->lock);
	return bytes;
}

void schema_cache_free(struct schema_cache *cache)
{
	if (!cache)
		return;
	schema_cache_clear(cache);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}
