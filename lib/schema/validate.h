/*
 * What the files of validation share. Private to lib/schema/validate*.c.
 *
 * validate.c walks the names of all parts and of the variables together, in
 * order, and gives each to validate_item.c, which judges one variable by one
 * item; validate_condition.c knows whether it is required; validate_secret.c
 * looks at values as secrets. Findings go through report(), which weighs them
 * and leaves out what may not be spoken of.
 */
#pragma once

#include "schema/item.h"
#include "schema/regex.h"
#include "vault/schema.h"

struct validation {
	const struct schema_check *check;
	struct findings *findings;
	size_t hidden;
	struct regex_budget budget;
	uint64_t steps;		/* left for all values together */
	uint64_t condition_steps;	/* left for all conditions together */
	bool over;		/* they took all of them */
};

/* One variable: item and part may be NULL (no schema knows it), value too (it is not set). */
struct subject {
	const struct schema_part *part;
	const struct item *item;
	const struct schema_variable *variable;
	struct span name;
};

/* Weighs it by its part, and adds it. place: what was said and where; NULL: the item itself. severity is what it is where the schema
 * is enforced and nothing is strict. */
void report(struct validation *validation, const struct subject *subject, enum finding_severity severity, const char *code,
	    const struct said *said, const char *hint, const char *format, ...) printf_like(7, 8);

/* JSON's null is as an empty text. */
struct span subject_value(const struct subject *subject);
bool subject_is_sensitive(const struct subject *subject);
/* Said to be a secret, by a decorator or by its name; not only because everything is one by default. */
bool subject_is_known_secret(const struct subject *subject);

/* *ret_said: what makes it so. */
bool subject_is_required(struct validation *validation, const struct subject *subject, struct said *ret_said);

/* By name, in the variables of the check; NULL when it is not set. */
const struct schema_variable *find_variable(const struct schema_check *check, struct span name);

void judge_subject(struct validation *validation, const struct subject *subject);
void judge_secret(struct validation *validation, const struct subject *subject);
/* What a value says of itself; the schema need not know the variable. */
void judge_expiry(struct validation *validation, const struct subject *subject);

int compare_spans_by_name(struct span a, struct span b);
