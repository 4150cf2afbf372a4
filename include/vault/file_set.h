/*
 * A directory of files that is replaced as a whole: one file for each variable,
 * mode 0600, in a directory of mode 0700.
 *
 * Readers see the old files or the new ones: the new ones are made in a hidden
 * directory beside it, which then changes places with the old one in one step.
 * Where the directory is a mount point and cannot be moved, the files are
 * replaced one by one and the stale ones removed; each is whole at any moment.
 * What a crash leaves is hidden (.NAME.envctl-…, or .envctl-… in a mount point)
 * and removed by the next one that writes the same directory.
 *
 * A directory is only replaced if it is empty or was written by this: it then
 * holds a file .envctl, which readers of such directories pass over as they do
 * with every name that begins with a dot.
 *
 * One thread; several processes may write the same directory, the last wins.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vault/attributes.h"
#include "vault/error.h"

struct file_set;

/* Takes away what was not committed. NULL is allowed. */
void file_set_free(struct file_set *set);

/* The parent of path must exist. ERR_INVALID: path names no directory, is a symbolic link, holds what is not ours, or is on a
 * disk while allow_disk is not set; ERR_PERMISSION, ERR_NOT_FOUND, ERR_IO. */
enum error_code file_set_begin(const char *path, bool allow_disk, struct file_set **ret, struct error *err) must_check;
/* A file that is not visible yet. name: 1 to 255 bytes (NUL-terminated), no slash, not beginning with a dot; ERR_INVALID. */
enum error_code file_set_add(struct file_set *set, const char *name, const void *bytes, size_t len,
			     struct error *err) must_check;
/* Durable when it returns (as far as the place is). */
enum error_code file_set_commit(struct file_set *set, struct error *err) must_check;

DEFINE_CLEANUP(struct file_set *, file_set_free);
