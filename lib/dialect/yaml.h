/*
 * What the three dialects that are YAML share: a text as a sequence of items
 * (libyaml's events, less everything in which YAML's readers differ), reading
 * a mapping of names to texts, and writing text. Private to lib/dialect/.
 *
 * There are many readers of YAML: 1.1 and 1.2, with types that differ. Only
 * what is the same text to all of them is read. Quoted and block scalars always
 * are; a plain one is unless some reader makes a number, a truth value, a date
 * or nothing of it. Anchors, aliases, tags but !!str and !!binary, directives,
 * several documents, tabs outside quotes and line ends outside ASCII are
 * refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <yaml.h>

#include "dialect/row.h"
#include "dialect/yaml_memory.h"

enum yaml_kind {
	YAML_KIND_NONE,		/* the text is over, or reading has ended because of an error that was noted */
	YAML_KIND_SCALAR,
	YAML_KIND_LIST,		/* its items follow, and an end */
	YAML_KIND_MAPPING,	/* its keys and values follow in turn, and an end */
	YAML_KIND_END,
};

struct yaml_text {
	struct reader *reader;
	struct yaml_memory memory;
	yaml_parser_t parser;
	yaml_event_t event;		/* of the present item */
	bool has_parser, has_event, ended;
	enum yaml_kind kind;		/* of the present item */
	unsigned line;
	unsigned depth;
	const struct remark *flaw;	/* of the present scalar: it cannot be read */
	size_t at, index;		/* how far the text was looked at, in bytes and in libyaml's characters */
	bool is_ascii;			/* all of the text: these two are the same */
	size_t looked_at;		/* where what was found stands */
};

/* False when the text cannot be read at all: reader->code or a note says why. Close it in both cases. */
bool yaml_open(struct yaml_text *text, struct reader *reader);
void yaml_close(struct yaml_text *text);

/* The next item; also in text->kind. */
enum yaml_kind yaml_next(struct yaml_text *text);
/* Passes over the rest of the present list or mapping, whose start is the present item. */
void yaml_skip(struct yaml_text *text);
/* The document is over: whatever follows is refused. */
void yaml_finish(struct yaml_text *text);

/* How a dialect takes scalars. */
struct yaml_use {
	bool integers;		/* a plain 8080 is the text 8080 */
	bool binary;		/* !!binary is decoded */
	const struct remark *null_warning;	/* nothing as a value: the variable is left out with this; NULL: it is refused */
	const struct remark *(*convert)(char *value, size_t *len);	/* in place, and no longer; NULL, or why it cannot be */
};

/* The present scalar where libyaml put it: good until the next item, and may be changed. NULL, or why it cannot be read. */
const struct remark *yaml_look_at_scalar(struct yaml_text *text, const struct yaml_use *use, char **ret, size_t *ret_len);
/* Appends the present scalar to *out and gives up the item. NULL, or why it cannot be read. */
const struct remark *yaml_take_scalar(struct yaml_text *text, const struct yaml_use *use, struct secret_buf *out);
/* The present scalar is nothing: an empty plain scalar, ~ or null. */
bool yaml_is_null(const struct yaml_text *text);
/* Reads the present mapping into the set; every value that is no text is refused by name. */
void yaml_read_mapping(struct yaml_text *text, const struct yaml_use *use);
/* The same in pieces, for who must look at the first key. The present item is a key: its text is *name, or it was refused (false). */
bool yaml_take_key(struct yaml_text *text, struct secret_buf *name);
/* The present item is the value of the key in *name (has_name false: of a refused one): reads it and the rest of the mapping. */
void yaml_read_pairs(struct yaml_text *text, const struct yaml_use *use, struct secret_buf *name, bool has_name);
/* For what one item holds at most; NULL: reader->code says that memory is out. */
struct secret_buf *yaml_buffer_new(struct reader *reader) owned_by(secret_buf_free);
/* The present item is refused because it is not what the dialect wants here. */
void yaml_refuse(struct yaml_text *text, const char *name, size_t name_len, const struct remark *remark);

/* Some reader makes something other than a text of this plain scalar. */
bool yaml_is_typed(const char *text, size_t len);

/* In double quotes, so that all readers read it alike. The text must be UTF-8. */
void yaml_append_quoted(struct secret_buf *out, const char *text, size_t len);
void yaml_append_inside(struct secret_buf *out, const char *text, size_t len);	/* the same without the quotes */
/* By how many bytes the value is longer there. */
size_t yaml_inside_growth(const struct env_entry *entry);
/* "  NAME: ", with as many blanks in front: in quotes where that is needed. */
void yaml_append_key(struct secret_buf *out, const char *indent, const char *name, size_t len);

extern const struct remark yaml_remark_nested;
extern const struct remark yaml_remark_twice;
extern const struct remark yaml_remark_typed;
