/*
 * What must be right about vault.db before LMDB maps it: LMDB trusts its file, and a damaged one makes it crash,
 * fall back to an older state or lose records in silence.
 *
 * meta_check() reads the two meta pages and the size. structure_walk() looks at every page that the newest state
 * uses: B-tree pages, values of several pages, the list of free pages. It needs neither LMDB nor memory from
 * malloc, so that it can run in a forked child, where a signal harms nobody; structure_check() does that. Of a database that
 * is open, store_check_structure() walks the state of a snapshot, through structure_walk_pages(), which reads no map.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/error.h"

#define STORE_PAGE 4096u

/* One B-tree as a meta page describes it. */
struct meta_tree {
	uint16_t flags;
	uint16_t depth;
	uint32_t pad;
	uint64_t branch_pages;
	uint64_t leaf_pages;
	uint64_t overflow_pages;
	uint64_t entries;
	uint64_t root;		/* UINT64_MAX: empty */
};

struct store_meta {
	uint64_t txn_id;
	uint64_t last_page;
	uint64_t file_pages;	/* whole pages in the file; may be fewer: see meta_is_longer() */
	struct meta_tree free_list;
	struct meta_tree records;
};

/* Of a database that is open: the state of this transaction, which no commit may be writing over. ERR_STORE_DAMAGED, ERR_IO. */
enum error_code meta_check_of(int fd, uint64_t size, uint64_t txn_id, struct store_meta *ret, struct error *err) must_check;

/* Finds the newest state of the database at path (size is its length). ERR_STORE_DAMAGED, ERR_FORMAT_NEWER, ERR_IO. */
enum error_code meta_check(int fd, uint64_t size, struct store_meta *ret, struct error *err) must_check;

/*
 * The first commit was broken off while its meta page was written: both pages have transaction 0, and only the first is as LMDB
 * makes it. Nothing was committed. (In a vault that was initialised it is damage, and meta_check() says so.)
 */
bool meta_is_unused(int fd) must_check;

/*
 * LMDB counts pages that a transaction took at the end of the file and let go again, but does not write them. So a sound file
 * may end before its last page. Whether it was cut off instead, the walk says: it demands each page that is in use.
 */
static inline bool meta_is_longer(const struct store_meta *meta)
{
	return meta->last_page >= meta->file_pages;
}

enum structure_problem {
	STRUCTURE_SOUND,
	STRUCTURE_NO_MEMORY,
	STRUCTURE_PAGE_RANGE,		/* a page number beyond the end */
	STRUCTURE_PAGE_TWICE,		/* used in two places */
	STRUCTURE_PAGE_HEADER,		/* another page stands there, or of another kind */
	STRUCTURE_NODE,			/* an entry reaches out of its page, or into another entry */
	STRUCTURE_ORDER,		/* keys are not in order */
	STRUCTURE_DEPTH,
	STRUCTURE_COUNT,		/* entries or pages are not as many as the meta page says */
	STRUCTURE_FREE_LIST,		/* a free page is in use, listed twice or out of range */
	STRUCTURE_CUT_OFF,		/* a page in use is behind the end of the file */
	STRUCTURE_UNREADABLE,		/* the source did not give a page */
	STRUCTURE_TRANSACTION,		/* the state is not of the transaction that its meta page names */
	STRUCTURE_PROBLEM_COUNT
};

struct structure_finding {
	enum structure_problem problem;
	uint64_t page;			/* where; 0 when it is not one page */
};

#define STRUCTURE_PLACES 32	/* more than a tree is deep */
/*
 * Where a walk has its pages from. page() gives one that is below meta->file_pages; it stays as it is until the next one is asked for
 * with the same place, of which there are STRUCTURE_PLACES. NULL: it cannot be read, and the walk ends with STRUCTURE_UNREADABLE.
 */
struct page_source {
	const uint8_t *(*page)(void *arg, uint64_t number, unsigned place);
	void *arg;
};
struct structure_finding structure_walk_pages(const struct page_source *source, const struct store_meta *meta);

/* map: the file's first meta->last_page + 1 pages, of which those behind meta->file_pages are not touched. */
struct structure_finding structure_walk(const uint8_t *map, const struct store_meta *meta);
const char *structure_problem_text(enum structure_problem problem);
/* ERR_OK for a sound one, else ERR_STORE_DAMAGED or ERR_NO_MEMORY with a sentence. */
enum error_code structure_finding_error(const struct structure_finding *finding, struct error *err) must_check;

/* structure_walk() in a child process. ERR_STORE_DAMAGED (also for a signal, or when it does not end), ERR_IO,
 * ERR_NO_MEMORY. */
enum error_code structure_check(int fd, int close_in_child, const struct store_meta *meta, struct error *err) must_check;

/* The name of a network file system by its statfs magic, NULL for any other: LMDB needs a local file. */
const char *remote_file_system(uint64_t magic);
