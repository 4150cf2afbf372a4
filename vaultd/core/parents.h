/* The list of parents in a request and in a head. Pure functions, for core/ alone. */
#pragma once

#include <stddef.h>

#include "core/text_pool.h"
#include "records/tables.h"
#include "vault/error.h"
#include "vault/json_scan.h"
#include "vault/limits.h"

struct parent_list {
	struct text_span items[LIMIT_PARENTS];
	size_t len;
	struct text_pool texts;
};
void parent_list_wipe(struct parent_list *list);

/* A list of paths, or null for none; *ret must be zeros. ERR_INVALID: too many, no path, one twice. ERR_NO_MEMORY. */
enum error_code parent_list_read(const struct json_value *value, struct parent_list *ret, struct error *err) must_check;
