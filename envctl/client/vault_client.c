#include "client/vault_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/call.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

/* -- the vault --------------------------------------------------------------- */

enum error_code client_seal_status(struct vault_client *client, struct answer *ret, struct error *err)
{
	const struct call call = {.method = "GET", .target = "sys/seal-status"};

	return call_expecting(client, &call, "the vault", ret, err);
}

enum error_code client_init(struct vault_client *client, const struct secret_buf *body, struct answer *ret,
			    struct error *err)
{
	const struct call call = {
		.method = "POST",
		.target = "sys/init",
		.body = body,
		.media_type = "application/json",
		.slow = true,
	};

	return call_expecting(client, &call, "the vault", ret, err);
}

enum error_code client_unseal(struct vault_client *client, const struct secret_buf *body, struct answer *ret,
			      struct error *err)
{
	const struct call call = {
		.method = "POST",
		.target = "sys/unseal",
		.body = body,
		.media_type = "application/json",
		.slow = true,
	};

	enum error_code rc = call_expecting(client, &call, "the vault", ret, err);
	/* The status of a wrong key is that of any bad request; what we sent is well-formed. */
	if (rc == ERR_INVALID)
		rc = err->code = ERR_UNSEAL_FAILED;
	return rc;
}

enum error_code client_seal(struct vault_client *client, struct error *err)
{
	const struct call call = {.method = "POST", .target = "sys/seal"};

	return call_expecting(client, &call, "the vault", NULL, err);
}

/* -- environments ------------------------------------------------------------ */

enum error_code client_resolve(struct vault_client *client, const struct env_path *env, uint64_t revision, bool origins,
			       struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc;

	if (revision > 0)
		rc = call_target(target, err, "secret/resolve/%s?revision=%" PRIu64 "%s", env->text, revision,
				   origins ? "" : "&origins=false");
	else
		rc = call_target(target, err, "secret/resolve/%s%s", env->text, origins ? "" : "?origins=false");
	return rc == ERR_OK ? call_get(client, target, env->text, ret, err) : rc;
}

/* The entry of the current revision in the map of all. */
static bool current_is_deleted(const struct json_value *data, uint64_t revision)
{
	struct json_value versions, entry, deletion;
	char number[24];

	snprintf(number, sizeof(number), "%" PRIu64, revision);
	if (!json_find(data, "versions", &versions) || versions.kind != JSON_SCAN_OBJECT ||
	    !json_find(&versions, number, &entry) || entry.kind != JSON_SCAN_OBJECT)
		return false;
	if (answer_bool(&entry, "destroyed"))
		return true;
	return json_find(&entry, "deletion_time", &deletion) && deletion.kind == JSON_SCAN_STRING &&
	       json_string_span(&deletion).len > 0;
}

enum error_code client_state(struct vault_client *client, const struct env_path *env, struct environment_state *ret,
			     struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	cleanup_(answer_free) struct answer answer = {0};
	struct error found = ERROR_INIT;
	enum error_code rc = call_target(target, err, "secret/metadata/%s", env->text);

	if (rc != ERR_OK)
		return rc;
	rc = call_get(client, target, env->text, &answer, &found);
	if (rc == ERR_NOT_FOUND) {
		*ret = (struct environment_state){0};
		return ERR_OK;
	}
	if (rc != ERR_OK) {
		*err = found;
		return rc;
	}
	uint64_t revision = (uint64_t)answer_int(&answer.data, "current_version", 0);
	*ret = (struct environment_state){
		.exists = true,
		.revision = revision,
		.deleted = current_is_deleted(&answer.data, revision),
	};
	return ERR_OK;
}

enum error_code client_read(struct vault_client *client, const struct env_path *env, uint64_t revision,
			    struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc;

	if (revision > 0)
		rc = call_target(target, err, "secret/data/%s?version=%" PRIu64, env->text, revision);
	else
		rc = call_target(target, err, "secret/data/%s", env->text);
	return rc == ERR_OK ? call_get(client, target, env->text, ret, err) : rc;
}

enum error_code client_names(struct vault_client *client, const struct env_path *env, struct answer *ret,
			     struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = call_target(target, err, "secret/subkeys/%s", env->text);

	return rc == ERR_OK ? call_get(client, target, env->text, ret, err) : rc;
}

static void append_names(struct secret_buf *out, const char *key, const struct secret_buf *names, const char **comma)
{
	if (names == NULL)
		return;
	json_emit_raw(out, *comma);
	json_emit_key(out, key);
	json_emit_raw_n(out, secret_buf_text(names), secret_buf_len(names));
	*comma = ",";
}

static void append_change(struct secret_buf *out, const struct change *change)
{
	bool rollback = change->data == NULL;

	json_emit_raw(out, "{");
	if (rollback) {
		json_emit_key(out, "revision");
		json_emit_uint(out, change->rollback_to);
	} else {
		json_emit_key(out, "data");
		json_emit_raw_n(out, secret_buf_text(change->data), secret_buf_len(change->data));
		json_emit_raw(out, ",\"options\":{");
	}
	const char *comma = rollback ? "," : "";
	append_names(out, "templates", change->templates, &comma);
	append_names(out, "unset", change->unset, &comma);
	if (change->has_cas) {
		json_emit_raw(out, comma);
		json_emit_key(out, "cas");
		json_emit_uint(out, change->cas);
		comma = ",";
	}
	if (change->message != NULL) {
		json_emit_raw(out, comma);
		json_emit_key(out, "message");
		json_emit_cstring(out, change->message);
	}
	json_emit_raw(out, rollback ? "}" : "}}");
}

enum error_code client_write(struct vault_client *client, const struct env_path *env, const struct change *change,
			     uint64_t *ret_revision, struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(LIMIT_BODY_DATA);

	if (body == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	append_change(body, change);
	enum error_code rc = secret_buf_check(body, "the environment", err);
	if (rc == ERR_OK)
		rc = call_target(target, err, "secret/%s/%s", change->data == NULL ? "rollback" : "data", env->text);
	if (rc != ERR_OK)
		return rc;
	const struct call call = {
		.method = change->patch ? "PATCH" : "POST",
		.target = target,
		.body = body,
		.media_type = change->patch ? "application/merge-patch+json" : "application/json",
	};
	rc = call_with_findings(client, &call, env->text, ret, err);
	if (rc == ERR_OK)
		rc = call_require_data(ret, err);
	if (rc == ERR_OK)
		*ret_revision = (uint64_t)answer_int(&ret->data, "version", 0);
	return rc;
}

enum error_code client_delete(struct vault_client *client, const struct env_path *env, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = call_target(target, err, "secret/metadata/%s", env->text);
	const struct call call = {.method = "DELETE", .target = target};

	return rc == ERR_OK ? call_expecting(client, &call, env->text, NULL, err) : rc;
}

enum error_code client_list(struct vault_client *client, const char *prefix, struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = call_target(target, err, "secret/metadata/%s?list=true", prefix);

	return rc == ERR_OK ? call_get(client, target, "the list", ret, err) : rc;
}

enum error_code client_history(struct vault_client *client, const struct env_path *env, const char *name,
			       uint64_t before, uint64_t limit, struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN], parameters[64] = "", encoded[3 * LIMIT_VARIABLE_NAME_LEN + 4] = "";

	if (before > 0)
		snprintf(parameters, sizeof(parameters), "&before=%" PRIu64, before);
	if (name != NULL)
		call_encode_query(name, encoded, sizeof(encoded));
	enum error_code rc = call_target(target, err, "secret/history/%s?limit=%" PRIu64 "%s%s%s", env->text, limit,
					   parameters, name != NULL ? "&name=" : "", encoded);
	return rc == ERR_OK ? call_get(client, target, env->text, ret, err) : rc;
}

enum error_code client_diff(struct vault_client *client, const struct env_path *env, uint64_t from,
			    const struct env_path *other, uint64_t to, struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc =
		call_target(target, err, "secret/diff/%s?from=%" PRIu64 "&to=%" PRIu64 "%s%s", env->text, from, to,
			      other != NULL ? "&to_environment=" : "", other != NULL ? other->text : "");

	return rc == ERR_OK ? call_get(client, target, env->text, ret, err) : rc;
}

enum error_code client_settings_read(struct vault_client *client, const struct env_path *env, uint64_t revision,
				     struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = call_target(target, err, "secret/settings/%s?revision=%" PRIu64, env->text, revision);

	return rc == ERR_OK ? call_get(client, target, env->text, ret, err) : rc;
}

enum error_code client_settings_write(struct vault_client *client, const struct env_path *env,
				      const struct secret_buf *patch, struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = call_target(target, err, "secret/settings/%s", env->text);
	const struct call call = {
		.method = "PATCH",
		.target = target,
		.body = patch,
		.media_type = "application/merge-patch+json",
	};

	return rc == ERR_OK ? call_with_findings(client, &call, env->text, ret, err) : rc;
}
