/*
 * RFC 7396 on raw text: what is not touched is copied as it stands, so that
 * numbers of any length and form survive.
 */
#include <stdlib.h>
#include <string.h>

#include "core/json_data.h"
#include "vault/limits.h"

struct member_row {
	struct text_span name;	/* unescaped */
	struct json_member member;
	bool used;
};

/* The members of one patch object, by name; names that had to be unescaped stand in the pool. */
struct member_table {
	struct member_row *rows, **by_name;
	size_t len;
	struct text_pool names;
	struct secret_buf *scratch;
};

static void member_table_wipe(struct member_table *table)
{
	free(table->rows);
	free(table->by_name);
	text_pool_wipe(&table->names);
	secret_buf_free(table->scratch);
}

static enum error_code no_memory(struct error *err)
{
	return error_set(err, ERR_NO_MEMORY, "no memory is left for merging the request's JSON");
}

/* The name is valid until the next call, or in the pool when keep is set. */
static enum error_code plain_name(struct member_table *table, const struct json_member *member, bool keep,
				  struct text_span *ret, struct error *err)
{
	*ret = (struct text_span){ .at = member->name.at, .len = (uint32_t)member->name.len };
	if (!member->name_escaped)
		return ERR_OK;
	if (!table->scratch)
		table->scratch = secret_buf_new(LIMIT_BODY_DATA);
	if (!table->scratch)
		return no_memory(err);
	secret_buf_reset(table->scratch);
	json_append_unescaped(table->scratch, member->name);
	if (secret_buf_check(table->scratch, "a name in the request", err) != ERR_OK)
		return err->code;
	ret->at = secret_buf_text(table->scratch);
	ret->len = (uint32_t)secret_buf_len(table->scratch);
	if (keep)
		ret->at = text_pool_copy(&table->names, ret->at, ret->len);
	return ret->at ? ERR_OK : no_memory(err);
}

static int compare_rows(const void *a, const void *b)
{
	const struct member_row *const *left = a, *const *right = b;

	return text_order(&(*left)->name, &(*right)->name);
}

static enum error_code member_table_fill(struct member_table *table, const struct json_value *object, struct error *err)
{
	size_t count = json_count(object), cursor = 0;

	table->rows = calloc(count + 1, sizeof(*table->rows));
	table->by_name = calloc(count + 1, sizeof(struct member_row *));
	if (!table->rows || !table->by_name)
		return no_memory(err);
	while (table->len < count && json_next_member(object, &cursor, &table->rows[table->len].member)) {
		struct member_row *row = &table->rows[table->len];

		if (plain_name(table, &row->member, true, &row->name, err) != ERR_OK)
			return err->code;
		table->by_name[table->len++] = row;
	}
	qsort(table->by_name, table->len, sizeof(struct member_row *), compare_rows);
	return ERR_OK;
}

static struct member_row *member_table_find(struct member_table *table, struct text_span name)
{
	struct member_row wanted = { .name = name }, *key = &wanted, **found;

	found = bsearch(&key, table->by_name, table->len, sizeof(struct member_row *), compare_rows);
	return found ? *found : NULL;
}

static void emit_name(struct secret_buf *out, const struct json_member *member, bool *first)
{
	if (!*first)
		secret_buf_append_char(out, ',');
	*first = false;
	secret_buf_append_char(out, '"');
	secret_buf_append(out, member->name.at, member->name.len);
	secret_buf_append_text(out, "\":");
}

static enum error_code merge(const struct json_value *target, const struct json_value *patch, unsigned depth,
			     struct secret_buf *out, struct error *err);

/* One member of the patch, over the old value (NULL: none). */
static enum error_code emit_patched(const struct json_member *member, const struct json_value *old, unsigned depth,
				    struct secret_buf *out, bool *first, struct error *err)
{
	if (member->value.kind == JSON_SCAN_NULL)
		return ERR_OK;
	emit_name(out, member, first);
	if (member->value.kind == JSON_SCAN_OBJECT)
		return merge(old && old->kind == JSON_SCAN_OBJECT ? old : NULL, &member->value, depth + 1, out, err);
	secret_buf_append(out, member->value.raw.at, member->value.raw.len);
	return ERR_OK;
}

static enum error_code emit_target(const struct json_value *target, struct member_table *table, unsigned depth,
				   struct secret_buf *out, bool *first, struct error *err)
{
	struct json_member member;
	size_t cursor = 0;

	while (json_next_member(target, &cursor, &member)) {
		struct member_row *row;
		struct text_span name;

		if (plain_name(table, &member, false, &name, err) != ERR_OK)
			return err->code;
		row = member_table_find(table, name);
		if (row) {
			row->used = true;
			if (emit_patched(&row->member, &member.value, depth, out, first, err) != ERR_OK)
				return err->code;
			continue;
		}
		emit_name(out, &member, first);
		secret_buf_append(out, member.value.raw.at, member.value.raw.len);
	}
	return ERR_OK;
}

static enum error_code merge(const struct json_value *target, const struct json_value *patch, unsigned depth,
			     struct secret_buf *out, struct error *err)
{
	cleanup_(member_table_wipe) struct member_table table = {0};
	bool first = true;

	/* The scanner bounds both texts; this is the same bound for the stack. */
	if (depth > LIMIT_JSON_DEPTH)
		return error_set(err, ERR_INVALID, "the JSON is nested deeper than %d", LIMIT_JSON_DEPTH);
	if (member_table_fill(&table, patch, err) != ERR_OK)
		return err->code;
	secret_buf_append_char(out, '{');
	if (target && emit_target(target, &table, depth, out, &first, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < table.len; i++)
		if (!table.rows[i].used &&
		    emit_patched(&table.rows[i].member, NULL, depth, out, &first, err) != ERR_OK)
			return err->code;
	secret_buf_append_char(out, '}');
	return ERR_OK;
}

enum error_code json_merge_patch(const struct json_value *target, const struct json_value *patch,
				 struct secret_buf *out, struct error *err)
{
	return merge(target, patch, 0, out, err);
}
