/* Making a token: what it may be given, then its record. */
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/acl.h"
#include "core/token_policies.h"
#include "core/token_store.h"
#include "core/token_ttl.h"
#include "crypto/token_text.h"

#define WARNINGS_MAX 16384

/* One run of prepare(). */
struct making {
	struct vault *vault;
	struct vault_token_create *create;
	struct records_view *view;
	struct records_write *write;
	int64_t now;
	bool sudo, orphan;
	struct token_info parent;	/* plain NULL: a peer has no token */
	struct policy_set parent_policies, policies;
	struct text_span policy_spans[LIMIT_TOKEN_POLICIES];
	char display[LIMIT_TOKEN_DISPLAY_LEN + 1];
	char path[sizeof(((struct caller *)0)->path)];
	struct token_record record;
	struct secret_buf *warnings;
};

static void making_end(struct making *making)
{
	token_info_free(&making->parent);
	secret_buf_free(take_ptr(making->warnings));
}

static enum error_code invalid(const char *sentence, struct error *err)
{
	return error_set(err, ERR_INVALID, "%s", sentence);
}

static const struct token_wish *wish_of(const struct making *making)
{
	return &making->create->wish;
}

/* -- the parent -------------------------------------------------------------- */

/* The parent's record is guarded: a token is not made by one that is revoked in the same moment. */
static enum error_code take_parent(struct making *making, struct error *err)
{
	const struct caller *caller = making->create->caller;
	struct record_key key = record_key_id(TABLE_TOKEN, caller->token_id);
	uint8_t pin[PIN_LEN];
	enum error_code code;

	if (caller->batch)
		return invalid("batch tokens cannot create more tokens", err);
	if (caller->counted)
		return invalid("restricted use token cannot generate child tokens", err);
	if (policy_set_of_caller(caller, &making->parent_policies, err) != ERR_OK || caller->kind != CALLER_TOKEN)
		return err->code;
	code = token_read(making->vault, making->view, caller->token_id, &making->parent, pin, err);
	if (code == ERR_NOT_FOUND ||
	    (code == ERR_OK && !token_is_alive(making->vault, &making->parent, caller->token_id)))
		return error_set(err, ERR_DENIED, "permission denied");
	if (code != ERR_OK)
		return code;
	return records_guard(making->write, &key, pin, err);
}

static enum error_code choose_parent(struct making *making, struct error *err)
{
	const struct caller *caller = making->create->caller;

	if (wish_of(making)->no_parent && !making->create->orphan && !making->sudo)
		return invalid("root or sudo privileges required to create orphan token", err);
	making->orphan = making->create->orphan || wish_of(making)->no_parent || caller->kind != CALLER_TOKEN;
	if (making->orphan) {
		making->record.flags |= TOKEN_ORPHAN;
		return ERR_OK;
	}
	if (token_index_depth(making->vault->token_index, caller->token_id) >= LIMIT_TOKEN_DEPTH)
		return error_set(err, ERR_INVALID, "tokens made by tokens go at most %d deep: make an orphan", LIMIT_TOKEN_DEPTH);
	memcpy(making->record.parent, caller->token_id, ID_LEN);
	return ERR_OK;
}

/* -- policies ------------------------------------------------------------------ */

static enum error_code check_root(const struct making *making, struct error *err)
{
	if (!policy_set_has(&making->policies, "root"))
		return ERR_OK;
	if (!policy_set_has(&making->parent_policies, "root"))
		return invalid("root tokens may not be created without parent token being root", err);
	return ERR_OK;
}

static enum error_code choose_policies(struct making *making, struct error *err)
{
	static const struct text_span default_policy = { .at = "default", .len = 7 };
	const struct token_wish *wish = wish_of(making);
	bool add_default = !wish->no_default_policy;

	if (policy_set_add_all(&making->policies, wish->policies, wish->policies_len, err) != ERR_OK)
		return err->code;
	if (making->policies.len == 0) {
		/* Those of the parent, of which "default" may be one. */
		making->policies = making->parent_policies;
		add_default = false;
	} else if (!making->sudo) {
		if (!policy_set_within(&making->policies, &making->parent_policies))
			return invalid("child policies must be subset of parent", err);
		add_default &= policy_set_has(&making->parent_policies, "default");
	}
	if (check_root(making, err) != ERR_OK)
		return err->code;
	if (add_default && policy_set_add(&making->policies, default_policy, err) != ERR_OK)
		return err->code;
	policy_set_spans(&making->policies, making->policy_spans);
	making->record.policies = making->policy_spans;
	making->record.policies_len = making->policies.len;
	return ERR_OK;
}

/* -- times ----------------------------------------------------------------------- */

static enum error_code check_numbers(const struct making *making, struct error *err)
{
	const struct token_wish *wish = wish_of(making);

	if (wish->uses < 0)
		return invalid("number of uses cannot be negative", err);
	if (wish->uses > LIMIT_TOKEN_USES)
		return error_set(err, ERR_INVALID, "num_uses is at most %d", LIMIT_TOKEN_USES);
	if (wish->ttl < 0)
		return invalid("ttl must be positive", err);
	if (wish->explicit_max_ttl < 0)
		return invalid("explicit_max_ttl must be positive", err);
	if (wish->period < 0)
		return invalid("period must be positive", err);
	if (wish->period > 0 && !making->sudo)
		return invalid("root or sudo privileges required to create periodic token", err);
	return ERR_OK;
}

/* A root token lives for ever unless it was given an end, or its parent has one. */
static enum error_code endless(struct making *making, struct error *err)
{
	if (making->parent.plain && making->parent.record.expires != 0)
		return invalid("expiring root tokens cannot create non-expiring root tokens", err);
	return ERR_OK;
}

static enum error_code choose_times(struct making *making, struct error *err)
{
	const struct token_wish *wish = wish_of(making);
	struct token_record *record = &making->record;
	struct token_ttl asked = {
		.ttl = wish->ttl,
		.period = wish->period,
		.explicit_max = wish->explicit_max_ttl,
		.limit = LIMIT_TOKEN_TTL_SECONDS,
	};
	struct token_times times;

	record->uses_left = (uint32_t)wish->uses;
	record->created = making->now;
	if (policy_set_has(&making->policies, "root") && asked.ttl == 0 && asked.period == 0 && asked.explicit_max == 0)
		return endless(making, err);
	token_ttl_new(&asked, making->now, &times, making->warnings);
	record->explicit_max_ttl = asked.explicit_max;
	record->creation_ttl = times.creation_ttl;
	record->expires = times.expires;
	record->max_expires = times.max_expires;
	record->period = times.period;
	if (!wish->not_renewable)
		record->flags |= TOKEN_RENEWABLE;
	return ERR_OK;
}

/* -- names ------------------------------------------------------------------------- */

/* "token-" and what was asked for, every other character than letters, digits and - replaced, as Vault does it. */
static enum error_code choose_display(struct making *making, struct error *err)
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
	snprintf(making->path, sizeof(making->path), making->create->orphan ? "auth/token/create-orphan" : "auth/token/create");
	making->record.path = (struct text_span){ .at = making->path, .len = (uint32_t)strlen(making->path) };
	return ERR_OK;
}

static int by_key(const void *a, const void *b)
{
	const struct text_pair *x = a, *y = b;
	size_t shorter = x->key.len < y->key.len ? x->key.len : y->key.len;
	int order = memcmp(x->key.at, y->key.at, shorter);

	return order != 0 ? order : (x->key.len > y->key.len) - (x->key.len < y->key.len);
}

static enum error_code take_meta(struct making *making, struct error *err)
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

static enum error_code choose_text(struct making *making, struct error *err)
{
	struct text_span id = wish_of(making)->id;
	char random[TOKEN_TEXT_LEN + 1];
	struct secret_buf *text = secret_buf_new(LIMIT_TOKEN_LEN);

	making->create->grant.text = text;
	if (!text)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token");
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
static enum error_code put_token(struct making *making, struct error *err)
{
	struct secret_buf *text = making->create->grant.text;
	struct token_hash hash;
	struct record_key key;
	uint8_t pin[PIN_LEN];
	enum error_code code;

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
static enum error_code keep_result(struct making *making, struct error *err)
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

static enum error_code make(struct making *making, struct error *err)
{
	making->warnings = secret_buf_new(WARNINGS_MAX);
	if (!making->warnings)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token");
	making->record.bound_uid = -1;
	if (take_parent(making, err) != ERR_OK || choose_parent(making, err) != ERR_OK ||
	    check_numbers(making, err) != ERR_OK || choose_policies(making, err) != ERR_OK ||
	    choose_times(making, err) != ERR_OK || choose_display(making, err) != ERR_OK ||
	    take_meta(making, err) != ERR_OK || choose_text(making, err) != ERR_OK || put_token(making, err) != ERR_OK)
		return err->code;
	return keep_result(making, err);
}

static enum error_code prepare(struct vault_action *action, struct records_view *view, struct records_write *write,
			       struct error *err)
{
	struct vault_token_create *create = (struct vault_token_create *)((char *)action -
									  offsetof(struct vault_token_create, action));
	cleanup_(making_end) struct making making = {
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
