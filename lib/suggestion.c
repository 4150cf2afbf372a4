#include "vault/suggestion.h"

#include <stdio.h>
#include <string.h>

#include "vault/names.h"

void suggestion_offer(struct suggestion *best, const char *wanted, const char *candidate)
{
	size_t distance = name_distance(wanted, candidate);
	size_t allowed = strlen(wanted) / 3 + 1;

	if (strlen(candidate) >= sizeof(best->text) || distance >= best->distance || distance > allowed)
		return;
	best->distance = distance;
	snprintf(best->text, sizeof(best->text), "%s", candidate);
}
