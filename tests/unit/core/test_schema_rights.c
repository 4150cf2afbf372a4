/* Who may have a schema enforced: what it refuses tells of what it judges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/vault_state.h"
#include "resolve_help.h"
#include "schema_help.h"

#define CANARY "CANARY-7f3a91-never-shown"

static enum error_code settings_as(const struct fixture *fixture, const char *rules, const char *path, const char *settings,
				   struct error *err)
{
	struct caller caller = schema_caller(fixture, rules);
	struct kv_target target = *target_of(fixture, path);
	struct json_value patch = json_of(settings);
	enum error_code code;
	char api_path[256];

	error_clear(err);
	snprintf(api_path, sizeof(api_path), "secret/settings/%s", path);
	target.api_path = api_path;
	code = kv_settings_write(fixture->vault, &caller, &target, &patch, err);
	caller_release(&caller);
	return code;
}

/* Its author reads all of that, or only warns. */
static void a_schema_is_no_question_about_what_its_author_may_not_read(void **state)
{
	static const char guess[] = "# @type=string(startsWith=C) @required=false\nSECRET=\n";
	static const char *const rules[] = {
		/* a child, a child's child, another parent of a child, what a child's template takes */
		"secret/schema/x/lib=cu secret/data/x/lib=r secret/data/x/middle=r secret/data/x/other=r",
		"secret/schema/x/lib=cu secret/data/x/lib=r secret/data/x/end=r secret/data/x/other=r secret/data/x/far=r",
		"secret/schema/x/lib=cu secret/data/x/lib=r secret/data/x/middle=r secret/data/x/end=r secret/data/x/far=r",
		"secret/schema/x/lib=cu secret/data/x/lib=r secret/data/x/middle=r secret/data/x/end=r secret/data/x/other=r",
	};
	const char *all = "secret/schema/x/lib=cu secret/data/x/*=r";
	struct error err = ERROR_INIT;

	must_write(*state, KV_PUT, "x/lib", "{}", NULL, NULL);
	must_write(*state, KV_PUT, "x/far", "{\"F\":\"" CANARY "\"}", NULL, NULL);
	must_write(*state, KV_PUT, "x/other", "{\"SECRET\":\"" CANARY "\"}", NULL, NULL);
	must_write(*state, KV_PUT, "x/middle", "{}", NULL, NULL);
	must_write(*state, KV_PUT, "x/end", "{\"T\":\"${x/far:F}\"}", "[\"T\"]", NULL);
	extend(*state, "x/middle", "[\"x/other\",\"x/lib\"]");
	extend(*state, "x/end", "[\"x/middle\"]");
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		assert_int_equal(schema_set(*state, rules[i], "x/lib", guess, "enforce", &err), ERR_DENIED);
		assert_null(strstr(err.text, "x/middle"));
		assert_null(strstr(err.text, "x/end"));
		assert_null(strstr(err.text, "x/other"));
		assert_null(strstr(err.text, "x/far"));
		assert_int_equal(schema_set(*state, rules[i], "x/lib", guess, "warn", &err), ERR_OK);
		assert_int_equal(schema_set(*state, rules[i], "x/lib", NULL, "enforce", &err), ERR_DENIED);
		assert_int_equal(schema_drop(*state, NULL, "x/lib", &err), ERR_OK);
	}
	assert_int_equal(schema_set(*state, all, "x/lib", guess, "enforce", &err), ERR_OK);
	/* A schema before its environment, which others extend already. */
	assert_int_equal(change(*state, KV_METADATA_DELETE, "x/lib", NULL), ERR_OK);
	assert_int_equal(schema_set(*state, rules[0], "x/lib", guess, NULL, &err), ERR_DENIED);
	assert_int_equal(schema_set(*state, all, "x/lib", guess, NULL, &err), ERR_OK);
}

static void a_template_may_not_be_asked_by_a_schema(void **state)
{
	const char *rules = "secret/schema/y/a=cu secret/data/y/a=rcup";
	const char *all = "secret/schema/y/a=cu secret/data/y/*=rcup";
	struct error err = ERROR_INIT;

	must_write(*state, KV_PUT, "y/far", "{\"F\":\"" CANARY "\"}", NULL, NULL);
	must_write(*state, KV_PUT, "y/a", "{\"T\":\"${y/far:F}\"}", "[\"T\"]", NULL);
	assert_int_equal(schema_set(*state, rules, "y/a", "# @type=string(startsWith=C)\nT=\n", NULL, &err), ERR_DENIED);
	/* Nor while it is deleted, to be brought back. */
	assert_int_equal(change(*state, KV_DELETE, "y/a", NULL), ERR_OK);
	assert_int_equal(schema_set(*state, rules, "y/a", "# @type=string(startsWith=C)\nT=\n", NULL, &err), ERR_DENIED);
	assert_int_equal(schema_set(*state, all, "y/a", "# @type=string(startsWith=C)\nT=\n", NULL, &err), ERR_OK);
}

static void parents_with_an_enforced_schema_are_chosen_by_who_reads(void **state)
{
	const char *blind = "secret/settings/v/a=p secret/data/v/lib=r";
	struct error err = ERROR_INIT;

	must_write(*state, KV_PUT, "v/lib", "{}", NULL, NULL);
	must_write(*state, KV_PUT, "v/a", "{\"SECRET\":\"" CANARY "\"}", NULL, NULL);
	schema_must(*state, "v/lib", "# @type=string(startsWith=X)\nSECRET=\n", "warn");
	assert_int_equal(settings_as(*state, blind, "v/a", "{\"parents\":[\"v/lib\"]}", &err), ERR_OK);
	assert_int_equal(settings_as(*state, blind, "v/a", "{\"parents\":[]}", &err), ERR_OK);
	schema_must(*state, "v/lib", NULL, "enforce");
	assert_int_equal(settings_as(*state, blind, "v/a", "{\"parents\":[\"v/lib\"]}", &err), ERR_DENIED);
	assert_int_equal(settings_as(*state, "secret/settings/v/a=p secret/data/v/*=r", "v/a", "{\"parents\":[\"v/lib\"]}", &err), ERR_OK);
	assert_int_equal(settings_as(*state, blind, "v/a", "{\"parents\":[]}", &err), ERR_OK);
}

/* A parent's template sees the child's values: who chooses the parent gives the template. */
static void parents_are_a_question_to_the_own_schema(void **state)
{
	const char *blind = "secret/settings/z/a=p secret/data/z/lib=r";
	struct error err = ERROR_INIT;

	must_write(*state, KV_PUT, "z/lib", "{\"SECRET\":\"1\",\"PORT\":\"${SECRET}\"}", "[\"PORT\"]", NULL);
	must_write(*state, KV_PUT, "z/a", "{\"SECRET\":\"" CANARY "\"}", NULL, NULL);
	schema_must(*state, "z/a", "SECRET=\n# @type=port @required=false\nPORT=\n", "warn");
	assert_int_equal(settings_as(*state, blind, "z/a", "{\"parents\":[\"z/lib\"]}", &err), ERR_OK);
	assert_int_equal(settings_as(*state, blind, "z/a", "{\"parents\":[]}", &err), ERR_OK);
	schema_must(*state, "z/a", NULL, "enforce");
	assert_int_equal(settings_as(*state, blind, "z/a", "{\"parents\":[\"z/lib\"]}", &err), ERR_DENIED);
	assert_non_null(strstr(err.text, "needs the right to read the environment"));
	assert_int_equal(settings_as(*state, "secret/settings/z/a=p secret/data/z/*=r", "z/a", "{\"parents\":[\"z/lib\"]}", &err), ERR_OK);
	assert_int_equal(settings_as(*state, blind, "z/a", "{\"parents\":[]}", &err), ERR_OK);
}

/* Whose right to delete it is missing is told so, whatever is there: the mount too may be gone. */
static void a_delete_is_decided_before_anything_is_looked_up(void **state)
{
	struct fixture *fixture = *state;
	const struct mount_info mount = fixture->mount;
	struct error err = ERROR_INIT;

	memset(fixture->mount.uuid, 0xa5, sizeof(fixture->mount.uuid));
	assert_int_equal(schema_drop(fixture, "secret/schema/none=ru", "none", &err), ERR_DENIED);
	assert_int_equal(schema_drop(fixture, "secret/schema/none=d", "none", &err), ERR_NOT_FOUND);
	fixture->mount = mount;
	assert_int_equal(schema_drop(fixture, "secret/schema/none=ru", "none", &err), ERR_DENIED);
	assert_int_equal(schema_drop(fixture, "secret/schema/none=d", "none", &err), ERR_OK);
}

/* Whether it resolves tells of names, lengths and environments: of what is read, only. */
static void what_does_not_resolve_is_told_to_who_reads_it(void **state)
{
	const char *near = "secret/data/u/shop=rp secret/data/u/base=r";
	struct outcome there, missing;

	must_write(*state, KV_PUT, "u/far", "{\"F\":\"" CANARY "\"}", NULL, NULL);
	must_write(*state, KV_PUT, "u/base", "{\"M\":\"${u/far:F}\"}", "[\"M\"]", NULL);
	must_write(*state, KV_PUT, "u/shop", "{\"HIDDEN\":\"x\",\"T\":\"${HIDDEN}\"}", "[\"T\"]", NULL);
	schema_must(*state, "u/shop", "# @type=string @required=false\nT=\n", "warn");
	there = write_judged(*state, "secret/data/u/shop=p", KV_PATCH, "u/shop", "{\"T\":\"${HIDDEN}\"}", 0);
	missing = write_judged(*state, "secret/data/u/shop=p", KV_PATCH, "u/shop", "{\"T\":\"${NOT_THERE}\"}", 0);
	assert_int_equal(there.code, ERR_OK);
	assert_int_equal(missing.code, ERR_OK);
	assert_string_equal(there.codes, missing.codes);
	assert_string_equal(there.texts, missing.texts);
	assert_int_equal(there.hidden, missing.hidden);
	missing = findings_now(*state, "secret/data/u/*=r", "u/shop");
	assert_true(has(&missing, "/unresolved"));
	missing = findings_now(*state, "secret/schema/u/shop=cu", "u/shop");
	assert_string_equal(missing.codes, "");
	/* A question is denied whether what it needs is there or not. */
	must_write(*state, KV_PATCH, "u/shop", "{\"T\":\"${HIDDEN}\"}", NULL, NULL);
	extend(*state, "u/shop", "[\"u/base\"]");
	schema_must(*state, "u/shop", NULL, "enforce");
	there = write_judged(*state, near, KV_PATCH, "u/shop", "{\"T\":\"${M}\"}", 0);
	assert_int_equal(there.code, ERR_DENIED);
	assert_int_equal(change(*state, KV_DELETE, "u/far", NULL), ERR_OK);
	missing = write_judged(*state, near, KV_PATCH, "u/shop", "{\"T\":\"${M}\"}", 0);
	assert_int_equal(missing.code, ERR_DENIED);
	assert_string_equal(there.texts, missing.texts);
	assert_string_equal(there.warning, missing.warning);
	missing = findings_now(*state, near, "u/shop");
	assert_false(has(&missing, "/unresolved"));
	assert_int_equal(change_listed(*state, KV_UNDELETE, "u/far", "1"), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_schema_is_no_question_about_what_its_author_may_not_read),
		cmocka_unit_test(a_template_may_not_be_asked_by_a_schema),
		cmocka_unit_test(a_delete_is_decided_before_anything_is_looked_up),
		cmocka_unit_test(what_does_not_resolve_is_told_to_who_reads_it),
		cmocka_unit_test(parents_are_a_question_to_the_own_schema),
		cmocka_unit_test(parents_with_an_enforced_schema_are_chosen_by_who_reads),
	};

	return cmocka_run_group_tests_name("core_schema_rights", tests, fixture_start, fixture_stop);
}
