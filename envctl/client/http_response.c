#include "client/http_response.h"

#include <string.h>
#include <strings.h>

#include "vault/limits.h"

#define CHUNK_LINE_MAX 16

static enum error_code refuse(struct error *err, const char *what)
{
	return error_set(err, ERR_PROTOCOL, "the answer is not proper HTTP (%s); is this address really vaultd's?",
			 what);
}

enum error_code http_response_start(struct http_response *response, size_t max_body, struct error *err)
{
	*response = (struct http_response){.state = HTTP_STATUS_LINE};
	response->body = secret_buf_new(max_body);
	response->line = secret_buf_new(LIMIT_HEADER_LEN);
	if (response->body == NULL || response->line == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return ERR_OK;
}

void http_response_free(struct http_response *response)
{
	if (response == NULL)
		return;
	secret_buf_free(take_ptr(response->body));
	secret_buf_free(take_ptr(response->line));
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_token(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && !is_digit(c) && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
			return false;
	}
	return len > 0;
}

static bool equals(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

/* "HTTP/1.1 200 OK" */
static enum error_code take_status(struct http_response *r, const char *line, size_t len, struct error *err)
{
	if (len < 12 || memcmp(line, "HTTP/1.1 ", 9) != 0)
		return refuse(err, "no HTTP/1.1 status line");
	if (!is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) || (len > 12 && line[12] != ' '))
		return refuse(err, "bad status");
	r->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
	if (r->status < 200 || r->status > 599)
		return refuse(err, "unexpected status");
	r->state = HTTP_HEADER_LINE;
	return ERR_OK;
}

static enum error_code take_length(struct http_response *r, const char *value, size_t len, struct error *err)
{
	uint64_t length = 0;

	if (r->has_length)
		return refuse(err, "two lengths");
	if (len == 0 || len > 15)
		return refuse(err, "bad length");
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(value[i]))
			return refuse(err, "bad length");
		length = length * 10 + (uint64_t)(value[i] - '0');
	}
	r->has_length = true;
	r->remaining = length;
	return ERR_OK;
}

static enum error_code take_field(struct http_response *r, const char *name, size_t name_len, const char *value,
				  size_t len, struct error *err)
{
	if (equals(name, name_len, "content-length"))
		return take_length(r, value, len, err);
	if (equals(name, name_len, "transfer-encoding")) {
		if (r->chunked || !equals(value, len, "chunked"))
			return refuse(err, "unknown transfer encoding");
		r->chunked = true;
	} else if (equals(name, name_len, "connection")) {
		r->closes = r->closes || equals(value, len, "close");
	} else if (equals(name, name_len, "content-type")) {
		r->is_json = len >= 16 && strncasecmp(value, "application/json", 16) == 0;
	} else if (equals(name, name_len, "etag") && len < sizeof(r->etag)) {
		memcpy(r->etag, value, len);
		r->etag[len] = '\0';
	}
	return ERR_OK;
}

static enum error_code take_header(struct http_response *r, const char *line, size_t len, struct error *err)
{
	const char *colon = memchr(line, ':', len);

	if (++r->headers > LIMIT_HEADERS)
		return refuse(err, "too many headers");
	if (colon == NULL || !is_token(line, (size_t)(colon - line)))
		return refuse(err, "bad header");
	const char *value = colon + 1;
	size_t value_len = len - (size_t)(value - line);
	while (value_len > 0 && (*value == ' ' || *value == '\t')) {
		value++;
		value_len--;
	}
	while (value_len > 0 && (value[value_len - 1] == ' ' || value[value_len - 1] == '\t'))
		value_len--;
	for (size_t i = 0; i < value_len; i++)
		if (((unsigned char)value[i] < 0x20 && value[i] != '\t') || value[i] == 0x7f)
			return refuse(err, "control character in a header");
	return take_field(r, line, (size_t)(colon - line), value, value_len, err);
}

/* The empty line behind the headers: decides how the body is framed. */
static enum error_code end_headers(struct http_response *r, struct error *err)
{
	bool bodyless = r->status == 204 || r->status == 304;

	if (r->chunked && r->has_length)
		return refuse(err, "two framings");
	if (bodyless && (r->chunked || (r->status == 204 && r->remaining > 0)))
		return refuse(err, "a body where none may be");
	if (bodyless || (r->has_length && r->remaining == 0))
		r->state = HTTP_DONE;
	else if (r->chunked)
		r->state = HTTP_CHUNK_SIZE;
	else if (r->has_length)
		r->state = HTTP_BODY;
	else
		return refuse(err, "no length");
	return ERR_OK;
}

static enum error_code take_chunk_size(struct http_response *r, const char *line, size_t len, struct error *err)
{
	uint64_t size = 0;

	if (len == 0 || len > 8)
		return refuse(err, "bad chunk size");
	for (size_t i = 0; i < len; i++) {
		char c = line[i] | 0x20; /* lower case; digits stay what they are */

		if (is_digit(line[i]))
			size = size * 16 + (uint64_t)(line[i] - '0');
		else if (c >= 'a' && c <= 'f')
			size = size * 16 + (uint64_t)(c - 'a' + 10);
		else
			return refuse(err, "bad chunk size");
	}
	r->remaining = size;
	r->state = size > 0 ? HTTP_CHUNK_DATA : HTTP_LAST_LINE;
	return ERR_OK;
}

static enum error_code take_line(struct http_response *r, const char *line, size_t len, struct error *err)
{
	switch (r->state) {
	case HTTP_STATUS_LINE:
		return take_status(r, line, len, err);
	case HTTP_HEADER_LINE:
		return len > 0 ? take_header(r, line, len, err) : end_headers(r, err);
	case HTTP_CHUNK_SIZE:
		return take_chunk_size(r, line, len, err);
	case HTTP_CHUNK_END:
		if (len > 0)
			return refuse(err, "bad end of a chunk");
		r->state = HTTP_CHUNK_SIZE;
		return ERR_OK;
	case HTTP_LAST_LINE:
		if (len > 0)
			return refuse(err, "trailers");
		r->state = HTTP_DONE;
		return ERR_OK;
	case HTTP_BODY:
	case HTTP_CHUNK_DATA:
	case HTTP_DONE:
		break;
	}
	return error_set(err, ERR_INTERNAL, "the response reader is in a state without lines");
}

static bool state_has_lines(enum http_response_state state)
{
	return state != HTTP_BODY && state != HTTP_CHUNK_DATA && state != HTTP_DONE;
}

static size_t line_limit(const struct http_response *r)
{
	if (r->state == HTTP_STATUS_LINE || r->state == HTTP_HEADER_LINE)
		return LIMIT_HEADER_LEN - r->head_bytes;
	return CHUNK_LINE_MAX;
}

/* Collects a line over several feeds and hands it on, without its CR LF. */
static enum error_code feed_line(struct http_response *r, const char *bytes, size_t len, size_t *ret_used,
				 struct error *err)
{
	const char *end = memchr(bytes, '\n', len);
	size_t take = end != NULL ? (size_t)(end - bytes) + 1 : len;

	if (secret_buf_len(r->line) + take > line_limit(r))
		return refuse(err, "over-long line or headers");
	secret_buf_append(r->line, bytes, take);
	enum error_code rc = secret_buf_check(r->line, "a header", err);
	if (rc != ERR_OK)
		return rc;
	*ret_used += take;
	if (end == NULL)
		return ERR_OK;
	const char *line = secret_buf_text(r->line);
	size_t line_len = secret_buf_len(r->line);
	if (r->state == HTTP_STATUS_LINE || r->state == HTTP_HEADER_LINE)
		r->head_bytes += line_len;
	if (line_len < 2 || line[line_len - 2] != '\r')
		return refuse(err, "bare line feed");
	rc = take_line(r, line, line_len - 2, err);
	secret_buf_reset(r->line);
	return rc;
}

static enum error_code feed_body(struct http_response *r, const char *bytes, size_t len, size_t *ret_used,
				 struct error *err)
{
	size_t take = len < r->remaining ? len : (size_t)r->remaining;

	enum error_code rc;
	if (r->take != NULL && r->status == 200) {
		rc = r->take(r->take_arg, bytes, take, err);
	} else {
		secret_buf_append(r->body, bytes, take);
		rc = secret_buf_check(r->body, "the answer", err);
	}
	if (rc != ERR_OK)
		return rc;
	*ret_used += take;
	r->remaining -= take;
	if (r->remaining == 0)
		r->state = r->state == HTTP_BODY ? HTTP_DONE : HTTP_CHUNK_END;
	return ERR_OK;
}

enum error_code http_response_feed(struct http_response *r, const char *bytes, size_t len, size_t *ret_used,
				   struct error *err)
{
	size_t used = 0;
	enum error_code rc = ERR_OK;

	while (rc == ERR_OK && used < len && r->state != HTTP_DONE)
		rc = state_has_lines(r->state) ? feed_line(r, bytes + used, len - used, &used, err)
					       : feed_body(r, bytes + used, len - used, &used, err);
	if (rc == ERR_OK)
		*ret_used = used;
	return rc;
}
