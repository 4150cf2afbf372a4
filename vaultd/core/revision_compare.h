/* Two revisions side by side, by name. Pure functions, for core/ alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "records/tables.h"

/* Calls each() for every name of both in order; a side is NULL where the name is absent. Stops when it returns false.
 */
void revisions_compare(const struct revision_record *from, const struct revision_record *to,
		       bool (*each)(void *arg, const struct variable *from, const struct variable *to), void *arg);
/* Same kind and same bytes. */
bool variables_equal(const struct variable *a, const struct variable *b);
