#include "dialect_test.h"

#include <stdlib.h>
#include <time.h>

#include "dialect/compare.h"
#include "vault/dialect_compare.h"

/* Everything that is said, one line each: "NAME:LINE reader,… | what it makes of it". */
static void say_all(const struct comparison *comparison, char *ret, size_t size)
{
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < comparison->len; i++) {
		const struct disagreement *item = &comparison->items[i];

		for (size_t g = 0; g < item->groups_len && used < size; g++) {
			char readers[256], what[512];

			dialect_names(item->groups[g].readers, readers, sizeof(readers));
			comparison_describe(item, g, what, sizeof(what));
			used += (size_t)snprintf(ret + used, size - used, "%s:%u %s | %s\n", item->name, item->line, readers, what);
		}
	}
	assert_true(used < size);
}

static enum error_code compare(const char *text, size_t len, struct env_set *set, char *said, size_t size)
{
	struct comparison comparison = { 0 };
	struct error err = ERROR_INIT;
	enum error_code code = dialect_compare(text, len, set, &comparison, &err);

	say_all(&comparison, said, size);
	assert_int_equal(code == ERR_OK, comparison.len == 0 && code == err.code && comparison.dialect != NULL);
	comparison_free(&comparison);
	return code;
}

static void agree(const char *text, size_t count)
{
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1 << 20);
	char said[8192];

	enum error_code code = compare(text, strlen(text), set, said, sizeof(said));
	if (code != ERR_OK)
		fail_msg("%s: %s", text, said);
	assert_int_equal(env_set_count(set), count);
}

/* Each of the NULL-terminated parts must be said, of the reader that stands before the bar. */
static void differ(const char *text, const char *const *parts)
{
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1 << 20);
	char said[16384];

	if (compare(text, strlen(text), set, said, sizeof(said)) != ERR_INVALID)
		fail_msg("%s: all agree", text);
	for (; *parts; parts++)
		if (!strstr(said, *parts))
			fail_msg("%s: %s is not said in:\n%s", text, *parts, said);
}
#define DIFFER(text, ...) differ(text, (const char *const[]){ __VA_ARGS__, NULL })

static void test_what_all_read_alike(void **state)
{
	(void)state;
	agree("", 0);
	agree("# nothing\n\n", 0);
	agree("A=1\nB_2=two/words.and:more\n# a comment\n\nC=x\n", 3);
	agree("{\"A\": \"$x #\"}", 1);
}

static void test_how_they_differ(void **state)
{
	(void)state;
	DIFFER("X=1\nA=\"two words\"\n", "A:2 systemd, ", " | 9 bytes\n", "A:2 docker", " | 11 bytes, keeps the quotes\n");
	DIFFER("A=b #c\n", " | 1 byte, ends at #\n", " | 4 bytes, goes on behind #\n");
	DIFFER("A='it\\'s'\n", "refused: ");
	DIFFER("A=\"b\\nc\"\n", "keeps a backslash", "reads the backslash as an escape");
	DIFFER("A=1\r\nB=2\r\n", "A:1 shell | 2 bytes, keeps the carriage return", "B:2 shell | 2 bytes, keeps the carriage return");
	DIFFER("A='$$'\n", " | 2 bytes\n", "docker");
	DIFFER("A=$HOME\n", "A:1 systemd, docker", "refused: ");
	DIFFER("export A=b\n", "A:1 ", "refused: ", "not set: ");
	DIFFER("A: b\n", "A:1 ", "compose");
}

static void test_lines_that_none_can_read(void **state)
{
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1 << 20);
	struct comparison comparison = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	DIFFER("A=1\n=x\n", "2 ", "refused: ");
	assert_int_equal(dialect_compare("A=1\0B", 5, set, &comparison, &err), ERR_INVALID);
	assert_int_equal(comparison.whole, 0);
	assert_non_null(strstr(err.text, "no reader"));
	assert_int_equal(comparison.len, 1);
	assert_int_equal(comparison.items[0].groups_len, 1);
	assert_int_equal(comparison.items[0].groups[0].kind, COMPARED_REFUSED);
	assert_int_equal(comparison.items[0].groups[0].readers, comparison.readers);
	comparison_free(&comparison);
}

/* A line of a key that looks like a variable to those who do not know quotes. */
static void test_pieces_of_values_are_never_named(void **state)
{
	static const char text[] = "K='-----BEGIN KEY-----\nc2VjcmV0=\nabc=def\n-----END KEY-----\n'\nB=1\n";
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1 << 20);
	char said[16384];

	(void)state;
	assert_int_equal(compare(text, strlen(text), set, said, sizeof(said)), ERR_INVALID);
	assert_non_null(strstr(said, "K:1 "));
	assert_null(strstr(said, "c2Vj"));
	assert_null(strstr(said, "abc"));
	assert_null(strstr(said, "KEY-----"));
	assert_null(strstr(said, "B:"));
	static const char bare[] = "K=-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nc2VjcmV0cGllY2U=\n-----END KEY-----\nB=1\n";
	assert_int_equal(compare(bare, strlen(bare), set, said, sizeof(said)), ERR_INVALID);
	assert_non_null(strstr(said, "K:1 "));
	assert_null(strstr(said, "c2Vj"));
	assert_null(strstr(said, "MIIE"));
	/* a line that is no assignment may be anything, also for a reader that makes a name of it and of the next line */
	assert_int_equal(compare("A=1\nmy secret\n=x\nmy secret=y\n", 29, set, said, sizeof(said)), ERR_INVALID);
	assert_null(strstr(said, "secret"));
}

/* The last one counts for all that take duplicates; kubectl does not. */
static void test_duplicates(void **state)
{
	static const char text[] = "A=1\nA=2\nB=3\n";
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1 << 20);
	struct comparison comparison = { 0 };
	struct error err = ERROR_INIT;
	char said[4096];

	(void)state;
	assert_int_equal(dialect_compare(text, strlen(text), set, &comparison, &err), ERR_INVALID);
	assert_int_equal(comparison.len, 1);
	say_all(&comparison, said, sizeof(said));
	assert_non_null(strstr(said, "A:2 kubectl | refused: "));
	assert_non_null(strstr(said, " | 1 byte\n"));
	assert_int_equal(comparison.items[0].groups_len, 2);
	assert_int_not_equal(comparison.whole, 0);
	assert_int_not_equal(comparison.whole, comparison.readers);
	comparison_free(&comparison);
}

static bool is_asked(const char *text, const char *name)
{
	uint32_t readers = readers_of(text, strlen(text));

	assert_int_not_equal(readers, 0);
	for (size_t i = 0; dialect_at(i); i++)
		if (strcmp(dialect_name(dialect_at(i)), name) == 0)
			return (readers >> i & 1) != 0;
	return false;
}

static void test_who_is_asked(void **state)
{
	(void)state;
	assert_true(is_asked("A=1\n", "systemd") && is_asked("A=1\n", "docker") && is_asked("A=1\n", "shell"));
	assert_false(is_asked("A=1\n", "json") || is_asked("A=1\n", "dotenv"));
	assert_true(is_asked(" \n{\"A\":\"1\"}", "json"));
	assert_false(is_asked("{\"A\":\"1\"}", "systemd"));
	assert_true(is_asked("A: b\n", "compose"));
	if (dialect_find("yaml")) {
		assert_true(is_asked("---\nA: b\n", "yaml") && !is_asked("---\nA: b\n", "compose"));
		assert_true(is_asked("# x\nA: b\n", "yaml"));
		assert_false(is_asked("A=b: c\n", "yaml"));
	}
	if (dialect_find("kubernetes"))
		assert_true(is_asked("kind: Secret\napiVersion: v1\n", "kubernetes"));
	if (dialect_find("compose-environment"))
		assert_true(is_asked("environment:\n  A: b\n", "compose-environment"));
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Hostile texts of 1 MB each take time in proportion to their size; what is kept is bounded. */
static void test_large_texts(void **state)
{
	static const char *const units[] = { "A\n", "'", "\"\n", "A=\"b\n", "export A=b\n", "=\n", "A='\n'\n", "#\n", "A=\\\n", "A: b\n", "{\n" };
	size_t size = 1u << 20;
	char *text = malloc(size);

	(void)state;
	assert_non_null(text);
	for (size_t u = 0; u < ARRAY_LEN(units); u++) {
		cleanup_(env_set_freep) struct env_set *set = env_set_new(size);
		struct comparison comparison = { 0 };
		struct error err = ERROR_INIT;
		double before = seconds();

		for (size_t i = 0; i < size; i++)
			text[i] = units[u][i % strlen(units[u])];
		(void)!dialect_compare(text, size, set, &comparison, &err);
		assert_true(comparison.len <= COMPARED_MAX);
		comparison_free(&comparison);
		if (seconds() - before > 60)	/* what is not linear takes hours; a sanitizer on a busy machine takes seconds */
			fail_msg("1 MB of %s take %.1f s", units[u], seconds() - before);
	}
	free(text);
}

static void test_limits(void **state)
{
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1 << 20);
	size_t size = (LIMIT_VARIABLES + 1) * 9;
	char *text = malloc(size + 1);
	struct comparison comparison = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i <= LIMIT_VARIABLES; i++)
		snprintf(text + i * 9, 10, "A%05zu=1\n", i);
	assert_int_equal(dialect_compare(text, size - 9, set, &comparison, &err), ERR_OK);
	assert_int_equal(env_set_count(set), LIMIT_VARIABLES);
	comparison_free(&comparison);
	assert_int_equal(dialect_compare(text, size, set, &comparison, &err), ERR_TOO_LARGE);
	comparison_free(&comparison);
	error_clear(&err);
	assert_int_equal(dialect_compare(text, (size_t)LIMIT_ENV_FILE + 1, set, &comparison, &err), ERR_TOO_LARGE);
	comparison_free(&comparison);
	free(text);
	text = malloc(2 * LIMIT_COMPARED_LINES + 2);
	assert_non_null(text);
	for (size_t end = 0; end < 2; end++) {	/* lines that end with CR LF, and with CR */
		size_t len = (2 - end) * LIMIT_COMPARED_LINES;

		for (size_t i = 0; i < len + 2; i++)
			text[i] = i % 2 == 0 || end == 1 ? '\r' : '\n';
		error_clear(&err);
		assert_int_not_equal(dialect_compare(text, len, set, &comparison, &err), ERR_TOO_LARGE);
		comparison_free(&comparison);
		error_clear(&err);
		assert_int_equal(dialect_compare(text, len + 2 - end, set, &comparison, &err), ERR_TOO_LARGE);
		comparison_free(&comparison);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_all_read_alike),
		cmocka_unit_test(test_how_they_differ),
		cmocka_unit_test(test_lines_that_none_can_read),
		cmocka_unit_test(test_pieces_of_values_are_never_named),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_who_is_asked),
		cmocka_unit_test(test_large_texts),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
