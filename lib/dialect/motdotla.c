/*
 * The dotenv package of npm (motdotla/dotenv), by two of its parsers: the
 * regular expression that is its default since 15, which the fast parser of
 * 18.0.8 and later equals; and the first fast parser (18.0.0), a scanner of
 * another mind. A line that these two do not read alike is refused.
 *
 * The expression is matched by hand: what it backtracks over is looked at
 * once, so that no text takes more than linear time.
 */
#include "dialect/row.h"
#include "dialect/text.h"
#include "dialect/versions.h"
#include "vault/names.h"

/* The package runs out of stack on longer ones (between 5 and 10 MB, by the version of node), and reads no file at all. */
#define QUOTED_MAX (4u * 1024 * 1024)

static const struct remark remark_differ = {
	"dotenv and the first versions of its fast parser do not read this line alike",
	"write NAME=VALUE, the whole value in one kind of quote that it does not hold, and nothing behind it",
};
static const struct remark remark_ignored = {
	"dotenv ignores this line: it is not NAME=VALUE",
	"write NAME=VALUE; a name is letters, digits, _ . and -",
};
static const struct remark remark_prototype = {
	"JavaScript keeps this name for itself, and dotenv loses the value",
	"rename the variable",
};
static const struct remark remark_quoted_long = {
	"a quoted value of more than 4 MiB: dotenv runs out of stack over it",
	"hand it over as a file",
};
static const struct remark remark_name = {
	"the name is not made of letters, digits, _ . - alone",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_quotes = {
	"dotenv knows no escapes, and the value holds too much of what a quote would have to keep apart",
	"encode it (base64), or use a reader with escapes: compose, python-dotenv",
};

static const char quotes[] = "'\"`";

/* -- the letters of JavaScript ---------------------------------------------- */

/* What \s is there, and trim() cuts: Go's white space without U+0085, and with the byte order mark. */
static size_t js_space_len(const char *text, size_t len)
{
	if (text_starts(text, len, "\xc2\x85"))
		return 0;
	return text_starts(text, len, UTF8_BOM) ? strlen(UTF8_BOM) : space_len(text, len);
}

/* Line feed, U+2028, U+2029: what $ stands before and a dot does not match. */
static size_t line_break_len(const char *text, size_t len)
{
	if (len > 0 && text[0] == '\n')
		return 1;
	return text_starts(text, len, "\xe2\x80\xa8") || text_starts(text, len, "\xe2\x80\xa9") ? 3 : 0;
}

static size_t js_skip_space(const struct reader *reader, size_t at)
{
	size_t size;
	while ((size = js_space_len(reader->text + at, reader->len - at)) > 0)
		at += size;
	return at;
}

/* White space up to the line break. */
static size_t skip_space_of_line(const struct reader *reader, size_t at)
{
	size_t size;
	while (line_break_len(reader->text + at, reader->len - at) == 0 &&
	       (size = js_space_len(reader->text + at, reader->len - at)) > 0)
		at += size;
	return at;
}

static size_t find_line_break(const struct reader *reader, size_t at)
{
	while (at < reader->len && line_break_len(reader->text + at, reader->len - at) == 0)
		at++;
	return at;
}

static size_t js_trimmed_len(const char *text, size_t len)
{
	for (;;) {
		size_t cut = 0;
		for (size_t size = 1; size <= 3 && size <= len && cut == 0; size++)
			if (js_space_len(text + len - size, size) == size)
				cut = size;
		if (cut == 0)
			return len;
		len -= cut;
	}
}

/* -- what both parsers do ----------------------------------------------------- */

static bool is_key_char(char c)
{
	return is_name_char(c) || c == '.' || c == '-';
}

static size_t skip_key(const struct reader *reader, size_t at)
{
	while (at < reader->len && is_key_char(reader->text[at]))
		at++;
	return at;
}

static char char_at(const struct reader *reader, size_t at)
{
	return at < reader->len ? reader->text[at] : '\0';
}

static void put_quoted(struct version *version, size_t from, size_t to)
{
	struct reader *reader = &version->reader;
	version_take(version, reader->text + from, to - from);
	if (reader->text[from - 1] == '"')
		version_expand(version, "nr");
	if (to - from > QUOTED_MAX)
		version->refused = &remark_quoted_long;
}

static void found_name(struct version *version, size_t from, size_t to)
{
	reader_move(&version->reader, from);
	version->name = version->reader.text + from;
	version->name_len = to - from;
	version->line = version->reader.line;
}

static bool is_prototype(const char *name, size_t len)
{
	static const char prototype[] = "__proto__";
	return len == strlen(prototype) && memcmp(name, prototype, len) == 0;
}

/* -- the expression ------------------------------------------------------------- */

/* The quote that closes what opens at `open`, or 0: the first that no backslash precedes, or else the last of those before it,
 * that has nothing but white space and a comment behind it on its line. */
static size_t find_closing_quote(const struct reader *reader, size_t open)
{
	size_t best = 0;
	char quote = reader->text[open];
	for (size_t at = reader_find(reader, open + 1, quote); at < reader->len; at = reader_find(reader, at + 1, quote)) {
		size_t tail = skip_space_of_line(reader, at + 1);
		if (tail == reader->len || reader->text[tail] == '#' ||
		    line_break_len(reader->text + tail, reader->len - tail) > 0)
			best = at;
		if (reader->text[at - 1] != '\\')
			break;
	}
	return best;
}

/* Offsets of the last quote of each kind that ends a line. */
static void find_last_quotes(const char *text, size_t len, size_t last[static 3])
{
	for (size_t at = 0; at < len; at++)
		if (is_one_of(text[at], quotes) &&
		    (at + 1 == len || line_break_len(text + at + 1, len - at - 1) > 0))
			last[strchr(quotes, text[at]) - quotes] = at;
}

/* Takes off a pair of quotes around each piece that starts at the start of a line and ends at the end of one. There is more
 * than one line only where U+2028 stands in the value. */
static void put_stripped(struct version *version, const char *text, size_t len)
{
	struct secret_buf *value = version->reader.value;
	size_t last[3] = { 0, 0, 0 };
	bool at_start = true;
	find_last_quotes(text, len, last);
	if (last[0] + last[1] + last[2] == 0) {
		version_take(version, text, len);
		return;
	}
	for (size_t at = 0; at < len;) {
		size_t end = at_start && is_one_of(text[at], quotes) ? last[strchr(quotes, text[at]) - quotes] : 0;
		if (end > at) {
			secret_buf_append(value, text + at + 1, end - at - 1);
			at = end + 1;
			at_start = false;
			continue;
		}
		size_t size = line_break_len(text + at, len - at);
		at_start = size > 0;
		size = size > 0 ? size : 1;
		secret_buf_append(value, text + at, size);
		at += size;
	}
}

static void read_unquoted(struct version *version, size_t at)
{
	struct reader *reader = &version->reader;
	size_t end = reader_find(reader, at, '\n');
	const char *hash = end > at ? memchr(reader->text + at, '#', end - at) : NULL;
	size_t stop = hash ? (size_t)(hash - reader->text) : end;
	size_t from = js_skip_space(reader, at);
	if (from < stop) {
		size_t len = js_trimmed_len(reader->text + from, stop - from);
		put_stripped(version, reader->text + from, len);
		if (reader->text[from] == '"')
			version_expand(version, "nr");
	}
	reader_move(reader, hash ? find_line_break(reader, stop) : stop);
}

static void read_value(struct version *version, size_t at)
{
	struct reader *reader = &version->reader;
	size_t open = js_skip_space(reader, at);
	size_t close = is_one_of(char_at(reader, open), quotes) ? find_closing_quote(reader, open) : 0;
	if (close == 0) {
		read_unquoted(version, at);
		return;
	}
	put_quoted(version, open + 1, close);
	reader_move(reader, find_line_break(reader, close + 1));
}

/* Behind the = or the : of a name that ends at `at`, or 0. */
static size_t skip_separator(const struct reader *reader, size_t at)
{
	size_t equals = js_skip_space(reader, at);
	if (char_at(reader, equals) == '=')
		return equals + 1;
	if (char_at(reader, at) != ':')
		return 0;
	size_t size = js_space_len(reader->text + at + 1, reader->len - at - 1);
	return size > 0 ? at + 1 + size : 0;
}

/* Where the name starts: behind export, if there is a name. */
static size_t skip_export(const struct reader *reader, size_t at)
{
	static const char word[] = "export";
	if (!text_starts(reader->text + at, reader->len - at, word))
		return at;
	size_t behind = js_skip_space(reader, at + strlen(word));
	return behind > at + strlen(word) && is_key_char(char_at(reader, behind)) ? behind : at;
}

/* A variable at `at`, where a line starts (or the first of a line that is not blank). */
static bool read_assignment(struct version *version, size_t at)
{
	struct reader *reader = &version->reader;
	size_t from = skip_export(reader, at);
	size_t to = skip_key(reader, from);
	size_t value = to > from ? skip_separator(reader, to) : 0;
	if (value == 0)
		return false;
	found_name(version, from, to);
	read_value(version, value);
	return true;
}

/* A line of export alone, and no variable on the next: fast parsers from 18.0.2 to 18.0.7 pass both. */
static bool is_lone_export(const struct reader *reader, size_t at)
{
	size_t name = skip_export(reader, at);
	return name > at && find_line_break(reader, at) < name;
}

static bool expression_next(struct version *version)
{
	struct reader *reader = &version->reader;
	for (;;) {
		reader_move(reader, js_skip_space(reader, reader->at));
		if (reader_is_done(reader))
			return false;
		const char *start = reader->text + reader->at;
		unsigned line = reader->line;
		if (read_assignment(version, reader->at)) {
			if (!is_prototype(version->name, version->name_len))
				return true;
			version_ignore(version, version->line, version->name, version->name_len, &remark_prototype);
			version_drop(version);
			continue;
		}
		size_t at = reader->at;
		reader_move(reader, find_line_break(reader, at));
		if (is_lone_export(reader, at)) {
			*version = (struct version){ .reader = *reader, .name = start, .line = line, .refused = &remark_differ };
			return true;
		}
		if (*start != '#')
			version_ignore(version, line, start, 0, &remark_ignored);
	}
}

/* -- the first fast parser --------------------------------------------------------- */

static size_t skip_blanks(const struct reader *reader, size_t at)
{
	while (is_blank(char_at(reader, at)))
		at++;
	return at;
}

static size_t scan_line_start(const struct reader *reader, size_t at)
{
	for (;;) {
		if (is_blank(char_at(reader, at)) || char_at(reader, at) == '\n')
			at++;
		else if (text_starts(reader->text + at, reader->len - at, UTF8_BOM))
			at += strlen(UTF8_BOM);
		else
			return at;
	}
}

/* Here two backslashes are a pair, which says nothing of the quote behind it. */
static size_t scan_closing_quote(const struct reader *reader, size_t open)
{
	char quote = reader->text[open];
	size_t at = open + 1;
	while (at < reader->len && reader->text[at] != quote)
		at += reader->text[at] == '\\' && (char_at(reader, at + 1) == quote || char_at(reader, at + 1) == '\\') ? 2 : 1;
	return at < reader->len ? at : 0;
}

static void scan_value(struct version *version, size_t at)
{
	struct reader *reader = &version->reader;
	size_t from = skip_blanks(reader, at);
	size_t close = is_one_of(char_at(reader, from), quotes) ? scan_closing_quote(reader, from) : 0;
	if (close > 0) {
		put_quoted(version, from + 1, close);
		at = skip_blanks(reader, close + 1);
		reader_move(reader, char_at(reader, at) == '#' ? reader_find(reader, at, '\n') : at);
		return;
	}
	size_t end = reader_find(reader, from, '\n');
	const char *hash = end > from ? memchr(reader->text + from, '#', end - from) : NULL;
	size_t stop = hash ? (size_t)(hash - reader->text) : end;
	while (stop > from && is_blank(reader->text[stop - 1]))
		stop--;
	version_take(version, reader->text + from, stop - from);
	reader_move(reader, end);
}

static bool scan_assignment(struct version *version)
{
	static const char word[] = "export";
	struct reader *reader = &version->reader;
	size_t from = reader->at;
	if (text_starts(reader->text + from, reader->len - from, word) && is_blank(char_at(reader, from + strlen(word))))
		from = skip_blanks(reader, from + strlen(word));
	size_t to = skip_key(reader, from);
	size_t separator = skip_blanks(reader, to);
	bool is_colon = char_at(reader, separator) == ':' && is_blank(char_at(reader, separator + 1));
	if (to == from || (char_at(reader, separator) != '=' && !is_colon))
		return false;
	found_name(version, from, to);
	scan_value(version, separator + 1);
	return true;
}

static bool scanner_next(struct version *version)
{
	struct reader *reader = &version->reader;
	for (;;) {
		reader_move(reader, scan_line_start(reader, reader->at));
		if (reader_is_done(reader))
			return false;
		if (!scan_assignment(version))
			reader_skip_line(reader);
		else if (!is_prototype(version->name, version->name_len))
			return true;
		else
			version_drop(version);
	}
}

/* -- the dialect -------------------------------------------------------------------- */

/* Bytes that are not UTF-8 become U+FFFD there: another value. */
static const struct remark *check_found(const struct version *version)
{
	size_t len;
	const char *value = version_value(version, &len);
	return utf8_is_valid(value, len) ? NULL : &remark_not_utf8;
}

static void motdotla_read(struct reader *reader)
{
	static const struct version_rules rules = { &remark_differ, check_found, { expression_next, scanner_next, NULL } };
	cleanup_(secret_buf_freep) struct secret_buf *copy = NULL;
	if (versions_without_cr(reader, true, &copy))
		versions_read(reader, &rules);
}

/* How a value is written: the first that fits. */
enum quoting { QUOTE_NONE, QUOTE_SINGLE, QUOTE_BACKTICK, QUOTE_DOUBLE, QUOTE_IMPOSSIBLE };

static bool can_quote(const char *text, size_t len, char quote)
{
	return !text_has(text, len, quote) && text[len - 1] != '\\' && len <= QUOTED_MAX &&
	       (quote == '"' ? !memmem(text, len, "\\n", 2) && !memmem(text, len, "\\r", 2) : !text_has(text, len, '\r'));
}

/* A value of one line that stays as it is without quotes. */
static bool can_stand_alone(const char *text, size_t len)
{
	if (text_has(text, len, '\n') || text_has(text, len, '\r') || text_has(text, len, '#') ||
	    is_one_of(text[0], quotes) || js_space_len(text, len) > 0 || js_trimmed_len(text, len) < len)
		return false;
	for (size_t at = 0; at < len; at++) {
		size_t size = line_break_len(text + at, len - at);
		if (size > 0 && at + size < len && is_one_of(text[at + size], quotes))
			return false;
	}
	return true;
}

static enum quoting choose_quoting(const char *text, size_t len)
{
	if (text_is_plain(text, len))
		return QUOTE_NONE;
	if (can_quote(text, len, '\''))
		return QUOTE_SINGLE;
	if (can_quote(text, len, '`'))
		return QUOTE_BACKTICK;
	if (can_quote(text, len, '"'))
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

static const struct remark *motdotla_refuse(const struct env_entry *entry)
{
	if (!name_is_possible(entry->name, entry->name_len))
		return &remark_name;
	if (is_prototype(entry->name, entry->name_len))
		return &remark_prototype;
	if (text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	if (!utf8_is_valid(entry->value, entry->value_len))
		return &remark_not_utf8;
	return choose_quoting(entry->value, entry->value_len) == QUOTE_IMPOSSIBLE ? &remark_quotes : NULL;
}

static void motdotla_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	static const char *const marks[] = { [QUOTE_NONE] = "", [QUOTE_SINGLE] = "'", [QUOTE_BACKTICK] = "`",
					     [QUOTE_DOUBLE] = "\"", [QUOTE_IMPOSSIBLE] = "" };
	(void)first;
	write_assignment(entry, marks[choose_quoting(entry->value, entry->value_len)], out);
}

/* A carriage return is written \r. */
static size_t motdotla_growth(const struct env_entry *entry)
{
	return text_has(entry->value, entry->value_len, '\r') ? growth_by(entry, "\r") : 0;
}

const struct dialect dialect_motdotla = {
	.name = "motdotla",
	.summary = "the dotenv package of npm",
	.opening = "",
	.closing = "",
	.is_text = true,
	.is_env_file = true,
	.read = motdotla_read,
	.refuse = motdotla_refuse,
	.write = motdotla_write,
	.growth = motdotla_growth,
	.reads_written = true,
};
