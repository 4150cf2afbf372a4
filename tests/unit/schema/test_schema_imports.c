/*
 * @import: what is noted of it, what is taken out of a schema that is imported, and several schemas as one text.
 */
#include "schema_expect.h"

#include <stdlib.h>

#include "vault/limits.h"

/* Every import as "line:column path +pick -omit flags; ". */
static void imports_equal(const struct schema *schema, const char *expected)
{
	const struct schema_import *imports;
	size_t len = schema_imports(schema, &imports);
	char all[1024] = "";

	for (size_t i = 0; i < len; i++) {
		const struct schema_import *import = &imports[i];

		sprintf(all + strlen(all), "%u:%u %.*s", import->line, import->column, (int)import->path.len, import->path.at);
		for (size_t j = 0; j < import->pick_len; j++)
			sprintf(all + strlen(all), " +%.*s", (int)import->pick[j].len, import->pick[j].at);
		for (size_t j = 0; j < import->omit_len; j++)
			sprintf(all + strlen(all), " -%.*s", (int)import->omit[j].len, import->omit[j].at);
		sprintf(all + strlen(all), "%s%s; ", import->enabled ? "" : " off", import->allow_missing ? " may" : "");
	}
	assert_string_equal(all, expected);
}

static void what_is_noted(void **state)
{
	static const struct {
		const char *text, *imports, *findings;
	} rows[] = {
		{ "A=\n", "", "" },
		{ "# @import(./a)\n\nA=\n", "1:3 ./a; ", "1:3 w unresolved ; " },
		{ "# @import('a b') @import(\"../c\",\n#   pick=[A, B.c], # two\n#   omit=[D])\n# ---\nA=\n", "1:3 a b; 1:18 ../c +A +B.c -D; ",
		  "1:3 w unresolved ; 1:18 w unresolved ; " },
		{ "# @import(./a, A, B)\n\nA=\n", "1:3 ./a +A +B; ", "1:3 w unresolved ; " },
		{ "# @import(./a, enabled=false, allowMissing=true)\n\nA=\n", "1:3 ./a off may; ", "" },
		{ "# @import(./a, enabled=true, allowMissing=false)\n\nA=\n", "1:3 ./a; ", "1:3 w unresolved ; " },
		{ "# @import(./a, enabled=forEnv(dev))\n\nA=\n", "1:3 ./a; ", "1:3 w condition ; 1:3 w unresolved ; " },
		{ "# @import(npm:@a/b)\n# @import(/etc/x)\n\nA=\n", "1:3 npm:@a/b; 2:3 /etc/x; ", "1:3 w unresolved ; 2:3 w unresolved ; " },
		{ "# @disable\n# @import(./a)\n\nA=\n", "", "1:3 w disabled ; 2:3 w unresolved ; " },
	};
	static const char *const bad[] = { "@import", "@import=x", "@import()", "@import(pick=[A])", "@import([a])", "@import(\"\")",
					   "@import($A)", "@import(\"a$B\")", "@import(./a, pick=A)", "@import(./a, pick=[])",
					   "@import(./a, pick=[[A]])", "@import(./a, omit=[\"a b\"])", "@import(./a, omit=[1A])",
					   "@import(./a, allowMissing=1)", "@import(./a, nosuch=1)", "@import(./a, \"*\")" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_(read_schema_free) struct read_schema read = read_text(rows[i].text);

		print_message("-- %s\n", rows[i].text);
		findings_equal(&read.findings, rows[i].findings);
		imports_equal(read.schema, rows[i].imports);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char text[128];

		snprintf(text, sizeof(text), "# %s\n\nA=\n", bad[i]);
		cleanup_(read_schema_free) struct read_schema read = read_text(text);

		print_message("-- %s\n", bad[i]);
		findings_equal(&read.findings, "1:3 e decorator ; ");
	}
}

static void there_is_a_limit(void **state)
{
	char text[LIMIT_SCHEMA_PARTS * 16 + 64] = "";

	(void)state;
	for (int i = 0; i < LIMIT_SCHEMA_PARTS; i++)
		strcat(text, "# @import(./a)\n");
	cleanup_(read_schema_free) struct read_schema most = read_text(text);
	const struct schema_import *imports;

	assert_int_equal(schema_imports(most.schema, &imports), LIMIT_SCHEMA_PARTS);
	strcat(text, "# @import(./a)\n");
	cleanup_(read_schema_free) struct read_schema more = read_text(text);

	assert_int_equal(more.code, ERR_INVALID);
}

static void what_is_not_taken_is_gone(void **state)
{
	cleanup_(read_schema_free) struct read_schema own = read_text("# @import(./a, pick=[B, D, X, F], omit=[D])\n# @currentEnv=$E\n\nA=\n");
	cleanup_(read_schema_free) struct read_schema read = read_text("F=\nE=\n# @tag(a)\nD=\n# C=1\nB=\nA=\n");
	struct error err = ERROR_INIT;
	const struct schema_import *imports;
	size_t len;

	(void)state;
	assert_int_equal(schema_imports(own.schema, &imports), 1);
	assert_int_equal(schema_limit(read.schema, &imports[0], &err), ERR_OK);
	assert_int_equal(schema_count(read.schema), 2);
	assert_memory_equal(schema_name(read.schema, 0, &len), "F", 1);
	assert_memory_equal(schema_name(read.schema, 1, &len), "B", 1);
	for (const char *name = "ABCDEF"; *name; name++)
		assert_int_equal(schema_knows(read.schema, name, 1), *name == 'B' || *name == 'F');
	schema_inherit(read.schema, own.schema);
	span_equal(read.schema->current_env, "E");
}

static enum error_code join(const char *first, const char *last, struct secret_buf *out, struct error *err)
{
	cleanup_(read_schema_free) struct read_schema imported = read_text(first);
	cleanup_(read_schema_free) struct read_schema own = read_text(last);
	const struct schema_text texts[] = { { imported.schema, first, strlen(first), "dir/a\n" },
					     { own.schema, last, strlen(last), "own" } };

	assert_true(imported.schema && own.schema);
	return schema_join(texts, 2, out, err);
}

static void one_text(void **state)
{
	static const struct {
		const char *first, *last, *joined;
	} rows[] = {
		{ "A=\n", "# @import(a)\n\nB=\n", "# \n\nB=\n\n# from dir/a?\n\nA=\n" },
		{ "A=\n", "A=1", "A=1\n" },
		{ "", "# @import(a,\r\n#  pick=[A]) @defaultRequired\r\n\r\nB=\r\n", "# \n# @defaultRequired\n\nB=\n" },
		{ "\xEF\xBB\xBF" "A=\r\n# x\r\n# @type=port\r\nexport P = 80 # y\r\n", "B=", "B=\n\n# from dir/a?\n\n   A=\n\n# x\n# @type=port\nexport P = 80 # y\n" },
		{ "# @defaultRequired=infer @defaultSensitive=false\n\nA=\nB=1\n# @optional @sensitive\nC=2\n# D=1\n", "X=",
		  "X=\n\n# from dir/a?\n\n# @optional @public\nA=\n\n# @required @public\nB=1\n\n# @optional @sensitive\nC=2\n\n# @public\n# D=1\n" },
		{ "A=\nB=1\n# optional\nC=\n# D=1\n", "# @defaultRequired=false\n\nX=",
		  "# @defaultRequired=false\n\nX=\n\n# from dir/a?\n\n# @required\nA=\n\n# @optional\nB=1\n\n# optional\nC=\n\n# D=1\n" },
		{ "# of A\n# A=1\n# @type=port\n# of B\nB=80\n", "X=", "X=\n\n# from dir/a?\n\n# of A\n# A=1\n\n# @type=port\n# of B\nB=80\n" },
		{ "# of A\n# A=1\n# @type=port\n# of B\nB=80\n", "A=2\n", "A=2\n\n# from dir/a?\n\n# @type=port\n# of B\nB=80\n" },
		{ "# of A\n# A=1\n# @type=port\n# of B\nB=80\n", "B=2\n", "B=2\n\n# from dir/a?\n\n# of A\n# A=1\n" },
		{ "L=\"a\n\nb\" # c\nM=concat(\n  a,\n  $B)\n", "X=", "X=\n\n# from dir/a?\n\nL=\"a\n\nb\" # c\n\nM=concat(\n  a,\n  $B)\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(2 * LIMIT_SCHEMA_TEXT);
		struct error err = ERROR_INIT;

		print_message("-- %s", rows[i].first);
		if (join(rows[i].first, rows[i].last, out, &err) != ERR_OK)
			fail_msg("%s", err.text);
		secret_buf_append_char(out, '\0');
		assert_string_equal(secret_buf_text(out), rows[i].joined);
	}
}

static void what_cannot_be_one_text(void **state)
{
	static const struct {
		const char *first, *last, *says;
	} rows[] = {
		{ "# @currentEnv=$A\n\nA=\n", "B=", "@currentEnv" },
		/* a quote that does not close until the imported text closes it */
		{ "A='\n", "B='x\n", "one text" },
		{ "A=\n", "# @import(a) words @defaultRequired\n\nB=\n", "a line of its own" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(2 * LIMIT_SCHEMA_TEXT);
		struct error err = ERROR_INIT;

		print_message("-- %s", rows[i].first);
		assert_int_equal(join(rows[i].first, rows[i].last, out, &err), ERR_INVALID);
		if (!strstr(err.text, rows[i].says))
			fail_msg("%s", err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_noted),
		cmocka_unit_test(there_is_a_limit),
		cmocka_unit_test(what_is_not_taken_is_gone),
		cmocka_unit_test(one_text),
		cmocka_unit_test(what_cannot_be_one_text),
	};

	return cmocka_run_group_tests_name("schema_imports", tests, NULL, NULL);
}
