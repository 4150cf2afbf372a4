#include "http/worker.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "http/internal.h"
#include "http/rights.h"

struct worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct request *first, *last;
	size_t len;
	bool ends;
};

static struct request *next_job(struct worker *worker)
{
	struct request *request;

	pthread_mutex_lock(&worker->lock);
	while (!worker->first && !worker->ends)
		pthread_cond_wait(&worker->wake, &worker->lock);
	request = worker->first;
	if (request) {
		worker->first = request->next_job;
		worker->len--;
	}
	pthread_mutex_unlock(&worker->lock);
	return request;
}

static void *run(void *arg)
{
	struct worker *worker = arg;
	struct request *request;

	while ((request = next_job(worker))) {
		if (rights_again(request))
			request->route->handle(request);
		request_resume(request, NULL);
	}
	return NULL;
}

static void destroy(struct worker *worker)
{
	pthread_cond_destroy(&worker->wake);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

enum error_code worker_start(struct worker **ret, struct error *err)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int failed;

	if (!worker)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the worker");
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->wake, NULL);
	failed = pthread_create(&worker->thread, NULL, run, worker);
	if (failed != 0) {
		destroy(worker);
		return error_set_errno(err, ERR_IO, failed, "cannot start the worker thread");
	}
	*ret = worker;
	return ERR_OK;
}

void worker_stop(struct worker *worker)
{
	if (!worker)
		return;
	pthread_mutex_lock(&worker->lock);
	worker->ends = true;
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
	pthread_join(worker->thread, NULL);
	destroy(worker);
}

bool worker_submit(struct worker *worker, struct request *request)
{
	bool room;

	pthread_mutex_lock(&worker->lock);
	room = worker->len < WORKER_QUEUE && !worker->ends;
	if (room) {
		/* Suspended first: the thread may be done before this function returns. */
		request_suspend(request);
		request->next_job = NULL;
		if (worker->first)
			worker->last->next_job = request;
		else
			worker->first = request;
		worker->last = request;
		worker->len++;
		pthread_cond_signal(&worker->wake);
	}
	pthread_mutex_unlock(&worker->lock);
	return room;
}
