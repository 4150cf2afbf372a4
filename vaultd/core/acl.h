/*
 * What a set of policies allows, compiled once for each set and shared by all
 * callers that hold it. Immutable; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vault/attributes.h"

struct acl;
void acl_unref(struct acl *acl);	/* the last one wipes and frees it; NULL is allowed */
struct acl *acl_ref(struct acl *acl) must_check;

/* The set holds the policy "root": everything is allowed. */
bool acl_is_root(const struct acl *acl);
/* The names of the set, sorted, as they stand in the token; they live as long as the acl. */
const char *const *acl_policies(const struct acl *acl, size_t *ret_len);
/* All of the capabilities (bits of enum capability) are given on the path, which is the API path without "/v1/". */
bool acl_allows(const struct acl *acl, unsigned capability, const char *path);
/* Any capability on anything at or below the prefix ("secret/"): may the caller know of the mount at all? */
bool acl_any_below(const struct acl *acl, const char *prefix);
