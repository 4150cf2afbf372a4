/*
 * Weaknesses that a product could have, planted by the linker: damage.c must find each of them. Without one, all that
 * is called is the product's.
 */
#pragma once

#include <stdbool.h>

/* By name, before anything is opened; false when there is none of this name. */
bool weak_choose(const char *name);
/* When the vault is made, which none of them may prevent. */
void weak_arm(void);
/* The names, one a line, on stdout. */
void weak_list(void);
