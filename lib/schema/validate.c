#include <stdio.h>
#include <string.h>

#include "schema/validate.h"
#include "vault/limits.h"

int compare_spans_by_name(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.at, b.at, len) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

struct span subject_value(const struct subject *subject)
{
	const struct schema_variable *variable = subject->variable;

	if (variable->is_json && variable->value_len == 4 && memcmp(variable->value, "null", 4) == 0)
		return (struct span){ "", 0 };
	return (struct span){ variable->value, variable->value_len };
}

const struct schema_variable *find_variable(const struct schema_check *check, struct span name)
{
	size_t low = 0, high = check->variables_len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct schema_variable *variable = &check->variables[middle];
		int order = compare_spans_by_name(name, (struct span){ variable->name, variable->name_len });

		if (order == 0)
			return variable;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* -- what is sensitive --------------------------------------------------------------- */

static bool item_is_sensitive(const struct schema *schema, const struct item *item)
{
	struct span prefix = schema->public_prefix;

	if (item->sensitive_said.layer != LAYER_NONE)
		return item->sensitive;
	if (prefix.len > 0)
		return item->name.len < prefix.len || memcmp(item->name.at, prefix.at, prefix.len) != 0;
	return schema->sensitive_default_said.layer == LAYER_NONE || schema->sensitive_default;
}

bool subject_is_sensitive(const struct subject *subject)
{
	return !subject->item || item_is_sensitive(subject->part->schema, subject->item);
}

bool subject_is_known_secret(const struct subject *subject)
{
	return subject->item && subject->item->sensitive_said.layer != LAYER_NONE && subject->item->sensitive;
}

/* The item that counts: that of the last part which has one. */
static const struct item *find_item(const struct schema_part *parts, size_t parts_len, const char *name, size_t name_len,
				    const struct schema **ret_schema)
{
	for (size_t i = parts_len; i > 0; i--) {
		const struct item *item = schema_find(parts[i - 1].schema, name, name_len);

		*ret_schema = parts[i - 1].schema;
		if (item)
			return item;
	}
	return NULL;
}

bool schema_is_sensitive(const struct schema_part *parts, size_t parts_len, const char *name, size_t name_len)
{
	const struct schema *schema;
	const struct item *item = find_item(parts, parts_len, name, name_len, &schema);

	return !item || item_is_sensitive(schema, item);
}

bool schema_is_known_secret(const struct schema_part *parts, size_t parts_len, const char *name, size_t name_len)
{
	const struct schema *schema;
	const struct item *item = find_item(parts, parts_len, name, name_len, &schema);

	return item && item->sensitive_said.layer != LAYER_NONE && item->sensitive;
}

bool schema_is_unique(const struct schema_part *parts, size_t parts_len, const char *name, size_t name_len)
{
	const struct schema *schema;
	const struct item *item = find_item(parts, parts_len, name, name_len, &schema);

	return item && item_own(item)->unique;
}

/* -- reporting -------------------------------------------------------------------------- */

static enum finding_severity weigh(const struct validation *validation, const struct schema_part *part,
				   enum finding_severity severity)
{
	if (severity == FINDING_ERROR && part && !part->enforce)
		severity = FINDING_WARNING;
	return validation->check->strict && severity == FINDING_WARNING ? FINDING_ERROR : severity;
}

void report(struct validation *validation, const struct subject *subject, enum finding_severity severity, const char *code,
	    const struct said *said, const char *hint, const char *format, ...)
{
	const struct schema_check *check = validation->check;
	struct finding finding = { .severity = weigh(validation, subject->part, severity), .code = code, .hint = hint };
	char text[FINDING_TEXT_MAX];
	va_list args;

	if (check->may_show && !check->may_show(check->arg, subject->name.at, subject->name.len)) {
		validation->hidden += finding.severity == FINDING_ERROR;
		return;
	}
	if (subject->item) {
		bool placed = said && said->layer != LAYER_NONE && said->line > 0;

		finding.in_schema = true;
		finding.layer = placed ? said->layer : LAYER_PLAIN;
		finding.line = placed ? said->line : subject->item->line;
		finding.column = placed ? said->column : subject->item->column;
		if (subject->part->origin)
			snprintf(finding.origin, sizeof(finding.origin), "%s", subject->part->origin);
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	findings_add(validation->findings, &finding, subject->name.at, subject->name.len, "%s", text);
}

/* -- the walk ----------------------------------------------------------------------------- */

struct walk {
	size_t at[LIMIT_SCHEMA_PARTS];	/* in each part's sorted list */
	size_t variable;
};

static const struct item *head_of(const struct schema_part *part, size_t at)
{
	const struct schema *schema = part->schema;

	return at < schema->items_len ? &schema->items[schema->sorted[at]] : NULL;
}

/* The least name that is left, with what knows it. False at the end. */
static bool next_subject(const struct schema_check *check, struct walk *walk, struct subject *ret)
{
	*ret = (struct subject){ .variable = NULL };
	if (walk->variable < check->variables_len) {
		ret->variable = &check->variables[walk->variable];
		ret->name = (struct span){ ret->variable->name, ret->variable->name_len };
	}
	for (size_t i = 0; i < check->parts_len; i++) {
		const struct item *item = head_of(&check->parts[i], walk->at[i]);
		int order = !item ? 1 : !ret->name.at ? -1 : compare_spans_by_name(item->name, ret->name);

		if (order > 0)
			continue;
		if (order < 0) {
			ret->name = item->name;
			ret->variable = NULL;
		}
		ret->item = item;
		ret->part = &check->parts[i];
	}
	return ret->name.at != NULL;
}

static void step_over(const struct schema_check *check, struct walk *walk, const struct subject *subject)
{
	walk->variable += subject->variable != NULL;
	for (size_t i = 0; i < check->parts_len; i++) {
		const struct item *item = head_of(&check->parts[i], walk->at[i]);

		walk->at[i] += item && compare_spans_by_name(item->name, subject->name) == 0;
	}
}

/* A schema without items asks for nothing, and says nothing of what is not in it. */
static bool parts_know_anything(const struct schema_check *check)
{
	for (size_t i = 0; i < check->parts_len; i++)
		if (check->parts[i].schema->items_len > 0)
			return true;
	return false;
}

static void judge_unknown(struct validation *validation, struct subject *subject)
{
	const struct schema_check *check = validation->check;

	/* Weighed as the environment's own schema is. */
	subject->part = check->parts_len > 0 ? &check->parts[check->parts_len - 1] : NULL;
	if (!check->unknown_ok && parts_know_anything(check))
		report(validation, subject, FINDING_WARNING, "unknown", NULL, "add it to the schema, or remove it",
		       "is not in the schema");
}

enum error_code schema_validate(const struct schema_check *check, struct findings *findings, size_t *ret_hidden,
				struct error *err)
{
	struct validation validation = { .check = check, .findings = findings, .steps = LIMIT_CHECK_STEPS,
					 .condition_steps = LIMIT_CHECK_STEPS };
	const struct subject none = { .name = { "", 0 } };
	struct walk walk = { .variable = 0 };
	struct subject subject;

	if (check->parts_len > LIMIT_SCHEMA_PARTS)
		return error_set(err, ERR_TOO_LARGE, "more than %d schemas count for one environment", LIMIT_SCHEMA_PARTS);
	for (size_t i = 0; i < check->variables_len; i++)
		validation.steps += (uint64_t)check->variables[i].value_len / 4;
	while (next_subject(check, &walk, &subject)) {
		step_over(check, &walk, &subject);
		if (subject.item)
			judge_subject(&validation, &subject);
		else
			judge_unknown(&validation, &subject);
		if (subject.variable)
			judge_expiry(&validation, &subject);
	}
	regex_budget_end(&validation.budget);
	if (validation.over)
		report(&validation, &none, FINDING_WARNING, "condition-limit", NULL,
		       "compare shorter values, or have fewer conditions",
		       "the conditions of the schema take too long: those that could not be told count as true");
	if (ret_hidden)
		*ret_hidden = validation.hidden;
	return ERR_OK;
}
