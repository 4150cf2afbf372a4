/*
 * Leases: what ends by itself, by the names that Vault's clients give it. Part
 * of the contract of vault.h.
 *
 * Here these are the stored tokens that expire. A token's lease is called by the
 * path that it was made by and its accessor, "auth/token/create/<accessor>". A
 * token without an end, as the root token, has none, so that no revocation by a
 * prefix can take it.
 *
 * Whether a caller may ask is decided by the route.
 */
#pragma once

#include <stddef.h>

#include "core/vault.h"
#include "core/vault_tokens.h"
#include "vault/error.h"

/* The token of a lease; token_info_free(). ERR_NOT_FOUND without a sentence. */
enum error_code vault_lease_lookup(struct vault *vault, const char *id, size_t len, struct token_info *ret,
				   struct error *err) must_check;

/* What follows the folder prefix ("" or "auth/token") in the names of leases, as kv_list() gives it. Opens every token's
 * record: call it on the slow worker. ERR_NOT_FOUND. */
enum error_code vault_lease_list(struct vault *vault, const char *prefix, struct name_list *ret,
				 struct error *err) must_check;

/* Revokes the lease of this name and all below it ("auth/token/create", with a slash at its end or without). There may be
 * none. Waits for commits: call it on the slow worker. After an error some may be revoked; call it again. */
enum error_code vault_lease_revoke_prefix(struct vault *vault, const char *prefix, struct error *err) must_check;
