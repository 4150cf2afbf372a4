/*
 * Work on the whole store that takes seconds or minutes: the check of
 * everything (verify) and compaction. Part of the contract of vault.h.
 *
 * One job runs at a time, on a thread of its own with low priority, while the
 * vault answers; sealing ends it. What the last one of each kind found is kept
 * until the next one of the kind begins or the vault is sealed: findings name
 * environments.
 *
 * A verify that finds a record changed behind the daemon's back (not just a
 * damaged revision) makes the vault seal itself, as a read of it does; what was
 * found is then in the log, by way of vault_job_report().
 *
 * Threads: any; all functions but vault_job_start() return at once, and that one
 * waits at most for a thread to be made.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/caller.h"
#include "records/compact.h"
#include "records/verify.h"
#include "vault/error.h"
#include "vault/limits.h"

struct vault;

enum store_job { JOB_VERIFY, JOB_COMPACT, STORE_JOBS };
enum job_state {
	JOB_NEVER,	/* since the vault was unsealed */
	JOB_RUNNING,
	JOB_DONE,	/* a verify also when it has findings */
	JOB_ENDED,	/* by vault_job_cancel() */
	JOB_FAILED,	/* see error */
};

#define JOBS_NICE 10	/* of threads that go through the whole store, so that requests come first */
#define JOB_ID_LEN 36	/* UUID text */

struct job_status {
	enum job_state state;
	char id[JOB_ID_LEN + 1];	/* "" for JOB_NEVER, as all that follows is 0 */
	uint64_t done, total;		/* records and revisions */
	int64_t started, ended;		/* ended 0: runs */
	int64_t duration_us;		/* so far, of a clock that nobody sets */
	struct error error;		/* of JOB_FAILED */
	struct verify_result verify;	/* of JOB_VERIFY, when it is over; the status's own */
	char (*environments)[LIMIT_MOUNT_PATH_LEN + LIMIT_ENV_PATH_LEN + 1];	/* of each finding, with its mount; "": none */
	struct store_compacted compacted;	/* of JOB_COMPACT, when it is done */
};
void job_status_free(struct job_status *status);	/* wipes */

/* Sudo and update on sys/verify or sys/compact. *ret_began false: one of the kind runs already, and *ret_id is its. ERR_BUSY when
 * one of the other kind runs. */
enum error_code vault_job_start(struct vault *vault, const struct caller *caller, enum store_job job, char ret_id[JOB_ID_LEN + 1],
				bool *ret_began, struct error *err) must_check;
/* Sudo and read. */
enum error_code vault_job_status(struct vault *vault, const struct caller *caller, enum store_job job, struct job_status *ret,
				 struct error *err) must_check;
/* Sudo and delete. Ends one that runs, a moment later; ERR_OK when none does. */
enum error_code vault_job_cancel(struct vault *vault, const struct caller *caller, enum store_job job, struct error *err) must_check;

/* Before the vault is closed: one that runs ends a moment later, and none begins any more (ERR_BUSY). Changes that wait for a
 * compaction, and a backup, go on then. */
void vault_end_jobs(struct vault *vault);

/* What is to be logged of jobs, a sentence at a time, without names of environments; false when there is nothing new. For the
 * thread of vault_tick(). */
struct job_report {
	bool is_damage;
	char text[ERROR_TEXT_MAX];
};
bool vault_job_report(struct vault *vault, struct job_report *ret);
