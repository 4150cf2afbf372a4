#include "cmd/schema_import.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/check_files.h"
#include "vault/files.h"

struct open_schema {
	const char *file;
	char path[PATH_MAX];	/* below the directory of the first one */
	dev_t device;
	ino_t inode;
	const struct schema *schema;
	const struct schema_import *import;	/* of the one before, which led here; NULL of the first one */
};

struct importing {
	struct schema_sources *sources;
	struct finding_list *list;
	int directory;		/* of the first one; -1: it has none */
	size_t files;
	struct open_schema chain[SCHEMA_IMPORT_DEPTH + 1];	/* from the first one to the one that is read */
	size_t depth;
};

void schema_sources_free(struct schema_sources *sources)
{
	for (size_t i = 0; i < sources->len; i++) {
		schema_free(sources->items[i].schema);
		secret_buf_free(sources->items[i].text);
	}
	sources->len = 0;
}

/* -- findings --------------------------------------------------------------------- */

/* An error at an import of the file that is read. */
static enum error_code refuse(struct importing *importing, const struct schema_import *import, const char *hint, const char *what,
			      struct error *err)
{
	const struct finding finding = {.severity = FINDING_ERROR, .code = "import", .line = import->line,
					.column = import->column, .in_schema = true, .layer = LAYER_ENV_SPEC, .hint = hint};
	cleanup_(findings_free) struct findings findings = {.len = 0};
	const char *file = importing->chain[importing->depth].file;

	importing->sources->is_broken = true;
	findings_add(&findings, &finding, "", 0, "@import(%.*s) %s",
		     import->path.len < 80 ? (int)import->path.len : 80, import->path.at, what);
	return finding_list_add(importing->list, &findings, file, file, err);
}

/* What the reader says of every import holds for texts that are kept, not for files. */
static void drop_unresolved(struct findings *findings, const struct schema *schema)
{
	const struct schema_import *imports;
	size_t len = schema_imports(schema, &imports), kept = 0;

	for (size_t i = 0; i < findings->len; i++) {
		const struct finding *finding = &findings->items[i];
		bool is_import = false;

		for (size_t j = 0; j < len && strcmp(finding->code, "unresolved") == 0; j++)
			is_import |= finding->line == imports[j].line && finding->column == imports[j].column;
		if (is_import)
			findings->warnings--;
		else
			findings->items[kept++] = findings->items[i];
	}
	findings->len = kept;
}

/* -- where it is -------------------------------------------------------------------- */

static bool is_elsewhere(const struct schema_import *import)
{
	static const char scheme[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.@";
	size_t len = 0;

	while (len < import->path.len && strchr(scheme, import->path.at[len]) != NULL)
		len++;
	return import->path.at[0] == '/' || import->path.at[0] == '~' || (len < import->path.len && import->path.at[len] == ':');
}

/* The path below the directory of the first file, without . and .. in it; "" is that directory. False: it leads out, or is too
 * long. Without symbolic links that is where the file system finds it as well. */
static bool path_below(const char *importing, const struct schema_import *import, char *ret, size_t size)
{
	const char *slash = strrchr(importing, '/'), *at = import->path.at, *end = at + import->path.len;
	size_t len = slash != NULL ? (size_t)(slash - importing) : 0;

	memcpy(ret, importing, len);
	ret[len] = '\0';
	while (at < end) {
		const char *stop = memchr(at, '/', (size_t)(end - at));
		size_t part = (size_t)((stop != NULL ? stop : end) - at);

		if (part == 2 && memcmp(at, "..", 2) == 0) {
			char *last = strrchr(ret, '/');

			if (ret[0] == '\0')
				return false;
			*(last != NULL ? last : ret) = '\0';
		} else if (part > 0 && !(part == 1 && at[0] == '.')) {
			len = strlen(ret);
			if (len + part + 2 > size)
				return false;
			snprintf(ret + len, size - len, "%s%.*s", len > 0 ? "/" : "", (int)part, at);
		}
		at += part + 1;
	}
	return true;
}

static int open_below(int directory, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
}

/* A directory means its .env.schema; path becomes that. -1 with errno. */
static int open_schema(int directory, char *path, size_t size, struct stat *status)
{
	cleanup_(fd_closep) int fd = open_below(directory, path[0] != '\0' ? path : ".");
	int opened;

	if (fd >= 0 && fstat(fd, status) != 0)
		return -1;
	if (fd >= 0 && S_ISDIR(status->st_mode)) {
		size_t len = strlen(path);

		if ((size_t)snprintf(path + len, size - len, "%s.env.schema", len > 0 ? "/" : "") >= size - len) {
			errno = ENAMETOOLONG;
			return -1;
		}
		fd_closep(&fd);
		fd = open_below(directory, path);
		if (fd >= 0 && fstat(fd, status) != 0)
			return -1;
	}
	opened = fd;
	fd = -1;
	return opened;
}

/* As findings have it: behind the directory of the first file, as that was named. */
static const char *shown_file(struct importing *importing, const char *path, struct error *err)
{
	const char *first = importing->chain[0].file, *slash = strrchr(first, '/');
	char file[2 * PATH_MAX];

	snprintf(file, sizeof(file), "%.*s%s", slash != NULL ? (int)(slash - first) + 1 : 0, first, path);
	return finding_list_keep(importing->list, file, err);
}

/* -- reading ------------------------------------------------------------------------- */

static enum error_code read_text(struct importing *importing, struct secret_buf **text, struct error *err);

/* ERR_OK also when it was refused; *ret_fd stays -1 then, or when it may be missing and is. */
static enum error_code open_import(struct importing *importing, const struct schema_import *import, struct open_schema *next,
				   int *ret_fd, struct error *err)
{
	static const char beside[] = "only files beside the schema are read: put it there";
	struct stat status;
	int fd;

	if (is_elsewhere(import))
		return refuse(importing, import, beside, "is no relative path: no package, address or other place is asked", err);
	if (importing->directory < 0)
		return refuse(importing, import, "name the file instead", "cannot be found from standard input", err);
	if (!path_below(importing->chain[importing->depth].path, import, next->path, sizeof(next->path) - 16))
		return refuse(importing, import, beside, "leads out of the directory of the schema, or is too long", err);
	fd = open_schema(importing->directory, next->path, sizeof(next->path), &status);
	if (fd < 0 && errno == ENOSYS)
		return error_set(err, ERR_IO, "imports are opened with openat2(), which this system does not have: Linux has it "
					      "from 5.6 on");
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return import->allow_missing ? ERR_OK :
			       refuse(importing, import, "make the file, or say allowMissing=true", "names a file that is not there", err);
	if (fd < 0 && (errno == EXDEV || errno == ELOOP))
		return refuse(importing, import, beside, "goes over a symbolic link or out of the directory of the schema", err);
	if (fd < 0) {
		char what[128];

		snprintf(what, sizeof(what), "cannot be opened: %.80s", strerror(errno));
		return refuse(importing, import, NULL, what, err);
	}
	if (!S_ISREG(status.st_mode)) {
		close(fd);
		return refuse(importing, import, NULL, "is no regular file", err);
	}
	next->device = status.st_dev;
	next->inode = status.st_ino;
	next->import = import;
	*ret_fd = fd;
	return ERR_OK;
}

/* Whether the file that was opened is being read already; the finding names the way. */
static bool is_cycle(const struct importing *importing, const struct open_schema *next, char *ret, size_t size)
{
	size_t start = 0;

	while (start <= importing->depth && (importing->chain[start].device != next->device ||
					     importing->chain[start].inode != next->inode))
		start++;
	if (start > importing->depth)
		return false;
	snprintf(ret, size, "comes back to itself: ");
	for (size_t i = start; i <= importing->depth; i++)
		snprintf(ret + strlen(ret), size - strlen(ret), "%s -> ", importing->chain[i].file);
	snprintf(ret + strlen(ret), size - strlen(ret), "%s", importing->chain[start].file);
	return true;
}

static enum error_code follow(struct importing *importing, const struct schema_import *import, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	cleanup_(fd_closep) int fd = -1;
	struct open_schema *next;
	char way[FINDING_TEXT_MAX];
	enum error_code rc;

	if (importing->depth == SCHEMA_IMPORT_DEPTH)
		return refuse(importing, import, NULL, "is too deep: imports of imports go 8 deep at most", err);
	next = &importing->chain[importing->depth + 1];
	rc = open_import(importing, import, next, &fd, err);
	if (rc != ERR_OK || fd < 0)
		return rc;
	if (is_cycle(importing, next, way, sizeof(way)))
		return refuse(importing, import, NULL, way, err);
	if (++importing->files > LIMIT_SCHEMA_PARTS)
		return refuse(importing, import, NULL, "is one too many: at most 16 files count together", err);
	next->file = shown_file(importing, next->path, err);
	if (next->file == NULL)
		return err->code;
	rc = file_read_fd(fd, LIMIT_SCHEMA_TEXT, next->file, &text, err);
	if (rc == ERR_TOO_LARGE) {
		error_clear(err);
		return refuse(importing, import, NULL, "names a file that is larger than 256 KiB", err);
	}
	if (rc != ERR_OK)
		return rc;
	importing->depth++;
	rc = read_text(importing, &text, err);
	importing->depth--;
	return rc;
}

/* Every import on the way leaves out what it does not take. */
static enum error_code limit(struct importing *importing, struct schema *schema, struct error *err)
{
	enum error_code rc = ERR_OK;

	for (size_t i = importing->depth; rc == ERR_OK && i > 0; i--)
		rc = schema_limit(schema, importing->chain[i].import, err);
	if (importing->depth > 0)
		schema_inherit(schema, importing->chain[importing->depth - 1].schema);
	return rc;
}

/* The last one of the chain: what it imports first, then itself. */
static enum error_code read_text(struct importing *importing, struct secret_buf **text, struct error *err)
{
	struct open_schema *now = &importing->chain[importing->depth];
	cleanup_(findings_free) struct findings findings = {.len = 0};
	cleanup_(schema_freep) struct schema *schema = NULL;
	const struct schema_import *imports;
	size_t len;
	enum error_code rc = schema_parse(secret_buf_text(*text), secret_buf_len(*text), &findings, &schema, err);

	if (rc == ERR_INVALID && findings.errors > 0) {
		error_clear(err);
		importing->sources->is_broken = true;
		return finding_list_add(importing->list, &findings, now->file, now->file, err);
	}
	if (rc != ERR_OK)
		return error_prefix(err, "read the schema %.200s", now->file);
	drop_unresolved(&findings, schema);
	rc = finding_list_add(importing->list, &findings, now->file, now->file, err);
	if (rc == ERR_OK)
		rc = limit(importing, schema, err);
	now->schema = schema;
	len = schema_imports(schema, &imports);
	for (size_t i = 0; rc == ERR_OK && i < len; i++)
		if (imports[i].enabled)
			rc = follow(importing, &imports[i], err);
	if (rc == ERR_OK)
		importing->sources->items[importing->sources->len++] =
			(struct schema_source){.schema = take_ptr(schema), .text = take_ptr(*text), .file = now->file};
	return rc;
}

static int open_directory(const char *file)
{
	const char *slash = strrchr(file, '/');
	char directory[PATH_MAX];

	snprintf(directory, sizeof(directory), "%.*s", slash != NULL ? (int)(slash - file) + 1 : 1, slash != NULL ? file : ".");
	return open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

enum error_code schema_sources_read(const char *file, struct secret_buf **text, struct finding_list *list,
				    struct schema_sources *ret, struct error *err)
{
	struct importing *importing = calloc(1, sizeof(*importing));
	bool is_file = strcmp(file, "-") != 0;
	const char *slash = strrchr(file, '/');
	struct stat status;
	enum error_code rc;

	if (importing == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	importing->sources = ret;
	importing->list = list;
	importing->files = 1;
	importing->directory = is_file ? open_directory(file) : -1;
	importing->chain[0].file = check_shown_file(file);
	snprintf(importing->chain[0].path, PATH_MAX, "%s", slash != NULL ? slash + 1 : file);
	if (is_file && stat(file, &status) == 0) {
		importing->chain[0].device = status.st_dev;
		importing->chain[0].inode = status.st_ino;
	}
	rc = read_text(importing, text, err);
	fd_closep(&importing->directory);
	free(importing);
	if (rc != ERR_OK)
		schema_sources_free(ret);
	return rc;
}

/* -- a text to send ----------------------------------------------------------------------- */

static bool has_imports(const struct secret_buf *text)
{
	cleanup_(findings_free) struct findings findings = {.len = 0};
	cleanup_(schema_freep) struct schema *schema = NULL;
	struct error unread = ERROR_INIT;
	const struct schema_import *imports;

	return schema_parse(secret_buf_text(text), secret_buf_len(text), &findings, &schema, &unread) == ERR_OK &&
	       schema_imports(schema, &imports) > 0;
}

static enum error_code tell_first_error(const struct finding_list *list, struct error *err)
{
	for (size_t i = 0; i < list->len; i++) {
		const struct shown_finding *item = &list->items[i];

		if (item->finding.severity == FINDING_ERROR)
			return error_set(err, ERR_INVALID, "%.150s:%u: %s%s%s", item->file, item->finding.line, item->finding.text,
					 item->hint[0] != '\0' ? "; " : "", item->hint);
	}
	return error_set(err, ERR_INVALID, "its imports cannot be read");
}

static enum error_code join(const struct schema_sources *sources, struct secret_buf **ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *joined = secret_buf_new(2 * LIMIT_SCHEMA_TEXT);
	struct schema_text texts[LIMIT_SCHEMA_PARTS];
	enum error_code rc;

	if (joined == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < sources->len; i++)
		texts[i] = (struct schema_text){.schema = sources->items[i].schema, .text = secret_buf_text(sources->items[i].text),
						.len = secret_buf_len(sources->items[i].text), .file = sources->items[i].file};
	rc = schema_join(texts, sources->len, joined, err);
	if (rc == ERR_OK)
		*ret = take_ptr(joined);
	return rc;
}

/* By its name a file of values and no schema: .env, .env.local, .env.test.local. */
static bool holds_values(const char *file)
{
	const char *slash = strrchr(file, '/'), *name = slash != NULL ? slash + 1 : file;
	size_t len = strlen(name);

	return strcmp(name, ".env") == 0 || (strncmp(name, ".env.", 5) == 0 && len >= 10 && strcmp(name + len - 6, ".local") == 0);
}

/* What is sent can be read by all who may read the schema. */
static enum error_code refuse_values(const struct schema_sources *sources, struct error *err)
{
	for (size_t i = 0; i + 1 < sources->len; i++)
		if (holds_values(sources->items[i].file))
			return error_set(err, ERR_INVALID, "%.150s holds values, and is not sent as a schema: import one without them (envctl schema "
							   "infer makes it)", sources->items[i].file);
	return ERR_OK;
}

enum error_code schema_file_read(const char *file, struct secret_buf **ret, bool *ret_joined, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	cleanup_(finding_list_free) struct finding_list list = {.items = NULL};
	cleanup_(schema_sources_free) struct schema_sources sources = {.len = 0};
	enum error_code rc = file_read_secret(file, FILE_ANY_MODE, true, LIMIT_SCHEMA_TEXT, &text, err);

	if (rc != ERR_OK)
		return rc;
	*ret_joined = has_imports(text);
	if (!*ret_joined) {
		*ret = take_ptr(text);
		return ERR_OK;
	}
	rc = schema_sources_read(file, &text, &list, &sources, err);
	if (rc == ERR_OK && sources.is_broken)
		return tell_first_error(&list, err);
	if (rc == ERR_OK)
		rc = refuse_values(&sources, err);
	return rc == ERR_OK ? join(&sources, ret, err) : rc;
}
