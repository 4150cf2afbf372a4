/*
 * Any text as a template: pieces cover it in order, checking and expanding
 * agree, and an escaped text expands to itself.
 */
#include <sodium.h>
#include <string.h>

#include "fuzz_expect.h"
#include "vault/template.h"

#define ROOM (1u << 22)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (sodium_init() < 0)
		abort();
	return 0;
}

static enum error_code give_name(void *arg, const struct template_piece *reference, const char **ret_value,
				 size_t *ret_len, struct error *err)
{
	(void)arg;
	(void)err;
	*ret_value = reference->name;
	*ret_len = reference->name_len;
	return ERR_OK;
}

/* The pieces advance, stay inside the text, and hold names of the right form. */
static bool walk(const char *text, size_t len)
{
	struct error err = ERROR_INIT;
	struct template_piece piece;
	size_t cursor = 0, before = 0;
	bool more = true;

	for (;;) {
		if (template_next(text, len, &cursor, &piece, &more, &err) != ERR_OK)
			return false;
		fuzz_expect(cursor <= len);
		if (!more)
			return true;
		fuzz_expect(cursor > before);
		if (piece.is_reference)
			fuzz_expect(piece.name_len > 0 && piece.name >= text && piece.name + piece.name_len < text + len);
		else
			fuzz_expect(piece.text_len > 0 && piece.text == text + before);
		before = cursor;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(ROOM);
	cleanup_(secret_buf_freep) struct secret_buf *escaped = secret_buf_new(2 * len + 1);
	const char *text = (const char *)data;
	struct error err = ERROR_INIT;
	bool good = template_check(text, len, &err) == ERR_OK;
	enum error_code code;

	fuzz_expect(good == walk(text, len));
	error_clear(&err);
	code = template_expand(text, len, give_name, NULL, out, &err);
	fuzz_expect(good ? code == ERR_OK || code == ERR_TOO_LARGE : code == ERR_INVALID || code == ERR_TOO_LARGE);

	secret_buf_reset(out);
	error_clear(&err);
	template_escape(escaped, text, len);
	fuzz_expect(secret_buf_ok(escaped));
	fuzz_expect(template_expand(secret_buf_text(escaped), secret_buf_len(escaped), give_name, NULL, out, &err) == ERR_OK);
	fuzz_expect(secret_buf_len(out) == len && (len == 0 || memcmp(secret_buf_text(out), text, len) == 0));
	return 0;
}
