/*
 * The response reader of envctl: no input makes it read or write out of bounds,
 * take more than it was given, or depend on how the bytes were cut.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "client/http_response.h"

#define BODY_MAX 4096

/* The first byte says into how large pieces the rest is cut. */
static void read_pieces(const char *bytes, size_t len, size_t piece, struct http_response *response,
			enum error_code *ret_rc, size_t *ret_used)
{
	struct error err = ERROR_INIT;
	enum error_code rc = http_response_start(response, BODY_MAX, &err);
	size_t at = 0;

	while (rc == ERR_OK && at < len && !http_response_is_done(response)) {
		size_t size = len - at < piece ? len - at : piece;
		size_t used = 0;

		rc = http_response_feed(response, bytes + at, size, &used, &err);
		assert(used <= size);
		assert(rc != ERR_OK || used > 0);
		at += used;
	}
	*ret_rc = rc;
	*ret_used = at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_(http_response_free) struct http_response whole = {0}, pieces = {0};
	enum error_code whole_rc, pieces_rc;
	size_t whole_used, pieces_used;

	if (size == 0)
		return 0;
	const char *bytes = (const char *)data + 1;
	read_pieces(bytes, size - 1, size, &whole, &whole_rc, &whole_used);
	read_pieces(bytes, size - 1, (size_t)data[0] % 64 + 1, &pieces, &pieces_rc, &pieces_used);
	assert(http_response_is_done(&whole) == http_response_is_done(&pieces));
	if (!http_response_is_done(&whole))
		return 0;
	assert(whole_rc == ERR_OK && pieces_rc == ERR_OK && whole_used == pieces_used);
	assert(whole.status == pieces.status && whole.status >= 200 && whole.status <= 599);
	assert(secret_buf_len(whole.body) == secret_buf_len(pieces.body));
	assert(memcmp(secret_buf_bytes(whole.body), secret_buf_bytes(pieces.body), secret_buf_len(whole.body)) == 0);
	return 0;
}
