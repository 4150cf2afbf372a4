/*
 * One YAML mapping of names to texts; and what all dialects that are YAML do in
 * the same way.
 */
#include "dialect/yaml.h"

#include <string.h>

#include "dialect/text.h"
#include "utf8.h"
#include "vault/limits.h"
#include "vault/names.h"

const struct remark yaml_remark_nested = {
	"is a mapping or a list, not text",
	"give each of its values a name of its own",
};
const struct remark yaml_remark_twice = {
	"is set more than once, which some readers refuse",
	"remove the others",
};
const struct remark yaml_remark_typed = {
	"is a number, a truth value, a date or nothing to some readers of YAML, and text to others",
	"quote it",
};
static const struct remark remark_not_mapping = {
	"the text is not one mapping",
	"write NAME: \"VALUE\" on a line for each variable",
};
static const struct remark remark_key = {
	"a key is not a name: it is a list, a mapping, or no text to some readers",
	"quote it",
};
static const struct remark remark_bytes = {
	"is not valid UTF-8, and YAML is",
	"encode it (base64), or use the shell dialect, which keeps any byte",
};
static const struct remark remark_yaml_name = {
	"the name is empty, too long, or not valid UTF-8 without NUL",
	"rename the variable",
};

/* -- plain scalars --------------------------------------------------------- */

/* Only digits and dots, and more dots than a number has: 10.0.0.1. */
static bool is_dotted(const char *text, size_t len)
{
	size_t dots = 0;

	for (size_t i = 0; i < len; i++) {
		bool good_dot = text[i] == '.' && i > 0 && i + 1 < len && text[i - 1] != '.';

		if (!is_digit(text[i]) && !good_dot)
			return false;
		dots += text[i] == '.';
	}
	return dots >= 2;
}

bool yaml_is_typed(const char *text, size_t len)
{
	static const char *const words[] = { "~", "null", "y", "yes", "n", "no", "true", "false", "on", "off", "<<", "=" };

	if (len == 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i]) == len && strncasecmp(text, words[i], len) == 0)
			return true;
	/* Ruby makes a symbol of it. */
	if (text[0] == ':')
		return true;
	if (!is_digit(text[0]) && !is_one_of(text[0], "+-."))
		return false;
	/* What numbers in all their forms, infinities, times and dates are made of. */
	for (size_t i = 0; i < len; i++)
		if (!is_digit(text[i]) && !is_one_of(text[i], "abcdefABCDEFxXoOtTzZiInN_,.:+- "))
			return false;
	return !is_dotted(text, len);
}

/* -- mappings -------------------------------------------------------------- */

struct secret_buf *yaml_buffer_new(struct reader *reader)
{
	struct secret_buf *buf = secret_buf_new(reader->len);

	if (!buf)
		reader->code = error_set(reader->err, ERR_NO_MEMORY, "out of memory while reading YAML");
	return buf;
}

void yaml_refuse(struct yaml_text *text, const char *name, size_t name_len, const struct remark *remark)
{
	notes_add(text->reader->notes, NOTE_ERROR, text->line, name, name_len, remark->reason, remark->hint);
	secret_buf_truncate(text->reader->value, 0);
	yaml_skip(text);
}

/* The present item is the value. */
static void read_value(struct yaml_text *text, const struct yaml_use *use, const char *name, size_t name_len)
{
	struct reader *reader = text->reader;
	struct env_entry found;
	unsigned line = text->line;
	const struct remark *refused = NULL;
	char *value;
	size_t len;

	if (text->kind != YAML_KIND_SCALAR) {
		yaml_refuse(text, name, name_len, &yaml_remark_nested);
		return;
	}
	if (use->null_warning && yaml_is_null(text)) {
		notes_add(reader->notes, NOTE_WARNING, line, name, name_len, use->null_warning->reason,
			  use->null_warning->hint);
		return;
	}
	refused = yaml_look_at_scalar(text, use, &value, &len);
	if (!refused && env_set_find(reader->set, name, name_len, &found))
		refused = &yaml_remark_twice;
	if (refused)
		yaml_refuse(text, name, name_len, refused);
	else
		reader_put_text(reader, name, name_len, value, len, line);
}

bool yaml_take_key(struct yaml_text *text, struct secret_buf *name)
{
	static const struct yaml_use as_key = { .integers = false };
	const struct remark *refused = &remark_key;

	secret_buf_truncate(name, 0);
	if (text->kind == YAML_KIND_SCALAR)
		refused = yaml_take_scalar(text, &as_key, name);
	text->reader->code = secret_buf_check(name, "a name", text->reader->err);
	if (refused)
		yaml_refuse(text, "", 0, refused == &yaml_remark_typed ? &remark_key : refused);
	return !refused;
}

void yaml_read_pairs(struct yaml_text *text, const struct yaml_use *use, struct secret_buf *name, bool has_name)
{
	while (text->kind != YAML_KIND_NONE) {
		if (has_name)
			read_value(text, use, secret_buf_text(name), secret_buf_len(name));
		else
			yaml_skip(text);
		if (yaml_next(text) == YAML_KIND_NONE || text->kind == YAML_KIND_END)
			return;
		has_name = yaml_take_key(text, name);
		yaml_next(text);
	}
}

void yaml_read_mapping(struct yaml_text *text, const struct yaml_use *use)
{
	cleanup_(secret_buf_freep) struct secret_buf *name = yaml_buffer_new(text->reader);
	bool has_name;

	if (!name || yaml_next(text) == YAML_KIND_NONE || text->kind == YAML_KIND_END)
		return;
	has_name = yaml_take_key(text, name);
	yaml_next(text);
	yaml_read_pairs(text, use, name, has_name);
}

/* -- writing --------------------------------------------------------------- */

static const char hex_digits[] = "0123456789ABCDEF";

/* The escape of an ASCII character, or NULL when it needs none that has a name. */
static const char *named_escape(char c)
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		return NULL;
	}
}

static void append_hex(struct secret_buf *out, const char *prefix, unsigned code, unsigned digits)
{
	secret_buf_append_text(out, prefix);
	while (digits-- > 0)
		secret_buf_append_char(out, hex_digits[code >> 4 * digits & 0xf]);
}

/* Characters outside ASCII that are a line end, a mark or nothing printable to some reader. */
static unsigned needs_escape(const unsigned char *u, size_t size)
{
	if (size == 2 && u[0] == 0xc2 && u[1] < 0xa0)
		return u[1];
	if (size != 3)
		return 0;
	unsigned code = (u[0] & 0x0fu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	return code == 0x2028 || code == 0x2029 || code == 0xfeff || code >= 0xfffe ? code : 0;
}

static void append_character(struct secret_buf *out, const char *at, size_t size)
{
	unsigned char c = (unsigned char)*at;
	const char *named = named_escape(*at);
	unsigned code = size > 1 ? needs_escape((const unsigned char *)at, size) : 0;

	if (named)
		secret_buf_append_text(out, named);
	else if (size == 1 && (c < 0x20 || c == 0x7f))
		append_hex(out, "\\x", c, 2);
	else if (code > 0)
		append_hex(out, code > 0xff ? "\\u" : "\\x", code, code > 0xff ? 4 : 2);
	else
		secret_buf_append(out, at, size);
}

/* How much at the front is ASCII that needs no escape. */
static size_t unescaped_len(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len && text[at] >= ' ' && text[at] <= '~' && text[at] != '"' && text[at] != '\\')
		at++;
	return at;
}

void yaml_append_inside(struct secret_buf *out, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t same = unescaped_len(text + at, len - at), size;

		secret_buf_append(out, text + at, same);
		at += same;
		if (at == len)
			break;
		size = utf8_char_len((const unsigned char *)text + at, len - at);
		size = size > 0 ? size : 1;
		append_character(out, text + at, size);
		at += size;
	}
}

static size_t growth_outside_ascii(const char *text, size_t len)
{
	size_t growth = 0, size;

	for (size_t at = 0; (at += utf8_ascii_len(text + at, len - at)) < len; at += size) {
		unsigned code;

		size = utf8_char_len((const unsigned char *)text + at, len - at);
		code = size > 1 ? needs_escape((const unsigned char *)text + at, size) : 0;
		size = size > 0 ? size : 1;
		if (code > 0)
			growth += (code > 0xff ? strlen("\\uFFFF") : strlen("\\xFF")) - size;
	}
	return growth;
}

size_t yaml_inside_growth(const struct env_entry *entry)
{
	size_t controls = count_controls(entry), named = controls > 0 ? growth_by(entry, "\n\r\t") : 0;
	size_t growth = growth_by(entry, "\"\\") + named + (controls - named + growth_by(entry, "\x7f")) * (strlen("\\xFF") - 1);

	/* How the characters begin of which some need an escape. */
	if (growth_by(entry, "\xc2\xe2\xef") > 0)
		growth += growth_outside_ascii(entry->value, entry->value_len);
	return growth;
}

void yaml_append_quoted(struct secret_buf *out, const char *text, size_t len)
{
	secret_buf_append_char(out, '"');
	yaml_append_inside(out, text, len);
	secret_buf_append_char(out, '"');
}

void yaml_append_key(struct secret_buf *out, const char *indent, const char *name, size_t len)
{
	/* A key in front of its colon has at most 1,024 characters; a longer one is announced. */
	bool is_long = len > LIMIT_YAML_SIMPLE_KEY;

	secret_buf_append_text(out, indent);
	if (is_long)
		secret_buf_append_text(out, "? ");
	if (variable_name_is_portable(name, len) && !yaml_is_typed(name, len))
		secret_buf_append(out, name, len);
	else
		yaml_append_quoted(out, name, len);
	if (is_long) {
		secret_buf_append_text(out, "\n");
		secret_buf_append_text(out, indent);
	}
	secret_buf_append_text(out, ": ");
}

/* -- the dialect ----------------------------------------------------------- */

static void yaml_read(struct reader *reader)
{
	static const struct yaml_use use = { .integers = true, .binary = true };
	struct yaml_text text;

	if (yaml_open(&text, reader)) {
		if (yaml_next(&text) == YAML_KIND_MAPPING)
			yaml_read_mapping(&text, &use);
		else if (!text.ended && reader->code == ERR_OK)
			yaml_refuse(&text, "", 0, &remark_not_mapping);
		yaml_finish(&text);
	}
	yaml_close(&text);
}

static const struct remark *yaml_refuse_entry(const struct env_entry *entry)
{
	if (!variable_name_is_storable(entry->name, entry->name_len))
		return &remark_yaml_name;
	return utf8_is_valid(entry->value, entry->value_len) ? NULL : &remark_bytes;
}

static void yaml_open_text(struct writer *writer)
{
	if (writer->count == 0)
		secret_buf_append_text(writer->out, "{}\n");
}

static void yaml_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	(void)first;
	yaml_append_key(out, "", entry->name, entry->name_len);
	yaml_append_quoted(out, entry->value, entry->value_len);
	secret_buf_append_char(out, '\n');
}

static size_t yaml_growth(const struct env_entry *entry)
{
	return yaml_inside_growth(entry);
}

const struct dialect dialect_yaml = {
	.name = "yaml",
	.summary = "one YAML mapping of strings",
	.opening = "",
	.closing = "",
	.is_text = true,
	.read = yaml_read,
	.refuse = yaml_refuse_entry,
	.open = yaml_open_text,
	.write = yaml_write,
	.growth = yaml_growth,
};
