/* A vault with some environments, whose calls are ended or fail (syscall_points.h). For the tests of records/. */
#pragma once

#include "vault_fixture.h"

#define ENVIRONMENTS 12	/* "e0" to "e11" */

/* Unseals it after an end at call n, which a failure names. */
void start(struct vault_fixture *fixture, int n);
/* Each environment gets the value, or has it. */
void put_all(struct vault_fixture *fixture, const char *value);
void assert_all(struct vault_fixture *fixture, const char *expected);
/* After a commit whose outcome was not known. */
void wait_writable(struct vault_fixture *fixture);
