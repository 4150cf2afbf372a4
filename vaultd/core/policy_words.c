/* The words of the policy language: names of policies and of capabilities. */
#include <string.h>

#include "core/caller.h"
#include "core/policy_text.h"
#include "vault/limits.h"

static const struct capability_row {
	const char *name;
	unsigned bit;
} capabilities[] = {
	{ "create", CAP_CREATE },
	{ "delete", CAP_DELETE },
	{ "list", CAP_LIST },
	{ "patch", CAP_PATCH },
	{ "read", CAP_READ },
	{ "sudo", CAP_SUDO },
	{ "update", CAP_UPDATE },
	{ "deny", POLICY_DENY },	/* the last: capability_name() does not tell it */
};

unsigned capability_of_name(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
		if (strlen(capabilities[i].name) == len && memcmp(capabilities[i].name, name, len) == 0)
			return capabilities[i].bit;
	return 0;
}

void capability_suggest(const char *name, size_t len, struct suggestion *best)
{
	char text[16];

	if (len >= sizeof(text))
		return;
	memcpy(text, name, len);
	text[len] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
		suggestion_offer(best, text, capabilities[i].name);
}

const char *capability_name(size_t i, unsigned *ret_bit)
{
	if (i >= ARRAY_LEN(capabilities) - 1)
		return NULL;
	*ret_bit = capabilities[i].bit;
	return capabilities[i].name;
}

/* -- names of policies --------------------------------------------------- */

_Static_assert(sizeof(((struct policy_name *)0)->text) == LIMIT_POLICY_NAME_LEN + 1, "room for a policy's name");

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_name_char(char c, bool first)
{
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')
		return true;
	return !first && (c == '.' || c == '-');
}

enum error_code policy_name_normalise(const char *name, size_t len, struct policy_name *ret, struct error *err)
{
	const char *begin = name, *end = name + len;
	struct policy_name made = {0};

	while (begin < end && is_space(*begin))
		begin++;
	while (end > begin && is_space(end[-1]))
		end--;
	made.len = (size_t)(end - begin);
	if (made.len == 0 || made.len > LIMIT_POLICY_NAME_LEN)
		return error_set(err, ERR_INVALID, "the name of a policy must have 1 to %d characters",
				 LIMIT_POLICY_NAME_LEN);
	for (size_t i = 0; i < made.len; i++) {
		char c = begin[i];

		made.text[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
		if (!is_name_char(made.text[i], i == 0))
			return error_set(err, ERR_INVALID,
					 "the name of a policy may hold only letters, digits, '_', '.' and '-', "
					 "and begins with none of the last two");
	}
	if (strcmp(made.text, "root") == 0 && (len != 4 || memcmp(name, "root", 4) != 0))
		return error_set(err, ERR_INVALID, "no policy but root itself may have a name that reads as root");
	*ret = made;
	return ERR_OK;
}
