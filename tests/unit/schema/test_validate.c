/*
 * Variables against their schema: what is found, how it weighs, and what is said of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "validate_case.h"

struct row {
	const char *schema, *variables, *expected;
};

static void rows_hold(const struct row *rows, size_t len, struct schema_check check)
{
	for (size_t i = 0; i < len; i++)
		check_finds(rows[i].schema, rows[i].variables, check, rows[i].expected);
}

/* -- a plain file -------------------------------------------------------------------- */

static void a_plain_file_is_enough(void **state)
{
	static const struct row rows[] = {
		{ "A=", "A=1", "" },
		{ "A=", "", "E missing A" },
		{ "A=", "A=", "E empty A" },
		{ "A=1", "", "W missing A" },
		{ "A=1", "A=", "" },
		{ "A=1", "A=2", "" },
		{ "# A=1", "", "" },
		{ "# A=1", "A=2", "" },
		{ "A=changeme", "", "E missing A" },
		{ "A=changeme", "A=changeme", "E placeholder A" },
		{ "A=<generate it>", "A=<generate it>", "E placeholder A" },
		{ "A=changeme", "A=real-value", "" },
		{ "A=", "A=changeme", "W placeholder A" },
		{ "A= # optional", "", "" },
		{ "A=1 # required", "", "E missing A" },
		{ "A=", "A=1\nB=2", "W unknown B" },
		{ "PORT=3000", "PORT=eighty", "W type PORT" },
		{ "ADMIN_EMAIL=", "ADMIN_EMAIL=nobody", "W type ADMIN_EMAIL" },
		{ "LEVEL=info # one of: debug, info", "LEVEL=loud", "W choice LEVEL" },
		{ "LEVEL=info # one of: debug, info", "LEVEL=debug", "" },
		{ "DB_PASSWORD=s3cret-of-dev", "DB_PASSWORD=s3cret-of-dev", "W example DB_PASSWORD" },
	};

	(void)state;
	rows_hold(rows, ARRAY_LEN(rows), (struct schema_check){ .now_s = 0 });
}

/* -- dotenv-safe: what its documentation promises ---------------------------------------- */

static void listed_means_what_dotenv_safe_means(void **state)
{
	static const struct row rows[] = {
		/* each variable of the example must be defined; the example's values do not count */
		{ "A=\nB=", "A=1\nB=2", "" },
		{ "A=\nB=", "A=1", "E missing B" },
		{ "A=example\nB=", "B=2", "E missing A" },
		{ "A=\nB=", "", "E missing A, E missing B" },
		/* defined and empty is an error, unless empty values are allowed: variable by variable, or all (below) */
		{ "A=", "A=", "E empty A" },
		{ "A=x", "A=", "E empty A" },
		{ "# @type=string(allowEmpty=true)\nA=", "A=", "" },
		{ "# @type=string(allowEmpty=true)\nA=", "", "E missing A" },
		/* a comment is a comment */
		{ "# A=1\nB=", "B=1", "" },
		/* variables that the example does not have are nobody's business */
		{ "A=", "A=1\nB=2", "" },
		/* there is no mark for optional ones: everything that is listed is required */
		{ "A= # optional", "", "E missing A" },
		/* a value that is white space is a value */
		{ "A=", "A= ", "" },
	};

	(void)state;
	rows_hold(rows, ARRAY_LEN(rows), (struct schema_check){ .required = SCHEMA_REQUIRED_LISTED, .unknown_ok = true });
}

static void listed_may_be_empty_means_its_allow_empty_values(void **state)
{
	static const struct row rows[] = {
		{ "A=\nB=x", "A=\nB=", "" },
		{ "A=\nB=", "A=", "E missing B" },
		{ "A=x", "", "E missing A" },
		{ "# @required\nA=", "A=", "" },
		{ "# @type=string(minLength=3)\nA=", "A=", "" },
		{ "# A=1", "", "" },
		/* what is not empty is judged as ever */
		{ "# @type=port\nA=", "A=x", "E type A" },
	};

	(void)state;
	rows_hold(rows, ARRAY_LEN(rows),
		  (struct schema_check){ .required = SCHEMA_REQUIRED_LISTED_MAY_BE_EMPTY, .unknown_ok = true });
}

/* -- decorators ------------------------------------------------------------------------------ */

static void decorators_decide_what_is_required(void **state)
{
	static const struct row rows[] = {
		{ "# @required\nA=", "", "E missing A" },
		{ "# @optional\nA=", "", "" },
		{ "# @required=false\nA=", "", "" },
		{ "# @defaultRequired=false\n# ---\n\nA=\nB=1", "", "" },
		{ "# @defaultRequired=true\n# ---\n\nA=\n# @optional\nB=", "", "E missing A" },
		{ "# @defaultRequired=infer\n# ---\n\nA=\nB=1", "", "W missing B" },
		{ "# @defaultRequired=infer\n# ---\n\nA=\nB=1", "B=", "E empty B" },
		{ "# @required=eq($MODE, live)\nA=\nMODE=", "MODE=live", "E missing A" },
		{ "# @required=eq($MODE, live)\nA=\nMODE=", "MODE=test", "" },
		{ "# @required=not(eq($MODE, live))\nA=\nMODE=", "MODE=test", "E missing A" },
		{ "# @required=isEmpty($B)\nA=\n# @optional\nB=", "", "E missing A" },
		{ "# @required=isEmpty($B)\nA=\n# @optional\nB=", "B=1", "" },
		{ "# @required=eq($MODE, live)\nA=\nMODE=live", "", "E missing A, W missing MODE" },
		{ "# @required\nA=$(pass show a)", "", "W missing A" },
	};

	(void)state;
	rows_hold(rows, ARRAY_LEN(rows), (struct schema_check){ .now_s = 0 });
}

static void for_env_asks_the_environment(void **state)
{
	static const char by_variable[] = "# @currentEnv=$APP_ENV\n# ---\n\nAPP_ENV=development\n# @required=forEnv(production, staging)\nA=";
	static const char by_name[] = "# @required=forEnv(production)\nA=";

	(void)state;
	check_finds(by_variable, "APP_ENV=production", (struct schema_check){ .environment = "shop/dev" }, "E missing A");
	check_finds(by_variable, "APP_ENV=development", (struct schema_check){ .environment = "shop/production" }, "");
	check_finds(by_variable, "", (struct schema_check){ .environment = "shop/staging" }, "E missing A, W missing APP_ENV");
	check_finds(by_variable, "", (struct schema_check){ .environment = NULL }, "W missing APP_ENV");
	check_finds(by_name, "", (struct schema_check){ .environment = "shop/production" }, "E missing A");
	check_finds(by_name, "", (struct schema_check){ .environment = "production" }, "E missing A");
	check_finds(by_name, "", (struct schema_check){ .environment = "shop/production2" }, "");
	check_finds(by_name, "", (struct schema_check){ .environment = NULL }, "");
}

static void types_are_judged_by_their_layer(void **state)
{
	static const struct row rows[] = {
		{ "# @type=port\nA=", "A=70000", "E type A" },
		{ "# @type=port @optional\nA=", "A=", "" },
		{ "# vaultd: type=hostport\nA=", "A=db", "E type A" },
		{ "# @type=enum(a, b)\nA=", "A=c", "E type A" },
		{ "# @type=array(number)\nA=", "A:=[1,\"x\"]", "E type A" },
		{ "# @type=number\nA=", "A:=5", "" },
		{ "A=", "A:=null", "E empty A" },
		{ "# @placeholder=pk_test_0\nA=", "A=pk_test_0", "E placeholder A" },
		{ "# @deprecated=\"use B\"\n# A=1", "A=2", "W deprecated A" },
		{ "# @deprecated\n# A=1", "", "" },
		{ "# vaultd: minEntropy=80\nKEY_ID=", "KEY_ID=aaaaaaaaaaaaaaaaaaaaaaaa", "E entropy KEY_ID" },
		{ "# vaultd: minEntropy=80\nKEY_ID=", "KEY_ID=6f1ed002ab5595859014ebf0951522d9", "" },
	};

	(void)state;
	rows_hold(rows, ARRAY_LEN(rows), (struct schema_check){ .now_s = 0 });
}

static void weak_secrets_are_remarked_on(void **state)
{
	static const struct row rows[] = {
		{ "DB_PASSWORD=", "DB_PASSWORD=PassWord", "W weak DB_PASSWORD" },
		{ "DB_PASSWORD=", "DB_PASSWORD=a7Kq", "W short DB_PASSWORD" },
		{ "DB_PASSWORD=", "DB_PASSWORD=abababababababab", "W weak DB_PASSWORD" },
		{ "DB_PASSWORD=", "DB_PASSWORD=aaaaaaaaaaaaaaaaaa", "W weak DB_PASSWORD" },
		{ "DB_PASSWORD=", "DB_PASSWORD=1234567890123", "W weak DB_PASSWORD" },
		{ "DB_PASSWORD=", "DB_PASSWORD=kV9x-Qm2T_p", "" },
		/* only what is said to be a secret, and can be chosen */
		{ "A=", "A=x1", "" },
		{ "# @sensitive\nA=", "A=x1", "W short A" },
		{ "# @sensitive @type=port\nA=", "A=80", "" },
		{ "# @public\nDB_PASSWORD=", "DB_PASSWORD=x1", "" },
	};

	(void)state;
	rows_hold(rows, ARRAY_LEN(rows), (struct schema_check){ .now_s = 0 });
}

/* -- how it weighs ------------------------------------------------------------------------------- */

static void modes_weigh(void **state)
{
	struct schema *schema = schema_of("# @type=port\nA=");
	struct schema_part part = { .schema = schema, .origin = "base/common" };
	struct variables variables = variables_of("A=x\nB=1");
	struct schema_check check = { &part, 1, variables.items, variables.len, .unknown_ok = false };
	struct findings findings = { 0 };
	struct error err = ERROR_INIT;
	char found[256];

	(void)state;
	assert_int_equal(schema_validate(&check, &findings, NULL, &err), ERR_OK);
	describe(&findings, found, sizeof(found));
	assert_string_equal(found, "W type A, W unknown B");
	assert_int_equal(findings.errors, 0);
	assert_string_equal(findings.items[0].origin, "base/common");
	assert_true(findings.items[0].in_schema);
	assert_int_equal(findings.items[0].line, 1);
	assert_int_equal(findings.items[0].layer, LAYER_ENV_SPEC);
	findings_free(&findings);
	part.enforce = check.strict = true;
	assert_int_equal(schema_validate(&check, &findings, NULL, &err), ERR_OK);
	describe(&findings, found, sizeof(found));
	assert_string_equal(found, "E type A, E unknown B");
	findings_free(&findings);
	schema_free(schema);
}

static void the_later_part_counts(void **state)
{
	struct schema *parent = schema_of("# @type=port\nA=\nB=\n# vaultd: unique=env\nD=\n\n# @public @optional\nE=");
	struct schema *own = schema_of("# @type=email @public\nA=\n\nC=\nD=");
	struct schema_part parts[] = { { parent, "base", true }, { own, NULL, true } };
	struct variables variables = variables_of("A=a@b.de");
	struct schema_check check = { parts, 2, variables.items, variables.len, .now_s = 0 };
	struct findings findings = { 0 };
	struct error err = ERROR_INIT;
	char found[256];

	(void)state;
	assert_int_equal(schema_validate(&check, &findings, NULL, &err), ERR_OK);
	describe(&findings, found, sizeof(found));
	assert_string_equal(found, "E missing B, E missing C, E missing D");
	assert_string_equal(findings.items[0].origin, "base");
	assert_string_equal(findings.items[1].origin, "");
	assert_false(schema_is_sensitive(parts, 2, "A", 1));
	assert_true(schema_is_sensitive(parts, 1, "A", 1));
	assert_false(schema_is_sensitive(parts, 2, "E", 1));
	assert_true(schema_is_sensitive(parts, 2, "NOWHERE", 7));
	assert_true(schema_is_sensitive(NULL, 0, "A", 1));
	assert_true(schema_is_unique(parts, 1, "D", 1));
	assert_false(schema_is_unique(parts, 2, "D", 1));
	findings_free(&findings);
	schema_free(parent);
	schema_free(own);
}

static bool all_but_a(void *arg, const char *name, size_t len)
{
	(void)arg;
	return !(len == 1 && name[0] == 'A');
}

static void what_may_not_be_spoken_of_is_counted(void **state)
{
	struct schema *schema = schema_of("# @type=port\nA=\n# @type=port\nB=");
	struct schema_part part = { schema, NULL, true };
	struct variables variables = variables_of("A=x\nB=y");
	struct schema_check check = { &part, 1, variables.items, variables.len, .may_show = all_but_a };
	struct findings findings = { 0 };
	struct error err = ERROR_INIT;
	size_t hidden = 0;
	char found[256];

	(void)state;
	assert_int_equal(schema_validate(&check, &findings, &hidden, &err), ERR_OK);
	describe(&findings, found, sizeof(found));
	assert_string_equal(found, "E type B");
	assert_int_equal(hidden, 1);
	findings_free(&findings);
	schema_free(schema);
}

static void too_many_parts_are_refused(void **state)
{
	struct schema *schema = schema_of("A=");
	struct schema_part parts[LIMIT_SCHEMA_PARTS + 1];
	struct schema_check check = { .parts = parts, .parts_len = LIMIT_SCHEMA_PARTS };
	struct findings findings = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i <= LIMIT_SCHEMA_PARTS; i++)
		parts[i] = (struct schema_part){ schema, NULL, true };
	assert_int_equal(schema_validate(&check, &findings, NULL, &err), ERR_OK);
	check.parts_len++;
	assert_int_equal(schema_validate(&check, &findings, NULL, &err), ERR_TOO_LARGE);
	findings_free(&findings);
	schema_free(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_file_is_enough),
		cmocka_unit_test(listed_means_what_dotenv_safe_means),
		cmocka_unit_test(listed_may_be_empty_means_its_allow_empty_values),
		cmocka_unit_test(decorators_decide_what_is_required),
		cmocka_unit_test(for_env_asks_the_environment),
		cmocka_unit_test(types_are_judged_by_their_layer),
		cmocka_unit_test(weak_secrets_are_remarked_on),
		cmocka_unit_test(modes_weigh),
		cmocka_unit_test(the_later_part_counts),
		cmocka_unit_test(what_may_not_be_spoken_of_is_counted),
		cmocka_unit_test(too_many_parts_are_refused),
	};

	return cmocka_run_group_tests_name("validate", tests, NULL, NULL);
}
