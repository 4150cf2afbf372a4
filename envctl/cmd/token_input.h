/*
 * A token that somebody gives: typed at a prompt without echo, or the first
 * line of standard input when there is no terminal. Never a word of the
 * command line, where others could read it.
 */
#pragma once

#include "client/identity.h"
#include "cmd/commands.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

/* prompt: "Token: ". ERR_INVALID when nothing, or no token, is given. */
enum error_code token_input(const char *prompt, struct secret_buf **ret, struct error *err) must_check;
/* The same of a file of this user's alone, or with "-" of standard input. */
enum error_code token_input_file(const char *path, struct secret_buf **ret, struct error *err) must_check;

/* Which token a verb is about: --accessor, else word 0 if it is "-" (then *ret_text is read and owned by the caller),
 * else our own. ERR_USAGE when word 0 is anything else; it is not repeated, as it may be a token. */
enum error_code token_named(const struct invocation *inv, struct secret_buf **ret_text, struct token_name *ret,
			    struct error *err) must_check;
