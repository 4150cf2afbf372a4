#include "vault/dialect.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "dialect_row.h"
#include "vault/limits.h"

static const struct dialect *const dialects[] = {
	&dialect_systemd, &dialect_docker, &dialect_compose, &dialect_dotenv, &dialect_shell, &dialect_json,
};

const struct dialect *dialect_at(size_t i)
{
	return i < ARRAY_LEN(dialects) ? dialects[i] : NULL;
}

const struct dialect *dialect_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
		if (strcmp(dialects[i]->name, name) == 0)
			return dialects[i];
	return NULL;
}

const char *dialect_name(const struct dialect *dialect)
{
	return dialect->name;
}

const char *dialect_summary(const struct dialect *dialect)
{
	return dialect->summary;
}

/* A name may come from a damaged file: only printable ASCII goes to a terminal. */
static void clean_name(char *ret, size_t size, const char *name, size_t len)
{
	static const char cut[] = "...";
	size_t kept = len < size ? len : size - sizeof(cut);
	for (size_t i = 0; i < kept; i++)
		ret[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
	ret[kept] = '\0';
	if (kept < len)
		memcpy(ret + kept, cut, sizeof(cut));
}

/* Place for one more note, or NULL. Errors matter more than what was merely remarked on before them: when the notes
 * are full, an error takes the place of the latest note that is none. */
static struct note *notes_place(struct notes *notes, enum note_severity severity)
{
	if (notes->len < NOTES_MAX)
		return &notes->items[notes->len++];
	notes->omitted++;
	if (severity != NOTE_ERROR)
		return NULL;
	for (size_t i = notes->len; i > 0; i--) {
		struct note *item = &notes->items[i - 1];
		if (item->severity == NOTE_ERROR)
			continue;
		memmove(item, item + 1, (notes->len - i) * sizeof(*item));
		return &notes->items[notes->len - 1];
	}
	return NULL;
}

void notes_add(struct notes *notes, enum note_severity severity, unsigned line, const char *name, size_t name_len,
	       const char *reason, const char *hint)
{
	if (severity == NOTE_ERROR)
		notes->errors++;
	struct note *note = notes_place(notes, severity);
	if (!note)
		return;
	note->severity = severity;
	note->line = line;
	note->reason = reason;
	note->hint = hint;
	clean_name(note->name, sizeof(note->name), name, name_len);
}

/* There is one: notes_add() keeps an error rather than anything else. */
static const struct note *first_error(const struct notes *notes)
{
	size_t i = 0;
	while (i < notes->len && notes->items[i].severity != NOTE_ERROR)
		i++;
	assert(i < notes->len);
	return &notes->items[i];
}

/* "line 3, NAME: " as far as known. */
static void describe_place(char *ret, size_t size, const struct note *note)
{
	const char *colon = note->line > 0 || note->name[0] ? ": " : "";
	const char *comma = note->line > 0 && note->name[0] ? ", " : "";
	char line[24] = "";
	if (note->line > 0)
		snprintf(line, sizeof(line), "line %u", note->line);
	snprintf(ret, size, "%s%s%s%s", line, comma, note->name, colon);
}

static enum error_code fail_with_notes(enum error_code code, const char *what, const struct dialect *dialect,
				       const struct notes *notes, size_t errors, struct error *err)
{
	const struct note *note = first_error(notes);
	char place[100];
	describe_place(place, sizeof(place), note);
	const char *separator = note->hint ? "; " : "";
	const char *hint = note->hint ? note->hint : "";
	if (errors == 1)
		return error_set(err, code, "%s %s: %s%s%s%s", what, dialect->name, place, note->reason, separator,
				 hint);
	return error_set(err, code, "%s %s: %zu problems, the first: %s%s%s%s", what, dialect->name, errors, place,
			 note->reason, separator, hint);
}

static const struct remark remark_binary = {
	"a NUL byte: this is not a text file",
	"if an editor wrote it as UTF-16, save it as UTF-8",
};

static void read_text(const struct dialect *dialect, struct reader *reader)
{
	size_t nul = dialect->is_text ? reader_find(reader, 0, '\0') : reader->len;
	if (nul == reader->len) {
		dialect->read(reader);
		return;
	}
	reader_move(reader, nul);
	reader_refuse(reader, reader->line, "", 0, &remark_binary);
}

enum error_code dialect_decode(const struct dialect *dialect, const char *text, size_t len, struct env_set *set,
			       struct notes *notes, struct error *err)
{
	size_t errors_before = notes->errors;
	if (len > LIMIT_ENV_FILE)
		return error_set(err, ERR_TOO_LARGE, "the env file is larger than %u bytes", LIMIT_ENV_FILE);
	/* No value is longer than the text it was written in. */
	cleanup_(secret_buf_freep) struct secret_buf *value = secret_buf_new(len);
	if (!value)
		return error_set(err, ERR_NO_MEMORY, "out of memory while reading an env file");
	struct reader reader = {
		.text = text, .len = len, .line = 1, .set = set, .notes = notes, .value = value, .err = err,
	};
	read_text(dialect, &reader);
	if (reader.code != ERR_OK)
		return reader.code;
	if (notes->errors > errors_before)
		return fail_with_notes(ERR_INVALID, "cannot be read as", dialect, notes,
				       notes->errors - errors_before, err);
	return ERR_OK;
}

static void refuse_what_cannot_be_held(const struct dialect *dialect, const struct env_set *set, struct notes *notes)
{
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);
		const struct remark *refused = dialect->refuse(&entry);
		const struct remark *warning = !refused && dialect->warn ? dialect->warn(&entry) : NULL;
		if (refused)
			notes_add(notes, NOTE_ERROR, 0, entry.name, entry.name_len, refused->reason, refused->hint);
		if (warning)
			notes_add(notes, NOTE_WARNING, 0, entry.name, entry.name_len, warning->reason, warning->hint);
	}
}

static void write_all(const struct dialect *dialect, const struct env_set *set, struct secret_buf *out)
{
	secret_buf_append_text(out, dialect->opening);
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);
		dialect->write(&entry, i == 0, out);
	}
	secret_buf_append_text(out, dialect->closing);
}

static size_t bytes_of(const struct env_set *set)
{
	size_t bytes = 0;
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);
		bytes += entry.name_len + entry.value_len;
	}
	return bytes;
}

/* Reached only if an encoder is wrong; then the user gets a refusal and not a wrong file. */
static void note_differences(const struct env_set *set, const struct env_set *decoded, struct notes *notes)
{
	static const struct remark changed = { "would not read back the same", "use another dialect, and report this" };
	size_t errors_before = notes->errors;
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);
		struct env_entry found;
		if (!env_set_find(decoded, entry.name, entry.name_len, &found) ||
		    found.value_len != entry.value_len || memcmp(found.value, entry.value, entry.value_len) != 0)
			notes_add(notes, NOTE_ERROR, 0, entry.name, entry.name_len, changed.reason, changed.hint);
	}
	if (notes->errors == errors_before)
		notes_add(notes, NOTE_ERROR, 0, "", 0, changed.reason, changed.hint);
}

/* ERR_OK also when it differs: then there are errors in the notes. */
static enum error_code read_back(const struct dialect *dialect, const struct env_set *set,
				 const struct secret_buf *out, struct notes *notes, struct error *err)
{
	struct notes inner = { 0 };
	struct error inner_err = ERROR_INIT;
	cleanup_(env_set_freep) struct env_set *decoded = env_set_new(bytes_of(set));
	if (!decoded)
		return error_set(err, ERR_NO_MEMORY, "out of memory while checking an env file");
	enum error_code code =
		dialect_decode(dialect, secret_buf_text(out), secret_buf_len(out), decoded, &inner, &inner_err);
	if (code == ERR_NO_MEMORY)
		return error_set(err, code, "%s", inner_err.text);
	if (code != ERR_OK || !env_set_equal(set, decoded))
		note_differences(set, decoded, notes);
	return ERR_OK;
}

enum error_code dialect_encode(const struct dialect *dialect, const struct env_set *set, struct secret_buf *out,
			       struct notes *notes, struct error *err)
{
	size_t errors_before = notes->errors;
	enum error_code code = ERR_OK;
	secret_buf_reset(out);
	refuse_what_cannot_be_held(dialect, set, notes);
	if (notes->errors == errors_before) {
		write_all(dialect, set, out);
		code = secret_buf_check(out, "the env file", err);
		if (code == ERR_OK && secret_buf_len(out) > LIMIT_ENV_FILE)
			code = error_set(err, ERR_TOO_LARGE, "the env file is larger than %u bytes", LIMIT_ENV_FILE);
		if (code == ERR_OK)
			code = read_back(dialect, set, out, notes, err);
	}
	if (code == ERR_OK && notes->errors > errors_before)
		code = fail_with_notes(ERR_UNREPRESENTABLE, "cannot be written as", dialect, notes,
				       notes->errors - errors_before, err);
	if (code != ERR_OK)
		secret_buf_reset(out);
	return code;
}
