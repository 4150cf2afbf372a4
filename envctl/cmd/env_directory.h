/*
 * Directories of the directory dialects (envdir, directory): one file for each
 * variable. Names that begin with a dot are passed over, as the readers of such
 * directories do.
 */
#pragma once

#include "vault/dialect.h"
#include "vault/env_set.h"
#include "vault/error.h"

/* Refusals and warnings are printed with the file. ERR_INVALID for a file that cannot be read as a variable. */
enum error_code env_directory_read(const struct dialect *dialect, const char *path, struct env_set *set,
				   struct error *err) must_check;

/* Replaces the directory as a whole (vault/file_set.h) with what the dialect can hold of the set. Refusals go to the notes. */
enum error_code env_directory_write(const struct dialect *dialect, const struct env_set *set, const struct dialect_options *options,
				    const char *path, bool allow_disk, struct notes *notes, struct error *err) must_check;
