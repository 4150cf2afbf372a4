/* What `vaultd restore` and `vaultd recover` print. */
#pragma once

#include <stdbool.h>

#include "records/accept.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

/* "4711 (2026-11-25T10:00:00Z)" and the like go through these; hex has room for 33 characters. */
void report_hex(const uint8_t id[static ID_LEN], char ret[static 2 * ID_LEN + 1]);
/* A buffer for one report. NULL and err set when memory is out. */
struct secret_buf *report_new(struct error *err) owned_by(secret_buf_free);
void report_line(struct secret_buf *out, const char *format, ...) printf_like(2, 3);
/* "counter":…,"fork":"…","time":"…", of what was found, and what was made of it. */
void report_members(struct secret_buf *out, const struct accept_report *report, bool accepted);
/* Writes it to standard output. */
enum error_code report_print(const struct secret_buf *out, struct error *err) must_check;
