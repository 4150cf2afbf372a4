#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/address.h"
#include "client/identity.h"
#include "client/kept_token.h"
#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/token_input.h"
#include "vault/json_emit.h"

static enum error_code given_token(const struct invocation *inv, struct secret_buf **ret, struct error *err)
{
	const char *file = option_value(inv, OPT_TOKEN_FILE);

	return file != NULL ? token_input_file(file, ret, err) : token_input("Token: ", ret, err);
}

/* The name and policies that the token has, for the person who has just given it. */
static void report(const struct invocation *inv, const struct vault_client *client, const struct answer *answer)
{
	char name[128];
	struct json_value policies, policy;
	size_t cursor = 0, used = 0;
	char list[256] = "";

	answer_text(&answer->data, "display_name", name, sizeof(name));
	if (json_find(&answer->data, "policies", &policies) && policies.kind == JSON_SCAN_ARRAY)
		while (used < sizeof(list) && json_next_element(&policies, &cursor, &policy)) {
			char text[129];

			json_value_text(&policy, text, sizeof(text));
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used > 0 ? ", " : "", text);
		}
	say(inv, "%s knows this token: %s (policies: %s)", client_address(client), name[0] != '\0' ? name : "no name",
	    list[0] != '\0' ? list : "none");
}

static enum error_code print_json(const struct answer *answer, bool stored, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	char name[128];

	if (out == NULL)
		return err->code;
	answer_text(&answer->data, "display_name", name, sizeof(name));
	json_emit_raw(out, "{\"display_name\":");
	json_emit_cstring(out, name);
	json_emit_raw(out, ",\"stored\":");
	json_emit_bool(out, stored);
	json_emit_raw(out, "}\n");
	return output_flush(out, err);
}

enum error_code command_login(struct invocation *inv, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *token = NULL;
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	const struct token_name self = {.by = TOKEN_SELF};
	const char *variable = getenv("VAULT_TOKEN");
	bool store = !option_is_given(inv, OPT_NO_STORE);
	struct address address;
	enum error_code rc = address_find(option_value(inv, OPT_ADDRESS), &address, err);

	if (rc == ERR_OK)
		rc = given_token(inv, &token, err);
	if (rc != ERR_OK)
		return rc;
	const struct client_place place = {.address = &address, .token = token, .token_text = "that token"};
	rc = client_new_for(&place, &client, err);
	if (rc == ERR_OK)
		rc = client_token_lookup(client, &self, &answer, err);
	if (rc == ERR_OK && store)
		rc = kept_token_write(&address, token, err);
	if (rc != ERR_OK)
		return error_prefix(err, "nothing was kept");
	report(inv, client, &answer);
	if (store && variable != NULL && variable[0] != '\0')
		warn("warning: VAULT_TOKEN is set and counts before the token that is kept now");
	return option_is_given(inv, OPT_JSON) ? print_json(&answer, store, err) : ERR_OK;
}

/* A token that is not valid any more needs no revocation. One that is, and may not revoke itself, is denied in the same words. */
static enum error_code revoke_denied(const struct invocation *inv, struct vault_client *client, struct error *err)
{
	bool counts = true;
	enum error_code rc = client_token_counts(client, &counts, err);

	if (rc == ERR_OK && counts)
		return error_set(err, ERR_DENIED,
				 "the token's policies do not allow auth/token/revoke-self; `envctl logout` without "
				 "--revoke forgets it");
	if (rc == ERR_OK)
		say(inv, "the token was not valid any more");
	return rc;
}

static enum error_code revoke_with(const struct invocation *inv, struct vault_client *client, struct error *err)
{
	const struct token_name self = {.by = TOKEN_SELF};
	struct error found = ERROR_INIT;
	enum error_code rc = client_token_revoke(client, &self, false, &found);

	if (rc == ERR_DENIED)
		return revoke_denied(inv, client, err);
	if (rc == ERR_OK)
		say(inv, "the token is revoked");
	else
		*err = found;
	return rc;
}

static enum error_code revoke_kept(const struct invocation *inv, const struct address *address, bool *ret_found,
				   struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *token = NULL;
	cleanup_(client_freep) struct vault_client *client = NULL;
	enum error_code rc = kept_token_read(address, &token, err);

	*ret_found = token != NULL;
	if (rc != ERR_OK || token == NULL)
		return rc;
	const struct client_place place = {.address = address, .token = token, .token_text = "the token that is kept"};
	rc = client_new_for(&place, &client, err);
	if (rc != ERR_OK)
		return rc;
	rc = revoke_with(inv, client, err);
	return rc == ERR_OK ? rc : error_prefix(err, "the token is still kept");
}

enum error_code command_logout(struct invocation *inv, struct error *err)
{
	enum kept_forgotten forgotten = FORGOTTEN_NONE;
	char earlier[PATH_MAX] = "";
	bool found = true;
	struct address address;
	enum error_code rc = address_find(option_value(inv, OPT_ADDRESS), &address, err);

	(void)kept_token_earlier(earlier);
	if (rc == ERR_OK && option_is_given(inv, OPT_REVOKE))
		rc = revoke_kept(inv, &address, &found, err);
	/* The token of an earlier envctl cannot be revoked, as nobody knows where; it is not lost instead. */
	if (rc == ERR_OK && found)
		rc = kept_token_forget(&address, &forgotten, err);
	if (rc != ERR_OK)
		return rc;
	switch (forgotten) {
	case FORGOTTEN_NONE:
		say(inv, "there was no token for %s to remove", address.text);
		break;
	case FORGOTTEN_OF_ADDRESS:
		say(inv, "the token for %s is not kept any more", address.text);
		break;
	case FORGOTTEN_EARLIER:
		say(inv, "the token of an earlier envctl, %s, is not kept any more; it is not revoked", earlier);
		break;
	}
	return rc;
}
