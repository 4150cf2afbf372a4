/*
 * Batch tokens (records/batch_token.h), judged: fork, time, revocation, role,
 * parent. For core/ alone.
 */
#pragma once

#include "core/token_store.h"

/* The batch token of a text, as the record of a token, and its bid. ERR_NOT_FOUND without a sentence for every reason that
 * makes it count no more. */
enum error_code token_batch_find(struct vault *vault, struct records_view *view, const char *text, size_t len,
				 struct token_info *ret, uint8_t ret_bid[static ID_LEN], struct error *err) must_check;
/* Puts the record that revokes it, which goes when the token would have expired. */
enum error_code token_batch_revoke(struct records_write *write, const struct token_info *info,
				   const uint8_t bid[static ID_LEN], struct error *err) must_check;
