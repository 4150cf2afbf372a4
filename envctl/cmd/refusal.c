#include "cmd/refusal.h"

#include <stdio.h>

#include "client/schema.h"
#include "cmd/finding_print.h"
#include "cmd/output.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

static enum error_code ask(struct vault_client *client, const struct env_path *env, struct json_span data,
			   struct finding_list *list, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(2 * LIMIT_BODY_DATA);
	struct error ignored = ERROR_INIT;
	struct json_value findings;

	if (body == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	json_emit_raw(body, "{\"data\":");
	json_emit_raw_n(body, data.at, data.len);
	json_emit_raw(body, "}");
	if (!secret_buf_ok(body) || client_check(client, env, body, &answer, &ignored) != ERR_OK ||
	    !json_find(&answer.data, "findings", &findings))
		return ERR_OK;
	return finding_list_add_json(list, &findings, err);
}

enum error_code refusal_warn(struct vault_client *client, const struct env_path *env, struct json_span data,
			     const char *what, size_t *ret_found, struct error *err)
{
	cleanup_(finding_list_free) struct finding_list list = {.items = NULL};
	char before[LIMIT_ENV_PATH_LEN + 64];
	enum error_code rc = ask(client, env, data, &list, err);

	if (rc != ERR_OK)
		return rc;
	snprintf(before, sizeof(before), "%s%sthe schema would refuse it", what, what[0] != '\0' ? ": " : "");
	*ret_found = finding_list_warn(&list, env, before);
	return ERR_OK;
}
