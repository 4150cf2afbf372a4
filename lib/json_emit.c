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

/* Of four digits at most. */
static void emit_code_point(struct secret_buf *out, unsigned code)
{
	static const char hex[] = "0123456789abcdef";
	const char six[6] = { '\\', 'u', hex[code >> 12 & 15], hex[code >> 8 & 15], hex[code >> 4 & 15], hex[code & 15] };

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

/* None of the characters that act has more than three bytes. */
static unsigned code_point_of(const unsigned char *at, size_t char_len)
{
	if (char_len == 1)
		return at[0];
	if (char_len == 2)
		return (at[0] & 0x1fU) << 6 | (at[1] & 0x3fU);
	return (at[0] & 0x0fU) << 12 | (at[1] & 0x3fU) << 6 | (at[2] & 0x3fU);
}

void json_emit_sentence(struct secret_buf *out, const char *text)
{
	size_t len = strlen(text);

	secret_buf_append_char(out, '"');
	while (len > 0) {
		bool acts;
		size_t char_len = utf8_shown_len(text, len, &acts);
		size_t taken = char_len > 0 ? char_len : 1;

		if (char_len == 0)
			secret_buf_append_char(out, '?');
		else if (escapes[(unsigned char)*text])
			emit_escape(out, (unsigned char)*text);
		else if (acts)
			emit_code_point(out, code_point_of((const unsigned char *)text, char_len));
		else
			secret_buf_append(out, text, char_len);
		text += taken;
		len -= taken;
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

bool json_error_is_asked_for(char *const *argv)
{
	for (; *argv != NULL && strcmp(*argv, "--") != 0; argv++)
		if (strcmp(*argv, "--json") == 0)
			return true;
	return false;
}
