/* What a compiled type asks for, as text: the schema's own words. */
#include <string.h>

#include "schema/type_row.h"

static void append_text(struct secret_buf *out, const struct text *text)
{
	secret_buf_append(out, text->at, text->len);
}

static void append_texts(struct secret_buf *out, const struct text *texts, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		secret_buf_append_text(out, i > 0 ? ", " : "");
		append_text(out, &texts[i]);
	}
}

static void append_pattern(struct secret_buf *out, const struct schema_type *type)
{
	secret_buf_append_char(out, '/');
	secret_buf_append(out, type->pattern.at, type->pattern.len);
	secret_buf_append_char(out, '/');
	if (type->flags.len > 0)
		secret_buf_append(out, type->flags.at, type->flags.len);
}

/* Appends nothing when the argument is not given, or is not looked at. */
static void append_argument(struct secret_buf *out, const struct schema_type *type, const struct argument_row *row)
{
	const char *field = (const char *)type + row->offset;
	const struct text *text = (const void *)field;
	const struct bound *bound = (const void *)field;
	const struct time_bound *time_bound = (const void *)field;

	switch (row->kind) {
	case ARGUMENT_NUMBER:
	case ARGUMENT_COUNT:
		secret_buf_append_text(out, bound->set ? bound->text : "");
		return;
	case ARGUMENT_TIME:
		secret_buf_append_text(out, time_bound->set ? time_bound->text : "");
		return;
	case ARGUMENT_BOOL:
		secret_buf_append_text(out, *(const bool *)(const void *)field ? "true" : "");
		return;
	case ARGUMENT_TEXT:
		if (text->at)
			append_text(out, text);
		return;
	case ARGUMENT_TEXTS:
		append_texts(out, *(struct text *const *)(const void *)field,
			     *(const size_t *)(const void *)((const char *)type + row->len_offset));
		return;
	case ARGUMENT_REGEX:
		if (type->matches)
			append_pattern(out, type);
		return;
	case ARGUMENT_TYPE:
		if (*(struct schema_type *const *)(const void *)field)
			schema_type_write(*(struct schema_type *const *)(const void *)field, out);
		return;
	}
}

struct description {
	schema_type_tell *tell;
	void *arg;
	struct secret_buf *value;	/* of one argument */
};

static void tell(const struct description *description, const char *name)
{
	if (secret_buf_len(description->value) > 0)
		description->tell(description->arg, name,
				  (struct span){ secret_buf_text(description->value), secret_buf_len(description->value) });
	secret_buf_reset(description->value);
}

static void describe(const struct schema_type *type, const struct description *description)
{
	for (size_t i = 0; i < type->members_len; i++) {
		append_text(description->value, &type->members[i]);
		tell(description, "member");
	}
	if (type->inner)
		schema_type_write(type->inner, description->value);
	tell(description, "of");
	if (type->row->positional == POSITIONAL_LENGTH && type->is_len.set)
		secret_buf_append_text(description->value, type->is_len.text);
	tell(description, "length");
	for (size_t i = 0; i < type->row->arguments_len; i++) {
		append_argument(description->value, type, &type->row->arguments[i]);
		tell(description, type->row->arguments[i].name);
	}
	secret_buf_append_text(description->value, type->unresolved ? "some" : "");
	tell(description, "not known");
}

void schema_type_describe(const struct schema_type *type, schema_type_tell *tell_one, void *arg)
{
	cleanup_(secret_buf_freep) struct secret_buf *value = secret_buf_new(SCHEMA_TYPE_TEXT_MAX);
	const struct description description = { tell_one, arg, value };

	if (value)
		describe(type, &description);
}

struct writing {
	struct secret_buf *out;
	bool open;
};

static void write_one(void *arg, const char *name, struct span value)
{
	static const char *const bare[] = { "member", "of", "length" };
	struct writing *writing = arg;
	bool is_bare = false;

	for (size_t i = 0; i < ARRAY_LEN(bare); i++)
		is_bare = is_bare || strcmp(name, bare[i]) == 0;
	secret_buf_append_text(writing->out, writing->open ? ", " : "(");
	writing->open = true;
	if (strcmp(name, "not known") == 0) {
		secret_buf_append_text(writing->out, "...");
		return;
	}
	if (!is_bare) {
		secret_buf_append_text(writing->out, name);
		secret_buf_append_char(writing->out, '=');
	}
	secret_buf_append(writing->out, value.at, value.len);
}

void schema_type_write(const struct schema_type *type, struct secret_buf *out)
{
	struct writing writing = { .out = out };

	secret_buf_append_text(out, schema_type_name(type));
	schema_type_describe(type, write_one, &writing);
	secret_buf_append_text(out, writing.open ? ")" : "");
}
