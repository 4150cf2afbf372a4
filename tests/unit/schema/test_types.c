/*
 * Types: the table of tests/vectors/schema-types.txt, arguments that are wrong, and what a refusal says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/types.h"
#include "type_text.h"
#include "vault/limits.h"

static enum error_code compile(const char *text, struct schema_type **ret, struct error *err)
{
	struct type_text source;
	struct node node;

	assert_true(type_text_read(&source, text, strlen(text), &node));
	return schema_type_compile(&node, true, ret, err);
}

static struct schema_type *compiled(const char *text)
{
	struct error err = ERROR_INIT;
	struct schema_type *type = NULL;

	if (compile(text, &type, &err) != ERR_OK)
		fail_msg("%s: %s", text, err.text);
	return type;
}

static bool accepts(const char *text, const char *value)
{
	struct schema_type *type = compiled(text);
	const char *why = NULL;
	char detail[128];
	bool good = schema_type_accepts(type, value, strlen(value), &why, detail, sizeof(detail));

	assert_true(good == (why == NULL));
	schema_type_free(type);
	return good;
}

/* -- the table ------------------------------------------------------------------------- */

static size_t unescape(char *text)
{
	char *out = text, *from = text;

	for (; *from; from++) {
		if (*from == '\\' && from[1] == 'n')
			*out++ = '\n';
		else if (*from == '\\' && from[1] == 't')
			*out++ = '\t';
		else if (*from == '\\' && from[1] == '\\')
			*out++ = '\\';
		else {
			*out++ = *from;
			continue;
		}
		from++;
	}
	*out = '\0';
	return (size_t)(out - text);
}

static void row_holds(char *line, unsigned number)
{
	char *fields[4], *save = NULL;
	struct schema_type *type;
	const char *why = NULL;
	char detail[128];
	bool good;
	size_t len;

	for (size_t i = 0; i < 4; i++) {
		fields[i] = strtok_r(i == 0 ? line : NULL, "\t\n", &save);
		assert_non_null(fields[i]);
	}
	type = compiled(fields[0]);
	len = unescape(fields[1]);
	good = schema_type_accepts(type, fields[1], len, &why, detail, sizeof(detail));
	if (good != (strcmp(fields[2], "valid") == 0))
		fail_msg("line %u: %s %s: expected %s, got %s", number, fields[0], fields[1], fields[2], good ? "valid" : why);
	schema_type_free(type);
}

static void the_table_holds(void **state)
{
	const char *folder = getenv("VAULT_VECTORS");
	unsigned number = 0, rows = 0;
	char path[4096], line[8192];
	FILE *file;

	(void)state;
	assert_non_null(folder);
	snprintf(path, sizeof(path), "%s/schema-types.txt", folder);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		number++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		row_holds(line, number);
		rows++;
	}
	fclose(file);
	assert_true(rows > 300);
}

/* -- what is refused when the schema is read ------------------------------------------------ */

static const struct {
	const char *text, *says;
} wrong[] = {
	{ "strng", "did you mean string" },
	{ "nothing-of-the-kind", "unknown type" },
	{ "p@ssw0rd!", "no type that is known" },
	{ "enum", "needs its members" },
	{ "enum()", "needs its members" },
	{ "enum(a, min=1)", "no such argument" },
	{ "string(5)", "has a name" },
	{ "boolean(5)", "takes no arguments" },
	{ "string(minLength=x)", "must be a number" },
	{ "string(minLength=-1)", "whole number" },
	{ "string(minLength=1.5)", "whole number" },
	{ "string(minLength=5, maxLength=4)", "the least is more" },
	{ "string(minLength=5, minLength=6)", "twice" },
	{ "string(toUpperCase=yes)", "true or false" },
	{ "string(matches=/(/)", "not valid near its character" },
	{ "string(matches=/a/q)", "flag" },
	{ "string(matches=/(?i)a/)", "JavaScript does not know" },
	{ "string(matches=/(*LIMIT_MATCH=9)a/)", "JavaScript does not know" },
	{ "string(matches=/a++/)", "repeats a repetition" },
	{ "string(matches=/a{2}+/)", "repeats a repetition" },
	{ "string(matches=/\\Aa/)", "escape that JavaScript" },
	{ "string(matches=[a])", "regular expression" },
	{ "string(allow=1)", "no such argument; it has: minLength" },
	{ "number(min=a)", "must be a number" },
	{ "number(min=3, max=2)", "the least is more" },
	{ "number(isDivisibleBy=0)", "must not be 0" },
	{ "number(precision=99)", "at most 15" },
	{ "ip(version=5)", "4 or 6" },
	{ "duration(output=years)", "output must be" },
	{ "duration(min=soon)", "must be a duration" },
	{ "duration(min=2s, max=1s)", "the least is more" },
	{ "array(string, number)", "takes one type" },
	{ "array(strng)", "did you mean" },
	{ "array(string, size=3)", "no such argument" },
	{ "array(separator=\"\")", "must not be empty" },
	{ "array(format=csv)", "separator or json" },
	{ "array(array(array(array(array(string)))))", "deep" },
	{ "record(keyType=nokind)", "unknown type" },
	{ "url(allowedDomains=[])", "a list" },
	{ "url(allowedDomains=\"a,b\")", "list of texts" },
	{ "base64(a)", "must be a number" },
	{ "base64(1, 2)", "one length" },
	{ "[a]", "a type is a name" },
};

static void wrong_types_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct error err = ERROR_INIT;
		struct schema_type *type = NULL;

		if (compile(wrong[i].text, &type, &err) != ERR_INVALID)
			fail_msg("%s is accepted", wrong[i].text);
		assert_null(type);
		if (!strstr(err.text, wrong[i].says))
			fail_msg("%s: %s", wrong[i].text, err.text);
	}
}

static void own_types_stand_in_own_comments(void **state)
{
	struct node node = { .kind = NODE_TEXT, .text = { "hostport", 8 } };
	struct error err = ERROR_INIT;
	struct schema_type *type = NULL;

	(void)state;
	assert_int_equal(schema_type_compile(&node, false, &type, &err), ERR_INVALID);
	assert_non_null(strstr(err.text, "# vaultd: type=hostport"));
}

static void what_cannot_be_told_is_not_judged(void **state)
{
	(void)state;
	assert_true(accepts("enum($MODES)", "anything"));
	assert_true(accepts("enum(a, $MODES)", "anything"));
	assert_true(accepts("number(min=$LEAST)", "-5"));
	assert_true(accepts("if(forEnv(production), url, string)", "no url"));
	assert_false(accepts("number(min=$LEAST)", "five"));
}

static void limits_hold_at_n_and_one_more(void **state)
{
	struct error err = ERROR_INIT;
	struct schema_type *type = NULL;
	struct node argument = { .kind = NODE_REGEX, .key = { "matches", 7 } };
	struct node call = { .kind = NODE_CALL, .text = { "string", 6 }, .items = &argument, .items_len = 1 };
	char pattern[LIMIT_REGEX_LEN + 1], many[2 * (LIMIT_TYPE_ELEMENTS + 1)];

	(void)state;
	memset(pattern, 'a', sizeof(pattern));
	argument.text = (struct span){ pattern, LIMIT_REGEX_LEN };
	assert_int_equal(schema_type_compile(&call, false, &type, &err), ERR_OK);
	schema_type_free(type);
	argument.text.len++;
	type = NULL;
	assert_int_equal(schema_type_compile(&call, false, &type, &err), ERR_TOO_LARGE);

	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = i % 2 == 0 ? 'a' : ',';
	many[2 * LIMIT_TYPE_ELEMENTS] = '\0';
	assert_true(accepts("array(string)", many));
	many[2 * LIMIT_TYPE_ELEMENTS] = 'a';
	many[sizeof(many) - 1] = '\0';
	assert_false(accepts("array(string)", many));
}

static void unique_arrays_have_room_for_all(void **state)
{
	(void)state;
	assert_true(accepts("array(string, unique=true)", "a"));
	assert_true(accepts("array(string, unique=true)", "a,b,c"));
	assert_true(accepts("array(string, unique=true)", ",a,,b,"));
	assert_true(accepts("array(number, unique=true)", "[1,2]"));
	assert_false(accepts("array(number, unique=true)", "[1,2,1]"));
	assert_false(accepts("array(string, unique=true)", "a,a"));
}

static void enum_members_have_a_limit(void **state)
{
	struct node *members = calloc(LIMIT_TYPE_MEMBERS + 1, sizeof(*members));
	struct node call = { .kind = NODE_CALL, .text = { "enum", 4 }, .items = members, .items_len = LIMIT_TYPE_MEMBERS };
	struct error err = ERROR_INIT;
	struct schema_type *type = NULL;

	(void)state;
	assert_non_null(members);
	for (size_t i = 0; i <= LIMIT_TYPE_MEMBERS; i++)
		members[i] = (struct node){ .kind = NODE_TEXT, .text = { "m", 1 } };
	assert_int_equal(schema_type_compile(&call, false, &type, &err), ERR_OK);
	schema_type_free(type);
	type = NULL;
	call.items_len++;
	assert_int_equal(schema_type_compile(&call, false, &type, &err), ERR_INVALID);
	free(members);
}

/* -- what a refusal says -------------------------------------------------------------------- */

static const struct {
	const char *type, *value, *why, *detail;
} words[] = {
	{ "string(minLength=12)", "short", "is too short", "fewer than 12 characters" },
	{ "string(startsWith=sk_)", "pk_1", "begins differently", "not with sk_" },
	{ "number(max=10)", "11", "is too large", "more than 10" },
	{ "enum(debug, info)", "loud", "is none of the values of the schema", "debug, info" },
	{ "port", "70000", "is no port: 0 to 65535", "" },
	{ "array(port)", "1,2,x", "holds something that is not of its type", "element 3 is no port: 0 to 65535" },
	{ "record(number(min=3))", "{\"a\":5,\"b\":1}", "holds something that is not of its type", "entry 2 is too small: less than 3" },
	{ "record(keyType=enum(eu))", "{\"us\":5}", "holds something that is not of its type",
	  "the key of entry 1 is none of the values of the schema: eu" },
	{ "base64(32)", "aGVsbG8=", "has the wrong length", "not 32 bytes" },
	{ "cron", "0 25 * * *", "is no schedule of cron", "field 2 is not valid" },
};

static void refusals_say_which_bound(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct schema_type *type = compiled(words[i].type);
		const char *why = NULL;
		char detail[128];

		assert_false(schema_type_accepts(type, words[i].value, strlen(words[i].value), &why, detail, sizeof(detail)));
		assert_string_equal(why, words[i].why);
		assert_string_equal(detail, words[i].detail);
		assert_false(schema_type_accepts(type, words[i].value, strlen(words[i].value), &why, NULL, 0));
		schema_type_free(type);
	}
}

static void the_largest_numbers_are_judged(void **state)
{
	static const char *const values[] = { "1e308", "-1e308", "1.7976931348623157e308", "9007199254740992", "1e15" };
	struct schema_type *type = compiled("number(precision=15, isDivisibleBy=1)");
	const char *why = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		assert_true(schema_type_accepts(type, values[i], strlen(values[i]), &why, NULL, 0));
	assert_false(schema_type_accepts(type, "0.5", 3, &why, NULL, 0));
	schema_type_free(type);
}

/* Exactly, as doubles: what JavaScript's % says. */
static void multiples_are_exact(void **state)
{
	static const struct {
		const char *type, *value;
		bool good;
	} rows[] = {
		{ "number(isDivisibleBy=3)", "9", true },
		{ "number(isDivisibleBy=3)", "-9", true },
		{ "number(isDivisibleBy=-3)", "+9", true },
		{ "number(isDivisibleBy=3)", "10", false },
		{ "number(isDivisibleBy=3)", "0", true },
		{ "number(isDivisibleBy=3)", "-0", true },
		{ "number(isDivisibleBy=6)", "3", false },
		{ "number(isDivisibleBy=4)", "6", false },
		{ "number(isDivisibleBy=0.25)", "1.75", true },
		{ "number(isDivisibleBy=0.25)", "1.8", false },
		{ "number(isDivisibleBy=0.01)", "0.07", false },
		{ "number(isDivisibleBy=3)", "999999999999999", true },
		{ "number(isDivisibleBy=3)", "9007199254740991", false },
		{ "number(isDivisibleBy=9007199254740991)", "9007199254740991", true },
		{ "number(isDivisibleBy=1e-300)", "1e300", false },
		/* the least double: of it all are multiples */
		{ "number(isDivisibleBy=5e-324)", "1e300", true },
		{ "number(isDivisibleBy=5e-324)", "1.5e-323", true },
		{ "number(isDivisibleBy=1e-323)", "1.5e-323", false },
		{ "number(isDivisibleBy=1e-323)", "2.225073858507202e-308", false },
		{ "number(isDivisibleBy=1e300)", "5e-324", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (accepts(rows[i].type, rows[i].value) != rows[i].good)
			fail_msg("%s: %s", rows[i].type, rows[i].value);
}

static void details_are_cut_and_terminated(void **state)
{
	struct schema_type *type = compiled("enum(alpha, beta, gamma, delta, epsilon)");
	const char *why = NULL;
	char detail[20];

	(void)state;
	assert_false(schema_type_accepts(type, "x", 1, &why, detail, sizeof(detail)));
	assert_string_equal(detail, "alpha, beta ...");
	schema_type_free(type);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_holds),
		cmocka_unit_test(wrong_types_are_refused),
		cmocka_unit_test(own_types_stand_in_own_comments),
		cmocka_unit_test(what_cannot_be_told_is_not_judged),
		cmocka_unit_test(limits_hold_at_n_and_one_more),
		cmocka_unit_test(unique_arrays_have_room_for_all),
		cmocka_unit_test(enum_members_have_a_limit),
		cmocka_unit_test(refusals_say_which_bound),
		cmocka_unit_test(the_largest_numbers_are_judged),
		cmocka_unit_test(multiples_are_exact),
		cmocka_unit_test(details_are_cut_and_terminated),
	};

	return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
