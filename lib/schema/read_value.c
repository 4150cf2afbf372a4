#include "schema/read.h"

struct quote {
	char c;
	size_t len;	/* 1 or 3 */
	unsigned bit;	/* of reader->unclosed */
};

static struct quote quote_at(const struct reading *reader)
{
	struct quote quote = { reader->text[reader->at], 1, 0 };

	quote.bit = quote.c == '\'' ? 1 : quote.c == '"' ? 2 : 4;
	if (quote.c != '\'' && reader->len - reader->at >= 3 && reader->text[reader->at + 1] == quote.c &&
	    reader->text[reader->at + 2] == quote.c) {
		quote.len = 3;
		quote.bit <<= 4;
	}
	return quote;
}

/* Where the closing quote begins, or reader->len. That a quote does not close is true for all later ones of its kind. */
static size_t find_closing(struct reading *reader, struct quote quote)
{
	size_t begin = reader->at + quote.len;

	for (size_t at = begin; !(reader->unclosed & quote.bit) && at + quote.len <= reader->len; at++) {
		const char *found = memchr(reader->text + at, quote.c, reader->len - at);

		if (!found)
			break;
		at = (size_t)(found - reader->text);
		if (at > begin && reader->text[at - 1] == '\\')
			continue;
		if (quote.len == 1 || (reader->len - at >= 3 && found[1] == quote.c && found[2] == quote.c))
			return at;
	}
	reader->unclosed |= quote.bit;
	return reader->len;
}

/* Only a comment may follow. */
static bool line_ends_at(const struct reading *reader, size_t at)
{
	while (at < reader->len && is_blank(reader->text[at]))
		at++;
	return at >= reader->len || reader->text[at] == '\n' || reader->text[at] == '#';
}

static void say_computed(struct reading *reader, const struct item *item, struct place place)
{
	if (item->computed == COMPUTED_PURE)
		reading_say(reader, &(struct remark_on){ FINDING_INFO, "computed", place, LAYER_ENV_SPEC, item->name, NULL },
			   "the value is made of other variables: it is no default");
	else if (item->computed == COMPUTED_ELSEWHERE)
		reading_say(reader, &(struct remark_on){ FINDING_WARNING, "unresolved", place, LAYER_ENV_SPEC, item->name,
			   "nothing of a schema is ever executed: give the variable its value in the environment" },
			   "the value would have to be run or fetched: it is not resolved");
}

static void set_value(struct item *item, char *text, size_t len, char quote)
{
	if (quote != '\'')
		item->computed = text_computed(text, len);
	item->value = (struct span){ text, item->computed == COMPUTED_NO ? len : 0 };
	item->has_value = len > 0;
}

/* False when it is no quoted value: the quote does not close, or more follows it. */
static bool read_quoted(struct reading *reader, struct item *item, bool commented_out)
{
	const struct quote quote = quote_at(reader);
	size_t begin = reader->at + quote.len, end = find_closing(reader, quote);
	const char *feed;

	if (end >= reader->len || !line_ends_at(reader, end + quote.len))
		return false;
	set_value(item, reader->text + begin, end - begin, quote.c);
	item->expression = (struct span){ reader->text + reader->at, end + quote.len - reader->at };
	while ((feed = memchr(reader->text + reader->at, '\n', end - reader->at))) {
		reader->at = (size_t)(feed - reader->text);
		reading_next_line(reader);
	}
	/* A commented line stays as it is: explanations show it. */
	if (item->computed == COMPUTED_NO && !commented_out)
		item->value.len = value_unescape(reader->text + begin, end - begin, quote.c);
	reader->at = end + quote.len;
	return true;
}

/* To the end of the line, or to a # behind a blank. */
static void read_unquoted(struct reading *reader, struct item *item)
{
	size_t begin = reader->at;
	struct span value;

	while (!reading_at_end(reader) &&
	       (reader->text[reader->at] != '#' || (reader->at > begin && !is_blank(reader->text[reader->at - 1])) ||
		reader->at == begin))
		reader->at++;
	value = span_trim((struct span){ reader->text + begin, reader->at - begin });
	item->expression = value;
	set_value(item, reader->text + begin, value.len, '\0');
	if (span_is(value, "undefined")) {
		item->value.len = 0;
		item->has_value = false;
	}
}

static size_t call_name_len(const struct reading *reader)
{
	size_t len = 0;

	if (is_letter(reader->text[reader->at]))
		for (len = 1; reader->at + len < reader->len && is_name_char(reader->text[reader->at + len]); len++)
			;
	return reader->at + len < reader->len && reader->text[reader->at + len] == '(' ? len : 0;
}

/* concat(...) and its like. What is no function that anybody knows is text. */
static bool read_function(struct reading *reader, struct item *item)
{
	size_t begin = reader->at, len = call_name_len(reader);
	const struct node *call;

	if (len == 0 || !function_is_known((struct span){ reader->text + begin, len }))
		return false;
	call = read_call(reader, len, IN_VALUE, LAYER_ENV_SPEC);
	item->expression = (struct span){ reader->text + begin, reader->at - begin };
	item->value = (struct span){ reader->text + begin, 0 };
	item->has_value = true;
	item->computed = call ? node_computed(call) : COMPUTED_ELSEWHERE;
	reading_skip_blanks(reader);
	if (call && !line_ends_at(reader, reader->at))
		reading_say(reader, &(struct remark_on){ FINDING_ERROR, "syntax", reading_place(reader, reader->at),
			   LAYER_ENV_SPEC, item->name, NULL }, "nothing but a comment may follow a function");
	if (!call || !line_ends_at(reader, reader->at))
		reading_skip_line(reader);
	return true;
}

void read_value(struct reading *reader, struct item *item, bool commented_out)
{
	const bool directly = reading_at_end(reader) || !is_blank(reader->text[reader->at]);
	struct place place;
	char c, next;

	reading_skip_blanks(reader);
	place = reading_place(reader, reader->at);
	item->value = item->expression = (struct span){ reader->text + reader->at, 0 };
	if (reading_at_end(reader))
		return;
	c = reader->text[reader->at];
	next = reader->at + 1 < reader->len ? reader->text[reader->at + 1] : '\n';
	/* "NAME=#fff" is a value; "NAME= #x", "NAME=# x" and "NAME=#@x" are comments. */
	if (c == '#' && (!directly || is_one_of(next, " \t\n@#")))
		return;
	if (is_one_of(c, "\"'`") && read_quoted(reader, item, commented_out)) {
		say_computed(reader, item, place);
		return;
	}
	if (is_one_of(c, "\"'`") && !commented_out)
		reading_say(reader, &(struct remark_on){ FINDING_WARNING, "quote", place, LAYER_PLAIN, item->name,
			   "close the quote, and put nothing but a comment behind it" },
			   "the quote is not closed, or more follows it: the line was read as it stands");
	if (commented_out || !read_function(reader, item))
		read_unquoted(reader, item);
	say_computed(reader, item, place);
}
