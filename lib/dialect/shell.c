/*
 * `. file` of a POSIX shell: the part of the language that assigns constants.
 * Nothing is ever run or filled in; what would be is refused.
 */
#include "dialect/row.h"
#include "dialect/text.h"
#include "vault/names.h"

static const char hint_quote[] = "put the value in single quotes";

static const struct remark remark_command = {
	"this is not an assignment; commands are not run",
	"keep NAME=VALUE and export NAME=VALUE lines only; put a value with blanks in quotes",
};
static const struct remark remark_substitution = {
	"runs a command to get its value",
	"write the value itself, or put it in single quotes if it is meant as text",
};
static const struct remark remark_reference = {
	"refers to another variable",
	"write the value itself, or put it in single quotes if it is meant as text",
};
static const struct remark remark_operator = {
	"an operator of the shell (& | < > or a parenthesis) outside quotes",
	hint_quote,
};
static const struct remark remark_tilde = {
	"the shell may put a home directory in place of ~",
	hint_quote,
};
static const struct remark remark_pattern = {
	"some shells expand * ? [ or { after export",
	hint_quote,
};
static const struct remark remark_unterminated = {
	"the quote is not closed",
	"close it; a single quote inside single quotes is written '\\''",
};
static const struct remark remark_last_backslash = {
	"the file ends in a backslash",
	hint_quote,
};
static const struct remark remark_special = {
	"the name has a meaning of its own in a shell, which refuses or changes it",
	"rename the variable, or use another dialect",
};
static const struct remark remark_cr = {
	NOTE_LINE_ENDS ", and the shell keeps the CR in the value",
	"save the file with LF line ends",
};
static const struct remark remark_not_set = {
	"is exported but not set in this file, so it is left out",
	"write export NAME=VALUE",
};

/* Names that bash or dash does not let a file set freely: read-only, computed, or checked; BASH_ARGV0 is $0. */
static const char *const special_names[] = {
	"BASHOPTS", "BASHPID", "BASH_ALIASES", "BASH_ARGC", "BASH_ARGV", "BASH_ARGV0", "BASH_CMDS",
	"BASH_COMMAND", "BASH_LINENO", "BASH_REMATCH", "BASH_SOURCE", "BASH_SUBSHELL", "BASH_VERSINFO", "DIRSTACK",
	"EPOCHREALTIME", "EPOCHSECONDS", "EUID", "FUNCNAME", "GROUPS", "HISTCMD", "LINENO", "OPTIND", "PIPESTATUS",
	"PPID", "RANDOM", "SECONDS", "SHELLOPTS", "SRANDOM", "UID", "_",
};

static bool is_special(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(special_names); i++)
		if (strlen(special_names[i]) == len && memcmp(special_names[i], name, len) == 0)
			return true;
	return false;
}

static const struct remark *dollar_remark(const struct reader *reader)
{
	return !reader_is_done(reader) && reader_peek(reader) == '(' ? &remark_substitution : &remark_reference;
}

static const struct remark *read_single_quotes(struct reader *reader)
{
	size_t end = reader_find(reader, reader->at, '\'');
	secret_buf_append(reader->value, reader->text + reader->at, end - reader->at);
	reader_move(reader, end);
	if (reader_is_done(reader))
		return &remark_unterminated;
	reader_next(reader);
	return NULL;
}

static const struct remark *read_double_quotes(struct reader *reader)
{
	while (!reader_is_done(reader)) {
		char c = reader_next(reader);
		if (c == '"')
			return NULL;
		if (c == '$')
			return dollar_remark(reader);
		if (c == '`')
			return &remark_substitution;
		if (c == '\\' && !reader_is_done(reader)) {
			c = reader_next(reader);
			if (c == '\n')
				continue;
			if (!is_one_of(c, "$`\"\\"))
				secret_buf_append_char(reader->value, '\\');
		}
		secret_buf_append_char(reader->value, c);
	}
	return &remark_unterminated;
}

static const struct remark *read_backslash(struct reader *reader)
{
	if (reader_is_done(reader))
		return &remark_last_backslash;
	char c = reader_next(reader);
	if (c != '\n')
		secret_buf_append_char(reader->value, c);
	return NULL;
}

/* One character of a word that is not quoted. */
static const struct remark *read_bare(struct reader *reader, char c, bool exported)
{
	if (c == '$')
		return dollar_remark(reader);
	if (c == '`')
		return &remark_substitution;
	if (is_one_of(c, "&|<>()"))
		return &remark_operator;
	if (c == '~')
		return &remark_tilde;
	if (exported && is_one_of(c, "*?[{"))
		return &remark_pattern;
	secret_buf_append_char(reader->value, c);
	return NULL;
}

static bool at_word_end(const struct reader *reader)
{
	return reader_is_done(reader) || is_one_of(reader_peek(reader), " \t\n;");
}

/* The value of an assignment, after its =. *ret_cr: it ends in a CR outside quotes. */
static const struct remark *read_word(struct reader *reader, bool exported, bool *ret_cr)
{
	const struct remark *refused = NULL;
	char c = '=';
	while (!refused && !at_word_end(reader)) {
		c = reader_next(reader);
		if (c == '\'')
			refused = read_single_quotes(reader);
		else if (c == '"')
			refused = read_double_quotes(reader);
		else if (c == '\\')
			refused = read_backslash(reader);
		else
			refused = read_bare(reader, c, exported);
	}
	*ret_cr = c == '\r';
	return refused;
}

static void skip_blanks(struct reader *reader)
{
	while (!reader_is_done(reader)) {
		bool joined = reader->at + 1 < reader->len && reader_peek(reader) == '\\' &&
			      reader->text[reader->at + 1] == '\n';
		if (!joined && !is_blank(reader_peek(reader)))
			return;
		if (joined)
			reader_next(reader);
		reader_next(reader);
	}
}

static size_t scan_name(struct reader *reader)
{
	size_t from = reader->at;
	while (!reader_is_done(reader) && is_name_char(reader_peek(reader)))
		reader->at++;
	return reader->at - from;
}

/* A name alone after export. */
static void export_earlier(struct reader *reader, const char *name, size_t name_len, unsigned line)
{
	struct env_entry found;
	if (!env_set_find(reader->set, name, name_len, &found))
		reader_warn(reader, line, name, name_len, &remark_not_set);
}

/* Reads one word of a statement. False when the rest of the line is to be skipped. */
static bool read_assignment(struct reader *reader, bool exported)
{
	unsigned line = reader->line;
	const char *name = reader->text + reader->at;
	size_t name_len = scan_name(reader);
	bool is_name = variable_name_is_portable(name, name_len);
	bool ends_in_cr = false;
	if (is_name && exported && at_word_end(reader)) {
		export_earlier(reader, name, name_len, line);
		return true;
	}
	const struct remark *refused = &remark_command;
	if (is_name && !reader_is_done(reader) && reader_peek(reader) == '=') {
		reader_next(reader);
		refused = read_word(reader, exported, &ends_in_cr);
		if (!refused && is_special(name, name_len))
			refused = &remark_special;
	}
	if (refused) {
		reader_refuse(reader, line, name, name_len, refused);
		return refused == &remark_special;
	}
	if (ends_in_cr)
		reader_warn(reader, line, name, name_len, &remark_cr);
	reader_put(reader, name, name_len, line);
	return true;
}

/* The word export, and something to export. */
static bool skip_export(struct reader *reader)
{
	static const char word[] = "export";
	size_t after = reader->at + strlen(word);
	if (!text_starts(reader->text + reader->at, reader->len - reader->at, word) || after >= reader->len ||
	    !is_blank(reader->text[after]))
		return false;
	size_t start = reader->at;
	unsigned line = reader->line;
	reader->at = after;
	skip_blanks(reader);
	if (!at_word_end(reader) && reader_peek(reader) != '#')
		return true;
	reader->at = start;
	reader->line = line;
	return false;
}

/* Assignments up to the end of the line or a semicolon. */
static void read_statement(struct reader *reader)
{
	bool exported = skip_export(reader);
	do {
		if (!read_assignment(reader, exported)) {
			reader_skip_line(reader);
			return;
		}
		skip_blanks(reader);
		if (!reader_is_done(reader) && reader_peek(reader) == ';') {
			reader_next(reader);
			return;
		}
	} while (!reader_is_done(reader) && !is_one_of(reader_peek(reader), "\n#"));
}

static void shell_read(struct reader *reader)
{
	for (skip_blanks(reader); !reader_is_done(reader); skip_blanks(reader)) {
		char c = reader_peek(reader);
		if (c == '\n')
			reader_next(reader);
		else if (c == '#')
			reader_skip_line(reader);
		else
			read_statement(reader);
	}
}

static const struct remark *shell_refuse(const struct env_entry *entry)
{
	if (!variable_name_is_portable(entry->name, entry->name_len))
		return &remark_not_identifier;
	if (is_special(entry->name, entry->name_len))
		return &remark_special;
	return text_has(entry->value, entry->value_len, '\0') ? &remark_nul : NULL;
}

static void shell_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	const char *from = entry->value;
	size_t left = entry->value_len;
	(void)first;
	secret_buf_append_text(out, "export ");
	secret_buf_append(out, entry->name, entry->name_len);
	secret_buf_append_text(out, "='");
	for (const char *quote; left > 0 && (quote = memchr(from, '\'', left));) {
		size_t before = (size_t)(quote - from);
		secret_buf_append(out, from, before);
		secret_buf_append_text(out, "'\\''");
		from = quote + 1;
		left -= before + 1;
	}
	secret_buf_append(out, from, left);
	secret_buf_append_text(out, "'\n");
}

static size_t shell_growth(const struct env_entry *entry)
{
	return text_has(entry->value, entry->value_len, '\'') ? growth_by(entry, "'") * strlen("\\''") : 0;
}

const struct dialect dialect_shell = {
	.name = "shell",
	.summary = "`. file` of a POSIX shell: export NAME='VALUE'",
	.opening = "",
	.closing = "",
	.is_text = true,
	.is_env_file = true,
	.read = shell_read,
	.refuse = shell_refuse,
	.write = shell_write,
	.growth = shell_growth,
};
