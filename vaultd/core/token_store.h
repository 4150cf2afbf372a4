/*
 * Tokens as records: found by what names them, put, deleted. For the token_*.c
 * of core/ and identity.c alone.
 */
#pragma once

#include "core/vault_state.h"
#include "core/vault_tokens.h"
#include "records/tables.h"

/* The record of an id, its pin compared, whether it is alive or not; info is filled but for role. ERR_NOT_FOUND without a
 * sentence. pin may be NULL. */
enum error_code token_read(struct vault *vault, struct records_view *view, const uint8_t id[static ID_LEN],
			   struct token_info *ret, uint8_t *ret_pin, struct error *err) must_check;
/* The living token that is named, and its id. */
enum error_code token_find(struct vault *vault, struct records_view *view, const struct token_name *name,
			   struct token_info *ret, uint8_t ret_id[static ID_LEN], struct error *err) must_check;
/* It may still be used, at the time info->now. */
bool token_is_alive(struct vault *vault, const struct token_info *info, const uint8_t id[static ID_LEN]);

enum error_code token_put(struct records_write *write, const uint8_t id[static ID_LEN],
			  const struct token_record *record, struct error *err) must_check;
/* The one place where a token goes: its record and all that hangs on it. One that is gone already is no error. */
enum error_code token_delete_records(struct records_view *view, struct records_write *write,
				     const uint8_t id[static ID_LEN], struct error *err) must_check;

static inline void token_info_freep(struct token_info *info)
{
	token_info_free(info);
}
