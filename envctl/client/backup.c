#include "client/backup.h"

#include "client/call.h"

struct transfer {
	struct backup_walk *walk;
	backup_take *take;
	void *arg;
};

static enum error_code take_piece(void *arg, const char *bytes, size_t len, struct error *err)
{
	struct transfer *transfer = arg;

	if (backup_walk_feed(transfer->walk, bytes, len, err) != ERR_OK)
		return err->code;
	return transfer->take(transfer->arg, bytes, len, err);
}

enum error_code client_backup(struct vault_client *client, backup_take *take, void *arg, struct backup_walk *walk,
			      struct error *err)
{
	struct transfer transfer = {.walk = walk, .take = take, .arg = arg};
	const struct call call = {.method = "GET", .target = "sys/backup", .take = take_piece, .take_arg = &transfer};
	struct error failure = ERROR_INIT;

	if (call_expecting(client, &call, "the backup", NULL, &failure) == ERR_OK)
		return backup_walk_end(walk, err);
	/* Behind the first bytes the reason stands in the daemon's log only: it was sealed, or stopped, or the store is damaged. */
	if (failure.code == ERR_PROTOCOL && walk->bytes > 0)
		return error_set(err, ERR_BACKUP_CUT,
				 "the backup ended after %llu bytes without its end: the vault was sealed or stopped, or its store is damaged "
				 "(see the daemon's log)", (unsigned long long)walk->bytes);
	return error_set(err, failure.code, "%s", failure.text);
}
