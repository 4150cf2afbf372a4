#include "core/store_jobs.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/mounts.h"
#include "core/vault_state.h"
#include "vault/plural.h"
#include "vault/thread_signals.h"

#define REPORTS 16		/* sentences that wait to be logged */
#define REPORTED_FINDINGS 10	/* of one verify */

static_assert(REPORTED_FINDINGS + 2 <= REPORTS, "one job's sentences find room");
static_assert(JOB_ID_LEN == NONCE_LEN, "a job's id is made as nonces are");

static const char *const paths[STORE_JOBS] = { [JOB_VERIFY] = "sys/verify", [JOB_COMPACT] = "sys/compact" };

struct kept {
	enum job_state state;
	char id[JOB_ID_LEN + 1];
	int64_t started, ended, began, duration_us;
	struct error error;
	struct verify_result verify;
	struct store_compacted compacted;
};

struct store_jobs {
	struct clock_source clock;
	pthread_mutex_t lock;		/* all that follows but the atomics */
	struct kept kept[STORE_JOBS];
	bool ended;			/* nothing begins any more */
	bool has_thread;		/* to be joined */
	pthread_t thread;
	enum store_job running;		/* valid while its state is JOB_RUNNING */
	struct records *records;
	struct job_report reports[REPORTS];
	size_t reports_len;
	int64_t looked, compacted;	/* monotonic; of store_jobs_tick() */
	bool has_looked, has_compacted;
	atomic_bool cancelled;
	atomic_uint_fast64_t done, total;
};

struct store_jobs *store_jobs_new(const struct clock_source *clock)
{
	struct store_jobs *jobs = calloc(1, sizeof(*jobs));

	if (!jobs)
		return NULL;
	jobs->clock = *clock;
	pthread_mutex_init(&jobs->lock, NULL);
	return jobs;
}

static void kept_clear(struct kept *kept)
{
	verify_result_free(&kept->verify);
	*kept = (struct kept){ .state = JOB_NEVER };
}

void store_jobs_forget(struct store_jobs *jobs)
{
	pthread_t thread;
	bool has_thread;

	atomic_store(&jobs->cancelled, true);
	pthread_mutex_lock(&jobs->lock);
	has_thread = jobs->has_thread;
	thread = jobs->thread;
	jobs->has_thread = false;
	pthread_mutex_unlock(&jobs->lock);
	if (has_thread)
		pthread_join(thread, NULL);
	pthread_mutex_lock(&jobs->lock);
	for (unsigned i = 0; i < STORE_JOBS; i++)
		kept_clear(&jobs->kept[i]);
	pthread_mutex_unlock(&jobs->lock);
}

void store_jobs_free(struct store_jobs *jobs)
{
	if (!jobs)
		return;
	store_jobs_forget(jobs);
	pthread_mutex_destroy(&jobs->lock);
	free(jobs);
}

/* -- what is logged ------------------------------------------------------------------------------ */

/* With the lock held. What nobody takes in time is dropped from the end: the first findings say most. */
static void printf_like(3, 4) report(struct store_jobs *jobs, bool is_damage, const char *format, ...)
{
	struct job_report *next = &jobs->reports[jobs->reports_len];
	va_list args;

	if (jobs->reports_len == REPORTS)
		return;
	va_start(args, format);
	(void)vsnprintf(next->text, sizeof(next->text), format, args);
	va_end(args);
	next->is_damage = is_damage;
	jobs->reports_len++;
}

static void report_verify(struct store_jobs *jobs, const struct kept *kept)
{
	const struct verify_result *result = &kept->verify;

	for (size_t i = 0; i < result->len && i < REPORTED_FINDINGS; i++) {
		const struct verify_finding *finding = &result->findings[i];

		report(jobs, true, "%s: table %c, id %.16s, revision %llu: %.300s", error_name(finding->code),
		       finding->table >= 'A' ? finding->table : '0', finding->id[0] ? finding->id : "-",
		       (unsigned long long)finding->revision, finding->text);
	}
	report(jobs, result->found > 0, "verify: %s, %llu record%s and %llu revision%s right, %llu finding%s, %lld ms",
	       kept->state == JOB_DONE ? "done" : kept->error.text[0] ? kept->error.text : "ended",
	       (unsigned long long)result->records, plural(result->records, "", "s"), (unsigned long long)result->revisions,
	       plural(result->revisions, "", "s"), (unsigned long long)result->found, plural(result->found, "", "s"),
	       (long long)(kept->duration_us / 1000));
}

static void report_compact(struct store_jobs *jobs, const struct kept *kept)
{
	const struct store_compacted *result = &kept->compacted;

	if (kept->state == JOB_DONE)
		report(jobs, false, "compact: %llu KiB became %llu KiB, writers waited %lld ms, readers at most %lld ms",
		       (unsigned long long)(result->bytes_before >> 10), (unsigned long long)(result->bytes_after >> 10),
		       (long long)(result->writers_waited_us / 1000), (long long)(result->readers_waited_us / 1000));
	else
		report(jobs, false, "compact: %s", kept->error.text[0] ? kept->error.text : "ended");
}

bool vault_job_report(struct vault *vault, struct job_report *ret)
{
	struct store_jobs *jobs = vault->jobs;
	bool found;

	pthread_mutex_lock(&jobs->lock);
	found = jobs->reports_len > 0;
	if (found) {
		*ret = jobs->reports[0];
		memmove(jobs->reports, jobs->reports + 1, --jobs->reports_len * sizeof(*jobs->reports));
	}
	pthread_mutex_unlock(&jobs->lock);
	return found;
}

/* -- the thread ------------------------------------------------------------------------------------- */

static bool see_progress(void *arg, uint64_t done, uint64_t total)
{
	struct store_jobs *jobs = arg;

	atomic_store_explicit(&jobs->done, done, memory_order_relaxed);
	atomic_store_explicit(&jobs->total, total, memory_order_relaxed);
	return !atomic_load(&jobs->cancelled);
}

static enum error_code work(struct store_jobs *jobs, enum store_job job, struct kept *ret)
{
	const struct verify_options verify = { .progress = see_progress, .arg = jobs };
	const struct compact_options compact = { .progress = see_progress, .arg = jobs };

	switch (job) {
	case JOB_VERIFY:
		return records_verify(jobs->records, &verify, &ret->verify, &ret->error);
	case JOB_COMPACT:
		return records_compact(jobs->records, &compact, &ret->compacted, &ret->error);
	case STORE_JOBS:
		break;
	}
	return ERR_INTERNAL;
}

static void *run(void *arg)
{
	struct store_jobs *jobs = arg;
	enum store_job job = jobs->running;	/* set before the thread was made */
	struct kept result = { .state = JOB_NEVER, .error = ERROR_INIT };
	struct kept *kept = &jobs->kept[job];
	enum error_code code;

	(void)setpriority(PRIO_PROCESS, 0, JOBS_NICE);	/* of this thread alone, on Linux */
	code = work(jobs, job, &result);
	pthread_mutex_lock(&jobs->lock);
	kept->verify = result.verify;
	kept->compacted = result.compacted;
	kept->error = result.error;
	kept->state = code == ERR_OK ? JOB_DONE : code == ERR_CONFLICT && atomic_load(&jobs->cancelled) ? JOB_ENDED : JOB_FAILED;
	kept->ended = jobs->clock.now_us(jobs->clock.arg);
	kept->duration_us = jobs->clock.monotonic_us(jobs->clock.arg) - kept->began;
	if (job == JOB_VERIFY)
		report_verify(jobs, kept);
	else
		report_compact(jobs, kept);
	pthread_mutex_unlock(&jobs->lock);
	return NULL;
}

static bool is_running(const struct store_jobs *jobs)
{
	return jobs->has_thread && jobs->kept[jobs->running].state == JOB_RUNNING;
}

/* The lock is held, and nothing runs. */
static enum error_code start_thread(struct store_jobs *jobs, struct records *records, enum store_job job, struct error *err)
{
	struct kept *kept = &jobs->kept[job];
	sigset_t before;
	int failed;

	if (jobs->has_thread)
		pthread_join(jobs->thread, NULL);	/* it has let go of the lock for the last time */
	jobs->has_thread = false;
	kept_clear(kept);
	nonce_make(kept->id);
	kept->started = jobs->clock.now_us(jobs->clock.arg);
	kept->began = jobs->clock.monotonic_us(jobs->clock.arg);
	kept->state = JOB_RUNNING;
	jobs->running = job;
	jobs->records = records;
	atomic_store(&jobs->cancelled, false);
	atomic_store(&jobs->done, 0);
	atomic_store(&jobs->total, 0);
	thread_signals_block(&before);
	failed = pthread_create(&jobs->thread, NULL, run, jobs);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	jobs->has_thread = failed == 0;
	if (failed == 0)
		return ERR_OK;
	kept_clear(kept);
	return error_set_errno(err, ERR_NO_MEMORY, failed, "start the thread of the job");
}

static enum error_code start(struct store_jobs *jobs, struct records *records, enum store_job job, char *ret_id, bool *ret_began,
			     struct error *err)
{
	pthread_mutex_lock(&jobs->lock);
	*ret_began = !jobs->ended && !is_running(jobs);
	if (jobs->ended)
		error_set(err, ERR_BUSY, "vaultd is stopping: try again when it runs");
	else if (*ret_began)
		(void)start_thread(jobs, records, job, err);
	else if (jobs->running != job)
		error_set(err, ERR_BUSY, "the store is being %s: try again when that is over (%s)",
			  jobs->running == JOB_VERIFY ? "checked" : "compacted", paths[jobs->running]);
	memcpy(ret_id, jobs->kept[job].id, JOB_ID_LEN + 1);
	pthread_mutex_unlock(&jobs->lock);
	return err->code;
}

void vault_end_jobs(struct vault *vault)
{
	pthread_mutex_lock(&vault->jobs->lock);
	vault->jobs->ended = true;
	atomic_store(&vault->jobs->cancelled, true);
	pthread_mutex_unlock(&vault->jobs->lock);
}

void store_jobs_tick(struct store_jobs *jobs, struct records *records)
{
	int64_t now = jobs->clock.monotonic_us(jobs->clock.arg);
	struct error ignored = ERROR_INIT;
	char id[JOB_ID_LEN + 1];
	bool began, look;

	pthread_mutex_lock(&jobs->lock);
	look = (!jobs->has_looked || now - jobs->looked >= COMPACT_LOOK_US) &&
	       (!jobs->has_compacted || now - jobs->compacted >= COMPACT_AGAIN_US);
	if (look) {
		jobs->has_looked = true;
		jobs->looked = now;
	}
	pthread_mutex_unlock(&jobs->lock);
	if (!look || !records_compaction_is_due(records))
		return;
	/* A job that runs is no reason to wait an hour. */
	if (start(jobs, records, JOB_COMPACT, id, &began, &ignored) != ERR_OK)
		return;
	pthread_mutex_lock(&jobs->lock);
	jobs->has_compacted = true;
	jobs->compacted = now;
	pthread_mutex_unlock(&jobs->lock);
}

/* -- the vault's operations ---------------------------------------------------------------------------- */

enum error_code vault_job_start(struct vault *vault, const struct caller *caller, enum store_job job, char ret_id[JOB_ID_LEN + 1],
				bool *ret_began, struct error *err)
{
	vault_use_scope use = {0};

	/* The state lock keeps a seal from coming between the look and the start. */
	if (vault_use_begin(vault, &use, err) != ERR_OK ||
	    vault_decide(caller, CAP_SUDO | CAP_UPDATE, paths[job], err) != ERR_OK)
		return err->code;
	return start(vault->jobs, vault->records, job, ret_id, ret_began, err);
}

void job_status_free(struct job_status *status)
{
	if (status->environments)
		sodium_memzero(status->environments, status->verify.len * sizeof(*status->environments));
	free(status->environments);
	status->environments = NULL;
	verify_result_free(&status->verify);
}

static enum error_code copy_findings(const struct verify_result *from, struct verify_result *ret, struct error *err)
{
	*ret = *from;
	ret->findings = NULL;
	if (from->len == 0)
		return ERR_OK;
	ret->findings = malloc(from->len * sizeof(*ret->findings));
	if (!ret->findings) {
		ret->len = 0;
		return error_set(err, ERR_NO_MEMORY, "no memory is left to tell what was found");
	}
	memcpy(ret->findings, from->findings, from->len * sizeof(*ret->findings));
	return ERR_OK;
}

static enum error_code copy_kept(struct store_jobs *jobs, enum store_job job, struct job_status *ret, struct error *err)
{
	const struct kept *kept = &jobs->kept[job];

	pthread_mutex_lock(&jobs->lock);
	*ret = (struct job_status){ .state = kept->state, .started = kept->started, .ended = kept->ended,
				    .duration_us = kept->duration_us, .error = kept->error, .compacted = kept->compacted };
	memcpy(ret->id, kept->id, sizeof(ret->id));
	if (kept->state == JOB_RUNNING)
		ret->duration_us = jobs->clock.monotonic_us(jobs->clock.arg) - kept->began;
	if (kept->state != JOB_NEVER && jobs->running == job) {
		ret->done = atomic_load(&jobs->done);
		ret->total = atomic_load(&jobs->total);
	}
	(void)copy_findings(&kept->verify, &ret->verify, err);
	pthread_mutex_unlock(&jobs->lock);
	return err->code;
}

/* A mount may have been taken away meanwhile; its environments are named alone then. */
static enum error_code name_environments(struct vault *vault, struct job_status *status, struct error *err)
{
	if (status->verify.len == 0)
		return ERR_OK;
	status->environments = calloc(status->verify.len, sizeof(*status->environments));
	if (!status->environments)
		return error_set(err, ERR_NO_MEMORY, "no memory is left to tell what was found");
	for (size_t i = 0; i < status->verify.len; i++) {
		const struct verify_finding *finding = &status->verify.findings[i];
		struct mount mount;

		if (!finding->has_environment)
			continue;
		if (!mount_table_find(vault->mounts, finding->mount, &mount))
			mount.info.path[0] = '\0';
		(void)snprintf(status->environments[i], sizeof(*status->environments), "%s%s", mount.info.path, finding->path);
	}
	return ERR_OK;
}

enum error_code vault_job_status(struct vault *vault, const struct caller *caller, enum store_job job, struct job_status *ret,
				 struct error *err)
{
	vault_use_scope use = {0};

	if (vault_use_begin(vault, &use, err) != ERR_OK || vault_decide(caller, CAP_SUDO | CAP_READ, paths[job], err) != ERR_OK)
		return err->code;
	if (copy_kept(vault->jobs, job, ret, err) != ERR_OK || name_environments(vault, ret, err) != ERR_OK)
		job_status_free(ret);
	return err->code;
}

enum error_code vault_job_cancel(struct vault *vault, const struct caller *caller, enum store_job job, struct error *err)
{
	struct store_jobs *jobs = vault->jobs;
	vault_use_scope use = {0};

	if (vault_use_begin(vault, &use, err) != ERR_OK || vault_decide(caller, CAP_SUDO | CAP_DELETE, paths[job], err) != ERR_OK)
		return err->code;
	pthread_mutex_lock(&jobs->lock);
	if (is_running(jobs) && jobs->running == job)
		atomic_store(&jobs->cancelled, true);
	pthread_mutex_unlock(&jobs->lock);
	return ERR_OK;
}
