/* What is found about how an env file is written. */
#include "schema/lint.h"

#include <stdlib.h>
#include <string.h>

#include "dialect/key_piece.h"
#include "dialect/text.h"
#include "utf8.h"
#include "vault/limits.h"
#include "vault/schema.h"

struct linting {
	struct findings *findings;
	const struct env_lines *lines;
	struct lint_index index;
	uint32_t *off;		/* of each line */
};

static void linting_free(struct linting *linting)
{
	lint_index_free(&linting->index);
	free(linting->off);
}

static bool is_last_piece(const struct linting *linting, size_t place)
{
	const struct env_line *lines = linting->lines->items, *last = &lines[linting->lines->len - 1];
	const char *text = lines[0].whole.at;

	return text_is_last_piece(text, (size_t)(last->whole.at + last->whole.len - text), lines[place].key.at, lines[place].key.len);
}

/* A line without =, or with what is in base64 and in no name, may be a piece of a value, such as a line of a key: its text is shown to
 * nobody. */
static struct line_span shown_name(const struct linting *linting, size_t place)
{
	const struct env_line *line = &linting->lines->items[place];
	bool is_piece = !line->has_equals || is_last_piece(linting, place);

	for (size_t i = 0; i < line->key.len && !is_piece; i++)
		is_piece = line->key.at[i] == '/' || line->key.at[i] == '+';
	return is_piece ? (struct line_span){ "", 0 } : line->key;
}

/* In the line where the entry begins; of what stands in a later line of a value, the first. */
static unsigned column_of(const struct env_line *line, const char *at)
{
	if (!at || memchr(line->whole.at, '\n', (size_t)(at - line->whole.at)))
		return 1;
	return (unsigned)(at - line->whole.at) + 1;
}

static void report(struct linting *linting, enum lint_check check, size_t place, const char *at, const char *hint,
		   const char *text)
{
	const struct env_line *line = &linting->lines->items[place];
	const struct finding finding = {
		.severity = FINDING_WARNING,
		.code = lint_check_name(check),
		.line = line->number,
		.column = column_of(line, at),
		.hint = hint,
	};
	struct line_span name = shown_name(linting, place);

	if (!(linting->off[place] & 1u << check))
		findings_add(linting->findings, &finding, name.at, name.len, "%s", text);
}

/* -- lines -------------------------------------------------------------------- */

/* The start of the first character that nobody sees: white space beyond ASCII, zero widths, a byte order mark; or NULL. */
static const char *invisible_character(const struct env_line *line)
{
	static const char *const others[] = { "\xc2\xad", "\xe2\x80\x8b", "\xe2\x80\x8c", "\xe2\x80\x8d",
					      "\xe2\x80\x8e", "\xe2\x80\x8f", UTF8_BOM };

	for (size_t i = 0; i < line->whole.len; i++) {
		const char *at = line->whole.at + i;
		size_t left = line->whole.len - i;

		if ((unsigned char)*at < 0x80)
			continue;
		if (space_len(at, left) > 0)
			return at;
		for (size_t other = 0; other < ARRAY_LEN(others); other++)
			if (text_starts(at, left, others[other]))
				return at;
	}
	return NULL;
}

/* Name characters are letters of any kind, digits and _; what stands before the first letter is LeadingCharacter's. */
static const char *bad_delimiter(struct line_span key)
{
	size_t at = 0;

	while (at < key.len && !is_name_start(key.at[at]) && (unsigned char)key.at[at] < 0x80)
		at++;
	for (; at < key.len; at++)
		if (!is_name_char(key.at[at]) && (unsigned char)key.at[at] < 0x80)
			return key.at + at;
	return NULL;
}

static const char *lower_case(struct line_span key)
{
	for (size_t i = 0; i < key.len; i++)
		if (key.at[i] >= 'a' && key.at[i] <= 'z')
			return key.at + i;
	return NULL;
}

static void check_key(struct linting *linting, size_t place)
{
	const struct env_line *line = &linting->lines->items[place];
	const char *at = bad_delimiter(line->key);

	if (at)
		report(linting, LINT_INCORRECT_DELIMITER, place, at, "a name has letters, digits and _",
		       "a character in the name that is none of letters, digits and _");
	if (!line->has_equals)
		report(linting, LINT_KEY_WITHOUT_VALUE, place, NULL, "write NAME= for an empty value",
		       "there is no =: readers skip this line, or take the value from their own environment");
	if (lint_has_bad_start(line))
		report(linting, LINT_LEADING_CHARACTER, place, line->whole.at, NULL,
		       "the line starts with something else than a letter or _");
	at = lower_case(line->key);
	if (at)
		report(linting, LINT_LOWERCASE_KEY, place, at, NULL, "the name has lower-case letters");
}

/* Both braces or none, around a name. */
static bool is_bad_reference(const char *text, size_t len)
{
	const char *close = len > 0 ? memchr(text, '}', len) : NULL;
	bool opens = len > 0 && text[0] == '{';

	if (opens != (close != NULL))
		return true;
	for (const char *at = text + 1; close && at < close; at++)
		if (!is_name_char(*at))
			return true;
	return false;
}

/* Each piece reaches to the next dollar sign. */
static const char *bad_reference(const struct env_line *line)
{
	const char *end = line->value.at + line->value.len;
	const char *at = line->has_equals && line->quote != '\'' ? line->value.at : end;

	while (at < end && (at = memchr(at, '$', (size_t)(end - at)))) {
		const char *next = at + 1 < end ? memchr(at + 1, '$', (size_t)(end - at - 1)) : NULL;

		if (!lint_is_escaped(line->value.at, at) && is_bad_reference(at + 1, (size_t)((next ? next : end) - at - 1)))
			return at;
		at = next ? next : end;
	}
	return NULL;
}

static void check_value(struct linting *linting, size_t place)
{
	const struct env_line *line = &linting->lines->items[place];
	const char *at = bad_reference(line);

	if (lint_has_needless_quotes(line))
		report(linting, LINT_QUOTE_CHARACTER, place, line->value.at - (line->quote ? 1 : 0),
		       "leave the quotes out: docker and kubectl take them for part of the value",
		       "quotes that the value does not need");
	if (lint_has_spaces(line))
		report(linting, LINT_SPACE_CHARACTER, place, line->before.at + line->before.len,
		       "write NAME=VALUE: shells, docker and podman read it otherwise", "spaces around the equal sign");
	if (at)
		report(linting, LINT_SUBSTITUTION_KEY, place, at, "write ${NAME} or $NAME",
		       "a reference with one brace missing, or with more than a name in its braces");
	if (lint_needs_quotes(line))
		report(linting, LINT_VALUE_WITHOUT_QUOTES, place, line->value.at, "put the value in quotes",
		       "a value with white space and without quotes");
}

static bool is_second_blank(const struct linting *linting, size_t place)
{
	return place > 0 && linting->lines->items[place].kind == ENV_LINE_BLANK &&
	       linting->lines->items[place - 1].kind == ENV_LINE_BLANK;
}

static void check_line(struct linting *linting, size_t place)
{
	const struct env_line *line = &linting->lines->items[place];
	const char *at = line->kind == ENV_LINE_COMMENT ? NULL : invisible_character(line);

	if (at)
		report(linting, LINT_INVISIBLE_CHARACTER, place, at, "type the line anew",
		       "a character that cannot be seen, or white space that is no space");
	if (line->kind == ENV_LINE_ENTRY) {
		check_key(linting, place);
		check_value(linting, place);
	}
	if (line->kind != ENV_LINE_COMMENT && lint_has_trailing_blanks(line))
		report(linting, LINT_TRAILING_WHITESPACE, place, line->whole.at + line->whole.len - 1, NULL,
		       "white space at the end of the line");
	if (is_second_blank(linting, place))
		report(linting, LINT_EXTRA_BLANK_LINE, place, NULL, NULL, "more than one blank line in a row");
	if (place + 1 == linting->lines->len && !line->is_ended)
		report(linting, LINT_ENDING_BLANK_LINE, place, line->whole.at + line->whole.len, NULL,
		       "the file does not end with a line feed");
}

/* -- names -------------------------------------------------------------------------- */

static void check_duplicates(struct linting *linting)
{
	const struct lint_index *index = &linting->index;

	for (size_t i = 1; i < index->len; i++)
		if (lint_compare_keys(&linting->lines->items[index->items[i - 1]],
				      &linting->lines->items[index->items[i]]) == 0)
			report(linting, LINT_DUPLICATED_KEY, index->items[i], NULL, "remove one: for most readers the last one counts",
			       "the name occurs before");
}

/* The entries of one group, by name, as a list that entries are taken out of. */
struct order {
	uint32_t *places, *next, *previous, *position;
	size_t len;
};

/* With the later entries gone from the list, what follows an entry in it is the first name among the earlier ones that it
 * should stand before. */
static void report_disorder(struct linting *linting, const struct order *order, size_t from, size_t to)
{
	for (size_t place = to; place-- > from;) {
		const struct env_line *line = &linting->lines->items[place];
		uint32_t at, next;

		if (line->kind != ENV_LINE_ENTRY)
			continue;
		at = order->position[place - from];
		next = order->next[at];
		if (next < order->len)
			report(linting, LINT_UNORDERED_KEY, place, NULL, "keep the names of a group in alphabetical order",
			       "the name should stand before one that comes earlier");
		if (next < order->len)
			order->previous[next] = order->previous[at];
		if (order->previous[at] < order->len)
			order->next[order->previous[at]] = next;
	}
}

static void check_group(struct linting *linting, uint32_t *memory, size_t from, size_t to)
{
	struct order order = { .places = memory, .next = memory + (to - from), .previous = memory + 2 * (to - from),
			       .position = memory + 3 * (to - from) };

	for (size_t place = from; place < to; place++)
		if (linting->lines->items[place].kind == ENV_LINE_ENTRY)
			order.places[order.len++] = (uint32_t)place;
	qsort_r(order.places, order.len, sizeof(*order.places), lint_compare_places, (void *)(uintptr_t)linting->lines);
	for (size_t i = 0; i < order.len; i++) {
		order.next[i] = (uint32_t)i + 1;
		order.previous[i] = i > 0 ? (uint32_t)i - 1 : UINT32_MAX;
		order.position[order.places[i] - from] = (uint32_t)i;
	}
	report_disorder(linting, &order, from, to);
}

static enum error_code check_groups(struct linting *linting, struct error *err)
{
	const struct env_lines *lines = linting->lines;
	uint32_t *memory = malloc(4 * lines->len * sizeof(*memory) + 1);

	if (!memory)
		return error_set(err, ERR_NO_MEMORY, "out of memory while checking an env file");
	for (size_t from = 0; from < lines->len;) {
		size_t to = lint_group_end(lines, &linting->index, from);

		check_group(linting, memory, from, to);
		/* What ends a group belongs to none. */
		from = to + 1;
	}
	free(memory);
	return ERR_OK;
}

static enum error_code lint_lines(struct linting *linting, struct error *err)
{
	uint32_t off = 0;

	linting->off = calloc(linting->lines->len + 1, sizeof(*linting->off));
	if (!linting->off)
		return error_set(err, ERR_NO_MEMORY, "out of memory while checking an env file");
	if (lint_index_make(linting->lines, &linting->index, err) != ERR_OK)
		return err->code;
	for (size_t place = 0; place < linting->lines->len; place++) {
		lint_follow(&linting->lines->items[place], &off);
		linting->off[place] = off;
		check_line(linting, place);
	}
	check_duplicates(linting);
	return check_groups(linting, err);
}

enum error_code env_lint(const char *text, size_t len, struct findings *findings, struct error *err)
{
	cleanup_(env_lines_free) struct env_lines lines = { .items = NULL };
	cleanup_(linting_free) struct linting linting = { .findings = findings, .lines = &lines };

	if (len > LIMIT_ENV_FILE)
		return error_set(err, ERR_TOO_LARGE, "the env file is larger than %u bytes", LIMIT_ENV_FILE);
	if (env_lines_read(text, len, &lines, err) != ERR_OK || lint_lines(&linting, err) != ERR_OK)
		return err->code;
	findings_sort(findings);
	return ERR_OK;
}
