/* The gate on heads as libmicrohttpd leaves them in memory: which are accepted, and what is refused with which answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/gate.h"

#define GET "GET /v1/secret/data/a HTTP/1.1\r\n"
#define POST "POST /v1/secret/data/a HTTP/1.1\r\n"
#define HOST "Host: vault\r\n"
#define END "\r\n"

/* Replaces the separators by NULs as libmicrohttpd 0.9.75 does: the first two spaces of the request line, CR LF or LF at the
 * end of lines, the first colon of a header. */
struct laid_out {
	char *bytes;
	size_t len, target_len;
};

static struct laid_out lay_out(const char *raw, size_t len)
{
	struct laid_out out = { .bytes = malloc(len + 1), .len = len };
	bool first_line = true, colon_seen = false;
	size_t first_space = 0, last_space = 0;

	memcpy(out.bytes, raw, len);
	out.bytes[len] = '\x7e';	/* whatever stands behind the head */
	for (size_t i = 0; i < len; i++) {
		char c = raw[i];

		if (first_line && c == ' ') {
			first_space = first_space ? first_space : i;
			last_space = i;
		} else if (c == '\n' || (c == '\r' && i + 1 < len && raw[i + 1] == '\n')) {
			out.bytes[i] = '\0';
			if (c == '\n') {
				if (first_line && first_space) {
					out.bytes[first_space] = out.bytes[last_space] = '\0';
					out.target_len = last_space > first_space ? last_space - first_space - 1 : 0;
				}
				first_line = colon_seen = false;
			}
		} else if (!first_line && c == ':' && !colon_seen) {
			out.bytes[i] = '\0';
			colon_seen = true;
		}
	}
	return out;
}

static enum error_code check_bytes(const char *raw, size_t len, struct gate_head *ret)
{
	struct laid_out out = lay_out(raw, len);
	struct gate_input input = { .head = out.bytes, .head_len = out.len, .target_len = out.target_len };
	struct error err = ERROR_INIT;
	static struct gate_head unused;
	enum error_code code = gate_check(&input, ret ? ret : &unused, &err);

	assert_int_equal(code, err.code);
	if (code != ERR_OK)
		assert_true(err.text[0] != '\0');
	if (!ret)
		free(out.bytes);
	return code;
}

struct row {
	const char *name;
	const char *raw;
	size_t len;	/* 0: strlen */
	enum error_code code;
};

static const struct row rows[] = {
	{ "plain", GET HOST END, 0, ERR_OK },
	{ "no space after colon", GET "Host:vault\r\n" END, 0, ERR_OK },
	{ "tabs and spaces before a value", GET "Host: \t vault\r\n" END, 0, ERR_OK },
	{ "an empty value", GET HOST "X-Empty:\r\n" END, 0, ERR_OK },
	{ "every method", "LIST /v1/secret/metadata HTTP/1.1\r\n" HOST END, 0, ERR_OK },
	{ "zero length", POST HOST "Content-Length: 0\r\n" END, 0, ERR_OK },
	{ "chunked", POST HOST "Transfer-Encoding: chunked\r\n" END, 0, ERR_OK },
	{ "Chunked with a capital", POST HOST "Transfer-Encoding: Chunked\r\n" END, 0, ERR_OK },
	{ "expectation", POST HOST "Content-Length: 2\r\nExpect: 100-continue\r\n" END, 0, ERR_OK },
	{ "bytes above ASCII in a value nobody reads", GET HOST "User-Agent: caf\xc3\xa9\r\n" END, 0, ERR_OK },

	{ "TRACE", "TRACE / HTTP/1.1\r\n" HOST END, 0, ERR_METHOD },
	{ "OPTIONS", "OPTIONS / HTTP/1.1\r\n" HOST END, 0, ERR_METHOD },
	{ "GETS", "GETS / HTTP/1.1\r\n" HOST END, 0, ERR_METHOD },
	{ "lower case", "get / HTTP/1.1\r\n" HOST END, 0, ERR_INVALID },
	{ "mixed case", "Get / HTTP/1.1\r\n" HOST END, 0, ERR_INVALID },
	{ "HTTP/1.0", "GET / HTTP/1.0\r\n" HOST END, 0, ERR_INVALID },
	{ "HTTP/2.0", "GET / HTTP/2.0\r\n" HOST END, 0, ERR_INVALID },
	{ "http/1.1", "GET / http/1.1\r\n" HOST END, 0, ERR_INVALID },
	{ "a longer version", "GET / HTTP/1.10\r\n" HOST END, 0, ERR_INVALID },
	{ "no version", "GET /\r\n" HOST END, 0, ERR_INVALID },
	{ "no target", "GET HTTP/1.1\r\n" HOST END, 0, ERR_INVALID },
	{ "a leading space", " GET / HTTP/1.1\r\n" HOST END, 0, ERR_INVALID },

	{ "LF after the request line", "GET / HTTP/1.1\n" HOST END, 0, ERR_INVALID },
	{ "LF after a header", GET "Host: vault\n" "X: y\r\n" END, 0, ERR_INVALID },
	{ "LF after the last header", GET "Host: vault\n" END, 0, ERR_INVALID },
	{ "LF as the last line", GET HOST "\n", 0, ERR_INVALID },
	{ "only LF", "GET / HTTP/1.1\nHost: vault\n\n", 0, ERR_INVALID },
	{ "a CR inside a value", GET "Host: vau\rlt\r\n" END, 0, ERR_INVALID },
	{ "a CR before the end", GET "Host: vault\r\r\n" END, 0, ERR_INVALID },
	{ "a folded line", GET HOST "X: a\r\n b\r\n" END, 0, ERR_INVALID },
	{ "a folded line with a tab", GET HOST "X: a\r\n\tb: c\r\n" END, 0, ERR_INVALID },
	{ "a first line that folds", GET " Host: vault\r\n" HOST END, 0, ERR_INVALID },
	{ "a NUL in a value", GET "Host: va\0ult\r\n" END, sizeof(GET "Host: va\0ult\r\n" END) - 1, ERR_INVALID },
	{ "a NUL at the end of a value", GET "Host: vault\0\r\n" END, sizeof(GET "Host: vault\0\r\n" END) - 1, ERR_INVALID },
	/* alone it looks whole; request.c finds that libmicrohttpd saw one header and the gate two */
	{ "NULs that make a header", GET "Host: vault\0\0X\0y\r\n" END, sizeof(GET "Host: vault\0\0X\0y\r\n" END) - 1, ERR_OK },
	{ "a NUL in a name", GET HOST "X\0Y: z\r\n" END, sizeof(GET HOST "X\0Y: z\r\n" END) - 1, ERR_INVALID },
	{ "a NUL in the method", "GE\0T / HTTP/1.1\r\n" HOST END, sizeof("GE\0T / HTTP/1.1\r\n" HOST END) - 1, ERR_INVALID },
	{ "an escape character in a value", GET HOST "X: \x1b[31m\r\n" END, 0, ERR_INVALID },
	{ "DEL in a value", GET HOST "X: a\x7f\r\n" END, 0, ERR_INVALID },

	{ "a space before the colon", GET HOST "Transfer-Encoding : chunked\r\n" END, 0, ERR_INVALID },
	{ "a tab before the colon", GET HOST "X-Vault-Token\t: a\r\n" END, 0, ERR_INVALID },
	{ "an empty name", GET HOST ": a\r\n" END, 0, ERR_INVALID },
	{ "a name with a parenthesis", GET HOST "X(y): a\r\n" END, 0, ERR_INVALID },
	{ "a name above ASCII", GET HOST "X\xc3\xa9: a\r\n" END, 0, ERR_INVALID },
	{ "no colon", GET HOST "X\r\n" END, 0, ERR_INVALID },

	{ "no host", GET END, 0, ERR_INVALID },
	{ "two hosts", GET HOST HOST END, 0, ERR_INVALID },
	{ "two hosts in two spellings", GET HOST "hOST: other\r\n" END, 0, ERR_INVALID },
	{ "two lengths", POST HOST "Content-Length: 1\r\nContent-Length: 2\r\n" END, 0, ERR_INVALID },
	{ "two equal lengths", POST HOST "Content-Length: 1\r\ncontent-length: 1\r\n" END, 0, ERR_INVALID },
	{ "length and chunks", POST HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n" END, 0, ERR_INVALID },
	{ "chunks and length", POST HOST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n" END, 0, ERR_INVALID },
	{ "two encodings", POST HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END, 0, ERR_INVALID },
	{ "a list of encodings", POST HOST "Transfer-Encoding: gzip, chunked\r\n" END, 0, ERR_INVALID },
	{ "identity", POST HOST "Transfer-Encoding: identity\r\n" END, 0, ERR_INVALID },
	{ "a space after chunked", POST HOST "Transfer-Encoding: chunked \r\n" END, 0, ERR_INVALID },
	{ "xchunked", POST HOST "Transfer-Encoding: xchunked\r\n" END, 0, ERR_INVALID },
	{ "a signed length", POST HOST "Content-Length: +5\r\n" END, 0, ERR_INVALID },
	{ "a negative length", POST HOST "Content-Length: -1\r\n" END, 0, ERR_INVALID },
	{ "a hexadecimal length", POST HOST "Content-Length: 0x10\r\n" END, 0, ERR_INVALID },
	{ "a list of lengths", POST HOST "Content-Length: 5, 5\r\n" END, 0, ERR_INVALID },
	{ "a length with a space behind", POST HOST "Content-Length: 5 \r\n" END, 0, ERR_INVALID },
	{ "an empty length", POST HOST "Content-Length:\r\n" END, 0, ERR_INVALID },
	{ "18 digits", POST HOST "Content-Length: 999999999999999999\r\n" END, 0, ERR_OK },
	{ "19 digits", POST HOST "Content-Length: 1000000000000000000\r\n" END, 0, ERR_INVALID },
	{ "an expectation without a body", POST HOST "Expect: 100-continue\r\n" END, 0, ERR_INVALID },
	{ "an expectation of a body of nothing", POST HOST "Content-Length: 0\r\nExpect: 100-continue\r\n" END, 0, ERR_INVALID },
	{ "an expectation on GET", GET HOST "Expect: 100-continue\r\n" END, 0, ERR_INVALID },
	{ "another expectation", POST HOST "Expect: 200-ok\r\n" END, 0, ERR_INVALID },
	{ "an upgrade", GET HOST "Upgrade: h2c\r\n" END, 0, ERR_INVALID },

	{ "a token", GET HOST "X-Vault-Token: abc\r\n" END, 0, ERR_OK },
	{ "a bearer", GET HOST "Authorization: Bearer abc\r\n" END, 0, ERR_OK },
	{ "both the same", GET HOST "Authorization: Bearer abc\r\nX-Vault-Token: abc\r\n" END, 0, ERR_OK },
	{ "both different", GET HOST "Authorization: Bearer abc\r\nX-Vault-Token: abd\r\n" END, 0, ERR_INVALID },
	{ "two tokens", GET HOST "X-Vault-Token: abc\r\nX-Vault-Token: abc\r\n" END, 0, ERR_INVALID },
	{ "two authorizations", GET HOST "Authorization: Basic x\r\nAuthorization: Bearer abc\r\n" END, 0, ERR_INVALID },
	{ "a token with a space", GET HOST "X-Vault-Token: a b\r\n" END, 0, ERR_INVALID },
	{ "a token with a space behind", GET HOST "X-Vault-Token: ab \r\n" END, 0, ERR_INVALID },
	{ "a token above ASCII", GET HOST "X-Vault-Token: \xc3\xa9\r\n" END, 0, ERR_INVALID },
	{ "two namespaces", GET HOST "X-Vault-Namespace: a\r\nX-Vault-Namespace: a\r\n" END, 0, ERR_INVALID },
	{ "two wrap times", GET HOST "X-Vault-Wrap-TTL: 1\r\nX-Vault-Wrap-TTL: 1\r\n" END, 0, ERR_INVALID },
	{ "two content types", POST HOST "Content-Type: a\r\nContent-Type: a\r\n" END, 0, ERR_INVALID },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t len = rows[i].len ? rows[i].len : strlen(rows[i].raw);
		enum error_code code = check_bytes(rows[i].raw, len, NULL);

		if (code != rows[i].code)
			fail_msg("%s: %s instead of %s", rows[i].name, error_name(code), error_name(rows[i].code));
	}
}

/* Without its last bytes, or with one more, no accepted head is a head. */
static void test_cut_heads(void **state)
{
	static const char head[] = GET HOST "X-Vault-Token: abc\r\n" END;

	(void)state;
	for (size_t len = 0; len < sizeof(head) - 1; len++)
		assert_int_equal(check_bytes(head, len, NULL), ERR_INVALID);
	assert_int_equal(check_bytes(GET HOST END "G", strlen(GET HOST END "G"), NULL), ERR_INVALID);
	assert_int_equal(check_bytes(head, sizeof(head) - 1, NULL), ERR_OK);
}

static void test_what_is_read(void **state)
{
	static struct gate_head head;
	static const char raw[] = "PATCH /v1/a HTTP/1.1\r\nHost: h\r\nContent-Length: 17\r\nContent-Type: application/json\r\n"
				  "If-None-Match: \"e\"\r\nAuthorization: bearer tok\r\nX-Vault-Namespace: root\r\n"
				  "X-Vault-Wrap-TTL: 5m\r\nConnection: close\r\n\r\n";

	(void)state;
	assert_int_equal(check_bytes(raw, sizeof(raw) - 1, &head), ERR_OK);
	assert_int_equal(head.method, METHOD_PATCH);
	assert_true(!head.chunked && !head.expects_continue);
	assert_int_equal(head.content_length, 17);
	assert_string_equal(head.content_type, "application/json");
	assert_string_equal(head.if_none_match, "\"e\"");
	assert_string_equal(head.token, "tok");
	assert_int_equal(head.token_len, 3);
	assert_string_equal(head.namespace_, "root");
	assert_string_equal(head.wrap_ttl, "5m");
	assert_int_equal(head.headers_len, 8);
	assert_string_equal(head.headers[0].name, "Host");
	assert_string_equal(head.headers[7].value, "close");
}

static enum error_code check_many_headers(size_t count)
{
	char raw[8192];
	size_t len = (size_t)snprintf(raw, sizeof(raw), GET HOST);

	for (size_t i = 1; i < count; i++)
		len += (size_t)snprintf(raw + len, sizeof(raw) - len, "X-%zu: y\r\n", i);
	len += (size_t)snprintf(raw + len, sizeof(raw) - len, "\r\n");
	return check_bytes(raw, len, NULL);
}

static enum error_code check_token_of(size_t len, char c)
{
	char raw[LIMIT_TOKEN_LEN + 256];
	size_t at = (size_t)snprintf(raw, sizeof(raw), GET HOST "X-Vault-Token: ");

	memset(raw + at, c, len);
	memcpy(raw + at + len, "\r\n\r\n", 5);
	return check_bytes(raw, at + len + 4, NULL);
}

static enum error_code check_head_of(size_t total)
{
	static char raw[LIMIT_HEADER_LEN + 256];
	size_t at = (size_t)snprintf(raw, sizeof(raw), GET HOST "X: ");

	memset(raw + at, 'x', total - at - 4);
	memcpy(raw + total - 4, "\r\n\r\n", 5);
	return check_bytes(raw, total, NULL);
}

static enum error_code check_target_of(size_t len)
{
	static char raw[LIMIT_TARGET_LEN + 256];
	size_t at = (size_t)snprintf(raw, sizeof(raw), "GET ");

	memset(raw + at, '/', len);
	snprintf(raw + at + len, sizeof(raw) - at - len, " HTTP/1.1\r\nHost: h\r\n\r\n");
	return check_bytes(raw, strlen(raw), NULL);
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(check_many_headers(LIMIT_HEADERS), ERR_OK);
	assert_int_equal(check_many_headers(LIMIT_HEADERS + 1), ERR_TOO_LARGE);
	assert_int_equal(check_token_of(LIMIT_TOKEN_LEN, 'a'), ERR_OK);
	assert_int_equal(check_token_of(LIMIT_TOKEN_LEN + 1, 'a'), ERR_TOO_LARGE);
	assert_int_equal(check_head_of(LIMIT_HEADER_LEN), ERR_OK);
	assert_int_equal(check_head_of(LIMIT_HEADER_LEN + 1), ERR_TOO_LARGE);
	assert_int_equal(check_target_of(LIMIT_TARGET_LEN), ERR_OK);
	assert_int_equal(check_target_of(LIMIT_TARGET_LEN + 1), ERR_TOO_LARGE);
}

/* Every byte in a header's name and value, alone between two good ones. */
static void test_every_byte(void **state)
{
	(void)state;
	for (unsigned c = 1; c < 256; c++) {
		char name[] = GET HOST "Xc-: y\r\n" END, value[] = GET HOST "X: yc-\r\n" END;
		bool token = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     strchr("!#$%&'*+-.^_`|~", (int)c) != NULL;
		bool text = c == '\t' || (c >= ' ' && c != 0x7f);

		if (c == '\n' || c == '\r' || c == ':')
			continue;	/* these part lines and names; the rows have them */
		name[sizeof(GET HOST) - 1 + 1] = (char)c;
		value[sizeof(GET HOST) - 1 + 4] = (char)c;
		assert_int_equal(check_bytes(name, sizeof(name) - 1, NULL), token ? ERR_OK : ERR_INVALID);
		assert_int_equal(check_bytes(value, sizeof(value) - 1, NULL), text ? ERR_OK : ERR_INVALID);
	}
}

struct path_row {
	enum http_method method;
	const char *target;
	uint64_t content_length;
	enum error_code code;
	enum http_method becomes;
};

static const struct path_row path_rows[] = {
	{ METHOD_GET, "/v1/secret/metadata?list=true", 0, ERR_OK, METHOD_LIST },
	{ METHOD_GET, "/v1/secret/metadata/?list=1", 0, ERR_OK, METHOD_LIST },
	{ METHOD_GET, "/v1/secret/metadata/a?list=false", 0, ERR_OK, METHOD_GET },
	{ METHOD_GET, "/v1/secret/metadata/a?list=0", 0, ERR_OK, METHOD_GET },
	{ METHOD_GET, "/v1/secret/metadata/a?list", 0, ERR_OK, METHOD_GET },
	{ METHOD_GET, "/v1/secret/metadata/a?list=garbage", 0, ERR_INVALID, 0 },
	{ METHOD_GET, "/v1/secret/metadata/a?list=yes", 0, ERR_INVALID, 0 },
	{ METHOD_POST, "/v1/secret/data/a?list=true", 2, ERR_OK, METHOD_POST },
	{ METHOD_LIST, "/v1/secret/metadata/", 0, ERR_OK, METHOD_LIST },
	{ METHOD_GET, "/v1/secret/data/a/", 0, ERR_INVALID, 0 },
	{ METHOD_POST, "/v1/secret/data/a/", 2, ERR_INVALID, 0 },
	{ METHOD_DELETE, "/v1/secret/data/a/", 0, ERR_INVALID, 0 },
	{ METHOD_GET, "/v1/sys/internal/ui/mounts/secret/", 0, ERR_OK, METHOD_GET },
	{ METHOD_GET, "/v1/secret/data/a", 1, ERR_INVALID, 0 },
	{ METHOD_HEAD, "/v1/secret/data/a", 1, ERR_INVALID, 0 },
	{ METHOD_DELETE, "/v1/secret/data/a", 1, ERR_INVALID, 0 },
	{ METHOD_LIST, "/v1/secret/metadata", 1, ERR_INVALID, 0 },
	{ METHOD_PATCH, "/v1/secret/data/a", 1, ERR_OK, METHOD_PATCH },
};

static void test_method_and_path(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(path_rows); i++) {
		const struct path_row *row = &path_rows[i];
		struct gate_head head = { .method = row->method, .content_length = row->content_length };
		struct error err = ERROR_INIT;
		enum http_method method = 0;
		struct canon_path path;

		assert_int_equal(canon_path_parse(row->target, strlen(row->target), &path, &err), ERR_OK);
		if (gate_check_path(&path, &head, &method, &err) != row->code)
			fail_msg("%s %s: %s", http_method_name(row->method), row->target, error_name(err.code));
		if (row->code == ERR_OK)
			assert_int_equal(method, row->becomes);
	}
}

static void test_chunked_needs_a_method(void **state)
{
	struct gate_head head = { .method = METHOD_GET, .chunked = true };
	struct error err = ERROR_INIT;
	enum http_method method;
	struct canon_path path;

	(void)state;
	assert_int_equal(canon_path_parse("/v1/a", 5, &path, &err), ERR_OK);
	assert_int_equal(gate_check_path(&path, &head, &method, &err), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	   cmocka_unit_test(test_cut_heads),
		cmocka_unit_test(test_what_is_read), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_every_byte), cmocka_unit_test(test_method_and_path),
		cmocka_unit_test(test_chunked_needs_a_method),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
