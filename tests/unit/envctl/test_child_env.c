/*
 * What a program gets: precedence, filters, refusals, sizes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run/child_env.h"
#include "vault/limits.h"
#include "vault/secret_buf.h"

static char *program[] = {(char[]){"true"}, NULL};

struct row {
	const char *what;
	const char *variables; /* JSON */
	const char *allowed;   /* JSON or NULL */
	const char *inherited; /* entries parted by spaces */
	const char *only, *except, *preserve;
	bool pristine;
	const char *expected; /* entries parted by spaces, in order; NULL: ERR_UNREPRESENTABLE */
	const char *warned;   /* names of warnings, parted by spaces */
	const char *refused;  /* names of errors */
};

static const struct row rows[] = {
	{.what = "added behind", .variables = "{\"B\":\"2\"}", .inherited = "A=1", .expected = "A=1 B=2"},
	{.what = "vault wins", .variables = "{\"A\":\"2\"}", .inherited = "A=1 C=3", .expected = "C=3 A=2"},
	{.what = "no prefix match", .variables = "{\"A\":\"2\"}", .inherited = "AB=1", .expected = "AB=1 A=2"},
	{.what = "no longer match", .variables = "{\"AB\":\"2\"}", .inherited = "A=1", .expected = "A=1 AB=2"},
	{.what = "empty value", .variables = "{\"A\":\"\"}", .inherited = "", .expected = "A="},
	{.what = "token stripped",
	 .variables = "{}",
	 .inherited = "VAULT_TOKEN=s VAULT_ADDR=x VAULT_TOKENS=y",
	 .expected = "VAULT_ADDR=x VAULT_TOKENS=y"},
	{.what = "token of the vault's own is meant",
	 .variables = "{\"VAULT_TOKEN\":\"t\"}",
	 .inherited = "VAULT_TOKEN=s",
	 .expected = "VAULT_TOKEN=t"},
	{.what = "token is not preserved",
	 .variables = "{}",
	 .inherited = "VAULT_TOKEN=s A=1",
	 .preserve = "VAULT_TOKEN",
	 .expected = "A=1"},
	{.what = "pristine keeps PATH",
	 .variables = "{\"B\":\"2\"}",
	 .inherited = "PATH=/bin HOME=/root A=1",
	 .pristine = true,
	 .expected = "PATH=/bin B=2"},
	{.what = "pristine keeps what is named",
	 .variables = "{}",
	 .inherited = "HOME=/root A=1 LANG=C",
	 .pristine = true,
	 .preserve = "HOME,LANG",
	 .expected = "HOME=/root LANG=C"},
	{.what = "preserved wins over the vault",
	 .variables = "{\"A\":\"2\",\"B\":\"3\"}",
	 .inherited = "A=1 B=1",
	 .preserve = "A",
	 .expected = "A=1 B=3"},
	{.what = "preserved but absent comes from the vault",
	 .variables = "{\"A\":\"2\"}",
	 .inherited = "B=1",
	 .preserve = "A",
	 .expected = "B=1 A=2"},
	{.what = "only",
	 .variables = "{\"DB_A\":\"1\",\"DB_B\":\"2\",\"X\":\"3\"}",
	 .inherited = "",
	 .only = "DB_*",
	 .expected = "DB_A=1 DB_B=2"},
	{.what = "only, several",
	 .variables = "{\"A\":\"1\",\"B\":\"2\",\"C\":\"3\"}",
	 .inherited = "",
	 .only = "A,C",
	 .expected = "A=1 C=3"},
	{.what = "except",
	 .variables = "{\"A1\":\"1\",\"A2\":\"2\",\"B\":\"3\"}",
	 .inherited = "",
	 .except = "A?",
	 .expected = "B=3"},
	{.what = "only and except",
	 .variables = "{\"A1\":\"1\",\"A2\":\"2\",\"B\":\"3\"}",
	 .inherited = "",
	 .only = "A*",
	 .except = "A2",
	 .expected = "A1=1"},
	{.what = "case matters",
	 .variables = "{\"a\":\"1\",\"A\":\"2\"}",
	 .inherited = "",
	 .only = "A",
	 .expected = "A=2"},
	{.what = "numbers keep their text",
	 .variables = "{\"N\":1.10,\"BIG\":123456789012345678901234567890,\"T\":true}",
	 .inherited = "",
	 .expected = "N=1.10 BIG=123456789012345678901234567890 T=true"},
	{.what = "what is no text is named",
	 .variables = "{\"N\":null,\"L\":[1],\"O\":{\"a\":1},\"K\":\"v\"}",
	 .inherited = "",
	 .expected = "K=v",
	 .warned = "N L O"},
	{.what = "names that are not portable are named",
	 .variables = "{\"a-b\":\"1\",\"1A\":\"2\",\"\":\"3\",\"a.b\":\"4\",\"K\":\"v\"}",
	 .inherited = "",
	 .expected = "K=v",
	 .warned = "a-b 1A  a.b"},
	{.what = "escaped name and value",
	 .variables = "{\"\\u0041\":\"x\\ty\\u00e9\"}",
	 .inherited = "A=old",
	 .expected = "A=x\ty\xc3\xa9"},
	{.what = "loader names",
	 .variables = "{\"LD_PRELOAD\":\"x\",\"BASH_ENV\":\"x\",\"IFS\":\"x\",\"ENV\":\"x\",\"GLIBC_TUNABLES\":\"x\","
		      "\"GCONV_PATH\":\"x\",\"OK\":\"1\"}",
	 .inherited = "",
	 .refused = "LD_PRELOAD BASH_ENV IFS ENV GLIBC_TUNABLES GCONV_PATH"},
	{.what = "loader names left out by the caller",
	 .variables = "{\"LD_PRELOAD\":\"x\",\"OK\":\"1\"}",
	 .inherited = "",
	 .except = "LD_*",
	 .expected = "OK=1"},
	{.what = "loader names allowed",
	 .variables = "{\"LD_PRELOAD\":\"x\",\"ENV\":\"y\"}",
	 .allowed = "[\"ENV\",\"LD_PRELOAD\"]",
	 .inherited = "",
	 .expected = "LD_PRELOAD=x ENV=y"},
	{.what = "allowed is exact",
	 .variables = "{\"LD_PRELOAD\":\"x\"}",
	 .allowed = "[\"LD_\",\"ld_preload\",1]",
	 .inherited = "",
	 .refused = "LD_PRELOAD"},
	{.what = "inherited loader names pass",
	 .variables = "{}",
	 .inherited = "LD_LIBRARY_PATH=/x",
	 .expected = "LD_LIBRARY_PATH=/x"},
	{.what = "language names",
	 .variables = "{\"PATH\":\"/x\",\"NODE_OPTIONS\":\"y\",\"GIT_DIR\":\"z\"}",
	 .inherited = "PATH=/bin",
	 .expected = "PATH=/x NODE_OPTIONS=y GIT_DIR=z",
	 .warned = "PATH NODE_OPTIONS GIT_DIR"},
	{.what = "language names allowed",
	 .variables = "{\"PATH\":\"/x\"}",
	 .allowed = "[\"PATH\"]",
	 .inherited = "PATH=/bin",
	 .expected = "PATH=/x"},
	{.what = "NUL in values",
	 .variables = "{\"A\":\"x\\u0000y\",\"B\":\"\\u0000\",\"C\":\"1\"}",
	 .inherited = "",
	 .refused = "A B"},
	{.what = "all errors at once",
	 .variables = "{\"A\":\"\\u0000\",\"LD_X\":\"1\",\"B\":null}",
	 .inherited = "",
	 .refused = "A LD_X",
	 .warned = "B"},
	{.what = "inherited entry without '='",
	 .variables = "{\"A\":\"1\"}",
	 .inherited = "ODD A=0",
	 .expected = "ODD A=1"},
};

/* Splits a text at its spaces, in place. */
static size_t split(char *text, char **ret, size_t max)
{
	size_t count = 0;

	for (char *word = strtok(text, " "); word != NULL && count < max; word = strtok(NULL, " "))
		ret[count++] = word;
	ret[count] = NULL;
	return count;
}

static struct json_value scan(const char *text)
{
	struct json_value value;
	struct error err = ERROR_INIT;

	assert_int_equal(json_scan(text, strlen(text), &value, &err), ERR_OK);
	return value;
}

static void joined_names(const struct notes *notes, enum note_severity severity, char *ret, size_t size)
{
	size_t used = 0, count = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < notes->len; i++) {
		if (notes->items[i].severity != severity)
			continue;
		assert_true(strlen(notes->items[i].reason) > 0);
		used += (size_t)snprintf(ret + used, size - used, "%s%s", count++ > 0 ? " " : "", notes->items[i].name);
	}
}

static void check_row(const struct row *row)
{
	char inherited_text[256], names[512], joined[4096] = "";
	char *inherited[16];
	struct json_value variables = scan(row->variables);
	struct json_value allowed = scan(row->allowed != NULL ? row->allowed : "[]");
	struct child_env_options options = {
		.pristine = row->pristine,
		.preserve = row->preserve,
		.inherited = inherited,
		.arguments = program,
		.max_bytes = 2 * 1024 * 1024,
	};
	struct child_env *env = NULL;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	struct error err = ERROR_INIT;

	snprintf(inherited_text, sizeof(inherited_text), "%s", row->inherited);
	split(inherited_text, inherited, 15);
	if (row->only != NULL)
		options.filter.only[options.filter.only_len++] = row->only;
	if (row->except != NULL)
		options.filter.except[options.filter.except_len++] = row->except;
	enum error_code rc =
		child_env_build(&variables, row->allowed != NULL ? &allowed : NULL, &options, &env, &notes, &err);
	joined_names(&notes, NOTE_WARNING, names, sizeof(names));
	assert_string_equal(names, row->warned != NULL ? row->warned : "");
	joined_names(&notes, NOTE_ERROR, names, sizeof(names));
	assert_string_equal(names, row->refused != NULL ? row->refused : "");
	if (row->expected == NULL) {
		assert_int_equal(rc, ERR_UNREPRESENTABLE);
		assert_null(env);
		return;
	}
	assert_int_equal(rc, ERR_OK);
	for (char **entry = child_env_pointers(env); *entry != NULL; entry++) {
		if (joined[0] != '\0')
			strcat(joined, " ");
		strcat(joined, *entry);
	}
	assert_string_equal(joined, row->expected);
	child_env_free(env);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		print_message("# %s\n", rows[i].what);
		check_row(&rows[i]);
	}
}

static void append_n(struct secret_buf *out, char c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		secret_buf_append_char(out, c);
}

static enum error_code build_large(size_t count, size_t value_len, size_t max_bytes, struct notes *notes,
				   struct error *err)
{
	struct secret_buf *text = secret_buf_new(8 * 1024 * 1024);
	char *inherited[] = {NULL};
	struct child_env_options options = {.inherited = inherited, .arguments = program, .max_bytes = max_bytes};
	struct child_env *env = NULL;
	struct json_value variables;

	assert_non_null(text);
	for (size_t i = 0; i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%c\"V%05zu\":\"", i == 0 ? '{' : ',', i);
		secret_buf_append_text(text, name);
		append_n(text, 'v', value_len - (i != count / 2));
		secret_buf_append_char(text, '"');
	}
	secret_buf_append_text(text, "}");
	assert_int_equal(json_scan(secret_buf_text(text), secret_buf_len(text), &variables, err), ERR_OK);
	enum error_code rc = child_env_build(&variables, NULL, &options, &env, notes, err);
	if (rc == ERR_OK)
		assert_int_equal(child_env_from_vault(env), count);
	child_env_free(env);
	secret_buf_free(text);
	return rc;
}

/* "V00000=" and the value: 131,071 bytes fit, one more does not. */
static void test_one_string(void **state)
{
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(build_large(1, LIMIT_EXEC_STRING - 7, 4 << 20, &notes, &err), ERR_OK);
	assert_int_equal(notes.len, 0);
	assert_int_equal(build_large(1, LIMIT_EXEC_STRING - 6, 4 << 20, &notes, &err), ERR_UNREPRESENTABLE);
	assert_int_equal(notes.errors, 1);
	assert_string_equal(notes.items[0].name, "V00000");
	assert_null(strstr(notes.items[0].reason, "vvv"));
}

/* Ten strings of 1,000 bytes and one pointer each, the program's, both NULL pointers, the kernel's reserve. */
static void test_total(void **state)
{
	const size_t total = 10 * (7 + 1000 + 8) + 1 + (5 + 8) + 2 * 8 + 4096;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	struct error err = ERROR_INIT;

	(void)state;
	/* All values but the one in the middle are a byte shorter. */
	assert_int_equal(build_large(10, 1000, total, &notes, &err), ERR_OK);
	assert_int_equal(build_large(10, 1000, total - 1, &notes, &err), ERR_TOO_LARGE);
	assert_non_null(strstr(err.text, "V00005"));
	assert_null(strstr(err.text, "vvv"));
}

static void test_many(void **state)
{
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(build_large(LIMIT_VARIABLES, 2, 2 << 20, &notes, &err), ERR_OK);
}

/* More errors than notes can hold are still counted. */
static void test_many_errors(void **state)
{
	struct secret_buf *text = secret_buf_new(1 << 20);
	char *inherited[] = {NULL};
	struct child_env_options options = {.inherited = inherited, .arguments = program, .max_bytes = 1 << 20};
	struct child_env *env = NULL;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	struct error err = ERROR_INIT;
	struct json_value variables;

	(void)state;
	for (size_t i = 0; i < NOTES_MAX + 5; i++) {
		char member[32];

		snprintf(member, sizeof(member), "%c\"LD_%zu\":\"\"", i == 0 ? '{' : ',', i);
		secret_buf_append_text(text, member);
	}
	secret_buf_append_text(text, "}");
	assert_int_equal(json_scan(secret_buf_text(text), secret_buf_len(text), &variables, &err), ERR_OK);
	assert_int_equal(child_env_build(&variables, NULL, &options, &env, &notes, &err), ERR_UNREPRESENTABLE);
	assert_int_equal(notes.errors, NOTES_MAX + 5);
	assert_int_equal(notes.omitted, 5);
	assert_non_null(strstr(err.text, "10005 variables"));
	secret_buf_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_one_string),	 cmocka_unit_test(test_total),
		cmocka_unit_test(test_many), cmocka_unit_test(test_many_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
