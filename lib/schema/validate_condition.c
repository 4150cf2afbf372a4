/*
 * Whether a variable is required: what the schema says, and in which environment.
 */
#include <string.h>
#include <strings.h>

#include "schema/evaluate.h"
#include "schema/types.h"
#include "schema/validate.h"

#define DEPTH_MAX 16	/* not(not(...)) */

#define BYTES_OF_A_STEP 256	/* compared in the time of a pattern's step */

static bool equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Values may be long, and conditions many. */
static bool charge(struct validation *validation, size_t bytes)
{
	uint64_t steps = 1 + bytes / BYTES_OF_A_STEP;

	validation->over = validation->over || steps > validation->condition_steps;
	validation->condition_steps -= validation->over ? 0 : steps;
	return !validation->over;
}

/* A condition asks its own schema: of another one its author need not know anything. */
static const struct item *asked_item(const struct validation *validation, const struct subject *subject, struct span name)
{
	const struct schema_check *check = validation->check;
	const struct item *item = NULL;

	if (!check->is_one_text)
		return schema_find(subject->part->schema, name.at, name.len);
	for (size_t i = check->parts_len; i-- > 0 && !item;)
		item = schema_find(check->parts[i].schema, name.at, name.len);
	return item;
}

/* What a process would see: the value that is set, else the schema's own when it is a plain one. */
static struct span value_of(const struct validation *validation, const struct subject *subject, struct span name)
{
	const struct schema_variable *variable = find_variable(validation->check, name);
	const struct item *item = asked_item(validation, subject, name);

	if (variable)
		return subject_value(&(struct subject){ .variable = variable });
	if (item && item->has_value && !item->commented_out && item->computed == COMPUTED_NO && !item->is_placeholder)
		return item->value;
	return (struct span){ "", 0 };
}

static struct span last_segment(const char *path)
{
	const char *slash = strrchr(path, '/');

	path = slash ? slash + 1 : path;
	return (struct span){ path, strlen(path) };
}

/* @currentEnv's variable where it is set, else what the caller says, else the schema's own value. */
static bool is_environment(const struct validation *validation, const struct subject *subject, struct span name)
{
	const struct schema_check *check = validation->check;
	struct span current = subject->part->schema->current_env;
	const struct schema_variable *variable = current.len > 0 ? find_variable(check, current) : NULL;

	if (variable && variable->value_len > 0)
		return equal((struct span){ variable->value, variable->value_len }, name);
	if (check->environment)
		return equal(last_segment(check->environment), name) ||
		       equal((struct span){ check->environment, strlen(check->environment) }, name);
	return current.len > 0 && equal(value_of(validation, subject, current), name);
}

static struct span operand(const struct validation *validation, const struct subject *subject, const struct node *node)
{
	return node->kind == NODE_REFERENCE ? value_of(validation, subject, node->text) : node->text;
}

/* -- pure functions -------------------------------------------------------------------- */

struct asked {
	struct validation *validation;
	const struct subject *subject;
};

/* Of a boolean variable "no" and "off" are false as well. */
static struct span asked_value(void *arg, struct span name, bool *ret_is_false)
{
	static const char *const words[] = { "f", "false", "no", "off", "0" };
	const struct asked *asked = arg;
	const struct item *item = asked_item(asked->validation, asked->subject, name);
	const struct span value = value_of(asked->validation, asked->subject, name);

	if (!item || !item->type || strcmp(schema_type_name(item->type), "boolean") != 0)
		return value;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (value.len == strlen(words[i]) && strncasecmp(value.at, words[i], value.len) == 0)
			*ret_is_false = true;
	return value;
}

static bool asked_environment(void *arg, struct span name)
{
	const struct asked *asked = arg;

	return is_environment(asked->validation, asked->subject, name);
}

static bool asked_charge(void *arg, size_t bytes)
{
	const struct asked *asked = arg;

	return charge(asked->validation, bytes);
}

static bool computed_holds(struct validation *validation, const struct subject *subject, const struct node *node)
{
	struct asked asked = { validation, subject };
	struct evaluation evaluation = { asked_value, asked_environment, asked_charge, &asked, NULL };
	bool holds = node_is_true(&evaluation, node);

	evaluation_end(&evaluation);
	return holds;
}

static bool operands_are_equal(struct validation *validation, const struct subject *subject, const struct node *node)
{
	const struct span a = operand(validation, subject, &node->items[0]), b = operand(validation, subject, &node->items[1]);

	return charge(validation, a.len == b.len ? a.len : 0) && equal(a, b);
}

static bool condition_holds(struct validation *validation, const struct subject *subject,
			    const struct condition *condition, unsigned depth)
{
	const struct node *node = condition->node;

	switch (condition->kind) {
	case CONDITION_CONSTANT:
		return condition->constant;
	case CONDITION_FOR_ENV:
		for (size_t i = 0; i < node->items_len; i++)
			if (is_environment(validation, subject, node->items[i].text))
				return true;
		return false;
	case CONDITION_EQ:
		return node->items_len == 2 && operands_are_equal(validation, subject, node);
	case CONDITION_NOT:
		return depth < DEPTH_MAX && condition->inner->kind != CONDITION_UNKNOWN &&
		       !condition_holds(validation, subject, condition->inner, depth + 1);
	case CONDITION_IS_EMPTY:
		return node->items_len == 1 && operand(validation, subject, &node->items[0]).len == 0;
	case CONDITION_COMPUTED:
		return computed_holds(validation, subject, node);
	case CONDITION_UNKNOWN:
		break;
	}
	return false;
}

static bool required_by_default(const struct subject *subject, struct said *ret_said)
{
	const struct schema *schema = subject->part->schema;
	const struct item *item = subject->item;

	/* A decorator at the head says it of all: the line to look at is the variable's own. */
	if (schema->required_default_said.layer != LAYER_NONE)
		*ret_said = said_where(schema->required_default_said.layer, item->line, item->column);
	switch (schema->required_default) {
	case REQUIRED_TRUE:
		return !item->commented_out;
	case REQUIRED_FALSE:
		return false;
	case REQUIRED_INFER:
		return !item->commented_out && item->has_value;
	case REQUIRED_PLAIN:
		break;
	}
	return !item->commented_out && (!item->has_value || item->is_placeholder);
}

bool subject_is_required(struct validation *validation, const struct subject *subject, struct said *ret_said)
{
	const struct item *item = subject->item;

	*ret_said = said_where(LAYER_PLAIN, item->line, item->column);
	if (validation->check->required != SCHEMA_REQUIRED_AS_WRITTEN && !item->commented_out)
		return true;
	if (item->required_said.layer == LAYER_NONE)
		return required_by_default(subject, ret_said);
	*ret_said = item->required_said;
	if (item->required.kind == CONDITION_CONSTANT)
		return item->required.constant;
	/* What takes too long to tell is required: nobody gets past a condition by long values. */
	return !charge(validation, 0) || condition_holds(validation, subject, &item->required, 0) || validation->over;
}
