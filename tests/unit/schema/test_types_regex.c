/*
 * Regular expressions: the same meaning as in JavaScript, and a cost that is bounded whatever pattern and value are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "schema/regex.h"
#include "schema/types.h"
#include "type_text.h"

static struct schema_regex *compiled(const char *pattern, const char *flags)
{
	struct error err = ERROR_INIT;
	struct schema_regex *regex = NULL;

	if (schema_regex_compile(pattern, strlen(pattern), flags, strlen(flags), &regex, &err) != ERR_OK)
		fail_msg("%s: %s", pattern, err.text);
	return regex;
}

static enum regex_result test_text(const char *pattern, const char *flags, const char *text)
{
	struct regex_budget budget = REGEX_BUDGET(strlen(text));
	struct schema_regex *regex = compiled(pattern, flags);
	enum regex_result result = schema_regex_test(regex, text, strlen(text), &budget);

	regex_budget_end(&budget);
	schema_regex_free(regex);
	return result;
}

/* Each answer is node's. */
static void patterns_mean_what_they_mean_in_javascript(void **state)
{
	static const struct {
		const char *pattern, *flags, *text;
		bool matches;
	} rows[] = {
		{ "b", "", "abc", true },
		{ "^b", "", "a\nb", false },
		{ "^b", "m", "a\nb", true },
		{ "a$", "", "a\n", false },
		{ "^.$", "", "\r", false },
		{ "^.$", "s", "\n", true },
		{ "^\\v$", "", "\x0b", true },
		{ "^\\v$", "", "\n", false },
		{ "^[\\v]$", "", "\x0b", true },
		{ "^[[]$", "", "[", true },
		{ "^[[:alpha:]]$", "", "a]", true },
		{ "^[[:alpha:]]$", "", "b", false },
		{ "[]", "", "a", false },
		{ "^[^]$", "", "a", true },
		{ "^(a)?b\\1$", "", "b", true },
		{ "\\u0041", "", "A", true },
		{ "\\u{41}", "u", "A", true },
		{ "\\cJ", "", "\n", true },
		{ "^\\d$", "", "\xd9\xa3", false },
		{ "^\\w$", "", "\xc3\xa4", false },
		{ "a{,2}", "", "a{,2}", true },
		{ "a{2}?", "", "aa", true },
		{ "(?<year>\\d{4})-\\k<year>", "", "2026-2026", true },
		{ "b", "y", "ab", false },
		{ "B", "gi", "ab", true },
		{ "\\/", "", "/", true },
		{ "}", "", "}", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if ((test_text(rows[i].pattern, rows[i].flags, rows[i].text) == REGEX_MATCHES) != rows[i].matches)
			fail_msg("/%s/%s", rows[i].pattern, rows[i].flags);
}

static void what_is_no_text_is_said(void **state)
{
	(void)state;
	assert_int_equal(test_text(".", "", "a\xff"), REGEX_NOT_TEXT);
}

/* Steps, not seconds: each of these would take hours. */
static void catastrophic_patterns_end(void **state)
{
	static const char *const patterns[] = { "^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(a*)*b", "^(?:a?){30}a{30}b", "(.*)(.*)(.*)(.*)b",
						"(?=(a+))a*b", "a*a*a*a*b", "(?:a*)*\\1b|(c)" };
	char text[4097];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 2] = '!';
	text[sizeof(text) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		struct regex_budget budget = REGEX_BUDGET(sizeof(text) - 1);
		struct schema_regex *regex = compiled(patterns[i], "");
		enum regex_result result = schema_regex_test(regex, text, sizeof(text) - 1, &budget);

		if (result != REGEX_OVER_BUDGET && result != REGEX_DIFFERS)
			fail_msg("%s: %d", patterns[i], result);
		regex_budget_end(&budget);
		schema_regex_free(regex);
	}
	assert_int_equal(test_text("^(a+)+$", "", text), REGEX_OVER_BUDGET);
}

/* One pass over a long value costs what a step for each byte costs, though PCRE2 begins at every place. */
static void steps_grow_with_the_value_only(void **state)
{
	static const struct {
		const char *pattern;
		enum regex_result result;
	} patterns[] = {
		{ "^[a!]+$", REGEX_MATCHES }, { "^(?:[a!]{1,4000},?)*$", REGEX_MATCHES }, { "^[^b]*$", REGEX_MATCHES },
		{ "[^b]*[cd]", REGEX_OVER_BUDGET },
	};
	size_t sizes[] = { 8192, 65536, 524288 };
	char *text = malloc(sizes[2]);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', sizes[2]);
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		struct schema_regex *regex = compiled(patterns[i].pattern, "");

		for (size_t j = 0; j < ARRAY_LEN(sizes); j++) {
			struct regex_budget budget = REGEX_BUDGET(sizes[j]);
			enum regex_result result = schema_regex_test(regex, text, sizes[j], &budget);

			assert_int_equal(result, patterns[i].result);
			regex_budget_end(&budget);
		}
		schema_regex_free(regex);
	}
	free(text);
}

/* A list shares one budget: a thousand elements are no thousand budgets. */
static void elements_share_a_budget(void **state)
{
	static const char source[] = "array(string(matches=/^(a+)+$/))";
	struct regex_budget budget = { .left = LIMIT_REGEX_MATCH };
	struct error err = ERROR_INIT;
	struct schema_type *type = NULL;
	struct type_text text;
	struct node node;
	const char *why = NULL;
	char value[40 * 1000];

	(void)state;
	assert_true(type_text_read(&text, source, sizeof(source) - 1, &node));
	assert_int_equal(schema_type_compile(&node, false, &type, &err), ERR_OK);
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = i % 40 == 39 ? ',' : i % 40 == 38 ? '!' : 'a';
	assert_false(schema_type_judge(type, value, sizeof(value), &budget, &why, NULL, 0));
	assert_ptr_equal(why, schema_type_over_budget);
	assert_int_equal(budget.left, 0);
	regex_budget_end(&budget);
	schema_type_free(type);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_mean_what_they_mean_in_javascript),
		cmocka_unit_test(what_is_no_text_is_said),
		cmocka_unit_test(catastrophic_patterns_end),
		cmocka_unit_test(steps_grow_with_the_value_only),
		cmocka_unit_test(elements_share_a_budget),
	};

	return cmocka_run_group_tests_name("types_regex", tests, NULL, NULL);
}
