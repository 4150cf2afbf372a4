#include "schema/read.h"

#include <stdlib.h>

/* What the parser of one value carries down. */
struct parse {
	struct reading *reader;
	enum node_context context;
	enum schema_layer layer;
	unsigned depth;
};

static bool wrong(const struct parse *parse, const char *what)
{
	struct reading *reader = parse->reader;
	const struct remark_on on = { FINDING_ERROR, "syntax", reading_place(reader, reader->at), parse->layer, { NULL, 0 }, NULL };

	if (!reader->failed)
		reading_say(reader, &on, "%s", what);
	return false;
}

static char here(const struct reading *reader)
{
	return reader->at < reader->len ? reader->text[reader->at] : '\n';
}

/* -- functions ---------------------------------------------------------------- */

static const struct function {
	const char *name;
	bool is_pure;
} functions[] = {
	{ "concat", true }, { "eq", true }, { "fallback", true }, { "forEnv", true }, { "if", true }, { "ifs", true },
	{ "isEmpty", true }, { "not", true }, { "ref", true }, { "remap", true }, { "regex", true },
	{ "cache", false }, { "exec", false }, { "generateOtp", false }, { "keychain", false }, { "randomHex", false },
	{ "randomNum", false }, { "randomString", false }, { "randomUuid", false }, { "varlock", false },
};

static const struct function *find_function(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		if (span_is(name, functions[i].name))
			return &functions[i];
	return NULL;
}

bool function_is_known(struct span name)
{
	return find_function(name) != NULL;
}

bool function_is_pure(struct span name)
{
	const struct function *function = find_function(name);

	return function && function->is_pure;
}

enum computed text_computed(const char *text, size_t len)
{
	enum computed found = COMPUTED_NO;

	for (size_t i = 0; i + 1 < len; i++) {
		if (text[i] != '$' || (i > 0 && text[i - 1] == '\\'))
			continue;
		if (text[i + 1] == '(')
			return COMPUTED_ELSEWHERE;
		if (is_name_start(text[i + 1]) || (text[i + 1] == '{' && i + 2 < len && is_name_start(text[i + 2])))
			found = COMPUTED_PURE;
	}
	return found;
}

enum computed node_computed(const struct node *node)
{
	enum computed worst = COMPUTED_NO;

	if (node->kind == NODE_CALL)
		worst = function_is_pure(node->text) ? COMPUTED_PURE : COMPUTED_ELSEWHERE;
	else if (node->kind == NODE_REFERENCE || node->kind == NODE_UNRESOLVED)
		worst = node->kind == NODE_REFERENCE ? COMPUTED_PURE : text_computed(node->text.at, node->text.len);
	for (size_t i = 0; i < node->items_len; i++) {
		enum computed computed = node_computed(&node->items[i]);

		worst = computed > worst ? computed : worst;
	}
	return worst;
}

/* -- words and quotes ------------------------------------------------------------ */

/* "$NAME" and "${NAME}" alone are references. */
static void tell_references(struct node *node)
{
	const char *text = node->text.at;
	size_t len = node->text.len, from = 1, to = len;

	if (text_computed(text, len) == COMPUTED_NO)
		return;
	node->kind = NODE_UNRESOLVED;
	if (text[0] != '$')
		return;
	if (text[1] == '{' && text[len - 1] == '}') {
		from = 2;
		to = len - 1;
	}
	for (size_t i = from; i < to; i++)
		if (!is_name_char(text[i]) && text[i] != '.')
			return;
	node->kind = NODE_REFERENCE;
	node->text = (struct span){ text + from, to - from };
}

/* Takes the escapes out: a quote, and outside single quotes a dollar sign and a line feed. Returns the new length. */
size_t value_unescape(char *text, size_t len, char quote)
{
	size_t to = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i], next = i + 1 < len ? text[i + 1] : '\0';

		if (c == '\\' && (next == quote || (quote != '\'' && (next == '$' || next == 'n')))) {
			c = next == 'n' ? '\n' : next;
			i++;
		}
		text[to++] = c;
	}
	return to;
}

/* The cursor at the quote; the string ends on its line. */
static bool parse_quoted(const struct parse *parse, struct node *ret)
{
	struct reading *reader = parse->reader;
	size_t begin = reader->at + 1, end = begin;
	char quote = reader->text[reader->at];

	while (end < reader->len && reader->text[end] != '\n' &&
	       (reader->text[end] != quote || (end > begin && reader->text[end - 1] == '\\')))
		end++;
	if (end == reader->len || reader->text[end] == '\n')
		return wrong(parse, "a quote is not closed on its line");
	ret->quoted = true;
	ret->text = (struct span){ reader->text + begin, end - begin };
	if (quote != '\'')
		tell_references(ret);
	if (ret->kind == NODE_TEXT)
		ret->text.len = value_unescape(reader->text + begin, end - begin, quote);
	reader->at = end + 1;
	return true;
}

/* "/.../flags" followed by a blank, a comma, a bracket or the end. */
static bool parse_regex(struct reading *reader, struct node *ret)
{
	size_t at = reader->at + 1, end, flags;
	bool in_class = false;

	for (end = at; end < reader->len && reader->text[end] != '\n'; end++) {
		if (reader->text[end] == '\\' && end + 1 < reader->len && reader->text[end + 1] != '\n')
			end++;
		else if (reader->text[end] == '[')
			in_class = true;
		else if (reader->text[end] == ']')
			in_class = false;
		else if (reader->text[end] == '/' && !in_class)
			break;
	}
	if (end >= reader->len || reader->text[end] != '/' || end == at)
		return false;
	for (flags = end + 1; flags < reader->len && is_letter(reader->text[flags]); flags++)
		;
	if (flags < reader->len && !is_one_of(reader->text[flags], " \t\n,)]}"))
		return false;
	ret->kind = NODE_REGEX;
	ret->text = (struct span){ reader->text + at, end - at };
	ret->flags = (struct span){ reader->text + end + 1, flags - end - 1 };
	reader->at = flags;
	return true;
}

static bool parse_word(const struct parse *parse, const char *stops, struct node *ret)
{
	struct reading *reader = parse->reader;
	size_t begin = reader->at;

	while (reader->at < reader->len && !is_one_of(reader->text[reader->at], stops))
		reader->at++;
	if (reader->at == begin)
		return wrong(parse, "a value is missing");
	ret->text = (struct span){ reader->text + begin, reader->at - begin };
	tell_references(ret);
	return true;
}

/* -- lists ------------------------------------------------------------------------ */

/* In a comment, a line feed is followed by # again; what stands behind another # is a remark. */
static bool next_comment_line(struct reading *reader)
{
	size_t begin = reader->at, next;

	if (here(reader) == '#')
		reading_skip_line(reader);
	next = reader->at + 1;
	while (next < reader->len && is_blank(reader->text[next]))
		next++;
	if (here(reader) != '\n' || next >= reader->len || reader->text[next] != '#') {
		reader->at = begin;
		return false;
	}
	reading_next_line(reader);
	reader->at = next + 1;
	return true;
}

static void skip_space(const struct parse *parse)
{
	struct reading *reader = parse->reader;

	for (;;) {
		reading_skip_blanks(reader);
		if (reader->at >= reader->len || !is_one_of(reader->text[reader->at], "#\n"))
			return;
		if (parse->context == IN_COMMENT) {
			if (!next_comment_line(reader))
				return;
		} else if (reader->text[reader->at] == '#') {
			reading_skip_line(reader);
		} else {
			reading_next_line(reader);
		}
	}
}

static size_t identifier_len(const struct reading *reader)
{
	size_t len = 0;

	if (reader->at < reader->len && is_letter(reader->text[reader->at]))
		for (len = 1; reader->at + len < reader->len && is_name_char(reader->text[reader->at + len]); len++)
			;
	return len;
}

/* "key=" in front of a member; in objects blanks may stand around its "=". */
static void parse_key(const struct parse *parse, bool blanks, struct node *ret)
{
	struct reading *reader = parse->reader;
	size_t begin = reader->at, len = identifier_len(reader);

	if (len == 0)
		return;
	reader->at += len;
	if (blanks)
		reading_skip_blanks(reader);
	if (here(reader) != '=') {
		reader->at = begin;
		return;
	}
	ret->key = (struct span){ reader->text + begin, len };
	reader->at++;
	if (blanks)
		reading_skip_blanks(reader);
}

static struct node *keep_nodes(struct reading *reader, const struct node *nodes, size_t len)
{
	struct schema *schema = reader->schema;
	void *lists = schema->nodes;
	struct node *kept;

	if (!reading_grow(reader, &lists, &reader->nodes_room, schema->nodes_len, sizeof(*schema->nodes)))
		return NULL;
	schema->nodes = lists;
	kept = calloc(len, sizeof(*kept));
	if (!kept) {
		reading_fail(reader, ERR_NO_MEMORY, "out of memory while a schema was read");
		return NULL;
	}
	memcpy(kept, nodes, len * sizeof(*kept));
	schema->nodes[schema->nodes_len++] = kept;
	return kept;
}

static bool push_node(struct reading *reader, const struct node *node)
{
	void *stack = reader->stack;

	if (++reader->node_count > LIMIT_SCHEMA_NODES)
		reading_fail(reader, ERR_TOO_LARGE, "the decorators of a schema have too many parts: at most 65536");
	if (reader->failed || !reading_grow(reader, &stack, &reader->stack_room, reader->stack_len, sizeof(*node)))
		return false;
	reader->stack = stack;
	reader->stack[reader->stack_len++] = *node;
	return true;
}

static bool parse_node(const struct parse *parse, const char *stops, struct node *ret);

/* Behind the opening bracket. Members go onto the stack. */
static bool parse_members(const struct parse *parse, char close, const char *stops)
{
	struct reading *reader = parse->reader;

	for (;;) {
		struct node member = { .kind = NODE_TEXT };

		skip_space(parse);
		if (here(reader) == close)
			return true;
		if (here(reader) == '\n')
			return wrong(parse, "a bracket is not closed");
		if (close != ']')
			parse_key(parse, close == '}', &member);
		if (close == '}' && member.key.len == 0)
			return wrong(parse, "a member of an object is no key=value");
		if (!parse_node(parse, stops, &member) || !push_node(reader, &member))
			return false;
		skip_space(parse);
		if (here(reader) == ',')
			reader->at++;
		else if (here(reader) != close)
			return wrong(parse, close == ')' ? "a comma or ) is missing" :
				     close == ']'	 ? "a comma or ] is missing" :
							   "a comma or } is missing");
	}
}

static bool parse_list(const struct parse *parse, enum node_kind kind, char close, struct node *ret)
{
	const struct parse inner = { parse->reader, parse->context, parse->layer, parse->depth + 1 };
	struct reading *reader = parse->reader;
	size_t base = reader->stack_len;
	bool ok;

	ret->kind = kind;
	if (inner.depth > LIMIT_SCHEMA_DEPTH)
		return wrong(parse, "is nested too deeply: at most 16 brackets");
	reader->at++;
	ok = parse_members(&inner, close, kind == NODE_CALL ? " \t\n,)" : " \t\n,)}]");
	if (ok) {
		reader->at++;
		ret->items_len = reader->stack_len - base;
		if (ret->items_len > 0)
			ret->items = keep_nodes(reader, reader->stack + base, ret->items_len);
	}
	reader->stack_len = base;
	return ok && !reader->failed;
}

static bool parse_node(const struct parse *parse, const char *stops, struct node *ret)
{
	struct reading *reader = parse->reader;
	const struct place place = reading_place(reader, reader->at);
	size_t name = identifier_len(reader);

	ret->line = place.line;
	ret->column = place.column;
	if (here(reader) == '{')
		return parse_list(parse, NODE_OBJECT, '}', ret);
	if (here(reader) == '[')
		return parse_list(parse, NODE_LIST, ']', ret);
	if (is_one_of(here(reader), "\"'`"))
		return parse_quoted(parse, ret);
	if (here(reader) == '/' && parse_regex(reader, ret))
		return true;
	if (name == 0 || reader->at + name >= reader->len || reader->text[reader->at + name] != '(')
		return parse_word(parse, stops, ret);
	ret->text = (struct span){ reader->text + reader->at, name };
	reader->at += name;
	return parse_list(parse, NODE_CALL, ')', ret);
}

const struct node *read_decorator_value(struct reading *reader, enum schema_layer layer)
{
	const struct parse parse = { reader, IN_COMMENT, layer, 0 };
	struct node node = { .kind = NODE_TEXT };

	if (!parse_node(&parse, " \t\n#", &node))
		return NULL;
	reader->node_count++;
	return keep_nodes(reader, &node, 1);
}

const struct node *read_call(struct reading *reader, size_t name_len, enum node_context context, enum schema_layer layer)
{
	const struct parse parse = { reader, context, layer, 0 };
	const struct place place = reading_place(reader, reader->at);
	struct node node = { .line = place.line, .column = place.column };

	node.text = (struct span){ reader->text + reader->at, name_len };
	reader->at += name_len;
	if (!parse_list(&parse, NODE_CALL, ')', &node))
		return NULL;
	reader->node_count++;
	return keep_nodes(reader, &node, 1);
}
