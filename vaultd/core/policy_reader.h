/*
 * What both forms of a policy's text have in common: where a fault is, which
 * members a rule may have, and collecting rules. For policy_text.c,
 * policy_hcl.c and policy_json.c alone.
 */
#pragma once

#include <stddef.h>

#include "core/policy_text.h"
#include "vault/error.h"

struct policy_source {
	const char *text;
	size_t len;
	struct policy_text *ret;
	struct error *err;	/* of the whole reading; set once */
};

/* ERR_INVALID with line and column of the place, which lies in the text (its end is allowed). */
enum error_code policy_fault_at(const struct policy_source *source, const char *place, const char *fault);

/* What stands between the braces of a path. */
struct policy_block {
	bool has_capabilities, has_policy, has_comment;
	unsigned capabilities;
};
enum policy_member { MEMBER_CAPABILITIES, MEMBER_POLICY, MEMBER_COMMENT, MEMBER_REFUSED };
/* Which member this is; refused ones get their error. Each may be there once. */
enum policy_member policy_member_of(const struct policy_source *source, const char *place, const char *name, size_t len,
				    struct policy_block *block);
/* One capability of the list, or the word of the old form policy = "...". */
enum error_code policy_add_capability(const struct policy_source *source, const char *place, const char *name, size_t len,
				      struct policy_block *block);
enum error_code policy_add_old_word(const struct policy_source *source, const char *place, const char *word, size_t len,
				    struct policy_block *block);
/* The rule is complete; pattern as it stands in the text. */
enum error_code policy_add_rule(const struct policy_source *source, const char *place, const char *pattern, size_t len,
				const struct policy_block *block);

enum error_code policy_read_hcl(struct policy_source *source);
enum error_code policy_read_json(struct policy_source *source);
