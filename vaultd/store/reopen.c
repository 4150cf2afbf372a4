/* After a commit whose outcome nobody knows: wait until nobody reads, close, open, ask what happened. */
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "store/engine.h"
#include "vault/files.h"

/*
 * Writes the meta pages once more as they can be read now, and syncs. After a failed write the page cache and the disk may
 * differ; what the hook decides by the one must not turn into the other with the next power cut.
 */
static enum error_code settle_meta_pages(const struct store *store, struct error *err)
{
	cleanup_(fd_closep) int fd = open(store->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	uint8_t page[STORE_PAGE];

	if (fd < 0)
		return error_set_errno(err, ERR_IO, errno, "open vault.db");
	for (off_t at = 0; at < 2 * (off_t)STORE_PAGE; at += (off_t)STORE_PAGE)
		if (pread(fd, page, sizeof(page), at) != (ssize_t)sizeof(page) ||
		    pwrite(fd, page, sizeof(page), at) != (ssize_t)sizeof(page))
			return error_set_errno(err, ERR_IO, errno, "write the meta pages of vault.db");
	return fdatasync(fd) == 0 ? ERR_OK : error_set_errno(err, ERR_IO, errno, "sync vault.db");
}

static void wait_for_readers(struct store *store)
{
	pthread_mutex_lock(&store->lock);
	while (store->active > 0)
		pthread_cond_wait(&store->quiet, &store->lock);
	pthread_mutex_unlock(&store->lock);
}

static enum error_code ask_what_happened(struct store *store, struct error *err)
{
	struct store_snapshot *snapshot;
	enum error_code code;

	if (!store->hooks.reopened)
		return ERR_OK;
	if (writer_snapshot_begin(store, &snapshot, err) != ERR_OK)
		return err->code;
	code = store->hooks.reopened(store->hooks.arg, snapshot, err);
	store_snapshot_end(snapshot);
	return code;
}

static enum error_code open_again(struct store *store, struct error *err)
{
	/* What the first commit of all has left may be no database yet. */
	const bool is_new = atomic_load(&store->committing) == 1;

	if (store->env)
		database_close(store);
	/* Until then a power cut could bring the old file back, with nothing of what is written into the new one. */
	if (store->renaming_unsynced && directory_sync_parent(store->path, err) != ERR_OK)
		return err->code;
	store->renaming_unsynced = false;
	if (settle_meta_pages(store, err) != ERR_OK)
		return err->code;
	return database_open(store, is_new, false, err);
}

static bool reopen_once(struct store *store)
{
	struct error failure = ERROR_INIT;

	if (open_again(store, &failure) != ERR_OK)
		return false;
	if (ask_what_happened(store, &failure) == ERR_OK)
		return true;
	database_close(store);
	return false;
}

/* False when the store is being stopped. */
static bool wait_a_second(struct store *store)
{
	struct timespec until;
	bool stopping;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	pthread_mutex_lock(&store->lock);
	while (!store->stopping && pthread_cond_timedwait(&store->work, &store->lock, &until) != ETIMEDOUT)
		;
	stopping = store->stopping;
	pthread_mutex_unlock(&store->lock);
	return !stopping;
}

bool reopen_when_needed(struct store *store)
{
	bool needed;

	pthread_mutex_lock(&store->lock);
	needed = store->reopening;
	pthread_mutex_unlock(&store->lock);
	if (!needed)
		return true;
	wait_for_readers(store);
	while (!reopen_once(store))
		if (!wait_a_second(store))
			return false;
	pthread_mutex_lock(&store->lock);
	store->reopening = false;
	pthread_mutex_unlock(&store->lock);
	return true;
}

enum error_code store_reopen_stopped(struct store *store, struct error *err)
{
	bool needed;

	pthread_mutex_lock(&store->lock);
	needed = store->reopening && !store->running;
	pthread_mutex_unlock(&store->lock);
	/* The writer has waited for the readers before it was stopped, and no new ones come in. */
	if (!needed)
		return ERR_OK;
	if (open_again(store, err) != ERR_OK)
		return err->code;
	pthread_mutex_lock(&store->lock);
	store->reopening = false;
	pthread_mutex_unlock(&store->lock);
	return ERR_OK;
}
