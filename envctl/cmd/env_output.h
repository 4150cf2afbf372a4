/*
 * Where `render` and `convert` put a set of variables: a text on standard
 * output or in a file, a directory of files, or at the end of GITHUB_ENV.
 *
 * All or nothing: what the dialect cannot hold is refused before anything is
 * written, all such variables at once with the dialects that could, or left out
 * by name with --skip-unrepresentable.
 */
#pragma once

#include <stdbool.h>

#include "cmd/commands.h"
#include "vault/dialect.h"
#include "vault/env_set.h"
#include "vault/error.h"

struct env_output {
	const struct dialect *dialect;
	struct dialect_options options;
	const char *place;		/* --output; NULL: standard output */
	bool allow_disk;
	const struct dialect *print_files;	/* NULL: not asked for */
};

/* From the options of both verbs; `format` is the one that names the dialect. ERR_USAGE for what does not go together. */
enum error_code env_output_read(const struct invocation *inv, enum option_id format, const char *format_name,
				struct env_output *ret, struct error *err) must_check;

/* notes hold what was refused before (and their errors count); they are printed here. */
enum error_code env_output_write(const struct invocation *inv, struct env_output *output, const struct env_set *set,
				 struct notes *notes, struct error *err) must_check;
