/*
 * Types that are texts of a certain form.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "schema/type_row.h"
#include "utf8.h"

bool text_equals_lower(const char *text, size_t len, const char *word)
{
	size_t i = 0;

	for (; i < len && word[i] != '\0'; i++)
		if (to_lower(text[i]) != word[i])
			return false;
	return i == len && word[i] == '\0';
}

struct span text_trimmed(const char *text, size_t len)
{
	while (len > 0 && memchr(" \t\r\n\v\f", text[0], 6)) {
		text++;
		len--;
	}
	while (len > 0 && memchr(" \t\r\n\v\f", text[len - 1], 6))
		len--;
	return (struct span){ text, len };
}

/* JavaScript's length: a character beyond the first plane counts twice. What is no UTF-8 counts by bytes. */
static size_t script_length(const char *text, size_t len)
{
	size_t units = 0;

	for (size_t at = 0; at < len;) {
		size_t bytes = utf8_char_len((const unsigned char *)text + at, len - at);

		units += bytes == 4 ? 2 : 1;
		at += bytes > 0 ? bytes : 1;
	}
	return units;
}

static bool judge_length(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	double units;

	if (!type->min_len.set && !type->max_len.set && !type->is_len.set)
		return true;
	units = (double)script_length(value, len);
	if (type->min_len.set && units < type->min_len.value)
		return refuse_because(verdict, "is too short", "fewer than %s characters", type->min_len.text);
	if (type->max_len.set && units > type->max_len.value)
		return refuse_because(verdict, "is too long", "more than %s characters", type->max_len.text);
	if (type->is_len.set && (units < type->is_len.value || units > type->is_len.value))
		return refuse_because(verdict, "has the wrong length", "not %s characters", type->is_len.text);
	return true;
}

static char folded(const struct schema_type *type, char c)
{
	if (type->lower)
		return to_lower(c);
	return type->upper && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool has_at(const struct schema_type *type, const char *value, const struct text *part)
{
	for (size_t i = 0; i < part->len; i++)
		if (folded(type, value[i]) != part->at[i])
			return false;
	return true;
}

static bool judge_match(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	switch (schema_regex_test(type->matches, value, len, verdict->budget)) {
	case REGEX_MATCHES:
		return true;
	case REGEX_DIFFERS:
		return refuse(verdict, "does not match the pattern of the schema");
	case REGEX_OVER_BUDGET:
		return refuse(verdict, schema_type_over_budget);
	case REGEX_NOT_TEXT:
		return refuse(verdict, "is no valid UTF-8 text");
	}
	return false;
}

const char schema_type_over_budget[] = "cannot be compared with the pattern of the schema within its limit of steps";

/* The pattern sees what varlock would hand on. */
static bool judge_folded_match(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	char *copy;
	bool good;

	if (!type->matches)
		return true;
	if (!type->upper && !type->lower)
		return judge_match(type, value, len, verdict);
	copy = malloc(len + 1);
	if (!copy)
		return refuse(verdict, "cannot be judged: out of memory");
	for (size_t i = 0; i < len; i++)
		copy[i] = folded(type, value[i]);
	good = judge_match(type, copy, len, verdict);
	sodium_memzero(copy, len);
	free(copy);
	return good;
}

bool judge_string(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	if (!judge_length(type, value, len, verdict))
		return false;
	if (type->starts.len > 0 && (len < type->starts.len || !has_at(type, value, &type->starts)))
		return refuse_because(verdict, "begins differently", "not with %.40s", type->starts.at);
	if (type->ends.len > 0 && (len < type->ends.len || !has_at(type, value + len - type->ends.len, &type->ends)))
		return refuse_because(verdict, "ends differently", "not with %.40s", type->ends.at);
	return judge_folded_match(type, value, len, verdict);
}

bool judge_enum(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	if (type->unresolved)
		return true;
	for (size_t i = 0; i < type->members_len; i++)
		if (len == type->members[i].len && memcmp(value, type->members[i].at, len) == 0)
			return true;
	if (verdict->why || verdict->detail_size == 0)
		return refuse(verdict, "is none of the values of the schema");
	(void)refuse(verdict, "is none of the values of the schema");
	for (size_t i = 0, at = 0; i < type->members_len; i++) {
		size_t needs = type->members[i].len + (i > 0 ? 2 : 0);

		if (at + needs + 5 > verdict->detail_size || needs > 40) {
			if (at + 5 <= verdict->detail_size)
				memcpy(verdict->detail + at, " ...", 5);
			break;
		}
		memcpy(verdict->detail + at, ", ", i > 0 ? 2 : 0);
		memcpy(verdict->detail + at + (i > 0 ? 2 : 0), type->members[i].at, type->members[i].len + 1);
		at += needs;
	}
	return false;
}

/* -- addresses of mail: the usual form, not the whole of RFC 5322 ---------------------- */

static bool is_atom_character(unsigned char c)
{
	return c > ' ' && c != 0x7f && !strchr("<>()[]\\.,;:@\"", c);
}

static bool is_local_part(const char *text, size_t len)
{
	bool after_dot = true;

	if (len > 2 && text[0] == '"' && text[len - 1] == '"')
		return !memchr(text, '\n', len) && !memchr(text, '\r', len);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.' ? after_dot : !is_atom_character((unsigned char)text[i]))
			return false;
		after_dot = text[i] == '.';
	}
	return !after_dot;
}

static bool is_bracketed_address(const char *text, size_t len)
{
	unsigned parts = 0, digits = 0;

	if (len < 2 || text[0] != '[' || text[len - 1] != ']')
		return false;
	for (size_t i = 1; i < len; i++) {
		if (is_digit(text[i])) {
			digits++;
		} else {
			if (digits < 1 || digits > 3 || (text[i] != '.' && i != len - 1))
				return false;
			parts++;
			digits = 0;
		}
	}
	return parts == 4;
}

static bool is_mail_domain(const char *text, size_t len)
{
	size_t label = 0, labels = 0;
	bool letters = true;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '.') {
			if (label == 0)
				return false;
			labels++;
			label = 0;
			letters = true;
		} else {
			if (!is_letter(text[i]) && !is_digit(text[i]) && text[i] != '-')
				return false;
			letters = letters && is_letter(text[i]);
			label++;
		}
	}
	return labels > 0 && label >= 2 && letters;
}

bool judge_email(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	const char *at = memrchr(value, '@', len);
	size_t local = at ? (size_t)(at - value) : 0;

	(void)type;
	if (at && is_local_part(value, local) &&
	    (is_mail_domain(at + 1, len - local - 1) || is_bracketed_address(at + 1, len - local - 1)))
		return true;
	return refuse(verdict, "is no mail address");
}

/* -- identifiers -------------------------------------------------------------------------- */

bool judge_uuid(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	bool good = len == 36;

	(void)type;
	for (size_t i = 0; i < len && good; i++)
		good = i == 8 || i == 13 || i == 18 || i == 23 ? value[i] == '-' : is_hex_digit(value[i]);
	if (good && value[14] <= '5' && memchr("089abAB", value[19], 7))
		return true;
	return refuse(verdict, good ? "is no UUID of version 1 to 5" : "is no UUID");
}

bool judge_md5(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	bool good = len == 32;

	(void)type;
	for (size_t i = 0; i < len && good; i++)
		good = is_hex_digit(value[i]);
	return good || refuse(verdict, "is no MD5 hash: 32 hexadecimal digits");
}

static bool is_numeric_identifier(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_digit(text[i]))
			return false;
	return len == 1 || (len > 1 && text[0] != '0');
}

/* Identifiers with dots between; numbers without leading zeros where that is asked for. */
static bool are_identifiers(const char *text, size_t len, bool no_zeros)
{
	size_t start = 0;

	for (size_t i = 0; i <= len; i++) {
		bool digits = true;

		if (i < len && text[i] != '.') {
			if (!is_letter(text[i]) && !is_digit(text[i]) && text[i] != '-')
				return false;
			continue;
		}
		for (size_t j = start; j < i; j++)
			digits = digits && is_digit(text[j]);
		if (i == start || (no_zeros && digits && !is_numeric_identifier(text + start, i - start)))
			return false;
		start = i + 1;
	}
	return true;
}

static bool is_semver(const char *text, size_t len)
{
	const char *plus = memchr(text, '+', len);
	size_t before_build = plus ? (size_t)(plus - text) : len;
	const char *minus = memchr(text, '-', before_build);
	size_t core = minus ? (size_t)(minus - text) : before_build;
	size_t start = 0, numbers = 0;

	if (plus && !are_identifiers(plus + 1, len - before_build - 1, false))
		return false;
	if (minus && !are_identifiers(minus + 1, before_build - core - 1, true))
		return false;
	for (size_t i = 0; i <= core; i++) {
		if (i < core && text[i] != '.')
			continue;
		if (!is_numeric_identifier(text + start, i - start))
			return false;
		numbers++;
		start = i + 1;
	}
	return numbers == 3;
}

bool judge_semver(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	(void)type;
	return is_semver(value, len) || refuse(verdict, "is no semantic version: 1.2.3, 1.2.3-beta.1");
}

bool judge_path(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	(void)type;
	if (memchr(value, '\0', len) || memchr(value, '\n', len) || memchr(value, '\r', len))
		return refuse(verdict, "is no path: it holds a line's end or a NUL");
	if (len == 0 || len > 4095)
		return refuse(verdict, "is no path: it is empty or longer than 4095 bytes");
	if (memchr(" \t", value[0], 2) || memchr(" \t", value[len - 1], 2))
		return refuse(verdict, "is no path: it begins or ends with white space");
	return true;
}

bool judge_regex(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	cleanup_(schema_regex_freep) struct schema_regex *regex = NULL;
	struct error err = ERROR_INIT;
	enum error_code code;

	(void)type;
	code = schema_regex_compile(value, len, "", 0, &regex, &err);
	if (code == ERR_OK)
		return true;
	if (code == ERR_IO)
		return refuse(verdict, "cannot be judged: libpcre2-8.so.0 is missing (Debian: apt install libpcre2-8-0)");
	return refuse(verdict, code == ERR_TOO_LARGE ? "is too long for a regular expression" :
						       "is no regular expression of JavaScript");
}
