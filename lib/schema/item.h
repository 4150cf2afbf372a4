/*
 * A parsed schema as its parts see it. Private to lib/schema/.
 *
 * The reader (read_*.c) makes it, types.c compiles the types, validate.c judges,
 * explain.c tells. All texts are spans of `texts`, one block that the schema
 * owns; lists are arrays that it owns.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/finding.h"
#include "vault/limits.h"
#include "vault/schema.h"

struct span {
	const char *at;
	size_t len;
};

/* Where a fact was said, and by which layer. layer LAYER_NONE: nobody said it. */
struct said {
	enum schema_layer layer : 8;
	unsigned line : 24;	/* a text has fewer bytes; each item has several of these */
	unsigned column;
};

_Static_assert(LIMIT_SCHEMA_TEXT < 1 << 24, "a line's number has 24 bits");

static inline struct said said_where(enum schema_layer layer, unsigned line, unsigned column)
{
	return (struct said){ .layer = layer, .line = line & 0xffffff, .column = column };
}

/* -- values of decorators, before they mean anything ------------------------------- */

enum node_kind {
	NODE_TEXT,	/* text: unquoted or single-quoted, or without references */
	NODE_REFERENCE,	/* $NAME: text is NAME */
	NODE_CALL,	/* text(items...) */
	NODE_LIST,	/* [items...] */
	NODE_OBJECT,	/* {key=value, ...} */
	NODE_REGEX,	/* /text/flags */
	NODE_UNRESOLVED,	/* exec(), $(...), a text with references: what is never looked at */
};

struct node {
	enum node_kind kind;
	bool quoted;
	struct span text, flags;
	struct span key;	/* of a member of a call or an object: key=..., else empty */
	struct node *items;
	size_t items_len;
	unsigned line, column;
};

/* -- conditions: @required=forEnv(a, b) | eq($X, v) | not(...) | isEmpty($X) | true | false */

enum condition_kind {
	CONDITION_CONSTANT,	/* constant */
	CONDITION_FOR_ENV,	/* node->items: names of environments */
	CONDITION_EQ, CONDITION_NOT, CONDITION_IS_EMPTY,
	CONDITION_COMPUTED,	/* node: a reference, or other pure functions (evaluate.h) */
	CONDITION_UNKNOWN,	/* cannot be told: neither required nor not, with a warning when it was read */
};

struct condition {
	enum condition_kind kind;
	bool constant;
	const struct node *node;	/* the call; NULL of true, false and not() */
	struct condition *inner;	/* of not() */
};

/* -- types ----------------------------------------------------------------------------- */

struct schema_type;	/* types.h: compiled, with its arguments */

/* -- items ------------------------------------------------------------------------------ */

enum required_default {
	REQUIRED_PLAIN,		/* no @defaultRequired: the rules of the plain layer */
	REQUIRED_TRUE, REQUIRED_FALSE,
	REQUIRED_INFER,		/* a value: required; none: optional */
};

enum computed {
	COMPUTED_NO,
	COMPUTED_PURE,		/* made of other variables: $NAME, concat(...), if(...): known when these are */
	COMPUTED_ELSEWHERE,	/* exec(), $(...), random, another program's functions: never looked at */
};

struct own_facts {	/* # vaultd: rotate=90d ...; zeros: not said */
	struct said said;
	int64_t rotate_s, grace_s;
	struct span owner, notify;
	unsigned min_entropy;	/* bits */
	bool unique, immutable;
};

/* What is said of few variables. */
struct item_more {
	struct span example, docs, deprecated, placeholder;
	struct span default_text;	/* plain layer: "defaults to X" */
	struct span *tags;
	struct span *choices;		/* plain layer: "one of: a, b"; warnings only */
	size_t tags_len, choices_len;
	struct said example_said, docs_said, deprecated_said, placeholder_said, default_said, internal_said, tags_said, choices_said;
};

struct item {
	struct span name;
	unsigned line, column;
	unsigned first_line, last_line;	/* of the comment above that is its own, and of its value */
	struct span value;	/* as written, quotes taken off: default or example; empty when it is computed */
	struct span expression;	/* the text of a computed value, as written */
	struct span comment;	/* the comment lines that belong to it, as they stand in the text, with their # */
	enum computed computed;
	bool commented_out;	/* "# NAME=value": optional */
	bool has_value;		/* there is something after = */
	bool is_placeholder;	/* by its look: changeme, <...>, your-... */
	bool is_deprecated, is_internal;
	bool sensitive;		/* counts when sensitive_said.layer is not LAYER_NONE */
	struct said required_said, sensitive_said, type_said;
	struct condition required;	/* counts when required_said.layer is not LAYER_NONE */
	const struct schema_type *type;	/* NULL: string */
	struct item_more *more;		/* malloc'ed; NULL: nobody said any. Read it with item_more() */
	struct own_facts *own;		/* likewise, with item_own() */
};

/* Zeros when nobody said any. */
static inline const struct item_more *item_more(const struct item *item)
{
	static const struct item_more nothing = { .tags_len = 0 };

	return item->more ? item->more : &nothing;
}

/* Zeros when nobody said any. */
static inline const struct own_facts *item_own(const struct item *item)
{
	static const struct own_facts nothing = { .rotate_s = 0 };

	return item->own ? item->own : &nothing;
}

struct schema {
	char *texts;
	size_t texts_len;
	struct item *items;	/* in order of the text, each name once: the last one counts */
	size_t items_len;
	uint32_t *sorted;	/* indexes of items by name */
	enum required_default required_default;
	struct said required_default_said;
	bool sensitive_default;	/* @defaultSensitive; true when nobody says */
	struct said sensitive_default_said;
	struct span public_prefix;	/* inferFromPrefix(P): names with it are public */
	struct span current_env;	/* @currentEnv=$NAME: NAME */
	struct said current_env_said;
	struct schema_import *imports;	/* each with its lists */
	size_t imports_len;
	bool has_decorators, disabled;	/* disabled: by @disable; it has no items */
	/* nodes and conditions of all items */
	struct node **nodes;
	size_t nodes_len;
	size_t bytes;
};

void schema_drop_imports(struct schema *schema);
/* NULL when there is none. */
const struct item *schema_find(const struct schema *schema, const char *name, size_t len);
