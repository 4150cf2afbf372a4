#include "vault/json_scan.h"

#include <string.h>

#include "json_names.h"
#include "json_text.h"
#include "utf8.h"
#include "vault/limits.h"

#define SCAN_MAX_LEN 0x7fffffffu

struct scanner {
	const char *text;
	size_t len;
	size_t at;
	unsigned depth;
	struct json_fault fault;
	struct json_names names;
};

static bool fail_at(struct scanner *s, size_t at, const char *reason)
{
	s->fault = (struct json_fault){ .code = ERR_INVALID, .reason = reason, .at = at };
	return false;
}

static bool fail(struct scanner *s, const char *reason)
{
	return fail_at(s, s->at, reason);
}

static bool fail_memory(struct scanner *s)
{
	s->fault = (struct json_fault){ .code = ERR_NO_MEMORY, .reason = "out of memory", .at = s->at };
	return false;
}

static void skip_space(struct scanner *s)
{
	while (s->at < s->len && json_is_space(s->text[s->at]))
		s->at++;
}

static bool next_is(const struct scanner *s, char c)
{
	return s->at < s->len && s->text[s->at] == c;
}

static bool next_is_digit(const struct scanner *s)
{
	return s->at < s->len && s->text[s->at] >= '0' && s->text[s->at] <= '9';
}

static bool scan_hex4(struct scanner *s, uint32_t *ret)
{
	uint32_t value = 0;
	for (unsigned i = 0; i < 4; i++, s->at++) {
		int digit = s->at < s->len ? json_hex_value(s->text[s->at]) : -1;
		if (digit < 0)
			return fail(s, "\\u needs four hexadecimal digits");
		value = value << 4 | (uint32_t)digit;
	}
	*ret = value;
	return true;
}

/* Behind "\u". A high surrogate must be followed at once by a low one. */
static bool scan_unicode_escape(struct scanner *s)
{
	size_t start = s->at - 2;
	uint32_t unit;
	if (!scan_hex4(s, &unit))
		return false;
	if (unit < 0xd800 || unit > 0xdfff)
		return true;
	if (unit > 0xdbff || s->len - s->at < 6 || s->text[s->at] != '\\' || s->text[s->at + 1] != 'u')
		return fail_at(s, start, "half of a surrogate pair");
	s->at += 2;
	if (!scan_hex4(s, &unit))
		return false;
	if (unit < 0xdc00 || unit > 0xdfff)
		return fail_at(s, start, "half of a surrogate pair");
	return true;
}

static bool scan_escape(struct scanner *s)
{
	s->at++;
	if (s->at == s->len)
		return fail(s, "the text ends inside a string");
	char c = s->text[s->at++];
	if (c == 'u')
		return scan_unicode_escape(s);
	if (c == '\0' || !strchr("\"\\/bfnrt", c))
		return fail_at(s, s->at - 2, "unknown escape in a string");
	return true;
}

/* Over what needs no look: most of every string, eight bytes at a time. */
static void skip_plain(struct scanner *s)
{
	uint64_t eight;
	while (s->len - s->at >= sizeof(eight)) {
		memcpy(&eight, s->text + s->at, sizeof(eight));
		if (json_word_is_special(eight) || (eight & JSON_WORD_HIGHS))
			return;
		s->at += sizeof(eight);
	}
}

/* At the opening quote; goes behind the closing one. */
static bool scan_string(struct scanner *s, bool *ret_escaped)
{
	*ret_escaped = false;
	s->at++;
	for (;;) {
		skip_plain(s);
		if (s->at == s->len)
			return fail(s, "the text ends inside a string");
		unsigned char c = (unsigned char)s->text[s->at];
		if (c == '"') {
			s->at++;
			return true;
		}
		if (c == '\\') {
			*ret_escaped = true;
			if (!scan_escape(s))
				return false;
		} else if (c < 0x20) {
			return fail(s, "a control character stands in a string; write it as an escape");
		} else {
			size_t char_len = utf8_char_len((const unsigned char *)s->text + s->at, s->len - s->at);
			if (char_len == 0)
				return fail(s, "a string is not UTF-8");
			s->at += char_len;
		}
	}
}

static bool scan_digits(struct scanner *s)
{
	if (!next_is_digit(s))
		return fail(s, "a digit is missing in a number");
	while (next_is_digit(s))
		s->at++;
	return true;
}

static bool scan_number(struct scanner *s)
{
	if (next_is(s, '-'))
		s->at++;
	if (next_is(s, '0')) {
		s->at++;
		if (next_is_digit(s))
			return fail(s, "a number begins with 0");
	} else if (!scan_digits(s)) {
		return false;
	}
	if (next_is(s, '.')) {
		s->at++;
		if (!scan_digits(s))
			return false;
	}
	if (next_is(s, 'e') || next_is(s, 'E')) {
		s->at++;
		if (next_is(s, '+') || next_is(s, '-'))
			s->at++;
		return scan_digits(s);
	}
	return true;
}

static bool scan_word(struct scanner *s, const char *word)
{
	size_t len = strlen(word);
	if (s->len - s->at < len || memcmp(s->text + s->at, word, len) != 0)
		return fail(s, "a value was expected here");
	s->at += len;
	return true;
}

static bool scan_value(struct scanner *s, struct json_value *ret);

static bool enter(struct scanner *s)
{
	if (s->depth == LIMIT_JSON_DEPTH)
		return fail(s, "objects and arrays are nested too deep");
	s->depth++;
	s->at++;
	skip_space(s);
	return true;
}

static bool leave(struct scanner *s)
{
	s->depth--;
	s->at++;
	return true;
}

static bool scan_array(struct scanner *s)
{
	if (!enter(s))
		return false;
	if (next_is(s, ']'))
		return leave(s);
	for (;;) {
		struct json_value element;
		if (!scan_value(s, &element))
			return false;
		skip_space(s);
		if (next_is(s, ']'))
			return leave(s);
		if (!next_is(s, ','))
			return fail(s, "',' or ']' was expected here");
		s->at++;
	}
}

static bool scan_member(struct scanner *s)
{
	skip_space(s);
	if (!next_is(s, '"'))
		return fail(s, "a name in quotes was expected here");
	size_t start = s->at + 1;
	bool escaped;
	if (!scan_string(s, &escaped))
		return false;
	if (!json_names_push(&s->names, start, s->at - 1 - start, escaped))
		return fail_memory(s);
	skip_space(s);
	if (!next_is(s, ':'))
		return fail(s, "':' was expected here");
	s->at++;
	struct json_value value;
	return scan_value(s, &value);
}

static bool close_object(struct scanner *s, size_t first_name)
{
	size_t second;
	switch (json_names_close(&s->names, first_name, &second)) {
	case JSON_NAMES_DISTINCT:
		return leave(s);
	case JSON_NAMES_DUPLICATE:
		return fail_at(s, second, "the same name stands twice in an object");
	case JSON_NAMES_NO_MEMORY:
		return fail_memory(s);
	}
	return false;
}

static bool scan_object(struct scanner *s)
{
	size_t first_name = s->names.len;
	if (!enter(s))
		return false;
	if (next_is(s, '}'))
		return leave(s);
	for (;;) {
		if (!scan_member(s))
			return false;
		skip_space(s);
		if (next_is(s, '}'))
			return close_object(s, first_name);
		if (!next_is(s, ','))
			return fail(s, "',' or '}' was expected here");
		s->at++;
	}
}

static bool scan_by_kind(struct scanner *s, struct json_value *ret)
{
	switch (s->text[s->at]) {
	case '{':
		ret->kind = JSON_SCAN_OBJECT;
		return scan_object(s);
	case '[':
		ret->kind = JSON_SCAN_ARRAY;
		return scan_array(s);
	case '"':
		ret->kind = JSON_SCAN_STRING;
		return scan_string(s, &ret->escaped);
	case 't':
		ret->kind = JSON_SCAN_BOOL;
		return scan_word(s, "true");
	case 'f':
		ret->kind = JSON_SCAN_BOOL;
		return scan_word(s, "false");
	case 'n':
		ret->kind = JSON_SCAN_NULL;
		return scan_word(s, "null");
	default:
		if (!next_is(s, '-') && !next_is_digit(s))
			return fail(s, "a value was expected here");
		ret->kind = JSON_SCAN_NUMBER;
		return scan_number(s);
	}
}

/* Recursion is bounded by LIMIT_JSON_DEPTH. */
static bool scan_value(struct scanner *s, struct json_value *ret)
{
	skip_space(s);
	if (s->at == s->len)
		return fail(s, "the text ends where a value was expected");
	size_t start = s->at;
	ret->escaped = false;
	if (!scan_by_kind(s, ret))
		return false;
	ret->raw = (struct json_span){ .at = s->text + start, .len = s->at - start };
	return true;
}

static bool scan_text(struct scanner *s, struct json_value *ret)
{
	if (!scan_value(s, ret))
		return false;
	skip_space(s);
	if (s->at < s->len)
		return fail(s, "something stands behind the end of the value");
	return true;
}

bool json_check(const char *text, size_t len, struct json_value *ret, struct json_fault *ret_fault)
{
	if (len > SCAN_MAX_LEN) {
		*ret_fault = (struct json_fault){ .code = ERR_TOO_LARGE, .reason = "larger than 2 GiB", .at = 0 };
		return false;
	}
	struct scanner s;
	s.text = text;
	s.len = len;
	s.at = 0;
	s.depth = 0;
	json_names_start(&s.names, text, len);
	struct json_value value;
	bool valid = scan_text(&s, &value);
	json_names_end(&s.names);
	if (valid)
		*ret = value;
	else
		*ret_fault = s.fault;
	return valid;
}

enum error_code json_scan(const char *text, size_t len, struct json_value *ret, struct error *err)
{
	struct json_fault fault;
	if (json_check(text, len, ret, &fault))
		return ERR_OK;
	return error_set(err, fault.code, "the JSON text cannot be read at byte %zu: %s", fault.at, fault.reason);
}
