/* A text read into a schema, and one item of it, for the tests of the reader. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "schema/item.h"
#include "schema/types.h"
#include "vault/schema.h"

struct read_schema {
	struct schema *schema;
	struct findings findings;
	enum error_code code;
};

static inline void read_schema_free(struct read_schema *read)
{
	schema_free(read->schema);
	findings_free(&read->findings);
}

static inline struct read_schema read_bytes(const char *text, size_t len)
{
	struct read_schema read = { NULL, { 0 }, ERR_OK };
	struct error err = ERROR_INIT;

	read.code = schema_parse(text, len, &read.findings, &read.schema, &err);
	findings_sort(&read.findings);
	assert_int_equal(read.code == ERR_OK, read.schema != NULL);
	assert_false(read.code == ERR_OK && read.findings.errors > 0);
	assert_false(read.code == ERR_INVALID && read.findings.errors == 0);
	return read;
}

static inline struct read_schema read_text(const char *text)
{
	struct read_schema read = read_bytes(text, strlen(text));

	for (size_t i = 0; read.code != ERR_OK && i < read.findings.len; i++)
		print_message("%u:%u %s\n", read.findings.items[i].line, read.findings.items[i].column, read.findings.items[i].text);
	return read;
}

static inline const struct item *item_of(const struct read_schema *read, const char *name)
{
	const struct item *item;

	assert_non_null(read->schema);
	item = schema_find(read->schema, name, strlen(name));
	if (!item)
		fail_msg("%s is not in the schema", name);
	return item;
}

static inline void span_equal(struct span span, const char *text)
{
	if (span.len != strlen(text) || (span.len > 0 && memcmp(span.at, text, span.len) != 0))
		fail_msg("\"%.*s\" is not \"%s\"", (int)span.len, span.at ? span.at : "", text);
}

/* Every finding as "line:column severity code name; ", in order. */
static inline void findings_equal(const struct findings *findings, const char *expected)
{
	char all[4096] = "";
	size_t len = 0;

	for (size_t i = 0; i < findings->len; i++) {
		const struct finding *item = &findings->items[i];
		int wrote = snprintf(all + len, sizeof(all) - len, "%u:%u %c %s %s; ", item->line, item->column,
				     "iwe"[item->severity], item->code, item->name);

		assert_true(wrote > 0 && len + (size_t)wrote < sizeof(all));
		len += (size_t)wrote;
	}
	assert_string_equal(all, expected);
}
