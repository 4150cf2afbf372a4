/* Where everything stands in a sound database file of LMDB 0.9: pages by their use, and entries. It trusts the file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGES_HEADER 16u

/* An entry of a leaf; places are offsets in the file. */
struct page_node {
	size_t at, key_at, key_len, value_at, value_len;
	bool is_free_list;
};

struct pages {
	const uint8_t *file;
	/* lists of page numbers; the meta pages are used as well */
	uint64_t *used, *branches, *leaves, *overflow_heads, *overflows, *free_list;
	size_t used_len, branches_len, leaves_len, overflow_heads_len, overflows_len, free_list_len;
	struct page_node *nodes; /* those of the records are in key order, those of the free list come first */
	size_t nodes_len, free_nodes_len;
};

/* Of the newest state. The file must stay. Exits when there is no memory. */
struct pages *pages_survey(const uint8_t *file, size_t len);
void pages_free(struct pages *pages);
/* A record's entry, or NULL. */
const struct page_node *pages_find(const struct pages *pages, const uint8_t *key, size_t len);
/* How long the header and the table of entries of a page are. */
unsigned pages_lower(const uint8_t *file, uint64_t page);
