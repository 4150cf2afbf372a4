/*
 * A file that appears under its name only when it is whole: written beside its
 * place (mode 0600), synced, then given the name. What was not finished is
 * removed, also when a signal ends the process.
 *
 * One at a time in a process.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "vault/error.h"

struct new_file {
	char path[PATH_MAX], temporary[PATH_MAX]; /* temporary "": there is none */
	int fd;
	bool force;
};
#define new_file_scope cleanup_(new_file_end) struct new_file

/* force: a file or symbolic link that is there under the name may be replaced. ERR_EXISTS without it, and for what is neither. */
enum error_code new_file_begin(const char *path, bool force, struct new_file *ret, struct error *err) must_check;
enum error_code new_file_write(struct new_file *file, const void *bytes, size_t len, struct error *err) must_check;
/* ERR_EXISTS when something has come there meanwhile, and force is not set. ERR_IO also when it has its name and that could not be
 * synced; the sentence says so. */
enum error_code new_file_finish(struct new_file *file, struct error *err) must_check;
/* Removes what was not finished. */
void new_file_end(struct new_file *file);
