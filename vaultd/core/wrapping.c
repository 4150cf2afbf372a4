/* Response wrapping: one record for each answer that waits to be taken. */
#include "core/wrapping.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/vault_state.h"
#include "core/vault_wrapping.h"
#include "records/tables_access.h"
#include "records/value.h"
#include "vault/json_scan.h"
#include "vault/limits.h"

enum { SWEEP_BATCH = 256 };

static enum error_code not_valid(struct error *err)
{
	return error_set(err, ERR_INVALID, "wrapping token is not valid or does not exist");
}

static void wipe_hash(struct token_hash *hash)
{
	sodium_memzero(hash, sizeof(*hash));
}

/* -- finding ------------------------------------------------------------- */

struct wrapped {
	struct record_key key;
	struct secret_buf *plain;	/* what record points into */
	struct wrapped_record record;
};

static void wrapped_wipe(struct wrapped *wrapped)
{
	secret_buf_free(wrapped->plain);
}

static enum error_code read_wrapped(struct records_view *view, struct wrapped *wrapped, struct error *err)
{
	enum error_code code = records_read(view, &wrapped->key, wrapped->plain, NULL, NULL, err);

	if (code != ERR_OK)
		return code;
	return decode_wrapped(secret_buf_bytes(wrapped->plain), secret_buf_len(wrapped->plain), &wrapped->record, err);
}

static enum error_code find_wrapped(struct vault *vault, struct records_view *view, const char *token, size_t len,
				    struct wrapped *ret, struct error *err)
{
	cleanup_(wipe_hash) struct token_hash hash = {0};
	enum error_code code;
	bool equal;

	ret->plain = secret_buf_new(VALUE_PADDED_MAX);
	if (!ret->plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a wrapped answer");
	if (len == 0 || len > LIMIT_TOKEN_LEN || !records_token_hash(view, token, len, &hash))
		return not_valid(err);
	ret->key = record_key_id(TABLE_WRAPPED, hash.id);
	code = read_wrapped(view, ret, err);
	if (code != ERR_OK && code != ERR_NOT_FOUND)
		return code;
	/* An unknown id is compared with zeros, as an unknown token's is. */
	equal = sodium_memcmp(hash.verifier, ret->record.verifier, sizeof(hash.verifier)) == 0;
	if (code == ERR_NOT_FOUND || !equal || ret->record.expires <= token_clock_now(&vault->token_clock))
		return not_valid(err);
	return ERR_OK;
}

static int64_t ttl_of(const struct wrapped_record *record)
{
	return (record->expires - record->created) / 1000000;
}

/* -- putting ------------------------------------------------------------- */

/* The accessor in the answer's auth block, so that what is wrapped can be revoked unseen. An answer that is nested deeper
 * than the scanner goes has none. */
static void find_accessor(struct text_span body, struct wrap_info *info)
{
	struct json_value envelope, auth, accessor;
	struct error ignored = ERROR_INIT;

	info->wrapped_accessor[0] = '\0';
	if (json_scan(body.at, body.len, &envelope, &ignored) != ERR_OK || envelope.kind != JSON_SCAN_OBJECT ||
	    !json_find(&envelope, "auth", &auth) || auth.kind != JSON_SCAN_OBJECT ||
	    !json_find(&auth, "accessor", &accessor) || accessor.kind != JSON_SCAN_STRING || accessor.escaped)
		return;
	snprintf(info->wrapped_accessor, sizeof(info->wrapped_accessor), "%.*s", (int)json_string_span(&accessor).len,
		 json_string_span(&accessor).at);
}

static enum error_code put_wrapped(struct vault *vault, struct records_view *view, struct records_write *write,
				   struct wrapped_record *record, struct wrap_info *info, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_REVISION_PLAIN);
	cleanup_(wipe_hash) struct token_hash hash = {0};
	struct record_key key;

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a wrapped answer");
	if (!records_token_hash(view, info->token, TOKEN_TEXT_LEN, &hash))
		return error_set(err, ERR_INTERNAL, "a wrapping token was made that is none");
	info->created = token_clock_now(&vault->token_clock);
	sodium_bin2hex(info->accessor, sizeof(info->accessor), hash.id, sizeof(hash.id));
	find_accessor(record->body, info);
	key = record_key_id(TABLE_WRAPPED, hash.id);
	memcpy(record->verifier, hash.verifier, sizeof(record->verifier));
	record->created = info->created;
	record->expires = info->created + info->ttl_s * 1000000;
	encode_wrapped(encoding, record);
	if (secret_buf_check(encoding, "a wrapped answer", err) != ERR_OK)
		return err->code;
	return records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

static enum error_code prepare_wrap(struct vault_action *action, struct records_view *view, struct records_write *write,
				    struct error *err)
{
	struct wrap_answer *wrap = (struct wrap_answer *)(void *)action;
	struct expiry_totals totals = expiry_index_totals(action->vault_->wrapped);
	struct wrapped_record record = {
		.path = { .at = wrap->path, .len = (uint32_t)strlen(wrap->path) },
		.body = { .at = secret_buf_text(wrap->body), .len = (uint32_t)secret_buf_len(wrap->body) },
	};

	/* Those that are under way are not counted yet: the queue's own limit bounds by how much that is too few. */
	if (totals.count >= LIMIT_WRAPPED || totals.size + record.body.len > LIMIT_WRAPPED_BYTES)
		return error_set(err, ERR_BUSY, "too many wrapped answers wait to be unwrapped: unwrap some, or let them expire");
	return put_wrapped(action->vault_, view, write, &record, &wrap->info, err);
}

enum error_code vault_wrap(struct vault *vault, struct wrap_answer *wrap, struct error *err)
{
	if (wrap->ttl_s < 1 || wrap->ttl_s > LIMIT_WRAP_SECONDS)
		return error_set(err, ERR_INVALID, "an answer can be wrapped for 1 to %d seconds", LIMIT_WRAP_SECONDS);
	if (secret_buf_len(wrap->body) > LIMIT_WRAPPED_BODY || strlen(wrap->path) > LIMIT_TARGET_LEN)
		return error_set(err, ERR_TOO_LARGE, "an answer of more than %d bytes cannot be wrapped", LIMIT_WRAPPED_BODY);
	wrap->info = (struct wrap_info){ .ttl_s = wrap->ttl_s };
	token_text_make("wrp", wrap->info.token);
	wrap->action.prepare_ = prepare_wrap;
	return vault_action_submit(vault, &wrap->action, false, err);
}

/* -- taking -------------------------------------------------------------- */

/* The delete guards the record that was read: whoever comes second is prepared again and finds none. */
static enum error_code prepare_unwrap(struct vault_action *action, struct records_view *view, struct records_write *write,
				      struct error *err)
{
	struct unwrap_answer *unwrap = (struct unwrap_answer *)(void *)action;
	cleanup_(wrapped_wipe) struct wrapped wrapped = {0};

	secret_buf_free(take_ptr(unwrap->body));
	if (find_wrapped(action->vault_, view, unwrap->token, unwrap->token_len, &wrapped, err) != ERR_OK)
		return err->code;
	unwrap->body = secret_buf_new(wrapped.record.body.len);
	if (!unwrap->body)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a wrapped answer");
	secret_buf_append(unwrap->body, wrapped.record.body.at, wrapped.record.body.len);
	if (secret_buf_check(unwrap->body, "the wrapped answer", err) != ERR_OK)
		return err->code;
	return records_delete(write, &wrapped.key, err);
}

static void finish_unwrap(struct vault_action *action, enum error_code outcome)
{
	struct unwrap_answer *unwrap = (struct unwrap_answer *)(void *)action;

	if (outcome != ERR_OK)
		secret_buf_free(take_ptr(unwrap->body));
}

/* The anchor knows that a token was used before the answer is out, as with every revocation. */
enum error_code vault_unwrap(struct vault *vault, struct unwrap_answer *unwrap, struct error *err)
{
	enum error_code code;

	unwrap->body = NULL;
	unwrap->action.prepare_ = prepare_unwrap;
	unwrap->action.finish_ = finish_unwrap;
	code = vault_action_submit(vault, &unwrap->action, true, err);
	if (code != ERR_OK)
		secret_buf_free(take_ptr(unwrap->body));
	return code;
}

static enum error_code prepare_rewrap(struct vault_action *action, struct records_view *view, struct records_write *write,
				      struct error *err)
{
	struct rewrap_answer *rewrap = (struct rewrap_answer *)(void *)action;
	cleanup_(wrapped_wipe) struct wrapped wrapped = {0};

	secret_buf_free(take_ptr(rewrap->path));
	if (find_wrapped(action->vault_, view, rewrap->token, rewrap->token_len, &wrapped, err) != ERR_OK)
		return err->code;
	rewrap->path = secret_buf_new(LIMIT_TARGET_LEN);
	if (!rewrap->path)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a wrapped answer");
	secret_buf_append(rewrap->path, wrapped.record.path.at, wrapped.record.path.len);
	rewrap->info.ttl_s = ttl_of(&wrapped.record);
	if (secret_buf_check(rewrap->path, "the path of the wrapped answer", err) != ERR_OK ||
	    records_delete(write, &wrapped.key, err) != ERR_OK)
		return err->code;
	return put_wrapped(action->vault_, view, write, &wrapped.record, &rewrap->info, err);
}

enum error_code vault_rewrap(struct vault *vault, struct rewrap_answer *rewrap, struct error *err)
{
	rewrap->path = NULL;
	rewrap->info = (struct wrap_info){0};
	token_text_make("wrp", rewrap->info.token);
	rewrap->action.prepare_ = prepare_rewrap;
	return vault_action_submit(vault, &rewrap->action, true, err);
}

enum error_code vault_wrapping_lookup(struct vault *vault, const char *token, size_t token_len, struct wrapping *ret,
				      struct secret_buf *path, struct error *err)
{
	cleanup_(wrapped_wipe) struct wrapped wrapped = {0};
	vault_use_scope use = {0};

	if (vault_use_begin_view(vault, &use, err) != ERR_OK ||
	    find_wrapped(vault, use.view, token, token_len, &wrapped, err) != ERR_OK)
		return err->code;
	secret_buf_append(path, wrapped.record.path.at, wrapped.record.path.len);
	*ret = (struct wrapping){ .created = wrapped.record.created, .ttl_s = ttl_of(&wrapped.record) };
	return secret_buf_check(path, "the path of the wrapped answer", err);
}

/* -- housekeeping ---------------------------------------------------------- */

struct sweep {
	uint8_t ids[SWEEP_BATCH][ID_LEN];
	size_t len;
};

/* A record of this table never changes, so that its id alone tells that it has expired. */
static enum error_code prepare_sweep(struct records_request *request, struct records_view *view, struct records_write *write,
				     struct error *err)
{
	const struct sweep *sweep = waited_request_of(request)->arg;

	for (size_t i = 0; i < sweep->len; i++) {
		struct record_key key = record_key_id(TABLE_WRAPPED, sweep->ids[i]);
		uint8_t pin[PIN_LEN];
		enum error_code code = records_peek(view, &key, pin, err);

		if (code == ERR_OK)
			code = records_delete(write, &key, err);
		if (code != ERR_OK && code != ERR_NOT_FOUND)
			return code;
	}
	return ERR_OK;
}

/* What fails is tried again at the next tick: the tokens are refused all the same. */
void wrapping_sweep(struct vault *vault)
{
	struct error ignored = ERROR_INIT;
	struct sweep sweep;

	sweep.len = expiry_index_due(vault->wrapped, token_clock_now(&vault->token_clock), sweep.ids, SWEEP_BATCH);
	if (sweep.len > 0 && vault_commit(vault, prepare_sweep, &sweep, &ignored) != ERR_OK)
		error_clear(&ignored);
}
