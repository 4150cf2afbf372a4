#include "core/policy_pattern.h"

#include <string.h>

#include "vault/canon_path.h"
#include "vault/limits.h"

static size_t count_segments(const char *pattern, size_t len)
{
	size_t count = 1;

	for (size_t i = 0; i < len; i++)
		count += pattern[i] == '/';
	return count;
}

static const char *star_fault(const char *pattern, size_t len)
{
	const char *star = memchr(pattern, '*', len);

	if (!star)
		return NULL;
	if (star != pattern + len - 1)
		return "'*' may stand only at the end of a path, where it means any rest; one segment is \"+\"";
	if (star > pattern && star[-1] == '+')
		return "\"+*\" is refused: \"+\" stands for a whole segment, and \"/*\" for any rest";
	return NULL;
}

/* The rest that '*' stands for begins in the last segment, so one character makes it whole. */
static bool can_match(const char *pattern, size_t len)
{
	char whole[LIMIT_POLICY_PATH_LEN + 1];
	bool open = pattern[len - 1] == '*';

	memcpy(whole, pattern, len);
	if (open)
		whole[len - 1] = 'x';
	return canon_path_is_plain(whole, len);
}

const char *policy_pattern_fault(const char *pattern, size_t len)
{
	const char *fault;

	if (len == 0)
		return "a path must not be empty";
	if (len > LIMIT_POLICY_PATH_LEN)
		return "a path is longer than that of any request";
	if (memmem(pattern, len, "{{", 2))
		return "templates ({{...}}) in paths are not supported";
	if (count_segments(pattern, len) > LIMIT_POLICY_SEGMENTS)
		return "a path has too many segments; let it end with '*' instead";
	fault = star_fault(pattern, len);
	if (!fault && !can_match(pattern, len))
		fault = "no request can have this path: it may hold [A-Za-z0-9._~@:+=,/-], and no empty segment, \".\" or \"..\"";
	return fault;
}
