/* metadata/ and config: what Vault's KV version 2 keeps beside the values. */
#include <stdio.h>
#include <string.h>

#include "http/change.h"
#include "http/emit.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/clock.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

static void emit_duration(struct secret_buf *out, int64_t seconds)
{
	char text[TIME_TEXT_MAX];

	/* Vault writes a disabled duration as a negative one of its own kind; clients parse it as any duration. */
	duration_format(seconds, text);
	json_emit_cstring(out, text);
}

/* -- reading ------------------------------------------------------------------ */

static void emit_versions(struct secret_buf *out, const struct head_record *head)
{
	json_emit_raw(out, ",\"versions\":{");
	for (size_t i = 0; i < head->revisions_len; i++) {
		const struct head_revision *revision = &head->revisions[i];

		json_emit_raw(out, i == 0 ? "\"" : ",\"");
		json_emit_uint(out, head->oldest + i);
		json_emit_raw(out, "\":{\"created_time\":");
		json_emit_time(out, revision->created);
		json_emit_raw(out, ",\"deletion_time\":");
		json_emit_time(out, revision->deletion);
		json_emit_raw(out, ",\"destroyed\":");
		json_emit_bool(out, (revision->flags & REVISION_DESTROYED) != 0);
		json_emit_raw(out, "}");
	}
	json_emit_raw(out, "}");
}

static void emit_head(struct secret_buf *out, const struct head_record *head)
{
	json_emit_raw(out, "{\"cas_required\":");
	json_emit_bool(out, (head->flags & HEAD_CAS_REQUIRED) != 0);
	json_emit_raw(out, ",\"created_time\":");
	json_emit_time(out, head->created);
	json_emit_raw(out, ",\"current_version\":");
	json_emit_uint(out, head->current);
	json_emit_raw(out, ",\"custom_metadata\":");
	emit_custom_metadata(out, head);
	json_emit_raw(out, ",\"delete_version_after\":");
	emit_duration(out, head->delete_after_s);
	json_emit_raw(out, ",\"max_versions\":");
	json_emit_uint(out, head->max_revisions);
	json_emit_raw(out, ",\"oldest_version\":");
	json_emit_uint(out, head->current == 0 ? 0 : head->oldest);
	json_emit_raw(out, ",\"updated_time\":");
	json_emit_time(out, head->updated);
	emit_versions(out, head);
	json_emit_raw(out, "}");
}

void reply_metadata(struct request *request, const struct head_record *head)
{
	struct secret_buf *out = reply_envelope(request, 200);

	if (!out)
		return;
	emit_head(out, head);
	reply_envelope_end(request, NULL, false);
}

void handle_metadata_read(struct request *request)
{
	cleanup_(kv_read_result_freep) struct kv_read_result read = {0};
	struct error err = ERROR_INIT;

	if (!request_target(request, false))
		return;
	if (kv_read_metadata(request->server->vault, &request->caller, &request->target, &read, &err) != ERR_OK) {
		reply_error(request, &err, true);
		return;
	}
	reply_metadata(request, &read.head);
}

/* A listing below "a/b" is of the folder "a/b/", whether or not the request said the slash. */
static bool list_prefix(struct request *request, char prefix[static LIMIT_ENV_PATH_LEN + 2])
{
	struct error err = ERROR_INIT;

	prefix[0] = '\0';
	if (request->rest[0] == '\0')
		return true;
	if (env_path_parse(request->rest, strlen(request->rest), &request->env, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return false;
	}
	memcpy(prefix, request->env.text, request->env.len);
	prefix[request->env.len] = '/';
	prefix[request->env.len + 1] = '\0';
	return true;
}

void handle_metadata_list(struct request *request)
{
	cleanup_(name_list_free) struct name_list list = {0};
	char prefix[LIMIT_ENV_PATH_LEN + 2], api_path[LIMIT_ENV_PATH_LEN + sizeof(request->mount.path) + 16];
	struct error err = ERROR_INIT;

	if (!list_prefix(request, prefix))
		return;
	/* Decided with the slash, whatever the spelling was. */
	snprintf(api_path, sizeof(api_path), "%smetadata/%s", request->mount.path, prefix);
	if (kv_list(request->server->vault, &request->caller, &request->mount, prefix, api_path, &list, &err) != ERR_OK) {
		reply_error(request, &err, true);
		return;
	}
	reply_keys(request, &list);
}

/* -- writing ------------------------------------------------------------------- */

static bool read_duration(const struct json_value *value, int64_t *ret)
{
	struct json_span text = value->raw;

	if (value->kind == JSON_SCAN_STRING && !value->escaped)
		text = json_string_span(value);
	else if (value->kind != JSON_SCAN_NUMBER)
		return false;
	*ret = 0;
	return text.len == 0 || duration_parse(text.at, text.len, ret);
}

static bool read_settings(struct request *request, const struct json_value *body, struct kv_metadata_change *ret)
{
	struct json_value value;

	*ret = (struct kv_metadata_change){0};
	ret->has_cas_required = member(body, "cas_required", &value);
	if (ret->has_cas_required && !json_as_bool(&value, &ret->cas_required)) {
		reply_refuse(request, 400, "the member cas_required must be true or false");
		return false;
	}
	ret->has_max_versions = member(body, "max_versions", &value);
	if (ret->has_max_versions && !json_as_int(&value, &ret->max_versions)) {
		reply_refuse(request, 400, "the member max_versions must be a whole number");
		return false;
	}
	ret->has_delete_after = member(body, "delete_version_after", &value);
	if (ret->has_delete_after && !read_duration(&value, &ret->delete_after_s)) {
		reply_refuse(request, 400, "the member delete_version_after must be a duration such as 3600, \"90s\" or \"1h30m\"");
		return false;
	}
	return true;
}

static bool read_metadata(struct request *request, const struct json_value *body)
{
	struct kv_metadata_change *change = &request->op.metadata;

	if (!read_settings(request, body, change))
		return false;
	change->has_custom = member(body, "custom_metadata", &change->custom);
	if (change->has_custom && change->custom.kind != JSON_SCAN_OBJECT) {
		reply_refuse(request, 400, "the member custom_metadata must be an object of texts");
		return false;
	}
	return true;
}

void handle_metadata_write(struct request *request)
{
	struct json_value body;

	if (request_target(request, false) && body_object(request, &body) && read_metadata(request, &body))
		change_submit(request, KV_METADATA_PUT, NULL);
}

void handle_metadata_patch(struct request *request)
{
	struct json_value body;

	if (request_is_merge_patch(request) && request_target(request, false) && body_object(request, &body) &&
	    read_metadata(request, &body))
		change_submit(request, KV_METADATA_PATCH, NULL);
}

void handle_metadata_delete(struct request *request)
{
	if (request_target(request, false))
		change_submit(request, KV_METADATA_DELETE, NULL);
}

/* -- the mount's configuration ---------------------------------------------------- */

void handle_config_read(struct request *request)
{
	struct error err = ERROR_INIT;
	struct kv_config config;
	struct secret_buf *out;

	if (kv_config_read(request->server->vault, &request->caller, &request->mount, &config, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"cas_required\":");
	json_emit_bool(out, config.cas_required);
	json_emit_raw(out, ",\"delete_version_after\":");
	emit_duration(out, config.delete_after_s);
	json_emit_raw(out, ",\"max_versions\":");
	json_emit_int(out, config.max_versions);
	json_emit_raw(out, "}");
	reply_envelope_end(request, NULL, false);
}

void handle_config_write(struct request *request)
{
	struct error err = ERROR_INIT;
	struct kv_metadata_change parts;
	struct json_value body;

	if (!body_object(request, &body) || !read_settings(request, &body, &parts))
		return;
	if (kv_config_write(request->server->vault, &request->caller, &request->mount, &parts, &err) != ERR_OK)
		reply_error(request, &err, false);
	else
		reply_empty(request, 204);
}
