/*
 * The portable dotenv file: what the dotenv packages of node, Python, Go and
 * Ruby, node itself and compose read alike. A line about which they disagree
 * is refused with the reason, because whatever this reader made of it would be
 * wrong for somebody.
 */
#include "dialect/row.h"
#include "dialect/text.h"
#include "vault/names.h"

static const char hint_single[] = "put the value in single quotes";
static const char hint_name_reader[] =
	"name the reader's dialect instead: --dialect compose, shell, systemd or docker";

static const struct remark remark_bom = {
	"the file starts with a byte order mark, which some readers take for part of the first name",
	"save it as UTF-8 without BOM",
};
static const struct remark remark_cr = {
	"a carriage return that readers keep, drop or take for a line end",
	"save the file with LF line ends",
};
static const struct remark remark_separator = {
	"a Unicode line separator, which ends the line for some readers",
	"remove it, or put the value in single quotes",
};
static const struct remark remark_name = {
	"this is not NAME=VALUE, and readers disagree about what it is",
	"a name has letters, digits, _ and dots, and does not start with a digit",
};
static const struct remark remark_no_equals = {
	"a name without = is skipped, emptied or inherited, depending on the reader",
	"write NAME= for an empty value, or put # in front",
};
static const struct remark remark_colon = {
	"only some readers take : in place of =",
	"write NAME=VALUE",
};
static const struct remark remark_prototype = {
	"JavaScript keeps this name for itself, and its readers lose the variable",
	"rename the variable",
};
static const struct remark remark_export = {
	"readers disagree about export here",
	"write export NAME=VALUE with one blank after export, or leave export out",
};
static const struct remark remark_empty = {
	"newer versions of node take the next line for this empty value, or export for a part of its name",
	"write NAME='' for an empty value",
};
static const struct remark remark_hash = {
	"# is a comment here for some readers and part of the value for others",
	"put the value in quotes, or a blank before a comment",
};
static const struct remark remark_hash_first = {
	"a value that starts with # is empty for some readers",
	"put the value in quotes; write NAME= and the comment on a line above",
};
static const struct remark remark_hash_twice = {
	"readers disagree which # starts the comment",
	"put the value in quotes, or the comment on a line above",
};
static const struct remark remark_backslash = {
	"readers disagree what a backslash outside single quotes means",
	"put the value in single quotes; write a line feed as a real one inside the quotes",
};
static const struct remark remark_two_backslashes = {
	"two backslashes become one for some readers, even in single quotes",
	hint_name_reader,
};
static const struct remark remark_last_backslash = {
	"a backslash before the closing quote: some readers go on to the next quote",
	hint_name_reader,
};
static const struct remark remark_dollar = {
	"a dollar sign refers to another variable for some readers",
	hint_single,
};
static const struct remark remark_dollar_brace = {
	"${ refers to another variable for some readers, even in single quotes",
	hint_name_reader,
};
static const struct remark remark_backtick = {
	"a value that starts with a backtick is quoted for some readers",
	hint_single,
};
static const struct remark remark_edge = {
	"the value starts or ends with white space or a control character that some readers cut off",
	hint_single,
};
static const struct remark remark_tab = {
	"a tab outside quotes, which node takes for part of the name or the value",
	"use spaces, or none",
};
static const struct remark remark_indented_comment = {
	"node takes a comment that does not start the line for part of the next name",
	"remove the blanks in front of #",
};
static const struct remark remark_last_comment = {
	"node takes a comment with = for a variable when it ends the file without a line feed",
	"end the file with a line feed",
};
static const struct remark remark_blank_line = {
	"node takes a line of blanks alone for part of the next name",
	"remove the blanks",
};
static const struct remark remark_tail = {
	"text after the closing quote is kept, dropped or an error, depending on the reader",
	"put the whole value in quotes, or a blank and # before a comment",
};
static const struct remark remark_unterminated = {
	"the quote is not closed",
	"close it, or put the other kind of quote around the value",
};
static const struct remark remark_not_alike = {
	"cannot be written so that all dotenv readers agree",
	"use the dialect of the reader: compose, systemd, docker, shell or json",
};

static bool has_line_separator(const char *text, size_t len)
{
	return memmem(text, len, "\xe2\x80\xa8", 3) || memmem(text, len, "\xe2\x80\xa9", 3);
}

/* What holds for any text outside quotes. */
static const struct remark *check_plain(const char *text, size_t len)
{
	if (text_has(text, len, '\r'))
		return &remark_cr;
	if (!utf8_is_valid(text, len))
		return &remark_not_utf8;
	return has_line_separator(text, len) ? &remark_separator : NULL;
}

static bool is_cut_off(const char *text, size_t len)
{
	return space_len(text, len) > 0 || (unsigned char)text[0] < ' ' || text[0] == 0x7f ||
	       text_starts(text, len, UTF8_BOM);
}

/* What some readers take off the ends: white space of all kinds, control characters, U+FEFF. */
static bool has_bad_edge(const char *text, size_t len)
{
	if (len == 0)
		return false;
	size_t bom = strlen(UTF8_BOM);
	return is_cut_off(text, len) || is_cut_off(text + len - 1, 1) || trimmed_len(text, len) != len ||
	       (len >= bom && text_starts(text + len - bom, bom, UTF8_BOM));
}

/* Go's reader looks for the last # after white space (or what ends in a byte like it), the others for the first. */
static bool has_second_comment(const char *comment, size_t len)
{
	for (size_t i = 1; i < len; i++)
		if (comment[i] == '#' && (comment[i - 1] <= ' ' || (unsigned char)comment[i - 1] >= 0x80))
			return true;
	return false;
}

/* Cuts the comment off an unquoted value. */
static const struct remark *cut_comment(const char *text, size_t *len)
{
	const char *hash = *len > 0 ? memchr(text, '#', *len) : NULL;
	if (!hash)
		return NULL;
	size_t value_len = (size_t)(hash - text);
	if (value_len == 0)
		return &remark_hash_first;
	if (text[value_len - 1] != ' ')
		return &remark_hash;
	if (has_second_comment(hash, *len - value_len))
		return &remark_hash_twice;
	while (value_len > 0 && text[value_len - 1] == ' ')
		value_len--;
	*len = value_len;
	return NULL;
}

static const struct remark *read_unquoted(struct reader *reader, const char *text, size_t len)
{
	const struct remark *refused = check_plain(text, len);
	if (!refused)
		refused = cut_comment(text, &len);
	if (refused)
		return refused;
	while (len > 0 && text[len - 1] == ' ')
		len--;
	if (text_has(text, len, '\\'))
		return &remark_backslash;
	if (text_has(text, len, '$'))
		return &remark_dollar;
	if (len > 0 && text[0] == '`')
		return &remark_backtick;
	if (has_bad_edge(text, len))
		return &remark_edge;
	secret_buf_append(reader->value, text, len);
	return NULL;
}

static const struct remark *check_single_quoted(const char *text, size_t len)
{
	if (memmem(text, len, "\\\\", 2))
		return &remark_two_backslashes;
	if (len > 0 && text[len - 1] == '\\')
		return &remark_last_backslash;
	return memmem(text, len, "${", 2) ? &remark_dollar_brace : NULL;
}

static const struct remark *check_double_quoted(const char *text, size_t len)
{
	if (text_has(text, len, '\\'))
		return &remark_backslash;
	return text_has(text, len, '$') ? &remark_dollar : NULL;
}

/* Where the value ends that starts with the quote at reader->at, or the length of the text. An escaped quote does not
 * end it, so that a refused value is passed as a whole and is not taken for more lines. */
static size_t find_closing_quote(const struct reader *reader)
{
	char quote = reader_peek(reader);
	for (size_t at = reader->at + 1; at < reader->len; at++) {
		char c = reader->text[at];
		if (c == quote)
			return at;
		if (c == '\\' && quote == '"')
			at++;
	}
	return reader->len;
}

/* Where the LF or CR LF is, or the end of the text. */
static size_t line_end(const struct reader *reader, size_t from)
{
	size_t end = reader_find(reader, from, '\n');
	return end < reader->len && end > from && reader->text[end - 1] == '\r' ? end - 1 : end;
}

/* Nothing but blanks, or blanks and a comment. */
static const struct remark *check_tail(const char *text, size_t len)
{
	size_t blanks = 0;
	while (blanks < len && is_blank(text[blanks]))
		blanks++;
	if (blanks == len)
		return NULL;
	return blanks > 0 && text[blanks] == '#' ? check_plain(text, len) : &remark_tail;
}

/* Leaves the reader on the line on which the value ends. */
static const struct remark *read_quoted(struct reader *reader)
{
	char quote = reader_peek(reader);
	size_t close = find_closing_quote(reader);
	const char *content = reader->text + reader->at + 1;
	if (close == reader->len)
		return &remark_unterminated;
	size_t len = close - reader->at - 1;
	reader_move(reader, close + 1);
	const struct remark *refused =
		check_tail(reader->text + reader->at, line_end(reader, reader->at) - reader->at);
	if (!refused)
		refused = quote == '"' ? check_double_quoted(content, len) : check_single_quoted(content, len);
	if (!refused && text_has(content, len, '\r'))
		refused = &remark_cr;
	if (!refused && !utf8_is_valid(content, len))
		refused = &remark_not_utf8;
	secret_buf_append(reader->value, content, len);
	return refused;
}

static void skip_spaces(struct reader *reader)
{
	while (!reader_is_done(reader) && reader_peek(reader) == ' ')
		reader_next(reader);
}

static bool at_tab(const struct reader *reader)
{
	return !reader_is_done(reader) && reader_peek(reader) == '\t';
}

static const struct remark *skip_export(struct reader *reader)
{
	static const char word[] = "export";
	const char *text = reader->text + reader->at;
	size_t len = reader->len - reader->at;
	size_t word_len = strlen(word);
	if (!text_starts(text, len, word) || len == word_len || is_name_char(text[word_len]) || is_one_of(text[word_len], ".="))
		return NULL;
	if (len < word_len + 2 || text[word_len] != ' ' || !is_name_start(text[word_len + 1]))
		return &remark_export;
	reader->at += word_len + 1;
	return NULL;
}

static bool is_portable_name_char(char c)
{
	return is_name_char(c) || c == '.';
}

static size_t scan_name(struct reader *reader)
{
	size_t from = reader->at;
	while (!reader_is_done(reader) && is_portable_name_char(reader_peek(reader)))
		reader->at++;
	return reader->at - from;
}

/* Passes the = and the spaces around it. */
static const struct remark *read_equals(struct reader *reader, const char *name, size_t name_len)
{
	if (name_len == 0 && at_tab(reader))
		return &remark_tab;
	if (name_len == 0 || is_digit(name[0]))
		return &remark_name;
	skip_spaces(reader);
	if (at_tab(reader))
		return &remark_tab;
	if (reader->at == line_end(reader, reader->at))
		return &remark_no_equals;
	if (reader_peek(reader) == ':')
		return &remark_colon;
	if (reader_peek(reader) != '=')
		return &remark_name;
	reader_next(reader);
	skip_spaces(reader);
	return at_tab(reader) ? &remark_tab : NULL;
}

static const struct remark *read_value(struct reader *reader, bool exported)
{
	size_t end = line_end(reader, reader->at);
	if (reader->at == end && (exported || reader->text[reader->at - 1] != '='))
		return &remark_empty;
	if (reader->at < end && is_one_of(reader_peek(reader), "'\""))
		return read_quoted(reader);
	return read_unquoted(reader, reader->text + reader->at, end - reader->at);
}

static bool is_prototype(const char *name, size_t len)
{
	static const char prototype[] = "__proto__";
	return len == strlen(prototype) && memcmp(name, prototype, len) == 0;
}

static void read_assignment(struct reader *reader)
{
	unsigned line = reader->line;
	size_t start = reader->at;
	const struct remark *refused = skip_export(reader);
	bool exported = reader->at > start;
	const char *name = reader->text + reader->at;
	size_t name_len = scan_name(reader);
	if (!refused && is_prototype(name, name_len))
		refused = &remark_prototype;
	if (!refused)
		refused = read_equals(reader, name, name_len);
	if (!refused)
		refused = read_value(reader, exported);
	if (refused)
		reader_refuse(reader, line, name, name_len, refused);
	else
		reader_put(reader, name, name_len, line);
}

static const struct remark *read_comment(const struct reader *reader, size_t end, bool indented)
{
	const char *text = reader->text + reader->at;
	size_t len = end - reader->at;
	if (indented)
		return &remark_indented_comment;
	if (end == reader->len && text_has(text, len, '='))
		return &remark_last_comment;
	return check_plain(text, len);
}

static void read_line(struct reader *reader)
{
	const struct remark *refused = NULL;
	size_t start = reader->at;
	skip_spaces(reader);
	size_t end = line_end(reader, reader->at);
	bool indented = reader->at > start;
	if (reader->at == end)
		refused = indented ? &remark_blank_line : NULL;
	else if (reader_peek(reader) == '#')
		refused = read_comment(reader, end, indented);
	else
		read_assignment(reader);
	if (refused)
		reader_refuse(reader, reader->line, "", 0, refused);
	reader_skip_line(reader);
	if (!reader_is_done(reader))
		reader_next(reader);
}

static void dotenv_read(struct reader *reader)
{
	if (text_starts(reader->text, reader->len, UTF8_BOM)) {
		reader_refuse(reader, 1, "", 0, &remark_bom);
		reader->at = strlen(UTF8_BOM);
	}
	while (!reader_is_done(reader))
		read_line(reader);
}

/* How a value is written; the first that fits. */
enum quoting { QUOTE_NONE, QUOTE_SINGLE, QUOTE_DOUBLE, QUOTE_IMPOSSIBLE };

static enum quoting choose_quoting(const char *text, size_t len)
{
	if (len > 0 && text_is_plain(text, len))
		return QUOTE_NONE;
	if (text_has(text, len, '\r'))
		return QUOTE_IMPOSSIBLE;
	if (!text_has(text, len, '\'') && !check_single_quoted(text, len))
		return QUOTE_SINGLE;
	if (!text_has(text, len, '"') && !text_has(text, len, '`') && !check_double_quoted(text, len))
		return QUOTE_DOUBLE;
	return QUOTE_IMPOSSIBLE;
}

static const struct remark *dotenv_refuse(const struct env_entry *entry)
{
	if (!variable_name_is_portable(entry->name, entry->name_len))
		return &remark_not_identifier;
	if (is_prototype(entry->name, entry->name_len))
		return &remark_prototype;
	if (text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	if (!utf8_is_valid(entry->value, entry->value_len))
		return &remark_not_utf8;
	return choose_quoting(entry->value, entry->value_len) == QUOTE_IMPOSSIBLE ? &remark_not_alike : NULL;
}

static void dotenv_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	static const char *const quotes[] = { [QUOTE_NONE] = "", [QUOTE_SINGLE] = "'", [QUOTE_DOUBLE] = "\"",
					      [QUOTE_IMPOSSIBLE] = "" };
	const char *quote = quotes[choose_quoting(entry->value, entry->value_len)];
	(void)first;
	secret_buf_append(out, entry->name, entry->name_len);
	secret_buf_append_char(out, '=');
	secret_buf_append_text(out, quote);
	secret_buf_append(out, entry->value, entry->value_len);
	secret_buf_append_text(out, quote);
	secret_buf_append_char(out, '\n');
}

const struct dialect dialect_dotenv = {
	.name = "dotenv",
	.summary = "a .env file that all dotenv readers read alike",
	.opening = "",
	.closing = "",
	.is_text = true,
	.read = dotenv_read,
	.refuse = dotenv_refuse,
	.write = dotenv_write,
};
