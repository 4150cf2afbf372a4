/* Who asks, and what they may. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/token_batch.h"
#include "core/vault_state.h"
#include "core/vault_tokens.h"
#include "crypto/token_text.h"
#include "records/value.h"
#include "vault/limits.h"

static enum error_code denied(struct error *err)
{
	return error_set(err, ERR_DENIED, "permission denied");
}

/* -- peers --------------------------------------------------------------- */

static enum error_code authenticate_peer(const struct vault *vault, const struct peer *peer, struct caller *ret,
					 struct error *err)
{
	if (!peer || !peer->known)
		return denied(err);
	*ret = (struct caller){
		.kind = CALLER_PEER,
		.root = vault->personal && peer->uid == vault->owner,
		.uid = peer->uid,
		.gid = peer->gid,
		.path = "auth/peer/",
	};
	snprintf(ret->display, sizeof(ret->display), "uid-%ju", (uintmax_t)peer->uid);
	return ERR_OK;
}

/* -- tokens -------------------------------------------------------------- */

void caller_release(struct caller *caller)
{
	acl_unref(caller->acl);
	*caller = (struct caller){ .kind = CALLER_ANONYMOUS };
}

static enum error_code caller_of(struct vault *vault, const struct token_record *record,
				 const uint8_t id[static ID_LEN], struct caller *ret, struct error *err)
{
	struct acl *acl;

	if (policy_table_acl(vault->policies, record->policies, record->policies_len, &acl, err) != ERR_OK)
		return err->code;
	*ret = (struct caller){
		.kind = CALLER_TOKEN,
		.root = acl_is_root(acl),
		.acl = acl,
		.created = record->created,
		.expires = record->expires,
		.creation_ttl = record->creation_ttl,
		.counted = record->uses_left != 0,
	};
	snprintf(ret->display, sizeof(ret->display), "%.*s", (int)record->display.len, record->display.at);
	snprintf(ret->path, sizeof(ret->path), "%.*s", (int)record->path.len, record->path.at);
	sodium_bin2hex(ret->accessor, sizeof(ret->accessor), id, ID_LEN);
	memcpy(ret->token_id, id, ID_LEN);
	return ERR_OK;
}

/* Over TCP from an address that the token is bound to. A Unix socket has no address. */
static bool is_bound_elsewhere(const struct peer *peer, const struct cidr *cidrs, size_t len)
{
	if (len == 0)
		return false;
	for (size_t i = 0; peer && peer->has_address && i < len; i++)
		if (cidr_holds(&cidrs[i], peer->address))
			return false;
	return true;
}

/* What cannot be read binds to nowhere. */
static bool read_cidrs(const struct token_record *record, struct cidr ret[static LIMIT_TOKEN_CIDRS], uint8_t *ret_len)
{
	if (record->cidrs_len > LIMIT_TOKEN_CIDRS)
		return false;
	for (size_t i = 0; i < record->cidrs_len; i++)
		if (!cidr_parse(record->cidrs[i].at, record->cidrs[i].len, &ret[i]))
			return false;
	*ret_len = (uint8_t)record->cidrs_len;
	return true;
}

static enum error_code load_token(struct vault *vault, struct records_view *view, const struct record_key *key,
				  struct cached_token *ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(VALUE_PADDED_MAX);
	struct token_record record;
	enum error_code code;

	if (!plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token's record");
	code = records_read(view, key, plain, ret->pin, NULL, err);
	if (code == ERR_OK)
		code = decode_token(secret_buf_bytes(plain), secret_buf_len(plain), &record, err);
	if (code != ERR_OK)
		return code;
	memcpy(ret->id, key->bytes + 1, ID_LEN);
	memcpy(ret->verifier, record.verifier, sizeof(ret->verifier));
	ret->spent = record.uses_left == TOKEN_SPENT;
	if (!read_cidrs(&record, ret->cidrs, &ret->cidrs_len))
		code = error_set(err, ERR_RECORD, "a token's record holds a block of addresses that is none");
	else
		code = caller_of(vault, &record, ret->id, &ret->caller, err);
	token_record_free(&record);
	if (code == ERR_OK)
		token_cache_put(vault->tokens, ret);
	return code;
}

/* ERR_NOT_FOUND when there is no such id. */
static enum error_code find_token(struct vault *vault, struct records_view *view, const uint8_t id[static ID_LEN],
				  struct cached_token *ret, struct error *err)
{
	struct record_key key = record_key_id(TABLE_TOKEN, id);
	uint8_t pin[PIN_LEN];
	enum error_code code = records_peek(view, &key, pin, err);

	if (code != ERR_OK)
		return code;
	if (token_cache_find(vault->tokens, id, pin, ret)) {
		if (policy_table_current(vault->policies, ret->caller.acl))
			return ERR_OK;
		/* Compiled before a change of policies, and put into the cache after it was emptied. */
		caller_release(&ret->caller);
	}
	return load_token(vault, view, &key, ret, err);
}

/* The acl goes with it. */
static struct caller take_caller(struct caller *from)
{
	struct caller taken = *from;

	from->acl = NULL;
	return taken;
}

static void wipe_token_hash(struct token_hash *hash)
{
	sodium_memzero(hash, sizeof(*hash));
}

static void wipe_cached_token(struct cached_token *token)
{
	caller_release(&token->caller);
	sodium_memzero(token, sizeof(*token));
}

static enum error_code authenticate_batch(struct vault *vault, struct records_view *view, const char *text, size_t len,
					  const struct peer *peer, struct caller *ret, struct error *err)
{
	cleanup_(token_info_freep) struct token_info info = {0};
	struct cidr cidrs[LIMIT_TOKEN_CIDRS];
	uint8_t bid[ID_LEN], cidrs_len = 0;
	enum error_code code = token_batch_find(vault, view, text, len, &info, bid, err);

	if (code == ERR_NOT_FOUND)
		return denied(err);
	if (code != ERR_OK)
		return code;
	if (!read_cidrs(&info.record, cidrs, &cidrs_len) || is_bound_elsewhere(peer, cidrs, cidrs_len))
		return denied(err);
	if (caller_of(vault, &info.record, bid, ret, err) != ERR_OK)
		return err->code;
	ret->batch = true;
	return ERR_OK;
}

static enum error_code authenticate_token(struct vault *vault, struct records_view *view, const char *text, size_t len,
					  const struct peer *peer, struct caller *ret, struct error *err)
{
	cleanup_(wipe_cached_token) struct cached_token token = {0};
	cleanup_(wipe_token_hash) struct token_hash hash;
	enum error_code code;
	bool equal;

	if (token_text_is_batch(text, len))
		return authenticate_batch(vault, view, text, len, peer, ret, err);
	if (len > LIMIT_TOKEN_LEN || !records_token_hash(view, text, len, &hash))
		return denied(err);
	code = find_token(vault, view, hash.id, &token, err);
	if (code != ERR_OK && code != ERR_NOT_FOUND)
		return code;
	/* An unknown id is compared with zeros, so that it takes the same time. */
	equal = sodium_memcmp(hash.verifier, token.verifier, sizeof(token.verifier)) == 0;
	if (code == ERR_NOT_FOUND || !equal)
		return denied(err);
	if (is_bound_elsewhere(peer, token.cidrs, token.cidrs_len) || token.caller.created < vault->tokens_not_before ||
	    !token_index_alive(vault->token_index, hash.id, token_clock_now(&vault->token_clock)))
		return denied(err);
	*ret = take_caller(&token.caller);
	ret->spent = token.spent;
	return ERR_OK;
}

/* A token whose last use is over is found. */
static enum error_code find_caller(struct vault *vault, const char *token, size_t token_len, const struct peer *peer,
				   struct caller *ret, struct error *err)
{
	vault_use_scope use = {0};

	if (!token || token_len == 0) {
		if (vault_use_begin(vault, &use, err) != ERR_OK)
			return err->code;
		return authenticate_peer(vault, peer, ret, err);
	}
	if (vault_use_begin_view(vault, &use, err) != ERR_OK)
		return err->code;
	return authenticate_token(vault, use.view, token, token_len, peer, ret, err);
}

enum error_code vault_authenticate(struct vault *vault, const char *token, size_t token_len, const struct peer *peer,
				   struct caller *ret, struct error *err)
{
	struct caller found;

	if (find_caller(vault, token, token_len, peer, &found, err) != ERR_OK)
		return err->code;
	if (found.spent) {
		caller_release(&found);
		return denied(err);
	}
	*ret = found;
	return ERR_OK;
}

enum error_code vault_authenticate_again(struct vault *vault, const char *token, size_t token_len, const struct peer *peer,
					 struct caller *caller, struct error *err)
{
	struct caller found;

	if (caller->kind != CALLER_TOKEN)
		return ERR_OK;
	if (find_caller(vault, token, token_len, peer, &found, err) != ERR_OK)
		return err->code;
	caller_release(caller);
	*caller = found;
	return ERR_OK;
}

/* -- the decision -------------------------------------------------------- */

enum error_code vault_decide(const struct caller *caller, unsigned capability, const char *path, struct error *err)
{
	/* Default deny: a caller without policies that allow it may nothing. */
	if (!caller || caller->kind == CALLER_ANONYMOUS)
		return denied(err);
	return caller->root || acl_allows(caller->acl, capability, path) ? ERR_OK : denied(err);
}

enum error_code vault_authorize(struct vault *vault, const struct caller *caller, unsigned capability, const char *path,
				struct error *err)
{
	if (!atomic_load(&vault->unsealed))
		return error_set(err, ERR_SEALED, "Vault is sealed");
	return vault_decide(caller, capability, path, err);
}
