#include "core/parents.h"

#include <sodium.h>
#include <string.h>

#include "core/json_data.h"
#include "vault/names.h"
#include "vault/secret_buf.h"

void parent_list_wipe(struct parent_list *list)
{
	text_pool_wipe(&list->texts);
	sodium_memzero(list, sizeof(*list));
}

static enum error_code no_list(struct error *err)
{
	return error_set(err, ERR_INVALID, "parents is a list of at most %d environments' paths, or null",
			 LIMIT_PARENTS);
}

static enum error_code read_path(const struct json_value *element, struct env_path *ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(LIMIT_ENV_PATH_LEN);

	if (element->kind != JSON_SCAN_STRING)
		return no_list(err);
	if (!text)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the parents");
	json_append_unescaped(text, json_string_span(element));
	if (secret_buf_check(text, "the path of a parent", err) != ERR_OK ||
	    env_path_parse(secret_buf_text(text), secret_buf_len(text), ret, err) != ERR_OK)
		return error_prefix(err, "parents");
	return ERR_OK;
}

static enum error_code add_path(struct parent_list *list, const struct env_path *path, struct error *err)
{
	struct text_span span = { .len = path->len };

	span.at = text_pool_copy(&list->texts, path->text, path->len);
	if (!span.at)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the parents");
	for (size_t i = 0; i < list->len; i++)
		if (text_order(&list->items[i], &span) == 0)
			return error_set(err, ERR_INVALID, "parents names %.150s twice", path->text);
	list->items[list->len++] = span;
	return ERR_OK;
}

enum error_code parent_list_read(const struct json_value *value, struct parent_list *ret, struct error *err)
{
	struct json_value element;
	struct env_path path;
	size_t cursor = 0;

	if (value->kind == JSON_SCAN_NULL)
		return ERR_OK;
	if (value->kind != JSON_SCAN_ARRAY || json_count(value) > LIMIT_PARENTS)
		return no_list(err);
	while (json_next_element(value, &cursor, &element))
		if (read_path(&element, &path, err) != ERR_OK || add_path(ret, &path, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}
