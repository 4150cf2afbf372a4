/* A root token for those who can open the vault, hidden under a one-time pad of whoever began the attempt. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ceremonies.h"
#include "core/vault_state.h"

#define PATH "sys/generate-root/attempt"

/* Besides those with sudo there: who owns the machine or the daemon, and could read its memory. */
static enum error_code may(struct vault *vault, const struct caller *caller, unsigned capability, struct error *err)
{
	bool owns = caller->kind == CALLER_PEER && (caller->uid == 0 || caller->uid == geteuid());

	if (!atomic_load(&vault->unsealed))
		return error_set(err, ERR_SEALED, "Vault is sealed");
	return owns ? ERR_OK : vault_decide(caller, CAP_SUDO | capability, PATH, err);
}

static void status_of(struct vault *vault, const struct root_attempt *root, struct root_status *ret)
{
	*ret = (struct root_status){ .started = root->started };
	if (!root->started)
		return;
	memcpy(ret->nonce, root->nonce, sizeof(ret->nonce));
	ret->progress = root->given.count;
	ret->required = ceremony_required(vault, &root->given);
}

static enum error_code start_locked(struct vault *vault, struct root_attempt *root, const char *otp, struct root_status *ret,
				    struct error *err)
{
	if (root->started)
		return error_set(err, ERR_INVALID, "root generation already in progress: go on with it, or cancel it first");
	root->otp = secret_buf_new(TOKEN_TEXT_LEN);
	if (!root->otp)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the one-time password");
	secret_buf_append(root->otp, otp, TOKEN_TEXT_LEN);
	if (secret_buf_check(root->otp, "the one-time password", err) != ERR_OK) {
		root_end(root);
		return err->code;
	}
	root->started = true;
	root->deadline = ceremony_deadline(vault);
	nonce_make(root->nonce);
	status_of(vault, root, ret);
	return ERR_OK;
}

enum error_code vault_root_start(struct vault *vault, const struct caller *caller, const char *otp, struct root_status *ret,
				 struct error *err)
{
	enum error_code code = may(vault, caller, CAP_UPDATE, err);

	if (code != ERR_OK)
		return code;
	if (strlen(otp) != TOKEN_TEXT_LEN)
		return error_set(err, ERR_INVALID, "OTP string is wrong length: it must have the %d characters of a token",
				 TOKEN_TEXT_LEN);
	pthread_mutex_lock(&vault->ceremonies->lock);
	code = start_locked(vault, &vault->ceremonies->root, otp, ret, err);
	pthread_mutex_unlock(&vault->ceremonies->lock);
	return code;
}

enum error_code vault_root_status(struct vault *vault, const struct caller *caller, struct root_status *ret,
				  struct error *err)
{
	if (may(vault, caller, CAP_READ, err) != ERR_OK)
		return err->code;
	pthread_mutex_lock(&vault->ceremonies->lock);
	status_of(vault, &vault->ceremonies->root, ret);
	pthread_mutex_unlock(&vault->ceremonies->lock);
	return ERR_OK;
}

enum error_code vault_root_cancel(struct vault *vault, const struct caller *caller, struct error *err)
{
	if (may(vault, caller, CAP_DELETE, err) != ERR_OK)
		return err->code;
	pthread_mutex_lock(&vault->ceremonies->lock);
	root_end(&vault->ceremonies->root);
	pthread_mutex_unlock(&vault->ceremonies->lock);
	return ERR_OK;
}

/* -- the token ------------------------------------------------------------------------ */

static enum error_code prepare_token(struct records_request *request, struct records_view *view, struct records_write *write,
				     struct error *err)
{
	struct waited_request *waited = waited_request_of(request);

	return vault_put_root_token(waited->vault, waited->arg, view, write, err);
}

static enum error_code make_token(struct vault *vault, const struct root_attempt *root, struct root_result *ret,
				  struct error *err)
{
	char text[TOKEN_TEXT_LEN + 1];
	enum error_code code;

	token_text_make("adm", text);
	code = vault_commit(vault, prepare_token, text, err);
	for (size_t i = 0; code == ERR_OK && i < TOKEN_TEXT_LEN; i++)
		ret->encoded[i] = (uint8_t)text[i] ^ secret_buf_bytes(root->otp)[i];
	sodium_memzero(text, sizeof(text));
	return code;
}

static enum error_code update_locked(struct vault *vault, struct root_attempt *root, const char *nonce,
				     const struct slot_secret *presented, struct root_result *ret, struct error *err)
{
	struct slot_secret unlock;

	if (!root->started)
		return error_set(err, ERR_INVALID, "no root generation in progress: begin one at " PATH);
	if (!nonce_is(root->nonce, nonce))
		return error_set(err, ERR_INVALID, "incorrect nonce supplied: this is not the root generation that is in progress");
	if (ceremony_take(vault, &root->given, presented, ceremony_check_share, vault, &unlock, err) != ERR_OK)
		return err->code;
	root->deadline = ceremony_deadline(vault);
	status_of(vault, root, &ret->status);
	if (unlock.type == SLOT_EMPTY)
		return ERR_OK;
	if (records_prove(vault->records, &unlock, err) != ERR_OK || make_token(vault, root, ret, err) != ERR_OK) {
		share_set_clear(&root->given);
		return err->code;
	}
	ret->status.complete = true;
	ret->status.progress = ret->status.required;
	root_end(root);
	return ERR_OK;
}

enum error_code vault_root_update(struct vault *vault, const char *nonce, const struct slot_secret *unlock,
				  struct root_result *ret, struct error *err)
{
	struct root_result result = { .status = { .started = false } };
	enum error_code code;

	if (!atomic_load(&vault->unsealed))
		return error_set(err, ERR_SEALED, "Vault is sealed");
	pthread_mutex_lock(&vault->ceremonies->lock);
	code = update_locked(vault, &vault->ceremonies->root, nonce, unlock, &result, err);
	pthread_mutex_unlock(&vault->ceremonies->lock);
	if (code == ERR_OK)
		*ret = result;
	return code;
}
