#include "json_names.h"

#include <stdlib.h>
#include <string.h>

#include "json_text.h"

/* Up to here comparing in pairs is cheaper than a table, whatever the names are. */
#define PAIRS_MAX_NAMES 16
#define PAIRS_MAX_BYTES 1024

void json_names_start(struct json_names *names, const char *text, size_t text_len)
{
	names->text = text;
	names->text_len = text_len;
	names->refs = names->at_hand;
	names->len = 0;
	names->capacity = JSON_NAMES_AT_HAND;
	names->table = NULL;
	names->table_capacity = 0;
	names->unescaped = NULL;
	names->has_key = false;
}

void json_names_end(struct json_names *names)
{
	if (names->refs != names->at_hand)
		free(names->refs);
	free(names->table);
	secret_buf_free(names->unescaped);
}

static bool refs_grow(struct json_names *names)
{
	size_t capacity = names->capacity * 2;
	struct json_name_ref *refs = reallocarray(names->refs == names->at_hand ? NULL : names->refs, capacity,
						  sizeof(*refs));
	if (!refs)
		return false;
	if (names->refs == names->at_hand)
		memcpy(refs, names->at_hand, sizeof(names->at_hand));
	names->refs = refs;
	names->capacity = capacity;
	return true;
}

bool json_names_push(struct json_names *names, size_t at, size_t len, bool escaped)
{
	if (names->len == names->capacity && !refs_grow(names))
		return false;
	names->refs[names->len++] = (struct json_name_ref){
		.at = (uint32_t)at,
		.len = (uint32_t)len & 0x7fffffff,
		.escaped = escaped,
	};
	return true;
}

static struct json_span span_of(const struct json_names *names, const struct json_name_ref *ref)
{
	return (struct json_span){ .at = names->text + ref->at, .len = ref->len };
}

static bool refs_equal(const struct json_names *names, const struct json_name_ref *a, const struct json_name_ref *b)
{
	return json_spans_equal(span_of(names, a), a->escaped, span_of(names, b), b->escaped);
}

static enum json_names_result check_pairs(const struct json_names *names, size_t first, size_t *ret_at)
{
	for (size_t i = first + 1; i < names->len; i++) {
		for (size_t j = first; j < i; j++) {
			if (refs_equal(names, &names->refs[i], &names->refs[j])) {
				*ret_at = names->refs[i].at;
				return JSON_NAMES_DUPLICATE;
			}
		}
	}
	return JSON_NAMES_DISTINCT;
}

/* A clean table of a power of two of slots, at most half of which will be taken. */
static bool table_prepare(struct json_names *names, size_t count, size_t *ret_slots)
{
	size_t slots = 64;
	while (slots < count * 2)
		slots *= 2;
	if (slots > names->table_capacity) {
		free(names->table);
		names->table_capacity = 0;
		names->table = calloc(slots, sizeof(*names->table));
		if (!names->table)
			return false;
		names->table_capacity = slots;
	} else {
		memset(names->table, 0, slots * sizeof(*names->table));
	}
	if (!names->has_key)
		randombytes_buf(names->key, sizeof(names->key));
	names->has_key = true;
	*ret_slots = slots;
	return true;
}

static bool hash_of(struct json_names *names, const struct json_name_ref *ref, uint64_t *ret)
{
	struct json_span name = span_of(names, ref);
	if (ref->escaped) {
		if (!names->unescaped)
			names->unescaped = secret_buf_new(names->text_len);
		if (!names->unescaped)
			return false;
		secret_buf_reset(names->unescaped);
		json_append_unescaped(names->unescaped, name);
		if (!secret_buf_ok(names->unescaped))
			return false;
		name.at = secret_buf_text(names->unescaped);
		name.len = secret_buf_len(names->unescaped);
	}
	unsigned char hash[crypto_shorthash_BYTES];
	crypto_shorthash(hash, (const unsigned char *)name.at, name.len, names->key);
	memcpy(ret, hash, sizeof(*ret));
	return true;
}

static enum json_names_result check_table(struct json_names *names, size_t first, size_t *ret_at)
{
	size_t slots;
	if (!table_prepare(names, names->len - first, &slots))
		return JSON_NAMES_NO_MEMORY;
	for (size_t i = first; i < names->len; i++) {
		const struct json_name_ref *ref = &names->refs[i];
		uint64_t hash;
		if (!hash_of(names, ref, &hash))
			return JSON_NAMES_NO_MEMORY;
		size_t slot = hash & (slots - 1);
		for (; names->table[slot] != 0; slot = (slot + 1) & (slots - 1)) {
			if (refs_equal(names, ref, &names->refs[names->table[slot] - 1])) {
				*ret_at = ref->at;
				return JSON_NAMES_DUPLICATE;
			}
		}
		names->table[slot] = (uint32_t)(i + 1);
	}
	return JSON_NAMES_DISTINCT;
}

static bool is_small(const struct json_names *names, size_t first)
{
	if (names->len - first > PAIRS_MAX_NAMES)
		return false;
	size_t bytes = 0;
	for (size_t i = first; i < names->len; i++)
		bytes += names->refs[i].len;
	return bytes <= PAIRS_MAX_BYTES;
}

enum json_names_result json_names_close(struct json_names *names, size_t first, size_t *ret_at)
{
	enum json_names_result result = is_small(names, first) ? check_pairs(names, first, ret_at) :
								 check_table(names, first, ret_at);
	names->len = first;
	return result;
}
