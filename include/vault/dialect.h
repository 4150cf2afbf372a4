/*
 * Env-file dialects: exact encoders and decoders, pure functions.
 *
 *   systemd   EnvironmentFile= of a unit
 *   docker    docker and podman --env-file: raw lines
 *   compose   env_file of docker compose v2
 *   dotenv    what all dotenv readers read alike (docs/env-formats.md)
 *   shell     `. file` of a POSIX shell
 *   json      one object of strings
 *
 * Encoding is safe by construction: the text is decoded again with the same
 * dialect and compared before it is given out. What a dialect cannot hold is
 * refused, with all such names and reasons at once, in the notes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vault/env_set.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

struct dialect;

/* NULL when there is none of this name. */
const struct dialect *dialect_find(const char *name);
/* For help texts: dialect i, or NULL after the last. */
const struct dialect *dialect_at(size_t i);
const char *dialect_name(const struct dialect *dialect);
const char *dialect_summary(const struct dialect *dialect);

enum note_severity { NOTE_INFO, NOTE_WARNING, NOTE_ERROR };

struct note {
	enum note_severity severity;
	unsigned line;			/* 0: not about a line */
	char name[64];			/* of the variable, cut and cleaned for printing; "" if none */
	const char *reason;		/* static text, never a value */
	const char *hint;		/* static text or NULL: what to do */
};

#define NOTES_MAX 64	/* kept; further ones are counted */

struct notes {
	struct note items[NOTES_MAX];
	size_t len;
	size_t omitted;
	size_t errors;
};

void notes_add(struct notes *notes, enum note_severity severity, unsigned line, const char *name, size_t name_len,
	       const char *reason, const char *hint);

/* ERR_INVALID when a line cannot be read or when readers of this dialect would disagree about it (all such lines are in
 * the notes); ERR_TOO_LARGE. Duplicates: the last wins, with a warning. On failure *set is in an unspecified state. */
enum error_code dialect_decode(const struct dialect *dialect, const char *text, size_t len, struct env_set *set,
			       struct notes *notes, struct error *err) must_check;

/* ERR_UNREPRESENTABLE when anything was refused; out then holds nothing. Linear in time and memory. */
enum error_code dialect_encode(const struct dialect *dialect, const struct env_set *set, struct secret_buf *out,
			       struct notes *notes, struct error *err) must_check;
