#include "client/identity.h"
#include "cmd/fields.h"
#include "cmd/session.h"
#include "cmd/token_input.h"

static const struct field_row rows[] = {
	{"name", "display_name", FIELD_TEXT},
	{"accessor", "accessor", FIELD_TEXT},
	{"policies", "policies", FIELD_LIST},
	{"ttl", "ttl", FIELD_DURATION},
	{"expires", "expire_time", FIELD_TEXT},
	{"created", "issue_time", FIELD_TEXT},
	{"renewed", "last_renewal", FIELD_TEXT},
	{"period", "period", FIELD_DURATION},
	{"explicit_max_ttl", "explicit_max_ttl", FIELD_NUMBER},
	{"uses", "num_uses", FIELD_NUMBER},
	{"renewable", "renewable", FIELD_FLAG},
	{"orphan", "orphan", FIELD_FLAG},
	{"type", "type", FIELD_TEXT},
	{"role", "role", FIELD_TEXT},
	{"path", "path", FIELD_TEXT},
	{"meta", "meta", FIELD_MAP},
	{"bound_cidrs", "bound_cidrs", FIELD_LIST},
};

/* The token's own text is never repeated: who gave it knows it. */
enum error_code command_token_lookup(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	struct token_name name;
	enum error_code rc = fields_check(inv, rows, ARRAY_LEN(rows), err);

	if (rc == ERR_OK)
		rc = token_named(inv, &text, &name, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_token_lookup(client, &name, &answer, err);
	return rc == ERR_OK ? fields_print(inv, rows, ARRAY_LEN(rows), &answer.data, "id", err) : rc;
}
