/*
 * The token that envctl shows to the daemon.
 *
 *   1. --token-file FILE
 *   2. VAULT_TOKEN
 *   3. $XDG_STATE_HOME/envctl/token, or ~/.local/state/envctl/token
 *   4. none: over the Unix socket the daemon then judges by the user's uid
 *
 * A token file must be a regular file of ours (or root's) that nobody else can
 * read. The environment variable is left where it is; `run` strips it from
 * the child.
 */
#pragma once

#include "vault/error.h"
#include "vault/secret_buf.h"

enum token_source { TOKEN_NONE, TOKEN_OPTION, TOKEN_VARIABLE, TOKEN_STATE_FILE };

/* *ret is NULL when there is no token (not an error), else its text without a line end. option may be NULL.
 * ERR_PERMISSION, ERR_INVALID (not one line of printable ASCII), ERR_TOO_LARGE, ERR_NOT_FOUND (of --token-file). */
enum error_code token_find(const char *option, struct secret_buf **ret, enum token_source *ret_source,
			   struct error *err) must_check;

/* "the token of VAULT_TOKEN", for messages. */
const char *token_source_text(enum token_source source);
