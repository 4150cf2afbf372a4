#include "client/schema.h"

#include "client/call.h"
#include "vault/limits.h"

enum error_code client_schema_read(struct vault_client *client, const struct env_path *env, struct answer *ret,
				   struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = call_target(target, err, "secret/schema/%s", env->text);

	return rc == ERR_OK ? call_get(client, target, env->text, ret, err) : rc;
}

enum error_code client_schema_explain(struct vault_client *client, const struct env_path *env, const char *name,
				      struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN], encoded[3 * LIMIT_VARIABLE_NAME_LEN + 4];

	call_encode_query(name, encoded, sizeof(encoded));
	enum error_code rc = call_target(target, err, "secret/schema/%s?explain=%s", env->text, encoded);

	return rc == ERR_OK ? call_get(client, target, env->text, ret, err) : rc;
}

enum error_code client_schema_write(struct vault_client *client, const struct env_path *env,
				    const struct secret_buf *body, struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	const struct call call = {.method = "PUT", .target = target, .body = body};
	enum error_code rc = call_target(target, err, "secret/schema/%s", env->text);

	if (rc == ERR_OK)
		rc = call_with_findings(client, &call, env->text, ret, err);
	return rc == ERR_OK ? call_require_data(ret, err) : rc;
}

enum error_code client_schema_delete(struct vault_client *client, const struct env_path *env, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	const struct call call = {.method = "DELETE", .target = target};
	enum error_code rc = call_target(target, err, "secret/schema/%s", env->text);

	return rc == ERR_OK ? call_expecting(client, &call, env->text, NULL, err) : rc;
}

enum error_code client_check(struct vault_client *client, const struct env_path *env, const struct secret_buf *body,
			     struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	const struct call call = {.method = "POST", .target = target, .body = body};
	enum error_code rc = call_target(target, err, "secret/check/%s", env->text);

	if (rc == ERR_OK)
		rc = call_with_findings(client, &call, env->text, ret, err);
	return rc == ERR_OK ? call_require_data(ret, err) : rc;
}
