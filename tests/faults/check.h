/*
 * Whether an image is what the oracle allows: opened, unsealed and read by the product's own code, as a daemon would.
 *
 * An image passes when the vault opens with a secret that may open it, all that the oracle knows of is in a state that it
 * allows, there is no environment that it does not know, and the vault takes a write and gives it back; with `again` also after
 * it was closed and opened a second time. An image in which nothing was initialised yet passes when it can be.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "oracle.h"

#define FINDING_LEN 600

/* For a process of its own, which ends afterwards: what the image crashes is that process. False with a sentence. */
bool check_image(const struct oracle *oracle, const char *directory, bool again, char finding[static FINDING_LEN]);
