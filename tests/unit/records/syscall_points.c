/* pwrite() and pwrite64() are two names here, whatever the build asks for. */
#undef _FILE_OFFSET_BITS
#include "syscall_points.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define META_END 8192

static atomic_int exit_in;
static atomic_int fault;
static atomic_int seen;	/* calls that the fault has met */

void points_exit_at(int n)
{
	atomic_store(&exit_in, n);
}

void points_fail(enum point_fault wanted)
{
	atomic_store(&seen, 0);
	atomic_store(&fault, (int)wanted);
}

static void point(void)
{
	if (atomic_load(&exit_in) > 0 && atomic_fetch_sub(&exit_in, 1) == 1)
		_exit(POINT_EXIT_CODE);
}

static bool is_file(int fd, const char *end)
{
	char link[64], path[256];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < (ssize_t)strlen(end))
		return false;
	path[len] = '\0';
	return strcmp(path + len - strlen(end), end) == 0;
}

static int failed(void)
{
	errno = EIO;
	return -1;
}

static void disarm(void)
{
	atomic_store(&fault, FAULT_NONE);
}

static ssize_t really_write(int fd, const void *bytes, size_t len, off_t offset)
{
	return syscall(SYS_pwrite64, fd, bytes, len, offset);
}

static ssize_t counted_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	int now = atomic_load(&fault);

	point();
	if (now == EXIT_AT_ANCHOR && is_file(fd, ".anchor"))
		_exit(POINT_EXIT_CODE);
	if (now == FAULT_ANCHOR && is_file(fd, ".anchor"))
		return failed();
	if (now >= FAULT_HEADER_FIRST && now <= FAULT_HEADER_THIRD && is_file(fd, "vault.hdr") &&
	    atomic_fetch_add(&seen, 1) == now - FAULT_HEADER_FIRST) {
		disarm();
		return failed();
	}
	if (now == FAULT_META_ERROR_AFTER_WRITE && offset < META_END && is_file(fd, "vault.db")) {
		if (atomic_fetch_add(&seen, 1) == 0)
			(void)really_write(fd, bytes, len, offset);
		else
			disarm();	/* LMDB tries to write the old page back */
		return failed();
	}
	return really_write(fd, bytes, len, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	return counted_pwrite(fd, bytes, len, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
	return counted_pwrite(fd, bytes, len, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	point();
	return syscall(SYS_writev, fd, parts, count);
}

int fdatasync(int fd)
{
	point();
	if (atomic_load(&fault) == FAULT_DATABASE_SYNC && is_file(fd, "vault.db")) {
		disarm();
		return failed();
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	point();
	return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
	point();
	return (int)syscall(SYS_rename, from, to);
}
