/*
 * Calls about the jobs on the whole store, sys/verify and sys/compact.
 */
#pragma once

#include "client/vault_client.h"

/* job: "verify" or "compact". data.id, data.state. ERR_BUSY when the other one runs. */
enum error_code client_job_start(struct vault_client *client, const char *job, struct answer *ret, struct error *err) must_check;
/* data.state, done, total and what docs/http-api.md says of the job. */
enum error_code client_job_status(struct vault_client *client, const char *job, struct answer *ret, struct error *err) must_check;
enum error_code client_job_cancel(struct vault_client *client, const char *job, struct error *err) must_check;
