/*
 * Env files that the verbs read: `import FILE`, `convert FILE`.
 *
 * A file is read in the dialect that is named, or, for "auto", in the one
 * meaning that all readers of env files give it; where they differ, that is
 * told for each variable, without a value, and nothing is read. Directory
 * dialects read a directory.
 */
#pragma once

#include "cmd/commands.h"
#include "vault/dialect.h"
#include "vault/env_set.h"
#include "vault/error.h"

/* file "-" is standard input. dialect NULL: auto; option is what names a dialect ("dialect"), for the error. Warnings and
 * refusals are printed with their lines. */
enum error_code env_text_read(const struct dialect *dialect, const char *option, const char *file, struct env_set *set,
			      struct error *err) must_check;
