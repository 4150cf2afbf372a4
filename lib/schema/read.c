#include "schema/read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "schema/types.h"
#include "utf8.h"
#include "vault/schema.h"

/* -- the reader's own tools ------------------------------------------------- */

void reading_fail(struct reading *reader, enum error_code code, const char *text)
{
	reader->failed = true;
	error_set(reader->err, code, "%s", text);
}

bool reading_grow(struct reading *reader, void **items, size_t *room, size_t len, size_t size)
{
	size_t more = *room > 0 ? 2 * *room : 16;
	void *grown;

	if (len < *room)
		return true;
	grown = reallocarray(*items, more, size);
	if (!grown) {
		reading_fail(reader, ERR_NO_MEMORY, "out of memory while a schema was read");
		return false;
	}
	*items = grown;
	*room = more;
	return true;
}

struct item_more *reading_more(struct reading *reader, struct item *item)
{
	if (!item->more)
		item->more = calloc(1, sizeof(*item->more));
	if (!item->more)
		reading_fail(reader, ERR_NO_MEMORY, "out of memory while a schema was read");
	return item->more;
}

bool spans_add(struct reading *reader, struct span **list, size_t *len, struct span span)
{
	struct span *grown = reallocarray(*list, *len + 1, sizeof(**list));

	if (!grown) {
		reading_fail(reader, ERR_NO_MEMORY, "out of memory while a schema was read");
		return false;
	}
	*list = grown;
	grown[(*len)++] = span;
	return true;
}

void reading_count_type(struct reading *reader, const struct schema_type *type)
{
	reader->type_bytes += schema_type_bytes(type);
	if (reader->type_bytes > LIMIT_SCHEMA_TYPES)
		reading_fail(reader, ERR_TOO_LARGE, "the types of a schema and their regular expressions are too large");
}

struct place reading_place(const struct reading *reader, size_t at)
{
	return (struct place){ .line = reader->line, .column = (unsigned)(at - reader->line_start) + 1 };
}

void reading_say(struct reading *reader, const struct remark_on *on, const char *format, ...)
{
	struct finding finding = { .severity = on->severity, .code = on->code, .line = on->place.line, .column = on->place.column,
				   .in_schema = true, .layer = on->layer, .hint = on->hint };
	char text[FINDING_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	findings_add(reader->findings, &finding, on->name.len > 0 ? on->name.at : "", on->name.len, "%s", text);
}

struct shown shown(struct span span)
{
	struct shown ret;
	size_t len = span.len < sizeof(ret.text) ? span.len : sizeof(ret.text) - 4;

	for (size_t i = 0; i < len; i++)
		ret.text[i] = span.at[i] >= ' ' && span.at[i] <= '~' ? span.at[i] : '?';
	memcpy(ret.text + len, len < span.len ? "..." : "", len < span.len ? 4 : 1);
	return ret;
}

void reading_skip_line(struct reading *reader)
{
	const char *end = reader->at < reader->len ? memchr(reader->text + reader->at, '\n', reader->len - reader->at) : NULL;

	reader->at = end ? (size_t)(end - reader->text) : reader->len;
}

void reading_next_line(struct reading *reader)
{
	if (reader->at >= reader->len)
		return;
	reader->at++;
	reader->line++;
	reader->line_start = reader->at;
}

/* -- the block above a variable ------------------------------------------------ */

static void add_remark(struct reading *reader, const struct remark *remark)
{
	void *items = reader->remarks;

	if (!reading_grow(reader, &items, &reader->remarks_room, reader->remarks_len, sizeof(*reader->remarks)))
		return;
	reader->remarks = items;
	reader->remarks[reader->remarks_len] = *remark;
	reader->remarks[reader->remarks_len++].decorators = reader->decorators_len;
}

/* Before the next block: of this one's nodes only conditions are looked at later. */
static void drop_nodes(struct reading *reader)
{
	struct schema *schema = reader->schema;

	if (reader->block_is_kept)
		reader->nodes_kept += reader->node_count - reader->block_nodes;
	else
		while (schema->nodes_len > reader->block_lists)
			free(schema->nodes[--schema->nodes_len]);
	reader->block_lists = schema->nodes_len;
	reader->block_nodes = reader->node_count;
	reader->block_is_kept = false;
}

static void drop_block(struct reading *reader)
{
	drop_nodes(reader);
	reader->remarks_len = 0;
	reader->decorators_len = 0;
}

static size_t name_len(struct span text)
{
	size_t len = 0;

	if (text.len > 0 && is_name_start(text.at[0]))
		for (len = 1; len < text.len && (is_name_char(text.at[len]) || text.at[len] == '.' || text.at[len] == '-'); len++)
			;
	return len;
}

/* "NAME=value" in a comment. Prose has "key=value pairs" too: a name with small letters counts only when no further word
 * follows. */
static bool comment_is_assignment(struct span text)
{
	size_t len = name_len(text);
	bool small = false;

	if (len == 0 || len == text.len || text.at[len] != '=')
		return false;
	for (size_t i = 0; i < len; i++)
		small = small || (text.at[i] >= 'a' && text.at[i] <= 'z');
	return !small || !memchr(text.at + len, ' ', text.len - len);
}

static void apply_remarks(struct reading *reader, struct item *item, size_t from, size_t to)
{
	const struct remark *remarks = reader->remarks;

	for (size_t i = from; i < to; i++) {
		const struct span text = remarks[i].text;

		if (remarks[i].kind == REMARK_OWN)
			read_own_facts(reader, item, text, remarks[i].place);
		else if (remarks[i].kind == REMARK_TEXT)
			read_words(reader, item, text, remarks[i].place, false);
		if (remarks[i].kind != REMARK_TEXT || text.len == 0)
			continue;
		if (item->comment.len == 0)
			item->comment.at = text.at;
		item->comment.len = (size_t)(text.at + text.len - item->comment.at);
	}
}

/* What stands behind a value, from its #: decorators go into the block, words or facts of our own into *ret. */
static void read_comment_beside(struct reading *reader, struct remark *ret)
{
	size_t begin;

	reader->at++;
	reading_skip_blanks(reader);
	*ret = (struct remark){ .kind = REMARK_TEXT, .place = reading_place(reader, reader->at) };
	if (!reading_at_end(reader) && reader->text[reader->at] == '@') {
		read_decorators(reader, ret);
	} else {
		begin = reader->at;
		reading_skip_line(reader);
		ret->text = span_trim((struct span){ reader->text + begin, reader->at - begin });
	}
	if (comment_is_own(&ret->text, &ret->place))
		ret->kind = REMARK_OWN;
}

static void apply_beside(struct reading *reader, struct item *item, const struct remark *beside)
{
	if (beside->kind == REMARK_OWN)
		read_own_facts(reader, item, beside->text, beside->place);
	else if (beside->text.len > 0)
		read_words(reader, item, beside->text, beside->place, true);
}

/* Does a comment stand here that begins with no decorator? */
static bool words_follow(const struct reading *line)
{
	size_t at = line->at + 1;

	while (at < line->len && is_blank(line->text[at]))
		at++;
	return at < line->len && line->text[line->at] == '#' && line->text[at] != '@';
}

/* A commented assignment, its text in a remark: read as if the cursor stood there. What is read with the copy must put nothing
 * into the reader's lists. */
static void read_commented_item(struct reading *reader, const struct remark *remark, struct item *item,
				struct remark *ret_beside)
{
	struct reading line = *reader;

	line.at = (size_t)(remark->text.at - reader->text);
	line.len = line.at + remark->text.len;
	line.line = remark->place.line;
	line.line_start = line.at + 1 - remark->place.column;
	line.unclosed = 0;	/* what is known of quotes is known of the text behind the reader's cursor */
	*item = (struct item){ .name = { remark->text.at, name_len(remark->text) }, .line = remark->place.line,
			       .column = remark->place.column, .commented_out = true };
	*ret_beside = (struct remark){ .kind = REMARK_TEXT };
	line.at += item->name.len + 1;
	read_value(&line, item, true);
	reading_skip_blanks(&line);
	/* Decorators do not stand behind what is itself a comment. */
	if (words_follow(&line))
		read_comment_beside(&line, ret_beside);
}

static bool same_name(const struct item *a, const struct item *b)
{
	return a->name.len == b->name.len && memcmp(a->name.at, b->name.at, a->name.len) == 0;
}

/* The commented assignments of a block. next: the variable below it, or NULL; lines above an assignment of the same name are
 * next's. Returns where next's own remarks begin; *ret_decorators: how many decorators the assignments took. */
static size_t add_commented_items(struct reading *reader, const struct item *next, size_t *ret_decorators)
{
	unsigned first_line = reader->block_line;
	size_t from = 0;

	*ret_decorators = 0;
	for (size_t i = 0; i < reader->remarks_len && !reader->failed; i++) {
		const struct remark *remark = &reader->remarks[i];
		struct remark beside;
		struct item item;

		if (remark->kind != REMARK_ASSIGNMENT)
			continue;
		read_commented_item(reader, remark, &item, &beside);
		if (next && same_name(next, &item)) {
			item_clear(&item);
			continue;
		}
		if (!next && remark->decorators > *ret_decorators) {
			apply_item_decorators(reader, &item, reader->decorators + *ret_decorators,
					      remark->decorators - *ret_decorators);
			*ret_decorators = remark->decorators;
		}
		apply_remarks(reader, &item, from, i);
		apply_beside(reader, &item, &beside);
		infer_item(reader, &item);
		item.first_line = first_line;
		item.last_line = item.line;
		first_line = item.line + 1;
		reading_add_item(reader, &item);
		from = i + 1;
	}
	return from;
}

static void say_detached(struct reading *reader, struct place place, enum schema_layer layer, const char *what, struct span name)
{
	const struct remark_on on = { FINDING_ERROR, "detached", place, layer, { NULL, 0 },
				      "put it directly above the variable, without a blank line or a divider between them" };

	reading_say(reader, &on, "%s%s belongs to no variable", what, shown(name).text);
}

/* A decorator of a block without a variable below it. taken: it belongs to a commented assignment. */
static void apply_detached(struct reading *reader, const struct decorator *decorator, bool taken)
{
	enum decorator_home home = decorator_home(decorator->name);

	if (home == HOME_ROOT && !reader->seen_item)
		apply_root_decorator(reader, decorator);
	else if (home == HOME_ROOT)
		reading_say(reader, &(struct remark_on){ FINDING_ERROR, "misplaced", decorator->place, LAYER_ENV_SPEC, { NULL, 0 },
			   "put it above the first variable, with a blank line between them" },
			   "@%s belongs to the head of the file", shown(decorator->name).text);
	else if (home == HOME_ITEM && !taken)
		say_detached(reader, decorator->place, LAYER_ENV_SPEC, "@", decorator->name);
	else if (home == HOME_NOWHERE && !taken)
		say_unknown_decorator(reader, decorator, (struct span){ NULL, 0 });
}

/* The end of a block without a variable below it: the head of the file, or a remark on its own. */
static void end_block(struct reading *reader)
{
	size_t taken, from = add_commented_items(reader, NULL, &taken);

	for (size_t i = 0; i < reader->decorators_len; i++)
		apply_detached(reader, &reader->decorators[i], i < taken);
	for (size_t i = from; i < reader->remarks_len; i++)
		if (reader->remarks[i].kind == REMARK_OWN)
			say_detached(reader, reader->remarks[i].place, LAYER_OWN, "\"# vaultd:\"", (struct span){ "", 0 });
	drop_block(reader);
}

/* -- lines -------------------------------------------------------------------------- */

/* Three of - = * # at the front: a line that ends what stands above it. */
static bool comment_is_divider(struct span text)
{
	if (text.len < 3)
		return false;
	for (size_t i = 0; i < 3; i++)
		if (!is_one_of(text.at[i], "-=*#"))
			return false;
	return true;
}

/* The cursor stands at the # of a line of its own. */
static void read_comment_line(struct reading *reader)
{
	struct remark remark = { .kind = REMARK_TEXT };
	size_t begin;

	if (reader->remarks_len + reader->decorators_len == 0)
		reader->block_line = reader->line;
	reader->at++;
	reading_skip_blanks(reader);
	begin = reader->at;
	remark.place = reading_place(reader, begin);
	if (reader->at + 1 < reader->len && reader->text[begin] == '@' && is_letter(reader->text[begin + 1])) {
		read_decorators(reader, &remark);
	} else {
		reading_skip_line(reader);
		remark.text = span_trim((struct span){ reader->text + begin, reader->at - begin });
		if (comment_is_divider(remark.text)) {
			end_block(reader);
			return;
		}
		if (comment_is_assignment(remark.text))
			remark.kind = REMARK_ASSIGNMENT;
	}
	if (comment_is_own(&remark.text, &remark.place))
		remark.kind = REMARK_OWN;
	if (remark.text.at)
		add_remark(reader, &remark);
}

static void say_no_item(struct reading *reader, size_t at, const char *what, const char *hint)
{
	const struct remark_on on = { FINDING_ERROR, "syntax", reading_place(reader, at), LAYER_PLAIN, { NULL, 0 }, hint };

	reading_say(reader, &on, "%s", what);
	reading_skip_line(reader);
	drop_block(reader);
}

static void finish_item(struct reading *reader, struct item *item)
{
	struct remark beside = { .kind = REMARK_TEXT };
	size_t from, taken;

	reading_skip_blanks(reader);
	if (!reading_at_end(reader))
		read_comment_beside(reader, &beside);
	from = add_commented_items(reader, item, &taken);
	apply_item_decorators(reader, item, reader->decorators, reader->decorators_len);
	apply_remarks(reader, item, from, reader->remarks_len);
	apply_beside(reader, item, &beside);
	infer_item(reader, item);
	item->last_line = reader->line;
	reading_add_item(reader, item);
	reader->seen_item = true;
	drop_block(reader);
}

/* The cursor stands at the first character of a line that is neither blank nor a comment. */
static void read_item(struct reading *reader)
{
	struct item item = { .line = 0 };
	struct span rest = { reader->text + reader->at, reader->len - reader->at };
	size_t begin;

	if (text_starts(rest.at, rest.len, "export") && rest.len > 6 && is_blank(rest.at[6])) {
		reader->at += 6;
		reading_skip_blanks(reader);
	}
	begin = reader->at;
	item.name = (struct span){ reader->text + begin, 0 };
	item.name.len = name_len((struct span){ reader->text + begin, reader->len - begin });
	item.line = reader->line;
	item.first_line = reader->remarks_len + reader->decorators_len > 0 ? reader->block_line : item.line;
	item.column = reading_place(reader, begin).column;
	reader->at += item.name.len;
	reading_skip_blanks(reader);
	if (item.name.len == 0) {
		say_no_item(reader, begin, "no name of a variable: letters, digits and _ . -, not starting with a digit",
			    "comments begin with #, and values that go over several lines stand in quotes");
	} else if (reading_at_end(reader) || reader->text[reader->at] != '=') {
		say_no_item(reader, reader->at, "= is missing behind a name", "write NAME=value, or NAME= for one without a default");
	} else if (item.name.len > LIMIT_VARIABLE_NAME_LEN) {
		say_no_item(reader, begin, "the name is too long", NULL);
	} else {
		reader->at++;
		read_value(reader, &item, false);
		finish_item(reader, &item);
	}
}

void reading_read_lines(struct reading *reader)
{
	while (reader->at < reader->len && !reader->failed) {
		reading_skip_blanks(reader);
		if (reading_at_end(reader))
			end_block(reader);
		else if (reader->text[reader->at] == '#')
			read_comment_line(reader);
		else
			read_item(reader);
		reading_skip_line(reader);
		reading_next_line(reader);
	}
	end_block(reader);
}
