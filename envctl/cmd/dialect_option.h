/*
 * The dialect that an option names, or an error that lists all that the verb takes.
 */
#pragma once

#include "cmd/commands.h"
#include "vault/dialect.h"
#include "vault/error.h"

/* What stands for no dialect (NULL) but for what all readers make of a file. */
#define DIALECT_AUTO "auto"

/* otherwise: the name that counts when the option is not given; NULL: it must be given. DIALECT_AUTO there allows auto. */
enum error_code dialect_of_option(const struct invocation *inv, enum option_id id, const char *option,
				  const char *otherwise, const struct dialect **ret, struct error *err) must_check;

/* Whether `edit` takes it: a text with comments, where it can say what it is about. */
bool dialect_can_be_edited(const struct dialect *dialect);
