/* Why a decision is what it is. */
#include <string.h>

#include "core/acl_build.h"
#include "core/caller.h"

void acl_describe_rule(const struct acl *acl, uint32_t rule, struct acl_rule *ret)
{
	const struct acl_pattern *pattern = &acl->rules[rule];

	*ret = (struct acl_rule){
		.pattern = pattern->text,
		.capabilities = pattern->capabilities,
		.grants = acl->grants + pattern->grants,
		.grants_len = pattern->grants_len,
	};
}

bool acl_rule_at(const struct acl *acl, size_t i, struct acl_rule *ret)
{
	if (!acl || i >= acl->rules_len)
		return false;
	acl_describe_rule(acl, (uint32_t)i, ret);
	return true;
}

/* -- the nearest rule -------------------------------------------------------- */

struct nearness {
	size_t segments, bytes, len;
};

/* A segment of the pattern agrees with one of the path when it is "+", the same, or a beginning of it with '*'. */
static struct nearness nearness_of(const struct acl_pattern *pattern, const char *path)
{
	struct nearness near = { .len = pattern->len };
	const char *at = pattern->text;

	while (*at != '\0') {
		size_t len = strcspn(at, "/"), path_len = strcspn(path, "/");
		bool agrees = (len == 1 && at[0] == '+') || (len == path_len && memcmp(at, path, len) == 0);
		bool open = len > 0 && at[len - 1] == '*' && len - 1 <= path_len && memcmp(at, path, len - 1) == 0;

		for (size_t i = 0; !agrees && i < len && i < path_len && at[i] == path[i]; i++)
			near.bytes++;
		if (!agrees && !open)
			break;
		near.segments++;
		near.bytes += agrees ? path_len : 0;
		at += len;
		path += path_len;
		if (*at != '/' || *path != '/')
			break;
		at++;
		path++;
	}
	return near;
}

static bool is_nearer(const struct nearness *a, const struct nearness *b)
{
	if (a->segments != b->segments)
		return a->segments > b->segments;
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes;
	return a->len > b->len;
}

static uint32_t find_nearest(const struct acl *acl, unsigned capability, const char *path)
{
	struct nearness best = {0};
	uint32_t found = ACL_NONE;

	for (size_t i = 0; i < acl->rules_len; i++) {
		struct nearness near;

		if ((acl->rules[i].capabilities & capability) == 0)
			continue;
		near = nearness_of(&acl->rules[i], path);
		if (found == ACL_NONE || is_nearer(&near, &best)) {
			best = near;
			found = (uint32_t)i;
		}
	}
	return found;
}

void acl_explain(const struct acl *acl, unsigned capability, const char *path, struct acl_explanation *ret)
{
	uint32_t rule, nearest;

	*ret = (struct acl_explanation){0};
	while (path[0] == '/')
		path++;
	ret->root = acl_is_root(acl);
	ret->allowed = acl_allows(acl, capability, path);
	if (ret->root || !acl)
		return;
	rule = capability == CAP_LIST ? acl_decide_list(acl, path) : acl_decide(acl, path);
	ret->has_rule = rule != ACL_NONE;
	if (ret->has_rule)
		acl_describe_rule(acl, rule, &ret->rule);
	if (ret->allowed)
		return;
	nearest = ret->has_rule && ret->rule.capabilities != POLICY_DENY ? rule : find_nearest(acl, capability, path);
	ret->has_nearest = nearest != ACL_NONE;
	if (ret->has_nearest)
		acl_describe_rule(acl, nearest, &ret->nearest);
}
