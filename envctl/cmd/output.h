/*
 * What the verbs print: collected in a wiped buffer, written in one go.
 *
 * Text for people is made safe for terminals: control characters of values and
 * messages are shown, not sent. Colours only when standard output is a
 * terminal, TERM is not dumb and NO_COLOR is not set.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/commands.h"
#include "vault/dialect.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

#define OUTPUT_MAX (128u * 1024 * 1024)

enum style { STYLE_BOLD, STYLE_ADDED, STYLE_CHANGED, STYLE_REMOVED };

/* NULL and err set when memory is out. */
struct secret_buf *output_new(struct error *err) owned_by(secret_buf_free);
/* At most 1 KiB of formatted text, no values. */
void output_format(struct secret_buf *out, const char *format, ...) printf_like(2, 3);
void output_style(struct secret_buf *out, enum style style);
void output_plain(struct secret_buf *out);
/* A value for people: line feeds as "\n"; of other characters that could act on a terminal (utf8_shown_len()), and of what is
 * no UTF-8, each byte as "\x1b". */
void output_visible(struct secret_buf *out, const char *text, size_t len);
/* Writes all to standard output. */
enum error_code output_flush(struct secret_buf *out, struct error *err) must_check;

bool output_is_terminal(void);

/* Columns that are as wide as their widest cell; the first row is the heading. */
struct table;
void table_free(struct table *table);
/* NULL and err set when memory is out. At most 6 columns; row by row, cell by cell. */
struct table *table_new(size_t columns, struct error *err) owned_by(table_free);
void table_cell(struct table *table, const char *text);
void table_cell_value(struct table *table, const char *bytes, size_t len); /* as output_visible() */
void table_cell_number(struct table *table, uint64_t number);
void table_print(const struct table *table, struct secret_buf *out);

/* "2026-11-25 10:00:00Z" of RFC 3339 text; "" stays "". */
void time_for_people(const char *rfc3339, char ret[static 32]);

/* From now on what follows prints a JSON object a line, {"info":{"message":"…"}} or {"warning":{"message":"…"}}: --json. */
void messages_as_json(void);
bool messages_are_json(void);
/* With --json what is more than a sentence: {"label":…} on a line of standard error; object: whole JSON. */
void message_object(const char *label, const struct secret_buf *object);
/* Sentences on standard error: "envctl: …". say() is silent with --quiet. */
void say(const struct invocation *inv, const char *format, ...) printf_like(2, 3);
void warn(const char *format, ...) printf_like(1, 2);
/* "envctl: FILE:LINE: NAME: reason (hint)" for each, but one for all lines that end in CR LF; file may be NULL. */
void warn_notes(const struct notes *notes, const char *file);

DEFINE_CLEANUP(struct table *, table_free);
