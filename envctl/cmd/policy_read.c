#include <string.h>

#include "client/identity.h"
#include "cmd/output.h"
#include "cmd/session.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

/* Exact into a pipe or file; a terminal gets lines that cannot play tricks on it. */
static void print_text(const char *at, size_t len, struct secret_buf *out)
{
	const char *end = at + len;

	if (!output_is_terminal()) {
		secret_buf_append(out, at, len);
		return;
	}
	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t line = (size_t)((line_end != NULL ? line_end : end) - at);

		output_visible(out, at, line);
		secret_buf_append_char(out, '\n');
		at += line + (line_end != NULL);
	}
}

enum error_code command_policy_read(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	struct json_value policy;
	enum error_code rc = out != NULL ? session_open(inv, &client, err) : err->code;

	if (rc == ERR_OK)
		rc = client_policy_read(client, inv->words[0], &answer, err);
	if (rc != ERR_OK)
		return rc;
	if (!json_find(&answer.data, "policy", &policy) || policy.kind != JSON_SCAN_STRING)
		return error_set(err, ERR_PROTOCOL, "the answer holds no policy");
	if (option_is_given(inv, OPT_JSON)) {
		json_emit_raw_n(out, answer.data.raw.at, answer.data.raw.len);
		json_emit_raw(out, "\n");
		return output_flush(out, err);
	}
	text = secret_buf_new(policy.raw.len + 1);
	if (text == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	json_append_unescaped(text, json_string_span(&policy));
	print_text(secret_buf_text(text), secret_buf_len(text), out);
	return output_flush(out, err);
}
