/*
 * The token that envctl shows to the daemon.
 *
 *   1. --token-file FILE
 *   2. VAULT_TOKEN
 *   3. what `envctl login` has kept for the address (kept_token.h)
 *   4. none: over the Unix socket the daemon then judges by the user's uid
 *
 * A token file must be a regular file of ours (or root's) that nobody else can
 * read. The environment variable is left where it is; `run` strips it from
 * the child.
 */
#pragma once

#include "client/address.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

enum token_source { TOKEN_NONE, TOKEN_OPTION, TOKEN_VARIABLE, TOKEN_KEPT };

/* *ret is NULL when there is no token (not an error), else its text without a line end. option may be NULL.
 * ERR_PERMISSION, ERR_INVALID (not one line of printable ASCII), ERR_TOO_LARGE, ERR_NOT_FOUND (of --token-file). */
enum error_code token_find(const char *option, const struct address *address, struct secret_buf **ret,
			   enum token_source *ret_source, struct error *err) must_check;

/* What is sent in a header must not be able to end that header: 1 to LIMIT_TOKEN_LEN bytes of printable ASCII without
 * spaces. what begins the sentence. ERR_INVALID, ERR_TOO_LARGE. */
enum error_code token_check(const struct secret_buf *token, const char *what, struct error *err) must_check;
/* Takes one line end off. */
void token_trim(struct secret_buf *token);

/* The first line of a token's file, not checked. ERR_NOT_FOUND, ERR_PERMISSION, ERR_TOO_LARGE, ERR_INVALID. */
enum error_code token_read_file(const char *path, struct secret_buf **ret, struct error *err) must_check;

/* "the token of VAULT_TOKEN", for messages. */
const char *token_source_text(enum token_source source);
