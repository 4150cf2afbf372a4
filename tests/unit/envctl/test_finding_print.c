/*
 * Findings of a check here and of the daemon, in the three forms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
			    ".env.example:3:2: error: PORT: is no port\\x1b[2J (write a number) [type, decorator]\n"
			    "a,b.env:7:1: warning: A: 50% of, it: all\\nlines [QuoteCharacter]\n");
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
		cmocka_unit_test(annotations_are_escaped),
		cmocka_unit_test(json_comes_and_goes),
	};

	return cmocka_run_group_tests_name("finding_print", tests, NULL, NULL);
}
