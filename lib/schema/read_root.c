/* Decorators of the head of a schema. */
#include "schema/read.h"

static void wrong(struct reading *reader, const struct decorator *decorator, const char *what)
{
	say_decorator(reader, decorator, (struct span){ NULL, 0 }, FINDING_ERROR, "decorator", what);
}

static void warn(struct reading *reader, const struct decorator *decorator, const char *code, const char *what)
{
	say_decorator(reader, decorator, (struct span){ NULL, 0 }, FINDING_WARNING, code, what);
}

static bool is_word(const struct decorator *decorator, const char *word)
{
	return decorator->value && !decorator->is_call && decorator->value->kind == NODE_TEXT &&
	       span_is(decorator->value->text, word);
}

static void apply_default_required(struct reading *reader, const struct decorator *decorator)
{
	bool required;

	if (is_word(decorator, "infer"))
		reader->schema->required_default = REQUIRED_INFER;
	else if (decorator_bool(decorator, &required))
		reader->schema->required_default = required ? REQUIRED_TRUE : REQUIRED_FALSE;
	else
		wrong(reader, decorator, "is true, false or infer");
	reader->schema->required_default_said = said_at(LAYER_ENV_SPEC, decorator->place);
}

static void apply_default_sensitive(struct reading *reader, const struct decorator *decorator)
{
	struct schema *schema = reader->schema;
	const struct node *value = decorator->value;

	schema->sensitive_default_said = said_at(LAYER_ENV_SPEC, decorator->place);
	if (decorator_bool(decorator, &schema->sensitive_default))
		return;
	schema->sensitive_default = true;
	if (!decorator->is_call && value->kind == NODE_CALL && span_is(value->text, "inferFromPrefix") && value->items_len == 1 &&
	    node_text(&value->items[0], &schema->public_prefix) && schema->public_prefix.len > 0)
		return;
	wrong(reader, decorator, "is true, false or inferFromPrefix(PREFIX)");
}

static void apply_current_env(struct reading *reader, const struct decorator *decorator)
{
	const struct node *value = decorator->value;
	bool is_name = value && !decorator->is_call && (value->kind == NODE_REFERENCE || value->kind == NODE_TEXT);

	for (size_t i = 0; is_name && i < value->text.len; i++)
		is_name = is_name_char(value->text.at[i]);
	if (!is_name || value->text.len == 0) {
		wrong(reader, decorator, "names a variable: @currentEnv=$APP_ENV");
		return;
	}
	reader->schema->current_env = value->text;
	reader->schema->current_env_said = said_at(LAYER_ENV_SPEC, decorator->place);
}

static void apply_disable(struct reading *reader, const struct decorator *decorator)
{
	bool disabled = false;

	if (!decorator_bool(decorator, &disabled))
		warn(reader, decorator, "condition", "has a condition that cannot be told: the schema counts");
	else if (disabled)
		warn(reader, decorator, "disabled", "turns the whole schema off: nothing is checked");
	reader->schema->disabled = disabled;
}

static void apply_elsewhere(struct reading *reader, const struct decorator *decorator)
{
	warn(reader, decorator, "unresolved", "is not resolved: nothing is run and nothing is fetched for a schema");
}

static const struct {
	const char *name;
	void (*apply)(struct reading *reader, const struct decorator *decorator);
} rows[] = {
	{ "defaultRequired", apply_default_required }, { "defaultSensitive", apply_default_sensitive },
	{ "currentEnv", apply_current_env },	       { "envFlag", apply_current_env },
	{ "disable", apply_disable },		       { "import", apply_import },
	{ "setValuesBulk", apply_elsewhere },	       { "plugin", apply_elsewhere },
};

void apply_root_decorator(struct reading *reader, const struct decorator *decorator)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (span_is(decorator->name, rows[i].name))
			rows[i].apply(reader, decorator);
}
