/*
 * Findings of a check here and of the daemon, in the three forms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cmd/finding_print.h"

static void fill(struct finding_list *list)
{
	cleanup_(findings_free) struct findings findings = {.len = 0};
	struct error err = ERROR_INIT;
	struct finding finding = {.severity = FINDING_ERROR, .code = "type", .line = 3, .column = 2, .in_schema = true,
				  .layer = LAYER_ENV_SPEC, .hint = "write a number"};

	findings_add(&findings, &finding, "PORT", 4, "is no port\x1b[2J");
	finding = (struct finding){.severity = FINDING_WARNING, .code = "QuoteCharacter", .line = 7, .column = 1};
	findings_add(&findings, &finding, "A", 1, "50%% of, it: all\nlines");
	assert_int_equal(finding_list_add(list, &findings, "a,b.env", ".env.example", &err), ERR_OK);
}

static const char *printed(const struct finding_list *list, enum finding_format format, struct secret_buf *out)
{
	finding_list_print(list, format, out);
	secret_buf_append_char(out, '\0');
	return secret_buf_text(out);
}

static void lines_for_people(void **state)
{
	cleanup_(finding_list_free) struct finding_list list = {.items = NULL};
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(4096);

	(void)state;
	fill(&list);
	assert_int_equal(list.errors, 1);
	assert_int_equal(list.warnings, 1);
	assert_string_equal(printed(&list, FINDING_HUMAN, out),
			    ".env.example:3:2: error: PORT: is no port\\x1b[2J [type, decorator]\n"
			    "a,b.env:7:1: warning: A: 50% of, it: all\\nlines [QuoteCharacter]\n"
			    "hint: [type] write a number\n");
}

/* What is said of a variable that stands in the file is shown at its line, in all forms. */
static void a_variable_has_its_line(void **state)
{
	cleanup_(finding_list_free) struct finding_list list = {.items = NULL};
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(4096);
	cleanup_(env_set_freep) struct env_set *set = env_set_new(4096);
	struct error err = ERROR_INIT;

	(void)state;
	fill(&list);
	assert_int_equal(env_set_put(set, "PORT", 4, "x", 1, 12, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "PORTS", 5, "x", 1, 13, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "A", 1, "x", 1, 14, NULL, &err), ERR_OK);
	env_set_sort(set);
	finding_list_place(&list, set, "a,b.env", NULL);
	/* the second one is about a line of the file already */
	assert_string_equal(printed(&list, FINDING_HUMAN, out),
			    "a,b.env:12: error: PORT: is no port\\x1b[2J (.env.example:3) [type, decorator]\n"
			    "a,b.env:7:1: warning: A: 50% of, it: all\\nlines [QuoteCharacter]\n"
			    "hint: [type] write a number\n");
	secret_buf_reset(out);
	assert_non_null(strstr(printed(&list, FINDING_GITHUB, out),
			       "::error file=a%2Cb.env,line=12,title=type (decorator)::PORT: is no port\x1b[2J (.env.example:3) "
			       "(write a number)\n"));
	secret_buf_reset(out);
	assert_non_null(strstr(printed(&list, FINDING_JSON, out),
			       "\"file\":\"a,b.env\",\"line\":12,\"schema_file\":\".env.example\",\"schema_line\":3,"
			       "\"schema_column\":2"));
}

static unsigned line_of_finding(const struct env_set *set, const char *name)
{
	cleanup_(finding_list_free) struct finding_list list = {.items = NULL};
	cleanup_(findings_free) struct findings findings = {.len = 0};
	struct finding finding = {.severity = FINDING_ERROR, .code = "empty", .hint = "set it: envctl set ENV NAME"};
	struct error err = ERROR_INIT;

	findings_add(&findings, &finding, name, strlen(name), "x");
	assert_int_equal(finding_list_add(&list, &findings, "f", "s", &err), ERR_OK);
	finding_list_place(&list, set, "f", NULL);
	assert_null(strstr(list.items[0].hint, "envctl set"));
	return list.items[0].variable_line;
}

/* Findings cut long names: such a one counts when it is the only one that begins so. */
static void a_cut_name_is_found_when_it_is_the_only_one(void **state)
{
	cleanup_(env_set_freep) struct env_set *set = env_set_new(4096);
	struct error err = ERROR_INIT;
	char name[81], other[81];

	(void)state;
	memset(name, 'N', 80);
	memset(other, 'N', 80);
	name[80] = other[80] = '\0';
	other[70] = 'O';
	assert_int_equal(env_set_put(set, name, 80, "x", 1, 5, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "A", 1, "x", 1, 6, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "Z", 1, "x", 1, 7, NULL, &err), ERR_OK);
	env_set_sort(set);
	assert_int_equal(line_of_finding(set, name), 5);
	assert_int_equal(line_of_finding(set, "A"), 6);
	assert_int_equal(line_of_finding(set, "Z"), 7);
	assert_int_equal(line_of_finding(set, "AA"), 0);
	assert_int_equal(line_of_finding(set, "ZZ"), 0);
	assert_int_equal(line_of_finding(set, ""), 0);
	assert_int_equal(env_set_put(set, other, 80, "x", 1, 8, NULL, &err), ERR_OK);
	env_set_sort(set);
	assert_int_equal(line_of_finding(set, name), 0);
}

/* What the daemon cannot know of the caller's words; the longest path cuts the hint and nothing else. */
static void hints_name_the_environment(void **state)
{
	struct shown_finding items[] = {
		{.hint = "set it: envctl set ENV NAME"}, {.hint = "add it to the schema, or remove it"}, {.hint = ""}};
	struct finding_list list = {.items = items, .len = 3};
	struct env_path env = {.text = "shop/production"};

	(void)state;
	finding_list_name_environment(&list, &env);
	assert_string_equal(items[0].hint, "set it: envctl set shop/production NAME");
	assert_string_equal(items[1].hint, "add it to the schema, or remove it");
	assert_string_equal(items[2].hint, "");
	/* One that is called as what it stands for. */
	strcpy(env.text, "ENV");
	snprintf(items[0].hint, sizeof(items[0].hint), "envctl get ENV NAME, envctl set ENV NAME");
	finding_list_name_environment(&list, &env);
	assert_string_equal(items[0].hint, "envctl get ENV NAME, envctl set ENV NAME");
	strcpy(env.text, "a/b");
	finding_list_name_environment(&list, &env);
	assert_string_equal(items[0].hint, "envctl get a/b NAME, envctl set a/b NAME");
	memset(env.text, 'e', sizeof(env.text) - 1);
	env.text[sizeof(env.text) - 1] = '\0';
	snprintf(items[0].hint, sizeof(items[0].hint), "envctl set ENV NAME");
	finding_list_name_environment(&list, &env);
	assert_int_equal(strlen(items[0].hint), sizeof(items[0].hint) - 1);
	assert_memory_equal(items[0].hint, "envctl set eeee", 15);
}

/* Errors, warnings, what is good to know, then how it is written; each by line. Names out of order are one line, but in JSON. */
static void the_worst_comes_first(void **state)
{
	static const struct finding given[] = {
		{.severity = FINDING_WARNING, .code = "UnorderedKey", .line = 1, .column = 1, .hint = "sort them"},
		{.severity = FINDING_WARNING, .code = "UnorderedKey", .line = 2, .column = 1, .hint = "sort them"},
		{.severity = FINDING_INFO, .code = "note", .line = 1, .column = 1},
		{.severity = FINDING_WARNING, .code = "dialect", .line = 9, .column = 1, .hint = "second"},
		{.severity = FINDING_WARNING, .code = "dialect", .line = 3, .column = 1, .hint = "first"},
		{.severity = FINDING_WARNING, .code = "dialect", .line = 4, .column = 1, .hint = "second"},
		{.severity = FINDING_ERROR, .code = "dialect", .line = 8, .column = 1},
		{.severity = FINDING_WARNING, .code = "UnorderedKey", .line = 3, .column = 1, .hint = "sort them"},
	};
	cleanup_(finding_list_free) struct finding_list list = {.items = NULL};
	cleanup_(findings_free) struct findings findings = {.len = 0};
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(4096);
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
		findings_add(&findings, &given[i], "N", 1, "x");
	assert_int_equal(finding_list_add(&list, &findings, "f", NULL, &err), ERR_OK);
	finding_list_sort(&list);
	assert_string_equal(printed(&list, FINDING_HUMAN, out),
			    "f:8:1: error: N: x [dialect]\n"
			    "f:3:1: warning: N: x [dialect]\n"
			    "f:4:1: warning: N: x [dialect]\n"
			    "f:9:1: warning: N: x [dialect]\n"
			    "f:1:1: info: N: x [note]\n"
			    "f:1:1: warning: N: x, and 2 more like it [UnorderedKey]\n"
			    "hint: [dialect] first\n"
			    "hint: [dialect] second\n"
			    "hint: [UnorderedKey] sort them\n");
	secret_buf_reset(out);
	assert_non_null(strstr(printed(&list, FINDING_JSON, out), "\"line\":3,\"column\":1,\"message\":\"x\",\"hint\":\"sort them\"}]"));
}

/* A file's name and a message cannot end a workflow command or begin another. */
static void annotations_are_escaped(void **state)
{
	cleanup_(finding_list_free) struct finding_list list = {.items = NULL};
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(4096);

	(void)state;
	fill(&list);
	finding_list_make_strict(&list);
	assert_int_equal(list.errors, 2);
	assert_string_equal(printed(&list, FINDING_GITHUB, out),
			    "::error file=.env.example,line=3,col=2,title=type (decorator)::PORT: is no port\x1b[2J (write a number)\n"
			    "::error file=a%2Cb.env,line=7,col=1,title=QuoteCharacter::A: 50%25 of, it: all%0Alines\n");
}

/* What the daemon writes is read back the same, and what is no finding is passed over. */
static void json_comes_and_goes(void **state)
{
	cleanup_(finding_list_free) struct finding_list list = {.items = NULL}, again = {.items = NULL};
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(4096), *second = secret_buf_new(4096);
	struct json_value root, array;
	struct error err = ERROR_INIT;

	(void)state;
	fill(&list);
	for (size_t i = 0; i < list.len; i++)
		list.items[i].file = NULL;
	finding_list_print(&list, FINDING_JSON, out);
	assert_int_equal(json_scan(secret_buf_text(out), secret_buf_len(out), &root, &err), ERR_OK);
	assert_true(json_find(&root, "findings", &array));
	assert_int_equal(finding_list_add_json(&again, &array, &err), ERR_OK);
	assert_int_equal(again.errors, 1);
	assert_int_equal(again.items[0].finding.layer, LAYER_ENV_SPEC);
	assert_true(again.items[0].finding.in_schema);
	finding_list_print(&again, FINDING_JSON, second);
	/* control characters do not survive the way over a terminal's text */
	assert_true(secret_buf_len(second) > 0 && strstr(secret_buf_text(second), "\"schema_line\":3"));
	static const char other[] = "[1,{\"severity\":\"loud\"},{}]";
	assert_int_equal(json_scan(other, strlen(other), &root, &err), ERR_OK);
	assert_int_equal(finding_list_add_json(&again, &root, &err), ERR_OK);
	assert_int_equal(again.errors, 3);
	static const char object[] = "{}";
	assert_int_equal(json_scan(object, strlen(object), &root, &err), ERR_OK);
	assert_int_equal(finding_list_add_json(&again, &root, &err), ERR_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_for_people),
		cmocka_unit_test(a_variable_has_its_line),
		cmocka_unit_test(a_cut_name_is_found_when_it_is_the_only_one),
		cmocka_unit_test(hints_name_the_environment),
		cmocka_unit_test(the_worst_comes_first),
		cmocka_unit_test(annotations_are_escaped),
		cmocka_unit_test(json_comes_and_goes),
	};

	return cmocka_run_group_tests_name("finding_print", tests, NULL, NULL);
}
