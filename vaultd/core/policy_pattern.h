/* What the path of a rule may be. For the readers of policies alone. */
#pragma once

#include <stddef.h>

/* NULL, or which rule the pattern (without its leading slash) breaks. */
const char *policy_pattern_fault(const char *pattern, size_t len);
