#include "core/revision_compare.h"

#include <string.h>

#include "core/json_data.h"

bool variables_equal(const struct variable *a, const struct variable *b)
{
	return a->kind == b->kind && a->value.len == b->value.len &&
	       (a->value.len == 0 || memcmp(a->value.at, b->value.at, a->value.len) == 0);
}

void revisions_compare(const struct revision_record *from, const struct revision_record *to,
		       bool (*each)(void *arg, const struct variable *from, const struct variable *to), void *arg)
{
	size_t i = 0, j = 0;
	bool more = true;

	while (more && (i < from->variables_len || j < to->variables_len)) {
		const struct variable *left = i < from->variables_len ? &from->variables[i] : NULL;
		const struct variable *right = j < to->variables_len ? &to->variables[j] : NULL;
		int order = !left ? 1 : !right ? -1 : text_order(&left->name, &right->name);

		more = each(arg, order <= 0 ? left : NULL, order >= 0 ? right : NULL);
		i += order <= 0;
		j += order >= 0;
	}
}
