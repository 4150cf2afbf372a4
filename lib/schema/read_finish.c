/* From text to schema: what stands before the first line is read, and what is left to do after the last one. */
#include <stdlib.h>

#include "schema/read.h"
#include "schema/types.h"
#include "utf8.h"
#include "vault/plural.h"
#include "vault/schema.h"

void reading_add_item(struct reading *reader, struct item *item)
{
	struct schema *schema = reader->schema;
	void *items = schema->items;

	if (schema->items_len == LIMIT_VARIABLES)
		reading_fail(reader, ERR_TOO_LARGE, "a schema has too many variables: at most 10000");
	if (reader->failed || !reading_grow(reader, &items, &reader->items_room, schema->items_len, sizeof(*item))) {
		item_clear(item);
		return;
	}
	schema->items = items;
	schema->items[schema->items_len++] = *item;
	*item = (struct item){ .line = 0 };
}

/* -- before the first line ------------------------------------------------------ */

static void say_of_text(struct reading *reader, enum finding_severity severity, const char *code, struct place place,
			const char *what, const char *hint)
{
	reading_say(reader, &(struct remark_on){ severity, code, place, LAYER_NONE, { NULL, 0 }, hint }, "%s", what);
}

/* Line ends become line feeds; each keeps its line number. */
static void take_line_ends(struct reading *reader)
{
	size_t to = 0;
	bool alone = false;

	for (size_t i = 0; i < reader->len; i++) {
		char c = reader->text[i];

		if (c == '\r') {
			if (i + 1 < reader->len && reader->text[i + 1] == '\n')
				continue;
			alone = true;
			c = '\n';
		}
		reader->text[to++] = c;
	}
	reader->len = to;
	if (alone)
		say_of_text(reader, FINDING_WARNING, "line-end", (struct place){ 0, 0 },
			    "a carriage return without a line feed was read as the end of a line",
			    "write line feeds alone");
}

/* What is no UTF-8 is said once a line and overwritten, so that the rest can be read. */
static void take_encoding(struct reading *reader)
{
	struct place place = { 1, 1 };
	unsigned said_line = 0;
	size_t start = 0;

	for (size_t i = 0; i < reader->len;) {
		size_t len = utf8_char_len((const unsigned char *)reader->text + i, reader->len - i);

		if (reader->text[i] == '\n') {
			place.line++;
			start = i + 1;
		}
		if (len == 0) {
			place.column = (unsigned)(i - start) + 1;
			if (said_line != place.line)
				say_of_text(reader, FINDING_ERROR, "encoding", place, "a character is no valid UTF-8",
					    "save the file as UTF-8");
			said_line = place.line;
			reader->text[i] = '?';
			len = 1;
		}
		i += len;
	}
}

/* False when it is no text at all. */
static bool take_text(struct reading *reader)
{
	static const char bom[] = UTF8_BOM;

	if (text_has(reader->text, reader->len, '\0')) {
		say_of_text(reader, FINDING_ERROR, "encoding", (struct place){ 1, 1 }, "the file is no text: it holds a NUL byte",
			    "save the file as UTF-8; UTF-16 is not read");
		return false;
	}
	if (text_starts(reader->text, reader->len, bom)) {
		memset(reader->text, ' ', sizeof(bom) - 1);
		reader->line_start = reader->at = sizeof(bom) - 1;
		say_of_text(reader, FINDING_WARNING, "bom", (struct place){ 1, 1 },
			    "the file begins with a byte order mark, which some readers take as part of the first name",
			    "save the file as UTF-8 without a byte order mark");
	}
	take_line_ends(reader);
	take_encoding(reader);
	return true;
}

/* -- after the last line ------------------------------------------------------------ */

/* By name; of one name what counts comes last: a real assignment after commented ones, the later real one after the earlier, the
 * first commented one after later ones. */
static int compare_items(const void *a, const void *b, void *arg)
{
	const struct item *items = arg;
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	const struct item *first = &items[left], *second = &items[right];
	size_t len = first->name.len < second->name.len ? first->name.len : second->name.len;
	int order = memcmp(first->name.at, second->name.at, len);

	if (order != 0)
		return order;
	if (first->name.len != second->name.len)
		return first->name.len < second->name.len ? -1 : 1;
	if (first->commented_out != second->commented_out)
		return first->commented_out ? -1 : 1;
	return (left < right ? -1 : 1) * (first->commented_out ? -1 : 1);
}

static bool next_is_same(const struct schema *schema, const uint32_t *order, size_t i)
{
	const struct item *a, *b;

	if (i + 1 == schema->items_len)
		return false;
	a = &schema->items[order[i]];
	b = &schema->items[order[i + 1]];
	return a->name.len == b->name.len && memcmp(a->name.at, b->name.at, a->name.len) == 0;
}

/* Leaves each name once, and the index sorted. Dropped items are emptied first, then the rest moves together. */
static void keep_each_once(struct reading *reader, uint32_t *order, uint32_t *moved)
{
	struct schema *schema = reader->schema;
	size_t kept = 0, names = 0;

	for (size_t i = 0; i < schema->items_len; i++) {
		struct item *item = &schema->items[order[i]];
		const struct item *later;

		if (!next_is_same(schema, order, i)) {
			order[names++] = order[i];
			continue;
		}
		later = &schema->items[order[i + 1]];
		if (!item->commented_out)
			reading_say(reader, &(struct remark_on){ FINDING_WARNING, "duplicate", { later->line, later->column },
				   LAYER_PLAIN, later->name, "remove one of them: the last one counts" },
				   "stands in line %u already", item->line);
		moved[order[i]] = UINT32_MAX;
	}
	for (size_t i = 0; i < schema->items_len; i++) {
		if (moved[i] == UINT32_MAX) {
			item_clear(&schema->items[i]);
			continue;
		}
		moved[i] = (uint32_t)kept;
		if (kept != i)
			schema->items[kept] = schema->items[i];
		kept++;
	}
	schema->items_len = kept;
	for (size_t i = 0; i < names; i++)
		order[i] = moved[order[i]];
}

static void sort_items(struct reading *reader)
{
	struct schema *schema = reader->schema;
	size_t len = schema->items_len;
	uint32_t *moved = calloc(len + 1, sizeof(*moved));

	schema->sorted = calloc(len + 1, sizeof(*schema->sorted));
	if (!moved || !schema->sorted) {
		reading_fail(reader, ERR_NO_MEMORY, "out of memory while a schema was read");
	} else {
		for (size_t i = 0; i < len; i++)
			schema->sorted[i] = (uint32_t)i;
		if (len > 1)
			qsort_r(schema->sorted, len, sizeof(*schema->sorted), compare_items, schema->items);
		keep_each_once(reader, schema->sorted, moved);
	}
	free(moved);
}

/* A prefix that makes names public counts before what else the name tells. */
static void finish_defaults(struct schema *schema)
{
	const struct span prefix = schema->public_prefix;

	for (size_t i = 0; i < schema->items_len && prefix.len > 0; i++) {
		struct item *item = &schema->items[i];

		if (item->sensitive_said.layer == LAYER_PLAIN && item->name.len >= prefix.len &&
		    memcmp(item->name.at, prefix.at, prefix.len) == 0)
			item->sensitive_said.layer = LAYER_NONE;
	}
	schema->sensitive_default = schema->sensitive_default_said.layer == LAYER_NONE || schema->sensitive_default;
	if (schema->disabled) {
		for (size_t i = 0; i < schema->items_len; i++)
			item_clear(&schema->items[i]);
		schema->items_len = 0;
		schema_drop_imports(schema);
	}
}

/* A schema stays in the daemon's memory for long: what its lists have too much goes back. */
static void give_back(struct reading *reader)
{
	struct schema *schema = reader->schema;
	struct item *items = NULL;

	if (schema->items_len > 0)
		items = reallocarray(schema->items, schema->items_len, sizeof(*items));
	if (items) {
		schema->items = items;
		reader->items_room = schema->items_len;
	}
}

static void count_bytes(const struct reading *reader)
{
	struct schema *schema = reader->schema;

	schema->bytes = sizeof(*schema) + schema->texts_len + reader->items_room * sizeof(struct item) +
			schema->items_len * sizeof(uint32_t) + reader->nodes_kept * sizeof(struct node) +
			reader->nodes_room * sizeof(struct node *);
	schema->bytes += schema->imports_len * sizeof(*schema->imports);
	for (size_t i = 0; i < schema->imports_len; i++)
		schema->bytes += (schema->imports[i].pick_len + schema->imports[i].omit_len) * sizeof(struct schema_word);
	for (size_t i = 0; i < schema->items_len; i++)
		schema->bytes += (item_more(&schema->items[i])->tags_len + item_more(&schema->items[i])->choices_len) * sizeof(struct span) +
				 (schema->items[i].more ? sizeof(struct item_more) : 0) + (schema->items[i].own ? sizeof(struct own_facts) : 0) + (schema->items[i].type ? schema_type_bytes(schema->items[i].type) : 0);
}

static void read_all(struct reading *reader)
{
	if (!take_text(reader))
		return;
	reading_read_lines(reader);
	if (!reader->failed)
		sort_items(reader);
	if (!reader->failed)
		finish_defaults(reader->schema);
	give_back(reader);
	count_bytes(reader);
}

static struct schema *schema_new(const char *text, size_t len)
{
	struct schema *schema = calloc(1, sizeof(*schema));

	if (!schema)
		return NULL;
	/* One byte more, so that an empty text has an address too. */
	schema->texts = malloc(len + 1);
	if (!schema->texts) {
		free(schema);
		return NULL;
	}
	if (len > 0)
		memcpy(schema->texts, text, len);
	schema->texts_len = len;
	return schema;
}

enum error_code schema_parse(const char *text, size_t len, struct findings *findings, struct schema **ret, struct error *err)
{
	cleanup_(schema_freep) struct schema *schema = NULL;
	struct reading reader = { .len = len, .line = 1, .findings = findings, .err = err };
	size_t errors = findings->errors;

	*ret = NULL;
	if (len > LIMIT_SCHEMA_TEXT)
		return error_set(err, ERR_TOO_LARGE, "a schema of %zu bytes is larger than %u", len, LIMIT_SCHEMA_TEXT);
	schema = schema_new(text, len);
	if (!schema)
		return error_set(err, ERR_NO_MEMORY, "out of memory while a schema was read");
	reader.schema = schema;
	reader.text = schema->texts;
	read_all(&reader);
	free(reader.remarks);
	free(reader.decorators);
	free(reader.stack);
	if (reader.failed)
		return err->code;
	if (findings->errors > errors)
		return error_set(err, ERR_INVALID, "the schema has %zu error%s", findings->errors - errors,
				 plural(findings->errors - errors, "", "s"));
	*ret = take_ptr(schema);
	return ERR_OK;
}
