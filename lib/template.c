#include "vault/template.h"

#include <sodium.h>
#include <string.h>

#include "vault/json_emit.h"
#include "vault/names.h"

/* -- reading ------------------------------------------------------------- */

static const struct filter_row {
	const char *name;
	enum template_filter filter;
} filter_rows[] = {
	{ "urlencode", TEMPLATE_URLENCODE },
	{ "base64", TEMPLATE_BASE64 },
	{ "json", TEMPLATE_JSON },
};

/* How many dollar signs stand at the place, when a brace follows them; else 0. */
static size_t dollars_before_brace(const char *text, size_t len, size_t at, size_t *ret_run)
{
	size_t end = at;

	while (end < len && text[end] == '$')
		end++;
	*ret_run = end - at;
	return end < len && text[end] == '{' ? end - at : 0;
}

/* Where the text that stands for itself ends: at dollar signs before a brace, or at the end. */
static size_t literal_end(const char *text, size_t len, size_t at)
{
	while (at < len) {
		const char *dollar = memchr(text + at, '$', len - at);
		size_t run;

		if (!dollar)
			return len;
		at = (size_t)(dollar - text);
		if (dollars_before_brace(text, len, at, &run) > 0)
			return at;
		at += run;
	}
	return len;
}

static enum error_code wrong(size_t at, const char *what, struct error *err)
{
	return error_set(err, ERR_INVALID, "the reference at byte %zu %s", at, what);
}

static bool add_filter(struct template_piece *piece, const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(filter_rows); i++) {
		if (strlen(filter_rows[i].name) != len || memcmp(filter_rows[i].name, name, len) != 0)
			continue;
		piece->filters[piece->filters_len++] = filter_rows[i].filter;
		return true;
	}
	return false;
}

/* "|urlencode|base64": what stands behind the name. */
static enum error_code read_filters(struct template_piece *piece, const char *text, const char *end, size_t at,
				    struct error *err)
{
	while (text < end) {
		const char *name = text + 1, *stop = memchr(name, '|', (size_t)(end - name));

		if (!stop)
			stop = end;
		if (piece->filters_len == LIMIT_TEMPLATE_FILTERS)
			return wrong(at, "has too many filters", err);
		if (!add_filter(piece, name, (size_t)(stop - name)))
			return wrong(at, "has a filter that is none of urlencode, base64, json", err);
		text = stop;
	}
	return ERR_OK;
}

static enum error_code read_environment(struct template_piece *piece, const char *text, const char *colon, size_t at,
					struct error *err)
{
	struct error ignored = ERROR_INIT;
	struct env_path path;

	piece->environment = text;
	piece->environment_len = (size_t)(colon - text);
	if (env_path_parse(piece->environment, piece->environment_len, &path, &ignored) != ERR_OK)
		return wrong(at, "does not begin with the path of an environment before its colon", err);
	return ERR_OK;
}

/* at: the dollar sign. */
static enum error_code read_reference(const char *text, size_t len, size_t at, struct template_piece *piece,
				      size_t *ret_end, struct error *err)
{
	const char *begin = text + at + 2, *end = memchr(begin, '}', len - at - 2), *bar, *colon;

	if (!end)
		return wrong(at, "is not closed: a '}' is missing, or write $${ for the two characters themselves", err);
	bar = memchr(begin, '|', (size_t)(end - begin));
	if (!bar)
		bar = end;
	colon = memchr(begin, ':', (size_t)(bar - begin));
	if (colon && read_environment(piece, begin, colon, at, err) != ERR_OK)
		return err->code;
	piece->is_reference = true;
	piece->name = colon ? colon + 1 : begin;
	piece->name_len = (size_t)(bar - piece->name);
	if (piece->name_len > LIMIT_VARIABLE_NAME_LEN || !variable_name_is_portable(piece->name, piece->name_len))
		return wrong(at,
			     "does not hold a variable's name: ${NAME}, ${environment:NAME} or ${NAME|filter}, and "
			     "nothing else",
			     err);
	*ret_end = (size_t)(end + 1 - text);
	return read_filters(piece, bar, end, at, err);
}

enum error_code template_next(const char *text, size_t len, size_t *cursor, struct template_piece *ret, bool *ret_more,
			      struct error *err)
{
	size_t at = *cursor, run, dollars;

	*ret = (struct template_piece){ .text = text + at };
	*ret_more = at < len;
	if (at == len)
		return ERR_OK;
	dollars = dollars_before_brace(text, len, at, &run);
	if (dollars == 1)
		return read_reference(text, len, at, ret, cursor, err);
	if (dollars == 0) {
		*cursor = literal_end(text, len, at);
		ret->text_len = *cursor - at;
		return ERR_OK;
	}
	/* Two stand for one. The brace that follows an even number stands for itself; an odd one begins a reference. */
	ret->text_len = dollars / 2;
	*cursor = at + dollars / 2 * 2;
	return ERR_OK;
}

enum error_code template_check(const char *text, size_t len, struct error *err)
{
	struct template_piece piece;
	size_t cursor = 0;
	bool more = true;

	while (more)
		if (template_next(text, len, &cursor, &piece, &more, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

/* -- filters ------------------------------------------------------------- */

static bool is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~';
}

static void append_urlencoded(struct secret_buf *out, const char *text, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		unsigned byte = (unsigned char)text[i];
		char escaped[3] = { '%', digits[byte >> 4], digits[byte & 15] };

		if (is_unreserved(text[i]))
			secret_buf_append_char(out, text[i]);
		else
			secret_buf_append(out, escaped, sizeof(escaped));
	}
}

static void append_base64(struct secret_buf *out, const char *text, size_t len)
{
	size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	char *room = (char *)secret_buf_reserve(out, size);	/* with room for the NUL, which is not part of it */

	if (!room)
		return;
	sodium_bin2base64(room, size, (const unsigned char *)text, len, sodium_base64_VARIANT_ORIGINAL);
	secret_buf_advance(out, size - 1);
}

static void append_filtered(struct secret_buf *out, enum template_filter filter, const char *text, size_t len)
{
	switch (filter) {
	case TEMPLATE_URLENCODE:
		append_urlencoded(out, text, len);
		return;
	case TEMPLATE_BASE64:
		append_base64(out, text, len);
		return;
	case TEMPLATE_JSON:
		json_emit_string(out, text, len);
		return;
	}
}

/* Through all filters; the last one writes into out. */
static enum error_code append_value(struct secret_buf *out, const struct template_piece *reference, const char *value,
				    size_t len, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *former = NULL;

	if (reference->filters_len == 0)
		secret_buf_append(out, value, len);
	for (size_t i = 0; i < reference->filters_len; i++) {
		bool last = i + 1 == reference->filters_len;
		cleanup_(secret_buf_freep) struct secret_buf *next = last ? NULL : secret_buf_new(LIMIT_RESOLVED);

		if (!last && !next)
			return error_set(err, ERR_NO_MEMORY, "no memory is left for a filter");
		append_filtered(last ? out : next, reference->filters[i], value, len);
		if (last)
			break;
		if (secret_buf_check(next, "the result of a filter", err) != ERR_OK)
			return err->code;
		secret_buf_free(former);
		former = take_ptr(next);
		value = secret_buf_text(former);
		len = secret_buf_len(former);
	}
	return ERR_OK;
}

enum error_code template_expand(const char *text, size_t len, template_lookup *lookup, void *arg, struct secret_buf *out,
				struct error *err)
{
	struct template_piece piece;
	const char *value;
	size_t cursor = 0, value_len;
	bool more = true;

	while (more) {
		if (template_next(text, len, &cursor, &piece, &more, err) != ERR_OK)
			return err->code;
		if (!piece.is_reference) {
			secret_buf_append(out, piece.text, piece.text_len);
			continue;
		}
		if (lookup(arg, &piece, &value, &value_len, err) != ERR_OK ||
		    append_value(out, &piece, value, value_len, err) != ERR_OK ||
		    secret_buf_check(out, "the value", err) != ERR_OK)
			return err->code;
	}
	return secret_buf_check(out, "the value", err);
}

void template_escape(struct secret_buf *out, const char *text, size_t len)
{
	size_t at = 0, run;

	while (at < len) {
		size_t dollars = dollars_before_brace(text, len, at, &run);
		size_t end = dollars > 0 ? at + dollars : literal_end(text, len, at);

		secret_buf_append(out, text + at, end - at);
		secret_buf_append(out, text + at, dollars);
		at = end;
	}
}
