/*
 * Compaction of an unsealed store (store_compact()): what was deleted leaves
 * the file, which becomes as small as what it holds. Part of the contract of
 * records.h.
 *
 * On the way every record is compared with its pin, and the sum and the numbers
 * of all with those of the state, so that nothing that was changed behind our
 * back gets into a new file. Revisions are copied as they are, damaged ones
 * too: records_verify() looks at those. The last transaction of the new file is
 * the state with the next counter, and the anchor follows at once.
 *
 * Old ciphertext is gone from vault.db then. The blocks of the old file are
 * the file system's to reuse.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "records/records.h"
#include "store/store.h"
#include "vault/error.h"

struct compact_options {
	bool (*progress)(void *arg, uint64_t done, uint64_t total);	/* as in verify_options; NULL: none */
	void *arg;
};
/*
 * Waits for it. ERR_SEALED (also when a seal ended it), ERR_BUSY (also while a backup is taken), ERR_STORAGE_FULL, ERR_IO, ERR_CONFLICT as of store_compact();
 * ERR_RECORD or ERR_SET_CHANGED when the store was changed by something else: then nothing is answered any more
 * (records_tampered()). Threads: any but the writer's; the thread must hold no view.
 */
enum error_code records_compact(struct records *records, const struct compact_options *options, struct store_compacted *ret,
				struct error *err) must_check;
/* Whether it is worth while: over 100,000 free pages, or more than half of a file of at least 64 MiB. */
bool records_compaction_is_due(struct records *records);
