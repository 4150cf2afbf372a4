/*
 * What all readers of env files make of one text: where they agree, and where
 * they do not.
 *
 * Nobody can see on a .env file which program it was written for, and they read
 * the same bytes differently. So the text is decoded with every dialect that is
 * an env file (dialect_is_env_file()), or, when it looks like JSON, YAML, a
 * Kubernetes manifest or a compose file, with the dialect of that; and what
 * they make of each variable is compared. The text has one meaning only when
 * all of them give every variable the same value and none refuses a line.
 *
 * What is reported never holds a value, nor a name that some reader takes for a
 * piece of a value: names, lines, lengths, and how the values differ ("keeps
 * the quotes", "ends at #").
 *
 * Time and memory are linear in the text, of which only LIMIT_COMPARED_LINES are taken; no more than one reader's variables
 * are held at a time, of the others only keyed fingerprints.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/attributes.h"
#include "vault/dialect.h"
#include "vault/env_set.h"
#include "vault/error.h"

enum compared_kind {
	COMPARED_VALUE,		/* sets it */
	COMPARED_ABSENT,	/* does not set it; reason may be NULL */
	COMPARED_REFUSED,	/* refuses it, for the reason */
	COMPARED_SILENT,	/* of a line that others refuse: has nothing against it */
};

/* Readers that make the same of a variable. */
struct compared_group {
	uint32_t readers;	/* bit i: dialect_at(i) */
	enum compared_kind kind;
	size_t len;		/* of the value */
	unsigned line;		/* where it stands for the first of them; 0: nowhere */
	unsigned traits;	/* of the value; see comparison_describe() */
	const char *reason;	/* static text or NULL */
	const char *hint;	/* static text or NULL */
};

/* A variable about which readers do not agree, or that none can read. */
struct disagreement {
	char name[64];		/* cut and cleaned for printing; "" when it may be a piece of a value, or is a line without one */
	unsigned line;		/* the first that a reader names */
	struct compared_group *groups;	/* malloc'ed; those that set it first */
	size_t groups_len;
};

#define COMPARED_MAX 10000	/* disagreements that are kept; further ones are counted */

struct comparison {
	uint32_t readers;	/* that were asked */
	uint32_t whole;		/* of these, which read the text without an error */
	const struct dialect *dialect;	/* that the set was read with */
	struct notes notes;	/* of that reading: warnings */
	struct disagreement *items;	/* malloc'ed, by line */
	size_t len, room, omitted;
};

void comparison_free(struct comparison *comparison);	/* empty again */

/* ERR_OK: all agree, and the set holds the variables. ERR_INVALID: they do not, or no reader can read all of it; the set is then
 * in an unspecified state. ERR_TOO_LARGE, ERR_NO_MEMORY. *ret is to be freed in any case. */
enum error_code dialect_compare(const char *text, size_t len, struct env_set *set, struct comparison *ret,
				struct error *err) must_check;

/* "docker, podman" for a set of dialects; cut to fit. */
void dialect_names(uint32_t readers, char *ret, size_t size);

/* What group i of a disagreement makes of the variable: "14 bytes, keeps the quotes", "refuses it: …". */
void comparison_describe(const struct disagreement *item, size_t i, char *ret, size_t size);
