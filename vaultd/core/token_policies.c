#include "core/token_policies.h"

#include <string.h>

#include "core/acl.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static bool normalise(struct text_span name, char ret[static LIMIT_POLICY_NAME_LEN + 1])
{
	while (name.len > 0 && is_blank(name.at[0])) {
		name.at++;
		name.len--;
	}
	while (name.len > 0 && is_blank(name.at[name.len - 1]))
		name.len--;
	if (name.len > LIMIT_POLICY_NAME_LEN)
		return false;
	for (uint32_t i = 0; i < name.len; i++) {
		char c = name.at[i];

		if (c < '!' || c > '~')
			return false;
		ret[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	ret[name.len] = '\0';
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
	char text[LIMIT_POLICY_NAME_LEN + 1];
	size_t at;

	if (!normalise(name, text))
		return error_set(err, ERR_INVALID, "a policy's name has 1 to %d visible ASCII characters",
				 LIMIT_POLICY_NAME_LEN);
	if (text[0] == '\0' || policy_set_has(set, text) || policy_set_has(set, "root"))
		return ERR_OK;
	if (strcmp(text, "root") == 0)
		set->len = 0;
	if (set->len == LIMIT_TOKEN_POLICIES)
		return error_set(err, ERR_INVALID, "a token has at most %d policies", LIMIT_TOKEN_POLICIES);
	at = place_of(set, text);
	memmove(set->names[at + 1], set->names[at], (set->len - at) * sizeof(set->names[0]));
	memcpy(set->names[at], text, sizeof(text));
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
