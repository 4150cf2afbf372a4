#include "http/emit_keys.h"

#include <sodium.h>

#include "records/header.h"
#include "vault/json_emit.h"

static void emit_hex(struct secret_buf *out, const uint8_t *bytes, size_t len)
{
	char *room;

	json_emit_raw(out, "\"");
	room = (char *)secret_buf_reserve(out, 2 * len + 1);
	if (room) {
		sodium_bin2hex(room, 2 * len + 1, bytes, len);
		secret_buf_advance(out, 2 * len);
	}
	json_emit_raw(out, "\"");
}

void emit_base64(struct secret_buf *out, const void *bytes, size_t len)
{
	size_t size = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	char *room;

	json_emit_raw(out, "\"");
	room = (char *)secret_buf_reserve(out, size);
	if (room) {
		sodium_bin2base64(room, size, bytes, len, sodium_base64_VARIANT_ORIGINAL);
		secret_buf_advance(out, size - 1);
	}
	json_emit_raw(out, "\"");
}

static void emit_share(struct secret_buf *out, const uint8_t *share)
{
	char text[SHARE_TEXT_LEN + 1];

	share_text(share, text);
	json_emit_cstring(out, text);
	sodium_memzero(text, sizeof(text));
}

enum form { FORM_HEX, FORM_BASE64, FORM_SHARE };

static void emit_list(struct secret_buf *out, const struct secret_buf *keys, size_t key_len, enum form form)
{
	size_t len = keys ? secret_buf_len(keys) : 0;

	json_emit_raw(out, "[");
	for (size_t at = 0; at + key_len <= len; at += key_len) {
		const uint8_t *key = secret_buf_bytes(keys) + at;

		if (at > 0)
			json_emit_raw(out, ",");
		switch (form) {
		case FORM_HEX:
			emit_hex(out, key, key_len);
			break;
		case FORM_BASE64:
			emit_base64(out, key, key_len);
			break;
		case FORM_SHARE:
			emit_share(out, key);
			break;
		}
	}
	json_emit_raw(out, "]");
}

void emit_keys(struct secret_buf *out, const struct secret_buf *keys, size_t key_len)
{
	json_emit_raw(out, "\"keys\":");
	emit_list(out, keys, key_len, FORM_HEX);
	json_emit_raw(out, ",\"keys_base64\":");
	emit_list(out, keys, key_len, FORM_BASE64);
	if (key_len != SHARE_LEN)
		return;
	json_emit_raw(out, ",\"shares\":");
	emit_list(out, keys, key_len, FORM_SHARE);
}
