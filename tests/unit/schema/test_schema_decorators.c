/*
 * The decorators of @env-spec, the facts of "# vaultd:" comments, what is told
 * of them, and that no text takes more than linear work.
 */
#include "schema_expect.h"

#include <stdlib.h>
#include <time.h>

#include "vault/limits.h"

static void findings_of(const char *text, const char *expected)
{
	cleanup_(read_schema_free) struct read_schema read = read_text(text);

	print_message("--\n%s\n", text);
	findings_equal(&read.findings, expected);
}

static void decorators_of_a_variable(void **state)
{
	cleanup_(read_schema_free) struct read_schema read = read_text(
		"# Key of the shop\n"
		"# @required @sensitive   # it pays\n"
		"# @type=string(startsWith=\"sk_\", minLength=10) some prose @example=\"sk_ 1\"\n"
		"# @docs(\"Keys\", https://x.org/keys) @docs(https://x.org/other) @tag(pay, shop) @tag(eu)\n"
		"KEY=\n"
		"OLD=1 # @deprecated=\"use KEY\" @public @internal\n"
		"# @optional @sensitive={preventLeaks=true, enabled=false} @placeholder='put it here'\n"
		"export THIRD=x\n"
		"# @type=enum(a,\n#   b, # the second\n#   c,\n# )\n"
		"CHOICE=a\n"
		"# @type=port\n# PORT=80\n\n"
		"# @type=string(matches=/^a[/,) ]b$/i)\nRE=\n");
	const struct item *item = item_of(&read, "KEY");

	(void)state;
	findings_equal(&read.findings, "");
	assert_int_equal(item->required.kind, CONDITION_CONSTANT);
	assert_true(item->required.constant && item->sensitive);
	assert_int_equal(item->required_said.line, 2);
	assert_int_equal(item->required_said.column, 3);
	assert_int_equal(item->sensitive_said.column, 13);
	assert_string_equal(schema_type_name(item->type), "string");
	assert_int_equal(item->type_said.layer, LAYER_ENV_SPEC);
	span_equal(item_more(item)->example, "sk_ 1");
	span_equal(item_more(item)->docs, "https://x.org/keys");
	assert_int_equal(item_more(item)->tags_len, 3);
	span_equal(item_more(item)->tags[2], "eu");
	item = item_of(&read, "OLD");
	assert_true(item->is_deprecated && item->is_internal && !item->sensitive);
	span_equal(item_more(item)->deprecated, "use KEY");
	item = item_of(&read, "THIRD");
	assert_false(item->required.constant || item->sensitive);
	span_equal(item_more(item)->placeholder, "put it here");
	assert_string_equal(schema_type_name(item_of(&read, "CHOICE")->type), "enum");
	item = item_of(&read, "PORT");
	assert_true(item->commented_out && item->type_said.layer == LAYER_ENV_SPEC);
	assert_non_null(item_of(&read, "RE")->type);
}

static void conditions(void **state)
{
	cleanup_(read_schema_free) struct read_schema read = read_text(
		"# @required=forEnv(production, staging)\nA=\n# @required=eq($MODE, live)\nB=\n# @required=not(isEmpty($C))\nD=\n"
		"# @optional=forEnv(test)\nE=\n# @required=false\nF=\n# @required=exec(date)\nG=\n# @optional=not(not(true))\nH=\n");
	const struct item *item = item_of(&read, "A");

	(void)state;
	findings_equal(&read.findings, "11:3 w condition G; ");
	assert_int_equal(item->required.kind, CONDITION_FOR_ENV);
	assert_int_equal(item->required.node->items_len, 2);
	item = item_of(&read, "B");
	assert_int_equal(item->required.kind, CONDITION_EQ);
	assert_int_equal(item->required.node->items[0].kind, NODE_REFERENCE);
	span_equal(item->required.node->items[0].text, "MODE");
	item = item_of(&read, "D");
	assert_int_equal(item->required.kind, CONDITION_NOT);
	assert_int_equal(item->required.inner->kind, CONDITION_IS_EMPTY);
	item = item_of(&read, "E");
	assert_int_equal(item->required.kind, CONDITION_NOT);
	assert_int_equal(item->required.inner->kind, CONDITION_FOR_ENV);
	assert_false(item_of(&read, "F")->required.constant);
	assert_int_equal(item_of(&read, "G")->required.kind, CONDITION_UNKNOWN);
	assert_false(item_of(&read, "H")->required.constant);
}

static void the_head(void **state)
{
	cleanup_(read_schema_free) struct read_schema plain = read_text("# @required\nA=\n");
	cleanup_(read_schema_free) struct read_schema head = read_text(
		"# My app\n# @defaultRequired=infer @defaultSensitive=inferFromPrefix(PUBLIC_) @currentEnv=$APP_ENV\n"
		"# @generateTsTypes(path=./env.d.ts) @redactLogs=false @cache=memory\n# ---\n\n# @plugin(x)\n\nPUBLIC_API_KEY=\n");
	cleanup_(read_schema_free) struct read_schema old = read_text("# @envFlag=MODE @defaultRequired @defaultSensitive=false\n\nA=\n");
	cleanup_(read_schema_free) struct read_schema off = read_text("# @disable\n\nA=\n");

	(void)state;
	assert_int_equal(plain.schema->required_default, REQUIRED_PLAIN);
	assert_true(plain.schema->sensitive_default);
	assert_int_equal(head.schema->required_default, REQUIRED_INFER);
	assert_int_equal(head.schema->required_default_said.line, 2);
	assert_true(head.schema->sensitive_default);
	span_equal(head.schema->public_prefix, "PUBLIC_");
	span_equal(head.schema->current_env, "APP_ENV");
	findings_equal(&head.findings, "6:3 w unresolved ; ");
	assert_int_equal(old.schema->required_default, REQUIRED_TRUE);
	assert_false(old.schema->sensitive_default);
	span_equal(old.schema->current_env, "MODE");
	assert_int_equal(schema_count(off.schema), 0);
	findings_equal(&off.findings, "1:3 w disabled ; ");
}

static void what_is_wrong_has_a_place(void **state)
{
	static const struct {
		const char *text, *findings;
	} rows[] = {
		{ "# @requird\nA=", "1:3 w unknown-decorator A; " },
		{ "# @see somebody\nA=", "1:3 w unknown-decorator A; " },
		{ "# mail me@x.org\n# @ home\nA=", "" },
		{ "# @required\n\nA=", "1:3 e detached ; " },
		{ "A=\n\n# @defaultRequired\n\nB=", "3:3 e misplaced ; " },
		{ "# @defaultRequired\nA=", "1:3 e decorator A; " },
		{ "# @required @optional\nA=", "1:13 e decorator A; " },
		{ "# @sensitive\nA= # @public", "2:6 e decorator A; " },
		{ "# @type=port @type=url\nA=", "1:14 e decorator A; " },
		{ "# @type=nosuch\nA=", "1:9 e type A; " },
		{ "# @type=string(minLength=x)\nA=", "1:9 e type A; " },
		{ "# @type\nA=", "1:3 e decorator A; " },
		{ "# @type=[port]\nA=", "1:3 e decorator A; " },
		{ "# @type=string(minLength=1\nA=", "1:27 e syntax ; " },
		{ "# @tag(a b)\nA=", "1:10 e syntax ; " },
		{ "# @tag=a\nA=", "1:3 e decorator A; " },
		{ "# @example=\"a b\nA=", "1:12 e syntax ; " },
		{ "# @example=\nA=", "1:12 e syntax ; " },
		{ "# @sensitive={1}\nA=", "1:15 e syntax ; " },
		{ "# @required(x)\nA=", "1:3 e decorator A; " },
		{ "# @tag([[[[[[[[[[[[[[[a]]]]]]]]]]]]]]])\nA=", "1:3 e decorator A; " },
		{ "# @tag([[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]])\nA=", "1:23 e syntax ; " },
		{ "# @defaultRequired=maybe\n\nA=", "1:3 e decorator ; " },
		{ "# @currentEnv\n\nA=", "1:3 e decorator ; " },
		{ "A=exec(date)", "1:3 w unresolved A; " },
		{ "A=$(date)", "1:3 w unresolved A; " },
		{ "A=concat(\"x\",\n  $B, # more\n)\nB=$A", "1:3 i computed A; 4:3 i computed B; " },
		{ "A=concat(x", "1:3 w unresolved A; 1:11 e syntax ; " },
		{ "A=concat(x) y", "1:3 i computed A; 1:13 e syntax A; " },
		{ "1A=b\nB\n: c", "1:1 e syntax ; 2:2 e syntax ; 3:1 e syntax ; " },
		{ "A='b", "1:3 w quote A; " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_(read_schema_free) struct read_schema read = read_text(rows[i].text);

		print_message("-- %s\n", rows[i].text);
		findings_equal(&read.findings, rows[i].findings);
	}
}

static void facts_of_our_own(void **state)
{
	cleanup_(read_schema_free) struct read_schema read = read_text(
		"# vaultd: rotate=90d grace=1d12h owner=payments notify=https://x.org/a minEntropy=80 unique=env immutable\n"
		"A=\n"
		"B=x:1 # vaultd: type=hostport owner=\"the team\"\n"
		"# @type=string # vaultd: type=base64(32), unique\nC=\n"
		"# vaultd: owner=d\n# D=1 # vaultd: rotate=1h\n");
	const struct own_facts *own = item_own(item_of(&read, "A"));

	(void)state;
	findings_equal(&read.findings, "");
	assert_int_equal(own->said.line, 1);
	assert_int_equal(own->rotate_s, 90 * 86400);
	assert_int_equal(own->grace_s, 36 * 3600);
	assert_int_equal(own->min_entropy, 80);
	assert_true(own->unique && own->immutable);
	span_equal(own->owner, "payments");
	span_equal(own->notify, "https://x.org/a");
	assert_int_equal(item_of(&read, "B")->type_said.layer, LAYER_OWN);
	span_equal(item_own(item_of(&read, "B"))->owner, "the team");
	assert_string_equal(schema_type_name(item_of(&read, "C")->type), "base64");
	assert_true(item_own(item_of(&read, "C"))->unique);
	span_equal(item_own(item_of(&read, "D"))->owner, "d");
	assert_int_equal(item_own(item_of(&read, "D"))->rotate_s, 3600);
	findings_of("# vaultd: rotat=90d grace=soon minEntropy=0\nA= # vaultd: owner= unique=all immutable=no type=x\n",
		    "1:11 e fact A; 1:21 e fact A; 1:32 e fact A; 2:20 e syntax ; 2:21 e fact A; 2:32 e fact A; 2:50 e type A; ");
	findings_of("A= # vaultd: unique=all immutable=no type=x notify=ftp://a rotate=1d rotate=2d\n",
		    "1:14 e fact A; 1:25 e fact A; 1:43 e type A; 1:45 e fact A; 1:70 e fact A; ");
	findings_of("# vaultd: rotate=1d\n\nA=\n", "1:11 e detached ; ");
}

static void explain(const char *text, const char *name, char *ret, size_t size)
{
	cleanup_(read_schema_free) struct read_schema read = read_text(text);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(65536);
	const struct schema_part part = { read.schema, "shop/base", true };
	struct error err = ERROR_INIT;

	assert_int_equal(schema_explain(&part, 1, name, strlen(name), out, &err), ERR_OK);
	assert_true(secret_buf_len(out) < size);
	memcpy(ret, secret_buf_text(out), secret_buf_len(out));
	ret[secret_buf_len(out)] = '\0';
}

static void explanations_say_why(void **state)
{
	char text[8192];

	(void)state;
	explain("# The port (optional)\n# @type=port\nPORT=80\n", "PORT", text, sizeof(text));
	assert_string_equal(text,
		"{\"name\":\"PORT\",\"origin\":\"shop/base\",\"known\":true,\"line\":3,\"required\":\"no\",\"sensitive\":true,"
		"\"type\":\"port\",\"comment\":\"The port (optional)\",\"facts\":["
		"{\"fact\":\"required\",\"value\":\"no\",\"layer\":\"plain\",\"line\":1,\"why\":\"a word of its comment\"},"
		"{\"fact\":\"sensitive\",\"value\":\"yes\",\"layer\":\"default\",\"why\":\"everything is, unless the schema says "
		"otherwise\"},"
		"{\"fact\":\"type\",\"value\":\"port\",\"layer\":\"decorator\",\"line\":2,\"why\":\"@type\"},"
		"{\"fact\":\"value\",\"value\":\"80\",\"layer\":\"plain\",\"line\":3,\"why\":\"what stands behind =\"}]}");
	explain("A=", "B", text, sizeof(text));
	assert_string_equal(text, "{\"name\":\"B\",\"known\":false,\"sensitive\":true,\"facts\":[]}");
	explain("# a\n# vaultd: rotate=1h owner=me\n# @internal\n# b\nA=changeme # secret\n", "A", text, sizeof(text));
	assert_non_null(strstr(text, "\"comment\":\"a\\nb\""));
	assert_non_null(strstr(text, "\"vaultd\":{\"rotate_seconds\":3600,\"owner\":\"me\"}"));
	assert_non_null(strstr(text, "\"required\":\"yes\""));
}

/* The value of each fact of this name, with blanks between. */
static void facts_of(const char *lines, const char *expected)
{
	char text[16384], *at = text, found[1024] = "", schema[4096];

	snprintf(schema, sizeof(schema), "%s\nA=\n", lines);
	explain(schema, "A", text, sizeof(text));
	while ((at = strstr(at, "{\"fact\":\""))) {
		char name[64], value[256];

		at += strlen("{\"fact\":\"");
		if (sscanf(at, "%63[^\"]\",\"value\":\"%255[^\"]\"", name, value) != 2)
			continue;	/* the object of a "# vaultd:" comment */
		if (strcmp(name, "required") != 0 && strcmp(name, "sensitive") != 0)
			snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s %s; ", name, value);
	}
	assert_string_equal(found, expected);
}

/* All that a type asks for is told, with its place. */
static void explanations_tell_the_type(void **state)
{
	char text[8192];

	(void)state;
	facts_of("# a", "type string; ");
	facts_of("# @type=port", "type port; ");
	facts_of("# @type=enum(debug, info, 'two words')", "type enum; member debug; member info; member two words; ");
	facts_of("# @type=string(minLength=3, maxLength=12, matches=/^[a-z]+$/i, startsWith=x, endsWith='y z', toUpperCase=true)",
		 "type string; minLength 3; maxLength 12; startsWith x; endsWith y z; matches /^[a-z]+$/i; toUpperCase true; ");
	facts_of("# @type=string(allowEmpty=false, isLength=4)", "type string; isLength 4; ");
	facts_of("# @type=number(min=-1.5, max=1e3, isDivisibleBy=0.5, precision=2, isInt=true)",
		 "type number; min -1.5; max 1e3; isDivisibleBy 0.5; isInt true; precision 2; ");
	facts_of("# @type=url(allowedDomains=[example.org, example.com], noTrailingSlash=true)",
		 "type url; allowedDomains example.org, example.com; noTrailingSlash true; ");
	facts_of("# @type=duration(min=1s, max=5m)", "type duration; min 1s; max 5m; ");
	facts_of("# @type=array(string(minLength=2), separator=';', unique=true)",
		 "type array; of string(minLength=2); separator ;; unique true; ");
	facts_of("# @type=record(array(enum(a, b)), keyType=string(maxLength=3))",
		 "type record; of array(enum(a, b)); keyType string(maxLength=3); ");
	facts_of("# vaultd: type=base64(32)", "type base64; length 32; ");
	facts_of("# @type=enum(a, $B)", "type enum; member a; not known some; ");
	facts_of("# @type=string(startsWith=$B)", "type string; ");
	facts_of("# @tag(x, y)", "type string; tag x; tag y; ");
	facts_of("# @type=port @required=forEnv(production)", "condition @type=port @required=forEnv(production); type port; ");
	/* lines are counted by the ends that there are */
	facts_of("# one\r# two\r\n# @required=not(isEmpty($B))", "condition @required=not(isEmpty($B)); type string; ");
	explain("# b\n# @type=array(enum(a, b), maxLength=2)\nA=\n", "A", text, sizeof(text));
	assert_non_null(strstr(text, "\"type\":\"array\",\"type_text\":\"array(enum(a, b), maxLength=2)\""));
	assert_non_null(strstr(text, "{\"fact\":\"maxLength\",\"value\":\"2\",\"layer\":\"decorator\",\"line\":2,\"why\":\"@type\"}"));
}

/* -- limits and work ----------------------------------------------------------------- */

static void limits(void **state)
{
	char *text = malloc(LIMIT_SCHEMA_TEXT + 1);
	size_t len = 0;

	(void)state;
	assert_non_null(text);
	memset(text, '#', LIMIT_SCHEMA_TEXT + 1);
	{
		cleanup_(read_schema_free) struct read_schema at = read_bytes(text, LIMIT_SCHEMA_TEXT);
		cleanup_(read_schema_free) struct read_schema over = read_bytes(text, LIMIT_SCHEMA_TEXT + 1);

		assert_int_equal(at.code, ERR_OK);
		assert_int_equal(over.code, ERR_TOO_LARGE);
	}
	for (unsigned i = 0; i <= LIMIT_VARIABLES; i++)
		len += (size_t)snprintf(text + len, LIMIT_SCHEMA_TEXT - len, "A%u=b\n", i);
	{
		cleanup_(read_schema_free) struct read_schema over = read_bytes(text, len);
		cleanup_(read_schema_free) struct read_schema at = read_bytes(text, len - strlen("A10000=b\n"));

		assert_int_equal(over.code, ERR_TOO_LARGE);
		assert_int_equal(at.code, ERR_OK);
		assert_int_equal(schema_count(at.schema), LIMIT_VARIABLES);
		span_equal(item_of(&at, "A9999")->value, "b");
	}
	len = (size_t)snprintf(text, 16, "# @tag(");
	for (unsigned i = 0; i <= LIMIT_SCHEMA_NODES; i++) {
		memcpy(text + len, "a,", 2);
		len += 2;
	}
	{
		cleanup_(read_schema_free) struct read_schema over = read_bytes(text, len);

		assert_int_equal(over.code, ERR_TOO_LARGE);
	}
	free(text);
}

/* How many variables with the pattern come before it is too much, and what the last schema that is taken says of its memory. */
static size_t patterns_taken(char *text, size_t *ret_bytes)
{
	size_t taken = 0, room = 0;

	*ret_bytes = 0;
	for (size_t step = 1024; step > 0; step /= 2) {
		size_t len = 0;

		for (size_t i = 0; i < taken + step; i++)
			len += (size_t)snprintf(text + len, LIMIT_SCHEMA_TEXT - len,
						"# @type=string(matches=/(?:abcdefghij){400}/)\nA%zu=\n", i);
		cleanup_(read_schema_free) struct read_schema read = read_bytes(text, len);
		assert_true(read.code == ERR_OK || read.code == ERR_TOO_LARGE);
		if (read.code != ERR_OK)
			continue;
		taken += step;
		room = schema_bytes(read.schema);
	}
	*ret_bytes = room;
	return taken;
}

static void compiled_types_are_bounded_and_counted(void **state)
{
	char *text = malloc(LIMIT_SCHEMA_TEXT);
	size_t bytes, taken;

	(void)state;
	assert_non_null(text);
	taken = patterns_taken(text, &bytes);
	assert_true(taken > 10 && taken < 2000);
	/* At the limit all of it is counted, and one more would be over. */
	assert_true(bytes > LIMIT_SCHEMA_TYPES - LIMIT_SCHEMA_TYPES / taken);
	assert_true(bytes < LIMIT_SCHEMA_TYPES + 16 * LIMIT_SCHEMA_TEXT);
	free(text);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* 256 KiB of each repetition take well under a second; what is quadratic takes minutes. */
static void nasty_repetitions(void **state)
{
	static const char *const parts[] = {
		"A=\"\n", "A='\n", "A=`\n", "A=\"\"\"\n", "A=\"x\n#", "\"", "#", "# @", "# @a(", "# @a=(", "(", "# @a=[", "# @required ",
		"# @type=string(\n#", "# @tag(a\n", "A=concat(", "A=concat(\n", "A=b\n", "A\n", "=\n", "\n", " ", "#\n", "# a\n", "a|",
		"# a|b ", "# one of: a, ", "# optional ", "# not required ", "# default: ", "# e.g. ", "# type: ", "# vaultd: a ",
		"# vaultd: rotate=1d ", "# vaultd: ", "$", "${A", "$(", "A=$(", "\\\"", "A=\"\\\"", "\r", "\xff", "\xc3\xa9", "# A=b\n", "# A=b # @tag(a, b)\n", "# A=b # vaultd: owner=a\n",
		"# B=b # optional\n", "# @required\n", "# @required\n# A=1\n", "# @see\n\n", "/", "# @a=/[", "{a=", "# @a={a=", "# @a={a={",
		"# @x=$A", ",", "# @b(,", "A=\"b\" c\n", "export ", "A= # ", "A.b-", "# ==\n", "#-", "# true|false, ", "x", "# 'x", "# e.g. '",
	};
	char *text = malloc(LIMIT_SCHEMA_TEXT);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < 2 * ARRAY_LEN(parts); i++) {
		const char *part = parts[i / 2];
		size_t len = 0, part_len = strlen(part);
		double begin = seconds();

		/* Once as it is, once all of it behind one value. */
		if (i % 2 == 1) {
			memcpy(text, "A=b # ", 6);
			len = 6;
		}
		for (; len + part_len <= LIMIT_SCHEMA_TEXT; len += part_len)
			memcpy(text + len, part, part_len);
		cleanup_(read_schema_free) struct read_schema read = read_bytes(text, len);
		if (seconds() - begin > 1.0)
			fail_msg("%zu bytes of %s take %.1f s", len, part, seconds() - begin);
	}
	free(text);
}

/* What is behind a commented assignment's value is a comment in a comment, however long. */
static void decorators_in_comments_in_comments(void **state)
{
	char text[8192] = "# A=1 # @required @type=port\n# @tag(a)\n# B=2 #@tag(a, b, c)\n\n# C=3 # ";

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		strcat(text, "@tag([a, [b, c]], d) @required @docs(x) ");
	strcat(text, "\nD=4 # @optional\n");
	cleanup_(read_schema_free) struct read_schema read = read_text(text);
	findings_equal(&read.findings, "");
	assert_int_equal(item_of(&read, "A")->required_said.layer, LAYER_NONE);
	assert_int_equal(item_of(&read, "A")->type_said.layer, LAYER_PLAIN);
	assert_int_equal(item_more(item_of(&read, "B"))->tags_len, 1);
	assert_int_equal(item_more(item_of(&read, "C"))->tags_len, 0);
	assert_int_equal(item_of(&read, "D")->required_said.layer, LAYER_ENV_SPEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decorators_of_a_variable),
		cmocka_unit_test(conditions),
		cmocka_unit_test(the_head),
		cmocka_unit_test(what_is_wrong_has_a_place),
		cmocka_unit_test(facts_of_our_own),
		cmocka_unit_test(explanations_say_why),
		cmocka_unit_test(explanations_tell_the_type),
		cmocka_unit_test(decorators_in_comments_in_comments),
		cmocka_unit_test(limits),
		cmocka_unit_test(compiled_types_are_bounded_and_counted),
		cmocka_unit_test(nasty_repetitions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
