/* The sockets, made before the sandbox closes. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/server.h"
#include "vault/files.h"

#define BACKLOG 1024

/* -- Unix ------------------------------------------------------------------------ */

static struct sockaddr_un unix_address(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	/* The configuration has checked the length. */
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

/* Whoever can write in the socket's directory can put a socket of their own there. */
static enum error_code check_parent(const char *path, struct error *err)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;
	struct stat st;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (!slash)
		return error_set(err, ERR_CONFIG, "the socket's path %s must be absolute", path);
	if (slash == directory)
		slash++;
	*slash = '\0';
	if (mkdir(directory, 0700) != 0 && errno != EEXIST)
		return error_set_errno(err, ERR_IO, errno, "cannot make the socket's directory %s", directory);
	if (stat(directory, &st) != 0)
		return error_set_errno(err, ERR_IO, errno, "cannot look at the socket's directory %s", directory);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ERR_CONFIG, "%s is not a directory", directory);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return error_set(err, ERR_PERMISSION, "the socket's directory %s belongs to user %u: it must belong to us or root",
				 directory, (unsigned)st.st_uid);
	if ((st.st_mode & S_IWOTH) != 0 && (st.st_mode & S_ISVTX) == 0)
		return error_set(err, ERR_PERMISSION, "the socket's directory %s is writable for everybody: chmod o-w %s", directory,
				 directory);
	return ERR_OK;
}

static enum error_code check_existing(const char *path, const struct sockaddr_un *address, struct error *err)
{
	struct stat st;
	int fd, rc;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? ERR_OK : error_set_errno(err, ERR_IO, errno, "cannot look at %s", path);
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, ERR_CONFIG, "%s is there and is not a socket: move it away", path);
	if (st.st_uid != geteuid() && geteuid() != 0)
		return error_set(err, ERR_PERMISSION, "the socket %s belongs to user %u", path, (unsigned)st.st_uid);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_errno(err, ERR_IO, errno, "cannot make a socket");
	rc = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;
	close(fd);
	/* A full backlog is an answer, too. */
	if (rc == 0 || rc == EAGAIN || rc == EINPROGRESS)
		return error_set(err, ERR_BUSY, "another daemon answers on %s: stop it, or choose another socket", path);
	if (unlink(path) != 0)
		return error_set_errno(err, ERR_IO, errno, "cannot remove the stale socket %s", path);
	return ERR_OK;
}

/* bind() makes the socket with the umask's mode, which is ours alone; nobody can connect before listen(). */
static enum error_code bind_unix(int fd, const struct listen_options *options, const struct sockaddr_un *address,
				 struct error *err)
{
	mode_t before = umask(0177);
	int rc = bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;

	umask(before);
	if (rc != 0)
		return error_set_errno(err, ERR_IO, rc, "cannot bind the socket %s", options->path);
	if (options->group != (gid_t)-1 && lchown(options->path, (uid_t)-1, options->group) != 0)
		return error_set_errno(err, ERR_PERMISSION, errno, "cannot give the socket %s to group %u", options->path,
				       (unsigned)options->group);
	if (chmod(options->path, options->mode) != 0)
		return error_set_errno(err, ERR_IO, errno, "cannot set the mode of the socket %s", options->path);
	return ERR_OK;
}

static enum error_code open_unix(const struct listen_options *options, int *ret_fd, struct error *err)
{
	cleanup_(fd_closep) int fd = -1;
	struct sockaddr_un address = unix_address(options->path);

	if (check_parent(options->path, err) != ERR_OK || check_existing(options->path, &address, err) != ERR_OK)
		return err->code;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_errno(err, ERR_IO, errno, "cannot make a socket");
	if (bind_unix(fd, options, &address, err) != ERR_OK)
		return err->code;
	if (listen(fd, BACKLOG) != 0)
		return error_set_errno(err, ERR_IO, errno, "cannot listen on %s", options->path);
	*ret_fd = fd;
	fd = -1;
	return ERR_OK;
}

/* -- TCP ------------------------------------------------------------------------- */

struct tcp_address {
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr any;
	};
	socklen_t len;
	bool loopback;
};

static bool parse_tcp(const struct listen_options *options, struct tcp_address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, options->address, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(options->port);
		ret->len = sizeof(ret->v4);
		ret->loopback = ntohl(ret->v4.sin_addr.s_addr) >> 24 == 127;
		return true;
	}
	if (inet_pton(AF_INET6, options->address, &ret->v6.sin6_addr) == 1) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons(options->port);
		ret->len = sizeof(ret->v6);
		ret->loopback = IN6_IS_ADDR_LOOPBACK(&ret->v6.sin6_addr);
		return true;
	}
	return false;
}

enum error_code listen_check(const struct listen_options *options, struct error *err)
{
	struct tcp_address address;

	if (options->kind == LISTEN_UNIX)
		return options->path[0] == '/' ? ERR_OK :
						 error_set(err, ERR_CONFIG, "the socket's path %s must be absolute", options->path);
	if (!parse_tcp(options, &address))
		return error_set(err, ERR_CONFIG, "the address %s must be numeric, such as 127.0.0.1 or ::1", options->address);
	if (options->plain && !address.loopback)
		return error_set(err, ERR_CONFIG, "plain TCP is for loopback only, %s is not: give a certificate and a key",
				 options->address);
	if (!options->plain && (options->certificate[0] == '\0' || options->key[0] == '\0'))
		return error_set(err, ERR_CONFIG, "TCP on %s needs a certificate and a key, or plain = true on loopback",
				 options->address);
	return ERR_OK;
}

static enum error_code refuse_bind(const struct listen_options *options, int number, struct error *err)
{
	if (number != EADDRINUSE)
		return error_set_errno(err, ERR_IO, number, "cannot bind %s port %u", options->address, options->port);
	return error_set(err, ERR_BUSY, "cannot bind %s port %u: another process listens there; stop it, or choose another port (port of "
					"listen_tcp; with --dev: --dev-listen-address ADDRESS:PORT)",
			 options->address, options->port);
}

static enum error_code open_tcp(const struct listen_options *options, int *ret_fd, uint16_t *ret_port, struct error *err)
{
	cleanup_(fd_closep) int fd = -1;
	struct tcp_address address;
	const int one = 1;

	if (listen_check(options, err) != ERR_OK || !parse_tcp(options, &address))
		return err->code;
	fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_errno(err, ERR_IO, errno, "cannot make a socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (address.any.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, &address.any, address.len) != 0)
		return refuse_bind(options, errno, err);
	if (listen(fd, BACKLOG) != 0)
		return error_set_errno(err, ERR_IO, errno, "cannot listen on %s", options->address);
	if (getsockname(fd, &address.any, &address.len) != 0)
		return error_set_errno(err, ERR_IO, errno, "cannot read the port of %s", options->address);
	if (ret_port)
		*ret_port = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
	*ret_fd = fd;
	fd = -1;
	return ERR_OK;
}

enum error_code listen_open(const struct listen_options *options, int *ret_fd, uint16_t *ret_port, struct error *err)
{
	if (options->kind == LISTEN_TCP)
		return open_tcp(options, ret_fd, ret_port, err);
	return open_unix(options, ret_fd, err);
}
