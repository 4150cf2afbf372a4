/*
 * An ordered set of variables, name to value, in memory that is wiped.
 *
 * What a dialect decodes into and encodes from, and what `run` builds a child's
 * environment of. Names are unique: a later put replaces the value in place
 * (and says so). Values may hold any byte. Bounded by LIMIT_VARIABLES entries
 * and the maximum of bytes given at creation.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vault/attributes.h"
#include "vault/error.h"

struct env_set;

struct env_entry {
	const char *name;	/* NUL-terminated as well */
	size_t name_len;
	const char *value;	/* NUL-terminated as well; may hold NULs itself */
	size_t value_len;
	unsigned line;		/* where a decoder found it, 0 if from elsewhere */
};

void env_set_free(struct env_set *set);
struct env_set *env_set_new(size_t max_bytes) owned_by(env_set_free);
/* For comparing, and for a part of a set: it holds those variables that are put with the value that they have in model, and none
 * of their bytes: entries are the model's. Anything else that is put is not kept, and the set equals no other from then on. Takes
 * three bytes for each of the model's variables. The model, which may be such a set itself, must outlive the set and not change
 * meanwhile. */
struct env_set *env_set_new_like(const struct env_set *model) owned_by(env_set_free);

/* ERR_TOO_LARGE or ERR_NO_MEMORY. *ret_replaced (may be NULL): the name was there already. */
enum error_code env_set_put(struct env_set *set, const char *name, size_t name_len, const char *value,
			    size_t value_len, unsigned line, bool *ret_replaced, struct error *err) must_check;
bool env_set_remove(struct env_set *set, const char *name, size_t name_len);

size_t env_set_count(const struct env_set *set);
/* Entry i in order of first put. Pointers are valid until the set changes. */
struct env_entry env_set_at(const struct env_set *set, size_t i);
bool env_set_find(const struct env_set *set, const char *name, size_t name_len, struct env_entry *ret);

/* Same names with same values, in any order. */
bool env_set_equal(const struct env_set *a, const struct env_set *b);

/* Sorts by name (memcmp); not a set like another. */
void env_set_sort(struct env_set *set);

DEFINE_CLEANUP(struct env_set *, env_set_free);
