/*
 * Files that hold secrets, read and written so that nobody else sees them and
 * a crash leaves the old or the new content, never half.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "vault/error.h"
#include "vault/secret_buf.h"

enum file_rules {
	FILE_ANY_MODE = 0,
	FILE_PRIVATE = 1 << 0,	/* owned by us or root, no group or other permission bits, not a symbolic link */
	FILE_REGULAR = 1 << 1,	/* refuse pipes, devices and directories */
};

/* Reads at most max bytes. path "-" is standard input when allow_stdin is set (rules then do not apply).
 * ERR_NOT_FOUND, ERR_PERMISSION (names owner or mode and how to mend it), ERR_TOO_LARGE, ERR_IO. */
enum error_code file_read_secret(const char *path, unsigned rules, bool allow_stdin, size_t max,
				 struct secret_buf **ret, struct error *err) must_check;
enum error_code file_read_fd(int fd, size_t max, const char *what, struct secret_buf **ret, struct error *err) must_check;

/* Same-directory O_EXCL|O_NOFOLLOW temporary file of the given mode, write, fsync, rename, fsync of the
 * directory. A symbolic link at path is replaced, not followed. The temporary file is gone on failure. */
enum error_code file_write_atomic(const char *path, mode_t mode, const void *bytes, size_t len,
				  struct error *err) must_check;

/* Puts `after` in the place of a regular file, no link, that belongs to us and holds `before`; mode and group stay. The two
 * files change places in one step, and then what came out is looked at: whatever anybody did to the file by its path until
 * then is seen, and put back. Who holds it open and writes later still writes into what is deleted, as with everything that
 * replaces a file.
 * ERR_CONFLICT: it holds something else, now or when it came out; it stays as others left it. What was written to ours
 * meanwhile, or cannot be put back, is kept beside it and its name told. ERR_INVALID: no regular file, or one with an access
 * list; the file system cannot exchange. ERR_PERMISSION: it is not ours. ERR_IO. */
enum error_code file_replace(const char *path, const struct secret_buf *before, const struct secret_buf *after,
			     struct error *err) must_check;

/* Whether what is open has this name. errno stays. */
bool fd_is_named(int fd, int directory_fd, const char *name);

/* Makes a directory (and its parents) of mode 0700, or checks that an existing one is owned by us and
 * has no group or other write bit (and, with private_only, no group or other bit at all). */
enum error_code directory_ensure(const char *path, bool private_only, struct error *err) must_check;

/* Writes all of it, going on after EINTR and short writes. */
enum error_code fd_write_all(int fd, const void *bytes, size_t len, struct error *err) must_check;

/* fsync of the directory that holds path. */
enum error_code directory_sync_parent(const char *path, struct error *err) must_check;

/* close() when fd >= 0; for cleanup_. */
void fd_closep(int *fd);
