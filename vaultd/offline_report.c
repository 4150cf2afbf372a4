#include "offline_report.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vault/files.h"
#include "vault/json_emit.h"

#define REPORT_MAX (1024u * 1024)

void report_hex(const uint8_t id[static ID_LEN], char ret[static 2 * ID_LEN + 1])
{
	sodium_bin2hex(ret, 2 * ID_LEN + 1, id, ID_LEN);
}

struct secret_buf *report_new(struct error *err)
{
	struct secret_buf *out = secret_buf_new(REPORT_MAX);

	if (!out)
		error_set(err, ERR_NO_MEMORY, "no memory is left for the report");
	return out;
}

void report_line(struct secret_buf *out, const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	secret_buf_append_text(out, line);
	secret_buf_append_char(out, '\n');
}

static void member_hex(struct secret_buf *out, const char *name, const uint8_t *id)
{
	char hex[2 * ID_LEN + 1];

	report_hex(id, hex);
	json_emit_key(out, name);
	json_emit_cstring(out, hex);
}

void report_members(struct secret_buf *out, const struct accept_report *report, bool accepted)
{
	json_emit_raw(out, "\"counter\":");
	json_emit_uint(out, report->counter);
	json_emit_raw(out, ",\"time\":");
	json_emit_time(out, report->time);
	json_emit_raw(out, ",");
	member_hex(out, "vault", report->store_id);
	json_emit_raw(out, ",");
	member_hex(out, "fork", report->fork_id);
	json_emit_raw(out, ",\"records\":");
	json_emit_uint(out, report->n_live);
	json_emit_raw(out, ",\"revisions\":");
	json_emit_uint(out, report->n_revisions);
	if (!accepted)
		return;
	json_emit_raw(out, ",\"new_counter\":");
	json_emit_uint(out, report->new_counter);
	json_emit_raw(out, ",");
	member_hex(out, "new_fork", report->new_fork_id);
}

/* -- losses ---------------------------------------------------------------------------- */

void loss_report_take(void *arg, const char *text)
{
	struct loss_report *losses = arg;

	if (losses->len++ >= LOSSES_SHOWN)
		return;
	if (losses->json) {
		json_emit_raw(losses->out, losses->len > 1 ? "," : "");
		json_emit_cstring(losses->out, text);
	} else {
		report_line(losses->out, "lost: %s", text);
	}
}

void loss_report_end(struct loss_report *losses)
{
	if (losses->len > LOSSES_SHOWN && !losses->json)
		report_line(losses->out, "lost: %llu more", (unsigned long long)(losses->len - LOSSES_SHOWN));
}

void report_advise_loss(const char *instead, struct error *err)
{
	const bool lossy = err->code == ERR_RECORD || err->code == ERR_SET_CHANGED || err->code == ERR_REVISION_MISSING ||
			   err->code == ERR_REVISION_UNKNOWN || err->code == ERR_STORE_DAMAGED;
	const size_t len = strlen(err->text);

	if (lossy)
		(void)snprintf(err->text + len, sizeof(err->text) - len, "; %s", instead);
}

enum error_code report_print(const struct secret_buf *out, struct error *err)
{
	if (secret_buf_check(out, "the report", err) != ERR_OK)
		return err->code;
	return fd_write_all(STDOUT_FILENO, secret_buf_bytes(out), secret_buf_len(out), err);
}

int report_failure(const char *command, bool json, const struct error *failure)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(8 * ERROR_TEXT_MAX);
	struct error ignored = ERROR_INIT;
	int code = error_exit_code(failure->code);

	if (json && out)
		json_emit_error(out, failure, code, NULL);
	if (json && out && secret_buf_ok(out))
		(void)!fd_write_all(STDERR_FILENO, secret_buf_bytes(out), secret_buf_len(out), &ignored);
	else
		fprintf(stderr, "%s: %s\n", command, failure->text);
	return code;
}
