/*
 * UTF-8: one character at a time, and whatever is ASCII eight bytes at a time.
 * Private to lib/.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* How many bytes at the front of text[0..len) are below 0x80. */
static inline size_t utf8_ascii_len(const char *text, size_t len)
{
	size_t at = 0;
	uint64_t word;

	for (; at + sizeof(word) <= len; at += sizeof(word)) {
		memcpy(&word, text + at, sizeof(word));
		if (word & UINT64_C(0x8080808080808080))
			break;
	}
	while (at < len && (unsigned char)text[at] < 0x80)
		at++;
	return at;
}

/* Length of the valid character at the front of text[0..len), or 0 when there is none (cut, over-long, a surrogate,
 * above U+10FFFF). Any byte below 0x80 is a character of length 1. */
static inline size_t utf8_char_len(const unsigned char *text, size_t len)
{
	if (len == 0)
		return 0;
	unsigned char lead = text[0];
	if (lead < 0x80)
		return 1;
	size_t needs = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	if (lead < 0xc2 || lead > 0xf4 || len < needs)
		return 0;
	/* Only the second byte has a range of its own: it decides over-long forms, surrogates and the upper end. */
	unsigned char low = 0x80, high = 0xbf;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < needs; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return needs;
}

/* Writes a code point (not a surrogate, at most U+10FFFF) and returns how many bytes it took. */
static inline size_t utf8_encode(uint32_t code_point, unsigned char out[static 4])
{
	if (code_point < 0x80) {
		out[0] = (unsigned char)code_point;
		return 1;
	}
	if (code_point < 0x800) {
		out[0] = (unsigned char)(0xc0 | code_point >> 6);
		out[1] = (unsigned char)(0x80 | (code_point & 0x3f));
		return 2;
	}
	if (code_point < 0x10000) {
		out[0] = (unsigned char)(0xe0 | code_point >> 12);
		out[1] = (unsigned char)(0x80 | (code_point >> 6 & 0x3f));
		out[2] = (unsigned char)(0x80 | (code_point & 0x3f));
		return 3;
	}
	out[0] = (unsigned char)(0xf0 | code_point >> 18);
	out[1] = (unsigned char)(0x80 | (code_point >> 12 & 0x3f));
	out[2] = (unsigned char)(0x80 | (code_point >> 6 & 0x3f));
	out[3] = (unsigned char)(0x80 | (code_point & 0x3f));
	return 4;
}

/* A text with a NUL that was cut at some byte to fit: takes away the beginning of a character that has lost its end. */
static inline void utf8_trim_cut(char *text)
{
	size_t len = strlen(text), start = len;

	while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start > 0 && (unsigned char)text[start - 1] >= 0xc0 &&
	    utf8_char_len((const unsigned char *)text + start - 1, len - start + 1) == 0)
		text[start - 1] = '\0';
}
