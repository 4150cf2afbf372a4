#include "schema/read.h"

#include <stdlib.h>

#include "schema/evaluate.h"
#include "schema/types.h"

/* -- values ------------------------------------------------------------------------ */

bool node_text(const struct node *node, struct span *ret)
{
	switch (node->kind) {
	case NODE_TEXT:
	case NODE_REFERENCE:
	case NODE_UNRESOLVED:
		*ret = node->text;
		return true;
	case NODE_REGEX:
		*ret = (struct span){ node->text.at - 1, node->text.len + node->flags.len + 2 };
		return true;
	case NODE_CALL:
	case NODE_LIST:
	case NODE_OBJECT:
		return false;
	}
	return false;
}

bool decorator_bool(const struct decorator *decorator, bool *ret)
{
	const struct node *value = decorator->value;

	*ret = !value || (value->kind == NODE_TEXT && span_is(value->text, "true"));
	return *ret || (!decorator->is_call && value->kind == NODE_TEXT && span_is(value->text, "false"));
}

/* -- conditions ------------------------------------------------------------------- */

static struct condition condition_not(struct reading *reader, struct condition inner)
{
	struct condition condition = { .kind = CONDITION_NOT };

	if (inner.kind == CONDITION_CONSTANT || inner.kind == CONDITION_UNKNOWN) {
		inner.constant = !inner.constant;
		return inner;
	}
	condition.inner = malloc(sizeof(*condition.inner));
	if (condition.inner) {
		*condition.inner = inner;
	} else {
		condition.kind = CONDITION_UNKNOWN;
		reading_fail(reader, ERR_NO_MEMORY, "out of memory while a schema was read");
	}
	return condition;
}

static bool is_operand(const struct node *node)
{
	return node->kind == NODE_TEXT || node->kind == NODE_REFERENCE;
}

/* The usual forms have kinds of their own. */
static enum condition_kind call_kind(const struct node *call)
{
	const struct node *items = call->items;

	if (span_is(call->text, "forEnv"))
		return CONDITION_FOR_ENV;
	if (span_is(call->text, "isEmpty") && items[0].kind == NODE_REFERENCE)
		return CONDITION_IS_EMPTY;
	if (span_is(call->text, "eq") && is_operand(&items[0]) && is_operand(&items[1]))
		return CONDITION_EQ;
	return CONDITION_COMPUTED;
}

/* The depth of nodes is bounded where they are read. */
struct condition condition_of(struct reading *reader, const struct node *node)
{
	struct condition condition = { .kind = CONDITION_UNKNOWN, .node = node };
	bool was_kept = reader->block_is_kept;

	reader->block_is_kept = true;
	if (!node_can_be_told(node))
		return condition;
	if (node->kind == NODE_CALL && span_is(node->text, "not"))
		return condition_not(reader, condition_of(reader, &node->items[0]));
	if (node->kind == NODE_CALL) {
		condition.kind = call_kind(node);
	} else if (node->kind == NODE_REFERENCE) {
		condition.kind = CONDITION_COMPUTED;
	} else if (span_is(node->text, "true") || span_is(node->text, "false")) {
		condition.kind = CONDITION_CONSTANT;
		condition.constant = span_is(node->text, "true");
		condition.node = NULL;
		reader->block_is_kept = was_kept;
	}
	return condition;
}

/* -- decorators of a variable --------------------------------------------------------- */

struct use {
	struct reading *reader;
	struct item *item;
	const struct decorator *decorator;
};

static void wrong(const struct use *use, const char *what)
{
	say_decorator(use->reader, use->decorator, use->item->name, FINDING_ERROR, "decorator", what);
}

static void set_said(const struct use *use, struct said *said)
{
	*said = said_at(LAYER_ENV_SPEC, use->decorator->place);
}

static void set_required(const struct use *use, bool negated)
{
	struct condition condition = { .kind = CONDITION_CONSTANT, .constant = true };

	if (use->item->required_said.layer == LAYER_ENV_SPEC) {
		wrong(use, "contradicts what was said before: @required and @optional stand together");
		return;
	}
	if (use->decorator->is_call) {
		wrong(use, "takes no arguments: write it alone, or with =true, =false or =forEnv(...)");
		return;
	}
	if (use->decorator->value)
		condition = condition_of(use->reader, use->decorator->value);
	if (condition.kind == CONDITION_UNKNOWN)
		say_decorator(use->reader, use->decorator, use->item->name, FINDING_WARNING, "condition",
			      "has a condition that cannot be told: the variable counts as optional");
	free(use->item->required.inner);
	use->item->required = negated ? condition_not(use->reader, condition) : condition;
	set_said(use, &use->item->required_said);
}

static void apply_required(const struct use *use)
{
	set_required(use, false);
}

static void apply_optional(const struct use *use)
{
	set_required(use, true);
}

/* {enabled=..., ...}: only enabled concerns us. */
static bool object_enabled(const struct node *node)
{
	for (size_t i = 0; i < node->items_len; i++)
		if (span_is(node->items[i].key, "enabled"))
			return !(node->items[i].kind == NODE_TEXT && span_is(node->items[i].text, "false"));
	return true;
}

static void set_sensitive(const struct use *use, bool negated)
{
	const struct node *value = use->decorator->value;
	bool sensitive = true;

	if (use->item->sensitive_said.layer == LAYER_ENV_SPEC) {
		wrong(use, "contradicts what was said before: @sensitive and @public stand together");
		return;
	}
	if (value && !use->decorator->is_call && value->kind == NODE_OBJECT && !negated) {
		sensitive = object_enabled(value);
	} else if (decorator_bool(use->decorator, &sensitive)) {
		sensitive = sensitive != negated;
	} else {
		say_decorator(use->reader, use->decorator, use->item->name, FINDING_WARNING, "condition",
			      "cannot be told before values are known: the variable counts as sensitive");
		sensitive = true;
	}
	use->item->sensitive = sensitive;
	set_said(use, &use->item->sensitive_said);
}

static void apply_sensitive(const struct use *use)
{
	set_sensitive(use, false);
}

static void apply_public(const struct use *use)
{
	set_sensitive(use, true);
}

static void apply_internal(const struct use *use)
{
	struct item_more *more = reading_more(use->reader, use->item);

	if (!decorator_bool(use->decorator, &use->item->is_internal))
		wrong(use, "is true or false");
	if (more)
		set_said(use, &more->internal_said);
}

static void apply_type(const struct use *use)
{
	const struct node *value = use->decorator->value;
	struct schema_type *type = NULL;
	struct error err = ERROR_INIT;

	if (!value || use->decorator->is_call || (value->kind != NODE_TEXT && value->kind != NODE_CALL)) {
		wrong(use, "names a type: @type=port, @type=string(minLength=8)");
		return;
	}
	if (schema_type_compile(value, false, &type, &err) == ERR_OK) {
		schema_type_free((struct schema_type *)(uintptr_t)use->item->type);
		use->item->type = type;
		reading_count_type(use->reader, type);
		set_said(use, &use->item->type_said);
	} else if (err.code == ERR_INVALID) {
		reading_say(use->reader, &(struct remark_on){ FINDING_ERROR, "type", { value->line, value->column }, LAYER_ENV_SPEC,
			   use->item->name, "docs/schema.md lists the types and their arguments" }, "%s", err.text);
	} else {
		reading_fail(use->reader, err.code, err.text);
	}
}

static void take_text(const struct use *use, struct span *ret, struct said *said)
{
	if (!use->decorator->value || use->decorator->is_call || !node_text(use->decorator->value, ret)) {
		wrong(use, "wants a text: write it behind =, in quotes when it has blanks");
		return;
	}
	set_said(use, said);
}

static void apply_example(const struct use *use)
{
	struct item_more *more = reading_more(use->reader, use->item);

	if (more)
		take_text(use, &more->example, &more->example_said);
}

static void apply_placeholder(const struct use *use)
{
	struct item_more *more = reading_more(use->reader, use->item);

	if (more)
		take_text(use, &more->placeholder, &more->placeholder_said);
}

static void apply_deprecated(const struct use *use)
{
	struct item_more *more = reading_more(use->reader, use->item);
	bool deprecated = true;

	if (!more)
		return;
	if (!decorator_bool(use->decorator, &deprecated))
		take_text(use, &more->deprecated, &more->deprecated_said);
	use->item->is_deprecated = deprecated || more->deprecated.len > 0;
	set_said(use, &more->deprecated_said);
}

/* @docs=url, @docs(url), @docs("text", url): the first one counts. */
static void apply_docs(const struct use *use)
{
	const struct node *value = use->decorator->value;
	struct item_more *more = reading_more(use->reader, use->item);

	if (!more || more->docs_said.layer != LAYER_NONE)
		return;
	if (!use->decorator->is_call) {
		take_text(use, &more->docs, &more->docs_said);
		return;
	}
	if (value->items_len == 0 || value->items_len > 2 || !node_text(&value->items[value->items_len - 1], &more->docs)) {
		wrong(use, "wants an address: @docs(https://...), or @docs(\"text\", https://...)");
		return;
	}
	set_said(use, &more->docs_said);
}

static void apply_tag(const struct use *use)
{
	const struct node *value = use->decorator->value;
	struct item_more *more = reading_more(use->reader, use->item);
	struct span tag;

	if (!use->decorator->is_call) {
		wrong(use, "wants its tags in brackets: @tag(a, b)");
		return;
	}
	if (!more)
		return;
	for (size_t i = 0; i < value->items_len; i++) {
		if (!node_text(&value->items[i], &tag))
			wrong(use, "has a tag that is no text");
		else if (more->tags_len < LIMIT_SCHEMA_TAGS)
			spans_add(use->reader, &more->tags, &more->tags_len, tag);
		else
			wrong(use, "gives a variable too many tags");
	}
	set_said(use, &more->tags_said);
}

static const struct {
	const char *name;
	void (*apply)(const struct use *use);
	bool repeatable;	/* in its form with arguments */
} rows[] = {
	{ "required", apply_required, false },	     { "optional", apply_optional, false },
	{ "sensitive", apply_sensitive, false },     { "public", apply_public, false },
	{ "internal", apply_internal, false },	     { "type", apply_type, false },
	{ "example", apply_example, false },	     { "placeholder", apply_placeholder, false },
	{ "deprecated", apply_deprecated, false },   { "docs", apply_docs, true },
	{ "docsUrl", apply_docs, false },	     { "tag", apply_tag, true },
};

static void apply_one(const struct use *use, unsigned *used)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!span_is(use->decorator->name, rows[i].name))
			continue;
		if (*used & 1u << i && !(rows[i].repeatable && use->decorator->is_call))
			wrong(use, "stands twice above one variable");
		else
			rows[i].apply(use);
		*used |= 1u << i;
	}
}

void apply_item_decorators(struct reading *reader, struct item *item, const struct decorator *decorators, size_t len)
{
	unsigned used = 0;

	for (size_t i = 0; i < len && !reader->failed; i++) {
		const struct use use = { reader, item, &decorators[i] };

		switch (decorator_home(decorators[i].name)) {
		case HOME_NOWHERE:
			say_unknown_decorator(reader, &decorators[i], item->name);
			break;
		case HOME_ROOT:
			/* Above what is commented out it may still be the head of the file. */
			if (!item->commented_out)
				wrong(&use, "belongs to the head of the file: a blank line must separate it from the variable");
			break;
		case HOME_ITEM:
		case HOME_BOTH:
			apply_one(&use, &used);
			break;
		}
	}
}
