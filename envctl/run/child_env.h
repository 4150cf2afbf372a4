/*
 * The environment of the program that `run` starts.
 *
 * Built of two sources: what envctl itself was started with, and the variables
 * of the vault, which win. Exceptions, in this order:
 *
 *   - VAULT_TOKEN of our own environment is never passed on
 *   - names in preserve keep the inherited value; the vault's is left out
 *   - pristine: of the inherited variables only PATH and those in preserve stay
 *   - names outside the filter are left out silently (the caller asked for it)
 *   - names that are not [A-Za-z_][A-Za-z0-9_]* and values that are no text,
 *     number or boolean are left out with a warning each
 *   - names that could load code into any program (LD_PRELOAD, BASH_ENV, ...)
 *     are errors, names that could into some are warnings, unless the
 *     environment's settings allow them
 *   - a NUL in a value and NAME=VALUE over 131,071 bytes are errors
 *
 * All errors are found before any is reported, by name, in the notes. Values
 * live in one secret_buf; inherited strings are pointed to, not copied.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vault/dialect.h"
#include "vault/error.h"
#include "vault/json_scan.h"
#include "vault/name_filter.h"

struct child_env_options {
	struct name_filter filter;
	bool pristine;
	const char *preserve;	/* comma-separated names, or NULL */
	char *const *inherited; /* NULL-terminated, stays where it is while the result lives */
	char *const *arguments; /* of the program: they share the kernel's limit */
	size_t max_bytes;	/* of arguments and environment together (ARG_MAX) */
};

struct child_env;

void child_env_free(struct child_env *env);

/* variables: object, name to value; allowed: array of names, or NULL. ERR_UNREPRESENTABLE when there are errors in the
 * notes; ERR_TOO_LARGE when all together is too much for one program: names the largest variable. */
enum error_code child_env_build(const struct json_value *variables, const struct json_value *allowed,
				const struct child_env_options *options, struct child_env **ret, struct notes *notes,
				struct error *err) must_check;

/* NULL-terminated, for execve(). Belongs to env. */
char **child_env_pointers(const struct child_env *env);
size_t child_env_from_vault(const struct child_env *env); /* how many of them are the vault's */

DEFINE_CLEANUP(struct child_env *, child_env_free);
