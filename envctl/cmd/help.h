/*
 * Help texts, made from the table of verbs. At most 80 columns.
 */
#pragma once

#include "cmd/commands.h"
#include "vault/secret_buf.h"

/* command NULL: the overview, or with group ("env") the verbs of that group. */
void help_append(const struct command *command, const char *group, struct secret_buf *out);
