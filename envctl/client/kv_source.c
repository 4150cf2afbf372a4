#include "client/kv_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/call.h"

/* The bytes that both servers take as they are; all others as %XX. False when it does not fit. */
static bool encode_path(const char *path, char *ret, size_t size)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t at = 0;

	for (; *path != '\0' && at + 4 <= size; path++) {
		unsigned char c = (unsigned char)*path;
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (word || strchr("/-._~@:+=,", c) != NULL) {
			ret[at++] = *path;
			continue;
		}
		ret[at++] = '%';
		ret[at++] = hex[c >> 4];
		ret[at++] = hex[c & 15];
	}
	ret[at] = '\0';
	return *path == '\0';
}

static enum error_code path_target(const struct kv_mount *mount, const char *area, const char *path, const char *query,
				   char target[static LIMIT_TARGET_LEN], struct error *err)
{
	char encoded_mount[LIMIT_TARGET_LEN], encoded[LIMIT_TARGET_LEN];

	if (!encode_path(mount->path, encoded_mount, sizeof(encoded_mount)) ||
	    !encode_path(path, encoded, sizeof(encoded)))
		return error_set(err, ERR_TOO_LARGE, "the request's path is too long");
	return call_target(target, err, "%s%s%s%s", encoded_mount, mount->version == 2 ? area : "", encoded, query);
}

/* Without empty, "." and ".." segments: these mean different things to different servers. */
static bool place_is_valid(const char *place)
{
	size_t len = strlen(place);

	if (len == 0 || len >= KV_PATH_MAX)
		return false;
	while (*place != '\0') {
		size_t segment = strcspn(place, "/");

		if (segment == 0 || (segment <= 2 && strspn(place, ".") == segment))
			return false;
		for (size_t i = 0; i < segment; i++)
			if ((unsigned char)place[i] < 0x20 || place[i] == 0x7f)
				return false;
		place += segment;
		place += *place == '/';
	}
	return true;
}

static enum error_code version_of(const struct answer *answer, unsigned *ret, struct error *err)
{
	struct json_value options, version;
	int64_t number = 1;
	char type[32];

	answer_text(&answer->data, "type", type, sizeof(type));
	if (strcmp(type, "kv") != 0 && strcmp(type, "generic") != 0)
		return error_set(err, ERR_INVALID, "that mount is no key-value store");
	if (json_find(&answer->data, "options", &options) && options.kind == JSON_SCAN_OBJECT &&
	    json_find(&options, "version", &version) && !json_as_int(&version, &number))
		number = 0;
	if (number != 1 && number != 2)
		return error_set(err, ERR_INVALID, "that mount is of a version that is not known");
	*ret = (unsigned)number;
	return ERR_OK;
}

/* The answer's mount must be the beginning of what was asked for: the rest is then the prefix. */
static enum error_code split_place(const char *place, const struct answer *answer, struct kv_mount *mount,
				   const char **ret_prefix, struct error *err)
{
	size_t place_len = strlen(place), len;

	answer_text(&answer->data, "path", mount->path, sizeof(mount->path));
	len = strlen(mount->path);
	if (len < 2 || mount->path[len - 1] != '/' || strncmp(place, mount->path, len - 1) != 0 ||
	    (place_len >= len && place[len - 1] != '/') || place_len + 1 < len)
		return error_set(err, ERR_PROTOCOL, "the answer names another mount");
	*ret_prefix = place_len > len ? place + len : "";
	return ERR_OK;
}

enum error_code kv_mount_find(struct vault_client *client, const char *place, struct kv_mount *ret,
			      const char **ret_prefix, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	char target[LIMIT_TARGET_LEN], encoded[LIMIT_TARGET_LEN];
	enum error_code rc = ERR_OK;

	if (!place_is_valid(place) || !encode_path(place, encoded, sizeof(encoded)))
		return error_set(err, ERR_INVALID, "MOUNT or MOUNT/PREFIX has no empty, '.' or '..' segments");
	rc = call_target(target, err, "sys/internal/ui/mounts/%s", encoded);
	if (rc == ERR_OK)
		rc = call_get(client, target, "that mount", &answer, err);
	/* Vault says this of what is not there as well. */
	if (rc == ERR_DENIED) {
		error_clear(err);
		rc = error_set(err, ERR_DENIED,
			       "there is no mount %.200s there, or the token of the source is not accepted or may do "
			       "nothing in it",
			       place);
	}
	if (rc == ERR_OK)
		rc = version_of(&answer, &ret->version, err);
	if (rc == ERR_OK)
		rc = split_place(place, &answer, ret, ret_prefix, err);
	return rc;
}

enum error_code kv_source_list(struct vault_client *client, const struct kv_mount *mount, const char *prefix,
			       struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = path_target(mount, "metadata/", prefix, "?list=true", target, err);

	return rc == ERR_OK ? call_get(client, target, "the list", ret, err) : rc;
}

enum error_code kv_source_metadata(struct vault_client *client, const struct kv_mount *mount, const char *path,
				   struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = path_target(mount, "metadata/", path, "", target, err);

	return rc == ERR_OK ? call_get(client, target, path, ret, err) : rc;
}

/* A 404 is a deleted version when it has metadata, else nothing is there. */
static enum error_code read_failed(struct vault_client *client, const struct answer *answer, const char *path,
				   struct error *err)
{
	if (answer->status != 404)
		return call_error(client, answer, path, err);
	return error_set(err, answer->has_data ? ERR_DELETED : ERR_NOT_FOUND, "there is no %.200s", path);
}

enum error_code kv_source_read(struct vault_client *client, const struct kv_mount *mount, const char *path,
			       uint64_t version, struct answer *ret, struct json_value *ret_data, struct error *err)
{
	char target[LIMIT_TARGET_LEN], query[32] = "";
	struct answer answer = {0};
	const struct call call = {.method = "GET", .target = target};

	if (mount->version == 2 && version > 0)
		snprintf(query, sizeof(query), "?version=%" PRIu64, version);
	enum error_code rc = path_target(mount, "data/", path, query, target, err);
	if (rc == ERR_OK)
		rc = call_any(client, &call, &answer, err);
	if (rc == ERR_OK && answer.status != 200)
		rc = read_failed(client, &answer, path, err);
	if (rc == ERR_OK)
		rc = call_require_data(&answer, err);
	if (rc == ERR_OK && mount->version == 1)
		*ret_data = answer.data;
	else if (rc == ERR_OK && json_find(&answer.data, "data", ret_data) && ret_data->kind == JSON_SCAN_NULL)
		rc = error_set(err, ERR_DELETED, "there is no %.200s", path);
	else if (rc == ERR_OK && (!json_find(&answer.data, "data", ret_data) || ret_data->kind != JSON_SCAN_OBJECT))
		rc = error_set(err, ERR_PROTOCOL, "the answer for %.200s holds no values", path);
	if (rc != ERR_OK) {
		answer_free(&answer);
		return rc;
	}
	*ret = answer;
	return ERR_OK;
}

/* -- the vault's own side ---------------------------------------------------- */

enum error_code client_default_versions(struct vault_client *client, uint64_t *ret, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	struct error found = ERROR_INIT;
	enum error_code rc = call_get(client, "secret/config", "the mount", &answer, &found);

	if (rc != ERR_OK && rc != ERR_DENIED) {
		*err = found;
		return rc;
	}
	int64_t versions = rc == ERR_OK ? answer_int(&answer.data, "max_versions", -1) : -1;
	*ret = versions > 0 ? (uint64_t)versions : versions == 0 ? DEFAULT_MAX_VERSIONS : 0;
	return ERR_OK;
}

enum error_code client_metadata_write(struct vault_client *client, const struct env_path *env,
				      const struct secret_buf *body, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	const struct call call = {.method = "POST", .target = target, .body = body};
	enum error_code rc = call_target(target, err, "secret/metadata/%s", env->text);

	return rc == ERR_OK ? call_expecting(client, &call, env->text, NULL, err) : rc;
}

enum error_code client_mark_revisions(struct vault_client *client, const struct env_path *env, bool destroy,
				      const struct secret_buf *body, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	const struct call call = {.method = "POST", .target = target, .body = body};
	enum error_code rc = call_target(target, err, "secret/%s/%s", destroy ? "destroy" : "delete", env->text);

	return rc == ERR_OK ? call_expecting(client, &call, env->text, NULL, err) : rc;
}
