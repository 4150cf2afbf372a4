#include "pages.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAGE = 4096,
	PAGE_LOWER = 12,
	NODE_FLAGS = 4,
	NODE_KEY_LEN = 6,
	NODE_HEADER = 8,
	NODE_IS_BIG = 1,
	META_FREE_LIST = 40,
	META_RECORDS = 88,
	META_TXN_ID = 144,
	TREE_DEPTH = 6,
	TREE_ROOT = 40,
	NODES_IN_A_PAGE = (PAGE - PAGES_HEADER) / (NODE_HEADER + 2),
};

static uint64_t number_at(const uint8_t *at, size_t len)
{
	uint64_t number = 0;

	memcpy(&number, at, len);
	return number;
}

unsigned pages_lower(const uint8_t *file, uint64_t page)
{
	return (unsigned)number_at(file + page * PAGE + PAGE_LOWER, 2);
}

static void add_overflow(struct pages *pages, const struct page_node *node)
{
	const uint64_t first = node->value_at / PAGE, count = (PAGES_HEADER + node->value_len + PAGE - 1) / PAGE;

	pages->overflow_heads[pages->overflow_heads_len++] = first;
	for (uint64_t page = first; page < first + count; page++)
		pages->used[pages->used_len++] = pages->overflows[pages->overflows_len++] = page;
}

static void add_node(struct pages *pages, size_t at, bool is_free_list)
{
	const uint8_t *file = pages->file;
	struct page_node node = {.at = at,
				 .key_at = at + NODE_HEADER,
				 .key_len = number_at(file + at + NODE_KEY_LEN, 2),
				 .value_len = number_at(file + at, 4),
				 .is_free_list = is_free_list};

	node.value_at = node.key_at + node.key_len;
	if (number_at(file + at + NODE_FLAGS, 2) & NODE_IS_BIG) {
		node.value_at = number_at(file + node.value_at, 8) * PAGE + PAGES_HEADER;
		add_overflow(pages, &node);
	}
	pages->nodes[pages->nodes_len++] = node;
}

static void survey(struct pages *pages, uint64_t page, unsigned depth, bool is_free_list)
{
	const unsigned lower = pages_lower(pages->file, page);

	pages->used[pages->used_len++] = page;
	if (is_free_list)
		pages->free_list[pages->free_list_len++] = page;
	else if (depth > 1)
		pages->branches[pages->branches_len++] = page;
	else
		pages->leaves[pages->leaves_len++] = page;
	for (unsigned i = PAGES_HEADER; i < lower; i += 2) {
		const size_t at = page * PAGE + number_at(pages->file + page * PAGE + i, 2);

		if (depth > 1)
			survey(pages, number_at(pages->file + at, 6), depth - 1, is_free_list);
		else
			add_node(pages, at, is_free_list);
	}
}

static void *room(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		errx(2, "no memory");
	return memory;
}

struct pages *pages_survey(const uint8_t *file, size_t len)
{
	const size_t count = len / PAGE;
	struct pages *pages = room(1, sizeof(*pages));
	const uint8_t *meta =
		file + (number_at(file + PAGE + META_TXN_ID, 8) > number_at(file + META_TXN_ID, 8) ? PAGE : 0);

	pages->file = file;
	uint64_t **const lists[] = {&pages->used,	    &pages->branches,  &pages->leaves,
				    &pages->overflow_heads, &pages->overflows, &pages->free_list};
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		*lists[i] = room(count, sizeof(uint64_t));
	pages->nodes = room(count * NODES_IN_A_PAGE, sizeof(pages->nodes[0]));
	pages->used[0] = 0;
	pages->used[1] = 1;
	pages->used_len = 2;
	if (number_at(meta + META_FREE_LIST + TREE_DEPTH, 2) > 0)
		survey(pages, number_at(meta + META_FREE_LIST + TREE_ROOT, 8),
		       (unsigned)number_at(meta + META_FREE_LIST + TREE_DEPTH, 2), true);
	pages->free_nodes_len = pages->nodes_len;
	survey(pages, number_at(meta + META_RECORDS + TREE_ROOT, 8),
	       (unsigned)number_at(meta + META_RECORDS + TREE_DEPTH, 2), false);
	return pages;
}

void pages_free(struct pages *pages)
{
	free(pages->used);
	free(pages->branches);
	free(pages->leaves);
	free(pages->overflow_heads);
	free(pages->overflows);
	free(pages->free_list);
	free(pages->nodes);
	free(pages);
}

const struct page_node *pages_find(const struct pages *pages, const uint8_t *key, size_t len)
{
	size_t low = pages->free_nodes_len, high = pages->nodes_len;

	while (low < high) {
		const struct page_node *node = &pages->nodes[(low + high) / 2];
		int order = memcmp(key, pages->file + node->key_at, len < node->key_len ? len : node->key_len);

		if (order == 0)
			order = (len > node->key_len) - (len < node->key_len);
		if (order == 0)
			return node;
		if (order < 0)
			high = (low + high) / 2;
		else
			low = (low + high) / 2 + 1;
	}
	return NULL;
}
