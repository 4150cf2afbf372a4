/* What follows a commit in memory: names, caches, mounts, and the watcher. */
#include <sodium.h>
#include <string.h>

#include "core/vault_state.h"
#include "records/tables_access.h"

void vault_set_watcher(struct vault *vault, void (*changed)(void *arg, const char *mount_path, const char *path),
		       void *arg)
{
	pthread_mutex_lock(&vault->watch);
	vault->changed = changed;
	vault->changed_arg = arg;
	pthread_mutex_unlock(&vault->watch);
}

/* The lock is held during the call: after vault_set_watcher(NULL) the former watcher is not called any more. */
void vault_notify(struct vault *vault, const char *mount_path, const char *path)
{
	pthread_mutex_lock(&vault->watch);
	if (vault->changed)
		vault->changed(vault->changed_arg, mount_path, path);
	pthread_mutex_unlock(&vault->watch);
}

static void notify_name(struct vault *vault, const struct index_name *name)
{
	struct mount mount;

	if (mount_table_find(vault->mounts, name->mount, &mount))
		vault_notify(vault, mount.info.path, name->path.text);
}

/* A head: its name, when it is not known yet, and whom it extends. */
static enum error_code add_head(struct vault *vault, const struct records_change *change, bool new_name,
				struct error *err)
{
	struct head_record head;
	enum error_code code = decode_head(change->plain, change->plain_len, &head, err);

	if (code != ERR_OK)
		return code;
	code = children_put(vault->children, &change->key, &head, err);
	if (new_name && code == ERR_OK)
		code = name_index_add(vault->names, &change->key, head.mount, head.path.at, head.path.len, err);
	head_record_free(&head);
	return code;
}

static enum error_code head_changed(struct vault *vault, const struct records_change *change, struct error *err)
{
	struct index_name name;
	bool known;

	pinned_cache_drop(vault->heads, &change->key);
	if (!change->deleted && add_head(vault, change, !name_index_find(vault->names, &change->key, NULL), err) != ERR_OK)
		return err->code;
	known = name_index_find(vault->names, &change->key, &name);
	if (change->deleted) {
		name_index_remove(vault->names, &change->key);
		children_remove(vault->children, &change->key);
	}
	if (known)
		notify_name(vault, &name);
	sodium_memzero(&name, sizeof(name));	/* names of environments do not outlive a seal, on the stack neither */
	return ERR_OK;
}

static enum error_code add_mount(struct vault *vault, const struct records_change *change, struct error *err)
{
	struct mount mount;

	if (mount_decode(&change->key, change->plain, change->plain_len, change->pin, &mount, err) != ERR_OK)
		return err->code;
	return mount_table_put(vault->mounts, &mount, err);
}

/* Whoever waits below a mount that moved or went must look again; this is rare, so all who wait do. */
static enum error_code mount_changed(struct vault *vault, const struct records_change *change, struct error *err)
{
	if (change->deleted)
		mount_table_remove(vault->mounts, change->key.bytes + 1);
	else if (add_mount(vault, change, err) != ERR_OK)
		return err->code;
	vault_notify(vault, NULL, NULL);
	return ERR_OK;
}

enum error_code vault_load_built_in(struct vault *vault, struct error *err)
{
	struct mount mounts[BUILT_IN_MOUNTS];

	mounts_built_in(records_store_id(vault->records), mounts);
	for (size_t i = 0; i < BUILT_IN_MOUNTS; i++)
		if (mount_table_put(vault->mounts, &mounts[i], err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

static enum error_code add_wrapped(struct vault *vault, const struct records_change *change, struct error *err)
{
	struct wrapped_record record;

	if (decode_wrapped(change->plain, change->plain_len, &record, err) != ERR_OK)
		return err->code;
	return expiry_index_put(vault->wrapped, change->key.bytes + 1, record.expires, record.body.len, err);
}

static enum error_code wrapped_changed(struct vault *vault, const struct records_change *change, struct error *err)
{
	if (!change->deleted)
		return add_wrapped(vault, change, err);
	expiry_index_remove(vault->wrapped, change->key.bytes + 1);
	return ERR_OK;
}

/* A failure makes the table refuse all sets but root's. Tokens hold acls of before the change: they are looked up again. */
static enum error_code policy_changed(struct vault *vault, const struct records_change *change, struct error *err)
{
	enum error_code code = policy_table_change(vault->policies, change, err);

	token_cache_clear(vault->tokens);
	return code;
}

static enum error_code add_token(struct vault *vault, const struct records_change *change, struct error *err)
{
	struct token_record token;
	enum error_code code;

	if (change->key.len != 1 + ID_LEN)
		return error_set(err, ERR_RECORD, "the key of a token's record has a wrong length");
	code = decode_token(change->plain, change->plain_len, &token, err);
	if (code != ERR_OK)
		return code;
	code = token_index_put(vault->token_index, change->key.bytes + 1, &token, token_clock_now(&vault->token_clock), err);
	token_record_free(&token);
	return code;
}

static enum error_code token_changed(struct vault *vault, const struct records_change *change, struct error *err)
{
	token_cache_drop(vault->tokens, change->key.bytes + 1);
	if (!change->deleted)
		return add_token(vault, change, err);
	token_index_remove(vault->token_index, change->key.bytes + 1);
	return ERR_OK;
}

static enum error_code add_revoked(struct vault *vault, const struct records_change *change, struct error *err)
{
	struct revoked_record record;

	if (decode_revoked(change->plain, change->plain_len, &record, err) != ERR_OK)
		return err->code;
	return expiry_index_put(vault->revoked, change->key.bytes + 1, record.expires, 0, err);
}

static enum error_code revoked_changed(struct vault *vault, const struct records_change *change, struct error *err)
{
	if (!change->deleted)
		return add_revoked(vault, change, err);
	expiry_index_remove(vault->revoked, change->key.bytes + 1);
	return ERR_OK;
}

enum error_code vault_feed(void *arg, const struct records_change *change, struct error *err)
{
	struct vault *vault = arg;

	switch ((enum table)change->key.bytes[0]) {
	case TABLE_HEAD:
		return head_changed(vault, change, err);
	case TABLE_TOKEN:
		return token_changed(vault, change, err);
	case TABLE_REVOKED:
		return revoked_changed(vault, change, err);
	case TABLE_MOUNT:
		return mount_changed(vault, change, err);
	case TABLE_WRAPPED:
		return wrapped_changed(vault, change, err);
	case TABLE_POLICY:
		return policy_changed(vault, change, err);
	case TABLE_QUOTA:
		return quota_table_change(vault->quotas, change, err);
	case TABLE_SCHEMA:
		pinned_cache_drop(vault->schemas, &change->key);
		break;
	case TABLE_STATE:
	case TABLE_DATA_KEY:
	case TABLE_REVISION:
	case TABLE_POLICY_ROTATION:
	case TABLE_OPERATION:
	case TABLE_SECRET_ID:
	case TABLE_ROLE:
	case TABLE_SETTING:
	case TABLE_IDEMPOTENCY:
	case TABLE_SETTINGS:	/* comes with its head */
	case TABLE_CUBBYHOLE:
		break;
	}
	return ERR_OK;
}

enum error_code vault_load(void *arg, const struct records_change *record, struct error *err)
{
	struct vault *vault = arg;

	if (record->key.bytes[0] == TABLE_HEAD)
		return add_head(vault, record, true, err);
	if (record->key.bytes[0] == TABLE_WRAPPED)
		return add_wrapped(vault, record, err);
	if (record->key.bytes[0] == TABLE_MOUNT)
		return add_mount(vault, record, err);
	if (record->key.bytes[0] == TABLE_POLICY)
		return policy_table_change(vault->policies, record, err);
	if (record->key.bytes[0] == TABLE_REVOKED)
		return add_revoked(vault, record, err);
	if (record->key.bytes[0] == TABLE_TOKEN)
		return add_token(vault, record, err);
	if (record->key.bytes[0] == TABLE_QUOTA)
		return quota_table_change(vault->quotas, record, err);
	return ERR_OK;
}
