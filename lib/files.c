#include "vault/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define READ_CHUNK 65536

void fd_closep(int *fd)
{
	/* Cleanup runs on the way out of a failure, whose errno is still to be reported. */
	int saved = errno;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

static enum error_code code_of_errno(int sys_errno)
{
	switch (sys_errno) {
	case ENOENT:
	case ENOTDIR:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_PERMISSION;
	case ENOMEM:
		return ERR_NO_MEMORY;
	default:
		return ERR_IO;
	}
}

/* Waits until a descriptor that somebody made non-blocking (a terminal, a pipe) is ready again. */
static bool wait_ready(int fd, short events)
{
	struct pollfd wait = { .fd = fd, .events = events };
	return poll(&wait, 1, -1) >= 0 || errno == EINTR;
}

/* Reads into bytes; 0 at the end, -1 with errno. */
static ssize_t read_some(int fd, void *bytes, size_t len)
{
	for (;;) {
		ssize_t got = read(fd, bytes, len);
		if (got >= 0)
			return got;
		if (errno == EAGAIN && wait_ready(fd, POLLIN))
			continue;
		if (errno != EINTR)
			return -1;
	}
}

/* Whether a full buffer is all there is. The byte that may be taken is lost: the caller gives up then. */
static enum error_code expect_end(int fd, size_t max, const char *what, struct error *err)
{
	unsigned char probe;
	ssize_t got = read_some(fd, &probe, 1);
	explicit_bzero(&probe, 1);
	if (got < 0)
		return error_set_errno(err, ERR_IO, errno, "cannot read %s", what);
	if (got > 0)
		return error_set(err, ERR_TOO_LARGE, "%s is larger than %zu bytes", what, max);
	return ERR_OK;
}

enum error_code file_read_fd(int fd, size_t max, const char *what, struct secret_buf **ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *content = secret_buf_new(max);
	if (!content)
		return error_set(err, ERR_NO_MEMORY, "out of memory while reading %s", what);
	for (;;) {
		size_t room = max - secret_buf_len(content);
		if (room == 0) {
			enum error_code code = expect_end(fd, max, what, err);
			if (code != ERR_OK)
				return code;
			break;
		}
		size_t chunk = room < READ_CHUNK ? room : READ_CHUNK;
		uint8_t *at = secret_buf_reserve(content, chunk);
		if (!at)
			return secret_buf_check(content, what, err);
		ssize_t got = read_some(fd, at, chunk);
		if (got < 0)
			return error_set_errno(err, ERR_IO, errno, "cannot read %s", what);
		if (got == 0)
			break;
		secret_buf_advance(content, (size_t)got);
	}
	*ret = take_ptr(content);
	return ERR_OK;
}

static enum error_code check_private(const char *path, const struct stat *st, struct error *err)
{
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return error_set(err, ERR_PERMISSION,
				 "%s belongs to user %u, not to user %u or root; run: chown %u %s", path,
				 (unsigned)st->st_uid, (unsigned)geteuid(), (unsigned)geteuid(), path);
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return error_set(err, ERR_PERMISSION, "%s has mode %04o, others may use it; run: chmod 600 %s", path,
				 (unsigned)(st->st_mode & 07777), path);
	return ERR_OK;
}

static enum error_code check_rules(int fd, const char *path, unsigned rules, struct error *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return error_set_errno(err, ERR_IO, errno, "cannot look at %s", path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, ERR_INVALID, "%s is a directory, not a file", path);
	if ((rules & FILE_REGULAR) && !S_ISREG(st.st_mode))
		return error_set(err, ERR_INVALID, "%s is a device, pipe or socket, not a regular file", path);
	return rules & FILE_PRIVATE ? check_private(path, &st, err) : ERR_OK;
}

/*
 * With rules the file is opened without blocking, so that a pipe put in its place cannot hold us until the check.
 * Without, blocking is what a reader of <(command) wants.
 */
static enum error_code open_checked(const char *path, unsigned rules, int *ret_fd, struct error *err)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
	if (rules != FILE_ANY_MODE)
		flags |= O_NONBLOCK;
	if (rules & FILE_PRIVATE)
		flags |= O_NOFOLLOW;
	cleanup_(fd_closep) int fd = open(path, flags);
	if (fd < 0 && errno == ELOOP && (rules & FILE_PRIVATE))
		return error_set(err, ERR_PERMISSION, "%s is a symbolic link; name the file itself", path);
	/* What opening a socket, or a device without a driver, gives. */
	if (fd < 0 && errno == ENXIO)
		return error_set(err, ERR_INVALID, "%s is a device, pipe or socket, not a regular file", path);
	if (fd < 0)
		return error_set_errno(err, code_of_errno(errno), errno, "cannot open %s", path);
	enum error_code code = check_rules(fd, path, rules, err);
	if (code != ERR_OK)
		return code;
	*ret_fd = fd;
	fd = -1;
	return ERR_OK;
}

enum error_code file_read_secret(const char *path, unsigned rules, bool allow_stdin, size_t max,
				 struct secret_buf **ret, struct error *err)
{
	if (allow_stdin && strcmp(path, "-") == 0)
		return file_read_fd(STDIN_FILENO, max, "standard input", ret, err);
	cleanup_(fd_closep) int fd = -1;
	enum error_code code = open_checked(path, rules, &fd, err);
	if (code != ERR_OK)
		return code;
	return file_read_fd(fd, max, path, ret, err);
}

enum error_code fd_write_all(int fd, const void *bytes, size_t len, struct error *err)
{
	const unsigned char *at = bytes;
	while (len > 0) {
		ssize_t put = write(fd, at, len);
		if (put < 0) {
			if (errno == EINTR || (errno == EAGAIN && wait_ready(fd, POLLOUT)))
				continue;
			return error_set_errno(err, code_of_errno(errno), errno, "cannot write");
		}
		at += put;
		len -= (size_t)put;
	}
	return ERR_OK;
}

/* A path taken apart: the directory that holds it ("." or "/" when it is not spelled out) and the name there. */
struct place {
	char directory[PATH_MAX];
	const char *name;
};

static enum error_code place_of(const char *path, struct place *ret, struct error *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_set(err, ERR_INVALID, "\"%s\" does not name a file", path);
	size_t len = slash ? (size_t)(slash - path) : 0;
	if (len >= sizeof(ret->directory))
		return error_set(err, ERR_INVALID, "the path of a file is longer than %d bytes", PATH_MAX - 1);
	if (!slash) {
		memcpy(ret->directory, ".", sizeof("."));
	} else if (len == 0) {
		memcpy(ret->directory, "/", sizeof("/"));
	} else {
		memcpy(ret->directory, path, len);
		ret->directory[len] = '\0';
	}
	ret->name = name;
	return ERR_OK;
}

static enum error_code open_directory(const char *path, int *ret_fd, struct error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, code_of_errno(errno), errno, "cannot open the directory %s", path);
	*ret_fd = fd;
	return ERR_OK;
}

static enum error_code sync_fd(int fd, const char *path, struct error *err)
{
	if (fsync(fd) != 0)
		return error_set_errno(err, code_of_errno(errno), errno, "cannot bring %s to the disk", path);
	return ERR_OK;
}

enum error_code directory_sync_parent(const char *path, struct error *err)
{
	struct place place;
	enum error_code code = place_of(path, &place, err);
	if (code != ERR_OK)
		return code;
	cleanup_(fd_closep) int fd = -1;
	code = open_directory(place.directory, &fd, err);
	return code != ERR_OK ? code : sync_fd(fd, place.directory, err);
}

#define TEMPORARY_NAME_LEN 32

/* 64 random bits: nobody can put something there first, and O_EXCL makes sure. */
static int create_temporary(int directory_fd, char name[static TEMPORARY_NAME_LEN])
{
	uint64_t bits;
	randombytes_buf(&bits, sizeof(bits));
	snprintf(name, TEMPORARY_NAME_LEN, ".vault-%016llx.tmp", (unsigned long long)bits);
	return openat(directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

#define GROUP_OF_NEW_FILES ((gid_t)-1)

/* The mode is given last, so that the file is private while it is incomplete. */
static enum error_code fill(int fd, mode_t mode, gid_t group, const void *bytes, size_t len, const char *path, struct error *err)
{
	enum error_code code = fd_write_all(fd, bytes, len, err);
	if (code != ERR_OK)
		return error_prefix(err, "%s", path);
	if (group != GROUP_OF_NEW_FILES && fchown(fd, (uid_t)-1, group) != 0)
		return error_set_errno(err, code_of_errno(errno), errno, "cannot give %s its group %u", path, (unsigned)group);
	if (fchmod(fd, mode) != 0)
		return error_set_errno(err, code_of_errno(errno), errno, "cannot give %s its mode", path);
	return sync_fd(fd, path, err);
}

enum error_code file_write_atomic(const char *path, mode_t mode, const void *bytes, size_t len, struct error *err)
{
	struct place place;
	enum error_code code = place_of(path, &place, err);
	if (code != ERR_OK)
		return code;
	cleanup_(fd_closep) int directory_fd = -1;
	code = open_directory(place.directory, &directory_fd, err);
	if (code != ERR_OK)
		return code;
	struct stat st;
	if (fstatat(directory_fd, place.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode) &&
	    !S_ISLNK(st.st_mode) && !S_ISDIR(st.st_mode))
		return error_set(err, ERR_INVALID, "%s is a device, pipe or socket, not a regular file", path);
	char temporary[TEMPORARY_NAME_LEN];
	cleanup_(fd_closep) int fd = create_temporary(directory_fd, temporary);
	if (fd < 0)
		return error_set_errno(err, code_of_errno(errno), errno, "cannot make a file in %s", place.directory);
	code = fill(fd, mode, GROUP_OF_NEW_FILES, bytes, len, path, err);
	if (code == ERR_OK && renameat(directory_fd, temporary, directory_fd, place.name) != 0)
		code = error_set_errno(err, code_of_errno(errno), errno, "cannot put %s in place", path);
	if (code != ERR_OK) {
		unlinkat(directory_fd, temporary, 0);
		return code;
	}
	return sync_fd(directory_fd, place.directory, err);
}

bool fd_is_named(int fd, int directory_fd, const char *name)
{
	const int before = errno;
	struct stat one, other;
	const bool same = fstat(fd, &one) == 0 && fstatat(directory_fd, name, &other, AT_SYMLINK_NOFOLLOW) == 0 &&
			  one.st_dev == other.st_dev && one.st_ino == other.st_ino;

	errno = before;
	return same;
}

/* -- a file in the place of another ------------------------------------------ */

struct replacement {
	const char *path;
	struct place place;
	int directory_fd;
	char temporary[TEMPORARY_NAME_LEN];	/* the new file, and after the exchange the old one */
	const struct secret_buf *before, *after;
};

static enum error_code holds(const struct replacement *work, const char *name, const struct secret_buf *wanted,
			     struct stat *ret, struct error *err)
{
	cleanup_(fd_closep) int fd =
		openat(work->directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	cleanup_(secret_buf_freep) struct secret_buf *now = NULL;
	if (fd < 0 && errno != ELOOP)
		return error_set_errno(err, code_of_errno(errno), errno, "cannot open %s", work->path);
	if (fd < 0 || fstat(fd, ret) != 0 || !S_ISREG(ret->st_mode))
		return error_set(err, ERR_INVALID, "%s is not a regular file", work->path);
	if (ret->st_uid != geteuid())
		return error_set(err, ERR_PERMISSION, "it belongs to user %u, and would belong to user %u: run this as its owner",
				 (unsigned)ret->st_uid, (unsigned)geteuid());
	if (fgetxattr(fd, "system.posix_acl_access", NULL, 0) > 0)
		return error_set(err, ERR_INVALID, "%s has an access list (getfacl shows it), which the new file would not have: change it by hand",
				 work->path);
	enum error_code code = file_read_fd(fd, secret_buf_len(wanted) + 1, work->path, &now, err);
	if (code != ERR_OK && code != ERR_TOO_LARGE)
		return code;
	error_clear(err);
	if (code == ERR_OK && secret_buf_len(now) == secret_buf_len(wanted) &&
	    memcmp(secret_buf_bytes(now), secret_buf_bytes(wanted), secret_buf_len(wanted)) == 0)
		return ERR_OK;
	return error_set(err, ERR_CONFLICT, "it changed meanwhile; nothing was written, run it again");
}

static int exchange(const struct replacement *work)
{
	return renameat2(work->directory_fd, work->temporary, work->directory_fd, work->place.name, RENAME_EXCHANGE);
}

static enum error_code tell_kept(const struct replacement *work, const char *what, struct error *err)
{
	error_clear(err);
	return error_set(err, ERR_CONFLICT, "it changed meanwhile; %s is in %s/%s: put the two together by hand", what,
			 work->place.directory, work->temporary);
}

/* The old file came out changed: it goes back, and what anybody wrote into ours in between does not get lost. */
static enum error_code put_back(struct replacement *work, struct error *err)
{
	struct error other = ERROR_INIT;
	struct stat st;
	if (exchange(work) != 0)
		return tell_kept(work, "what was there", err);
	if (holds(work, work->temporary, work->after, &st, &other) != ERR_OK)
		return tell_kept(work, "what was written into the new file", err);
	unlinkat(work->directory_fd, work->temporary, 0);
	return err->code;
}

static enum error_code exchange_and_look(struct replacement *work, const struct stat *old, struct error *err)
{
	struct stat st;
	if (exchange(work) != 0) {
		int saved = errno;
		unlinkat(work->directory_fd, work->temporary, 0);
		if (saved == EINVAL || saved == ENOSYS)
			return error_set(err, ERR_INVALID, "the file system of %s cannot exchange two files: change it by hand, or a copy elsewhere",
					 work->path);
		return error_set_errno(err, code_of_errno(saved), saved, "cannot put %s in place", work->path);
	}
	enum error_code code = holds(work, work->temporary, work->before, &st, err);
	if (code == ERR_OK && (st.st_mode != old->st_mode || st.st_gid != old->st_gid))
		code = error_set(err, ERR_CONFLICT, "its mode or group changed meanwhile; nothing was written, run it again");
	if (code != ERR_OK)
		return put_back(work, err);
	if (unlinkat(work->directory_fd, work->temporary, 0) != 0)
		return error_set_errno(err, code_of_errno(errno), errno, "cannot remove %s, which holds what was there", work->temporary);
	return sync_fd(work->directory_fd, work->place.directory, err);
}

enum error_code file_replace(const char *path, const struct secret_buf *before, const struct secret_buf *after,
			     struct error *err)
{
	struct replacement work = { .path = path, .before = before, .after = after };
	struct stat old;
	enum error_code code = place_of(path, &work.place, err);
	if (code != ERR_OK)
		return code;
	cleanup_(fd_closep) int directory_fd = -1;
	code = open_directory(work.place.directory, &directory_fd, err);
	if (code != ERR_OK)
		return code;
	work.directory_fd = directory_fd;
	code = holds(&work, work.place.name, before, &old, err);
	if (code != ERR_OK)
		return code;
	cleanup_(fd_closep) int fd = create_temporary(directory_fd, work.temporary);
	if (fd < 0)
		return error_set_errno(err, code_of_errno(errno), errno, "cannot make a file in %s", work.place.directory);
	code = fill(fd, old.st_mode & 07777, old.st_gid, secret_buf_bytes(after), secret_buf_len(after), path, err);
	if (code == ERR_OK)
		return exchange_and_look(&work, &old, err);
	unlinkat(directory_fd, work.temporary, 0);
	return code;
}

/* -- directories ------------------------------------------------------------- */

static enum error_code check_directory(const char *path, bool private_only, struct error *err)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return error_set_errno(err, code_of_errno(errno), errno, "cannot look at %s", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ERR_INVALID, "%s is not a directory", path);
	if (st.st_uid != geteuid())
		return error_set(err, ERR_PERMISSION, "%s belongs to user %u, not to user %u; run: chown %u %s", path,
				 (unsigned)st.st_uid, (unsigned)geteuid(), (unsigned)geteuid(), path);
	if (st.st_mode & (private_only ? S_IRWXG | S_IRWXO : S_IWGRP | S_IWOTH))
		return error_set(err, ERR_PERMISSION, "%s has mode %04o, others may %s it; run: chmod %s %s", path,
				 (unsigned)(st.st_mode & 07777), private_only ? "use" : "write to",
				 private_only ? "700" : "go-w", path);
	return ERR_OK;
}

/* Makes one directory; that it is there already is fine. A new one must survive a crash as its content will. */
static enum error_code make_one(const char *path, struct error *err)
{
	if (mkdir(path, 0700) == 0)
		return directory_sync_parent(path, err);
	if (errno == EEXIST)
		return ERR_OK;
	/* An ancestor on a read-only file system, or one we may not write to, answers so although it exists. */
	int saved = errno;
	struct stat st;
	if (stat(path, &st) == 0)
		return ERR_OK;
	return error_set_errno(err, code_of_errno(saved), saved, "cannot make the directory %s", path);
}

enum error_code directory_ensure(const char *path, bool private_only, struct error *err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len == 0 || len >= sizeof(part))
		return error_set(err, ERR_INVALID, "the path of a directory must have 1 to %d bytes", PATH_MAX - 1);
	memcpy(part, path, len);
	part[len] = '\0';
	struct stat st;
	if (stat(part, &st) == 0)
		return check_directory(part, private_only, err);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		enum error_code code = make_one(part, err);
		*slash = '/';
		if (code != ERR_OK)
			return code;
	}
	enum error_code code = make_one(part, err);
	return code != ERR_OK ? code : check_directory(part, private_only, err);
}
