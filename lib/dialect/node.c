/*
 * node --env-file and util.parseEnv, by two of its parsers: that of node 20
 * (20.13 and later), which trims spaces only and looks for = over line ends;
 * and that of node 22 and 24 as they are now. A line that these two do not
 * read alike is refused.
 */
#include "dialect/row.h"
#include "dialect/text.h"
#include "dialect/versions.h"
#include "vault/names.h"

static const struct remark remark_differ = {
	"node 20 and later versions do not read this line alike",
	"start the line with NAME=; close quotes; no tabs outside quotes, no lines of blanks, no indented comments",
};
static const struct remark remark_ignored = {
	"node ignores this line: it is not NAME=VALUE",
	"write NAME=VALUE",
};
static const struct remark remark_last_line = {
	"# or = in the value of a last line without line feed: versions of node before 20.19 and 22.16 read that otherwise",
	"end the file with a line feed",
};
static const struct remark remark_bom = {
	"the file starts with a byte order mark, which node takes for part of the first name",
	"save it as UTF-8 without BOM",
};
static const struct remark remark_prototype = {
	"versions of node do not agree whether a variable of this name is set: JavaScript keeps it for itself",
	"rename the variable",
};
static const struct remark remark_line_end = {
	"holds a carriage return, which node removes",
	"use a reader that keeps it: compose, systemd, shell",
};
static const struct remark remark_node_name = {
	"the name is not made of letters, digits, _ . - alone",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_quotes = {
	"node knows no escapes, and the value holds too much of what a quote would have to keep apart",
	"encode it (base64), or use a reader with escapes: compose, python-dotenv",
};

static const char quotes[] = "'\"`";

struct slice {
	size_t from, to;
};

static struct slice trim(const struct reader *reader, size_t from, size_t to, const char *cut)
{
	while (from < to && is_one_of(reader->text[from], cut))
		from++;
	while (to > from && is_one_of(reader->text[to - 1], cut))
		to--;
	return (struct slice){ from, to };
}

/* The whole rest of the text, which node trims at its end as well. */
static void trim_rest(struct reader *reader, const char *cut)
{
	struct slice rest = trim(reader, reader->at, reader->len, cut);
	reader->len = rest.to;
	reader_move(reader, rest.from);
}

static void found_name(struct version *version, struct slice name)
{
	reader_move(&version->reader, name.from);
	version->name = version->reader.text + name.from;
	version->name_len = name.to - name.from;
	version->line = version->reader.line;
}

static void skip_export(struct slice *name, const struct reader *reader)
{
	static const char word[] = "export ";
	if (text_starts(reader->text + name->from, name->to - name->from, word))
		name->from += strlen(word);
}

static void put_slice(struct version *version, struct slice value)
{
	version_take(version, version->reader.text + value.from, value.to - value.from);
}

/* Between quotes; only in double ones is \n a line feed. */
static void put_quoted(struct version *version, struct slice value)
{
	put_slice(version, value);
	if (version->reader.text[value.from - 1] == '"')
		version_expand(version, "n");
}

/* Up to a # or the end of its line. */
static struct slice find_unquoted(const struct reader *reader)
{
	size_t end = reader_find(reader, reader->at, '\n');
	const char *text = reader->text + reader->at;
	const char *hash = end > reader->at ? memchr(text, '#', end - reader->at) : NULL;
	return (struct slice){ reader->at, hash ? (size_t)(hash - reader->text) : end };
}

/* Behind the line feed of this line, or the end. */
static void skip_line(struct reader *reader)
{
	reader_skip_line(reader);
	if (!reader_is_done(reader))
		reader_next(reader);
}

/* -- node 20 ------------------------------------------------------------------- */

/* What opens a quote on the last line, closes it nowhere and has no line feed behind it is read once more, as a name. */
static bool read_quoted_20(struct version *version)
{
	struct reader *reader = &version->reader;
	size_t from = reader->at + 1;
	size_t close = reader_find(reader, from, reader_peek(reader));
	size_t end = reader_find(reader, close < reader->len ? close : from, '\n');
	if (close == reader->len && end == reader->len)
		return false;
	if (close < reader->len)
		put_quoted(version, (struct slice){ from, close });
	else
		put_slice(version, (struct slice){ from - 1, end });
	if (end == reader->len && reader_find(reader, from, '=') < end)
		version->refused = &remark_last_line;
	reader_move(reader, end);
	return true;
}

static size_t find_sign(const struct reader *reader, size_t at)
{
	while (at < reader->len && !is_one_of(reader->text[at], "#="))
		at++;
	return at;
}

static void read_unquoted_20(struct version *version)
{
	struct reader *reader = &version->reader;
	struct slice value = find_unquoted(reader);
	put_slice(version, trim(reader, value.from, value.to, " "));
	reader_skip_line(reader);
	if (reader_is_done(reader) && find_sign(reader, value.from) < reader->len)
		version->refused = &remark_last_line;
}

/* False: there is no variable in what was passed. */
static bool read_assignment_20(struct version *version, size_t equals)
{
	struct reader *reader = &version->reader;
	struct slice name = trim(reader, reader->at, equals, " ");
	if (name.from == name.to && reader->at == equals) {
		/* No name at all: node 20 reads no further. */
		version_ignore(version, reader->line, reader->text + equals, 0, &remark_ignored);
		reader->at = reader->len;
		return false;
	}
	if (name.from == name.to)
		version->refused = &remark_differ;
	skip_export(&name, reader);
	found_name(version, name);
	reader_move(reader, equals + 1);
	trim_rest(reader, " ");
	/* Blanks alone: node 20.13 takes the = for the value, node 22 the next line. */
	if (reader->at > equals + 1 && (reader_is_done(reader) || reader_peek(reader) == '\n'))
		version->refused = &remark_differ;
	if (reader_is_done(reader))
		return true;
	if (is_one_of(reader_peek(reader), quotes))
		return read_quoted_20(version);
	read_unquoted_20(version);
	return true;
}

static bool node_20_next(struct version *version)
{
	struct reader *reader = &version->reader;
	if (reader->at == 0)
		trim_rest(reader, " ");
	while (!reader_is_done(reader)) {
		bool is_skipped = is_one_of(reader_peek(reader), "\n#");
		if (is_skipped && reader_find(reader, reader->at, '\n') < reader->len) {
			skip_line(reader);
			continue;
		}
		size_t equals = reader_find(reader, reader->at, '=');
		if (equals == reader->len) {
			if (!is_skipped)
				version_ignore(version, reader->line, reader->text + reader->at, 0, &remark_ignored);
			return false;
		}
		if (read_assignment_20(version, equals))
			return true;
	}
	return false;
}

/* -- node 22 and 24 --------------------------------------------------------------- */

static const char space[] = " \t\n";

static void read_quoted_22(struct version *version)
{
	struct reader *reader = &version->reader;
	size_t from = reader->at + 1;
	size_t close = reader_find(reader, from, reader_peek(reader));
	if (close < reader->len) {
		put_quoted(version, (struct slice){ from, close });
		reader_move(reader, close + 1);
		skip_line(reader);
		return;
	}
	put_slice(version, (struct slice){ from - 1, reader_find(reader, from, '\n') });
	skip_line(reader);
	trim_rest(reader, space);
}

static void read_unquoted_22(struct version *version)
{
	struct reader *reader = &version->reader;
	struct slice value = find_unquoted(reader);
	put_slice(version, trim(reader, value.from, value.to, space));
	skip_line(reader);
	trim_rest(reader, space);
}

static bool read_assignment_22(struct version *version, size_t equals)
{
	struct reader *reader = &version->reader;
	struct slice name = trim(reader, reader->at, equals, space);
	bool is_empty = equals + 1 >= reader->len || reader->text[equals + 1] == '\n';
	if (name.from == name.to && !is_empty) {
		reader_move(reader, equals + 1);
		trim_rest(reader, space);
		return false;
	}
	if (!is_empty)
		skip_export(&name, reader);
	name = trim(reader, name.from, name.to, space);
	found_name(version, name);
	reader_move(reader, equals + 1);
	if (is_empty)
		return true;
	trim_rest(reader, space);
	if (reader_is_done(reader))
		return true;
	if (is_one_of(reader_peek(reader), quotes))
		read_quoted_22(version);
	else
		read_unquoted_22(version);
	return true;
}

/* The search ends at the first of them: one line may hold many = without a name. */
static size_t find_equals_or_line_end(const struct reader *reader)
{
	size_t at = reader->at;
	while (at < reader->len && !is_one_of(reader->text[at], "=\n"))
		at++;
	return at;
}

static bool node_22_next(struct version *version)
{
	struct reader *reader = &version->reader;
	if (reader->at == 0)
		trim_rest(reader, space);
	while (!reader_is_done(reader)) {
		size_t stop = find_equals_or_line_end(reader);
		if (is_one_of(reader_peek(reader), "\n#")) {
			skip_line(reader);
		} else if (stop == reader->len || reader->text[stop] == '\n') {
			skip_line(reader);
			trim_rest(reader, space);
		} else if (read_assignment_22(version, stop)) {
			return true;
		}
	}
	return false;
}

/* -- the dialect -------------------------------------------------------------------- */

static bool is_prototype(const char *name, size_t len)
{
	static const char prototype[] = "__proto__";
	return len == strlen(prototype) && memcmp(name, prototype, len) == 0;
}

/* Bytes that are not UTF-8 become U+FFFD there: another value. */
static const struct remark *check_found(const struct version *version)
{
	size_t len;
	const char *value = version_value(version, &len);
	if (is_prototype(version->name, version->name_len))
		return &remark_prototype;
	return utf8_is_valid(value, len) ? NULL : &remark_not_utf8;
}

static void node_read(struct reader *reader)
{
	static const struct version_rules rules = { &remark_differ, check_found, { node_20_next, node_22_next, NULL } };
	cleanup_(secret_buf_freep) struct secret_buf *copy = NULL;
	if (text_starts(reader->text, reader->len, UTF8_BOM))
		reader_warn(reader, 1, "", 0, &remark_bom);
	if (versions_without_cr(reader, false, &copy))
		versions_read(reader, &rules);
}

/* How a value is written: the first that fits. */
enum quoting { QUOTE_NONE, QUOTE_SINGLE, QUOTE_BACKTICK, QUOTE_DOUBLE, QUOTE_IMPOSSIBLE };

/* A value of one line that stays as it is without quotes. */
static bool can_stand_alone(const char *text, size_t len)
{
	return !text_has(text, len, '\n') && !text_has(text, len, '#') && !is_one_of(text[0], quotes) &&
	       !is_blank(text[0]) && !is_blank(text[len - 1]);
}

static enum quoting choose_quoting(const char *text, size_t len)
{
	/* node 23 stumbles over two = in a row. */
	if (text_is_plain(text, len) && (len == 0 || text[0] != '='))
		return QUOTE_NONE;
	if (text_has(text, len, '\r'))
		return QUOTE_IMPOSSIBLE;
	/* node 20.12 and 22.0 do not see a quote behind a backslash. */
	if (text[len - 1] == '\\' && can_stand_alone(text, len))
		return QUOTE_NONE;
	if (!text_has(text, len, '\''))
		return QUOTE_SINGLE;
	if (!text_has(text, len, '`'))
		return QUOTE_BACKTICK;
	if (!text_has(text, len, '"') && !memmem(text, len, "\\n", 2))
		return QUOTE_DOUBLE;
	return can_stand_alone(text, len) ? QUOTE_NONE : QUOTE_IMPOSSIBLE;
}

/* Newer versions have names of anything but =, line ends and blanks at an edge. 20.12 and 22.0 look for a name of these characters
 * anywhere in the line, so that "X NODE_OPTIONS" sets NODE_OPTIONS there. */
static bool name_is_possible(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(name[i]) && !is_one_of(name[i], ".-"))
			return false;
	return len > 0;
}

static const struct remark *node_refuse(const struct env_entry *entry)
{
	if (!name_is_possible(entry->name, entry->name_len))
		return &remark_node_name;
	if (is_prototype(entry->name, entry->name_len))
		return &remark_prototype;
	if (text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	if (!utf8_is_valid(entry->value, entry->value_len))
		return &remark_not_utf8;
	if (text_has(entry->value, entry->value_len, '\r'))
		return &remark_line_end;
	return choose_quoting(entry->value, entry->value_len) == QUOTE_IMPOSSIBLE ? &remark_quotes : NULL;
}

static void node_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	static const char *const marks[] = { [QUOTE_NONE] = "", [QUOTE_SINGLE] = "'", [QUOTE_BACKTICK] = "`",
					     [QUOTE_DOUBLE] = "\"", [QUOTE_IMPOSSIBLE] = "" };
	(void)first;
	write_assignment(entry, marks[choose_quoting(entry->value, entry->value_len)], out);
}

const struct dialect dialect_node = {
	.name = "node",
	.summary = "node --env-file, and util.parseEnv of node",
	.opening = "",
	.closing = "",
	.is_text = true,
	.is_env_file = true,
	.read = node_read,
	.refuse = node_refuse,
	.write = node_write,
};
