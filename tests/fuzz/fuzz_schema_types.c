/*
 * A type's text, a line feed, and a value: whatever both are, compiling and judging end, a refusal has a sentence, no detail holds
 * the value, and what the value says of itself is read without harm.
 */
#include <string.h>

#include "fuzz_expect.h"
#include "schema/types.h"
#include "../unit/schema/type_text.h"

static void judge(const struct schema_type *type, const char *value, size_t len)
{
	const char *why = NULL, *again = NULL;
	char detail[64];
	bool good = schema_type_accepts(type, value, len, &why, detail, sizeof(detail));

	fuzz_expect(good == (why == NULL));
	fuzz_expect(memchr(detail, '\0', sizeof(detail)));
	fuzz_expect(schema_type_accepts(type, value, len, &again, NULL, 0) == good && again == why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data, *end = len > 0 ? memchr(text, '\n', len) : NULL, *what;
	size_t source = end ? (size_t)(end - text) : len;
	const char *value = end ? end + 1 : text;
	size_t value_len = end ? len - source - 1 : len;
	struct schema_type *type = NULL;
	struct error err = ERROR_INIT;
	struct type_text reader;
	struct node node;
	int64_t expires;

	if (type_text_read(&reader, text, source, &node)) {
		if (schema_type_compile(&node, true, &type, &err) == ERR_OK) {
			fuzz_expect(schema_type_name(type)[0] != '\0');
			judge(type, value, value_len);
			judge(type, value, 0);
		} else {
			fuzz_expect(!type && err.text[0] != '\0');
		}
	}
	schema_type_free(type);
	fuzz_expect(value_entropy_bits(value, value_len) <= 8 * value_len + 8);
	if (value_expiry(value, value_len, &expires, &what))
		fuzz_expect(what[0] != '\0');
	return 0;
}
