/* The HCL form of a policy: a scanner of tokens, and one function for each thing that the subset has. */
#include <string.h>

#include "core/policy_reader.h"
#include "vault/limits.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_TEXT, TOKEN_MARK, TOKEN_FAULT };

struct token {
	enum token_kind kind;
	const char *at;		/* where it begins in the source */
	const char *text;	/* of a word or text, unescaped */
	size_t len;
	char mark;
};

struct hcl_reader {
	struct policy_source *source;
	const char *at, *end;
	struct token now;	/* not consumed yet */
};

static enum error_code fault(const struct hcl_reader *reader, const char *place, const char *text)
{
	return policy_fault_at(reader->source, place, text);
}

/* -- tokens ------------------------------------------------------------------ */

/* False: a comment that does not end. */
static bool skip_block_comment(struct hcl_reader *reader)
{
	const char *close = memmem(reader->at + 2, (size_t)(reader->end - reader->at) - 2, "*/", 2);

	if (!close) {
		(void)fault(reader, reader->at, "a comment that begins here has no end");
		return false;
	}
	reader->at = close + 2;
	return true;
}

static bool at_pair(const struct hcl_reader *reader, char first, char second)
{
	return reader->end - reader->at >= 2 && reader->at[0] == first && reader->at[1] == second;
}

static bool skip_blanks(struct hcl_reader *reader)
{
	while (reader->at < reader->end) {
		char c = *reader->at;

		if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			reader->at++;
		} else if (c == '#' || at_pair(reader, '/', '/')) {
			const char *newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));

			reader->at = newline ? newline : reader->end;
		} else if (at_pair(reader, '/', '*')) {
			if (!skip_block_comment(reader))
				return false;
		} else {
			break;
		}
	}
	return true;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static void take_word(struct hcl_reader *reader)
{
	reader->now.kind = TOKEN_WORD;
	reader->now.text = reader->at;
	while (reader->at < reader->end && is_word_char(*reader->at))
		reader->at++;
	reader->now.len = (size_t)(reader->at - reader->now.text);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* \uXXXX of ASCII alone: no word, pattern or capability holds anything else. */
static const char *take_unicode(struct hcl_reader *reader, char *ret)
{
	int value = 0;

	if (reader->end - reader->at < 4)
		return "\\u is followed by four hexadecimal digits";
	for (int i = 0; i < 4; i++) {
		int digit = hex_value(*reader->at++);

		if (digit < 0)
			return "\\u is followed by four hexadecimal digits";
		value = value * 16 + digit;
	}
	if (value < ' ' || value > '~')
		return "an escape stands for a character that no path can hold";
	*ret = (char)value;
	return NULL;
}

/* Behind the backslash. */
static const char *take_escape(struct hcl_reader *reader, char *ret)
{
	char c = reader->at < reader->end ? *reader->at++ : '\0';

	switch (c) {
	case '"':
	case '\\':
		*ret = c;
		return NULL;
	case 'n':
		*ret = '\n';
		return NULL;
	case 't':
		*ret = '\t';
		return NULL;
	case 'r':
		*ret = '\r';
		return NULL;
	case 'u':
		return take_unicode(reader, ret);
	default:
		return "an escape is one of \\\" \\\\ \\n \\r \\t \\uXXXX";
	}
}

static const char *take_text_into(struct hcl_reader *reader, char *space)
{
	const char *what;

	reader->at++;	/* the quote */
	while (reader->at < reader->end && *reader->at != '"') {
		char c = *reader->at++;

		if (c == '\n' || c == '\r')
			return "a text ends on the line where it begins";
		if (c == '\\') {
			what = take_escape(reader, &c);
			if (what)
				return what;
		}
		space[reader->now.len++] = c;
	}
	if (reader->at == reader->end)
		return "a text that begins here has no closing quote";
	reader->at++;
	return NULL;
}

/* A text is never longer than its source. */
static bool take_text(struct hcl_reader *reader)
{
	const char *close = reader->at + 1, *what;
	char *space;

	while (close < reader->end && *close != '"' && *close != '\n')
		close += *close == '\\' && reader->end - close > 1 ? 2 : 1;
	space = text_pool_space(&reader->source->ret->pool, (size_t)(close - reader->at));
	if (!space) {
		error_set(reader->source->err, ERR_NO_MEMORY, "no memory is left for a policy");
		return false;
	}
	reader->now.kind = TOKEN_TEXT;
	reader->now.text = space;
	what = take_text_into(reader, space);
	if (what)
		(void)fault(reader, reader->now.at, what);
	return !what;
}

/* The next token; faults have been told. */
static void advance(struct hcl_reader *reader)
{
	bool fine = skip_blanks(reader);

	reader->now = (struct token){ .kind = TOKEN_END, .at = reader->at };
	if (fine && reader->at == reader->end)
		return;
	if (fine && is_word_char(*reader->at)) {
		take_word(reader);
	} else if (fine && *reader->at == '"') {
		fine = take_text(reader);
	} else if (fine && at_pair(reader, '<', '<')) {
		(void)fault(reader, reader->at, "a text in lines (<<) is not supported; write it in quotes");
		fine = false;
	} else if (fine && strchr("{}[]=,", *reader->at)) {
		reader->now.kind = TOKEN_MARK;
		reader->now.mark = *reader->at++;
	} else if (fine) {
		(void)fault(reader, reader->at, "this character has no meaning here");
		fine = false;
	}
	if (!fine)
		reader->now.kind = TOKEN_FAULT;
}

static bool is_mark(const struct hcl_reader *reader, char mark)
{
	return reader->now.kind == TOKEN_MARK && reader->now.mark == mark;
}

static bool is_key(const struct hcl_reader *reader)
{
	return reader->now.kind == TOKEN_WORD || reader->now.kind == TOKEN_TEXT;
}

/* Consumes the mark; false when something else is there. */
static bool accept(struct hcl_reader *reader, char mark)
{
	if (!is_mark(reader, mark))
		return false;
	advance(reader);
	return true;
}

static enum error_code unexpected(const struct hcl_reader *reader, const char *text)
{
	return reader->now.kind == TOKEN_FAULT ? reader->source->err->code : fault(reader, reader->now.at, text);
}

/* -- what stands between braces ------------------------------------------------ */

static enum error_code read_capabilities(struct hcl_reader *reader, struct policy_block *block)
{
	static const char form[] = "capabilities are a list of texts: [\"read\", \"list\"]";

	if (!accept(reader, '['))
		return unexpected(reader, form);
	while (!is_mark(reader, ']')) {
		if (reader->now.kind != TOKEN_TEXT)
			return unexpected(reader, form);
		if (policy_add_capability(reader->source, reader->now.at, reader->now.text, reader->now.len, block) != ERR_OK)
			return reader->source->err->code;
		advance(reader);
		if (!accept(reader, ',') && !is_mark(reader, ']'))
			return unexpected(reader, form);
	}
	advance(reader);
	return ERR_OK;
}

/* Any text, without effect. */
static enum error_code read_text(struct hcl_reader *reader)
{
	if (reader->now.kind != TOKEN_TEXT)
		return unexpected(reader, "a text in quotes is missing here");
	advance(reader);
	return ERR_OK;
}

static enum error_code read_old_word(struct hcl_reader *reader, struct policy_block *block)
{
	struct token word = reader->now;

	if (read_text(reader) != ERR_OK)
		return reader->source->err->code;
	return policy_add_old_word(reader->source, word.at, word.text, word.len, block);
}

static enum error_code read_member(struct hcl_reader *reader, struct policy_block *block)
{
	struct token key = reader->now;
	enum policy_member member;

	if (!is_key(reader))
		return unexpected(reader, "a member such as capabilities = [\"read\"], or the closing brace, is missing here");
	member = policy_member_of(reader->source, key.at, key.text, key.len, block);
	if (member == MEMBER_REFUSED)
		return reader->source->err->code;
	advance(reader);
	if (!accept(reader, '='))
		return unexpected(reader, "'=' is missing here");
	switch (member) {
	case MEMBER_CAPABILITIES:
		return read_capabilities(reader, block);
	case MEMBER_POLICY:
		return read_old_word(reader, block);
	case MEMBER_COMMENT:
	case MEMBER_REFUSED:
		break;
	}
	return read_text(reader);
}

static enum error_code read_block(struct hcl_reader *reader, struct policy_block *block)
{
	if (!accept(reader, '{'))
		return unexpected(reader, "'{' is missing here");
	while (!is_mark(reader, '}')) {
		if (read_member(reader, block) != ERR_OK)
			return reader->source->err->code;
		(void)accept(reader, ',');
	}
	advance(reader);
	return ERR_OK;
}

/* -- the whole ------------------------------------------------------------------- */

/* path "pattern" { ... }; the word path is consumed. */
static enum error_code read_path(struct hcl_reader *reader)
{
	struct policy_block block = {0};
	struct token pattern = reader->now;

	if (pattern.kind != TOKEN_TEXT)
		return unexpected(reader, "the path in quotes is missing here");
	advance(reader);
	(void)accept(reader, '=');
	if (read_block(reader, &block) != ERR_OK)
		return reader->source->err->code;
	return policy_add_rule(reader->source, pattern.at, pattern.text, pattern.len, &block);
}

/* name = "..." stands in old policies; the name is that of the request. */
static enum error_code read_name(struct hcl_reader *reader)
{
	if (!accept(reader, '='))
		return unexpected(reader, "'=' is missing here");
	return read_text(reader);
}

static bool key_is(const struct token *key, const char *word)
{
	return key->len == strlen(word) && memcmp(key->text, word, key->len) == 0;
}

static enum error_code read_item(struct hcl_reader *reader)
{
	static const char form[] = "a policy is made of path \"...\" { ... }, and nothing else";
	struct token key = reader->now;

	if (!is_key(reader))
		return unexpected(reader, form);
	advance(reader);
	if (key_is(&key, "path"))
		return read_path(reader);
	if (key_is(&key, "name"))
		return read_name(reader);
	return fault(reader, key.at, form);
}

enum error_code policy_read_hcl(struct policy_source *source)
{
	struct hcl_reader reader = { .source = source, .at = source->text, .end = source->text + source->len };

	advance(&reader);
	while (reader.now.kind != TOKEN_END) {
		if (read_item(&reader) != ERR_OK)
			return source->err->code;
		(void)accept(&reader, ',');
	}
	return ERR_OK;
}
