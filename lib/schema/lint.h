/*
 * The checks of how an env file is written, by number, for lint.c and
 * lint_fix.c. Private to lib/schema/. Names and rules are those of
 * dotenv-linter, so that "# dotenv-linter:off NAME" in files that people have
 * keeps its meaning.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/env_lines.h"
#include "vault/attributes.h"
#include "vault/error.h"

enum lint_check {
	LINT_DUPLICATED_KEY, LINT_ENDING_BLANK_LINE, LINT_EXTRA_BLANK_LINE, LINT_INCORRECT_DELIMITER, LINT_INVISIBLE_CHARACTER,
	LINT_KEY_WITHOUT_VALUE, LINT_LEADING_CHARACTER, LINT_LOWERCASE_KEY, LINT_QUOTE_CHARACTER, LINT_SPACE_CHARACTER,
	LINT_SUBSTITUTION_KEY, LINT_TRAILING_WHITESPACE, LINT_UNORDERED_KEY, LINT_VALUE_WITHOUT_QUOTES, LINT_CHECKS
};

const char *lint_check_name(enum lint_check check);

/* Which checks are off: bit 1u << check. Follows control comments from line to line. */
void lint_follow(const struct env_line *line, uint32_t *off);
bool lint_is_control(const struct env_line *line);

/* The rules about one line alone. */
bool lint_has_spaces(const struct env_line *line);
bool lint_has_bad_start(const struct env_line *line);
bool lint_has_needless_quotes(const struct env_line *line);
bool lint_needs_quotes(const struct env_line *line);
bool lint_has_trailing_blanks(const struct env_line *line);

/* The name at the front of a reference "$NAME" or "${NAME}" at or after *at; false at the end. Escaped ones are passed over. */
bool lint_next_reference(const struct env_line *line, size_t *at, struct line_span *ret_name);

/* An odd number of backslashes stands in front of at, from `from` on. */
bool lint_is_escaped(const char *from, const char *at);

/* Entries by name, those of one name in order of lines. */
struct lint_index {
	uint32_t *items;	/* places in lines; malloc'ed */
	size_t len;
};
void lint_index_free(struct lint_index *index);
enum error_code lint_index_make(const struct env_lines *lines, struct lint_index *ret, struct error *err) must_check;
int lint_compare_keys(const struct env_line *a, const struct env_line *b);
/* For qsort_r() of places (uint32_t), its argument the struct env_lines: by name, then by line. */
int lint_compare_places(const void *a, const void *b, void *lines);

/* Does lines[line] refer to a name of the lines from..line-1? Then it belongs to no group. */
bool lint_refers_back(const struct env_lines *lines, const struct lint_index *index, size_t from, size_t line);
/* The line after the last of the group that begins at `from`: a group is kept in order, and ends at a blank line, a control
 * comment, or an entry that refers to a name of the group. */
size_t lint_group_end(const struct env_lines *lines, const struct lint_index *index, size_t from);
