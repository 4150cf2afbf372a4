#include "core/mounts.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/vault_state.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

struct mount_table {
	pthread_rwlock_t lock;
	struct mount *mounts;	/* sorted by path */
	size_t len;
};

struct mount_table *mount_table_new(void)
{
	struct mount_table *table = calloc(1, sizeof(*table));

	if (table)
		pthread_rwlock_init(&table->lock, NULL);
	return table;
}

void mount_table_clear(struct mount_table *table)
{
	pthread_rwlock_wrlock(&table->lock);
	if (table->mounts)
		sodium_memzero(table->mounts, table->len * sizeof(*table->mounts));
	free(table->mounts);
	table->mounts = NULL;
	table->len = 0;
	pthread_rwlock_unlock(&table->lock);
}

void mount_table_free(struct mount_table *table)
{
	if (!table)
		return;
	mount_table_clear(table);
	pthread_rwlock_destroy(&table->lock);
	free(table);
}

/* -- records ------------------------------------------------------------- */

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
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(size);
	struct json_value value;

	if (!json_find(settings, name, &value))
		return true;
	if (!text || value.kind != JSON_SCAN_STRING)
		return false;
	json_append_unescaped(text, json_string_span(&value));
	return secret_buf_ok(text) && copy_span(to, size, secret_buf_text(text), secret_buf_len(text));
}

static bool decode_settings(const struct json_value *settings, struct mount *mount)
{
	int64_t version = 0;

	if (settings->kind != JSON_SCAN_OBJECT ||
	    !settings_text(settings, "description", mount->info.description, sizeof(mount->info.description)) ||
	    !settings_int(settings, "version", &version) || version < 0 || version > 2 ||
	    !settings_bool(settings, "cas_required", &mount->config.cas_required) ||
	    !settings_int(settings, "max_versions", &mount->config.max_versions) ||
	    !settings_int(settings, "delete_version_after", &mount->config.delete_after_s))
		return false;
	mount->info.version = (unsigned)version;
	return mount->config.max_versions >= 0 && mount->config.max_versions <= LIMIT_MAX_VERSIONS;
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

static void emit_settings(const struct mount *mount, struct secret_buf *out)
{
	json_emit_raw(out, "{\"description\":");
	json_emit_cstring(out, mount->info.description);
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
		struct mount *mount = &ret[i];

		*mount = (struct mount){ .class_ = rows[i].class_, .info = { .version = rows[i].version } };
		randombytes_buf(mount->info.uuid, ID_LEN);
		/* Clients are shown the id as a random UUID (version 4). */
		mount->info.uuid[6] = (uint8_t)((mount->info.uuid[6] & 0x0f) | 0x40);
		mount->info.uuid[8] = (uint8_t)((mount->info.uuid[8] & 0x3f) | 0x80);
		snprintf(mount->info.path, sizeof(mount->info.path), "%s", rows[i].path);
		snprintf(mount->info.type, sizeof(mount->info.type), "%s", rows[i].type);
		snprintf(mount->info.accessor, sizeof(mount->info.accessor), "%s_%08x", rows[i].accessor,
			 randombytes_random());
		snprintf(mount->info.description, sizeof(mount->info.description), "%s", rows[i].description);
	}
}

/* -- the table ----------------------------------------------------------- */

static struct mount *find_locked(const struct mount_table *table, const uint8_t uuid[static ID_LEN])
{
	for (size_t i = 0; i < table->len; i++)
		if (memcmp(table->mounts[i].info.uuid, uuid, ID_LEN) == 0)
			return &table->mounts[i];
	return NULL;
}

static int compare_mounts(const void *a, const void *b)
{
	const struct mount *left = a, *right = b;

	return strcmp(left->info.path, right->info.path);
}

static enum error_code put_locked(struct mount_table *table, const struct mount *mount, struct error *err)
{
	struct mount *place = find_locked(table, mount->info.uuid);

	if (!place) {
		struct mount *mounts = reallocarray(table->mounts, table->len + 1, sizeof(*mounts));

		if (!mounts)
			return error_set(err, ERR_NO_MEMORY, "no memory is left for the list of mounts");
		table->mounts = mounts;
		place = &mounts[table->len++];
	}
	*place = *mount;
	qsort(table->mounts, table->len, sizeof(*table->mounts), compare_mounts);
	return ERR_OK;
}

enum error_code mount_table_put(struct mount_table *table, const struct mount *mount, struct error *err)
{
	enum error_code code;

	pthread_rwlock_wrlock(&table->lock);
	code = put_locked(table, mount, err);
	pthread_rwlock_unlock(&table->lock);
	return code;
}

void mount_table_remove(struct mount_table *table, const uint8_t uuid[static ID_LEN])
{
	struct mount *mount;

	pthread_rwlock_wrlock(&table->lock);
	mount = find_locked(table, uuid);
	if (mount) {
		table->len--;
		memmove(mount, mount + 1, (size_t)(table->mounts + table->len - mount) * sizeof(*mount));
	}
	pthread_rwlock_unlock(&table->lock);
}

bool mount_table_find(struct mount_table *table, const uint8_t uuid[static ID_LEN], struct mount *ret)
{
	const struct mount *mount;

	pthread_rwlock_rdlock(&table->lock);
	mount = find_locked(table, uuid);
	if (mount)
		*ret = *mount;
	pthread_rwlock_unlock(&table->lock);
	return mount != NULL;
}

/* "secret/" holds "secret", "secret/" and "secret/data/x". */
static bool mount_holds(const struct mount *mount, const char *path)
{
	size_t len = strlen(mount->info.path);

	return strncmp(path, mount->info.path, len) == 0 ||
	       (len > 0 && strlen(path) == len - 1 && strncmp(path, mount->info.path, len - 1) == 0);
}

bool mount_table_holding(struct mount_table *table, const char *path, struct mount *ret)
{
	const struct mount *best = NULL;

	pthread_rwlock_rdlock(&table->lock);
	for (size_t i = 0; i < table->len; i++) {
		const struct mount *mount = &table->mounts[i];

		if (mount_holds(mount, path) && (!best || strlen(mount->info.path) > strlen(best->info.path)))
			best = mount;
	}
	if (best)
		*ret = *best;
	pthread_rwlock_unlock(&table->lock);
	return best != NULL;
}

enum error_code mount_table_all(struct mount_table *table, struct mount_info **ret, size_t *ret_len, struct error *err)
{
	struct mount_info *all;
	size_t len;

	pthread_rwlock_rdlock(&table->lock);
	len = table->len;
	all = calloc(len + 1, sizeof(*all));
	for (size_t i = 0; all && i < len; i++)
		all[i] = table->mounts[i].info;
	pthread_rwlock_unlock(&table->lock);
	if (!all)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the list of mounts");
	*ret = all;
	*ret_len = len;
	return ERR_OK;
}

/* -- operations ---------------------------------------------------------- */

enum error_code vault_mounts(struct vault *vault, const struct caller *caller, struct mount_info **ret, size_t *ret_len,
			     struct error *err)
{
	vault_use_scope use = {0};

	if (vault_use_begin(vault, &use, err) != ERR_OK || vault_decide(caller, CAP_READ, "sys/mounts", err) != ERR_OK)
		return err->code;
	return mount_table_all(vault->mounts, ret, ret_len, err);
}

enum error_code vault_mount_of(struct vault *vault, const char *path, struct mount_info *ret, struct error *err)
{
	vault_use_scope use = {0};
	struct mount mount;

	if (vault_use_begin(vault, &use, err) != ERR_OK)
		return err->code;
	if (!mount_table_holding(vault->mounts, path, &mount))
		return error_set(err, ERR_NOT_FOUND, "no mount holds this path");
	*ret = mount.info;
	return ERR_OK;
}

enum error_code vault_kv_mount(struct vault *vault, const struct mount_info *mount, struct mount *ret,
			       struct error *err)
{
	if (!mount_table_find(vault->mounts, mount->uuid, ret))
		return error_set(err, ERR_NOT_FOUND, "the mount is gone");
	if (ret->info.version != 2)
		return error_set(err, ERR_INVALID, "the mount %s is not a KV version 2 mount", ret->info.path);
	return ERR_OK;
}
