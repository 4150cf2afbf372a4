/* Token records put into the store directly, for tests of what tokens may. */
#pragma once

#include "fixture.h"

/* policies: up to eight, separated by blanks. ttl 0: never expires. */
void put_token(struct fixture *fixture, const char *text, const char *policies, int64_t ttl_s);
/* What vault_authenticate() says; *ret is released by the caller of this. */
enum error_code sign_in(struct fixture *fixture, const char *text, struct caller *ret);
