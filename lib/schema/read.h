/*
 * The reader of schemas, from text to struct schema. Private to lib/schema/.
 *
 * read.c walks the lines and keeps the comment lines above a variable together
 * (a block); read_value.c reads what stands after "="; read_node.c the values
 * of decorators and functions; read_decorator.c the lines of decorators;
 * read_item.c, read_root.c and read_import.c give decorators their meaning; read_own.c reads
 * "# vaultd:" comments; read_words.c what a comment's words say; read_infer.c
 * what names and values tell.
 *
 * The reader works on its own copy of the text and changes it in place: what it
 * takes escapes out of becomes shorter and lies behind the cursor. It never goes
 * back over more than one line, but where a quote turns out not to be closed.
 *
 * Findings go to the caller's list; memory that is out, and limits, are kept in
 * `failed`, and everything stops at the next line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "dialect/text.h"
#include "schema/item.h"
#include "vault/limits.h"

struct place {
	unsigned line, column;	/* from 1; columns count bytes */
};

struct decorator {
	struct span name;
	const struct node *value;	/* NULL: "@name" alone; of "@name(...)": a NODE_CALL of that name */
	bool is_call;
	struct place place;
	size_t begin, end;	/* where it stands in the text */
};

enum remark_kind { REMARK_TEXT, REMARK_ASSIGNMENT, REMARK_OWN };

struct remark {		/* one comment line of a block, without its # */
	enum remark_kind kind;
	struct span text;
	struct place place;
	size_t decorators;	/* how many of the block's stand before it */
};

struct reading {
	struct schema *schema;
	char *text;
	size_t len, at;
	unsigned line;
	size_t line_start;
	struct findings *findings;
	struct error *err;
	bool failed;

	/* the block: comment lines since the last blank line, divider or variable */
	unsigned block_line;	/* its first line, when it has any */
	struct remark *remarks;
	size_t remarks_len, remarks_room;
	struct decorator *decorators;
	size_t decorators_len, decorators_room;

	struct node *stack;	/* members of lists that are still open */
	size_t stack_len, stack_room;
	size_t node_count, nodes_room, items_room;
	/* Most nodes are done with at the end of their block: from which list and how many on they are the block's, and whether
	 * a condition refers to one. */
	size_t block_lists, block_nodes;
	bool block_is_kept;
	size_t nodes_kept;
	bool seen_item;
	size_t type_bytes;	/* of all types that were compiled for it */
	unsigned unclosed;	/* kinds of quotes that are not closed in the rest of the text */
};

/* Room for one more of size bytes each at (*items)[len]. False and failed when memory is out. */
bool reading_grow(struct reading *reader, void **items, size_t *room, size_t len, size_t size);
void reading_fail(struct reading *reader, enum error_code code, const char *text);

/* Counts what the type takes, and fails when all together take too much. */
void reading_count_type(struct reading *reader, const struct schema_type *type);

struct place reading_place(const struct reading *reader, size_t at);	/* of a byte of the present line */

struct remark_on {	/* what a finding is about */
	enum finding_severity severity;
	const char *code;
	struct place place;
	enum schema_layer layer;
	struct span name;	/* of the variable */
	const char *hint;
};
void reading_say(struct reading *reader, const struct remark_on *on, const char *format, ...) printf_like(3, 4);

/* A word of the schema in a sentence: cut, and only printable ASCII. */
struct shown {
	char text[48];
};
struct shown shown(struct span span);

/* -- spans ------------------------------------------------------------------- */

static inline bool span_is(struct span span, const char *text)
{
	return span.len == strlen(text) && (span.len == 0 || memcmp(span.at, text, span.len) == 0);
}

static inline struct span span_trim(struct span span)
{
	while (span.len > 0 && is_blank(span.at[0]))
		span = (struct span){ span.at + 1, span.len - 1 };
	while (span.len > 0 && is_blank(span.at[span.len - 1]))
		span.len--;
	return span;
}

/* Where the cursor stands at the end of a line, or of the text. */
static inline bool reading_at_end(const struct reading *reader)
{
	return reader->at >= reader->len || reader->text[reader->at] == '\n';
}

static inline void reading_skip_blanks(struct reading *reader)
{
	while (reader->at < reader->len && is_blank(reader->text[reader->at]))
		reader->at++;
}

void reading_skip_line(struct reading *reader);	/* to its line feed */
void reading_next_line(struct reading *reader);	/* over the line feed where the cursor stands */

void reading_read_lines(struct reading *reader);	/* all of them, from the cursor */

static inline struct said said_at(enum schema_layer layer, struct place place)
{
	return said_where(layer, place.line, place.column);
}

/* -- values and nodes ----------------------------------------------------------- */

/* The value of an assignment: the cursor stands behind "=", and after it at the blanks in front of a comment or at the line's end.
 * commented_out: one line, no functions. */
void read_value(struct reading *reader, struct item *item, bool commented_out);

/* Takes escapes out in place: of the quote, and outside single quotes of $ and n. Returns the new length. */
size_t value_unescape(char *text, size_t len, char quote);

enum node_context {
	IN_VALUE,	/* line feeds are blanks, and # comments to the end of a line */
	IN_COMMENT,	/* each further line begins with # */
};

/* What stands behind "=" of a decorator or fact: list, object, call, quoted or a word. NULL and an error said, with the cursor anywhere
 * on the way, when it is none. */
const struct node *read_decorator_value(struct reading *reader, enum schema_layer layer);
/* "name(...)", the cursor at the name; what it is called is name[0..name_len). */
const struct node *read_call(struct reading *reader, size_t name_len, enum node_context context, enum schema_layer layer);
/* Does text refer to variables or commands? */
enum computed text_computed(const char *text, size_t len);
/* exec and its like, random numbers, other programs: what a schema's reader never asks. */
bool function_is_pure(struct span name);
bool function_is_known(struct span name);
/* The worst of a node and its members. */
enum computed node_computed(const struct node *node);

/* -- decorators and facts --------------------------------------------------------- */

/* The cursor at the first "@" of a comment; after it at the end of a line. Decorators go into the block; what follows them behind
 * another # becomes *ret_rest (with its place). */
void read_decorators(struct reading *reader, struct remark *ret_rest);

enum decorator_home { HOME_NOWHERE, HOME_ITEM, HOME_ROOT, HOME_BOTH };
enum decorator_home decorator_home(struct span name);	/* HOME_NOWHERE: unknown */
void say_unknown_decorator(struct reading *reader, const struct decorator *decorator, struct span item);
void say_decorator(struct reading *reader, const struct decorator *decorator, struct span item, enum finding_severity severity,
		   const char *code, const char *what);

void apply_import(struct reading *reader, const struct decorator *decorator);
void apply_root_decorator(struct reading *reader, const struct decorator *decorator);
void apply_item_decorators(struct reading *reader, struct item *item, const struct decorator *decorators, size_t len);

/* true for "@name" and "@name=true". False when it is neither that nor false. */
bool decorator_bool(const struct decorator *decorator, bool *ret);
bool node_text(const struct node *node, struct span *ret);	/* what a word or a quoted text says */
/* The condition that a node says; CONDITION_UNKNOWN when it cannot be told. */
struct condition condition_of(struct reading *reader, const struct node *node);

/* text: behind "vaultd:". */
void read_own_facts(struct reading *reader, struct item *item, struct span text, struct place place);
/* "vaultd:" at the front of a comment's text is taken away, and the place goes with it. */
bool comment_is_own(struct span *text, struct place *place);

/* -- the plain layer ------------------------------------------------------------------ */

/* What a comment says. beside: the comment stands behind the value, and its words count anywhere. */
void read_words(struct reading *reader, struct item *item, struct span text, struct place place, bool beside);
/* A type by its name, when there is none yet and the item's value does not speak against it. */
void set_plain_type(struct reading *reader, struct item *item, const char *name, struct place place);
bool value_is_placeholder(struct span value);
/* Type and sensitivity by name and value, where nobody said more. */
void infer_item(struct reading *reader, struct item *item);

/* Takes over the item (its lists with it). */
void reading_add_item(struct reading *reader, struct item *item);
void item_clear(struct item *item);
/* What few items have; made at the first call. NULL and failed when memory is out. */
struct item_more *reading_more(struct reading *reader, struct item *item);
/* Appends to a list of spans. */
bool spans_add(struct reading *reader, struct span **list, size_t *len, struct span span);
