/* What the files of http/ share of the server. Internal to http/. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "http/connections.h"
#include "http/request.h"
#include "http/server.h"
#include "http/tls.h"
#include "http/waiters.h"
#include "http/worker.h"

struct listener {
	struct server *server;
	struct MHD_Daemon *daemon;
	const struct listen_options *options;
	int fd;			/* -1 when libmicrohttpd has it */
	struct tls *tls;	/* NULL: plain */
	struct request *free_requests;	/* of the event thread */
	size_t free_requests_len;
	_Atomic int64_t complaint_second;	/* the library's lines in the log, within one second */
	atomic_uint complaints;
};

struct counters {
	_Atomic uint64_t requests[6];	/* by the first digit of the status */
	_Atomic uint64_t refused_heads, accepted;
};

struct server {
	struct server_options options;
	struct vault *vault;
	struct listener *listeners;
	size_t listeners_len;
	struct connections *connections;
	struct waiters *waiters;
	struct worker *worker;
	struct backups *backups;
	struct counters counters;
	atomic_size_t active;		/* requests between their first line and their end */
	atomic_size_t suspended;
	atomic_bool draining, clock_ends;
	pthread_t clock;
	bool clock_runs;
	int64_t started_us;
};
