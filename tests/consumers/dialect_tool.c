/*
 * Encodes and decodes env files for tests that drive the real readers; many
 * cases in one process, one a line. Bytes are hexadecimal, so that any byte can
 * be passed.
 *
 *   dialect_tool list
 *     out  NAME text|directory
 *   dialect_tool encode|encode-notes DIALECT
 *     in   {"NAME": "hex of the value", ...}
 *     out  ok <hex of the text>           (of a directory: {"FILE": "hex of its content", ...})
 *          refused ["NAME", ...]          (at most NOTES_MAX names)
 *   dialect_tool decode|decode-notes DIALECT
 *     in   <hex of the text>              (of a directory as above)
 *     out  ok {"NAME": "hex of the value", ...}
 *          refused ["reason", ...]
 *   With -notes the answer is only what was noted, as a list of
 *     {"line": 1, "severity": "error", "name": "NAME", "reason": "..."}
 *
 * github's delimiter is made of the characters 0 to f, the same each time.
 *
 * Exit code 0; 64 for wrong usage, 65 for a line that is none of these, 70 when
 * a case failed in any other way than by being refused.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/dialect.h"
#include "vault/json_emit.h"
#include "vault/json_scan.h"
#include "vault/limits.h"

enum { EXIT_USAGE = 64, EXIT_DATA = 65, EXIT_FAILED = 70 };

struct tool {
	const struct dialect *dialect;
	struct secret_buf *text;	/* the env file */
	struct secret_buf *scratch;
	struct secret_buf *answer;
	bool notes;			/* what was noted is the answer */
};

static bool append_unhex(struct secret_buf *out, const char *hex, size_t len)
{
	size_t bytes = 0;
	const char *end = NULL;
	uint8_t *to = secret_buf_reserve(out, len / 2 + 1);
	if (!to || sodium_hex2bin(to, len / 2 + 1, hex, len, NULL, &bytes, &end) != 0 || end != hex + len)
		return false;
	secret_buf_advance(out, bytes);
	return true;
}

static void append_hex(struct secret_buf *out, const void *bytes, size_t len)
{
	uint8_t *to = secret_buf_reserve(out, 2 * len + 1);
	if (!to)
		return;
	sodium_bin2hex((char *)to, 2 * len + 1, bytes, len);
	secret_buf_advance(out, 2 * len);
}

static bool read_set(struct tool *tool, const char *line, size_t len, struct env_set *set)
{
	struct error err = ERROR_INIT;
	struct json_value object;
	struct json_member member;
	size_t cursor = 0;
	if (json_scan(line, len, &object, &err) != ERR_OK || object.kind != JSON_SCAN_OBJECT)
		return false;
	while (json_next_member(&object, &cursor, &member)) {
		struct json_span hex = json_string_span(&member.value);
		secret_buf_reset(tool->scratch);
		json_append_unescaped(tool->scratch, member.name);
		size_t name_len = secret_buf_len(tool->scratch);
		if (!append_unhex(tool->scratch, hex.at, hex.len))
			return false;
		const char *name = secret_buf_text(tool->scratch);
		if (env_set_put(set, name, name_len, name + name_len, secret_buf_len(tool->scratch) - name_len, 0, NULL,
				&err) != ERR_OK)
			return false;
	}
	return true;
}

static void answer_refused(struct tool *tool, const struct notes *notes, bool names)
{
	const char *comma = "";
	json_emit_raw(tool->answer, "refused [");
	for (size_t i = 0; i < notes->len; i++) {
		if (notes->items[i].severity != NOTE_ERROR)
			continue;
		json_emit_raw(tool->answer, comma);
		json_emit_cstring(tool->answer, names ? notes->items[i].name : notes->items[i].reason);
		comma = ", ";
	}
	json_emit_raw(tool->answer, "]");
}

static void answer_notes(struct tool *tool, const struct notes *notes)
{
	static const char *const severities[] = { "info", "warning", "error" };
	secret_buf_reset(tool->answer);
	json_emit_raw(tool->answer, "[");
	for (size_t i = 0; i < notes->len; i++) {
		const struct note *note = &notes->items[i];
		json_emit_raw(tool->answer, i > 0 ? ", {\"line\": " : "{\"line\": ");
		json_emit_uint(tool->answer, note->line);
		json_emit_raw(tool->answer, ", \"severity\": ");
		json_emit_cstring(tool->answer, severities[note->severity]);
		json_emit_raw(tool->answer, ", \"name\": ");
		json_emit_cstring(tool->answer, note->name);
		json_emit_raw(tool->answer, ", \"reason\": ");
		json_emit_cstring(tool->answer, note->reason);
		json_emit_raw(tool->answer, "}");
	}
	json_emit_raw(tool->answer, "]");
}

/* The whole of a directory as one object of file names and contents. */
static enum error_code write_directory(struct tool *tool, const struct env_set *set, struct notes *notes, struct error *err)
{
	const char *comma = "";
	if (dialect_check(tool->dialect, set, NULL, notes, err) != ERR_OK)
		return err->code;
	json_emit_raw(tool->answer, "ok {");
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);
		bool present;
		if (dialect_encode_file(tool->dialect, &entry, tool->text, &present, err) != ERR_OK)
			return err->code;
		if (!present)
			continue;
		json_emit_raw(tool->answer, comma);
		json_emit_string(tool->answer, entry.name, entry.name_len);
		json_emit_raw(tool->answer, ": \"");
		append_hex(tool->answer, secret_buf_bytes(tool->text), secret_buf_len(tool->text));
		json_emit_raw(tool->answer, "\"");
		comma = ", ";
	}
	json_emit_raw(tool->answer, "}");
	return ERR_OK;
}

static enum error_code write_text(struct tool *tool, const struct env_set *set, struct notes *notes, struct error *err)
{
	static const struct dialect_options options = {
		.random = { '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f' },
	};
	if (dialect_encode(tool->dialect, set, &options, tool->text, notes, err) != ERR_OK)
		return err->code;
	json_emit_raw(tool->answer, "ok ");
	append_hex(tool->answer, secret_buf_bytes(tool->text), secret_buf_len(tool->text));
	return ERR_OK;
}

static int encode_line(struct tool *tool, const char *line, size_t len)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(LIMIT_ENV_FILE);
	if (!set || !read_set(tool, line, len, set))
		return EXIT_DATA;
	enum error_code code = dialect_is_directory(tool->dialect) ? write_directory(tool, set, &notes, &err) :
								     write_text(tool, set, &notes, &err);
	if (code == ERR_UNREPRESENTABLE && !tool->notes)
		answer_refused(tool, &notes, true);
	if (code == ERR_OK || code == ERR_UNREPRESENTABLE) {
		if (tool->notes)
			answer_notes(tool, &notes);
		return 0;
	}
	fprintf(stderr, "dialect_tool: %s\n", err.text);
	return EXIT_FAILED;
}

static void answer_set(struct tool *tool, const struct env_set *set)
{
	json_emit_raw(tool->answer, "ok {");
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);
		json_emit_raw(tool->answer, i > 0 ? ", " : "");
		json_emit_string(tool->answer, entry.name, entry.name_len);
		json_emit_raw(tool->answer, ": \"");
		append_hex(tool->answer, entry.value, entry.value_len);
		json_emit_raw(tool->answer, "\"");
	}
	json_emit_raw(tool->answer, "}");
}

/* Every file; the first failure that is not a refusal ends it. */
static enum error_code read_directory(struct tool *tool, const struct env_set *files, struct env_set *set,
				      struct notes *notes, struct error *err)
{
	enum error_code worst = ERR_OK;
	for (size_t i = 0; i < env_set_count(files); i++) {
		struct env_entry file = env_set_at(files, i);
		enum error_code code = dialect_decode_file(tool->dialect, file.name, file.name_len, file.value,
							   file.value_len, set, notes, err);
		if (code != ERR_OK && code != ERR_INVALID)
			return code;
		worst = code != ERR_OK ? code : worst;
	}
	return worst;
}

static int decode_line(struct tool *tool, const char *line, size_t len)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(LIMIT_ENV_FILE);
	cleanup_(env_set_freep) struct env_set *files = env_set_new(LIMIT_ENV_FILE);
	bool directory = dialect_is_directory(tool->dialect);
	secret_buf_reset(tool->text);
	if (!set || !files || !(directory ? read_set(tool, line, len, files) : append_unhex(tool->text, line, len)))
		return EXIT_DATA;
	enum error_code code = directory ? read_directory(tool, files, set, &notes, &err) :
					   dialect_decode(tool->dialect, secret_buf_text(tool->text),
							  secret_buf_len(tool->text), set, &notes, &err);
	if (code == ERR_OK || code == ERR_INVALID) {
		if (tool->notes)
			answer_notes(tool, &notes);
		else if (code == ERR_OK)
			answer_set(tool, set);
		else
			answer_refused(tool, &notes, false);
		return 0;
	}
	fprintf(stderr, "dialect_tool: %s\n", err.text);
	return EXIT_FAILED;
}

static int run(struct tool *tool, int (*handle)(struct tool *tool, const char *line, size_t len))
{
	char *line = NULL;
	size_t room = 0;
	int status = 0;
	for (ssize_t len; status == 0 && (len = getline(&line, &room, stdin)) >= 0;) {
		if (len > 0 && line[len - 1] == '\n')
			len--;
		secret_buf_reset(tool->answer);
		status = handle(tool, line, (size_t)len);
		secret_buf_append_char(tool->answer, '\n');
		if (!secret_buf_ok(tool->answer))
			status = EXIT_FAILED;
		if (status == 0)
			fwrite(secret_buf_bytes(tool->answer), 1, secret_buf_len(tool->answer), stdout);
	}
	free(line);
	return fflush(stdout) == 0 ? status : EXIT_FAILED;
}

static int list(void)
{
	for (size_t i = 0; dialect_at(i); i++)
		printf("%s %s\n", dialect_name(dialect_at(i)), dialect_is_directory(dialect_at(i)) ? "directory" : "text");
	return fflush(stdout) == 0 ? 0 : EXIT_FAILED;
}

struct verb {
	const char *name;
	int (*handle)(struct tool *tool, const char *line, size_t len);
	bool notes;
};

static const struct verb verbs[] = {
	{ "encode", encode_line, false },
	{ "encode-notes", encode_line, true },
	{ "decode", decode_line, false },
	{ "decode-notes", decode_line, true },
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list();
	const struct verb *verb = argc == 3 ? find_verb(argv[1]) : NULL;
	struct tool tool = { .dialect = verb ? dialect_find(argv[2]) : NULL, .notes = verb && verb->notes };
	if (!tool.dialect) {
		fprintf(stderr, "usage: dialect_tool list | (encode|decode)[-notes] DIALECT\n");
		return EXIT_USAGE;
	}
	if (sodium_init() < 0)
		return EXIT_FAILED;
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(4u * LIMIT_ENV_FILE);
	cleanup_(secret_buf_freep) struct secret_buf *scratch = secret_buf_new(4u * LIMIT_ENV_FILE);
	cleanup_(secret_buf_freep) struct secret_buf *answer = secret_buf_new(8u * LIMIT_ENV_FILE);
	tool.text = text;
	tool.scratch = scratch;
	tool.answer = answer;
	if (!text || !scratch || !answer)
		return EXIT_FAILED;
	return run(&tool, verb->handle);
}
