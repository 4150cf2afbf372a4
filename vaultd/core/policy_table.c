#include "core/policy_table.h"

#include <stdlib.h>

#include "core/acl_build.h"

struct policy_table {
	int unused;
};

struct policy_table *policy_table_new(void)
{
	return calloc(1, sizeof(struct policy_table));
}

void policy_table_clear(struct policy_table *table)
{
	(void)table;
}

void policy_table_free(struct policy_table *table)
{
	free(table);
}

enum error_code policy_table_acl(struct policy_table *table, const struct text_span *names, size_t len, struct acl **ret,
				 struct error *err)
{
	(void)table;
	*ret = acl_new(names, len);
	return *ret ? ERR_OK : error_set(err, ERR_NO_MEMORY, "no memory is left for a set of policies");
}
