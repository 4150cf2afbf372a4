/*
 * Settings of an environment beside KV's: one JSON object with the one member
 * "allow_names". Pure functions, for core/ alone.
 */
#pragma once

#include <stddef.h>

#include "records/tables.h"
#include "vault/error.h"
#include "vault/json_scan.h"
#include "vault/secret_buf.h"

/* Stored settings to one malloc'ed block of pointers and texts; NULL and 0 when there are none. ERR_RECORD. */
enum error_code allow_names_read(struct text_span settings, char ***ret, size_t *ret_len, struct error *err) must_check;
void allow_names_free(char **names, size_t len);

/*
 * Checks the member allow_names of a patch (see kv_settings_write()) and appends the settings text that results; nothing is
 * appended when no setting is left. ERR_INVALID.
 */
enum error_code allow_names_patch(const struct json_value *list, struct secret_buf *out, struct error *err) must_check;
