#include "vault/safe_json.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "utf8.h"
#include "vault/clock.h"

/* jansson's free() does not say how much; so the length stands in front, in as much as keeps the alignment. */
#define LENGTH_ROOM 16

_Static_assert(LENGTH_ROOM >= sizeof(size_t) && LENGTH_ROOM % _Alignof(max_align_t) == 0, "alignment of jansson's memory");

/* jansson goes on when a buffer of its lexer cannot grow: it drops the character and may read another text than stands there.
 * So whoever calls it asks here afterwards. */
static _Thread_local bool memory_was_missing;

static void *wiping_malloc(size_t len)
{
	unsigned char *block = len <= SIZE_MAX - LENGTH_ROOM ? malloc(len + LENGTH_ROOM) : NULL;
	if (!block) {
		memory_was_missing = true;
		return NULL;
	}
	memcpy(block, &len, sizeof(len));
	return block + LENGTH_ROOM;
}

static void wiping_free(void *memory)
{
	if (!memory)
		return;
	unsigned char *block = (unsigned char *)memory - LENGTH_ROOM;
	size_t len;
	memcpy(&len, block, sizeof(len));
	explicit_bzero(block, len + LENGTH_ROOM);
	free(block);
}

void safe_json_start(void)
{
	json_set_alloc_funcs(wiping_malloc, wiping_free);
	/* Drawn here: with 0 jansson would open /dev/urandom itself, at the first object. */
	size_t seed = 0;
	while (seed == 0)
		randombytes_buf(&seed, sizeof(seed));
	json_object_seed(seed);
}

struct position {
	size_t line;
	size_t column;
};

/* Columns count bytes, from 1. */
static struct position position_of(const char *text, size_t at)
{
	struct position position = { .line = 1, .column = 1 };
	for (size_t i = 0; i < at; i++) {
		position.column++;
		if (text[i] == '\n') {
			position.line++;
			position.column = 1;
		}
	}
	return position;
}

static enum error_code fail_at(const char *text, size_t at, enum error_code code, const char *reason, struct error *err)
{
	struct position position = position_of(text, at);
	return error_set(err, code, "the JSON text cannot be read at line %zu, column %zu: %s", position.line,
			 position.column, reason);
}

/* What our own check allows and jansson does not. Its texts quote the input, so they are not passed on. */
static const char *reason_of(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "\\u0000 is not allowed here";
	case json_error_numeric_overflow:
		return "a number is too large";
	case json_error_out_of_memory:
	case json_error_unknown:
	case json_error_stack_overflow:
	case json_error_cannot_open_file:
	case json_error_invalid_argument:
	case json_error_invalid_utf8:
	case json_error_premature_end_of_input:
	case json_error_end_of_input_expected:
	case json_error_invalid_syntax:
	case json_error_invalid_format:
	case json_error_wrong_type:
	case json_error_null_value:
	case json_error_duplicate_key:
	case json_error_item_not_found:
	case json_error_index_out_of_range:
		break;
	}
	return "it is not valid";
}

enum error_code safe_json_parse(const char *text, size_t len, json_t **ret, struct error *err)
{
	if (len == 0) {
		*ret = json_object();
		return *ret ? ERR_OK : error_set(err, ERR_NO_MEMORY, "out of memory while reading JSON");
	}
	struct json_value value;
	struct json_fault fault;
	if (!json_check(text, len, &value, &fault))
		return fail_at(text, fault.at, fault.code, fault.reason, err);
	if (value.kind != JSON_SCAN_OBJECT)
		return error_set(err, ERR_INVALID, "the JSON text must be an object: {...}");
	json_error_t error;
	memory_was_missing = false;
	json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (memory_was_missing) {
		json_decref(object);
		return error_set(err, ERR_NO_MEMORY, "out of memory while reading JSON");
	}
	if (!object) {
		size_t at = error.position > 0 && (size_t)error.position <= len ? (size_t)error.position - 1 : 0;
		return fail_at(text, at, ERR_INVALID, reason_of(&error), err);
	}
	*ret = object;
	return ERR_OK;
}

json_t *safe_json_copy(const json_t *value)
{
	json_t *copy;

	memory_was_missing = false;
	copy = json_deep_copy(value);
	if (!memory_was_missing)
		return copy;
	json_decref(copy);
	return NULL;
}

/* NULL when absent or null, which mean the same to Vault. */
static const json_t *get(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return json_is_null(value) ? NULL : value;
}

static enum error_code wrong_type(const char *name, const char *wanted, struct error *err)
{
	return error_set(err, ERR_INVALID, "%s must be %s", name, wanted);
}

static bool int_from_text(const json_t *value, int64_t *ret)
{
	struct json_value text = {
		.raw = { .at = json_string_value(value), .len = json_string_length(value) },
		.kind = JSON_SCAN_NUMBER,
		.escaped = false,
	};
	return json_as_int(&text, ret);
}

enum error_code safe_json_int(const json_t *object, const char *name, int64_t *ret, struct error *err)
{
	const json_t *value = get(object, name);
	if (!value)
		return ERR_OK;
	if (json_is_integer(value))
		*ret = json_integer_value(value);
	else if (!json_is_string(value) || !int_from_text(value, ret))
		return wrong_type(name, "a whole number", err);
	return ERR_OK;
}

enum error_code safe_json_bool(const json_t *object, const char *name, bool *ret, struct error *err)
{
	const json_t *value = get(object, name);
	if (!value)
		return ERR_OK;
	const char *text = json_string_value(value);
	if (json_is_boolean(value))
		*ret = json_is_true(value);
	else if (text && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
		*ret = text[0] == 't';
	else
		return wrong_type(name, "true or false", err);
	return ERR_OK;
}

enum error_code safe_json_duration(const json_t *object, const char *name, int64_t *ret, struct error *err)
{
	const json_t *value = get(object, name);
	if (!value)
		return ERR_OK;
	char digits[24];
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);
	if (json_is_integer(value)) {
		/* Through the same reader, so that one limit holds for both spellings. */
		int printed = snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(value));
		text = digits;
		len = printed > 0 ? (size_t)printed : 0;
	}
	if (text && len == 0)
		return ERR_OK;
	if (!text || !duration_parse(text, len, ret))
		return wrong_type(name, "a number of seconds or a duration such as \"1h30m\", at most 100 years", err);
	return ERR_OK;
}

enum error_code safe_json_text(const json_t *object, const char *name, const char **ret, size_t *ret_len,
			       struct error *err)
{
	const json_t *value = get(object, name);
	if (!value)
		return ERR_OK;
	if (!json_is_string(value))
		return wrong_type(name, "a string", err);
	*ret = json_string_value(value);
	*ret_len = json_string_length(value);
	return ERR_OK;
}

static bool is_listed(const char *name, const char *const *allowed)
{
	for (; *allowed; allowed++)
		if (strcmp(name, *allowed) == 0)
			return true;
	return false;
}

/* The unknown member's name is not repeated: who puts a value in the wrong place would find it in a log. */
static enum error_code unknown_member(const char *const *allowed, struct error *err)
{
	char known[256] = "";
	size_t len = 0;

	for (size_t i = 0; allowed[i] && len < sizeof(known); i++)
		len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", i > 0 ? ", " : "", allowed[i]);
	return error_set(err, ERR_INVALID, "the request has a member that is not known here; known are: %s", known);
}

enum error_code safe_json_only(const json_t *object, const char *const *allowed, struct error *err)
{
	/* jansson walks through a pointer that is not const, and changes nothing. */
	union {
		const json_t *given;
		json_t *walked;
	} alias = { .given = object };
	const char *name;
	json_t *value;
	json_object_foreach(alias.walked, name, value) {
		if (is_listed(name, allowed))
			continue;
		return unknown_member(allowed, err);
	}
	return ERR_OK;
}
