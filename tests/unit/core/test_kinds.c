/* Templates and masks in writes: which variables are of which kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "resolve_help.h"

static void templates_are_chosen_and_kept(void **state)
{
	const struct fixture *fixture = *state;

	must_write(fixture, KV_PUT, "k/t", "{\"A\":\"1\",\"T\":\"${A}\",\"U\":\"${A}\"}", "[\"T\"]", NULL);
	assert_state(fixture, "k/t", "1/1: 1- | A=1#1@1 T~${A}#1@1 U=${A}#1@1");
	/* Absent: what was a template is one. The text stays, and so does its version. */
	must_write(fixture, KV_PUT, "k/t", "{\"A\":\"2\",\"T\":\"${A}\",\"U\":\"x\"}", NULL, NULL);
	assert_state(fixture, "k/t", "2/1: 1- 2- | A=2#2@2 T~${A}#1@1 U=x#2@2");
	must_write(fixture, KV_PATCH, "k/t", "{\"T\":\"<${A}>\"}", NULL, NULL);
	assert_state(fixture, "k/t", "3/1: 1- 2- 3- | A=2#2@2 T~<${A}>#2@3 U=x#2@2");
	/* Given: exactly these, of what gets a value; a patch may also name what it leaves alone. */
	must_write(fixture, KV_PATCH, "k/t", "{\"A\":\"3\"}", "[\"U\"]", NULL);
	assert_state(fixture, "k/t", "4/1: 1- 2- 3- 4- | A=3#3@4 T~<${A}>#2@3 U~x#3@4");
	must_write(fixture, KV_PUT, "k/t", "{\"A\":\"3\",\"T\":\"<${A}>\",\"U\":\"x\"}", "[\"U\",\"U\"]", NULL);
	assert_content(fixture, "k/t", 0, "A=3#3@4 T=<${A}>#3@5 U~x#3@4");
	must_write(fixture, KV_PUT, "k/t", "{\"T\":1}", NULL, NULL);
	assert_content(fixture, "k/t", 0, "T:1#4@6");
	assert_int_equal(change(fixture, KV_PATCH, "k/t", "{\"T\":null}"), ERR_OK);
	assert_content(fixture, "k/t", 0, "");
}

static void rollback_keeps_kinds(void **state)
{
	const struct fixture *fixture = *state;
	struct vault_op op;

	must_write(fixture, KV_PUT, "k/r", "{\"A\":\"1\",\"T\":\"${A}\"}", "[\"T\"]", "[\"M\"]");
	must_write(fixture, KV_PUT, "k/r", "{\"T\":\"${A}\"}", "[]", "[]");
	assert_content(fixture, "k/r", 0, "T=${A}#2@2");
	op_init(&op, fixture, KV_ROLLBACK, "k/r", NULL, NO_CAS);
	op.revision = 1;
	assert_int_equal(op_run(fixture, &op), ERR_OK);
	assert_content(fixture, "k/r", 0, "A=1#1@3 M!#1@3 T~${A}#3@3");
}

static void masks_are_set_and_kept(void **state)
{
	const struct fixture *fixture = *state;

	must_write(fixture, KV_PUT, "k/m", "{\"A\":\"1\"}", NULL, "[\"X\",\"Y\",\"X\"]");
	assert_content(fixture, "k/m", 0, "A=1#1@1 X!#1@1 Y!#1@1");
	must_write(fixture, KV_PUT, "k/m", "{\"X\":\"2\"}", NULL, NULL);
	assert_content(fixture, "k/m", 0, "X=2#2@2 Y!#1@1");
	must_write(fixture, KV_PUT, "k/m", "{\"X\":\"2\"}", NULL, "[\"Z\"]");
	assert_content(fixture, "k/m", 0, "X=2#2@2 Z!#1@3");
	/* In a patch, they are added, also in the place of a value that is left alone; a value or null takes one away. */
	must_write(fixture, KV_PATCH, "k/m", "{\"B\":\"1\"}", NULL, "[\"X\",\"A\"]");
	assert_content(fixture, "k/m", 0, "A!#1@4 B=1#1@4 X!#3@4 Z!#1@3");
	must_write(fixture, KV_PATCH, "k/m", "{\"X\":\"3\",\"Z\":null}", NULL, NULL);
	assert_content(fixture, "k/m", 0, "A!#1@4 B=1#1@4 X=3#4@5");
	must_write(fixture, KV_PUT, "k/m", "{}", NULL, "[]");
	assert_content(fixture, "k/m", 0, "");
}

static void wrong_kinds_are_refused(void **state)
{
	const struct fixture *fixture = *state;

	must_write(fixture, KV_PUT, "k/w", "{\"A\":\"1\"}", NULL, "[\"M\"]");
	for (int patch = 0; patch < 2; patch++) {
		enum kv_change kind = patch ? KV_PATCH : KV_PUT;

		assert_refused(fixture, kind, "k/w", "{\"A\":\"2\"}", "[\"B\"]", NULL, "B is named as a template");
		assert_refused(fixture, kind, "k/w", "{\"A\":\"2\"}", NULL, "[\"A\"]", "A is given a value and unset");
		assert_refused(fixture, kind, "k/w", "{\"A\":\"2\"}", "[\"M\"]", "[\"M\"]", "M is named as a template");
		assert_refused(fixture, kind, "k/w", "{\"A\":2}", "[\"A\"]", NULL, "A is not text");
		assert_refused(fixture, kind, "k/w", "{\"A\":\"${A\"}", "[\"A\"]", NULL, "the template of A: ");
		assert_refused(fixture, kind, "k/w", "{\"A\":\"2\"}", "[1]", NULL, "lists of names");
		assert_refused(fixture, kind, "k/w", "{\"A\":\"2\"}", NULL, "[\"\"]", "name must be 1 to");
	}
	assert_refused(fixture, KV_PATCH, "k/w", "{}", "[\"M\"]", NULL, "M has no value");
	/* What looks like no name may be a value in the wrong place: it is not repeated. */
	assert_refused(fixture, KV_PUT, "k/w", "{}", "[\"s3cret!\"]", NULL, "a variable of the request");
	assert_state(fixture, "k/w", "1/1: 1- | A=1#1@1 M!#1@1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_are_chosen_and_kept),
		cmocka_unit_test(rollback_keeps_kinds),
		cmocka_unit_test(masks_are_set_and_kept),
		cmocka_unit_test(wrong_kinds_are_refused),
	};

	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
