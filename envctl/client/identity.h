/*
 * Calls about tokens and policies: who is who, and who may what.
 *
 * A token is named by its text, which travels in bodies only, by its accessor,
 * or is the one that the client shows itself.
 */
#pragma once

#include "client/vault_client.h"

enum token_naming { TOKEN_SELF, TOKEN_BY_TEXT, TOKEN_BY_ACCESSOR };

struct token_name {
	enum token_naming by;
	const struct secret_buf *text; /* TOKEN_BY_TEXT */
	const char *accessor;	       /* TOKEN_BY_ACCESSOR */
};

/* data: what is known of the token. ERR_DENIED; ERR_INVALID for an unknown accessor. */
enum error_code client_token_lookup(struct vault_client *client, const struct token_name *name, struct answer *ret,
				    struct error *err) must_check;

struct token_creation {
	const struct secret_buf *body; /* JSON object, as POST auth/token/create takes it */
	const char *role;	       /* or NULL */
	bool orphan;
	const char *wrap_ttl; /* or NULL */
};
/* root.auth, or root.wrap_info when it was wrapped. */
enum error_code client_token_create(struct vault_client *client, const struct token_creation *creation,
				    struct answer *ret, struct error *err) must_check;

/* increment: whole seconds, 0: as the token was made. root.auth. ERR_INVALID when it cannot be renewed. */
enum error_code client_token_renew(struct vault_client *client, const struct token_name *name, int64_t increment,
				   struct answer *ret, struct error *err) must_check;

/* orphan: its children stay (TOKEN_BY_TEXT only). */
enum error_code client_token_revoke(struct vault_client *client, const struct token_name *name, bool orphan,
				    struct error *err) must_check;

/* Whether the client's own token is one that counts, whatever its policies allow. */
enum error_code client_token_counts(struct vault_client *client, bool *ret, struct error *err) must_check;

/* What was wrapped, as it was answered: the client's own token is the wrapping token. */
enum error_code client_unwrap(struct vault_client *client, struct answer *ret, struct error *err) must_check;

/* -- policies ---------------------------------------------------------------- */

/* 1 to 128 bytes of [A-Za-z0-9._-]; the server decides about the rest. ERR_INVALID. */
enum error_code policy_name_check(const char *name, struct error *err) must_check;

enum error_code client_policy_write(struct vault_client *client, const char *name, const struct secret_buf *text,
				    struct error *err) must_check;
/* data.policy is its text. ERR_NOT_FOUND. */
enum error_code client_policy_read(struct vault_client *client, const char *name, struct answer *ret,
				   struct error *err) must_check;
/* data.keys. */
enum error_code client_policy_list(struct vault_client *client, struct answer *ret, struct error *err) must_check;
enum error_code client_policy_delete(struct vault_client *client, const char *name, struct error *err) must_check;
/* body: {"path", "capability", "policies" or "token"}. data. */
enum error_code client_policy_explain(struct vault_client *client, const struct secret_buf *body, struct answer *ret,
				      struct error *err) must_check;
