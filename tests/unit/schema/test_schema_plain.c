/*
 * The plain layer of schemas: assignments, comments' words, names and values.
 */
#include <stdlib.h>

#include "schema_expect.h"
#include "vault/limits.h"

static void assignments(void **state)
{
	static const struct {
		const char *text, *value;
		bool has_value, commented_out;
	} rows[] = {
		{ "A=", "", false, false },		    { "A=b", "b", true, false },
		{ "A", "", false, false },		    { "export A=b", "b", true, false },
		{ "  A=b  ", "b", true, false },	    { "A = b", "b", true, false },
		{ "A=\"\"", "", false, false },		    { "A=''", "", false, false },
		{ "# A=b", "b", true, true },		    { "#A=b", "b", true, true },
		{ "#A=", "", false, true },		    { "A=b c # d", "b c", true, false },
		{ "A=b#c", "b#c", true, false },	    { "A=#fff", "#fff", true, false },
		{ "A= #c", "", false, false },		    { "A=# c", "", false, false },
		{ "A='b # c' # d", "b # c", true, false },  { "A=\"b\\nc\"", "b\nc", true, false },
		{ "A='b\\nc'", "b\\nc", true, false },	    { "A=\"b\nc\"", "b\nc", true, false },
		{ "A=\"\"\"b\n\"c\n\"\"\"", "b\n\"c\n", true, false },
		{ "A=`b'\"c`", "b'\"c", true, false },	    { "A='it\\'s'", "it's", true, false },
		{ "A=\"b\" c", "\"b\" c", true, false },    { "A=\"b", "\"b", true, false },
		{ "A=it's", "it's", true, false },	    { "A=undefined", "", false, false },
		{ "A={\"k\": [1]}", "{\"k\": [1]}", true, false },
		{ "A=\"\\$b\"", "$b", true, false },	    { "A=5$", "5$", true, false },
		{ "A=b\\$c", "b\\$c", true, false },	    { "# A=\"b c\" # d", "b c", true, true },
		{ "A.b-c=d", "d", true, false },	    { "A=foo(bar)", "foo(bar)", true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_(read_schema_free) struct read_schema read = read_text(rows[i].text);

		if (i == 2) {
			findings_equal(&read.findings, "1:2 e syntax ; ");
			continue;
		}
		print_message("%s\n", rows[i].text);
		assert_int_equal(schema_count(read.schema), 1);
		assert_int_equal(read.schema->items[0].has_value, rows[i].has_value);
		assert_int_equal(read.schema->items[0].commented_out, rows[i].commented_out);
		span_equal(read.schema->items[0].value, rows[i].value);
	}
}

/* "y" required, "n" optional, "?" cannot be told, "-" nothing said */
static char said_required(const struct item *item)
{
	if (item->required_said.layer == LAYER_NONE)
		return '-';
	assert_int_equal(item->required_said.layer, LAYER_PLAIN);
	if (item->required.kind == CONDITION_UNKNOWN)
		return '?';
	return item->required.constant ? 'y' : 'n';
}

static void words_of_requiredness(void **state)
{
	static const struct {
		const char *text;
		char required;
	} rows[] = {
		{ "A= # optional", 'n' },
		{ "A= # Required", 'y' },
		{ "A= # not required", 'n' },
		{ "A=1 # an optional thing of the mailer", 'n' },
		{ "A=1 # Optional, defaults to 2025-03-01", 'n' },
		{ "A=1 # optionally so", '-' },
		{ "# Optional\nA=", 'n' },
		{ "# optional: the port\nA=", 'n' },
		{ "# The port (optional)\nA=", 'n' },
		{ "# [REQUIRED] The port\nA=1", 'y' },
		{ "# [REQUIRED/OPTIONAL] The port\nA=1", '-' },
		{ "# REQUIRED | OPTIONAL\nA=1", '-' },
		{ "# The port, optional.\nA=", 'n' },
		{ "# The port - optional\n# Second line\nA=", 'n' },
		{ "# This is not required\nA=", 'n' },
		{ "# None is required\nA=", 'n' },
		{ "# None of these keys is required\nA=", 'n' },
		{ "# Neither is required to start\nA=", 'n' },
		{ "A= # isn't required", 'n' },
		{ "A= # isn\xe2\x80\x99t required", 'n' },
		{ "A= # it isn't strictly required", 'n' },
		{ "A= # no longer required", 'n' },
		{ "A= # non-required", 'n' },
		{ "# The token, not always required.\nA=", 'n' },
		{ "# No value is required\nA=", 'n' },
		{ "# Not optional\nA=b", 'y' },
		{ "# This isn't optional\nA=b", 'y' },
		{ "# No longer optional\nA=b", 'y' },
		/* What is taken back is something else. */
		{ "# Do not commit it. Required\nA=", 'y' },
		{ "# No default, required\nA=", 'y' },
		{ "# No spaces - required\nA=", 'y' },
		{ "# It must not end with a slash (required)\nA=", 'y' },
		{ "# Never share it: optional\nA=", 'n' },
		{ "# Notes are required\nA=", 'y' },
		{ "# has an optional part in it\nA=", '-' },
		{ "# a token is required when MODE is b\nA=", '?' },
		{ "A= # required if B is set", '?' },
		{ "A= # set it if required", '-' },
		{ "A= # default: 3000", 'n' },
		{ "A= # required, default: 3000", 'y' },
		{ "# Optional\n\nA=", '-' },
		{ "# Optional\n# ----\nA=", '-' },
		{ "# --- Optional\nA=", '-' },
		{ "# Optional\nB=\nA=", '-' },
		{ "# Type: number\n# Default: 8787\n# [OPTIONAL]\nA=8787", 'n' },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_(read_schema_free) struct read_schema read = read_text(rows[i].text);

		print_message("%s\n", rows[i].text);
		assert_int_equal(said_required(item_of(&read, "A")), rows[i].required);
	}
}

static void words_of_values(void **state)
{
	static const struct {
		const char *text, *default_text, *example, *type;
	} rows[] = {
		{ "A= # defaults to 2025-03-01", "2025-03-01", "", NULL },
		{ "A= # default: 'a b', or so", "a b", "", NULL },
		{ "# Default = info.\nA=", "info", "", NULL },
		{ "# The level (default: info)\nA=", "info", "", NULL },
		{ "A= # defaults to the host's name", "", "", NULL },
		{ "A= # by default nothing is sent", "", "", NULL },
		{ "A= # default: none", "", "", NULL },
		{ "# Example: https://x.org/a?b=c\nA=", "", "https://x.org/a?b=c", NULL },
		{ "A= # e.g. a-b, c", "", "a-b", NULL },
		{ "A= # e.g. for local work", "", "", NULL },
		{ "# Type: number\nA=", "", "", "number" },
		{ "A= # type: bool", "", "", "boolean" },
		{ "A= # type: thing", "", "", NULL },
		{ "A=x # type: number", "", "", NULL },
		{ "A=false # true|false", "", "", "boolean" },
		{ "PORT=\nA=", "", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_(read_schema_free) struct read_schema read = read_text(rows[i].text);
		const struct item *item = item_of(&read, "A");

		print_message("%s\n", rows[i].text);
		span_equal(item_more(item)->default_text, rows[i].default_text);
		span_equal(item_more(item)->example, rows[i].example);
		assert_int_equal(item->type != NULL, rows[i].type != NULL);
		if (rows[i].type)
			assert_string_equal(schema_type_name(item->type), rows[i].type);
		assert_int_equal(item->type_said.layer, rows[i].type ? LAYER_PLAIN : LAYER_NONE);
	}
}

static void words_of_choices(void **state)
{
	static const struct {
		const char *text, *choices;
	} rows[] = {
		{ "A= # one of: a, b", "a b " },	     { "A=b # one of a, b or c", "a b c " },
		{ "A= # json|slack|discord", "json slack discord " },
		{ "# Options: a | b\nA=", "a b " },	     { "# The mode (one of: a, b)\nA=", "a b " },
		{ "A=z # one of: a, b", "" },		     { "A= # one of: a, b, etc", "" },
		{ "A= # one of: a", "" },		     { "A= # one of the hosts, or so it seems to be", "" },
		{ "A= # a || b", "" },			     { "A= # one of: 'a', \"b\"", "a b " },
		{ "A= # true|false, empty = auto", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_(read_schema_free) struct read_schema read = read_text(rows[i].text);
		const struct item *item = item_of(&read, "A");
		char all[256] = "";

		print_message("%s\n", rows[i].text);
		for (size_t k = 0; k < item_more(item)->choices_len; k++)
			snprintf(all + strlen(all), sizeof(all) - strlen(all), "%.*s ", (int)item_more(item)->choices[k].len,
				 item_more(item)->choices[k].at);
		assert_string_equal(all, rows[i].choices);
	}
}

static void placeholders(void **state)
{
	static const char *const yes[] = { "changeme", "your-key-here", "<generate one>", "sk_test_xxxx", "TO" "DO", "replace-this",
					   "example", "my-example-key", "YOUR_API_KEY", "xxxx", "...", "insert key", "[your key]" };
	static const char *const no[] = { "3000", "localhost", "hello@example.com", "https://example.com", "xx", "info", "yours",
					  "[1, 2]" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(yes) + ARRAY_LEN(no); i++) {
		const char *value = i < ARRAY_LEN(yes) ? yes[i] : no[i - ARRAY_LEN(yes)];
		char text[64];

		snprintf(text, sizeof(text), "A=\"%s\"", value);
		print_message("%s\n", text);
		cleanup_(read_schema_free) struct read_schema read = read_text(text);
		assert_int_equal(item_of(&read, "A")->is_placeholder, i < ARRAY_LEN(yes));
	}
}

static void names_and_values_tell(void **state)
{
	static const struct {
		const char *text, *name, *type;
		bool secret;
	} rows[] = {
		{ "PORT=", "PORT", "port", false },	       { "HTTP_PORT=80", "HTTP_PORT", "port", false },
		{ "MAIL_EMAIL=", "MAIL_EMAIL", "email", false }, { "SITE_URL=", "SITE_URL", "url", false },
		{ "DEBUG=true", "DEBUG", "boolean", false },   { "N=12", "N", "number", false },
		{ "N=012", "N", NULL, false },		       { "PORT=a:80", "PORT", NULL, false },
		{ "DB_PASSWORD=123456", "DB_PASSWORD", NULL, true }, { "STRIPE_API_KEY=", "STRIPE_API_KEY", NULL, true },
		{ "TOKEN_TTL=60", "TOKEN_TTL", "number", false }, { "PUBLIC_TOKEN=", "PUBLIC_TOKEN", NULL, false },
		{ "A= # secret", "A", NULL, true },	       { "# The cookie secret\nA=", "A", NULL, true },
		{ "A= # not secret", "A", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_(read_schema_free) struct read_schema read = read_text(rows[i].text);
		const struct item *item = item_of(&read, rows[i].name);

		print_message("%s\n", rows[i].text);
		assert_int_equal(item->type != NULL, rows[i].type != NULL);
		if (rows[i].type)
			assert_string_equal(schema_type_name(item->type), rows[i].type);
		assert_int_equal(item->sensitive_said.layer == LAYER_PLAIN && item->sensitive, rows[i].secret);
	}
}

static void commented_assignments_have_their_own_comments(void **state)
{
	cleanup_(read_schema_free) struct read_schema read = read_text(
		"# The mail host, required\n# MAIL_HOST=a # secret\n# type: port\nMAIL_PORT=25\n"
		"# DB=postgres://x/y\nDB=\n"
		"# key=value pairs, separated by commas\n# http_proxy=a\nPAIRS=\n# PORT=1\n# PORT=2\n");

	(void)state;
	assert_int_equal(schema_count(read.schema), 6);
	assert_int_equal(said_required(item_of(&read, "MAIL_HOST")), 'y');
	assert_true(item_of(&read, "MAIL_HOST")->sensitive);
	assert_int_equal(said_required(item_of(&read, "MAIL_PORT")), '-');
	assert_false(item_of(&read, "DB")->commented_out);
	assert_true(item_of(&read, "http_proxy")->commented_out);
	span_equal(item_of(&read, "PORT")->value, "1");
	findings_equal(&read.findings, "");
}

static void decorators_behind_a_commented_assignment_are_prose(void **state)
{
	char text[4096] = "# A=b #";
	size_t len = strlen(text);

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " @tag(a%u, [b, c])", i);
	for (unsigned i = 0; i < 40; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "\n# prose %u", i);
	{
		cleanup_(read_schema_free) struct read_schema alone = read_text(text);

		assert_false(alone.schema->has_decorators);
		assert_int_equal(item_more(item_of(&alone, "A"))->tags_len, 0);
	}
	for (unsigned i = 0; i < 40; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "\n# @tag(d%u)", i);
	snprintf(text + len, sizeof(text) - len, "\nB=c");
	{
		cleanup_(read_schema_free) struct read_schema read = read_text(text);

		findings_equal(&read.findings, "");
		assert_int_equal(item_more(item_of(&read, "A"))->tags_len, 0);
		assert_int_equal(item_more(item_of(&read, "B"))->tags_len, 40);
	}
}

static void quotes_of_a_commented_assignment_close_on_its_line(void **state)
{
	cleanup_(read_schema_free) struct read_schema read = read_text("# A=\"b c\" # d\nB=\"e");

	(void)state;
	span_equal(item_of(&read, "A")->value, "b c");
	span_equal(item_of(&read, "B")->value, "\"e");
}

static void long_values_have_no_look(void **state)
{
	char text[LIMIT_SCHEMA_WORD + 64] = "# type: url\nA=https://a/";
	size_t begin = strlen("# type: url\nA="), end = begin + LIMIT_SCHEMA_WORD;

	(void)state;
	memset(text + strlen(text), 'a', end - strlen(text));
	{
		cleanup_(read_schema_free) struct read_schema at = read_bytes(text, end);

		assert_non_null(item_of(&at, "A")->type);
	}
	text[end++] = 'a';
	{
		cleanup_(read_schema_free) struct read_schema over = read_bytes(text, end);

		assert_null(item_of(&over, "A")->type);
	}
}

static void the_last_one_counts(void **state)
{
	cleanup_(read_schema_free) struct read_schema read = read_text("A=1\nB=2\nA=3\n# A=4\nC=5\nB=6\n");

	(void)state;
	assert_int_equal(schema_count(read.schema), 3);
	span_equal(item_of(&read, "A")->value, "3");
	span_equal(item_of(&read, "B")->value, "6");
	findings_equal(&read.findings, "3:1 w duplicate A; 6:1 w duplicate B; ");
	assert_true(schema_knows(read.schema, "C", 1));
	assert_false(schema_knows(read.schema, "D", 1));
	assert_true(schema_bytes(read.schema) > sizeof(struct schema));
}

static void line_ends_and_bytes(void **state)
{
	cleanup_(read_schema_free) struct read_schema crlf = read_text("# optional\r\nA=\"b\r\nc\"\r\nB=d\r\n");
	cleanup_(read_schema_free) struct read_schema bom = read_text("\xef\xbb\xbf" "A=b\nB C\n");
	cleanup_(read_schema_free) struct read_schema nul = read_bytes("A=\0b", 4);
	cleanup_(read_schema_free) struct read_schema bad = read_text("A=b\nC=\xff\xff\n=\n");
	cleanup_(read_schema_free) struct read_schema alone = read_text("A=b\rB=c\r");
	cleanup_(read_schema_free) struct read_schema empty = read_text("");

	(void)state;
	findings_equal(&crlf.findings, "");
	span_equal(item_of(&crlf, "A")->value, "b\nc");
	span_equal(item_of(&crlf, "B")->value, "d");
	assert_int_equal(item_of(&crlf, "B")->line, 4);
	findings_equal(&bom.findings, "1:1 w bom ; 2:3 e syntax ; ");
	findings_equal(&nul.findings, "1:1 e encoding ; ");
	findings_equal(&bad.findings, "2:3 e encoding ; 3:1 e syntax ; ");
	findings_equal(&alone.findings, "0:0 w line-end ; ");
	assert_int_equal(schema_count(alone.schema), 2);
	assert_int_equal(schema_count(empty.schema), 0);
}

/* The daemon keeps hundreds of them. */
static void a_schema_takes_few_times_its_text(void **state)
{
	char *text = malloc(LIMIT_SCHEMA_TEXT);
	size_t len = 0, bytes;

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i < 1000; i++)
		len += (size_t)snprintf(text + len, LIMIT_SCHEMA_TEXT - len,
					"# The address of the database (required)\n# @type=url @sensitive\n"
					"V%u_URL=postgres://user:changeme@localhost/db\n\n", i);
	cleanup_(read_schema_free) struct read_schema read = read_bytes(text, len);
	bytes = schema_bytes(read.schema);
	assert_int_equal(schema_count(read.schema), 1000);
	assert_string_equal(schema_type_name(item_of(&read, "V999_URL")->type), "url");
	assert_true(bytes <= 3 * len);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(assignments),
		cmocka_unit_test(words_of_requiredness),
		cmocka_unit_test(a_schema_takes_few_times_its_text),
		cmocka_unit_test(words_of_values),
		cmocka_unit_test(words_of_choices),
		cmocka_unit_test(placeholders),
		cmocka_unit_test(names_and_values_tell),
		cmocka_unit_test(commented_assignments_have_their_own_comments),
		cmocka_unit_test(decorators_behind_a_commented_assignment_are_prose),
		cmocka_unit_test(quotes_of_a_commented_assignment_close_on_its_line),
		cmocka_unit_test(long_values_have_no_look),
		cmocka_unit_test(the_last_one_counts),
		cmocka_unit_test(line_ends_and_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
