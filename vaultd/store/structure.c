/* The walk over LMDB's pages, from its file format (LMDB 0.9, data version 1, 64 bits, little-endian). */
#include <string.h>
#include <sys/mman.h>

#include "store/integrity.h"

enum {
	PAGE_NUMBER = 0,
	PAGE_FLAGS = 10,
	PAGE_LOWER = 12,	/* end of the table of entries */
	PAGE_UPPER = 14,	/* beginning of the entries */
	PAGE_COUNT = 12,	/* of an overflow page: how many pages */
	PAGE_HEADER = 16,

	NODE_LOW = 0,		/* size of the value or, in a branch, the page's number, 48 bits */
	NODE_HIGH = 2,
	NODE_FLAGS = 4,
	NODE_KEY_LEN = 6,
	NODE_HEADER = 8,
};

/* The only flags in a file. In memory LMDB has others; a page that came with one would be written in place, in the map. */
#define IS_BRANCH 0x01u
#define IS_LEAF 0x02u
#define IS_OVERFLOW 0x04u
#define NODE_BIG_VALUE 0x01u
#define MAX_KEY 511u
#define PLACE_OF_VALUES 0u

/* The newest state has each page in one place: used by a tree, inside a large value, or free. */
struct page_sets {
	size_t bytes;		/* of each */
	uint64_t *used;
	uint64_t *value_heads;
	uint64_t *value_bodies;
	uint64_t *free;
};

struct key_view {
	const uint8_t *at;
	size_t len;
};

struct walk {
	const struct page_source *source;
	uint64_t txn_id, last_page, file_pages;
	struct page_sets sets;
	struct structure_finding finding;

	/* of the tree that is being walked */
	const struct meta_tree *tree;
	bool is_free_list;
	uint8_t previous[MAX_KEY];	/* key; its page may be gone */
	size_t previous_len;		/* 0: none yet */
	bool previous_is_separator;	/* then the next key may be equal */
	uint64_t branches, leaves, entries;
};

static uint16_t read_u16(const uint8_t *at)
{
	uint16_t number;

	memcpy(&number, at, sizeof(number));
	return number;
}

static uint32_t read_u32(const uint8_t *at)
{
	uint32_t number;

	memcpy(&number, at, sizeof(number));
	return number;
}

static uint64_t read_u64(const uint8_t *at)
{
	uint64_t number;

	memcpy(&number, at, sizeof(number));
	return number;
}

static bool set_has(const uint64_t *set, uint64_t page)
{
	return set[page / 64] >> (page % 64) & 1;
}

static void set_add(uint64_t *set, uint64_t page)
{
	set[page / 64] |= UINT64_C(1) << (page % 64);
}

/* False, so that it can be returned. */
static bool found(struct walk *walk, enum structure_problem problem, uint64_t page)
{
	walk->finding = (struct structure_finding){ problem, page };
	return false;
}

/* A page that the file has; NULL when it cannot be read. */
static const uint8_t *read_page(struct walk *walk, uint64_t page, unsigned place)
{
	const uint8_t *at = walk->source->page(walk->source->arg, page, place);

	if (!at)
		found(walk, STRUCTURE_UNREADABLE, page);
	return at;
}

static bool use_page(struct walk *walk, uint64_t page)
{
	if (page < 2 || page > walk->last_page)
		return found(walk, STRUCTURE_PAGE_RANGE, page);
	if (page >= walk->file_pages)
		return found(walk, STRUCTURE_CUT_OFF, page);
	if (set_has(walk->sets.used, page))
		return found(walk, STRUCTURE_PAGE_TWICE, page);
	set_add(walk->sets.used, page);
	return true;
}

static int compare_keys(const struct walk *walk, struct key_view a, struct key_view b)
{
	const size_t shorter = a.len < b.len ? a.len : b.len;

	if (walk->is_free_list) {	/* transaction numbers */
		const uint64_t first = read_u64(a.at);
		const uint64_t second = read_u64(b.at);

		return (first > second) - (first < second);
	}
	const int order = memcmp(a.at, b.at, shorter);

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Keys ascend; what a branch says about a child is not above the child's first key and above everything before. */
static bool next_key(struct walk *walk, struct key_view key, bool is_separator, uint64_t page)
{
	if (walk->previous_len > 0) {
		const int order = compare_keys(walk, (struct key_view){ walk->previous, walk->previous_len }, key);

		if (order > 0 || (order == 0 && !(walk->previous_is_separator && !is_separator)))
			return found(walk, STRUCTURE_ORDER, page);
	}
	memcpy(walk->previous, key.at, key.len);
	walk->previous_len = key.len;
	walk->previous_is_separator = is_separator;
	return true;
}

/* The pages of a large value. Their header is looked at later, in the order of the file. */
static bool use_large_value(struct walk *walk, uint64_t first, uint64_t size)
{
	const uint64_t pages = (PAGE_HEADER + size + STORE_PAGE - 1) / STORE_PAGE;

	if (first > walk->last_page || pages > walk->last_page - first + 1)
		return found(walk, STRUCTURE_PAGE_RANGE, first);
	for (uint64_t page = first; page < first + pages; page++) {
		if (!use_page(walk, page))
			return false;
		set_add(page == first ? walk->sets.value_heads : walk->sets.value_bodies, page);
	}
	return true;
}

/* The numbers of one record of the free list: in its leaf, or in pages of their own. */
struct number_list {
	const uint8_t *at;	/* in the leaf; else NULL */
	uint64_t first_page;
	const uint8_t *page;	/* the last one that was read */
	uint64_t page_number;
};

static bool list_number(struct walk *walk, struct number_list *list, uint64_t index, uint64_t *ret)
{
	const uint64_t offset = PAGE_HEADER + index * 8;	/* so none lies in two pages */
	const uint64_t page = list->first_page + offset / STORE_PAGE;

	if (list->at) {
		*ret = read_u64(list->at + index * 8);
		return true;
	}
	if (!list->page || list->page_number != page) {
		list->page = read_page(walk, page, PLACE_OF_VALUES);
		list->page_number = page;
	}
	if (list->page)
		*ret = read_u64(list->page + offset % STORE_PAGE);
	return list->page != NULL;
}

/*
 * One record of the free list: under the transaction that freed them a count, then that many page numbers, which descend.
 * LMDB takes number 0 for "none was read yet", and finds runs of pages by the order.
 */
static bool list_free_pages(struct walk *walk, uint64_t txn_id, struct number_list *list, uint64_t size, uint64_t page)
{
	uint64_t count, number, before = UINT64_MAX;

	if (txn_id < 1 || txn_id > walk->txn_id || size < 8)
		return found(walk, STRUCTURE_FREE_LIST, page);
	if (!list_number(walk, list, 0, &count))
		return false;
	if (count > size / 8 - 1)
		return found(walk, STRUCTURE_FREE_LIST, page);
	for (uint64_t i = 1; i <= count; i++, before = number) {
		if (!list_number(walk, list, i, &number))
			return false;
		if (number < 2 || number > walk->last_page || set_has(walk->sets.free, number) || number > before)
			return found(walk, STRUCTURE_FREE_LIST, number);
		set_add(walk->sets.free, number);
	}
	return true;
}

static bool walk_entry(struct walk *walk, const uint8_t *node, size_t room, uint64_t page)
{
	const size_t key_len = read_u16(node + NODE_KEY_LEN);
	const uint64_t size = read_u16(node + NODE_LOW) | (uint64_t)read_u16(node + NODE_HIGH) << 16;
	const unsigned flags = read_u16(node + NODE_FLAGS);
	const bool is_large = flags == NODE_BIG_VALUE;
	const uint8_t *value = node + NODE_HEADER + key_len;
	struct number_list list = { .at = value };

	if ((flags != 0 && !is_large) || key_len == 0 || key_len > MAX_KEY || (walk->is_free_list && key_len != 8) ||
	    NODE_HEADER + key_len + (is_large ? 8 : size) > room)
		return found(walk, STRUCTURE_NODE, page);
	if (!next_key(walk, (struct key_view){ node + NODE_HEADER, key_len }, false, page))
		return false;
	walk->entries++;
	if (is_large) {
		const uint64_t first = read_u64(value);

		if (!use_large_value(walk, first, size))
			return false;
		list = (struct number_list){ .first_page = first };
	}
	return !walk->is_free_list || list_free_pages(walk, read_u64(node + NODE_HEADER), &list, size, page);
}

static bool walk_page(struct walk *walk, uint64_t number, unsigned depth);

static bool walk_child(struct walk *walk, const uint8_t *node, size_t room, bool is_first, uint64_t page, unsigned depth)
{
	const size_t key_len = read_u16(node + NODE_KEY_LEN);
	const uint64_t child = read_u16(node + NODE_LOW) | (uint64_t)read_u16(node + NODE_HIGH) << 16 |
			       (uint64_t)read_u16(node + NODE_FLAGS) << 32;

	if (NODE_HEADER + key_len > room || key_len > MAX_KEY ||
	    (!is_first && (key_len == 0 || (walk->is_free_list && key_len != 8))))
		return found(walk, STRUCTURE_NODE, page);
	/* The first child has everything below the second key; LMDB does not look at its own. */
	if (!is_first && !next_key(walk, (struct key_view){ node + NODE_HEADER, key_len }, true, page))
		return false;
	return walk_page(walk, child, depth + 1);
}

/* What LMDB takes for the length of an entry, with its filler. */
static uint64_t entry_len(const uint8_t *node, bool is_branch)
{
	const uint64_t size = read_u16(node + NODE_LOW) | (uint64_t)read_u16(node + NODE_HIGH) << 16;
	uint64_t len = NODE_HEADER + (uint64_t)read_u16(node + NODE_KEY_LEN);

	if (!is_branch)
		len += read_u16(node + NODE_FLAGS) == NODE_BIG_VALUE ? 8 : size;
	return len + len % 2;
}

/*
 * LMDB moves entries by their lengths: they lie side by side at even places, from upper to the page's end. Where one begins
 * or ends in another, the next change of the page would write over its neighbours.
 */
static bool entries_tile(const uint8_t *page, size_t lower, size_t upper, bool is_branch)
{
	uint64_t begins[STORE_PAGE / 64] = { 0 };
	uint64_t total = 0;

	for (size_t at = PAGE_HEADER; at < lower; at += 2) {
		const size_t offset = read_u16(page + at);

		if (offset % 2 != 0 || offset < upper || offset + NODE_HEADER > STORE_PAGE || set_has(begins, offset))
			return false;
		set_add(begins, offset);
	}
	for (size_t at = PAGE_HEADER; at < lower; at += 2) {
		const uint64_t len = entry_len(page + read_u16(page + at), is_branch), end = read_u16(page + at) + len;

		if (end > STORE_PAGE || (end < STORE_PAGE && !set_has(begins, end)))
			return false;
		total += len;
	}
	return set_has(begins, upper) && total == STORE_PAGE - upper;
}

static bool walk_entries(struct walk *walk, const uint8_t *page, uint64_t number, bool is_branch, unsigned depth)
{
	const size_t lower = read_u16(page + PAGE_LOWER);
	const size_t upper = read_u16(page + PAGE_UPPER);

	if (lower <= PAGE_HEADER || lower % 2 != 0 || lower > upper || upper >= STORE_PAGE)
		return found(walk, STRUCTURE_PAGE_HEADER, number);
	if (!entries_tile(page, lower, upper, is_branch))
		return found(walk, STRUCTURE_NODE, number);
	for (size_t at = PAGE_HEADER; at < lower; at += 2) {
		const size_t offset = read_u16(page + at);

		if (is_branch ? !walk_child(walk, page + offset, STORE_PAGE - offset, at == PAGE_HEADER, number, depth) :
				!walk_entry(walk, page + offset, STORE_PAGE - offset, number))
			return false;
	}
	return true;
}

static bool walk_page(struct walk *walk, uint64_t number, unsigned depth)
{
	if (depth > walk->tree->depth)
		return found(walk, STRUCTURE_DEPTH, number);
	if (!use_page(walk, number))
		return false;
	const uint8_t *page = read_page(walk, number, depth);
	const bool is_branch = depth < walk->tree->depth;

	if (!page)
		return false;
	if (read_u64(page + PAGE_NUMBER) != number ||
	    read_u16(page + PAGE_FLAGS) != (is_branch ? IS_BRANCH : IS_LEAF))
		return found(walk, STRUCTURE_PAGE_HEADER, number);
	if (is_branch)
		walk->branches++;
	else
		walk->leaves++;
	return walk_entries(walk, page, number, is_branch, depth);
}

/*
 * Looks at the first page of each large value that was found since the last call. LMDB frees as many pages as this
 * header says, so a wrong count would give away pages that others use.
 */
static bool walk_large_values(struct walk *walk, uint64_t expected)
{
	uint64_t total = 0;

	for (uint64_t page = 2; page <= walk->last_page; page++) {
		uint64_t pages = 1;

		if (!set_has(walk->sets.value_heads, page))
			continue;
		while (page + pages <= walk->last_page && set_has(walk->sets.value_bodies, page + pages))
			pages++;
		const uint8_t *head = read_page(walk, page, PLACE_OF_VALUES);
		if (!head)
			return false;
		const uint64_t count = read_u32(head + PAGE_COUNT);

		if (read_u64(head + PAGE_NUMBER) != page || read_u16(head + PAGE_FLAGS) != IS_OVERFLOW)
			return found(walk, STRUCTURE_PAGE_HEADER, page);
		/* LMDB keeps a larger run when a smaller value replaces a larger one. */
		if (count < pages || count > walk->last_page - page + 1)
			return found(walk, STRUCTURE_PAGE_RANGE, page);
		for (; pages < count; pages++)
			if (!use_page(walk, page + pages))
				return false;
		total += count;
		page += pages - 1;
	}
	if (total != expected)
		return found(walk, STRUCTURE_COUNT, 0);
	memset(walk->sets.value_heads, 0, walk->sets.bytes);
	memset(walk->sets.value_bodies, 0, walk->sets.bytes);
	return true;
}

static bool walk_tree(struct walk *walk, const struct meta_tree *tree, bool is_free_list)
{
	walk->tree = tree;
	walk->is_free_list = is_free_list;
	walk->previous_len = 0;
	walk->previous_is_separator = false;
	walk->branches = walk->leaves = walk->entries = 0;
	if (tree->root != UINT64_MAX && !walk_page(walk, tree->root, 1))
		return false;
	if (walk->branches != tree->branch_pages || walk->leaves != tree->leaf_pages || walk->entries != tree->entries)
		return found(walk, STRUCTURE_COUNT, 0);
	return walk_large_values(walk, tree->overflow_pages);
}

/*
 * Each transaction after the first frees at least the pages that it copied, and lists them under its own number. So an older
 * state whose meta page was given a higher number is found.
 */
static bool check_transaction(struct walk *walk)
{
	if (walk->txn_id >= 2 && (walk->previous_len == 0 || read_u64(walk->previous) != walk->txn_id))
		return found(walk, STRUCTURE_TRANSACTION, 0);
	return true;
}

/* No free page is in use, and pages that are not in the file are free. */
static bool walk_free_pages(struct walk *walk)
{
	for (uint64_t page = 2; page <= walk->last_page; page++) {
		if (set_has(walk->sets.free, page) && set_has(walk->sets.used, page))
			return found(walk, STRUCTURE_FREE_LIST, page);
		if (page >= walk->file_pages && !set_has(walk->sets.free, page))
			return found(walk, STRUCTURE_CUT_OFF, page);
	}
	return true;
}

struct structure_finding structure_walk_pages(const struct page_source *source, const struct store_meta *meta)
{
	struct walk walk = {
		.source = source, .txn_id = meta->txn_id, .last_page = meta->last_page, .file_pages = meta->file_pages,
	};
	const size_t words = (size_t)(meta->last_page / 64) + 1;
	const size_t bytes = words * sizeof(uint64_t);

	uint64_t *sets = mmap(NULL, 4 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (sets == MAP_FAILED)
		return (struct structure_finding){ STRUCTURE_NO_MEMORY, 0 };
	walk.sets = (struct page_sets){ bytes, sets, sets + words, sets + 2 * words, sets + 3 * words };
	/* One after the other: the pages of large values are counted for each tree. */
	if (walk_tree(&walk, &meta->free_list, true) && check_transaction(&walk) &&
	    walk_tree(&walk, &meta->records, false))
		(void)walk_free_pages(&walk);
	munmap(sets, 4 * bytes);
	return walk.finding;
}

static const uint8_t *page_of_map(void *arg, uint64_t number, unsigned place)
{
	(void)place;
	return *(const uint8_t *const *)arg + number * STORE_PAGE;
}

struct structure_finding structure_walk(const uint8_t *map, const struct store_meta *meta)
{
	return structure_walk_pages(&(struct page_source){ .page = page_of_map, .arg = &map }, meta);
}

const char *structure_problem_text(enum structure_problem problem)
{
	static const char *const texts[STRUCTURE_PROBLEM_COUNT] = {
		[STRUCTURE_SOUND] = "sound",
		[STRUCTURE_NO_MEMORY] = "no memory for the check",
		[STRUCTURE_PAGE_RANGE] = "a page number is out of range",
		[STRUCTURE_PAGE_TWICE] = "the page is used twice",
		[STRUCTURE_PAGE_HEADER] = "another page stands there",
		[STRUCTURE_NODE] = "an entry reaches out of its place",
		[STRUCTURE_ORDER] = "keys are out of order",
		[STRUCTURE_DEPTH] = "the tree is deeper than it says",
		[STRUCTURE_COUNT] = "the number of entries or pages is wrong",
		[STRUCTURE_FREE_LIST] = "the list of free pages is wrong",
		[STRUCTURE_CUT_OFF] = "the file was cut off before it",
		[STRUCTURE_UNREADABLE] = "the page cannot be read",
		[STRUCTURE_TRANSACTION] = "the state is not of the transaction that its meta page names",
	};

	return texts[problem];
}
