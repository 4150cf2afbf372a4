/*
 * Several schemas as one text. Lines are copied as they stand, with the comments that belong to them; what comes of it is read
 * again and compared, so that what cannot be said in one text is refused and never said otherwise.
 */
#include <stdlib.h>
#include <string.h>

#include "schema/read.h"
#include "utf8.h"
#include "vault/json_scan.h"
#include "vault/schema.h"

/* -- a text as lines -------------------------------------------------------------- */

struct lines {
	char *text;	/* malloc'ed: with line feeds alone and without a byte order mark, as the reader has it */
	size_t len;
	size_t *starts;	/* malloc'ed: of each line */
	size_t count;
};

static void lines_free(struct lines *lines)
{
	free(lines->text);
	free(lines->starts);
}

static enum error_code lines_read(const struct schema_text *from, struct lines *ret, struct error *err)
{
	ret->text = malloc(from->len + 1);
	ret->starts = calloc(from->len + 1, sizeof(*ret->starts));
	if (!ret->text || !ret->starts)
		return error_set(err, ERR_NO_MEMORY, "out of memory while schemas were put together");
	for (size_t i = 0; i < from->len; i++)
		if (from->text[i] != '\r' || i + 1 == from->len || from->text[i + 1] != '\n')
			ret->text[ret->len++] = from->text[i] == '\r' ? '\n' : from->text[i];
	if (text_starts(ret->text, ret->len, UTF8_BOM))
		memset(ret->text, ' ', sizeof(UTF8_BOM) - 1);
	for (size_t i = 0; i < ret->len; i++)
		if (i == 0 || ret->text[i - 1] == '\n')
			ret->starts[ret->count++] = i;
	return ERR_OK;
}

/* Of line number, from 1, without its line feed; empty beyond the end. */
static struct span line_at(const struct lines *lines, unsigned number)
{
	size_t start, end;

	if (number == 0 || number > lines->count)
		return (struct span){ "", 0 };
	start = lines->starts[number - 1];
	end = number < lines->count ? lines->starts[number] : lines->len;
	return (struct span){ lines->text + start, end - start - (end > start && lines->text[end - 1] == '\n') };
}

static bool is_decorator_line(struct span line)
{
	line = span_trim(line);
	if (line.len == 0 || line.at[0] != '#')
		return false;
	line = span_trim((struct span){ line.at + 1, line.len - 1 });
	return line.len > 1 && line.at[0] == '@' && is_letter(line.at[1]);
}

/* -- writing ------------------------------------------------------------------------ */

struct joining {
	const struct schema_text *texts;
	size_t len;
	struct secret_buf *out;
};

static const struct schema_text *last_text(const struct joining *joining)
{
	return &joining->texts[joining->len - 1];
}

static void write_line(const struct joining *joining, struct span line)
{
	secret_buf_append(joining->out, line.at, line.len);
	secret_buf_append_char(joining->out, '\n');
}

/* Its @import decorators are left out, but for the number of their lines. */
static void write_last(const struct joining *joining, const struct lines *lines)
{
	const struct schema *schema = last_text(joining)->schema;
	size_t at = 0;

	for (size_t i = 0; i < schema->imports_len; i++) {
		const struct schema_import *import = &schema->imports[i];

		secret_buf_append(joining->out, lines->text + at, import->begin - at);
		for (at = import->begin; at < import->end; at++)
			secret_buf_append_text(joining->out, lines->text[at] == '\n' ? "\n#" : "");
	}
	secret_buf_append(joining->out, lines->text + at, lines->len - at);
	if (lines->len > 0 && lines->text[lines->len - 1] != '\n')
		secret_buf_append_char(joining->out, '\n');
}

/* What the heads of its file and of the last one say of all items, said of this one. */
static void write_defaults(const struct joining *joining, const struct schema *schema, const struct item *item)
{
	const struct schema *last = last_text(joining)->schema;
	const struct schema_part part = { .schema = schema };
	const char *required = "", *sensitive = "";

	if (item->required_said.layer == LAYER_NONE && !item->commented_out &&
	    (schema->required_default != REQUIRED_PLAIN || last->required_default != REQUIRED_PLAIN)) {
		bool value = schema->required_default == REQUIRED_TRUE ||
			     (schema->required_default == REQUIRED_INFER && item->has_value) ||
			     (schema->required_default == REQUIRED_PLAIN && (!item->has_value || item->is_placeholder));

		required = value ? " @required" : " @optional";
	}
	if (item->sensitive_said.layer != LAYER_ENV_SPEC &&
	    (schema->sensitive_default_said.layer != LAYER_NONE || last->sensitive_default_said.layer != LAYER_NONE))
		sensitive = schema_is_sensitive(&part, 1, item->name.at, item->name.len) ? " @sensitive" : " @public";
	if (required[0] == '\0' && sensitive[0] == '\0')
		return;
	secret_buf_append_char(joining->out, '#');
	secret_buf_append_text(joining->out, required);
	secret_buf_append_text(joining->out, sensitive);
	secret_buf_append_char(joining->out, '\n');
}

/* Which lines above an item are its own. A comment above a variable may hold assignments that are commented out: these have the
 * words above them, the variable below has the decorators. */
struct comment_lines {
	unsigned words_from;	/* words before are not the item's */
	bool has_decorators;
};

/* Items stand in order of the text: a variable's commented assignments directly before it. */
static struct comment_lines comment_of(const struct schema *schema, size_t i)
{
	const struct item *item = &schema->items[i];
	struct comment_lines comment = { item->first_line, true };

	if (!item->commented_out) {
		if (i > 0 && schema->items[i - 1].commented_out && schema->items[i - 1].line >= item->first_line)
			comment.words_from = schema->items[i - 1].line + 1;
		return comment;
	}
	while (++i < schema->items_len && schema->items[i].commented_out)
		;
	comment.has_decorators = i == schema->items_len || schema->items[i].first_line > item->line;
	return comment;
}

static void write_item(const struct joining *joining, const struct schema *schema, const struct lines *lines, size_t i)
{
	const struct item *item = &schema->items[i];
	const struct comment_lines comment = comment_of(schema, i);

	secret_buf_append_char(joining->out, '\n');
	for (unsigned number = item->first_line; number < item->line; number++) {
		struct span line = line_at(lines, number);

		if (is_decorator_line(line) ? comment.has_decorators : number >= comment.words_from)
			write_line(joining, line);
	}
	write_defaults(joining, schema, item);
	for (unsigned number = item->line; number <= item->last_line; number++)
		write_line(joining, line_at(lines, number));
}

/* Does a later text have the name as well? */
static bool is_hidden(const struct joining *joining, size_t text, struct span name)
{
	for (size_t i = text + 1; i < joining->len; i++)
		if (schema_find(joining->texts[i].schema, name.at, name.len))
			return true;
	return false;
}

static void write_origin(const struct joining *joining, const char *file)
{
	secret_buf_append_text(joining->out, "\n# from ");
	for (; *file != '\0'; file++)
		secret_buf_append_char(joining->out, *file >= ' ' && *file <= '~' ? *file : '?');
	secret_buf_append_char(joining->out, '\n');
}

static enum error_code write_text(const struct joining *joining, size_t text, struct error *err)
{
	const struct schema_text *from = &joining->texts[text];
	cleanup_(lines_free) struct lines lines = { .len = 0 };
	enum error_code rc = lines_read(from, &lines, err);
	bool wrote = false;

	if (rc != ERR_OK)
		return rc;
	if (text + 1 == joining->len) {
		write_last(joining, &lines);
		return ERR_OK;
	}
	for (size_t i = 0; i < from->schema->items_len; i++) {
		if (is_hidden(joining, text, from->schema->items[i].name))
			continue;
		if (!wrote)
			write_origin(joining, from->file);
		wrote = true;
		write_item(joining, from->schema, &lines, i);
	}
	return ERR_OK;
}

/* -- whether it says the same ---------------------------------------------------------- */

static bool spans_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static enum error_code explain(const struct schema *schema, struct span name, struct secret_buf *out, struct json_value *ret,
			       struct error *err)
{
	const struct schema_part part = { .schema = schema };
	enum error_code rc;

	secret_buf_reset(out);
	rc = schema_explain(&part, 1, name.at, name.len, out, err);
	return rc == ERR_OK ? json_scan(secret_buf_text(out), secret_buf_len(out), ret, err) : rc;
}

static bool same_member(const struct json_value *a, const struct json_value *b, const char *name)
{
	struct json_value left, right;
	bool has_left = json_find(a, name, &left), has_right = json_find(b, name, &right);

	return has_left == has_right && (!has_left || spans_equal((struct span){ left.raw.at, left.raw.len },
								  (struct span){ right.raw.at, right.raw.len }));
}

static bool is_required_as(const struct json_value *explained, const char *word)
{
	struct json_value required;

	return json_find(explained, "required", &required) &&
	       spans_equal((struct span){ required.raw.at, required.raw.len }, (struct span){ word, strlen(word) });
}

/* Sixteen brackets deep, as the reader has them. */
static bool nodes_equal(const struct node *a, const struct node *b)
{
	bool same = a->kind == b->kind && a->quoted == b->quoted && a->items_len == b->items_len && spans_equal(a->text, b->text) &&
		    spans_equal(a->flags, b->flags) && spans_equal(a->key, b->key);

	for (size_t i = 0; same && i < a->items_len; i++)
		same = nodes_equal(&a->items[i], &b->items[i]);
	return same;
}

static bool conditions_equal(const struct condition *a, const struct condition *b)
{
	if (a->kind != b->kind || a->constant != b->constant || !a->node != !b->node || !a->inner != !b->inner)
		return false;
	return (!a->node || nodes_equal(a->node, b->node)) && (!a->inner || conditions_equal(a->inner, b->inner));
}

/* What is only expected becomes optional where the last head has a default of its own (write_defaults()). */
static bool same_required(const struct item *before, const struct item *after, const struct json_value *told_before,
			  const struct json_value *told_after)
{
	const bool has_condition = before->required_said.layer != LAYER_NONE && before->required.kind != CONDITION_CONSTANT;

	if (is_required_as(told_before, "\"wanted\"") && is_required_as(told_after, "\"no\""))
		return true;
	return same_member(told_before, told_after, "required") && (!has_condition || conditions_equal(&before->required, &after->required));
}

struct comparing {
	const struct joining *joining;
	const struct schema *joined;
	struct secret_buf *before, *after;
};

static enum error_code compare_item(const struct comparing *comparing, const struct schema_text *from, const struct item *item,
				    struct error *err)
{
	static const char *const members[] = { "sensitive", "type", "type_text", "example", "default", "docs", "choices", "tags",
					       "deprecated", "placeholder", "vaultd" };
	const struct item *joined = schema_find(comparing->joined, item->name.at, item->name.len);
	struct json_value before, after;
	enum error_code rc = explain(from->schema, item->name, comparing->before, &before, err);
	bool same = joined && joined->commented_out == item->commented_out && joined->has_value == item->has_value &&
		    joined->computed == item->computed && joined->is_internal == item->is_internal &&
		    spans_equal(joined->value, item->value);

	if (rc == ERR_OK)
		rc = explain(comparing->joined, item->name, comparing->after, &after, err);
	if (rc != ERR_OK)
		return rc;
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		same = same && same_member(&before, &after, members[i]);
	if (same && same_required(item, joined, &before, &after))
		return ERR_OK;
	return error_set(err, ERR_INVALID, "%.48s of %.120s cannot be put into one text with what imports it: write it out there",
			 shown(item->name).text, from->file);
}

static enum error_code compare_heads(const struct comparing *comparing, struct error *err)
{
	const struct schema_text *last = last_text(comparing->joining);
	const struct schema *before = last->schema, *after = comparing->joined;

	if (before->required_default != after->required_default || before->sensitive_default != after->sensitive_default ||
	    before->disabled != after->disabled || !spans_equal(before->public_prefix, after->public_prefix) ||
	    !spans_equal(before->current_env, after->current_env))
		return error_set(err, ERR_INVALID, "the head of %.120s cannot be read without its @import: put that on a line of its own",
				 last->file);
	return ERR_OK;
}

static enum error_code compare_all(const struct comparing *comparing, struct error *err)
{
	const struct joining *joining = comparing->joining;
	enum error_code rc = compare_heads(comparing, err);
	size_t count = 0;

	for (size_t i = 0; i < joining->len; i++) {
		const struct schema *schema = joining->texts[i].schema;

		for (size_t j = 0; rc == ERR_OK && j < schema->items_len; j++) {
			if (is_hidden(joining, i, schema->items[j].name))
				continue;
			count++;
			rc = compare_item(comparing, &joining->texts[i], &schema->items[j], err);
		}
	}
	if (rc == ERR_OK && count != comparing->joined->items_len)
		return error_set(err, ERR_INVALID, "what %.120s imports cannot be put into one text with it: write it out there",
				 last_text(joining)->file);
	return rc;
}

static enum error_code compare(const struct joining *joining, struct error *err)
{
	cleanup_(findings_free) struct findings findings = { .len = 0 };
	cleanup_(schema_freep) struct schema *joined = NULL;
	cleanup_(secret_buf_freep) struct secret_buf *before = secret_buf_new(64 * LIMIT_SCHEMA_TEXT);
	cleanup_(secret_buf_freep) struct secret_buf *after = secret_buf_new(64 * LIMIT_SCHEMA_TEXT);
	struct comparing comparing = { joining, NULL, before, after };
	enum error_code rc;

	if (!before || !after)
		return error_set(err, ERR_NO_MEMORY, "out of memory while schemas were put together");
	rc = schema_parse(secret_buf_text(joining->out), secret_buf_len(joining->out), &findings, &joined, err);
	if (rc == ERR_INVALID) {
		error_clear(err);
		return error_set(err, rc, "what %.120s imports cannot be read in one text with it: write it out there",
				 last_text(joining)->file);
	}
	comparing.joined = joined;
	return rc == ERR_OK ? compare_all(&comparing, err) : rc;
}

/* -- all of it -------------------------------------------------------------------------- */

/* A text has one @currentEnv. */
static enum error_code compare_environments(const struct joining *joining, struct error *err)
{
	const struct schema_text *last = last_text(joining);

	for (size_t i = 0; i + 1 < joining->len; i++) {
		const struct schema_text *text = &joining->texts[i];

		if (text->schema->current_env.len > 0 && !spans_equal(text->schema->current_env, last->schema->current_env))
			return error_set(err, ERR_INVALID, "%.100s has a @currentEnv that %.100s does not have, and one text has one of "
							   "them: write it into both", text->file, last->file);
	}
	return ERR_OK;
}

enum error_code schema_join(const struct schema_text *texts, size_t len, struct secret_buf *out, struct error *err)
{
	const struct joining joining = { texts, len, out };
	enum error_code rc = compare_environments(&joining, err);

	if (rc == ERR_OK)
		rc = write_text(&joining, len - 1, err);
	for (size_t i = 0; rc == ERR_OK && i + 1 < len; i++)
		rc = write_text(&joining, i, err);
	if (rc == ERR_OK && (!secret_buf_ok(out) || secret_buf_len(out) > LIMIT_SCHEMA_TEXT))
		return error_set(err, ERR_TOO_LARGE, "%.120s has more than %u bytes with what it imports", last_text(&joining)->file,
				 LIMIT_SCHEMA_TEXT);
	return rc == ERR_OK ? compare(&joining, err) : rc;
}
