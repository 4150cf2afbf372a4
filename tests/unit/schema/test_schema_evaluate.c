/*
 * The pure functions of @env-spec, as conditions.
 */
#include "schema_expect.h"

#include "schema/evaluate.h"

static struct span value_of(void *arg, struct span name, bool *ret_is_false)
{
	static const struct {
		const char *name, *value;
	} variables[] = { { "A", "a" }, { "B", "b" }, { "EMPTY", "" }, { "NO", "no" }, { "ZERO", "0" }, { "TRUE", "true" } };

	(void)arg;
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		if (name.len != strlen(variables[i].name) || memcmp(name.at, variables[i].name, name.len) != 0)
			continue;
		*ret_is_false = strcmp(variables[i].name, "NO") == 0;
		return (struct span){ variables[i].value, strlen(variables[i].value) };
	}
	return (struct span){ "", 0 };
}

static bool is_environment(void *arg, struct span name)
{
	(void)arg;
	return name.len == 4 && memcmp(name.at, "prod", 4) == 0;
}

/* "t", "f", or "?" when it cannot be told */
static void conditions(void **state)
{
	static const struct {
		const char *text;
		char outcome;
	} rows[] = {
		{ "$TRUE", 't' }, { "$A", 't' }, { "$EMPTY", 'f' }, { "$NONE", 'f' }, { "$NO", 'f' }, { "$ZERO", 'f' },
		{ "ref(A)", 't' }, { "ref(\"NONE\")", 'f' }, { "ref($A)", '?' }, { "ref(A, B)", '?' },
		{ "if($A)", 't' }, { "if($NONE)", 'f' }, { "if($A, false, true)", 'f' }, { "if($NONE, false, true)", 't' },
		{ "if($NONE, true)", 'f' }, { "if($A, $NONE, true)", 'f' },
		{ "ifs($NONE, true, $A, $B)", 't' }, { "ifs($NONE, true, false)", 'f' }, { "ifs($NONE, true)", 'f' },
		{ "eq($A, a)", 't' }, { "eq($A, $B)", 'f' }, { "eq(concat($A, -, $B), a-b)", 't' },
		{ "eq(concat($A, concat(x, $B), \"\"), axb)", 't' }, { "eq(not($A), false)", 't' }, { "eq($NONE, undefined)", 't' },
		{ "eq($A)", '?' }, { "not(eq($A, b))", 't' }, { "not($NONE)", 't' }, { "isEmpty($NONE)", 't' },
		{ "isEmpty(fallback($NONE, $EMPTY))", 't' }, { "isEmpty(fallback($NONE, x))", 'f' }, { "eq(fallback($EMPTY, $B, x), b)", 't' },
		{ "eq(remap($A, a, one, b, two), one)", 't' }, { "eq(remap($B, a, one, b, two), two)", 't' },
		{ "eq(remap($NONE, a, one, other), other)", 't' }, { "eq(remap($TRUE, a, one), true)", 't' },
		{ "eq(remap($A, one=a, two=b), one)", 't' }, { "eq(remap($B, one=a, two=b), two)", 't' }, { "forEnv(prod)", 't' }, { "forEnv(dev, test)", 'f' },
		{ "not(forEnv(dev, prod))", 'f' }, { "if(forEnv(prod), eq($A, a), false)", 't' },
		{ "eq(remap($A, /a/, one), one)", '?' }, { "exec(date)", '?' }, { "not(exec(date))", '?' }, { "eq($A, x=a)", '?' },
		{ "[$A]", '?' }, { "concat($A)", '?' }, { "eq(\"$A$B\", ab)", '?' }, { "forEnv($A)", '?' },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[256];
		const struct condition *condition;
		struct evaluation evaluation = { value_of, is_environment, NULL, NULL, NULL };

		snprintf(text, sizeof(text), "# @required=%s\nX=\n", rows[i].text);
		cleanup_(read_schema_free) struct read_schema read = read_text(text);
		print_message("%s\n", rows[i].text);
		condition = &item_of(&read, "X")->required;
		while (condition->kind == CONDITION_NOT)
			condition = condition->inner;
		if (rows[i].outcome == '?') {
			assert_int_equal(condition->kind, CONDITION_UNKNOWN);
			assert_false(node_can_be_told(condition->node));
			continue;
		}
		assert_int_not_equal(condition->kind, CONDITION_UNKNOWN);
		assert_true(node_can_be_told(read.schema->nodes[read.schema->nodes_len - 1]));
		assert_int_equal(node_is_true(&evaluation, read.schema->nodes[read.schema->nodes_len - 1]), rows[i].outcome == 't');
		evaluation_end(&evaluation);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(conditions) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
