/*
 * The list of open connections, for what libmicrohttpd has no clock: absolute
 * deadlines. Its own timeout is a timer of idleness that one byte at a time
 * keeps alive. Here each connection has the moment at which it is shut down
 * whatever it does; a thread looks at the list twice a second.
 *
 * And for what it overlooks: a peer whose last bytes and whose goodbye come
 * together. With edges of epoll it has read the bytes, takes the socket for
 * empty and waits for what never comes. The same thread asks the kernel who
 * has left while bytes were awaited from him.
 *
 * Internal to http/.
 */
#pragma once

#include <microhttpd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/vault.h"

/* An idle connection is kept this long for the next request. */
#define KEEP_ALIVE_SECONDS 60

struct listener;

struct connection {
	struct connection *prev, *next;
	struct listener *listener;
	int fd;
	bool first;			/* no request has begun yet: the deadline of the head runs from accept */
	struct peer peer;		/* known for Unix sockets */
	uint8_t peer_key[17];		/* uid or address, for the limit of connections per peer */
	_Atomic int64_t deadline_us;	/* monotonic */
	atomic_bool waiting;		/* in a blocked read: does not count for the limits of connections */
	atomic_bool busy;		/* its request has come in full and is not answered: nothing is awaited from the peer */
};

struct connections;
void connections_free(struct connections *connections);
/* limit and limit_per_peer count connections that do not wait. NULL when memory is out. */
struct connections *connections_new(size_t limit, size_t limit_per_peer, size_t waiters_limit);

/* Monotonic time, at most half a second old. */
int64_t connections_now(const struct connections *connections);
/* One look at all connections; called by the clock thread with the time. */
void connections_tick(struct connections *connections, int64_t now_us);

/* For MHD_OPTION_NOTIFY_CONNECTION; *socket_context is the struct connection, or NULL when it could not be made. */
void connections_notify(void *listener, struct MHD_Connection *mhd, void **socket_context,
			enum MHD_ConnectionNotificationCode code);
/* Whether one more may come. Whoever comes over TCP cannot have the last sixteenth of the places (four at least, but not over
 * half): addresses cost a stranger nothing, and who administers the vault over its Unix socket must get in. */
bool connections_may_accept(const struct connections *connections, bool over_tcp);

/* The connection is to be over in this many seconds. */
void connection_set_deadline(struct connection *connection, int64_t seconds);
void connection_set_waiting(struct connection *connection, bool waiting);

/* For /metrics: open now, and cut at a deadline since the start. */
size_t connections_open(const struct connections *connections);
uint64_t connections_cut(const struct connections *connections);
