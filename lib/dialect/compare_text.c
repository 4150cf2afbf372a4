/* What a text looks like, and how readings of it differ, in words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/compare.h"
#include "dialect/text.h"
#include "vault/attributes.h"
#include "vault/dialect_compare.h"
#include "vault/plural.h"

#define GLANCE (64u * 1024)	/* a manifest says what it is near its beginning */

size_t lines_of(const char *text, size_t len)
{
	size_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n' || (text[i] == '\r' && (i + 1 == len || text[i + 1] != '\n'));
	return lines;
}

/* -- values -------------------------------------------------------------------- */

static bool is_quoted(const char *value, size_t len)
{
	return len >= 2 && is_one_of(value[0], "'\"`") && value[len - 1] == value[0];
}

uint16_t value_traits(const char *value, size_t len)
{
	static const struct {
		const char *text;
		uint16_t trait;
	} pieces[] = {
		{ "#", TRAIT_HASH }, { "\\", TRAIT_BACKSLASH }, { "\r", TRAIT_CR },  { "\n", TRAIT_LINES },
		{ "$", TRAIT_DOLLAR }, { "$$", TRAIT_DOLLARS }, { "\t", TRAIT_TAB },
	};
	unsigned traits = is_quoted(value, len) ? TRAIT_QUOTED : 0;

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
		if (len > 0 && memmem(value, len, pieces[i].text, strlen(pieces[i].text)))
			traits |= pieces[i].trait;
	if (len > 0 && (is_blank(value[0]) || is_blank(value[len - 1])))
		traits |= TRAIT_EDGE;
	return (uint16_t)traits;
}

static const struct {
	uint16_t trait;
	const char *with, *without;	/* NULL: nothing to say */
} words[] = {
	{ TRAIT_QUOTED, "keeps the quotes", NULL },
	{ TRAIT_HASH, "goes on behind #", "ends at #" },
	{ TRAIT_BACKSLASH, "keeps a backslash", "reads the backslash as an escape" },
	{ TRAIT_CR, "keeps the carriage return", NULL },
	{ TRAIT_LINES, "of several lines", "on one line" },
	{ TRAIT_DOLLAR, "keeps the dollar sign", "takes the dollar sign away" },
	{ TRAIT_DOLLARS, "keeps both dollar signs", NULL },
	{ TRAIT_EDGE, "keeps blanks at its edge", NULL },
	{ TRAIT_TAB, "with a tab", NULL },
};

/* Traits that some group has and another has not. */
static unsigned differing(const struct disagreement *item)
{
	unsigned all = ~0u, any = 0;

	for (size_t i = 0; i < item->groups_len; i++) {
		if (item->groups[i].kind != COMPARED_VALUE)
			continue;
		all &= item->groups[i].traits;
		any |= item->groups[i].traits;
	}
	return any & ~all;
}

static void describe_value(const struct compared_group *group, unsigned differ, unsigned line, char *ret, size_t size)
{
	size_t used = (size_t)snprintf(ret, size, "%zu byte%s", group->len, plural(group->len, "", "s"));

	for (size_t i = 0; i < ARRAY_LEN(words) && used < size; i++) {
		const char *word = group->traits & words[i].trait ? words[i].with : words[i].without;

		if (differ & words[i].trait && word)
			used += (size_t)snprintf(ret + used, size - used, ", %s", word);
	}
	if (group->line != line && used < size)
		snprintf(ret + used, size - used, ", from line %u", group->line);
}

void comparison_describe(const struct disagreement *item, size_t i, char *ret, size_t size)
{
	const struct compared_group *group = &item->groups[i];

	switch (group->kind) {
	case COMPARED_VALUE:
		describe_value(group, differing(item), item->line, ret, size);
		break;
	case COMPARED_ABSENT:
		snprintf(ret, size, "not set%s%s", group->reason ? ": " : "", group->reason ? group->reason : "");
		break;
	case COMPARED_REFUSED:
		snprintf(ret, size, "refused: %s", group->reason);
		break;
	case COMPARED_SILENT:
		snprintf(ret, size, "nothing against it");
		break;
	}
}

void dialect_names(uint32_t readers, char *ret, size_t size)
{
	const struct dialect *dialect;
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; (dialect = dialect_at(i)) && used < size; i++)
		if (readers & 1u << i)
			used += (size_t)snprintf(ret + used, size - used, "%s%s", used > 0 ? ", " : "", dialect_name(dialect));
}

void comparison_free(struct comparison *comparison)
{
	for (size_t i = 0; i < comparison->len; i++)
		free(comparison->items[i].groups);
	free(comparison->items);
	notes_free(&comparison->notes);
	*comparison = (struct comparison){ .len = 0 };
}

/* -- what a text looks like ------------------------------------------------------ */

static uint32_t bit_of(const char *name)
{
	for (uint32_t i = 0; dialect_at(i); i++)
		if (strcmp(dialect_name(dialect_at(i)), name) == 0)
			return 1u << i;
	return 0;
}

static uint32_t env_files(void)
{
	uint32_t readers = 0;

	for (uint32_t i = 0; dialect_at(i); i++)
		if (dialect_is_env_file(dialect_at(i)))
			readers |= 1u << i;
	return readers;
}

/* A line that begins with this, near the beginning of the text. */
static bool has_line(const char *text, size_t len, const char *prefix)
{
	const char *end = text + (len < GLANCE ? len : GLANCE);

	for (const char *at = text; at && at < end;) {
		if (text_starts(at, (size_t)(end - at), prefix))
			return true;
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	return false;
}

/* The first line that is neither empty nor a comment. */
static const char *first_line(const char *text, size_t len, size_t *ret_len)
{
	const char *at = text, *end = text + len;

	while (at < end) {
		const char *next = memchr(at, '\n', (size_t)(end - at));
		size_t line_len = next ? (size_t)(next - at) : (size_t)(end - at), blanks = 0;

		while (blanks < line_len && space_len(at + blanks, 1) == 1)
			blanks++;
		*ret_len = line_len - blanks;
		if (*ret_len > 0 && at[blanks] != '#')
			return at + blanks;
		at = next ? next + 1 : end;
	}
	*ret_len = 0;
	return end;
}

/* "NAME: …" or "- NAME…": YAML, and also what some readers of env files take. */
static bool is_yaml_line(const char *line, size_t len)
{
	const char *colon = len > 0 ? memchr(line, ':', len) : NULL;
	const char *equals = len > 0 ? memchr(line, '=', len) : NULL;

	if (text_starts(line, len, "- "))
		return true;
	return colon && (!equals || colon < equals) && (colon + 1 == line + len || is_one_of(colon[1], " \r"));
}

uint32_t readers_of(const char *text, size_t len)
{
	size_t bom = text_starts(text, len, UTF8_BOM) ? strlen(UTF8_BOM) : 0, line_len;
	const char *line = first_line(text + bom, len - bom, &line_len);
	uint32_t only = 0;

	if (line_len > 0 && *line == '{')
		only = bit_of("json");
	else if (has_line(text + bom, len - bom, "apiVersion:") && has_line(text + bom, len - bom, "kind:"))
		only = bit_of("kubernetes");
	else if (text_starts(line, line_len, "environment:") || text_starts(line, line_len, "services:"))
		only = bit_of("compose-environment");
	else if (text_starts(line, line_len, "---") || text_starts(line, line_len, "%YAML"))
		only = bit_of("yaml");
	if (only != 0)
		return only;
	return env_files() | (is_yaml_line(line, line_len) ? bit_of("yaml") : 0);
}
