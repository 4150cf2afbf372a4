/*
 * How an acl is made; for policy_table.c and tests. And its inside, for acl.c,
 * acl_build.c and acl_explain.c.
 *
 * The patterns stand in one tree of segments. A node is what patterns have in
 * common up to a slash: its children by the text of their segment, a child for
 * "+", and the beginnings of segments that end in '*'. A decision walks the tree
 * along the path; each node is visited once at most, and of the beginnings of
 * one node only the longest that fits can win. Who wins among the rules that the
 * walk comes by was decided when the set was compiled: the rank.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/acl.h"
#include "core/policy_text.h"
#include "core/text_pool.h"
#include "records/tables.h"
#include "vault/error.h"

struct acl_source {
	struct text_span name;
	const struct policy_text *text;	/* NULL: there is no such policy, it gives nothing */
};

/* With one reference; names are copied, double ones dropped. ERR_TOO_LARGE (LIMIT_ACL_RULES), ERR_NO_MEMORY. */
enum error_code acl_new(const struct acl_source *sources, size_t len, uint64_t generation, struct acl **ret,
			struct error *err) must_check;
/* What it was made with. */
uint64_t acl_generation(const struct acl *acl);

/* -- the inside ------------------------------------------------------------- */

#define ACL_NONE UINT32_MAX
#define ACL_RANK_EXACT UINT32_MAX

struct acl_pattern {
	const char *text;
	uint32_t len, rank;
	uint32_t grants, grants_len;
	unsigned capabilities;
};

struct acl_child {
	const char *text;	/* of the segment, in a pattern */
	uint32_t len, node;
};

struct acl_beginning {
	const char *text;
	uint32_t len, rule;
	uint32_t shorter;	/* the longest other beginning of the same node that this begins with, or ACL_NONE */
};

struct acl_node {
	uint32_t children, children_len;	/* sorted by text */
	uint32_t beginnings, beginnings_len;	/* sorted by text */
	uint32_t plus;				/* node, or ACL_NONE */
	uint32_t rule;				/* that ends here, or ACL_NONE */
};

struct acl {
	atomic_uint references;
	bool root;
	uint64_t generation;
	const char **policies;
	size_t policies_len;
	struct acl_pattern *rules;	/* sorted; see acl_pattern_order() */
	size_t rules_len, rules_room;
	struct acl_grant *grants;
	size_t grants_len;
	struct acl_node *nodes;		/* the first is the root */
	size_t nodes_len, nodes_room;
	struct acl_child *children;
	size_t children_len, children_room;
	struct acl_beginning *beginnings;
	size_t beginnings_len, beginnings_room;
	struct text_pool pool;
};

/* The index of the rule that decides, or ACL_NONE. */
uint32_t acl_decide(const struct acl *acl, const char *path);
uint32_t acl_decide_list(const struct acl *acl, const char *path);
void acl_describe_rule(const struct acl *acl, uint32_t rule, struct acl_rule *ret);
