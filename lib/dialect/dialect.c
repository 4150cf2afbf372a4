#include "vault/dialect.h"

#include <stdio.h>
#include <string.h>

#include "dialect/row.h"
#include "vault/limits.h"

static const struct dialect *const dialects[] = {
	&dialect_systemd,
	&dialect_docker,
	&dialect_podman,
	&dialect_kubectl,
	&dialect_compose,
	&dialect_compose_environment,
	&dialect_dotenv,
	&dialect_motdotla,
	&dialect_node,
	&dialect_python,
	&dialect_godotenv,
	&dialect_ruby,
	&dialect_shell,
	&dialect_fish,
	&dialect_envdir,
	&dialect_directory,
	&dialect_github,
	&dialect_gitlab,
	&dialect_kubernetes,
	&dialect_json,
	&dialect_yaml,
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

bool dialect_is_directory(const struct dialect *dialect)
{
	return dialect->is_directory;
}

bool dialect_is_env_file(const struct dialect *dialect)
{
	return dialect->is_env_file;
}

/* There is one (notes_add() keeps an error rather than anything else) unless memory was out. */
static const struct note *first_error(const struct notes *notes)
{
	static const struct note unknown = { .severity = NOTE_ERROR, .reason = "out of memory" };
	for (size_t i = 0; i < notes->len; i++)
		if (notes->items[i].severity == NOTE_ERROR)
			return &notes->items[i];
	return &unknown;
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

/* longest: of the values, 0 when it is not known. */
static enum error_code decode(const struct dialect *dialect, const char *text, size_t len, size_t longest, struct env_set *set,
			      struct notes *notes, struct error *err)
{
	size_t errors_before = notes->errors;
	if (dialect->is_directory)
		return error_set(err, ERR_INVALID, "%s is a directory of files, not one text", dialect->name);
	if (len > LIMIT_ENV_FILE)
		return error_set(err, ERR_TOO_LARGE, "the env file is larger than %u bytes", LIMIT_ENV_FILE);
	struct reader reader = {
		.text = text, .len = len, .line = 1, .set = set, .notes = notes, .longest = longest, .err = err,
	};
	cleanup_(secret_buf_freep) struct secret_buf *value = reader_value_new(&reader);
	if (!value)
		return error_set(err, ERR_NO_MEMORY, "out of memory while reading an env file");
	reader.value = value;
	read_text(dialect, &reader);
	if (reader.code != ERR_OK)
		return reader.code;
	if (notes->errors > errors_before)
		return fail_with_notes(ERR_INVALID, "cannot be read as", dialect, notes,
				       notes->errors - errors_before, err);
	return ERR_OK;
}

enum error_code dialect_decode(const struct dialect *dialect, const char *text, size_t len, struct env_set *set,
			       struct notes *notes, struct error *err)
{
	return decode(dialect, text, len, 0, set, notes, err);
}

/* Which dialects could hold what this one refuses. */
static uint32_t holders_of(const struct env_entry *entry)
{
	uint32_t holders = 0;
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
		if (!dialects[i]->refuse(entry))
			holders |= 1u << i;
	return holders;
}

static void refuse(const struct env_entry *entry, const struct remark *remark, bool skip, struct notes *notes)
{
	size_t before = notes->len;
	notes_add(notes, skip ? NOTE_WARNING : NOTE_ERROR, 0, entry->name, entry->name_len, remark->reason, remark->hint);
	if (notes->len == before)
		return;
	notes->items[notes->len - 1].holders = holders_of(entry);
	notes->items[notes->len - 1].skipped = skip;
}

/* Those that can be held go to *held (NULL: nobody needs them). */
static enum error_code sort_out(const struct dialect *dialect, const struct env_set *set, bool skip,
				struct env_set *held, struct notes *notes, struct error *err)
{
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);
		const struct remark *refused = dialect->refuse(&entry);
		const struct remark *warning = !refused && dialect->warn ? dialect->warn(&entry) : NULL;
		if (refused)
			refuse(&entry, refused, skip, notes);
		if (warning)
			notes_add(notes, NOTE_WARNING, 0, entry.name, entry.name_len, warning->reason, warning->hint);
		if (!refused && held &&
		    env_set_put(held, entry.name, entry.name_len, entry.value, entry.value_len, 0, NULL, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

/* What stands around a name and a value (fish has most), and around all of them. */
#define EXPECTED_AROUND 12
#define EXPECTED_FRAME 256

/* Growing by doubling would need up to three times the room for a moment. */
static size_t expected_len(const struct dialect *dialect, const struct env_set *set)
{
	size_t len = EXPECTED_FRAME;
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);
		len += entry.name_len + entry.value_len + EXPECTED_AROUND + (dialect->growth ? dialect->growth(&entry) : 0);
	}
	return len;
}

/* The room for shorter ones may double. */
#define LONG_VALUE 4096

/* Of what the values are while they are read. */
static size_t longest_value(const struct dialect *dialect, const struct env_set *set)
{
	size_t longest = 0;
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);
		size_t len = entry.value_len;
		if (dialect->reads_written && len > LONG_VALUE)
			len += dialect->growth(&entry);
		longest = len > longest ? len : longest;
	}
	return longest;
}

static void write_all(const struct dialect *dialect, const struct env_set *set, const struct dialect_options *options,
		      struct secret_buf *out)
{
	struct writer writer = { .out = out, .options = options, .count = env_set_count(set) };
	secret_buf_expect(out, expected_len(dialect, set));
	if (dialect->open)
		dialect->open(&writer);
	secret_buf_append_text(out, dialect->opening);
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);
		if (dialect->write_with)
			dialect->write_with(&writer, &entry, i == 0);
		else
			dialect->write(&entry, i == 0, out);
	}
	secret_buf_append_text(out, dialect->closing);
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
	cleanup_(notes_free) struct notes inner = { 0 };
	struct error inner_err = ERROR_INIT;
	cleanup_(env_set_freep) struct env_set *decoded = env_set_new_like(set);
	if (!decoded)
		return error_set(err, ERR_NO_MEMORY, "out of memory while checking an env file");
	enum error_code code = decode(dialect, secret_buf_text(out), secret_buf_len(out), longest_value(dialect, set), decoded, &inner,
				      &inner_err);
	if (code == ERR_NO_MEMORY)
		return error_set(err, code, "%s", inner_err.text);
	if (code != ERR_OK || !env_set_equal(set, decoded))
		note_differences(set, decoded, notes);
	return ERR_OK;
}

static enum error_code write_and_check(const struct dialect *dialect, const struct env_set *set,
				       const struct dialect_options *options, struct secret_buf *out,
				       struct notes *notes, struct error *err)
{
	write_all(dialect, set, options, out);
	if (secret_buf_check(out, "the env file", err) != ERR_OK)
		return err->code;
	if (secret_buf_len(out) > LIMIT_ENV_FILE)
		return error_set(err, ERR_TOO_LARGE, "the env file is larger than %u bytes", LIMIT_ENV_FILE);
	return read_back(dialect, set, out, notes, err);
}

static enum error_code encode(const struct dialect *dialect, const struct env_set *set,
			      const struct dialect_options *options, struct secret_buf *out, struct notes *notes,
			      struct error *err)
{
	static const struct dialect_options plain = { .skip = false };
	size_t errors_before = notes->errors;
	cleanup_(env_set_freep) struct env_set *held = NULL;

	if (!options)
		options = &plain;
	if (options->skip && !(held = env_set_new_like(set)))
		return error_set(err, ERR_NO_MEMORY, "out of memory while writing an env file");
	if (sort_out(dialect, set, options->skip, held, notes, err) != ERR_OK)
		return err->code;
	if (notes->errors == errors_before && dialect->look_at_all)
		dialect->look_at_all(held ? held : set, notes);
	if (notes->errors == errors_before &&
	    write_and_check(dialect, held ? held : set, options, out, notes, err) != ERR_OK)
		return err->code;
	if (notes->errors == errors_before)
		return ERR_OK;
	return fail_with_notes(ERR_UNREPRESENTABLE, "cannot be written as", dialect, notes, notes->errors - errors_before,
			       err);
}

enum error_code dialect_encode(const struct dialect *dialect, const struct env_set *set,
			       const struct dialect_options *options, struct secret_buf *out, struct notes *notes,
			       struct error *err)
{
	enum error_code code;
	secret_buf_reset(out);
	if (dialect->is_directory)
		return error_set(err, ERR_INVALID, "%s is a directory of files, not one text", dialect->name);
	code = dialect->check_options && options ? dialect->check_options(options, err) : ERR_OK;
	if (code == ERR_OK)
		code = encode(dialect, set, options, out, notes, err);
	if (code != ERR_OK)
		secret_buf_reset(out);
	return code;
}

/* -- directories ----------------------------------------------------------- */

enum error_code dialect_check(const struct dialect *dialect, const struct env_set *set,
			      const struct dialect_options *options, struct notes *notes, struct error *err)
{
	size_t errors_before = notes->errors;

	if (sort_out(dialect, set, options && options->skip, NULL, notes, err) != ERR_OK)
		return err->code;
	if (notes->errors == errors_before)
		return ERR_OK;
	return fail_with_notes(ERR_UNREPRESENTABLE, "cannot be written as", dialect, notes, notes->errors - errors_before,
			       err);
}

/* Reads with what is set in *reader beside the value and the notes. */
static enum error_code decode_file(const struct dialect *dialect, struct reader *reader, const char *name, size_t name_len)
{
	size_t errors_before = reader->notes->errors;
	cleanup_(secret_buf_freep) struct secret_buf *value = reader_value_new(reader);
	if (!value)
		return error_set(reader->err, ERR_NO_MEMORY, "out of memory while reading a variable's file");
	reader->value = value;
	dialect->read_file(reader, name, name_len);
	reader->value = NULL;
	if (reader->code != ERR_OK)
		return reader->code;
	if (reader->notes->errors > errors_before)
		return fail_with_notes(ERR_INVALID, "cannot be read as", dialect, reader->notes,
				       reader->notes->errors - errors_before, reader->err);
	return ERR_OK;
}

/* What read_back() is for a text. */
static enum error_code read_file_back(const struct dialect *dialect, const struct env_entry *entry,
				      const struct secret_buf *out, struct error *err)
{
	cleanup_(notes_free) struct notes notes = { 0 };
	struct reader reader = {
		.text = secret_buf_text(out), .len = secret_buf_len(out), .line = 1, .expected = entry,
		.longest = entry->value_len, .notes = &notes, .err = err,
	};
	enum error_code code = decode_file(dialect, &reader, entry->name, entry->name_len);
	if (code == ERR_NO_MEMORY || (code == ERR_OK && reader.matched))
		return code;
	return error_set(err, ERR_UNREPRESENTABLE, "%s: a variable would not read back the same", dialect->name);
}

enum error_code dialect_encode_file(const struct dialect *dialect, const struct env_entry *entry, struct secret_buf *out,
				    bool *ret_present, struct error *err)
{
	secret_buf_reset(out);
	*ret_present = !dialect->refuse(entry);
	if (!*ret_present)
		return ERR_OK;
	secret_buf_expect(out, entry->value_len + 1);
	dialect->write(entry, true, out);
	if (secret_buf_check(out, "a variable's file", err) == ERR_OK &&
	    read_file_back(dialect, entry, out, err) == ERR_OK)
		return ERR_OK;
	secret_buf_reset(out);
	return err->code;
}

enum error_code dialect_decode_file(const struct dialect *dialect, const char *name, size_t name_len, const char *text,
				    size_t len, struct env_set *set, struct notes *notes, struct error *err)
{
	struct reader reader = { .text = text, .len = len, .line = 1, .set = set, .notes = notes, .err = err };
	return decode_file(dialect, &reader, name, name_len);
}
