/*
 * JavaScript's regular expressions, by PCRE2. Private to lib/schema/.
 *
 * A pattern is translated so that it means in PCRE2 what it means in JavaScript;
 * what JavaScript does not have is refused (docs/schema.md lists the
 * differences that are left). PCRE2 is loaded when the first pattern is
 * compiled. Compiled patterns are immutable and may be used by any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vault/attributes.h"
#include "vault/error.h"

struct schema_regex;

void schema_regex_free(struct schema_regex *regex);
DEFINE_CLEANUP(struct schema_regex *, schema_regex_free);

/* flags: of d g i m s u y. ERR_INVALID with what is wrong and at which character of the pattern; ERR_TOO_LARGE over
 * LIMIT_REGEX_LEN; ERR_IO when the library is missing. */
enum error_code schema_regex_compile(const char *pattern, size_t len, const char *flags, size_t flags_len,
				     struct schema_regex **ret, struct error *err) must_check;

enum regex_result {
	REGEX_MATCHES, REGEX_DIFFERS,
	REGEX_OVER_BUDGET,	/* it would take too many steps or too much memory: counts as different */
	REGEX_NOT_TEXT,		/* the value is no UTF-8 */
};

/* Anywhere in text, as RegExp.test() does. Steps are bounded by LIMIT_REGEX_MATCH and the length. */
enum regex_result schema_regex_test(const struct schema_regex *regex, const char *text, size_t len);
