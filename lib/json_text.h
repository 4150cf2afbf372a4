/*
 * What the JSON files of lib/ share: the bytes of a string and the checker. Private to lib/.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/json_scan.h"

#define JSON_WORD_HIGHS 0x8080808080808080ull

/* Not 0 when one of the eight bytes is a quote, a backslash or a control character. Which one it is, it does not say. */
static inline uint64_t json_word_is_special(uint64_t eight)
{
	const uint64_t ones = 0x0101010101010101ull;
	uint64_t quote = eight ^ (ones * '"');
	uint64_t backslash = eight ^ (ones * '\\');
	uint64_t control = (eight - ones * 0x20) & ~eight;
	return (control | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & JSON_WORD_HIGHS;
}

static inline bool json_is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Value of a hexadecimal digit, or -1. */
static inline int json_hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Takes what stands at *at (before end) in a checked string, an escape or one byte, and gives the 1 to 4 bytes it
 * means. */
size_t json_decode_next(const char **at, const char *end, unsigned char ret[static 4]);

/* Whether two spans of checked strings mean the same text. */
bool json_spans_equal(struct json_span a, bool a_escaped, struct json_span b, bool b_escaped);

struct json_fault {
	enum error_code code;
	const char *reason;	/* static text */
	size_t at;		/* byte offset, 0 for the first byte */
};

/* json_scan() for callers who word the error themselves. */
bool json_check(const char *text, size_t len, struct json_value *ret, struct json_fault *ret_fault);
