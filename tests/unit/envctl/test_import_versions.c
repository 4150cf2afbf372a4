/*
 * Imports: what metadata say, which versions are copies, what is done, and where it goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <stdlib.h>

#include "cmd/import_versions.h"
#include "vault/json_emit.h"

static struct version_list *list;

static enum error_code parse(const char *text, struct error *err)
{
	struct json_value data;

	error_clear(err);
	assert_int_equal(json_scan(text, strlen(text), &data, err), ERR_OK);
	return version_list_parse(&data, list, err);
}

static void test_metadata(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(parse("{\"current_version\":10,\"max_versions\":7,\"cas_required\":true,"
			       "\"delete_version_after\":\"1h30m\",\"versions\":{"
			       "\"10\":{\"created_time\":\"2020-01-01T00:00:00Z\",\"deletion_time\":\"\"},"
			       "\"2\":{\"deletion_time\":\"2020-01-01T00:00:00Z\",\"destroyed\":false},"
			       "\"9\":{\"destroyed\":true}}}",
			       &err),
			 ERR_OK);
	assert_int_equal(list->current, 10);
	assert_int_equal(list->len, 3);
	assert_int_equal(list->entries[0].number, 2);
	assert_true(list->entries[0].timed);
	assert_int_equal(version_list_state(list, 2), VERSION_READABLE);
	assert_int_equal(version_list_state(list, 3), VERSION_ABSENT);
	assert_int_equal(version_list_state(list, 9), VERSION_DESTROYED);
	assert_string_equal(version_list_find(list, 10)->created, "2020-01-01T00:00:00Z");
	assert_false(version_list_find(list, 10)->timed);
	assert_int_equal(list->max_versions, 7);
	assert_true(list->cas_required);
	assert_int_equal(list->delete_after, 5400);
	assert_false(list->odd_settings);
	version_list_single(list);
	assert_int_equal(list->len, 1);
	assert_int_equal(version_list_state(list, 1), VERSION_READABLE);
	assert_int_equal(list->max_versions, 7);
	assert_int_equal(parse("{\"current_version\":0,\"versions\":null}", &err), ERR_OK);
	assert_int_equal(list->len, 0);
}

static void test_metadata_that_cannot_be(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"current_version\":1}",
		"{\"versions\":{}}",
		"{\"current_version\":-1,\"versions\":{}}",
		"{\"current_version\":9223372036854775807,\"versions\":{}}",
		"{\"current_version\":1e3,\"versions\":{}}",
		"{\"current_version\":1,\"versions\":[]}",
		"{\"current_version\":1,\"versions\":{\"2\":{}}}",
		"{\"current_version\":1,\"versions\":{\"0\":{}}}",
		"{\"current_version\":1,\"versions\":{\"01\":{}}}",
		"{\"current_version\":1,\"versions\":{\"\":{}}}",
		"{\"current_version\":1,\"versions\":{\"1x\":{}}}",
		"{\"current_version\":1,\"versions\":{\"-1\":{}}}",
		"{\"current_version\":1,\"versions\":{\"1\":null}}",
		"{\"current_version\":1,\"versions\":{\"99999999999999999999\":{}}}",
	};
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		print_message("# %s\n", bad[i]);
		assert_int_equal(parse(bad[i], &err), ERR_PROTOCOL);
	}
}

static void test_settings_over_the_limits(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(parse("{\"current_version\":0,\"versions\":{},\"max_versions\":1000}", &err), ERR_OK);
	assert_false(list->odd_settings);
	assert_int_equal(parse("{\"current_version\":0,\"versions\":{},\"max_versions\":1001}", &err), ERR_OK);
	assert_true(list->odd_settings);
	assert_int_equal(list->max_versions, LIMIT_MAX_VERSIONS);
	assert_int_equal(parse("{\"current_version\":0,\"versions\":{},\"delete_version_after\":\"1.5s\"}", &err),
			 ERR_OK);
	assert_true(list->odd_settings);
	assert_int_equal(list->delete_after, 0);
}

/* The newest LIMIT_MAX_VERSIONS are kept, in whatever order they come. */
static void test_more_versions_than_fit(void **state)
{
	struct secret_buf *text = secret_buf_new(1024 * 1024);
	struct error err = ERROR_INIT;

	(void)state;
	json_emit_raw(text, "{\"current_version\":1200,\"versions\":{");
	for (unsigned i = 0; i < 1200; i++) {
		char entry[32];

		snprintf(entry, sizeof(entry), "%s\"%u\":{}", i > 0 ? "," : "", (i * 7) % 1200 + 1);
		json_emit_raw(text, entry);
	}
	json_emit_raw(text, "}}");
	secret_buf_append_char(text, '\0');
	assert_int_equal(parse(secret_buf_text(text), &err), ERR_OK);
	assert_int_equal(list->len, LIMIT_MAX_VERSIONS);
	assert_int_equal(list->left_out, 200);
	for (size_t i = 0; i < list->len; i++)
		assert_int_equal(list->entries[i].number, 201 + i);
	secret_buf_free(text);
}

static void test_matches(void **state)
{
	const enum version_state A = VERSION_ABSENT, R = VERSION_READABLE, D = VERSION_DELETED, X = VERSION_DESTROYED;
	const struct {
		enum version_state source, ours;
		bool equal, empty;
		enum version_match match;
		bool mark;
	} rows[] = {
		{R, R, true, false, MATCH_YES, false},	     {R, R, false, false, MATCH_NO, false},
		{R, R, false, true, MATCH_NO, false},	     {R, D, false, false, MATCH_NO, false},
		{R, X, false, false, MATCH_NO, false},	     {R, A, false, false, MATCH_FITS, false},
		{D, R, false, true, MATCH_FITS, true},	     {D, R, false, false, MATCH_UNPROVEN, true},
		{D, D, false, false, MATCH_FITS, false},     {D, X, false, false, MATCH_FITS, false},
		{D, A, false, false, MATCH_FITS, false},     {X, R, false, true, MATCH_FITS, true},
		{X, R, false, false, MATCH_UNPROVEN, true},  {X, D, false, false, MATCH_FITS, true},
		{X, X, false, false, MATCH_FITS, false},     {A, R, false, true, MATCH_FITS, true},
		{A, R, false, false, MATCH_UNPROVEN, false}, {A, D, false, false, MATCH_FITS, false},
		{A, X, false, false, MATCH_FITS, false},     {A, A, false, false, MATCH_FITS, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("# row %zu\n", i);
		assert_int_equal(version_compare(rows[i].source, rows[i].ours, rows[i].equal, rows[i].empty),
				 rows[i].match);
		assert_int_equal(version_needs_mark(rows[i].source, rows[i].ours, rows[i].empty), rows[i].mark);
	}
}

static void test_decisions(void **state)
{
	static const struct {
		uint64_t theirs, ours;
		bool same, marked, update;
		enum import_action action;
	} rows[] = {
		{5, 0, true, false, false, IMPORT_NEW},	     {5, 0, true, true, true, IMPORT_NEW},
		{0, 0, true, false, false, IMPORT_NEW},	     {0, 0, true, true, false, IMPORT_EQUAL},
		{5, 3, true, true, false, IMPORT_RESUME},    {5, 3, true, true, true, IMPORT_RESUME},
		{5, 5, true, true, false, IMPORT_EQUAL},     {5, 5, true, false, false, IMPORT_RESUME},
		{5, 5, false, true, false, IMPORT_CONFLICT}, {5, 5, false, true, true, IMPORT_UPDATE},
		{5, 6, true, true, false, IMPORT_CONFLICT},  {5, 6, true, true, true, IMPORT_UPDATE},
		{5, 1, false, true, false, IMPORT_CONFLICT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("# row %zu\n", i);
		assert_int_equal(import_decide(rows[i].theirs, rows[i].ours, rows[i].same, rows[i].marked,
					       rows[i].update),
				 rows[i].action);
	}
}

static void test_targets(void **state)
{
	static const struct {
		const char *path, *prefix, *to, *target; /* target NULL: refused */
	} rows[] = {
		{"shop/a", "", NULL, "shop/a"},
		{"shop/a", "shop", NULL, "shop/a"},
		{"shop/a", "shop", "x/y", "x/y/a"},
		{"shop", "shop", "x", "x"},
		{"a", "", "x", "x/a"},
		{"a b", "", NULL, NULL},
		{"a//b", "", NULL, NULL},
		{"../a", "", "x", NULL},
		{"shop/..", "shop", "x", NULL},
		{"", "", NULL, NULL},
		{"a/b/c/d/e/f/g/h", "", NULL, "a/b/c/d/e/f/g/h"},
		{"a/b/c/d/e/f/g/h", "", "x", NULL},
		{"a/b/c/d/e/f/g/h/i", "a", "x", NULL},
		{"a/b/c/d/e/f/g/h", "a", "x", "x/b/c/d/e/f/g/h"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct env_path env;
		struct error err = ERROR_INIT;

		print_message("# %s\n", rows[i].path);
		enum error_code rc = import_target(rows[i].path, rows[i].prefix, rows[i].to, &env, &err);
		assert_int_equal(rc, rows[i].target != NULL ? ERR_OK : ERR_INVALID);
		if (rows[i].target != NULL)
			assert_string_equal(env.text, rows[i].target);
	}
}

static enum error_code check(struct secret_buf *text, struct error *err)
{
	struct json_value data;

	error_clear(err);
	assert_int_equal(json_scan(secret_buf_text(text), secret_buf_len(text), &data, err), ERR_OK);
	return import_check_values(&data, "version 1", err);
}

/* N and N + 1 of each, and no value or name in the sentence. */
static void test_values(void **state)
{
	struct secret_buf *text = secret_buf_new(8 * 1024 * 1024);
	struct error err = ERROR_INIT;

	(void)state;
	for (unsigned len = LIMIT_VARIABLE_NAME_LEN; len <= LIMIT_VARIABLE_NAME_LEN + 1; len++) {
		secret_buf_reset(text);
		json_emit_raw(text, "{\"");
		for (unsigned i = 0; i < len; i++)
			secret_buf_append_char(text, 'n');
		json_emit_raw(text, "\":\"hunter2\"}");
		assert_int_equal(check(text, &err), len == LIMIT_VARIABLE_NAME_LEN ? ERR_OK : ERR_INVALID);
	}
	assert_null(strstr(err.text, "hunter2"));
	for (unsigned count = LIMIT_VARIABLES; count <= LIMIT_VARIABLES + 1; count++) {
		secret_buf_reset(text);
		for (unsigned i = 0; i < count; i++) {
			char member[32];

			snprintf(member, sizeof(member), "%c\"n%u\":1", i > 0 ? ',' : '{', i);
			json_emit_raw(text, member);
		}
		json_emit_raw(text, "}");
		assert_int_equal(check(text, &err), count == LIMIT_VARIABLES ? ERR_OK : ERR_TOO_LARGE);
	}
	for (unsigned more = 0; more <= 1; more++) {
		secret_buf_reset(text);
		json_emit_raw(text, "{\"A\":\"");
		while (secret_buf_len(text) < LIMIT_BODY_DATA - LIMIT_BODY_SMALL - 2 + more)
			secret_buf_append_char(text, 'v');
		json_emit_raw(text, "\"}");
		assert_int_equal(check(text, &err), more == 0 ? ERR_OK : ERR_TOO_LARGE);
	}
	secret_buf_reset(text);
	json_emit_raw(text, "{\"\":1}");
	assert_int_equal(check(text, &err), ERR_INVALID);
	secret_buf_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_metadata_that_cannot_be),
		cmocka_unit_test(test_settings_over_the_limits),
		cmocka_unit_test(test_more_versions_than_fit),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_values),
	};

	list = calloc(1, sizeof(*list));
	if (list == NULL)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(list);
	return failed;
}
