#include <stdio.h>
#include <unistd.h>

#include "client/identity.h"
#include "cmd/fields.h"
#include "cmd/output.h"
#include "cmd/session.h"
#include "vault/json_emit.h"

static const struct field_row rows[] = {
	{"name", "display_name", FIELD_TEXT},	 {"policies", "policies", FIELD_LIST},
	{"ttl", "ttl", FIELD_DURATION},		 {"uses left", "num_uses", FIELD_NUMBER},
	{"accessor", "accessor", FIELD_TEXT},	 {"meta", "meta", FIELD_MAP},
	{"renewable", "renewable", FIELD_FLAG}, {"type", "type", FIELD_TEXT},
};

/* The rows that a token has and the owner of a socket has not. */
#define PEER_ROWS 2

/* Everything but the token's own text. */
static void emit_data(const struct json_value *data, struct secret_buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct json_value value;

		if (!json_find(data, rows[i].member, &value))
			continue;
		json_emit_raw(out, ",");
		json_emit_key(out, rows[i].member);
		json_emit_raw_n(out, value.raw.at, value.raw.len);
	}
}

static void means_of(const struct vault_client *client, char *ret, size_t size)
{
	const char *token = client_token_text(client);

	if (token != NULL)
		snprintf(ret, size, "%s", token);
	else
		snprintf(ret, size, "your user id %u, without a token", (unsigned)geteuid());
}

static bool has_no_policies(const struct json_value *data)
{
	struct json_value policies;

	return json_find(data, "policies", &policies) && policies.kind == JSON_SCAN_ARRAY && json_count(&policies) == 0;
}

enum error_code command_whoami(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	const struct token_name self = {.by = TOKEN_SELF};
	char means[128];
	enum error_code rc = out != NULL ? session_open(inv, &client, err) : err->code;

	if (rc == ERR_OK)
		rc = client_token_lookup(client, &self, &answer, err);
	if (rc != ERR_OK)
		return rc;
	means_of(client, means, sizeof(means));
	if (option_is_given(inv, OPT_JSON)) {
		json_emit_raw(out, "{\"server\":");
		json_emit_cstring(out, client_address(client));
		json_emit_raw(out, ",\"means\":");
		json_emit_cstring(out, client_token_text(client) != NULL ? "token" : "peer");
		json_emit_raw(out, ",\"source\":");
		json_emit_cstring(out, means);
		emit_data(&answer.data, out);
		json_emit_raw(out, "}\n");
	} else {
		fields_append(rows, client_token_text(client) != NULL ? ARRAY_LEN(rows) : PEER_ROWS, &answer.data, out);
		output_format(out, "%-17s %s\n%-17s %s\n", "known by", means, "server", client_address(client));
	}
	if (client_token_text(client) == NULL && has_no_policies(&answer.data))
		warn("this vault gives you nothing without a token: envctl login");
	return output_flush(out, err);
}
