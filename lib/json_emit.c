#include "vault/json_emit.h"

#include <string.h>

#include "json_text.h"
#include "vault/clock.h"
#include "vault/names.h"

/* Of a byte: 0 it stands for itself, 'u' a \u00XX escape, else the letter after the backslash. */
static const char escapes[256] = {
	['\0'] = 'u', [0x01] = 'u', [0x02] = 'u', [0x03] = 'u', [0x04] = 'u', [0x05] = 'u', [0x06] = 'u', [0x07] = 'u',
	['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', [0x0b] = 'u', ['\f'] = 'f', ['\r'] = 'r', [0x0e] = 'u', [0x0f] = 'u',
	[0x10] = 'u', [0x11] = 'u', [0x12] = 'u', [0x13] = 'u', [0x14] = 'u', [0x15] = 'u', [0x16] = 'u', [0x17] = 'u',
	[0x18] = 'u', [0x19] = 'u', [0x1a] = 'u', [0x1b] = 'u', [0x1c] = 'u', [0x1d] = 'u', [0x1e] = 'u', [0x1f] = 'u',
	['"'] = '"', ['\\'] = '\\',
};

/* How many bytes from at stand for themselves. */
static size_t plain_run(const char *text, size_t len)
{
	size_t run = 0;
	uint64_t eight;
	while (len - run >= sizeof(eight)) {
		memcpy(&eight, text + run, sizeof(eight));
		if (json_word_is_special(eight))
			break;
		run += sizeof(eight);
	}
	while (run < len && !escapes[(unsigned char)text[run]])
		run++;
	return run;
}

static void emit_code_point(struct secret_buf *out, unsigned char byte)
{
	static const char hex[] = "0123456789abcdef";
	const char six[6] = { '\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15] };

	secret_buf_append(out, six, sizeof(six));
}

static void emit_escape(struct secret_buf *out, unsigned char byte)
{
	char escape = escapes[byte];
	if (escape == 'u') {
		emit_code_point(out, byte);
	} else {
		char two[2] = { '\\', escape };
		secret_buf_append(out, two, sizeof(two));
	}
}

/* Nearly all strings: nothing to escape, one reservation. */
static void emit_plain(struct secret_buf *out, const char *text, size_t len)
{
	uint8_t *at = secret_buf_reserve(out, len + 2);
	if (!at)
		return;
	at[0] = '"';
	if (len > 0)
		memcpy(at + 1, text, len);
	at[len + 1] = '"';
	secret_buf_advance(out, len + 2);
}

void json_emit_string(struct secret_buf *out, const char *text, size_t len)
{
	size_t run = plain_run(text, len);
	if (run == len) {
		emit_plain(out, text, len);
		return;
	}
	secret_buf_append_char(out, '"');
	for (;; run = plain_run(text, len)) {
		secret_buf_append(out, text, run);
		if (run == len)
			break;
		emit_escape(out, (unsigned char)text[run]);
		text += run + 1;
		len -= run + 1;
	}
	secret_buf_append_char(out, '"');
}

void json_emit_cstring(struct secret_buf *out, const char *text)
{
	json_emit_string(out, text, strlen(text));
}

void json_emit_raw(struct secret_buf *out, const char *text)
{
	secret_buf_append_text(out, text);
}

void json_emit_raw_n(struct secret_buf *out, const char *text, size_t len)
{
	secret_buf_append(out, text, len);
}

void json_emit_uint(struct secret_buf *out, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	secret_buf_append(out, digits + at, sizeof(digits) - at);
}

void json_emit_int(struct secret_buf *out, int64_t value)
{
	if (value < 0) {
		secret_buf_append_char(out, '-');
		json_emit_uint(out, 0 - (uint64_t)value);
	} else {
		json_emit_uint(out, (uint64_t)value);
	}
}

void json_emit_bool(struct secret_buf *out, bool value)
{
	if (value)
		secret_buf_append(out, "true", 4);
	else
		secret_buf_append(out, "false", 5);
}

void json_emit_key(struct secret_buf *out, const char *name)
{
	size_t len = strlen(name);
	uint8_t *at = secret_buf_reserve(out, len + 3);
	if (!at)
		return;
	at[0] = '"';
	memcpy(at + 1, name, len);
	at[len + 1] = '"';
	at[len + 2] = ':';
	secret_buf_advance(out, len + 3);
}

void json_emit_time(struct secret_buf *out, int64_t us)
{
	char text[TIME_TEXT_MAX];
	size_t len = time_format(us, text);
	secret_buf_append_char(out, '"');
	secret_buf_append(out, text, len);
	secret_buf_append_char(out, '"');
}

void json_emit_sentence(struct secret_buf *out, const char *text)
{
	bool valid = utf8_is_valid(text, strlen(text));

	secret_buf_append_char(out, '"');
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (escapes[c])
			emit_escape(out, c);
		else if (c == 0x7f)
			emit_code_point(out, c);
		else if (valid && c == 0xc2 && (unsigned char)text[1] < 0xa0)
			emit_code_point(out, (unsigned char)*++text); /* U+0080 to U+009F act on terminals like ESC sequences */
		else
			secret_buf_append_char(out, valid || c < 0x80 ? (char)c : '?');
	}
	secret_buf_append_char(out, '"');
}

void json_emit_error(struct secret_buf *out, const struct error *err, int exit_code, const char *usage)
{
	json_emit_raw(out, "{\"error\":{\"code\":");
	json_emit_cstring(out, error_name(err->code));
	json_emit_raw(out, ",\"exit_code\":");
	json_emit_int(out, exit_code);
	json_emit_raw(out, ",\"message\":");
	json_emit_sentence(out, err->text);
	if (usage != NULL) {
		json_emit_raw(out, ",\"usage\":");
		json_emit_sentence(out, usage);
	}
	json_emit_raw(out, "}}\n");
}
