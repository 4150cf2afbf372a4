#include "http/params.h"

#include <stdlib.h>
#include <string.h>

#include "http/request.h"
#include "vault/safe_json.h"

bool params_body(struct request *request, json_t **ret)
{
	struct error err = ERROR_INIT;
	size_t len;
	const char *text = request_body(request, &len);

	if (safe_json_parse(text, len, ret, &err) == ERR_OK)
		return true;
	reply_error(request, &err, false);
	return false;
}

static enum error_code wrong(const char *name, const char *wanted, struct error *err)
{
	return error_set(err, ERR_INVALID, "%s must be %s", name, wanted);
}

static const json_t *get(const json_t *body, const char *name)
{
	const json_t *value = json_object_get(body, name);

	return json_is_null(value) ? NULL : value;
}

enum error_code params_text(const json_t *body, const char *name, struct text_span *ret, struct error *err)
{
	const json_t *value = get(body, name);

	*ret = (struct text_span){ .at = "" };
	if (!value)
		return ERR_OK;
	if (!json_is_string(value))
		return wrong(name, "a text", err);
	*ret = (struct text_span){ .at = json_string_value(value), .len = (uint32_t)json_string_length(value) };
	return ERR_OK;
}

static struct text_span trimmed(const char *at, const char *end)
{
	while (at < end && *at == ' ')
		at++;
	while (at < end && end[-1] == ' ')
		end--;
	return (struct text_span){ .at = at, .len = (uint32_t)(end - at) };
}

/* The pieces between commas; ret NULL: only counts. */
static size_t split(const char *text, size_t len, struct text_span *ret)
{
	const char *end = text + len;
	size_t count = 0;

	while (text < end) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		struct text_span piece = trimmed(text, comma ? comma : end);

		if (piece.len > 0) {
			if (ret)
				ret[count] = piece;
			count++;
		}
		text = comma ? comma + 1 : end;
	}
	return count;
}

static bool take_elements(const json_t *array, struct text_span *ret)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *element = json_array_get(array, i);

		if (!json_is_string(element))
			return false;
		ret[i] = (struct text_span){ .at = json_string_value(element), .len = (uint32_t)json_string_length(element) };
	}
	return true;
}

enum error_code params_list(const json_t *body, const char *name, size_t max, struct text_span **ret, size_t *ret_len,
			    struct error *err)
{
	const json_t *value = get(body, name);
	bool is_text = json_is_string(value);
	size_t len;

	*ret = NULL;
	*ret_len = 0;
	if (!value)
		return ERR_OK;
	if (!is_text && !json_is_array(value))
		return wrong(name, "a list of texts, or one text with commas", err);
	len = is_text ? split(json_string_value(value), json_string_length(value), NULL) : json_array_size(value);
	if (len > max)
		return error_set(err, ERR_INVALID, "%s holds more than %zu elements", name, max);
	if (len == 0)
		return ERR_OK;
	*ret = calloc(len, sizeof(**ret));
	if (!*ret)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a request");
	*ret_len = len;
	if (is_text)
		(void)split(json_string_value(value), json_string_length(value), *ret);
	else if (!take_elements(value, *ret))
		return wrong(name, "a list of texts, or one text with commas", err);
	return ERR_OK;
}

enum error_code params_map(const json_t *body, const char *name, size_t max, struct text_pair **ret, size_t *ret_len,
			   struct error *err)
{
	json_t *object = json_object_get(body, name), *value;
	const char *key;
	size_t i = 0;

	*ret = NULL;
	*ret_len = 0;
	if (!object || json_is_null(object))
		return ERR_OK;
	if (!json_is_object(object))
		return wrong(name, "an object of texts", err);
	if (json_object_size(object) > max)
		return error_set(err, ERR_INVALID, "%s has more than %zu members", name, max);
	if (json_object_size(object) == 0)
		return ERR_OK;
	*ret = calloc(json_object_size(object), sizeof(**ret));
	if (!*ret)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a request");
	*ret_len = json_object_size(object);
	json_object_foreach(object, key, value) {
		if (!json_is_string(value))
			return wrong(name, "an object of texts", err);
		(*ret)[i++] = (struct text_pair){
			.key = { .at = key, .len = (uint32_t)strlen(key) },
			.value = { .at = json_string_value(value), .len = (uint32_t)json_string_length(value) },
		};
	}
	return ERR_OK;
}
