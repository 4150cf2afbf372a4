/* The semantics of KV version 2, as a table of stories: each row a change, its outcome and the state after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "vault/limits.h"

enum step_kind { PUT, PATCH, ROLLBACK, DELETE, DELETE_LISTED, UNDELETE, DESTROY, METADATA, METADATA_PATCH, DROP,
		 WAIT, CONFIG };

struct step {
	enum step_kind kind;
	const char *text;	/* data, list, metadata or configuration */
	int64_t number;		/* cas, revision to roll back to, or seconds to wait */
	enum error_code outcome;
	const char *state;	/* after it */
};

/* Every story has an environment of its own name. */
#define STORY(name) static const struct step name[]

STORY(counters) = {
	{ PUT, "{\"A\":\"1\",\"B\":2}", NO_CAS, ERR_OK, "1/1: 1- | A=1#1@1 B:2#1@1" },
	{ PUT, "{\"A\":\"1\",\"B\":3}", NO_CAS, ERR_OK, "2/1: 1- 2- | A=1#1@1 B:3#2@2" },
	{ PUT, "{\"B\":3}", NO_CAS, ERR_OK, "3/1: 1- 2- 3- | B:3#2@2" },
	{ PUT, "{\"A\":\"1\",\"B\":3}", NO_CAS, ERR_OK, "4/1: 1- 2- 3- 4- | A=1#1@4 B:3#2@2" },
	{ PUT, "{}", NO_CAS, ERR_OK, "5/1: 1- 2- 3- 4- 5- | " },
};

STORY(cas) = {
	{ PUT, "{}", 1, ERR_CAS, "none" },
	{ PUT, "{}", -1, ERR_CAS, "none" },
	{ PUT, "{\"A\":\"1\"}", 0, ERR_OK, "1/1: 1- | A=1#1@1" },
	{ PUT, "{\"A\":\"2\"}", 0, ERR_CAS, "1/1: 1- | A=1#1@1" },
	{ PUT, "{\"A\":\"2\"}", 2, ERR_CAS, "1/1: 1- | A=1#1@1" },
	{ PUT, "{\"A\":\"2\"}", 1, ERR_OK, "2/1: 1- 2- | A=2#2@2" },
	{ DELETE, NULL, 0, ERR_OK, "2/1: 1- 2d | gone" },
	{ PUT, "{\"A\":\"3\"}", 0, ERR_CAS, "2/1: 1- 2d | gone" },
	{ PUT, "{\"A\":\"3\"}", 2, ERR_OK, "3/1: 1- 2d 3- | A=3#3@3" },
	{ PATCH, "{\"A\":\"4\"}", 2, ERR_CAS, "3/1: 1- 2d 3- | A=3#3@3" },
	{ PATCH, "{\"A\":\"4\"}", 3, ERR_OK, "4/1: 1- 2d 3- 4- | A=4#4@4" },
};

STORY(cas_required) = {
	{ METADATA, "{\"cas_required\":true}", 0, ERR_OK, "0/0: | missing" },
	{ PUT, "{}", NO_CAS, ERR_INVALID, "0/0: | missing" },
	{ PUT, "{\"A\":\"1\"}", 0, ERR_OK, "1/1: 1- | A=1#1@1" },
	{ PUT, "{}", NO_CAS, ERR_INVALID, "1/1: 1- | A=1#1@1" },
	{ PATCH, "{}", NO_CAS, ERR_INVALID, "1/1: 1- | A=1#1@1" },
	{ ROLLBACK, NULL, 1, ERR_INVALID, "1/1: 1- | A=1#1@1" },
	{ METADATA_PATCH, "{\"cas_required\":false}", 0, ERR_OK, "1/1: 1- | A=1#1@1" },
	{ PUT, "{\"A\":\"2\"}", NO_CAS, ERR_OK, "2/1: 1- 2- | A=2#2@2" },
};

STORY(mount_cas_required) = {
	{ CONFIG, "c", 0, ERR_OK, "none" },
	{ PUT, "{}", NO_CAS, ERR_INVALID, "none" },
	{ PUT, "{}", 0, ERR_OK, "1/1: 1- | " },
	{ CONFIG, "", 0, ERR_OK, "1/1: 1- | " },
	{ PUT, "{}", NO_CAS, ERR_OK, "2/1: 1- 2- | " },
};

STORY(deleting) = {
	{ DELETE, NULL, 0, ERR_OK, "none" },
	{ DELETE_LISTED, "1", 0, ERR_OK, "none" },
	{ UNDELETE, "1", 0, ERR_OK, "none" },
	{ DESTROY, "1", 0, ERR_OK, "none" },
	{ PUT, "{\"A\":\"1\"}", NO_CAS, ERR_OK, "1/1: 1- | A=1#1@1" },
	{ PUT, "{\"A\":\"2\"}", NO_CAS, ERR_OK, "2/1: 1- 2- | A=2#2@2" },
	{ PUT, "{\"A\":\"3\"}", NO_CAS, ERR_OK, "3/1: 1- 2- 3- | A=3#3@3" },
	{ DELETE, NULL, 0, ERR_OK, "3/1: 1- 2- 3d | gone" },
	{ DELETE, NULL, 0, ERR_OK, "3/1: 1- 2- 3d | gone" },
	{ UNDELETE, "3,99,-1,0", 0, ERR_OK, "3/1: 1- 2- 3- | A=3#3@3" },
	{ DELETE_LISTED, "1,3,3,77", 0, ERR_OK, "3/1: 1d 2- 3d | gone" },
	{ DESTROY, "1,2,50", 0, ERR_OK, "3/1: 1x 2x 3d | gone" },
	{ DESTROY, "1", 0, ERR_OK, "3/1: 1x 2x 3d | gone" },
	{ UNDELETE, "1,2,3", 0, ERR_OK, "3/1: 1x 2x 3- | A=3#3@3" },
	/* What was written over a deleted revision goes on counting, over a destroyed one begins anew. */
	{ DELETE, NULL, 0, ERR_OK, "3/1: 1x 2x 3d | gone" },
	{ PUT, "{\"A\":\"3\",\"B\":\"x\"}", NO_CAS, ERR_OK, "4/1: 1x 2x 3d 4- | A=3#3@3 B=x#1@4" },
	{ DESTROY, "4", 0, ERR_OK, "4/1: 1x 2x 3d 4x | gone" },
	{ DELETE, NULL, 0, ERR_OK, "4/1: 1x 2x 3d 4x | gone" },
	{ PUT, "{\"A\":\"3\"}", NO_CAS, ERR_OK, "5/1: 1x 2x 3d 4x 5- | A=3#1@5" },
	{ DROP, NULL, 0, ERR_OK, "none" },
	{ DROP, NULL, 0, ERR_OK, "none" },
	{ PUT, "{\"A\":\"3\"}", 0, ERR_OK, "1/1: 1- | A=3#1@1" },
};

STORY(pruning) = {
	{ METADATA, "{\"max_versions\":3}", 0, ERR_OK, "0/0: | missing" },
	{ PUT, "{\"A\":\"1\"}", NO_CAS, ERR_OK, "1/1: 1- | A=1#1@1" },
	{ PUT, "{\"A\":\"2\"}", NO_CAS, ERR_OK, "2/1: 1- 2- | A=2#2@2" },
	{ DESTROY, "1", 0, ERR_OK, "2/1: 1x 2- | A=2#2@2" },
	{ PUT, "{\"A\":\"3\"}", NO_CAS, ERR_OK, "3/1: 1x 2- 3- | A=3#3@3" },
	{ PUT, "{\"A\":\"4\"}", NO_CAS, ERR_OK, "4/2: 2- 3- 4- | A=4#4@4" },
	{ PUT, "{\"A\":\"5\"}", NO_CAS, ERR_OK, "5/3: 3- 4- 5- | A=5#5@5" },
	/* A lower number takes effect with the next write. */
	{ METADATA, "{\"max_versions\":1}", 0, ERR_OK, "5/3: 3- 4- 5- | A=5#5@5" },
	{ PUT, "{\"A\":\"6\"}", NO_CAS, ERR_OK, "6/6: 6- | A=6#6@6" },
	{ DELETE_LISTED, "5,6", 0, ERR_OK, "6/6: 6d | gone" },
	{ UNDELETE, "6", 0, ERR_OK, "6/6: 6- | A=6#6@6" },
	/* 0 is the mount's number again. */
	{ CONFIG, "m", 2, ERR_OK, "6/6: 6- | A=6#6@6" },
	{ METADATA, "{\"max_versions\":0}", 0, ERR_OK, "6/6: 6- | A=6#6@6" },
	{ PUT, "{}", NO_CAS, ERR_OK, "7/6: 6- 7- | " },
	{ PUT, "{}", NO_CAS, ERR_OK, "8/7: 7- 8- | " },
	{ CONFIG, "", 0, ERR_OK, "8/7: 7- 8- | " },
	{ PUT, "{}", NO_CAS, ERR_OK, "9/7: 7- 8- 9- | " },
	{ METADATA, "{\"max_versions\":1001}", 0, ERR_INVALID, "9/7: 7- 8- 9- | " },
	{ METADATA, "{\"max_versions\":-1}", 0, ERR_INVALID, "9/7: 7- 8- 9- | " },
	{ METADATA, "{\"max_versions\":1000}", 0, ERR_OK, "9/7: 7- 8- 9- | " },
};

STORY(expiry) = {
	{ METADATA, "{\"delete_version_after\":60}", 0, ERR_OK, "0/0: | missing" },
	{ PUT, "{\"A\":\"1\"}", NO_CAS, ERR_OK, "1/1: 1f | A=1#1@1" },
	{ WAIT, NULL, 59, ERR_OK, "1/1: 1f | A=1#1@1" },
	{ WAIT, NULL, 1, ERR_OK, "1/1: 1d | gone" },
	/* Undeleting starts the time anew. */
	{ UNDELETE, "1", 0, ERR_OK, "1/1: 1f | A=1#1@1" },
	{ WAIT, NULL, 59, ERR_OK, "1/1: 1f | A=1#1@1" },
	{ DELETE, NULL, 0, ERR_OK, "1/1: 1d | gone" },
	{ METADATA, "{\"delete_version_after\":-1}", 0, ERR_OK, "1/1: 1d | gone" },
	{ UNDELETE, "1", 0, ERR_OK, "1/1: 1- | A=1#1@1" },
	/* The sooner of the mount's and the environment's own. */
	{ CONFIG, "d", 30, ERR_OK, "1/1: 1- | A=1#1@1" },
	{ PUT, "{}", NO_CAS, ERR_OK, "2/1: 1- 2- | " },
	{ METADATA, "{\"delete_version_after\":60}", 0, ERR_OK, "2/1: 1- 2- | " },
	{ PUT, "{}", NO_CAS, ERR_OK, "3/1: 1- 2- 3f | " },
	{ WAIT, NULL, 30, ERR_OK, "3/1: 1- 2- 3d | gone" },
	{ PATCH, "{}", NO_CAS, ERR_DELETED, "3/1: 1- 2- 3d | gone" },
	{ CONFIG, "", 0, ERR_OK, "3/1: 1- 2- 3d | gone" },
};

STORY(patching) = {
	{ PATCH, "{\"A\":\"1\"}", NO_CAS, ERR_NOT_FOUND, "none" },
	{ METADATA, "{\"max_versions\":0}", 0, ERR_OK, "0/0: | missing" },
	{ PATCH, "{\"A\":\"1\"}", NO_CAS, ERR_NOT_FOUND, "0/0: | missing" },
	{ PUT, "{\"A\":\"1\",\"O\":{\"x\":1.10,\"y\":2}}", NO_CAS, ERR_OK,
	 "1/1: 1- | A=1#1@1 O:{\"x\":1.10,\"y\":2}#1@1" },
	{ PATCH, "{\"B\":\"2\",\"O\":{\"y\":null}}", NO_CAS, ERR_OK, "2/1: 1- 2- | A=1#1@1 B=2#1@2 O:{\"x\":1.10}#2@2" },
	{ PATCH, "{\"A\":null,\"Z\":null}", NO_CAS, ERR_OK, "3/1: 1- 2- 3- | B=2#1@2 O:{\"x\":1.10}#2@2" },
	{ PATCH, "{\"A\":\"1\"}", NO_CAS, ERR_OK, "4/1: 1- 2- 3- 4- | A=1#1@4 B=2#1@2 O:{\"x\":1.10}#2@2" },
	{ PATCH, "[]", NO_CAS, ERR_INVALID, "4/1: 1- 2- 3- 4- | A=1#1@4 B=2#1@2 O:{\"x\":1.10}#2@2" },
	{ DELETE, NULL, 0, ERR_OK, "4/1: 1- 2- 3- 4d | gone" },
	{ PATCH, "{\"A\":\"2\"}", NO_CAS, ERR_DELETED, "4/1: 1- 2- 3- 4d | gone" },
	{ DESTROY, "4", 0, ERR_OK, "4/1: 1- 2- 3- 4x | gone" },
	{ PATCH, "{\"A\":\"2\"}", NO_CAS, ERR_DELETED, "4/1: 1- 2- 3- 4x | gone" },
};

STORY(rolling_back) = {
	{ ROLLBACK, NULL, 1, ERR_NOT_FOUND, "none" },
	{ PUT, "{\"A\":\"1\",\"B\":\"x\"}", NO_CAS, ERR_OK, "1/1: 1- | A=1#1@1 B=x#1@1" },
	{ PUT, "{\"A\":\"2\",\"B\":\"x\"}", NO_CAS, ERR_OK, "2/1: 1- 2- | A=2#2@2 B=x#1@1" },
	{ ROLLBACK, NULL, 1, ERR_OK, "3/1: 1- 2- 3- | A=1#3@3 B=x#1@1" },
	{ ROLLBACK, NULL, 0, ERR_NOT_FOUND, "3/1: 1- 2- 3- | A=1#3@3 B=x#1@1" },
	{ ROLLBACK, NULL, 4, ERR_NOT_FOUND, "3/1: 1- 2- 3- | A=1#3@3 B=x#1@1" },
	{ DELETE_LISTED, "1", 0, ERR_OK, "3/1: 1d 2- 3- | A=1#3@3 B=x#1@1" },
	{ ROLLBACK, NULL, 1, ERR_DELETED, "3/1: 1d 2- 3- | A=1#3@3 B=x#1@1" },
	{ UNDELETE, "1", 0, ERR_OK, "3/1: 1- 2- 3- | A=1#3@3 B=x#1@1" },
	{ DESTROY, "1", 0, ERR_OK, "3/1: 1x 2- 3- | A=1#3@3 B=x#1@1" },
	{ ROLLBACK, NULL, 1, ERR_DELETED, "3/1: 1x 2- 3- | A=1#3@3 B=x#1@1" },
	{ DELETE, NULL, 0, ERR_OK, "3/1: 1x 2- 3d | gone" },
	{ ROLLBACK, NULL, 2, ERR_OK, "4/1: 1x 2- 3d 4- | A=2#4@4 B=x#1@1" },
};

STORY(metadata_only) = {
	{ METADATA_PATCH, "{\"max_versions\":5}", 0, ERR_NOT_FOUND, "none" },
	{ METADATA, "{}", 0, ERR_OK, "none" },
	{ METADATA, "{\"custom_metadata\":{\"owner\":\"a\"}}", 0, ERR_OK, "0/0: | missing" },
	{ DELETE, NULL, 0, ERR_OK, "0/0: | missing" },
	{ PUT, "{}", 0, ERR_OK, "1/1: 1- | " },
	{ METADATA, "{\"custom_metadata\":{\"a\":1}}", 0, ERR_INVALID, "1/1: 1- | " },
};

STORY(bad_data) = {
	{ PUT, "[]", NO_CAS, ERR_INVALID, "none" },
	{ PUT, "{\"\":1}", NO_CAS, ERR_INVALID, "none" },
	{ PUT, "{\"a\\u0000\":1}", NO_CAS, ERR_INVALID, "none" },
};

static enum error_code configure(struct fixture *fixture, const struct step *step)
{
	struct kv_metadata_change config = { .has_cas_required = true, .has_max_versions = true, .has_delete_after = true };
	struct error err = ERROR_INIT;

	config.cas_required = strcmp(step->text, "c") == 0;
	config.max_versions = strcmp(step->text, "m") == 0 ? step->number : 0;
	config.delete_after_s = strcmp(step->text, "d") == 0 ? step->number : 0;
	return kv_config_write(fixture->vault, &fixture->root, &fixture->mount, &config, &err);
}

static enum error_code roll_back(struct fixture *fixture, const char *path, int64_t revision)
{
	struct vault_op op;

	op_init(&op, fixture, KV_ROLLBACK, path, NULL, NO_CAS);
	op.revision = (uint64_t)revision;
	return op_run(fixture, &op);
}

static enum error_code take(struct fixture *fixture, const char *path, const struct step *step)
{
	struct vault_op op;

	switch (step->kind) {
	case PUT:
		return put_cas(fixture, path, step->text, step->number);
	case PATCH:
		op_init(&op, fixture, KV_PATCH, path, step->text, step->number);
		return op_run(fixture, &op);
	case ROLLBACK:
		return roll_back(fixture, path, step->number);
	case DELETE:
		return change(fixture, KV_DELETE, path, NULL);
	case DELETE_LISTED:
		return change_listed(fixture, KV_DELETE_REVISIONS, path, step->text);
	case UNDELETE:
		return change_listed(fixture, KV_UNDELETE, path, step->text);
	case DESTROY:
		return change_listed(fixture, KV_DESTROY, path, step->text);
	case METADATA:
		return metadata(fixture, KV_METADATA_PUT, path, step->text);
	case METADATA_PATCH:
		return metadata(fixture, KV_METADATA_PATCH, path, step->text);
	case DROP:
		return change(fixture, KV_METADATA_DELETE, path, NULL);
	case WAIT:
		fixture->now += step->number * SECOND;
		return ERR_OK;
	case CONFIG:
		return configure(fixture, step);
	}
	return ERR_INTERNAL;
}

static void tell(void **state, const char *path, const struct step *steps, size_t len)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < len; i++) {
		enum error_code outcome = take(fixture, path, &steps[i]);
		char text[2048];

		describe(fixture, path, text, sizeof(text));
		if (outcome != steps[i].outcome || strcmp(text, steps[i].state) != 0)
			fail_msg("%s, step %zu: %s and \"%s\" instead of %s and \"%s\"", path, i + 1,
				 error_name(outcome), text, error_name(steps[i].outcome), steps[i].state);
	}
}

#define TEST_STORY(name) \
	static void test_##name(void **state) \
	{ \
		tell(state, "story/" #name, name, sizeof(name) / sizeof(name[0])); \
	}

TEST_STORY(counters)
TEST_STORY(cas)
TEST_STORY(cas_required)
TEST_STORY(mount_cas_required)
TEST_STORY(deleting)
TEST_STORY(pruning)
TEST_STORY(expiry)
TEST_STORY(patching)
TEST_STORY(rolling_back)
TEST_STORY(metadata_only)
TEST_STORY(bad_data)

/* -- what a story does not show --------------------------------------------- */

static uint64_t stored_revisions(const struct fixture *fixture)
{
	struct vault_status status;

	vault_status(fixture->vault, &status);
	return status.records.n_revisions;
}

/* 100 are kept when nobody said how many. */
static void test_default_max_versions(void **state)
{
	struct fixture *fixture = *state;
	struct kv_read_result result = {0};
	struct error err = ERROR_INIT;
	uint64_t stored = stored_revisions(fixture);

	for (int i = 0; i < DEFAULT_MAX_VERSIONS + 1; i++)
		assert_int_equal(put(fixture, "many", "{\"A\":\"1\"}"), ERR_OK);
	assert_int_equal(kv_read_metadata(fixture->vault, &fixture->root, target_of(fixture, "many"), &result, &err),
			 ERR_OK);
	assert_int_equal(result.head.current, DEFAULT_MAX_VERSIONS + 1);
	assert_int_equal(result.head.oldest, 2);
	assert_int_equal(result.head.revisions_len, DEFAULT_MAX_VERSIONS);
	kv_read_result_free(&result);
	assert_content(fixture, "many", 1, "missing");
	assert_content(fixture, "many", 2, "A=1#1@1");
	/* What is pruned, destroyed or dropped leaves the store. */
	assert_int_equal(stored_revisions(fixture), stored + DEFAULT_MAX_VERSIONS);
	assert_int_equal(change_listed(fixture, KV_DESTROY, "many", "2,3,101"), ERR_OK);
	assert_int_equal(stored_revisions(fixture), stored + DEFAULT_MAX_VERSIONS - 3);
	assert_int_equal(put(fixture, "many", "{}"), ERR_OK);
	assert_int_equal(stored_revisions(fixture), stored + DEFAULT_MAX_VERSIONS - 2);
	assert_int_equal(change(fixture, KV_METADATA_DELETE, "many", NULL), ERR_OK);
	assert_int_equal(stored_revisions(fixture), stored);
}

static void test_old_revisions_stay(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(put(fixture, "old", "{\"A\":\"1\"}"), ERR_OK);
	assert_int_equal(put(fixture, "old", "{\"A\":\"2\"}"), ERR_OK);
	assert_int_equal(put(fixture, "old", "{\"A\":\"3\"}"), ERR_OK);
	assert_int_equal(change_listed(fixture, KV_DELETE_REVISIONS, "old", "2"), ERR_OK);
	assert_content(fixture, "old", 1, "A=1#1@1");
	assert_content(fixture, "old", 2, "gone");
	assert_content(fixture, "old", 3, "A=3#3@3");
	assert_content(fixture, "old", 0, "A=3#3@3");
	assert_content(fixture, "old", 4, "missing");
}

static void test_results_and_times(void **state)
{
	struct fixture *fixture = *state;
	struct vault_op op;
	struct error err = ERROR_INIT;
	struct kv_read_result result = {0};
	int64_t created = fixture->now;

	op_init(&op, fixture, KV_METADATA_PUT, "times", NULL, NO_CAS);
	op.metadata.has_custom = true;
	assert_int_equal(json_scan("{\"owner\":\"ops\"}", 15, &op.metadata.custom, &err), ERR_OK);
	assert_int_equal(vault_submit_wait(fixture->vault, &op, &err), ERR_OK);
	assert_int_equal(op.result.revision, 0);
	vault_op_release(&op);

	fixture->now += SECOND;
	op_init(&op, fixture, KV_PUT, "times", "{\"A\":\"1\"}", NO_CAS);
	assert_int_equal(vault_submit_wait(fixture->vault, &op, &err), ERR_OK);
	assert_int_equal(op.result.revision, 1);
	assert_int_equal(op.result.created, created + SECOND);
	assert_int_equal(op.result.deletion, 0);
	assert_false(op.result.destroyed);
	assert_int_equal(op.head.custom_len, 1);
	assert_memory_equal(op.head.custom[0].value.at, "ops", 3);
	vault_op_release(&op);

	/* A deletion is no write: updated_time stays; a change of metadata moves it. */
	fixture->now += SECOND;
	assert_int_equal(change(fixture, KV_DELETE, "times", NULL), ERR_OK);
	assert_int_equal(kv_read_metadata(fixture->vault, &fixture->root, target_of(fixture, "times"), &result, &err),
			 ERR_OK);
	assert_int_equal(result.head.created, created);
	assert_int_equal(result.head.updated, created + SECOND);
	assert_int_equal(result.version.deletion, created + 2 * SECOND);
	assert_false(result.readable);
	kv_read_result_free(&result);
	fixture->now += SECOND;
	assert_int_equal(metadata(fixture, KV_METADATA_PATCH, "times", "{\"custom_metadata\":{\"owner\":null}}"),
			 ERR_OK);
	assert_int_equal(kv_read_metadata(fixture->vault, &fixture->root, target_of(fixture, "times"), &result, &err),
			 ERR_OK);
	assert_int_equal(result.head.updated, created + 3 * SECOND);
	assert_int_equal(result.head.custom_len, 0);
	kv_read_result_free(&result);
}

static void assert_texts(const struct fixture *fixture, uint64_t revision, const char *message)
{
	struct kv_read_result result = {0};
	struct error err = ERROR_INIT;

	assert_int_equal(kv_read(fixture->vault, &fixture->root, target_of(fixture, "who"), revision, &result, &err),
			 ERR_OK);
	assert_int_equal(result.revision.actor.len, strlen(fixture->root.display));
	assert_memory_equal(result.revision.actor.at, fixture->root.display, result.revision.actor.len);
	assert_int_equal(result.revision.accessor.len, 32);
	assert_memory_equal(result.revision.accessor.at, fixture->root.accessor, 32);
	assert_int_equal(result.revision.message.len, strlen(message));
	assert_memory_equal(result.revision.message.at, message, result.revision.message.len);
	kv_read_result_free(&result);
}

static void test_who_and_why(void **state)
{
	struct fixture *fixture = *state;
	struct vault_op op;

	op_init(&op, fixture, KV_PUT, "who", "{\"A\":\"1\"}", NO_CAS);
	op.message = "first";
	op.message_len = 5;
	assert_int_equal(op_run(fixture, &op), ERR_OK);
	assert_int_equal(roll_back(fixture, "who", 1), ERR_OK);
	op_init(&op, fixture, KV_ROLLBACK, "who", NULL, NO_CAS);
	op.revision = 2;
	op.message = "own words";
	op.message_len = 9;
	assert_int_equal(op_run(fixture, &op), ERR_OK);
	assert_int_equal(put(fixture, "who", "{}"), ERR_OK);
	assert_texts(fixture, 1, "first");
	assert_texts(fixture, 2, "rollback to revision 1");
	assert_texts(fixture, 3, "own words");
	assert_texts(fixture, 4, "");
}

static void test_list(void **state)
{
	struct fixture *fixture = *state;
	struct name_list list = {0};
	struct error err = ERROR_INIT;

	assert_int_equal(kv_list(fixture->vault, &fixture->root, &fixture->mount, "listed/", "secret/metadata/listed/",
				 &list, &err),
			 ERR_NOT_FOUND);
	error_clear(&err);
	assert_int_equal(put(fixture, "listed/b", "{}"), ERR_OK);
	assert_int_equal(put(fixture, "listed/b/c", "{}"), ERR_OK);
	assert_int_equal(metadata(fixture, KV_METADATA_PUT, "listed/a", "{\"max_versions\":1}"), ERR_OK);
	assert_int_equal(change(fixture, KV_DELETE, "listed/b", NULL), ERR_OK);
	assert_int_equal(kv_list(fixture->vault, &fixture->root, &fixture->mount, "listed/", "secret/metadata/listed/",
				 &list, &err),
			 ERR_OK);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.block_len, 7);
	assert_memory_equal(list.block, "a\0b\0b/", 7);
	name_list_free(&list);
	assert_int_equal(change(fixture, KV_METADATA_DELETE, "listed/b", NULL), ERR_OK);
	assert_int_equal(kv_list(fixture->vault, &fixture->root, &fixture->mount, "listed/", "secret/metadata/listed/",
				 &list, &err),
			 ERR_OK);
	assert_int_equal(list.count, 2);
	name_list_free(&list);
	assert_int_equal(kv_list(fixture->vault, &fixture->root, &fixture->mount, "listed", "secret/metadata/listed",
				 &list, &err),
			 ERR_INVALID);
}

/* Everything is there after closing and opening, names too. */
static void test_reopen(void **state)
{
	struct fixture *fixture = *state;
	struct kv_metadata_change config = { .has_max_versions = true, .max_versions = 9, .has_delete_after = true, .delete_after_s = -5 };
	const struct kv_metadata_change required = { .has_cas_required = true, .cas_required = true };
	struct kv_config read;
	struct name_list list = {0};
	struct error err = ERROR_INIT;

	assert_int_equal(put(fixture, "kept/x", "{\"A\":\"1\"}"), ERR_OK);
	assert_int_equal(kv_config_write(fixture->vault, &fixture->root, &fixture->mount, &config, &err), ERR_OK);
	assert_int_equal(kv_config_write(fixture->vault, &fixture->root, &fixture->mount, &required, &err), ERR_OK);
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_state(fixture, "kept/x", "1/1: 1- | A=1#1@1");
	assert_int_equal(
		kv_list(fixture->vault, &fixture->root, &fixture->mount, "kept/", "secret/metadata/kept/", &list, &err),
		ERR_OK);
	assert_int_equal(list.count, 1);
	name_list_free(&list);
	assert_int_equal(kv_config_read(fixture->vault, &fixture->root, &fixture->mount, &read, &err), ERR_OK);
	assert_true(read.cas_required);
	assert_int_equal(read.max_versions, 9);
	assert_int_equal(read.delete_after_s, -1);
	/* From here on all of it, so that the next tests find what they expect. */
	config = (struct kv_metadata_change){ .has_cas_required = true, .has_max_versions = true, .has_delete_after = true,
					      .max_versions = LIMIT_MAX_VERSIONS + 1 };
	assert_int_equal(kv_config_write(fixture->vault, &fixture->root, &fixture->mount, &config, &err), ERR_INVALID);
	error_clear(&err);
	config.max_versions = LIMIT_MAX_VERSIONS;
	assert_int_equal(kv_config_write(fixture->vault, &fixture->root, &fixture->mount, &config, &err), ERR_OK);
	config.max_versions = 0;
	assert_int_equal(kv_config_write(fixture->vault, &fixture->root, &fixture->mount, &config, &err), ERR_OK);
}

/* -- resolve, settings, the watcher ------------------------------------------ */

static enum error_code resolve(const struct fixture *fixture, uint64_t revision, struct kv_resolved *ret)
{
	struct error err = ERROR_INIT;

	return kv_resolve(fixture->vault, &fixture->root, target_of(fixture, "resolved"), revision, ret, &err);
}

static enum error_code settings(const struct fixture *fixture, const char *json)
{
	struct error err = ERROR_INIT;
	struct json_value patch;

	assert_int_equal(json_scan(json, strlen(json), &patch, &err), ERR_OK);
	return kv_settings_write(fixture->vault, &fixture->root, target_of(fixture, "resolved"), &patch, &err);
}

static void assert_new_etag(const struct fixture *fixture, char etag[static 64])
{
	struct kv_resolved resolved = {0};

	assert_int_equal(resolve(fixture, 0, &resolved), ERR_OK);
	assert_string_not_equal(resolved.etag, etag);
	memcpy(etag, resolved.etag, 64);
	kv_resolved_free(&resolved);
}

static void test_resolve(void **state)
{
	struct fixture *fixture = *state;
	struct kv_resolved resolved = {0};
	char etag[64] = "";

	assert_int_equal(resolve(fixture, 0, &resolved), ERR_NOT_FOUND);
	assert_int_equal(settings(fixture, "{\"allow_names\":[\"PATH\"]}"), ERR_NOT_FOUND);
	assert_int_equal(put(fixture, "resolved", "{\"A\":\"1\"}"), ERR_OK);
	assert_new_etag(fixture, etag);
	assert_int_equal(put(fixture, "resolved", "{\"A\":\"2\"}"), ERR_OK);
	assert_new_etag(fixture, etag);
	assert_int_equal(settings(fixture, "{\"allow_names\":[\"PATH\",\"LD_PRELOAD\"]}"), ERR_OK);
	assert_new_etag(fixture, etag);
	assert_int_equal(resolve(fixture, 1, &resolved), ERR_OK);
	assert_int_equal(resolved.read.version.revision, 1);
	assert_int_equal(resolved.allow_names_len, 2);
	assert_string_equal(resolved.allow_names[0], "PATH");
	assert_string_equal(resolved.allow_names[1], "LD_PRELOAD");
	kv_resolved_free(&resolved);
	assert_int_equal(settings(fixture, "{\"allow_names\":null}"), ERR_OK);
	assert_new_etag(fixture, etag);
	assert_int_equal(settings(fixture, "{\"allow_names\":null}"), ERR_OK);
	assert_int_equal(resolve(fixture, 0, &resolved), ERR_OK);
	assert_int_equal(resolved.allow_names_len, 0);
	kv_resolved_free(&resolved);
	assert_int_equal(change(fixture, KV_DELETE, "resolved", NULL), ERR_OK);
	assert_int_equal(resolve(fixture, 0, &resolved), ERR_DELETED);
	/* Another environment of the same name. */
	assert_int_equal(change(fixture, KV_METADATA_DELETE, "resolved", NULL), ERR_OK);
	assert_int_equal(put(fixture, "resolved", "{\"A\":\"2\"}"), ERR_OK);
	assert_int_equal(put(fixture, "resolved", "{\"A\":\"2\"}"), ERR_OK);
	assert_new_etag(fixture, etag);
}

static void test_settings_refused(void **state)
{
	static const char *const bad[] = {
		"[]",
		"{}",
		"{\"allow_names\":\"PATH\"}",
		"{\"allow_names\":[1]}",
		"{\"allow_names\":[\"A-B\"]}",
		"{\"allow_names\":[\"\"]}",
		"{\"allow_names\":[\"\\u0041\"]}",
		"{\"other\":[]}",
		"{\"allow_names\":[],\"other\":1}",
	};
	struct fixture *fixture = *state;
	char json[LIMIT_ALLOW_NAMES * 8 + 64] = "{\"allow_names\":[\"A\"";

	assert_int_equal(put(fixture, "resolved", "{}"), ERR_OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(settings(fixture, bad[i]), ERR_INVALID);
	for (int i = 1; i < LIMIT_ALLOW_NAMES; i++)
		strcat(json, ",\"A\"");
	strcat(json, "]}");
	assert_int_equal(settings(fixture, json), ERR_OK);
	strcpy(json + strlen(json) - 2, ",\"A\"]}");
	assert_int_equal(settings(fixture, json), ERR_INVALID);
	assert_int_equal(settings(fixture, "{\"allow_names\":[]}"), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_cas),
		cmocka_unit_test(test_cas_required),
		cmocka_unit_test(test_mount_cas_required),
		cmocka_unit_test(test_deleting),
		cmocka_unit_test(test_pruning),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_patching),
		cmocka_unit_test(test_rolling_back),
		cmocka_unit_test(test_metadata_only),
		cmocka_unit_test(test_bad_data),
		cmocka_unit_test(test_default_max_versions),
		cmocka_unit_test(test_old_revisions_stay),
		cmocka_unit_test(test_results_and_times),
		cmocka_unit_test(test_who_and_why),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_reopen),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_settings_refused),
	};

	return cmocka_run_group_tests_name("kv", tests, fixture_start, fixture_stop);
}
