#include "core/token_store.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/cubbyhole.h"
#include "core/token_batch.h"
#include "crypto/token_text.h"
#include "records/value.h"

void token_info_free(struct token_info *info)
{
	token_record_free(&info->record);
	secret_buf_free(take_ptr(info->plain));
	sodium_memzero(info, sizeof(*info));
}

int64_t token_info_ttl(const struct token_info *info)
{
	int64_t left = info->record.expires - info->now;

	return info->record.expires == 0 || left <= 0 ? 0 : left / 1000000;
}

void token_grant_free(struct token_grant *grant)
{
	secret_buf_free(take_ptr(grant->text));
	secret_buf_free(take_ptr(grant->warnings));
	token_info_free(&grant->info);
}

/* -- reading --------------------------------------------------------------- */

enum error_code token_read(struct vault *vault, struct records_view *view, const uint8_t id[static ID_LEN],
			   struct token_info *ret, uint8_t *ret_pin, struct error *err)
{
	struct record_key key = record_key_id(TABLE_TOKEN, id);
	enum error_code code;

	*ret = (struct token_info){ .now = token_clock_now(&vault->token_clock) };
	ret->plain = secret_buf_new(VALUE_PADDED_MAX);
	if (!ret->plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token's record");
	code = records_read(view, &key, ret->plain, ret_pin, NULL, err);
	if (code == ERR_OK)
		code = decode_token(secret_buf_bytes(ret->plain), secret_buf_len(ret->plain), &ret->record, err);
	if (code == ERR_OK)
		sodium_bin2hex(ret->accessor, sizeof(ret->accessor), id, ID_LEN);
	else
		token_info_free(ret);
	return code;
}

bool token_is_alive(struct vault *vault, const struct token_info *info, const uint8_t id[static ID_LEN])
{
	const struct token_record *record = &info->record;

	return record->created >= vault->tokens_not_before && (record->expires == 0 || record->expires > info->now) &&
	       token_index_alive(vault->token_index, id, info->now);
}

static void wipe_hash(struct token_hash *hash)
{
	sodium_memzero(hash, sizeof(*hash));
}

static enum error_code find_by_text(struct vault *vault, struct records_view *view, const struct token_name *name,
				    struct token_info *ret, uint8_t ret_id[static ID_LEN], struct error *err)
{
	static const uint8_t nothing[sizeof(((struct token_record *)0)->verifier)];
	cleanup_(wipe_hash) struct token_hash hash;
	enum error_code code;
	bool equal;

	if (name->len > LIMIT_TOKEN_LEN || !records_token_hash(view, name->text, name->len, &hash))
		return ERR_NOT_FOUND;
	code = token_read(vault, view, hash.id, ret, NULL, err);
	if (code != ERR_OK && code != ERR_NOT_FOUND)
		return code;
	/* An unknown id is compared with zeros, so that it takes the same time. */
	equal = sodium_memcmp(hash.verifier, code == ERR_OK ? ret->record.verifier : nothing, sizeof(nothing)) == 0;
	memcpy(ret_id, hash.id, ID_LEN);
	if (code == ERR_OK && !equal) {
		token_info_free(ret);
		code = ERR_NOT_FOUND;
	}
	return code;
}

static enum error_code find_by_accessor(struct vault *vault, struct records_view *view, const struct token_name *name,
					struct token_info *ret, uint8_t ret_id[static ID_LEN], struct error *err)
{
	size_t len = 0;

	if (name->len != ACCESSOR_LEN ||
	    sodium_hex2bin(ret_id, ID_LEN, name->text, name->len, NULL, &len, NULL) != 0 || len != ID_LEN)
		return ERR_NOT_FOUND;
	return token_read(vault, view, ret_id, ret, NULL, err);
}

enum error_code token_find(struct vault *vault, struct records_view *view, const struct token_name *name,
			   struct token_info *ret, uint8_t ret_id[static ID_LEN], struct error *err)
{
	enum error_code code;

	if (name->by == TOKEN_BY_TEXT && token_text_is_batch(name->text, name->len))
		return token_batch_find(vault, view, name->text, name->len, ret, ret_id, err);
	code = name->by == TOKEN_BY_TEXT ? find_by_text(vault, view, name, ret, ret_id, err) :
					   find_by_accessor(vault, view, name, ret, ret_id, err);
	if (code != ERR_OK)
		return code;
	if (token_is_alive(vault, ret, ret_id) && (name->self || ret->record.uses_left != TOKEN_SPENT))
		return ERR_OK;
	token_info_free(ret);
	return ERR_NOT_FOUND;
}

/* -- writing ----------------------------------------------------------------- */

enum error_code token_put(struct records_write *write, const uint8_t id[static ID_LEN],
			  const struct token_record *record, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_REVISION_PLAIN);
	struct record_key key = record_key_id(TABLE_TOKEN, id);

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token's record");
	encode_token(encoding, record);
	if (secret_buf_check(encoding, "the record of a token", err) != ERR_OK)
		return err->code;
	return records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

enum error_code token_delete_records(struct records_view *view, struct records_write *write,
				     const uint8_t id[static ID_LEN], struct error *err)
{
	struct record_key key = record_key_id(TABLE_TOKEN, id);
	uint8_t pin[PIN_LEN];
	enum error_code code = records_peek(view, &key, pin, err);

	if (code != ERR_OK)
		return code == ERR_NOT_FOUND ? ERR_OK : code;
	if (cubbyhole_delete_all(view, write, id, err) != ERR_OK)
		return err->code;
	return records_delete(write, &key, err);
}
