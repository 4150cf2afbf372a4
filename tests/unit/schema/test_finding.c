/*
 * Findings: what is kept, what is cut, and their JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "vault/finding.h"

static void add(struct findings *findings, enum finding_severity severity, unsigned line, const char *text)
{
	struct finding finding = { .severity = severity, .code = "missing", .line = line };

	findings_add(findings, &finding, "NAME", 4, "%s", text);
}

static void errors_make_room_for_themselves(void **state)
{
	cleanup_(findings_free) struct findings findings = { 0 };

	(void)state;
	for (unsigned i = 1; i <= FINDINGS_MAX; i++)
		add(&findings, FINDING_WARNING, i, "w");
	assert_int_equal(findings.len, FINDINGS_MAX);
	add(&findings, FINDING_WARNING, 1, "w");
	assert_int_equal(findings.omitted, 1);
	add(&findings, FINDING_ERROR, 7, "e");
	assert_int_equal(findings.len, 1);
	assert_int_equal(findings.items[0].line, 7);
	assert_int_equal(findings.omitted, FINDINGS_MAX + 1);
	assert_int_equal(findings.errors, 1);
	assert_int_equal(findings.warnings, FINDINGS_MAX + 1);
}

static void texts_are_cut_at_characters(void **state)
{
	cleanup_(findings_free) struct findings findings = { 0 };
	char text[2 * FINDING_TEXT_MAX + 1];

	(void)state;
	for (size_t i = 0; i < 2 * FINDING_TEXT_MAX; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	text[2 * FINDING_TEXT_MAX] = '\0';
	add(&findings, FINDING_ERROR, 1, text);
	assert_int_equal(strlen(findings.items[0].text), (FINDING_TEXT_MAX - 1) / 2 * 2);
	add(&findings, FINDING_ERROR, 1, text + 1);
	assert_int_equal(strlen(findings.items[1].text), FINDING_TEXT_MAX - 1);
}

static void texts_are_utf8(void **state)
{
	struct findings findings = { 0 };

	(void)state;
	add(&findings, FINDING_ERROR, 1, "not with caf\xc3 (it is x)");
	assert_string_equal(findings.items[0].text, "not with caf? (it is x)");
	findings_free(&findings);
}

static void sorted_by_place(void **state)
{
	cleanup_(findings_free) struct findings findings = { 0 };

	(void)state;
	add(&findings, FINDING_ERROR, 3, "c");
	add(&findings, FINDING_WARNING, 1, "a");
	add(&findings, FINDING_ERROR, 2, "b");
	findings_sort(&findings);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(findings.items[i].line, i + 1);
}

static void json_leaves_out_what_is_empty(void **state)
{
	cleanup_(findings_free) struct findings findings = { 0 };
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(4096);
	struct finding finding = { .severity = FINDING_ERROR, .code = "type", .line = 4, .column = 2, .in_schema = true,
				   .layer = LAYER_ENV_SPEC, .hint = "write a number" };

	(void)state;
	findings_add(&findings, &finding, "A\x1b", 2, "is \"none\"");
	add(&findings, FINDING_INFO, 0, "x");
	findings_emit_json(&findings, out);
	secret_buf_append_char(out, '\0');
	assert_string_equal(secret_buf_text(out),
			    "[{\"severity\":\"error\",\"code\":\"type\",\"variable\":\"A?\",\"schema_line\":4,"
			    "\"schema_column\":2,\"layer\":\"decorator\",\"message\":\"is \\\"none\\\"\","
			    "\"hint\":\"write a number\"},"
			    "{\"severity\":\"info\",\"code\":\"missing\",\"variable\":\"NAME\",\"message\":\"x\"}]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_make_room_for_themselves),
		cmocka_unit_test(texts_are_cut_at_characters),
		cmocka_unit_test(texts_are_utf8),
		cmocka_unit_test(sorted_by_place),
		cmocka_unit_test(json_leaves_out_what_is_empty),
	};

	return cmocka_run_group_tests_name("finding", tests, NULL, NULL);
}
