#include "http/waiters.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "http/internal.h"

struct waiters {
	pthread_mutex_t lock;
	struct request *first;	/* linked by request->waiter */
	size_t limit;
	atomic_size_t len;
	bool stopped;
};

struct waiters *waiters_new(size_t limit)
{
	struct waiters *waiters = calloc(1, sizeof(*waiters));

	if (!waiters)
		return NULL;
	pthread_mutex_init(&waiters->lock, NULL);
	waiters->limit = limit;
	return waiters;
}

void waiters_free(struct waiters *waiters)
{
	if (!waiters)
		return;
	pthread_mutex_destroy(&waiters->lock);
	free(waiters);
}

size_t waiters_count(const struct waiters *waiters)
{
	return atomic_load(&waiters->len);
}

/* With the lock held. */
static void link_in(struct waiters *waiters, struct request *request)
{
	request->waiter = (struct waiter){
		.listed = true,
		.gone = request->waiter.gone,
		.touched = request->waiter.touched,
		.next = waiters->first,
	};
	if (waiters->first)
		waiters->first->waiter.prev = request;
	waiters->first = request;
	atomic_fetch_add(&waiters->len, 1);
}

static void link_out(struct waiters *waiters, struct request *request)
{
	struct waiter *waiter = &request->waiter;

	if (!waiter->listed)
		return;
	if (waiter->prev)
		waiter->prev->waiter.next = waiter->next;
	else
		waiters->first = waiter->next;
	if (waiter->next)
		waiter->next->waiter.prev = waiter->prev;
	waiter->listed = false;
	atomic_fetch_sub(&waiters->len, 1);
}

/* With the lock held; the request is off the list, and no longer ours when it was armed. */
static void fire(struct waiters *waiters, struct request *request)
{
	bool armed = request->waiter.armed;

	link_out(waiters, request);
	request->waiter.fired = true;
	request->waiter.armed = false;
	if (armed)
		request_resume(request, request->route->handle);
}

bool waiters_add(struct waiters *waiters, struct request *request, int64_t deadline_us)
{
	bool room;

	pthread_mutex_lock(&waiters->lock);
	room = !waiters->stopped && (request->waiter.listed || atomic_load(&waiters->len) < waiters->limit);
	if (room && !request->waiter.listed)
		link_in(waiters, request);
	request->waiter.deadline_us = deadline_us;
	pthread_mutex_unlock(&waiters->lock);
	return room;
}

bool waiters_watch(struct waiters *waiters, struct request *request, struct name_list *touched)
{
	struct name_list *known = &request->waiter.touched;
	bool same;

	pthread_mutex_lock(&waiters->lock);
	same = known->block_len == touched->block_len &&
	       (known->block_len == 0 || memcmp(known->block, touched->block, known->block_len) == 0);
	if (!same) {
		name_list_free(known);
		*known = *touched;
		*touched = (struct name_list){0};
	}
	pthread_mutex_unlock(&waiters->lock);
	return same;
}

bool waiters_arm(struct waiters *waiters, struct request *request)
{
	bool armed;

	pthread_mutex_lock(&waiters->lock);
	armed = !request->waiter.fired;
	if (armed) {
		request->waiter.armed = true;
		request_suspend(request);
	}
	pthread_mutex_unlock(&waiters->lock);
	return armed;
}

void waiters_remove(struct waiters *waiters, struct request *request)
{
	pthread_mutex_lock(&waiters->lock);
	link_out(waiters, request);
	name_list_free(&request->waiter.touched);
	pthread_mutex_unlock(&waiters->lock);
}

static bool concerns(const struct request *request, const char *mount_path, const char *path)
{
	const struct name_list *touched = &request->waiter.touched;
	const char *name = touched->block;

	if (strcmp(request->mount.path, mount_path) != 0)
		return false;
	if (strcmp(request->env.text, path) == 0)
		return true;
	for (size_t i = 0; i < touched->count; i++, name += strlen(name) + 1)
		if (strcmp(name, path) == 0)
			return true;
	return false;
}

void waiters_changed(void *arg, const char *mount_path, const char *path)
{
	struct waiters *waiters = arg;
	struct request *next;

	if (atomic_load(&waiters->len) == 0)
		return;
	pthread_mutex_lock(&waiters->lock);
	for (struct request *request = waiters->first; request; request = next) {
		next = request->waiter.next;
		if (!path || concerns(request, mount_path, path))
			fire(waiters, request);
	}
	pthread_mutex_unlock(&waiters->lock);
}

/* libmicrohttpd does not look at suspended connections. Who only closed its sending side gets the answer of this moment. */
static bool peer_left(const struct request *request)
{
	struct pollfd poll_fd = { .fd = request->connection->fd, .events = POLLRDHUP };

	return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void waiters_tick(struct waiters *waiters, int64_t now_us)
{
	struct request *next;

	pthread_mutex_lock(&waiters->lock);
	for (struct request *request = waiters->first; request; request = next) {
		next = request->waiter.next;
		if (!request->waiter.armed)
			continue;
		request->waiter.gone = peer_left(request);
		if (request->waiter.gone || request->waiter.deadline_us <= now_us)
			fire(waiters, request);
	}
	pthread_mutex_unlock(&waiters->lock);
}

void waiters_stop(struct waiters *waiters)
{
	pthread_mutex_lock(&waiters->lock);
	waiters->stopped = true;
	pthread_mutex_unlock(&waiters->lock);
	waiters_changed(waiters, NULL, NULL);
}
