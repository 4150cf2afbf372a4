/* Names of an env file in order, and the groups that are kept in order. */
#include <stdlib.h>
#include <string.h>

#include "schema/lint.h"

void lint_index_free(struct lint_index *index)
{
	free(index->items);
	*index = (struct lint_index){ .items = NULL };
}

static int compare_names(struct line_span a, struct line_span b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common > 0 ? memcmp(a.at, b.at, common) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

int lint_compare_keys(const struct env_line *a, const struct env_line *b)
{
	return compare_names(a->key, b->key);
}

int lint_compare_places(const void *a, const void *b, void *lines)
{
	const struct env_line *items = ((const struct env_lines *)lines)->items;
	const uint32_t *first = a, *second = b;
	int order = lint_compare_keys(&items[*first], &items[*second]);

	return order != 0 ? order : (*first > *second) - (*first < *second);
}

enum error_code lint_index_make(const struct env_lines *lines, struct lint_index *ret, struct error *err)
{
	*ret = (struct lint_index){ .items = malloc(lines->len * sizeof(uint32_t) + 1) };
	if (!ret->items)
		return error_set(err, ERR_NO_MEMORY, "out of memory while checking an env file");
	for (size_t i = 0; i < lines->len; i++)
		if (lines->items[i].kind == ENV_LINE_ENTRY)
			ret->items[ret->len++] = (uint32_t)i;
	qsort_r(ret->items, ret->len, sizeof(*ret->items), lint_compare_places, (void *)(uintptr_t)lines);
	return ERR_OK;
}

/* Is there an entry of this name among the lines from..to-1? */
static bool has_between(const struct env_lines *lines, const struct lint_index *index, struct line_span name, size_t from,
			size_t to)
{
	size_t low = 0, high = index->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint32_t place = index->items[middle];
		int order = compare_names(lines->items[place].key, name);

		if (order < 0 || (order == 0 && place < from))
			low = middle + 1;
		else
			high = middle;
	}
	return low < index->len && index->items[low] < to && compare_names(lines->items[index->items[low]].key, name) == 0;
}

bool lint_refers_back(const struct env_lines *lines, const struct lint_index *index, size_t from, size_t line)
{
	struct line_span name;
	size_t at = 0;

	while (lint_next_reference(&lines->items[line], &at, &name))
		if (has_between(lines, index, name, from, line))
			return true;
	return false;
}

size_t lint_group_end(const struct env_lines *lines, const struct lint_index *index, size_t from)
{
	size_t at = from;

	while (at < lines->len) {
		const struct env_line *line = &lines->items[at];

		if (line->kind == ENV_LINE_BLANK || lint_is_control(line) ||
		    (at > from && line->kind == ENV_LINE_ENTRY && lint_refers_back(lines, index, from, at)))
			return at;
		at++;
	}
	return at;
}
