#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/type_row.h"
#include "vault/limits.h"

static void *field(struct schema_type *type, size_t offset)
{
	return (char *)type + offset;
}

static bool named(struct span text, const char *name)
{
	return text.len == strlen(name) && memcmp(text.at, name, text.len) == 0;
}

/* What is never looked at: the argument does not count. */
static bool is_unresolved(const struct node *node)
{
	return node->kind == NODE_REFERENCE || node->kind == NODE_UNRESOLVED || (node->kind == NODE_CALL && !named(node->text, "regex"));
}

static enum error_code copy_text(struct span from, struct text *ret, struct error *err)
{
	char *at = malloc(from.len + 1);

	if (!at)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (from.len > 0)
		memcpy(at, from.at, from.len);
	at[from.len] = '\0';
	free(ret->at);
	*ret = (struct text){ at, from.len };
	return ERR_OK;
}

static void copy_cut(char *ret, size_t size, struct span from)
{
	size_t len = from.len < size ? from.len : size - 1;

	memcpy(ret, from.at, len);
	ret[len] = '\0';
}

static enum error_code read_number(const struct argument_row *row, const struct node *node, struct bound *ret,
				   struct error *err)
{
	double value;

	if (node->kind != NODE_TEXT || !number_parse(node->text.at, node->text.len, &value) ||
	    node->text.len >= sizeof(ret->text))
		return error_set(err, ERR_INVALID, "%s must be a number", row->name);
	if (row->kind == ARGUMENT_COUNT && !(value >= 0 && value <= 1e9 && value <= (double)(int64_t)value))
		return error_set(err, ERR_INVALID, "%s must be a whole number from 0 on", row->name);
	ret->set = true;
	ret->value = value;
	copy_cut(ret->text, sizeof(ret->text), node->text);
	return ERR_OK;
}

static enum error_code read_bool(const struct argument_row *row, const struct node *node, bool *ret, struct error *err)
{
	if (node->kind != NODE_TEXT || !(named(node->text, "true") || named(node->text, "false")))
		return error_set(err, ERR_INVALID, "%s must be true or false", row->name);
	*ret = named(node->text, "true");
	return ERR_OK;
}

static enum error_code read_time(const struct argument_row *row, const struct node *node, struct time_bound *ret,
				 struct error *err)
{
	if (node->kind != NODE_TEXT || !duration_text_parse(node->text.at, node->text.len, &ret->ms) ||
	    node->text.len >= sizeof(ret->text))
		return error_set(err, ERR_INVALID, "%s must be a duration such as 30s, 5m or 1h", row->name);
	ret->set = true;
	copy_cut(ret->text, sizeof(ret->text), node->text);
	return ERR_OK;
}

/* allowedDomains=[a, b], or one word for one. */
static enum error_code read_texts(struct schema_type *type, const struct argument_row *row, const struct node *node,
				  struct error *err)
{
	struct text **texts = field(type, row->offset);
	size_t *texts_len = field(type, row->len_offset);
	const struct node *items = node->kind == NODE_LIST ? node->items : node;
	size_t len = node->kind == NODE_LIST ? node->items_len : 1;
	enum error_code code = ERR_OK;

	if (len == 0 || len > LIMIT_TYPE_MEMBERS)
		return error_set(err, ERR_INVALID, "%s must be a list of 1 to %d texts", row->name, LIMIT_TYPE_MEMBERS);
	*texts = calloc(len, sizeof(**texts));
	if (!*texts)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < len && code == ERR_OK; i++) {
		if (items[i].kind != NODE_TEXT || items[i].text.len == 0 || memchr(items[i].text.at, ',', items[i].text.len))
			return error_set(err, ERR_INVALID, "%s must be a list of texts: %s=[a, b]", row->name, row->name);
		code = copy_text(items[i].text, &(*texts)[i], err);
		*texts_len += code == ERR_OK;
	}
	return code;
}

/* /pattern/flags, regex("pattern", "flags"), or a text that is one of the first or the pattern alone. */
static enum error_code read_regex(const struct node *node, struct schema_type *type, struct error *err)
{
	struct span pattern = node->text, flags = node->flags;
	const struct node *arguments = node->items;

	if (node->kind == NODE_CALL) {
		if (node->items_len < 1 || node->items_len > 2 || arguments[0].kind != NODE_TEXT ||
		    arguments[node->items_len - 1].kind != NODE_TEXT)
			return error_set(err, ERR_INVALID, "write regex(\"pattern\") or regex(\"pattern\", \"flags\")");
		pattern = arguments[0].text;
		flags = node->items_len > 1 ? arguments[1].text : (struct span){ "", 0 };
	} else if (node->kind == NODE_TEXT) {
		const char *slash = pattern.len > 2 && pattern.at[0] == '/' ? memrchr(pattern.at + 1, '/', pattern.len - 1) : NULL;
		const char *end = pattern.at + pattern.len;
		bool only_flags = slash && slash > pattern.at + 1;

		for (const char *at = slash; only_flags && ++at < end;)
			only_flags = memchr("dgimsuvy", *at, 8) != NULL;
		flags = only_flags ? (struct span){ slash + 1, (size_t)(end - slash - 1) } : (struct span){ "", 0 };
		if (only_flags)
			pattern = (struct span){ pattern.at + 1, (size_t)(slash - pattern.at - 1) };
	} else if (node->kind != NODE_REGEX) {
		return error_set(err, ERR_INVALID, "matches must be a regular expression: matches=/.../");
	}
	type->pattern = pattern;
	type->flags = flags;
	return schema_regex_compile(pattern.at, pattern.len, flags.at, flags.len, &type->matches, err);
}

static enum error_code read_value(struct schema_type *type, const struct argument_row *row, const struct node *node,
				  bool own, unsigned depth, struct error *err)
{
	switch (row->kind) {
	case ARGUMENT_NUMBER:
	case ARGUMENT_COUNT:
		return read_number(row, node, field(type, row->offset), err);
	case ARGUMENT_BOOL:
		return read_bool(row, node, field(type, row->offset), err);
	case ARGUMENT_TEXT:
		if (node->kind != NODE_TEXT)
			return error_set(err, ERR_INVALID, "%s must be a text", row->name);
		return copy_text(node->text, field(type, row->offset), err);
	case ARGUMENT_TEXTS:
		return read_texts(type, row, node, err);
	case ARGUMENT_REGEX:
		return read_regex(node, type, err);
	case ARGUMENT_TYPE:
		return type_compile_at(node, own, depth + 1, field(type, row->offset), err);
	case ARGUMENT_TIME:
		return read_time(row, node, field(type, row->offset), err);
	}
	return error_set(err, ERR_INTERNAL, "no such kind of argument");
}

static const struct argument_row *find_argument(const struct type_row *row, struct span name)
{
	for (size_t i = 0; i < row->arguments_len; i++)
		if (named(name, row->arguments[i].name))
			return &row->arguments[i];
	return NULL;
}

static enum error_code unknown_argument(const struct type_row *row, struct error *err)
{
	char list[256] = "none";
	size_t at = 0;

	for (size_t i = 0; i < row->arguments_len && at < sizeof(list); i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", i == 0 ? "" : ", ", row->arguments[i].name);
	return error_set(err, ERR_INVALID, "%s has no such argument; it has: %s", row->name, list);
}

static enum error_code read_named(struct schema_type *type, const struct node *node, bool own, unsigned depth,
				  bool *seen, struct error *err)
{
	const struct argument_row *row = find_argument(type->row, node->key);

	if (!row)
		return unknown_argument(type->row, err);
	if (seen[row - type->row->arguments])
		return error_set(err, ERR_INVALID, "%s stands there twice", row->name);
	seen[row - type->row->arguments] = true;
	if (row->kind != ARGUMENT_TYPE && is_unresolved(node))
		return ERR_OK;
	return read_value(type, row, node, own, depth, err);
}

static enum error_code read_member(struct schema_type *type, const struct node *node, size_t room, struct error *err)
{
	enum error_code code;

	if (is_unresolved(node)) {
		type->unresolved = true;
		return ERR_OK;
	}
	if (node->kind != NODE_TEXT)
		return error_set(err, ERR_INVALID, "the members of %s must be plain texts", type->row->name);
	if (room > LIMIT_TYPE_MEMBERS)
		return error_set(err, ERR_INVALID, "%s has more than %d members", type->row->name, LIMIT_TYPE_MEMBERS);
	if (!type->members)
		type->members = calloc(room, sizeof(*type->members));
	if (!type->members)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	code = copy_text(node->text, &type->members[type->members_len], err);
	type->members_len += code == ERR_OK;
	return code;
}

static enum error_code read_positional(struct schema_type *type, const struct node *node, size_t room, bool own,
				       unsigned depth, struct error *err)
{
	static const struct argument_row length = { .name = "the length", .kind = ARGUMENT_COUNT };

	switch (type->row->positional) {
	case POSITIONAL_MEMBERS:
		return read_member(type, node, room, err);
	case POSITIONAL_INNER:
		if (type->inner)
			return error_set(err, ERR_INVALID, "%s takes one type; a fixed set of values is %s(enum(a, b))",
					 type->row->name, type->row->name);
		return type_compile_at(node, own, depth + 1, &type->inner, err);
	case POSITIONAL_LENGTH:
		if (type->is_len.set)
			return error_set(err, ERR_INVALID, "%s takes one length", type->row->name);
		return read_number(&length, node, &type->is_len, err);
	case POSITIONAL_NONE:
		break;
	}
	return type->row->arguments_len == 0 ?
		       error_set(err, ERR_INVALID, "%s takes no arguments", type->row->name) :
		       error_set(err, ERR_INVALID, "each argument of %s has a name: %s(%s=...)", type->row->name,
				 type->row->name, type->row->arguments[0].name);
}

static bool one_of(const struct text *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text->at, *words) == 0)
			return true;
	return false;
}

/* What no single argument shows. */
static enum error_code check_together(const struct schema_type *type, struct error *err)
{
	static const char *const formats[] = { "separator", "json", NULL };
	static const char *const units[] = { "ms", "seconds", "minutes", "hours", "days", "weeks", NULL };

	if (type->row->judge == judge_enum && type->members_len == 0 && !type->unresolved)
		return error_set(err, ERR_INVALID, "enum needs its members: enum(a, b)");
	if (type->format.at && !one_of(&type->format, formats))
		return error_set(err, ERR_INVALID, "format must be separator or json");
	if (type->output.at && !one_of(&type->output, units))
		return error_set(err, ERR_INVALID, "output must be ms, seconds, minutes, hours, days or weeks");
	if (type->separator.at && type->separator.len == 0)
		return error_set(err, ERR_INVALID, "separator must not be empty");
	if (type->version.set && strcmp(type->version.text, "4") != 0 && strcmp(type->version.text, "6") != 0)
		return error_set(err, ERR_INVALID, "version must be 4 or 6");
	if (type->precision.set && type->precision.value > 15)
		return error_set(err, ERR_INVALID, "precision must be at most 15");
	if (type->divisor.set && !(type->divisor.value > 0 || type->divisor.value < 0))
		return error_set(err, ERR_INVALID, "isDivisibleBy must not be 0");
	if ((type->min.set && type->max.set && type->min.value > type->max.value) ||
	    (type->min_len.set && type->max_len.set && type->min_len.value > type->max_len.value) ||
	    (type->min_time.set && type->max_time.set && type->min_time.ms > type->max_time.ms))
		return error_set(err, ERR_INVALID, "the least is more than the most");
	return ERR_OK;
}

enum error_code type_arguments_read(struct schema_type *type, const struct node *call, bool own, unsigned depth,
				    struct error *err)
{
	bool seen[16] = { false };
	enum error_code code = ERR_OK;

	if (call->kind == NODE_CALL) {
		for (size_t i = 0; i < call->items_len && code == ERR_OK; i++)
			code = call->items[i].key.len > 0 ?
				       read_named(type, &call->items[i], own, depth, seen, err) :
				       read_positional(type, &call->items[i], call->items_len, own, depth, err);
	}
	return code == ERR_OK ? check_together(type, err) : code;
}
