/*
 * The response reader: what it accepts, in one piece and byte by byte, what it
 * refuses, and its limits at N and N+1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/http_response.h"
#include "vault/limits.h"

#define BODY_MAX 64

struct outcome {
	enum error_code rc;
	bool done;
	size_t used;
	int status;
	bool closes, is_json;
	char etag[96];
	char body[BODY_MAX + 1];
};

/* Feeds the text in pieces of the given size. */
static struct outcome read_in_pieces(const char *text, size_t len, size_t piece)
{
	struct http_response response;
	struct error err = ERROR_INIT;
	struct outcome outcome = {.rc = http_response_start(&response, BODY_MAX, &err)};

	while (outcome.rc == ERR_OK && outcome.used < len && !http_response_is_done(&response)) {
		size_t size = len - outcome.used < piece ? len - outcome.used : piece;
		size_t used = 0;

		outcome.rc = http_response_feed(&response, text + outcome.used, size, &used, &err);
		if (outcome.rc == ERR_OK)
			assert_true(used > 0 && used <= size);
		outcome.used += used;
	}
	outcome.done = http_response_is_done(&response);
	outcome.status = response.status;
	outcome.closes = response.closes;
	outcome.is_json = response.is_json;
	memcpy(outcome.etag, response.etag, sizeof(outcome.etag));
	if (secret_buf_ok(response.body) && secret_buf_len(response.body) <= BODY_MAX)
		memcpy(outcome.body, secret_buf_bytes(response.body), secret_buf_len(response.body));
	if (outcome.rc != ERR_OK)
		assert_true(strlen(err.text) > 0);
	http_response_free(&response);
	return outcome;
}

static struct outcome read_text(const char *text)
{
	struct outcome whole = read_in_pieces(text, strlen(text), strlen(text));
	struct outcome bytes = read_in_pieces(text, strlen(text), 1);

	assert_int_equal(whole.rc, bytes.rc);
	assert_int_equal(whole.done, bytes.done);
	assert_string_equal(whole.body, bytes.body);
	if (whole.done)
		assert_int_equal(whole.used, bytes.used);
	return whole;
}

static void test_length(void **state)
{
	struct outcome o = read_text("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag:  \"a-1\" \r\n"
				     "Content-Length: 5\r\n\r\nhello");

	(void)state;
	assert_int_equal(o.rc, ERR_OK);
	assert_true(o.done);
	assert_int_equal(o.status, 200);
	assert_true(o.is_json);
	assert_false(o.closes);
	assert_string_equal(o.etag, "\"a-1\"");
	assert_string_equal(o.body, "hello");
}

static void test_chunks(void **state)
{
	struct outcome o = read_text("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
				     "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");

	(void)state;
	assert_int_equal(o.rc, ERR_OK);
	assert_true(o.done);
	assert_true(o.closes);
	assert_string_equal(o.body, "hello");
}

static void test_without_body(void **state)
{
	static const char *const texts[] = {
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 204\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct outcome o = read_text(texts[i]);

		assert_int_equal(o.rc, ERR_OK);
		assert_true(o.done);
		assert_int_equal(o.used, strlen(texts[i]));
	}
}

static void test_stops_behind_the_response(void **state)
{
	const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1";
	struct outcome o = read_text(text);

	(void)state;
	assert_true(o.done);
	assert_int_equal(o.used, strlen(text) - 8);
	assert_string_equal(o.body, "ok");
}

/* Every prefix of a response is neither an error nor complete. */
static void test_prefixes(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n";

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		struct outcome o = read_in_pieces(text, len, 7);

		assert_int_equal(o.rc, ERR_OK);
		assert_false(o.done);
	}
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/2 200\r\n\r\n",
		"SSH-2.0-OpenSSH_9.2\r\n",
		"HTTP/1.1 20 OK\r\n",
		"HTTP/1.1 2000 OK\r\n",
		"HTTP/1.1 100 Continue\r\n",
		"HTTP/1.1 600 Odd\r\n",
		"HTTP/1.1 2x0 OK\r\n",
		"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length:\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
		"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\n",
		"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n",
		"HTTP/1.1 200 OK\r\n folded\r\n",
		"HTTP/1.1 200 OK\r\nX: a\rb\r\n",
		"HTTP/1.1 200 OK\r\nX: a\x01\r\n",
		"HTTP/1.1 200 OK\r\nnocolon\r\n",
		"HTTP/1.1 200 OK\r\n: empty\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n000000003\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: x\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n:\r\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct outcome o = read_text(texts[i]);

		if (o.rc != ERR_PROTOCOL)
			print_error("accepted: %s\n", texts[i]);
		assert_int_equal(o.rc, ERR_PROTOCOL);
	}
}

static void test_nul_in_header_name(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nX\0Y: 1\r\n";

	(void)state;
	assert_int_equal(read_in_pieces(text, sizeof(text) - 1, 100).rc, ERR_PROTOCOL);
}

static void test_body_limit(void **state)
{
	char text[256];
	char body[BODY_MAX + 2];

	(void)state;
	memset(body, 'x', sizeof(body));
	for (int extra = 0; extra < 2; extra++) {
		body[BODY_MAX + extra] = '\0';
		snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", BODY_MAX + extra, body);
		assert_int_equal(read_text(text).rc, extra == 0 ? ERR_OK : ERR_TOO_LARGE);
		snprintf(text, sizeof(text),
			 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%X\r\n%s\r\n0\r\n\r\n",
			 (unsigned)(BODY_MAX + extra), body);
		assert_int_equal(read_text(text).rc, extra == 0 ? ERR_OK : ERR_TOO_LARGE);
		body[BODY_MAX + extra] = 'x';
	}
}

static void test_header_count(void **state)
{
	(void)state;
	for (size_t count = LIMIT_HEADERS; count <= LIMIT_HEADERS + 1; count++) {
		char text[4096] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";

		for (size_t i = 1; i < count; i++)
			strcat(text, "X-Header: value\r\n");
		strcat(text, "\r\n");
		struct outcome o = read_text(text);
		assert_int_equal(o.rc, count == LIMIT_HEADERS ? ERR_OK : ERR_PROTOCOL);
	}
}

static void test_header_bytes(void **state)
{
	static const char start[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ";

	(void)state;
	for (size_t extra = 0; extra < 2; extra++) {
		size_t total = LIMIT_HEADER_LEN + extra;
		char *text = malloc(total + 1);

		assert_non_null(text);
		memset(text, 'a', total);
		memcpy(text, start, sizeof(start) - 1);
		memcpy(text + total - 4, "\r\n\r\n", 5);
		struct outcome o = read_in_pieces(text, total, 1000);
		assert_int_equal(o.rc, extra == 0 ? ERR_OK : ERR_PROTOCOL);
		assert_int_equal(o.done, extra == 0);
		free(text);
	}
}

static void test_etag_too_long(void **state)
{
	char text[512] = "HTTP/1.1 204 No\r\nETag: ";

	(void)state;
	memset(text + strlen(text), 'e', 96);
	strcat(text, "\r\n\r\n");
	struct outcome o = read_text(text);
	assert_true(o.done);
	assert_string_equal(o.etag, "");
}

struct taken {
	size_t len, refuse_at;
};

static enum error_code take(void *arg, const char *bytes, size_t len, struct error *err)
{
	struct taken *taken = arg;

	for (size_t i = 0; i < len; i++)
		assert_int_equal(bytes[i], 'a' + (int)((taken->len + i) % 26));
	taken->len += len;
	return taken->len > taken->refuse_at ? error_set(err, ERR_STORAGE_FULL, "full") : ERR_OK;
}

/* A body that is given away has no maximum, and keeps nothing; only that of a 200 is. */
static void test_body_that_is_given_away(void **state)
{
	static char text[16 * BODY_MAX];
	size_t head = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", 8 * BODY_MAX);
	struct taken taken = {.refuse_at = SIZE_MAX};
	struct http_response response;
	struct error err = ERROR_INIT;
	size_t used = 0;

	(void)state;
	for (size_t i = 0; i < 8 * BODY_MAX; i++)
		text[head + i] = (char)('a' + i % 26);
	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(http_response_start(&response, BODY_MAX, &err), ERR_OK);
		response.take = take;
		response.take_arg = &taken;
		taken.len = 0;
		taken.refuse_at = turn == 1 ? 2 * BODY_MAX : SIZE_MAX;
		if (turn == 2)
			memcpy(text + 9, "503", 3);
		enum error_code rc = http_response_feed(&response, text, head + 8 * BODY_MAX, &used, &err);
		assert_int_equal(rc, turn == 0 ? ERR_OK : turn == 1 ? ERR_STORAGE_FULL : ERR_TOO_LARGE);
		assert_int_equal(taken.len, turn == 2 ? 0 : 8 * BODY_MAX);
		assert_int_equal(secret_buf_len(response.body), 0);
		http_response_free(&response);
		error_clear(&err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_without_body),
		cmocka_unit_test(test_stops_behind_the_response),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nul_in_header_name),
		cmocka_unit_test(test_body_limit),
		cmocka_unit_test(test_body_that_is_given_away),
		cmocka_unit_test(test_header_count),
		cmocka_unit_test(test_header_bytes),
		cmocka_unit_test(test_etag_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
