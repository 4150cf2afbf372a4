#include "expect.h"

#include <stdio.h>
#include <string.h>

#include "vault/canon_path.h"

/* path NULL: refused. args: "name=value" joined by '|'. */
struct target_case {
	const char *target;
	const char *path;
	bool trailing_slash;
	const char *args;
};

static const struct target_case cases[] = {
	{ "/", "/", false, "" },
	{ "/a", "/a", false, "" },
	{ "/v1/secret/data/shop/production", "/v1/secret/data/shop/production", false, "" },
	{ "/v1/secret/metadata/shop/", "/v1/secret/metadata/shop", true, "" },
	{ "/v1/sys/mounts/secret/", "/v1/sys/mounts/secret", true, "" },
	{ "/a/", "/a", true, "" },
	{ "/AbZ019._~@:+=,-x", "/AbZ019._~@:+=,-x", false, "" },
	{ "/...", "/...", false, "" },
	{ "/.a", "/.a", false, "" },
	{ "/a.", "/a.", false, "" },
	{ "/..a", "/..a", false, "" },
	{ "/~", "/~", false, "" },
	/* escapes, once */
	{ "/%61", "/a", false, "" },
	{ "/%5A", "/Z", false, "" },
	{ "/%5a", "/Z", false, "" },
	{ "/a%2Db", "/a-b", false, "" },
	{ "/a%2db", "/a-b", false, "" },
	{ "/a%40b%3Ac%2Bd%3De%2Cf%7Eg%5Fh", "/a@b:c+d=e,f~g_h", false, "" },
	{ "/%2561", NULL, false, NULL },
	{ "/%25", NULL, false, NULL },
	{ "/a%2Fb", NULL, false, NULL },
	{ "/a%2fb", NULL, false, NULL },
	{ "/%2e", NULL, false, NULL },
	{ "/%2E%2E/a", NULL, false, NULL },
	{ "/.%2e/a", NULL, false, NULL },
	{ "/a%2eb", NULL, false, NULL },
	{ "/%20", NULL, false, NULL },
	{ "/%00", NULL, false, NULL },
	{ "/a%00", NULL, false, NULL },
	{ "/%0a", NULL, false, NULL },
	{ "/%0d%0aX:1", NULL, false, NULL },
	{ "/%7f", NULL, false, NULL },
	{ "/%80", NULL, false, NULL },
	{ "/%c3%a9", NULL, false, NULL },
	{ "/%c0%af", NULL, false, NULL },
	{ "/%3f", NULL, false, NULL },
	{ "/%23", NULL, false, NULL },
	{ "/%5c", NULL, false, NULL },
	{ "/%22", NULL, false, NULL },
	{ "/%", NULL, false, NULL },
	{ "/%6", NULL, false, NULL },
	{ "/%6g", NULL, false, NULL },
	{ "/%g6", NULL, false, NULL },
	{ "/% 61", NULL, false, NULL },
	{ "/%-1", NULL, false, NULL },
	{ "/%u0061", NULL, false, NULL },
	{ "/a%", NULL, false, NULL },
	{ "/a%2?x=1", NULL, false, NULL },
	/* segments */
	{ "//", NULL, false, NULL },
	{ "//a", NULL, false, NULL },
	{ "/a//b", NULL, false, NULL },
	{ "/a//", NULL, false, NULL },
	{ "/.", NULL, false, NULL },
	{ "/./", NULL, false, NULL },
	{ "/..", NULL, false, NULL },
	{ "/../", NULL, false, NULL },
	{ "/a/.", NULL, false, NULL },
	{ "/a/..", NULL, false, NULL },
	{ "/a/../b", NULL, false, NULL },
	{ "/a/./b", NULL, false, NULL },
	{ "/./a", NULL, false, NULL },
	/* forms */
	{ "", NULL, false, NULL },
	{ "a", NULL, false, NULL },
	{ "*", NULL, false, NULL },
	{ "?a=1", NULL, false, NULL },
	{ "http://host/a", NULL, false, NULL },
	{ "host:443", NULL, false, NULL },
	{ " /a", NULL, false, NULL },
	/* bytes */
	{ "/a b", NULL, false, NULL },
	{ "/a\tb", NULL, false, NULL },
	{ "/a\nb", NULL, false, NULL },
	{ "/a\rb", NULL, false, NULL },
	{ "/a\x7f", NULL, false, NULL },
	{ "/\xc3\xa9", NULL, false, NULL },
	{ "/a#b", NULL, false, NULL },
	{ "/a;b", NULL, false, NULL },
	{ "/a&b", NULL, false, NULL },
	{ "/a\\b", NULL, false, NULL },
	{ "/a\"b", NULL, false, NULL },
	{ "/a*", NULL, false, NULL },
	{ "/a$b", NULL, false, NULL },
	{ "/a!b", NULL, false, NULL },
	{ "/(a)", NULL, false, NULL },
	{ "/[a]", NULL, false, NULL },
	{ "/{a}", NULL, false, NULL },
	{ "/a|b", NULL, false, NULL },
	{ "/a^b", NULL, false, NULL },
	{ "/a`b", NULL, false, NULL },
	{ "/a'b", NULL, false, NULL },
	{ "/<a>", NULL, false, NULL },
	/* query */
	{ "/a?list=true", "/a", false, "list=true" },
	{ "/a/?list=true", "/a", true, "list=true" },
	{ "/?x=1", "/", false, "x=1" },
	{ "/a?list", "/a", false, "list=" },
	{ "/a?list=", "/a", false, "list=" },
	{ "/a?x=1&y=2&z", "/a", false, "x=1|y=2|z=" },
	{ "/a?x&y&z", "/a", false, "x=|y=|z=" },
	{ "/a?version=3", "/a", false, "version=3" },
	{ "/a?A.b_c-9=1", "/a", false, "A.b_c-9=1" },
	{ "/a?x=a=b==", "/a", false, "x=a=b==" },
	{ "/a?x=a+b", "/a", false, "x=a+b" },
	{ "/a?x=a%2Bb%20c%26d%3de%25f%23", "/a", false, "x=a+b c&d=e%f#" },
	{ "/a?x=%2541", "/a", false, "x=%41" },
	{ "/a?x=../../etc/%2e%2e", "/a", false, "x=../../etc/.." },
	{ "/a?x=%C3%A9%ff", "/a", false, "x=\xc3\xa9\xff" },
	{ "/a?x=b?c/d:e@f!$'()*;,", "/a", false, "x=b?c/d:e@f!$'()*;," },
	{ "/a?", NULL, false, NULL },
	{ "/a?&", NULL, false, NULL },
	{ "/a?x=1&", NULL, false, NULL },
	{ "/a?&x=1", NULL, false, NULL },
	{ "/a?x=1&&y=2", NULL, false, NULL },
	{ "/a?=1", NULL, false, NULL },
	{ "/a?x=1&x=2", NULL, false, NULL },
	{ "/a?x&x", NULL, false, NULL },
	{ "/a?x=1&y=2&x=1", NULL, false, NULL },
	{ "/a?%78=1", NULL, false, NULL },
	{ "/a?x[]=1", NULL, false, NULL },
	{ "/a?x+y=1", NULL, false, NULL },
	{ "/a?x=%00", NULL, false, NULL },
	{ "/a?x=a%0ab", NULL, false, NULL },
	{ "/a?x=%1f", NULL, false, NULL },
	{ "/a?x=%7F", NULL, false, NULL },
	{ "/a?x=%", NULL, false, NULL },
	{ "/a?x=%4", NULL, false, NULL },
	{ "/a?x=%zz", NULL, false, NULL },
	{ "/a?x=%4&y=1", NULL, false, NULL },
	{ "/a?x=a b", NULL, false, NULL },
	{ "/a?x=a#b", NULL, false, NULL },
	{ "/a?x=\"\"", NULL, false, NULL },
	{ "/a?x=\xc3\xa9", NULL, false, NULL },
	{ "/a?x=a\tb", NULL, false, NULL },
	{ "/a?x={1}", NULL, false, NULL },
};

static void assert_args(const struct canon_path *path, const char *wanted)
{
	char joined[LIMIT_TARGET_LEN + 100] = "";
	size_t len = 0;
	for (size_t i = 0; i < path->args_len; i++)
		len += (size_t)snprintf(joined + len, sizeof(joined) - len, "%s%s=%s", i == 0 ? "" : "|",
					path->args[i].name, path->args[i].value);
	assert_string_equal(joined, wanted);
}

static void targets_are_taken_or_refused(void **state)
{
	(void)state;
	static struct canon_path path;
	for (size_t i = 0; i < CASES(cases); i++) {
		struct error err = ERROR_INIT;
		memset(&path, 0x5a, sizeof(path));
		enum error_code code = canon_path_parse(cases[i].target, strlen(cases[i].target), &path, &err);
		if ((code == ERR_OK) != (cases[i].path != NULL))
			print_message("%s: %s\n", cases[i].target, err.text);
		if (!cases[i].path) {
			assert_int_equal(code, ERR_INVALID);
			assert_int_equal(err.code, ERR_INVALID);
			assert_true(err.text[0] != '\0');
			/* Not written to. */
			for (size_t at = 0; at < sizeof(path); at++)
				assert_int_equal(((const unsigned char *)&path)[at], 0x5a);
			continue;
		}
		assert_int_equal(code, ERR_OK);
		assert_string_equal(path.path, cases[i].path);
		assert_int_equal(path.path_len, strlen(cases[i].path));
		assert_int_equal(path.trailing_slash, cases[i].trailing_slash);
		assert_args(&path, cases[i].args);
	}
}

static void a_nul_is_a_byte_like_others(void **state)
{
	(void)state;
	static struct canon_path path;
	struct error err = ERROR_INIT;
	assert_fails(canon_path_parse("/a\0b", 4, &path, &err), &err, ERR_INVALID);
	assert_fails(canon_path_parse("/a\0", 3, &path, &err), &err, ERR_INVALID);
	assert_fails(canon_path_parse("/a?x=\0", 6, &path, &err), &err, ERR_INVALID);
	assert_fails(canon_path_parse("/a?x\0=1", 7, &path, &err), &err, ERR_INVALID);
	/* And the length ends the target, whatever stands behind it. */
	error_clear(&err);
	assert_int_equal(canon_path_parse("/ab%", 3, &path, &err), ERR_OK);
	assert_string_equal(path.path, "/ab");
	assert_fails(canon_path_parse("/a%41", 4, &path, &err), &err, ERR_INVALID);
}

static void every_byte_is_judged_by_the_rule(void **state)
{
	(void)state;
	static struct canon_path path;
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~@:+=,-";
	for (int byte = 0; byte < 256; byte++) {
		bool in_set = byte != 0 && strchr(allowed, byte) != NULL;
		struct error err = ERROR_INIT;
		char raw[] = { '/', 'x', (char)byte, 'x' };
		bool raw_taken = canon_path_parse(raw, 4, &path, &err) == ERR_OK;
		assert_int_equal(raw_taken, in_set || byte == '/' || byte == '?');
		char escaped[16];
		int len = snprintf(escaped, sizeof(escaped), "/x%%%02Xx", (unsigned)byte);
		error_clear(&err);
		bool escape_taken = canon_path_parse(escaped, (size_t)len, &path, &err) == ERR_OK;
		assert_int_equal(escape_taken, in_set && byte != '.');
		len = snprintf(escaped, sizeof(escaped), "/x?a=%%%02x", (unsigned)byte);
		error_clear(&err);
		bool value_taken = canon_path_parse(escaped, (size_t)len, &path, &err) == ERR_OK;
		assert_int_equal(value_taken, byte >= 0x20 && byte != 0x7f);
		if (value_taken)
			assert_int_equal((unsigned char)path.args[0].value[0], byte);
	}
}

static void lengths_have_their_limits(void **state)
{
	(void)state;
	static struct canon_path path;
	static char target[LIMIT_TARGET_LEN + 2];
	struct error err = ERROR_INIT;
	memset(target, 'a', sizeof(target));
	target[0] = '/';
	assert_int_equal(canon_path_parse(target, LIMIT_TARGET_LEN, &path, &err), ERR_OK);
	assert_int_equal(path.path_len, LIMIT_TARGET_LEN);
	assert_int_equal(strlen(path.path), LIMIT_TARGET_LEN);
	assert_fails(canon_path_parse(target, LIMIT_TARGET_LEN + 1, &path, &err), &err, ERR_TOO_LARGE);
	memcpy(target, "/?x=", 4);
	error_clear(&err);
	assert_int_equal(canon_path_parse(target, LIMIT_TARGET_LEN, &path, &err), ERR_OK);
	assert_int_equal(strlen(path.args[0].value), LIMIT_TARGET_LEN - 4);

	memset(target, 'n', sizeof(target));
	memcpy(target, "/?", 2);
	error_clear(&err);
	assert_int_equal(canon_path_parse(target, 2 + LIMIT_QUERY_NAME_LEN, &path, &err), ERR_OK);
	assert_fails(canon_path_parse(target, 2 + LIMIT_QUERY_NAME_LEN + 1, &path, &err), &err, ERR_INVALID);
}

static void arguments_are_counted(void **state)
{
	(void)state;
	static struct canon_path path;
	static const char target[] = "/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q";
	struct error err = ERROR_INIT;
	assert_int_equal(canon_path_parse(target, 2 + 2 * LIMIT_QUERY_ARGS - 1, &path, &err), ERR_OK);
	assert_int_equal(path.args_len, LIMIT_QUERY_ARGS);
	assert_string_equal(canon_path_arg(&path, "p"), "");
	assert_fails(canon_path_parse(target, sizeof(target) - 1, &path, &err), &err, ERR_INVALID);
}

/* The most bytes that a query can decode to: many names without a value and one long value. */
static void the_longest_query_fits(void **state)
{
	(void)state;
	static struct canon_path path;
	static char target[LIMIT_TARGET_LEN + 1];
	static const char head[] = "/?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p=";
	struct error err = ERROR_INIT;
	memset(target, 'v', sizeof(target));
	memcpy(target, head, sizeof(head) - 1);
	assert_int_equal(canon_path_parse(target, LIMIT_TARGET_LEN, &path, &err), ERR_OK);
	assert_int_equal(path.args_len, LIMIT_QUERY_ARGS);
	assert_int_equal(strlen(canon_path_arg(&path, "p")), LIMIT_TARGET_LEN - (sizeof(head) - 1));
	assert_string_equal(canon_path_arg(&path, "o"), "");
}

static void arguments_are_found_by_name(void **state)
{
	(void)state;
	static struct canon_path path;
	struct error err = ERROR_INIT;
	static const char target[] = "/a?list=true&cas=3";
	assert_int_equal(canon_path_parse(target, sizeof(target) - 1, &path, &err), ERR_OK);
	assert_string_equal(canon_path_arg(&path, "list"), "true");
	assert_string_equal(canon_path_arg(&path, "cas"), "3");
	assert_null(canon_path_arg(&path, "ca"));
	assert_null(canon_path_arg(&path, "LIST"));
	assert_null(canon_path_arg(&path, ""));
}

static void no_sentence_names_the_bytes(void **state)
{
	(void)state;
	static struct canon_path path;
	for (size_t i = 0; i < CASES(cases); i++) {
		char target[200];
		struct error err = ERROR_INIT;
		int len = snprintf(target, sizeof(target), "%s/canary?canary=canary", cases[i].target);
		if (canon_path_parse(target, (size_t)len, &path, &err) != ERR_OK)
			assert_null(strstr(err.text, "canary"));
	}
}

/* Mostly what is allowed, so that many targets get through, and everything that could be taken for something else. */
static size_t random_target(uint64_t *random, char *target)
{
	static const char *const pieces[] = {
		"/",  "/",   "/",   "a",   "b",   "Z",	 "0",	"_",  "-",    "~",   ".",   "..",  "%61",  "%2d", "%7E",
		"%40", "@",  ":",   "+",   "=",	  ",",	 "?",	"&",  "x=1",  "y=%20", "list", "%2e", "%2f", "%25", "%",
		"%00", " ",  "#",   "\\",  ";",	  "\xc3\xa9", "%c3%a9", "%2561", "secret/data/", "/v1/",
	};
	size_t len = 0;
	if (next_random(random) % 16 != 0)
		target[len++] = '/';
	/* Three quarters of the targets use the harmless part of the list only. */
	size_t kinds = next_random(random) % 4 == 0 ? CASES(pieces) : 24;
	size_t count = next_random(random) % 10;
	for (size_t i = 0; i < count; i++) {
		uint64_t draw = next_random(random);
		if (draw % 64 == 0 && kinds == CASES(pieces)) {
			target[len++] = (char)(draw >> 32);
			continue;
		}
		const char *piece = pieces[(draw >> 8) % kinds];
		memcpy(target + len, piece, strlen(piece));
		len += strlen(piece);
	}
	return len;
}

static bool is_canonical(const char *path, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~@:+=,-/";
	if (len == 0 || path[0] != '/' || strlen(path) != len || strspn(path, allowed) != len)
		return false;
	if (len == 1)
		return true;
	char framed[LIMIT_TARGET_LEN + 2];
	snprintf(framed, sizeof(framed), "%s/", path);
	return !strstr(framed, "//") && !strstr(framed, "/./") && !strstr(framed, "/../");
}

static void what_is_taken_is_its_own_canonical_form(void **state)
{
	(void)state;
	static struct canon_path first, second;
	uint64_t random = 0x2545f4914f6cdd1d;
	unsigned taken = 0, changed = 0, with_args = 0;
	for (int i = 0; i < 1000000; i++) {
		char target[512];
		size_t len = random_target(&random, target);
		struct error err = ERROR_INIT;
		if (canon_path_parse(target, len, &first, &err) != ERR_OK)
			continue;
		taken++;
		with_args += first.args_len > 0;
		changed += len != first.path_len || memcmp(target, first.path, len) != 0;
		if (!is_canonical(first.path, first.path_len))
			fail_msg("not canonical: %s", first.path);
		if (canon_path_parse(first.path, first.path_len, &second, &err) != ERR_OK)
			fail_msg("refused the second time: %s", first.path);
		if (second.path_len != first.path_len || strcmp(first.path, second.path) != 0 ||
		    second.trailing_slash || second.args_len != 0)
			fail_msg("changed the second time: %s", first.path);
	}
	/* That it says something: many got through, and many of them not as they stood. */
	assert_true(taken > 100000);
	assert_true(changed > 50000);
	assert_true(with_args > 10000);
}

static void a_path_may_be_parsed_in_place(void **state)
{
	(void)state;
	static struct canon_path path;
	struct error err = ERROR_INIT;
	assert_int_equal(canon_path_parse("/a%62/c/?x=1", 12, &path, &err), ERR_OK);
	assert_int_equal(canon_path_parse(path.path, path.path_len, &path, &err), ERR_OK);
	assert_string_equal(path.path, "/ab/c");
	assert_false(path.trailing_slash);
	assert_int_equal(path.args_len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_are_taken_or_refused),
		cmocka_unit_test(a_nul_is_a_byte_like_others),
		cmocka_unit_test(every_byte_is_judged_by_the_rule),
		cmocka_unit_test(lengths_have_their_limits),
		cmocka_unit_test(arguments_are_counted),
		cmocka_unit_test(the_longest_query_fits),
		cmocka_unit_test(arguments_are_found_by_name),
		cmocka_unit_test(no_sentence_names_the_bytes),
		cmocka_unit_test(what_is_taken_is_its_own_canonical_form),
		cmocka_unit_test(a_path_may_be_parsed_in_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
