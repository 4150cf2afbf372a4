#include "client/identity.h"

#include <stdio.h>
#include <string.h>

#include "client/call.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

#define POLICY_NAME_MAX 128

/* {"token":…}, {"accessor":…} or {}, and an increment, without the last brace. */
static void append_name(struct secret_buf *out, const struct token_name *name)
{
	json_emit_raw(out, "{");
	switch (name->by) {
	case TOKEN_SELF:
		return;
	case TOKEN_BY_TEXT:
		json_emit_key(out, "token");
		json_emit_string(out, secret_buf_text(name->text), secret_buf_len(name->text));
		return;
	case TOKEN_BY_ACCESSOR:
		json_emit_key(out, "accessor");
		json_emit_cstring(out, name->accessor);
		return;
	}
}

/* "auth/token/lookup" and its like. */
static enum error_code name_target(const char *verb, const struct token_name *name, char target[static LIMIT_TARGET_LEN],
				   struct error *err)
{
	static const char *const endings[] = {
		[TOKEN_SELF] = "-self",
		[TOKEN_BY_TEXT] = "",
		[TOKEN_BY_ACCESSOR] = "-accessor",
	};

	return call_target(target, err, "auth/token/%s%s", verb, endings[name->by]);
}

static const char *name_what(const struct token_name *name)
{
	return name->by == TOKEN_SELF ? "your token" : name->by == TOKEN_BY_TEXT ? "that token" : "that accessor";
}

/* increment under 0: none. */
static enum error_code post_name(struct vault_client *client, const char *target, const struct token_name *name,
				 int64_t increment, struct answer *ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(2 * LIMIT_TOKEN_LEN);

	if (body == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	append_name(body, name);
	if (increment >= 0) {
		json_emit_raw(body, name->by != TOKEN_SELF ? "," : "");
		json_emit_key(body, "increment");
		json_emit_int(body, increment);
	}
	json_emit_raw(body, "}");
	const struct call call = {.method = "POST", .target = target, .body = body};
	enum error_code rc = secret_buf_check(body, "the request", err);
	return rc == ERR_OK ? call_expecting(client, &call, name_what(name), ret, err) : rc;
}

static enum error_code require_member(struct answer *answer, const char *name, struct error *err)
{
	struct json_value value;

	if (answer->has_json && json_find(&answer->root, name, &value) && value.kind == JSON_SCAN_OBJECT)
		return ERR_OK;
	answer_free(answer);
	return error_set(err, ERR_PROTOCOL, "the answer lacks \"%s\"; is this address really vaultd's?", name);
}

enum error_code client_token_lookup(struct vault_client *client, const struct token_name *name, struct answer *ret,
				    struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	struct answer answer = {0};

	if (name->by == TOKEN_SELF)
		return call_get(client, "auth/token/lookup-self", "you", ret, err);
	enum error_code rc = name_target("lookup", name, target, err);
	if (rc == ERR_OK)
		rc = post_name(client, target, name, -1, &answer, err);
	if (rc == ERR_OK)
		rc = call_require_data(&answer, err);
	if (rc == ERR_OK)
		*ret = answer;
	return rc;
}

enum error_code client_token_create(struct vault_client *client, const struct token_creation *creation,
				    struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	struct answer answer = {0};
	const struct call call = {
		.method = "POST",
		.target = target,
		.body = creation->body,
		.wrap_ttl = creation->wrap_ttl,
	};
	enum error_code rc = call_target(target, err, "auth/token/create%s%s%s", creation->orphan ? "-orphan" : "",
					 creation->role != NULL ? "/" : "",
					 creation->role != NULL ? creation->role : "");

	if (rc == ERR_OK)
		rc = call_expecting(client, &call, "the new token", &answer, err);
	if (rc == ERR_OK)
		rc = require_member(&answer, creation->wrap_ttl != NULL ? "wrap_info" : "auth", err);
	if (rc == ERR_OK)
		*ret = answer;
	return rc;
}

enum error_code client_token_renew(struct vault_client *client, const struct token_name *name, int64_t increment,
				   struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	struct answer answer = {0};
	enum error_code rc = name_target("renew", name, target, err);

	if (rc == ERR_OK)
		rc = post_name(client, target, name, increment, &answer, err);
	if (rc == ERR_OK)
		rc = require_member(&answer, "auth", err);
	if (rc == ERR_OK)
		*ret = answer;
	return rc;
}

enum error_code client_token_revoke(struct vault_client *client, const struct token_name *name, bool orphan,
				    struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = orphan ? call_target(target, err, "auth/token/revoke-orphan")
				    : name_target("revoke", name, target, err);

	return rc == ERR_OK ? post_name(client, target, name, -1, NULL, err) : rc;
}

/* What needs no policy, and yet no token that is none. */
enum error_code client_token_counts(struct vault_client *client, bool *ret, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	struct error found = ERROR_INIT;
	enum error_code rc = call_get(client, "sys/internal/ui/mounts", "the mounts", &answer, &found);

	if (rc != ERR_OK && rc != ERR_DENIED) {
		*err = found;
		return rc;
	}
	*ret = rc == ERR_OK;
	return ERR_OK;
}

enum error_code client_unwrap(struct vault_client *client, struct answer *ret, struct error *err)
{
	const struct call call = {.method = "POST", .target = "sys/wrapping/unwrap"};

	return call_expecting(client, &call, "the wrapping token", ret, err);
}

/* -- policies ---------------------------------------------------------------- */

enum error_code policy_name_check(const char *name, struct error *err)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!word && c != '.' && c != '-' && c != '_')
			len = POLICY_NAME_MAX + 1;
	}
	if (len == 0 || len > POLICY_NAME_MAX)
		return error_set(err, ERR_INVALID, "a policy's name is 1 to %d letters, digits, '.', '_' or '-'",
				 POLICY_NAME_MAX);
	return ERR_OK;
}

static enum error_code policy_target(const char *name, char target[static LIMIT_TARGET_LEN], struct error *err)
{
	enum error_code rc = policy_name_check(name, err);

	return rc == ERR_OK ? call_target(target, err, "sys/policies/acl/%s", name) : rc;
}

enum error_code client_policy_write(struct vault_client *client, const char *name, const struct secret_buf *text,
				    struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(6 * secret_buf_len(text) + 64);
	enum error_code rc = policy_target(name, target, err);

	if (rc == ERR_OK && body == NULL)
		rc = error_set(err, ERR_NO_MEMORY, "out of memory");
	if (rc != ERR_OK)
		return rc;
	json_emit_raw(body, "{\"policy\":");
	json_emit_string(body, secret_buf_text(text), secret_buf_len(text));
	json_emit_raw(body, "}");
	const struct call call = {.method = "PUT", .target = target, .body = body};
	rc = secret_buf_check(body, "the policy", err);
	return rc == ERR_OK ? call_expecting(client, &call, name, NULL, err) : rc;
}

enum error_code client_policy_read(struct vault_client *client, const char *name, struct answer *ret,
				   struct error *err)
{
	char target[LIMIT_TARGET_LEN], what[POLICY_NAME_MAX + 16];
	enum error_code rc = policy_target(name, target, err);

	if (rc != ERR_OK)
		return rc;
	snprintf(what, sizeof(what), "policy %s", name);
	return call_get(client, target, what, ret, err);
}

enum error_code client_policy_list(struct vault_client *client, struct answer *ret, struct error *err)
{
	return call_get(client, "sys/policies/acl?list=true", "the policies", ret, err);
}

enum error_code client_policy_delete(struct vault_client *client, const char *name, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	const struct call call = {.method = "DELETE", .target = target};
	enum error_code rc = policy_target(name, target, err);

	return rc == ERR_OK ? call_expecting(client, &call, name, NULL, err) : rc;
}

enum error_code client_policy_explain(struct vault_client *client, const struct secret_buf *body, struct answer *ret,
				      struct error *err)
{
	const struct call call = {.method = "POST", .target = "sys/policy/explain", .body = body};
	struct answer answer = {0};
	enum error_code rc = call_expecting(client, &call, "the explanation", &answer, err);

	if (rc == ERR_OK)
		rc = call_require_data(&answer, err);
	if (rc == ERR_OK)
		*ret = answer;
	return rc;
}
