#include "dialect/key_piece.h"
#include "dialect/row.h"

#include <string.h>

#include "dialect/text.h"
#include "vault/names.h"

const struct remark remark_nul = {
	"holds a NUL byte, which no process environment can carry",
	"hand it to the program as a file",
};
const struct remark remark_not_utf8 = {
	"is not valid UTF-8",
	"encode it (base64), or use the shell dialect, which keeps any byte",
};
const struct remark remark_not_identifier = {
	"the name is not made of letters, digits and _ alone, not starting with a digit",
	"rename the variable; the json dialect can hold any name",
};

void reader_move(struct reader *reader, size_t to)
{
	const char *text = reader->text;
	const char *at = text + reader->at;
	const char *end = text + to;
	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		reader->line++;
		at++;
	}
	reader->at = to;
}

size_t reader_find(const struct reader *reader, size_t from, char c)
{
	if (from >= reader->len)
		return reader->len;
	const char *found = memchr(reader->text + from, c, reader->len - from);
	return found ? (size_t)(found - reader->text) : reader->len;
}

void reader_skip_line(struct reader *reader)
{
	reader->at = reader_find(reader, reader->at, '\n');
}

/*
 * How much of a name a message may show: all of a name on one line that an = or : follows, nothing of anything else. A line without it may
 * be a piece of a value, such as a line of a key, and so may its last line be, with padding. A name that is not a piece of the text was decoded from JSON, where it can
 * only be a name.
 */
static size_t shown_len(const struct reader *reader, const char *name, size_t name_len)
{
	const char *end = reader->text + reader->len, *at = name + name_len;

	if (name < reader->text || at > end)
		return name_len;
	if (name_len > 0 && memchr(name, '\n', name_len))
		return 0;
	while (at < end && (*at == ' ' || *at == '\t' || *at == '"'))
		at++;
	if (at == end || (*at != '=' && *at != ':'))
		return 0;
	return text_is_last_piece(reader->text, reader->len, name, name_len) ? 0 : name_len;
}

void reader_refuse(struct reader *reader, unsigned line, const char *name, size_t name_len,
		   const struct remark *remark)
{
	notes_add(reader->notes, NOTE_ERROR, line, name, shown_len(reader, name, name_len), remark->reason, remark->hint);
	secret_buf_truncate(reader->value, 0);
}

void reader_warn(struct reader *reader, unsigned line, const char *name, size_t name_len, const struct remark *remark)
{
	notes_add(reader->notes, NOTE_WARNING, line, name, shown_len(reader, name, name_len), remark->reason,
		  remark->hint);
}

static const struct remark remark_unstorable = {
	"the name is empty, too long, or not valid UTF-8",
	"a name has 1 to 1,024 bytes",
};
static const struct remark remark_twice = {
	"is set more than once; the last one counts",
	"remove the others",
};

void reader_put_text(struct reader *reader, const char *name, size_t name_len, const char *value, size_t value_len,
		     unsigned line)
{
	const struct env_entry *expected = reader->expected;
	bool replaced = false;
	if (reader->code != ERR_OK)
		return;
	if (!variable_name_is_storable(name, name_len)) {
		reader_refuse(reader, line, name, name_len, &remark_unstorable);
		return;
	}
	if (!expected)
		reader->code = env_set_put(reader->set, name, name_len, value, value_len, line, &replaced, reader->err);
	else
		reader->matched = expected->name_len == name_len && memcmp(expected->name, name, name_len) == 0 &&
				  expected->value_len == value_len && memcmp(expected->value, value, value_len) == 0;
	if (replaced)
		reader_warn(reader, line, name, name_len, &remark_twice);
}

void reader_put(struct reader *reader, const char *name, size_t name_len, unsigned line)
{
	if (reader->code != ERR_OK)
		return;
	reader->code = secret_buf_check(reader->value, "a value", reader->err);
	reader_put_text(reader, name, name_len, secret_buf_text(reader->value), secret_buf_len(reader->value), line);
	secret_buf_truncate(reader->value, 0);
}

/* Beyond the longest value: what a reader takes and gives up again. */
#define VALUE_SLACK 64

struct secret_buf *reader_value_new(const struct reader *reader)
{
	/* No value is longer than the text it was written in. */
	struct secret_buf *value = secret_buf_new(reader->len);
	if (value && reader->longest > 0)
		secret_buf_expect(value, reader->longest + VALUE_SLACK);
	return value;
}

void append_escaped(struct secret_buf *out, const char *text, size_t len, const char *characters)
{
	bool is_escaped[256] = { false };
	size_t from = 0;
	for (const char *c = characters; *c; c++)
		is_escaped[(unsigned char)*c] = true;
	for (size_t at = 0; at < len; at++) {
		if (!is_escaped[(unsigned char)text[at]])
			continue;
		secret_buf_append(out, text + from, at - from);
		secret_buf_append_char(out, '\\');
		from = at;
	}
	secret_buf_append(out, text + from, len - from);
}

/* Sixteen bytes at once: this is done with every value that is written, and is most of what knowing the length costs. */
typedef uint8_t block __attribute__((vector_size(16)));

#define LANES_FULL 255	/* blocks that lanes of a byte can count */

static size_t sum_of_lanes(block counts)
{
	const uint64_t every_other = 0x00ff00ff00ff00ffull;
	uint64_t halves[2];
	memcpy(halves, &counts, sizeof(counts));
	/* Four sums of two lanes of each half; the product has the sum of these at its top. */
	uint64_t sums = (halves[0] & every_other) + (halves[0] >> 8 & every_other) + (halves[1] & every_other) +
			(halves[1] >> 8 & every_other);
	return sums * 0x0001000100010001ull >> 48;
}

/* How many of the whole blocks' bytes are this one, or (any_control) below ' '. */
static inline size_t count_in_blocks(const char *text, size_t blocks, char c, bool any_control)
{
	size_t count = 0;
	while (blocks > 0) {
		size_t now = blocks < LANES_FULL ? blocks : LANES_FULL;
		block counts = { 0 }, bytes;
		blocks -= now;
		for (; now > 0; now--, text += sizeof(bytes)) {
			memcpy(&bytes, text, sizeof(bytes));
			counts -= any_control ? (block)(bytes < ' ') : (block)(bytes == (uint8_t)c);
		}
		count += sum_of_lanes(counts);
	}
	return count;
}

/* NULL: control characters. */
static size_t count_bytes(const struct env_entry *entry, const char *characters)
{
	size_t blocks = entry->value_len / sizeof(block), rest = entry->value_len % sizeof(block), count = 0;
	char last[sizeof(block)];
	/* A letter is none of them. */
	memset(last, 'a', sizeof(last));
	if (rest > 0)
		memcpy(last, entry->value + blocks * sizeof(block), rest);
	if (!characters)
		count = count_in_blocks(entry->value, blocks, 0, true) + count_in_blocks(last, 1, 0, true);
	for (const char *c = characters; c && *c; c++)
		count += count_in_blocks(entry->value, blocks, *c, false) + count_in_blocks(last, 1, *c, false);
	explicit_bzero(last, sizeof(last));
	return count;
}

size_t growth_by(const struct env_entry *entry, const char *characters)
{
	return count_bytes(entry, characters);
}

size_t count_controls(const struct env_entry *entry)
{
	return count_bytes(entry, NULL);
}

void value_expand(struct secret_buf *value, const char *letters)
{
	char *text = (char *)secret_buf_mutable(value);
	size_t len = secret_buf_len(value), to = 0;

	for (size_t at = 0; at < len; at++) {
		char next = at + 1 < len ? text[at + 1] : '\0';
		if (text[at] == '\\' && is_one_of(next, letters)) {
			text[to++] = next == 'n' ? '\n' : '\r';
			at++;
		} else {
			text[to++] = text[at];
		}
	}
	secret_buf_truncate(value, to);
}

void write_assignment(const struct env_entry *entry, const char *mark, struct secret_buf *out)
{
	secret_buf_append(out, entry->name, entry->name_len);
	secret_buf_append_char(out, '=');
	secret_buf_append_text(out, mark);
	for (size_t i = 0; i < entry->value_len; i++) {
		if (entry->value[i] == '\r')
			secret_buf_append_text(out, "\\r");
		else
			secret_buf_append_char(out, entry->value[i]);
	}
	secret_buf_append_text(out, mark);
	secret_buf_append_char(out, '\n');
}
