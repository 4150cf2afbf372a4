#include "core/token_policies.h"

#include <string.h>

#include "core/acl.h"
#include "core/policy_text.h"

static bool is_pattern_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '*';
}

enum error_code policy_pattern_check(const char *pattern, struct error *err)
{
	size_t len = strlen(pattern);

	for (size_t i = 0; i < len; i++)
		if (!is_pattern_char(pattern[i]))
			len = 0;
	if (len == 0 || len > LIMIT_POLICY_NAME_LEN)
		return error_set(err, ERR_INVALID, "a pattern of policy names has 1 to %d of the characters a-z 0-9 _ . - *",
				 LIMIT_POLICY_NAME_LEN);
	return ERR_OK;
}

static bool is_only_blank(struct text_span name)
{
	for (uint32_t i = 0; i < name.len; i++)
		if (!strchr(" \t\n\r\v\f", name.at[i]))
			return false;
	return true;
}

/* Where the name is or belongs. */
static size_t place_of(const struct policy_set *set, const char *name)
{
	size_t at = 0;

	while (at < set->len && strcmp(set->names[at], name) < 0)
		at++;
	return at;
}

bool policy_set_has(const struct policy_set *set, const char *name)
{
	size_t at = place_of(set, name);

	return at < set->len && strcmp(set->names[at], name) == 0;
}

enum error_code policy_set_add(struct policy_set *set, struct text_span name, struct error *err)
{
	struct policy_name normal;
	const char *text = normal.text;
	size_t at;

	if (is_only_blank(name))
		return ERR_OK;
	if (policy_name_normalise(name.at, name.len, &normal, err) != ERR_OK)
		return err->code;
	if (policy_set_has(set, text) || policy_set_has(set, "root"))
		return ERR_OK;
	if (strcmp(text, "root") == 0)
		set->len = 0;
	if (set->len == LIMIT_TOKEN_POLICIES)
		return error_set(err, ERR_INVALID, "a token has at most %d policies", LIMIT_TOKEN_POLICIES);
	at = place_of(set, text);
	memmove(set->names[at + 1], set->names[at], (set->len - at) * sizeof(set->names[0]));
	memcpy(set->names[at], text, normal.len + 1);
	set->len++;
	return ERR_OK;
}

enum error_code policy_set_add_all(struct policy_set *set, const struct text_span *names, size_t len, struct error *err)
{
	for (size_t i = 0; i < len; i++)
		if (policy_set_add(set, names[i], err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

bool policy_set_within(const struct policy_set *set, const struct policy_set *other)
{
	if (policy_set_has(other, "root"))
		return true;
	for (size_t i = 0; i < set->len; i++)
		if (!policy_set_has(other, set->names[i]))
			return false;
	return true;
}

void policy_set_spans(const struct policy_set *set, struct text_span *ret)
{
	for (size_t i = 0; i < set->len; i++)
		ret[i] = (struct text_span){ .at = set->names[i], .len = (uint32_t)strlen(set->names[i]) };
}

enum error_code policy_set_of_caller(const struct caller *caller, struct policy_set *ret, struct error *err)
{
	size_t len;
	const char *const *names = acl_policies(caller->acl, &len);

	ret->len = 0;
	if (caller->root)
		return policy_set_add(ret, (struct text_span){ .at = "root", .len = 4 }, err);
	for (size_t i = 0; i < len; i++)
		if (policy_set_add(ret, (struct text_span){ .at = names[i], .len = (uint32_t)strlen(names[i]) }, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}
