/*
 * `envctl check` without a daemon: a schema and an env file on this machine,
 * for a pre-commit hook or CI.
 */
#pragma once

#include "cmd/commands.h"
#include "cmd/finding_print.h"
#include "vault/attributes.h"
#include "vault/env_set.h"
#include "vault/error.h"

/* What --schema and --env-file name, with --fix before. ERR_USAGE when neither is given. */
enum error_code check_files(const struct invocation *inv, struct finding_list *list, struct error *err) must_check;

/* The variables of an env file as --dialect reads it (dotenv otherwise); its notes go to standard error. */
enum error_code check_decode_file(const struct invocation *inv, const char *file, struct env_set *set,
				  struct error *err) must_check;

/* A file's name as findings have it: "standard input" for -. */
const char *check_shown_file(const char *file);
