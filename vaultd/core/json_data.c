#include "core/json_data.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "vault/limits.h"
#include "vault/names.h"

int text_order(const struct text_span *a, const struct text_span *b)
{
	uint32_t shorter = a->len < b->len ? a->len : b->len;
	int order = shorter > 0 ? memcmp(a->at, b->at, shorter) : 0;

	if (order != 0)
		return order;
	return (a->len > b->len) - (a->len < b->len);
}

static int compare_variables(const void *a, const void *b)
{
	const struct variable *left = a, *right = b;

	return text_order(&left->name, &right->name);
}

const struct variable *variables_find(const struct variable *items, size_t len, const struct text_span *name)
{
	const struct variable wanted = { .name = *name };

	return len > 0 ? bsearch(&wanted, items, len, sizeof(*items), compare_variables) : NULL;
}

void variable_list_wipe(struct variable_list *list)
{
	if (list->items) {
		sodium_memzero(list->items, list->capacity * sizeof(*list->items));
		free(list->items);
	}
	text_pool_wipe(&list->texts);
	secret_buf_free(list->scratch);
	*list = (struct variable_list){0};
}

static enum error_code no_memory(struct error *err)
{
	return error_set(err, ERR_NO_MEMORY, "no memory is left for the variables of this request");
}

static enum error_code list_start(struct variable_list *list, size_t capacity, struct error *err)
{
	list->items = calloc(capacity > 0 ? capacity : 1, sizeof(*list->items));
	if (!list->items)
		return no_memory(err);
	list->capacity = capacity > 0 ? capacity : 1;
	return ERR_OK;
}

static enum error_code too_many(size_t count, struct error *err)
{
	return error_set(err, ERR_TOO_LARGE, "the environment would have %zu variables, the limit is %d", count,
			 LIMIT_VARIABLES);
}

/* The pool gets what had to be unescaped; all else stays in the request's text. */
static enum error_code list_text(struct variable_list *list, struct json_span raw, bool escaped, struct text_span *ret,
				 struct error *err)
{
	size_t len;

	if (raw.len > LIMIT_BODY_DATA)
		return error_set(err, ERR_TOO_LARGE, "a text of %zu bytes is over the limit of %u", raw.len,
				 LIMIT_BODY_DATA);
	if (!escaped) {
		*ret = (struct text_span){ .at = raw.at, .len = (uint32_t)raw.len };
		return ERR_OK;
	}
	if (!list->scratch)
		list->scratch = secret_buf_new(LIMIT_BODY_DATA);
	if (!list->scratch)
		return no_memory(err);
	secret_buf_reset(list->scratch);
	json_append_unescaped(list->scratch, raw);
	if (secret_buf_check(list->scratch, "a text of the request", err) != ERR_OK)
		return err->code;
	len = secret_buf_len(list->scratch);
	ret->at = text_pool_copy(&list->texts, secret_buf_bytes(list->scratch), len);
	ret->len = (uint32_t)len;
	return ret->at ? ERR_OK : no_memory(err);
}

enum error_code variables_name(struct variable_list *list, struct json_span raw, bool escaped, struct text_span *ret,
			       struct error *err)
{
	if (list_text(list, raw, escaped, ret, err) != ERR_OK)
		return err->code;
	if (!variable_name_is_storable(ret->at, ret->len))
		return error_set(err, ERR_INVALID,
				 "a variable's name must be 1 to %d bytes of UTF-8 without NUL; one of the request's "
				 "names is not",
				 LIMIT_VARIABLE_NAME_LEN);
	return ERR_OK;
}

static enum error_code member_value(struct variable_list *list, const struct json_value *value, struct variable *ret,
				    struct error *err)
{
	if (value->kind == JSON_SCAN_STRING) {
		ret->kind = KIND_TEXT;
		return list_text(list, json_string_span(value), value->escaped, &ret->value, err);
	}
	ret->kind = KIND_JSON;
	return list_text(list, value->raw, false, &ret->value, err);
}

static enum error_code check_distinct(const struct variable_list *list, struct error *err)
{
	for (size_t i = 1; i < list->len; i++)
		if (compare_variables(&list->items[i - 1], &list->items[i]) == 0)
			return error_set(err, ERR_INVALID, "the request gives one variable twice");
	return ERR_OK;
}

static enum error_code check_object(const struct json_value *value, struct error *err)
{
	if (value->kind != JSON_SCAN_OBJECT)
		return error_set(err, ERR_INVALID, "the variables must be a JSON object of names and values");
	return ERR_OK;
}

enum error_code variables_from_json(const struct json_value *object, struct variable_list *ret, struct error *err)
{
	struct json_member member;
	size_t cursor = 0, count;

	if (check_object(object, err) != ERR_OK)
		return err->code;
	count = json_count(object);
	if (count > LIMIT_VARIABLES)
		return too_many(count, err);
	if (list_start(ret, count, err) != ERR_OK)
		return err->code;
	while (ret->len < count && json_next_member(object, &cursor, &member)) {
		struct variable *variable = &ret->items[ret->len];

		if (variables_name(ret, member.name, member.name_escaped, &variable->name, err) != ERR_OK ||
		    member_value(ret, &member.value, variable, err) != ERR_OK)
			return err->code;
		ret->len++;
	}
	qsort(ret->items, ret->len, sizeof(*ret->items), compare_variables);
	return check_distinct(ret, err);
}

enum error_code variables_from_revision(const struct revision_record *source, struct variable_list *ret,
					struct error *err)
{
	if (list_start(ret, source->variables_len, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < source->variables_len; i++) {
		const struct variable *from = &source->variables[i];

		ret->items[i] = (struct variable){ .name = from->name, .kind = from->kind, .value = from->value };
	}
	ret->len = source->variables_len;
	return ERR_OK;
}

/* -- merge patch --------------------------------------------------------- */

struct patch_row {
	struct text_span name;
	struct json_value value;
};

static int compare_rows(const void *a, const void *b)
{
	const struct patch_row *left = a, *right = b;

	return text_order(&left->name, &right->name);
}

static void free_rows(struct patch_row **rows)
{
	free(*rows);	/* spans only; the texts stand in the request or the pool */
}

/* The patch's members by name. */
static enum error_code sorted_rows(struct variable_list *list, const struct json_value *patch, struct patch_row **ret,
				   size_t *ret_len, struct error *err)
{
	size_t count = json_count(patch), cursor = 0, len = 0;
	cleanup_(free_rows) struct patch_row *rows = calloc(count > 0 ? count : 1, sizeof(*rows));
	struct json_member member;

	if (!rows)
		return no_memory(err);
	while (len < count && json_next_member(patch, &cursor, &member)) {
		if (variables_name(list, member.name, member.name_escaped, &rows[len].name, err) != ERR_OK)
			return err->code;
		rows[len++].value = member.value;
	}
	qsort(rows, len, sizeof(*rows), compare_rows);
	for (size_t i = 1; i < len; i++)
		if (compare_rows(&rows[i - 1], &rows[i]) == 0)
			return error_set(err, ERR_INVALID, "the request gives one variable twice");
	*ret = take_ptr(rows);
	*ret_len = len;
	return ERR_OK;
}

/* The new value of a variable whose patch is an object: merged into the old one when that is an object, too. */
static enum error_code merge_object(struct variable_list *list, const struct variable *old,
				    const struct json_value *patch, struct variable *ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *merged = secret_buf_new(LIMIT_BODY_DATA + LIMIT_REVISION_PLAIN);
	struct json_value target;
	bool into = false;
	size_t len;

	if (!merged)
		return no_memory(err);
	if (old && old->kind == KIND_JSON) {
		if (json_scan(old->value.at, old->value.len, &target, err) != ERR_OK)
			return error_prefix(err, "the stored value of a variable");
		into = target.kind == JSON_SCAN_OBJECT;
	}
	if (json_merge_patch(into ? &target : NULL, patch, merged, err) != ERR_OK ||
	    secret_buf_check(merged, "the merged value of a variable", err) != ERR_OK)
		return err->code;
	len = secret_buf_len(merged);
	ret->kind = KIND_JSON;
	ret->value.at = text_pool_copy(&list->texts, secret_buf_bytes(merged), len);
	ret->value.len = (uint32_t)len;
	return ret->value.at ? ERR_OK : no_memory(err);
}

static enum error_code patch_variable(struct variable_list *list, const struct variable *old,
				      const struct patch_row *row, struct error *err)
{
	struct variable *variable = &list->items[list->len];

	if (row->value.kind == JSON_SCAN_NULL)
		return ERR_OK;
	variable->name = row->name;
	if (row->value.kind == JSON_SCAN_OBJECT) {
		if (merge_object(list, old, &row->value, variable, err) != ERR_OK)
			return err->code;
	} else if (member_value(list, &row->value, variable, err) != ERR_OK) {
		return err->code;
	}
	list->len++;
	return ERR_OK;
}

static void keep_variable(struct variable_list *list, const struct variable *old)
{
	list->items[list->len++] = (struct variable){ .name = old->name, .kind = old->kind, .value = old->value };
}

enum error_code variables_merge_patch(const struct revision_record *target, const struct json_value *patch,
				      struct variable_list *ret, struct error *err)
{
	cleanup_(free_rows) struct patch_row *rows = NULL;
	size_t rows_len = 0, old = 0, row = 0;

	if (check_object(patch, err) != ERR_OK || sorted_rows(ret, patch, &rows, &rows_len, err) != ERR_OK ||
	    list_start(ret, target->variables_len + rows_len, err) != ERR_OK)
		return err->code;
	while (old < target->variables_len || row < rows_len) {
		int order = row == rows_len		    ? -1
			    : old == target->variables_len ? 1
							    : text_order(&target->variables[old].name, &rows[row].name);

		if (order < 0) {
			keep_variable(ret, &target->variables[old++]);
			continue;
		}
		if (patch_variable(ret, order == 0 ? &target->variables[old] : NULL, &rows[row], err) != ERR_OK)
			return err->code;
		row++;
		old += order == 0;
	}
	return ret->len > LIMIT_VARIABLES ? too_many(ret->len, err) : ERR_OK;
}
