/*
 * The thread behind vault_jobs.h. Internal to core/.
 *
 * Its lock is a leaf. The thread takes no lock of the vault, so that a seal,
 * which holds `state`, may wait for it.
 */
#pragma once

#include "core/vault_jobs.h"
#include "records/records.h"
#include "vault/attributes.h"
#include "vault/clock.h"

struct store_jobs;
void store_jobs_free(struct store_jobs *jobs);	/* ends what runs; NULL is allowed. Before the records are closed */
struct store_jobs *store_jobs_new(const struct clock_source *clock) owned_by(store_jobs_free);

/* Ends what runs, waits for it, and forgets what was found. At a seal, after that of records/, which is what ends it fast. */
void store_jobs_forget(struct store_jobs *jobs);
/* From vault_tick(): compacts by itself when it is worth while, at most once in COMPACT_AGAIN_US. */
void store_jobs_tick(struct store_jobs *jobs, struct records *records);

#define COMPACT_LOOK_US (INT64_C(60) * 1000000)	/* counting free pages reads all of their list */
#define COMPACT_AGAIN_US (INT64_C(3600) * 1000000)
