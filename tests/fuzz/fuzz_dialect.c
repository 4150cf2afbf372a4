/*
 * Any text in any dialect (the first byte picks it): no input makes a reader
 * read out of bounds, answer and complain at once, or give a variable that its
 * own dialect writes differently.
 */
#include <sodium.h>
#include <string.h>

#include "fuzz_expect.h"
#include "vault/dialect.h"
#include "vault/limits.h"

#define ROOM (1u << 24)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (sodium_init() < 0)
		abort();
	return 0;
}

static size_t dialect_count(void)
{
	size_t count = 0;
	while (dialect_at(count))
		count++;
	return count;
}

static void expect_same_when_written(const struct dialect *dialect, const struct env_set *set)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *again = env_set_new(ROOM);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(ROOM);
	enum error_code code = dialect_encode(dialect, set, NULL, out, &notes, &err);
	fuzz_expect(code == ERR_OK || code == ERR_UNREPRESENTABLE);
	fuzz_expect((code == ERR_OK) == (notes.errors == 0));
	/* A reader takes some names that its writer avoids; it never gives a value that cannot be written. */
	for (size_t i = 0; i < notes.len; i++)
		fuzz_expect(notes.items[i].severity != NOTE_ERROR || !strstr(notes.items[i].reason, "read back"));
	if (code != ERR_OK)
		return;
	code = dialect_decode(dialect, secret_buf_text(out), secret_buf_len(out), again, &notes, &err);
	fuzz_expect(code == ERR_OK);
	fuzz_expect(env_set_equal(set, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(ROOM);
	if (size == 0)
		return 0;
	const struct dialect *dialect = dialect_at(data[0] % dialect_count());
	enum error_code code = dialect_decode(dialect, (const char *)data + 1, size - 1, set, &notes, &err);
	fuzz_expect(code == ERR_OK || code == ERR_INVALID || code == ERR_TOO_LARGE);
	if (code == ERR_TOO_LARGE)
		return 0;
	fuzz_expect((code == ERR_OK) == (notes.errors == 0));
	if (code == ERR_OK)
		expect_same_when_written(dialect, set);
	return 0;
}
