/*
 * Env-file dialects: exact encoders and decoders, pure functions.
 *
 * A dialect is what one reader understands (docs/env-formats.md has the list
 * and the rules of each). Encoding is safe by construction: the text is decoded
 * again with the same dialect and compared before it is given out. What a
 * dialect cannot hold is refused, with all such names and reasons at once, in
 * the notes.
 *
 * Two kinds: text dialects are one file; directory dialects (envdir, directory)
 * are one file for each variable, named after it, and go through
 * dialect_encode_file() and dialect_decode_file().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/attributes.h"
#include "vault/env_set.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

struct dialect;

/* NULL when there is none of this name. */
const struct dialect *dialect_find(const char *name);
/* For help texts: dialect i, or NULL after the last; at most 32. */
const struct dialect *dialect_at(size_t i);
const char *dialect_name(const struct dialect *dialect);
const char *dialect_summary(const struct dialect *dialect);
bool dialect_is_directory(const struct dialect *dialect);
/* A reader of lines NAME=VALUE that people keep their .env files for: what `import --dialect auto` compares. */
bool dialect_is_env_file(const struct dialect *dialect);

enum note_severity { NOTE_INFO, NOTE_WARNING, NOTE_ERROR };

struct note {
	enum note_severity severity;
	unsigned line;			/* 0: not about a line */
	char name[64];			/* of the variable, cut and cleaned for printing; "" if none */
	const char *reason;		/* static text, never a value */
	const char *hint;		/* static text or NULL: what to do */
	uint32_t holders;		/* a refused value: bit i when dialect_at(i) can hold it */
	bool skipped;			/* a warning about a variable that was left out because it cannot be held */
};

#define NOTES_MAX 10000	/* kept: one for each variable that there may be; further ones are counted */

struct notes {
	struct note *items;	/* malloc'ed */
	size_t len, room;
	size_t omitted;		/* beyond the limit, or no memory was left */
	size_t errors;
};

void notes_free(struct notes *notes);	/* empty again */
void notes_add(struct notes *notes, enum note_severity severity, unsigned line, const char *name, size_t name_len,
	       const char *reason, const char *hint);
/* "the line ends in CR LF, which …": of how a whole file is written, however many of its lines have such a note. */
bool note_is_of_line_ends(const struct note *note);
/* "compose, shell or json" for a note's holders, at most three, text dialects before directories; "" for none. */
void note_holders(const struct note *note, char *ret, size_t size);

/* ERR_INVALID when a line cannot be read or when readers of this dialect would disagree about it (all such lines are in
 * the notes); ERR_TOO_LARGE. Duplicates: the last wins, with a warning. On failure *set is in an unspecified state. */
enum error_code dialect_decode(const struct dialect *dialect, const char *text, size_t len, struct env_set *set,
			       struct notes *notes, struct error *err) must_check;

struct dialect_options {
	bool skip;		/* what cannot be held is left out, with a warning each, and is no error */
	const char *object;	/* kubernetes: metadata.name; NULL: "env" */
	const char *namespace_;	/* kubernetes: metadata.namespace; NULL: none */
	uint8_t random[16];	/* github: makes the delimiter of values of several lines; must be fresh */
};

/* options may be NULL. ERR_UNREPRESENTABLE when anything was refused; out then holds nothing. ERR_INVALID: a directory dialect,
 * or options that cannot be. Linear in time; takes at most three times as much memory as the set's names and values, or the text
 * where escapes make that longer, and 96 KiB (tests/unit/dialect/test_dialect_memory.c; notes apart). */
enum error_code dialect_encode(const struct dialect *dialect, const struct env_set *set,
			       const struct dialect_options *options, struct secret_buf *out, struct notes *notes,
			       struct error *err) must_check;

/* Directory dialects: why the set cannot be held, as dialect_encode() says it; then the content of each variable's file. */
enum error_code dialect_check(const struct dialect *dialect, const struct env_set *set,
			      const struct dialect_options *options, struct notes *notes, struct error *err) must_check;
/* False in *ret_present: no file stands for it, or the variable is skipped because it cannot be held. */
enum error_code dialect_encode_file(const struct dialect *dialect, const struct env_entry *entry, struct secret_buf *out,
				    bool *ret_present, struct error *err) must_check;
/* The file of this name with this content; a file that stands for no variable puts none and notes why. */
enum error_code dialect_decode_file(const struct dialect *dialect, const char *name, size_t name_len, const char *text,
				    size_t len, struct env_set *set, struct notes *notes, struct error *err) must_check;

/* The commands ::add-mask:: that make a GitHub runner hide every value, and each line of one of several lines, in its log. */
void github_add_masks(const struct env_set *set, struct secret_buf *out);
