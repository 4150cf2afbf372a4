/*
 * Any text: the scanner and jansson must agree whether it is JSON, and what the
 * scanner takes must survive being walked, written again and scanned again.
 */
#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "fuzz_expect.h"
#include "vault/json_emit.h"
#include "vault/json_scan.h"
#include "vault/limits.h"
#include "vault/safe_json.h"

#define ROOM (1u << 22)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (sodium_init() < 0)
		abort();
	safe_json_start();
	return 0;
}

static void emit_unescaped(struct secret_buf *out, struct json_span span)
{
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(ROOM);
	json_append_unescaped(plain, span);
	json_emit_string(out, secret_buf_text(plain), secret_buf_len(plain));
}

static void emit_value(struct secret_buf *out, const struct json_value *value);

static void emit_object(struct secret_buf *out, const struct json_value *object)
{
	struct json_member member;
	size_t cursor = 0;
	size_t count = 0;
	json_emit_raw(out, "{");
	for (; json_next_member(object, &cursor, &member); count++) {
		if (count > 0)
			json_emit_raw(out, ",");
		emit_unescaped(out, member.name);
		json_emit_raw(out, ":");
		emit_value(out, &member.value);
	}
	json_emit_raw(out, "}");
	fuzz_expect(json_count(object) == count);
}

static void emit_array(struct secret_buf *out, const struct json_value *array)
{
	struct json_value element;
	size_t cursor = 0;
	json_emit_raw(out, "[");
	for (size_t count = 0; json_next_element(array, &cursor, &element); count++) {
		if (count > 0)
			json_emit_raw(out, ",");
		emit_value(out, &element);
	}
	json_emit_raw(out, "]");
}

static void emit_value(struct secret_buf *out, const struct json_value *value)
{
	switch (value->kind) {
	case JSON_SCAN_OBJECT:
		emit_object(out, value);
		return;
	case JSON_SCAN_ARRAY:
		emit_array(out, value);
		return;
	case JSON_SCAN_STRING:
		emit_unescaped(out, json_string_span(value));
		return;
	case JSON_SCAN_NULL:
	case JSON_SCAN_BOOL:
	case JSON_SCAN_NUMBER:
		json_emit_raw_n(out, value->raw.at, value->raw.len);
		return;
	}
	abort();
}

static void walk_and_write(const struct json_value *value)
{
	cleanup_(secret_buf_freep) struct secret_buf *once = secret_buf_new(ROOM);
	cleanup_(secret_buf_freep) struct secret_buf *twice = secret_buf_new(ROOM);
	struct json_value again;
	struct error err = ERROR_INIT;
	emit_value(once, value);
	if (!secret_buf_ok(once))
		return;
	fuzz_expect(json_scan(secret_buf_text(once), secret_buf_len(once), &again, &err) == ERR_OK);
	fuzz_expect(again.kind == value->kind && again.raw.len == secret_buf_len(once));
	emit_value(twice, &again);
	fuzz_expect(secret_buf_len(once) == secret_buf_len(twice));
	fuzz_expect(memcmp(secret_buf_text(once), secret_buf_text(twice), secret_buf_len(once)) == 0);
}

static unsigned depth_of(const json_t *value)
{
	unsigned deepest = 0;
	const char *name;
	json_t *inner;
	size_t i;
	json_t *walked = json_incref((json_t *)(uintptr_t)value);
	json_object_foreach(walked, name, inner) {
		unsigned depth = depth_of(inner);
		deepest = depth > deepest ? depth : deepest;
	}
	json_array_foreach(walked, i, inner) {
		unsigned depth = depth_of(inner);
		deepest = depth > deepest ? depth : deepest;
	}
	json_decref(walked);
	return deepest + (json_is_object(value) || json_is_array(value) ? 1 : 0);
}

/* jansson holds no huge numbers and no NUL in a name, allows more depth, and overlooks a NUL byte behind a number; in
 * all else both must say the same. */
static void compare(bool taken, const char *text, size_t len)
{
	json_error_t error;
	cleanup_(safe_json_decrefp) json_t *value =
		json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (value) {
		fuzz_expect(taken || depth_of(value) > LIMIT_JSON_DEPTH || memchr(text, '\0', len));
	} else if (taken) {
		enum json_error_code code = json_error_code(&error);
		fuzz_expect(code == json_error_numeric_overflow || code == json_error_null_byte_in_key);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;
	struct json_value value;
	struct error err = ERROR_INIT;
	bool taken = json_scan(text, len, &value, &err) == ERR_OK;
	fuzz_expect(taken == (err.code == ERR_OK));
	compare(taken, text, len);
	if (taken)
		walk_and_write(&value);

	json_t *object = NULL;
	error_clear(&err);
	bool parsed = safe_json_parse(text, len, &object, &err) == ERR_OK;
	fuzz_expect(!parsed || len == 0 || (taken && value.kind == JSON_SCAN_OBJECT));
	json_decref(object);
	return 0;
}
