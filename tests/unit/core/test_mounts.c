/* Mounts: where they may be, how they change and move, and that a disabled one is gone with all that it held. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/vault_mounts.h"
#include "fixture.h"
#include "vault/limits.h"

typedef enum error_code change_function(struct vault *vault, struct mount_change *change, struct error *err);

static enum error_code run(struct fixture *fixture, change_function *function, struct mount_change *change, char *text)
{
	struct error err = ERROR_INIT;
	struct action_wait wait;
	enum error_code code;

	if (!change->caller)
		change->caller = &fixture->root;
	action_wait_begin(&wait, &change->action);
	code = action_wait_end(&wait, function(fixture->vault, change, &err), &err);
	if (text)
		snprintf(text, ERROR_TEXT_MAX, "%s", err.text);
	return code;
}

static void set_path(char *to, const char *path)
{
	size_t len = strlen(path);

	assert_true(len <= LIMIT_MOUNT_PATH_LEN);
	memcpy(to, path, len + 1);
}

static enum error_code enable(struct fixture *fixture, const char *path, const char *type, char *text)
{
	struct mount_change change = {0};

	set_path(change.path, path);
	snprintf(change.type, sizeof(change.type), "%s", type);
	return run(fixture, vault_mount_enable, &change, text);
}

static enum error_code disable(struct fixture *fixture, const char *path, struct mount_change *change)
{
	memset(change, 0, sizeof(*change));
	set_path(change->path, path);
	return run(fixture, vault_mount_disable, change, NULL);
}

static enum error_code disable_all(struct fixture *fixture, const char *path)
{
	struct mount_change change;
	enum error_code code = disable(fixture, path, &change);

	while (code == ERR_OK && change.left)
		code = run(fixture, vault_mount_sweep, &change, NULL);
	return code;
}

static enum error_code remount(struct fixture *fixture, const char *from, const char *to, char *id, char *text)
{
	struct mount_change change = {0};
	enum error_code code;

	set_path(change.path, from);
	set_path(change.to, to);
	code = run(fixture, vault_mount_remount, &change, text);
	if (id)
		snprintf(id, sizeof(change.migration), "%s", change.migration);
	return code;
}

static bool at(struct fixture *fixture, const char *path, struct mount_info *ret)
{
	struct error err = ERROR_INIT;

	return vault_mount_at(fixture->vault, path, ret, &err) == ERR_OK;
}

/* An operation of the fixture's short forms in another mount. */
static void use_mount(struct fixture *fixture, const char *path)
{
	assert_true(at(fixture, path, &fixture->mount));
}

static uint64_t live_records(struct fixture *fixture)
{
	struct vault_status status;

	vault_status(fixture->vault, &status);
	return status.records.n_live + status.records.n_revisions;
}

static void test_enable(void **state)
{
	static const struct {
		const char *path, *type;
		enum error_code code;
		const char *text;
	} rows[] = {
		{ "one", "kv", ERR_OK, "" },
		{ "one/", "kv", ERR_INVALID, "path is already in use at one/" },
		{ "one/two", "kv", ERR_INVALID, "path is already in use at one/" },
		{ "One", "kv-v1", ERR_OK, "" },
		{ "team/kv", "kv-v2", ERR_OK, "" },
		{ "team", "kv", ERR_INVALID, "path is already in use at team/kv/" },
		{ "team/kv2", "generic", ERR_OK, "" },
		{ "te", "kv-v2", ERR_OK, "" },
		{ "secret", "kv", ERR_INVALID, "path is already in use at secret/" },
		{ "secret/x", "kv", ERR_INVALID, "path is already in use at secret/" },
		{ "sys", "kv", ERR_INVALID, "path is already in use at sys/" },
		{ "sys/x", "kv", ERR_INVALID, "path is already in use at sys/" },
		{ "auth/x", "kv", ERR_INVALID, NULL },
		{ "cubbyhole/x", "kv", ERR_INVALID, "path is already in use at cubbyhole/" },
		{ "identity", "kv", ERR_INVALID, "path is already in use at identity/" },
		{ "resolved", "kv", ERR_INVALID, "path is already in use at resolved/" },
		{ "", "kv", ERR_INVALID, NULL },
		{ "/", "kv", ERR_INVALID, NULL },
		{ "a//b", "kv", ERR_INVALID, NULL },
		{ "../a", "kv", ERR_INVALID, NULL },
		{ "a/+", "kv", ERR_INVALID, NULL },
		{ "a*", "kv", ERR_INVALID, NULL },
		{ "a/tune", "kv", ERR_INVALID, NULL },
		{ "pki", "pki", ERR_INVALID, NULL },
		{ "none", "", ERR_INVALID, NULL },
	};
	struct fixture *fixture = *state;
	struct mount_info mount;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[ERROR_TEXT_MAX];
		enum error_code code = enable(fixture, rows[i].path, rows[i].type, text);

		if (code != rows[i].code || (rows[i].text && strcmp(text, rows[i].text) != 0))
			fail_msg("%s: %d, %s", rows[i].path, code, text);
	}
	assert_true(at(fixture, "one", &mount));
	assert_int_equal(mount.version, 1);
	assert_string_equal(mount.type, "kv");
	assert_true(at(fixture, "team/kv/", &mount));
	assert_int_equal(mount.version, 2);
	assert_true(at(fixture, "team/kv2", &mount));
	assert_string_equal(mount.type, "generic");
	assert_false(at(fixture, "team", &mount));
	/* They are there after the vault was opened again. */
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_true(at(fixture, "One", &mount));
	assert_true(at(fixture, "resolved", &mount));
}

static void test_limits(void **state)
{
	struct fixture *fixture = *state;
	char path[LIMIT_MOUNT_PATH_LEN + 2], text[ERROR_TEXT_MAX];
	size_t there = 4;	/* of a new vault */

	memset(path, 'a', sizeof(path));
	path[LIMIT_MOUNT_PATH_LEN - 1] = '\0';	/* and the slash */
	assert_int_equal(enable(fixture, path, "kv", NULL), ERR_OK);
	there++;
	memset(path, 'b', sizeof(path));
	path[LIMIT_MOUNT_PATH_LEN] = '\0';
	assert_int_equal(enable(fixture, path, "kv", NULL), ERR_INVALID);
	for (size_t i = there; i < LIMIT_MOUNTS; i++) {
		snprintf(path, sizeof(path), "m%zu", i);
		assert_int_equal(enable(fixture, path, "kv", NULL), ERR_OK);
	}
	assert_int_equal(enable(fixture, "onemore", "kv", text), ERR_TOO_LARGE);
	assert_int_equal(disable_all(fixture, "m100"), ERR_OK);
	assert_int_equal(enable(fixture, "onemore", "kv", NULL), ERR_OK);
	assert_int_equal(enable(fixture, "another", "kv", NULL), ERR_TOO_LARGE);
}

static void test_tune(void **state)
{
	struct fixture *fixture = *state;
	struct mount_change change = { .path = "kv1" };
	struct mount_info mount;
	char text[ERROR_TEXT_MAX];

	assert_int_equal(enable(fixture, "kv1", "kv", NULL), ERR_OK);
	change.settings = (struct mount_settings){ .has_description = true, .description = "what it \"holds\"",
						   .has_default_lease_ttl = true, .default_lease_ttl = 60,
						   .has_max_lease_ttl = true, .max_lease_ttl = 120, .has_listed = true,
						   .listed = true };
	assert_int_equal(run(fixture, vault_mount_tune, &change, NULL), ERR_OK);
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_true(at(fixture, "kv1", &mount));
	assert_string_equal(mount.description, "what it \"holds\"");
	assert_int_equal(mount.default_lease_ttl, 60);
	assert_int_equal(mount.max_lease_ttl, 120);
	assert_true(mount.listed);
	assert_int_equal(mount.version, 1);

	change.settings = (struct mount_settings){ .has_default_lease_ttl = true, .default_lease_ttl = 121 };
	assert_int_equal(run(fixture, vault_mount_tune, &change, NULL), ERR_INVALID);
	change.settings = (struct mount_settings){ .has_version = true, .version = 3 };
	assert_int_equal(run(fixture, vault_mount_tune, &change, NULL), ERR_INVALID);
	change.settings.version = 2;
	assert_int_equal(run(fixture, vault_mount_tune, &change, NULL), ERR_OK);
	change.settings.version = 1;
	assert_int_equal(run(fixture, vault_mount_tune, &change, text), ERR_INVALID);
	assert_string_equal(text, "cannot downgrade mount from version 2 to version 1");
	assert_true(at(fixture, "kv1", &mount));
	assert_int_equal(mount.version, 2);
	assert_int_equal(mount.max_lease_ttl, 120);

	strcpy(change.path, "none");
	assert_int_equal(run(fixture, vault_mount_tune, &change, NULL), ERR_INVALID);
	strcpy(change.path, "sys");
	assert_int_equal(run(fixture, vault_mount_tune, &change, NULL), ERR_INVALID);
	strcpy(change.path, "auth/token");
	change.settings = (struct mount_settings){ .has_max_lease_ttl = true, .max_lease_ttl = 7200 };
	assert_int_equal(run(fixture, vault_mount_tune, &change, NULL), ERR_OK);
}

static void test_remount(void **state)
{
	struct fixture *fixture = *state;
	struct mount_info before, after;
	struct mount_migration migration;
	struct error err = ERROR_INIT;
	struct kv_read_result read = {0};
	char id[37], text[ERROR_TEXT_MAX];

	assert_int_equal(enable(fixture, "here", "kv-v2", NULL), ERR_OK);
	assert_int_equal(enable(fixture, "other", "kv-v2", NULL), ERR_OK);
	use_mount(fixture, "here");
	assert_int_equal(put(fixture, "a/b", "{\"A\":\"1\"}"), ERR_OK);
	before = fixture->mount;
	assert_int_equal(remount(fixture, "here", "here", NULL, text), ERR_INVALID);
	assert_int_equal(remount(fixture, "here", "other/x", NULL, text), ERR_INVALID);
	assert_string_equal(text, "path is already in use at other/");
	assert_int_equal(remount(fixture, "nowhere", "there", NULL, NULL), ERR_INVALID);
	assert_int_equal(remount(fixture, "sys", "there", NULL, NULL), ERR_INVALID);
	assert_int_equal(remount(fixture, "cubbyhole", "there", NULL, NULL), ERR_INVALID);
	assert_int_equal(remount(fixture, "auth/token", "there", NULL, NULL), ERR_INVALID);
	assert_int_equal(remount(fixture, "here", "sys/x", NULL, NULL), ERR_INVALID);
	assert_int_equal(remount(fixture, "here/", "here/deeper", id, NULL), ERR_OK);
	assert_false(at(fixture, "here", &after));
	assert_true(at(fixture, "here/deeper", &after));
	assert_memory_equal(before.uuid, after.uuid, ID_LEN);
	/* Who still has the old place finds nothing there, neither to read nor to write. */
	assert_int_equal(kv_read(fixture->vault, &fixture->root, target_of(fixture, "a/b"), 0, &read, &err), ERR_NOT_FOUND);
	assert_int_equal(put(fixture, "a/b", "{}"), ERR_NOT_FOUND);
	use_mount(fixture, "here/deeper");
	assert_state(fixture, "a/b", "1/1: 1- | A=1#1@1");
	error_clear(&err);
	assert_int_equal(vault_mount_migration(fixture->vault, &fixture->root, id, &migration, &err), ERR_OK);
	assert_string_equal(migration.from, "here/");
	assert_string_equal(migration.to, "here/deeper/");
	assert_int_equal(vault_mount_migration(fixture->vault, &fixture->root, "x", &migration, &err), ERR_NOT_FOUND);
	error_clear(&err);
	assert_int_equal(vault_mount_migration(fixture->vault, &fixture->root, "", &migration, &err), ERR_NOT_FOUND);
}

static void fill(struct fixture *fixture, const char *mount, size_t count)
{
	char path[32];

	use_mount(fixture, mount);
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "e/%zu", i);
		assert_int_equal(put(fixture, path, "{\"A\":\"1\"}"), ERR_OK);
	}
}

static void test_disable(void **state)
{
	struct fixture *fixture = *state;
	struct mount_info mount;
	struct mount_change change;
	uint64_t before;

	assert_int_equal(enable(fixture, "neighbour", "kv-v2", NULL), ERR_OK);
	fill(fixture, "neighbour", 3);
	before = live_records(fixture);
	assert_int_equal(enable(fixture, "big", "kv-v2", NULL), ERR_OK);
	fill(fixture, "big", LIMIT_SWEEP_ENVIRONMENTS + 1);
	assert_int_equal(disable(fixture, "big", &change), ERR_OK);
	assert_true(change.left);
	/* Gone at once, and its path is free for another, which does not show what the old one held. */
	assert_false(at(fixture, "big", &mount));
	assert_int_equal(put(fixture, "e/1", "{}"), ERR_NOT_FOUND);
	assert_state(fixture, "e/1", "none");
	assert_int_equal(enable(fixture, "big", "kv-v2", NULL), ERR_OK);
	use_mount(fixture, "big");
	assert_state(fixture, "e/1", "none");
	assert_int_equal(run(fixture, vault_mount_sweep, &change, NULL), ERR_OK);
	assert_true(change.left);	/* one more than a batch */
	while (change.left)
		assert_int_equal(run(fixture, vault_mount_sweep, &change, NULL), ERR_OK);
	assert_int_equal(disable_all(fixture, "big"), ERR_OK);
	assert_int_equal(live_records(fixture), before);
	use_mount(fixture, "neighbour");
	assert_state(fixture, "e/2", "1/1: 1- | A=1#1@1");

	assert_int_equal(disable_all(fixture, "big"), ERR_OK);
	assert_int_equal(disable(fixture, "never-was", &change), ERR_OK);
	assert_false(change.left);
	assert_int_equal(disable(fixture, "sys", &change), ERR_INVALID);
	assert_int_equal(disable(fixture, "resolved", &change), ERR_INVALID);
	assert_int_equal(disable(fixture, "cubbyhole", &change), ERR_INVALID);
	assert_int_equal(disable(fixture, "auth/token", &change), ERR_INVALID);
}

/* The daemon ended between the mark and the end of the sweep. */
static void test_disable_goes_on_after_an_unseal(void **state)
{
	struct fixture *fixture = *state;
	struct mount_change change;
	struct mount_info mount;
	uint64_t before;

	assert_int_equal(enable(fixture, "first", "kv", NULL), ERR_OK);
	before = live_records(fixture);
	assert_int_equal(enable(fixture, "big", "kv-v2", NULL), ERR_OK);
	fill(fixture, "big", LIMIT_SWEEP_ENVIRONMENTS + 5);
	assert_int_equal(disable(fixture, "big", &change), ERR_OK);
	assert_int_equal(run(fixture, vault_mount_sweep, &change, NULL), ERR_OK);
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_false(at(fixture, "big", &mount));
	assert_true(live_records(fixture) > before);
	vault_tick(fixture->vault);
	assert_int_equal(live_records(fixture), before);
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_int_equal(live_records(fixture), before);
}

static void test_secret_can_go_and_come(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(put(fixture, "a", "{\"A\":\"1\"}"), ERR_OK);
	assert_int_equal(disable_all(fixture, "secret"), ERR_OK);
	assert_int_equal(enable(fixture, "secret", "kv-v2", NULL), ERR_OK);
	use_mount(fixture, "secret");
	assert_state(fixture, "a", "none");
}

/* KV version 1 keeps one revision, and an upgrade keeps that one. */
static void test_version_1(void **state)
{
	struct fixture *fixture = *state;
	struct mount_change tune = { .path = "old", .settings = { .has_version = true, .version = 2 } };
	uint64_t before;

	assert_int_equal(enable(fixture, "old", "kv", NULL), ERR_OK);
	use_mount(fixture, "old");
	before = live_records(fixture);
	assert_int_equal(put(fixture, "a", "{\"A\":\"1\"}"), ERR_OK);
	assert_int_equal(put(fixture, "a", "{\"A\":\"2\",\"B\":[1.10]}"), ERR_OK);
	assert_state(fixture, "a", "2/2: 2- | A=2#2@2 B:[1.10]#1@2");
	assert_int_equal(live_records(fixture), before + 3);
	assert_int_equal(change(fixture, KV_PATCH, "a", "{}"), ERR_INVALID);
	assert_int_equal(change(fixture, KV_DELETE, "a", NULL), ERR_INVALID);
	assert_int_equal(change_listed(fixture, KV_DESTROY, "a", "2"), ERR_INVALID);
	assert_int_equal(metadata(fixture, KV_METADATA_PUT, "a", "{\"max_versions\":3}"), ERR_INVALID);
	assert_int_equal(put(fixture, "b", "{}"), ERR_OK);
	assert_int_equal(change(fixture, KV_METADATA_DELETE, "b", NULL), ERR_OK);
	assert_int_equal(live_records(fixture), before + 3);

	assert_int_equal(run(fixture, vault_mount_tune, &tune, NULL), ERR_OK);
	/* What was found before the upgrade is of a mount that is no more what it was. */
	assert_int_equal(put(fixture, "a", "{}"), ERR_INVALID);
	use_mount(fixture, "old");
	assert_state(fixture, "a", "2/2: 2- | A=2#2@2 B:[1.10]#1@2");
	assert_int_equal(put(fixture, "a", "{\"A\":\"3\"}"), ERR_OK);
	assert_state(fixture, "a", "3/2: 2- 3- | A=3#3@3");
	assert_int_equal(change(fixture, KV_DELETE, "a", NULL), ERR_OK);
	assert_state(fixture, "a", "3/2: 2- 3d | gone");
}

static void test_default_deny(void **state)
{
	static change_function *const functions[] = { vault_mount_enable, vault_mount_tune, vault_mount_remount,
						      vault_mount_disable };
	struct fixture *fixture = *state;
	struct caller nobody = { .kind = CALLER_ANONYMOUS }, stranger = { .kind = CALLER_PEER };
	struct mount_info mount, *mounts;
	struct mount_migration migration;
	struct error err = ERROR_INIT;
	size_t len;

	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		for (int j = 0; j < 4; j++) {
			struct mount_change change = { .caller = j % 2 ? &nobody : &stranger, .type = "kv", .to = "there" };
			char text[ERROR_TEXT_MAX];

			strcpy(change.path, j < 2 ? "secret" : "unknown");
			assert_int_equal(run(fixture, functions[i], &change, text), ERR_DENIED);
			assert_string_equal(text, "permission denied");
		}
	assert_int_equal(vault_mount_migration(fixture->vault, &stranger, "x", &migration, &err), ERR_DENIED);
	error_clear(&err);
	assert_int_equal(vault_auth_mounts(fixture->vault, &stranger, &mounts, &len, &err), ERR_DENIED);
	error_clear(&err);
	assert_int_equal(vault_mount_visible(fixture->vault, &stranger, "secret", &mount, &err), ERR_DENIED);
	error_clear(&err);
	assert_int_equal(vault_mount_visible(fixture->vault, &fixture->root, "nothing", &mount, &err), ERR_DENIED);
	error_clear(&err);
	assert_int_equal(vault_mount_visible(fixture->vault, &fixture->root, "secret/data/x", &mount, &err), ERR_OK);
	assert_int_equal(vault_mounts_visible(fixture->vault, &nobody, &mounts, &len, &err), ERR_OK);
	assert_int_equal(len, 0);
	free(mounts);
	assert_int_equal(vault_mounts_visible(fixture->vault, &fixture->root, &mounts, &len, &err), ERR_OK);
	assert_int_equal(len, 7);
	free(mounts);
}

/* Two that want the same path at the same time: one gets it. */
static void test_race_for_a_path(void **state)
{
	struct fixture *fixture = *state;
	struct mount_change changes[8];
	struct action_wait waits[8];
	enum error_code submitted[8];
	struct error err[8];
	size_t won = 0;

	for (size_t i = 0; i < 8; i++) {
		changes[i] = (struct mount_change){ .caller = &fixture->root, .type = "kv" };
		err[i] = (struct error)ERROR_INIT;
		strcpy(changes[i].path, i % 2 ? "same/path" : "same");
		action_wait_begin(&waits[i], &changes[i].action);
		submitted[i] = vault_mount_enable(fixture->vault, &changes[i], &err[i]);
	}
	for (size_t i = 0; i < 8; i++)
		won += action_wait_end(&waits[i], submitted[i], &err[i]) == ERR_OK;
	assert_int_equal(won, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_enable, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_limits, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_tune, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_remount, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_disable, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_disable_goes_on_after_an_unseal, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_secret_can_go_and_come, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_version_1, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_default_deny, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_race_for_a_path, fixture_start, fixture_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
