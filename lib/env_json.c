#include "vault/env_json.h"

static void note_no_text(struct notes *notes, const char *name, size_t name_len, bool skip)
{
	size_t before = notes->len;

	notes_add(notes, skip ? NOTE_WARNING : NOTE_ERROR, 0, name, name_len,
		  "its value is JSON (null, a list or an object), not text", "leave it out by its name");
	if (notes->len > before)
		notes->items[notes->len - 1].skipped = skip;
}

enum error_code env_json_put(struct env_set *set, const char *name, size_t name_len, const struct json_value *value, bool skip,
			     struct secret_buf *work, struct notes *notes, struct error *err)
{
	secret_buf_reset(work);
	switch (value->kind) {
	case JSON_SCAN_STRING:
		json_append_unescaped(work, json_string_span(value));
		break;
	case JSON_SCAN_NUMBER:
	case JSON_SCAN_BOOL:
		secret_buf_append(work, value->raw.at, value->raw.len);
		break;
	case JSON_SCAN_NULL:
	case JSON_SCAN_ARRAY:
	case JSON_SCAN_OBJECT:
		note_no_text(notes, name, name_len, skip);
		return ERR_OK;
	}
	if (secret_buf_check(work, "a variable", err) != ERR_OK)
		return err->code;
	return env_set_put(set, name, name_len, secret_buf_text(work), secret_buf_len(work), 0, NULL, err);
}
