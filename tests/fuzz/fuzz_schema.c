/*
 * Any text as a schema: reading it ends, every finding has its place inside the
 * text, what is read can be found by name and explained as JSON, and reading it
 * again says the same.
 */
#include <sodium.h>
#include <string.h>

#include "fuzz_expect.h"
#include "vault/json_scan.h"
#include "vault/limits.h"
#include "vault/schema.h"

#define ROOM (1u << 24)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (sodium_init() < 0)
		abort();
	return 0;
}

static void expect_places(const struct findings *findings, const char *text, size_t len)
{
	unsigned lines = 1;

	/* A carriage return ends a line as well. */
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n' || text[i] == '\r';
	for (size_t i = 0; i < findings->len; i++) {
		fuzz_expect(findings->items[i].line <= lines);
		fuzz_expect(findings->items[i].column <= len + 1);
		fuzz_expect(findings->items[i].in_schema && findings->items[i].text[0] != '\0');
	}
}

static void explain_all(const struct schema *schema, struct secret_buf *out)
{
	const struct schema_part part = { schema, "shop", true };
	struct error err = ERROR_INIT;

	/* Each explanation is at most a few times its own lines; of many only the first ones are asked for. */
	for (size_t i = 0; i < schema_count(schema) && i < 64; i++) {
		size_t len;
		const char *name = schema_name(schema, i, &len);
		struct json_value root;

		fuzz_expect(schema_knows(schema, name, len));
		secret_buf_reset(out);
		fuzz_expect(schema_explain(&part, 1, name, len, out, &err) == ERR_OK);
		fuzz_expect(json_scan(secret_buf_text(out), secret_buf_len(out), &root, &err) == ERR_OK);
	}
}

static void expect_imports(const struct schema *schema, size_t len)
{
	const struct schema_import *imports;
	size_t count = schema_imports(schema, &imports);

	fuzz_expect(count <= LIMIT_SCHEMA_PARTS);
	for (size_t i = 0; i < count; i++) {
		fuzz_expect(imports[i].path.len > 0 && memchr(imports[i].path.at, '\0', imports[i].path.len) == NULL);
		fuzz_expect(imports[i].begin < imports[i].end && imports[i].end <= len);
		fuzz_expect(i == 0 || imports[i - 1].end <= imports[i].begin);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct findings first = { 0 }, second = { 0 };
	struct schema *schema = NULL, *again = NULL;
	struct error err = ERROR_INIT, ignored = ERROR_INIT;
	enum error_code code = schema_parse((const char *)data, size, &first, &schema, &err);

	fuzz_expect(code == ERR_OK || code == ERR_INVALID || code == ERR_TOO_LARGE);
	fuzz_expect((code == ERR_OK) == (schema != NULL));
	fuzz_expect(code != ERR_OK || first.errors == 0);
	fuzz_expect(code != ERR_INVALID || first.errors > 0);
	fuzz_expect(schema_parse((const char *)data, size, &second, &again, &ignored) == code);
	fuzz_expect(first.len == second.len && first.errors == second.errors && first.warnings == second.warnings);
	expect_places(&first, (const char *)data, size);
	if (schema) {
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(ROOM);

		fuzz_expect(schema_count(schema) == schema_count(again) && schema_bytes(schema) == schema_bytes(again));
		explain_all(schema, out);
		expect_imports(schema, size);
	}
	schema_free(schema);
	schema_free(again);
	findings_free(&first);
	findings_free(&second);
	return 0;
}
