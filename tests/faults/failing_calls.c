/*
 * Makes calls that change files fail, in a program that was started with LD_PRELOAD; fault_control.h says how it is told.
 *
 * Calls count on regular files and directories, but not on standard output and error. Descriptors of sockets and pipes are
 * left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fault_control.h"

static struct fault_control *control;

__attribute__((constructor)) static void begin(void)
{
	control = fault_control_map();
}

static bool is_file(int fd)
{
	const int before = errno;
	struct stat info;
	const bool is = fd > 2 && fstat(fd, &info) == 0 && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode));

	errno = before;
	return is;
}

static long fail(void)
{
	errno = (int)atomic_load(&control->error);
	return -1;
}

/*
 * The verdict on a call that answers 0 or -1: true when it is to be made. Otherwise *ret is its result. After a call that is made,
 * replaced() says what becomes of its result.
 */
static bool is_made(bool strikes, long *ret)
{
	const uint32_t kind = strikes ? atomic_load(&control->kind) : FAULT_OFF;

	if (kind == FAULT_BEFORE)
		*ret = fail();
	if (kind == FAULT_DROPPED)
		*ret = 0;
	return kind != FAULT_BEFORE && kind != FAULT_DROPPED;
}

static long replaced(bool strikes, long result)
{
	return strikes && result >= 0 && atomic_load(&control->kind) == FAULT_AFTER ? fail() : result;
}

/* -- writes --------------------------------------------------------------------------------------- */

static size_t total(const struct iovec *parts, int count)
{
	size_t len = 0;

	for (int i = 0; i < count; i++)
		len += parts[i].iov_len;
	return len;
}

static long plain_write(int fd, const struct iovec *parts, int count, off_t offset)
{
	return offset < 0 ? syscall(SYS_writev, fd, parts, count) : syscall(SYS_pwritev, fd, parts, count, offset, 0L);
}

/* Half of a vector is its first half, or half of its only part; one byte is never cut. */
static long short_write(int fd, const struct iovec *parts, int count, off_t offset)
{
	const struct iovec half = { parts[0].iov_base, (parts[0].iov_len + 1) / 2 };

	return count == 1 ? plain_write(fd, &half, 1, offset) : plain_write(fd, parts, count / 2, offset);
}

/* offset -1: where the descriptor stands. */
static ssize_t failing_write(int fd, const struct iovec *parts, int count, off_t offset)
{
	const bool strikes = is_file(fd) && fault_strikes(control, FAULT_WRITE);
	long result;

	if (!is_made(strikes, &result)) {
		if (result == 0 && offset < 0)
			(void)lseek(fd, (off_t)total(parts, count), SEEK_CUR);
		return result == 0 ? (ssize_t)total(parts, count) : result;
	}
	if (strikes && atomic_load(&control->kind) == FAULT_SHORT)
		return short_write(fd, parts, count, offset);
	return replaced(strikes, plain_write(fd, parts, count, offset));
}

/* -- the others ------------------------------------------------------------------------------------- */

/* A system call that answers 0 or -1. */
static int failing_call(enum fault_class class, bool is_counted, long number, long a, long b, long c, long d, long e)
{
	const bool strikes = is_counted && fault_strikes(control, class);
	long result;

	return (int)(is_made(strikes, &result) ? replaced(strikes, syscall(number, a, b, c, d, e)) : result);
}

static int failing_open(int directory, const char *path, int flags, mode_t mode)
{
	const bool strikes = (flags & O_CREAT) && fault_strikes(control, FAULT_CREATE);
	long result;

	if (!is_made(strikes, &result))
		return (int)fail();	/* a descriptor cannot be made up */
	result = syscall(SYS_openat, directory, path, flags, mode);
	if (strikes && result >= 0 && atomic_load(&control->kind) == FAULT_AFTER) {
		close((int)result);
		return (int)fail();
	}
	return (int)result;
}

/* -- the names under which others call them --------------------------------------------------------- */

/* With 64-bit offsets the headers rename some functions, so their names are given by hand, at the end. */
#define taken static __attribute__((used))

taken int taken_open(const char *path, int flags, ...)
{
	va_list arguments;

	va_start(arguments, flags);
	const mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return failing_open(AT_FDCWD, path, flags, mode);
}

taken int taken_openat(int directory, const char *path, int flags, ...)
{
	va_list arguments;

	va_start(arguments, flags);
	const mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return failing_open(directory, path, flags, mode);
}

taken ssize_t taken_write(int fd, const void *bytes, size_t len)
{
	const struct iovec part = { (void *)(uintptr_t)bytes, len };

	return is_file(fd) ? failing_write(fd, &part, 1, -1) : syscall(SYS_write, fd, bytes, len);
}

taken ssize_t taken_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	const struct iovec part = { (void *)(uintptr_t)bytes, len };

	return failing_write(fd, &part, 1, offset);
}

taken ssize_t taken_writev(int fd, const struct iovec *parts, int count)
{
	return failing_write(fd, parts, count, -1);
}

taken ssize_t taken_pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
	return failing_write(fd, parts, count, offset);
}

taken int taken_fsync(int fd)
{
	return failing_call(FAULT_SYNC, is_file(fd), SYS_fsync, fd, 0, 0, 0, 0);
}

taken int taken_fdatasync(int fd)
{
	return failing_call(FAULT_SYNC, is_file(fd), SYS_fdatasync, fd, 0, 0, 0, 0);
}

taken int taken_ftruncate(int fd, off_t len)
{
	return failing_call(FAULT_SIZE, is_file(fd), SYS_ftruncate, fd, len, 0, 0, 0);
}

taken int taken_fallocate(int fd, int mode, off_t offset, off_t len)
{
	return failing_call(FAULT_SIZE, is_file(fd), SYS_fallocate, fd, mode, offset, len, 0);
}

taken int taken_posix_fallocate(int fd, off_t offset, off_t len)
{
	return taken_fallocate(fd, 0, offset, len) == 0 ? 0 : errno;
}

taken int taken_renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags)
{
	return failing_call(FAULT_RENAME, true, SYS_renameat2, from_directory, (long)from, to_directory, (long)to, (long)flags);
}

taken int taken_renameat(int from_directory, const char *from, int to_directory, const char *to)
{
	return taken_renameat2(from_directory, from, to_directory, to, 0);
}

taken int taken_rename(const char *from, const char *to)
{
	return taken_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* The C library opens its file without calling open(). */
taken int taken_mkstemp(char *path)
{
	const bool strikes = fault_strikes(control, FAULT_CREATE);
	int (*next)(char *);
	void *found = dlsym(RTLD_NEXT, "mkstemp");
	long result;
	int fd;

	if (!is_made(strikes, &result) || !found)
		return (int)fail();
	memcpy(&next, &found, sizeof(next));
	fd = next(path);
	if (fd < 0 || replaced(strikes, fd) >= 0)
		return fd;
	close(fd);
	return (int)fail();
}

taken int taken_unlinkat(int directory, const char *path, int flags)
{
	return failing_call(FAULT_UNLINK, true, SYS_unlinkat, directory, (long)path, flags, 0, 0);
}

taken int taken_unlink(const char *path)
{
	return taken_unlinkat(AT_FDCWD, path, 0);
}

taken int taken_rmdir(const char *path)
{
	return taken_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

taken int taken_mkdirat(int directory, const char *path, mode_t mode)
{
	return failing_call(FAULT_CREATE, true, SYS_mkdirat, directory, (long)path, (long)mode, 0, 0);
}

taken int taken_mkdir(const char *path, mode_t mode)
{
	return taken_mkdirat(AT_FDCWD, path, mode);
}

#define TAKE_NAME(function, name) \
	extern __typeof__(function) name_##name __asm__(#name) __attribute__((alias(#function), visibility("default")))

TAKE_NAME(taken_open, open);
TAKE_NAME(taken_open, open64);
TAKE_NAME(taken_openat, openat);
TAKE_NAME(taken_openat, openat64);
TAKE_NAME(taken_write, write);
TAKE_NAME(taken_pwrite, pwrite);
TAKE_NAME(taken_pwrite, pwrite64);
TAKE_NAME(taken_writev, writev);
TAKE_NAME(taken_pwritev, pwritev);
TAKE_NAME(taken_pwritev, pwritev64);
TAKE_NAME(taken_fsync, fsync);
TAKE_NAME(taken_fdatasync, fdatasync);
TAKE_NAME(taken_ftruncate, ftruncate);
TAKE_NAME(taken_ftruncate, ftruncate64);
TAKE_NAME(taken_fallocate, fallocate);
TAKE_NAME(taken_fallocate, fallocate64);
TAKE_NAME(taken_posix_fallocate, posix_fallocate);
TAKE_NAME(taken_posix_fallocate, posix_fallocate64);
TAKE_NAME(taken_rename, rename);
TAKE_NAME(taken_renameat, renameat);
TAKE_NAME(taken_renameat2, renameat2);
TAKE_NAME(taken_mkstemp, mkstemp);
TAKE_NAME(taken_mkstemp, mkstemp64);
TAKE_NAME(taken_unlink, unlink);
TAKE_NAME(taken_unlinkat, unlinkat);
TAKE_NAME(taken_rmdir, rmdir);
TAKE_NAME(taken_mkdir, mkdir);
TAKE_NAME(taken_mkdirat, mkdirat);
