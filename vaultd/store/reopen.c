/* After a commit whose outcome nobody knows: wait until nobody reads, close, open, ask what happened. */
#include <time.h>

#include "store/engine.h"

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

static bool reopen_once(struct store *store)
{
	struct error failure = ERROR_INIT;

	if (store->env)
		database_close(store);
	if (database_open(store, false, false, &failure) != ERR_OK)
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

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	pthread_mutex_lock(&store->lock);
	if (!store->stopping)
		(void)pthread_cond_timedwait(&store->work, &store->lock, &until);
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
