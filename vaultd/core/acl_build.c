/* Compiling a set of policies. */
#include "core/acl_build.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "vault/limits.h"

static void wipe_array(void *array, size_t bytes)
{
	if (array)
		sodium_memzero(array, bytes);
	free(array);
}

static void acl_free(struct acl *acl)
{
	wipe_array(acl->policies, acl->policies_len * sizeof(*acl->policies));
	wipe_array(acl->rules, acl->rules_room * sizeof(*acl->rules));
	wipe_array(acl->grants, acl->grants_len * sizeof(*acl->grants));
	wipe_array(acl->nodes, acl->nodes_room * sizeof(*acl->nodes));
	wipe_array(acl->children, acl->children_room * sizeof(*acl->children));
	wipe_array(acl->beginnings, acl->beginnings_room * sizeof(*acl->beginnings));
	text_pool_wipe(&acl->pool);
	free(acl);
}

void acl_unref(struct acl *acl)
{
	if (acl && atomic_fetch_sub(&acl->references, 1) == 1)
		acl_free(acl);
}

struct acl *acl_ref(struct acl *acl)
{
	if (acl)
		atomic_fetch_add(&acl->references, 1);
	return acl;
}

static enum error_code no_memory(struct error *err)
{
	return error_set(err, ERR_NO_MEMORY, "no memory is left for a set of policies");
}

/* -- the order of patterns ------------------------------------------------------ */

/* By bytes, a slash before all others: what shares its first segments then stands together. */
static int pattern_order(const char *a, size_t a_len, const char *b, size_t b_len)
{
	for (size_t i = 0; i < a_len && i < b_len; i++) {
		int left = a[i] == '/' ? 0 : (unsigned char)a[i], right = b[i] == '/' ? 0 : (unsigned char)b[i];

		if (left != right)
			return left - right;
	}
	return (a_len > b_len) - (a_len < b_len);
}

/* -- gathering: the rules of all policies, equal patterns made one ----------------- */

struct gathered {
	const struct policy_rule *rule;
	const char *policy;
};

static int by_pattern(const void *a, const void *b)
{
	const struct gathered *left = a, *right = b;
	int order = pattern_order(left->rule->pattern, left->rule->len, right->rule->pattern, right->rule->len);

	return order != 0 ? order : strcmp(left->policy, right->policy);
}

static size_t count_rules(const struct acl_source *sources, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += sources[i].text ? sources[i].text->rules_len : 0;
	return count;
}

static unsigned merge(unsigned a, unsigned b)
{
	return ((a | b) & POLICY_DENY) != 0 ? POLICY_DENY : a | b;
}

/* A deny leaves nothing else of the same pattern. */
static enum error_code add_rule(struct acl *acl, const struct gathered *gathered, struct error *err)
{
	const struct policy_rule *rule = gathered->rule;
	struct acl_pattern *last = acl->rules_len > 0 ? &acl->rules[acl->rules_len - 1] : NULL;
	struct acl_grant *grant = acl->grants_len > 0 ? &acl->grants[acl->grants_len - 1] : NULL;

	if (!last || pattern_order(last->text, last->len, rule->pattern, rule->len) != 0) {
		last = &acl->rules[acl->rules_len++];
		*last = (struct acl_pattern){
			.text = text_pool_copy(&acl->pool, rule->pattern, rule->len + 1),
			.len = (uint32_t)rule->len,
			.grants = (uint32_t)acl->grants_len,
		};
		if (!last->text)
			return no_memory(err);
	}
	last->capabilities = merge(last->capabilities, rule->capabilities);
	if (last->grants_len > 0 && grant->policy == gathered->policy) {
		grant->capabilities = merge(grant->capabilities, rule->capabilities);
		return ERR_OK;
	}
	acl->grants[acl->grants_len++] = (struct acl_grant){ .policy = gathered->policy, .capabilities = rule->capabilities };
	last->grants_len++;
	return ERR_OK;
}

/* The names of the sources have been copied and sorted; each is found again. */
static const char *own_name(const struct acl *acl, const struct text_span *name)
{
	for (size_t i = 0; i < acl->policies_len; i++)
		if (strlen(acl->policies[i]) == name->len && memcmp(acl->policies[i], name->at, name->len) == 0)
			return acl->policies[i];
	return "";
}

static void free_gathered(struct gathered **gathered)
{
	free(*gathered);
}

static enum error_code gather(struct acl *acl, const struct acl_source *sources, size_t len, struct error *err)
{
	cleanup_(free_gathered) struct gathered *all = NULL;
	size_t count = count_rules(sources, len), filled = 0;

	if (count > LIMIT_ACL_RULES)
		return error_set(err, ERR_TOO_LARGE, "the policies of this token have more than %d rules", LIMIT_ACL_RULES);
	if (count == 0)
		return ERR_OK;
	all = calloc(count, sizeof(*all));
	acl->rules = calloc(count, sizeof(*acl->rules));
	acl->grants = calloc(count, sizeof(*acl->grants));
	acl->rules_room = count;
	if (!all || !acl->rules || !acl->grants)
		return no_memory(err);
	for (size_t i = 0; i < len; i++) {
		const char *name = own_name(acl, &sources[i].name);

		for (size_t k = 0; sources[i].text && k < sources[i].text->rules_len; k++)
			all[filled++] = (struct gathered){ .rule = &sources[i].text->rules[k], .policy = name };
	}
	qsort(all, count, sizeof(*all), by_pattern);
	for (size_t i = 0; i < count; i++)
		if (add_rule(acl, &all[i], err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

/* -- ranks -------------------------------------------------------------------------- */

struct priority {
	const char *text;
	size_t len;		/* without the '*' */
	size_t first;		/* where the first '+' or '*' stands */
	size_t plus;
	bool open, exact;
	uint32_t rule;
};

static bool is_plus(const char *text, size_t len, size_t at)
{
	return text[at] == '+' && (at == 0 || text[at - 1] == '/') && (at + 1 == len || text[at + 1] == '/');
}

static struct priority priority_of(const struct acl_pattern *pattern, uint32_t rule)
{
	bool open = pattern->text[pattern->len - 1] == '*';
	struct priority made = { .text = pattern->text, .len = pattern->len - (open ? 1 : 0), .open = open, .rule = rule };

	made.first = made.len;
	for (size_t i = made.len; i-- > 0;) {
		if (is_plus(pattern->text, made.len, i)) {
			made.first = i;
			made.plus++;
		}
	}
	made.exact = !open && made.plus == 0;
	return made;
}

static int by_number(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

/* Lower priority first; the order of the header. Exact patterns are above all, and no two of them match one form of a path. */
static int by_priority(const void *a, const void *b)
{
	const struct priority *left = a, *right = b;
	int order = by_number(left->exact, right->exact);

	if (order == 0)
		order = by_number(left->first, right->first);
	if (order == 0)
		order = by_number(right->open, left->open);
	if (order == 0)
		order = by_number(right->plus, left->plus);
	if (order == 0)
		order = by_number(left->len, right->len);
	return order != 0 ? order : memcmp(left->text, right->text, left->len);
}

static void free_priorities(struct priority **priorities)
{
	free(*priorities);
}

static enum error_code rank(struct acl *acl, struct error *err)
{
	cleanup_(free_priorities) struct priority *order = calloc(acl->rules_len + 1, sizeof(*order));

	if (!order)
		return no_memory(err);
	for (size_t i = 0; i < acl->rules_len; i++)
		order[i] = priority_of(&acl->rules[i], (uint32_t)i);
	qsort(order, acl->rules_len, sizeof(*order), by_priority);
	for (size_t i = 0; i < acl->rules_len; i++)
		acl->rules[order[i].rule].rank = order[i].exact ? ACL_RANK_EXACT : (uint32_t)i;
	return ERR_OK;
}

/* -- the tree ------------------------------------------------------------------------- */

/* Rules of one node while the tree is made: they share all bytes before `at`. */
struct range {
	uint32_t low, high;
	uint32_t at;
};

/* The array with room for one more: doubled when it is full, and what is given up is wiped. NULL: memory is out, the array is
 * as it was. */
static void *grown(void *array, size_t len, size_t *room, size_t size)
{
	size_t more = *room == 0 ? 64 : 2 * *room;
	void *larger;

	if (len < *room)
		return array;
	larger = calloc(more, size);
	if (!larger)
		return NULL;
	if (array)
		memcpy(larger, array, *room * size);
	wipe_array(array, *room * size);
	*room = more;
	return larger;
}

struct tree {
	struct acl *acl;
	struct range *ranges;	/* of each node */
	size_t ranges_room;
};

static uint32_t add_node(struct tree *tree, const struct range *range)
{
	struct acl *acl = tree->acl;
	struct acl_node *nodes = grown(acl->nodes, acl->nodes_len, &acl->nodes_room, sizeof(*nodes));
	struct range *ranges;

	if (!nodes)
		return ACL_NONE;
	acl->nodes = nodes;
	ranges = grown(tree->ranges, acl->nodes_len, &tree->ranges_room, sizeof(*ranges));
	if (!ranges)
		return ACL_NONE;
	tree->ranges = ranges;
	acl->nodes[acl->nodes_len] = (struct acl_node){ .plus = ACL_NONE, .rule = ACL_NONE };
	tree->ranges[acl->nodes_len] = *range;
	return (uint32_t)acl->nodes_len++;
}

static bool add_child(struct tree *tree, uint32_t node, const char *text, size_t len, const struct range *range)
{
	struct acl *acl = tree->acl;
	uint32_t child = add_node(tree, range);
	struct acl_child *children;

	if (child == ACL_NONE)
		return false;
	if (len == 1 && text[0] == '+') {
		acl->nodes[node].plus = child;
		return true;
	}
	children = grown(acl->children, acl->children_len, &acl->children_room, sizeof(*children));
	if (!children)
		return false;
	acl->children = children;
	acl->children[acl->children_len++] = (struct acl_child){ .text = text, .len = (uint32_t)len, .node = child };
	acl->nodes[node].children_len++;
	return true;
}

static bool begins_with(const struct acl_beginning *longer, const struct acl_beginning *shorter)
{
	return shorter->len <= longer->len && memcmp(longer->text, shorter->text, shorter->len) == 0;
}

/* '*' is before all characters of a path but the slash, so that a beginning stands before those that begin with it. */
static bool add_beginning(struct acl *acl, uint32_t node, const char *text, size_t len, uint32_t rule)
{
	struct acl_beginning made = { .text = text, .len = (uint32_t)len, .rule = rule };
	struct acl_beginning *beginnings =
		grown(acl->beginnings, acl->beginnings_len, &acl->beginnings_room, sizeof(*beginnings));
	uint32_t before;

	if (!beginnings)
		return false;
	acl->beginnings = beginnings;
	before = acl->nodes[node].beginnings_len > 0 ? (uint32_t)acl->beginnings_len - 1 : ACL_NONE;
	while (before != ACL_NONE && !begins_with(&made, &acl->beginnings[before]))
		before = acl->beginnings[before].shorter;
	made.shorter = before;
	acl->beginnings[acl->beginnings_len++] = made;
	acl->nodes[node].beginnings_len++;
	return true;
}

static size_t segment_len(const struct acl_pattern *rule, size_t at)
{
	const char *slash = memchr(rule->text + at, '/', rule->len - at);

	return slash ? (size_t)(slash - rule->text) - at : rule->len - at;
}

/* From low on, the rules that have the same segment at `at`. */
static uint32_t same_segment(const struct acl *acl, const struct range *range, uint32_t low, size_t len)
{
	const char *text = acl->rules[low].text + range->at;
	uint32_t high = low + 1;

	while (high < range->high && segment_len(&acl->rules[high], range->at) == len &&
	       memcmp(acl->rules[high].text + range->at, text, len) == 0)
		high++;
	return high;
}

/* One node's children, in order. */
static bool fill_node(struct tree *tree, uint32_t node)
{
	struct acl *acl = tree->acl;
	const struct range range = tree->ranges[node];
	uint32_t low = range.low;

	acl->nodes[node].children = (uint32_t)acl->children_len;
	acl->nodes[node].beginnings = (uint32_t)acl->beginnings_len;
	/* The pattern that ends with this node has no slash behind it, and is the first. */
	if (low < range.high && acl->rules[low].len + 1 == range.at)
		acl->nodes[node].rule = low++;
	while (low < range.high) {
		const struct acl_pattern *rule = &acl->rules[low];
		const char *text = rule->text + range.at;
		size_t len = segment_len(rule, range.at);
		uint32_t high = low + 1;
		bool added;

		if (len > 0 && text[len - 1] == '*') {
			added = add_beginning(acl, node, text, len - 1, low);
		} else {
			high = same_segment(acl, &range, low, len);
			added = add_child(tree, node, text, len,
					  &(struct range){ .low = low, .high = high, .at = range.at + (uint32_t)len + 1 });
		}
		if (!added)
			return false;
		low = high;
	}
	return true;
}

static enum error_code grow_tree(struct acl *acl, struct error *err)
{
	struct tree tree = { .acl = acl };
	bool fine = add_node(&tree, &(struct range){ .high = (uint32_t)acl->rules_len }) != ACL_NONE;

	for (uint32_t node = 0; fine && node < acl->nodes_len; node++)
		fine = fill_node(&tree, node);
	free(tree.ranges);
	return fine ? ERR_OK : no_memory(err);
}

/* -- the whole -------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum error_code copy_names(struct acl *acl, const struct acl_source *sources, size_t len, struct error *err)
{
	size_t kept = 0;

	acl->policies = calloc(len + 1, sizeof(*acl->policies));
	if (!acl->policies)
		return no_memory(err);
	acl->policies_len = len;
	for (size_t i = 0; i < len; i++) {
		char *name = text_pool_space(&acl->pool, sources[i].name.len + 1u);

		if (!name)
			return no_memory(err);
		memcpy(name, sources[i].name.at, sources[i].name.len);
		name[sources[i].name.len] = '\0';
		acl->policies[i] = name;
		acl->root |= strcmp(name, "root") == 0;
	}
	qsort(acl->policies, len, sizeof(*acl->policies), by_text);
	for (size_t i = 0; i < len; i++)
		if (kept == 0 || strcmp(acl->policies[kept - 1], acl->policies[i]) != 0)
			acl->policies[kept++] = acl->policies[i];
	acl->policies_len = kept;
	return ERR_OK;
}

DEFINE_CLEANUP(struct acl *, acl_unref);

enum error_code acl_new(const struct acl_source *sources, size_t len, uint64_t generation, struct acl **ret,
			struct error *err)
{
	cleanup_(acl_unrefp) struct acl *acl = calloc(1, sizeof(*acl));

	if (!acl)
		return no_memory(err);
	acl->references = 1;
	acl->generation = generation;
	if (copy_names(acl, sources, len, err) != ERR_OK)
		return err->code;
	if (!acl->root &&
	    (gather(acl, sources, len, err) != ERR_OK || rank(acl, err) != ERR_OK || grow_tree(acl, err) != ERR_OK))
		return err->code;
	*ret = take_ptr(acl);
	return ERR_OK;
}
