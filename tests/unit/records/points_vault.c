#include "points_vault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

void start(struct vault_fixture *fixture, int n)
{
	struct error err = ERROR_INIT;

	if (vault_fixture_start(fixture, &err) != ERR_OK)
		fail_msg("point %d: %s", n, err.text);
}

void put_all(struct vault_fixture *fixture, const char *value)
{
	char name[16];

	for (int i = 0; i < ENVIRONMENTS; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		assert_int_equal(vault_put(fixture, name, value), ERR_OK);
	}
}

void assert_all(struct vault_fixture *fixture, const char *expected)
{
	char name[16], value[64];

	for (int i = 0; i < ENVIRONMENTS; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		assert_int_equal(vault_get(fixture, name, value, sizeof(value)), ERR_OK);
		assert_string_equal(value, expected);
	}
}

void wait_writable(struct vault_fixture *fixture)
{
	struct records_health health;

	for (int i = 0; i < 500; i++) {
		records_health(fixture->records, &health);
		if (health.writable)
			return;
		usleep(10000);
	}
	fail_msg("the store does not take writes again");
}
