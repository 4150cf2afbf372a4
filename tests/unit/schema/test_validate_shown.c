/*
 * What a finding shows: never a value, unless its variable is public. And what depends on the time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <time.h>

#include <cmocka.h>

#include "validate_case.h"

/* Each is wrong for every type; parts of them must not show either. */
static const char *const canaries[] = {
	"qzWvkX-canary-0001",
	"https://qzWvkX:canary@0001 x",
	"[\"qzWvkX\", \"canary-0001\"",
	"{\"qzWvkX\":\"canary-0001\"}",
	"qzWvkX,canary,,0001",
	"-----BEGIN qzWvkX-----\ncanary-0001",
	"<qzWvkX-canary-0001>",
	"changeme-qzWvkX-canary",
	"eyJqzWvkX.canary.0001.x",
};

static const char *const types[] = {
	"string(minLength=999)", "string(startsWith=A)", "string(matches=/^A$/)", "string(matches=/^(q+)+$/)", "number", "number(min=5)",
	"boolean", "url", "url(allowedDomains=[x.de])", "enum(a, b)", "email", "port", "ip", "domain", "semver", "isoDate", "uuid", "md5",
	"simple-object", "duration", "array(number)", "array(array(number))", "record(number)", "record(number, keyType=enum(a))",
};
static const char *const own_types[] = { "hostport", "host", "path", "json", "base64(3)", "hex", "pem", "jwt", "cron", "tz", "dsn", "int" };

static void nothing_shows(const struct findings *findings, const struct secret_buf *json)
{
	static const char *const parts[] = { "qzW", "vkX", "canary", "0001" };

	for (size_t i = 0; i < findings->len; i++)
		for (size_t j = 0; j < ARRAY_LEN(parts); j++)
			if (strstr(findings->items[i].text, parts[j]) || strstr(findings->items[i].name, parts[j]))
				fail_msg("%s", findings->items[i].text);
	for (size_t j = 0; j < ARRAY_LEN(parts); j++)
		assert_null(memmem(secret_buf_text(json), secret_buf_len(json), parts[j], strlen(parts[j])));
}

static size_t findings_of(const char *schema_text, const char *value)
{
	struct schema *schema = schema_of(schema_text);
	struct schema_part part = { schema, NULL, true };
	struct schema_variable variables[] = { { "A", 1, value, strlen(value), false }, { "UNKNOWN", 7, value, strlen(value), false } };
	struct schema_check check = { &part, 1, variables, 2, .now_s = 0 };
	cleanup_(secret_buf_freep) struct secret_buf *json = secret_buf_new(1 << 20);
	cleanup_(findings_free) struct findings findings = { 0 };
	struct error err = ERROR_INIT;
	size_t len;

	assert_int_equal(schema_validate(&check, &findings, NULL, &err), ERR_OK);
	findings_emit_json(&findings, json);
	nothing_shows(&findings, json);
	len = findings.len;
	schema_free(schema);
	return len;
}

static void no_finding_holds_a_value(void **state)
{
	char schema[256];
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(canaries); i++) {
		for (size_t j = 0; j < ARRAY_LEN(types); j++) {
			snprintf(schema, sizeof(schema), "# @type=%s\nA=", types[j]);
			if (strstr(types[j], "matches=/^("))
				snprintf(schema, sizeof(schema), "# @type=string(matches=regex(\"^(q+)+$\"))\nA=");
			found += findings_of(schema, canaries[i]);
		}
		for (size_t j = 0; j < ARRAY_LEN(own_types); j++) {
			snprintf(schema, sizeof(schema), "# vaultd: type=%s minEntropy=4000\nA=", own_types[j]);
			found += findings_of(schema, canaries[i]);
		}
		found += findings_of("# @sensitive\nA= # one of: x, y", canaries[i]);
		found += findings_of("# @public @type=port\n# A=", "");
	}
	assert_true(found > 300);
}

static const char *text_of(const char *schema_text, const char *value, struct findings *findings)
{
	struct schema *schema = schema_of(schema_text);
	struct schema_part part = { schema, NULL, true };
	struct schema_variable variable = { "A", 1, value, strlen(value), false };
	struct schema_check check = { &part, 1, &variable, 1, .now_s = 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(schema_validate(&check, findings, NULL, &err), ERR_OK);
	assert_int_equal(findings->len, 1);
	schema_free(schema);
	return findings->items[0].text;
}

static void a_public_value_is_shown_and_cut(void **state)
{
	static const struct {
		const char *schema, *value, *text;
	} rows[] = {
		{ "# @public @type=port\nA=", "eighty", "is no port: 0 to 65535 (it is eighty)" },
		{ "# @type=port\nA=", "eighty", "is no port: 0 to 65535" },
		{ "# @sensitive=false @type=enum(a, b)\nA=", "c\x1b[1m", "is none of the values of the schema: a, b (it is c?[1m)" },
		{ "# @public @type=port\nA=", "0123456789012345678901234567890123456789x",
		  "is no port: 0 to 65535 (it is 0123456789012345678901234567890123456789...)" },
		{ "A=<fill me in>", "<fill me in>", "is still the placeholder of the schema, <fill me in>" },
		{ "# @deprecated=\"use B instead\"\nA=1", "2", "is deprecated: use B instead" },
		{ "# vaultd: minEntropy=50\nA=", "aaaaaaaaaaaa", "is too easily guessed: the schema asks for 50 bits" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_(findings_free) struct findings findings = { 0 };

		assert_string_equal(text_of(rows[i].schema, rows[i].value, &findings), rows[i].text);
	}
}

/* {"exp":1700000000} */
#define TOKEN "eyJhbGciOiJub25lIn0.eyJleHAiOjE3MDAwMDAwMDB9.c2ln"

static bool is_given(void *arg, const char *name, size_t len)
{
	return len == 1 && name[0] == *(const char *)arg;
}

static void what_ended_is_an_error_of_what_is_new(void **state)
{
	char given[] = "A";
	struct schema_check check = { .now_s = 1700000000, .unknown_ok = true, .is_new = is_given, .arg = given };

	(void)state;
	check_finds("A=", "A=" TOKEN, check, "E expired A");
	given[0] = 'B';
	check_finds("A=", "A=" TOKEN, check, "W expired A");
	check_finds("# @type=port\nA=", "A=x", check, "E type A");
	check.strict = true;
	check_finds("A=", "A=" TOKEN, check, "E expired A");
}

static void what_ends_is_told_in_time(void **state)
{
	static const struct {
		int64_t now;
		const char *expected;
	} rows[] = {
		{ 1700000000, "E expired A" },
		{ 1699999999, "W expires A" },
		{ 1700000000 - 30 * 24 * 3600, "W expires A" },
		{ 1700000000 - 30 * 24 * 3600 - 1, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct schema_check check = { .now_s = rows[i].now, .unknown_ok = true };

		check_finds("A=", "A=" TOKEN, check, rows[i].expected);
		check_finds("B=x # optional", "A=" TOKEN, check, rows[i].expected);
	}
	{
		cleanup_(findings_free) struct findings findings = { 0 };
		struct schema_variable variable = { "A", 1, TOKEN, strlen(TOKEN), false };
		struct schema_check check = { .variables = &variable, .variables_len = 1, .now_s = 1800000000 };
		struct error err = ERROR_INIT;

		assert_int_equal(schema_validate(&check, &findings, NULL, &err), ERR_OK);
		assert_int_equal(findings.len, 1);
		assert_string_equal(findings.items[0].text, "the JWT in it ended at 2023-11-14T22:13:20Z");
	}
}

/* All patterns of one check share a budget: after some hostile ones, even a simple one is not tried any more. */
static void patterns_share_a_budget(void **state)
{
	enum { COUNT = 500 };
	static char schema[(COUNT + 1) * 64], names[COUNT][8];
	static struct schema_variable variables[COUNT + 1];
	static const char value[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
	struct schema_check check = { .variables = variables, .variables_len = COUNT + 1 };
	struct findings findings = { 0 };
	struct error err = ERROR_INIT;
	struct schema_part part = { .enforce = true };
	size_t used = 0;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "V%03u", i);
		used += (size_t)snprintf(schema + used, sizeof(schema) - used, "# @type=string(matches=regex(\"^(a+)+$\"))\n%s=\n", names[i]);
		variables[i] = (struct schema_variable){ names[i], 4, value, sizeof(value) - 1, false };
	}
	snprintf(schema + used, sizeof(schema) - used, "# @type=string(matches=/^ok$/)\nZ=\n");
	variables[COUNT] = (struct schema_variable){ "Z", 1, "ok", 2, false };
	part.schema = schema_of(schema);
	check.parts = &part;
	check.parts_len = 1;
	assert_int_equal(schema_validate(&check, &findings, NULL, &err), ERR_OK);
	assert_int_equal(findings.errors, COUNT + 1);
	assert_int_equal(findings.warnings, COUNT + 1);
	findings_free(&findings);
	schema_free((struct schema *)(uintptr_t)part.schema);
}

/* Conditions compare values that may be long; beyond a bound, they hold. */
static void conditions_share_a_budget(void **state)
{
	enum { COUNT = 5000, LONG = 200000 };
	static const char *const conditions[] = {
		"eq($A, $B)", "eq($B, if(true, $A))", "eq(remap($A, $B, x, y), x)", "not(not(eq($A, $B)))",
	};
	static char schema[COUNT * 48], a[LONG], b[LONG];
	const struct schema_variable variables[] = { { "A", 1, a, LONG, false }, { "B", 1, b, LONG, false } };

	(void)state;
	memset(a, 'x', LONG);
	memset(b, 'x', LONG);
	b[LONG - 1] = 'y';
	for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
		struct schema_part part = { .enforce = true };
		struct schema_check check = { .parts = &part, .parts_len = 1, .variables = variables, .variables_len = 2,
					      .unknown_ok = true };
		struct findings findings = { 0 };
		struct error err = ERROR_INIT;
		struct timespec from, to;
		size_t used = 0;

		for (unsigned n = 0; n < COUNT; n++)
			used += (size_t)snprintf(schema + used, sizeof(schema) - used, "# @required=%s\nV%u=\n", conditions[i], n);
		part.schema = schema_of(schema);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
		assert_int_equal(schema_validate(&check, &findings, NULL, &err), ERR_OK);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
		print_message("%s: %ld ms\n", conditions[i], (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
		/* Some hundred were compared, and are not required; the rest is. */
		assert_in_range(findings.errors, COUNT - 1000, COUNT - 1);
		assert_int_equal(findings.warnings, 1);
		assert_string_equal(findings.items[findings.len - 1].code, "condition-limit");
		findings_free(&findings);
		schema_free((struct schema *)(uintptr_t)part.schema);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_finding_holds_a_value),
		cmocka_unit_test(a_public_value_is_shown_and_cut),
		cmocka_unit_test(what_ended_is_an_error_of_what_is_new),
		cmocka_unit_test(what_ends_is_told_in_time),
		cmocka_unit_test(patterns_share_a_budget),
		cmocka_unit_test(conditions_share_a_budget),
	};

	return cmocka_run_group_tests_name("validate_shown", tests, NULL, NULL);
}
