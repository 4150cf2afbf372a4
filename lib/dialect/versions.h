/*
 * One text, read as several versions of one reader read it. Private to
 * lib/dialect/.
 *
 * Each version goes through the text on its own, by a function that finds its
 * next variable. The finds are merged by the place of the name: what all
 * versions find at one place with one name and one value is a variable;
 * anything else is refused with its line, and reading goes on behind it. So a
 * file may be half good, and every line of the bad half is named.
 */
#pragma once

#include "dialect/row.h"

#define VERSIONS_MAX 3

/* The way of one version through the text. */
struct version {
	struct reader reader;		/* its own place, line and value; notes is NULL in all but the first version */
	/* What it found last. */
	const char *name;		/* a piece of the text */
	size_t name_len;
	const char *piece;		/* the value, as a piece of the text; NULL: it is in reader.value */
	size_t piece_len;
	unsigned line;
	const struct remark *refused;	/* a variable that this version finds, and that cannot be taken */
};

/* The value is this piece of the text, which is not copied. */
static inline void version_take(struct version *version, const char *text, size_t len)
{
	version->piece = text;
	version->piece_len = len;
}

/* The value. */
const char *version_value(const struct version *version, size_t *ret_len);
/* The value as it may be changed: a piece of the text is copied for it. */
struct secret_buf *version_own(struct version *version);
/* value_expand() for the value, which is left as it is when there is nothing to expand. */
void version_expand(struct version *version, const char *letters);
/* There is no value yet. */
void version_drop(struct version *version);

/* Moves on to the next variable; false at the end of the text. The value is empty at the call. */
typedef bool (*version_next)(struct version *version);

/* What all readers remark on. */
struct version_rules {
	const struct remark *differ;		/* versions do not find the same */
	const struct remark *(*check)(const struct version *version);	/* NULL, or why what they all find is refused */
	version_next next[VERSIONS_MAX];	/* NULL after the last */
};

/* Reads from reader->at to the end. */
void versions_read(struct reader *reader, const struct version_rules *rules);

/* Line ends as many readers want them before they start: a copy of the text in which CR LF and CR are LF, or, without
 * `line_feed`, in which every CR is gone. The reader reads that from then on. False: memory is out, and noted. *ret is
 * NULL when there is no CR, and else what holds the copy: the reader must not be used after it is freed. */
bool versions_without_cr(struct reader *reader, bool line_feed, struct secret_buf **ret);

/* Remarks on a line that the reader ignores; said once, by the first version. */
void version_ignore(struct version *version, unsigned line, const char *name, size_t name_len,
		    const struct remark *remark);
