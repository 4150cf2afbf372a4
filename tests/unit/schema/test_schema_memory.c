/*
 * What a parsed schema takes: its text, a fixed number of bytes for each variable, and what is said of it (docs/schema.md). By the
 * allocator's own count, and by schema_bytes(), which the daemon's cache goes by.
 */
#include "schema_expect.h"

#include <stdlib.h>

#include "../lib/counted_memory.h"

/* docs/schema.md: bytes of each variable, and of what is said of it. */
#define A_VARIABLE 172
#define MORE 208	/* of one with an example, default, documentation, placeholder, tags or choices */
#define A_PART 16	/* each tag and choice */
#define A_FACT 72	/* each line of facts */
#define A_NODE 104	/* each part of a condition */
#define A_TYPE 625	/* a type with arguments */
#define A_MEMBER 40	/* each argument of it */

#define ONCE 4096	/* for a schema of any size */

/* Reads lines of this form, %u a number, up to the limits of a schema, and keeps the schema: its bytes without the text. */
static size_t kept_by(const char *form, size_t *ret_variables, size_t *ret_len, size_t *ret_most)
{
	char *text = malloc(LIMIT_SCHEMA_TEXT + 256);
	size_t len = 0, before, kept;
	unsigned count = 0;

	assert_non_null(text);
	while (count < LIMIT_VARIABLES && len + 256 < LIMIT_SCHEMA_TEXT) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		len += (size_t)snprintf(text + len, 256, form, count++);
#pragma GCC diagnostic pop
	}
	before = most = taken;
	{
		cleanup_(read_schema_free) struct read_schema read = read_bytes(text, len);

		assert_int_equal(read.code, ERR_OK);
		assert_int_equal(schema_count(read.schema), count);
		kept = taken - before;
		/* What the cache thinks is not far from it. */
		size_t told = schema_bytes(read.schema);
		if (MEMORY_IS_COUNTED && (told > kept + kept / 50 + ONCE || told + 32 * count < kept))
			fail_msg("schema_bytes() is %zu, and %zu bytes are taken: %s", told, kept, form);
	}
	assert_int_equal(taken, before);
	free(text);
	*ret_variables = count;
	*ret_len = len;
	*ret_most = most - before;
	return kept;
}

static void check(const char *form, size_t bound)
{
	size_t variables, len, peak, kept = kept_by(form, &variables, &len, &peak);

	if (!MEMORY_IS_COUNTED)
		return;
	if (kept > len + bound * variables + ONCE)
		fail_msg("%zu bytes are kept of a text of %zu with %zu variables, %zu for each, %.1f times the text: %s", kept, len, variables,
			 (kept - len) / variables, (double)kept / (double)len, form);
	/* While it is read the list of variables is doubled, and copied. */
	if (peak > len + (bound + 2 * A_VARIABLE) * variables + 16 * ONCE)
		fail_msg("at most %zu bytes were taken at one time for a text of %zu with %zu variables: %s", peak, len, variables, form);
}

static void bytes_of_a_variable(void **state)
{
	(void)state;
	check("A%u=\n", A_VARIABLE);
	check("# A%u=\n\n", A_VARIABLE);
	check("A%u=some/value\n", A_VARIABLE);
	check("# @type=port @required @sensitive\nA%u=\n", A_VARIABLE);
	check("# vaultd: unique=env\nA%u=\n", A_VARIABLE + A_FACT);
	check("# @example=x\nA%u=\n", A_VARIABLE + MORE);
	check("# defaults to x, e.g. y7\nA%u=\n", A_VARIABLE + MORE);
	check("# @docs=https://x @tag(a)\nA%u=\n", A_VARIABLE + MORE + A_PART);
	check("# @tag(a) @tag(b) @tag(c) @tag(d) @tag(e) @tag(f) @tag(g) @tag(h)\nA%u=\n", A_VARIABLE + MORE + 8 * A_PART);
	check("# one of: a, b, c, d, e\nA%u=\n\n", A_VARIABLE + MORE + 5 * A_PART);
	check("# one of: a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p\nA%u=\n\n", A_VARIABLE + MORE + 16 * A_PART);
	check("# @required=forEnv(a)\nA%u=\n", A_VARIABLE + 2 * A_NODE);
	check("# @required=forEnv(a, b, c, d, e)\nA%u=\n", A_VARIABLE + 6 * A_NODE);
	check("# @required=eq($A0, y)\nA%u=\n", A_VARIABLE + 3 * A_NODE);
	check("# @type=string(minLength=8)\nA%u=\n", A_VARIABLE + A_TYPE + A_MEMBER);
	check("# @type=enum(a)\nA%u=\n", A_VARIABLE + A_TYPE + A_MEMBER);
	check("# @type=enum(dev, test, staging, production)\nA%u=\n", A_VARIABLE + A_TYPE + 4 * A_MEMBER);
}

/* Files as people write them: a sentence, what is required, a type by its name, a value. */
static void three_times_an_ordinary_text(void **state)
{
	static const char *const forms[] = {
		"# The address of the database (required)\n# @type=url @sensitive\nV%u_URL=postgres://user:changeme@localhost/db\n\n",
		"# Where the service listens for requests of the load balancer, and of nobody else\nSERVICE_%u_PORT=8080\n\n",
		"# Key of the payment provider. Required in production, and to be had from\n# https://dashboard.example.com/keys by the team's lead\n"
		"PAYMENT_%u_KEY=\n\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		size_t variables, len, peak, kept = kept_by(forms[i], &variables, &len, &peak);

		if (kept > 3 * len)
			fail_msg("%zu bytes are kept of a text of %zu, %.2f times as much: %s", kept, len, (double)kept / (double)len, forms[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_of_a_variable),
		cmocka_unit_test(three_times_an_ordinary_text),
	};

	return cmocka_run_group_tests_name("schema_memory", tests, NULL, NULL);
}
