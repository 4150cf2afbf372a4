/* The queue and the writer thread: group commit. */
#include <signal.h>
#include <stdlib.h>

#include "store/engine.h"
#include "vault/thread_signals.h"

struct batch {
	struct store_request *requests[LIMIT_BATCH_REQUESTS];
	bool lost[LIMIT_BATCH_REQUESTS];
	size_t len;
};

static void answer(struct store *store, struct store_request *request, enum error_code outcome, const struct error *err)
{
	(void)store;
	store_write_free(take_ptr(request->write_));
	request->done(request, outcome, err);	/* the request may be gone now */
}

/* -- one by one -------------------------------------------------------------------- */

static enum error_code prepare_again(struct store *store, struct store_request *request, struct error *err)
{
	struct store_snapshot *snapshot;
	enum error_code code;

	store_write_free(take_ptr(request->write_));
	request->write_ = store_write_new();
	if (!request->write_)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a change");
	if (writer_snapshot_begin(store, &snapshot, err) != ERR_OK)
		return err->code;
	code = request->prepare(request, snapshot, request->write_, err);
	store_snapshot_end(snapshot);
	return code;
}

/* A loser of a race. Nobody else writes meanwhile, so it cannot lose again. */
static void run_again(struct store *store, struct store_request *request)
{
	struct error failure = ERROR_INIT;
	bool lost = false;
	enum error_code code = prepare_again(store, request, &failure);

	if (code == ERR_OK)
		code = commit_requests(store, &request, 1, &lost, &failure);
	if (code == ERR_OK && lost)
		code = error_set(&failure, ERR_CONFLICT, "the change lost a race against the store itself");
	answer(store, request, code, &failure);
}

static void run_alone(struct store *store, struct store_request *request)
{
	struct error failure = ERROR_INIT;
	bool lost = false;
	enum error_code code = commit_requests(store, &request, 1, &lost, &failure);

	if (code == ERR_OK && lost)
		run_again(store, request);
	else
		answer(store, request, code, &failure);
}

/* Stopped while the database could not be opened again: nothing of these has happened. */
static void fail_rest(struct store *store, struct store_request *const *requests, size_t len)
{
	struct error failure = ERROR_INIT;

	error_set(&failure, ERR_SEALED, "the store was stopped before this was written");
	for (size_t i = 0; i < len; i++)
		answer(store, requests[i], ERR_SEALED, &failure);
}

static bool is_reopening(struct store *store)
{
	bool reopening;

	pthread_mutex_lock(&store->lock);
	reopening = store->reopening;
	pthread_mutex_unlock(&store->lock);
	return reopening;
}

/* The batch failed as a whole: only the culprit shall fail. */
static void replay(struct store *store, struct batch *batch)
{
	for (size_t i = 0; i < batch->len; i++) {
		if (is_reopening(store) && !reopen_when_needed(store)) {
			fail_rest(store, &batch->requests[i], batch->len - i);
			return;
		}
		run_alone(store, batch->requests[i]);
	}
}

/* -- a batch ------------------------------------------------------------------------ */

static void answer_all(struct store *store, struct batch *batch, enum error_code outcome, const struct error *err)
{
	struct store_request *losers[LIMIT_BATCH_REQUESTS];
	size_t losers_len = 0;

	for (size_t i = 0; i < batch->len; i++) {
		if (outcome == ERR_OK && batch->lost[i])
			losers[losers_len++] = batch->requests[i];
		else
			answer(store, batch->requests[i], outcome, err);
	}
	for (size_t i = 0; i < losers_len; i++) {
		if (is_reopening(store) && !reopen_when_needed(store)) {
			fail_rest(store, &losers[i], losers_len - i);
			return;
		}
		run_again(store, losers[i]);
	}
}

static void run_batch(struct store *store, struct batch *batch)
{
	struct error failure = ERROR_INIT;
	enum error_code code = commit_requests(store, batch->requests, batch->len, batch->lost, &failure);

	if (code == ERR_OK || code == ERR_OUTCOME_UNKNOWN || batch->len == 1)
		answer_all(store, batch, code, &failure);
	else
		replay(store, batch);
}

/* The lock is held. */
static void take_batch(struct store *store, struct batch *batch)
{
	size_t bytes = 0;

	batch->len = 0;
	while (store->queue_head && batch->len < LIMIT_BATCH_REQUESTS) {
		struct store_request *request = store->queue_head;

		if (batch->len > 0 && bytes + request->write_->bytes > LIMIT_BATCH_BYTES)
			break;
		bytes += request->write_->bytes;
		batch->requests[batch->len] = request;
		batch->lost[batch->len++] = false;
		store->queue_head = request->next_;
		store->queued--;
		store->queued_bytes -= request->write_->bytes;
	}
	if (!store->queue_head)
		store->queue_tail = NULL;
}

static void *write_batches(void *arg)
{
	struct store *store = arg;
	struct batch batch;
	bool usable;

	for (;;) {
		/* Before waiting for work: while it is not done, nothing can be submitted. */
		usable = reopen_when_needed(store);
		pthread_mutex_lock(&store->lock);
		while (!store->queue_head && !store->stopping && !store->compaction)
			pthread_cond_wait(&store->work, &store->lock);
		if (store->compaction) {
			pthread_mutex_unlock(&store->lock);
			compact_when_asked(store, usable);
			continue;
		}
		if (!store->queue_head) {
			pthread_mutex_unlock(&store->lock);
			break;
		}
		take_batch(store, &batch);
		pthread_mutex_unlock(&store->lock);
		if (usable)
			run_batch(store, &batch);
		else
			fail_rest(store, batch.requests, batch.len);
	}
	return NULL;
}

/* -- from outside --------------------------------------------------------------------- */

enum error_code store_start(struct store *store, struct error *err)
{
	sigset_t before;
	int rc = 0;

	/* Signals are the main thread's; and SIGXFSZ, blocked, becomes the EFBIG that it stands for. */
	thread_signals_block(&before);
	/* Under the lock, so that the new thread finds `running` and its own id when it looks. */
	pthread_mutex_lock(&store->lock);
	if (!store->running) {
		rc = pthread_create(&store->thread, NULL, write_batches, store);
		store->running = rc == 0;
		store->stopping = rc != 0;
	}
	pthread_mutex_unlock(&store->lock);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 ? ERR_OK : error_set_errno(err, ERR_NO_MEMORY, rc, "start the writer thread");
}

void store_stop(struct store *store)
{
	bool running;

	pthread_mutex_lock(&store->lock);
	running = store->running;
	store->stopping = true;
	pthread_cond_broadcast(&store->work);
	pthread_cond_broadcast(&store->quiet);
	pthread_mutex_unlock(&store->lock);
	if (!running)
		return;
	pthread_join(store->thread, NULL);
	pthread_mutex_lock(&store->lock);
	store->running = false;
	pthread_mutex_unlock(&store->lock);
}

static enum error_code may_submit(const struct store *store, struct error *err)
{
	if (store->stopping)
		return error_set(err, ERR_SEALED, "Vault is sealed");
	if (store->reopening)
		return error_set(err, ERR_BUSY, "the store is being opened again after a failed commit: try again in a moment");
	if (store->queued >= LIMIT_QUEUED_REQUESTS || store->queued_bytes > 4ull * LIMIT_BATCH_BYTES)
		return error_set(err, ERR_BUSY, "too many changes are waiting: try again in a moment");
	return ERR_OK;
}

static enum error_code enqueue(struct store *store, struct store_request *request, struct error *err)
{
	enum error_code code;

	pthread_mutex_lock(&store->lock);
	code = may_submit(store, err);
	if (code == ERR_OK) {
		request->next_ = NULL;
		if (store->queue_tail)
			store->queue_tail->next_ = request;
		else
			store->queue_head = request;
		store->queue_tail = request;
		store->queued++;
		store->queued_bytes += request->write_->bytes;
		pthread_cond_signal(&store->work);
	}
	pthread_mutex_unlock(&store->lock);
	return code;
}

static enum error_code check_submit(struct store *store, struct error *err)
{
	enum error_code code;

	pthread_mutex_lock(&store->lock);
	code = may_submit(store, err);
	pthread_mutex_unlock(&store->lock);
	return code;
}

enum error_code store_submit(struct store *store, struct store_request *request, struct error *err)
{
	struct store_snapshot *snapshot;
	enum error_code code;

	/* Before the work, so that a refusal is cheap; enqueue() looks again. */
	request->write_ = NULL;
	if (check_submit(store, err) != ERR_OK)
		return err->code;
	request->write_ = store_write_new();
	if (!request->write_)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a change");
	code = store_snapshot_begin(store, &snapshot, err);
	if (code == ERR_OK) {
		code = request->prepare(request, snapshot, request->write_, err);
		store_snapshot_end(snapshot);
	}
	if (code == ERR_OK)
		code = enqueue(store, request, err);
	if (code != ERR_OK)
		store_write_free(take_ptr(request->write_));
	return code;
}
