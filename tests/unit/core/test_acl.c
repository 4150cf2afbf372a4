/* Which rule decides, against a table, against a slow reference, and what is told about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acl_cases.h"
#include "acl_notation.h"
#include "core/acl_build.h"
#include "core/caller.h"
#include "vault/limits.h"

/* -- the table ---------------------------------------------------------------- */

static void check(const struct acl *acl, const char *rules, const char *line)
{
	char letter, path[256], sign, pattern[256];
	struct acl_explanation why;
	unsigned bit;
	int count = sscanf(line, "%c %255s %c %255s", &letter, path, &sign, pattern);

	assert_int_equal(count, 4);
	bit = capability_of_letter(letter);
	acl_explain(acl, bit, path, &why);
	if (acl_allows(acl, bit, path) != (sign == '+') || why.allowed != (sign == '+') ||
	    strcmp(why.has_rule ? why.rule.pattern : "none", pattern) != 0 ||
	    ((acl_capabilities(acl, path) & bit) != 0) != (sign == '+'))
		fail_msg("%s: expected '%.*s', decided is '%s' by %s", rules, (int)strcspn(line, "\n"), line,
			 why.allowed ? "+" : ".", why.has_rule ? why.rule.pattern : "none");
}

static void test_table(void **state)
{
	unsigned rows = 0;

	(void)state;
	for (unsigned i = 0; i < acl_cases_len; i++) {
		struct acl *acl = acl_of(acl_cases[i].rules);

		for (const char *line = acl_cases[i].checks; *line != '\0'; line = strchr(line, '\n') + 1) {
			check(acl, acl_cases[i].rules, line);
			rows++;
		}
		acl_unref(acl);
	}
	assert_true(rows >= 300);
}

/* -- the reference ---------------------------------------------------------------- */

static bool matches(const char *pattern, const char *path)
{
	size_t len = strcspn(pattern, "/"), path_len = strcspn(path, "/");
	bool last = pattern[len] == '\0';

	if (last && len > 0 && pattern[len - 1] == '*')
		return strncmp(path, pattern, len - 1) == 0;
	if (!(len == 1 && pattern[0] == '+') && (len != path_len || strncmp(pattern, path, len) != 0))
		return false;
	if (last || path[path_len] == '\0')
		return last && path[path_len] == '\0';
	return matches(pattern + len + 1, path + path_len + 1);
}

static size_t first_wildcard(const char *pattern)
{
	for (size_t i = 0; pattern[i] != '\0'; i++)
		if (pattern[i] == '*' || (pattern[i] == '+' && (i == 0 || pattern[i - 1] == '/') &&
					  (pattern[i + 1] == '\0' || pattern[i + 1] == '/')))
			return i;
	return 100000;		/* exact: above all */
}

static int count_plus(const char *pattern)
{
	int count = 0;

	for (size_t i = 0; pattern[i] != '\0'; i++)
		count += pattern[i] == '+' && (i == 0 || pattern[i - 1] == '/') &&
			 (pattern[i + 1] == '\0' || pattern[i + 1] == '/');
	return count;
}

/* a has lower priority than b. */
static bool is_lower(const char *a, const char *b)
{
	bool a_open = strchr(a, '*') != NULL, b_open = strchr(b, '*') != NULL;

	if (first_wildcard(a) != first_wildcard(b))
		return first_wildcard(a) < first_wildcard(b);
	if (a_open != b_open)
		return a_open;
	if (count_plus(a) != count_plus(b))
		return count_plus(a) > count_plus(b);
	if (strlen(a) != strlen(b))
		return strlen(a) < strlen(b);
	return strcmp(a, b) < 0;
}

static const char *reference(const struct acl *acl, const char *path)
{
	const char *best = NULL;
	struct acl_rule rule;

	for (size_t i = 0; acl_rule_at(acl, i, &rule); i++)
		if (matches(rule.pattern, path) && (!best || is_lower(best, rule.pattern)))
			best = rule.pattern;
	return best;
}

static uint64_t random_state;

static unsigned random_below(unsigned n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(random_state >> 33) % n;
}

/* Few words, so that patterns and paths meet. */
static void random_path(bool pattern, char ret[static 64])
{
	static const char *const words[] = { "a", "b", "ab", "abc", "b+", "-", "+" };
	unsigned segments = 1 + random_below(5), known = pattern ? 7 : 6;

	ret[0] = '\0';
	for (unsigned i = 0; i < segments; i++)
		snprintf(ret + strlen(ret), 64 - strlen(ret), "%s%s", i > 0 ? "/" : "", words[random_below(known)]);
	if (pattern && random_below(3) == 0) {
		size_t len = strlen(ret);

		snprintf(ret + len, 64 - len, ret[len - 1] == '+' ? "/*" : "*");
	} else if (random_below(8) == 0) {
		snprintf(ret + strlen(ret), 64 - strlen(ret), "/");
	}
}

static struct acl *random_acl(void)
{
	static const char *const letters[] = { "r", "rl", "!", "cu", "-", "l" };
	char rules[2048] = "", path[64];
	unsigned count = 1 + random_below(20);

	for (unsigned i = 0; i < count; i++) {
		random_path(true, path);
		snprintf(rules + strlen(rules), sizeof(rules) - strlen(rules), "%s%s=%s",
			 i == 0 ? "" : random_below(6) == 0 && i < 8 ? "|" : " ", path, letters[random_below(6)]);
	}
	return acl_of(rules);
}

static void test_reference(void **state)
{
	char path[64];

	(void)state;
	random_state = 20240601;
	for (int i = 0; i < 4000; i++) {
		struct acl *acl = random_acl();

		for (int k = 0; k < 100; k++) {
			uint32_t rule;
			const char *expected, *got;

			random_path(false, path);
			rule = acl_decide(acl, path);
			expected = reference(acl, path);
			got = rule == ACL_NONE ? NULL : acl->rules[rule].text;
			if ((expected == NULL) != (got == NULL) || (got && strcmp(got, expected) != 0))
				fail_msg("%s: %s instead of %s", path, got ? got : "none", expected ? expected : "none");
		}
		acl_unref(acl);
	}
}

/* A LIST is never allowed where a deny decides about the path with or without its slash, but for an exact rule. */
static void test_lists_escape_no_deny(void **state)
{
	char path[64], slashed[66];

	(void)state;
	random_state = 77;
	for (int i = 0; i < 2000; i++) {
		struct acl *acl = random_acl();

		for (int k = 0; k < 50; k++) {
			uint32_t with, without, decided;

			random_path(false, path);
			if (path[strlen(path) - 1] == '/')
				path[strlen(path) - 1] = '\0';
			snprintf(slashed, sizeof(slashed), "%s/", path);
			with = acl_decide(acl, slashed);
			without = acl_decide(acl, path);
			decided = acl_decide_list(acl, path);
			assert_true(decided == with || decided == without);
			assert_int_equal(decided, acl_decide_list(acl, slashed));
			if (decided == ACL_NONE || acl->rules[decided].rank == ACL_RANK_EXACT)
				continue;
			if ((with != ACL_NONE && acl->rules[with].capabilities == POLICY_DENY) ||
			    (without != ACL_NONE && acl->rules[without].capabilities == POLICY_DENY))
				assert_false(acl_allows(acl, CAP_LIST, path));
		}
		acl_unref(acl);
	}
}

/* -- several capabilities, root, nothing -------------------------------------------- */

static void test_all_of_them(void **state)
{
	struct acl *acl = acl_of("a/b=cu a/c=c a/d/=l a/d=r a/e/=ls a/f/=ls a/f=! a/g/=l");

	(void)state;
	assert_true(acl_allows(acl, CAP_CREATE | CAP_UPDATE, "a/b"));
	assert_false(acl_allows(acl, CAP_CREATE | CAP_UPDATE, "a/c"));
	assert_false(acl_allows(acl, 0, "a/b"));
	assert_true(acl_allows(acl, CAP_READ | CAP_LIST, "a/d"));
	assert_true(acl_allows(acl, CAP_LIST | CAP_SUDO, "a/e"));
	assert_true(acl_allows(acl, CAP_LIST | CAP_SUDO, "a/e/"));
	assert_false(acl_allows(acl, CAP_SUDO, "a/e"));
	assert_false(acl_allows(acl, CAP_LIST | CAP_SUDO, "a/f"));
	assert_false(acl_allows(acl, CAP_LIST | CAP_SUDO, "a/g"));
	assert_true(acl_allows(acl, CAP_CREATE, "/a/b"));
	assert_true(acl_allows(acl, CAP_CREATE, "//a/b"));
	assert_false(acl_allows(acl, CAP_READ, ""));
	assert_false(acl_allows(acl, CAP_READ, "/"));
	assert_int_equal(acl_capabilities(acl, "a/d"), CAP_READ | CAP_LIST);
	assert_int_equal(acl_capabilities(acl, "a/x"), 0);
	acl_unref(acl);
	assert_false(acl_allows(NULL, CAP_READ, "a/b"));
	assert_false(acl_any_below(NULL, "a/"));
	assert_int_equal(acl_capabilities(NULL, "a"), 0);
	acl_unref(NULL);
}

static void test_root(void **state)
{
	const struct acl_source sources[] = { { { "other", 5 }, NULL }, { { "root", 4 }, NULL }, { { "Root", 4 }, NULL } };
	struct error err = ERROR_INIT;
	struct acl_explanation why;
	struct acl *acl;
	size_t len;

	(void)state;
	assert_int_equal(acl_new(sources, 2, 1, &acl, &err), ERR_OK);
	assert_true(acl_is_root(acl));
	assert_true(acl_allows(acl, CAP_SUDO | CAP_UPDATE, "sys/seal"));
	assert_true(acl_any_below(acl, "x/"));
	acl_explain(acl, CAP_READ, "x", &why);
	assert_true(why.root && why.allowed && !why.has_rule && !why.has_nearest);
	assert_string_equal(acl_policies(acl, &len)[1], "root");
	assert_int_equal(len, 2);
	acl_unref(acl);
	/* Another spelling is another name, which has no policy. */
	assert_int_equal(acl_new(sources + 2, 1, 1, &acl, &err), ERR_OK);
	assert_false(acl_is_root(acl));
	assert_false(acl_allows(acl, CAP_READ, "x"));
	acl_unref(acl);
}

static void test_any_below(void **state)
{
	static const struct {
		const char *rules, *prefix;
		bool any;
	} rows[] = {
		{ "secret/data/shop=r", "secret/", true },
		{ "secret/data/shop=r", "secret", true },
		{ "secret/data/shop=r", "secre/", false },
		{ "secret/data/shop=r", "secrets/", false },
		{ "secret/data/shop=!", "secret/", false },
		{ "secret/data/shop=-", "secret/", false },
		{ "secret/data/shop*=u", "secret/", true },
		{ "secret/*=l", "secret/", true },
		{ "secret/=l", "secret/", true },
		{ "secret=r", "secret/", true },
		{ "*=r", "secret/", true },
		{ "sec*=r", "secret/", true },
		{ "secret*=r secret/*=!", "secret/", false },
		{ "secret/*=! secret/data/x=r", "secret/", true },
		{ "+/data/x=r", "secret/", true },
		{ "+/data/x=!", "secret/", false },
		{ "+/*=r", "secret/", true },
		{ "auth/+/login=u", "auth/token/", true },
		{ "auth/+/login=u", "auth/", true },
		{ "auth/+/login=u", "sys/", false },
		{ "auth/jwt/login=u", "auth/token/", false },
		{ "a/b=r", "a/b/c/", false },
		{ "", "secret/", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct acl *acl = acl_of(rows[i].rules);

		if (acl_any_below(acl, rows[i].prefix) != rows[i].any)
			fail_msg("%s below %s", rows[i].rules, rows[i].prefix);
		acl_unref(acl);
	}
}

/* -- why -------------------------------------------------------------------------- */

static void test_nearest(void **state)
{
	static const struct {
		const char *rules, *path, *nearest;
	} rows[] = {
		/* the deciding rule lacks only the capability */
		{ "a/b=l a/*=r", "a/b", "a/b" },
		{ "a/b=- c=r", "a/b", "a/b" },
		/* a deny, or nothing, decides */
		{ "a/b/c=! a/b/*=r a/*=r", "a/b/c", "a/b/*" },
		{ "a/b/c=r a/x=r", "a/b/d", "a/b/c" },
		{ "a/b/c=r a/+/d/e=r", "a/b/d", "a/+/d/e" },
		{ "secret/data/shop/production=r secret/data/shop/staging=r", "secret/data/shop/prod", "secret/data/shop/production" },
		{ "secret/data/shop=r sys/x=r", "secret/data/shop/x", "secret/data/shop" },
		{ "sys/x=r auth/y=r", "secret/data/shop", "sys/x" },
		{ "a/b=l", "c", "none" },
		{ "a/b=!", "a/b", "none" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct acl *acl = acl_of(rows[i].rules);
		struct acl_explanation why;

		acl_explain(acl, CAP_READ, rows[i].path, &why);
		assert_false(why.allowed);
		assert_string_equal(why.has_nearest ? why.nearest.pattern : "none", rows[i].nearest);
		acl_unref(acl);
	}
}

static void test_grants(void **state)
{
	struct acl *acl = acl_of("a/b=r a/b=l c=r|a/b=u|a/b=!");
	struct acl_explanation why;
	struct acl_rule rule;

	(void)state;
	acl_explain(acl, CAP_READ, "a/b", &why);
	assert_false(why.allowed);
	assert_int_equal(why.rule.capabilities, POLICY_DENY);
	assert_int_equal(why.rule.grants_len, 3);
	assert_string_equal(why.rule.grants[0].policy, "p1");
	assert_int_equal(why.rule.grants[0].capabilities, CAP_READ | CAP_LIST);
	assert_string_equal(why.rule.grants[1].policy, "p2");
	assert_int_equal(why.rule.grants[1].capabilities, CAP_UPDATE);
	assert_string_equal(why.rule.grants[2].policy, "p3");
	assert_int_equal(why.rule.grants[2].capabilities, POLICY_DENY);
	assert_true(acl_rule_at(acl, 1, &rule));
	assert_string_equal(rule.pattern, "c");
	assert_false(acl_rule_at(acl, 2, &rule));
	acl_unref(acl);
}

/* -- limits ------------------------------------------------------------------------- */

static void test_many_rules(void **state)
{
	static char patterns[LIMIT_ACL_RULES + 1][24];
	static struct policy_rule rules[LIMIT_ACL_RULES + 1];
	struct policy_text text = { .rules = rules };
	const struct acl_source source = { .name = { "many", 4 }, .text = &text };
	struct error err = ERROR_INIT;
	struct acl *acl = NULL;

	(void)state;
	for (size_t i = 0; i <= LIMIT_ACL_RULES; i++) {
		snprintf(patterns[i], sizeof(patterns[i]), "kv/%zu/%zu%s", i % 97, i, i % 3 == 0 ? "*" : "");
		rules[i] = (struct policy_rule){ .pattern = patterns[i], .len = strlen(patterns[i]), .capabilities = CAP_READ };
	}
	text.rules_len = LIMIT_ACL_RULES;
	assert_int_equal(acl_new(&source, 1, 1, &acl, &err), ERR_OK);
	for (size_t i = 0; i < LIMIT_ACL_RULES; i++) {
		char path[24];

		snprintf(path, sizeof(path), "kv/%zu/%zu", i % 97, i);
		assert_true(acl_allows(acl, CAP_READ, path));
	}
	assert_false(acl_allows(acl, CAP_READ, "kv/0/1"));
	acl_unref(acl);
	text.rules_len = LIMIT_ACL_RULES + 1;
	assert_int_equal(acl_new(&source, 1, 1, &acl, &err), ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_reference),
		cmocka_unit_test(test_lists_escape_no_deny),
		cmocka_unit_test(test_all_of_them),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_any_below),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_grants),
		cmocka_unit_test(test_many_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
