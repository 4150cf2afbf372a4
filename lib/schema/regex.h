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
#include <stdint.h>

#include "vault/attributes.h"
#include "vault/error.h"
#include "vault/limits.h"

struct schema_regex;

void schema_regex_free(struct schema_regex *regex);
DEFINE_CLEANUP(struct schema_regex *, schema_regex_free);

/* flags: of d g i m s u y. ERR_INVALID with what is wrong and at which character of the pattern; ERR_TOO_LARGE over
 * LIMIT_REGEX_LEN; ERR_IO when the library is missing. */
enum error_code schema_regex_compile(const char *pattern, size_t len, const char *flags, size_t flags_len,
				     struct schema_regex **ret, struct error *err) must_check;

/* The memory of the compiled pattern, which may be a hundred times as long as its text. */
size_t schema_regex_bytes(const struct schema_regex *regex);

enum regex_result {
	REGEX_MATCHES, REGEX_DIFFERS,
	REGEX_OVER_BUDGET,	/* it would take too many steps or too much memory: counts as different */
	REGEX_NOT_TEXT,		/* the value is no UTF-8 */
};

/*
 * What several tests may take together: steps of PCRE2, and the memory that it works in, which is kept from one to the next. For
 * one thread at a time; ended with regex_budget_end().
 */
struct regex_budget {
	uint64_t left;
	size_t position;	/* of the step before */
	void *context, *data;	/* PCRE2's; made when they are needed */
};

/* One value of len bytes: LIMIT_REGEX_MATCH steps, and one for four bytes. */
#define REGEX_BUDGET(len) { .left = LIMIT_REGEX_MATCH + (uint64_t)(len) / 4 }
void regex_budget_end(struct regex_budget *budget);

/* Anywhere in text, as RegExp.test() does. */
enum regex_result schema_regex_test(const struct schema_regex *regex, const char *text, size_t len,
				    struct regex_budget *budget);
