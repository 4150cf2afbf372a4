#include "cmd/env_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/env_directory.h"
#include "cmd/output.h"
#include "vault/dialect_compare.h"
#include "vault/files.h"
#include "vault/limits.h"
#include "vault/plural.h"

#define SHOWN_MAX 100	/* ways to disagree; a file that nobody can read has thousands */
#define NAMES_MAX 6	/* of those that disagree as one before them does */

static const char *name_of(const char *file)
{
	return strcmp(file, "-") == 0 ? "standard input" : file;
}

/* -- disagreements ------------------------------------------------------------------ */

static bool is_same_way(const struct disagreement *a, const struct disagreement *b)
{
	if (a->groups_len != b->groups_len)
		return false;
	for (size_t i = 0; i < a->groups_len; i++) {
		const struct compared_group *left = &a->groups[i], *right = &b->groups[i];

		if (left->readers != right->readers || left->kind != right->kind || left->traits != right->traits ||
		    left->reason != right->reason)
			return false;
	}
	return true;
}

static void show_groups(const struct disagreement *item)
{
	char readers[256], what[512];

	for (size_t i = 0; i < item->groups_len; i++) {
		dialect_names(item->groups[i].readers, readers, sizeof(readers));
		comparison_describe(item, i, what, sizeof(what));
		warn("    %s: %s", readers, what);
	}
}

/* What no reader can read is an ordinary error; the rest says who makes what of it. */
static void show_item(const char *file, const struct disagreement *item)
{
	const struct compared_group *first = &item->groups[0];
	const char *name = item->name, *colon = name[0] ? ": " : "";

	if (item->groups_len == 1) {
		warn("%s:%u: error: %s%s%s%s%s%s", file, item->line, name, colon, first->reason ? first->reason : "not a variable",
		     first->hint ? " (" : "", first->hint ? first->hint : "", first->hint ? ")" : "");
		return;
	}
	warn("%s:%u: %s%sreaders differ:", file, item->line, name, colon);
	show_groups(item);
}

/* "    the same: B (line 2), D (line 5) and 7 more": those that differ as the item at `at` does, which count as shown then. */
static size_t show_others(const struct comparison *comparison, size_t at, bool *shown)
{
	char names[640] = "";
	size_t used = 0, count = 0;

	for (size_t i = at + 1; i < comparison->len && comparison->items[at].groups_len > 1; i++) {
		const struct disagreement *item = &comparison->items[i];

		if (shown[i] || !is_same_way(&comparison->items[at], item))
			continue;
		shown[i] = true;
		if (count++ < NAMES_MAX)
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s%sline %u%s", count > 1 ? ", " : "", item->name,
						 item->name[0] ? " (" : "", item->line, item->name[0] ? ")" : "");
	}
	if (count > NAMES_MAX)
		warn("    the same: %s and %zu more", names, count - NAMES_MAX);
	else if (count > 0)
		warn("    the same: %s", names);
	return count;
}

static void show_comparison(const char *file, const struct comparison *comparison)
{
	bool *shown = calloc(comparison->len + 1, sizeof(*shown));
	size_t told = 0;

	for (size_t i = 0, ways = 0; shown != NULL && i < comparison->len && ways < SHOWN_MAX; i++) {
		if (shown[i])
			continue;
		show_item(file, &comparison->items[i]);
		told += 1 + show_others(comparison, i, shown);
		ways++;
	}
	if (comparison->len + comparison->omitted > told)
		warn("and %zu more", comparison->len + comparison->omitted - told);
	free(shown);
}

/* Windows' line ends are one thing to know of a file, and not one of each of its lines. */
static void show_line_ends(const char *file, const struct secret_buf *text)
{
	const char *at = secret_buf_text(text), *end = at + secret_buf_len(text);
	size_t count = 0, line = 1, first = 0;

	for (; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++, line++) {
		bool is_crlf = at > secret_buf_text(text) && at[-1] == '\r';

		count += is_crlf;
		if (is_crlf && first == 0)
			first = line;
	}
	if (count > 0)
		warn("%s:%zu: warning: %zu line%s end%s in CR LF: some readers keep the CR in the value; save the file with LF line ends", file,
		     first, count, plural(count, "", "s"), plural(count, "s", ""));
}

/* What this reader takes, and others do not: told once, unless the reader has said so itself. */
static void show_oddities(const char *file, const struct secret_buf *text, const struct notes *notes)
{
	static const char mark[] = "\xef\xbb\xbf";
	bool told_ends = false, told_mark = false;

	for (size_t i = 0; i < notes->len; i++) {
		told_ends |= note_is_of_line_ends(&notes->items[i]);
		told_mark |= strstr(notes->items[i].reason, "byte order mark") != NULL;
	}
	if (!told_mark && secret_buf_len(text) >= 3 && memcmp(secret_buf_text(text), mark, 3) == 0)
		warn("%s:1: warning: the file starts with a byte order mark, which some readers take for part of the first name; save it as UTF-8 "
		     "without BOM", file);
	if (!told_ends)
		show_line_ends(file, text);
}

/* The portable dialect is no reader of its own: it takes what those of the programming languages read alike. */
static bool is_portable(const struct secret_buf *text)
{
	cleanup_(env_set_freep) struct env_set *set = env_set_new(LIMIT_ENV_FILE);
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	struct error ignored = ERROR_INIT;

	return set != NULL &&
	       dialect_decode(dialect_find("dotenv"), secret_buf_text(text), secret_buf_len(text), set, &notes, &ignored) == ERR_OK;
}

static enum error_code explain(const struct comparison *comparison, const struct secret_buf *text, const char *option,
			       struct error *err)
{
	char names[256];
	bool portable = is_portable(text);

	dialect_names(comparison->whole, names, sizeof(names));
	if (names[0] == '\0' && !portable)
		return err->code;
	struct error found = *err;

	error_clear(err);
	return error_set(err, found.code, "%s: --%s %s%s%s", found.text, option, portable ? "dotenv" : "",
			 portable && names[0] != '\0' ? ", " : "", names);
}

static enum error_code read_compared(const struct secret_buf *text, const char *option, const char *file, struct env_set *set,
				     struct error *err)
{
	cleanup_(comparison_free) struct comparison comparison = { .len = 0 };
	enum error_code rc = dialect_compare(secret_buf_text(text), secret_buf_len(text), set, &comparison, err);

	if (rc == ERR_OK) {
		warn_notes(&comparison.notes, name_of(file));
		return ERR_OK;
	}
	show_comparison(name_of(file), &comparison);
	if (rc == ERR_INVALID)
		show_line_ends(name_of(file), text);
	else if (rc == ERR_TOO_LARGE && comparison.readers == 0) {
		struct error found = *err;

		error_clear(err);
		return error_set(err, rc, "read %.200s; nothing was written: %s: --%s DIALECT", name_of(file), found.text, option);
	}
	return rc == ERR_INVALID ? explain(&comparison, text, option, err) : rc;
}

static enum error_code read_named(const struct dialect *dialect, const struct secret_buf *text, const char *file,
				  struct env_set *set, struct error *err)
{
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	enum error_code rc = dialect_decode(dialect, secret_buf_text(text), secret_buf_len(text), set, &notes, err);

	warn_notes(&notes, name_of(file));
	if (rc == ERR_OK && dialect_is_env_file(dialect))
		show_oddities(name_of(file), text, &notes);
	return rc;
}

static bool is_a_directory(const char *file)
{
	struct stat st;

	return strcmp(file, "-") != 0 && stat(file, &st) == 0 && S_ISDIR(st.st_mode);
}

static enum error_code read_any(const struct dialect *dialect, const char *option, const char *file, struct env_set *set,
				struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;

	if (dialect != NULL && dialect_is_directory(dialect))
		return env_directory_read(dialect, file, set, err);
	if (dialect == NULL && is_a_directory(file))
		return error_set(err, ERR_INVALID, "a directory: say who reads it, --%s envdir or --%s directory", option, option);
	enum error_code rc = file_read_secret(file, FILE_ANY_MODE, true, LIMIT_ENV_FILE, &text, err);
	if (rc != ERR_OK)
		return rc;
	return dialect != NULL ? read_named(dialect, text, file, set, err) : read_compared(text, option, file, set, err);
}

enum error_code env_text_read(const struct dialect *dialect, const char *option, const char *file, struct env_set *set,
			      struct error *err)
{
	if (read_any(dialect, option, file, set, err) == ERR_OK)
		return ERR_OK;
	if (dialect != NULL && err->code == ERR_INVALID)
		return error_prefix(err, "read %.200s as %s; nothing was written", name_of(file), dialect_name(dialect));
	return err->code == ERR_INVALID ? error_prefix(err, "read %.200s; nothing was written", name_of(file)) : err->code;
}
