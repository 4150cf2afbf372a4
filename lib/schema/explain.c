/* What is known of a variable, and why, as JSON. Only the schema's own text is shown. */
#include <stdio.h>
#include <string.h>

#include "schema/read.h"
#include "schema/types.h"
#include "vault/clock.h"
#include "vault/json_emit.h"
#include "vault/schema.h"

struct explanation {
	const struct schema *schema;
	const struct item *item;
	struct secret_buf *out;
	bool first;	/* of the facts */
};

static void emit_span(struct secret_buf *out, struct span span)
{
	json_emit_string(out, span.len > 0 ? span.at : "", span.len);
}

static void emit_member(struct secret_buf *out, const char *name)
{
	json_emit_raw(out, ",");
	json_emit_key(out, name);
}

static void emit_text_member(struct secret_buf *out, const char *name, struct span text)
{
	if (text.len == 0)
		return;
	emit_member(out, name);
	emit_span(out, text);
}

static void emit_list_member(struct secret_buf *out, const char *name, const struct span *list, size_t len)
{
	if (len == 0)
		return;
	emit_member(out, name);
	for (size_t i = 0; i < len; i++) {
		json_emit_raw(out, i == 0 ? "[" : ",");
		emit_span(out, list[i]);
	}
	json_emit_raw(out, "]");
}

/* -- facts -------------------------------------------------------------------- */

static void fact_head(struct explanation *to, const char *fact)
{
	json_emit_raw(to->out, to->first ? "{" : ",{");
	to->first = false;
	json_emit_key(to->out, "fact");
	json_emit_cstring(to->out, fact);
	emit_member(to->out, "value");
}

static void fact_tail(struct explanation *to, const struct said *said, const char *why)
{
	emit_member(to->out, "layer");
	json_emit_cstring(to->out, said->layer == LAYER_NONE ? "default" : schema_layer_name(said->layer));
	if (said->line > 0) {
		emit_member(to->out, "line");
		json_emit_uint(to->out, said->line);
	}
	emit_member(to->out, "why");
	json_emit_cstring(to->out, why);
	json_emit_raw(to->out, "}");
}

static void fact_span(struct explanation *to, const char *fact, struct span value, const struct said *said, const char *why)
{
	if (said->layer == LAYER_NONE)
		return;
	fact_head(to, fact);
	emit_span(to->out, value);
	fact_tail(to, said, why);
}

static void fact_word(struct explanation *to, const char *fact, const char *value, const struct said *said, const char *why)
{
	fact_head(to, fact);
	json_emit_cstring(to->out, value);
	fact_tail(to, said, why);
}

/* -- required --------------------------------------------------------------------- */

struct verdict {
	const char *value;	/* "yes", "no", "wanted" (missing is a warning), "depends" */
	struct said said;
	const char *why;
};

static struct verdict verdict_by_condition(const struct item *item)
{
	const bool plain = item->required_said.layer == LAYER_PLAIN;
	struct verdict verdict = { "depends", item->required_said, "a condition of the decorator" };

	if (item->required.kind == CONDITION_UNKNOWN) {
		verdict.value = "no";
		verdict.why = plain ? "a comment names a condition that only people can tell" : "its condition cannot be told";
	}
	if (item->required.kind != CONDITION_CONSTANT)
		return verdict;
	verdict.value = item->required.constant ? "yes" : "no";
	verdict.why = plain ? "a word of its comment" : "a decorator";
	return verdict;
}

static struct verdict verdict_by_plain(const struct item *item)
{
	const struct said said = said_where(LAYER_PLAIN, item->line, item->column);

	if (item->commented_out)
		return (struct verdict){ "no", said, "the assignment is commented out" };
	if (!item->has_value)
		return (struct verdict){ "yes", said, "the schema gives it no value" };
	if (item->is_placeholder)
		return (struct verdict){ "yes", said, "the schema's value is a placeholder" };
	return (struct verdict){ "wanted", said, "the schema gives an example or default" };
}

static struct verdict tell_required(const struct schema *schema, const struct item *item)
{
	const struct said *head = &schema->required_default_said;

	if (item->required_said.layer != LAYER_NONE)
		return verdict_by_condition(item);
	if (item->commented_out)
		return verdict_by_plain(item);
	switch (schema->required_default) {
	case REQUIRED_PLAIN:
		return verdict_by_plain(item);
	case REQUIRED_TRUE:
		return (struct verdict){ "yes", *head, "@defaultRequired" };
	case REQUIRED_FALSE:
		return (struct verdict){ "no", *head, "@defaultRequired=false" };
	case REQUIRED_INFER:
		return item->has_value ? (struct verdict){ "yes", *head, "@defaultRequired=infer, and it has a value" } :
					 (struct verdict){ "no", *head, "@defaultRequired=infer, and it has no value" };
	}
	return verdict_by_plain(item);
}

/* The line, as it stands in the schema, without blanks and # before it. The reader has made line feeds of all line ends. */
static struct span line_of(const struct schema *schema, unsigned number)
{
	const char *at = schema->texts, *end = schema->texts + schema->texts_len, *feed;

	while ((feed = memchr(at, '\n', (size_t)(end - at))) && number-- > 1)
		at = feed + 1;
	while (at < end && is_one_of(*at, "# \t"))
		at++;
	return (struct span){ at, (size_t)((feed ? feed : end) - at) };
}

/* What it depends on is best told by what was written. */
static void emit_condition_fact(struct explanation *to)
{
	const struct item *item = to->item;

	if (item->required_said.layer != LAYER_ENV_SPEC || item->required.kind == CONDITION_CONSTANT)
		return;
	fact_span(to, "condition", line_of(to->schema, item->required_said.line), &item->required_said, "the line that says so");
}

/* -- sensitive --------------------------------------------------------------------- */

static const char *why_sensitive(const struct schema *schema, const struct item *item)
{
	if (item->sensitive_said.layer == LAYER_ENV_SPEC)
		return item->sensitive ? "@sensitive" : "@public, or @sensitive=false";
	if (item->sensitive_said.layer == LAYER_PLAIN)
		return item->sensitive_said.line == item->line && item->sensitive_said.column == item->column ?
			       "its name is that of a secret" : "a word of its comment";
	if (schema->sensitive_default_said.layer == LAYER_NONE)
		return "everything is, unless the schema says otherwise";
	return schema->public_prefix.len > 0 ? "@defaultSensitive=inferFromPrefix" : "@defaultSensitive";
}

static void fact_sensitive(struct explanation *to, bool sensitive)
{
	const struct item *item = to->item;

	fact_word(to, "sensitive", sensitive ? "yes" : "no",
		  item->sensitive_said.layer != LAYER_NONE ? &item->sensitive_said : &to->schema->sensitive_default_said,
		  why_sensitive(to->schema, item));
}

/* -- the type ------------------------------------------------------------------------- */

static const char *why_type(const struct item *item)
{
	if (item->type_said.layer == LAYER_PLAIN)
		return item->type_said.line == item->line && item->type_said.column == item->column ?
			       "its name or value looks like one" : "a word of its comment";
	return item->type_said.layer == LAYER_OWN ? "type= of a \"# vaultd:\" comment" : "@type";
}

static void fact_of_type(void *arg, const char *name, struct span value)
{
	struct explanation *to = arg;

	fact_span(to, name, value, &to->item->type_said, why_type(to->item));
}

static void emit_type_facts(struct explanation *to)
{
	const struct item *item = to->item;
	static const struct said nobody = { LAYER_NONE, 0, 0 };

	if (!item->type) {
		fact_word(to, "type", "string", &nobody, "nothing says otherwise");
		return;
	}
	fact_word(to, "type", schema_type_name(item->type), &item->type_said, why_type(item));
	schema_type_describe(item->type, fact_of_type, to);
}

/* "enum(a, b)" when the name alone does not say all. */
static void emit_type_text(struct secret_buf *out, const struct schema_type *type)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(SCHEMA_TYPE_TEXT_MAX);

	if (!text || !type)
		return;
	schema_type_write(type, text);
	if (!secret_buf_ok(text) || secret_buf_len(text) == strlen(schema_type_name(type)))
		return;
	emit_member(out, "type_text");
	json_emit_string(out, secret_buf_text(text), secret_buf_len(text));
}

/* -- our own ------------------------------------------------------------------------- */

static void emit_own_member(struct secret_buf *out, const char *name, bool *first)
{
	json_emit_raw(out, *first ? "" : ",");
	*first = false;
	json_emit_key(out, name);
}

static void emit_own_time(struct secret_buf *out, const char *name, int64_t seconds, bool *first)
{
	if (seconds == 0)
		return;
	emit_own_member(out, name, first);
	json_emit_int(out, seconds);
}

static void emit_own(struct secret_buf *out, const struct own_facts *own)
{
	bool first = true;

	json_emit_raw(out, "{");
	emit_own_time(out, "rotate_seconds", own->rotate_s, &first);
	emit_own_time(out, "grace_seconds", own->grace_s, &first);
	emit_own_time(out, "min_entropy", own->min_entropy, &first);
	if (own->owner.len > 0) {
		emit_own_member(out, "owner", &first);
		emit_span(out, own->owner);
	}
	if (own->notify.len > 0) {
		emit_own_member(out, "notify", &first);
		emit_span(out, own->notify);
	}
	if (own->unique) {
		emit_own_member(out, "unique", &first);
		json_emit_cstring(out, "env");
	}
	if (own->immutable) {
		emit_own_member(out, "immutable", &first);
		json_emit_bool(out, true);
	}
	json_emit_raw(out, "}");
}

/* -- all of it ------------------------------------------------------------------------- */

static const char *why_spoken(const struct said *said, const char *decorator)
{
	return said->layer == LAYER_PLAIN ? "a word of its comment" : decorator;
}

static void emit_value_fact(struct explanation *to)
{
	const struct item *item = to->item;
	const struct said said = said_where(LAYER_PLAIN, item->line, item->column);

	if (!item->has_value)
		return;
	if (item->computed != COMPUTED_NO)
		fact_span(to, "expression", item->expression, &said,
			  item->computed == COMPUTED_PURE ? "made of other variables, so no default is known" :
							    "would have to be run or fetched, which no schema does");
	else
		fact_span(to, item->is_placeholder ? "placeholder" : "value", item->value, &said,
			  item->is_placeholder ? "looks like one: the real value must differ" : "what stands behind =");
}

static void emit_facts(struct explanation *to, const struct verdict *required, bool sensitive)
{
	const struct item *item = to->item;

	json_emit_raw(to->out, ",\"facts\":[");
	fact_word(to, "required", required->value, &required->said, required->why);
	emit_condition_fact(to);
	fact_sensitive(to, sensitive);
	emit_type_facts(to);
	emit_value_fact(to);
	fact_span(to, "default", item_more(item)->default_text, &item_more(item)->default_said, "a word of its comment");
	fact_span(to, "example", item_more(item)->example, &item_more(item)->example_said, why_spoken(&item_more(item)->example_said, "@example"));
	fact_span(to, "placeholder", item_more(item)->placeholder, &item_more(item)->placeholder_said, "@placeholder");
	fact_span(to, "docs", item_more(item)->docs, &item_more(item)->docs_said, "@docs");
	if (item->is_deprecated)
		fact_span(to, "deprecated", item_more(item)->deprecated, &item_more(item)->deprecated_said, "@deprecated");
	for (size_t i = 0; i < item_more(item)->choices_len; i++)
		fact_span(to, "choice", item_more(item)->choices[i], &item_more(item)->choices_said, "a list in its comment");
	for (size_t i = 0; i < item_more(item)->tags_len; i++)
		fact_span(to, "tag", item_more(item)->tags[i], &item_more(item)->tags_said, "@tag");
	if (item->is_internal)
		fact_word(to, "internal", "yes", &item_more(item)->internal_said, "@internal");
	if (item->own) {
		fact_head(to, "vaultd");
		emit_own(to->out, item->own);
		fact_tail(to, &item->own->said, "a \"# vaultd:\" comment");
	}
	json_emit_raw(to->out, "]");
}

static bool item_is_sensitive(const struct schema *schema, const struct item *item)
{
	if (item->sensitive_said.layer != LAYER_NONE)
		return item->sensitive;
	if (schema->public_prefix.len > 0)
		return item->name.len < schema->public_prefix.len ||
		       memcmp(item->name.at, schema->public_prefix.at, schema->public_prefix.len) != 0;
	return schema->sensitive_default;
}

/* Between the lines of a comment stand decorators and facts of our own, which are told elsewhere. */
static bool is_prose(const char *text, size_t len)
{
	return len > 0 && text[0] != '@' && !text_starts(text, len, "vaultd:");
}

/* The comment lines above it, without their #. */
static void emit_comment(struct secret_buf *out, struct span comment)
{
	cleanup_(secret_buf_freep) struct secret_buf *lines = secret_buf_new(LIMIT_SCHEMA_TEXT);
	const char *at = comment.at, *end;

	if (comment.len == 0 || !lines)
		return;
	end = at + comment.len;
	while (at < end) {
		const char *feed = memchr(at, '\n', (size_t)(end - at)), *stop = feed ? feed : end;

		while (at < stop && is_one_of(*at, "# \t"))
			at++;
		if (is_prose(at, (size_t)(stop - at))) {
			if (secret_buf_len(lines) > 0)
				secret_buf_append_char(lines, '\n');
			secret_buf_append(lines, at, (size_t)(stop - at));
		}
		at = feed ? feed + 1 : end;
	}
	emit_member(out, "comment");
	json_emit_string(out, secret_buf_text(lines), secret_buf_len(lines));
}

static void emit_item(struct explanation *to)
{
	const struct item *item = to->item;
	const struct verdict required = tell_required(to->schema, item);
	const bool sensitive = item_is_sensitive(to->schema, item);
	struct secret_buf *out = to->out;

	json_emit_raw(out, ",\"known\":true");
	emit_member(out, "line");
	json_emit_uint(out, item->line);
	emit_member(out, "required");
	json_emit_cstring(out, required.value);
	emit_member(out, "sensitive");
	json_emit_bool(out, sensitive);
	emit_member(out, "type");
	json_emit_cstring(out, item->type ? schema_type_name(item->type) : "string");
	emit_type_text(out, item->type);
	emit_comment(out, item->comment);
	emit_text_member(out, "example", item_more(item)->example);
	emit_text_member(out, "default", item_more(item)->default_text);
	emit_text_member(out, "docs", item_more(item)->docs);
	emit_list_member(out, "choices", item_more(item)->choices, item_more(item)->choices_len);
	emit_list_member(out, "tags", item_more(item)->tags, item_more(item)->tags_len);
	if (item->is_deprecated) {
		emit_member(out, "deprecated");
		emit_span(out, item_more(item)->deprecated);
	}
	emit_text_member(out, "placeholder", item->is_placeholder ? item->value : item_more(item)->placeholder);
	if (item->own) {
		emit_member(out, "vaultd");
		emit_own(out, item->own);
	}
	emit_facts(to, &required, sensitive);
}

enum error_code schema_explain(const struct schema_part *parts, size_t parts_len, const char *name, size_t name_len,
			       struct secret_buf *out, struct error *err)
{
	const struct schema_part *part = NULL;
	struct explanation to = { .out = out, .first = true };

	for (size_t i = 0; i < parts_len; i++) {
		const struct item *item = schema_find(parts[i].schema, name, name_len);

		if (item) {
			part = &parts[i];
			to.item = item;
		}
	}
	json_emit_raw(out, "{\"name\":");
	json_emit_string(out, name, name_len);
	if (part && part->origin) {
		emit_member(out, "origin");
		json_emit_cstring(out, part->origin);
	}
	if (part) {
		to.schema = part->schema;
		emit_item(&to);
	} else {
		json_emit_raw(out, ",\"known\":false,\"sensitive\":true,\"facts\":[]");
	}
	json_emit_raw(out, "}");
	return secret_buf_check(out, "an explanation", err);
}
