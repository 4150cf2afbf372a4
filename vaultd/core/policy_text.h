/*
 * The text of one policy, read into rules. Pure functions; docs/policies.md is
 * the language's description.
 *
 * Two forms, as in Vault: a subset of HCL,
 *
 *	path "secret/data/shop*" { capabilities = ["read", "list"] }
 *
 * and the same as JSON, {"path": {"secret/data/shop*": {"capabilities": ["read", "list"]}}}.
 *
 * A rule's pattern is the path of a request without "/v1/"; a '*' at its end
 * stands for any rest, a segment "+" for any one segment. All else must be in
 * the canonical form of a request (vault/canon_path.h): a rule that could never
 * match is refused, and so is whatever would restrict a rule in Vault and is not
 * known here (allowed_parameters, templates, …), never ignored.
 *
 * No error quotes the text: it says the line, the column (in bytes) and the rule
 * that was broken.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/text_pool.h"
#include "vault/attributes.h"
#include "vault/error.h"
#include "vault/suggestion.h"

#define POLICY_DENY 128u	/* beside the bits of enum capability; a rule with it has no other */

struct policy_rule {
	const char *pattern;	/* without the leading slash, with the '*'; in the pool, NUL-terminated */
	size_t len;
	unsigned capabilities;	/* of enum capability, or POLICY_DENY; 0: matches and gives nothing */
};

struct policy_text {
	struct policy_rule *rules;	/* in the order of the text; a pattern may be there more than once */
	size_t rules_len, rules_room;
	struct text_pool pool;
};

/* Wiped and freed; a struct of zeros is allowed. */
void policy_text_free(struct policy_text *text);

/* ERR_INVALID, ERR_TOO_LARGE (LIMIT_POLICY_TEXT, LIMIT_POLICY_RULES), ERR_NO_MEMORY. An empty text is a policy without rules. */
enum error_code policy_text_parse(const char *text, size_t len, struct policy_text *ret, struct error *err) must_check;

/* One name of a capability to its bit (POLICY_DENY for "deny"); 0 when there is no such. */
unsigned capability_of_name(const char *name, size_t len);
/* Offers all of them, deny too, for a name that is none. */
void capability_suggest(const char *name, size_t len, struct suggestion *best);
/* The i-th of all capabilities in alphabetical order, without deny: its name, NULL after the last. */
const char *capability_name(size_t i, unsigned *ret_bit);

/*
 * Names of policies have one form everywhere: white space around them is dropped, letters become small, and then
 * [a-z0-9_][a-z0-9._-]* of at most LIMIT_POLICY_NAME_LEN bytes is left. "root" is a name only when it was written exactly so:
 * another spelling is refused, and never becomes root. ERR_INVALID, which does not quote the name.
 */
struct policy_name {
	size_t len;
	char text[129];		/* LIMIT_POLICY_NAME_LEN and a NUL */
};
enum error_code policy_name_normalise(const char *name, size_t len, struct policy_name *ret, struct error *err) must_check;

static inline void policy_text_freep(struct policy_text *text)
{
	policy_text_free(text);
}
