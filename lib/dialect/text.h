/*
 * Classes of characters that readers of env files tell apart. Private to
 * lib/dialect/.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_name_start(char c)
{
	return is_letter(c) || c == '_';
}

static inline bool is_name_char(char c)
{
	return is_name_start(c) || is_digit(c);
}

/* c is one of the characters of set (and not NUL). */
static inline bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

static inline bool text_starts(const char *text, size_t len, const char *prefix)
{
	size_t prefix_len = strlen(prefix);
	return len >= prefix_len && memcmp(text, prefix, prefix_len) == 0;
}

static inline bool text_has(const char *text, size_t len, char c)
{
	return len > 0 && memchr(text, c, len);
}

/* Letters, digits and signs in which no reader of env files sees anything special; also the empty text. */
static inline bool text_is_plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(text[i]) && !is_one_of(text[i], "./:@%+,=^-"))
			return false;
	return true;
}

#define UTF8_BOM "\xef\xbb\xbf"

/* Length of the white space character at the front (as Go's unicode.IsSpace has it), or 0. */
static inline size_t space_len(const char *text, size_t len)
{
	const unsigned char *u = (const unsigned char *)text;
	if (len == 0)
		return 0;
	if ((u[0] >= '\t' && u[0] <= '\r') || u[0] == ' ')
		return 1;
	if (len >= 2 && u[0] == 0xc2 && (u[1] == 0x85 || u[1] == 0xa0))
		return 2;
	if (len < 3)
		return 0;
	if (u[0] == 0xe2 && u[1] == 0x80 && (u[2] <= 0x8a || u[2] == 0xa8 || u[2] == 0xa9 || u[2] == 0xaf))
		return u[2] >= 0x80 ? 3 : 0;
	bool other = (u[0] == 0xe1 && u[1] == 0x9a && u[2] == 0x80) || (u[0] == 0xe2 && u[1] == 0x81 && u[2] == 0x9f) ||
		     (u[0] == 0xe3 && u[1] == 0x80 && u[2] == 0x80);
	return other ? 3 : 0;
}

/* Length of the text without white space at its end. */
static inline size_t trimmed_len(const char *text, size_t len)
{
	for (;;) {
		size_t cut = 0;
		for (size_t size = 1; size <= 3 && size <= len && cut == 0; size++)
			if (space_len(text + len - size, size) == size)
				cut = size;
		if (cut == 0)
			return len;
		len -= cut;
	}
}
