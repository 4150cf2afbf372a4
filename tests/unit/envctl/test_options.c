/*
 * The command line: one table of verbs, both spellings of options, refusals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/commands.h"
#include "cmd/help.h"
#include "vault/suggestion.h"
#include "vault/secret_buf.h"

#define ARGUMENTS_MAX 16

/* Parses a line whose words are parted by single spaces; "_" stands for an empty word. */
static enum error_code parse(char *line, struct invocation *ret, struct error *err)
{
	static char *argv[ARGUMENTS_MAX + 2];
	static char program[] = "envctl", empty[] = "";
	int argc = 0;

	argv[argc++] = program;
	for (char *word = strtok(line, " "); word != NULL && argc <= ARGUMENTS_MAX; word = strtok(NULL, " "))
		argv[argc++] = strcmp(word, "_") == 0 ? empty : word;
	argv[argc] = NULL;
	return invocation_parse(argc, argv, ret, err);
}

struct good {
	const char *line;
	const char *verb;    /* NULL: none */
	const char *words;   /* joined by ',' */
	const char *options; /* "name=value,name" in order */
	const char *program; /* joined by ','; NULL: none */
};

static const struct good goods[] = {
	{"list", "list", "", "", NULL},
	{"list shop", "list", "shop", "", NULL},
	{"--json list", "list", "", "json", NULL},
	{"list --json", "list", "", "json", NULL},
	{"-q list", "list", "", "quiet", NULL},
	{"--address unix:///x get a B", "get", "a,B", "address=unix:///x", NULL},
	{"get --address=http://h a B", "get", "a,B", "address=http://h", NULL},
	{"get a --revision 3 B", "get", "a,B", "revision=3", NULL},
	{"set a B=1 C=-x -m why", "set", "a,B=1,C=-x", "message=why", NULL},
	{"set a B -mwhy", "set", "a,B", "message=why", NULL},
	{"set a B -qm why", "set", "a,B", "quiet,message=why", NULL},
	{"set a B -", "set", "a,B,-", "", NULL},
	{"set a --message=a=b B", "set", "a,B", "message=a=b", NULL},
	{"set a --message= B", "set", "a,B", "message=", NULL},
	{"set a -m -q B", "set", "a,B", "message=-q", NULL},
	{"unset a -- --odd", "unset", "a,--odd", "", NULL},
	{"env create a", "env create", "a", "", NULL},
	{"env --json list", "env list", "", "json", NULL},
	{"env extends a b c/d", "env extends", "a,b,c/d", "", NULL},
	{"env extends a --clear", "env extends", "a", "clear", NULL},
	{"set a -t B=1", "set", "a,B=1", "template", NULL},
	{"unset a B --mask", "unset", "a,B", "mask", NULL},
	{"env settings a --allow-names _", "env settings", "a", "allow-names=", NULL},
	{"run a -- x", "run", "a", "", "x"},
	{"run a --only A --only B -- x --only y", "run", "a", "only=A,only=B", "x,--only,y"},
	{"run --pristine a -- x -- y", "run", "a", "pristine", "x,--,y"},
	{"import --from-vault https://v kv/a --to b --except c -n", "import", "kv/a",
	 "from-vault=https://v,to=b,except=c,dry-run", NULL},
	{"token create --policy a --policy b --meta k=v=w", "token create", "", "policy=a,policy=b,meta=k=v=w", NULL},
	{"token lookup -", "token lookup", "-", "", NULL},
	{"policy explain secret/data/a read --token", "policy explain", "secret/data/a,read", "token", NULL},
	{"login --no-store", "login", "", "no-store", NULL},
	{"logout --revoke", "logout", "", "revoke", NULL},
	{"--help", NULL, "", "help", NULL},
	{"help", NULL, "", "help", NULL},
	{"help set", "set", "", "help", NULL},
	{"set -h", "set", "", "help", NULL},
	{"env --help", NULL, "", "help", NULL},
	{"run --help", "run", "", "help", NULL},
	{"--version", NULL, "", "version", NULL},
	{"copy a b --only X --except Y", "copy", "a,b", "only=X,except=Y", NULL},
};

static void append(char *text, size_t size, const char *piece, const char *separator)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s%s", used > 0 ? separator : "", piece);
}

static const struct option_row *row_of(const struct command *command, enum option_id id)
{
	for (size_t i = 0; i < global_options_len; i++)
		if (global_options[i].id == id)
			return &global_options[i];
	for (size_t i = 0; command != NULL && i < command->options_len; i++)
		if (command->options[i].id == id)
			return &command->options[i];
	return NULL;
}

static void check_good(const struct good *good)
{
	char line[256], words[256] = "", options[256] = "", program[256] = "";
	struct invocation inv;
	struct error err = ERROR_INIT;

	snprintf(line, sizeof(line), "%s", good->line);
	assert_int_equal(parse(line, &inv, &err), ERR_OK);
	if (good->verb == NULL)
		assert_null(inv.command);
	else
		assert_string_equal(inv.command->name, good->verb);
	for (size_t i = 0; i < inv.words_len; i++)
		append(words, sizeof(words), inv.words[i], ",");
	for (size_t i = 0; i < inv.given_len; i++) {
		char piece[128] = "";
		const char *value = inv.given[i].value;
		const struct option_row *row = row_of(inv.command, inv.given[i].id);

		if (row == NULL)
			fail_msg("an option without a row");
		else
			snprintf(piece, sizeof(piece), "%s%s%s", row->name, value != NULL ? "=" : "",
				 value != NULL ? value : "");
		append(options, sizeof(options), piece, ",");
	}
	for (size_t i = 0; inv.program != NULL && inv.program[i] != NULL; i++)
		append(program, sizeof(program), inv.program[i], ",");
	assert_string_equal(words, good->words);
	assert_string_equal(options, good->options);
	assert_string_equal(program, good->program != NULL ? good->program : "");
	assert_int_equal(inv.program != NULL, good->program != NULL);
	invocation_free(&inv);
}

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(goods); i++) {
		print_message("# %s\n", goods[i].line);
		check_good(&goods[i]);
	}
}

static const struct {
	const char *line;
	const char *sentence; /* part of it */
} bads[] = {
	{"", "no verb"},
	{"lits", "did you mean 'list'?"},
	{"qqqqqqqq", "there is no verb 'qqqqqqqq'"},
	{"env", "env needs a second word: create, "},
	{"env", " or "},
	{"token", "token needs a second word: create, lookup, renew or revoke"},
	{"policy", "write, read, list, delete or explain"},
	{"policy read", "needs POLICY"},
	{"token craete", "did you mean 'token create'?"},
	{"slot list", "did you mean 'slots'?"},
	{"polcy write", "did you mean 'policy'?"},
	{"env creat a", "did you mean 'env create'?"},
	{"get", "needs ENV"},
	{"get a B C", "and no more"},
	{"list --jsom", "did you mean --json?"},
	{"list -x", "unknown option -x"},
	{"list --only A", "unknown option --only"},
	{"list --quiet=1", "takes no value"},
	{"set a B -m", "needs a value"},
	{"set a B --message", "needs a value"},
	{"set a B -m x -m y", "given twice"},
	{"run a", "needs a program"},
	{"run a --", "needs a program"},
	{"run a x", "put -- between"},
	{"run -- x", "needs ENV"},
	{"run a --json -- x", "no meaning"},
	{"init now", "no more"},
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
		char line[128];
		struct invocation inv;
		struct error err = ERROR_INIT;

		print_message("# %s\n", bads[i].line);
		snprintf(line, sizeof(line), "%s", bads[i].line);
		assert_int_equal(parse(line, &inv, &err), ERR_USAGE);
		assert_non_null(strstr(err.text, bads[i].sentence));
		invocation_free(&inv);
	}
}

/* What stands behind '=' of an unknown option may be a secret. */
static void test_values_are_not_repeated(void **state)
{
	char line[] = "set a --valeu=hunter2";
	struct invocation inv;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(parse(line, &inv, &err), ERR_USAGE);
	assert_null(strstr(err.text, "hunter2"));
	invocation_free(&inv);
}

static void test_too_many_options(void **state)
{
	static char program[] = "envctl", verb[] = "list", flag[] = "-q";
	char *argv[GIVEN_MAX + 4] = {program, verb};
	struct error err = ERROR_INIT;
	struct invocation inv;

	(void)state;
	for (int i = 0; i <= GIVEN_MAX; i++)
		argv[2 + i] = flag;
	assert_int_equal(invocation_parse(2 + GIVEN_MAX + 1, argv, &inv, &err), ERR_USAGE);
	invocation_free(&inv);
	argv[2 + GIVEN_MAX] = NULL;
	error_clear(&err);
	assert_int_equal(invocation_parse(2 + GIVEN_MAX, argv, &inv, &err), ERR_OK);
	invocation_free(&inv);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		bool zero_too;
		bool good;
		uint64_t number;
	} numbers[] = {
		{"1", false, true, 1},
		{"0", true, true, 0},
		{"0", false, false, 0},
		{"-1", true, false, 0},
		{"+1", true, false, 0},
		{"1x", true, false, 0},
		{"", true, false, 0},
		{" 1", true, false, 0},
		{"9223372036854775807", false, true, INT64_MAX},
		{"9223372036854775808", false, false, 0},
		{"99999999999999999999", false, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct invocation inv = {.command = command_find("set"), .given_len = 1};
		struct error err = ERROR_INIT;
		uint64_t number = 77;

		inv.given[0] = (struct given_option){.id = OPT_CAS, .value = numbers[i].text};
		enum error_code rc = option_number(&inv, OPT_CAS, numbers[i].zero_too, &number, &err);
		assert_int_equal(rc, numbers[i].good ? ERR_OK : ERR_USAGE);
		assert_true(number == (numbers[i].good ? numbers[i].number : 77));
	}
}

/* The table itself: what help, parser and completion rely on. */
static void test_table(void **state)
{
	const struct command *command;

	(void)state;
	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		assert_ptr_equal(command_find(command->name), command);
		assert_non_null(command->handler);
		assert_non_null(command->examples[0]);
		assert_true(command->words_min <= command->words_max);
		for (size_t a = 0; a < command->options_len; a++) {
			assert_ptr_equal(row_of(command, command->options[a].id), &command->options[a]);
			for (size_t b = 0; b < a; b++)
				assert_string_not_equal(command->options[a].name, command->options[b].name);
		}
	}
}

static void check_width(const char *text, size_t len, const char *name)
{
	size_t width = 0;

	for (size_t i = 0; i < len; i++) {
		width = text[i] == '\n' ? 0 : width + 1;
		if (width > 80)
			print_error("%s: %.*s\n", name, 80, text + i - 80);
		assert_true(width <= 80);
	}
}

static void test_help(void **state)
{
	const struct command *command;
	struct secret_buf *out = secret_buf_new(65536);

	(void)state;
	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		secret_buf_reset(out);
		help_append(command, NULL, out);
		secret_buf_append_char(out, '\0');
		assert_true(secret_buf_ok(out));
		check_width(secret_buf_text(out), secret_buf_len(out) - 1, command->name);
		for (size_t a = 0; a < command->options_len; a++)
			assert_non_null(strstr(secret_buf_text(out), command->options[a].name));
		assert_non_null(strstr(secret_buf_text(out), "\nExamples:\n"));
	}
	secret_buf_reset(out);
	help_append(NULL, NULL, out);
	check_width(secret_buf_text(out), secret_buf_len(out), "overview");
	secret_buf_free(out);
}

static void test_suggestions(void **state)
{
	static const char *const names[] = {"shop/production", "shop/staging", "blog/production"};
	static const struct {
		const char *wanted, *best;
	} rows[] = {
		{"shop/prodution", "shop/production"},
		{"shop/stagin", "shop/staging"},
		{"blog/productoin", "blog/production"},
		{"nothing/like/it", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct suggestion best = SUGGESTION_INIT;

		for (size_t a = 0; a < ARRAY_LEN(names); a++)
			suggestion_offer(&best, rows[i].wanted, names[a]);
		assert_string_equal(best.text, rows[i].best);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_values_are_not_repeated),
		cmocka_unit_test(test_too_many_options),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_suggestions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
