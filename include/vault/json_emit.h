/*
 * Writes JSON into a secret_buf. The hot read path and every answer use it.
 *
 * The functions append one token each; the caller places commas and braces
 * with json_emit_raw(). Strings must be UTF-8; control characters, quotes and
 * backslashes are escaped, nothing else is changed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/error.h"
#include "vault/secret_buf.h"

void json_emit_raw(struct secret_buf *out, const char *text);
void json_emit_raw_n(struct secret_buf *out, const char *text, size_t len);
void json_emit_string(struct secret_buf *out, const char *text, size_t len);	/* with quotes */
void json_emit_cstring(struct secret_buf *out, const char *text);
void json_emit_int(struct secret_buf *out, int64_t value);
void json_emit_uint(struct secret_buf *out, uint64_t value);
void json_emit_bool(struct secret_buf *out, bool value);
/* "name": with the quotes and the colon; name must need no escaping (a literal of ours). */
void json_emit_key(struct secret_buf *out, const char *name);
/* RFC 3339 with quotes; 0 gives "". */
void json_emit_time(struct secret_buf *out, int64_t us);
/* A sentence for people, with quotes: what could act on a terminal is escaped as well (utf8_shown_len()), and a byte that is no
 * part of a valid character (a sentence may name files) is '?'. */
void json_emit_sentence(struct secret_buf *out, const char *text);
/* What the programs print for a failure with --json: {"error":{"code":"not_found","exit_code":3,"message":"..."}} and a line
 * feed. usage: how the command is written, a member more; NULL: none. */
void json_emit_error(struct secret_buf *out, const struct error *err, int exit_code, const char *usage);
/* For a command line that could not be read to its end, so that nobody knows what is a value: --json counts wherever it stands
 * before "--". argv ends with NULL. */
bool json_error_is_asked_for(char *const *argv);
