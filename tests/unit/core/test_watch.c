/* Who is told when an environment changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

struct watched {
	char text[256];
};

static void on_change(void *arg, const char *mount_path, const char *path)
{
	struct watched *watched = arg;
	size_t len = strlen(watched->text);

	snprintf(watched->text + len, sizeof(watched->text) - len, "[%s%s]", mount_path ? mount_path : "-", path ? path : "-");
}

static void test_watcher(void **state)
{
	struct fixture *fixture = *state;
	struct watched watched = {0};
	struct error err = ERROR_INIT;

	vault_set_watcher(fixture->vault, on_change, &watched);
	assert_int_equal(put(fixture, "watched/a", "{}"), ERR_OK);
	assert_int_equal(change(fixture, KV_DELETE, "watched/a", NULL), ERR_OK);
	assert_int_equal(put_cas(fixture, "watched/a", "{}", 9), ERR_CAS);
	assert_int_equal(change(fixture, KV_METADATA_DELETE, "watched/a", NULL), ERR_OK);
	assert_string_equal(watched.text, "[secret/watched/a][secret/watched/a][secret/watched/a]");
	watched.text[0] = '\0';
	assert_int_equal(vault_seal(fixture->vault, &fixture->root, &err), ERR_OK);
	assert_string_equal(watched.text, "[--]");
	vault_set_watcher(fixture->vault, NULL, NULL);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_watcher),
	};

	return cmocka_run_group_tests_name("kv", tests, fixture_start, fixture_stop);
}
