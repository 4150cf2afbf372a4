/*
 * A small validating JSON scanner that yields spans of the input.
 *
 * For the bodies whose values keep their raw text (numbers of any length,
 * "1.10"), and for the hot paths. Nothing is copied and nothing allocated but
 * the table for the duplicate check. Strict: RFC 8259, UTF-8 without
 * over-long forms, no lone surrogate escapes, no duplicate names in one object
 * (compared after unescaping), depth at most LIMIT_JSON_DEPTH, nothing but
 * white space after the value. Errors give the byte offset, never the bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/error.h"
#include "vault/secret_buf.h"

enum json_kind { JSON_SCAN_NULL, JSON_SCAN_BOOL, JSON_SCAN_NUMBER, JSON_SCAN_STRING, JSON_SCAN_ARRAY, JSON_SCAN_OBJECT };

struct json_span {
	const char *at;
	size_t len;
};

struct json_value {
	struct json_span raw;	/* as it stands in the input; strings with their quotes */
	enum json_kind kind;
	bool escaped;		/* a string that holds a backslash */
};

struct json_member {
	struct json_span name;	/* between the quotes, escapes as they stand */
	bool name_escaped;
	struct json_value value;
};

/* Checks the whole text and gives its outermost value. ERR_INVALID. */
enum error_code json_scan(const char *text, size_t len, struct json_value *ret, struct error *err) must_check;

/* Walks the members of an object of validated text. *cursor starts at 0; false at the end. */
bool json_next_member(const struct json_value *object, size_t *cursor, struct json_member *ret);

/* Walks the elements of an array of validated text. */
bool json_next_element(const struct json_value *array, size_t *cursor, struct json_value *ret);

/* Finds a member by its (unescaped, NUL-terminated) name. */
bool json_find(const struct json_value *object, const char *name, struct json_value *ret);

/* How many members or elements. */
size_t json_count(const struct json_value *container);

/* Appends a string's (or a name's) content, unescaped, as UTF-8. raw is the span between the quotes. */
void json_append_unescaped(struct secret_buf *out, struct json_span between_quotes);
/* The content of a string with a NUL behind it, in room of a fixed size; needs no memory. False when it is no string, holds a NUL
 * or does not fit: then the room holds anything. */
bool json_copy_text(const struct json_value *value, char *to, size_t size, size_t *ret_len);

/* The span between the quotes of a string value. */
struct json_span json_string_span(const struct json_value *string);

/* Whole number in int64 range, also as a numeric string ("3600"): Vault's leniency. False if not. */
bool json_as_int(const struct json_value *value, int64_t *ret);
/* true, false, "true", "false". */
bool json_as_bool(const struct json_value *value, bool *ret);
