/*
 * Types that carry bytes: keys, certificates, tokens, hashes.
 */
#include <string.h>

#include "schema/type_row.h"
#include "vault/json_scan.h"
#include "vault/secret_buf.h"

/* Value of a character of base64, or -1. */
static int base64_value(char c, bool url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	if (c == '+' || (url && c == '-'))
		return 62;
	return c == '/' || (url && c == '_') ? 63 : -1;
}

int64_t base64_length(const char *text, size_t len, bool url)
{
	size_t padding = 0, digits;

	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	digits = len - padding;
	for (size_t i = 0; i < digits; i++)
		if (base64_value(text[i], url) < 0)
			return -1;
	if (digits % 4 == 1 || (padding > 0 && len % 4 != 0))
		return -1;
	return (int64_t)(digits / 4 * 3 + (digits % 4 > 0 ? digits % 4 - 1 : 0));
}

static bool judge_bytes(const struct schema_type *type, int64_t bytes, struct verdict *verdict)
{
	if (type->is_len.set && (bytes > (int64_t)type->is_len.value || bytes < (int64_t)type->is_len.value))
		return refuse_because(verdict, "has the wrong length", "not %s bytes", type->is_len.text);
	return true;
}

bool judge_base64(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	int64_t bytes = base64_length(value, len, true);

	return bytes < 0 ? refuse(verdict, "is no base64") : judge_bytes(type, bytes, verdict);
}

bool judge_hex(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	for (size_t i = 0; i < len; i++)
		if (!is_hex_digit(value[i]))
			return refuse(verdict, "holds other characters than hexadecimal digits");
	if (len % 2 != 0)
		return refuse(verdict, "has an odd number of hexadecimal digits");
	return judge_bytes(type, (int64_t)(len / 2), verdict);
}

/* -- PEM (RFC 7468), with the headers of old private keys ------------------------------- */

struct lines {
	const char *at, *end;
};

static bool next_line(struct lines *lines, struct span *ret)
{
	const char *end;

	if (lines->at == lines->end)
		return false;
	end = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
	*ret = text_trimmed(lines->at, (size_t)((end ? end : lines->end) - lines->at));
	lines->at = end ? end + 1 : lines->end;
	return true;
}

/* "-----BEGIN LABEL-----": the label. */
static bool is_boundary(struct span line, const char *word, struct span *ret_label)
{
	size_t word_len = strlen(word);

	if (line.len < word_len + 11 || memcmp(line.at, "-----", 5) != 0 || memcmp(line.at + 5, word, word_len) != 0 ||
	    line.at[5 + word_len] != ' ' || memcmp(line.at + line.len - 5, "-----", 5) != 0)
		return false;
	*ret_label = (struct span){ line.at + 6 + word_len, line.len - word_len - 11 };
	return ret_label->len > 0;
}

/* The lines between are base64; "=" only ends the last one. */
static bool judge_pem_body(struct lines *lines, struct span label, struct verdict *verdict)
{
	struct span line, end_label;
	size_t digits = 0, padding = 0;

	while (next_line(lines, &line)) {
		if (is_boundary(line, "END", &end_label)) {
			if (end_label.len != label.len || memcmp(end_label.at, label.at, label.len) != 0)
				return refuse(verdict, "is damaged PEM: BEGIN and END name different things");
			if (digits == 0 || (digits + padding) % 4 != 0)
				return refuse(verdict, "is damaged PEM: its base64 is cut");
			return true;
		}
		if (digits == 0 && memchr(line.at, ':', line.len))
			continue;
		for (size_t i = 0; i < line.len; i++) {
			bool pads = line.at[i] == '=';

			if ((!pads && (padding > 0 || base64_value(line.at[i], false) < 0)) || (pads && ++padding > 2))
				return refuse(verdict, "is damaged PEM: it holds what is no base64");
			digits += !pads;
		}
	}
	return refuse(verdict, "is damaged PEM: an END line is missing");
}

bool judge_pem(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	struct lines lines = { value, value + len };
	struct span line, label;
	bool found = false;

	(void)type;
	while (next_line(&lines, &line)) {
		/* Words between the blocks are allowed: openssl writes such. */
		if (!is_boundary(line, "BEGIN", &label))
			continue;
		if (!judge_pem_body(&lines, label, verdict))
			return false;
		found = true;
	}
	if (!found && memmem(value, len, "\\n", 2) && memmem(value, len, "-----BEGIN ", 11))
		return refuse(verdict, "is no PEM: it holds backslash and n where lines should end");
	return found || refuse(verdict, "is no PEM: no -----BEGIN ...----- line");
}

bool judge_jwt(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	const char *first = memchr(value, '.', len), *second;
	size_t head, body;

	(void)type;
	if (!first)
		return refuse(verdict, "is no JWT: three parts with dots between");
	head = (size_t)(first - value);
	second = memchr(first + 1, '.', len - head - 1);
	if (!second || memchr(second + 1, '.', len - (size_t)(second - value) - 1))
		return refuse(verdict, "is no JWT: three parts with dots between");
	body = (size_t)(second - first - 1);
	/* {" begins with eyJ; a compact JWT has no padding. */
	if (head < 4 || memcmp(value, "eyJ", 3) != 0 || memchr(value, '=', len) || base64_length(value, head, true) < 0 ||
	    base64_length(first + 1, body, true) < 0 || base64_length(second + 1, len - head - body - 2, true) < 0 ||
	    body == 0)
		return refuse(verdict, "is no JWT: its parts are no base64url of JSON");
	return true;
}
