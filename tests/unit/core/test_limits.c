/* Sizes at the limit and one over it. */
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

static enum error_code put_text(const struct fixture *fixture, const char *path, const char *json, size_t len,
				struct error *err)
{
	enum error_code code;
	struct vault_op op;

	op_init(&op, fixture, KV_PUT, path, NULL, NO_CAS);
	assert_int_equal(json_scan(json, len, &op.data, err), ERR_OK);
	code = vault_submit_wait(fixture->vault, &op, err);
	vault_op_release(&op);
	return code;
}

/* {"A":"vvv…"} with a value of len bytes. */
static char *one_value(size_t len, size_t *ret_len)
{
	char *text = malloc(len + 16);

	assert_non_null(text);
	memcpy(text, "{\"A\":\"", 6);
	memset(text + 6, 'v', len);
	memcpy(text + 6 + len, "\"}", 3);
	*ret_len = len + 8;
	return text;
}

static enum error_code put_value(const struct fixture *fixture, const char *path, size_t len, struct error *err)
{
	size_t text_len;
	char *text = one_value(len, &text_len);
	enum error_code code = put_text(fixture, path, text, text_len, err);

	free(text);
	return code;
}

/* What an environment of one variable A takes beside the value. */
static size_t overhead(const struct fixture *fixture)
{
	const struct variable variable = { .name = { .at = "A", .len = 1 } };
	struct variable copy = variable;
	const struct revision_record record = {
		.actor = { .at = fixture->root.display, .len = (uint32_t)strlen(fixture->root.display) },
		.accessor = { .at = fixture->root.accessor, .len = (uint32_t)strlen(fixture->root.accessor) },
		.variables = &copy,
		.variables_len = 1,
	};

	return revision_encoded_len(&record);
}

static void test_environment_size(void **state)
{
	struct fixture *fixture = *state;
	struct kv_read_result result = {0};
	struct error err = ERROR_INIT;
	size_t most = LIMIT_REVISION_PLAIN - overhead(fixture);
	char expected[128];

	assert_int_equal(put_value(fixture, "large", most + 1, &err), ERR_TOO_LARGE);
	snprintf(expected, sizeof(expected), "the environment would be %d bytes, the limit is %d",
		 LIMIT_REVISION_PLAIN + 1, LIMIT_REVISION_PLAIN);
	assert_string_equal(err.text, expected);
	assert_state(fixture, "large", "none");
	error_clear(&err);
	assert_int_equal(put_value(fixture, "large", most, &err), ERR_OK);
	assert_int_equal(kv_read(fixture->vault, &fixture->root, target_of(fixture, "large"), 0, &result, &err),
			 ERR_OK);
	assert_int_equal(result.revision.variables[0].value.len, most);
	assert_int_equal(result.revision.variables[0].value.at[most - 1], 'v');
	kv_read_result_free(&result);
	/* A patch that would make it too large. */
	assert_int_equal(change(fixture, KV_PATCH, "large", "{\"B\":\"\"}"), ERR_TOO_LARGE);
	assert_int_equal(change(fixture, KV_PATCH, "large", "{\"A\":\"\"}"), ERR_OK);
}

static void test_values_for_vault_clients(void **state)
{
	struct fixture *fixture = *state;
	struct kv_read_result result = {0};
	struct error err = ERROR_INIT;

	assert_int_equal(put(fixture, "nul", "{\"A\":\"x\\u0000y\"}"), ERR_OK);
	assert_int_equal(kv_read(fixture->vault, &fixture->root, target_of(fixture, "nul"), 0, &result, &err), ERR_OK);
	assert_int_equal(result.revision.variables[0].value.len, 3);
	assert_memory_equal(result.revision.variables[0].value.at, "x\0y", 3);
	kv_read_result_free(&result);
	/* Longer than execve() takes. */
	assert_int_equal(put_value(fixture, "nul", LIMIT_EXEC_STRING + 100, &err), ERR_OK);
}

static char *many_variables(size_t count)
{
	char *text = malloc(count * 16 + 16);
	size_t len = 1;

	assert_non_null(text);
	text[0] = '{';
	for (size_t i = 0; i < count; i++)
		len += (size_t)sprintf(text + len, "%s\"N%zu\":\"\"", i > 0 ? "," : "", i);
	strcpy(text + len, "}");
	return text;
}

static void test_variable_count(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	char *text = many_variables(LIMIT_VARIABLES + 1);

	assert_int_equal(put_text(fixture, "many", text, strlen(text), &err), ERR_TOO_LARGE);
	free(text);
	error_clear(&err);
	text = many_variables(LIMIT_VARIABLES);
	assert_int_equal(put_text(fixture, "many", text, strlen(text), &err), ERR_OK);
	/* Names as long as the list must fit a history as well. */
	assert_int_equal(change(fixture, KV_PATCH, "many", "{\"one-more\":\"\"}"), ERR_TOO_LARGE);
	assert_int_equal(change(fixture, KV_PATCH, "many", "{\"one-more\":\"\",\"N0\":null}"), ERR_OK);
	free(text);
}

/* All 10,000 names are added, changed and removed: the lists of names have room for them. */
static void test_large_history(void **state)
{
	struct fixture *fixture = *state;
	struct kv_history history = {0};
	struct error err = ERROR_INIT;
	char *text = many_variables(LIMIT_VARIABLES);

	assert_int_equal(put_text(fixture, "all", text, strlen(text), &err), ERR_OK);
	assert_int_equal(put(fixture, "all", "{}"), ERR_OK);
	free(text);
	assert_int_equal(
		kv_history(fixture->vault, &fixture->root, target_of(fixture, "all"), NULL, 0, 9, &history, &err),
		ERR_OK);
	assert_int_equal(history.len, 2);
	assert_int_equal(history.entries[0].removed.count, LIMIT_VARIABLES);
	assert_int_equal(history.entries[1].added.count, LIMIT_VARIABLES);
	kv_history_free(&history);
}

static enum error_code put_message(const struct fixture *fixture, const char *message, size_t len)
{
	struct vault_op op;

	op_init(&op, fixture, KV_PUT, "message", "{}", NO_CAS);
	op.message = message;
	op.message_len = len;
	return op_run(fixture, &op);
}

static void test_messages(void **state)
{
	struct fixture *fixture = *state;
	char text[LIMIT_MESSAGE_LEN + 1];

	memset(text, 'm', sizeof(text));
	assert_int_equal(put_message(fixture, text, LIMIT_MESSAGE_LEN + 1), ERR_INVALID);
	assert_int_equal(put_message(fixture, text, LIMIT_MESSAGE_LEN), ERR_OK);
	assert_int_equal(put_message(fixture, "\xff", 1), ERR_INVALID);
	assert_int_equal(put_message(fixture, "a\0b", 3), ERR_INVALID);
	assert_int_equal(put_message(fixture, "", 0), ERR_OK);
}

static void test_longest_path(void **state)
{
	struct fixture *fixture = *state;
	char path[LIMIT_ENV_PATH_LEN + 1];

	memset(path, 'p', LIMIT_ENV_PATH_LEN);
	path[LIMIT_ENV_PATH_LEN] = '\0';
	for (size_t i = LIMIT_ENV_SEGMENT_LEN; i < LIMIT_ENV_PATH_LEN; i += LIMIT_ENV_SEGMENT_LEN + 1)
		path[i] = '/';
	assert_int_equal(put(fixture, path, "{\"A\":\"1\"}"), ERR_OK);
	assert_state(fixture, path, "1/1: 1- | A=1#1@1");
}

/* As many revisions as may be kept, each in the head. */
static void test_most_revisions(void **state)
{
	struct fixture *fixture = *state;
	struct kv_read_result result = {0};
	struct error err = ERROR_INIT;
	char json[64];

	snprintf(json, sizeof(json), "{\"max_versions\":%d}", LIMIT_MAX_VERSIONS);
	assert_int_equal(metadata(fixture, KV_METADATA_PUT, "revisions", json), ERR_OK);
	for (int i = 0; i < LIMIT_MAX_VERSIONS + 1; i++)
		assert_int_equal(put(fixture, "revisions", "{}"), ERR_OK);
	assert_int_equal(
		kv_read_metadata(fixture->vault, &fixture->root, target_of(fixture, "revisions"), &result, &err),
		ERR_OK);
	assert_int_equal(result.head.oldest, 2);
	assert_int_equal(result.head.revisions_len, LIMIT_MAX_VERSIONS);
	kv_read_result_free(&result);
	/* All at once. */
	assert_int_equal(metadata(fixture, KV_METADATA_PUT, "revisions", "{\"max_versions\":1}"), ERR_OK);
	assert_int_equal(put(fixture, "revisions", "{}"), ERR_OK);
	assert_state(fixture, "revisions", "1002/1002: 1002- | ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environment_size),
		cmocka_unit_test(test_values_for_vault_clients),
		cmocka_unit_test(test_variable_count),
		cmocka_unit_test(test_large_history),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_longest_path),
		cmocka_unit_test(test_most_revisions),
	};

	return cmocka_run_group_tests_name("limits", tests, fixture_start, fixture_stop);
}
