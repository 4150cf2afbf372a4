/*
 * What a dialect is made of, and the cursor its reader works with. Private to
 * lib/dialect/.
 *
 * A row knows three things about itself: how to read a whole text, why it
 * cannot hold a variable, and how to write one that it can hold. Everything
 * else (limits, notes, the check that what was written reads back the same) is
 * done once, in dialect.c, for all rows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vault/dialect.h"

/* Why something is refused or remarked on. */
struct remark {
	const char *reason;
	const char *hint;
};

/* How a reason begins that all lines of a file share when it was written on Windows: note_is_of_line_ends(). */
#define NOTE_LINE_ENDS "the line ends in CR LF"

struct reader {
	const char *text;
	size_t len;
	size_t at;
	unsigned line;			/* of text[at], from 1 */
	struct env_set *set;
	struct notes *notes;
	struct secret_buf *value;	/* of the variable that is being read */
	const struct env_entry *expected;	/* of read_file: to be compared with, in place of set; NULL: none */
	size_t longest;			/* value that is expected; 0: not known */
	bool matched;			/* it was read, and is the same */
	enum error_code code;		/* memory or a limit: reading ends */
	struct error *err;
};

/* A text that is being written. */
struct writer {
	struct secret_buf *out;
	const struct dialect_options *options;
	size_t count;			/* of the variables that will be written */
	char delimiter[48];		/* github's; made by open() */
};

struct dialect {
	const char *name;
	const char *summary;
	const char *opening;		/* text before the first variable and after the last */
	const char *closing;
	bool is_text;			/* a NUL byte means that it is no such file at all */
	bool is_env_file;		/* NAME=VALUE lines that people keep: part of --dialect auto */
	bool is_directory;		/* a file for each variable: read_file and write of one file's content */
	void (*read)(struct reader *reader);
	void (*read_file)(struct reader *reader, const char *name, size_t name_len);
	/* NULL when the dialect can hold the variable. */
	const struct remark *(*refuse)(const struct env_entry *entry);
	/* NULL, or what the user should know about a variable that is written. May be NULL itself. */
	const struct remark *(*warn)(const struct env_entry *entry);
	/* NULL, or notes what is to be said of all variables together. */
	void (*look_at_all)(const struct env_set *set, struct notes *notes);
	void (*write)(const struct env_entry *entry, bool first, struct secret_buf *out);
	/* By how many bytes a value is longer where it is written: nearly, and rather too many. The text is made in one piece of memory
	 * by it. May be NULL: none. */
	size_t (*growth)(const struct env_entry *entry);
	bool reads_written;		/* a value that is being read is at first as long as it is written */
	/* What needs the options instead: both may be NULL. open() writes what stands before the variables. */
	enum error_code (*check_options)(const struct dialect_options *options, struct error *err);
	void (*open)(struct writer *writer);
	void (*write_with)(struct writer *writer, const struct env_entry *entry, bool first);
};

extern const struct dialect dialect_systemd;
extern const struct dialect dialect_docker;
extern const struct dialect dialect_podman;
extern const struct dialect dialect_kubectl;
extern const struct dialect dialect_compose;
extern const struct dialect dialect_compose_environment;
extern const struct dialect dialect_dotenv;
extern const struct dialect dialect_python;
extern const struct dialect dialect_godotenv;
extern const struct dialect dialect_motdotla;
extern const struct dialect dialect_node;
extern const struct dialect dialect_ruby;
extern const struct dialect dialect_shell;
extern const struct dialect dialect_fish;
extern const struct dialect dialect_envdir;
extern const struct dialect dialect_directory;
extern const struct dialect dialect_github;
extern const struct dialect dialect_gitlab;
extern const struct dialect dialect_kubernetes;
extern const struct dialect dialect_json;
extern const struct dialect dialect_yaml;

/* The end of the text, or nothing more to be done because of an error. */
static inline bool reader_is_done(const struct reader *reader)
{
	return reader->at >= reader->len || reader->code != ERR_OK;
}

static inline char reader_peek(const struct reader *reader)
{
	return reader->text[reader->at];
}

/* Takes one byte; the reader must not be at the end. */
static inline char reader_next(struct reader *reader)
{
	char c = reader->text[reader->at++];
	if (c == '\n')
		reader->line++;
	return c;
}

/* Moves on to offset `to`, counting lines. */
void reader_move(struct reader *reader, size_t to);
/* Moves to the line feed that ends this line, or to the end of the text. */
void reader_skip_line(struct reader *reader);
/* Offset of the next such byte at or after `from`, or the length of the text. */
size_t reader_find(const struct reader *reader, size_t from, char c);

/* Gives the set the variable whose value is in reader->value, and empties that. */
void reader_put(struct reader *reader, const char *name, size_t name_len, unsigned line);
/* The same with a value that stands elsewhere: it need not be copied before. */
void reader_put_text(struct reader *reader, const char *name, size_t name_len, const char *value, size_t value_len,
		     unsigned line);
/* A buffer for a value of this reader, or NULL. */
struct secret_buf *reader_value_new(const struct reader *reader) owned_by(secret_buf_free);
/* Notes an error or a warning about a line; the value read so far is dropped. */
void reader_refuse(struct reader *reader, unsigned line, const char *name, size_t name_len,
		   const struct remark *remark);
void reader_warn(struct reader *reader, unsigned line, const char *name, size_t name_len, const struct remark *remark);

/* In place: a backslash and one of these letters (n, r) become the line feed or carriage return that they mean. */
void value_expand(struct secret_buf *value, const char *letters);
/* NAME=, the value between two such marks ("" for none), a line feed. A carriage return, which no reader without escapes
 * keeps, is written \r. */
void write_assignment(const struct env_entry *entry, const char *mark, struct secret_buf *out);

/* The text with a backslash before each of these characters. */
void append_escaped(struct secret_buf *out, const char *text, size_t len, const char *characters);
/* How many of the value's bytes are one of these characters: of those that get a backslash, for one. None is a letter or NUL. */
size_t growth_by(const struct env_entry *entry, const char *characters);
/* How many are control characters of ASCII, below the blank. */
size_t count_controls(const struct env_entry *entry);

/* The refusals that several dialects share. */
extern const struct remark remark_nul;
extern const struct remark remark_not_utf8;
extern const struct remark remark_not_identifier;
