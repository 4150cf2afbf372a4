/*
 * What the files of the types share: a compiled type, the rows of the table of
 * types, and how a value is refused. Private to lib/schema/types*.c.
 *
 * Judging reads the value in place. A refusal is a static sentence, and may have
 * a detail that is made of the schema's own words and numbers: never of the value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "schema/regex.h"
#include "schema/types.h"

struct verdict {
	const char *why;	/* static; NULL as long as nothing is wrong */
	char *detail;		/* may be NULL; always terminated */
	size_t detail_size;
	struct regex_budget *budget;	/* of all patterns that are met on the way */
};

/* Both return false, so that a judge can return them. The first refusal stays. */
bool refuse(struct verdict *verdict, const char *why);
bool refuse_because(struct verdict *verdict, const char *why, const char *format, ...) printf_like(3, 4);

struct text {
	char *at;	/* the type's own, with a NUL */
	size_t len;
};

struct bound {
	bool set;
	double value;
	char text[24];	/* as the schema has it */
};

struct time_bound {
	bool set;
	int64_t ms;
	char text[24];
};

struct schema_type {
	const struct type_row *row;
	bool shared;		/* one for all that name this row without arguments: nobody's to free */
	bool unresolved;	/* an argument refers to what is never looked at: members are not judged */
	bool upper, lower, allow_empty, clamp, is_int, prepend_https, no_trailing_slash, normalize, unique;
	bool allow_wildcard, allow_single, allow_ip, allow_ip6;
	struct bound min, max, divisor, precision, version;
	struct bound min_len, max_len, is_len;
	struct time_bound min_time, max_time;
	struct text starts, ends, separator, format, output;
	struct text *members, *domains, *protocols;
	size_t members_len, domains_len, protocols_len;
	struct schema_regex *matches;
	struct span pattern, flags;	/* of it, in the schema's text */
	struct schema_type *inner, *key;
};

typedef bool judge_fn(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict);

enum argument_kind { ARGUMENT_NUMBER, ARGUMENT_COUNT, ARGUMENT_BOOL, ARGUMENT_TEXT, ARGUMENT_TEXTS, ARGUMENT_REGEX, ARGUMENT_TYPE,
		     ARGUMENT_TIME };

struct argument_row {
	const char *name;
	enum argument_kind kind;
	size_t offset;		/* of its field in struct schema_type; of texts: of the pointer, the length's is len_offset */
	size_t len_offset;
};

/* What stands without a name between the parentheses. */
enum positional_kind { POSITIONAL_NONE, POSITIONAL_MEMBERS, POSITIONAL_INNER, POSITIONAL_LENGTH };

struct type_row {
	const char *name;
	bool own;		/* only in a "# vaultd:" comment */
	judge_fn *judge;
	enum positional_kind positional;
	const struct argument_row *arguments;
	size_t arguments_len;
};

/* Sets the fields of *type from the members of a call. */
enum error_code type_arguments_read(struct schema_type *type, const struct node *call, bool own, unsigned depth,
				    struct error *err) must_check;
/* schema_type_compile() inside another type. */
enum error_code type_compile_at(const struct node *node, bool own, unsigned depth, struct schema_type **ret,
				struct error *err) must_check;

/* -- judges ------------------------------------------------------------------ */

judge_fn judge_string, judge_enum, judge_email, judge_uuid, judge_md5, judge_semver, judge_hex, judge_base64, judge_path;
judge_fn judge_number, judge_int, judge_port, judge_boolean;
judge_fn judge_url, judge_ip, judge_domain, judge_host, judge_hostport, judge_dsn;
judge_fn judge_array, judge_record, judge_object, judge_json;
judge_fn judge_iso_date, judge_duration, judge_cron, judge_tz;
judge_fn judge_pem, judge_jwt, judge_regex;

/* -- what several of them need ------------------------------------------------ */

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline char to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static inline bool is_hex_digit(char c)
{
	return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f');
}

/* ASCII letters without case. word ends with its NUL and is in lower case. */
bool text_equals_lower(const char *text, size_t len, const char *word);
/* Without the white space at both ends. */
struct span text_trimmed(const char *text, size_t len);

/* A whole text that is a decimal number: sign, digits, a point, an exponent. */
bool number_parse(const char *text, size_t len, double *ret);
/* "30s", "1.5 hours", "500": milliseconds. False when it is none, or over a million years. */
bool duration_text_parse(const char *text, size_t len, int64_t *ret_ms);

bool is_ipv4(const char *text, size_t len);
bool is_ipv6(const char *text, size_t len);	/* may have a zone: "%eth0" */
/* A name of letters, digits and hyphens with dots between; at most 253 characters. */
bool is_host_name(const char *text, size_t len);
bool is_port(const char *text, size_t len);	/* 0 to 65535 */

/* Base64 text with or without padding: how many bytes it means, or -1 when it is none. url: the alphabet of RFC 4648 5 too.
 * White space is not allowed. */
int64_t base64_length(const char *text, size_t len, bool url);
