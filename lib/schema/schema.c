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

void schema_free(struct schema *schema)
{
	if (!schema)
		return;
	for (size_t i = 0; i < schema->items_len; i++)
		item_clear(&schema->items[i]);
	for (size_t i = 0; i < schema->nodes_len; i++)
		free(schema->nodes[i]);
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
