#include "client/store_jobs.h"

#include "client/call.h"

static enum error_code run(struct vault_client *client, const char *method, const char *job, struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	const struct call call = {.method = method, .target = target};
	enum error_code rc = call_target(target, err, "sys/%s", job);

	return rc == ERR_OK ? call_expecting(client, &call, "the vault", ret, err) : rc;
}

enum error_code client_job_start(struct vault_client *client, const char *job, struct answer *ret, struct error *err)
{
	enum error_code rc = run(client, "POST", job, ret, err);

	return rc == ERR_OK ? call_require_data(ret, err) : rc;
}

enum error_code client_job_status(struct vault_client *client, const char *job, struct answer *ret, struct error *err)
{
	enum error_code rc = run(client, "GET", job, ret, err);

	return rc == ERR_OK ? call_require_data(ret, err) : rc;
}

enum error_code client_job_cancel(struct vault_client *client, const char *job, struct error *err)
{
	return run(client, "DELETE", job, NULL, err);
}
