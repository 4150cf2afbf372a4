/*
 * Variables that are JSON values, as a program sees them: a string is its text,
 * a number or a boolean is what is written. null, lists and objects are no text:
 * they are noted, so that a dialect's own refusals can be told with them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vault/dialect.h"
#include "vault/env_set.h"
#include "vault/error.h"
#include "vault/json_scan.h"
#include "vault/secret_buf.h"

/* Puts the variable into the set, or notes that it is no text: an error, or with skip a warning; ERR_OK for both. work is
 * scratch. */
enum error_code env_json_put(struct env_set *set, const char *name, size_t name_len, const struct json_value *value, bool skip,
			     struct secret_buf *work, struct notes *notes, struct error *err) must_check;
