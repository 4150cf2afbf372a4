#include "cmd/output.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/files.h"
#include "vault/json_emit.h"
#include "vault/names.h"
#include "vault/plural.h"

#define TABLE_COLUMNS_MAX 6
#define MESSAGE_MAX (4 * ERROR_TEXT_MAX)

struct secret_buf *output_new(struct error *err)
{
	struct secret_buf *out = secret_buf_new(OUTPUT_MAX);

	if (out == NULL)
		error_set(err, ERR_NO_MEMORY, "out of memory");
	return out;
}

void output_format(struct secret_buf *out, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	int len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len > 0)
		secret_buf_append(out, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

bool output_is_terminal(void)
{
	return isatty(STDOUT_FILENO) == 1;
}

static bool colours_are_on(void)
{
	const char *term = getenv("TERM");
	const char *no_color = getenv("NO_COLOR");

	return output_is_terminal() && term != NULL && strcmp(term, "dumb") != 0 &&
	       (no_color == NULL || no_color[0] == '\0');
}

void output_style(struct secret_buf *out, enum style style)
{
	static const char *const codes[] = {
		[STYLE_BOLD] = "\033[1m",
		[STYLE_ADDED] = "\033[32m",
		[STYLE_CHANGED] = "\033[33m",
		[STYLE_REMOVED] = "\033[31m",
	};

	if (colours_are_on())
		secret_buf_append_text(out, codes[style]);
}

void output_plain(struct secret_buf *out)
{
	if (colours_are_on())
		secret_buf_append_text(out, "\033[0m");
}

static void append_hex(struct secret_buf *out, unsigned char byte)
{
	static const char hex[] = "0123456789abcdef";
	const char shown[4] = {'\\', 'x', hex[byte >> 4], hex[byte & 15]};

	secret_buf_append(out, shown, sizeof(shown));
}

void output_visible(struct secret_buf *out, const char *text, size_t len)
{
	while (len > 0) {
		bool acts;
		size_t char_len = utf8_shown_len(text, len, &acts);
		size_t taken = char_len > 0 ? char_len : 1;

		if (*text == '\n')
			secret_buf_append_text(out, "\\n");
		else if (char_len > 0 && !acts)
			secret_buf_append(out, text, char_len);
		else
			for (size_t i = 0; i < taken; i++)
				append_hex(out, (unsigned char)text[i]);
		text += taken;
		len -= taken;
	}
}

enum error_code output_flush(struct secret_buf *out, struct error *err)
{
	enum error_code rc = secret_buf_check(out, "the output", err);

	if (rc == ERR_OK)
		rc = fd_write_all(STDOUT_FILENO, secret_buf_bytes(out), secret_buf_len(out), err);
	if (rc != ERR_OK)
		error_prefix(err, "write to standard output");
	return rc;
}

struct table {
	size_t columns;
	size_t cells;
	size_t widths[TABLE_COLUMNS_MAX];
	struct secret_buf *texts; /* each cell with a NUL; visible text holds none */
};

void table_free(struct table *table)
{
	if (table == NULL)
		return;
	secret_buf_free(table->texts);
	free(table);
}

struct table *table_new(size_t columns, struct error *err)
{
	cleanup_(table_freep) struct table *table = calloc(1, sizeof(*table));

	assert(columns > 0 && columns <= TABLE_COLUMNS_MAX);
	if (table == NULL || (table->texts = secret_buf_new(OUTPUT_MAX)) == NULL) {
		error_set(err, ERR_NO_MEMORY, "out of memory");
		return NULL;
	}
	table->columns = columns;
	return take_ptr(table);
}

/* Characters, not bytes: continuation bytes of UTF-8 take no room. */
static size_t display_width(const char *text, size_t len)
{
	size_t width = 0;

	for (size_t i = 0; i < len; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

void table_cell_value(struct table *table, const char *bytes, size_t len)
{
	size_t start = secret_buf_len(table->texts);
	size_t column = table->cells++ % table->columns;

	output_visible(table->texts, bytes, len);
	size_t width = display_width(secret_buf_text(table->texts) + start, secret_buf_len(table->texts) - start);
	if (width > table->widths[column])
		table->widths[column] = width;
	secret_buf_append_char(table->texts, '\0');
}

void table_cell(struct table *table, const char *text)
{
	table_cell_value(table, text, strlen(text));
}

void table_cell_number(struct table *table, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	table_cell(table, text);
}

static void print_cell(const struct table *table, size_t column, const char *text, size_t len, struct secret_buf *out)
{
	secret_buf_append(out, text, len);
	if (column + 1 == table->columns) {
		secret_buf_append_char(out, '\n');
		return;
	}
	for (size_t pad = table->widths[column] + 2 - display_width(text, len); pad > 0; pad--)
		secret_buf_append_char(out, ' ');
}

void table_print(const struct table *table, struct secret_buf *out)
{
	if (!secret_buf_ok(table->texts)) {
		(void)secret_buf_reserve(out, OUTPUT_MAX + 1); /* the failure becomes that of the output */
		return;
	}
	const char *text = secret_buf_text(table->texts);
	for (size_t i = 0; i < table->cells; i++) {
		size_t len = strlen(text);

		if (i == 0)
			output_style(out, STYLE_BOLD);
		print_cell(table, i % table->columns, text, len, out);
		if (i + 1 == table->columns)
			output_plain(out);
		text += len + 1;
	}
}

void time_for_people(const char *rfc3339, char ret[static 32])
{
	snprintf(ret, 32, "%.19s%s", rfc3339, rfc3339[0] != '\0' ? "Z" : "");
	if (strlen(ret) > 10)
		ret[10] = ' ';
}

static bool json_messages;

void messages_as_json(void)
{
	json_messages = true;
}

bool messages_are_json(void)
{
	return json_messages;
}

void message_object(const char *label, const struct secret_buf *object)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(OUTPUT_MAX);
	struct error ignored = ERROR_INIT;

	if (out == NULL)
		return;
	json_emit_raw(out, "{");
	json_emit_key(out, label);
	secret_buf_append(out, secret_buf_bytes(object), secret_buf_len(object));
	json_emit_raw(out, "}\n");
	if (secret_buf_ok(object) && secret_buf_ok(out))
		(void)!fd_write_all(STDERR_FILENO, secret_buf_bytes(out), secret_buf_len(out), &ignored);
}

/* The label of a JSON message says what the word in front of the sentence says to people. */
static void append_json_message(struct secret_buf *out, const char *label, const char *text)
{
	static const char word[] = "warning: ";

	if (strncmp(text, word, sizeof(word) - 1) == 0)
		text += sizeof(word) - 1;
	json_emit_raw(out, "{");
	json_emit_key(out, label);
	json_emit_raw(out, "{\"message\":");
	json_emit_sentence(out, text);
	json_emit_raw(out, "}}\n");
}

/* One message, in one write. Sentences repeat names and what a server said, which must not act on a terminal. */
static void print_message(const char *label, const char *text)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(6 * MESSAGE_MAX + 64);
	struct error ignored = ERROR_INIT;

	if (out == NULL)
		return;
	if (json_messages) {
		append_json_message(out, label, text);
	} else {
		secret_buf_append_text(out, "envctl: ");
		output_visible(out, text, strlen(text));
		secret_buf_append_char(out, '\n');
	}
	if (secret_buf_ok(out))
		(void)!fd_write_all(STDERR_FILENO, secret_buf_bytes(out), secret_buf_len(out), &ignored);
}

void say(const struct invocation *inv, const char *format, ...)
{
	char text[MESSAGE_MAX];
	va_list args;

	if (option_is_given(inv, OPT_QUIET))
		return;
	va_start(args, format);
	int len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len >= 0)
		print_message("info", text);
}

void warn(const char *format, ...)
{
	char text[MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	int len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len >= 0)
		print_message("warning", text);
}

/* Adds to a text that is cut where it is too long. */
static void printf_like(3, 4) text_add(char *text, size_t size, const char *format, ...)
{
	size_t len = strlen(text);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text + len, size - len, format, args);
	va_end(args);
}

/* more: how many are like it. */
static void warn_note(const struct note *note, const char *file, size_t more)
{
	static const char *const kinds[] = {
		[NOTE_INFO] = "",
		[NOTE_WARNING] = "warning: ",
		[NOTE_ERROR] = "error: ",
	};
	char text[MESSAGE_MAX] = "", holders[80];

	if (file != NULL)
		text_add(text, sizeof(text), "%s:", file);
	if (note->line > 0)
		text_add(text, sizeof(text), "%s%u:", file != NULL ? "" : "line ", note->line);
	if (file != NULL || note->line > 0)
		text_add(text, sizeof(text), " ");
	text_add(text, sizeof(text), "%s%s%s%s", kinds[note->severity], note->name, note->name[0] != '\0' ? ": " : "",
		 note->reason);
	if (note->hint != NULL)
		text_add(text, sizeof(text), " (%s)", note->hint);
	note_holders(note, holders, sizeof(holders));
	if (holders[0] != '\0')
		text_add(text, sizeof(text), "; %s can hold it", holders);
	if (note->skipped)
		text_add(text, sizeof(text), "; left out");
	if (more > 0)
		text_add(text, sizeof(text), "; and %zu more line%s like it", more, plural(more, "", "s"));
	print_message(note->severity == NOTE_INFO ? "info" : "warning", text);
}

void warn_notes(const struct notes *notes, const char *file)
{
	size_t line_ends = 0;
	bool told = false;

	for (size_t i = 0; i < notes->len; i++)
		line_ends += note_is_of_line_ends(&notes->items[i]);
	for (size_t i = 0; i < notes->len; i++) {
		bool one_of_many = note_is_of_line_ends(&notes->items[i]);

		if (!one_of_many || !told)
			warn_note(&notes->items[i], file, one_of_many ? line_ends - 1 : 0);
		told |= one_of_many;
	}
	if (notes->omitted > 0)
		warn("and %zu more", notes->omitted);
}
