/*
 * Records what a daemon does to its files: loaded with LD_PRELOAD, appends to the file that RECORD_TRACE names (see trace.h).
 *
 * Only regular files and directories on the trace's own file system are recorded. What goes around the C library's names (stdio,
 * memory maps that are written) is not: the story compares what it recorded with what is there in the end.
 *
 * One lock is held from before each call until its entry is written, so that the entries stand in the order in which the calls
 * took effect. The trace is opened at the first call that is recorded and again whenever its descriptor was closed, as a daemon
 * does with all that it inherits; after that it stays open, so a sandbox that is closed later does not matter.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "trace.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int trace_fd = -1;
static dev_t trace_device;
static ino_t trace_inode;

/* A trace with a hole would prove nothing. */
static void give_up(const char *why)
{
	static const char end[] = "\n";

	(void)!syscall(SYS_write, 2, why, strlen(why));
	(void)!syscall(SYS_write, 2, end, sizeof(end) - 1);
	abort();
}

static bool is_open(void)
{
	struct stat now;

	return trace_fd >= 0 && fstat(trace_fd, &now) == 0 && now.st_dev == trace_device && now.st_ino == trace_inode;
}

/* The lock is held. False when nothing is to be recorded. */
static bool open_trace(void)
{
	const char *path = getenv("RECORD_TRACE");
	struct stat info;

	if (!path)
		return false;
	if (is_open())
		return true;
	trace_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
	if (trace_fd < 0 || fstat(trace_fd, &info) != 0)
		give_up("record: the trace cannot be opened");
	trace_device = info.st_dev;
	trace_inode = info.st_ino;
	return true;
}

static void append(struct trace_entry entry, const struct iovec *bytes, int count)
{
	struct iovec parts[1 + 1024];
	size_t all = sizeof(entry);

	if (count > 1024)
		give_up("record: too many parts in one write");
	entry.magic = TRACE_MAGIC;
	parts[0] = (struct iovec){ &entry, sizeof(entry) };
	for (int i = 0; i < count; i++) {
		parts[i + 1] = bytes[i];
		all += bytes[i].iov_len;
	}
	entry.len = (uint32_t)(all - sizeof(entry));
	if (syscall(SYS_writev, trace_fd, parts, count + 1) != (long)all)
		give_up("record: the trace cannot be written");
}

/* -- which file it is ------------------------------------------------------------------------------ */

static bool is_recorded(const struct stat *info)
{
	return info->st_dev == trace_device && info->st_ino != trace_inode && (S_ISREG(info->st_mode) || S_ISDIR(info->st_mode));
}

static bool identify(int fd, uint64_t *ret)
{
	struct stat info;

	if (fstat(fd, &info) != 0 || !is_recorded(&info))
		return false;
	*ret = info.st_ino;
	return true;
}

/* The directory that holds what a path names, and its name there. */
static bool identify_place(int directory, const char *path, uint64_t *ret_parent, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char parent[4096];
	struct stat info;

	*ret_name = slash ? slash + 1 : path;
	if (!slash)
		snprintf(parent, sizeof(parent), ".");
	else
		snprintf(parent, sizeof(parent), "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (fstatat(directory, parent, &info, 0) != 0 || !is_recorded(&info))
		return false;
	*ret_parent = info.st_ino;
	return true;
}

static void append_name(enum trace_kind kind, uint64_t inode, uint64_t other, const char *name)
{
	const struct iovec bytes = { (void *)(uintptr_t)name, strlen(name) };

	append((struct trace_entry){ .kind = kind, .inode = inode, .other = other }, &bytes, 1);
}

static void append_plain(enum trace_kind kind, int fd, off_t offset)
{
	uint64_t inode;

	if (identify(fd, &inode))
		append((struct trace_entry){ .kind = kind, .inode = inode, .offset = (uint64_t)offset }, NULL, 0);
}

/* -- calls ----------------------------------------------------------------------------------------- */

/* A scope in which a call is made and recorded; errno is the call's own when it ends. */
struct recording {
	bool on;
	int error;
};

static struct recording begin(void)
{
	struct recording recording = { .error = errno };

	pthread_mutex_lock(&lock);
	recording.on = open_trace();
	errno = recording.error;
	return recording;
}

static void end(struct recording *recording)
{
	pthread_mutex_unlock(&lock);
	errno = recording->error;
}

/* Remembers errno of the call that was made; true when it is to be recorded. */
static bool made(struct recording *recording, bool done)
{
	recording->error = errno;
	return recording->on && done;
}

static int record_open(int directory, const char *path, int flags, mode_t mode)
{
	struct recording recording = begin();
	uint64_t inode, parent;
	struct stat before;
	const char *name;
	const bool was_there = fstatat(directory, path, &before, AT_SYMLINK_NOFOLLOW) == 0;
	const int fd = (int)syscall(SYS_openat, directory, path, flags, mode);

	if (made(&recording, fd >= 0) && (flags & (O_CREAT | O_TRUNC)) && !(flags & O_DIRECTORY) && identify(fd, &inode)) {
		if (!was_there && identify_place(directory, path, &parent, &name))
			append_name(TRACE_CREATE, inode, parent, name);
		else if (was_there && (flags & O_TRUNC))
			append_plain(TRACE_TRUNCATE, fd, 0);
	}
	end(&recording);
	return fd;
}

static void append_write(int fd, const struct iovec *bytes, int count, size_t written, off_t offset)
{
	struct iovec parts[1024];
	const int flags = (int)syscall(SYS_fcntl, fd, F_GETFL);
	uint64_t inode;
	int used = 0;

	if (written == 0 || !identify(fd, &inode))
		return;
	for (; used < count && used < 1024 && written > 0; used++) {
		const size_t part = bytes[used].iov_len < written ? bytes[used].iov_len : written;

		parts[used] = (struct iovec){ bytes[used].iov_base, part };
		written -= part;
	}
	append((struct trace_entry){ .kind = TRACE_WRITE, .flags = flags & O_DSYNC ? TRACE_SYNCED : 0, .inode = inode,
				     .offset = (uint64_t)offset }, parts, used);
}

static ssize_t plain_write(int fd, const struct iovec *parts, int count, off_t offset)
{
	return offset < 0 ? syscall(SYS_writev, fd, parts, count) : syscall(SYS_pwritev, fd, parts, count, offset, 0L);
}

/* offset -1: where the descriptor stands. What is no file may wait for somebody, so it must not hold the lock. */
static ssize_t record_write(int fd, const struct iovec *parts, int count, off_t offset)
{
	const int before = errno;
	struct stat info;

	if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
		errno = before;
		return plain_write(fd, parts, count, offset);
	}
	struct recording recording = begin();
	const ssize_t n = plain_write(fd, parts, count, offset);

	if (made(&recording, n > 0))
		append_write(fd, parts, count, (size_t)n, offset < 0 ? lseek(fd, 0, SEEK_CUR) - n : offset);
	end(&recording);
	return n;
}

static int record_size(int fd, long call, off_t offset, off_t len, int mode)
{
	struct recording recording = begin();
	const int rc = (int)(call == SYS_ftruncate ? syscall(call, fd, len) : syscall(call, fd, mode, offset, len));

	if (made(&recording, rc == 0)) {
		if (mode != 0)
			give_up("record: fallocate with a mode is not known");
		append_plain(call == SYS_ftruncate ? TRACE_TRUNCATE : TRACE_ALLOCATE, fd, offset + len);
	}
	end(&recording);
	return rc;
}

static int record_sync(int fd, long call)
{
	struct recording recording = begin();
	const int rc = (int)syscall(call, fd);

	if (made(&recording, rc == 0))
		append_plain(TRACE_SYNC, fd, 0);
	end(&recording);
	return rc;
}

static int record_rename(int from_directory, const char *from, int to_directory, const char *to, unsigned flags)
{
	struct recording recording = begin();
	const char *old_name, *new_name;
	uint64_t old_parent, new_parent;
	const int rc = (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);

	if (made(&recording, rc == 0) && identify_place(from_directory, from, &old_parent, &old_name) &&
	    identify_place(to_directory, to, &new_parent, &new_name)) {
		const struct iovec names[2] = { { (void *)(uintptr_t)old_name, strlen(old_name) + 1 },
						{ (void *)(uintptr_t)new_name, strlen(new_name) } };

		if (flags & ~1u)	/* RENAME_NOREPLACE changes nothing about what happened */
			give_up("record: renameat2 with a flag is not known");
		append((struct trace_entry){ .kind = TRACE_RENAME, .inode = old_parent, .other = new_parent }, names, 2);
	}
	end(&recording);
	return rc;
}

static int record_unlink(int directory, const char *path, int flags)
{
	struct recording recording = begin();
	uint64_t parent;
	const char *name;
	const int rc = (int)syscall(SYS_unlinkat, directory, path, flags);

	if (made(&recording, rc == 0) && identify_place(directory, path, &parent, &name))
		append_name(TRACE_UNLINK, parent, 0, name);
	end(&recording);
	return rc;
}

/* A new name: a directory's, or one more of a file. */
static void append_new_name(enum trace_kind kind, int directory, const char *path)
{
	struct stat info;
	uint64_t parent;
	const char *name;

	if (fstatat(directory, path, &info, AT_SYMLINK_NOFOLLOW) == 0 && is_recorded(&info) &&
	    identify_place(directory, path, &parent, &name))
		append_name(kind, info.st_ino, parent, name);
}

static int record_mkdir(int directory, const char *path, mode_t mode)
{
	struct recording recording = begin();
	const int rc = (int)syscall(SYS_mkdirat, directory, path, mode);

	if (made(&recording, rc == 0))
		append_new_name(TRACE_MKDIR, directory, path);
	end(&recording);
	return rc;
}

static int record_link(int from_directory, const char *from, int to_directory, const char *to, int flags)
{
	struct recording recording = begin();
	const int rc = (int)syscall(SYS_linkat, from_directory, from, to_directory, to, flags);

	if (made(&recording, rc == 0))
		append_new_name(TRACE_LINK, to_directory, to);
	end(&recording);
	return rc;
}

/* -- the names under which others call them -------------------------------------------------------- */

/* With 64-bit offsets the headers rename some functions, so their names are given by hand, at the end. */
#define taken static __attribute__((used))

static mode_t mode_of(int flags, va_list arguments)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
}

taken int taken_open(const char *path, int flags, ...)
{
	va_list arguments;

	va_start(arguments, flags);
	const mode_t mode = mode_of(flags, arguments);
	va_end(arguments);
	return record_open(AT_FDCWD, path, flags, mode);
}

taken int taken_openat(int directory, const char *path, int flags, ...)
{
	va_list arguments;

	va_start(arguments, flags);
	const mode_t mode = mode_of(flags, arguments);
	va_end(arguments);
	return record_open(directory, path, flags, mode);
}

taken int taken_creat(const char *path, mode_t mode)
{
	return record_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

/* The C library's own opens the file by a way that is not taken. */
taken int taken_mkstemp(char *template)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
	char *end = template + strlen(template) - 6;
	unsigned char random[6];
	int fd;

	do {
		if (syscall(SYS_getrandom, random, sizeof(random), 0) != (long)sizeof(random))
			give_up("record: no random bytes");
		for (size_t i = 0; i < sizeof(random); i++)
			end[i] = letters[random[i] % 32];
		fd = record_open(AT_FDCWD, template, O_RDWR | O_CREAT | O_EXCL, 0600);
	} while (fd < 0 && errno == EEXIST);
	return fd;
}

taken ssize_t taken_write(int fd, const void *bytes, size_t len)
{
	const struct iovec part = { (void *)(uintptr_t)bytes, len };

	return record_write(fd, &part, 1, -1);
}

taken ssize_t taken_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	const struct iovec part = { (void *)(uintptr_t)bytes, len };

	return record_write(fd, &part, 1, offset);
}

taken ssize_t taken_writev(int fd, const struct iovec *parts, int count)
{
	return record_write(fd, parts, count, -1);
}

taken ssize_t taken_pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
	return record_write(fd, parts, count, offset);
}

taken int taken_ftruncate(int fd, off_t len)
{
	return record_size(fd, SYS_ftruncate, 0, len, 0);
}

taken int taken_fallocate(int fd, int mode, off_t offset, off_t len)
{
	return record_size(fd, SYS_fallocate, offset, len, mode);
}

taken int taken_posix_fallocate(int fd, off_t offset, off_t len)
{
	return record_size(fd, SYS_fallocate, offset, len, 0) == 0 ? 0 : errno;
}

taken int taken_fsync(int fd)
{
	return record_sync(fd, SYS_fsync);
}

taken int taken_fdatasync(int fd)
{
	return record_sync(fd, SYS_fdatasync);
}

taken int taken_rename(const char *from, const char *to)
{
	return record_rename(AT_FDCWD, from, AT_FDCWD, to, 0);
}

taken int taken_renameat(int from_directory, const char *from, int to_directory, const char *to)
{
	return record_rename(from_directory, from, to_directory, to, 0);
}

taken int taken_renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags)
{
	return record_rename(from_directory, from, to_directory, to, flags);
}

taken int taken_unlink(const char *path)
{
	return record_unlink(AT_FDCWD, path, 0);
}

taken int taken_unlinkat(int directory, const char *path, int flags)
{
	return record_unlink(directory, path, flags);
}

taken int taken_rmdir(const char *path)
{
	return record_unlink(AT_FDCWD, path, AT_REMOVEDIR);
}

taken int taken_mkdir(const char *path, mode_t mode)
{
	return record_mkdir(AT_FDCWD, path, mode);
}

taken int taken_mkdirat(int directory, const char *path, mode_t mode)
{
	return record_mkdir(directory, path, mode);
}

taken int taken_link(const char *from, const char *to)
{
	return record_link(AT_FDCWD, from, AT_FDCWD, to, 0);
}

taken int taken_linkat(int from_directory, const char *from, int to_directory, const char *to, int flags)
{
	return record_link(from_directory, from, to_directory, to, flags);
}

#define TAKE_NAME(function, name) \
	extern __typeof__(function) name_##name __asm__(#name) __attribute__((alias(#function), visibility("default")))

TAKE_NAME(taken_open, open);
TAKE_NAME(taken_open, open64);
TAKE_NAME(taken_open, __open_2);
TAKE_NAME(taken_open, __open64_2);
TAKE_NAME(taken_openat, openat);
TAKE_NAME(taken_openat, openat64);
TAKE_NAME(taken_openat, __openat_2);
TAKE_NAME(taken_openat, __openat64_2);
TAKE_NAME(taken_creat, creat);
TAKE_NAME(taken_creat, creat64);
TAKE_NAME(taken_mkstemp, mkstemp);
TAKE_NAME(taken_mkstemp, mkstemp64);
TAKE_NAME(taken_write, write);
TAKE_NAME(taken_pwrite, pwrite);
TAKE_NAME(taken_pwrite, pwrite64);
TAKE_NAME(taken_writev, writev);
TAKE_NAME(taken_pwritev, pwritev);
TAKE_NAME(taken_pwritev, pwritev64);
TAKE_NAME(taken_ftruncate, ftruncate);
TAKE_NAME(taken_ftruncate, ftruncate64);
TAKE_NAME(taken_fallocate, fallocate);
TAKE_NAME(taken_fallocate, fallocate64);
TAKE_NAME(taken_posix_fallocate, posix_fallocate);
TAKE_NAME(taken_posix_fallocate, posix_fallocate64);
TAKE_NAME(taken_fsync, fsync);
TAKE_NAME(taken_fdatasync, fdatasync);
TAKE_NAME(taken_rename, rename);
TAKE_NAME(taken_renameat, renameat);
TAKE_NAME(taken_renameat2, renameat2);
TAKE_NAME(taken_unlink, unlink);
TAKE_NAME(taken_unlinkat, unlinkat);
TAKE_NAME(taken_rmdir, rmdir);
TAKE_NAME(taken_mkdir, mkdir);
TAKE_NAME(taken_mkdirat, mkdirat);
TAKE_NAME(taken_link, link);
TAKE_NAME(taken_linkat, linkat);
