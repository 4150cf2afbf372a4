/* A mount as it stands in the store, and those that no store has. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/mounts.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

static bool copy_span(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size || memchr(from, '\0', len))
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

/* Absent members keep what they were; one that is there must have the right form. */
static bool settings_int(const struct json_value *settings, const char *name, int64_t *ret)
{
	struct json_value value;

	return !json_find(settings, name, &value) || json_as_int(&value, ret);
}

static bool settings_bool(const struct json_value *settings, const char *name, bool *ret)
{
	struct json_value value;

	return !json_find(settings, name, &value) || json_as_bool(&value, ret);
}

static bool settings_text(const struct json_value *settings, const char *name, char *to, size_t size)
{
	struct json_value value;
	size_t len;

	return !json_find(settings, name, &value) || json_copy_text(&value, to, size, &len);
}

static bool decode_settings(const struct json_value *settings, struct mount *mount)
{
	int64_t version = 0;

	if (settings->kind != JSON_SCAN_OBJECT ||
	    !settings_text(settings, "description", mount->info.description, sizeof(mount->info.description)) ||
	    !settings_int(settings, "version", &version) || version < 0 || version > 2 ||
	    !settings_bool(settings, "cas_required", &mount->config.cas_required) ||
	    !settings_int(settings, "max_versions", &mount->config.max_versions) ||
	    !settings_int(settings, "delete_version_after", &mount->config.delete_after_s) ||
	    !settings_int(settings, "default_lease_ttl", &mount->info.default_lease_ttl) ||
	    !settings_int(settings, "max_lease_ttl", &mount->info.max_lease_ttl) ||
	    !settings_bool(settings, "listed", &mount->info.listed) ||
	    !settings_bool(settings, "going", &mount->going))
		return false;
	mount->info.version = (unsigned)version;
	return mount->config.max_versions >= 0 && mount->config.max_versions <= LIMIT_MAX_VERSIONS &&
	       mount->info.default_lease_ttl >= 0 && mount->info.max_lease_ttl >= 0;
}

enum error_code mount_decode(const struct record_key *key, const uint8_t *plain, size_t len, const uint8_t *pin,
			     struct mount *ret, struct error *err)
{
	struct mount mount = {0};
	struct mount_record record;
	struct json_value settings;
	struct error damaged = ERROR_INIT;

	if (key->len != 1 + ID_LEN)
		return error_set(err, ERR_RECORD, "the key of a mount's record has a wrong length");
	if (decode_mount(plain, len, &record, err) != ERR_OK)
		return err->code;
	memcpy(mount.info.uuid, key->bytes + 1, ID_LEN);
	memcpy(mount.pin, pin, PIN_LEN);
	mount.class_ = record.class_;
	if (!copy_span(mount.info.path, sizeof(mount.info.path), record.path.at, record.path.len) ||
	    !copy_span(mount.info.type, sizeof(mount.info.type), record.type.at, record.type.len) ||
	    !copy_span(mount.info.accessor, sizeof(mount.info.accessor), record.accessor.at, record.accessor.len) ||
	    json_scan(record.settings.at, record.settings.len, &settings, &damaged) != ERR_OK ||
	    !decode_settings(&settings, &mount))
		return error_set(err, ERR_RECORD, "the record of a mount holds what this version does not understand");
	*ret = mount;
	return ERR_OK;
}

/* What is as it is without being said is left out: records of older versions look the same. */
static void emit_settings(const struct mount *mount, struct secret_buf *out)
{
	json_emit_raw(out, "{\"description\":");
	json_emit_cstring(out, mount->info.description);
	if (mount->info.default_lease_ttl > 0) {
		json_emit_raw(out, ",\"default_lease_ttl\":");
		json_emit_int(out, mount->info.default_lease_ttl);
	}
	if (mount->info.max_lease_ttl > 0) {
		json_emit_raw(out, ",\"max_lease_ttl\":");
		json_emit_int(out, mount->info.max_lease_ttl);
	}
	if (mount->info.listed)
		json_emit_raw(out, ",\"listed\":true");
	if (mount->going)
		json_emit_raw(out, ",\"going\":true");
	if (mount->info.version > 0) {
		json_emit_raw(out, ",\"version\":");
		json_emit_uint(out, mount->info.version);
		json_emit_raw(out, ",\"cas_required\":");
		json_emit_bool(out, mount->config.cas_required);
		json_emit_raw(out, ",\"max_versions\":");
		json_emit_int(out, mount->config.max_versions);
		json_emit_raw(out, ",\"delete_version_after\":");
		json_emit_int(out, mount->config.delete_after_s);
	}
	json_emit_raw(out, "}");
}

static struct text_span span_of(const char *text)
{
	return (struct text_span){ .at = text, .len = (uint32_t)strlen(text) };
}

enum error_code mount_encode(const struct mount *mount, struct secret_buf *out, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *settings = secret_buf_new(LIMIT_BODY_SMALL);
	struct mount_record record = {
		.class_ = mount->class_,
		.path = span_of(mount->info.path),
		.type = span_of(mount->info.type),
		.accessor = span_of(mount->info.accessor),
	};

	if (!settings)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the record of a mount");
	emit_settings(mount, settings);
	if (secret_buf_check(settings, "the settings of a mount", err) != ERR_OK)
		return err->code;
	record.settings =
		(struct text_span){.at = secret_buf_text(settings), .len = (uint32_t)secret_buf_len(settings)};
	encode_mount(out, &record);
	return secret_buf_check(out, "the record of a mount", err);
}

void mount_make(struct mount *ret, uint8_t class_, const char *path, const char *type, const char *accessor)
{
	*ret = (struct mount){ .class_ = class_ };
	randombytes_buf(ret->info.uuid, ID_LEN);
	/* Clients are shown the id as a random UUID (version 4). */
	ret->info.uuid[6] = (uint8_t)((ret->info.uuid[6] & 0x0f) | 0x40);
	ret->info.uuid[8] = (uint8_t)((ret->info.uuid[8] & 0x3f) | 0x80);
	snprintf(ret->info.path, sizeof(ret->info.path), "%s", path);
	snprintf(ret->info.type, sizeof(ret->info.type), "%s", type);
	snprintf(ret->info.accessor, sizeof(ret->info.accessor), "%s_%08x", accessor, randombytes_random());
}

void mounts_initial(struct mount ret[static INITIAL_MOUNTS])
{
	static const struct {
		uint8_t class_;
		const char *path, *type, *accessor, *description;
		unsigned version;
	} rows[INITIAL_MOUNTS] = {
		{ MOUNT_SECRET, "secret/", "kv", "kv", "environments", 2 },
		{ MOUNT_SECRET, "cubbyhole/", "cubbyhole", "cubbyhole", "per-token private secret storage", 0 },
		{ MOUNT_AUTH, "auth/token/", "token", "auth_token", "token based credentials", 0 },
		{ MOUNT_AUTH, "auth/peer/", "peer", "auth_peer", "the user at the other end of the Unix socket", 0 },
	};

	for (size_t i = 0; i < INITIAL_MOUNTS; i++) {
		mount_make(&ret[i], rows[i].class_, rows[i].path, rows[i].type, rows[i].accessor);
		ret[i].info.version = rows[i].version;
		snprintf(ret[i].info.description, sizeof(ret[i].info.description), "%s", rows[i].description);
	}
}

void mounts_built_in(const uint8_t store_id[static ID_LEN], struct mount ret[static BUILT_IN_MOUNTS])
{
	static const struct {
		const char *path, *type, *description;
		unsigned version;
	} rows[BUILT_IN_MOUNTS] = {
		{ "identity/", "identity", "identity store", 0 },
		{ MOUNT_RESOLVED, "kv", "environments as a process should see them, read-only", 2 },
		{ "sys/", "system", "system endpoints used for control, policy and debugging", 0 },
	};

	for (size_t i = 0; i < BUILT_IN_MOUNTS; i++) {
		struct mount *mount = &ret[i];
		uint8_t id[ID_LEN];

		/* The same after each unseal: clients know mounts by these. */
		crypto_generichash(id, sizeof(id), (const uint8_t *)rows[i].path, strlen(rows[i].path), store_id, ID_LEN);
		mount_make(mount, MOUNT_SYSTEM, rows[i].path, rows[i].type, rows[i].type);
		id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
		id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
		memcpy(mount->info.uuid, id, ID_LEN);
		snprintf(mount->info.accessor, sizeof(mount->info.accessor), "%s_%02x%02x%02x%02x", rows[i].type, id[0], id[1],
			 id[2], id[3]);
		snprintf(mount->info.description, sizeof(mount->info.description), "%s", rows[i].description);
		mount->info.version = rows[i].version;
	}
}
