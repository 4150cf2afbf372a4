/* Init, unseal and seal; who is known and who is not; what the unknown may: nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/token_text.h"
#include "fixture.h"
#include "vault/limits.h"

static enum error_code authenticate(const struct fixture *fixture, const char *token, const struct peer *peer,
				    struct caller *ret)
{
	struct error err = ERROR_INIT;
	enum error_code code = vault_authenticate(fixture->vault, token, token ? strlen(token) : 0, peer, ret, &err);

	if (code == ERR_DENIED)
		assert_string_equal(err.text, "permission denied");
	return code;
}

static void test_root_token(void **state)
{
	struct fixture *fixture = *state;
	struct caller caller = {0};

	assert_int_equal(strlen(fixture->init.root_token), TOKEN_TEXT_LEN);
	/* Twice: from the store, then from the cache. */
	for (int i = 0; i < 2; i++) {
		caller_release(&caller);
		assert_int_equal(authenticate(fixture, fixture->init.root_token, NULL, &caller), ERR_OK);
		assert_int_equal(caller.kind, CALLER_TOKEN);
		assert_true(caller.root);
		assert_string_equal(caller.display, "root");
		assert_string_equal(caller.path, "auth/token/root");
		assert_int_equal(strlen(caller.accessor), 32);
		assert_int_equal(caller.created, START_TIME);
		assert_int_equal(caller.expires, 0);
	}
	caller_release(&caller);
}

static void test_bad_tokens(void **state)
{
	struct fixture *fixture = *state;
	const struct peer owner = { .known = true, .uid = FIXTURE_OWNER };
	char other[TOKEN_TEXT_LEN + 1], changed[TOKEN_TEXT_LEN + 1], long_text[LIMIT_TOKEN_LEN + 2];
	struct caller caller;

	token_text_make("svc", other);
	assert_int_equal(authenticate(fixture, other, NULL, &caller), ERR_DENIED);
	memcpy(changed, fixture->init.root_token, sizeof(changed));
	changed[20] = changed[20] == 'a' ? 'b' : 'a';
	assert_int_equal(authenticate(fixture, changed, NULL, &caller), ERR_DENIED);
	assert_int_equal(authenticate(fixture, "vlt_", NULL, &caller), ERR_DENIED);
	assert_int_equal(authenticate(fixture, "root", NULL, &caller), ERR_DENIED);
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_int_equal(authenticate(fixture, long_text, NULL, &caller), ERR_DENIED);
	/* A bad token is not made good by the socket it came over. */
	assert_int_equal(authenticate(fixture, other, &owner, &caller), ERR_DENIED);
	assert_int_equal(authenticate(fixture, "x", &owner, &caller), ERR_DENIED);
}

static void test_peers(void **state)
{
	struct fixture *fixture = *state;
	struct peer peer = { .known = true, .uid = FIXTURE_OWNER, .gid = 7, .pid = 1 };
	struct caller caller;
	struct error err = ERROR_INIT;

	assert_int_equal(authenticate(fixture, NULL, &peer, &caller), ERR_OK);
	assert_int_equal(caller.kind, CALLER_PEER);
	assert_true(caller.root);
	assert_string_equal(caller.display, "uid-4242");
	assert_string_equal(caller.accessor, "");
	assert_int_equal(caller.gid, 7);
	assert_int_equal(authenticate(fixture, "", &peer, &caller), ERR_OK);
	peer.uid = FIXTURE_OWNER + 1;
	assert_int_equal(authenticate(fixture, NULL, &peer, &caller), ERR_OK);
	assert_false(caller.root);
	assert_int_equal(vault_authorize(fixture->vault, &caller, CAP_READ, "secret/data/x", &err), ERR_DENIED);
	peer.uid = 0;
	assert_int_equal(authenticate(fixture, NULL, &peer, &caller), ERR_OK);
	assert_false(caller.root);
	peer.known = false;
	assert_int_equal(authenticate(fixture, NULL, &peer, &caller), ERR_DENIED);
	assert_int_equal(authenticate(fixture, NULL, NULL, &caller), ERR_DENIED);
}

/* -- nothing is allowed to the others ------------------------------------------ */

struct attempt {
	struct fixture *fixture;
	const struct caller *caller;
	const struct kv_target *target;
};

static enum error_code try_changes(const struct attempt *attempt, enum kv_change kind)
{
	struct error err = ERROR_INIT;
	const int64_t one = 1;
	struct vault_op op;

	op_init(&op, attempt->fixture, kind, attempt->target->path->text, "{\"A\":\"2\"}", NO_CAS);
	op.caller = attempt->caller;
	op.revision = 1;
	op.revisions = &one;
	op.revisions_len = 1;
	op.metadata.has_max_versions = true;
	return vault_submit_wait(attempt->fixture->vault, &op, &err);
}

static void assert_all_denied(const struct attempt *attempt)
{
	struct vault *vault = attempt->fixture->vault;
	const struct mount_info *mount = &attempt->fixture->mount;
	const struct kv_metadata_change config = {0};
	union {
		struct kv_read_result read;
		struct kv_resolved resolved;
		struct kv_history history;
		struct kv_diff diff;
		struct name_list list;
		struct kv_config config;
	} ret;
	struct json_value patch;
	struct mount_info *mounts;
	size_t mounts_len;
	struct error err = ERROR_INIT;

	assert_int_equal(json_scan("{\"allow_names\":null}", 20, &patch, &err), ERR_OK);
	for (enum kv_change kind = KV_PUT; kind <= KV_METADATA_DELETE; kind++)
		assert_int_equal(try_changes(attempt, kind), ERR_DENIED);
	assert_int_equal(kv_read(vault, attempt->caller, attempt->target, 0, &ret.read, &err), ERR_DENIED);
	assert_int_equal(kv_read_metadata(vault, attempt->caller, attempt->target, &ret.read, &err), ERR_DENIED);
	assert_int_equal(kv_resolve(vault, attempt->caller, attempt->target, 0, &ret.resolved, &err), ERR_DENIED);
	assert_int_equal(kv_history(vault, attempt->caller, attempt->target, NULL, 0, 9, &ret.history, &err),
			 ERR_DENIED);
	assert_int_equal(kv_diff(vault, attempt->caller, attempt->target, 0, attempt->target, 0, &ret.diff, &err),
			 ERR_DENIED);
	assert_int_equal(kv_list(vault, attempt->caller, mount, "", "secret/metadata/", &ret.list, &err), ERR_DENIED);
	assert_int_equal(kv_config_read(vault, attempt->caller, mount, &ret.config, &err), ERR_DENIED);
	assert_int_equal(kv_config_write(vault, attempt->caller, mount, &config, &err), ERR_DENIED);
	assert_int_equal(kv_settings_write(vault, attempt->caller, attempt->target, &patch, &err), ERR_DENIED);
	assert_int_equal(vault_mounts(vault, attempt->caller, &mounts, &mounts_len, &err), ERR_DENIED);
	assert_int_equal(vault_seal(vault, attempt->caller, &err), ERR_DENIED);
}

static void test_default_deny(void **state)
{
	struct fixture *fixture = *state;
	const struct caller callers[] = {
		{ .kind = CALLER_ANONYMOUS },
		{ .kind = CALLER_ANONYMOUS, .root = true },
		{ .kind = CALLER_PEER, .uid = 1 },
		{ .kind = CALLER_TOKEN, .display = "service" },
	};

	assert_int_equal(put(fixture, "there", "{\"A\":\"1\"}"), ERR_OK);
	for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
		struct attempt attempt = { .fixture = fixture, .caller = &callers[i] };

		attempt.target = target_of(fixture, "there");
		assert_all_denied(&attempt);
		attempt.target = target_of(fixture, "not-there");
		assert_all_denied(&attempt);
	}
	assert_state(fixture, "there", "1/1: 1- | A=1#1@1");
	assert_state(fixture, "not-there", "none");
}

/* -- states -------------------------------------------------------------------- */

static void assert_all_sealed(struct fixture *fixture)
{
	struct kv_read_result read = {0};
	struct kv_metadata_change config = {0};
	struct caller caller;
	struct mount_info mount;
	struct name_list list;
	struct error err = ERROR_INIT;
	const struct peer peer = { .known = true, .uid = FIXTURE_OWNER };

	assert_int_equal(put(fixture, "there", "{}"), ERR_SEALED);
	assert_int_equal(kv_read(fixture->vault, &fixture->root, target_of(fixture, "there"), 0, &read, &err),
			 ERR_SEALED);
	assert_int_equal(kv_list(fixture->vault, &fixture->root, &fixture->mount, "", "secret/metadata/", &list, &err),
			 ERR_SEALED);
	assert_int_equal(kv_config_write(fixture->vault, &fixture->root, &fixture->mount, &config, &err), ERR_SEALED);
	assert_int_equal(vault_mount_of(fixture->vault, "secret", &mount, &err), ERR_SEALED);
	assert_int_equal(vault_authorize(fixture->vault, &fixture->root, CAP_READ, "secret/data/x", &err), ERR_SEALED);
	assert_int_equal(vault_seal(fixture->vault, &fixture->root, &err), ERR_SEALED);
	assert_int_equal(authenticate(fixture, fixture->init.root_token, NULL, &caller), ERR_SEALED);
	assert_int_equal(authenticate(fixture, NULL, &peer, &caller), ERR_SEALED);
	assert_string_equal(err.text, "Vault is sealed");
}

static void test_seal_and_unseal(void **state)
{
	struct fixture *fixture = *state;
	struct vault_status status;
	struct error err = ERROR_INIT;
	uint8_t wrong[32] = {0};
	const struct slot_secret slot = { .type = SLOT_KEY_FILE, .key = wrong, .key_len = sizeof(wrong) };
	char cluster[37];

	assert_int_equal(put(fixture, "sealed", "{\"A\":\"1\"}"), ERR_OK);
	vault_status(fixture->vault, &status);
	assert_true(status.initialized && !status.sealed && status.personal);
	assert_int_equal(status.shares, 1);
	assert_int_equal(status.threshold, 1);
	assert_int_equal(strlen(status.cluster_id), 36);
	assert_memory_equal(status.cluster_name, "vault-cluster-", 14);
	assert_memory_equal(status.cluster_name + 14, status.cluster_id, 8);
	memcpy(cluster, status.cluster_id, sizeof(cluster));

	assert_int_equal(vault_seal(fixture->vault, &fixture->root, &err), ERR_OK);
	vault_status(fixture->vault, &status);
	assert_true(status.initialized && status.sealed);
	assert_string_equal(status.cluster_id, "");
	assert_string_equal(status.cluster_name, "");
	assert_all_sealed(fixture);
	assert_int_equal(vault_unseal(fixture->vault, &slot, &err), ERR_UNSEAL_FAILED);
	assert_all_sealed(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	vault_status(fixture->vault, &status);
	assert_string_equal(status.cluster_id, cluster);
	assert_state(fixture, "sealed", "1/1: 1- | A=1#1@1");
}

static void test_init_once(void **state)
{
	struct fixture *fixture = *state;
	struct vault_init_result result = {0};
	struct error err = ERROR_INIT;

	assert_int_equal(vault_init(fixture->vault, NULL, NULL, &result, &err), ERR_ALREADY_INITIALIZED);
	assert_string_equal(err.text, "Vault is already initialized");
	assert_string_equal(result.root_token, "");
}

/* A vault of its own, not initialised yet. */
static struct vault *empty_vault(char *directory)
{
	const struct vault_options options = {
		.records = {
			.directory = mkdtemp(directory),
			.max_size = 1u << 28,
			.skip_walk = true,
			.clock = clock_system,
		},
	};
	struct vault *vault = NULL;
	struct error err = ERROR_INIT;

	if (vault_open(&options, &vault, &err) != ERR_OK)
		fail_msg("vault_open: %s", err.text);
	return vault;
}

static void test_not_initialized(void **state)
{
	struct fixture *fixture = *state;
	char directory[] = "/tmp/vault-core-XXXXXX", long_token[256 + 1], command[64];
	struct vault *vault;
	const struct slot_secret slot = { .type = SLOT_KEY_FILE, .key = fixture->init.key, .key_len = 32 };
	struct vault_init_result result = {0};
	struct vault_status status;
	struct error err = ERROR_INIT;
	struct caller caller;

	/* A process has one arena of keys, hence one vault at a time. */
	vault_close(fixture->vault);
	fixture->vault = NULL;
	vault = empty_vault(directory);
	vault_status(vault, &status);
	assert_false(status.initialized || !status.sealed || status.personal);
	assert_int_equal(status.shares, 0);
	assert_int_equal(vault_unseal(vault, &slot, &err), ERR_NOT_INITIALIZED);
	error_clear(&err);
	assert_int_equal(vault_authenticate(vault, "root", 4, NULL, &caller, &err), ERR_SEALED);
	error_clear(&err);
	/* Bad root tokens leave it as it is. */
	memset(long_token, 'x', 256);
	long_token[256] = '\0';
	assert_int_equal(vault_init(vault, NULL, long_token, &result, &err), ERR_INVALID);
	assert_int_equal(vault_init(vault, NULL, "", &result, &err), ERR_INVALID);
	error_clear(&err);
	/* A dev server's token is taken as it stands, and a slot of one's own gives no key back. */
	assert_int_equal(vault_init(vault, &slot, "root", &result, &err), ERR_OK);
	assert_string_equal(result.root_token, "root");
	assert_false(result.has_key);
	assert_int_equal(vault_authenticate(vault, "root", 4, NULL, &caller, &err), ERR_OK);
	assert_true(caller.root);
	caller_release(&caller);
	assert_int_equal(vault_authenticate(vault, "roo", 3, NULL, &caller, &err), ERR_DENIED);
	vault_close(vault);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	assert_int_equal(system(command), 0);
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
}

/* -- mounts -------------------------------------------------------------------- */

static void test_mounts(void **state)
{
	static const char *const paths[] = { "auth/peer/", "auth/token/", "cubbyhole/", "identity/", "resolved/", "secret/",
					     "sys/" };
	struct fixture *fixture = *state;
	struct mount_info *mounts = NULL, mount;
	struct error err = ERROR_INIT;
	size_t len = 0;

	assert_int_equal(vault_mounts(fixture->vault, &fixture->root, &mounts, &len, &err), ERR_OK);
	assert_int_equal(len, ARRAY_LEN(paths));
	for (size_t i = 0; i < len; i++)
		assert_string_equal(mounts[i].path, paths[i]);
	assert_string_equal(mounts[5].type, "kv");
	assert_int_equal(mounts[5].version, 2);
	assert_memory_equal(mounts[5].accessor, "kv_", 3);
	free(mounts);
	assert_int_equal(vault_mount_of(fixture->vault, "secret/data/x", &mount, &err), ERR_OK);
	assert_string_equal(mount.path, "secret/");
	assert_int_equal(vault_mount_of(fixture->vault, "auth/token/lookup-self", &mount, &err), ERR_OK);
	assert_string_equal(mount.path, "auth/token/");
	assert_int_equal(vault_mount_of(fixture->vault, "secrets/x", &mount, &err), ERR_NOT_FOUND);
	assert_int_equal(vault_mount_of(fixture->vault, "secre", &mount, &err), ERR_NOT_FOUND);
	assert_int_equal(vault_mount_of(fixture->vault, "", &mount, &err), ERR_NOT_FOUND);
}

/* A mount that is not KV version 2 holds no environments. */
static void test_wrong_mount(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	struct mount_info mount;
	struct vault_op op;

	assert_int_equal(vault_mount_of(fixture->vault, "cubbyhole/", &mount, &err), ERR_OK);
	op_init(&op, fixture, KV_PUT, "x", "{}", NO_CAS);
	op.target.mount = &mount;
	assert_int_equal(vault_submit_wait(fixture->vault, &op, &err), ERR_INVALID);
	error_clear(&err);
	memset(mount.uuid, 0, sizeof(mount.uuid));
	assert_int_equal(vault_submit_wait(fixture->vault, &op, &err), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root_token),
		cmocka_unit_test(test_bad_tokens),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_default_deny),
		cmocka_unit_test(test_seal_and_unseal),
		cmocka_unit_test(test_init_once),
		cmocka_unit_test(test_not_initialized),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_wrong_mount),
	};

	return cmocka_run_group_tests_name("identity", tests, fixture_start, fixture_stop);
}
