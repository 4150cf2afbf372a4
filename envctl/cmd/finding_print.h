/*
 * Findings for people, for programs and for GitHub's annotations.
 */
#pragma once

#include "cmd/commands.h"
#include "cmd/finding_list.h"
#include "vault/attributes.h"
#include "vault/error.h"
#include "vault/names.h"
#include "vault/secret_buf.h"

enum finding_format { FINDING_HUMAN, FINDING_JSON, FINDING_GITHUB };
/* --format, or --json. */
enum error_code finding_format_of(const struct invocation *inv, enum finding_format *ret, struct error *err) must_check;

/*
 * Human and GitHub's forms: a line each, but one for all names of a file that are not in order. For people each hint stands once,
 * after the findings. JSON: one object with valid, errors, warnings, omitted, findings: all of them, each with its hint.
 */
void finding_list_print(const struct finding_list *list, enum finding_format format, struct secret_buf *out);

/*
 * What an enforced schema refuses, on standard error: "envctl: ENV: PORT: is no port (line 3 of the schema): what to do", a line for each
 * error; more than 100 are counted. before: stands behind ENV. What others have as well is left out: a write does not ask for it.
 * With --json as finding_list_tell(), all of them. Returns the number of errors.
 */
size_t finding_list_warn(struct finding_list *list, const struct env_path *env, const char *before);
/* For --json: a message {"check":{"environment":…, "message":…, and what JSON's form of finding_list_print() has}}. message may be
 * empty: it is left out then. Sorts the list and names the environment in its hints. */
void finding_list_tell(struct finding_list *list, const struct env_path *env, const char *message);
