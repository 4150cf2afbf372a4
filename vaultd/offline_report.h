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
/*
 * What is lost, as it is told by an accept: a line each, or the members of a JSON array. A damaged file may have lost more than
 * anybody reads: behind LOSSES_SHOWN they are counted.
 */
#define LOSSES_SHOWN 1000
struct loss_report {
	struct secret_buf *out;		/* not its own */
	bool json;
	uint64_t len;
};
void loss_report_take(void *arg, const char *text);	/* arg: the struct loss_report */
/* Behind the last: how many were not shown. */
void loss_report_end(struct loss_report *losses);
/* Adds to an error that a damaged store is the reason of, what else could be done. */
void report_advise_loss(const char *instead, struct error *err);

/* Writes it to standard output. */
enum error_code report_print(const struct secret_buf *out, struct error *err) must_check;
/* Writes what went wrong to standard error, behind the command ("vaultd restore"), with json as an object. The process's exit code. */
int report_failure(const char *command, bool json, const struct error *failure);
