/*
 * The tokens that `envctl login` keeps: one for each address, in a file of its
 * own below $XDG_STATE_HOME/envctl/tokens (~/.local/state if unset). A token is
 * found by the address that it was kept for and by no other, so that no vault
 * is ever shown another one's.
 *
 * The file is called as the address: a host in lower case, with its port; bytes
 * that are no letter, digit or one of "-._:[]" as %XX. So one vault with two
 * addresses has two tokens.
 *
 * An earlier envctl kept one token for all vaults, in envctl/token. Nobody can
 * say where that came from, so it is sent nowhere; verbs say that it is there.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "client/address.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

/* Where the address's token is, whether it exists or not. ERR_CONFIG when neither XDG_STATE_HOME nor HOME says where,
 * ERR_INVALID when the address is too long for the name of a file. */
enum error_code kept_token_path(const struct address *address, char path[static PATH_MAX], struct error *err) must_check;

/* *ret is NULL when there is none. ERR_INVALID and ERR_TOO_LARGE as token_find() has them; ERR_PERMISSION: others can read
 * the file or write to its folder. */
enum error_code kept_token_read(const struct address *address, struct secret_buf **ret, struct error *err) must_check;

/* Whether there is one of an earlier envctl, and where. */
bool kept_token_earlier(char path[static PATH_MAX]);

/* Keeps a token: mode 0600, all or nothing, folders with mode 0700. When an earlier envctl kept the same one, that file goes. */
enum error_code kept_token_write(const struct address *address, const struct secret_buf *token, struct error *err) must_check;

enum kept_forgotten { FORGOTTEN_NONE, FORGOTTEN_OF_ADDRESS, FORGOTTEN_EARLIER };

/* Removes the address's token; only where there is none, what an earlier envctl kept. *ret: which of them there was. */
enum error_code kept_token_forget(const struct address *address, enum kept_forgotten *ret, struct error *err) must_check;
