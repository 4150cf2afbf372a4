#include "http/connections.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http/internal.h"
#include "vault/clock.h"
#include "vault/limits.h"

#define POLL_AT_ONCE 128
#define UNIX_PART 16	/* one of so many places is for Unix sockets alone */
#define UNIX_LEAST 4	/* listeners that accept at the same moment may each go one over */

struct connections {
	pthread_mutex_t lock;
	struct connection *first;
	size_t limit, limit_per_peer, limit_all;
	atomic_size_t open, waiting;
	_Atomic int64_t now_us;
	_Atomic uint64_t cut;
};

struct connections *connections_new(size_t limit, size_t limit_per_peer, size_t waiters_limit)
{
	struct connections *connections = calloc(1, sizeof(*connections));

	if (!connections)
		return NULL;
	pthread_mutex_init(&connections->lock, NULL);
	connections->limit = limit;
	connections->limit_per_peer = limit_per_peer;
	connections->limit_all = limit + waiters_limit;
	connections->now_us = clock_system.monotonic_us(clock_system.arg);
	return connections;
}

void connections_free(struct connections *connections)
{
	if (!connections)
		return;
	pthread_mutex_destroy(&connections->lock);
	free(connections);
}

int64_t connections_now(const struct connections *connections)
{
	return atomic_load_explicit(&connections->now_us, memory_order_relaxed);
}

size_t connections_open(const struct connections *connections)
{
	return atomic_load(&connections->open);
}

uint64_t connections_cut(const struct connections *connections)
{
	return atomic_load(&connections->cut);
}

void connection_set_deadline(struct connection *connection, int64_t seconds)
{
	int64_t now = connections_now(connection->listener->server->connections);

	atomic_store_explicit(&connection->deadline_us, now + seconds * 1000000, memory_order_relaxed);
}

void connection_set_waiting(struct connection *connection, bool waiting)
{
	struct connections *connections = connection->listener->server->connections;

	if (atomic_exchange(&connection->waiting, waiting) == waiting)
		return;
	if (waiting)
		atomic_fetch_add(&connections->waiting, 1);
	else
		atomic_fetch_sub(&connections->waiting, 1);
}

/* Those of a few whose stream has ended. Only their reading side is shut: that wakes the event thread, which reads what has
 * come before the end, and whoever sent a whole request and only closed his sending side still gets his answer. */
static void end_of_streams(struct pollfd *few, nfds_t len)
{
	if (len == 0 || poll(few, len, 0) <= 0)
		return;
	for (nfds_t i = 0; i < len; i++)
		if ((few[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
			shutdown(few[i].fd, SHUT_RD);
}

/* With the lock held. */
static void look_for_those_who_left(const struct connections *connections)
{
	struct pollfd few[POLL_AT_ONCE];
	nfds_t len = 0;

	for (const struct connection *c = connections->first; c; c = c->next) {
		if (atomic_load_explicit(&c->busy, memory_order_relaxed))
			continue;
		few[len++] = (struct pollfd){ .fd = c->fd, .events = POLLRDHUP };
		if (len == POLL_AT_ONCE) {
			end_of_streams(few, len);
			len = 0;
		}
	}
	end_of_streams(few, len);
}

void connections_tick(struct connections *connections, int64_t now_us)
{
	atomic_store_explicit(&connections->now_us, now_us, memory_order_relaxed);
	/* The lock keeps the descriptor ours: libmicrohttpd closes it only after connections_notify(CLOSED). */
	pthread_mutex_lock(&connections->lock);
	for (struct connection *c = connections->first; c; c = c->next) {
		if (atomic_load_explicit(&c->deadline_us, memory_order_relaxed) > now_us)
			continue;
		shutdown(c->fd, SHUT_RDWR);
		atomic_fetch_add(&connections->cut, 1);
		/* Once is enough; the event thread sees the end of the stream. */
		atomic_store(&c->deadline_us, INT64_MAX);
	}
	look_for_those_who_left(connections);
	pthread_mutex_unlock(&connections->lock);
}

static size_t kept_for_unix(size_t limit)
{
	size_t least = limit / 2 < UNIX_LEAST ? limit / 2 : UNIX_LEAST;

	return limit / UNIX_PART > least ? limit / UNIX_PART : least;
}

bool connections_may_accept(const struct connections *connections, bool over_tcp)
{
	size_t open = atomic_load(&connections->open), waiting = atomic_load(&connections->waiting);
	size_t kept = over_tcp ? kept_for_unix(connections->limit) : 0;

	return open + kept < connections->limit_all && (open < waiting || open - waiting + kept < connections->limit);
}

/* -- who is at the other end ------------------------------------------------ */

static void learn_peer(struct connection *connection)
{
	struct peer *peer = &connection->peer;
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	struct ucred cred;
	socklen_t cred_len = sizeof(cred);

	if (connection->listener->options->kind == LISTEN_UNIX) {
		if (getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) != 0 || cred_len != sizeof(cred))
			return;
		connection->peer = (struct peer){ .known = true, .pid = cred.pid, .uid = cred.uid, .gid = cred.gid };
		memcpy(connection->peer_key, &cred.uid, sizeof(cred.uid));
		return;
	}
	if (getpeername(connection->fd, (struct sockaddr *)&address, &len) != 0)
		return;
	if (address.ss_family == AF_INET) {
		peer->address[10] = peer->address[11] = 0xff;
		memcpy(peer->address + 12, &((struct sockaddr_in *)(void *)&address)->sin_addr, 4);
	} else if (address.ss_family == AF_INET6) {
		memcpy(peer->address, &((struct sockaddr_in6 *)(void *)&address)->sin6_addr, sizeof(peer->address));
	} else {
		return;
	}
	peer->has_address = true;
	memcpy(connection->peer_key, peer->address, sizeof(peer->address));
	connection->peer_key[16] = 1;
}

/* With the lock held. Connections that wait for a change do not count. */
static size_t count_of_peer(const struct connections *connections, const struct connection *like)
{
	size_t n = 0;

	for (const struct connection *c = connections->first; c; c = c->next)
		n += !atomic_load(&c->waiting) && memcmp(c->peer_key, like->peer_key, sizeof(like->peer_key)) == 0;
	return n;
}

static void add(struct connections *connections, struct connection *connection)
{
	bool too_many = false;

	pthread_mutex_lock(&connections->lock);
	if (atomic_load(&connections->open) >= connections->limit_per_peer)
		too_many = count_of_peer(connections, connection) >= connections->limit_per_peer;
	connection->next = connections->first;
	if (connection->next)
		connection->next->prev = connection;
	connections->first = connection;
	atomic_fetch_add(&connections->open, 1);
	pthread_mutex_unlock(&connections->lock);
	/* It cannot be refused at this point; without a stream it is over at the next look. */
	if (too_many)
		shutdown(connection->fd, SHUT_RDWR);
}

static void drop(struct connections *connections, struct connection *connection)
{
	connection_set_waiting(connection, false);
	pthread_mutex_lock(&connections->lock);
	if (connection->prev)
		connection->prev->next = connection->next;
	else
		connections->first = connection->next;
	if (connection->next)
		connection->next->prev = connection->prev;
	atomic_fetch_sub(&connections->open, 1);
	pthread_mutex_unlock(&connections->lock);
	free(connection);
}

static ssize_t read_unless_busy(gnutls_transport_ptr_t arg, void *bytes, size_t len)
{
	struct connection *connection = arg;

	if (!atomic_load_explicit(&connection->busy, memory_order_relaxed))
		return recv(connection->fd, bytes, len, 0);
	errno = EAGAIN;
	return -1;
}

static int await_bytes(gnutls_transport_ptr_t arg, unsigned ms)
{
	const struct connection *connection = arg;
	struct pollfd one = { .fd = connection->fd, .events = POLLIN };

	return poll(&one, 1, ms == GNUTLS_INDEFINITE_TIMEOUT ? -1 : (int)ms);
}

/*
 * Of a request that is being answered nothing more is read. With poll() the library reads before it sends: who has closed his sending
 * side would be taken for gone, when his request was suspended meanwhile, and not be told what was done.
 */
static void hold_reads(struct connection *connection, gnutls_session_t session)
{
	gnutls_transport_set_ptr2(session, connection, (gnutls_transport_ptr_t)(intptr_t)connection->fd);
	gnutls_transport_set_pull_function(session, read_unless_busy);
	gnutls_transport_set_pull_timeout_function(session, await_bytes);
}

static void start(struct listener *listener, struct MHD_Connection *mhd, void **socket_context)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!info || !connection) {
		free(connection);
		*socket_context = NULL;	/* request_begin() gives it up */
		return;
	}
	connection->listener = listener;
	connection->fd = info->connect_fd;
	connection->first = true;
	learn_peer(connection);
	connection_set_deadline(connection, DEADLINE_HEADER_SECONDS);
	atomic_fetch_add(&listener->server->counters.accepted, 1);
	if (listener->tls) {
		info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
		if (info) {
			tls_session_start(listener->tls, info->tls_session);
			hold_reads(connection, info->tls_session);
		}
	}
	*socket_context = connection;
	add(listener->server->connections, connection);
}

void connections_notify(void *arg, struct MHD_Connection *mhd, void **socket_context,
			enum MHD_ConnectionNotificationCode code)
{
	struct listener *listener = arg;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		start(listener, mhd, socket_context);
	else if (*socket_context)
		drop(listener->server->connections, take_ptr(*socket_context));
}
