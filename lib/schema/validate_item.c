/*
 * One variable and what its item of the schema asks for.
 */
#include <stdio.h>
#include <string.h>

#include "schema/read.h"
#include "schema/types.h"
#include "schema/validate.h"

#define VALUE_MAX 40	/* of what is public */
#define UNREAL_MAX 64		/* no longer value is looked at for the look of a placeholder */
#define SENTENCE_MAX 120	/* of the schema's own words */

struct words {
	char text[SENTENCE_MAX + 16];
};

/* Printable ASCII only, cut. */
static struct words printable(struct span text, size_t max)
{
	struct words words = { "" };
	size_t len = text.len < max ? text.len : max;

	for (size_t i = 0; i < len; i++)
		words.text[i] = text.at[i] >= ' ' && text.at[i] <= '~' ? text.at[i] : '?';
	memcpy(words.text + len, "...", text.len > len ? 4 : 0);
	return words;
}

/* " (it is "x")" for what the schema says to be public, otherwise nothing. */
static struct words shown_value(const struct subject *subject, struct span value)
{
	struct words words = { "" };

	if (!subject_is_sensitive(subject))
		snprintf(words.text, sizeof(words.text), " (it is %.48s)", printable(value, VALUE_MAX).text);
	return words;
}

static bool equal(struct span a, struct span b)
{
	return a.len == b.len && a.len > 0 && memcmp(a.at, b.at, a.len) == 0;
}

/* -- missing ---------------------------------------------------------------------- */

/* Not set, but the schema has a value, which only programs that read schemas take. */
static void report_unset_default(struct validation *validation, const struct subject *subject, const struct said *said)
{
	report(validation, subject, FINDING_WARNING, "missing", said, "set it: no value is taken from a schema",
	       subject->item->computed != COMPUTED_NO ? "is not set; the schema only says how to compute it" :
							"is not set; the schema has a value for it");
}

static void judge_missing(struct validation *validation, const struct subject *subject, bool is_set)
{
	const struct item *item = subject->item;
	struct said said;
	bool required = subject_is_required(validation, subject, &said);
	bool has_default = item->computed != COMPUTED_NO || (item->has_value && !item->is_placeholder);
	bool by_decorator = said.layer == LAYER_ENV_SPEC && validation->check->required == SCHEMA_REQUIRED_AS_WRITTEN;

	if (!is_set && (item->is_internal || validation->check->incomplete))
		return;
	if (!required && !is_set && has_default && !item->commented_out &&
	    subject->part->schema->required_default == REQUIRED_PLAIN && item->required_said.layer == LAYER_NONE)
		report_unset_default(validation, subject, &said);
	if (!required)
		return;
	if (is_set && (validation->check->required == SCHEMA_REQUIRED_LISTED_MAY_BE_EMPTY ||
		       (item->type && schema_type_allows_empty(item->type))))
		return;
	if (!is_set && has_default && by_decorator) {
		report_unset_default(validation, subject, &said);
		return;
	}
	report(validation, subject, FINDING_ERROR, is_set ? "empty" : "missing", &said, "set it: envctl set ENV NAME",
	       is_set ? "is required and empty" : "is required and not set");
}

/* -- what is set -------------------------------------------------------------------- */

static void judge_type(struct validation *validation, const struct subject *subject, struct span value)
{
	const struct item *item = subject->item;
	bool inferred = item->type_said.layer == LAYER_PLAIN;
	uint64_t budget = LIMIT_REGEX_MATCH + (uint64_t)value.len / 4;
	const char *why = "";
	char detail[96];

	if (!item->type)
		return;
	budget = budget < validation->steps ? budget : validation->steps;
	validation->budget.left = budget;
	if (!schema_type_judge(item->type, value.at, value.len, &validation->budget, &why, detail, sizeof(detail))) {
		report(validation, subject, inferred ? FINDING_WARNING : FINDING_ERROR, "type", &item->type_said, NULL, "%s%s%s%s", why,
		       detail[0] ? ": " : "", detail, shown_value(subject, value).text);
		if (why == schema_type_over_budget)
			report(validation, subject, FINDING_WARNING, "regex-limit", &item->type_said,
			       "write the pattern so that it fails early: without repetitions in repetitions",
			       "has a pattern that takes too many steps");
	}
	validation->steps -= budget - validation->budget.left;
}

static void judge_choices(struct validation *validation, const struct subject *subject, struct span value)
{
	const struct item *item = subject->item;

	for (size_t i = 0; i < item_more(item)->choices_len; i++)
		if (equal(item_more(item)->choices[i], value))
			return;
	if (item_more(item)->choices_len > 0)
		report(validation, subject, FINDING_WARNING, "choice", &item_more(item)->choices_said, NULL,
		       "is none of the values that the schema's comment lists%s", shown_value(subject, value).text);
}

static void judge_placeholder(struct validation *validation, const struct subject *subject, struct span value)
{
	const struct item *item = subject->item;
	static const char hint[] = "set the real value";
	struct said said;

	if (item_more(item)->placeholder_said.layer != LAYER_NONE && equal(item_more(item)->placeholder, value))
		report(validation, subject, FINDING_ERROR, "placeholder", &item_more(item)->placeholder_said, hint,
		       "is still the placeholder of the schema, %s", printable(item_more(item)->placeholder, VALUE_MAX).text);
	else if (item->is_placeholder && equal(item->value, value))
		report(validation, subject, FINDING_ERROR, "placeholder", NULL, hint, "is still the placeholder of the schema, %s",
		       printable(item->value, VALUE_MAX).text);
	else if (item->has_value && subject_is_known_secret(subject) && equal(item->value, value))
		report(validation, subject, FINDING_WARNING, "example", NULL, hint, "is a secret and is still the schema's value");
	else if (value.len <= UNREAL_MAX && value_is_placeholder(value) &&
		 (subject_is_known_secret(subject) || subject_is_required(validation, subject, &said)))
		report(validation, subject, FINDING_WARNING, "placeholder", NULL, hint, "looks like a placeholder");
}

static void judge_deprecated(struct validation *validation, const struct subject *subject)
{
	const struct item *item = subject->item;

	if (!item->is_deprecated)
		return;
	report(validation, subject, FINDING_WARNING, "deprecated", &item_more(item)->deprecated_said, NULL, "is deprecated%s%s",
	       item_more(item)->deprecated.len > 0 ? ": " : "", printable(item_more(item)->deprecated, SENTENCE_MAX).text);
}

static void judge_immutable(struct validation *validation, const struct subject *subject)
{
	const struct schema_check *check = validation->check;
	const struct own_facts *own = item_own(subject->item);

	if (own->immutable && check->replaces && check->replaces(check->arg, subject->name.at, subject->name.len))
		report(validation, subject, FINDING_ERROR, "immutable", &own->said,
		       "leave it as it is, or take immutable out of the schema first", "has a value that is not to change");
}

void judge_subject(struct validation *validation, const struct subject *subject)
{
	struct span value = { "", 0 };

	judge_immutable(validation, subject);
	if (subject->variable)
		value = subject_value(subject);
	if (value.len == 0) {
		judge_missing(validation, subject, subject->variable != NULL);
		if (subject->variable)
			judge_deprecated(validation, subject);
		return;
	}
	judge_type(validation, subject, value);
	judge_choices(validation, subject, value);
	judge_placeholder(validation, subject, value);
	judge_deprecated(validation, subject);
	judge_secret(validation, subject);
}
