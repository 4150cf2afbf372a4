/*
 * The whole check of an unsealed store while it is used: what an unseal looks
 * at, and besides every revision opened. Part of the contract of records.h.
 *
 * First the tree of pages and the list of free pages are walked, on one snapshot
 * and with reads of this check's own (store_check_structure()): a damaged tree
 * makes LMDB, which everything else reads through, crash. When it is damaged,
 * that is the one finding. A start does the same in a child before it has keys;
 * the daemon does not fork while it runs.
 *
 * Then, on one snapshot and without opening anything: the state record opens
 * and names the snapshot's transaction; the sum of all records but revisions is
 * the state's, and so are the numbers of records and of revisions; no revision
 * belongs to an environment that is not there. This costs half a microsecond a
 * record that is not a revision, and 0.1 s for a million revisions (more when
 * the file is not in memory).
 *
 * Then, on one snapshot after the other: every record is compared with its pin
 * and opened, each head stands in its place, its revisions are all there, none
 * besides, and each opens and has the head's pin. A snapshot is given up after
 * VERIFY_SLICE_BYTES or VERIFY_SLICE_US, whichever comes first, and at a head's
 * revision as well as between records. So a seal waits for no more than one
 * record, a rotation of keys and the reuse of pages for no more than one slice:
 * the file grows by what is written in that time, and not by what is written
 * while the check runs. The writer and the readers never wait for it.
 *
 * Renewing a snapshot takes nothing away from the result. The walk goes up in
 * key order: a record that is there from the beginning to its turn is checked
 * at its turn, against the pins of the very snapshot that is read (pins.h). What
 * is put meanwhile behind the place of the walk was sealed by this process a
 * moment before; what is put in front of it is checked. A head whose revisions
 * are only half done is read anew, and goes on with the next revision; those
 * that it has let go of since are not missed.
 *
 * Memory: one record, and the findings. No list of records or environments.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records/records.h"
#include "records/tables.h"
#include "vault/error.h"
#include "vault/limits.h"

#define VERIFY_FINDINGS_MAX 100	/* that are told; the others are counted */
#define VERIFY_SLICE_BYTES (16u * 1024 * 1024)	/* opened on one snapshot; one record may exceed it */
#define VERIFY_SLICE_US INT64_C(100000)

struct verify_finding {
	/*
	 * ERR_RECORD (changed, moved, put back or malformed), ERR_SET_CHANGED (removed or added), ERR_REVISION_MISSING,
	 * ERR_REVISION_UNKNOWN, ERR_STATE_DAMAGED, ERR_STORE_DAMAGED, ERR_STORE_FOREIGN or ERR_FORMAT_NEWER
	 */
	enum error_code code;
	uint8_t table;			/* of enum table; 0 when it is not of one */
	char id[2 * ID_LEN + 1];	/* hex of what follows the table in the key; of an environment its eid; "" without one */
	bool has_environment;		/* then: */
	uint8_t mount[ID_LEN];
	char path[LIMIT_ENV_PATH_LEN + 1];
	uint64_t revision;		/* 0: none */
	char text[ERROR_TEXT_MAX];	/* one sentence; never a value */
};

struct verify_result {
	struct verify_finding *findings;	/* in the order in which they were found */
	size_t len;
	uint64_t found;		/* of all, also those that are not in the list */
	uint64_t records, revisions;	/* opened and right */
	/*
	 * A record that is not a revision differs from what this process has in memory, or the structure is damaged: somebody else
	 * writes to the store, or the next commit might spread the damage.
	 */
	bool tampered;
};
/* Wipes. Not the structure itself. */
void verify_result_free(struct verify_result *result);

struct verify_options {
	/*
	 * Called for each record; must be quick, and must not call records/. done of total: records and revisions; what is
	 * written meanwhile may let done end a little beside total. False ends the check with ERR_CONFLICT.
	 */
	bool (*progress)(void *arg, uint64_t done, uint64_t total);	/* NULL: none */
	void *arg;
};
/*
 * Waits until everything was looked at. ERR_OK also when there are findings: look at ret->found. Otherwise ERR_SEALED (a seal
 * came), ERR_CONFLICT (progress() ended it), ERR_NO_MEMORY, ERR_BUSY (no reader is free), ERR_IO; ret has then what was found so
 * far. ret is set in every case and is the caller's to free.
 *
 * With ret->tampered the store answers nothing any more (records_tampered()), as when a read had found it. Damaged revisions do
 * not have this effect: each is refused when it is read.
 *
 * Threads: any but the writer's; the thread must hold no view.
 */
enum error_code records_verify(struct records *records, const struct verify_options *options, struct verify_result *ret,
			       struct error *err) must_check;
