/* Making a token: what it may be given, then its record. */
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/token_making.h"
#include "crypto/token_text.h"
#include "records/batch_token.h"

#define WARNINGS_MAX 16384

static void making_end(struct token_making *making)
{
	token_info_free(&making->parent);
	token_role_end(&making->role);
	secret_buf_free(take_ptr(making->warnings));
}

static enum error_code invalid(const char *sentence, struct error *err)
{
	return error_set(err, ERR_INVALID, "%s", sentence);
}

static const struct token_wish *wish_of(const struct token_making *making)
{
	return &making->create->wish;
}

/* -- names ------------------------------------------------------------------------- */

/* "token-" and what was asked for, every other character than letters, digits and - replaced, as Vault does it. */
static enum error_code choose_display(struct token_making *making, struct error *err)
{
	struct text_span wanted = wish_of(making)->display;
	size_t len = (size_t)snprintf(making->display, sizeof(making->display), wanted.len > 0 ? "token-" : "token");

	if (wanted.len > LIMIT_TOKEN_DISPLAY_LEN - len)
		return error_set(err, ERR_INVALID, "display_name has at most %zu bytes", LIMIT_TOKEN_DISPLAY_LEN - len);
	for (uint32_t i = 0; i < wanted.len; i++) {
		char c = wanted.at[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		making->display[len++] = plain ? c : '-';
	}
	while (len > 0 && making->display[len - 1] == '-')
		len--;
	making->display[len] = '\0';
	making->record.display = (struct text_span){ .at = making->display, .len = (uint32_t)len };
	return ERR_OK;
}

static void choose_path(struct token_making *making)
{
	const char *suffix = token_role_text(&making->role, "path_suffix");

	if (making_has_role(making))
		snprintf(making->path, sizeof(making->path), "auth/token/create/%s%s%s", making->role.name,
			 suffix[0] != '\0' ? "/" : "", suffix);
	else
		snprintf(making->path, sizeof(making->path),
			 making->create->orphan ? "auth/token/create-orphan" : "auth/token/create");
	making->record.path = (struct text_span){ .at = making->path, .len = (uint32_t)strlen(making->path) };
}

static int by_key(const void *a, const void *b)
{
	const struct text_pair *x = a, *y = b;
	size_t shorter = x->key.len < y->key.len ? x->key.len : y->key.len;
	int order = memcmp(x->key.at, y->key.at, shorter);

	return order != 0 ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

static enum error_code take_meta(struct token_making *making, struct error *err)
{
	const struct token_wish *wish = wish_of(making);

	if (wish->meta_len > LIMIT_TOKEN_META_KEYS)
		return error_set(err, ERR_INVALID, "meta has at most %d keys", LIMIT_TOKEN_META_KEYS);
	for (size_t i = 0; i < wish->meta_len; i++)
		if (wish->meta[i].key.len == 0 || wish->meta[i].key.len > LIMIT_TOKEN_META_KEY_LEN ||
		    wish->meta[i].value.len > LIMIT_TOKEN_META_VALUE_LEN)
			return error_set(err, ERR_INVALID, "a key of meta has 1 to %d bytes, a value at most %d",
					 LIMIT_TOKEN_META_KEY_LEN, LIMIT_TOKEN_META_VALUE_LEN);
	if (wish->meta_len > 1)
		qsort(wish->meta, wish->meta_len, sizeof(*wish->meta), by_key);
	making->record.meta = wish->meta;
	making->record.meta_len = wish->meta_len;
	return ERR_OK;
}

/* -- the text ------------------------------------------------------------------------ */

static bool is_own_text(struct text_span id)
{
	if (id.len > LIMIT_CUSTOM_TOKEN_LEN || (id.len >= 4 && memcmp(id.at, "vlt_", 4) == 0))
		return false;
	for (uint32_t i = 0; i < id.len; i++)
		if (id.at[i] < '!' || id.at[i] > '~')
			return false;
	return true;
}

static enum error_code choose_text(struct token_making *making, struct secret_buf *text, struct error *err)
{
	struct text_span id = wish_of(making)->id;
	char random[TOKEN_TEXT_LEN + 1];

	if (id.len > 0) {
		if (!making->create->caller->root)
			return invalid("root privileges required to specify token id", err);
		if (!is_own_text(id))
			return error_set(err, ERR_INVALID, "a token id has at most %d visible ASCII characters and does not begin "
					 "with vlt_", LIMIT_CUSTOM_TOKEN_LEN);
		secret_buf_append(text, id.at, id.len);
	} else {
		token_text_make("svc", random);
		secret_buf_append(text, random, TOKEN_TEXT_LEN);
		sodium_memzero(random, sizeof(random));
	}
	return secret_buf_check(text, "a token", err);
}

/* Puts the record; a chosen text may be one that is there. */
static enum error_code put_token(struct token_making *making, struct secret_buf *text, struct error *err)
{
	struct token_hash hash;
	struct record_key key;
	uint8_t pin[PIN_LEN];
	enum error_code code;

	if (choose_text(making, text, err) != ERR_OK)
		return err->code;
	if (!records_token_hash(making->view, secret_buf_text(text), secret_buf_len(text), &hash))
		return error_set(err, ERR_INTERNAL, "a token that was made has no hash");
	memcpy(making->record.verifier, hash.verifier, sizeof(making->record.verifier));
	key = record_key_id(TABLE_TOKEN, hash.id);
	code = records_peek(making->view, &key, pin, err);
	if (code == ERR_OK)
		code = invalid("cannot create a token with a duplicate ID", err);
	else if (code == ERR_NOT_FOUND)
		code = token_put(making->write, hash.id, &making->record, err);
	sodium_bin2hex(making->create->grant.info.accessor, ACCESSOR_LEN + 1, hash.id, ID_LEN);
	sodium_memzero(&hash, sizeof(hash));
	return code;
}

/* The record once more, in memory of its own: what the answer tells. */
static enum error_code keep_result(struct token_making *making, struct error *err)
{
	struct token_grant *grant = &making->create->grant;

	grant->info.now = making->now;
	grant->info.plain = secret_buf_new(LIMIT_REVISION_PLAIN);
	if (!grant->info.plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token");
	encode_token(grant->info.plain, &making->record);
	if (secret_buf_check(grant->info.plain, "the record of a token", err) != ERR_OK ||
	    decode_token(secret_buf_bytes(grant->info.plain), secret_buf_len(grant->info.plain), &grant->info.record,
			 err) != ERR_OK)
		return err->code;
	grant->warnings = take_ptr(making->warnings);
	return ERR_OK;
}

/* A batch token is its own record: nothing is stored. */
static enum error_code seal_batch(struct token_making *making, struct secret_buf *text, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_REVISION_PLAIN);
	const struct token_record *record = &making->record;
	struct batch_record batch = {
		.issued = record->created,
		.expires = record->expires,
		.role_generation = record->role_generation,
		.display = record->display,
		.policies = record->policies,
		.policies_len = record->policies_len,
		.meta = record->meta,
		.meta_len = record->meta_len,
		.cidrs = record->cidrs,
		.cidrs_len = record->cidrs_len,
	};

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token");
	randombytes_buf(batch.bid, ID_LEN);
	memcpy(batch.fork, making->vault->fork_id, BATCH_FORK_LEN);
	memcpy(batch.role_id, record->role_id, ID_LEN);
	memcpy(batch.parent, record->parent, ID_LEN);
	encode_batch(encoding, &batch);
	if (secret_buf_check(encoding, "a batch token", err) != ERR_OK)
		return err->code;
	making->create->grant.info.batch = true;
	return records_batch_seal(making->view, secret_buf_bytes(encoding), secret_buf_len(encoding), text, err);
}

static enum error_code judge(struct token_making *making, struct error *err)
{
	if (making_parent(making, err) != ERR_OK || making_role(making, err) != ERR_OK ||
	    making_type(making, err) != ERR_OK || making_orphan(making, err) != ERR_OK ||
	    making_policies(making, err) != ERR_OK || making_times(making, err) != ERR_OK)
		return err->code;
	return making_cidrs(making, err);
}

static enum error_code make(struct token_making *making, struct error *err)
{
	struct token_grant *grant = &making->create->grant;

	making->warnings = secret_buf_new(WARNINGS_MAX);
	grant->text = secret_buf_new(LIMIT_TOKEN_LEN);
	if (!making->warnings || !grant->text)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token");
	making->record.bound_uid = -1;
	if (judge(making, err) != ERR_OK || choose_display(making, err) != ERR_OK || take_meta(making, err) != ERR_OK)
		return err->code;
	choose_path(making);
	if ((making->batch ? seal_batch(making, grant->text, err) : put_token(making, grant->text, err)) != ERR_OK)
		return err->code;
	snprintf(grant->info.role, sizeof(grant->info.role), "%s", making->role.name);
	return keep_result(making, err);
}

static enum error_code prepare(struct vault_action *action, struct records_view *view, struct records_write *write,
			       struct error *err)
{
	struct vault_token_create *create = (struct vault_token_create *)((char *)action -
									  offsetof(struct vault_token_create, action));
	cleanup_(making_end) struct token_making making = {
		.vault = action->vault_,
		.create = create,
		.view = view,
		.write = write,
		.now = token_clock_now(&action->vault_->token_clock),
	};
	struct error ignored = ERROR_INIT;

	token_grant_free(&create->grant);
	making.sudo = vault_decide(create->caller, CAP_SUDO, create->api_path, &ignored) == ERR_OK;
	return make(&making, err);
}

enum error_code vault_token_create(struct vault *vault, struct vault_token_create *create, struct error *err)
{
	create->action.prepare_ = prepare;
	create->action.finish_ = NULL;
	if (token_index_count(vault->token_index) >= LIMIT_TOKENS)
		return error_set(err, ERR_BUSY, "there are %d tokens, the most that may be: revoke some", LIMIT_TOKENS);
	return vault_action_submit(vault, &create->action, false, err);
}
