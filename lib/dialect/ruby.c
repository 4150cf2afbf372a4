/*
 * The dotenv package of Ruby, by two of its parsers: that of 2.4, which reads
 * line by line, and that of 3, which knows values of several lines and escapes
 * outside quotes. A line that these two do not read alike is refused, and so is
 * what refers to the environment or would run a command. For the last versions
 * of 3 a name alone is a variable, and an export without a value an error: what
 * finds these refuses them, so that they need no third way through the text.
 */
#include "dialect/row.h"
#include "dialect/text.h"
#include "dialect/versions.h"
#include "utf8.h"
#include "vault/names.h"

/* Of commands in commands; deeper ones are not looked at. It bounds how often a byte is looked at. */
#define DEPTH_MAX 16

static const struct remark remark_differ = {
	"dotenv 2 and 3 do not read this line alike",
	"write NAME='VALUE' on one line, or NAME=VALUE without backslashes",
};
static const struct remark remark_ignored = {
	"dotenv ignores this line: it is not NAME=VALUE",
	"write NAME=VALUE; a name is letters, digits, _ and dots",
};
static const struct remark remark_reference = {
	"refers to another variable, and dotenv takes that from its environment first",
	"put the value in single quotes, or a backslash before the dollar sign",
};
static const struct remark remark_command = {
	"dotenv would run this as a command",
	"put the value in single quotes, or a backslash before the dollar sign",
};
static const struct remark remark_depth = {
	"too many parentheses in one another for a command or a value that looks like one",
	"put the value in single quotes",
};
static const struct remark remark_export = {
	"export names a variable that is not set before, over which dotenv gives up the file",
	"remove the line, or write export NAME=VALUE",
};
static const struct remark remark_empty_export = {
	"exports nothing behind =, over which the last versions of dotenv 3 give up the file",
	"write export NAME='', or NAME= without export",
};
static const struct remark remark_file = {
	"is not valid UTF-8: dotenv would refuse the whole file",
	"save the file as UTF-8",
};
static const struct remark remark_ruby_name = {
	"the name is not made of letters, digits, _ and dots alone",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_line_end = {
	"holds a line end, which dotenv 2.4 and 3 do not write alike",
	"for dotenv 3 use the dotenv dialect, which holds line feeds; or encode it (base64)",
};
static const struct remark remark_backslash = {
	"backslashes that dotenv 2 and 3 do not read alike in a value that holds a single quote, or at its end",
	"encode it (base64), or use the reader's own dialect: compose, shell, json",
};

static const char quotes[] = "'\"";

static bool is_space(char c)
{
	return is_one_of(c, " \t\n\v\f\r");
}

static size_t skip_space(const struct reader *reader, size_t at)
{
	while (at < reader->len && is_space(reader->text[at]))
		at++;
	return at;
}

/* Spaces, and no line feed. */
static size_t skip_space_of_line(const struct reader *reader, size_t at)
{
	while (at < reader->len && reader->text[at] != '\n' && is_space(reader->text[at]))
		at++;
	return at;
}

static bool is_key_char(char c)
{
	return is_name_char(c) || c == '.';
}

static char char_at(const struct reader *reader, size_t at)
{
	return at < reader->len ? reader->text[at] : '\0';
}

static bool ends_line(const struct reader *reader, size_t at)
{
	return at == reader->len || reader->text[at] == '\n' || reader->text[at] == '#';
}

/* -- what becomes of a value ---------------------------------------------------- */

/* Any character behind a backslash but $ loses it. */
static void unescape(struct secret_buf *value)
{
	char *text = (char *)secret_buf_mutable(value);
	size_t len = secret_buf_len(value), to = 0;
	for (size_t at = 0; at < len; at++) {
		if (text[at] == '\\' && at + 1 < len && text[at + 1] != '$')
			at++;
		text[to++] = text[at];
	}
	secret_buf_truncate(value, to);
}

/* A letter that ignores case as Unicode has it: the long s and the Kelvin sign are letters too. */
static bool is_reference_char(const char *text, size_t len)
{
	return len > 0 && (is_name_char(text[0]) || text_starts(text, len, "\xc5\xbf") || text_starts(text, len, "\xe2\x84\xaa"));
}

/* $NAME and ${NAME}: refused, unless a backslash is before it, which is taken away. */
static const struct remark *substitute_variables(struct secret_buf *value)
{
	char *text = (char *)secret_buf_mutable(value);
	size_t len = secret_buf_len(value), to = 0;
	for (size_t at = 0; at < len; at++) {
		bool escaped = text[at] == '\\' && at + 1 < len && text[at + 1] == '$';
		size_t behind = at + (escaped ? 2 : 1);
		bool is_dollar = (escaped || text[at] == '$') && !(behind < len && text[behind] == '(');
		if (is_dollar && behind < len && text[behind] == '{')
			behind++;
		if (is_dollar && !escaped && is_reference_char(text + behind, len - behind))
			return &remark_reference;
		if (is_dollar && escaped)
			at++;
		text[to++] = text[at];
	}
	secret_buf_truncate(value, to);
	return NULL;
}

/* Length of a command with its parentheses that starts with the one at text[0]; 0 when it is none (not closed, or empty
 * parentheses in it); SIZE_MAX when it is nested too deep to say. */
static size_t command_len(const char *text, size_t len)
{
	size_t depth = 0;
	for (size_t at = 0; at < len; at++) {
		if (text[at] == '(' && ++depth > DEPTH_MAX)
			return SIZE_MAX;
		if (text[at] == '(' && at + 1 < len && text[at + 1] == ')')
			return 0;
		if (text[at] == ')' && --depth == 0)
			return at + 1;
	}
	return 0;
}

/* $(command): refused, unless a backslash is before it, which is taken away. */
static const struct remark *substitute_commands(struct secret_buf *value)
{
	char *text = (char *)secret_buf_mutable(value);
	size_t len = secret_buf_len(value), to = 0;
	for (size_t at = 0; at < len; at++) {
		size_t dollar = at + (text[at] == '\\');
		bool is_opening = dollar + 1 < len && text[dollar] == '$' && text[dollar + 1] == '(';
		size_t size = is_opening ? command_len(text + dollar + 1, len - dollar - 1) : 0;
		if (size == SIZE_MAX)
			return &remark_depth;
		if (size > 0 && dollar == at)
			return &remark_command;
		if (size == 0) {
			text[to++] = text[at];
			continue;
		}
		memmove(text + to, text + dollar, size + 1);
		to += size + 1;
		at = dollar + size;
	}
	secret_buf_truncate(value, to);
	return NULL;
}

static const struct remark *substitute(struct secret_buf *value)
{
	const struct remark *refused = substitute_variables(value);
	return refused ? refused : substitute_commands(value);
}

/* What stands behind the separator, quotes and all, without white space around it: loses one pair of quotes. Gives the quote,
 * or NUL. */
static char put_stripped(struct version *version, const char *text, size_t len)
{
	char quote = len >= 2 && is_one_of(text[0], quotes) && text[len - 1] == text[0] ? text[0] : '\0';
	if (quote)
		version_take(version, text + 1, len - 2);
	else
		version_take(version, text, len);
	return quote;
}

/* What can change a value, or be a reason to refuse it. */
static bool has_escape_or_dollar(const struct version *version)
{
	size_t len;
	const char *value = version_value(version, &len);
	return text_has(value, len, '\\') || text_has(value, len, '$');
}

static size_t strip(const struct reader *reader, size_t *from, size_t to)
{
	*from = skip_space(reader, *from);
	while (to > *from && is_space(reader->text[to - 1]))
		to--;
	return to > *from ? to - *from : 0;
}

/* -- what both parsers do ----------------------------------------------------- */

static void found_name(struct version *version, size_t from, size_t to)
{
	reader_move(&version->reader, from);
	version->name = version->reader.text + from;
	version->name_len = to - from;
	version->line = version->reader.line;
}

/* Where the name starts: behind export, if there is a name on the same line, or (dotenv 3) on one below. */
static size_t skip_export(const struct reader *reader, size_t at)
{
	static const char word[] = "export";
	if (!text_starts(reader->text + at, reader->len - at, word))
		return at;
	size_t behind = skip_space(reader, at + strlen(word));
	return behind > at + strlen(word) && is_key_char(char_at(reader, behind)) ? behind : at;
}

static size_t skip_key(const struct reader *reader, size_t at)
{
	while (at < reader->len && is_key_char(reader->text[at]))
		at++;
	return at;
}

/* Behind the = or the : of a name that ends at `at`, or 0. */
static size_t skip_separator(const struct reader *reader, size_t at)
{
	size_t equals = skip_space(reader, at);
	if (char_at(reader, equals) == '=')
		return equals + 1;
	return char_at(reader, at) == ':' && is_space(char_at(reader, at + 1)) ? at + 2 : 0;
}

/* The line is one on which export stands first: all other words on it must be variables that are set. */
static bool exports_what_is_set(const struct reader *reader, size_t at, size_t end)
{
	struct env_entry entry;
	while ((at = skip_space(reader, at)) < end) {
		size_t from = at;
		while (at < end && !is_space(reader->text[at]))
			at++;
		if (!env_set_find(reader->set, reader->text + from, at - from, &entry))
			return false;
	}
	return true;
}

/* A line that is no assignment, from its first character that is no space. True: it is a find, to be refused. */
static bool pass_other_line(struct version *version)
{
	static const char word[] = "export";
	struct reader *reader = &version->reader;
	size_t from = reader->at;
	size_t end = reader_find(reader, from, '\n');
	size_t behind = from + strlen(word);
	bool is_export = text_starts(reader->text + from, end - from, word) &&
			 (behind == end || is_space(reader->text[behind]));
	bool is_bad = is_export && !exports_what_is_set(reader, behind, end);
	if (is_bad) {
		found_name(version, from, from);
		version->refused = &remark_export;
	} else if (!is_export && reader->text[from] != '#') {
		version_ignore(version, reader->line, reader->text + from, 0, &remark_ignored);
	}
	reader_move(reader, end);
	return is_bad;
}

/* -- dotenv 3 --------------------------------------------------------------------- */

/* The quote that closes what opens at `open`, or 0: the first that no backslash precedes, or else the last of those before it,
 * that has nothing but white space and a comment behind it on its line. */
static size_t find_closing_quote(const struct reader *reader, size_t open)
{
	size_t best = 0;
	char quote = reader->text[open];
	for (size_t at = reader_find(reader, open + 1, quote); at < reader->len; at = reader_find(reader, at + 1, quote)) {
		if (ends_line(reader, skip_space_of_line(reader, at + 1)))
			best = at;
		if (reader->text[at - 1] != '\\')
			break;
	}
	return best;
}

/* Up to a # or the end of the line. */
static size_t find_unquoted_end(const struct reader *reader, size_t at)
{
	size_t end = reader_find(reader, at, '\n');
	const char *hash = end > at ? memchr(reader->text + at, '#', end - at) : NULL;
	return hash ? (size_t)(hash - reader->text) : end;
}

static bool is_legacy(const struct reader *reader)
{
	static const char name[] = "DOTENV_LINEBREAK_MODE";
	static const char legacy[] = "legacy";
	struct env_entry entry;
	return env_set_find(reader->set, name, strlen(name), &entry) && entry.value_len == strlen(legacy) &&
	       memcmp(entry.value, legacy, entry.value_len) == 0;
}

/* False: there is none, not even a blank. */
static bool read_value_3(struct version *version, size_t at)
{
	struct reader *reader = &version->reader;
	size_t from = skip_space(reader, at);
	size_t close = is_one_of(char_at(reader, from), quotes) ? find_closing_quote(reader, from) : 0;
	size_t end = close > 0 ? close + 1 : find_unquoted_end(reader, at);
	from = at;
	size_t len = strip(reader, &from, end);
	char quote = put_stripped(version, reader->text + from, len);
	if (quote == '"' && is_legacy(reader))
		version_expand(version, "nr");
	/* Else \n and \r keep their backslash. */
	if (quote != '\'' && has_escape_or_dollar(version)) {
		unescape(version_own(version));
		version->refused = substitute(reader->value);
	}
	reader_move(reader, end);
	reader_skip_line(reader);
	return end > at;
}

static bool read_assignment_3(struct version *version)
{
	struct reader *reader = &version->reader;
	size_t start = reader->at;
	size_t from = skip_export(reader, start);
	size_t to = skip_key(reader, from);
	size_t value = to > from ? skip_separator(reader, to) : 0;
	if (value == 0)
		return false;
	found_name(version, from, to);
	bool has_value = read_value_3(version, value);
	if (!has_value && from > start)
		version->refused = &remark_empty_export;
	return true;
}

/* A name without a value, which is not behind export; the word export may be one itself. A variable for the last versions alone. */
static bool read_name_alone(struct version *version)
{
	struct reader *reader = &version->reader;
	size_t from = reader->at;
	size_t exported = skip_export(reader, from);
	if (exported > from && ends_line(reader, skip_space_of_line(reader, skip_key(reader, exported))))
		return false;
	size_t to = skip_key(reader, from);
	if (to == from || !ends_line(reader, skip_space_of_line(reader, to)))
		return false;
	found_name(version, from, to);
	version->refused = &remark_differ;
	reader_move(reader, reader_find(reader, to, '\n'));
	return true;
}

static bool ruby_3_next(struct version *version)
{
	struct reader *reader = &version->reader;
	for (;;) {
		reader_move(reader, skip_space(reader, reader->at));
		if (reader_is_done(reader))
			return false;
		if (read_assignment_3(version) || read_name_alone(version) || pass_other_line(version))
			return true;
	}
}

/* -- dotenv 2.4 ------------------------------------------------------------------- */

/* The last such quote on the line that has nothing but a comment behind it; 0: none. */
static size_t find_last_quote(const struct reader *line, size_t open)
{
	const char *text = line->text + open + 1;
	size_t len = line->len - open - 1;
	const char *quote;
	while ((quote = len > 0 ? memrchr(text, line->text[open], len) : NULL)) {
		size_t at = (size_t)(quote - line->text);
		if (ends_line(line, skip_space(line, at + 1)))
			return at;
		len = (size_t)(quote - text);
	}
	return 0;
}

/* `line` is the reader with its text cut at the end of the line. */
static void read_value_2(struct version *version, const struct reader *line, size_t at, bool is_equals)
{
	size_t from = is_equals ? skip_space(line, at) : at;
	size_t close = is_one_of(char_at(line, from), quotes) ? find_last_quote(line, from) : 0;
	size_t end = close > 0 ? close + 1 : find_unquoted_end(line, from);
	size_t len = strip(line, &from, end);
	char quote = put_stripped(version, line->text + from, len);
	if (quote == '\'' || !has_escape_or_dollar(version))
		return;
	if (quote == '"') {
		version_expand(version, "nr");
		unescape(version_own(version));
	}
	version->refused = substitute(version_own(version));
}

static bool read_assignment_2(struct version *version)
{
	struct reader *reader = &version->reader;
	struct reader line = *reader;
	line.len = reader_find(reader, reader->at, '\n');
	size_t from = skip_export(&line, reader->at);
	size_t to = skip_key(&line, from);
	size_t value = to > from ? skip_separator(&line, to) : 0;
	if (value == 0)
		return false;
	found_name(version, from, to);
	read_value_2(version, &line, value, line.text[value - 1] == '=');
	reader_move(reader, line.len);
	return true;
}

static bool ruby_2_next(struct version *version)
{
	struct reader *reader = &version->reader;
	for (;;) {
		reader_move(reader, skip_space(reader, reader->at));
		if (reader_is_done(reader))
			return false;
		if (read_assignment_2(version) || pass_other_line(version))
			return true;
	}
}

/* -- the dialect -------------------------------------------------------------------- */

static bool check_encoding(struct reader *reader)
{
	const unsigned char *text = (const unsigned char *)reader->text;
	size_t at = 0, size;
	while (at < reader->len && (size = utf8_char_len(text + at, reader->len - at)) > 0)
		at += size;
	if (at == reader->len)
		return true;
	reader_move(reader, at);
	reader_refuse(reader, reader->line, "", 0, &remark_file);
	return false;
}

static const struct remark *check_found(const struct version *version)
{
	(void)version;
	return NULL;
}

static void ruby_read(struct reader *reader)
{
	static const struct version_rules rules = { &remark_differ, check_found, { ruby_3_next, ruby_2_next, NULL } };
	cleanup_(secret_buf_freep) struct secret_buf *copy = NULL;
	if (!check_encoding(reader))
		return;
	if (text_starts(reader->text, reader->len, UTF8_BOM))
		reader->at = strlen(UTF8_BOM);
	if (versions_without_cr(reader, true, &copy))
		versions_read(reader, &rules);
}

/* How a value is written: the first that fits. */
enum quoting { QUOTE_NONE, QUOTE_SINGLE, QUOTE_DOUBLE, QUOTE_IMPOSSIBLE };

static bool has_deep_command(const char *text, size_t len)
{
	for (size_t at = 0; at + 1 < len; at++)
		if (text[at] == '$' && text[at + 1] == '(' && command_len(text + at + 1, len - at - 1) == SIZE_MAX)
			return true;
	return false;
}

/* A value that stays as it is without quotes: a backslash only as its last character. */
static bool can_stand_alone(const char *text, size_t len)
{
	const char *backslash = memchr(text, '\\', len);
	return !text_has(text, len, '#') && !text_has(text, len, '$') && !is_one_of(text[0], quotes) && !is_space(text[0]) &&
	       !is_space(text[len - 1]) && (!backslash || backslash == text + len - 1);
}

static enum quoting choose_quoting(const char *text, size_t len)
{
	if (text_is_plain(text, len))
		return QUOTE_NONE;
	bool ends_in_backslash = text[len - 1] == '\\';
	if (!ends_in_backslash && !text_has(text, len, '\''))
		return QUOTE_SINGLE;
	if (!ends_in_backslash && !memmem(text, len, "\\n", 2) && !memmem(text, len, "\\r", 2) &&
	    !has_deep_command(text, len))
		return QUOTE_DOUBLE;
	return can_stand_alone(text, len) ? QUOTE_NONE : QUOTE_IMPOSSIBLE;
}

static bool name_is_possible(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_key_char(name[i]))
			return false;
	return len > 0;
}

static const struct remark *ruby_refuse(const struct env_entry *entry)
{
	if (!name_is_possible(entry->name, entry->name_len))
		return &remark_ruby_name;
	if (text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	if (!utf8_is_valid(entry->value, entry->value_len))
		return &remark_not_utf8;
	if (text_has(entry->value, entry->value_len, '\r') || text_has(entry->value, entry->value_len, '\n'))
		return &remark_line_end;
	return choose_quoting(entry->value, entry->value_len) == QUOTE_IMPOSSIBLE ? &remark_backslash : NULL;
}

/* What looks like a command but is none keeps a backslash before its dollar sign, and so gets none; nor does a command that
 * stands in another one, because it is the outer one that loses its backslash. */
static void write_double_quoted(const struct env_entry *entry, struct secret_buf *out)
{
	size_t command_end = 0;

	secret_buf_append(out, entry->name, entry->name_len);
	secret_buf_append_text(out, "=\"");
	for (size_t i = 0; i < entry->value_len; i++) {
		const char *text = entry->value + i;
		size_t len = entry->value_len - i;
		bool is_opening = text_starts(text, len, "$(");
		size_t size = is_opening && i >= command_end ? command_len(text + 1, len - 1) : 0;
		if (size > 0)
			command_end = i + 1 + size;
		if (is_opening ? size > 0 : is_one_of(*text, "\\\"$"))
			secret_buf_append_char(out, '\\');
		secret_buf_append_char(out, *text);
	}
	secret_buf_append_text(out, "\"\n");
}

static void ruby_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	enum quoting quoting = choose_quoting(entry->value, entry->value_len);
	(void)first;
	if (quoting == QUOTE_DOUBLE)
		write_double_quoted(entry, out);
	else
		write_assignment(entry, quoting == QUOTE_SINGLE ? "'" : "", out);
}

static size_t ruby_growth(const struct env_entry *entry)
{
	return choose_quoting(entry->value, entry->value_len) == QUOTE_DOUBLE ? growth_by(entry, "\\\"$") : 0;
}

const struct dialect dialect_ruby = {
	.name = "ruby-dotenv",
	.summary = "the dotenv package of Ruby, 2 and 3",
	.opening = "",
	.closing = "",
	.is_text = true,
	.is_env_file = true,
	.read = ruby_read,
	.refuse = ruby_refuse,
	.write = ruby_write,
	.growth = ruby_growth,
	.reads_written = true,
};
