/* Filling a new database: appends in transactions of some size, and one sync at the end. */
#include "store/fill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "store/engine.h"
#include "store/map_faults.h"
#include "vault/files.h"

/* Bytes in one transaction: its pages are in memory until it ends. */
#define FILL_BATCH (32u * 1024 * 1024)

struct store_fill {
	char path[4096];
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	size_t bytes;	/* in the transaction at hand */
};

void store_fill_free(struct store_fill *fill)
{
	if (!fill)
		return;
	if (fill->txn)
		mdb_txn_abort(fill->txn);
	map_faults_remove();
	if (fill->env)
		mdb_env_close(fill->env);
	free(fill);
}

static enum error_code open_new(struct store_fill *fill, size_t max_size, struct error *err)
{
	mode_t mask = umask(077);
	int rc = mdb_env_create(&fill->env);

	/* LMDB reads through its map what it has just written, whatever the disk made of it. */
	map_faults_expect();
	if (rc == 0)
		rc = mdb_env_set_mapsize(fill->env, max_size);
	if (rc == 0)
		rc = mdb_env_open(fill->env, fill->path, MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD | MDB_NOSYNC, 0600);
	umask(mask);
	if (rc == 0)
		rc = mdb_txn_begin(fill->env, NULL, 0, &fill->txn);
	if (rc == 0)
		rc = mdb_dbi_open(fill->txn, NULL, 0, &fill->dbi);
	return rc == 0 ? ERR_OK : database_error(err, rc, "make vault.db");
}

enum error_code store_fill_begin(const char *directory, size_t max_size, struct store_fill **ret, struct error *err)
{
	cleanup_(store_fill_freep) struct store_fill *fill = calloc(1, sizeof(*fill));

	if (!fill)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the store");
	if (snprintf(fill->path, sizeof(fill->path), "%s/" DATABASE_NAME, directory) >= (int)sizeof(fill->path))
		return error_set(err, ERR_CONFIG, "the data directory's path is too long");
	if (store_exists(directory))
		return error_set(err, ERR_EXISTS, "there is a vault.db in %s already", directory);
	if (open_new(fill, max_size, err) != ERR_OK)
		return err->code;
	*ret = take_ptr(fill);
	return ERR_OK;
}

static enum error_code commit(struct store_fill *fill, bool go_on, struct error *err)
{
	int rc = mdb_txn_commit(take_ptr(fill->txn));

	fill->bytes = 0;
	if (rc == 0 && go_on)
		rc = mdb_txn_begin(fill->env, NULL, 0, &fill->txn);
	return rc == 0 ? ERR_OK : database_error(err, rc, "fill vault.db");
}

static int put(struct store_fill *fill, struct store_bytes key, struct store_bytes value, unsigned flags)
{
	MDB_val at = val_of(key.at, key.len), bytes = val_of(value.at, value.len);

	return mdb_put(fill->txn, fill->dbi, &at, &bytes, flags);
}

enum error_code store_fill_append(struct store_fill *fill, struct store_bytes key, struct store_bytes value, struct error *err)
{
	int rc = put(fill, key, value, MDB_APPEND);

	if (rc == MDB_KEYEXIST)
		return error_set(err, ERR_INVALID, "the records to fill vault.db with are not in order");
	if (rc != 0)
		return database_error(err, rc, "fill vault.db");
	fill->bytes += key.len + value.len;
	return fill->bytes >= FILL_BATCH ? commit(fill, true, err) : ERR_OK;
}

enum error_code store_fill_end(struct store_fill *fill, struct store_bytes key, struct store_bytes value, struct error *err)
{
	int rc = put(fill, key, value, MDB_NOOVERWRITE);

	if (rc != 0)
		return database_error(err, rc, "fill vault.db");
	if (commit(fill, false, err) != ERR_OK)
		return err->code;
	rc = mdb_env_sync(fill->env, 1);
	if (rc != 0)
		return database_error(err, rc, "sync vault.db");
	return directory_sync_parent(fill->path, err);
}
