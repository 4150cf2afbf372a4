/*
 * How much memory writing and reading back takes beside what the caller holds: the most that malloc() had given out at one time. Of
 * every dialect, for one value of 512 KiB of plain letters, for one of each character that some dialect escapes, and for 5,000 small
 * variables. It is at most three times the variables, or three times what is written where escapes make that longer.
 */
#include "dialect_test.h"

#include <sodium.h>
#include <stdlib.h>

#include "../lib/counted_memory.h"

#define ONE_VALUE (512u * 1024)
#define MANY 5000
/* libyaml's own buffers, and what it looks at: for a text of any size. */
#define YAML_CONSTANT (96u * 1024)

static void must_put(struct env_set *set, const char *name, const char *value, size_t len)
{
	struct error err = ERROR_INIT;
	assert_int_equal(env_set_put(set, name, strlen(name), value, len, 0, NULL, &err), ERR_OK);
}

static size_t bytes_of(const struct env_set *set)
{
	size_t bytes = 0;
	for (size_t i = 0; i < env_set_count(set); i++)
		bytes += env_set_at(set, i).name_len + env_set_at(set, i).value_len;
	return bytes;
}

/* False: it cannot hold them all. */
static bool write_files(const struct dialect *dialect, const struct env_set *set, struct secret_buf *out, size_t *ret_len)
{
	struct error err = ERROR_INIT;
	bool good = true, present;
	*ret_len = 0;
	for (size_t i = 0; good && i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);
		good = dialect_encode_file(dialect, &entry, out, &present, &err) == ERR_OK && present;
		*ret_len = secret_buf_len(out) > *ret_len ? secret_buf_len(out) : *ret_len;
	}
	return good;
}

static bool write_text(const struct dialect *dialect, const struct env_set *set, bool skip, struct secret_buf *out, size_t *ret_len)
{
	struct dialect_options options = { .skip = skip, .random = { 1 } };
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	bool good = dialect_encode(dialect, set, &options, out, &notes, &err) == ERR_OK;
	*ret_len = secret_buf_len(out);
	return good;
}

/* The most memory that was taken meanwhile, and how long the text (or the longest file) became; 0 for what the dialect cannot hold. */
static size_t measure(const struct dialect *dialect, const struct env_set *set, bool skip, size_t *ret_len)
{
	size_t before = taken;
	bool good;
	most = taken;
	struct secret_buf *out = secret_buf_new(LIMIT_ENV_FILE);
	assert_non_null(out);
	if (dialect_is_directory(dialect))
		good = write_files(dialect, set, out, ret_len);
	else
		good = write_text(dialect, set, skip, out, ret_len);
	secret_buf_free(out);
	assert_int_equal(taken, before);
	return good ? most - before : 0;
}

static bool is_yaml(const struct dialect *dialect)
{
	const char *name = dialect_name(dialect);
	return strcmp(name, "yaml") == 0 || strcmp(name, "kubernetes") == 0 || strcmp(name, "compose-environment") == 0;
}

/* has_escapes: the values have characters that the dialect may write in a longer way. */
static bool check(const struct dialect *dialect, const struct env_set *set, bool skip, bool has_escapes, const char *what)
{
	size_t bytes = bytes_of(set), len, memory = measure(dialect, set, skip, &len);
	/* A few escapes need no more than none. */
	size_t larger = has_escapes && len > bytes + bytes / 4 ? len : bytes;
	if (memory > 3 * larger + (is_yaml(dialect) ? YAML_CONSTANT : 0))
		fail_msg("%s, %s: %zu bytes, %.2f times %zu; written they are %zu", dialect_name(dialect), what, memory,
			 (double)memory / (double)bytes, bytes, len);
	return len > 0;
}

/* libyaml is loaded once, for the whole process. */
static int load(void **state)
{
	(void)state;
	cleanup_(env_set_freep) struct env_set *set = env_set_new(100);
	size_t len;
	if (sodium_init() < 0)
		return -1;
	must_put(set, "A", "b", 1);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(100);
	(void)write_text(must_find("yaml"), set, false, out, &len);
	return 0;
}

static struct env_set *one_value(const char *unit)
{
	struct env_set *set = env_set_new(SIZE_MAX);
	char *value = malloc(ONE_VALUE);
	assert_non_null(set);
	assert_non_null(value);
	for (size_t i = 0; i < ONE_VALUE; i++)
		value[i] = unit[i % strlen(unit)];
	/* What white space at an end means differs; that is not the question here. */
	value[0] = value[ONE_VALUE - 1] = 'x';
	must_put(set, "NAME", value, ONE_VALUE);
	free(value);
	return set;
}

static void one_large_value(void **state)
{
	(void)state;
	if (!MEMORY_IS_COUNTED)
		skip();
	cleanup_(env_set_freep) struct env_set *set = one_value("abcdefgh");
	for (size_t i = 0; dialect_at(i); i++) {
		bool held = check(dialect_at(i), set, false, false, "letters") && check(dialect_at(i), set, true, false, "letters, skip");
		/* Programs that have lines of 64 KiB. */
		const char *name = dialect_name(dialect_at(i));
		assert_int_equal(!held, strcmp(name, "docker") == 0 || strcmp(name, "podman") == 0 || strcmp(name, "kubectl") == 0);
	}
}

/* What some dialect writes with an escape, alone and in a mixture; each is held by several. */
static void one_large_value_of_escapes(void **state)
{
	static const char *const units[] = { "\"", "'", "\\", "$", "`", "\n", "\r", "\t", "\x01", "\xc3\xa9", "\xe2\x80\xa8", "#", "'\"",
					     "'\"`", "ab cd#ef $gh \"i\" kl", "${", "\\n", "a\n", "\r\n", "-----BEGIN KEY-----\n" };
	(void)state;
	if (!MEMORY_IS_COUNTED)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		cleanup_(env_set_freep) struct env_set *set = one_value(units[i]);
		size_t holders = 0;
		for (size_t j = 0; dialect_at(j); j++)
			holders += check(dialect_at(j), set, false, true, units[i]);
		assert_true(holders >= 5);
	}
}

static void many_small_variables(void **state)
{
	(void)state;
	if (!MEMORY_IS_COUNTED)
		skip();
	cleanup_(env_set_freep) struct env_set *set = env_set_new(SIZE_MAX);
	for (unsigned i = 0; i < MANY; i++) {
		char name[32], value[64];
		snprintf(name, sizeof(name), "VARIABLE_%05u", i);
		snprintf(value, sizeof(value), "value number %u", i);
		must_put(set, name, value, strlen(value));
	}
	for (size_t i = 0; dialect_at(i); i++) {
		assert_true(check(dialect_at(i), set, false, false, "many"));
		assert_true(check(dialect_at(i), set, true, false, "many, skip"));
	}
}

/* Values that grow, so that no block of one is enough for the next; among them one that is as long as all others. */
static void values_of_all_lengths(void **state)
{
	static char value[200000];
	(void)state;
	if (!MEMORY_IS_COUNTED)
		skip();
	cleanup_(env_set_freep) struct env_set *set = env_set_new(SIZE_MAX);
	memset(value, 'a', sizeof(value));
	for (unsigned i = 0; i < 100; i++) {
		char name[32];
		snprintf(name, sizeof(name), "V%u", i);
		must_put(set, name, value, 40 * i);
	}
	must_put(set, "ALL", value, sizeof(value));
	for (size_t i = 0; dialect_at(i); i++)
		(void)check(dialect_at(i), set, false, false, "of all lengths");
}

/* Each of many long values on one line may not take the line's length: all that was ever allocated is in proportion to the text. */
static void many_long_values_on_one_line(void **state)
{
	const size_t count = 200, len = 20000, max = count * (len + 16);
	struct error err = ERROR_INIT;
	(void)state;
	if (!MEMORY_IS_COUNTED)
		skip();
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(max);
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(max);
	secret_buf_append_char(text, '{');
	for (unsigned i = 0; i < count; i++) {
		char name[16];
		uint8_t *at;
		snprintf(name, sizeof(name), "V%u: \"", i);
		secret_buf_append_text(text, name);
		at = secret_buf_reserve(text, len);
		assert_non_null(at);
		memset(at, 'a', len);
		secret_buf_advance(text, len);
		secret_buf_append_text(text, i + 1 < count ? "\", " : "\"}\n");
	}
	assert_true(secret_buf_ok(text));
	total = 0;
	assert_int_equal(dialect_decode(must_find("yaml"), secret_buf_text(text), secret_buf_len(text), set, &notes, &err), ERR_OK);
	assert_int_equal(env_set_count(set), count);
	if (total > 8 * secret_buf_len(text))
		fail_msg("%zu bytes were allocated for a text of %zu", total, secret_buf_len(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_large_value),
		cmocka_unit_test(one_large_value_of_escapes),
		cmocka_unit_test(many_small_variables),
		cmocka_unit_test(values_of_all_lengths),
		cmocka_unit_test(many_long_values_on_one_line),
	};
	return cmocka_run_group_tests_name("dialect_memory", tests, load, NULL);
}
