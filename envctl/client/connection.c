#include "client/connection.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/tls.h"
#include "vault/clock.h"
#include "vault/files.h"

struct connection {
	int fd;
	struct tls_session *tls; /* NULL: plain */
	int64_t deadline_us;
	int64_t armed_us; /* the socket's timeout */
};

#define TOO_SLOW_TO_TAKE "the daemon did not take the request in time"
#define TOO_SLOW_TO_ANSWER "the daemon did not answer in time"
/* What one record of TLS holds; also, a call of send() with more may wait anew for each piece that finds room. */
#define SEND_SLICE 16384

void connection_free(struct connection *connection)
{
	if (connection == NULL)
		return;
	tls_session_free(connection->tls);
	fd_closep(&connection->fd);
	free(connection);
}

/* Also bounds connect(), which on Linux obeys the send timeout. */
static void set_timeout(int fd, int64_t us)
{
	struct timeval tv = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

/* At least a millisecond: zero would mean to wait for ever. */
static int64_t time_left(int64_t deadline_us)
{
	int64_t left = deadline_us - clock_system.monotonic_us(clock_system.arg);

	return left > 1000 ? left : 1000;
}

void connection_set_deadline(struct connection *connection, int64_t deadline_us)
{
	connection->deadline_us = deadline_us;
	connection->armed_us = time_left(deadline_us);
	set_timeout(connection->fd, connection->armed_us);
}

/* Before each system call that may wait. The socket's timeout begins anew with each, so it has to shrink; not for a
 * difference that nobody notices. */
static enum error_code check_deadline(struct connection *connection, const char *what, struct error *err)
{
	int64_t left = connection->deadline_us - clock_system.monotonic_us(clock_system.arg);

	if (left <= 0)
		return error_set(err, ERR_TIMEOUT, "%s", what);
	if (connection->armed_us - left > 100000) {
		connection->armed_us = time_left(connection->deadline_us);
		set_timeout(connection->fd, connection->armed_us);
	}
	return ERR_OK;
}

static bool errno_is_timeout(void)
{
	return errno == EAGAIN || errno == EINPROGRESS || errno == ETIMEDOUT;
}

static enum error_code refuse_owner(const struct address *address, const char *what, uid_t uid, struct error *err)
{
	return error_set(err, ERR_PERMISSION, "%s %s belongs to user %u, not to you, root or vaultd; it is not used",
			 what, address->path, (unsigned)uid);
}

/* -- who may use a socket ---------------------------------------------------------- */

/* Where the way to the socket ends for this user: itself, or the nearest directory above it that can be looked at. */
static bool find_barrier(const struct address *address, char ret[static sizeof(address->path)], struct stat *ret_info)
{
	memcpy(ret, address->path, sizeof(address->path));
	while (stat(ret, ret_info) < 0) {
		char *slash = strrchr(ret, '/');

		if (errno != EACCES || slash == NULL || slash == ret)
			return false;
		*slash = '\0';
	}
	return true;
}

static void name_user(uid_t uid, char *ret, size_t size)
{
	const struct passwd *user = getpwuid(uid);

	if (user != NULL)
		snprintf(ret, size, "%s", user->pw_name);
	else
		snprintf(ret, size, "%u", (unsigned)uid);
}

static void name_group(gid_t gid, char *ret, size_t size)
{
	const struct group *group = getgrgid(gid);

	if (group != NULL)
		snprintf(ret, size, "%s", group->gr_name);
	else
		snprintf(ret, size, "%u", (unsigned)gid);
}

/* Connecting takes the right to write to a socket, and to search all directories above it. */
static enum error_code refuse_use(const struct address *address, struct error *err)
{
	char barrier[sizeof(address->path)], place[sizeof(barrier) + 32] = "it", owner[64], group[64], me[64];
	struct stat info;

	if (!find_barrier(address, barrier, &info))
		return error_set(err, ERR_PERMISSION, "you may not use the socket %s (%s)", address->path, address->origin);
	const bool is_directory = S_ISDIR(info.st_mode);
	if (is_directory)
		snprintf(place, sizeof(place), "its directory %s", barrier);
	if (info.st_uid == geteuid())
		return error_set(err, ERR_PERMISSION, "you may not use the socket %s (%s): %s is yours, but its mode %04o keeps you out (chmod u+rwx)",
				 address->path, address->origin, place, (unsigned)info.st_mode & 07777);
	name_user(info.st_uid, owner, sizeof(owner));
	/* Nobody is sent into the group of root for a socket. */
	if ((info.st_mode & (is_directory ? S_IXGRP : S_IWGRP)) == 0 || info.st_gid == 0)
		return error_set(err, ERR_PERMISSION,
				 "you may not use the socket %s (%s): %s is for user %s alone; call envctl as that user, or start a vault "
				 "of your own: vaultd",
				 address->path, address->origin, place, owner);
	name_group(info.st_gid, group, sizeof(group));
	name_user(geteuid(), me, sizeof(me));
	return error_set(err, ERR_PERMISSION,
			 "you may not use the socket %s (%s): %s is for user %s and the group %s; root can add you (usermod -aG %s %s), "
			 "which counts from your next login on",
			 address->path, address->origin, place, owner, group, group, me);
}

static enum error_code check_socket_file(const struct address *address, struct error *err)
{
	struct stat st;

	if (stat(address->path, &st) < 0)
		return errno == EACCES ? refuse_use(address, err) :
					 error_set_errno(err, ERR_UNREACHABLE, errno, "no vaultd at %s (%s)", address->path,
							 address->origin);
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, ERR_UNREACHABLE, "%s (%s) is not a socket", address->path, address->origin);
	if (!address_owner_is_trusted(st.st_uid))
		return refuse_owner(address, "the socket", st.st_uid, err);
	return ERR_OK;
}

static enum error_code check_peer(int fd, const struct address *address, struct error *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return error_set_errno(err, ERR_UNREACHABLE, errno, "cannot see whose socket %s is", address->path);
	if (!address_owner_is_trusted(peer.uid))
		return refuse_owner(address, "the process that listens at", peer.uid, err);
	return ERR_OK;
}

static enum error_code unix_failed(const struct address *address, struct error *err)
{
	if (errno == EPERM)
		return error_set_errno(err, ERR_PERMISSION, errno, "you may not use the socket %s (%s)", address->path, address->origin);
	if (errno == EACCES)
		return refuse_use(address, err);
	if (errno == ECONNREFUSED)
		return error_set(err, ERR_UNREACHABLE,
				 "no vaultd listens at %s (%s); start it with `vaultd` or `systemctl start vaultd`",
				 address->path, address->origin);
	return error_set_errno(err, errno_is_timeout() ? ERR_TIMEOUT : ERR_UNREACHABLE, errno, "cannot connect to %s",
			       address->path);
}

static enum error_code open_unix(const struct address *address, int64_t deadline_us, int *ret_fd, struct error *err)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	enum error_code rc = check_socket_file(address, err);

	if (rc != ERR_OK)
		return rc;
	memcpy(name.sun_path, address->path, sizeof(name.sun_path));
	cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set_errno(err, ERR_IO, errno, "cannot make a socket");
	set_timeout(fd, time_left(deadline_us));
	if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) < 0)
		return unix_failed(address, err);
	rc = check_peer(fd, address, err);
	if (rc != ERR_OK)
		return rc;
	*ret_fd = fd;
	fd = -1;
	return ERR_OK;
}

static bool is_loopback(const struct sockaddr *name)
{
	if (name->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, name, sizeof(in));
		return (ntohl(in.sin_addr.s_addr) >> 24) == 127;
	}
	if (name->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, name, sizeof(in6));
		return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
	}
	return false;
}

static enum error_code open_candidate(const struct address *address, const struct addrinfo *candidate,
				      int64_t deadline_us, int *ret_fd, struct error *err)
{
	int on = 1;

	if (address->kind == ADDRESS_HTTP && !is_loopback(candidate->ai_addr))
		return error_set(err, ERR_CONFIG,
				 "%s would send tokens and values in clear: plain http is for loopback only; use https",
				 address->text);
	cleanup_(fd_closep) int fd = socket(candidate->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set_errno(err, ERR_IO, errno, "cannot make a socket");
	set_timeout(fd, time_left(deadline_us));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, candidate->ai_addr, candidate->ai_addrlen) < 0)
		return error_set_errno(err, errno_is_timeout() ? ERR_TIMEOUT : ERR_UNREACHABLE, errno,
				       "no vaultd answers at %s (%s)", address->text, address->origin);
	*ret_fd = fd;
	fd = -1;
	return ERR_OK;
}

static void free_addrinfo(struct addrinfo **list)
{
	if (*list != NULL)
		freeaddrinfo(*list);
}

static enum error_code open_tcp(const struct address *address, int64_t deadline_us, int *ret_fd, bool *ret_loopback,
				struct error *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	cleanup_(free_addrinfo) struct addrinfo *list = NULL;
	enum error_code rc = ERR_UNREACHABLE;

	/* An address needs none of the files and sockets that names are looked up with. */
	int failed = getaddrinfo(address->host, address->port, &hints, &list);
	if (failed == EAI_NONAME) {
		hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
		failed = getaddrinfo(address->host, address->port, &hints, &list);
	}
	if (failed != 0)
		return error_set(err, ERR_UNREACHABLE, "the host of %s (%s) is not known: %s", address->text,
				 address->origin, gai_strerror(failed));
	for (const struct addrinfo *candidate = list; candidate != NULL; candidate = candidate->ai_next) {
		error_clear(err);
		rc = open_candidate(address, candidate, deadline_us, ret_fd, err);
		if (rc != ERR_OK)
			continue;
		*ret_loopback = is_loopback(candidate->ai_addr);
		break;
	}
	return rc;
}

enum error_code connection_open(const struct address *address, const struct connection_trust *trust,
				int64_t deadline_us, struct connection **ret, struct error *err)
{
	cleanup_(connection_freep) struct connection *connection = calloc(1, sizeof(*connection));
	int64_t armed_us = time_left(deadline_us);
	bool loopback = false;
	enum error_code rc;

	if (connection == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	connection->fd = -1;
	if (address->kind == ADDRESS_UNIX)
		rc = open_unix(address, deadline_us, &connection->fd, err);
	else
		rc = open_tcp(address, deadline_us, &connection->fd, &loopback, err);
	/* The socket has its timeout already, which connecting has used up in part. */
	connection->deadline_us = deadline_us;
	connection->armed_us = armed_us;
	if (rc == ERR_OK && address->kind == ADDRESS_HTTPS) {
		const struct tls_server server = {
			.host = address->host,
			.loopback = loopback,
			.ca_file = trust->ca_file,
			.other = trust->other,
		};

		rc = tls_session_open(connection->fd, &server, deadline_us, &connection->tls, err);
	}
	if (rc == ERR_OK)
		*ret = take_ptr(connection);
	return rc;
}

static enum error_code send_plain(struct connection *connection, const char *next, size_t len, size_t *ret_sent,
				  struct error *err)
{
	ssize_t sent;

	do {
		sent = send(connection->fd, next, len, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0 && errno_is_timeout())
		return error_set(err, ERR_TIMEOUT, TOO_SLOW_TO_TAKE);
	if (sent < 0)
		return error_set_errno(err, ERR_UNREACHABLE, errno, "the connection to the daemon broke");
	*ret_sent = (size_t)sent;
	return ERR_OK;
}

enum error_code connection_send(struct connection *connection, const void *bytes, size_t len, struct error *err)
{
	const char *next = bytes;
	enum error_code rc = ERR_OK;

	while (rc == ERR_OK && len > 0) {
		size_t sent = len < SEND_SLICE ? len : SEND_SLICE;

		rc = check_deadline(connection, TOO_SLOW_TO_TAKE, err);
		if (rc == ERR_OK && connection->tls != NULL)
			rc = tls_session_send(connection->tls, next, sent, connection->deadline_us, err);
		else if (rc == ERR_OK)
			rc = send_plain(connection, next, sent, &sent, err);
		next += sent;
		len -= sent;
	}
	return rc;
}

enum error_code connection_receive(struct connection *connection, void *bytes, size_t size, size_t *ret_len,
				   struct error *err)
{
	ssize_t got;
	enum error_code rc = check_deadline(connection, TOO_SLOW_TO_ANSWER, err);

	if (rc != ERR_OK)
		return rc;
	if (connection->tls != NULL)
		return tls_session_receive(connection->tls, bytes, size, connection->deadline_us, ret_len, err);
	do {
		got = recv(connection->fd, bytes, size, 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && errno_is_timeout())
		return error_set(err, ERR_TIMEOUT, TOO_SLOW_TO_ANSWER);
	if (got < 0)
		return error_set_errno(err, ERR_UNREACHABLE, errno, "the connection to the daemon broke");
	*ret_len = (size_t)got;
	return ERR_OK;
}

bool connection_is_stale(const struct connection *connection)
{
	char byte;

	return recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}
