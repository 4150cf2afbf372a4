/*
 * A data directory from a backup: filled, then accepted as a fork (accept.h),
 * with every record and revision opened before.
 *
 * The directory is empty and nobody else's (0700); after a failure it holds
 * files that the caller removes with it. Nothing in it is in use before the
 * caller gives it its name. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records/accept.h"
#include "records/backup_format.h"
#include "records/records.h"
#include "vault/error.h"

struct restore_options {
	struct records_options records;	/* its directory; its anchor is written, and read as a witness */
	bool keep_tokens;
	bool accept_loss;		/* as in struct accept_options: a backup may be one of a store that was damaged already */
	void (*lost)(void *arg, const char *text);
	/* Called after each record, with what was read so far. May be NULL. */
	void (*progress)(void *arg, uint64_t bytes, uint64_t records);
	bool (*checking)(void *arg, uint64_t done, uint64_t total);	/* as in struct accept_options */
	void *arg;
};

/*
 * The reader has read its front. ERR_UNSEAL_FAILED: the secret opens no slot of the backup (attempts are not counted: whoever has
 * the file is not slowed down by us). ERR_BACKUP_CUT, ERR_BACKUP_DAMAGED; whatever a start refuses; ERR_STORAGE_FULL, ERR_IO.
 */
enum error_code records_restore(struct backup_reader *reader, const struct slot_secret *secret,
				const struct restore_options *options, struct accept_report *ret, struct error *err) must_check;
