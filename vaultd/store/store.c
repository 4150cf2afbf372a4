/* The store as a whole: opening, locking, counting, closing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/engine.h"
#include "vault/files.h"

static enum error_code take_lock(struct store *store, struct error *err)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/" LOCK_NAME, store->directory) >= (int)sizeof(path))
		return error_set(err, ERR_CONFIG, "the data directory's path is too long");
	store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (store->lock_fd < 0)
		return error_set_errno(err, ERR_IO, errno, "open %s", path);
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return error_set(err, errno == EWOULDBLOCK ? ERR_STORE_LOCKED : ERR_IO,
				 "another vaultd uses %s: stop it, or use another data directory", store->directory);
	return ERR_OK;
}

static enum error_code make(const struct store_options *options, struct store **ret, struct error *err)
{
	struct store *store = calloc(1, sizeof(*store));
	pthread_condattr_t monotonic;

	if (!store)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the store");
	*ret = store;
	store->lock_fd = -1;
	pthread_mutex_init(&store->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&store->work, &monotonic);
	pthread_cond_init(&store->quiet, &monotonic);
	pthread_cond_init(&store->opened, NULL);
	pthread_condattr_destroy(&monotonic);
	store->max_size = options->max_size;
	store->max_readers = options->max_readers ? options->max_readers : DEFAULT_MAX_READERS;
	store->stopping = true;	/* until it is started */
	store->directory = strdup(options->directory);
	if (asprintf(&store->path, "%s/" DATABASE_NAME, options->directory) < 0)
		store->path = NULL;
	if (asprintf(&store->new_path, "%s/" NEW_NAME, options->directory) < 0)
		store->new_path = NULL;
	if (!store->directory || !store->path || !store->new_path)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the store");
	return ERR_OK;
}

DEFINE_CLEANUP(struct store *, store_close);

enum error_code store_open(const struct store_options *options, struct store **ret, struct error *err)
{
	cleanup_(store_closep) struct store *store = NULL;

	if (make(options, &store, err) != ERR_OK || take_lock(store, err) != ERR_OK ||
	    database_remove_new(store, err) != ERR_OK ||
	    database_open(store, options->create, !options->skip_walk, err) != ERR_OK)
		return err->code;
	*ret = take_ptr(store);
	return ERR_OK;
}

void store_set_hooks(struct store *store, const struct store_hooks *hooks)
{
	store->hooks = *hooks;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store_stop(store);
	database_close(store);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	pthread_mutex_destroy(&store->lock);
	pthread_cond_destroy(&store->work);
	pthread_cond_destroy(&store->quiet);
	pthread_cond_destroy(&store->opened);
	free(store->directory);
	free(store->path);
	free(store->new_path);
	free(store);
}

bool store_recalls(struct store *store)
{
	bool recalls;

	pthread_mutex_lock(&store->lock);
	recalls = store->stopping || store->reopening;
	pthread_mutex_unlock(&store->lock);
	return recalls;
}

bool store_is_stopping(struct store *store)
{
	bool stopping;

	pthread_mutex_lock(&store->lock);
	stopping = store->stopping;
	pthread_mutex_unlock(&store->lock);
	return stopping;
}

bool store_exists(const char *directory)
{
	char path[4096];
	struct stat info;

	return snprintf(path, sizeof(path), "%s/" DATABASE_NAME, directory) < (int)sizeof(path) && stat(path, &info) == 0;
}

enum error_code store_counts(struct store *store, struct store_counts *ret, struct error *err)
{
	cleanup_(store_snapshot_endp) struct store_snapshot *snapshot = NULL;
	struct store_counts counts = { 0 };
	MDB_stat stat;
	struct stat info;
	int rc;

	if (store_snapshot_begin(store, &snapshot, err) != ERR_OK)
		return err->code;
	rc = mdb_stat(snapshot->txn, store->dbi, &stat);
	if (rc == 0)
		rc = database_free_pages(snapshot->txn, &counts.free_pages);
	if (rc != 0)
		return database_error(err, rc, "count the records");
	counts.entries = stat.ms_entries;
	counts.last_txn_id = store_snapshot_id(snapshot);
	if (lstat(store->path, &info) == 0)
		counts.file_bytes = (uint64_t)info.st_size;
	pthread_mutex_lock(&store->lock);
	counts.writable = store->running && !store->stopping && !store->reopening;
	pthread_mutex_unlock(&store->lock);
	*ret = counts;
	return ERR_OK;
}
