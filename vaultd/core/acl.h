/*
 * What a set of policies allows, compiled once for each set and shared by all
 * callers that hold it. Immutable; any thread.
 *
 * Which rule decides about a path (docs/policies.md, as in Vault): a rule with
 * exactly this path; else, among the patterns that match it, the one
 *   1. whose first '+' or '*' comes later,
 *   2. that does not end in '*',
 *   3. with fewer "+" segments,
 *   4. that is longer,
 *   5. that is greater byte by byte.
 * Rules with the same pattern, of one policy or of several, are one: the
 * capabilities add up, and a deny among them leaves nothing else. What the
 * deciding rule does not give is denied; other rules are not asked.
 *
 * A LIST of "a/b" is judged as "a/b" and as "a/b/", because the rules of Vault's
 * users are written for both: an exact rule for either decides; a deny that
 * decides about either form denies; else the rule of higher priority.
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
/* Any capability on anything at or below the prefix ("secret/"): may the caller know of the mount at all? As in Vault, a rule
 * whose pattern names something there counts as it stands, whatever other rules take back. */
bool acl_any_below(const struct acl *acl, const char *prefix);

/* All that is given on the path; a slash at its end is allowed, and list is judged as for a LIST. Root: all bits. */
unsigned acl_capabilities(const struct acl *acl, const char *path);

/* -- why ----------------------------------------------------------------- */

struct acl_grant {
	const char *policy;
	unsigned capabilities;	/* of enum capability, or POLICY_DENY */
};

struct acl_rule {		/* all that stands here lives as long as the acl */
	const char *pattern;
	unsigned capabilities;	/* of enum capability, or POLICY_DENY (core/policy_text.h) alone */
	const struct acl_grant *grants;	/* what each policy gives by this pattern, by name */
	size_t grants_len;
};

/* The i-th rule in the order of patterns; false after the last. */
bool acl_rule_at(const struct acl *acl, size_t i, struct acl_rule *ret);

/*
 * Why one capability is given or not. nearest is looked for when it is denied: a
 * rule that shows what to change. It is the deciding rule itself when that is no
 * deny (it lacks only the capability); else, of the rules that give the
 * capability somewhere, the one whose pattern agrees with the path for the most
 * segments from the left ("+" agrees with any), then for the most bytes, then
 * the longest one.
 */
struct acl_explanation {
	bool allowed, root;
	bool has_rule, has_nearest;
	struct acl_rule rule;		/* that decides; none: nothing matches, default deny */
	struct acl_rule nearest;
};
void acl_explain(const struct acl *acl, unsigned capability, const char *path, struct acl_explanation *ret);
