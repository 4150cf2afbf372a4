/*
 * The calls that envctl makes, and nothing of how HTTP works.
 *
 * A client finds its address and token when it is made and connects with the
 * first call; the connection is kept for the next ones. Calls return what the
 * daemon said as validated JSON spans inside a struct answer, or an error whose
 * sentence says what to do next. Not for use by several threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/answer.h"
#include "vault/attributes.h"
#include "vault/error.h"
#include "vault/names.h"
#include "vault/secret_buf.h"

#define ANSWER_MAX (32u * 1024 * 1024) /* of any answer: a history of 1,000 revisions with all their names */

struct vault_client;
struct address;

void client_free(struct vault_client *client);
/* address and token_file are the values of the options, or NULL. Connects to nothing yet. */
enum error_code client_new(const char *address, const char *token_file, struct vault_client **ret,
			   struct error *err) must_check;
/* The same for a place that the options do not name, such as the source of an import. All is copied. */
struct client_place {
	const struct address *address;
	const struct secret_buf *token; /* or NULL */
	const char *token_text;		/* static: "the token of the source", for messages */
	const char *ca_file;		/* instead of VAULT_CACERT, or NULL */
	const char *name_space;		/* of HashiCorp Vault and OpenBao (X-Vault-Namespace), checked; or NULL */
	bool other;			/* not the vault of VAULT_ADDR: VAULT_TLS_SERVER_NAME is not for it */
};
/* ERR_INVALID: what should be the token is none. */
enum error_code client_new_for(const struct client_place *place, struct vault_client **ret,
			       struct error *err) must_check;
/* "unix:///run/vaultd/vaultd.sock" */
const char *client_address(const struct vault_client *client);
/* "the token of VAULT_TOKEN"; NULL when no token is sent: the socket's owner then says who calls. */
const char *client_token_text(const struct vault_client *client);
/* From now on all calls together, 0: not any more; each has 60 s (init and unseal 300 s) of its own. ERR_TIMEOUT beyond. */
void client_set_deadline(struct vault_client *client, unsigned seconds);

/* -- the vault --------------------------------------------------------------- */

/* The bare body is root. */
enum error_code client_seal_status(struct vault_client *client, struct answer *ret, struct error *err) must_check;
/* body is the JSON of sys/init or sys/unseal; both may take seconds. */
enum error_code client_init(struct vault_client *client, const struct secret_buf *body, struct answer *ret,
			    struct error *err) must_check;
enum error_code client_unseal(struct vault_client *client, const struct secret_buf *body, struct answer *ret,
			      struct error *err) must_check;
enum error_code client_seal(struct vault_client *client, struct error *err) must_check;

/* -- environments ------------------------------------------------------------ */

/* The environment as a process should see it. revision 0: the current one. origins: where each variable comes from. */
enum error_code client_resolve(struct vault_client *client, const struct env_path *env, uint64_t revision, bool origins,
			       struct answer *ret, struct error *err) must_check;

struct environment_state {
	bool exists;
	uint64_t revision; /* the current one; 0: none yet */
	bool deleted;	   /* the current revision is deleted or destroyed */
};
/* A missing environment is ERR_OK with exists false. */
enum error_code client_state(struct vault_client *client, const struct env_path *env, struct environment_state *ret,
			     struct error *err) must_check;

/* The stored text of a revision: data.data holds the variables. ERR_NOT_FOUND, ERR_DELETED. */
enum error_code client_read(struct vault_client *client, const struct env_path *env, uint64_t revision,
			    struct answer *ret, struct error *err) must_check;

/* Only names: data.subkeys is an object of them. */
enum error_code client_names(struct vault_client *client, const struct env_path *env, struct answer *ret,
			     struct error *err) must_check;

struct change {
	bool patch;		       /* merge into the current revision; else replace it */
	const struct secret_buf *data; /* JSON object; NULL for a rollback */
	uint64_t rollback_to;	       /* with data NULL */
	bool has_cas;
	uint64_t cas;
	const char *message; /* or NULL */
	const struct secret_buf *templates; /* a JSON list of names: the values that are templates; NULL: not said */
	const struct secret_buf *unset;	    /* one of names that are masked; NULL: not said */
};
/*
 * ERR_CAS: the environment changed meanwhile, nothing was written. ERR_SCHEMA: an enforced schema refuses it. *ret: what the
 * daemon said, to be freed in any case: after ERR_OK with its "warnings", after ERR_SCHEMA with data.findings, else empty.
 */
enum error_code client_write(struct vault_client *client, const struct env_path *env, const struct change *change,
			     uint64_t *ret_revision, struct answer *ret, struct error *err) must_check;

/* With all revisions, for good. */
enum error_code client_delete(struct vault_client *client, const struct env_path *env, struct error *err) must_check;

/* One level below prefix ("" or "shop/"): data.keys. ERR_NOT_FOUND when there is nothing. */
enum error_code client_list(struct vault_client *client, const char *prefix, struct answer *ret,
			    struct error *err) must_check;

/* before 0: from the newest; name NULL: all variables. data.revisions. */
enum error_code client_history(struct vault_client *client, const struct env_path *env, const char *name,
			       uint64_t before, uint64_t limit, struct answer *ret, struct error *err) must_check;
/* Revision 0: the current one; other NULL: the same environment. */
enum error_code client_diff(struct vault_client *client, const struct env_path *env, uint64_t from,
			    const struct env_path *other, uint64_t to, struct answer *ret,
			    struct error *err) must_check;

/* data: allow_names, parents, and what of the revision (0: the current one) are templates and unset: lists of names. */
enum error_code client_settings_read(struct vault_client *client, const struct env_path *env, uint64_t revision,
				     struct answer *ret, struct error *err) must_check;
/* ERR_SCHEMA and *ret as client_write() has them. */
enum error_code client_settings_write(struct vault_client *client, const struct env_path *env,
				      const struct secret_buf *patch, struct answer *ret, struct error *err) must_check;

DEFINE_CLEANUP(struct vault_client *, client_free);
