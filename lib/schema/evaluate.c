#include "schema/evaluate.h"

#include "schema/read.h"

enum outcome_kind { OUTCOME_UNKNOWN, OUTCOME_TEXT };

struct outcome {
	enum outcome_kind kind;
	struct span text;	/* empty: no value */
	bool is_false;		/* a text that its type makes false */
};

static struct outcome evaluate(struct evaluation *evaluation, const struct node *node);

static struct outcome of_text(struct span text)
{
	return (struct outcome){ .kind = OUTCOME_TEXT, .text = text };
}

static struct outcome of_bool(bool value)
{
	return of_text(value ? (struct span){ "true", 4 } : (struct span){ "false", 5 });
}

static struct outcome nothing(void)
{
	return of_text((struct span){ "", 0 });
}

static bool is_true(const struct outcome *outcome)
{
	return outcome->kind == OUTCOME_TEXT && outcome->text.len > 0 && !outcome->is_false && !span_is(outcome->text, "false") &&
	       !span_is(outcome->text, "0");
}

static struct outcome of_variable(struct evaluation *evaluation, struct span name)
{
	bool is_false = false;
	struct outcome outcome = of_text(evaluation->value_of(evaluation->arg, name, &is_false));

	outcome.is_false = is_false;
	return outcome;
}

/* -- functions ------------------------------------------------------------------ */

static struct outcome call_ref(struct evaluation *evaluation, const struct node *node)
{
	return of_variable(evaluation, node->items[0].text);
}

static bool charge(struct evaluation *evaluation, size_t bytes)
{
	return !evaluation->charge || evaluation->charge(evaluation->arg, bytes);
}

/* Room for all of it is made at once, so that texts stay where they are. */
static bool make_room(struct evaluation *evaluation)
{
	if (!evaluation->joined) {
		evaluation->joined = secret_buf_new(LIMIT_SCHEMA_JOINED);
		if (evaluation->joined)
			secret_buf_reserve(evaluation->joined, LIMIT_SCHEMA_JOINED);
	}
	return evaluation->joined && secret_buf_ok(evaluation->joined);
}

static struct outcome call_concat(struct evaluation *evaluation, const struct node *node)
{
	struct outcome part;
	size_t begin, len = 0;
	struct span parts[LIMIT_SCHEMA_CHOICES];

	/* Inner ones join first, each in one piece. */
	for (size_t i = 0; i < node->items_len; i++) {
		part = evaluate(evaluation, &node->items[i]);
		if (part.kind == OUTCOME_UNKNOWN)
			return part;
		parts[i] = part.text;
		len += part.text.len;
	}
	if (!charge(evaluation, len) || !make_room(evaluation) || len > LIMIT_SCHEMA_JOINED - secret_buf_len(evaluation->joined))
		return (struct outcome){ .kind = OUTCOME_UNKNOWN };
	begin = secret_buf_len(evaluation->joined);
	for (size_t i = 0; i < node->items_len; i++)
		secret_buf_append(evaluation->joined, parts[i].at, parts[i].len);
	return of_text((struct span){ secret_buf_text(evaluation->joined) + begin, len });
}

static struct outcome call_fallback(struct evaluation *evaluation, const struct node *node)
{
	for (size_t i = 0; i < node->items_len; i++) {
		struct outcome outcome = evaluate(evaluation, &node->items[i]);

		if (outcome.kind == OUTCOME_UNKNOWN || outcome.text.len > 0)
			return outcome;
	}
	return nothing();
}

/* Conditions and what they give, in turn; one left over is for "else". */
static struct outcome call_ifs(struct evaluation *evaluation, const struct node *node)
{
	for (size_t i = 0; i + 1 < node->items_len; i += 2) {
		struct outcome outcome = evaluate(evaluation, &node->items[i]);

		if (outcome.kind == OUTCOME_UNKNOWN)
			return outcome;
		if (is_true(&outcome))
			return evaluate(evaluation, &node->items[i + 1]);
	}
	return node->items_len % 2 == 1 ? evaluate(evaluation, &node->items[node->items_len - 1]) : nothing();
}

static struct outcome call_if(struct evaluation *evaluation, const struct node *node)
{
	struct outcome outcome = evaluate(evaluation, &node->items[0]);

	if (outcome.kind == OUTCOME_UNKNOWN)
		return outcome;
	if (node->items_len == 1)
		return of_bool(is_true(&outcome));
	if (is_true(&outcome))
		return evaluate(evaluation, &node->items[1]);
	return node->items_len > 2 ? evaluate(evaluation, &node->items[2]) : nothing();
}

static bool same(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* What is compared with another length costs no more than the look at it. */
static size_t cost(struct span a, struct span b)
{
	return a.len == b.len ? a.len : 0;
}

static struct outcome call_eq(struct evaluation *evaluation, const struct node *node)
{
	struct outcome a = evaluate(evaluation, &node->items[0]), b = evaluate(evaluation, &node->items[1]);

	if (a.kind == OUTCOME_UNKNOWN || b.kind == OUTCOME_UNKNOWN || !charge(evaluation, cost(a.text, b.text)))
		return (struct outcome){ .kind = OUTCOME_UNKNOWN };
	return of_bool(same(a.text, b.text));
}

static struct outcome call_not(struct evaluation *evaluation, const struct node *node)
{
	struct outcome outcome = evaluate(evaluation, &node->items[0]);

	return outcome.kind == OUTCOME_UNKNOWN ? outcome : of_bool(!is_true(&outcome));
}

static struct outcome call_is_empty(struct evaluation *evaluation, const struct node *node)
{
	struct outcome outcome = evaluate(evaluation, &node->items[0]);

	return outcome.kind == OUTCOME_UNKNOWN ? outcome : of_bool(outcome.text.len == 0);
}

static struct outcome call_for_env(struct evaluation *evaluation, const struct node *node)
{
	for (size_t i = 0; i < node->items_len; i++)
		if (evaluation->is_environment(evaluation->arg, node->items[i].text))
			return of_bool(true);
	return of_bool(false);
}

/* remap(value, match, result, ..., else), and the older remap(value, result=match, ...). Without a match the value stays. */
static struct outcome call_remap(struct evaluation *evaluation, const struct node *node)
{
	const struct outcome value = evaluate(evaluation, &node->items[0]);
	struct outcome match;
	size_t i = 1;

	while (i < node->items_len && value.kind != OUTCOME_UNKNOWN) {
		const struct node *item = &node->items[i];

		if (item->key.len == 0 && i + 1 == node->items_len)
			return evaluate(evaluation, item);
		match = evaluate(evaluation, item);
		if (match.kind == OUTCOME_UNKNOWN)
			return match;
		if (!charge(evaluation, cost(match.text, value.text)))
			return (struct outcome){ .kind = OUTCOME_UNKNOWN };
		if (same(match.text, value.text))
			return item->key.len > 0 ? of_text(item->key) : evaluate(evaluation, item + 1);
		i += item->key.len > 0 ? 1 : 2;
	}
	return value;
}

static const struct {
	const char *name;
	size_t least, most;
	struct outcome (*call)(struct evaluation *evaluation, const struct node *node);
} functions[] = {
	{ "ref", 1, 1, call_ref },	   { "concat", 2, LIMIT_SCHEMA_CHOICES, call_concat },
	{ "fallback", 2, SIZE_MAX, call_fallback }, { "if", 1, 3, call_if },
	{ "ifs", 1, SIZE_MAX, call_ifs },  { "eq", 2, 2, call_eq },
	{ "not", 1, 1, call_not },	   { "isEmpty", 1, 1, call_is_empty },
	{ "forEnv", 1, SIZE_MAX, call_for_env }, { "remap", 2, SIZE_MAX, call_remap },
};

/* Index of the row, or the number of rows. */
static size_t function_row(const struct node *node)
{
	size_t i = 0;

	while (i < ARRAY_LEN(functions) && !span_is(node->text, functions[i].name))
		i++;
	return i;
}

/* -- nodes ------------------------------------------------------------------------- */

static struct outcome evaluate(struct evaluation *evaluation, const struct node *node)
{
	size_t row;

	switch (node->kind) {
	case NODE_TEXT:
		return node->quoted || !span_is(node->text, "undefined") ? of_text(node->text) : nothing();
	case NODE_REFERENCE:
		return of_variable(evaluation, node->text);
	case NODE_CALL:
		row = function_row(node);
		if (row < ARRAY_LEN(functions))
			return functions[row].call(evaluation, node);
		break;
	case NODE_LIST:
	case NODE_OBJECT:
	case NODE_REGEX:
	case NODE_UNRESOLVED:
		break;
	}
	return (struct outcome){ .kind = OUTCOME_UNKNOWN };
}

/* ref() and forEnv() take names as they stand. */
static bool takes_names(const struct node *node)
{
	return span_is(node->text, "ref") || span_is(node->text, "forEnv");
}

bool node_can_be_told(const struct node *node)
{
	size_t row;

	if (node->kind != NODE_CALL)
		return node->kind == NODE_TEXT || node->kind == NODE_REFERENCE;
	row = function_row(node);
	if (row == ARRAY_LEN(functions) || node->items_len < functions[row].least || node->items_len > functions[row].most)
		return false;
	for (size_t i = 0; i < node->items_len; i++) {
		const struct node *item = &node->items[i];

		if (!node_can_be_told(item) || (takes_names(node) && item->kind != NODE_TEXT) ||
		    (item->key.len > 0 && (i == 0 || !span_is(node->text, "remap"))))
			return false;
	}
	return true;
}

bool node_is_true(struct evaluation *evaluation, const struct node *node)
{
	const struct outcome outcome = evaluate(evaluation, node);

	return is_true(&outcome);
}

void evaluation_end(struct evaluation *evaluation)
{
	secret_buf_free(evaluation->joined);
	evaluation->joined = NULL;
}
