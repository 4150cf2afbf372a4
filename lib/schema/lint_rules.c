/* The rules about one line. */
#include <string.h>

#include "dialect/text.h"
#include "schema/lint.h"

const char *lint_check_name(enum lint_check check)
{
	static const char *const names[LINT_CHECKS] = {
		[LINT_DUPLICATED_KEY] = "DuplicatedKey",
		[LINT_ENDING_BLANK_LINE] = "EndingBlankLine",
		[LINT_EXTRA_BLANK_LINE] = "ExtraBlankLine",
		[LINT_INCORRECT_DELIMITER] = "IncorrectDelimiter",
		[LINT_INVISIBLE_CHARACTER] = "InvisibleCharacter",
		[LINT_KEY_WITHOUT_VALUE] = "KeyWithoutValue",
		[LINT_LEADING_CHARACTER] = "LeadingCharacter",
		[LINT_LOWERCASE_KEY] = "LowercaseKey",
		[LINT_QUOTE_CHARACTER] = "QuoteCharacter",
		[LINT_SPACE_CHARACTER] = "SpaceCharacter",
		[LINT_SUBSTITUTION_KEY] = "SubstitutionKey",
		[LINT_TRAILING_WHITESPACE] = "TrailingWhitespace",
		[LINT_UNORDERED_KEY] = "UnorderedKey",
		[LINT_VALUE_WITHOUT_QUOTES] = "ValueWithoutQuotes",
	};

	return names[check];
}

/* -- control comments --------------------------------------------------------- */

static bool take(struct line_span *span, const char *word)
{
	if (!text_starts(span->at, span->len, word))
		return false;
	span->at += strlen(word);
	span->len -= strlen(word);
	return true;
}

/* "# dotenv-linter:" at the front; *ret is what follows. */
static bool control_text(const struct env_line *line, struct line_span *ret)
{
	struct line_span span = line_span_after_blanks(line->whole);

	if (line->kind != ENV_LINE_COMMENT || !take(&span, "#"))
		return false;
	span = line_span_after_blanks(span);
	*ret = span;
	return take(ret, "dotenv-linter:");
}

bool lint_is_control(const struct env_line *line)
{
	struct line_span span;

	return control_text(line, &span) && (take(&span, "off") || take(&span, "on"));
}

static uint32_t checks_named(struct line_span span)
{
	uint32_t checks = 0;
	bool any = false;

	while (span.len > 0) {
		size_t len = 0;

		while (span.len > 0 && !is_letter(span.at[0])) {
			span.at++;
			span.len--;
		}
		while (len < span.len && is_letter(span.at[len]))
			len++;
		for (int check = 0; check < LINT_CHECKS; check++)
			if (len == strlen(lint_check_name(check)) && memcmp(span.at, lint_check_name(check), len) == 0)
				checks |= 1u << check;
		any = any || len > 0;
		span.at += len;
		span.len -= len;
	}
	return any ? checks : (1u << LINT_CHECKS) - 1;
}

void lint_follow(const struct env_line *line, uint32_t *off)
{
	struct line_span span;

	if (!control_text(line, &span))
		return;
	if (take(&span, "off"))
		*off |= checks_named(span);
	else if (take(&span, "on"))
		*off &= ~checks_named(span);
}

/* -- single lines --------------------------------------------------------------- */

bool lint_has_spaces(const struct env_line *line)
{
	return line->has_equals && ((line->before.len > 0 && line->before.at[line->before.len - 1] == ' ') ||
				    (line->rest.len > 0 && line->rest.at[0] == ' ' && line->value.len > 0));
}

bool lint_has_bad_start(const struct env_line *line)
{
	return line->kind == ENV_LINE_ENTRY && !is_name_start(line->whole.at[0]) && (unsigned char)line->whole.at[0] < 0x80;
}

/* What only quotes keep together, for readers or for a shell. */
static bool has_reason_for_quotes(struct line_span value)
{
	for (size_t i = 0; i < value.len; i++)
		if (is_one_of(value.at[i], " \t\r\n\v\f$#&=\\`;|<>()*?[]{}~!") || (unsigned char)value.at[i] >= 0x80)
			return true;
	return value.len == 0;
}

bool lint_has_needless_quotes(const struct env_line *line)
{
	if (!line->has_equals || has_reason_for_quotes(line->value))
		return false;
	if (line->quote == 0 && is_one_of(line->value.at[0], "'\""))
		return false;	/* it is not closed */
	return line->quote != 0 || text_has(line->value.at, line->value.len, '"') ||
	       text_has(line->value.at, line->value.len, '\'');
}

bool lint_needs_quotes(const struct env_line *line)
{
	return line->has_equals && line->quote == 0 &&
	       (text_has(line->value.at, line->value.len, ' ') || text_has(line->value.at, line->value.len, '\t'));
}

bool lint_has_trailing_blanks(const struct env_line *line)
{
	return line->whole.len > 0 && is_blank(line->whole.at[line->whole.len - 1]);
}

/* -- references ------------------------------------------------------------------ */

bool lint_is_escaped(const char *from, const char *at)
{
	size_t backslashes = 0;

	while (at > from && at[-1] == '\\') {
		backslashes++;
		at--;
	}
	return backslashes % 2 == 1;
}

bool lint_next_reference(const struct env_line *line, size_t *at, struct line_span *ret_name)
{
	const char *text = line->value.at;
	size_t len = line->quote == '\'' || !line->has_equals ? 0 : line->value.len;

	for (; *at < len; ++*at) {
		size_t start = *at + 1, end;

		if (text[*at] != '$' || lint_is_escaped(text, text + *at))
			continue;
		start += start < len && text[start] == '{';
		for (end = start; end < len && is_name_char(text[end]); end++)
			;
		*at = end > start ? end : start;
		*ret_name = (struct line_span){ text + start, end - start };
		if (end > start)
			return true;
		--*at;
	}
	return false;
}
