/* Opening and closing the LMDB environment, and what its results mean. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "store/engine.h"
#include "store/map_faults.h"
#include "vault/files.h"

enum error_code database_code(int rc)
{
	switch (rc) {
	case MDB_MAP_FULL:
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ERR_STORAGE_FULL;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_MAP_RESIZED:	/* nobody else has it open: a damaged meta page says that it is larger than the map */
	case MDB_CURSOR_FULL:
		return ERR_STORE_DAMAGED;
	case MDB_VERSION_MISMATCH:
		return ERR_FORMAT_NEWER;
	case MDB_READERS_FULL:
	case MDB_PANIC:		/* a commit has just failed, the reopening begins */
		return ERR_BUSY;
	case ENOMEM:
		return ERR_NO_MEMORY;
	case EACCES:
	case EPERM:
		return ERR_PERMISSION;
	default:
		return ERR_IO;
	}
}

enum error_code database_error(struct error *err, int rc, const char *what)
{
	return error_set(err, database_code(rc), "%s: %s", what, mdb_strerror(rc));
}

/* The environment's descriptors are opened without close-on-exec. */
static void close_on_exec(MDB_env *env)
{
	int fd;

	if (mdb_env_get_fd(env, &fd) == 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static enum error_code check_place(const char *path, int fd, struct error *err)
{
	struct statfs place;
	struct stat info;
	const char *remote;

	if (fstatfs(fd, &place) == 0 && (remote = remote_file_system((uint64_t)place.f_type)) != NULL)
		return error_set(err, ERR_CONFIG, "%s is on %s; the store needs a local file system", path, remote);
	if (fstat(fd, &info) != 0)
		return error_set_errno(err, ERR_IO, errno, "look at %s", path);
	if (!S_ISREG(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077))
		return error_set(err, ERR_PERMISSION, "%s must be a regular file of yours with mode 0600: chmod 600 %s", path, path);
	return ERR_OK;
}

/* Pages that LMDB counts and did not write are made, so that the file is as long as it says. */
static enum error_code lengthen(const struct store *store, const struct store_meta *meta, struct error *err)
{
	cleanup_(fd_closep) int fd = open(store->path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 || ftruncate(fd, (off_t)(meta->last_page + 1) * (off_t)STORE_PAGE) != 0)
		return error_set_errno(err, ERR_IO, errno, "lengthen %s", store->path);
	return ERR_OK;
}

/* What must hold before LMDB maps the file. *ret_fresh: there is nothing yet, or nothing was ever committed to what is there. */
static enum error_code check_file(struct store *store, bool create, bool walk, bool *ret_fresh, uint64_t *ret_txn_id,
				  struct error *err)
{
	cleanup_(fd_closep) int fd = open(store->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct store_meta meta;
	struct stat info;

	*ret_fresh = false;
	if (fd < 0 && errno == ENOENT && create) {
		*ret_fresh = true;
		return ERR_OK;
	}
	if (fd < 0)
		return error_set_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open %s", store->path);
	if (check_place(store->path, fd, err) != ERR_OK)
		return err->code;
	if (fstat(fd, &info) != 0)
		return error_set_errno(err, ERR_IO, errno, "look at %s", store->path);
	*ret_fresh = create && (info.st_size == 0 || meta_is_unused(fd));
	if (*ret_fresh)
		return ERR_OK;
	if (meta_check(fd, (uint64_t)info.st_size, &meta, err) != ERR_OK)
		return err->code;
	*ret_txn_id = meta.txn_id;
	/* Without a walk it is reopened by the process that wrote it: LMDB writes its meta page after all others. */
	if (walk && structure_check(fd, store->lock_fd, &meta, err) != ERR_OK)
		return err->code;
	return meta_is_longer(&meta) ? lengthen(store, &meta, err) : ERR_OK;
}

/* LMDB writes its table of readers into whatever is there, behind a symbolic link as well. */
static enum error_code check_readers_file(const struct store *store, struct error *err)
{
	char path[PATH_MAX];
	struct stat info;

	if (snprintf(path, sizeof(path), "%s-lock", store->path) >= (int)sizeof(path))
		return error_set(err, ERR_CONFIG, "the data directory's path is too long");
	if (lstat(path, &info) != 0)
		return errno == ENOENT ? ERR_OK : error_set_errno(err, ERR_IO, errno, "look at %s", path);
	if (!S_ISREG(info.st_mode))
		return error_set(err, ERR_PERMISSION, "%s is not a regular file: remove it", path);
	return ERR_OK;
}

int database_configure(const struct store *store, MDB_env *env)
{
	int rc = mdb_env_set_mapsize(env, store->max_size);

	if (rc == 0)
		rc = mdb_env_set_maxreaders(env, store->max_readers + 2);	/* the writer's own, and a hook's */
	return rc == 0 ? map_faults_watch(env) : rc;
}

/* *ret is to be closed also after a failure. */
static enum error_code open_environment(const struct store *store, const char *path, unsigned flags, MDB_env **ret, struct error *err)
{
	mode_t mask = umask(077);
	int rc = mdb_env_create(ret);

	if (rc == 0)
		rc = database_configure(store, *ret);
	if (rc == 0)
		rc = mdb_env_open(*ret, path, MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD | flags, 0600);
	umask(mask);
	return rc == 0 ? ERR_OK : database_error(err, rc, "open vault.db");
}

static enum error_code sync_file(const char *path, struct error *err)
{
	cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fsync(fd) != 0)
		return error_set_errno(err, ERR_IO, errno, "bring %s to the disk", path);
	return ERR_OK;
}

enum error_code database_remove_new(const struct store *store, struct error *err)
{
	if (unlink(store->new_path) != 0 && errno != ENOENT)
		return error_set_errno(err, ERR_IO, errno, "remove %s", store->new_path);
	return ERR_OK;
}

/* An empty database under a name that nothing opens. */
static enum error_code make_empty(const struct store *store, struct error *err)
{
	MDB_env *env = NULL;
	enum error_code code = database_remove_new(store, err);

	if (code == ERR_OK)
		code = open_environment(store, store->new_path, MDB_NOLOCK, &env, err);
	if (env)
		mdb_env_close(env);
	return code == ERR_OK ? sync_file(store->new_path, err) : code;
}

/*
 * A new database. LMDB writes its meta pages and leaves it to the first commit to sync them: a power cut before that could leave
 * a file that no start accepts. So the file gets its name when it is whole on the disk.
 */
static enum error_code make_database(const struct store *store, struct error *err)
{
	struct error ignored = ERROR_INIT;

	if (make_empty(store, err) != ERR_OK) {
		(void)!database_remove_new(store, &ignored);
		return err->code;
	}
	if (rename(store->new_path, store->path) != 0)
		return error_set_errno(err, ERR_IO, errno, "make %s", store->path);
	return directory_sync_parent(store->path, err);
}

static enum error_code open_records(struct store *store, struct error *err)
{
	MDB_txn *txn;
	int dead, rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);

	if (rc != 0)
		return database_error(err, rc, "read vault.db");
	rc = mdb_dbi_open(txn, NULL, 0, &store->dbi);
	if (rc == 0)
		map_faults_add(txn, store->dbi);
	mdb_txn_abort(txn);
	if (rc != 0)
		return database_error(err, rc, "read vault.db");
	(void)mdb_reader_check(store->env, &dead);
	return ERR_OK;
}

enum error_code database_open(struct store *store, bool create, bool walk, struct error *err)
{
	uint64_t txn_id = 0;
	MDB_envinfo info;
	bool fresh;

	if (check_file(store, create, walk, &fresh, &txn_id, err) != ERR_OK)
		return err->code;
	if (check_readers_file(store, err) != ERR_OK)
		return err->code;
	map_faults_expect();
	if ((fresh && make_database(store, err) != ERR_OK) ||
	    open_environment(store, store->path, 0, &store->env, err) != ERR_OK || open_records(store, err) != ERR_OK) {
		database_close(store);
		return err->code;
	}
	close_on_exec(store->env);
	/* LMDB must have taken the state that was checked. */
	if (mdb_env_info(store->env, &info) != 0 || info.me_last_txnid != txn_id) {
		database_close(store);
		return error_set(err, ERR_STORE_DAMAGED, "vault.db does not open at its newest state; restore a copy");
	}
	return ERR_OK;
}

void database_close(struct store *store)
{
	snapshots_drop(store);
	map_faults_remove();
	if (store->env)
		mdb_env_close(store->env);
	store->env = NULL;
}

int database_free_pages(MDB_txn *txn, uint64_t *ret)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	uint64_t pages = 0;
	int rc = mdb_cursor_open(txn, 0, &cursor);	/* the free list is the database with number 0 */

	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		size_t count = 0;

		if (value.mv_size >= sizeof(count))
			memcpy(&count, value.mv_data, sizeof(count));
		pages += count;
	}
	mdb_cursor_close(cursor);
	*ret = pages;
	return rc == MDB_NOTFOUND ? 0 : rc;
}
