/*
 * Tokens: made, looked up, renewed, revoked, used. Part of the contract of
 * vault.h.
 *
 * Whether a caller may ask is decided by the route, on the request's path
 * (vault_authorize()); here is decided what a token may be given. The changes
 * are actions (action.h): parallel ones share a commit.
 *
 * A token that was revoked, has expired, or hangs on one that is gone is unknown
 * to every function here, whether its record was deleted yet or not. Sentences
 * of errors hold no token and no accessor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/vault.h"
#include "vault/limits.h"

#define TOKEN_SPENT UINT32_MAX	/* uses_left of a token whose last use is over */
#define ACCESSOR_LEN (2 * ID_LEN)

/* Which token is meant. */
struct token_name {
	enum { TOKEN_BY_TEXT, TOKEN_BY_ACCESSOR } by;
	bool self;		/* it is the one that asks: known still in the request of its last use */
	const char *text;
	size_t len;
};

/* What is known of one token; freed by token_info_free(). Made for one thread. */
struct token_info {
	char accessor[ACCESSOR_LEN + 1];
	char role[LIMIT_TOKEN_ROLE_NAME_LEN + 1];	/* "": made without one, or the role is gone */
	bool batch;
	int64_t now;			/* of the tokens' clock: what is left of expires is told from here */
	struct secret_buf *plain;	/* what record points into */
	struct token_record record;
};
void token_info_free(struct token_info *info);
/* Whole seconds until it expires, 0 when it never does. */
int64_t token_info_ttl(const struct token_info *info);

/* What an auth block tells: a token that was made or renewed. */
struct token_grant {
	struct secret_buf *text;	/* of the token; NULL when it is not told (renewed by its accessor) */
	struct token_info info;
	struct secret_buf *warnings;	/* texts, each with its NUL; NULL: none */
};
void token_grant_free(struct token_grant *grant);

/* -- making ---------------------------------------------------------------- */

enum token_type { TOKEN_TYPE_DEFAULT, TOKEN_TYPE_SERVICE, TOKEN_TYPE_BATCH };

/* What a client asks for. Texts belong to the caller of the function and stay until done(). Times in seconds. */
struct token_wish {
	struct text_span *policies;
	size_t policies_len;		/* 0: the parent's (or what the role says) */
	struct text_pair *meta;
	size_t meta_len;
	struct text_span display;	/* empty: none */
	struct text_span id;		/* empty: a random text */
	int64_t ttl, explicit_max_ttl, period, uses;	/* 0: not asked for */
	enum token_type type;
	bool no_parent, no_default_policy, not_renewable;
};

struct vault_token_create {
	struct vault_action action;
	/* set by the caller */
	const struct caller *caller;
	const char *api_path;		/* sudo on it allows more policies than one's own, no_parent, period */
	struct token_wish wish;
	bool orphan;			/* create-orphan */
	const char *role;		/* create/<role>, or NULL */
	/* the result; token_grant_free() */
	struct token_grant grant;
};
/*
 * ERR_INVALID with Vault's sentences for what cannot be given: policies that the parent lacks, root by others than root,
 * a period or no_parent without sudo, a limited or a batch token as the parent, negative times. The times are cut to the
 * system's maxima, with a warning.
 */
enum error_code vault_token_create(struct vault *vault, struct vault_token_create *create,
				   struct error *err) must_check;

/* -- one token ---------------------------------------------------------------- */

/* ERR_NOT_FOUND without a sentence. */
enum error_code vault_token_lookup(struct vault *vault, const struct token_name *name, struct token_info *ret,
				   struct error *err) must_check;

struct vault_token_renew {
	struct vault_action action;
	struct token_name name;
	int64_t increment;		/* seconds; 0: as long as it was made for */
	struct token_grant grant;	/* text NULL when it was named by its accessor */
};
/* ERR_INVALID: unknown, not renewable, past its maximum, a batch token, or the increment is negative. */
enum error_code vault_token_renew(struct vault *vault, struct vault_token_renew *renew, struct error *err) must_check;

struct vault_token_revoke {
	struct vault_action action;
	struct token_name name;
};
/* The token and all below it; durable, and known to the anchor, when done() comes. An unknown text is ERR_OK, an unknown
 * accessor ERR_INVALID. */
enum error_code vault_token_revoke(struct vault *vault, struct vault_token_revoke *revoke,
				   struct error *err) must_check;
/* The token alone: its children become orphans. Waits for commits: call it on the slow worker. */
enum error_code vault_token_revoke_orphan(struct vault *vault, const struct token_name *name,
					  struct error *err) must_check;

/* One use of a token that has a limited number (caller.counted), before what it was sent for is done. ERR_DENIED when there
 * was none left: of n requests at the same time as many succeed as there were uses. */
struct vault_token_use {
	struct vault_action action;
	const struct caller *caller;
};
enum error_code vault_token_use(struct vault *vault, struct vault_token_use *use, struct error *err) must_check;

/* -- all of them ----------------------------------------------------------------- */

/* Accessors, sorted. ERR_NOT_FOUND: there is none. A second for a million: call it on the slow worker. */
enum error_code vault_token_accessors(struct vault *vault, struct name_list *ret, struct error *err) must_check;
/* Deletes what is over; as the housekeeping does by itself. Waits for commits. */
enum error_code vault_token_tidy(struct vault *vault, struct error *err) must_check;
