/*
 * The file that $GITHUB_ENV names in a GitHub workflow: NAME=VALUE, or for
 * values of several lines NAME<<DELIMITER, the lines, and the delimiter on a
 * line of its own. And the commands that hide the values in the job's log.
 *
 * The runner of Windows ends lines at CR LF, the others at LF: what the two
 * would read differently is neither written nor read.
 */
#include <sodium.h>
#include <stdio.h>

#include "dialect/key_piece.h"
#include "dialect/row.h"
#include "dialect/text.h"
#include "vault/names.h"

static const char delimiter_word[] = "ghadelimiter_";

static const struct remark remark_name = {
	"the name is empty, holds = or < or white space, or starts with a byte order mark",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_blocked = {
	"GitHub does not let a job set GITHUB_*, RUNNER_* and NODE_OPTIONS",
	"rename the variable",
};
static const struct remark remark_cr_end = {
	"ends in a carriage return, which a runner of Windows takes away",
	"encode it (base64)",
};
static const struct remark remark_format = {
	"is neither NAME=VALUE nor NAME<<DELIMITER",
	"write one of the two",
};
static const struct remark remark_open = {
	"the delimiter does not come again on a line of its own",
	"end the value with a line that is the delimiter and nothing else",
};
static const struct remark remark_crlf = {
	NOTE_LINE_ENDS ", which runners of Windows and of Linux read differently",
	"save the file with LF line ends",
};
static const struct remark remark_bom = {
	"the file starts with a byte order mark, which is no part of the first name",
	"save it without one",
};

static bool starts_like(const char *name, size_t len, const char *upper_case)
{
	return len >= strlen(upper_case) && strncasecmp(name, upper_case, strlen(upper_case)) == 0;
}

static bool is_blocked(const char *name, size_t len)
{
	return starts_like(name, len, "GITHUB_") || starts_like(name, len, "RUNNER_") ||
	       (starts_like(name, len, "NODE_OPTIONS") && len == strlen("NODE_OPTIONS"));
}

static const struct remark *check_name(const char *name, size_t len)
{
	if (len == 0 || !utf8_is_valid(name, len) || text_has(name, len, '=') || text_has(name, len, '<'))
		return &remark_name;
	for (size_t i = 0; i < len; i++)
		if (name[i] == '\0' || space_len(name + i, len - i) > 0)
			return &remark_name;
	if (text_starts(name, len, UTF8_BOM))
		return &remark_name;
	return is_blocked(name, len) ? &remark_blocked : NULL;
}

/* -- reading --------------------------------------------------------------- */

struct line {
	const char *at;
	size_t len;
};

/* The line at the cursor without its line feed; the cursor moves to the next. */
static struct line take_line(struct reader *reader)
{
	size_t end = reader_find(reader, reader->at, '\n');
	struct line line = { reader->text + reader->at, end - reader->at };
	reader_move(reader, end < reader->len ? end + 1 : end);
	return line;
}

static bool ends_in_cr(struct line line)
{
	return line.len > 0 && line.at[line.len - 1] == '\r';
}

/* The lines up to the delimiter; the line feed in front of it is no part of the value. */
static const struct remark *read_lines(struct reader *reader, struct line delimiter)
{
	const char *from = reader->text + reader->at;
	struct line before = { from, 0 };
	while (!reader_is_done(reader)) {
		struct line line = take_line(reader);
		bool same = line.len >= delimiter.len && memcmp(line.at, delimiter.at, delimiter.len) == 0;
		if (same && line.len == delimiter.len) {
			if (ends_in_cr(before))
				return &remark_crlf;
			if (line.at > from)
				secret_buf_append(reader->value, from, (size_t)(line.at - from) - 1);
			return NULL;
		}
		if (same && line.len == delimiter.len + 1 && ends_in_cr(line))
			return &remark_crlf;
		before = line;
	}
	return &remark_open;
}

static const struct remark *read_variable(struct reader *reader, struct line line, size_t *ret_name_len)
{
	const char *equals = memchr(line.at, '=', line.len), *heredoc = memmem(line.at, line.len, "<<", 2);
	if (!equals && !heredoc)
		return &remark_format;
	bool plain = equals && (!heredoc || equals < heredoc);
	*ret_name_len = (size_t)((plain ? equals : heredoc) - line.at);
	const char *after = plain ? equals + 1 : heredoc + 2;
	bool crlf = ends_in_cr(line);
	struct line rest = { after, line.len - (size_t)(after - line.at) - crlf };
	const struct remark *refused = NULL;
	if (plain)
		secret_buf_append(reader->value, rest.at, rest.len);
	else if (rest.len == 0)
		refused = &remark_format;
	else
		refused = read_lines(reader, rest);
	const struct remark *bad_name = check_name(line.at, *ret_name_len);
	if (bad_name || crlf)
		return bad_name ? bad_name : &remark_crlf;
	if (!refused && !utf8_is_valid(secret_buf_text(reader->value), secret_buf_len(reader->value)))
		return &remark_not_utf8;
	return refused;
}

/* A line that is no variable may be a piece of a value: only what is surely a name is shown. */
static void refuse(struct reader *reader, struct line line, size_t name_len, unsigned number, const struct remark *remark)
{
	bool is_name = variable_name_is_portable(line.at, name_len) &&
		       !text_is_last_piece(reader->text, reader->len, line.at, name_len);
	notes_add(reader->notes, NOTE_ERROR, number, line.at, is_name ? name_len : 0, remark->reason, remark->hint);
	secret_buf_truncate(reader->value, 0);
}

static void github_read(struct reader *reader)
{
	if (text_starts(reader->text, reader->len, UTF8_BOM)) {
		notes_add(reader->notes, NOTE_WARNING, 1, "", 0, remark_bom.reason, remark_bom.hint);
		reader->at = strlen(UTF8_BOM);
	}
	while (!reader_is_done(reader)) {
		unsigned number = reader->line;
		struct line line = take_line(reader);
		size_t name_len = 0;
		if (line.len == 0)
			continue;
		const struct remark *refused = read_variable(reader, line, &name_len);
		if (refused)
			refuse(reader, line, name_len, number, refused);
		else
			reader_put(reader, line.at, name_len, number);
	}
}

/* -- writing --------------------------------------------------------------- */

static const struct remark *github_refuse(const struct env_entry *entry)
{
	const struct remark *refused = check_name(entry->name, entry->name_len);
	if (refused)
		return refused;
	if (text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	if (!utf8_is_valid(entry->value, entry->value_len))
		return &remark_not_utf8;
	if (entry->value_len > 0 && entry->value[entry->value_len - 1] == '\r')
		return &remark_cr_end;
	return NULL;
}

static void github_open(struct writer *writer)
{
	char hex[2 * sizeof(writer->options->random) + 1];
	sodium_bin2hex(hex, sizeof(hex), writer->options->random, sizeof(writer->options->random));
	snprintf(writer->delimiter, sizeof(writer->delimiter), "%s%s", delimiter_word, hex);
}

/* How many underscores more than the value has after any delimiter in it: only who knows the random bytes, or gave the same
 * ones twice, can have put one there. */
static size_t underscores_needed(const struct writer *writer, const struct env_entry *entry)
{
	size_t needed = 0, delimiter_len = strlen(writer->delimiter);
	const char *at = entry->value, *end = at + entry->value_len;
	while ((at = memmem(at, (size_t)(end - at), writer->delimiter, delimiter_len))) {
		size_t run = 1;
		for (at += delimiter_len; at < end && *at == '_'; at++)
			run++;
		needed = run > needed ? run : needed;
	}
	return needed;
}

static void append_delimiter(const struct writer *writer, size_t underscores)
{
	secret_buf_append_text(writer->out, writer->delimiter);
	for (size_t i = 0; i < underscores; i++)
		secret_buf_append_char(writer->out, '_');
	secret_buf_append_char(writer->out, '\n');
}

static void github_write_with(struct writer *writer, const struct env_entry *entry, bool first)
{
	bool plain = !text_has(entry->value, entry->value_len, '\n');
	size_t underscores = plain ? 0 : underscores_needed(writer, entry);
	(void)first;
	secret_buf_append(writer->out, entry->name, entry->name_len);
	secret_buf_append_text(writer->out, plain ? "=" : "<<");
	if (!plain)
		append_delimiter(writer, underscores);
	secret_buf_append(writer->out, entry->value, entry->value_len);
	secret_buf_append_char(writer->out, '\n');
	if (!plain)
		append_delimiter(writer, underscores);
}

/* Two delimiters around several lines. */
static size_t github_growth(const struct env_entry *entry)
{
	return text_has(entry->value, entry->value_len, '\n') ? 2 * sizeof(((struct writer *)NULL)->delimiter) : 0;
}

const struct dialect dialect_github = {
	.name = "github",
	.summary = "the file $GITHUB_ENV of a GitHub workflow",
	.opening = "",
	.closing = "",
	.is_text = true,
	.read = github_read,
	.refuse = github_refuse,
	.open = github_open,
	.write_with = github_write_with,
	.growth = github_growth,
};

/* -- masks ----------------------------------------------------------------- */

/* Nothing for white space alone: the runner refuses to hide that. */
static void add_mask(struct secret_buf *out, const char *text, size_t len)
{
	if (trimmed_len(text, len) == 0)
		return;
	secret_buf_append_text(out, "::add-mask::");
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '%')
			secret_buf_append_text(out, "%25");
		else if (text[i] == '\r')
			secret_buf_append_text(out, "%0D");
		else if (text[i] == '\n')
			secret_buf_append_text(out, "%0A");
		else
			secret_buf_append_char(out, text[i]);
	}
	secret_buf_append_char(out, '\n');
}

static void mask_value(const struct env_entry *entry, struct secret_buf *out)
{
	const char *at = entry->value, *end = at + entry->value_len;
	add_mask(out, entry->value, entry->value_len);
	if (!text_has(entry->value, entry->value_len, '\n') && !text_has(entry->value, entry->value_len, '\r'))
		return;
	while (at < end) {
		const char *from = at;
		while (at < end && *at != '\n' && *at != '\r')
			at++;
		add_mask(out, from, (size_t)(at - from));
		at++;
	}
}

void github_add_masks(const struct env_set *set, struct secret_buf *out)
{
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);
		mask_value(&entry, out);
	}
}
