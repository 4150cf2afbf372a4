/*
 * Errors: one enum, one table, one sentence that travels.
 *
 * A function that can fail returns an enum error_code and takes a struct error
 * as its last parameter. On success it returns ERR_OK and leaves the error as
 * it was. On failure it sets the code and one complete sentence that a person
 * can act on; callers may put context in front ("load the header: ..."). The
 * first failure wins: error_set() on an error that is already set keeps it.
 *
 * No sentence ever holds a value of a variable, a token, a key, or input that
 * may be one of these. Names of variables and environments are allowed.
 *
 * The table gives each code its stable name (used in JSON and logs), the HTTP
 * status it becomes and the exit code of the programs.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "vault/attributes.h"

#define ERROR_TEXT_MAX 512

enum error_code {
	ERR_OK = 0,
	/* of the caller's input */
	ERR_INVALID,		/* the request or file is malformed */
	ERR_CAS,		/* check-and-set parameter did not match */
	ERR_TOO_LARGE,		/* over a limit of limits.h */
	ERR_MEDIA_TYPE,		/* PATCH without merge-patch+json */
	ERR_METHOD,		/* the path does not have this method */
	ERR_DENIED,		/* no, missing or insufficient identity */
	ERR_NOT_FOUND,
	ERR_DELETED,		/* the revision exists but is deleted or destroyed */
	ERR_EXISTS,
	ERR_UNRESOLVED,		/* an environment's parents or templates do not give its variables */
	ERR_UNREPRESENTABLE,	/* a dialect cannot hold a value */
	ERR_SCHEMA,		/* variables are not what their schema asks for */
	ERR_USAGE,		/* command line */
	ERR_CONFIG,		/* configuration file */
	/* of the vault's state */
	ERR_SEALED,
	ERR_NOT_INITIALIZED,
	ERR_ALREADY_INITIALIZED,
	ERR_UNSEAL_FAILED,	/* the slot did not open */
	ERR_SLOWED_DOWN,	/* too many failed attempts, wait */
	ERR_BUSY,		/* a limit of concurrent work is reached */
	ERR_TIMEOUT,
	ERR_CONFLICT,		/* lost a race; the store re-runs it, callers rarely see it */
	/* of the machine */
	ERR_NO_MEMORY,
	ERR_IO,
	ERR_PERMISSION,		/* wrong owner or loose mode of a file or socket */
	ERR_STORAGE_FULL,
	ERR_OUTCOME_UNKNOWN,	/* a commit failed: it may or may not have happened */
	ERR_UNREACHABLE,	/* no daemon answers */
	ERR_PROTOCOL,		/* the other side does not speak our protocol */
	/* of the stored data (reference names of docs/storage-format.md) */
	ERR_AUTH,		/* a sealed message did not open */
	ERR_STORE_LOCKED,
	ERR_STORE_DAMAGED,
	ERR_STORE_FOREIGN,
	ERR_STATE_DAMAGED,
	ERR_HEADER_DAMAGED,
	ERR_HEADER_TAMPERED,
	ERR_HEADER_STALE,
	ERR_ROLLBACK,
	ERR_FORK,
	ERR_ANCHOR_MISSING,
	ERR_RECORD,		/* a record is damaged, moved or replaced */
	ERR_SET_CHANGED,	/* records were added or removed behind our back */
	ERR_REVISION_MISSING,
	ERR_REVISION_UNKNOWN,
	ERR_BACKUP_CUT,		/* a backup without its end */
	ERR_BACKUP_DAMAGED,	/* a backup of which something was changed, moved or exchanged */
	ERR_FORMAT_NEWER,	/* written by a newer version; nothing was touched */
	ERR_INTERNAL,
	ERR_CODE_COUNT
};

struct error {
	enum error_code code;
	int sys_errno;			/* 0 when no system call failed */
	char text[ERROR_TEXT_MAX];	/* UTF-8, no newline at the end */
};

#define ERROR_INIT { .code = ERR_OK, .sys_errno = 0, .text = "" }

/* Sets code and sentence unless the error is already set. Returns the code in force. */
enum error_code error_set(struct error *err, enum error_code code, const char *format, ...) printf_like(3, 4);

/* The same, and adds ": " and the text of sys_errno. ERR_IO becomes ERR_STORAGE_FULL when that says that there is no room. */
enum error_code error_set_errno(struct error *err, enum error_code code, int sys_errno, const char *format, ...)
	printf_like(4, 5);

/* Puts "context: " in front of the sentence. Returns the code, so that it can be returned. */
enum error_code error_prefix(struct error *err, const char *format, ...) printf_like(2, 3);

/* Makes the error unset again. */
void error_clear(struct error *err);
/* Zeroes it, for scope cleanup: sentences name environments, and a sealed vault knows none. */
void error_wipe(struct error *err);

/* Stable lower-case name, such as "store_damaged". Never NULL. */
const char *error_name(enum error_code code);

/* The code with this name; ERR_INTERNAL for a name that is not in the table, NULL too. */
enum error_code error_named(const char *name);

/* HTTP status, such as 503. ERR_OK is 200. */
int error_http_status(enum error_code code);

/* Exit code of envctl and vaultd (docs/operations.md lists them). ERR_OK is 0. */
int error_exit_code(enum error_code code);
