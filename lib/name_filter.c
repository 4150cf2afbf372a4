#include "vault/name_filter.h"

#include <string.h>

#include "vault/limits.h"
#include "vault/names.h"

/* A glob longer than any name cannot match one. */
static bool glob_matches(const char *glob, size_t glob_len, const char *name, size_t len)
{
	char text[LIMIT_VARIABLE_NAME_LEN + 1];

	if (glob_len == 0 || glob_len >= sizeof(text))
		return false;
	memcpy(text, glob, glob_len);
	text[glob_len] = '\0';
	return name_matches_glob(text, name, len);
}

static bool any_matches(const char *const *lists, size_t lists_len, const char *name, size_t len)
{
	for (size_t i = 0; i < lists_len; i++) {
		const char *glob = lists[i];

		while (*glob != '\0') {
			size_t glob_len = strcspn(glob, ",");

			if (glob_matches(glob, glob_len, name, len))
				return true;
			glob += glob_len + (glob[glob_len] == ',');
		}
	}
	return false;
}

bool name_filter_takes(const struct name_filter *filter, const char *name, size_t len)
{
	if (filter->only_len > 0 && !any_matches(filter->only, filter->only_len, name, len))
		return false;
	return filter->except_len == 0 || !any_matches(filter->except, filter->except_len, name, len);
}

static bool is_plain(const char *glob, size_t len)
{
	return len > 0 && memchr(glob, '*', len) == NULL && memchr(glob, '?', len) == NULL;
}

const char *name_filter_missing(const struct name_filter *filter, name_known *known, const void *arg, size_t *ret_len)
{
	for (size_t i = 0; i < filter->only_len; i++) {
		const char *glob = filter->only[i];

		while (*glob != '\0') {
			size_t len = strcspn(glob, ",");

			if (is_plain(glob, len) && !known(arg, glob, len)) {
				*ret_len = len;
				return glob;
			}
			glob += len + (glob[len] == ',');
		}
	}
	return NULL;
}

bool name_list_has(const char *list, const char *name, size_t len)
{
	while (list != NULL && *list != '\0') {
		size_t item_len = strcspn(list, ",");

		if (item_len == len && memcmp(list, name, len) == 0)
			return true;
		list += item_len + (list[item_len] == ',');
	}
	return false;
}
