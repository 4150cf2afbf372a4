/*
 * `source file` of fish: the part of the language that sets constants. Nothing
 * is ever run or filled in; what would be is refused.
 */
#include "dialect/row.h"
#include "dialect/text.h"
#include "vault/names.h"

static const char hint_quote[] = "put the value in single quotes";

static const struct remark remark_command = {
	"this does not set a variable; commands are not run",
	"keep set -gx NAME 'VALUE' lines only",
};
static const struct remark remark_flag = {
	"this option of set erases, hides, appends or keeps a variable elsewhere",
	"write set -gx NAME 'VALUE'",
};
static const struct remark remark_name = {
	"what is set is not a plain name of letters, digits and _",
	"write set -gx NAME 'VALUE'",
};
static const struct remark remark_fish_name = {
	"the name is not made of letters, digits and _",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_several = {
	"is set to a list of several values",
	"put one value in single quotes",
};
static const struct remark remark_substitution = {
	"runs a command to get its value, or is an operator of fish outside quotes",
	hint_quote,
};
static const struct remark remark_reference = {
	"refers to another variable",
	"write the value itself, or put it in single quotes if it is meant as text",
};
static const struct remark remark_pattern = {
	"~ * ? [ { ^ ! or % outside quotes, which fish may expand",
	hint_quote,
};
static const struct remark remark_bare_bytes = {
	"a letter or a blank outside ASCII outside quotes, which not every fish reads alike",
	hint_quote,
};
static const struct remark remark_escape = {
	"an escape outside quotes that stands for a character by its number",
	hint_quote,
};
static const struct remark remark_unterminated = {
	"the quote is not closed",
	"close it; a single quote inside single quotes is written \\'",
};
static const struct remark remark_joined_comment = {
	"a comment after a line that ends in a backslash: fish goes on with the line below it",
	"take the backslash or the comment away",
};
static const struct remark remark_last_backslash = {
	"the file ends in a backslash",
	hint_quote,
};
static const struct remark remark_special = {
	"the name has a meaning of its own in fish, which refuses or changes it",
	"rename the variable, or use another dialect",
};
static const struct remark remark_empty_part = {
	"fish puts . in place of an empty part of this path",
	"write . for the current directory, or take the empty part away",
};

/* Names that fish computes, refuses to set, or takes as orders to itself while it reads the file. */
static const char *const special_names[] = {
	"FISH_VERSION", "PWD", "SHLVL", "_", "fish_history", "fish_kill_signal", "fish_killring", "fish_pid",
	"fish_read_limit", "fish_trace", "fish_user_paths", "history", "hostname", "pipestatus", "status", "status_generation", "umask",
	"version",
};

static bool is_special(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(special_names); i++)
		if (strlen(special_names[i]) == len && memcmp(special_names[i], name, len) == 0)
			return true;
	return false;
}

/* In fish a name may start with a digit. What letters it takes beyond ASCII depends on the locale. */
static bool name_is_possible(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(name[i]))
			return false;
	return len > 0;
}

/* In PATH and CDPATH, and there alone, an empty part becomes the current directory. */
static bool has_empty_part(const char *name, size_t name_len, const char *value, size_t value_len)
{
	bool is_path = (name_len == 4 && memcmp(name, "PATH", 4) == 0) || (name_len == 6 && memcmp(name, "CDPATH", 6) == 0);

	if (!is_path)
		return false;
	if (value_len == 0 || value[0] == ':' || value[value_len - 1] == ':')
		return true;
	return memmem(value, value_len, "::", 2) != NULL;
}

static const struct remark *check_variable(const char *name, size_t name_len, const char *value, size_t value_len)
{
	if (is_special(name, name_len))
		return &remark_special;
	return has_empty_part(name, name_len, value, value_len) ? &remark_empty_part : NULL;
}

static const struct remark *read_single_quotes(struct reader *reader)
{
	while (!reader_is_done(reader)) {
		char c = reader_next(reader);
		if (c == '\'')
			return NULL;
		if (c == '\\' && !reader_is_done(reader) && is_one_of(reader_peek(reader), "\\'"))
			c = reader_next(reader);
		secret_buf_append_char(reader->value, c);
	}
	return &remark_unterminated;
}

static const struct remark *read_double_quotes(struct reader *reader)
{
	while (!reader_is_done(reader)) {
		char c = reader_next(reader);
		if (c == '"')
			return NULL;
		if (c == '$')
			return &remark_reference;
		if (c == '\\' && !reader_is_done(reader) && reader_peek(reader) == '\n') {
			reader_next(reader);
			continue;
		}
		if (c == '\\' && !reader_is_done(reader) && is_one_of(reader_peek(reader), "\\\"$"))
			c = reader_next(reader);
		secret_buf_append_char(reader->value, c);
	}
	return &remark_unterminated;
}

/* A backslash outside quotes. */
static const struct remark *read_backslash(struct reader *reader)
{
	static const char letters[] = "abefnrtv", meaning[] = "\a\b\x1b\f\n\r\t\v";
	if (reader_is_done(reader))
		return &remark_last_backslash;
	char c = reader_next(reader);
	if (c == '\n')
		return NULL;
	const char *letter = c != '\0' ? strchr(letters, c) : NULL;
	if (letter)
		c = meaning[letter - letters];
	else if (is_letter(c) || is_digit(c))
		return &remark_escape;
	else if (c < ' ' || c > '~')
		return &remark_bare_bytes;
	secret_buf_append_char(reader->value, c);
	return NULL;
}

/* One character of a word that is not quoted. */
static const struct remark *read_bare(struct reader *reader, char c)
{
	if (c == '$')
		return &remark_reference;
	if (is_one_of(c, "()&|<>"))
		return &remark_substitution;
	if (is_one_of(c, "~*?[]{}^!%#"))
		return &remark_pattern;
	if (c <= ' ' || c > '~')
		return &remark_bare_bytes;
	secret_buf_append_char(reader->value, c);
	return NULL;
}

/* fish takes a carriage return outside quotes for a line end. */
static bool at_statement_end(const struct reader *reader)
{
	return reader_is_done(reader) || is_one_of(reader_peek(reader), "\r\n;#");
}

static bool at_word_end(const struct reader *reader)
{
	return reader_is_done(reader) || is_one_of(reader_peek(reader), " \t\r\n;");
}

static const struct remark *read_word(struct reader *reader)
{
	const struct remark *refused = NULL;
	while (!refused && !at_word_end(reader)) {
		char c = reader_next(reader);
		if (c == '\'')
			refused = read_single_quotes(reader);
		else if (c == '"')
			refused = read_double_quotes(reader);
		else if (c == '\\')
			refused = read_backslash(reader);
		else
			refused = read_bare(reader, c);
	}
	return refused;
}

/* Blanks and joined lines. False when a comment follows a joined line. */
static bool skip_blanks(struct reader *reader)
{
	bool any_joined = false;
	while (!reader_is_done(reader)) {
		bool joined = reader->at + 1 < reader->len && reader_peek(reader) == '\\' &&
			      reader->text[reader->at + 1] == '\n';
		if (!joined && !is_blank(reader_peek(reader)))
			return !any_joined || reader_peek(reader) != '#';
		if (joined)
			reader_next(reader);
		reader_next(reader);
		any_joined |= joined;
	}
	return true;
}

/* A word of plain characters, such as a command, an option or a name. */
static size_t scan_plain(struct reader *reader)
{
	size_t from = reader->at;
	while (!reader_is_done(reader) && (is_name_char(reader_peek(reader)) || reader_peek(reader) == '-'))
		reader->at++;
	return reader->at - from;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(text, word, len) == 0;
}

/* -g, -x, -gx, --global, --export: what makes the variable part of the environment, or of the session. */
static bool is_harmless_option(const char *text, size_t len)
{
	if (is_word(text, len, "--global") || is_word(text, len, "--export"))
		return true;
	for (size_t i = 1; i < len; i++)
		if (text[i] != 'g' && text[i] != 'x')
			return false;
	return len >= 2;
}

static const struct remark *skip_options(struct reader *reader)
{
	while (!reader_is_done(reader) && reader_peek(reader) == '-') {
		const char *option = reader->text + reader->at;
		size_t len = scan_plain(reader);
		if (!at_word_end(reader) || (!is_word(option, len, "--") && !is_harmless_option(option, len)))
			return &remark_flag;
		if (!skip_blanks(reader))
			return &remark_joined_comment;
		if (is_word(option, len, "--"))
			break;
	}
	return NULL;
}

static const struct remark *read_set(struct reader *reader, const char **ret_name, size_t *ret_len)
{
	const struct remark *refused = skip_options(reader);
	if (refused)
		return refused;
	*ret_name = reader->text + reader->at;
	size_t len = scan_plain(reader);
	if (!name_is_possible(*ret_name, len) || !at_word_end(reader))
		return &remark_name;
	*ret_len = len;
	if (!skip_blanks(reader))
		return &remark_joined_comment;
	if (at_statement_end(reader))
		return check_variable(*ret_name, len, "", 0);
	refused = read_word(reader);
	if (!refused && !skip_blanks(reader))
		refused = &remark_joined_comment;
	if (!refused && !at_statement_end(reader))
		refused = &remark_several;
	if (refused)
		return refused;
	return check_variable(*ret_name, len, secret_buf_text(reader->value), secret_buf_len(reader->value));
}

static void read_statement(struct reader *reader)
{
	unsigned line = reader->line;
	const char *word = reader->text + reader->at, *name = "";
	size_t word_len = scan_plain(reader), name_len = 0;
	const struct remark *refused = &remark_command;
	if (is_word(word, word_len, "set") && !reader_is_done(reader) && is_one_of(reader_peek(reader), " \t\\")) {
		refused = skip_blanks(reader) ? read_set(reader, &name, &name_len) : &remark_joined_comment;
	}
	if (!refused) {
		reader_put(reader, name, name_len, line);
		return;
	}
	notes_add(reader->notes, NOTE_ERROR, line, name, name_len, refused->reason, refused->hint);
	secret_buf_truncate(reader->value, 0);
	reader_skip_line(reader);
}

static void fish_read(struct reader *reader)
{
	for (skip_blanks(reader); !reader_is_done(reader); skip_blanks(reader)) {
		char c = reader_peek(reader);
		if (is_one_of(c, "\r\n;"))
			reader_next(reader);
		else if (c == '#')
			reader_skip_line(reader);
		else
			read_statement(reader);
	}
}

static const struct remark *fish_refuse(const struct env_entry *entry)
{
	if (!name_is_possible(entry->name, entry->name_len))
		return &remark_fish_name;
	if (text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	return check_variable(entry->name, entry->name_len, entry->value, entry->value_len);
}

static const char escaped[] = "\\'";

static void fish_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	(void)first;
	secret_buf_append_text(out, "set -gx ");
	secret_buf_append(out, entry->name, entry->name_len);
	secret_buf_append_text(out, " '");
	append_escaped(out, entry->value, entry->value_len, escaped);
	secret_buf_append_text(out, "'\n");
}

static size_t fish_growth(const struct env_entry *entry)
{
	return growth_by(entry, escaped);
}

const struct dialect dialect_fish = {
	.name = "fish",
	.summary = "`source file` of fish: set -gx NAME 'VALUE'",
	.opening = "",
	.closing = "",
	.is_text = true,
	.read = fish_read,
	.refuse = fish_refuse,
	.write = fish_write,
	.growth = fish_growth,
};
