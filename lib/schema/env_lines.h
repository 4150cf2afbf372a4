/*
 * An env file as lines, for the checks that look at how it is written. Private
 * to lib/schema/.
 *
 * Lenient where readers are not alike: a value that begins with a quote goes on
 * to the next such quote, over line ends, and what is never closed is one line.
 * A comment begins at # after a blank. Spans point into the text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dialect/text.h"
#include "vault/attributes.h"
#include "vault/error.h"

struct line_span {
	const char *at;
	size_t len;
};

/* Without blanks at its front, at its end, and at both. */
static inline struct line_span line_span_after_blanks(struct line_span span)
{
	while (span.len > 0 && is_blank(span.at[0])) {
		span.at++;
		span.len--;
	}
	return span;
}

static inline struct line_span line_span_before_blanks(struct line_span span)
{
	while (span.len > 0 && is_blank(span.at[span.len - 1]))
		span.len--;
	return span;
}

static inline struct line_span line_span_trim(struct line_span span)
{
	return line_span_before_blanks(line_span_after_blanks(span));
}

enum env_line_kind { ENV_LINE_BLANK, ENV_LINE_COMMENT, ENV_LINE_ENTRY };

struct env_line {
	enum env_line_kind kind;
	unsigned number;		/* of its first line, from 1 */
	unsigned lines;			/* how many the value takes; 1 for all others */
	bool is_ended;			/* by a line feed */
	struct line_span whole;		/* all of it, without the last line end (LF or CR LF) */
	struct line_span key;		/* without export and blanks around; an entry without = is all key */
	struct line_span before;	/* from the line's start to =, or all of it */
	bool has_equals, is_exported;
	struct line_span rest;		/* what follows =, blanks and comment with it */
	struct line_span value;		/* without blanks around, comment and quotes */
	struct line_span tail;		/* what follows the value or its closing quote: blanks and comment */
	char quote;			/* ' or " when the value stands in quotes, else 0 */
};

struct env_lines {
	struct env_line *items;	/* malloc'ed */
	size_t len;
};

void env_lines_free(struct env_lines *lines);
/* Linear. ERR_NO_MEMORY. */
enum error_code env_lines_read(const char *text, size_t len, struct env_lines *ret, struct error *err) must_check;
