#include <string.h>

#include "client/identity.h"
#include "cmd/fields.h"
#include "cmd/session.h"
#include "cmd/token_input.h"
#include "vault/clock.h"

static const struct field_row rows[] = {
	{"accessor", "accessor", FIELD_TEXT},	{"policies", "policies", FIELD_LIST},
	{"ttl", "lease_duration", FIELD_DURATION}, {"renewable", "renewable", FIELD_FLAG},
};

enum error_code command_token_renew(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	const char *increment = option_value(inv, OPT_INCREMENT);
	struct token_name name;
	struct json_value auth;
	int64_t seconds = 0;
	enum error_code rc = fields_check(inv, rows, ARRAY_LEN(rows), err);

	if (rc == ERR_OK && increment != NULL &&
	    (!duration_parse(increment, strlen(increment), &seconds) || seconds <= 0))
		rc = error_set(err, ERR_USAGE, "--increment needs a duration such as 3600, 90s, 1h30m or 7d");
	if (rc == ERR_OK)
		rc = token_named(inv, &text, &name, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_token_renew(client, &name, seconds, &answer, err);
	if (rc == ERR_OK && !json_find(&answer.root, "auth", &auth))
		rc = error_set(err, ERR_PROTOCOL, "the answer holds no token");
	return rc == ERR_OK ? fields_print(inv, rows, ARRAY_LEN(rows), &auth, "client_token", err) : rc;
}
