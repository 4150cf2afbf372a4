/*
 * Sets of policies in short form, for tests: rules as "pattern=letters", separated
 * by blanks; "|" begins the next policy. Policies are called p1, p2, …. Letters:
 * c create, r read, u update, p patch, d delete, l list, s sudo, ! deny, - none.
 */
#pragma once

#include "core/acl.h"

struct acl *acl_of(const char *rules);
unsigned capability_of_letter(char letter);
/* "crl", "!" or "-". */
void letters_of(unsigned capabilities, char ret[static 9]);
