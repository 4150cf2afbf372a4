#include <stdlib.h>
#include <string.h>

#include "schema/read.h"
#include "schema/types.h"

void item_clear(struct item *item)
{
	struct condition *inner = item->required.inner;

	while (inner) {
		struct condition *next = inner->inner;

		free(inner);
		inner = next;
	}
	free(item->own);
	if (item->more) {
		free(item->more->tags);
		free(item->more->choices);
	}
	free(item->more);
	/* It was made by malloc; const says that it does not change while the schema lives. */
	schema_type_free((struct schema_type *)(uintptr_t)item->type);
	*item = (struct item){ .line = 0 };
}

void schema_drop_imports(struct schema *schema)
{
	for (size_t i = 0; i < schema->imports_len; i++) {
		free(schema->imports[i].pick);
		free(schema->imports[i].omit);
	}
	free(schema->imports);
	schema->imports = NULL;
	schema->imports_len = 0;
}

void schema_free(struct schema *schema)
{
	if (!schema)
		return;
	for (size_t i = 0; i < schema->items_len; i++)
		item_clear(&schema->items[i]);
	for (size_t i = 0; i < schema->nodes_len; i++)
		free(schema->nodes[i]);
	schema_drop_imports(schema);
	free(schema->nodes);
	free(schema->items);
	free(schema->sorted);
	free(schema->texts);
	free(schema);
}

size_t schema_count(const struct schema *schema)
{
	return schema->items_len;
}

const char *schema_name(const struct schema *schema, size_t i, size_t *ret_len)
{
	*ret_len = schema->items[i].name.len;
	return schema->items[i].name.at;
}

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

const struct item *schema_find(const struct schema *schema, const char *name, size_t len)
{
	size_t low = 0, high = schema->items_len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct item *item = &schema->items[schema->sorted[middle]];
		int order = compare_names(name, len, item->name.at, item->name.len);

		if (order == 0)
			return item;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

bool schema_knows(const struct schema *schema, const char *name, size_t len)
{
	return schema_find(schema, name, len) != NULL;
}

size_t schema_bytes(const struct schema *schema)
{
	return schema->bytes;
}

size_t schema_imports(const struct schema *schema, const struct schema_import **ret)
{
	*ret = schema->imports;
	return schema->imports_len;
}

static bool words_have(const struct schema_word *words, size_t len, struct span name)
{
	for (size_t i = 0; i < len; i++)
		if (compare_names(words[i].at, words[i].len, name.at, name.len) == 0)
			return true;
	return false;
}

static bool import_takes(const struct schema_import *import, struct span name)
{
	return (import->pick_len == 0 || words_have(import->pick, import->pick_len, name)) &&
	       !words_have(import->omit, import->omit_len, name);
}

enum error_code schema_limit(struct schema *schema, const struct schema_import *import, struct error *err)
{
	uint32_t *moved = calloc(schema->items_len + 1, sizeof(*moved));
	size_t kept = 0, names = 0;

	if (!moved)
		return error_set(err, ERR_NO_MEMORY, "out of memory while a schema was read");
	for (size_t i = 0; i < schema->items_len; i++) {
		moved[i] = import_takes(import, schema->items[i].name) ? (uint32_t)kept : UINT32_MAX;
		if (moved[i] == UINT32_MAX)
			item_clear(&schema->items[i]);
		else if (kept++ != i)
			schema->items[kept - 1] = schema->items[i];
	}
	for (size_t i = 0; i < schema->items_len; i++)
		if (moved[schema->sorted[i]] != UINT32_MAX)
			schema->sorted[names++] = moved[schema->sorted[i]];
	schema->items_len = kept;
	free(moved);
	return ERR_OK;
}

void schema_inherit(struct schema *schema, const struct schema *importing)
{
	if (schema->current_env.len == 0) {
		schema->current_env = importing->current_env;
		schema->current_env_said = importing->current_env_said;
	}
}
