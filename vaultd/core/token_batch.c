#include "core/token_batch.h"

#include <sodium.h>
#include <string.h>

#include "core/token_roles.h"
#include "records/batch_token.h"
#include "records/tables_access.h"

/* Clocks of two machines that share a vault may differ by so much. */
#define ISSUED_AHEAD_US (60 * INT64_C(1000000))

static bool is_zero_id(const uint8_t id[static ID_LEN])
{
	return sodium_is_zero(id, ID_LEN);
}

static bool counts_now(const struct vault *vault, const struct batch_record *batch, int64_t now)
{
	return memcmp(batch->fork, vault->fork_id, BATCH_FORK_LEN) == 0 && batch->expires > now &&
	       batch->issued <= now + ISSUED_AHEAD_US && batch->issued >= vault->tokens_not_before;
}

/* ERR_OK when nobody has revoked it and its role is the one that it was made by. */
static enum error_code still_granted(struct records_view *view, const struct batch_record *batch, struct error *err)
{
	cleanup_(token_role_end) struct token_role role = { .settings = NULL };
	struct record_key key = record_key_id(TABLE_REVOKED, batch->bid);
	uint8_t pin[PIN_LEN];
	enum error_code code = records_peek(view, &key, pin, err);

	if (code != ERR_NOT_FOUND)
		return code == ERR_OK ? ERR_NOT_FOUND : code;
	if (is_zero_id(batch->role_id))
		return ERR_OK;
	code = token_role_of(view, batch->role_id, &role, err);
	return code == ERR_OK && role.generation != batch->role_generation ? ERR_NOT_FOUND : code;
}

/* The lists move to the record. */
static void as_record(struct batch_record *batch, struct token_record *ret)
{
	*ret = (struct token_record){
		.flags = is_zero_id(batch->parent) ? TOKEN_ORPHAN : 0,
		.creation_ttl = (batch->expires - batch->issued) / 1000000,
		.created = batch->issued,
		.expires = batch->expires,
		.max_expires = batch->expires,
		.display = batch->display,
		.path = { .at = "auth/token/create", .len = 17 },
		.role_generation = batch->role_generation,
		.bound_uid = -1,
		.policies = batch->policies,
		.policies_len = batch->policies_len,
		.meta = batch->meta,
		.meta_len = batch->meta_len,
		.cidrs = batch->cidrs,
		.cidrs_len = batch->cidrs_len,
	};
	memcpy(ret->parent, batch->parent, ID_LEN);
	memcpy(ret->role_id, batch->role_id, ID_LEN);
}

static enum error_code judge(struct vault *vault, struct records_view *view, const struct batch_record *batch, int64_t now,
			     struct error *err)
{
	if (!counts_now(vault, batch, now))
		return ERR_NOT_FOUND;
	if (!is_zero_id(batch->parent) && !token_index_carries(vault->token_index, batch->parent, batch->issued, now))
		return ERR_NOT_FOUND;
	return still_granted(view, batch, err);
}

static enum error_code open_batch(struct vault *vault, struct records_view *view, const char *text, size_t len,
				  struct token_info *info, uint8_t ret_bid[static ID_LEN], struct error *err)
{
	struct batch_record batch = { 0 };
	enum error_code code = records_batch_open(view, text, len, info->plain, err);

	if (code == ERR_OK)
		code = decode_batch(secret_buf_bytes(info->plain), secret_buf_len(info->plain), &batch, err);
	if (code == ERR_OK)
		code = judge(vault, view, &batch, info->now, err);
	if (code != ERR_OK) {
		batch_record_free(&batch);
		return code;
	}
	memcpy(ret_bid, batch.bid, ID_LEN);
	sodium_bin2hex(info->accessor, sizeof(info->accessor), batch.bid, ID_LEN);
	as_record(&batch, &info->record);
	return ERR_OK;
}

enum error_code token_batch_find(struct vault *vault, struct records_view *view, const char *text, size_t len,
				 struct token_info *ret, uint8_t ret_bid[static ID_LEN], struct error *err)
{
	enum error_code code;

	*ret = (struct token_info){ .batch = true, .now = token_clock_now(&vault->token_clock) };
	ret->plain = secret_buf_new(BATCH_TEXT_MAX);
	if (!ret->plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a batch token");
	code = open_batch(vault, view, text, len, ret, ret_bid, err);
	if (code != ERR_OK)
		token_info_free(ret);
	return code;
}

enum error_code token_batch_revoke(struct records_write *write, const struct token_info *info,
				   const uint8_t bid[static ID_LEN], struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_BODY_SMALL);
	const struct revoked_record record = { .expires = info->record.expires };
	struct record_key key = record_key_id(TABLE_REVOKED, bid);

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left to revoke a token");
	encode_revoked(encoding, &record);
	if (secret_buf_check(encoding, "the record of a revoked token", err) != ERR_OK)
		return err->code;
	return records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}
