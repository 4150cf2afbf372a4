/*
 * One thread for what takes long (a passphrase takes a second, a configuration
 * write waits for its commit), so that event threads never do. The queue is
 * bounded; what does not fit is answered with 503 at once.
 */
#pragma once

#include <stdbool.h>

#include "vault/error.h"

struct request;
struct worker;

#define WORKER_QUEUE 64

enum error_code worker_start(struct worker **ret, struct error *err) must_check;
/* Finishes what is queued, then ends the thread. NULL is allowed. */
void worker_stop(struct worker *worker);

/* Suspends the request and runs its route's handler on the thread, then resumes it. False when the queue is full (nothing
 * was suspended). Event thread only. */
bool worker_submit(struct worker *worker, struct request *request);
