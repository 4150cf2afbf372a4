/*
 * One thread waits for one outcome of the writer thread.
 *
 * The waiter owns the completion, usually on its stack; completion_set() does
 * not touch it after the waiter may have gone.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "vault/error.h"

struct completion {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
	enum error_code outcome;
	struct error error;
};

void completion_init(struct completion *completion);
/* err is copied; NULL or unset when the outcome is ERR_OK. */
void completion_set(struct completion *completion, enum error_code outcome, const struct error *err);
/* Waits, destroys the completion and passes the outcome on. */
enum error_code completion_wait(struct completion *completion, struct error *err) must_check;
/* Nobody will set it. */
void completion_abandon(struct completion *completion);
