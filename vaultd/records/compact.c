#include "records/compact.h"

#include <sodium.h>
#include <string.h>

#include "records/sealed_store.h"
#include "records/value.h"

/* A large value needs free pages in a row; from about here on LMDB's search for them is what a commit takes its time for. */
#define DUE_FREE_PAGES 100000
#define DUE_FILE_BYTES (UINT64_C(64) * 1024 * 1024)
#define PAGE_BYTES 4096

/* On the writer thread, between two commits: `state` and the newest pins are those of the snapshot that is copied. */
struct copied {
	struct records *records;
	const struct compact_options *options;
	uint8_t sum[64];
	uint64_t live, revisions;
};

static enum error_code refuse(struct records *records, enum error_code code, const char *text, struct error *err)
{
	atomic_store(&records->broken, true);
	return error_set(err, code, "%s; the file was not replaced, and nothing is answered until the vault is sealed and unsealed again",
			 text);
}

static enum error_code take_record(void *arg, struct store_bytes at, struct store_bytes value, struct error *err)
{
	struct copied *copied = arg;
	uint8_t pin[PIN_LEN], element[64];

	if (at.len == 1 && at.at[0] == TABLE_STATE)
		return ERR_OK;
	if (at.at[0] == TABLE_REVISION) {
		copied->revisions++;
		return ERR_OK;
	}
	if (value.len < VALUE_OVERHEAD || !pins_find(copied->records->pins, UINT64_MAX, at.at, at.len, pin) ||
	    memcmp(pin, value.at + VALUE_PIN_OFFSET, PIN_LEN) != 0)
		return refuse(copied->records, ERR_RECORD, "a record was added, changed or put back by something else than vaultd", err);
	accumulator_element(copied->records->base.accumulator, at.at, at.len, value.at, element);
	accumulator_add(copied->sum, element);
	sodium_memzero(element, sizeof(element));
	copied->live++;
	return ERR_OK;
}

static enum error_code compare_set(void *arg, struct error *err)
{
	struct copied *copied = arg;
	const struct state_record *state = &copied->records->state;

	if (copied->live == state->n_live && copied->revisions == state->n_revisions &&
	    memcmp(copied->sum, state->accumulator, sizeof(copied->sum)) == 0)
		return ERR_OK;
	return refuse(copied->records, ERR_SET_CHANGED, "records were removed or added by something else than vaultd", err);
}

static bool show_progress(void *arg, uint64_t done, uint64_t total)
{
	const struct compact_options *options = ((struct copied *)arg)->options;

	return !options->progress || options->progress(options->arg, done, total);
}

enum error_code records_compact(struct records *records, const struct compact_options *options, struct store_compacted *ret,
				struct error *err)
{
	struct copied copied = { .records = records, .options = options };
	const struct store_compaction compaction = { .each = take_record, .all = compare_set, .progress = show_progress, .arg = &copied };
	struct error failure = ERROR_INIT;

	*ret = (struct store_compacted){ 0 };
	if (atomic_load(&records->sealed))
		return error_set(err, ERR_SEALED, "Vault is sealed");
	if (atomic_load(&records->broken))
		return error_set(err, ERR_RECORD, "the store was changed by something else than vaultd; seal it and look at the log");
	if (!backups_keep_out(records))
		return error_set(err, ERR_BUSY, "a backup is being taken, or another compaction runs: compact when it is over");
	const enum error_code code = store_compact(records->store, &compaction, ret, err);
	backups_let_in(records);
	if (code == ERR_OK && anchor_tick(records, &failure) != ERR_OK)
		error_clear(&failure);	/* it is noted, and tried again within a second */
	sodium_memzero(copied.sum, sizeof(copied.sum));
	return code;
}

bool records_compaction_is_due(struct records *records)
{
	struct records_health health;

	records_health(records, &health);
	if (health.sealed || !health.writable)
		return false;
	return health.free_pages > DUE_FREE_PAGES ||
	       (health.file_bytes >= DUE_FILE_BYTES && health.free_pages > health.file_bytes / PAGE_BYTES / 2);
}
