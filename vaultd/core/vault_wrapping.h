/*
 * Response wrapping: an answer is kept in the vault and a token for it is given
 * out, which takes it once and for a limited time. Part of the contract of
 * vault.h.
 *
 * No function here asks who the caller is: whoever holds the token may take what
 * was wrapped, and to wrap an answer is up to whom the answer was for. A token
 * that is malformed, unknown, expired or used is ERR_INVALID with one sentence
 * for all.
 *
 * The actions are described in action.h. What takes a token deletes the wrapped
 * answer in the commit that it waits for: of any number of takers one succeeds.
 * After ERR_OUTCOME_UNKNOWN the answer may be gone although nobody got it.
 *
 * Bounds: LIMIT_WRAPPED_BODY bytes in one answer (ERR_TOO_LARGE), LIMIT_WRAPPED
 * answers and LIMIT_WRAPPED_BYTES in all (ERR_BUSY), LIMIT_WRAP_SECONDS.
 * Expired ones are removed by vault_tick(). Time is that of tokens, which never goes
 * back (core/token_clock.h): a clock that is set back, a seal or a restart makes none
 * live longer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/action.h"
#include "crypto/token_text.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

struct vault;

struct wrap_info {
	char token[TOKEN_TEXT_LEN + 1];	/* secret: wipe it */
	char accessor[2 * TOKEN_ID_LEN + 1];
	char wrapped_accessor[64];	/* of the token in the answer's "auth"; "" when there is none */
	int64_t created;
	int64_t ttl_s;
};

/* Keeps an answer: body is the text of its JSON envelope, path what was asked ("secret/data/shop"). Both must stay until
 * done(). ttl_s is 1 to LIMIT_WRAP_SECONDS (ERR_INVALID). */
struct wrap_answer {
	struct vault_action action;
	const struct secret_buf *body;
	const char *path;
	int64_t ttl_s;
	struct wrap_info info;		/* the result */
};
enum error_code vault_wrap(struct vault *vault, struct wrap_answer *wrap, struct error *err) must_check;

/* Gives the body back, byte for byte, and forgets it. */
struct unwrap_answer {
	struct vault_action action;
	const char *token;
	size_t token_len;
	struct secret_buf *body;	/* the result; the caller frees it, whatever the outcome was */
};
enum error_code vault_unwrap(struct vault *vault, struct unwrap_answer *unwrap, struct error *err) must_check;

/* Exchanges a token for a new one with the same lifetime, counted from now. */
struct rewrap_answer {
	struct vault_action action;
	const char *token;
	size_t token_len;
	struct wrap_info info;		/* the results; path as below */
	struct secret_buf *path;
};
enum error_code vault_rewrap(struct vault *vault, struct rewrap_answer *rewrap, struct error *err) must_check;

/* What a token would give: when and by which path it was wrapped, and for how long. Appends the path. */
struct wrapping {
	int64_t created;
	int64_t ttl_s;
};
enum error_code vault_wrapping_lookup(struct vault *vault, const char *token, size_t token_len, struct wrapping *ret,
				      struct secret_buf *path, struct error *err) must_check;
