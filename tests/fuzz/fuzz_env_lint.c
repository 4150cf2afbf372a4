/*
 * Any text as an env file that is checked and mended: places lie within the
 * text, mending never fails, and what it changes is not what the portable
 * reader reads (the function checks that itself, and would fail).
 */
#include <sodium.h>
#include <string.h>

#include "fuzz_expect.h"
#include "vault/schema.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (sodium_init() < 0)
		abort();
	return 0;
}

static unsigned count_lines(const uint8_t *data, size_t size)
{
	unsigned lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_(findings_free) struct findings findings = { .len = 0 };
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(16 * size + 64);
	cleanup_(secret_buf_freep) struct secret_buf *again = secret_buf_new(16 * size + 64);
	struct error err = ERROR_INIT;
	size_t fixed = 0;

	fuzz_expect(env_lint((const char *)data, size, &findings, &err) == ERR_OK);
	for (size_t i = 0; i < findings.len; i++) {
		fuzz_expect(findings.items[i].line >= 1 && findings.items[i].line <= count_lines(data, size));
		fuzz_expect(findings.items[i].column >= 1 && findings.items[i].column <= size + 1);
	}
	fuzz_expect(env_lint_fix((const char *)data, size, out, &fixed, &err) == ERR_OK);
	fuzz_expect(env_lint_fix(secret_buf_text(out), secret_buf_len(out), again, &fixed, &err) == ERR_OK);
	return 0;
}
