/*
 * What nearly every verb begins and ends with.
 */
#pragma once

#include "client/vault_client.h"
#include "cmd/commands.h"
#include "vault/env_set.h"
#include "vault/error.h"
#include "vault/name_filter.h"
#include "vault/secret_buf.h"

/* A client of the address and token that the options name. */
enum error_code session_open(const struct invocation *inv, struct vault_client **ret, struct error *err) must_check;

/* Word i as an environment's path. */
enum error_code session_environment(const struct invocation *inv, size_t i, struct env_path *ret,
				    struct error *err) must_check;

/* A word as the number of a revision, from 1 on. */
enum error_code session_revision(const char *word, uint64_t *ret, struct error *err) must_check;

/* --only and --except. */
enum error_code session_filter(const struct invocation *inv, struct name_filter *ret, struct error *err) must_check;
/* variables: an object. ERR_NOT_FOUND when --only has a name without wildcards that it does not have, or when it has
 * members and the filter takes none of them: it is a slip of the pen, and what would be done without them looks like
 * success. what: whose variables these are; outcome: "nothing was copied". */
enum error_code session_filter_check(const struct name_filter *filter, const struct json_value *variables, const char *what,
				     const char *outcome, struct error *err) must_check;
enum error_code session_filter_check_set(const struct name_filter *filter, const struct env_set *set, const char *what,
					 const char *outcome, struct error *err) must_check;

/* The stored variables as a plan's set, and the revision to write against. A missing environment is empty at revision
 * 0, a deleted one empty at its current revision. */
enum error_code session_read_base(struct vault_client *client, const struct env_path *env, struct env_set *set,
				  uint64_t *ret_revision, struct error *err) must_check;

/* Merges wanted->data, an object of variables (null removes one), with the kinds that wanted names, into the environment.
 * create: make it when it is missing. Retries when others write at the same time, unless --cas names a revision. Says
 * what the daemon warns of. */
enum error_code session_patch(const struct invocation *inv, struct vault_client *client, const struct env_path *env,
			      const struct change *wanted, bool create, uint64_t *ret_revision,
			      struct error *err) must_check;
/* What a schema refuses and what the daemon warns of, a line each on standard error; nothing for an answer without. */
void session_tell(const struct env_path *env, const struct answer *answer);
/* client_write() and client_settings_write(), and on standard error what a schema refuses and what the daemon warns of, a line
 * each. ERR_SCHEMA: the error says that the reasons were shown. */
enum error_code session_write(struct vault_client *client, const struct env_path *env, const struct change *change,
			      uint64_t *ret_revision, struct error *err) must_check;
enum error_code session_settings_write(struct vault_client *client, const struct env_path *env,
				       const struct secret_buf *patch, struct error *err) must_check;
/* ["A","B"] */
void session_names(char *const *words, size_t len, struct secret_buf *ret);

/* {"environment":…,"revision":…} on standard output with --json, else a sentence on standard error. */
enum error_code session_report(const struct invocation *inv, const struct env_path *env, uint64_t revision,
			       const char *what, struct error *err) must_check;
