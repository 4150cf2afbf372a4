/*
 * The policies of a token: a sorted set of normalised names. Pure functions but
 * for the caller's acl.
 *
 * A name is normalised once, by policy_name_normalise(), so that nothing that
 * looks like "root" becomes it. A set that holds "root" holds nothing else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/caller.h"
#include "records/tables.h"
#include "vault/error.h"
#include "vault/limits.h"

struct policy_set {
	size_t len;
	char names[LIMIT_TOKEN_POLICIES][LIMIT_POLICY_NAME_LEN + 1];
};

/* Adds a name unless it is there. An empty one is left out. ERR_INVALID. */
enum error_code policy_set_add(struct policy_set *set, struct text_span name, struct error *err) must_check;
enum error_code policy_set_add_all(struct policy_set *set, const struct text_span *names, size_t len,
				   struct error *err) must_check;
bool policy_set_has(const struct policy_set *set, const char *name);
/* Every name of the set is in the other, or the other holds "root". */
bool policy_set_within(const struct policy_set *set, const struct policy_set *other);
/* Spans into the set; ret has room for LIMIT_TOKEN_POLICIES. */
void policy_set_spans(const struct policy_set *set, struct text_span *ret);

/* A pattern of a role's list: a name's characters and *. ERR_INVALID. */
enum error_code policy_pattern_check(const char *pattern, struct error *err) must_check;

/* What the caller holds itself: root of the vault counts as "root". */
enum error_code policy_set_of_caller(const struct caller *caller, struct policy_set *ret, struct error *err) must_check;
