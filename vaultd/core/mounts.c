#include "core/mounts.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/vault_state.h"
#include "vault/limits.h"

#define MIGRATIONS 32

struct mount_table {
	pthread_rwlock_t lock;
	struct mount *mounts;	/* those that are going last, else sorted by path */
	size_t len, live;
	struct mount_migration migrations[MIGRATIONS];	/* a ring */
	size_t migrations_next;
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
	table->len = table->live = 0;
	sodium_memzero(table->migrations, sizeof(table->migrations));
	table->migrations_next = 0;
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

/* -- keeping ------------------------------------------------------------- */

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

	return left->going != right->going ? (left->going ? 1 : -1) : strcmp(left->info.path, right->info.path);
}

static void count_live(struct mount_table *table)
{
	table->live = 0;
	while (table->live < table->len && !table->mounts[table->live].going)
		table->live++;
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
	count_live(table);
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
		count_live(table);
	}
	pthread_rwlock_unlock(&table->lock);
}

/* -- finding ------------------------------------------------------------- */

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

bool mount_table_going(struct mount_table *table, struct mount *ret)
{
	bool any;

	pthread_rwlock_rdlock(&table->lock);
	any = table->live < table->len;
	if (any)
		*ret = table->mounts[table->live];
	pthread_rwlock_unlock(&table->lock);
	return any;
}

/* The first len bytes of text with a slash behind them, against a mount's path. */
static int compare_prefix(const char *text, size_t len, const struct mount *mount)
{
	int order = strncmp(text, mount->info.path, len);

	if (order != 0)
		return order;
	if (mount->info.path[len] != '/')
		return '/' - mount->info.path[len];
	return mount->info.path[len + 1] == '\0' ? 0 : -1;
}

static const struct mount *at_locked(const struct mount_table *table, const char *text, size_t len)
{
	size_t low = 0, high = table->live;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_prefix(text, len, &table->mounts[middle]);

		if (order == 0)
			return &table->mounts[middle];
		if (order > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* "secret/" holds "secret", "secret/" and "secret/data/x"; the longest one counts. */
static const struct mount *holding_locked(const struct mount_table *table, const char *path)
{
	const struct mount *best = NULL;
	size_t len;

	for (len = 0; len < LIMIT_MOUNT_PATH_LEN; len++) {
		if (len > 0 && (path[len] == '/' || path[len] == '\0')) {
			const struct mount *mount = at_locked(table, path, len);

			best = mount ? mount : best;
		}
		if (path[len] == '\0')
			break;
	}
	return best;
}

bool mount_table_holding(struct mount_table *table, const char *path, struct mount *ret)
{
	const struct mount *mount;

	pthread_rwlock_rdlock(&table->lock);
	mount = holding_locked(table, path);
	if (mount)
		*ret = *mount;
	pthread_rwlock_unlock(&table->lock);
	return mount != NULL;
}

bool mount_table_at(struct mount_table *table, const char *path, struct mount *ret)
{
	size_t len = strlen(path);
	const struct mount *mount;

	if (len > 0 && path[len - 1] == '/')
		len--;
	pthread_rwlock_rdlock(&table->lock);
	mount = len < LIMIT_MOUNT_PATH_LEN ? at_locked(table, path, len) : NULL;
	if (mount)
		*ret = *mount;
	pthread_rwlock_unlock(&table->lock);
	return mount != NULL;
}

bool mount_table_is_current(struct mount_table *table, const struct mount_info *info)
{
	const struct mount *mount;
	bool current;

	pthread_rwlock_rdlock(&table->lock);
	mount = info->path[0] != '\0' ? at_locked(table, info->path, strlen(info->path) - 1) : NULL;
	current = mount && memcmp(mount->info.uuid, info->uuid, ID_LEN) == 0;
	pthread_rwlock_unlock(&table->lock);
	return current;
}

enum error_code mount_table_all(struct mount_table *table, struct mount_info **ret, size_t *ret_len, struct error *err)
{
	struct mount_info *all;
	size_t len;

	pthread_rwlock_rdlock(&table->lock);
	len = table->live;
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

/* -- what was moved ------------------------------------------------------ */

void mount_table_moved(struct mount_table *table, const struct mount_migration *migration)
{
	pthread_rwlock_wrlock(&table->lock);
	table->migrations[table->migrations_next++ % MIGRATIONS] = *migration;
	pthread_rwlock_unlock(&table->lock);
}

bool mount_table_migration(struct mount_table *table, const char *id, struct mount_migration *ret)
{
	bool found = false;

	pthread_rwlock_rdlock(&table->lock);
	for (size_t i = 0; i < MIGRATIONS && !found && id[0] != '\0'; i++) {
		found = strcmp(table->migrations[i].id, id) == 0;
		if (found)
			*ret = table->migrations[i];
	}
	pthread_rwlock_unlock(&table->lock);
	return found;
}

/* -- operations ---------------------------------------------------------- */

static enum error_code list(struct vault *vault, const struct caller *caller, const char *api_path,
			    struct mount_info **ret, size_t *ret_len, struct error *err)
{
	vault_use_scope use = {0};

	if (vault_use_begin(vault, &use, err) != ERR_OK || vault_decide(caller, CAP_READ, api_path, err) != ERR_OK)
		return err->code;
	return mount_table_all(vault->mounts, ret, ret_len, err);
}

enum error_code vault_mounts(struct vault *vault, const struct caller *caller, struct mount_info **ret, size_t *ret_len,
			     struct error *err)
{
	return list(vault, caller, "sys/mounts", ret, ret_len, err);
}

enum error_code vault_auth_mounts(struct vault *vault, const struct caller *caller, struct mount_info **ret,
				  size_t *ret_len, struct error *err)
{
	return list(vault, caller, "sys/auth", ret, ret_len, err);
}

static enum error_code find(struct vault *vault, const char *path, struct mount_info *ret,
			    bool (*look)(struct mount_table *table, const char *path, struct mount *ret), struct error *err)
{
	vault_use_scope use = {0};
	struct mount mount;

	if (vault_use_begin(vault, &use, err) != ERR_OK)
		return err->code;
	if (!look(vault->mounts, path, &mount))
		return error_set(err, ERR_NOT_FOUND, "no mount holds this path");
	*ret = mount.info;
	return ERR_OK;
}

enum error_code vault_mount_of(struct vault *vault, const char *path, struct mount_info *ret, struct error *err)
{
	return find(vault, path, ret, mount_table_holding, err);
}

enum error_code vault_mount_at(struct vault *vault, const char *path, struct mount_info *ret, struct error *err)
{
	return find(vault, path, ret, mount_table_at, err);
}

/* resolved/ shows what is below secret/ and is decided there. */
static bool may_know(const struct caller *caller, const struct mount_info *mount)
{
	const char *prefix = strcmp(mount->path, MOUNT_RESOLVED) == 0 ? MOUNT_DEFAULT : mount->path;

	if (caller->kind == CALLER_ANONYMOUS)
		return false;
	return caller->root || (caller->acl && acl_any_below(caller->acl, prefix));
}

enum error_code vault_mounts_visible(struct vault *vault, const struct caller *caller, struct mount_info **ret,
				     size_t *ret_len, struct error *err)
{
	vault_use_scope use = {0};
	size_t kept = 0;

	if (vault_use_begin(vault, &use, err) != ERR_OK || mount_table_all(vault->mounts, ret, ret_len, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < *ret_len; i++)
		if ((*ret)[i].listed || may_know(caller, &(*ret)[i]))
			(*ret)[kept++] = (*ret)[i];
	*ret_len = kept;
	return ERR_OK;
}

enum error_code vault_mount_visible(struct vault *vault, const struct caller *caller, const char *path,
				    struct mount_info *ret, struct error *err)
{
	vault_use_scope use = {0};
	struct mount mount;

	if (vault_use_begin(vault, &use, err) != ERR_OK)
		return err->code;
	if (!mount_table_holding(vault->mounts, path, &mount) || !may_know(caller, &mount.info))
		return error_set(err, ERR_DENIED, "permission denied");
	*ret = mount.info;
	return ERR_OK;
}

enum error_code vault_mount_migration(struct vault *vault, const struct caller *caller, const char *id,
				      struct mount_migration *ret, struct error *err)
{
	vault_use_scope use = {0};
	char path[sizeof("sys/remount/status/") + sizeof(ret->id)];

	snprintf(path, sizeof(path), "sys/remount/status/%s", id);
	if (vault_use_begin(vault, &use, err) != ERR_OK || vault_decide(caller, CAP_READ, path, err) != ERR_OK)
		return err->code;
	if (!mount_table_migration(vault->mounts, id, ret))
		return error_set(err, ERR_NOT_FOUND, "there was no such remount since the last unseal");
	return ERR_OK;
}

enum error_code vault_mount_current(struct vault *vault, const struct mount_info *mount, struct error *err)
{
	return mount_table_is_current(vault->mounts, mount) ? ERR_OK :
							      error_set(err, ERR_NOT_FOUND, "the mount is gone");
}

static enum error_code find_kv(struct vault *vault, const struct mount_info *mount, unsigned version, struct mount *ret,
			       struct error *err)
{
	if (!mount_table_find(vault->mounts, mount->uuid, ret) || ret->going || strcmp(ret->info.path, mount->path) != 0)
		return error_set(err, ERR_NOT_FOUND, "the mount is gone");
	if (ret->info.version != version || ret->class_ != MOUNT_SECRET)
		return error_set(err, ERR_INVALID, "the mount %s is not a KV version %u mount", ret->info.path, version);
	return ERR_OK;
}

enum error_code vault_kv_mount(struct vault *vault, const struct mount_info *mount, struct mount *ret,
			       struct error *err)
{
	return find_kv(vault, mount, 2, ret, err);
}

enum error_code vault_kv1_mount(struct vault *vault, const struct mount_info *mount, struct mount *ret,
				struct error *err)
{
	if (find_kv(vault, mount, 1, ret, err) != ERR_OK)
		return err->code;
	ret->config = (struct kv_config){ .max_versions = 1 };
	return ERR_OK;
}
