#include <string.h>

#include "client/identity.h"
#include "cmd/output.h"
#include "cmd/session.h"
#include "vault/json_emit.h"

enum error_code command_policy_list(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	struct json_value keys, key;
	size_t cursor = 0;
	enum error_code rc = out != NULL ? session_open(inv, &client, err) : err->code;

	if (rc == ERR_OK)
		rc = client_policy_list(client, &answer, err);
	if (rc != ERR_OK)
		return rc;
	if (!json_find(&answer.data, "keys", &keys) || keys.kind != JSON_SCAN_ARRAY)
		return error_set(err, ERR_PROTOCOL, "the list has no keys");
	if (option_is_given(inv, OPT_JSON)) {
		json_emit_raw_n(out, keys.raw.at, keys.raw.len);
		json_emit_raw(out, "\n");
	}
	while (!option_is_given(inv, OPT_JSON) && json_next_element(&keys, &cursor, &key)) {
		char name[256];

		json_value_text(&key, name, sizeof(name));
		secret_buf_append_text(out, name);
		secret_buf_append_char(out, '\n');
	}
	return output_flush(out, err);
}
