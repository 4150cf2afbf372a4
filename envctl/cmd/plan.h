/*
 * What a change will do to an environment, by names: added, changed, removed,
 * unchanged. `edit`, `copy` and `import` make a plan, show it, and write the
 * whole new environment with the revision that the plan was made for.
 *
 * Variables are kept as JSON texts in one spelling each, so that values of all
 * kinds are compared and copied exactly.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/vault_client.h"
#include "vault/env_set.h"
#include "vault/error.h"
#include "vault/name_filter.h"
#include "vault/secret_buf.h"

#define PLAN_SET_MAX (16u * 1024 * 1024)

/* Adds an object's members that the filter (or NULL) takes. */
enum error_code plan_add_object(struct env_set *set, const struct json_value *object, const struct name_filter *filter,
				struct error *err) must_check;
/* Adds texts as JSON strings. ERR_INVALID names a variable whose value is not UTF-8. */
enum error_code plan_add_texts(struct env_set *set, const struct env_set *texts, struct error *err) must_check;

struct plan {
	size_t added, changed, removed, unchanged;
	struct secret_buf *lines; /* "+NAME\0~NAME\0-NAME\0", in that order of the sets */
	struct secret_buf *data;  /* the environment afterwards, a JSON object */
};
void plan_free(struct plan *plan);
/* remove_others: variables of base that are not in wanted go; else they stay. */
enum error_code plan_make(const struct env_set *base, const struct env_set *wanted, bool remove_others,
			  struct plan *ret, struct error *err) must_check;
static inline bool plan_is_empty(const struct plan *plan)
{
	return plan->added + plan->changed + plan->removed == 0;
}

/* For people: a line for each name that changes, and a count. */
void plan_print(const struct plan *plan, struct secret_buf *out);
/* Members "added", "changed", "removed": lists of names, and "unchanged": a number; without braces. */
void plan_emit(const struct plan *plan, struct secret_buf *out);
