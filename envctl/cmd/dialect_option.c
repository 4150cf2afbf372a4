#include "cmd/dialect_option.h"

#include <stdio.h>
#include <string.h>

static void all_names(char *ret, size_t size)
{
	const struct dialect *dialect;
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; (dialect = dialect_at(i)) != NULL && used < size; i++) {
		snprintf(ret + used, size - used, "%s%s", i > 0 ? ", " : "", dialect_name(dialect));
		used += strlen(ret + used);
	}
}

enum error_code dialect_of_option(const struct invocation *inv, enum option_id id, const char *option,
				  const char *otherwise, const struct dialect **ret, struct error *err)
{
	const char *name = option_is_given(inv, id) ? option_value(inv, id) : otherwise;
	bool auto_too = otherwise != NULL && strcmp(otherwise, DIALECT_AUTO) == 0;
	char names[320] = "";

	*ret = name != NULL ? dialect_find(name) : NULL;
	if (*ret != NULL || (auto_too && name != NULL && strcmp(name, DIALECT_AUTO) == 0))
		return ERR_OK;
	if (auto_too)
		snprintf(names, sizeof(names), "%s, ", DIALECT_AUTO);
	all_names(names + strlen(names), sizeof(names) - strlen(names));
	if (name == NULL)
		return error_set(err, ERR_USAGE, "--%s is needed, one of %s", option, names);
	return error_set(err, ERR_USAGE, "--%s %.32s is unknown; there are %s", option, name, names);
}
