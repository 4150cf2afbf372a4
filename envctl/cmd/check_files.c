#include "cmd/check_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cmd/dialect_option.h"
#include "cmd/output.h"
#include "cmd/schema_import.h"
#include "vault/dialect.h"
#include "vault/files.h"
#include "vault/limits.h"
#include "vault/plural.h"
#include "vault/schema.h"

#define SEEN_MAX 6	/* env files that are named to who named none */
#define SEEN_NAME_MAX 40

struct checking {
	const struct invocation *inv;
	struct finding_list *list;
	const char *schema_file, *env_file;	/* or NULL */
};

const char *check_shown_file(const char *file)
{
	return strcmp(file, "-") == 0 ? "standard input" : file;
}

/* -- how it is written ----------------------------------------------------------------- */

static enum error_code decode(const struct invocation *inv, const struct secret_buf *text, struct env_set *set,
			      struct notes *notes, struct error *err)
{
	const struct dialect *dialect = NULL;
	enum error_code rc = dialect_of_option(inv, OPT_DIALECT, "dialect", "dotenv", &dialect, err);

	return rc == ERR_OK ? dialect_decode(dialect, secret_buf_text(text), secret_buf_len(text), set, notes, err) : rc;
}

/* Quotes and blanks, which are mended, are part of the value for some readers: the one that is named must read the same. */
static enum error_code compare_reading(const struct checking *checking, const struct secret_buf *text,
				       const struct secret_buf *mended, struct error *err)
{
	cleanup_(notes_free) struct notes notes = {.len = 0};
	cleanup_(env_set_freep) struct env_set *before = env_set_new(LIMIT_ENV_FILE);
	cleanup_(env_set_freep) struct env_set *after = env_set_new(LIMIT_ENV_FILE);
	struct error unread = ERROR_INIT;

	if (before == NULL || after == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (decode(checking->inv, text, before, &notes, &unread) != ERR_OK)
		return ERR_OK;
	if (decode(checking->inv, mended, after, &notes, &unread) == ERR_OK && env_set_equal(before, after))
		return ERR_OK;
	return error_set(err, ERR_INVALID,
			 "its dialect would read other values from the mended file; nothing was written: mend it by hand");
}

/* Mends the file where it is. */
static enum error_code mend(const struct checking *checking, const char *file, struct secret_buf **text, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *mended = secret_buf_new(LIMIT_ENV_FILE);
	struct stat status;
	size_t fixed = 0;
	enum error_code rc;

	if (mended == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (strcmp(file, "-") == 0 || lstat(file, &status) != 0 || !S_ISREG(status.st_mode))
		return error_set(err, ERR_USAGE, "--fix needs a regular file, no link and no standard input");
	rc = env_lint_fix(secret_buf_text(*text), secret_buf_len(*text), mended, &fixed, err);
	if (rc == ERR_OK && fixed > 0)
		rc = compare_reading(checking, *text, mended, err);
	if (rc == ERR_OK && fixed > 0)
		rc = file_replace(file, *text, mended, err);
	if (rc != ERR_OK)
		return error_prefix(err, "mend %.200s", file);
	if (fixed == 0)
		return ERR_OK;
	say(checking->inv, "%s: %zu line%s mended", file, fixed, plural(fixed, "", "s"));
	secret_buf_free(*text);
	*text = take_ptr(mended);
	return ERR_OK;
}

/* Elsewhere there are no such quotes and comments, or they are part of the value. */
static bool is_linted(const struct invocation *inv)
{
	static const char *const names[] = {"dotenv", "compose", "motdotla", "node", "python-dotenv", "godotenv", "ruby-dotenv",
					    "systemd", "shell"};
	const char *name = option_value(inv, OPT_DIALECT);

	for (size_t i = 0; name != NULL && i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return name == NULL;
}

static enum error_code lint(const struct checking *checking, const char *file, struct secret_buf **text, struct error *err)
{
	cleanup_(findings_free) struct findings findings = {.len = 0};
	enum error_code rc = ERR_OK;

	if (!is_linted(checking->inv) && option_is_given(checking->inv, OPT_FIX))
		return error_set(err, ERR_USAGE, "--fix is for dotenv files, systemd and shells; %.40s has other rules",
				 option_value(checking->inv, OPT_DIALECT));
	if (!is_linted(checking->inv))
		return ERR_OK;
	if (option_is_given(checking->inv, OPT_FIX))
		rc = mend(checking, file, text, err);
	if (rc != ERR_OK || option_is_given(checking->inv, OPT_NO_LINT))
		return rc;
	rc = env_lint(secret_buf_text(*text), secret_buf_len(*text), &findings, err);
	return rc == ERR_OK ? finding_list_add(checking->list, &findings, check_shown_file(file), NULL, err) : rc;
}

/* -- the schema ---------------------------------------------------------------- */

/* With what it imports. Errors are in the list then. */
static enum error_code read_schema(const struct checking *checking, struct schema_sources *sources, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	enum error_code rc = file_read_secret(checking->schema_file, FILE_ANY_MODE, true, LIMIT_SCHEMA_TEXT, &text, err);

	if (rc == ERR_OK && checking->env_file == NULL)
		rc = lint(checking, checking->schema_file, &text, err);
	return rc == ERR_OK ? schema_sources_read(checking->schema_file, &text, checking->list, sources, err) : rc;
}

/* Findings of imported schemas name their file, not an origin. from: the first of them in the list. */
static void name_sources(struct finding_list *list, size_t from, const struct schema_part *parts,
			 const struct schema_sources *sources)
{
	for (size_t i = from; i < list->len; i++) {
		struct shown_finding *item = &list->items[i];

		for (size_t j = 0; j + 1 < sources->len && item->finding.origin[0] != '\0'; j++)
			if (strcmp(item->finding.origin, parts[j].origin) == 0) {
				item->file = sources->items[j].file;
				item->finding.origin[0] = '\0';
			}
	}
}

/* -- the env file ----------------------------------------------------------------- */

static enum error_code add_notes(const struct notes *notes, const char *file, struct finding_list *list, struct error *err)
{
	static const enum finding_severity severities[] = {
		[NOTE_INFO] = FINDING_INFO,
		[NOTE_WARNING] = FINDING_WARNING,
		[NOTE_ERROR] = FINDING_ERROR,
	};
	cleanup_(findings_free) struct findings findings = {.omitted = notes->omitted};

	for (size_t i = 0; i < notes->len; i++) {
		const struct note *note = &notes->items[i];
		const struct finding finding = {
			.severity = severities[note->severity],
			.code = note_is_of_line_ends(note) ? "line-end" : "dialect",
			.line = note->line,
			.column = note->line > 0 ? 1 : 0,
			.hint = note->hint,
		};

		findings_add(&findings, &finding, note->name, strlen(note->name), "%s", note->reason);
	}
	return finding_list_add(list, &findings, check_shown_file(file), NULL, err);
}

enum error_code check_decode_file(const struct invocation *inv, const char *file, struct env_set *set, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	cleanup_(notes_free) struct notes notes = {.len = 0};
	enum error_code rc = file_read_secret(file, FILE_ANY_MODE, true, LIMIT_ENV_FILE, &text, err);

	if (rc == ERR_OK)
		rc = decode(inv, text, set, &notes, err);
	warn_notes(&notes, check_shown_file(file));
	return rc;
}

/* *ret_read: it could be read as the dialect; otherwise the list says why not. */
static enum error_code read_env_file(const struct checking *checking, struct env_set *set, bool *ret_read, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	cleanup_(notes_free) struct notes notes = {.len = 0};
	enum error_code rc = file_read_secret(checking->env_file, FILE_ANY_MODE, true, LIMIT_ENV_FILE, &text, err);

	if (rc == ERR_OK)
		rc = lint(checking, checking->env_file, &text, err);
	if (rc != ERR_OK)
		return rc;
	rc = decode(checking->inv, text, set, &notes, err);
	*ret_read = rc == ERR_OK;
	if (rc == ERR_INVALID && notes.errors > 0)
		error_clear(err);
	else if (rc != ERR_OK)
		return error_prefix(err, "read %.200s", check_shown_file(checking->env_file));
	return add_notes(&notes, checking->env_file, checking->list, err);
}

/* -- both ---------------------------------------------------------------------------- */

static enum schema_required required_of(const struct invocation *inv)
{
	if (!option_is_given(inv, OPT_LISTED))
		return SCHEMA_REQUIRED_AS_WRITTEN;
	return option_is_given(inv, OPT_ALLOW_EMPTY) ? SCHEMA_REQUIRED_LISTED_MAY_BE_EMPTY : SCHEMA_REQUIRED_LISTED;
}

static enum error_code validate(const struct checking *checking, const struct schema_sources *sources, struct env_set *set,
				struct error *err)
{
	cleanup_(findings_free) struct findings findings = {.len = 0};
	char origins[LIMIT_SCHEMA_PARTS][16];
	struct schema_part parts[LIMIT_SCHEMA_PARTS];
	size_t from = checking->list->len, count = env_set_count(set);
	struct schema_variable *variables = calloc(count + 1, sizeof(*variables));
	struct schema_check check = {
		.parts = parts,
		.parts_len = sources->len,
		.is_one_text = true,
		.variables = variables,
		.variables_len = count,
		.now_s = time(NULL),
		.environment = option_value(checking->inv, OPT_ENVIRONMENT),
		.required = required_of(checking->inv),
	};
	enum error_code rc;

	if (variables == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < sources->len; i++) {
		snprintf(origins[i], sizeof(origins[i]), "import %zu", i);
		parts[i] = (struct schema_part){.schema = sources->items[i].schema, .enforce = true,
						.origin = i + 1 < sources->len ? origins[i] : NULL};
	}
	env_set_sort(set);
	for (size_t i = 0; i < count; i++) {
		struct env_entry entry = env_set_at(set, i);

		variables[i] = (struct schema_variable){.name = entry.name, .name_len = entry.name_len,
							.value = entry.value, .value_len = entry.value_len};
	}
	rc = schema_validate(&check, &findings, NULL, err);
	free(variables);
	if (rc == ERR_OK)
		rc = finding_list_add(checking->list, &findings, check_shown_file(checking->env_file),
				      check_shown_file(checking->schema_file), err);
	if (rc == ERR_OK)
		name_sources(checking->list, from, parts, sources);
	if (rc == ERR_OK)
		finding_list_place(checking->list, set, check_shown_file(checking->env_file), NULL);
	return rc;
}

static int is_env_file(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');
	struct stat status;

	if (strcmp(entry->d_name, ".env") != 0 && strncmp(entry->d_name, ".env.", 5) != 0 && (end == NULL || strcmp(end, ".env") != 0))
		return 0;
	return strlen(entry->d_name) <= SEEN_NAME_MAX && stat(entry->d_name, &status) == 0 && S_ISREG(status.st_mode);
}

/* What could have been meant: "; here: .env, .env.example". Nothing is read. */
static void tell_env_files(char *ret, size_t size)
{
	struct dirent **entries = NULL;
	int len = scandir(".", &entries, is_env_file, alphasort);
	size_t used = 0;

	ret[0] = '\0';
	for (int i = 0; i < len; i++) {
		if (i < SEEN_MAX)
			snprintf(ret + used, size - used, "%s%s", i == 0 ? "; here: " : ", ", entries[i]->d_name);
		used = strlen(ret);
		free(entries[i]);
	}
	if (len > SEEN_MAX)
		snprintf(ret + used, size - used, " and %d more", len - SEEN_MAX);
	free(entries);
}

static enum error_code check_usage(const struct checking *checking, struct error *err)
{
	char seen[SEEN_MAX * (SEEN_NAME_MAX + 2) + 32];

	if (checking->schema_file == NULL && checking->env_file == NULL) {
		tell_env_files(seen, sizeof(seen));
		return error_set(err, ERR_USAGE, "check needs ENV, or --schema FILE, --env-file FILE or both%s", seen);
	}
	if (checking->schema_file == NULL && (option_is_given(checking->inv, OPT_LISTED) ||
					      option_is_given(checking->inv, OPT_ENVIRONMENT)))
		return error_set(err, ERR_USAGE, "--listed and --environment are about a schema: name it with --schema FILE");
	if (checking->schema_file != NULL && checking->env_file != NULL && strcmp(checking->schema_file, "-") == 0 &&
	    strcmp(checking->env_file, "-") == 0)
		return error_set(err, ERR_USAGE, "only one of --schema and --env-file can be standard input");
	return ERR_OK;
}

enum error_code check_files(const struct invocation *inv, struct finding_list *list, struct error *err)
{
	const struct checking checking = {
		.inv = inv,
		.list = list,
		.schema_file = option_value(inv, OPT_SCHEMA),
		.env_file = option_value(inv, OPT_ENV_FILE),
	};
	cleanup_(schema_sources_free) struct schema_sources sources = {.len = 0};
	cleanup_(env_set_freep) struct env_set *set = env_set_new(LIMIT_ENV_FILE);
	bool read = false;
	enum error_code rc;

	if (set == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	rc = check_usage(&checking, err);
	if (rc == ERR_OK && checking.schema_file != NULL)
		rc = read_schema(&checking, &sources, err);
	if (rc == ERR_OK && checking.env_file != NULL)
		rc = read_env_file(&checking, set, &read, err);
	return rc == ERR_OK && sources.len > 0 && !sources.is_broken && read ? validate(&checking, &sources, set, err) : rc;
}
