#include "store/integrity.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vault/files.h"

/* LMDB's meta page, 64-bit little-endian: a page header of 16 bytes, then MDB_meta. */
enum {
	META_PAGE_NUMBER = 0,
	META_PAGE_FLAGS = 10,
	META_MAGIC = 16,
	META_VERSION = 20,
	META_ADDRESS = 24,
	META_FREE_LIST = 40,
	META_RECORDS = 88,
	META_LAST_PAGE = 136,
	META_TXN_ID = 144,

	TREE_PAD = 0,
	TREE_FLAGS = 4,
	TREE_DEPTH = 6,
	TREE_BRANCH_PAGES = 8,
	TREE_LEAF_PAGES = 16,
	TREE_OVERFLOW_PAGES = 24,
	TREE_ENTRIES = 32,
	TREE_ROOT = 40,
};

#define LMDB_MAGIC 0xBEEFC0DEu
#define LMDB_DATA_VERSION 1u
#define LMDB_PAGE_IS_META 0x08u
#define LMDB_INTEGER_KEYS 0x08u
#define LMDB_ENV_NOSUBDIR 0x4000u	/* LMDB stores this flag of the environment beside those of the free list */
#define LMDB_MAX_DEPTH STRUCTURE_PLACES

/* More than any commits have taken and let go at the end of the file: 4 GiB. */
#define UNWRITTEN_PAGES_MAX (1u << 20)

/* A cold disk reads at least this much in a second; the walk has a minute on top. */
#define FINDING_WORDS 2	/* what the child says: the problem and the page */
#define WALK_SECONDS 60
#define WALK_PAGES_PER_SECOND 256

static uint64_t read_number(const uint8_t *at, size_t len)
{
	uint64_t number = 0;

	memcpy(&number, at, len);	/* LMDB's files are in the machine's byte order */
	return number;
}

static struct meta_tree read_tree(const uint8_t *at)
{
	return (struct meta_tree){
		.flags = (uint16_t)read_number(at + TREE_FLAGS, 2),
		.depth = (uint16_t)read_number(at + TREE_DEPTH, 2),
		.pad = (uint32_t)read_number(at + TREE_PAD, 4),
		.branch_pages = read_number(at + TREE_BRANCH_PAGES, 8),
		.leaf_pages = read_number(at + TREE_LEAF_PAGES, 8),
		.overflow_pages = read_number(at + TREE_OVERFLOW_PAGES, 8),
		.entries = read_number(at + TREE_ENTRIES, 8),
		.root = read_number(at + TREE_ROOT, 8),
	};
}

static struct store_meta read_meta(const uint8_t *page)
{
	return (struct store_meta){
		.txn_id = read_number(page + META_TXN_ID, 8),
		.last_page = read_number(page + META_LAST_PAGE, 8),
		.free_list = read_tree(page + META_FREE_LIST),
		.records = read_tree(page + META_RECORDS),
	};
}

static bool tree_is_plausible(const struct meta_tree *tree, uint64_t last_page)
{
	if (tree->root == UINT64_MAX)
		return tree->depth == 0 && tree->entries == 0;
	return tree->root >= 2 && tree->root <= last_page && tree->depth >= 1 && tree->depth < LMDB_MAX_DEPTH;
}

static bool tree_is_empty(const struct meta_tree *tree)
{
	return tree->root == UINT64_MAX && tree->depth == 0 && tree->entries == 0 && tree->branch_pages == 0 &&
	       tree->leaf_pages == 0 && tree->overflow_pages == 0;
}

static bool meta_is_fresh(const struct store_meta *meta)
{
	return meta->txn_id == 0 && meta->last_page == 1 && tree_is_empty(&meta->free_list) &&
	       tree_is_empty(&meta->records);
}

/* NULL when the page is one that our LMDB wrote, otherwise what is wrong. */
static const char *meta_page_fault(const uint8_t *page, unsigned number)
{
	const struct store_meta meta = read_meta(page);

	if (read_number(page + META_PAGE_NUMBER, 8) != number || read_number(page + META_PAGE_FLAGS, 2) != LMDB_PAGE_IS_META)
		return "is not a meta page";
	if (read_number(page + META_ADDRESS, 8) != 0)
		return "asks for a fixed address";
	if (meta.free_list.pad != STORE_PAGE)
		return "has another page size";
	if ((meta.free_list.flags & ~LMDB_ENV_NOSUBDIR) != LMDB_INTEGER_KEYS || meta.records.flags != 0 ||
	    meta.records.pad != 0)
		return "has flags that this program never sets";
	if (meta.last_page < 1 || meta.last_page >= SIZE_MAX / STORE_PAGE)
		return "has an impossible last page";
	return NULL;
}

/* Before anything else of the page may be believed. */
static enum error_code version_check(const uint8_t *pages, struct error *err)
{
	const uint64_t first = read_number(pages + META_VERSION, 4);
	const uint64_t second = read_number(pages + STORE_PAGE + META_VERSION, 4);

	for (unsigned i = 0; i < 2; i++)
		if (read_number(pages + i * STORE_PAGE + META_MAGIC, 4) != LMDB_MAGIC)
			return error_set(err, ERR_STORE_DAMAGED,
					 "page %u of vault.db is not a page of LMDB; restore a backup", i);
	/* One flipped bit does not make a newer version: both pages must say so. */
	if (first == second && first > LMDB_DATA_VERSION)
		return error_set(err, ERR_FORMAT_NEWER,
				 "vault.db has LMDB data version %u, this program reads %u; use a newer vaultd",
				 (unsigned)first, LMDB_DATA_VERSION);
	if (first != LMDB_DATA_VERSION || second != LMDB_DATA_VERSION)
		return error_set(err, ERR_STORE_DAMAGED, "the meta pages of vault.db have impossible versions; restore a backup");
	return ERR_OK;
}

/*
 * LMDB writes the state of transaction n into page n mod 2. So the two ids are neighbours, unless nothing was ever
 * committed: LMDB starts a database with id 0 in both. Anything else means that the newest meta page was lost or
 * changed, and LMDB would silently go on with an older state.
 */
static enum error_code meta_pair_check(const struct store_meta metas[2], struct store_meta *ret, struct error *err)
{
	const uint64_t even = metas[0].txn_id;
	const uint64_t odd = metas[1].txn_id;

	if (meta_is_fresh(&metas[0]) && meta_is_fresh(&metas[1])) {
		*ret = metas[0];
		return ERR_OK;
	}
	if (even % 2 != 0 || odd % 2 != 1 || (even + 1 != odd && odd + 1 != even))
		return error_set(err, ERR_STORE_DAMAGED,
				 "the meta pages of vault.db have transactions %llu and %llu, which cannot follow each other; "
				 "restore a backup", (unsigned long long)even, (unsigned long long)odd);
	*ret = metas[odd > even];
	return ERR_OK;
}

bool meta_is_unused(int fd)
{
	uint8_t pages[2 * STORE_PAGE];
	struct error ignored = ERROR_INIT;
	struct store_meta first, second;

	if (pread(fd, pages, sizeof(pages), 0) != (ssize_t)sizeof(pages) || version_check(pages, &ignored) != ERR_OK ||
	    meta_page_fault(pages, 0) || meta_page_fault(pages + STORE_PAGE, 1))
		return false;
	first = read_meta(pages);
	second = read_meta(pages + STORE_PAGE);
	return meta_is_fresh(&first) && !meta_is_fresh(&second) && second.txn_id == 0;
}

enum error_code meta_check(int fd, uint64_t size, struct store_meta *ret, struct error *err)
{
	uint8_t pages[2 * STORE_PAGE];
	struct store_meta metas[2];
	struct store_meta newest;
	enum error_code code;

	if (size < sizeof(pages))
		return error_set(err, ERR_STORE_DAMAGED, "vault.db has %llu bytes and lacks its meta pages; restore a backup",
				 (unsigned long long)size);
	const ssize_t len = pread(fd, pages, sizeof(pages), 0);
	if (len != (ssize_t)sizeof(pages))
		return error_set_errno(err, ERR_IO, len < 0 ? errno : EIO, "read the meta pages of vault.db");
	if ((code = version_check(pages, err)) != ERR_OK)
		return code;
	for (unsigned i = 0; i < 2; i++) {
		const char *fault = meta_page_fault(pages + i * STORE_PAGE, i);

		if (fault)
			return error_set(err, ERR_STORE_DAMAGED, "meta page %u of vault.db %s; restore a backup", i, fault);
		metas[i] = read_meta(pages + i * STORE_PAGE);
	}
	if ((code = meta_pair_check(metas, &newest, err)) != ERR_OK)
		return code;
	/*
	 * Only of the newest: when a meta page could not be written, LMDB puts the old numbers back into it beside the new
	 * roots, and nobody follows those.
	 */
	if (!tree_is_plausible(&newest.free_list, newest.last_page) || !tree_is_plausible(&newest.records, newest.last_page))
		return error_set(err, ERR_STORE_DAMAGED,
				 "the newest meta page of vault.db points outside of the database; restore a backup");
	newest.file_pages = size / STORE_PAGE;
	if (meta_is_longer(&newest) && newest.last_page - newest.file_pages >= UNWRITTEN_PAGES_MAX)
		return error_set(err, ERR_STORE_DAMAGED,
				 "vault.db has %llu bytes but needs %llu: it was cut off; restore a backup",
				 (unsigned long long)size, (unsigned long long)((newest.last_page + 1) * STORE_PAGE));
	*ret = newest;
	return ERR_OK;
}

enum error_code meta_check_of(int fd, uint64_t size, uint64_t txn_id, struct store_meta *ret, struct error *err)
{
	const unsigned number = txn_id % 2;
	uint8_t page[STORE_PAGE];
	const ssize_t len = pread(fd, page, sizeof(page), (off_t)(number * STORE_PAGE));
	const char *fault;

	if (len != (ssize_t)sizeof(page))
		return error_set_errno(err, ERR_IO, len < 0 ? errno : EIO, "read the meta pages of vault.db");
	*ret = read_meta(page);
	ret->file_pages = size / STORE_PAGE;
	fault = meta_page_fault(page, number);
	if (!fault && (read_number(page + META_MAGIC, 4) != LMDB_MAGIC || read_number(page + META_VERSION, 4) != LMDB_DATA_VERSION))
		fault = "is not a page of LMDB";
	if (!fault && ret->txn_id != txn_id)
		fault = "is not that of the newest transaction";
	if (!fault && (!tree_is_plausible(&ret->free_list, ret->last_page) || !tree_is_plausible(&ret->records, ret->last_page)))
		fault = "points outside of the database";
	if (!fault && meta_is_longer(ret) && ret->last_page - ret->file_pages >= UNWRITTEN_PAGES_MAX)
		fault = "says that the file is longer: it was cut off";
	return fault ? error_set(err, ERR_STORE_DAMAGED, "meta page %u of vault.db %s; restore a backup", number, fault) : ERR_OK;
}

const char *remote_file_system(uint64_t magic)
{
	static const struct {
		uint64_t magic;
		const char *name;
	} remote[] = {
		{ 0x6969, "NFS" },	{ 0x517B, "SMB" },	{ 0xFE534D42, "SMB" },	{ 0xFF534D42, "CIFS" },
		{ 0x5346414F, "AFS" },	{ 0x73757245, "Coda" }, { 0x00C36400, "Ceph" },
	};

	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
		if (remote[i].magic == magic)
			return remote[i].name;
	return NULL;
}

/* The child: no lock of ours, no core, no handlers, and it does not outlive its parent. */
static void walk_in_child(int fd, int close_in_child, int report, const struct store_meta *meta)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL };
	const struct rlimit no_core = { 0, 0 };
	struct structure_finding finding;
	const size_t len = (size_t)(meta->last_page + 1) * STORE_PAGE;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		(void)signal(faults[i], SIG_DFL);
	if (close_in_child >= 0)
		close(close_in_child);
	const uint8_t *map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		_exit(1);
	finding = structure_walk(map, meta);
	/* Word by word: a structure's padding is whatever lay on the stack. */
	const uint64_t words[FINDING_WORDS] = { finding.problem, finding.page };
	_exit(write(report, words, sizeof(words)) == (ssize_t)sizeof(words) ? 0 : 1);
}

static int64_t seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Reads the child's finding. False when it went away without one, or its time is over. */
static bool await_finding(int fd, int64_t seconds, struct structure_finding *ret, bool *ret_late)
{
	const int64_t end = seconds_now() + seconds;

	for (;;) {
		struct pollfd poller = { .fd = fd, .events = POLLIN };
		const int64_t left = end - seconds_now();

		*ret_late = left < 0;
		if (*ret_late)
			return false;
		if (poll(&poller, 1, left > 1000 ? 1000000 : (int)left * 1000 + 1) > 0) {
			uint64_t words[FINDING_WORDS];

			if (read(fd, words, sizeof(words)) != (ssize_t)sizeof(words) || words[0] >= STRUCTURE_PROBLEM_COUNT)
				return false;
			*ret = (struct structure_finding){ (enum structure_problem)words[0], words[1] };
			return true;
		}
	}
}

enum error_code structure_finding_error(const struct structure_finding *finding, struct error *err)
{
	if (finding->problem == STRUCTURE_SOUND)
		return ERR_OK;
	if (finding->problem == STRUCTURE_NO_MEMORY)
		return error_set(err, ERR_NO_MEMORY, "no memory for the check of the structure of vault.db");
	if (finding->page == 0)
		return error_set(err, ERR_STORE_DAMAGED, "the structure of vault.db is damaged: %s; restore a backup",
				 structure_problem_text(finding->problem));
	return error_set(err, ERR_STORE_DAMAGED, "the structure of vault.db is damaged at page %llu: %s; restore a backup",
			 (unsigned long long)finding->page, structure_problem_text(finding->problem));
}

enum error_code structure_check(int fd, int close_in_child, const struct store_meta *meta, struct error *err)
{
	int ends[2];
	struct structure_finding finding = { 0 };
	bool late;
	int status = 0;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_set_errno(err, ERR_IO, errno, "make a pipe for the check of vault.db");
	cleanup_(fd_closep) int from_child = ends[0];
	cleanup_(fd_closep) int to_parent = ends[1];
	const pid_t child = fork();
	if (child < 0)
		return error_set_errno(err, ERR_IO, errno, "start the check of vault.db");
	if (child == 0)
		walk_in_child(fd, close_in_child, to_parent, meta);
	close(to_parent);
	to_parent = -1;
	const int64_t seconds = WALK_SECONDS + (int64_t)(meta->last_page / WALK_PAGES_PER_SECOND);
	const bool found = await_finding(from_child, seconds, &finding, &late);
	if (!found)
		(void)kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (found)
		return structure_finding_error(&finding, err);
	if (late)
		return error_set(err, ERR_STORE_DAMAGED, "the check of the structure of vault.db did not end in %lld seconds",
				 (long long)seconds);
	return error_set(err, ERR_STORE_DAMAGED,
			 "the check of the structure of vault.db ended early (signal %d): the file cannot be read; "
			 "restore a backup", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}
