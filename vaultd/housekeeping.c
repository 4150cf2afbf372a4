#include "housekeeping.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/vault_jobs.h"
#include "log.h"

struct housekeeping {
	struct vault *vault;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool ends;
};

static bool wait_a_second(struct housekeeping *housekeeping)
{
	struct timespec until;
	bool ends;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	pthread_mutex_lock(&housekeeping->lock);
	if (!housekeeping->ends)
		(void)pthread_cond_clockwait(&housekeeping->wake, &housekeeping->lock, CLOCK_MONOTONIC, &until);
	ends = housekeeping->ends;
	pthread_mutex_unlock(&housekeeping->lock);
	return !ends;
}

/* Before the vault seals itself for what one of them found, and after. */
static void log_jobs(struct vault *vault)
{
	struct job_report report;

	while (vault_job_report(vault, &report))
		log_event(report.is_damage ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "store_job", "%s", report.text);
}

static void *run(void *arg)
{
	struct housekeeping *housekeeping = arg;

	while (wait_a_second(housekeeping)) {
		vault_tick(housekeeping->vault);
		log_jobs(housekeeping->vault);
		if (vault_seal_tampered(housekeeping->vault))
			log_event(LOG_LEVEL_ERROR, "sealed_itself",
				  "the store was changed by something else than vaultd; an unseal will say what was found");
	}
	return NULL;
}

enum error_code housekeeping_start(struct vault *vault, struct housekeeping **ret, struct error *err)
{
	struct housekeeping *housekeeping = calloc(1, sizeof(*housekeeping));
	int failed;

	if (!housekeeping)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the housekeeping thread");
	housekeeping->vault = vault;
	pthread_mutex_init(&housekeeping->lock, NULL);
	pthread_cond_init(&housekeeping->wake, NULL);
	failed = pthread_create(&housekeeping->thread, NULL, run, housekeeping);
	if (failed != 0) {
		free(housekeeping);
		return error_set_errno(err, ERR_IO, failed, "cannot start the housekeeping thread");
	}
	*ret = housekeeping;
	return ERR_OK;
}

void housekeeping_stop(struct housekeeping *housekeeping)
{
	if (!housekeeping)
		return;
	pthread_mutex_lock(&housekeeping->lock);
	housekeeping->ends = true;
	pthread_cond_signal(&housekeeping->wake);
	pthread_mutex_unlock(&housekeeping->lock);
	pthread_join(housekeeping->thread, NULL);
	pthread_cond_destroy(&housekeeping->wake);
	pthread_mutex_destroy(&housekeeping->lock);
	free(housekeeping);
}
