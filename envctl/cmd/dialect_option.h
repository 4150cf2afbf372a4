/*
 * The dialect that an option names, or an error that lists all of them.
 */
#pragma once

#include "cmd/commands.h"
#include "vault/dialect.h"
#include "vault/error.h"

/* otherwise: the name that counts when the option is not given; NULL: it must be given. */
enum error_code dialect_of_option(const struct invocation *inv, enum option_id id, const char *option,
				  const char *otherwise, const struct dialect **ret, struct error *err) must_check;
