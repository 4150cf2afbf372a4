/* Mounts that come, change, move and go. */
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/mounts.h"
#include "core/setting_numbers.h"
#include "core/vault_state.h"
#include "vault/limits.h"
#include "vault/names.h"

static struct mount_change *change_of(struct vault_action *action)
{
	return (struct mount_change *)((char *)action - offsetof(struct mount_change, action));
}

/* -- paths --------------------------------------------------------------- */

static bool is_at_or_below(const char *path, const char *mount)
{
	return strncmp(path, mount, strlen(mount)) == 0;
}

/* The path with its slash. ERR_INVALID. */
static enum error_code read_path(const char *text, char ret[static LIMIT_MOUNT_PATH_LEN + 1], struct error *err)
{
	size_t len = strlen(text);
	struct env_path checked;

	if (len > 0 && text[len - 1] == '/')
		len--;
	if (len == 0 || len >= LIMIT_MOUNT_PATH_LEN)
		return error_set(err, ERR_INVALID, "the path of a mount has 1 to %d bytes", LIMIT_MOUNT_PATH_LEN - 1);
	if (env_path_parse(text, len, &checked, err) != ERR_OK)
		return error_prefix(err, "the path of a mount");
	memcpy(ret, text, len);
	memcpy(ret + len, "/", 2);
	return ERR_OK;
}

/* Where a new mount may be: not where others of the vault's are, and not where its own tuning would be asked for. */
static enum error_code check_place(const char *path, struct error *err)
{
	static const char *const taken[] = { "sys/", "auth/", "cubbyhole/", "identity/", MOUNT_RESOLVED };
	size_t len = strlen(path);

	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		if (is_at_or_below(path, taken[i]))
			return error_set(err, ERR_INVALID, "path is already in use at %s", taken[i]);
	if (len >= 6 && strcmp(path + len - 6, "/tune/") == 0)
		return error_set(err, ERR_INVALID, "the path of a mount must not end with /tune");
	return ERR_OK;
}

/* -- what is there, as the view sees it ---------------------------------- */

struct search {
	const char *path;		/* of the new place */
	const uint8_t *except;		/* the mount that moves there, or NULL */
	const char *exact;		/* the mount to be found, or NULL */
	struct mount found;
	bool has_found;
	size_t count;
	char in_the_way[LIMIT_MOUNT_PATH_LEN + 1];
	struct error *err;
};

static bool look_at(void *arg, const struct record_key *key, const uint8_t *kid, const uint8_t *plain, size_t plain_len,
		    const uint8_t *pin)
{
	struct search *search = arg;
	struct mount mount;

	(void)kid;
	if (mount_decode(key, plain, plain_len, pin, &mount, search->err) != ERR_OK)
		return false;
	search->count++;
	if (mount.going)
		return true;
	if (search->exact && strcmp(mount.info.path, search->exact) == 0) {
		search->found = mount;
		search->has_found = true;
	}
	if (search->path && (!search->except || memcmp(search->except, mount.info.uuid, ID_LEN) != 0) &&
	    (is_at_or_below(search->path, mount.info.path) || is_at_or_below(mount.info.path, search->path)))
		memcpy(search->in_the_way, mount.info.path, sizeof(search->in_the_way));
	return true;
}

static enum error_code look(struct records_view *view, struct search *search, struct error *err)
{
	search->err = err;
	/* Where the scan was stopped, the error says why. */
	return records_scan(view, TABLE_MOUNT, look_at, search, err) != ERR_OK || err->code != ERR_OK ? err->code : ERR_OK;
}

static enum error_code find_exact(struct records_view *view, const char *path, struct mount *ret, struct error *err)
{
	struct search search = { .exact = path };

	if (look(view, &search, err) != ERR_OK)
		return err->code;
	if (!search.has_found)
		return error_set(err, ERR_INVALID, "no matching mount at \"%s\"", path);
	*ret = search.found;
	return ERR_OK;
}

static enum error_code check_free(struct records_view *view, const char *path, const uint8_t *except, size_t *ret_count,
				  struct error *err)
{
	struct search search = { .path = path, .except = except };

	if (look(view, &search, err) != ERR_OK)
		return err->code;
	if (search.in_the_way[0] != '\0')
		return error_set(err, ERR_INVALID, "path is already in use at %s", search.in_the_way);
	*ret_count = search.count;
	return ERR_OK;
}

/* -- writing ------------------------------------------------------------- */

static enum error_code put_mount(struct records_write *write, const struct mount *mount, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_BODY_SMALL);
	struct record_key key = record_key_id(TABLE_MOUNT, mount->info.uuid);

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the record of a mount");
	if (mount_encode(mount, encoding, err) != ERR_OK)
		return err->code;
	return records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

/* What was found by looking at all mounts holds until this commit, because everybody who adds one puts this record. */
static enum error_code exclude_others(struct records_write *write, struct error *err)
{
	static const char text[] = "{}";
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_BODY_SMALL);
	struct record_key key = record_key_setting(SETTING_MOUNTS);

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the record of a mount");
	encode_text(encoding, text, sizeof(text) - 1);
	if (secret_buf_check(encoding, "the mark of the mounts", err) != ERR_OK)
		return err->code;
	return records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

static enum error_code submit(struct vault *vault, struct mount_change *change, bool anchor_now,
			      enum error_code (*prepare)(struct vault_action *action, struct records_view *view,
							 struct records_write *write, struct error *err),
			      void (*finish)(struct vault_action *action, enum error_code outcome), struct error *err)
{
	change->action.prepare_ = prepare;
	change->action.finish_ = finish;
	return vault_action_submit(vault, &change->action, anchor_now, err);
}

/* On the mount's own path below sys/mounts/, that of an auth method below sys/. */
static enum error_code decide(struct vault *vault, const struct mount_change *change, unsigned capability,
			      const char *suffix, struct error *err)
{
	char path[LIMIT_MOUNT_PATH_LEN + 64];
	size_t len = strlen(change->path);
	bool auth = is_at_or_below(change->path, "auth/");

	len -= len > 0 && change->path[len - 1] == '/';
	snprintf(path, sizeof(path), "sys/%s%.*s%s", auth ? "" : "mounts/", (int)len, change->path, suffix);
	return vault_authorize(vault, change->caller, auth ? capability | CAP_SUDO : capability, path, err);
}

/* -- settings ------------------------------------------------------------ */

static enum error_code set_version(struct mount *mount, int64_t version, struct error *err)
{
	if (mount->class_ != MOUNT_SECRET || mount->info.version == 0 || version < 1 || version > 2 ||
	    (version == 2 && strcmp(mount->info.type, "kv") != 0))
		return error_set(err, ERR_INVALID, "options.version is 1 or 2, of a mount of type kv");
	if (version < (int64_t)mount->info.version)
		return error_set(err, ERR_INVALID, "cannot downgrade mount from version 2 to version 1");
	mount->info.version = (unsigned)version;
	return ERR_OK;
}

static enum error_code apply_settings(struct mount *mount, const struct mount_settings *settings, struct error *err)
{
	int64_t longest;

	if (settings->has_description) {
		if (!utf8_is_valid(settings->description, strlen(settings->description)))
			return error_set(err, ERR_INVALID, "the description must be UTF-8");
		memcpy(mount->info.description, settings->description, sizeof(mount->info.description));
	}
	if (settings->has_default_lease_ttl)
		mount->info.default_lease_ttl = settings->default_lease_ttl;
	if (settings->has_max_lease_ttl)
		mount->info.max_lease_ttl = settings->max_lease_ttl;
	longest = mount->info.max_lease_ttl > 0 ? mount->info.max_lease_ttl : MOUNT_SYSTEM_LEASE_TTL;
	if (mount->info.default_lease_ttl < 0 || mount->info.max_lease_ttl < 0)
		return error_set(err, ERR_INVALID, "a lease time must not be negative");
	if (mount->info.default_lease_ttl > longest)
		return error_set(err, ERR_INVALID, "default_lease_ttl is longer than max_lease_ttl");
	if (settings->has_listed)
		mount->info.listed = settings->listed;
	return settings->has_version ? set_version(mount, settings->version, err) : ERR_OK;
}

/* -- enable -------------------------------------------------------------- */

static enum error_code make_mount(const struct mount_change *change, struct mount *ret, struct error *err)
{
	static const struct {
		const char *name, *type;
		unsigned version;
	} types[] = {
		{ "kv", "kv", 1 },
		{ "kv-v1", "kv", 1 },
		{ "kv-v2", "kv", 2 },
		{ "generic", "generic", 1 },
	};

	struct mount_settings settings = change->settings;

	settings.has_version &= strcmp(change->type, "kv") == 0 || strcmp(change->type, "generic") == 0;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(types[i].name, change->type) != 0)
			continue;
		mount_make(ret, MOUNT_SECRET, change->to_, types[i].type, types[i].type);
		ret->info.version = types[i].version;
		return apply_settings(ret, &settings, err);
	}
	return error_set(err, ERR_INVALID, "unsupported secrets engine type: there are kv, kv-v1, kv-v2 and generic");
}

static enum error_code prepare_enable(struct vault_action *action, struct records_view *view,
				      struct records_write *write, struct error *err)
{
	struct mount_change *change = change_of(action);
	struct mount mount;
	size_t count;

	if (check_free(view, change->to_, NULL, &count, err) != ERR_OK || make_mount(change, &mount, err) != ERR_OK)
		return err->code;
	if (count >= LIMIT_MOUNTS)
		return error_set(err, ERR_TOO_LARGE, "there are %zu mounts, the limit is %d", count, LIMIT_MOUNTS);
	if (exclude_others(write, err) != ERR_OK)
		return err->code;
	return put_mount(write, &mount, err);
}

enum error_code vault_mount_enable(struct vault *vault, struct mount_change *change, struct error *err)
{
	if (decide(vault, change, CAP_UPDATE, "", err) != ERR_OK ||
	    read_path(change->path, change->to_, err) != ERR_OK || check_place(change->to_, err) != ERR_OK)
		return err->code;
	return submit(vault, change, false, prepare_enable, NULL, err);
}

/* -- tune ---------------------------------------------------------------- */

static enum error_code prepare_tune(struct vault_action *action, struct records_view *view, struct records_write *write,
				    struct error *err)
{
	struct mount_change *change = change_of(action);
	struct mount mount;

	if (find_exact(view, change->from_, &mount, err) != ERR_OK ||
	    apply_settings(&mount, &change->settings, err) != ERR_OK)
		return err->code;
	return put_mount(write, &mount, err);
}

static enum error_code check_stored(const char *path, const char *what, struct error *err)
{
	static const char *const built_in[] = { "sys/", "identity/", MOUNT_RESOLVED };

	for (size_t i = 0; i < ARRAY_LEN(built_in); i++)
		if (strcmp(path, built_in[i]) == 0)
			return error_set(err, ERR_INVALID, "cannot %s \"%s\"", what, path);
	return ERR_OK;
}

enum error_code vault_mount_tune(struct vault *vault, struct mount_change *change, struct error *err)
{
	if (decide(vault, change, CAP_UPDATE, "/tune", err) != ERR_OK ||
	    read_path(change->path, change->from_, err) != ERR_OK || check_stored(change->from_, "tune", err) != ERR_OK)
		return err->code;
	return submit(vault, change, false, prepare_tune, NULL, err);
}

/* -- remount ------------------------------------------------------------- */

static enum error_code prepare_remount(struct vault_action *action, struct records_view *view,
				       struct records_write *write, struct error *err)
{
	struct mount_change *change = change_of(action);
	struct mount mount;
	size_t count;

	if (find_exact(view, change->from_, &mount, err) != ERR_OK)
		return err->code;
	if (strcmp(change->from_, change->to_) == 0)
		return error_set(err, ERR_INVALID, "path is already in use at %s", change->to_);
	if (check_free(view, change->to_, mount.info.uuid, &count, err) != ERR_OK || exclude_others(write, err) != ERR_OK)
		return err->code;
	memcpy(mount.info.path, change->to_, sizeof(mount.info.path));
	return put_mount(write, &mount, err);
}

static void finish_remount(struct vault_action *action, enum error_code outcome)
{
	struct mount_change *change = change_of(action);
	struct mount_migration migration = {0};

	if (outcome != ERR_OK)
		return;
	memcpy(migration.id, change->migration, sizeof(migration.id));
	memcpy(migration.from, change->from_, sizeof(migration.from));
	memcpy(migration.to, change->to_, sizeof(migration.to));
	mount_table_moved(change->action.vault_->mounts, &migration);
}

static void make_id(char text[static 37])
{
	uint8_t id[ID_LEN];
	char hex[2 * ID_LEN + 1];

	randombytes_buf(id, sizeof(id));
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
	sodium_bin2hex(hex, sizeof(hex), id, sizeof(id));
	snprintf(text, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

enum error_code vault_mount_remount(struct vault *vault, struct mount_change *change, struct error *err)
{
	if (vault_authorize(vault, change->caller, CAP_UPDATE | CAP_SUDO, "sys/remount", err) != ERR_OK ||
	    read_path(change->path, change->from_, err) != ERR_OK || read_path(change->to, change->to_, err) != ERR_OK)
		return err->code;
	if (is_at_or_below(change->from_, "auth/") || strcmp(change->from_, "cubbyhole/") == 0)
		return error_set(err, ERR_INVALID, "cannot remount \"%s\"", change->from_);
	if (check_stored(change->from_, "remount", err) != ERR_OK || check_place(change->to_, err) != ERR_OK)
		return err->code;
	make_id(change->migration);
	return submit(vault, change, false, prepare_remount, finish_remount, err);
}

/* -- disable ------------------------------------------------------------- */

static enum error_code prepare_disable(struct vault_action *action, struct records_view *view,
				       struct records_write *write, struct error *err)
{
	struct mount_change *change = change_of(action);
	struct search search = { .exact = change->from_ };

	if (look(view, &search, err) != ERR_OK)
		return err->code;
	change->left = search.has_found;
	if (!search.has_found)
		return ERR_OK;
	memcpy(change->uuid_, search.found.info.uuid, ID_LEN);
	search.found.going = true;
	return put_mount(write, &search.found, err);
}

enum error_code vault_mount_disable(struct vault *vault, struct mount_change *change, struct error *err)
{
	if (decide(vault, change, CAP_DELETE, "", err) != ERR_OK ||
	    read_path(change->path, change->from_, err) != ERR_OK)
		return err->code;
	if (is_at_or_below(change->from_, "auth/") || strcmp(change->from_, "cubbyhole/") == 0)
		return error_set(err, ERR_INVALID, "cannot unmount \"%s\"", change->from_);
	if (check_stored(change->from_, "unmount", err) != ERR_OK)
		return err->code;
	return submit(vault, change, true, prepare_disable, NULL, err);
}

/* How many records go with an environment, about; 0 when it is gone already. */
static enum error_code destroy(struct records_view *view, struct records_write *write, const struct record_key *key,
			       size_t *ret_records, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(LIMIT_REVISION_PLAIN);
	uint8_t eid[ID_LEN];
	struct head_record head;
	enum error_code code;

	if (!plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the head of an environment");
	*ret_records = 0;
	code = records_read(view, key, plain, NULL, eid, err);
	if (code == ERR_NOT_FOUND)
		return ERR_OK;
	if (code != ERR_OK || decode_head(secret_buf_bytes(plain), secret_buf_len(plain), &head, err) != ERR_OK)
		return err->code;
	*ret_records = 2 + head.revisions_len;
	code = records_destroy_eid(write, key, eid, head.oldest, head.current, err);
	head_record_free(&head);
	return code;
}

/*
 * No environment comes any more once the mark is durable: every write of one guards the record of its mount. So an index
 * without any, which has seen that commit, is the truth, and the mount's record may go.
 */
static enum error_code prepare_sweep(struct vault_action *action, struct records_view *view, struct records_write *write,
				     struct error *err)
{
	struct mount_change *change = change_of(action);
	struct record_key keys[LIMIT_SWEEP_ENVIRONMENTS], own = record_key_id(TABLE_MOUNT, change->uuid_);
	size_t len = name_index_keys(action->vault_->names, change->uuid_, "", keys, ARRAY_LEN(keys));
	size_t records = 0, more = 0;
	enum error_code code;
	uint8_t pin[PIN_LEN];

	code = records_peek(view, &own, pin, err);
	change->left = code == ERR_OK && len > 0;
	if (code != ERR_OK)
		return code == ERR_NOT_FOUND ? ERR_OK : code;
	if (len == 0)
		return records_delete(write, &own, err);
	for (size_t i = 0; i < len && records < LIMIT_SWEEP_RECORDS; i++, records += more)
		if (destroy(view, write, &keys[i], &more, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

enum error_code vault_mount_sweep(struct vault *vault, struct mount_change *change, struct error *err)
{
	return submit(vault, change, true, prepare_sweep, NULL, err);
}

static enum error_code sweep_and_wait(struct vault *vault, struct mount_change *change, struct error *err)
{
	struct action_wait wait;

	action_wait_begin(&wait, &change->action);
	return action_wait_end(&wait, vault_mount_sweep(vault, change, err), err);
}

/* Whatever fails is tried again at the next tick. */
void vault_sweep_mounts(struct vault *vault)
{
	struct error failure = ERROR_INIT;
	struct mount mount;

	while (failure.code == ERR_OK && mount_table_going(vault->mounts, &mount)) {
		struct mount_change change = {0};

		memcpy(change.uuid_, mount.info.uuid, ID_LEN);
		do {
			if (sweep_and_wait(vault, &change, &failure) != ERR_OK)
				error_prefix(&failure, "a disabled mount");
		} while (failure.code == ERR_OK && change.left);
	}
}
