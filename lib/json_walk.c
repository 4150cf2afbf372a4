/* Reading text that json_scan() has checked: everything here relies on that and looks no bound up twice. */
#include <stdint.h>
#include <string.h>

#include "json_text.h"
#include "utf8.h"
#include "vault/json_scan.h"

static uint32_t hex4(const char *at)
{
	uint32_t value = 0;
	for (unsigned i = 0; i < 4; i++)
		value = value << 4 | (uint32_t)json_hex_value(at[i]);
	return value;
}

/* *at stands behind "\u". */
static size_t decode_unicode(const char **at, unsigned char ret[static 4])
{
	uint32_t code_point = hex4(*at);
	*at += 4;
	if (code_point >= 0xd800 && code_point <= 0xdbff) {
		uint32_t low = hex4(*at + 2);
		*at += 6;
		code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
	}
	return utf8_encode(code_point, ret);
}

static unsigned char meaning_of(char escape)
{
	switch (escape) {
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return (unsigned char)escape;
	}
}

size_t json_decode_next(const char **at, const char *end, unsigned char ret[static 4])
{
	if (**at != '\\' || end - *at < 2) {
		ret[0] = (unsigned char)*(*at)++;
		return 1;
	}
	char escape = (*at)[1];
	*at += 2;
	if (escape == 'u')
		return decode_unicode(at, ret);
	ret[0] = meaning_of(escape);
	return 1;
}

/* The bytes of a string one by one, whether they stand as themselves or as escapes. */
struct decoder {
	const char *at;
	const char *end;
	bool escaped;		/* else a backslash is a backslash */
	unsigned char bytes[4];
	size_t len;
	size_t taken;
};

static struct decoder decode_span(struct json_span span, bool escaped)
{
	return (struct decoder){ .at = span.at, .end = span.at + span.len, .escaped = escaped, .len = 0, .taken = 0 };
}

/* -1 at the end. */
static int decode_byte(struct decoder *d)
{
	if (d->taken == d->len) {
		if (d->at == d->end)
			return -1;
		if (!d->escaped)
			return (unsigned char)*d->at++;
		d->len = json_decode_next(&d->at, d->end, d->bytes);
		d->taken = 0;
	}
	return d->bytes[d->taken++];
}

bool json_spans_equal(struct json_span a, bool a_escaped, struct json_span b, bool b_escaped)
{
	if (!a_escaped && !b_escaped)
		return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
	struct decoder from_a = decode_span(a, a_escaped);
	struct decoder from_b = decode_span(b, b_escaped);
	for (;;) {
		int byte = decode_byte(&from_a);
		if (byte != decode_byte(&from_b))
			return false;
		if (byte < 0)
			return true;
	}
}

void json_append_unescaped(struct secret_buf *out, struct json_span between_quotes)
{
	const char *at = between_quotes.at;
	const char *end = at + between_quotes.len;
	while (at < end) {
		const char *backslash = memchr(at, '\\', (size_t)(end - at));
		size_t run = (size_t)((backslash ? backslash : end) - at);
		secret_buf_append(out, at, run);
		at += run;
		if (backslash) {
			unsigned char bytes[4];
			size_t len = json_decode_next(&at, end, bytes);
			secret_buf_append(out, bytes, len);
		}
	}
}

struct json_span json_string_span(const struct json_value *string)
{
	return (struct json_span){ .at = string->raw.at + 1, .len = string->raw.len - 2 };
}

bool json_copy_text(const struct json_value *value, char *to, size_t size, size_t *ret_len)
{
	struct decoder from;
	size_t len = 0;
	int byte;

	if (value->kind != JSON_SCAN_STRING)
		return false;
	from = decode_span(json_string_span(value), true);
	for (; (byte = decode_byte(&from)) > 0 && len < size; len++)
		to[len] = (char)byte;
	if (byte >= 0 || len == size)
		return false;
	to[len] = '\0';
	*ret_len = len;
	return true;
}

static const char *skip_space(const char *at, const char *end)
{
	while (at < end && json_is_space(*at))
		at++;
	return at;
}

/* at stands on the opening quote; gives the place behind the closing one. */
static const char *skip_string(const char *at, const char *end, bool *ret_escaped)
{
	bool escaped = false;
	for (at++; at < end && *at != '"'; at++) {
		if (*at == '\\') {
			escaped = true;
			at++;
		}
	}
	*ret_escaped = escaped;
	return at < end ? at + 1 : end;
}

static const char *skip_container(const char *at, const char *end)
{
	unsigned depth = 0;
	bool escaped;
	while (at < end) {
		char c = *at;
		if (c == '"') {
			at = skip_string(at, end, &escaped);
			continue;
		}
		at++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			break;
	}
	return at;
}

static const char *skip_scalar(const char *at, const char *end)
{
	while (at < end && *at != ',' && *at != '}' && *at != ']' && !json_is_space(*at))
		at++;
	return at;
}

static enum json_kind kind_of(char first)
{
	switch (first) {
	case '{':
		return JSON_SCAN_OBJECT;
	case '[':
		return JSON_SCAN_ARRAY;
	case '"':
		return JSON_SCAN_STRING;
	case 't':
	case 'f':
		return JSON_SCAN_BOOL;
	case 'n':
		return JSON_SCAN_NULL;
	default:
		return JSON_SCAN_NUMBER;
	}
}

static const char *take_value(const char *at, const char *end, struct json_value *ret)
{
	const char *start = at;
	ret->kind = kind_of(*at);
	ret->escaped = false;
	if (ret->kind == JSON_SCAN_STRING)
		at = skip_string(at, end, &ret->escaped);
	else if (ret->kind == JSON_SCAN_OBJECT || ret->kind == JSON_SCAN_ARRAY)
		at = skip_container(at, end);
	else
		at = skip_scalar(at, end);
	ret->raw = (struct json_span){ .at = start, .len = (size_t)(at - start) };
	return at;
}

/* To the next item of a container, or NULL at its end. */
static const char *next_item(const struct json_value *container, enum json_kind kind, size_t cursor, const char *end)
{
	if (container->kind != kind)
		return NULL;
	const char *at = container->raw.at + (cursor == 0 ? 1 : cursor);
	at = skip_space(at, end);
	if (at < end && *at == ',')
		at = skip_space(at + 1, end);
	if (at >= end || *at == '}' || *at == ']')
		return NULL;
	return at;
}

bool json_next_member(const struct json_value *object, size_t *cursor, struct json_member *ret)
{
	const char *end = object->raw.at + object->raw.len;
	const char *at = next_item(object, JSON_SCAN_OBJECT, *cursor, end);
	if (!at)
		return false;
	const char *name = at + 1;
	at = skip_string(at, end, &ret->name_escaped);
	ret->name = (struct json_span){ .at = name, .len = (size_t)(at - 1 - name) };
	at = skip_space(at, end) + 1; /* the colon */
	at = take_value(skip_space(at, end), end, &ret->value);
	*cursor = (size_t)(at - object->raw.at);
	return true;
}

bool json_next_element(const struct json_value *array, size_t *cursor, struct json_value *ret)
{
	const char *end = array->raw.at + array->raw.len;
	const char *at = next_item(array, JSON_SCAN_ARRAY, *cursor, end);
	if (!at)
		return false;
	at = take_value(at, end, ret);
	*cursor = (size_t)(at - array->raw.at);
	return true;
}

bool json_find(const struct json_value *object, const char *name, struct json_value *ret)
{
	struct json_span wanted = { .at = name, .len = strlen(name) };
	struct json_member member;
	size_t cursor = 0;
	while (json_next_member(object, &cursor, &member)) {
		if (json_spans_equal(member.name, member.name_escaped, wanted, false)) {
			*ret = member.value;
			return true;
		}
	}
	return false;
}

size_t json_count(const struct json_value *container)
{
	struct json_member member;
	struct json_value element;
	size_t cursor = 0;
	size_t count = 0;
	if (container->kind == JSON_SCAN_OBJECT)
		while (json_next_member(container, &cursor, &member))
			count++;
	else
		while (json_next_element(container, &cursor, &element))
			count++;
	return count;
}

/* The text of a number, or of a short string, unescaped. False when it cannot be one of the words wanted. */
static bool short_text(const struct json_value *value, char ret[static 32], size_t *ret_len)
{
	struct json_span span = value->kind == JSON_SCAN_STRING ? json_string_span(value) : value->raw;
	struct decoder d = decode_span(span, value->escaped);
	size_t len = 0;
	for (int byte = decode_byte(&d); byte >= 0; byte = decode_byte(&d)) {
		if (len == 32)
			return false;
		ret[len++] = (char)byte;
	}
	*ret_len = len;
	return true;
}

static bool parse_int(const char *at, size_t len, int64_t *ret)
{
	bool negative = len > 0 && *at == '-';
	if (negative) {
		at++;
		len--;
	}
	if (len == 0 || (len > 1 && *at == '0'))
		return false;
	uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
	uint64_t value = 0;
	for (size_t i = 0; i < len; i++) {
		if (at[i] < '0' || at[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(at[i] - '0');
		if (value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = (int64_t)(negative ? 0 - value : value);
	return true;
}

bool json_as_int(const struct json_value *value, int64_t *ret)
{
	char text[32];
	size_t len;
	if (value->kind != JSON_SCAN_NUMBER && value->kind != JSON_SCAN_STRING)
		return false;
	return short_text(value, text, &len) && parse_int(text, len, ret);
}

bool json_as_bool(const struct json_value *value, bool *ret)
{
	char text[32];
	size_t len;
	if ((value->kind != JSON_SCAN_BOOL && value->kind != JSON_SCAN_STRING) || !short_text(value, text, &len))
		return false;
	bool is_true = len == 4 && memcmp(text, "true", 4) == 0;
	if (!is_true && !(len == 5 && memcmp(text, "false", 5) == 0))
		return false;
	*ret = is_true;
	return true;
}
