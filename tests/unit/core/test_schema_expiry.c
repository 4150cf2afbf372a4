/* What has ended meanwhile: an error of the write that gives it, and of no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "resolve_help.h"
#include "schema_help.h"

#define PORT_SCHEMA "# @type=port @required\nPORT=\n"
#define HEADER "eyJhbGciOiJIUzI1NiJ9."
#define CLAIMS "eyJleHAiOjEwMDAwMDAwMDB9"	/* {"exp":1000000000} */
#define ENDED HEADER CLAIMS ".c2ln"
#define ENDS HEADER "eyJleHAiOjE3MDAwMDEwMDB9.c2ln"	/* {"exp":1700001000}, after START_TIME */
#define ENDED_TOO HEADER "eyJleHAiOjEwMDAwMDAwMDF9.c2ln"

/* Nobody wrote it: what has ended meanwhile keeps nobody from writing something else. */
static void what_has_ended_is_an_error_of_who_gives_it(void **state)
{
	struct outcome outcome;

	must_write(*state, KV_PUT, "x/a", "{\"JWT\":\"" ENDED_TOO "\",\"PORT\":\"1\"}", NULL, NULL);
	must_write(*state, KV_PUT, "x/a", "{\"JWT\":\"" ENDED "\",\"PORT\":\"1\"}", NULL, NULL);
	schema_must(*state, "x/a", PORT_SCHEMA "# @required=false\nJWT=\n# @required=false\nOTHER=\n", NULL);
	outcome = write_judged(*state, NULL, KV_PATCH, "x/a", "{\"PORT\":\"2\"}", 0);
	assert_int_equal(outcome.code, ERR_OK);
	assert_true(has(&outcome, "JWT/expired") && outcome.errors == 0 && outcome.warnings == 1);
	assert_int_equal(write_judged(*state, NULL, KV_PUT, "x/a", "{\"JWT\":\"" ENDED "\",\"PORT\":\"3\"}", 0).code, ERR_OK);
	assert_int_equal(write_judged(*state, NULL, KV_PATCH, "x/a", "{\"JWT\":\"" ENDED_TOO "\"}", 0).code, ERR_SCHEMA);
	assert_int_equal(write_judged(*state, NULL, KV_PATCH, "x/a", "{\"OTHER\":\"" ENDED "\"}", 0).code, ERR_SCHEMA);
	assert_int_equal(write_judged(*state, NULL, KV_ROLLBACK, "x/a", NULL, 1).code, ERR_SCHEMA);
	assert_int_equal(write_judged(*state, NULL, KV_ROLLBACK, "x/a", NULL, 2).code, ERR_OK);
	/* The rest is what it was: what does not fit is refused, with the remark. */
	outcome = write_judged(*state, NULL, KV_PATCH, "x/a", "{\"PORT\":\"x\"}", 0);
	assert_true(outcome.code == ERR_SCHEMA && outcome.errors == 1 && has(&outcome, "JWT/expired"));
	/* Deleted and given again is given; so is the first of all. */
	assert_int_equal(change(*state, KV_DELETE, "x/a", NULL), ERR_OK);
	assert_int_equal(write_judged(*state, NULL, KV_PUT, "x/a", "{\"JWT\":\"" ENDED "\",\"PORT\":\"3\"}", 0).code, ERR_SCHEMA);
	schema_must(*state, "x/new", "# @required=false\nJWT=\n", NULL);
	assert_int_equal(write_judged(*state, NULL, KV_PUT, "x/new", "{\"JWT\":\"" ENDED "\"}", 0).code, ERR_SCHEMA);
	/* A check of all of it says what it is. */
	outcome = check_with(*state, NULL, "x/a", "{\"JWT\":\"" ENDED "\",\"PORT\":\"3\"}", NULL, false, SCHEMA_REQUIRED_AS_WRITTEN);
	assert_true(outcome.errors == 1 && has(&outcome, "JWT/expired"));
}

static void time_refuses_no_write(void **state)
{
	struct fixture *fixture = *state;
	struct outcome outcome;

	schema_must(*state, "xt/a", PORT_SCHEMA "# @required=false\nJWT=\n", NULL);
	outcome = write_judged(*state, NULL, KV_PUT, "xt/a", "{\"JWT\":\"" ENDS "\",\"PORT\":\"1\"}", 0);
	assert_true(outcome.code == ERR_OK && has(&outcome, "JWT/expires"));
	fixture->now += 1000 * SECOND;
	outcome = write_judged(*state, NULL, KV_PATCH, "xt/a", "{\"PORT\":\"2\"}", 0);
	assert_true(outcome.code == ERR_OK && has(&outcome, "JWT/expired"));
}

static void what_has_ended_in_what_it_is_put_together_from(void **state)
{
	struct error err = ERROR_INIT;

	must_write(*state, KV_PUT, "xp/base", "{\"JWT\":\"" ENDED "\",\"BODY\":\"" CLAIMS "\"}", NULL, NULL);
	must_write(*state, KV_PUT, "xp/a", "{}", NULL, NULL);
	extend(*state, "xp/a", "[\"xp/base\"]");
	must_write(*state, KV_PUT, "xp/a", "{\"PORT\":\"1\",\"H\":\"" HEADER "\",\"T\":\"${H}${BODY}.c2ln\"}", "[\"T\"]", NULL);
	schema_must(*state, "xp/a", "# @defaultRequired=false\n# ---\nPORT=\nH=\nJWT=\nT=\nBODY=\n", NULL);
	assert_int_equal(write_judged(*state, NULL, KV_PATCH, "xp/a", "{\"PORT\":\"2\"}", 0).code, ERR_OK);
	/* The same by other words. */
	assert_int_equal(write_judged(*state, NULL, KV_PATCH, "xp/a", "{\"T\":\"" HEADER "${BODY}.c2ln\"}", 0).code, ERR_OK);
	assert_int_equal(write_judged(*state, NULL, KV_PATCH, "xp/a", "{\"T\":\"${H}${BODY}.c2ln\"}", 0).code, ERR_OK);
	assert_int_equal(write_kinds(*state, KV_PATCH, "xp/a", "{\"T\":\"" ENDED "\"}", "[]", NULL, &err), ERR_OK);
	assert_int_equal(write_judged(*state, NULL, KV_ROLLBACK, "xp/a", NULL, 2).code, ERR_OK);
	/* What a template takes in has changed, and it with it; so has one that gives what another gives. */
	assert_int_equal(write_judged(*state, NULL, KV_PATCH, "xp/a", "{\"BODY\":\"eyJleHAiOjEwMDAwMDAwMDF9\"}", 0).code, ERR_SCHEMA);
	assert_int_equal(write_kinds(*state, KV_PATCH, "xp/a", "{\"U\":\"${JWT}\"}", "[\"U\"]", NULL, &err), ERR_SCHEMA);
	/* Taken away, and the same behind it; or another. */
	schema_must(*state, "xp/a", NULL, "warn");
	assert_int_equal(write_judged(*state, NULL, KV_PATCH, "xp/a", "{\"JWT\":\"" ENDED "\"}", 0).code, ERR_OK);
	schema_must(*state, "xp/a", NULL, "enforce");
	assert_int_equal(write_judged(*state, NULL, KV_PATCH, "xp/a", "{\"JWT\":null}", 0).code, ERR_OK);
	schema_must(*state, "xp/a", NULL, "warn");
	assert_int_equal(write_judged(*state, NULL, KV_PATCH, "xp/a", "{\"JWT\":\"" ENDED_TOO "\"}", 0).code, ERR_OK);
	schema_must(*state, "xp/a", NULL, "enforce");
	assert_int_equal(write_judged(*state, NULL, KV_PATCH, "xp/a", "{\"JWT\":null}", 0).code, ERR_SCHEMA);
}

/* Whether what he gives is there already is not told to who may not read it. */
static void what_has_ended_tells_no_guess(void **state)
{
	static const char *const writes = "secret/data/xg/a=cup", *const reads = "secret/data/xg/a=crup";
	struct error err = ERROR_INIT;
	struct outcome outcome;

	must_write(*state, KV_PUT, "xg/far", "{\"JWT\":\"" ENDED "\"}", NULL, NULL);
	must_write(*state, KV_PUT, "xg/a", "{\"JWT\":\"" ENDED "\",\"PORT\":\"1\"}", NULL, NULL);
	schema_must(*state, "xg/a", "# @defaultRequired=false\n# ---\nPORT=\nJWT=\nT=\n", NULL);
	outcome = write_judged(*state, writes, KV_PATCH, "xg/a", "{\"PORT\":\"2\"}", 0);
	assert_true(outcome.code == ERR_OK && outcome.codes[0] == '\0' && outcome.hidden == 0);
	assert_int_equal(write_judged(*state, writes, KV_PATCH, "xg/a", "{\"JWT\":\"" ENDED "\"}", 0).code, ERR_SCHEMA);
	assert_int_equal(write_judged(*state, writes, KV_PATCH, "xg/a", "{\"JWT\":\"" ENDED_TOO "\"}", 0).code, ERR_SCHEMA);
	assert_int_equal(write_judged(*state, writes, KV_ROLLBACK, "xg/a", NULL, 1).code, ERR_SCHEMA);
	assert_int_equal(write_judged(*state, reads, KV_PATCH, "xg/a", "{\"JWT\":\"" ENDED "\"}", 0).code, ERR_OK);
	/* Nor what a template gave, of which he may not read all. */
	schema_must(*state, "xg/a", NULL, "warn");
	assert_int_equal(write_kinds(*state, KV_PATCH, "xg/a", "{\"T\":\"${xg/far:JWT}\"}", "[\"T\"]", NULL, &err), ERR_OK);
	schema_must(*state, "xg/a", NULL, "enforce");
	assert_int_equal(write_judged(*state, reads, KV_PATCH, "xg/a", "{\"T\":\"" ENDED "\"}", 0).code, ERR_SCHEMA);
	assert_int_equal(write_judged(*state, reads, KV_PATCH, "xg/a", "{\"T\":\"" ENDED_TOO "\"}", 0).code, ERR_SCHEMA);
	assert_int_equal(write_judged(*state, NULL, KV_PATCH, "xg/a", "{\"T\":\"" ENDED "\"}", 0).code, ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_ended_is_an_error_of_who_gives_it),
		cmocka_unit_test(time_refuses_no_write),
		cmocka_unit_test(what_has_ended_in_what_it_is_put_together_from),
		cmocka_unit_test(what_has_ended_tells_no_guess),
	};

	return cmocka_run_group_tests_name("core_schema_expiry", tests, fixture_start, fixture_stop);
}
