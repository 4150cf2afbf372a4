#include "core/acl.h"

#include <string.h>

#include "core/acl_build.h"
#include "core/caller.h"
#include "vault/limits.h"

#define ALL_CAPABILITIES (CAP_CREATE | CAP_READ | CAP_UPDATE | CAP_PATCH | CAP_DELETE | CAP_LIST | CAP_SUDO)

/* -- the walk -------------------------------------------------------------- */

/* A path without its slash at the end. */
struct form {
	const char *path;
	size_t len;
	bool slash;
};

struct place {			/* in the tree, and behind which byte of the path */
	uint32_t node;
	size_t at;
};

struct segment {
	const char *text;
	size_t len;
};

static struct segment segment_at(const struct form *form, size_t at)
{
	const char *slash = memchr(form->path + at, '/', form->len - at);

	return (struct segment){
		.text = form->path + at,
		.len = slash ? (size_t)(slash - form->path) - at : form->len - at,
	};
}

static int compare_texts(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static uint32_t find_child(const struct acl *acl, const struct acl_node *node, const struct segment *segment)
{
	size_t low = node->children, high = low + node->children_len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct acl_child *child = &acl->children[middle];
		int order = compare_texts(segment->text, segment->len, child->text, child->len);

		if (order == 0)
			return child->node;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return ACL_NONE;
}

/*
 * The longest beginning that the segment begins with. The last one that is not behind the segment in the order begins with
 * it, so it is among those that `shorter` leads to.
 */
static uint32_t find_beginning(const struct acl *acl, const struct acl_node *node, const struct segment *segment)
{
	size_t first = node->beginnings, low = first, high = low + node->beginnings_len;
	uint32_t found;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct acl_beginning *beginning = &acl->beginnings[middle];

		if (compare_texts(segment->text, segment->len, beginning->text, beginning->len) < 0)
			high = middle;
		else
			low = middle + 1;
	}
	found = low > first ? (uint32_t)(low - 1) : ACL_NONE;
	while (found != ACL_NONE) {
		const struct acl_beginning *beginning = &acl->beginnings[found];

		if (beginning->len <= segment->len && memcmp(beginning->text, segment->text, beginning->len) == 0)
			return beginning->rule;
		found = beginning->shorter;
	}
	return ACL_NONE;
}

static void consider(const struct acl *acl, uint32_t rule, uint32_t *best)
{
	if (rule != ACL_NONE && (*best == ACL_NONE || acl->rules[rule].rank > acl->rules[*best].rank))
		*best = rule;
}

/* The rules of highest priority for both forms of a path: without a slash at its end and with one. */
struct outcome {
	uint32_t plain, slashed;
};

/* The path ends at this node; behind its slash an empty segment would follow, which "+" matches as well. */
static void end_path(const struct acl *acl, const struct acl_node *node, struct outcome *best)
{
	const struct segment empty = { .text = "", .len = 0 };
	uint32_t child = find_child(acl, node, &empty);

	consider(acl, node->rule, &best->plain);
	consider(acl, find_beginning(acl, node, &empty), &best->slashed);
	if (node->plus != ACL_NONE)
		consider(acl, acl->nodes[node->plus].rule, &best->slashed);
	if (child != ACL_NONE)
		consider(acl, acl->nodes[child].rule, &best->slashed);
}

/* Each step takes one place from the pile and puts two at most: it grows by one with each segment. */
static struct outcome walk(const struct acl *acl, const struct form *form)
{
	struct place pile[LIMIT_POLICY_SEGMENTS + 4];
	struct outcome best = { .plain = ACL_NONE, .slashed = ACL_NONE };
	size_t pile_len = 0;

	if (acl->nodes_len > 0)
		pile[pile_len++] = (struct place){ .node = 0, .at = 0 };
	while (pile_len > 0) {
		struct place place = pile[--pile_len];
		const struct acl_node *node = &acl->nodes[place.node];
		struct segment segment;
		uint32_t rule, child;

		if (place.at > form->len) {
			end_path(acl, node, &best);
			continue;
		}
		segment = segment_at(form, place.at);
		rule = find_beginning(acl, node, &segment);
		consider(acl, rule, &best.plain);
		consider(acl, rule, &best.slashed);
		if (node->plus != ACL_NONE)
			pile[pile_len++] = (struct place){ .node = node->plus, .at = place.at + segment.len + 1 };
		child = find_child(acl, node, &segment);
		if (child != ACL_NONE)
			pile[pile_len++] = (struct place){ .node = child, .at = place.at + segment.len + 1 };
	}
	return best;
}

static struct form form_of(const char *path)
{
	struct form form;

	while (path[0] == '/')
		path++;
	form.path = path;
	form.len = strlen(path);
	form.slash = form.len > 0 && path[form.len - 1] == '/';
	if (form.slash)
		form.len--;
	return form;
}

/* -- decisions --------------------------------------------------------------- */

uint32_t acl_decide(const struct acl *acl, const char *path)
{
	struct form form = form_of(path);
	struct outcome found = walk(acl, &form);

	return form.slash ? found.slashed : found.plain;
}

static bool is_exact(const struct acl *acl, uint32_t rule)
{
	return rule != ACL_NONE && acl->rules[rule].rank == ACL_RANK_EXACT;
}

static bool is_deny(const struct acl *acl, uint32_t rule)
{
	return rule != ACL_NONE && acl->rules[rule].capabilities == POLICY_DENY;
}

uint32_t acl_decide_list(const struct acl *acl, const char *path)
{
	struct form form = form_of(path);
	struct outcome found = walk(acl, &form);
	uint32_t with = found.slashed, without = found.plain;

	if (is_exact(acl, with) != is_exact(acl, without))
		return is_exact(acl, with) ? with : without;
	if (is_deny(acl, without))
		return without;
	if (is_deny(acl, with) || is_exact(acl, with))
		return with;
	consider(acl, without, &with);
	return with;
}

static unsigned given_by(const struct acl *acl, uint32_t rule)
{
	return rule == ACL_NONE ? 0 : acl->rules[rule].capabilities & ALL_CAPABILITIES;
}

bool acl_is_root(const struct acl *acl)
{
	return acl && acl->root;
}

uint64_t acl_generation(const struct acl *acl)
{
	return acl->generation;
}

const char *const *acl_policies(const struct acl *acl, size_t *ret_len)
{
	*ret_len = acl ? acl->policies_len : 0;
	return acl ? acl->policies : NULL;
}

bool acl_allows(const struct acl *acl, unsigned capability, const char *path)
{
	const unsigned others = capability & ~(unsigned)CAP_LIST;
	unsigned listing = 0;

	if (acl_is_root(acl))
		return true;
	if (!acl || capability == 0)
		return false;
	if ((capability & CAP_LIST) != 0) {
		listing = given_by(acl, acl_decide_list(acl, path));
		if ((listing & CAP_LIST) == 0)
			return false;
	}
	/* The rule of a listing, which may end in a slash, can give sudo for it. */
	return others == 0 || ((given_by(acl, acl_decide(acl, path)) | (listing & CAP_SUDO)) & others) == others;
}

unsigned acl_capabilities(const struct acl *acl, const char *path)
{
	if (acl_is_root(acl))
		return ALL_CAPABILITIES;
	if (!acl)
		return 0;
	return (given_by(acl, acl_decide(acl, path)) & ~(unsigned)CAP_LIST) |
	       (given_by(acl, acl_decide_list(acl, path)) & CAP_LIST);
}

/* -- below a mount -------------------------------------------------------------- */

/* The pattern names something at or below the prefix: its first segments are the prefix's, or "+". A pattern that ends in '*'
 * before that is wider than the mount; it shows in the decision about the mount itself. */
static bool reaches_below(const struct acl_pattern *rule, const struct form *prefix)
{
	const char *at = rule->text, *end = rule->text + rule->len;

	for (size_t in_prefix = 0; in_prefix <= prefix->len;) {
		struct segment wanted = segment_at(prefix, in_prefix);
		const char *slash = at <= end ? memchr(at, '/', (size_t)(end - at)) : NULL;
		size_t len = at <= end ? (size_t)((slash ? slash : end) - at) : 0;

		if (at > end || (compare_texts(at, len, wanted.text, wanted.len) != 0 && compare_texts(at, len, "+", 1) != 0))
			return false;
		in_prefix += wanted.len + 1;
		at += len + 1;
	}
	return true;
}

bool acl_any_below(const struct acl *acl, const char *prefix)
{
	struct form form = form_of(prefix);

	if (acl_capabilities(acl, prefix) != 0)
		return true;
	for (size_t i = 0; acl && i < acl->rules_len; i++)
		if (given_by(acl, (uint32_t)i) != 0 && reaches_below(&acl->rules[i], &form))
			return true;
	return false;
}
