/* The walk over the pages of a database that is open: of the state of one snapshot, read with pread(). */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/engine.h"

struct live_walk {
	struct store *store;
	int fd;				/* LMDB's own */
	bool (*go_on)(void *arg);
	void *arg;
	uint8_t (*pages)[STORE_PAGE];	/* STRUCTURE_PLACES */
	struct error *err;
};

static bool may_go_on(const struct live_walk *walk)
{
	if (store_recalls(walk->store))
		error_set(walk->err, ERR_BUSY, "the store is being opened again or stopped");
	else if (walk->go_on && !walk->go_on(walk->arg))
		error_set(walk->err, ERR_CONFLICT, "the check of the structure of vault.db was ended");
	return walk->err->code == ERR_OK;
}

static const uint8_t *read_page(void *arg, uint64_t number, unsigned place)
{
	struct live_walk *walk = arg;
	ssize_t len;

	if (!may_go_on(walk))
		return NULL;
	len = pread(walk->fd, walk->pages[place], STORE_PAGE, (off_t)(number * STORE_PAGE));
	if (len == (ssize_t)STORE_PAGE)
		return walk->pages[place];
	if (len < 0)
		error_set_errno(walk->err, ERR_IO, errno, "read page %llu of vault.db", (unsigned long long)number);
	else
		error_set(walk->err, ERR_STORE_DAMAGED, "page %llu of vault.db is not there any more: the file was cut off; restore a backup",
			  (unsigned long long)number);
	return NULL;
}

/*
 * A snapshot with the meta page that it was taken from. When two commits have begun since, that page is another's, and a newer
 * snapshot is taken. The file only grows while there is a snapshot: nobody gives it another name, and LMDB never cuts it off.
 */
static enum error_code begin(struct live_walk *walk, struct store_snapshot **ret, struct store_meta *ret_meta)
{
	enum error_code code = ERR_OK;

	do {
		struct error failure = ERROR_INIT;
		struct stat info;

		store_snapshot_end(take_ptr(*ret));
		if (!may_go_on(walk) || store_snapshot_begin(walk->store, ret, walk->err) != ERR_OK)
			return walk->err->code;
		if (mdb_env_get_fd(walk->store->env, &walk->fd) != 0 || fstat(walk->fd, &info) != 0)
			return error_set_errno(walk->err, ERR_IO, errno, "look at vault.db");
		code = meta_check_of(walk->fd, (uint64_t)info.st_size, store_snapshot_id(*ret), ret_meta, &failure);
		if (snapshot_is_whole(walk->store, *ret))
			return code == ERR_OK ? ERR_OK : error_set(walk->err, code, "%s", failure.text);
	} while (true);
}

static enum error_code walk_snapshot(struct live_walk *walk, struct error *err)
{
	cleanup_(store_snapshot_endp) struct store_snapshot *snapshot = NULL;
	const struct page_source source = { .page = read_page, .arg = walk };
	struct structure_finding finding;
	struct store_meta meta;

	if (begin(walk, &snapshot, &meta) != ERR_OK)
		return err->code;
	finding = structure_walk_pages(&source, &meta);
	return err->code == ERR_OK ? structure_finding_error(&finding, err) : err->code;
}

enum error_code store_check_structure(struct store *store, bool (*go_on)(void *arg), void *arg, struct error *err)
{
	struct live_walk walk = { .store = store, .go_on = go_on, .arg = arg, .err = err };

	walk.pages = calloc(STRUCTURE_PLACES, sizeof(*walk.pages));
	if (!walk.pages)
		return error_set(err, ERR_NO_MEMORY, "no memory for the check of the structure of vault.db");
	(void)!walk_snapshot(&walk, err);
	free(walk.pages);
	return err->code;
}
