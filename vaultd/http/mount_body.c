#include "http/mount_body.h"

#include <stdio.h>
#include <string.h>

#include "http/change.h"
#include "http/internal.h"
#include "vault/clock.h"
#include "vault/json_emit.h"

/* -- in ------------------------------------------------------------------ */

bool mount_name(const struct request *request, char ret[static LIMIT_MOUNT_PATH_LEN + 1])
{
	const char *suffix = strrchr(request->route->pattern, '}') + 1;
	size_t len = strlen(request->rest) - strlen(suffix);
	bool auth = strncmp(request->route->pattern, "/v1/sys/auth/", 13) == 0;

	if (len + (auth ? 5 : 0) >= LIMIT_MOUNT_PATH_LEN)
		return false;
	snprintf(ret, LIMIT_MOUNT_PATH_LEN + 1, "%s%.*s", auth ? "auth/" : "", (int)len, request->rest);
	return true;
}

/* A text that fits; absent leaves *ret_has false. */
static bool read_text(struct request *request, const struct json_value *object, const char *name, char *to, size_t size,
		      bool *ret_has)
{
	struct json_value value;
	char sentence[128];
	size_t len;

	*ret_has = member(object, name, &value);
	if (!*ret_has || json_copy_text(&value, to, size, &len))
		return true;
	snprintf(sentence, sizeof(sentence), "the member %s must be a text of at most %zu bytes", name, size - 1);
	reply_refuse(request, 400, sentence);
	return false;
}

/* Seconds as a number or a duration's text; "" and "system" are the system's own. */
static bool read_lease(struct request *request, const struct json_value *object, const char *name, int64_t *ret,
		       bool *ret_has)
{
	struct json_value value;
	struct json_span text;
	char sentence[128];

	*ret_has = member(object, name, &value);
	if (!*ret_has)
		return true;
	text = value.kind == JSON_SCAN_STRING && !value.escaped ? json_string_span(&value) : value.raw;
	*ret = 0;
	if (value.kind == JSON_SCAN_STRING &&
	    (text.len == 0 || (text.len == 6 && memcmp(text.at, "system", 6) == 0)))
		return true;
	if ((value.kind == JSON_SCAN_STRING || value.kind == JSON_SCAN_NUMBER) && duration_parse(text.at, text.len, ret) &&
	    *ret >= 0)
		return true;
	snprintf(sentence, sizeof(sentence), "the member %s must be a duration such as 3600, \"90s\" or \"1h30m\"", name);
	reply_refuse(request, 400, sentence);
	return false;
}

static bool read_visibility(struct request *request, const struct json_value *object, struct mount_settings *settings)
{
	char text[16];

	if (!read_text(request, object, "listing_visibility", text, sizeof(text), &settings->has_listed))
		return false;
	settings->listed = settings->has_listed && strcmp(text, "unauth") == 0;
	if (!settings->has_listed || settings->listed || text[0] == '\0' || strcmp(text, "hidden") == 0)
		return true;
	reply_refuse(request, 400, "the member listing_visibility must be hidden or unauth");
	return false;
}

static bool read_config(struct request *request, const struct json_value *object, struct mount_settings *settings)
{
	return read_lease(request, object, "default_lease_ttl", &settings->default_lease_ttl,
			  &settings->has_default_lease_ttl) &&
	       read_lease(request, object, "max_lease_ttl", &settings->max_lease_ttl, &settings->has_max_lease_ttl) &&
	       read_visibility(request, object, settings);
}

/* An object, or absent. */
static bool read_object(struct request *request, const struct json_value *body, const char *name, struct json_value *ret,
			bool *ret_has)
{
	char sentence[64];

	*ret_has = member(body, name, ret);
	if (!*ret_has || ret->kind == JSON_SCAN_OBJECT)
		return true;
	snprintf(sentence, sizeof(sentence), "the member %s must be an object", name);
	reply_refuse(request, 400, sentence);
	return false;
}

static bool read_options(struct request *request, const struct json_value *body, struct mount_settings *settings)
{
	struct json_value options, version;
	bool has;

	if (!read_object(request, body, "options", &options, &has))
		return false;
	settings->has_version = has && member(&options, "version", &version);
	if (!settings->has_version || json_as_int(&version, &settings->version))
		return true;
	reply_refuse(request, 400, "the member options.version must be 1 or 2");
	return false;
}

static bool read_description(struct request *request, const struct json_value *body, struct mount_settings *settings)
{
	return read_text(request, body, "description", settings->description, sizeof(settings->description),
			 &settings->has_description);
}

bool mount_enable_body(struct request *request, struct mount_change *change)
{
	struct json_value body, config;
	bool has;

	if (!body_object(request, &body) || !read_text(request, &body, "type", change->type, sizeof(change->type), &has))
		return false;
	if (!has || change->type[0] == '\0') {
		reply_refuse(request, 400, "backend type must be specified as a string");
		return false;
	}
	if (!read_description(request, &body, &change->settings) || !read_options(request, &body, &change->settings) ||
	    !read_object(request, &body, "config", &config, &has))
		return false;
	return !has || read_config(request, &config, &change->settings);
}

bool mount_tune_body(struct request *request, struct mount_change *change)
{
	struct json_value body;

	return body_object(request, &body) && read_description(request, &body, &change->settings) &&
	       read_options(request, &body, &change->settings) && read_config(request, &body, &change->settings);
}

bool mount_remount_body(struct request *request, struct mount_change *change)
{
	struct json_value body;
	bool has_from, has_to;

	if (!body_object(request, &body) ||
	    !read_text(request, &body, "from", change->path, sizeof(change->path), &has_from) ||
	    !read_text(request, &body, "to", change->to, sizeof(change->to), &has_to))
		return false;
	if (!has_from || !has_to)
		reply_refuse(request, 400, "both 'from' and 'to' path must be specified as a string");
	return has_from && has_to;
}

/* -- out ----------------------------------------------------------------- */

static void emit_options(struct secret_buf *out, const struct mount_info *mount)
{
	if (mount->version == 0 || strcmp(mount->type, "kv") != 0) {
		json_emit_raw(out, "null");
		return;
	}
	json_emit_raw(out, "{\"version\":\"");
	json_emit_uint(out, mount->version);
	json_emit_raw(out, "\"}");
}

void mount_emit(struct secret_buf *out, const struct mount_info *mount, bool with_path)
{
	char uuid[REQUEST_ID_LEN + 1];
	const uint8_t *u = mount->uuid;

	snprintf(uuid, sizeof(uuid), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2],
		 u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
	json_emit_raw(out, "{\"accessor\":");
	json_emit_cstring(out, mount->accessor);
	json_emit_raw(out, ",\"config\":{\"default_lease_ttl\":");
	json_emit_int(out, mount->default_lease_ttl);
	json_emit_raw(out, ",\"force_no_cache\":false");
	if (mount->listed)
		json_emit_raw(out, ",\"listing_visibility\":\"unauth\"");
	json_emit_raw(out, ",\"max_lease_ttl\":");
	json_emit_int(out, mount->max_lease_ttl);
	json_emit_raw(out, "},\"description\":");
	json_emit_cstring(out, mount->description);
	json_emit_raw(out, ",\"deprecation_status\":\"supported\",\"external_entropy_access\":false,\"local\":false,\"options\":");
	emit_options(out, mount);
	if (with_path) {
		json_emit_raw(out, ",\"path\":");
		json_emit_cstring(out, mount->path);
	}
	json_emit_raw(out, ",\"plugin_version\":\"\",\"running_plugin_version\":\"\",\"running_sha256\":\"\",\"seal_wrap\":false,"
			   "\"type\":");
	json_emit_cstring(out, mount->type);
	json_emit_raw(out, ",\"uuid\":");
	json_emit_cstring(out, uuid);
	json_emit_raw(out, "}");
}

void mount_emit_listed(struct secret_buf *out, const struct mount_info *mount)
{
	json_emit_raw(out, "{\"description\":");
	json_emit_cstring(out, mount->description);
	json_emit_raw(out, ",\"options\":");
	emit_options(out, mount);
	json_emit_raw(out, ",\"type\":");
	json_emit_cstring(out, mount->type);
	json_emit_raw(out, "}");
}

static int64_t lease(int64_t seconds)
{
	return seconds > 0 ? seconds : MOUNT_SYSTEM_LEASE_TTL;
}

void mount_emit_tuning(struct secret_buf *out, const struct mount_info *mount)
{
	json_emit_raw(out, "{\"default_lease_ttl\":");
	json_emit_int(out, lease(mount->default_lease_ttl));
	json_emit_raw(out, ",\"description\":");
	json_emit_cstring(out, mount->description);
	json_emit_raw(out, ",\"force_no_cache\":false");
	if (mount->listed)
		json_emit_raw(out, ",\"listing_visibility\":\"unauth\"");
	json_emit_raw(out, ",\"max_lease_ttl\":");
	json_emit_int(out, lease(mount->max_lease_ttl));
	json_emit_raw(out, ",\"options\":");
	emit_options(out, mount);
	if (strncmp(mount->path, "auth/", 5) == 0)
		json_emit_raw(out, ",\"token_type\":\"default-service\"");
	json_emit_raw(out, "}");
}
