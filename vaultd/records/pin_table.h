/*
 * A hash table from the key of a record to its pin: 48 bytes an entry, open
 * addressing, no tombstones. The hash is keyed at random, so that nobody who
 * chooses names can make it slow.
 *
 * An entry may also say "absent": tables of changes need to remember that a key
 * was not there. Not safe for use by several threads; struct pins is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records/tables.h"
#include "vault/error.h"

#define PIN_KEY_MAX 31	/* the longest key that is pinned, O, has 29 bytes; revisions are pinned by their head */

struct pin_entry {
	uint8_t len;		/* of the key; 0: a free place */
	uint8_t key[PIN_KEY_MAX];
	uint8_t pin[PIN_LEN];
};

struct pin_table {
	struct pin_entry *entries;
	size_t capacity, used;
	uint8_t hash_key[16];
};

/* Empty, without memory. */
void pin_table_init(struct pin_table *table);
/* Wipes and frees; the table is empty again. */
void pin_table_clear(struct pin_table *table);
/* Makes room for further entries, so that as many sets cannot fail. ERR_NO_MEMORY. */
enum error_code pin_table_reserve(struct pin_table *table, size_t further, struct error *err) must_check;

enum pin_found { PIN_NOT_FOUND, PIN_IS_ABSENT, PIN_IS_PRESENT };
/* ret_pin is written when it is present. */
enum pin_found pin_table_find(const struct pin_table *table, const void *key, size_t len, uint8_t ret_pin[static PIN_LEN]);
/* pin NULL: "absent". Replaces. Room was reserved; a key of 0 or over PIN_KEY_MAX bytes is our own mistake. */
void pin_table_set(struct pin_table *table, const void *key, size_t len, const uint8_t *pin);
void pin_table_remove(struct pin_table *table, const void *key, size_t len);

/* Every entry, in no order: pass 0 first, then the last result; NULL after the last. */
const struct pin_entry *pin_table_next(const struct pin_table *table, size_t *position);
size_t pin_entry_key_len(const struct pin_entry *entry);
bool pin_entry_is_absent(const struct pin_entry *entry);
