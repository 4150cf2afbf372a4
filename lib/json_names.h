/*
 * Finds a name that stands twice in one object. Private to lib/.
 *
 * The names of all open objects lie on one stack; closing an object compares
 * its own names and takes them off. Few short names are compared in pairs;
 * many go through a hash table with a key of its own, so that no body can be
 * made whose check takes more than linear time. Kept are places in the text,
 * never bytes of it.
 */
#pragma once

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/secret_buf.h"

#define JSON_NAMES_AT_HAND 64

struct json_name_ref {
	uint32_t at;
	uint32_t len : 31;
	uint32_t escaped : 1;
};

struct json_names {
	const char *text;
	size_t text_len;		/* below 2 GiB */
	struct json_name_ref *refs;	/* at_hand until it is too small */
	size_t len;
	size_t capacity;
	uint32_t *table;		/* 1 + place in refs, 0 when free */
	size_t table_capacity;
	struct secret_buf *unescaped;	/* for hashing a name with escapes */
	bool has_key;
	unsigned char key[crypto_shorthash_KEYBYTES];
	struct json_name_ref at_hand[JSON_NAMES_AT_HAND];
};

enum json_names_result { JSON_NAMES_DISTINCT, JSON_NAMES_DUPLICATE, JSON_NAMES_NO_MEMORY };

void json_names_start(struct json_names *names, const char *text, size_t text_len);
void json_names_end(struct json_names *names);

/* Puts the name between the quotes at text[at..at+len) on the stack. False when memory is out. */
bool json_names_push(struct json_names *names, size_t at, size_t len, bool escaped);

/* Checks and takes off the names pushed since the stack held first of them. *ret_at: where the second one stands. */
enum json_names_result json_names_close(struct json_names *names, size_t first, size_t *ret_at);
