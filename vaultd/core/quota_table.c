#include "core/quota_table.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/name_list.h"
#include "records/tables_access.h"
#include "vault/json_emit.h"
#include "vault/json_scan.h"

#define SECOND_US 1000000.0
#define WAYS 8
#define SETS (LIMIT_QUOTA_BUCKETS / WAYS)
#define LOCKS 16

struct quota {
	struct record_key key;
	uint32_t serial;	/* of this state of it; its buckets have the same */
	struct quota_rule rule;
};

struct bucket {
	uint8_t client[QUOTA_CLIENT_LEN];
	uint32_t serial;	/* 0: empty */
	double left;
	int64_t at_us;		/* when `left` was right */
	int64_t full_us;	/* when it will be full again */
	int64_t blocked_us;	/* refused until then */
};

struct quota_table {
	pthread_rwlock_t lock;	/* of the quotas */
	atomic_size_t len;
	struct quota quotas[LIMIT_QUOTAS];	/* sorted by name */
	uint32_t next_serial;
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
	pthread_mutex_t bucket_locks[LOCKS];
	struct bucket buckets[SETS][WAYS];
};

struct quota_table *quota_table_new(void)
{
	struct quota_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	pthread_rwlock_init(&table->lock, NULL);
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_init(&table->bucket_locks[i], NULL);
	randombytes_buf(table->hash_key, sizeof(table->hash_key));
	return table;
}

/* Buckets hold addresses and counts; those of a serial that no quota has any more are empty places as soon as they are full. */
void quota_table_clear(struct quota_table *table)
{
	pthread_rwlock_wrlock(&table->lock);
	sodium_memzero(table->quotas, sizeof(table->quotas));
	atomic_store(&table->len, 0);
	pthread_rwlock_unlock(&table->lock);
}

void quota_table_free(struct quota_table *table)
{
	if (!table)
		return;
	quota_table_clear(table);
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&table->bucket_locks[i]);
	pthread_rwlock_destroy(&table->lock);
	free(table);
}

/* -- records ------------------------------------------------------------- */

enum error_code quota_encode(const struct quota_rule *rule, struct secret_buf *out, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *json = secret_buf_new(LIMIT_BODY_SMALL);
	struct quota_record record = { .name = { .at = rule->name, .len = (uint32_t)strlen(rule->name) } };
	char rate[32];

	if (!json)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the record of a quota");
	snprintf(rate, sizeof(rate), "\"%.10g\"", rule->rate);
	json_emit_raw(json, "{\"path\":");
	json_emit_cstring(json, rule->path);
	json_emit_raw(json, ",\"rate\":");
	json_emit_raw(json, rate);
	json_emit_raw(json, ",\"interval\":");
	json_emit_int(json, rule->interval_s);
	json_emit_raw(json, ",\"block_interval\":");
	json_emit_int(json, rule->block_s);
	json_emit_raw(json, "}");
	if (secret_buf_check(json, "the record of a quota", err) != ERR_OK)
		return err->code;
	record.json = (struct text_span){ .at = secret_buf_text(json), .len = (uint32_t)secret_buf_len(json) };
	encode_quota(out, &record);
	return secret_buf_check(out, "the record of a quota", err);
}

static bool copy_text(struct json_span from, char *to, size_t size)
{
	if (from.len >= size)
		return false;
	memcpy(to, from.at, from.len);
	to[from.len] = '\0';
	return true;
}

static bool decode_json(const struct json_value *object, struct quota_rule *rule)
{
	struct json_value path, rate, interval, block;
	char text[32];

	if (object->kind != JSON_SCAN_OBJECT || !json_find(object, "path", &path) || !json_find(object, "rate", &rate) ||
	    !json_find(object, "interval", &interval) || !json_find(object, "block_interval", &block) ||
	    path.kind != JSON_SCAN_STRING || path.escaped || rate.kind != JSON_SCAN_STRING || rate.escaped)
		return false;
	if (!copy_text(json_string_span(&path), rule->path, sizeof(rule->path)) ||
	    !copy_text(json_string_span(&rate), text, sizeof(text)) || !json_as_int(&interval, &rule->interval_s) ||
	    !json_as_int(&block, &rule->block_s))
		return false;
	rule->rate = strtod(text, NULL);
	return rule->rate > 0 && rule->interval_s > 0 && rule->block_s >= 0;
}

enum error_code quota_decode(const uint8_t *plain, size_t len, struct quota_rule *ret, struct error *err)
{
	struct error damaged = ERROR_INIT;
	struct quota_rule rule = {0};
	struct quota_record record;
	struct json_value object;

	if (decode_quota(plain, len, &record, err) != ERR_OK)
		return err->code;
	if (!copy_text((struct json_span){ .at = record.name.at, .len = record.name.len }, rule.name, sizeof(rule.name)) ||
	    json_scan(record.json.at, record.json.len, &object, &damaged) != ERR_OK || !decode_json(&object, &rule))
		return error_set(err, ERR_RECORD, "the record of a quota holds what this version does not understand");
	*ret = rule;
	return ERR_OK;
}

/* -- keeping ------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	const struct quota *left = a, *right = b;

	return strcmp(left->rule.name, right->rule.name);
}

static struct quota *find_key(struct quota_table *table, const struct record_key *key)
{
	for (size_t i = 0; i < table->len; i++)
		if (table->quotas[i].key.len == key->len && memcmp(table->quotas[i].key.bytes, key->bytes, key->len) == 0)
			return &table->quotas[i];
	return NULL;
}

static void remove_locked(struct quota_table *table, struct quota *quota)
{
	if (!quota)
		return;
	table->len--;
	memmove(quota, quota + 1, (size_t)(table->quotas + table->len - quota) * sizeof(*quota));
}

static enum error_code put_locked(struct quota_table *table, const struct records_change *change, struct error *err)
{
	struct quota *place = find_key(table, &change->key);
	struct quota_rule rule;

	if (quota_decode(change->plain, change->plain_len, &rule, err) != ERR_OK)
		return err->code;
	if (!place && table->len == LIMIT_QUOTAS)
		return error_set(err, ERR_TOO_LARGE, "there are more than %d quotas", LIMIT_QUOTAS);
	if (!place)
		place = &table->quotas[table->len++];
	*place = (struct quota){ .key = change->key, .serial = ++table->next_serial, .rule = rule };
	qsort(table->quotas, table->len, sizeof(*table->quotas), by_name);
	return ERR_OK;
}

enum error_code quota_table_change(struct quota_table *table, const struct records_change *change, struct error *err)
{
	enum error_code code = ERR_OK;

	pthread_rwlock_wrlock(&table->lock);
	if (change->deleted)
		remove_locked(table, find_key(table, &change->key));
	else
		code = put_locked(table, change, err);
	pthread_rwlock_unlock(&table->lock);
	return code;
}

bool quota_table_find(struct quota_table *table, const char *name, struct quota_rule *ret)
{
	bool found = false;

	pthread_rwlock_rdlock(&table->lock);
	for (size_t i = 0; i < table->len && !found; i++) {
		found = strcmp(table->quotas[i].rule.name, name) == 0;
		if (found)
			*ret = table->quotas[i].rule;
	}
	pthread_rwlock_unlock(&table->lock);
	return found;
}

enum error_code quota_table_names(struct quota_table *table, struct name_list *ret, struct error *err)
{
	cleanup_(name_collector_wipe) struct name_collector names =
		NAME_COLLECTOR_INIT(LIMIT_QUOTAS * (LIMIT_QUOTA_NAME_LEN + 1));

	pthread_rwlock_rdlock(&table->lock);
	for (size_t i = 0; i < table->len; i++)
		name_collector_add(&names, table->quotas[i].rule.name, strlen(table->quotas[i].rule.name));
	pthread_rwlock_unlock(&table->lock);
	if (names.count == 0 && !names.failed)
		return error_set(err, ERR_NOT_FOUND, "there is no quota");
	return name_collector_finish(&names, ret, err);
}

/* -- taking -------------------------------------------------------------- */

static bool holds(const char *rule, const char *path)
{
	size_t len = strlen(rule);

	if (len > 0 && rule[len - 1] == '*')
		return strncmp(path, rule, len - 1) == 0;
	len -= len > 0 && rule[len - 1] == '/';
	return len == 0 || (strncmp(path, rule, len) == 0 && (path[len] == '\0' || path[len] == '/'));
}

static bool find_rule(struct quota_table *table, const char *path, struct quota_rule *ret, uint32_t *ret_serial)
{
	const struct quota *best = NULL;

	pthread_rwlock_rdlock(&table->lock);
	for (size_t i = 0; i < table->len; i++) {
		const struct quota *quota = &table->quotas[i];

		if (holds(quota->rule.path, path) && (!best || strlen(quota->rule.path) > strlen(best->rule.path)))
			best = quota;
	}
	if (best) {
		*ret = best->rule;
		*ret_serial = best->serial;
	}
	pthread_rwlock_unlock(&table->lock);
	return best != NULL;
}

static double capacity(const struct quota_rule *rule)
{
	return rule->rate < 1 ? 1 : (double)(uint64_t)rule->rate;
}

static size_t set_of(const struct quota_table *table, const uint8_t *client, uint32_t serial)
{
	uint8_t input[QUOTA_CLIENT_LEN + sizeof(serial)], hash[crypto_shorthash_BYTES];
	uint64_t number;

	memcpy(input, client, QUOTA_CLIENT_LEN);
	memcpy(input + QUOTA_CLIENT_LEN, &serial, sizeof(serial));
	crypto_shorthash(hash, input, sizeof(input), table->hash_key);
	memcpy(&number, hash, sizeof(number));
	return number % SETS;
}

/* Whether what a bucket holds matters less: who is blocked matters most, then who waits longest to be full again. An empty
 * place and a full bucket say nothing of anybody. */
static bool matters_less(const struct bucket *a, const struct bucket *b, int64_t now_us)
{
	bool a_blocked = a->blocked_us > now_us, b_blocked = b->blocked_us > now_us;

	return a_blocked != b_blocked ? b_blocked : a->full_us < b->full_us;
}

/* The client's, or a place for it: that of the bucket that matters least. */
static struct bucket *find_bucket(struct bucket *set, const uint8_t *client, uint32_t serial, const struct quota_rule *rule,
				  int64_t now_us)
{
	struct bucket *place = &set[0];

	for (size_t i = 0; i < WAYS; i++) {
		struct bucket *bucket = &set[i];

		if (bucket->serial == serial && memcmp(bucket->client, client, QUOTA_CLIENT_LEN) == 0)
			return bucket;
		if (matters_less(bucket, place, now_us))
			place = bucket;
	}
	*place = (struct bucket){ .serial = serial, .left = capacity(rule), .at_us = now_us };
	memcpy(place->client, client, QUOTA_CLIENT_LEN);
	return place;
}

static uint32_t seconds_up(double us)
{
	uint64_t whole = us > 0 ? (uint64_t)us : 0;

	return whole == 0 ? 1 : (uint32_t)((whole - 1) / 1000000 + 1);
}

static void take(struct bucket *bucket, const struct quota_rule *rule, int64_t now_us, struct quota_verdict *ret)
{
	double per_us = rule->rate / ((double)rule->interval_s * SECOND_US);

	bucket->left += (double)(now_us - bucket->at_us) * per_us;
	if (bucket->left > capacity(rule))
		bucket->left = capacity(rule);
	bucket->at_us = now_us;
	ret->limit = (uint32_t)capacity(rule);
	ret->refused = bucket->blocked_us > now_us || bucket->left < 1;
	if (ret->refused && bucket->blocked_us <= now_us && rule->block_s > 0)
		bucket->blocked_us = now_us + rule->block_s * 1000000;
	if (!ret->refused)
		bucket->left -= 1;
	bucket->full_us = now_us + (int64_t)((capacity(rule) - bucket->left) / per_us);
	ret->remaining = ret->refused ? 0 : (uint32_t)bucket->left;
	ret->reset_s = seconds_up(bucket->blocked_us > now_us ? (double)(bucket->blocked_us - now_us) :
								(1 - bucket->left) / per_us);
}

void quota_table_take(struct quota_table *table, const uint8_t client[static QUOTA_CLIENT_LEN], const char *path,
		      int64_t now_us, struct quota_verdict *ret)
{
	struct quota_rule rule;
	uint32_t serial;
	size_t set;

	*ret = (struct quota_verdict){ .refused = false };
	if (atomic_load_explicit(&table->len, memory_order_relaxed) == 0 || !find_rule(table, path, &rule, &serial))
		return;
	set = set_of(table, client, serial);
	pthread_mutex_lock(&table->bucket_locks[set % LOCKS]);
	take(find_bucket(table->buckets[set], client, serial, &rule, now_us), &rule, now_us, ret);
	pthread_mutex_unlock(&table->bucket_locks[set % LOCKS]);
}
