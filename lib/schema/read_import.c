/*
 * @import(path, pick=[...], omit=[...], enabled=, allowMissing=): noted for who has files. A daemon has none, so every one that
 * counts is a warning.
 */
#include <stdlib.h>

#include "schema/read.h"
#include "vault/schema.h"

#define NAMES_MAX 1000	/* each is looked for among all items of the file */

struct importing {
	struct reading *reader;
	const struct decorator *decorator;
	struct schema_import *import;
};

static bool wrong(const struct importing *importing, const char *what)
{
	say_decorator(importing->reader, importing->decorator, (struct span){ NULL, 0 }, FINDING_ERROR, "decorator", what);
	return false;
}

static bool is_name(struct span text)
{
	bool ok = text.len > 0 && is_name_start(text.at[0]);

	for (size_t i = 0; ok && i < text.len; i++)
		ok = is_name_char(text.at[i]) || text.at[i] == '.' || text.at[i] == '-';
	return ok;
}

static bool add_name(const struct importing *importing, const struct node *node, struct schema_word **names, size_t *len)
{
	struct schema_word *grown;
	struct span text;

	if (!node_text(node, &text) || !is_name(text))
		return wrong(importing, "picks and omits variables by their names: pick=[A, B]");
	if (*len == NAMES_MAX)
		return wrong(importing, "picks or omits more than 1,000 variables: put them into a file of their own");
	grown = reallocarray(*names, *len + 1, sizeof(**names));
	if (!grown) {
		reading_fail(importing->reader, ERR_NO_MEMORY, "out of memory while a schema was read");
		return false;
	}
	*names = grown;
	grown[(*len)++] = (struct schema_word){ text.at, text.len };
	return true;
}

static bool add_names(const struct importing *importing, const struct node *node, struct schema_word **names, size_t *len)
{
	if (node->kind != NODE_LIST || node->items_len == 0)
		return wrong(importing, "picks and omits variables by a list of their names: pick=[A, B]");
	for (size_t i = 0; i < node->items_len; i++)
		if (!add_name(importing, &node->items[i], names, len))
			return false;
	return true;
}

static bool constant(const struct node *node, bool *ret)
{
	struct span text;

	if (!node_text(node, &text) || (!span_is(text, "true") && !span_is(text, "false")))
		return false;
	*ret = text.len == 4;
	return true;
}

static bool take_member(const struct importing *importing, const struct node *node)
{
	struct schema_import *import = importing->import;

	if (node->key.len == 0)	/* how @env-spec had it before: the names behind the path */
		return add_name(importing, node, &import->pick, &import->pick_len);
	if (span_is(node->key, "pick"))
		return add_names(importing, node, &import->pick, &import->pick_len);
	if (span_is(node->key, "omit"))
		return add_names(importing, node, &import->omit, &import->omit_len);
	if (span_is(node->key, "allowMissing"))
		return constant(node, &import->allow_missing) || wrong(importing, "has allowMissing, which is true or false");
	if (!span_is(node->key, "enabled"))
		return wrong(importing, "has arguments it does not know: there are pick, omit, enabled and allowMissing");
	if (!constant(node, &import->enabled))
		say_decorator(importing->reader, importing->decorator, (struct span){ NULL, 0 }, FINDING_WARNING, "condition",
			      "has a condition that cannot be told: it counts");
	return true;
}

static bool read_import(const struct importing *importing)
{
	const struct node *value = importing->decorator->value;
	struct span path;

	if (!importing->decorator->is_call || value->items_len == 0 || value->items[0].key.len > 0 ||
	    (value->items[0].kind != NODE_TEXT && value->items[0].kind != NODE_REGEX) || !node_text(&value->items[0], &path) ||
	    path.len == 0)
		return wrong(importing, "names a file: @import(./.env.shared)");
	importing->import->path = (struct schema_word){ path.at, path.len };
	for (size_t i = 1; i < value->items_len; i++)
		if (!take_member(importing, &value->items[i]))
			return false;
	return true;
}

/* Takes over the import's lists. */
static bool keep(struct reading *reader, const struct schema_import *import)
{
	struct schema *schema = reader->schema;
	struct schema_import *grown = reallocarray(schema->imports, schema->imports_len + 1, sizeof(*grown));

	if (!grown) {
		reading_fail(reader, ERR_NO_MEMORY, "out of memory while a schema was read");
		return false;
	}
	schema->imports = grown;
	grown[schema->imports_len++] = *import;
	return true;
}

void apply_import(struct reading *reader, const struct decorator *decorator)
{
	struct schema_import import = { .enabled = true, .line = decorator->place.line, .column = decorator->place.column,
					.begin = decorator->begin, .end = decorator->end };
	const struct importing importing = { reader, decorator, &import };
	bool kept = reader->schema->imports_len < LIMIT_SCHEMA_PARTS ?
			    read_import(&importing) && keep(reader, &import) :
			    wrong(&importing, "stands too often: a schema has at most 16 of them");

	if (!kept) {
		free(import.pick);
		free(import.omit);
	} else if (import.enabled) {
		say_decorator(reader, decorator, (struct span){ NULL, 0 }, FINDING_WARNING, "unresolved",
			      "is not resolved in a text that is kept: envctl puts in what it imports when it sends a file");
	}
}
