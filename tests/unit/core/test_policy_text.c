/* The policy language: what is taken, what is refused and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "acl_notation.h"
#include "core/caller.h"
#include "core/policy_text.h"
#include "vault/limits.h"

/* Rules in short form: "a/b=rl c*=!". */
static void describe(const struct policy_text *text, char *ret, size_t size)
{
	char letters[9];
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < text->rules_len; i++) {
		letters_of(text->rules[i].capabilities, letters);
		assert_int_equal(strlen(text->rules[i].pattern), text->rules[i].len);
		used += (size_t)snprintf(ret + used, size - used, "%s%s=%s", i > 0 ? " " : "", text->rules[i].pattern, letters);
	}
}

static void test_accepted(void **state)
{
	static const struct {
		const char *text, *rules;
	} rows[] = {
		{ "", "" },
		{ " \n\t\r\n", "" },
		{ "# nothing", "" },
		{ "// nothing\n/* nor\nhere */", "" },
		{ "path \"a/b\" { capabilities = [\"read\"] }", "a/b=r" },
		{ "path \"a/b\" {\n  capabilities = [\"create\", \"read\", \"update\", \"patch\", \"delete\", \"list\", \"sudo\"]\n}\n", "a/b=crupdls" },
		{ "path \"a/b\" { capabilities = [] }", "a/b=-" },
		{ "path \"a/b\" {}", "a/b=-" },
		{ "path \"a/b\" { capabilities = [\"read\", \"deny\", \"list\"] }", "a/b=!" },
		{ "path \"a/b\" { capabilities = [\"read\", \"read\",] }", "a/b=r" },
		{ "path\"a\"{capabilities=[\"read\"]}path\"b\"{capabilities=[\"list\"]}", "a=r b=l" },
		{ "path \"/a/b\" { capabilities = [\"read\"] }", "a/b=r" },
		{ "path \"a/\" { capabilities = [\"list\"] }", "a/=l" },
		{ "path \"*\" { capabilities = [\"read\"] }", "*=r" },
		{ "path \"a/*\" { capabilities = [\"read\"] }", "a/*=r" },
		{ "path \"a/b*\" { capabilities = [\"read\"] }", "a/b*=r" },
		{ "path \"a/.b*\" { capabilities = [\"read\"] }", "a/.b*=r" },
		{ "path \"a/.*\" { capabilities = [\"read\"] }", "a/.*=r" },
		{ "path \"+/b/+/*\" { capabilities = [\"read\"] }", "+/b/+/*=r" },
		{ "path \"a/b+c\" { capabilities = [\"read\"] }", "a/b+c=r" },
		{ "path \"a\" { policy = \"read\" }", "a=rl" },
		{ "path \"a\" { policy = \"write\" }", "a=crudl" },
		{ "path \"a\" { policy = \"sudo\" }", "a=crudls" },
		{ "path \"a\" { policy = \"deny\" }", "a=!" },
		{ "path \"a\" { policy = \"read\" capabilities = [\"sudo\"] }", "a=rls" },
		{ "path \"a\" { capabilities = [\"read\"], policy = \"deny\" }", "a=!" },
		{ "path \"a\" { comment = \"why\" \n capabilities = [\"read\"] }", "a=r" },
		{ "name = \"shop\"\npath \"a\" { capabilities = [\"read\"] }", "a=r" },
		{ "path \"a\" = { capabilities = [\"read\"] }", "a=r" },
		{ "\"path\" \"a\" { \"capabilities\" = [\"read\"] }", "a=r" },
		{ "path \"a\" { capabilities = [ # one\n \"read\", // two\n /* three */ \"list\" ] }", "a=rl" },
		{ "path \"\\u0061\\/b\" {}", NULL },
		{ "path \"\\u0061/b\" { capabilities = [\"r\\u0065ad\"] }", "a/b=r" },
		{ "path \"a\" {} path \"a\" { capabilities = [\"read\"] }", "a=- a=r" },
		{ "{}", "" },
		{ "{\"path\":{}}", "" },
		{ "{\"path\":{\"a/b\":{\"capabilities\":[\"read\",\"list\"]},\"c/*\":{\"policy\":\"deny\"}}}", "a/b=rl c/*=!" },
		{ " {\"name\":\"x\",\"path\":[{\"/a\":{\"capabilities\":[\"read\"]}},{\"b\":{\"comment\":\"c\"}}]}", "a=r b=-" },
		{ "{\"path\":{\"\\u0061\":{\"capa\\u0062ilities\":[\"re\\u0061d\"]}}}", "a=r" },
	};
	char made[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_(policy_text_freep) struct policy_text text = {0};
		struct error err = ERROR_INIT;
		enum error_code code = policy_text_parse(rows[i].text, strlen(rows[i].text), &text, &err);

		if ((code == ERR_OK) != (rows[i].rules != NULL))
			fail_msg("%s: %s", rows[i].text, err.text);
		if (code != ERR_OK)
			continue;
		describe(&text, made, sizeof(made));
		assert_string_equal(made, rows[i].rules);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *sentence;	/* a part of it */
	} rows[] = {
		/* members that would restrict */
		{ "path \"a\" {\n  allowed_parameters = { \"x\" = [] }\n}", "line 2, column 3: allowed_parameters is not supported" },
		{ "path \"a\" { denied_parameters = {} }", "denied_parameters is not supported" },
		{ "path \"a\" { required_parameters = [\"x\"] }", "required_parameters is not supported" },
		{ "path \"a\" { min_wrapping_ttl = 1 }", "min_wrapping_ttl is not supported" },
		{ "path \"a\" { max_wrapping_ttl = \"1h\" }", "max_wrapping_ttl is not supported" },
		{ "path \"a\" { control_group = {} }", "control_group is not supported" },
		{ "path \"a\" { mfa_methods = [] }", "mfa_methods is not supported" },
		{ "path \"a\" { expiration = \"2030-01-01T00:00:00Z\" }", "expiration is not supported" },
		{ "path \"a\" { pagination_limit = 5 }", "pagination_limit is not supported" },
		{ "path \"a\" { list_scan_response_keys_filter_path = \"x\" }", "list_scan_response_keys_filter_path is not supported" },
		{ "path \"a\" { subscribe_event_types = [\"*\"] }", "subscribe_event_types is not supported" },
		{ "path \"secret/{{identity.entity.id}}/*\" {}", "line 1, column 6: templates" },
		{ "{\"path\":{\"a\":{\"allowed_parameters\":{}}}}", "line 1, column 16: allowed_parameters is not supported" },
		/* unknown words */
		{ "path \"a\" { capability = [\"read\"] }", "a path has only the members" },
		{ "path \"a\" { Capabilities = [\"read\"] }", "a path has only the members" },
		{ "path \"a\" { capabilities = [\"Read\"] }", "column 28: a capability is one of" },
		{ "path \"a\" { capabilities = [\"read \"] }", "a capability is one of" },
		{ "path \"a\" { capabilities = [\"root\"] }", "a capability is one of" },
		{ "path \"a\" { capabilities = [\"scan\"] }", "a capability is one of" },
		{ "path \"a\" { capabilities = [\"raed\"] }", "sudo, deny; did you mean read?" },
		{ "path \"a\" { capabilities = [\"updates\"] }", "sudo, deny; did you mean update?" },
		{ "{\"path\": {\"a\": {\"capabilities\": [\"lists\"]}}}", "sudo, deny; did you mean list?" },
		{ "path \"a\" { capabilities = [\"\"] }", "a capability is one of" },
		{ "path \"a\" { policy = \"admin\" }", "the old form of a rule" },
		{ "paths \"a\" {}", "a policy is made of path" },
		{ "rule \"a\" {}", "a policy is made of path" },
		{ "{\"paths\":{}}", "the one member path" },
		{ "{\"path\":{},\"x\":1}", "the one member path" },
		/* twice */
		{ "path \"a\" { capabilities = [\"read\"] capabilities = [\"list\"] }", "stands there twice" },
		{ "path \"a\" { policy = \"read\" policy = \"deny\" }", "stands there twice" },
		{ "{\"path\":{\"a\":{}},\"path\":{}}", "the policy cannot be used" },
		{ "{\"path\":{\"a\":{},\"a\":{}}}", "the policy cannot be used" },
		{ "{\"path\":{\"a\":{\"capabilities\":[],\"capabilities\":[]}}}", "the policy cannot be used" },
		/* paths that no request can have */
		{ "path \"\" {}", "must not be empty" },
		{ "path \"/\" {}", "must not be empty" },
		{ "path \"a/*/b\" {}", "'*' may stand only at the end" },
		{ "path \"a*b\" {}", "'*' may stand only at the end" },
		{ "path \"**\" {}", "'*' may stand only at the end" },
		{ "path \"a/+*\" {}", "\"+*\" is refused" },
		{ "path \"+*\" {}", "\"+*\" is refused" },
		{ "path \"a/b+*\" {}", "\"+*\" is refused" },
		{ "path \"a//b\" {}", "no request can have this path" },
		{ "path \"//a\" {}", "no request can have this path" },
		{ "path \"a//*\" {}", "no request can have this path" },
		{ "path \"a/../b\" {}", "no request can have this path" },
		{ "path \"a/./b\" {}", "no request can have this path" },
		{ "path \"..\" {}", "no request can have this path" },
		{ "path \"a/..\" {}", "no request can have this path" },
		{ "path \"../*\" {}", "no request can have this path" },
		{ "path \"a b\" {}", "no request can have this path" },
		{ "path \"a%2Fb\" {}", "no request can have this path" },
		{ "path \"a?b\" {}", "no request can have this path" },
		{ "path \"a#b\" {}", "no request can have this path" },
		{ "path \"a\\\\b\" {}", "no request can have this path" },
		{ "path \"a\\nb\" {}", "no request can have this path" },
		{ "path \"a\\\"b\" {}", "no request can have this path" },
		{ "path \"\xc3\xa4\" {}", "no request can have this path" },
		{ "path \"a/${b}\" {}", "no request can have this path" },
		{ "{\"path\":{\"a/../b\":{}}}", "no request can have this path" },
		{ "{\"path\":{\"a\\u0000b\":{}}}", "the policy cannot be used" },
		{ "path \"a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/1/2/3/4/5/6/7\" {}", "too many segments" },
		/* grammar */
		{ "path", "the path in quotes is missing" },
		{ "path {}", "the path in quotes is missing" },
		{ "path a {}", "the path in quotes is missing" },
		{ "path \"a\"", "'{' is missing" },
		{ "path \"a\" \"b\" {}", "'{' is missing" },
		{ "path \"a\" {", "the closing brace, is missing" },
		{ "path \"a\" { capabilities }", "'=' is missing" },
		{ "path \"a\" { capabilities = }", "capabilities are a list" },
		{ "path \"a\" { capabilities = \"read\" }", "capabilities are a list" },
		{ "path \"a\" { capabilities = [read] }", "capabilities are a list" },
		{ "path \"a\" { capabilities = [\"read\" \"list\"] }", "capabilities are a list" },
		{ "path \"a\" { capabilities = [,] }", "capabilities are a list" },
		{ "path \"a\" { capabilities = [\"read\"", "capabilities are a list" },
		{ "path \"a\" { policy = [\"read\"] }", "a text in quotes is missing" },
		{ "path \"a\" { comment = 5 }", "a text in quotes is missing" },
		{ "path \"a\" {} }", "a policy is made of path" },
		{ "path \"a\" {}}", "a policy is made of path" },
		{ "name \"x\"", "'=' is missing" },
		{ "name = x", "a text in quotes is missing" },
		{ "path \"a", "no closing quote" },
		{ "path \"a\nb\" {}", "ends on the line where it begins" },
		{ "path \"a\\", "an escape is one of" },
		{ "path \"a\\x\" {}", "an escape is one of" },
		{ "path \"a\\u12\" {}", "four hexadecimal digits" },
		{ "path \"a\\u", "four hexadecimal digits" },
		{ "path \"a\\u0000\" {}", "no path can hold" },
		{ "path \"a\\u00e4\" {}", "no path can hold" },
		{ "path <<EOF\na\nEOF\n{}", "a text in lines (<<) is not supported" },
		{ "path \"a\" { comment = <<-X\n }", "a text in lines (<<) is not supported" },
		{ "/* no end", "has no end" },
		{ "/*/", "has no end" },
		{ "path 'a' {}", "this character has no meaning" },
		{ "path \"a\" { capabilities = [\"read\"]; }", "this character has no meaning" },
		{ "path (\"a\") {}", "this character has no meaning" },
		{ "path \"a\" {}\n\n  ?", "line 3, column 3: this character" },
		{ "/", "this character has no meaning" },
		{ "\xff", "not UTF-8" },
		{ "# \x01", "control characters" },
		{ "path \"a\x7f\" {}", "control characters" },
		/* JSON of another shape */
		{ "{", "the policy cannot be used" },
		{ "{\"path\":", "the policy cannot be used" },
		{ "{\"path\":{}} x", "the policy cannot be used" },
		{ "{\"path\":\"a\"}", "path is an object of paths" },
		{ "{\"path\":[\"a\"]}", "path is an object of paths" },
		{ "{\"path\":{\"a\":[]}}", "a path has an object" },
		{ "{\"path\":{\"a\":{\"capabilities\":\"read\"}}}", "capabilities are a list" },
		{ "{\"path\":{\"a\":{\"capabilities\":[1]}}}", "capabilities are a list" },
		{ "{\"path\":{\"a\":{\"policy\":1}}}", "a text in quotes is missing" },
		{ "{\"path\":{\"a\":{\"comment\":{}}}}", "a text in quotes is missing" },
		{ "{\"name\":1}", "the one member path" },
		{ "[]", "a policy is made of path" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct policy_text text = {0};
		struct error err = ERROR_INIT;

		if (policy_text_parse(rows[i].text, strlen(rows[i].text), &text, &err) != ERR_INVALID ||
		    !strstr(err.text, rows[i].sentence) || text.rules || text.pool.blocks)
			fail_msg("%s: '%s' instead of '%s'", rows[i].text, err.text, rows[i].sentence);
	}
}

/* No sentence quotes what stands in a policy. */
static void test_confidential(void **state)
{
	static const char *const texts[] = {
		"path \"canary/..\" {}", "canary = 1", "path \"a\" { canary = 1 }", "path \"a\" { capabilities = [\"canary\"] }",
		"path \"a\" { policy = \"canary\" }", "path canary", "{\"canary\":1}", "{\"path\":{\"a\":{\"canary\":1}}}",
		"{\"path\":{\"canary//\":{}}}", "{\"path\":{\"a\":{\"capabilities\":[\"canary\"]}}}", "{\"canary",
		"path \"a\" { capabilities = [canary] }",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct policy_text text = {0};
		struct error err = ERROR_INIT;

		assert_int_equal(policy_text_parse(texts[i], strlen(texts[i]), &text, &err), ERR_INVALID);
		assert_null(strstr(err.text, "canary"));
	}
}

/* -- limits -------------------------------------------------------------------- */

static enum error_code parse(const char *text, size_t len, size_t *ret_rules)
{
	cleanup_(policy_text_freep) struct policy_text made = {0};
	struct error err = ERROR_INIT;
	enum error_code code = policy_text_parse(text, len, &made, &err);

	*ret_rules = made.rules_len;
	return code;
}

static void test_limits(void **state)
{
	char *text = malloc(LIMIT_POLICY_TEXT + 64);
	size_t rules;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', LIMIT_POLICY_TEXT + 1);
	assert_int_equal(parse(text, LIMIT_POLICY_TEXT, &rules), ERR_OK);
	assert_int_equal(parse(text, LIMIT_POLICY_TEXT + 1, &rules), ERR_TOO_LARGE);

	for (size_t i = 0; i <= LIMIT_POLICY_RULES; i++)
		memcpy(text + i * 9, "path\"a\"{}", 9);
	assert_int_equal(parse(text, LIMIT_POLICY_RULES * 9, &rules), ERR_OK);
	assert_int_equal(rules, LIMIT_POLICY_RULES);
	assert_int_equal(parse(text, (LIMIT_POLICY_RULES + 1) * 9, &rules), ERR_TOO_LARGE);

	for (size_t extra = 0; extra < 2; extra++) {
		size_t len = LIMIT_POLICY_PATH_LEN + extra;

		memcpy(text, "path \"", 6);
		memset(text + 6, 'a', len);
		memcpy(text + 6 + len, "\" {}", 4);
		assert_int_equal(parse(text, len + 10, &rules), extra == 0 ? ERR_OK : ERR_INVALID);
	}

	for (size_t extra = 0; extra < 2; extra++) {
		size_t segments = LIMIT_POLICY_SEGMENTS + extra, len = 6;

		for (size_t i = 0; i < segments; i++) {
			text[len++] = '+';
			text[len++] = '/';
		}
		memcpy(text + len - 1, "\" {}", 4);
		assert_int_equal(parse(text, len + 3, &rules), extra == 0 ? ERR_OK : ERR_INVALID);
	}
	free(text);
}

/* -- names ----------------------------------------------------------------------- */

static void test_names(void **state)
{
	static const struct {
		const char *name, *made;	/* NULL: refused */
	} rows[] = {
		{ "shop", "shop" }, { "Shop-Admin", "shop-admin" }, { "  x\t\n", "x" }, { "a.b_c-9", "a.b_c-9" }, { "_x", "_x" },
		{ "9", "9" }, { "DEFAULT", "default" }, { "root", "root" }, { "roots", "roots" }, { "toor", "toor" },
		{ "", NULL }, { "   ", NULL }, { ".", NULL }, { "..", NULL }, { ".x", NULL }, { "-x", NULL }, { "a b", NULL },
		{ "a/b", NULL }, { "a*", NULL }, { "a,b", NULL }, { "a\"b", NULL },
		{ "Root", NULL }, { "ROOT", NULL }, { " root", NULL }, { "root ", NULL }, { "\troot", NULL }, { " ROOT", NULL },
		{ "ro\xc3\xb6t", NULL },
		{ "\xef\xbd\x92oot", NULL },	/* full-width r */
		{ "r\xd0\xbeot", NULL },	/* Cyrillic o */
		{ "root\xe2\x80\x8b", NULL },	/* zero-width space */
		{ "root\xc2\xa0", NULL },	/* no-break space */
		{ "\xef\xbb\xbfroot", NULL },	/* byte order mark */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct policy_name made;
		struct error err = ERROR_INIT;
		enum error_code code = policy_name_normalise(rows[i].name, strlen(rows[i].name), &made, &err);

		assert_int_equal(code, rows[i].made ? ERR_OK : ERR_INVALID);
		if (rows[i].made) {
			assert_string_equal(made.text, rows[i].made);
			assert_int_equal(made.len, strlen(rows[i].made));
		}
	}
}

static void test_name_limits(void **state)
{
	char name[LIMIT_POLICY_NAME_LEN + 2];
	struct policy_name made;
	struct error err = ERROR_INIT;

	(void)state;
	memset(name, 'x', sizeof(name));
	assert_int_equal(policy_name_normalise(name, LIMIT_POLICY_NAME_LEN, &made, &err), ERR_OK);
	assert_int_equal(policy_name_normalise(name, LIMIT_POLICY_NAME_LEN + 1, &made, &err), ERR_INVALID);
	error_clear(&err);
	/* A NUL is a character like others, not an end. */
	assert_int_equal(policy_name_normalise("root\0x", 6, &made, &err), ERR_INVALID);
}

static void test_capability_names(void **state)
{
	unsigned bit, all = 0;
	const char *name, *before = "";
	size_t i = 0;

	(void)state;
	for (; (name = capability_name(i, &bit)); i++) {
		assert_true(strcmp(before, name) < 0);
		assert_int_equal(capability_of_name(name, strlen(name)), bit);
		before = name;
		all |= bit;
	}
	assert_int_equal(i, 7);
	assert_int_equal(all, 127);
	assert_int_equal(capability_of_name("deny", 4), POLICY_DENY);
	assert_int_equal(capability_of_name("rea", 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_confidential),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_name_limits),
		cmocka_unit_test(test_capability_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
