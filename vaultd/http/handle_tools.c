/* sys/tools: random bytes and hashes, for clients that have none of their own. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "http/change.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/base64.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

enum { RANDOM_DEFAULT = 32 };

/* A text of the body without escapes; absent gives `absent`. False: 400 is the answer. */
static bool read_text(struct request *request, const struct json_value *body, const char *name, const char *absent,
		      struct json_span *ret)
{
	struct json_value value;

	*ret = (struct json_span){ .at = absent, .len = strlen(absent) };
	if (!member(body, name, &value))
		return true;
	if (value.kind == JSON_SCAN_STRING && !value.escaped) {
		*ret = json_string_span(&value);
		return true;
	}
	reply_refuse(request, 400, "the members input, format and algorithm must be texts");
	return false;
}

static bool is(struct json_span text, const char *word)
{
	return text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

struct format {
	bool base64;
};

static bool read_format(struct request *request, const struct json_value *body, const char *absent, struct format *ret)
{
	struct json_span text;

	if (!read_text(request, body, "format", absent, &text))
		return false;
	ret->base64 = is(text, "base64");
	if (ret->base64 || is(text, "hex"))
		return true;
	reply_refuse(request, 400, "the member format must be hex or base64");
	return false;
}

static void answer_bytes(struct request *request, const char *name, const uint8_t *bytes, size_t len, struct format format)
{
	size_t room = format.base64 ? sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL) : 2 * len + 1;
	struct secret_buf *out = reply_envelope(request, 200);
	char *text;

	if (!out)
		return;
	json_emit_raw(out, "{\"");
	json_emit_raw(out, name);
	json_emit_raw(out, "\":\"");
	text = (char *)secret_buf_reserve(out, room);
	if (text) {
		if (format.base64)
			sodium_bin2base64(text, room, bytes, len, sodium_base64_VARIANT_ORIGINAL);
		else
			sodium_bin2hex(text, room, bytes, len);
		secret_buf_advance(out, room - 1);
	}
	json_emit_raw(out, "\"}");
	reply_envelope_end(request, NULL, false);
}

/* -- random -------------------------------------------------------------- */

static bool read_count(struct request *request, const struct json_value *body, int64_t *ret)
{
	struct json_value value;
	const char *rest = request->rest;

	*ret = RANDOM_DEFAULT;
	if (rest[0] != '\0')
		*ret = strlen(rest) < 10 && strspn(rest, "0123456789") == strlen(rest) ? strtol(rest, NULL, 10) : -1;
	else if (member(body, "bytes", &value) && !json_as_int(&value, ret))
		*ret = -1;
	if (*ret >= 1 && *ret <= LIMIT_RANDOM_BYTES)
		return true;
	reply_refuse(request, 400, "the number of random bytes must be 1 to 131072");
	return false;
}

void handle_tools_random(struct request *request)
{
	cleanup_(secret_buf_freep) struct secret_buf *bytes = secret_buf_new(LIMIT_RANDOM_BYTES);
	struct json_value body;
	struct format format;
	uint8_t *room;
	int64_t count;

	if (!body_object(request, &body) || !read_count(request, &body, &count) ||
	    !read_format(request, &body, "base64", &format))
		return;
	room = bytes ? secret_buf_reserve(bytes, (size_t)count) : NULL;
	if (!room) {
		reply_without_memory(request);
		return;
	}
	randombytes_buf(room, (size_t)count);
	secret_buf_advance(bytes, (size_t)count);
	answer_bytes(request, "random_bytes", room, (size_t)count, format);
}

/* -- hash ---------------------------------------------------------------- */

static bool decode_input(struct request *request, struct json_span text, struct secret_buf *out)
{
	uint8_t *room = secret_buf_reserve(out, text.len / 4 * 3 + 3);
	size_t len;

	if (!room && text.len <= LIMIT_BODY_SMALL) {
		reply_without_memory(request);
		return false;
	}
	if (room && base64_read(text.at, text.len, NULL, sodium_base64_VARIANT_ORIGINAL, room, text.len / 4 * 3 + 3, &len)) {
		secret_buf_advance(out, len);
		return true;
	}
	reply_refuse(request, 400, "the member input must be a text in base64");
	return false;
}

void handle_tools_hash(struct request *request)
{
	cleanup_(secret_buf_freep) struct secret_buf *input = secret_buf_new(LIMIT_BODY_SMALL);
	struct json_span text, algorithm;
	uint8_t sum[crypto_hash_sha512_BYTES];
	struct json_value body;
	struct format format;

	if (!input) {
		reply_without_memory(request);
		return;
	}
	if (!body_object(request, &body) || !read_text(request, &body, "input", "", &text) ||
	    !read_text(request, &body, "algorithm", "sha2-256", &algorithm) || !read_format(request, &body, "hex", &format) ||
	    !decode_input(request, text, input))
		return;
	if (request->rest[0] != '\0')
		algorithm = (struct json_span){ .at = request->rest, .len = strlen(request->rest) };
	if (is(algorithm, "sha2-256")) {
		crypto_hash_sha256(sum, secret_buf_bytes(input), secret_buf_len(input));
		answer_bytes(request, "sum", sum, crypto_hash_sha256_BYTES, format);
	} else if (is(algorithm, "sha2-512")) {
		crypto_hash_sha512(sum, secret_buf_bytes(input), secret_buf_len(input));
		answer_bytes(request, "sum", sum, crypto_hash_sha512_BYTES, format);
	} else {
		reply_refuse(request, 400, "the algorithm must be sha2-256 or sha2-512");
	}
	sodium_memzero(sum, sizeof(sum));
}
