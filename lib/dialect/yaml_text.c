#include <string.h>

#include "dialect/base64_blocks.h"
#include "dialect/text.h"
#include "dialect/yaml.h"
#include "library.h"
#include "utf8.h"
#include "vault/limits.h"

#define FUNCTIONS(X) \
	X(yaml_parser_initialize) \
	X(yaml_parser_delete) \
	X(yaml_parser_set_encoding) \
	X(yaml_parser_set_input_string) \
	X(yaml_parser_parse) \
	X(yaml_event_delete)
static struct {
	LIBRARY_POINTERS(FUNCTIONS)
} yaml;
static struct library library = LIBRARY_INIT("libyaml-0.so.2", "libyaml-0-2", FUNCTIONS, &yaml);

static const struct remark remark_anchor = {
	"anchors (&) and aliases (*) are not read",
	"write the value itself, or put it in quotes if it is meant as text",
};
static const struct remark remark_tag = {
	"a tag (!) is not read, but !!str and !!binary",
	"take it away, or put the value in quotes if it is meant as text",
};
static const struct remark remark_directive = {
	"directives (%) are not read",
	"take the line away",
};
static const struct remark remark_documents = {
	"there is more than one document",
	"read each as a file of its own",
};
static const struct remark remark_depth = {
	"lists and mappings are nested too deeply",
	NULL,
};
static const struct remark remark_tab = {
	"a tab outside quotes, which not every reader takes",
	"use spaces, or put the value in quotes",
};
static const struct remark remark_comment = {
	"a # that follows a text in quotes without a space, which not every reader takes for a comment",
	"put a space in front of it",
};
static const struct remark remark_indentation = {
	"a text in quotes goes on in a line that is not indented, which not every reader takes",
	"indent it, or write \\n for the line end and keep it on one line",
};
static const struct remark remark_block = {
	"a block (| or >) whose first line goes on, or whose last line has no line feed: readers differ",
	"write the text from the next line on, and end the file with a line feed",
};
static const struct remark remark_line_end = {
	"U+0085, U+2028 or U+2029, which end a line for YAML 1.1 and not for 1.2, or a byte order mark inside the text",
	"write it as an escape in double quotes, such as \\u2028",
};
static const struct remark remark_bom = {
	"the file starts with a byte order mark, which is no part of the text",
	"save it without one",
};

/* Ends reading: what follows cannot be told. */
static void stop(struct yaml_text *text, unsigned line, const char *reason, const char *hint)
{
	if (!text->ended)
		notes_add(text->reader->notes, NOTE_ERROR, line, "", 0, reason, hint);
	text->ended = true;
}

static unsigned line_of_offset(const struct reader *reader, size_t offset)
{
	unsigned line = 1;

	for (size_t i = 0; i < offset && i < reader->len; i++)
		line += reader->text[i] == '\n';
	return line;
}

/* libyaml's sentences are constants of its own, and never hold any of the text. */
static void stop_on_error(struct yaml_text *text)
{
	const yaml_parser_t *parser = &text->parser;
	unsigned line = (unsigned)parser->problem_mark.line + 1;

	if (text->memory.full)
		text->reader->code = error_set(text->reader->err, ERR_TOO_LARGE,
					       "reading this YAML needs more than three times its size");
	else if (parser->error == YAML_MEMORY_ERROR)
		text->reader->code = error_set(text->reader->err, ERR_NO_MEMORY, "out of memory while reading YAML");
	if (text->reader->code != ERR_OK)
		text->ended = true;
	if (parser->error == YAML_READER_ERROR)
		line = line_of_offset(text->reader, parser->problem_offset);
	stop(text, line, "the text is not valid YAML", parser->problem);
}

/* -- what libyaml takes and others do not ------------------------------------------ */

static bool starts_line_for_some(const unsigned char *u, size_t left)
{
	if (left >= 2 && u[0] == 0xc2 && u[1] == 0x85)
		return true;
	if (left >= 3 && u[0] == 0xe2 && u[1] == 0x80 && (u[2] == 0xa8 || u[2] == 0xa9))
		return true;
	return left >= 3 && memcmp(u, UTF8_BOM, 3) == 0;
}

static void look_for_line_ends(struct yaml_text *text)
{
	const struct reader *reader = text->reader;
	size_t from = text_starts(reader->text, reader->len, UTF8_BOM) ? strlen(UTF8_BOM) : 0;

	text->is_ascii = from == 0;
	if (from > 0)
		notes_add(reader->notes, NOTE_WARNING, 1, "", 0, remark_bom.reason, remark_bom.hint);
	for (size_t i = from; (i += utf8_ascii_len(reader->text + i, reader->len - i)) < reader->len; i++) {
		text->is_ascii = false;
		if (!starts_line_for_some((const unsigned char *)reader->text + i, reader->len - i))
			continue;
		stop(text, line_of_offset(reader, i), remark_line_end.reason, remark_line_end.hint);
		return;
	}
}

static bool is_break(char c)
{
	return c == '\n' || c == '\r';
}

static size_t char_size(const struct reader *reader, size_t at)
{
	size_t size = utf8_char_len((const unsigned char *)reader->text + at, reader->len - at);

	return size > 0 ? size : 1;
}

/* Moves on to libyaml's character `to`, whatever stands there. */
static void pass(struct yaml_text *text, size_t to)
{
	const struct reader *reader = text->reader;

	if (text->is_ascii && text->index < to) {
		text->at = to < reader->len ? to : reader->len;
		text->index = text->at;
	}
	for (; text->index < to && text->at < reader->len; text->index++)
		text->at += char_size(reader, text->at);
}

/* The same, but outside quotes and comments there must be no tab; a comment follows a blank. */
static const struct remark *walk(struct yaml_text *text, size_t to)
{
	const struct reader *reader = text->reader;
	const struct remark *found = NULL;
	bool comment = false;

	while (text->index < to && text->at < reader->len) {
		const char *at = reader->text + text->at;

		if (!found)
			text->looked_at = text->at;
		if (is_break(*at))
			comment = false;
		else if (*at == '\t' && !comment)
			found = &remark_tab;
		else if (*at == '#' && !comment && text->at > 0 && !is_break(at[-1]) && !is_blank(at[-1]))
			found = &remark_comment;
		comment |= *at == '#';
		text->at += char_size(reader, text->at);
		text->index++;
	}
	return found;
}

/* Every further line of the quoted text in [from, to) is empty or indented more than its first line. */
static bool is_indented(const struct reader *reader, size_t from, size_t to)
{
	size_t line = from, indent = 0;

	if (!text_has(reader->text + from, to - from, '\n') && !text_has(reader->text + from, to - from, '\r'))
		return true;
	while (line > 0 && !is_break(reader->text[line - 1]))
		line--;
	while (reader->text[line + indent] == ' ')
		indent++;
	for (size_t i = from; i < to; i++) {
		size_t blanks = 0;

		if (!is_break(reader->text[i]))
			continue;
		while (i + 1 + blanks < to && reader->text[i + 1 + blanks] == ' ')
			blanks++;
		if (i + 1 + blanks < to && !is_break(reader->text[i + 1 + blanks]) && blanks <= indent)
			return false;
	}
	return true;
}

/* The block that stands in [from, to), behind a tag perhaps. */
static bool is_plain_block(const struct reader *reader, size_t from, size_t to)
{
	while (from < to && !is_one_of(reader->text[from], "|>"))
		from++;
	while (from < to && is_one_of(reader->text[from], "|>+-0123456789"))
		from++;
	if (from < to && reader->text[from] != ' ' && !is_break(reader->text[from]))
		return false;
	return to == 0 || to < reader->len || is_break(reader->text[to - 1]);
}

/* How the present scalar is written: what libyaml takes and others do not. */
static const struct remark *look_at_scalar(struct yaml_text *text)
{
	const yaml_event_t *event = &text->event;
	const char *value = (const char *)event->data.scalar.value;
	size_t from = text->at;

	pass(text, event->end_mark.index);
	text->looked_at = from;
	switch (event->data.scalar.style) {
	case YAML_ANY_SCALAR_STYLE:
	case YAML_PLAIN_SCALAR_STYLE:
		return text_has(value, event->data.scalar.length, '\t') ? &remark_tab : NULL;
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		return is_indented(text->reader, from, text->at) ? NULL : &remark_indentation;
	case YAML_LITERAL_SCALAR_STYLE:
	case YAML_FOLDED_SCALAR_STYLE:
		return is_plain_block(text->reader, from, text->at) ? NULL : &remark_block;
	}
	return NULL;
}

/* What stands between the last item and this one, and this one. */
static void look_at_writing(struct yaml_text *text)
{
	const yaml_event_t *event = &text->event;
	const struct remark *refused = walk(text, event->start_mark.index);

	if (!refused && event->type == YAML_SCALAR_EVENT)
		refused = look_at_scalar(text);
	if (refused)
		stop(text, line_of_offset(text->reader, text->looked_at), refused->reason, refused->hint);
}

/* -- items ------------------------------------------------------------------------- */

/* Of the line on which libyaml reads, at most max bytes: nearly, when there are characters outside ASCII on it. */
static size_t line_left(const struct yaml_text *text, size_t max)
{
	const struct reader *reader = text->reader;
	size_t index = text->parser.mark.index, from, left;
	const char *end;

	if (index < text->index || index - text->index >= reader->len - text->at)
		return 0;
	from = text->at + (index - text->index);
	left = reader->len - from < max ? reader->len - from : max;
	end = memchr(reader->text + from, '\n', left);
	return end ? (size_t)(end - reader->text) - from : left;
}

bool yaml_open(struct yaml_text *text, struct reader *reader)
{
	*text = (struct yaml_text){ .reader = reader };
	reader->code = library_load(&library, reader->err);
	if (reader->code != ERR_OK)
		return false;
	look_for_line_ends(text);
	yaml_memory_begin(&text->memory, 3 * reader->len + LIMIT_YAML_BASE);
	text->memory.line_left = line_left;
	text->memory.text = text;
	text->memory.spare = reader->len;
	text->has_parser = yaml.yaml_parser_initialize(&text->parser) == 1;
	if (!text->has_parser) {
		reader->code = error_set(reader->err, ERR_NO_MEMORY, "out of memory while reading YAML");
		return false;
	}
	/* Without this, copies of the text would be left in the heap. */
	if (text->memory.used == 0) {
		reader->code = error_set(reader->err, ERR_INTERNAL, "libyaml does not use the memory it was given");
		return false;
	}
	yaml.yaml_parser_set_encoding(&text->parser, YAML_UTF8_ENCODING);
	yaml.yaml_parser_set_input_string(&text->parser, (const unsigned char *)reader->text, reader->len);
	return !text->ended;
}

static void drop_event(struct yaml_text *text)
{
	if (text->has_event)
		yaml.yaml_event_delete(&text->event);
	text->has_event = false;
}

void yaml_close(struct yaml_text *text)
{
	drop_event(text);
	if (text->has_parser)
		yaml.yaml_parser_delete(&text->parser);
	text->has_parser = false;
	yaml_memory_end();
}

static bool is_tag(const yaml_char_t *tag, const char *name)
{
	return tag && strcmp((const char *)tag, name) == 0;
}

/* libyaml names the other tags of YAML 1.1, but not this one. */
static bool is_binary(const yaml_event_t *event)
{
	return is_tag(event->data.scalar.tag, "tag:yaml.org,2002:binary");
}

static const struct remark *flaw_of_scalar(const yaml_event_t *event)
{
	if (event->data.scalar.anchor)
		return &remark_anchor;
	if (event->data.scalar.tag && !is_tag(event->data.scalar.tag, YAML_STR_TAG) && !is_binary(event))
		return &remark_tag;
	return NULL;
}

static enum yaml_kind enter(struct yaml_text *text, enum yaml_kind kind, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	const struct remark *flaw = anchor ? &remark_anchor : tag ? &remark_tag : NULL;

	if (flaw)
		notes_add(text->reader->notes, NOTE_ERROR, text->line, "", 0, flaw->reason, flaw->hint);
	if (++text->depth > LIMIT_YAML_DEPTH) {
		stop(text, text->line, remark_depth.reason, remark_depth.hint);
		return YAML_KIND_NONE;
	}
	return kind;
}

static void look_at_directives(struct yaml_text *text)
{
	const yaml_event_t *event = &text->event;

	if (event->data.document_start.version_directive ||
	    event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end)
		stop(text, text->line, remark_directive.reason, remark_directive.hint);
}

/* False: nothing that is an item; go on with the next event. */
static bool take_event(struct yaml_text *text)
{
	const yaml_event_t *event = &text->event;

	text->line = (unsigned)event->start_mark.line + 1;
	text->flaw = NULL;
	text->kind = YAML_KIND_NONE;
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		text->kind = YAML_KIND_SCALAR;
		text->flaw = flaw_of_scalar(event);
		return true;
	case YAML_ALIAS_EVENT:
		text->kind = YAML_KIND_SCALAR;
		text->flaw = &remark_anchor;
		return true;
	case YAML_SEQUENCE_START_EVENT:
		text->kind = enter(text, YAML_KIND_LIST, event->data.sequence_start.anchor, event->data.sequence_start.tag);
		return true;
	case YAML_MAPPING_START_EVENT:
		text->kind = enter(text, YAML_KIND_MAPPING, event->data.mapping_start.anchor, event->data.mapping_start.tag);
		return true;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		text->depth--;
		text->kind = YAML_KIND_END;
		return true;
	case YAML_DOCUMENT_START_EVENT:
		look_at_directives(text);
		return text->ended;
	case YAML_STREAM_START_EVENT:
		return false;
	case YAML_NO_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return true;
	}
	return true;
}

static bool parse(struct yaml_text *text)
{
	drop_event(text);
	if (text->ended || text->reader->code != ERR_OK)
		return false;
	text->has_event = yaml.yaml_parser_parse(&text->parser, &text->event) == 1;
	if (!text->has_event) {
		stop_on_error(text);
		return false;
	}
	look_at_writing(text);
	return !text->ended;
}

enum yaml_kind yaml_next(struct yaml_text *text)
{
	do {
		text->kind = YAML_KIND_NONE;
		if (!parse(text))
			return YAML_KIND_NONE;
	} while (!take_event(text));
	return text->kind;
}

void yaml_skip(struct yaml_text *text)
{
	unsigned outside = text->depth - 1;

	if (text->kind != YAML_KIND_LIST && text->kind != YAML_KIND_MAPPING)
		return;
	while (yaml_next(text) != YAML_KIND_NONE && text->depth > outside) {
	}
}

void yaml_finish(struct yaml_text *text)
{
	bool over = text->has_event && text->event.type == YAML_STREAM_END_EVENT;

	while (!over && parse(text)) {
		if (text->event.type == YAML_DOCUMENT_START_EVENT)
			stop(text, (unsigned)text->event.start_mark.line + 1, remark_documents.reason, remark_documents.hint);
		over = text->event.type == YAML_STREAM_END_EVENT || text->event.type == YAML_NO_EVENT;
	}
}

/* -- scalars ----------------------------------------------------------------------- */

bool yaml_is_null(const struct yaml_text *text)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };
	const yaml_event_t *event = &text->event;

	if (text->flaw || event->data.scalar.tag || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp((const char *)event->data.scalar.value, words[i]) == 0)
			return true;
	return false;
}

/* 0, 7, -5, 8080: what every reader writes back in the same way, whatever number it makes of it. */
static bool is_plain_integer(const char *text, size_t len)
{
	size_t at = len > 1 && text[0] == '-' ? 1 : 0, digits = len - at;

	if (digits == 0 || digits > 15 || (text[at] == '0' && len > 1))
		return false;
	for (; at < len; at++)
		if (!is_digit(text[at]))
			return false;
	return true;
}

const struct remark *yaml_look_at_scalar(struct yaml_text *text, const struct yaml_use *use, char **ret, size_t *ret_len)
{
	char *value = (char *)text->event.data.scalar.value;
	size_t len = text->event.data.scalar.length;
	bool binary;

	if (text->flaw)
		return text->flaw;
	binary = is_binary(&text->event);
	if (binary && !use->binary)
		return &remark_tag;
	if (!text->event.data.scalar.tag && text->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    yaml_is_typed(value, len) && !(use->integers && is_plain_integer(value, len)))
		return &yaml_remark_typed;
	if (binary && !base64_decode(value, &len, "\r\n "))
		return &remark_tag;
	*ret = value;
	*ret_len = len;
	return use->convert ? use->convert(value, ret_len) : NULL;
}

const struct remark *yaml_take_scalar(struct yaml_text *text, const struct yaml_use *use, struct secret_buf *out)
{
	char *value;
	size_t len;
	const struct remark *refused = yaml_look_at_scalar(text, use, &value, &len);

	if (refused)
		return refused;
	secret_buf_append(out, value, len);
	drop_event(text);
	return NULL;
}
