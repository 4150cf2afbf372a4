/*
 * One check as a line: a schema's text, variables as "NAME=value" lines, and what is found as "E code NAME" in order of names.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/limits.h"
#include "vault/schema.h"

#define CASE_VARIABLES 64

struct variables {
	struct schema_variable items[CASE_VARIABLES];
	size_t len;
};

static inline int compare_variables(const void *a, const void *b)
{
	const struct schema_variable *first = a, *second = b;
	size_t len = first->name_len < second->name_len ? first->name_len : second->name_len;
	int order = memcmp(first->name, second->name, len);

	return order != 0 ? order : (first->name_len > second->name_len) - (first->name_len < second->name_len);
}

/* Lines of text, which must live as long. A name with ":" behind it has JSON as its value. */
static inline struct variables variables_of(const char *text)
{
	struct variables variables = { .len = 0 };

	while (*text != '\0') {
		size_t line = strcspn(text, "\n"), name = strcspn(text, "=");
		bool json = name > 0 && text[name - 1] == ':';

		variables.items[variables.len++] = (struct schema_variable){ text, name - json, text + name + 1, line - name - 1, json };
		text += line + (text[line] == '\n');
	}
	qsort(variables.items, variables.len, sizeof(variables.items[0]), compare_variables);
	return variables;
}

static inline struct schema *schema_of(const char *text)
{
	struct findings findings = { 0 };
	struct error err = ERROR_INIT;
	struct schema *schema = NULL;

	if (schema_parse(text, strlen(text), &findings, &schema, &err) != ERR_OK)
		fail_msg("%s: %s %s", text, err.text, findings.len > 0 ? findings.items[0].text : "");
	findings_free(&findings);
	return schema;
}

/* "E missing A, W unknown B" */
static inline void describe(const struct findings *findings, char *ret, size_t size)
{
	static const char letters[] = { [FINDING_INFO] = 'I', [FINDING_WARNING] = 'W', [FINDING_ERROR] = 'E' };
	size_t at = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < findings->len && at < size; i++)
		at += (size_t)snprintf(ret + at, size - at, "%s%c %s %s", i > 0 ? ", " : "", letters[findings->items[i].severity],
				       findings->items[i].code, findings->items[i].name);
}

/* *check has what is special; its parts and variables are set here. */
static inline void check_finds(const char *schema_text, const char *variables_text, struct schema_check check,
			       const char *expected)
{
	struct variables variables = variables_of(variables_text);
	struct schema *schema = schema_of(schema_text);
	struct schema_part part = { .schema = schema, .enforce = true };
	struct findings findings = { 0 };
	struct error err = ERROR_INIT;
	char found[2048];

	check.parts = &part;
	check.parts_len = 1;
	check.variables = variables.items;
	check.variables_len = variables.len;
	assert_int_equal(schema_validate(&check, &findings, NULL, &err), ERR_OK);
	describe(&findings, found, sizeof(found));
	if (strcmp(found, expected) != 0)
		fail_msg("\n%s\n%s\nexpected: %s\nfound:    %s", schema_text, variables_text, expected, found);
	findings_free(&findings);
	schema_free(schema);
}
