/*
 * A backup of the unsealed store: one consistent state, while everything else
 * goes on. Part of the contract of records.h.
 *
 * It is one snapshot, kept until the end: readers and the writer do not notice,
 * but pages that are freed meanwhile cannot be used again, so the file grows by
 * what is written during the backup. Whoever takes the stream must not stop
 * taking it for long. It waits for a compaction that is under way, and none
 * begins during a backup.
 *
 * What is copied is compared with the state's accumulator and counts on the
 * way: a backup of a store that was tampered with fails, and gets no end.
 */
#pragma once

#include <stdbool.h>

#include "records/backup_format.h"
#include "records/records.h"
#include "vault/error.h"

/*
 * Writes the whole stream with write(), on the calling thread, which must be one that may take as long as it takes (never an
 * event thread). ret_front (may be NULL) is filled before the first byte is written. write() may block, but must look at
 * records_backup_recalled() at least some times a second and fail then.
 *
 * ERR_SEALED: the vault was sealed, or stops; ERR_BUSY: the store is being opened again after a failed commit; ERR_RECORD,
 * ERR_SET_CHANGED: the store is not what it says it is; the error of write().
 */
enum error_code records_backup(struct records *records, backup_write *write, void *arg, struct backup_front *ret_front,
			       struct error *err) must_check;
/* Whether a backup that is under way must end now. Any thread, while records_backup() runs. */
bool records_backup_recalled(struct records *records);
