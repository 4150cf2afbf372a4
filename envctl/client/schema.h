/*
 * Schemas of environments, and checks against them.
 *
 * ERR_SCHEMA: the daemon refused with findings; *ret then holds its answer,
 * whose data has them, and is the caller's to free as after success.
 */
#pragma once

#include "client/vault_client.h"
#include "vault/attributes.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

/* data: environment, text, mode, updated_time, updated_by, inherited. */
enum error_code client_schema_read(struct vault_client *client, const struct env_path *env, struct answer *ret,
				   struct error *err) must_check;
/* data: what is known of the variable, and why. */
enum error_code client_schema_explain(struct vault_client *client, const struct env_path *env, const char *name,
				      struct answer *ret, struct error *err) must_check;
/* body: {"text": ..., "mode": ...}, one of them may be left out. data: mode, created, valid, findings, text_findings. */
enum error_code client_schema_write(struct vault_client *client, const struct env_path *env,
				    const struct secret_buf *body, struct answer *ret, struct error *err) must_check;
enum error_code client_schema_delete(struct vault_client *client, const struct env_path *env, struct error *err) must_check;
/* body: {} or data, schema, strict, required. data: valid, errors, warnings, omitted, findings, compared. */
enum error_code client_check(struct vault_client *client, const struct env_path *env, const struct secret_buf *body,
			     struct answer *ret, struct error *err) must_check;
