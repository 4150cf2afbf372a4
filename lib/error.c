#include "vault/error.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

/* Exit codes. From 64 on they are those of sysexits.h. */
enum {
	EXIT_GENERAL = 1,
	EXIT_SEALED = 2,
	EXIT_ABSENT = 3,
	EXIT_DENIED = 4,
	EXIT_PEER = 5,
	EXIT_CONFLICT = 6,
	EXIT_USAGE = 64,
	EXIT_DAMAGED = 65,
	EXIT_NEWER = 66,
	EXIT_IO = 74,
	EXIT_BUSY = 75,
	EXIT_PERMISSION = 77,
	EXIT_CONFIG = 78,
};

struct error_row {
	const char *name;
	int http_status;
	int exit_code;
};

static const struct error_row rows[ERR_CODE_COUNT] = {
	[ERR_OK] = { "ok", 200, 0 },
	[ERR_INVALID] = { "invalid", 400, EXIT_GENERAL },
	[ERR_CAS] = { "cas", 400, EXIT_CONFLICT },
	[ERR_TOO_LARGE] = { "too_large", 413, EXIT_GENERAL },
	[ERR_MEDIA_TYPE] = { "media_type", 415, EXIT_GENERAL },
	[ERR_METHOD] = { "method", 405, EXIT_GENERAL },
	[ERR_DENIED] = { "denied", 403, EXIT_DENIED },
	[ERR_NOT_FOUND] = { "not_found", 404, EXIT_ABSENT },
	[ERR_DELETED] = { "deleted", 404, EXIT_ABSENT },
	[ERR_EXISTS] = { "exists", 400, EXIT_CONFLICT },
	[ERR_UNRESOLVED] = { "unresolved", 422, EXIT_GENERAL },
	[ERR_UNREPRESENTABLE] = { "unrepresentable", 400, EXIT_GENERAL },
	[ERR_SCHEMA] = { "schema", 400, EXIT_GENERAL },
	[ERR_USAGE] = { "usage", 500, EXIT_USAGE },
	[ERR_CONFIG] = { "config", 500, EXIT_CONFIG },
	[ERR_SEALED] = { "sealed", 503, EXIT_SEALED },
	[ERR_NOT_INITIALIZED] = { "not_initialized", 503, EXIT_SEALED },
	[ERR_ALREADY_INITIALIZED] = { "already_initialized", 400, EXIT_GENERAL },
	[ERR_UNSEAL_FAILED] = { "unseal_failed", 400, EXIT_DENIED },
	[ERR_SLOWED_DOWN] = { "slowed_down", 429, EXIT_BUSY },
	[ERR_BUSY] = { "busy", 503, EXIT_BUSY },
	[ERR_TIMEOUT] = { "timeout", 500, EXIT_PEER },
	[ERR_CONFLICT] = { "conflict", 500, EXIT_CONFLICT },
	[ERR_NO_MEMORY] = { "no_memory", 500, EXIT_GENERAL },
	[ERR_IO] = { "io", 500, EXIT_IO },
	[ERR_PERMISSION] = { "permission", 500, EXIT_PERMISSION },
	[ERR_STORAGE_FULL] = { "storage_full", 507, EXIT_IO },
	[ERR_OUTCOME_UNKNOWN] = { "outcome_unknown", 500, EXIT_IO },
	[ERR_UNREACHABLE] = { "unreachable", 500, EXIT_PEER },
	[ERR_PROTOCOL] = { "protocol", 500, EXIT_PEER },
	[ERR_AUTH] = { "auth", 500, EXIT_DAMAGED },
	[ERR_STORE_LOCKED] = { "store_locked", 500, EXIT_BUSY },
	[ERR_STORE_DAMAGED] = { "store_damaged", 500, EXIT_DAMAGED },
	[ERR_STORE_FOREIGN] = { "store_foreign", 500, EXIT_DAMAGED },
	[ERR_STATE_DAMAGED] = { "state_damaged", 500, EXIT_DAMAGED },
	[ERR_HEADER_DAMAGED] = { "header_damaged", 500, EXIT_DAMAGED },
	[ERR_HEADER_TAMPERED] = { "header_tampered", 500, EXIT_DAMAGED },
	[ERR_HEADER_STALE] = { "header_stale", 500, EXIT_DAMAGED },
	[ERR_ROLLBACK] = { "rollback", 500, EXIT_DAMAGED },
	[ERR_FORK] = { "fork", 500, EXIT_DAMAGED },
	[ERR_ANCHOR_MISSING] = { "anchor_missing", 500, EXIT_DAMAGED },
	[ERR_RECORD] = { "record", 500, EXIT_DAMAGED },
	[ERR_SET_CHANGED] = { "set_changed", 500, EXIT_DAMAGED },
	[ERR_REVISION_MISSING] = { "revision_missing", 500, EXIT_DAMAGED },
	[ERR_REVISION_UNKNOWN] = { "revision_unknown", 500, EXIT_DAMAGED },
	[ERR_BACKUP_CUT] = { "backup_cut", 500, EXIT_DAMAGED },
	[ERR_BACKUP_DAMAGED] = { "backup_damaged", 500, EXIT_DAMAGED },
	[ERR_FORMAT_NEWER] = { "format_newer", 500, EXIT_NEWER },
	[ERR_INTERNAL] = { "internal", 500, EXIT_GENERAL },
};

/* A code from outside the enum is a bug elsewhere; it must not become a crash while an error is being reported. */
static const struct error_row *row_of(enum error_code code)
{
	if ((unsigned)code >= ERR_CODE_COUNT || !rows[code].name)
		return &rows[ERR_INTERNAL];
	return &rows[code];
}

static void trim_newlines(char *text)
{
	size_t len = strlen(text);
	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
}

static void printf_like(2, 0) text_set(char text[static ERROR_TEXT_MAX], const char *format, va_list args)
{
	int wanted = vsnprintf(text, ERROR_TEXT_MAX, format, args);
	if (wanted < 0)
		text[0] = '\0';
	else if (wanted >= ERROR_TEXT_MAX)
		utf8_trim_cut(text);
	trim_newlines(text);
}

static void text_append(char text[static ERROR_TEXT_MAX], const char *tail)
{
	size_t len = strlen(text);
	size_t room = ERROR_TEXT_MAX - 1 - len;
	size_t add = strlen(tail);
	bool cut = add > room;
	if (cut)
		add = room;
	memcpy(text + len, tail, add);
	text[len + add] = '\0';
	if (cut)
		utf8_trim_cut(text);
}

enum error_code error_set(struct error *err, enum error_code code, const char *format, ...)
{
	assert(code != ERR_OK);
	if (err->code != ERR_OK)
		return err->code;
	err->code = code;
	err->sys_errno = 0;
	va_list args;
	va_start(args, format);
	text_set(err->text, format, args);
	va_end(args);
	return code;
}

enum error_code error_set_errno(struct error *err, enum error_code code, int sys_errno, const char *format, ...)
{
	assert(code != ERR_OK);
	if (err->code != ERR_OK)
		return err->code;
	if (code == ERR_IO && (sys_errno == ENOSPC || sys_errno == EDQUOT))
		code = ERR_STORAGE_FULL;
	err->code = code;
	err->sys_errno = sys_errno;
	va_list args;
	va_start(args, format);
	text_set(err->text, format, args);
	va_end(args);
	char reason[128];
	text_append(err->text, ": ");
	text_append(err->text, strerror_r(sys_errno, reason, sizeof(reason)));
	return code;
}

enum error_code error_prefix(struct error *err, const char *format, ...)
{
	char before[ERROR_TEXT_MAX];
	memcpy(before, err->text, sizeof(before));
	va_list args;
	va_start(args, format);
	text_set(err->text, format, args);
	va_end(args);
	text_append(err->text, ": ");
	text_append(err->text, before);
	return err->code;
}

void error_clear(struct error *err)
{
	err->code = ERR_OK;
	err->sys_errno = 0;
	err->text[0] = '\0';
}

void error_wipe(struct error *err)
{
	explicit_bzero(err, sizeof(*err));
}

const char *error_name(enum error_code code)
{
	return row_of(code)->name;
}

enum error_code error_named(const char *name)
{
	for (int code = 0; name != NULL && code < ERR_CODE_COUNT; code++)
		if (strcmp(row_of((enum error_code)code)->name, name) == 0)
			return (enum error_code)code;
	return ERR_INTERNAL;
}

int error_http_status(enum error_code code)
{
	return row_of(code)->http_status;
}

int error_exit_code(enum error_code code)
{
	return row_of(code)->exit_code;
}
