#include "expect.h"

#include <string.h>

#include "utf8.h"
#include "vault/names.h"

static void valid_environment_names_are_taken(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"a", "shop/production", "Shop/Production", "a/b/c/d/e/f/g/h", "0", "_", "a.b-c_d", "x..y", "v1.2.3",
	};
	struct error err = ERROR_INIT;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct env_path path;
		assert_int_equal(env_path_parse(cases[i], strlen(cases[i]), &path, &err), ERR_OK);
		assert_string_equal(path.text, cases[i]);
		assert_int_equal(path.len, strlen(cases[i]));
	}
}

static void invalid_environment_names_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *rule;
	} cases[] = {
		{ "", "empty" },
		{ "/", "empty segment" },
		{ "/a", "empty segment" },
		{ "a/", "empty segment" },
		{ "a//b", "empty segment" },
		{ ".", "begin with" },
		{ "..", "begin with" },
		{ "a/../b", "begin with" },
		{ ".a", "begin with" },
		{ "-a", "begin with" },
		{ "a b", "a character other" },
		{ "a%2fb", "a character other" },
		{ "a\\b", "a character other" },
		{ "a\nb", "a character other" },
		{ "caf\xc3\xa9", "a character other" },
		{ "a:b", "a character other" },
		{ "a/b/c/d/e/f/g/h/i", "more than 8" },
	};
	struct error err = ERROR_INIT;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct env_path path = { .len = 4711 };
		assert_fails(env_path_parse(cases[i].text, strlen(cases[i].text), &path, &err), &err, ERR_INVALID);
		assert_non_null(strstr(err.text, cases[i].rule));
		assert_int_equal(path.len, 4711);
	}
	struct env_path path;
	assert_fails(env_path_parse("a\0b", 3, &path, &err), &err, ERR_INVALID);
}

static void environment_names_have_their_limits(void **state)
{
	(void)state;
	char text[LIMIT_ENV_PATH_LEN + 2];
	struct env_path path;
	struct error err = ERROR_INIT;
	memset(text, 'a', sizeof(text));
	assert_int_equal(env_path_parse(text, LIMIT_ENV_SEGMENT_LEN, &path, &err), ERR_OK);
	assert_fails(env_path_parse(text, LIMIT_ENV_SEGMENT_LEN + 1, &path, &err), &err, ERR_INVALID);
	for (size_t i = LIMIT_ENV_SEGMENT_LEN; i < sizeof(text); i += LIMIT_ENV_SEGMENT_LEN + 1)
		text[i] = '/';
	error_clear(&err);
	assert_int_equal(env_path_parse(text, LIMIT_ENV_PATH_LEN, &path, &err), ERR_OK);
	assert_int_equal(path.len, LIMIT_ENV_PATH_LEN);
	assert_int_equal(path.text[LIMIT_ENV_PATH_LEN], '\0');
	assert_fails(env_path_parse(text, LIMIT_ENV_PATH_LEN + 1, &path, &err), &err, ERR_INVALID);
}

static void portable_names_are_told_from_others(void **state)
{
	(void)state;
	assert_true(variable_name_is_portable("DATABASE_URL", 12));
	assert_true(variable_name_is_portable("_a9", 3));
	assert_false(variable_name_is_portable("", 0));
	assert_false(variable_name_is_portable("9a", 2));
	assert_false(variable_name_is_portable("a-b", 3));
	assert_false(variable_name_is_portable("a.b", 3));
	assert_false(variable_name_is_portable("a=b", 3));
	assert_false(variable_name_is_portable("a\0b", 3));
	assert_false(variable_name_is_portable("\xc3\xa9", 2));
}

static void storable_names_are_bounded_text(void **state)
{
	(void)state;
	char text[LIMIT_VARIABLE_NAME_LEN + 1];
	memset(text, 'n', sizeof(text));
	assert_true(variable_name_is_storable(text, LIMIT_VARIABLE_NAME_LEN));
	assert_false(variable_name_is_storable(text, LIMIT_VARIABLE_NAME_LEN + 1));
	assert_true(variable_name_is_storable("a b=c\n", 6));
	assert_true(variable_name_is_storable("\xc3\xa9", 2));
	assert_false(variable_name_is_storable("", 0));
	assert_false(variable_name_is_storable("a\0b", 3));
	assert_false(variable_name_is_storable("\xff", 1));
}

static void dangerous_names_are_known(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum name_danger danger;
	} cases[] = {
		{ "LD_PRELOAD", NAME_REFUSED },	 { "LD_", NAME_REFUSED },	  { "LD", NAME_HARMLESS },
		{ "GLIBC_TUNABLES", NAME_REFUSED }, { "GLIBC_TUNABLES_", NAME_HARMLESS },
		{ "GCONV_PATH", NAME_REFUSED },	 { "BASH_ENV", NAME_REFUSED },	  { "ENV", NAME_REFUSED },
		{ "ENVIRONMENT", NAME_HARMLESS }, { "IFS", NAME_REFUSED },	  { "BASH_FUNC_x%%", NAME_REFUSED },
		{ "BASH", NAME_HARMLESS },	 { "PATH", NAME_WARN },		  { "PATHS", NAME_HARMLESS },
		{ "PYTHONPATH", NAME_WARN },	 { "NODE_OPTIONS", NAME_WARN },	  { "NODE_ENV", NAME_HARMLESS },
		{ "PERL5LIB", NAME_WARN },	 { "PERL", NAME_HARMLESS },	  { "RUBYOPT", NAME_WARN },
		{ "RUBYLIB", NAME_WARN },	 { "RUBY", NAME_HARMLESS },	  { "GIT_SSH", NAME_WARN },
		{ "SHELLOPTS", NAME_REFUSED },	 { "PS4", NAME_REFUSED },	  { "ZDOTDIR", NAME_REFUSED },
		{ "PS1", NAME_HARMLESS },	 { "SHELL", NAME_HARMLESS },	  { "PS", NAME_HARMLESS },
		{ "ld_preload", NAME_HARMLESS }, { "", NAME_HARMLESS },		  { "DATABASE_URL", NAME_HARMLESS },
	};
	for (size_t i = 0; i < CASES(cases); i++)
		assert_int_equal(variable_name_danger(cases[i].name, strlen(cases[i].name)), cases[i].danger);
}

static void globs_match(void **state)
{
	(void)state;
	static const struct {
		const char *glob;
		const char *name;
		bool matches;
	} cases[] = {
		{ "", "", true },	       { "", "a", false },	     { "*", "", true },
		{ "*", "abc", true },	       { "?", "", false },	     { "?", "a", true },
		{ "?", "ab", false },	       { "DB_*", "DB_URL", true },   { "DB_*", "DB_", true },
		{ "DB_*", "XDB_URL", false },  { "*_URL", "A_URL_URL", true }, { "*_URL", "A_URL_X", false },
		{ "A*B*C", "AxxBxxC", true },  { "A*B*C", "AxxCxxB", false }, { "a**b", "ab", true },
		{ "[a]", "a", false },	       { "[a]", "[a]", true },	     { "\\*", "\\x", true },
		{ "?", "\xc3\xa9", true },     { "??", "\xc3\xa9", false },  { "*?*?", "ab", true },
		{ "abc", "ABC", false },       { "a?c", "abc", true },	     { "*a", "aaab", false },
	};
	for (size_t i = 0; i < CASES(cases); i++)
		assert_int_equal(name_matches_glob(cases[i].glob, cases[i].name, strlen(cases[i].name)),
				 cases[i].matches);
	assert_true(name_matches_glob("a?b", "a\0b", 3));
	assert_false(name_matches_glob("a", "a\0", 2));
}

static void many_stars_stay_fast(void **state)
{
	(void)state;
	char glob[201], name[1001];
	for (size_t i = 0; i < 200; i += 2)
		memcpy(glob + i, "*a", 2);
	glob[199] = 'b';
	glob[200] = '\0';
	memset(name, 'a', sizeof(name));
	/* Backtracking into every star would not end. */
	assert_false(name_matches_glob(glob, name, 1000));
}

static void utf8_is_checked_to_the_last_rule(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool valid;
	} cases[] = {
		{ "", true },			{ "plain ascii of some length", true },
		{ "\x7f", true },		{ "\x80", false },
		{ "\xbf", false },		{ "\xc0\x80", false },
		{ "\xc1\xbf", false },		{ "\xc2\x80", true },
		{ "\xdf\xbf", true },		{ "\xc2", false },
		{ "\xc2\x41", false },		{ "\xe0\x9f\xbf", false },
		{ "\xe0\xa0\x80", true },	{ "\xed\x9f\xbf", true },
		{ "\xed\xa0\x80", false },	{ "\xed\xbf\xbf", false },
		{ "\xee\x80\x80", true },	{ "\xef\xbf\xbf", true },
		{ "\xe2\x82", false },		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xf0\x90\x80\x80", true },	{ "\xf4\x8f\xbf\xbf", true },
		{ "\xf4\x90\x80\x80", false },	{ "\xf5\x80\x80\x80", false },
		{ "\xf0\x9f\x98", false },	{ "\xff", false },
		{ "1234567\xc3\xa9", true },	{ "12345678\xc3", false },
		{ "1234567890123456\xe2\x82\xac", true },
	};
	for (size_t i = 0; i < CASES(cases); i++)
		assert_int_equal(utf8_is_valid(cases[i].text, strlen(cases[i].text)), cases[i].valid);
	assert_true(utf8_is_valid("a\0b", 3));
	/* A character that is cut by the length, with its end behind it. */
	assert_false(utf8_is_valid("\xe2\x82\xac", 2));
}

static void characters_that_act_are_known(void **state)
{
	static const struct {
		const char *text;
		size_t char_len;
		bool acts;
	} cases[] = {
		{ "a", 1, false }, { "\x1f", 1, true }, { " ", 1, false }, { "~", 1, false }, { "\x7f", 1, true }, { "\x9b", 0, false },
		{ "\xc2", 0, false }, { "\xc2\x80", 2, true }, { "\xc2\x9f", 2, true }, { "\xc2\xa0", 2, false }, { "\xc3\x9f", 2, false },
		{ "\xe2\x80\xa7", 3, false }, { "\xe2\x80\xa8", 3, true }, { "\xe2\x80\xa9", 3, true }, { "\xe2\x80\xaa", 3, true },
		{ "\xe2\x80\xae", 3, true }, { "\xe2\x80\xaf", 3, false }, { "\xe2\x81\xa5", 3, false }, { "\xe2\x81\xa6", 3, true },
		{ "\xe2\x81\xa9", 3, true }, { "\xe2\x81\xaa", 3, false }, { "\xe3\x80\xa8", 3, false }, { "\xf0\x9f\x98\x80", 4, false },
	};

	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		bool acts = !cases[i].acts;

		assert_int_equal(utf8_shown_len(cases[i].text, strlen(cases[i].text), &acts), cases[i].char_len);
		assert_int_equal(acts, cases[i].acts);
	}
	bool acts = false;
	assert_int_equal(utf8_shown_len("", 1, &acts), 1);
	assert_true(acts);
}

static void names_are_printed_cut_and_clean(void **state)
{
	static const struct {
		const char *name, *printed;
	} cases[] = {
		{ "", "" }, { "A", "A" }, { "SIXTEEN_BYTES_15", "SIXTEEN_BYTE..." }, { "FIFTEEN_BYTES_5", "FIFTEEN_BYTES_5" },
		{ "A\x1b[31m\n", "A?[31m?" }, { "\xc3\xa4 ~\x7f", "?? ~?" },
	};
	char printed[16];

	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		variable_name_for_print(printed, sizeof(printed), cases[i].name, strlen(cases[i].name));
		assert_string_equal(printed, cases[i].printed);
	}
}

static void a_cut_character_is_taken_away(void **state)
{
	static const struct {
		const char *text, *kept;
	} cases[] = {
		{ "", "" }, { "a", "a" }, { "a\xc3\xa4", "a\xc3\xa4" }, { "a\xc3", "a" }, { "\xe2\x82\xac", "\xe2\x82\xac" },
		{ "a\xe2\x82", "a" }, { "a\xe2", "a" }, { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" }, { "b\xf0\x9f\x98", "b" },
		{ "b\xf0\x9f", "b" }, { "\xf0", "" },
	};

	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		char text[8];

		strcpy(text, cases[i].text);
		utf8_trim_cut(text);
		assert_string_equal(text, cases[i].kept);
	}
}

static void distance_counts_edits(void **state)
{
	(void)state;
	assert_int_equal(name_distance("", ""), 0);
	assert_int_equal(name_distance("abc", ""), 3);
	assert_int_equal(name_distance("", "abc"), 3);
	assert_int_equal(name_distance("kitten", "sitting"), 3);
	assert_int_equal(name_distance("import", "improt"), 2);
	assert_int_equal(name_distance("list", "lost"), 1);
	char a[258], b[258];
	memset(a, 'a', 255);
	memset(b, 'b', 255);
	a[255] = b[255] = '\0';
	assert_int_equal(name_distance(a, b), 255);
	memset(a, 'a', 256);
	a[256] = '\0';
	assert_true(name_distance(a, b) == SIZE_MAX);
	assert_true(name_distance(b, a) == SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_environment_names_are_taken),
		cmocka_unit_test(invalid_environment_names_are_refused),
		cmocka_unit_test(environment_names_have_their_limits),
		cmocka_unit_test(portable_names_are_told_from_others),
		cmocka_unit_test(storable_names_are_bounded_text),
		cmocka_unit_test(dangerous_names_are_known),
		cmocka_unit_test(globs_match),
		cmocka_unit_test(many_stars_stay_fast),
		cmocka_unit_test(characters_that_act_are_known),
		cmocka_unit_test(utf8_is_checked_to_the_last_rule),
		cmocka_unit_test(names_are_printed_cut_and_clean),
		cmocka_unit_test(a_cut_character_is_taken_away),
		cmocka_unit_test(distance_counts_edits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
