/*
 * Who asks, and what they may. Part of the contract of vault.h.
 *
 * A caller is made by vault_authenticate() and lives as long as its request;
 * it must be released. What it may was compiled when it was authenticated: a
 * change of a policy counts for requests that come after it, and for those that
 * are looked at again (vault_authenticate_again()).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "records/tables.h"
#include "vault/error.h"

struct vault;
struct acl;

enum caller_kind { CALLER_ANONYMOUS, CALLER_TOKEN, CALLER_PEER };

struct caller {
	enum caller_kind kind;
	bool root;
	uid_t uid;		/* CALLER_PEER */
	gid_t gid;
	char display[64];	/* "root", "uid-1000": the actor of a revision */
	char accessor[40];	/* hex of the token's id, "" for a peer */
	int64_t created, expires;	/* of the token; 0: none */
	int64_t creation_ttl;	/* seconds */
	char path[160];		/* "auth/token/root" */
	uint8_t token_id[ID_LEN];	/* CALLER_TOKEN: what its cubbyhole and its children hang on */
	bool batch;		/* a batch token: token_id is its bid; it has no children and no cubbyhole */
	bool counted;		/* has a limited number of uses: each request commits one first (vault_tokens.h) */
	bool spent;		/* its last use is over, or is the request that is under way */
	struct acl *acl;	/* held; NULL: nothing but what root may */
};
void caller_release(struct caller *caller);	/* makes it anonymous; may be called again */

struct peer {
	bool has_address;	/* over TCP; never from a header */
	uint8_t address[16];	/* of IPv4 as ::ffff:a.b.c.d */
	bool known;		/* a Unix socket's SO_PEERCRED */
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

/* token NULL or "": the peer counts. Unknown, expired, malformed tokens: ERR_DENIED, one text, the same as for neither
 * token nor known peer. A present but bad token never falls back to the peer. The caller releases *ret. */
enum error_code vault_authenticate(struct vault *vault, const char *token, size_t token_len, const struct peer *peer,
				   struct caller *ret, struct error *err) must_check;

/*
 * The same token once more, in a request that took its time: what it may is then as of now. A token that is in its last use
 * may go on. A caller without a token stays as he is. ERR_DENIED, ERR_SEALED; the caller is then as before.
 */
enum error_code vault_authenticate_again(struct vault *vault, const char *token, size_t token_len, const struct peer *peer,
					 struct caller *caller, struct error *err) must_check;

enum capability {
	CAP_CREATE = 1, CAP_READ = 2, CAP_UPDATE = 4, CAP_PATCH = 8, CAP_DELETE = 16, CAP_LIST = 32, CAP_SUDO = 64
};
/*
 * The one function that decides: all of the capabilities must be given. path is the API path without "/v1/", e.g.
 * "secret/data/shop/production"; a LIST is asked for with a slash at the end or without, and the policy language treats
 * both alike. ERR_DENIED.
 */
enum error_code vault_authorize(struct vault *vault, const struct caller *caller, unsigned capability, const char *path,
				struct error *err) must_check;
